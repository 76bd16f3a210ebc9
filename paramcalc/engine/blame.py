"""Where a fault of a call or expression is shown, and the notes on the tensors that it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from paramcalc.base.errors import Fault, Problem
from paramcalc.engine.builder import FIX_UNREAD
from paramcalc.engine.scope import MISSING, Draft, Scope, Viewpoint, trace
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Call

MOST_OPERANDS = 8  # that a message speaks of


class Operand(NamedTuple):
    """A tensor that a call reads: its role, its shape, and where it comes from."""

    role: str
    shape: str
    origin: str


def report_expression(draft: Draft, fault: Fault, expression: Expression, at: int, scope: Scope) -> None:
    """Reports a fault of an expression that is not part of a call."""
    start, end = fault.at or (expression.at, expression.at + len(expression.text))
    draft.report(fault, scope.frame.source, at + start, at + end, scope.frame)


def report_call(
    draft: Draft,
    fault: Fault,
    call: Call,
    at: int,
    scope: Scope,
    value: int,
    branches: Mapping[str, int] | None = None,
) -> None:
    """Notes a fault of a call: at the argument it is about, with the operands and where they come from."""
    start, end = fault.at or _span(fault, call)
    said: tuple[str, ...] = ()
    if fault.at is None and fault.about not in ("head", "name", "call"):
        said = _said(fault, _operands(draft, call, scope, value, branches))
    draft.report(fault, scope.frame.source, at + start, at + end, scope.frame, said)


def _span(fault: Fault, call: Call) -> tuple[int, int]:
    for argument in call.arguments:
        if fault.about and argument.name == fault.about:
            return argument.start, argument.end
    if fault.about in ("head", "name"):
        return call.start, call.start + len(call.head)
    return call.start, call.end


def _said(fault: Fault, operands: list[Operand]) -> tuple[str, ...]:
    """Notes on the operands that the fault is about, each once."""
    if fault.about.startswith("inputs:"):
        fault.found = ""
        wanted = {int(number) for number in fault.about.removeprefix("inputs:").split(",")}
        operands = [one for number, one in enumerate(operands, start=1) if number in wanted]
    if len(operands) == 1 and operands[0].shape in fault.found:
        fault.found += f", from {operands[0].origin}"
        return ()
    lines = [*dict.fromkeys(f"{one.role} is {one.shape}, from {one.origin}" for one in operands)]
    rest = len(lines) - MOST_OPERANDS
    return (*lines[:MOST_OPERANDS], *([f"and {rest} more"] if rest > 0 else []))


def _operands(
    draft: Draft, call: Call, scope: Scope, value: int, branches: Mapping[str, int] | None
) -> list[Operand]:
    if branches is not None:
        named = [(f"branch {name}", number) for name, number in branches.items()]
    elif call.references:
        view = Viewpoint(draft, scope, value)
        named = view.resolved(call.references)
    else:
        named = [("the incoming tensor", value)]
    return [
        Operand(role, draft.shape(number).described(), draft.origin(number))
        for role, number in named
        if number >= 0 and draft.shapes[number] is not MISSING
    ]


# ------------------------------------------------------------------------------------ unread outputs

# A call with `from` behind a comma, up to the next comma, bracket or remark.
_LAST_CALL = re.compile(r"\s*,\s*(?P<call>[^,\n#]*?)\s+(?P<read>from\s[^,\n#\]}]*?)\s*(?=$|[,\n#\]}])")


class Rounds(NamedTuple):
    """The rounds of a repeat of one call that says `from`: each reads the same, none the one before."""

    call: Call
    at: int
    scope: Scope
    path: str


class LastRound(NamedTuple):
    """The last round of a repeat: the repeat's path, its index and the value that this has then."""

    path: str
    counter: str
    number: int


def explain_unread(
    problem: Problem,
    rounds: Mapping[tuple[str, int], Rounds],
    ends: Mapping[tuple[str, int], LastRound],
) -> Problem:
    """An output that nothing reads, with the cause where that is a `from` further on in the text.

    `rounds` are the repeats of a call with `from`, `ends` the last rounds of all, by the place of the layer at
    the end of a round.
    """
    if FIX_UNREAD not in problem.notes:
        return problem
    cause = rounds.get((problem.source.name, problem.start))
    if cause is not None:
        return _repeated_from(cause)
    text = problem.source.text
    last = _LAST_CALL.match(text, problem.end)
    end = ends.get((problem.source.name, problem.start))
    if (
        last is None
        and end is not None
        and re.match(rf"the output of '{end.path}/{end.number}\b[^']*' is never read$", problem.fact)
    ):
        fix = f"only the last round ends unread: leave the layer out there, if: {end.counter} < {end.number}"
        return problem._replace(notes=(fix, *problem.notes))
    if last is None:
        return problem
    call, read = last["call"], last["read"]
    fix = f"'{read}' belongs to {call}: write '{text[problem.start : problem.end]} {read}, {call}', "
    return problem._replace(notes=(f"{fix}or put {call} on its own line",))


def _repeated_from(rounds: Rounds) -> Problem:
    call, at, scope, path = rounds
    first, *others = call.references
    fact = f"every round of '{path}' reads '{first}', and none reads the previous round"
    call_reads = f"'from x {' '.join(map(str, others))}' in the call" if others else "no 'from' in the call"
    fix = f"write '- from {first}' on its own line before the repeat, and {call_reads}"
    return Problem(scope.frame.source, at + first.start, at + first.end, fact, (fix, *trace(scope.frame)))
