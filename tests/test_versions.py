"""The pins: every package that the README's commands install has one, of a release that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ALLOWED = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
    if not text.startswith("paramcalc[")
]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.lstrip().startswith("#")
]


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda allowed: allowed.name)
def test_every_dependency_is_pinned(allowed: Requirement) -> None:
    """A pin is one release, among those that pyproject.toml allows."""
    pins = [pin for pin in PINS if pin.name.lower() == allowed.name.lower()]

    assert pins
    for pin in pins:
        (one,) = pin.specifier
        assert one.operator == "=="
        assert allowed.specifier.contains(one.version)


@pytest.mark.parametrize("ending", ["-m tests", "paramcalc count resnet-50"])
def test_the_readme_installs_the_pins(ending: str) -> None:
    """Both commands that people paste install what was tested."""
    (line,) = re.findall(rf"^python3 -m venv .*{ending}$", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert "pip install -c constraints.txt" in line
