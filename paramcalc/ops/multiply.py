"""Product of tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import mul

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, same
from paramcalc.ops.base import Array, Cost, Example, Op, Tools


@dataclass(frozen=True)
class Multiply(Op):
    """The inputs multiplied, element by element; a gate is spread along the axes where it has size 1.

    Inputs: two or more tensors; one has the full shape, the others the same, or size 1 along any of
            its axes, or channels alone, without space
    Output: the full shape

    A vector of channels gates an image as in squeeze-and-excitation (Hu et al. 2017), a map of one
    channel as in CBAM (Woo et al. 2018) and attention gates (Oktay et al. 2018). No two gates
    spread each other: that would make a tensor that none of the inputs is.
    """

    inputs = None
    examples = (
        Example("multiply", ("256", "256x56x56"), "256x56x56"),
        Example("multiply", ("256x56x56", "256x1x1"), "256x56x56"),
        Example("multiply", ("64x28x28", "1x28x28"), "64x28x28"),
        Example("multiply", ("{length: 9, channels: 8}", "{length: 9, channels: 8}"), "9x8"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        whole, *others = sorted(inputs, key=_lacks)
        for x in others:
            if not _fits(x, whole):
                whole = x
        if all(_fits(x, whole) for x in inputs):
            return whole
        pairs = combinations(enumerate(inputs, start=1), 2)
        (i, one), (j, other) = next((a, b) for a, b in pairs if not (_fits(a[1], b[1]) or _fits(b[1], a[1])))
        raise Fault(
            f"{self.title} cannot join its inputs",
            expected="equal shapes, or a gate of size 1 along some axes, or of channels without space",
            found=f"input {i} is {one.described()}, input {j} is {other.described()}",
            about=f"inputs:{i},{j}",
        )

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"multiply": (len(inputs) - 1) * self.shape(*inputs).elements})

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        axes = self.shape(*tools.shapes).axes
        factors = [
            x
            if shape.axes == axes
            else x.reshape([len(x), *(-1 if axis == CHANNELS else 1 for axis in axes)])
            for x, shape in zip(inputs, tools.shapes, strict=True)
        ]
        return reduce(mul, factors)


def _fits(x: Shape, whole: Shape) -> bool:
    """Whether x has the axes and sizes of the whole, or can be spread to them."""
    if x.axes == (CHANNELS,) and CHANNELS in whole.axes:
        return _spreads(x.channels, whole.channels)
    return x.axes == whole.axes and all(map(_spreads, x.dims, whole.dims))


def _spreads(size: Size, full: Size) -> bool:
    return _is_one(size) or same(size, full) or same(size, 1)


def _lacks(x: Shape) -> tuple[bool, int]:
    """How much of the full shape is missing, at first sight: so few symbols are asked whether they are 1."""
    return x.axes == (CHANNELS,), sum(map(_is_one, x.dims))


def _is_one(size: Size) -> bool:
    return type(size) is int and size == 1
