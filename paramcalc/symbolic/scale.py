"""The steps in which input sizes are taken: what the strides of the network multiply to."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from paramcalc.base.shape import CHANNELS
from paramcalc.engine.graph import Applied, Graph
from paramcalc.symbolic.choice import Chosen

LONGEST = 2_000  # of an axis whose strides are looked up: resampling makes tables of positions
Jumps = dict[tuple[str, str], tuple[str, Fraction]]  # by an input's axis: the axis along which, and how far


def scaled(chosen: Chosen, graph: Graph) -> Chosen:
    """The same symbols, those of input sizes in steps that the strides of the network with numbers divide.

    No step is larger than the size itself. `googlenet` halves its input five times:

    >>> from paramcalc import load
    >>> [str(symbol.value) for symbol in load("googlenet").closed(["h"]).symbols]
    ['32 h']
    """
    strides = _strides(graph)
    for symbol in chosen.symbols:
        step = 1
        for name, marks in chosen.inputs.items():
            axes = [graph.inputs[name].axes[place] for place, mark in marks.items() if mark == symbol.letter]
            for stride in (stride for axis in axes for stride in strides.get((name, axis), {})):
                step = lcm(step, stride) if lcm(step, stride) <= symbol.start else step
        if step > 1 and symbol.stretches:
            chosen = chosen.stretched(symbol.letter, step)
    return chosen


def _strides(graph: Graph) -> dict[tuple[str, str], dict[int, None]]:
    """How many input positions further neighbours in some layer see, for each axis of each input."""
    values: list[Jumps] = [
        {(name, axis): (axis, Fraction(1)) for axis in shape.axes} for name, shape in graph.inputs.items()
    ]
    found: dict[tuple[str, str], dict[int, None]] = {}
    known: dict[int, list[dict[str, tuple[str, Fraction]]]] = {}
    for layer in graph.layers:
        values.append({})
        if layer.auxiliary:
            continue  # heads used only in training do not decide in which steps the input is taken
        if id(layer.applied) not in known:
            known[id(layer.applied)] = _paces(layer.applied)
        for number, paces in zip(layer.inputs, known[id(layer.applied)], strict=True):
            for source, (axis, jump) in values[number].items():
                if axis in paces:
                    along, pace = paces[axis]
                    values[-1][source] = (along, jump * pace)
                    found.setdefault(source, {})[(jump * pace).numerator] = None
    return found


def _paces(applied: Applied) -> list[dict[str, tuple[str, Fraction]]]:
    """For each input and axis of it, the output's axis along which positions move, and how far they do."""
    output = applied.output
    same = (
        x.size(axis) == output.size(axis) for x in applied.inputs for axis in x.axes if axis in output.axes
    )
    if all(same):
        return [{axis: (axis, Fraction(1)) for axis in x.axes if axis in output.axes} for x in applied.inputs]
    if getattr(applied.op, "align_corners", False):  # ends meet, so steps between are odd fractions
        return [
            {
                axis: (axis, Fraction(x.size(axis), output.size(axis)))
                for axis in x.axes
                if axis in output.axes and axis != CHANNELS
            }
            for x in applied.inputs
        ]
    shapes = (*applied.inputs, output)
    if any(shape.size(axis) > LONGEST for shape in shapes for axis in shape.axes if axis != CHANNELS):
        return [{} for _ in applied.inputs]
    return [
        {axis: (reach.axis, reach.first.pace) for axis, reach in reaches.items() if reach.axis}
        for reaches in applied.rules.reaches(*applied.inputs)
    ]
