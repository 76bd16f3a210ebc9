"""The depth of a network whose numbers of rounds are symbols, in closed form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paramcalc.base.sizes import judge
from paramcalc.count.report import weight_layers
from paramcalc.engine.graph import Graph
from paramcalc.symbolic.rounds import Rest, summed

Ways = dict[int, Any]  # the longest way to each value that is reached; None where that has no closed form


def depth(graph: Graph, rests: Iterable[Rest]) -> Any:
    """The layers with kernels on the longest path to an output; None where that has no closed form.

    The rounds after the first of a repeat are one in the graph, and go through one another's outputs: so a
    path through them is as long as through one, times their number.
    """
    ways: Ways = dict.fromkeys(range(len(graph.inputs)), 0)
    _walk(graph, ways, range(len(graph.layers)), sorted(rests, key=lambda rest: (rest.begin, -rest.end)))
    return _longest([ways.get(value) for value in graph.outputs])


def _walk(graph: Graph, ways: Ways, layers: range, rests: list[Rest]) -> None:
    """Adds the longest ways to the values of some layers."""
    first = len(graph.inputs)
    number = layers.start
    while number < layers.stop:
        rest = next((each for each in rests if each.begin == number), None)
        if rest is not None:
            _walk_rounds(graph, ways, rest, [each for each in rests if each is not rest])
            number = rest.end
            continue
        layer = graph.layers[number]
        reached = [ways[value] for value in layer.inputs if value in ways]
        if reached or not layer.inputs:
            longest = _longest(reached or [0])
            ways[first + number] = None if longest is None else longest + weight_layers(layer)
        number += 1


def _walk_rounds(graph: Graph, ways: Ways, rest: Rest, others: list[Rest]) -> None:
    """Adds the longest ways to the values of the last of several rounds.

    They enter in the first round: one that enters later, by another tensor, must be no longer.
    """
    first, layers = len(graph.inputs), range(rest.begin, rest.end)
    inside = [each for each in others if rest.begin <= each.begin < rest.end]
    entering = ways.get(rest.entering)
    through: Ways = {rest.entering: 0}
    past = {value: way for value, way in ways.items() if value != rest.entering}
    for each in (through, past):
        _walk(graph, each, layers, inside)
    round_ = through.get(rest.leaving)
    if entering is None or round_ is None or _longest([entering, past.get(rest.leaving, 0)]) != entering:
        ways.update({first + number: None for number in layers})
        return
    before = entering + summed(round_, (rest.range,)) - round_
    for number in layers:
        value = first + number
        own = through.get(value)
        known = own is not None and _longest([round_, own]) == round_ and value not in past
        ways[value] = before + own if known else None
    ways[rest.leaving] = before + round_


def _longest(ways: list[Any]) -> Any:
    """The greatest of some lengths, or a function of those that may be; None if one is not known."""
    if None in ways:
        return None
    if all(type(way) is int for way in ways):
        return max(ways, default=0)
    return judge.get().function("max", ways)
