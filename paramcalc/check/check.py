"""Claims and budgets held against counts: a verdict for each, and a reason for a failed claim if one is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from paramcalc.base.choice import known
from paramcalc.base.errors import MOST_PROBLEMS, Fault, Problem, SpecError, first_of, printable, visible
from paramcalc.base.printed import Comparison, grouped, mentions, nearest, signed, significant, written_out
from paramcalc.check import budgets
from paramcalc.check import reader as claims
from paramcalc.check.budgets import Budget
from paramcalc.check.measure import Networks, measured, spent
from paramcalc.check.reader import Claim
from paramcalc.check.reasons import Search
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.language.spec import Spec
from paramcalc.language.unread import unread
from paramcalc.render import notebook

MOST_EXPLAINED = 100  # failures of one spec whose reason is sought
SEARCH_STEPS = 20_000  # of building networks, to find reasons for the failures of one spec
_Asked = TypeVar("_Asked", Claim, Budget)


class Verdict(StrEnum):
    """The verdict on a claim."""

    EXACT = "exact"
    ROUNDS = "rounds to"
    TRUNCATES = "truncates to"
    WITHIN = "within"
    ERRATUM = "erratum"
    UNRESOLVED = "unresolved"
    UNREAD = "unread"
    FAILED = "failed"


class Outcome(NamedTuple):
    """A claim with the number computed for it.

    `if_read` is the verdict that an unread claim would have if its figure had been read in the source,
    and else the verdict itself. `detail` says how a failed claim failed, `reason` what would close the
    gap, where that was found.
    """

    claim: Claim
    computed: Fraction
    verdict: Verdict
    if_read: Verdict
    detail: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        claim = self.claim
        return (
            f"<Outcome of {visible(claim.model)} {claim.quantity} {claim.figure.text}: {self.verdict.value}>"
        )

    @property
    def off(self) -> bool:
        """Whether it failed by its number, and not by an erratum that is out of date."""
        return self.verdict is Verdict.FAILED and not self.claim.erratum

    @property
    def gap(self) -> Fraction | None:
        """How far the computed number is from the printed one, as a share of that; None over 0."""
        printed = self.claim.figure.value
        return (self.computed - printed) / printed if printed else None


class Spending(NamedTuple):
    """A budget with the number computed for it."""

    budget: Budget
    computed: Fraction

    def __repr__(self) -> str:
        budget = self.budget
        return f"<Spending of {visible(budget.model)} {budget.quantity} {budget.written}: {self.verdict}>"

    @property
    def kept(self) -> bool:
        return self.budget.kept_by(self.computed)

    @property
    def gap(self) -> Fraction | None:
        """How far the computed number is above the limit, as a share of it; None over 0."""
        limit = self.budget.limit
        return (self.computed - limit) / limit if limit else None

    @property
    def verdict(self) -> str:
        """`within budget`, or by how much it is not."""
        if self.kept:
            return "within budget"
        side = "over" if self.budget.upper else "under"
        gap = self.gap
        if self.computed == self.budget.limit:
            return "at the limit, which is not allowed"
        if gap is None:
            return f"{side} by {grouped(abs(self.computed - self.budget.limit))}"
        return f"{side} by {significant(100 * abs(gap), 2)} %"


class Mistake(NamedTuple):
    """Why a spec, or a claim or budget of it, could not be read: what is wrong, and the place where it is known."""

    spec: str
    fact: str
    notes: tuple[str, ...]
    problem: Problem | None

    @property
    def message(self) -> str:
        """The text for a person, with the line and a caret where there is a place."""
        if self.problem:
            return self.problem.render()
        named = f"'{self.spec}'" in self.fact or self.fact.startswith(f"{Path(self.spec)}: ")
        fact = printable(self.fact if named else f"{self.spec}: {self.fact}")
        return "\n".join([fact, *(f"  = {printable(note)}" for note in self.notes)])


class Result(NamedTuple):
    """All outcomes, in the order of the specs and of their text; what could not be read; remarks; budgets."""

    outcomes: tuple[Outcome, ...]
    mistakes: tuple[Mistake, ...]
    remarks: tuple[str, ...]
    budgets: tuple[Spending, ...] = ()

    def __repr__(self) -> str:
        unread = f", {len(self.mistakes)} could not be read" if self.mistakes else ""
        budgets = f", {len(self.budgets)} budgets, {len(self.exceeded)} not kept" if self.budgets else ""
        return f"<Result: {len(self.outcomes)} claims, {len(self.failed)} failed{budgets}{unread}>"

    @property
    def empty(self) -> bool:
        """Whether there was nothing to check, and no mistake either."""
        return not (self.outcomes or self.budgets or self.mistakes)

    def counted(self) -> dict[Verdict, int]:
        """How many claims met each verdict, all verdicts in order."""
        numbers = Counter(outcome.verdict for outcome in self.outcomes)
        return {verdict: numbers[verdict] for verdict in Verdict}

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.verdict is Verdict.FAILED)

    @property
    def exceeded(self) -> tuple[Spending, ...]:
        """The budgets that are not kept."""
        return tuple(spending for spending in self.budgets if not spending.kept)

    @property
    def exit_code(self) -> int:
        """0 when claims are met or documented and budgets kept, 1 when one is not, 2 when something was not read."""
        return 2 if self.mistakes else 1 if self.failed or self.exceeded else 0

    def to_dict(self) -> dict[str, Any]:
        """The result of `paramcalc check --format json`, as Python values."""
        return notebook.document(self)

    def to_json(self) -> str:
        """The output of `paramcalc check --format json`."""
        return notebook.json(self)


def check(names: Iterable[str] = ()) -> Result:
    """The claims and budgets of specs: paths, folders, bundled models; of all bundled specs when none is given.

    A spec that cannot be read is a mistake in the result, and the rest is checked all the same.
    """
    outcomes: list[Outcome] = []
    mistakes: list[Mistake] = []
    remarks: list[str] = []
    kept: list[Spending] = []
    networks = Networks()
    for name in _each([*names] or [str(library.bundled_folder())], mistakes):
        try:
            found = library.find(name)
            checked = check_spec(found.spec, found.variant, networks)
            if checked.empty:
                elaborate(found.spec, Settings(found.variant))  # without claims too it must make a network
        except (SpecError, Fault) as error:
            mistakes += _mistakes(name, error)
            continue
        except Exception as error:  # of a plugin's op, or our own: the other files are judged all the same
            fact = f"{name}: {type(error).__name__}: {error}"
            mistakes.append(Mistake(name, fact, (f"paramcalc count {name} shows where",), None))
            continue
        outcomes += checked.outcomes
        kept += checked.budgets
        mistakes += checked.mistakes
        shown, rest = first_of(unread(found.spec))
        remarks += [f"{problem.source.place(problem.start)}: {problem.fact}" for problem in shown]
        remarks += [f"{visible(name)}: {rest}"] if rest else []
        if checked.empty:
            remarks.append(f"{visible(name)}: no claims")
    return Result(tuple(outcomes), tuple(mistakes), tuple(remarks), tuple(kept))


def check_spec(spec: Spec, variant: str = "", networks: Networks | None = None) -> Result:
    """The claims and budgets of one spec, or only those about one of its variants.

    Raises `Fault` when there is no such variant. A claim that cannot be read, or that does not fit its
    network, is a mistake in the result, and the others are checked all the same.
    """
    if variant:
        known(variant, [*dict.fromkeys((spec.name, *spec.variants))], "variant", spec.name)
    networks = networks or Networks()
    networks.begin()
    outcomes: list[Outcome] = []
    kept: list[Spending] = []
    found, unread = claims.readable(spec)
    limits, unreadable = budgets.readable(spec)
    asked: list[Claim | Budget] = [*_about(variant, spec, found), *_about(variant, spec, limits)]
    problems = dict.fromkeys([*unread, *unreadable])
    if not asked:
        problems.update(dict.fromkeys(_broken(spec, variant, networks)))
    for one in asked:
        if len(problems) >= MOST_PROBLEMS or networks.exhausted:
            break
        try:
            if isinstance(one, Claim):
                outcomes.append(judged(one, spec, networks))
            else:
                kept.append(Spending(one, spent(one, spec, networks)))
        except SpecError as error:
            problems.update(dict.fromkeys(_unbuilt(one, error)))
        except Fault as fault:
            problems[one.problem(fault.fact, fault.about, fault.notes())] = None
    mistakes = [Mistake(spec.source.name, problem.fact, problem.notes, problem) for problem in problems]
    return Result(_explained(outcomes, spec, networks), tuple(mistakes[:MOST_PROBLEMS]), (), tuple(kept))


def _about(variant: str, spec: Spec, found: Iterable[_Asked]) -> list[_Asked]:
    """Those about a variant, under any of its names; all for ''."""
    wanted = library.same_settings(spec, variant)
    return [one for one in found if not variant or library.same_settings(spec, one.model) == wanted]


def _broken(spec: Spec, variant: str, networks: Networks) -> Iterable[Problem]:
    """Why a model about which nothing is claimed cannot be built: the variant, or the first that fails of all."""
    for model in [variant] if variant else [spec.name, *spec.variants]:
        if networks.exhausted:
            break
        try:
            networks.network(spec, model, {})
        except SpecError as error:
            return error.problems
    return ()


def _explained(outcomes: list[Outcome], spec: Spec, networks: Networks) -> tuple[Outcome, ...]:
    """The outcomes with reasons for the first failures."""
    networks.begin(SEARCH_STEPS)
    doubtful = [place for place, outcome in enumerate(outcomes) if outcome.off]
    for place in doubtful[:MOST_EXPLAINED]:
        outcome = outcomes[place]
        search = Search(outcome.claim, spec, networks, outcome.computed)
        outcomes[place] = outcome._replace(reason=search.reason())
    return tuple(outcomes)


def judged(claim: Claim, spec: Spec, networks: Networks) -> Outcome:
    """A claim's outcome, without a reason; `SpecError` or `Fault` when its number cannot be computed."""
    computed = measured(claim, spec, networks)
    if_read, detail = _verdict(claim, computed)
    confirmed = not claim.unread or if_read in (Verdict.FAILED, Verdict.UNRESOLVED)
    return Outcome(claim, computed, if_read if confirmed else Verdict.UNREAD, if_read, detail)


def _verdict(claim: Claim, computed: Fraction) -> tuple[Verdict, str]:
    """The judgement of a figure that was read in its source, and how it fails if it does."""
    comparison = claim.figure.compared(computed)
    if claim.unresolved:
        return Verdict.UNRESOLVED, ""
    if claim.erratum:
        return _erratum(claim, computed, comparison)
    if comparison is not Comparison.OFF:
        return Verdict(comparison.value), ""
    if claim.within is None:
        return Verdict.FAILED, _off(claim, computed)
    if abs(computed - claim.figure.value) <= claim.within * claim.figure.value:
        return Verdict.WITHIN, ""
    allowed = written_out(100 * claim.within)
    return Verdict.FAILED, f"{_off(claim, computed)}, more than the {allowed} % allowed"


def _erratum(claim: Claim, computed: Fraction, comparison: Comparison) -> tuple[Verdict, str]:
    """An erratum is stale when the printed figure is met, or another number is computed than it gives."""
    documented = f"printed {claim.figure.text}, documented as wrong"
    if comparison is not Comparison.OFF:
        return Verdict.FAILED, f"{documented}, but the printed figure is met ({comparison})"
    if mentions(claim.erratum, computed):
        return Verdict.ERRATUM, ""
    before = nearest(claim.erratum, computed, claim.figure)
    if not before:
        return Verdict.FAILED, f"{documented}, but its text does not state {grouped(computed)}"
    return Verdict.FAILED, f"{documented}; the computed value changed from {before} to {grouped(computed)}"


def _off(claim: Claim, computed: Fraction) -> str:
    """The gap in words: as a percentage of the printed figure, signed."""
    difference, printed = computed - claim.figure.value, claim.figure.value
    if not printed:
        return f"off by {grouped(difference)}"
    return f"off by {signed(difference / printed)} %"


def _each(names: list[str], mistakes: list[Mistake]) -> list[str]:
    """The names with every folder replaced by the specs in it, each once."""
    found: dict[str, None] = {}
    for name in names:
        path = Path(name)
        if not name or not _is_folder(path):  # no name at all would be taken for the working folder
            found[name] = None
            continue
        inside = library.files(path)
        if not inside:
            mistakes.append(Mistake(name, "no spec in this folder", ("a spec's name ends in .yaml",), None))
        for file in inside:
            if library.leads_out(file):  # a message would show what is written there
                mistakes.append(Mistake(str(file), "a link to outside the folder", (), None))
            else:
                found[str(file)] = None
    return list(found)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # too long a name
        return False


def _mistakes(name: str, error: SpecError | Fault) -> list[Mistake]:
    if isinstance(error, Fault):
        return [Mistake(name, error.fact, error.notes(), None)]
    return [Mistake(name, problem.fact, problem.notes, problem) for problem in error.problems]


def _unbuilt(claim: Claim | Budget, error: SpecError) -> Iterable[Problem]:
    """Why a claim's network could not be built: its own input, or mistakes in the spec."""
    if not claim.inputs:
        return error.problems
    first = error.problems[0]
    row, _ = first.source.position(first.start)
    place = "" if first.source.name.startswith("--") else f"{first.source.name}:{row}: "
    notes = (f"{place}{first.fact}", *first.notes)
    return [claim.problem("with this input the network cannot be built", "input", notes)]
