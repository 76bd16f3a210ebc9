"""Product of tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import mul

from paramcalc.errors import Fault
from paramcalc.ops.base import Array, Cost, Example, Op, Tools
from paramcalc.shape import CHANNELS, Shape
from paramcalc.sizes import same


@dataclass(frozen=True)
class Multiply(Op):
    """The inputs multiplied, element by element; a gate may lack space.

    Inputs: two or more tensors; one has the full shape, the others the same or the same channels
            without space: a vector, or size 1 along spatial axes
    Output: the full shape

    A vector of channels gates an image as in squeeze-and-excitation (Hu et al. 2017).
    """

    inputs = None
    examples = (
        Example("multiply", ("256", "256x56x56"), "256x56x56"),
        Example("multiply", ("256x56x56", "256x1x1"), "256x56x56"),
        Example("multiply", ("{length: 9, channels: 8}", "{length: 9, channels: 8}"), "9x8"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        whole = inputs[0]
        for x in inputs[1:]:
            if _fits(whole, x):
                whole = x
        if all(_fits(x, whole) for x in inputs):
            return whole
        pairs = combinations(enumerate(inputs, start=1), 2)
        (i, one), (j, other) = next((a, b) for a, b in pairs if not (_fits(a[1], b[1]) or _fits(b[1], a[1])))
        raise Fault(
            f"{self.title} cannot join its inputs",
            expected="equal shapes, or the same channels without space",
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
    """Whether x has the axes and sizes of the whole, but for space that it lacks."""
    if x.axes == (CHANNELS,) and CHANNELS in whole.axes:
        return same(x.channels, whole.channels)
    return x.axes == whole.axes and all(
        same(size, full) or (axis != CHANNELS and same(size, 1))
        for axis, size, full in zip(x.axes, x.dims, whole.dims, strict=True)
    )
