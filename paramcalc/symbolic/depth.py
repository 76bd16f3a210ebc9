"""The depth of a network whose numbers of rounds are symbols, in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from paramcalc.base.sizes import judge
from paramcalc.count.report import weight_layers
from paramcalc.engine.graph import Graph
from paramcalc.symbolic.rounds import Rest, summed

Lengths: TypeAlias = tuple[Any, ...]  # of the ways that may be the longest; none where that is not known
Ways: TypeAlias = dict[int, Lengths]  # to each value that is reached


def depth(graph: Graph, rests: Iterable[Rest]) -> Any:
    """The layers with kernels on the longest path to an output; None where that has no closed form.

    The rounds after the first of a repeat are one in the graph, and go through one another's outputs: so a
    path through them is as long as through one, times their number.
    """
    ways: Ways = dict.fromkeys(range(len(graph.inputs)), (0,))
    _walk(
        graph, ways, range(len(graph.layers)), sorted(rests, key=lambda rest: (rest.begin, -rest.end)), True
    )
    ends = _longest([ways.get(value, ()) for value in graph.outputs])
    return (ends[0] if len(ends) == 1 else judge.get().function("max", [*ends])) if ends else None


def _walk(graph: Graph, ways: Ways, layers: range, rests: list[Rest], begins: bool) -> None:
    """Adds the longest ways to the values of some layers; whether ways may begin in those that read nothing."""
    first = len(graph.inputs)
    number = layers.start
    while number < layers.stop:
        rest = next((each for each in rests if each.begin == number), None)
        if rest is not None:
            _walk_rounds(graph, ways, rest, [each for each in rests if each is not rest], begins)
            number = rest.end
            continue
        layer = graph.layers[number]
        reached = [ways[value] for value in layer.inputs if value in ways]
        if reached or (begins and not layer.inputs):
            ways[first + number] = _further(_longest(reached or [(0,)]), weight_layers(layer))
        number += 1


def _walk_rounds(graph: Graph, ways: Ways, rest: Rest, others: list[Rest], begins: bool) -> None:
    """Adds the longest ways to the values of the last of several rounds.

    They enter in the first round: one that enters later, by another tensor, must be no longer.
    """
    first, layers = len(graph.inputs), range(rest.begin, rest.end)
    inside = [each for each in others if rest.begin <= each.begin < rest.end]
    if rest.entering not in ways:
        before_it = {*ways}
        _walk(graph, ways, layers, inside, begins)
        ways.update(dict.fromkeys(ways.keys() - before_it, ()))
        return
    entering = ways[rest.entering]
    through: Ways = {rest.entering: (0,)}
    past = {value: way for value, way in ways.items() if value != rest.entering}
    _walk(graph, through, layers, inside, begins=False)
    _walk(graph, past, layers, inside, begins)
    one = through.get(rest.leaving, ())
    if len(one) != 1 or not _reach(entering, past.get(rest.leaving, (0,))):
        ways.update({first + number: () for number in layers})
        return
    before = _further(entering, summed(one[0], (rest.range,)) - one[0])
    for number in layers:
        value = first + number
        own = through.get(value, ())
        known = len(own) == 1 and _reach(one, own) and value not in past
        ways[value] = _further(before, own[0]) if known else ()
    ways[rest.leaving] = _further(before, one[0])


def _further(ways: Lengths, by: Any) -> Lengths:
    return tuple(way + by for way in ways)


def _longest(several: Sequence[Lengths]) -> Lengths:
    """The lengths that may be the greatest of all; none if some are not known."""
    kept: list[Any] = []
    for way in (way for ways in several for way in ways):
        if not _reach(kept, (way,)):
            kept = [other for other in kept if not _reach((way,), (other,))] + [way]
    return tuple(kept) if all(several) else ()


def _reach(ways: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether there are other paths, and none is ever longer than all of `ways`, whatever the symbols."""
    return bool(others) and all(any(_at_least(way, other) for way in ways) for other in others)


def _at_least(one: Any, other: Any) -> bool:
    if type(one) is int and type(other) is int:
        return one >= other
    return bool(judge.get().function("max", [one, other]) == one)
