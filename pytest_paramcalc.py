"""pytest --paramcalc specs/: claims and budgets of specs as tests, each with its file and line.

pytest imports this module in every run, so it imports nothing of paramcalc until --paramcalc is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from paramcalc.check.check import Result
    from paramcalc.language.spec import Spec

OPTION = "--paramcalc"


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "Collect the claims and budgets of network specs (YAML files) as tests."
    parser.getgroup("paramcalc").addoption(OPTION, action="store_true", help=help_text)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SpecFile | None:
    """A YAML file that is a spec, where they are asked for."""
    if not parent.config.getoption(OPTION):
        return None
    from paramcalc.engine import library

    if file_path.suffix not in library.ENDINGS or not library.looks_like_a_spec(file_path):
        return None
    return SpecFile.from_parent(parent, path=file_path)


class Failure(Exception):
    """What is shown of a test that failed: the message of `paramcalc check`, no traceback."""


class SpecFile(pytest.File):
    @cached_property
    def spec(self) -> Spec:
        from paramcalc.engine import library

        return library.read(self.path)

    @cached_property
    def result(self) -> Result:
        """Everything is judged at once, when the first test runs: claims share networks."""
        from paramcalc.check.check import check_spec

        return check_spec(self.spec)

    def collect(self) -> Iterator[pytest.Item]:
        from paramcalc.base.errors import visible
        from paramcalc.check import budgets, draw, reader

        claims, unread = reader.readable(self.spec)
        limits, unreadable = budgets.readable(self.spec)
        for place, claim in enumerate(claims):
            name = visible(f"{claim.model}: {draw.label(claim)} {claim.figure.text}")
            yield SpecItem.from_parent(self, name=name, kind="claim", place=place, line=claim.line)
        for place, budget in enumerate(limits):
            name = visible(f"{budget.model}: {draw.label(budget)} {budget.written}")
            yield SpecItem.from_parent(self, name=name, kind="budget", place=place, line=budget.line)
        if unread or unreadable or not (claims or limits):
            yield SpecItem.from_parent(self, name="network", kind="network", place=0, line=1)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from paramcalc.base.errors import Error

        if isinstance(excinfo.value, Error):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class SpecItem(pytest.Item):
    """A claim, a budget, or whether the text makes a network at all."""

    parent: SpecFile

    def __init__(self, *, kind: str, place: int, line: int, **given: Any) -> None:
        super().__init__(**given)
        self.kind, self.place, self.line = kind, place, line

    def runtest(self) -> None:
        from paramcalc.check import budgets, draw, reader
        from paramcalc.check.check import Verdict
        from paramcalc.engine.elaborate import elaborate

        result, spec = self.parent.result, self.parent.spec
        if self.kind == "claim":
            claim = reader.readable(spec)[0][self.place]
            outcome = next((one for one in result.outcomes if one.claim == claim), None)
            if outcome is None:
                raise Failure(self.mistakes())
            if outcome.verdict in (Verdict.UNREAD, Verdict.UNRESOLVED):
                pytest.skip(f"{draw.judgement(outcome)} {claim.unresolved}".strip())
            if outcome.verdict is Verdict.FAILED:
                raise Failure(draw.failure(outcome))
        elif self.kind == "budget":
            budget = budgets.readable(spec)[0][self.place]
            spending = next((one for one in result.budgets if one.budget == budget), None)
            if spending is None:
                raise Failure(self.mistakes())
            if not spending.kept:
                raise Failure(draw.excess(spending))
        elif result.mistakes:
            raise Failure(self.mistakes())
        else:
            elaborate(spec)

    def mistakes(self) -> str:
        return "\n\n".join(mistake.message for mistake in self.parent.result.mistakes)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Failure):
            return str(excinfo.value)
        return self.parent.repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.name
