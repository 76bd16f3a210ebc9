"""Broadcasting in sums, differences and products: a smaller tensor is spread over a larger one."""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, same
from paramcalc.ops.base import Array, Cost, Op, Tools


class SpreadOp(Op):
    """An op that joins tensors element by element, each further input by one operation of a kind."""

    operation: ClassVar[str]

    def shape(self, *inputs: Shape) -> Shape:
        return spread_shape(self, inputs)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={self.operation: (len(inputs) - 1) * self.shape(*inputs).elements})


def spread_shape(op: Op, inputs: tuple[Shape, ...]) -> Shape:
    """The full shape: that of the input to which all others fit or can be spread."""
    whole, *others = sorted(inputs, key=_lacks)
    for x in others:
        if not _fits(x, whole):
            whole = x
    if all(_fits(x, whole) for x in inputs):
        return whole
    pairs = combinations(enumerate(inputs, start=1), 2)
    (i, one), (j, other) = next((a, b) for a, b in pairs if not (_fits(a[1], b[1]) or _fits(b[1], a[1])))
    found = f"input {i} is {one.described()}, input {j} is {other.described()}"
    if one.axes == other.axes and all(map(_one_spreads, one.dims, other.dims)):
        raise Fault(
            f"{op.title} would have to spread both of its inputs",
            expected="one input that has the full shape",
            found=found,
            about=f"inputs:{i},{j}",
        )
    raise Fault(
        f"{op.title} cannot join its inputs",
        expected="equal sizes, or size 1 along some axes, or channels without space",
        found=found,
        about=f"inputs:{i},{j}",
    )


def spread_arrays(tools: Tools, inputs: tuple[Array, ...], whole: Shape) -> list[Array]:
    """The inputs with axes that broadcast to those of the full shape."""
    return [
        x
        if shape.axes == whole.axes
        else x.reshape([len(x), *(-1 if axis == CHANNELS else 1 for axis in whole.axes)])
        for x, shape in zip(inputs, tools.shapes, strict=True)
    ]


def _fits(x: Shape, whole: Shape) -> bool:
    """Whether x has the axes and sizes of the whole, or can be spread to them."""
    if x.axes == (CHANNELS,) and CHANNELS in whole.axes:
        return _spreads(x.channels, whole.channels)
    return x.axes == whole.axes and all(map(_spreads, x.dims, whole.dims))


def _spreads(size: Size, full: Size) -> bool:
    return _is_one(size) or same(size, full) or same(size, 1)


def _one_spreads(one: Size, other: Size) -> bool:
    return _spreads(one, other) or _spreads(other, one)


def _lacks(x: Shape) -> tuple[bool, int]:
    """How much of the full shape is missing, at first sight: so few symbols are asked whether they are 1."""
    return x.axes == (CHANNELS,), sum(map(_is_one, x.dims))


def _is_one(size: Size) -> bool:
    return type(size) is int and size == 1
