"""Running sums along an axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from paramcalc.base.reach import Reach, Steps
from paramcalc.base.shape import AXES, Shape
from paramcalc.base.sizes import Size, product
from paramcalc.ops.attributes import Flag, Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_axes, one_token


@dataclass(frozen=True)
class Cumsum(Op):
    """At each position of the axis, the sum of the values up to and including it.

    Input, output: any tensor with that axis

    With `continued` the sum of an earlier step is added, as where one more token comes after others (--decode).
    """

    axis: Word = field(metadata={"choices": AXES})
    continued: Flag = False

    examples = (Example("cumsum length", ("{length: 128, channels: 64}",), "128x64"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], (self.axis,))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(operations={"add": (x.size(self.axis) - (not self.continued)) * self._others(x)})

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        if self.axis != "length":
            return super().decode(past, *inputs)
        return replace(self, continued=True), (one_token(inputs[0]),)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        return {"states": self._others(inputs[0])} if self.axis == "length" else {}

    def _others(self, x: Shape) -> Size:
        """Elements of one position of the axis."""
        return product(dim for axis, dim in zip(x.axes, x.dims, strict=True) if axis != self.axis)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis != self.axis:
            return super().reach(axis, x, output)
        return Reach(axis, Steps((0,), 0), Steps((0,), 1))

    def forward(self, tools: Tools, x: Array) -> Array:
        axis = tools.axis(self.axis)
        y = x.cumsum(axis=axis)
        if self.continued:
            y += tools.left("sum", tools.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype))
        tools.leave("sum", y.take([-1], axis=axis))
        return y
