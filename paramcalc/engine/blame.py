"""Where a fault of a call or expression is shown, and the notes on the tensors that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from paramcalc.base.errors import Fault, Problem
from paramcalc.base.shape import CHANNELS
from paramcalc.engine.builder import FIX_UNREAD
from paramcalc.engine.lint import LastRound, Rounds
from paramcalc.engine.scope import MISSING, NO_TENSOR, UNKNOWN, Draft, Scope, UnknownError, Viewpoint, trace
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Call, Chain, Step, inner
from paramcalc.ops._layout import TO_TOKENS

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
    fault.fix = _habit(draft, fault, call, at, scope, value) or fault.fix
    said: tuple[str, ...] = ()
    if fault.at is None and fault.about not in ("head", "name", "call"):
        said = _said(fault, _operands(draft, call, scope, value, branches))
    draft.report(fault, scope.frame.source, at + start, at + end, scope.frame, said)


def _habit(draft: Draft, fault: Fault, call: Call, at: int, scope: Scope, value: int) -> str:
    """The fix of a mistake that a habit explains better than the op does; '' if none does."""
    if fault.about in ("head", "name"):
        return ""
    frame, place = scope.frame, at + call.start
    late = late_from([frame.chain], frame.source.text, place)
    if late is not None and (fault.fact == NO_TENSOR or (late.place == place and not late.reads_x)):
        return late.fix
    try:
        read = (
            Viewpoint(draft, scope, value).resolved(call.references[:1]) if call.references else [("", value)]
        )
    except (Fault, UnknownError):  # that is the mistake, or another one
        return ""
    first = read[0][1] if read else UNKNOWN
    layer = draft.layer(first) if first >= 0 else None
    if layer is not None and layer.op.name == "parameter" and fault.fix == TO_TOKENS:
        length, channels = layer.output.dims
        return f"sizes are channels first: write parameter length={length} channels={channels}"
    shape = draft.shapes[first] if first >= 0 else MISSING
    named = {argument.start for argument in call.arguments if argument.name}
    late_argument = fault.at is not None and fault.at[0] in named
    if fault.fix or late_argument or CHANNELS not in shape.axes or len(named) == len(call.arguments):
        return ""
    return _without_channels(call, shape.channels, frame.source.text[place : at + call.end])


def _without_channels(call: Call, channels: object, text: str) -> str:
    """What to write where a line begins with the number of input channels, as PyTorch's layers do."""
    written = call.arguments[0].value
    if not isinstance(written, Expression) or written.text != str(channels):
        return ""
    from paramcalc.language import foreign  # what is wrong is known by now

    arguments = [text[one.start - call.start : one.end - call.start] for one in call.arguments]
    line = foreign.without_input(call.head, arguments)
    return f"leave out the input channels, which are inferred: {line}" if line else ""


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


class Late(NamedTuple):
    """A 'from' that belongs to a later call of a line than the first: that call's place, and what to write."""

    place: int
    reads_x: bool
    fix: str


def late_from(chains: Iterable[Chain], text: str, place: int) -> Late | None:
    """The 'from' of a later call in the line that has a call at a place, where the first call has none."""
    line = _line(chains, text, place)
    late = next((step for step in line if step.call.references), None)
    if late is None or late is line[0]:
        return None
    read = f"from {' '.join(map(str, late.call.references))}"
    calls = [text[step.at + step.call.start : step.at + step.call.end] for step in line]
    last = line.index(late)
    calls[last] = (
        text[late.at + late.call.start : late.at + late.call.references[0].start]
        .rpartition("from")[0]
        .strip()
    )
    calls[0] += f" {read}"
    fix = (
        f"'{read}' belongs to {calls[last]}: write '{', '.join(calls)}', or put {calls[last]} on its own line"
    )
    reads_x = any(str(reference) == "x" for reference in late.call.references)
    return Late(late.at + late.call.start, reads_x, fix)


def _line(chains: Iterable[Chain], text: str, place: int) -> list[Step]:
    """The calls that are written in one line with the call at a place."""
    waiting = [chain.items for chain in chains]
    while waiting:
        items = waiting.pop()
        steps = [item for item in items if isinstance(item, Step)]
        here = next((step for step in steps if step.at + step.call.start == place), None)
        if here is not None:
            begin, end = text.rfind("\n", 0, place), text.find("\n", place)
            ends = begin, end if end >= 0 else len(text)
            return [step for step in steps if step.at == here.at or ends[0] < step.at < ends[1]]
        waiting += [inner(item) for item in items if not isinstance(item, Step)]
    return []


def explain_unread(
    problem: Problem,
    rounds: Mapping[tuple[str, int], Rounds],
    ends: Mapping[tuple[str, int], LastRound],
    chains: Iterable[Chain],
) -> Problem:
    """An output that nothing reads, with the cause where that is a `from` further on in the line.

    `rounds` are the repeats of a call with `from`, `ends` the last rounds of all, by the place of the layer at
    the end of a round; `chains` are those of the problem's text.
    """
    if FIX_UNREAD not in problem.notes:
        return problem
    cause = rounds.get((problem.source.name, problem.start))
    if cause is not None:
        return _repeated_from(cause)
    late = late_from(chains, problem.source.text, problem.start)
    end = ends.get((problem.source.name, problem.start))
    if late is not None and problem.start < late.place:
        return problem._replace(notes=(late.fix,))
    if end is not None and re.match(
        rf"the output of '{end.path}/{end.number}\b[^']*' is never read$", problem.fact
    ):
        fix = f"only the last round ends unread: leave the layer out there, if: {end.counter} < {end.number}"
        return problem._replace(notes=(fix, *problem.notes))
    return problem


def _repeated_from(rounds: Rounds) -> Problem:
    call, at, scope, path = rounds
    first, *others = call.references
    fact = f"every round of '{path}' reads '{first}', and none reads the previous round"
    call_reads = f"'from x {' '.join(map(str, others))}' in the call" if others else "no 'from' in the call"
    fix = f"write '- from {first}' on its own line before the repeat, and {call_reads}"
    return Problem(scope.frame.source, at + first.start, at + first.end, fact, (fix, *trace(scope.frame)))
