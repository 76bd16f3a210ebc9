"""The knobs of a network that turn on its page, and the values of other knobs that the page includes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.engine.elaborate import Change
from paramcalc.engine.graph import Graph
from paramcalc.language.expression import Expression
from paramcalc.language.values import whole
from paramcalc.model import Model
from paramcalc.ops.attributes import shown
from paramcalc.symbolic import Closed

MOST_KNOBS = 10
MOST_GUARDS = 3  # conditions on several knobs at once
MOST_STATES = 8  # other values of knobs without a closed form
SMALL = 8  # numbers up to this have their neighbours for other values, larger ones half and twice
SOURCE = Source("<page>", "")
SHARES = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(5, 4), Fraction(3, 2), Fraction(2))
UNFIT = (Fault, SpecError, TypeError, ValueError, ArithmeticError)  # what no closed form ends in


class State(NamedTuple):
    """A network counted in symbols, with one of the settings that are no symbols."""

    label: str
    closed: Closed
    totals_only: bool = False  # its table would take too much room


def states(model: Model, changes: tuple[Any, ...] = (), inputs: dict[str, Any] | None = None) -> list[State]:
    """The network as it is, then with other values of the knobs that cannot be symbols."""
    graph = model.graph(changes, inputs)
    set_already = {str(change).partition("=")[0] for change in changes} | derived(model)
    names = [
        name for name in _names(model, graph, changes, inputs) if name.partition("[")[0] not in set_already
    ]
    turning = joint(model, names, changes, inputs)
    found = [State("", closed(model, turning, changes, inputs))]
    words_first = sorted(graph.knobs.items(), key=lambda knob: not isinstance(knob[1], str | bool))
    for name, value in words_first:
        entries = {one.partition("[")[0] for symbol in found[0].closed.symbols for one in symbol.stands_for}
        if name in entries or name in set_already:
            continue
        for other in _others(model, name, value):
            if len(found) > MOST_STATES:
                return found
            with suppress(*UNFIT):
                other_closed = closed(model, turning, (*changes, Change("", name, other, SOURCE)), inputs)
                label = f"{name} = {shown(other)}"
                large = type(other) is int and max(other, value) > SMALL
                bare = large or (bool(turning) and not other_closed.symbols)
                found.append(State(label, other_closed, bare))
    return found


def derived(model: Model) -> set[str]:
    """The knobs that follow from others, as `mlp: 4*dim` does: they turn with these."""
    spec, written = model.spec, {name: knob.value for name, knob in model.spec.knobs.items()}
    chain, name = [], model.variant
    while name in spec.variants and name not in chain:
        chain.append(name)
        name = spec.variants[name].like
    for name in reversed(chain):
        written |= {setting.name: setting.value for setting in spec.variants[name].settings}
    return {
        name
        for name, value in written.items()
        if isinstance(value, Expression) and any(free in spec.knobs for free in value.free)
    }


def _names(model: Model, graph: Graph, changes: tuple[Any, ...], inputs: dict[str, Any] | None) -> list[str]:
    """The names of what may be a symbol: numbers, entries of lists, sizes of the input that are no knobs."""
    found: list[str] = []
    sizes: set[str] = set()
    with suppress(*UNFIT):
        for symbol in model.closed(None, changes, inputs).symbols:
            if symbol.stretches:
                sizes |= {*symbol.stands_for}
                found.append(symbol.letter)
    for name, value in graph.knobs.items():
        if name in sizes:
            continue
        if type(value) is int:
            found.append(name)
        elif isinstance(value, tuple) and all(type(entry) is int for entry in value):
            found += [f"{name}[{place}]" for place in range(len(value))]
    return found


def joint(
    model: Model, names: Sequence[str], changes: tuple[Any, ...], inputs: dict[str, Any] | None
) -> list[str]:
    """As many of the names as the network has one closed form in, the requested ones first."""
    alone = [name for name in names if _turns(model, [name], changes, inputs)]
    found: list[str] = []
    if len(alone) <= MOST_KNOBS and _turns(model, alone, changes, inputs):
        return alone
    for name in alone:
        if len(found) < MOST_KNOBS and _turns(model, [*found, name], changes, inputs):
            found.append(name)
    return found


def _turns(
    model: Model, names: list[str], changes: tuple[Any, ...], inputs: dict[str, Any] | None
) -> Closed | None:
    """The closed form in all of the names, if there is one in whole numbers, each with more than one value."""
    try:
        found = model.closed(names, changes, inputs)
    except UNFIT:
        return None
    free = all(domain.whole and domain.most != domain.least for domain in found.domains)
    few = len(found.others) <= MOST_GUARDS
    return found if free and few and not found.fixed and len(found.symbols) == len(names) else None


def closed(model: Model, names: list[str], changes: tuple[Any, ...], inputs: dict[str, Any] | None) -> Closed:
    """The closed form in the names, or the numbers where these changes leave none."""
    return _turns(model, names, changes, inputs) or model.closed([], changes, inputs)


def _others(model: Model, name: str, value: Any) -> list[Any]:
    """Other values of a knob: its words, the other truth, numbers around its own."""
    choices = model.spec.knobs[name].choices
    if choices:
        return [word for word in choices if word != value]
    if isinstance(value, bool):
        return [not value]
    if type(value) is int and value > 1:
        few = value <= SMALL
        around = range(max(1, value - 2), value + 3) if few else (value // 2, 2 * value)
        return [one for one in around if one != value]
    if isinstance(value, int | Fraction):
        return [whole(value * share) for share in SHARES if value]
    return []
