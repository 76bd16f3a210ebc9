"""pytest --paramcalc: claims and budgets as tests, by the real pytest in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.documents import ROOT

NET = """\
name: net
input: 3x8x8
layers: [conv: conv2d 4 3, pool: global_avg_pool]
claims:
  net:
    - {params: 112, source: Table 1}
    - {params: 113, source: Table 2}
    - {params: 0.11K, unread: true}
budgets:
  - {params: "<= 200"}
  - {macs: "<= 1K", note: a phone}
"""


def collected(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in a folder; the plugin is this project's, installed or not."""
    plugin = ["-p", "no:paramcalc", "-p", "pytest_paramcalc", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *words],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def test_claims_and_budgets_are_tests(tmp_path: Path) -> None:
    """Each with its line; a failure is the message of `check`, without a traceback. Other files are left alone."""
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "workflow.yaml").write_text("on: push\n")
    report = tmp_path / "report.xml"
    found = collected(
        tmp_path, "--paramcalc", "-v", "--tb=short", f"--junitxml={report}", "-o", "junit_family=xunit1"
    )

    assert found.returncode == 1
    assert "2 failed, 2 passed, 1 skipped" in found.stdout
    assert "net.yaml::net: params 112 PASSED" in found.stdout
    assert "FAILED net: params\n  layer     the whole network\n  claim     params 113" in found.stdout
    assert "OVER BUDGET net: macs" in found.stdout
    assert "note      a phone" in found.stdout
    skipped = ElementTree.parse(report).find(".//skipped")
    assert skipped is not None and skipped.get("message") == "unread 0.11K"
    assert "Traceback" not in found.stdout
    lines = {case.get("name"): case.get("line") for case in ElementTree.parse(report).iter("testcase")}
    assert lines["net: macs <= 1K"] == "10"  # from 0, as pytest counts


def test_one_of_them_alone(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)

    assert "1 passed" in collected(tmp_path, "--paramcalc", "net.yaml::net: params 112").stdout
    assert "2 passed" in collected(tmp_path, "--paramcalc", "-k", "112 or 200").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NET.replace("conv2d", "conv2"), "net.yaml:3:16: there is no op or block 'conv2'"),
        (NET.replace("params: 113", "parms: 113"), "net.yaml:7:8: a claim has no field 'parms'"),
        (NET.replace("params: 113", "params: 113, layer: cnov"), "no layer matches 'cnov'"),
        ("input: 3x8x8\nlayers: [linear 10]\n", "net.yaml:2:10: linear works on the last axis"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "net.yaml").write_text(text)
    found = collected(tmp_path, "--paramcalc")

    assert found.returncode != 0
    assert said in found.stdout
    assert "Traceback" not in found.stdout


def test_a_spec_without_claims_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("input: 3x8x8\nlayers: [relu]\n")

    assert "1 passed" in collected(tmp_path, "--paramcalc").stdout


def test_nothing_is_loaded_unless_asked(tmp_path: Path) -> None:
    """Neither collected nor imported: a test sees no module of paramcalc."""
    (tmp_path / "net.yaml").write_text(NET)
    text = "import sys\ndef test_it():\n    assert not [name for name in sys.modules if name.startswith('paramcalc')]\n"
    (tmp_path / "test_it.py").write_text(text)

    assert "1 passed" in collected(tmp_path).stdout
    assert "6 " not in collected(tmp_path, "--collect-only", "-q").stdout
    assert "assert not" in collected(tmp_path, "--paramcalc").stdout  # the check can fail


def test_the_entry_point() -> None:
    """What makes an installed pytest find the plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["entry-points"]["pytest11"] == {"paramcalc": "pytest_paramcalc"}
