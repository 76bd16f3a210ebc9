"""Edits that mend a mistake: each fix that its message names is tried, and kept if the mistake is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from paramcalc.engine import library
from paramcalc.lsp.analysis import Analysis, Finding, analyse

MOST_TRIED = 6
_MEANT = re.compile(r"did you mean (.*)\?")
_QUOTED = re.compile(r"'([^']*)'")
_WRITE = re.compile(r"(?:^|or )(?:write|use) (.+?)(?:; .*|, or .*)?$")
_BEFORE = re.compile(r"add (\w+) before it")
_WRONG = re.compile(r"'([^']*)'")


class Fix(NamedTuple):
    """A text in place of a part of another."""

    title: str
    start: int
    end: int
    text: str


def fixes(analysis: Analysis, finding: Finding, sibling: library.Sibling) -> Iterator[Fix]:
    """Those fixes of a finding that take it away, and after which nothing is wrong on their line."""
    others = {one.message for one in analysis.findings} - {finding.message}
    for fix in [*_candidates(analysis.text, finding)][:MOST_TRIED]:
        text = analysis.text[: fix.start] + fix.text + analysis.text[fix.end :]
        after = analyse(text, Path(analysis.source.name), sibling, judge=analysis.report is not None)
        line = after.line(fix.start)
        left = [one for one in after.findings if one.message not in others]
        if not any(one.message == finding.message or after.line(one.start) == line for one in left):
            yield fix


def _candidates(text: str, finding: Finding) -> Iterator[Fix]:
    start, end = finding.start, finding.end
    found = text[start:end]
    for note in finding.notes:
        meant = _MEANT.search(note)
        for name in _QUOTED.findall(meant[1]) if meant else ():
            said = _WRONG.findall(finding.message)
            wrong = next((one for one in said if one in found), "") or next(
                (one for one in said[::-1] if one), found
            )
            place = max(text.find(wrong, start), start)
            yield Fix(f"Write {name}", place, place + len(wrong), name)
        before = _BEFORE.search(note)
        if before:
            yield Fix(f"Add {before[1]} before it", start, start, f"{before[1]}, ")
        write = _WRITE.search(note)
        if write:
            yield Fix(f"Write {write[1]}", start, end, write[1])
