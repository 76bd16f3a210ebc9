"""docs/language.md: every example is a spec that elaborates and counts to what it says."""

from __future__ import annotations

import re

import pytest

from paramcalc.elaborate import elaborate
from paramcalc.errors import Source
from paramcalc.library import read
from paramcalc.parse import parse
from paramcalc.report import count
from paramcalc.spec import Spec
from tests.documents import ROOT

BLOCKS = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "language.md").read_text(encoding="utf-8"), re.DOTALL
)
STATED = re.compile(r"(params|macs) (\d+)")


def bundled(name: str) -> Spec:
    return read(ROOT / "specs" / f"{name}.yaml")


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_examples_count_to_what_they_say(text: str) -> None:
    """The last line of an example may state its params and macs."""
    totals = count(elaborate(parse(Source("language.md", text), bundled))).totals

    last = text.rstrip().splitlines()[-1]
    stated = {name: int(value) for name, value in STATED.findall(last)} if last.startswith("# ") else {}
    assert stated == {name: getattr(totals, name) for name in stated}


def test_most_examples_state_a_count() -> None:
    """The check above has something to check."""
    assert sum("\n# params" in text for text in BLOCKS) >= 12
