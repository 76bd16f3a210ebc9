"""A text as an editor has it: what is wrong with it, and its network where it makes one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Fault, Problem, Source, SpecError
from paramcalc.check import draw as verdicts
from paramcalc.check.check import Result, check_spec
from paramcalc.count.report import Report, Row, count
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.lint import remarks
from paramcalc.language import syntax
from paramcalc.language.spec import Spec

ERROR, WARNING = "error", "warning"


class Finding(NamedTuple):
    """Something to show at a place: a mistake, a remark, a claim or budget that is not met."""

    start: int
    end: int
    level: str
    message: str
    notes: tuple[str, ...] = ()


class Analysis:
    """One version of a text. `spec` and `report` are None where it makes no network."""

    def __init__(
        self, source: Source, spec: Spec | None, report: Report | None, findings: list[Finding]
    ) -> None:
        self.source, self.spec, self.report, self.findings = source, spec, report, findings

    @property
    def text(self) -> str:
        return self.source.text

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        return line_starts(self.source.text)

    def line(self, index: int) -> int:
        """The line, from 0, of a character."""
        return bisect_right(self.starts, index) - 1

    @cached_property
    def rows(self) -> dict[int, list[Row]]:
        """The layers that a line makes, in the order of the network."""
        found: dict[int, list[Row]] = {}
        for row in self.report.rows if self.report else ():
            if row.layer.source == self.source:
                found.setdefault(self.line(row.layer.start), []).append(row)
        return found


def line_starts(text: str) -> list[int]:
    """Where each line of a text begins; lines end as the protocol has it."""
    plain = text.replace("\r\n", " \n").replace("\r", "\n")
    found, place = [0], plain.find("\n")
    while place >= 0:
        found.append(place + 1)
        place = plain.find("\n", place + 1)
    return found


def analyse(
    text: str,
    path: Path,
    sibling: library.Sibling,
    settings: Settings = Settings(),
    judge: bool = True,
) -> Analysis:
    """The analysis of a text; `sibling` gives the texts of specs beside it, as they are in the editor.

    A variant that the text does not have, which may just be typed, is its first network. Claims are judged last.
    """
    source = Source(str(path), text)
    findings: list[Finding] = []
    spec: Spec | None = None
    report: Report | None = None
    try:
        source = syntax.decode(text.encode("utf-8", "replace"), str(path))
        spec = library.from_text(source, "", sibling, path.stem)
        known = not settings.variant or settings.variant in spec.variants
        report = count(elaborate(spec, settings if known else Settings()))
    except SpecError as error:
        findings += (_finding(problem, source) for problem in error.problems)
        spec = spec or error.partial
    except Fault as fault:
        findings.append(Finding(0, 1, ERROR, fault.fact, fault.notes()))
    if spec is not None and report is not None:
        findings += (_finding(problem, source, WARNING) for problem in remarks(spec, report.graph))
        asserts = spec.claims is not None or spec.budgets is not None
        findings += judged(check_spec(spec), source) if judge and asserts else ()
    return Analysis(source, spec, report, findings)


def _finding(problem: Problem, source: Source, level: str = ERROR) -> Finding:
    """A problem at its place; one of a spec that this one uses at its `use`."""
    if problem.source == source:
        return Finding(problem.start, max(problem.end, problem.start + 1), level, problem.fact, problem.notes)
    place = max(source.text.find("use:"), 0)
    return Finding(place, place + 3, level, f"{problem.source.place(problem.start)}: {problem.fact}")


def judged(result: Result, source: Source) -> Iterator[Finding]:
    """The claims that fail and the budgets that are not kept."""
    for mistake in result.mistakes:
        if mistake.problem:
            yield _finding(mistake.problem, source)
    for outcome in result.failed:
        claim = outcome.claim
        said = (
            f"{claim.model}: {verdicts.label(claim)}: computed {verdicts.number(outcome)}, {outcome.detail}"
        )
        notes = (outcome.reason,) if outcome.reason else ()
        yield Finding(*claim.spans[claim.quantity], ERROR, said, notes)
    for spending in result.exceeded:
        budget = spending.budget
        said = f"{budget.model}: {verdicts.label(budget)}: {verdicts.amount(spending)}, {spending.verdict}"
        yield Finding(*budget.spans[budget.quantity], ERROR, said)
