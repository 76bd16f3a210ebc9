"""Matrix product of two tensors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import same
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools


@dataclass(frozen=True)
class Matmul(Op):
    """The left tensor times the right one: rows into columns, over the last two axes of each.

    Left:   any leading axes x rows x depth
    Right:  the same leading axes x depth x columns; with transpose=true, columns x depth
    Output: the left one's axes, the last with as many positions as the right one has columns

    Nothing is learned: both sides are computed. Multiplications are rows * columns * depth, for each
    position of the leading axes. Scores of tokens are `matmul transpose=true from query key`
    (length x channels both), with one channel for each key; `matmul from scores value` weighs up.
    """

    transpose: Flag = False

    inputs = ("left", "right")
    examples = (
        Example(
            "matmul",
            ("{length: 1024, channels: 3}", "{length: 3, channels: 3}"),
            "1024x3",
            macs=9_216,
        ),
        Example(
            "matmul transpose=true",
            ("{length: 27, channels: 64}", "{length: 27, channels: 64}"),
            "27x27",
            macs=46_656,
        ),
        Example("matmul", ("5x2x3", "5x3x4"), "5x2x4", macs=120),
    )

    def shape(self, *inputs: Shape) -> Shape:
        left, right = inputs
        for name, x in zip(("left", "right"), inputs, strict=True):
            if len(x.axes) < 2:
                raise Fault(
                    f"{self.title}: the {name} input is not a matrix",
                    expected="at least two axes",
                    found=x.described(),
                    fix="put reshape before it",
                )
        depth, columns = self._sides(right)
        leading = left.axes[:-2] == right.axes[:-2] and all(map(same, left.dims[:-2], right.dims[:-2]))
        if not leading or not same(left.dims[-1], right.size(depth)):
            raise Fault(
                f"{self.title} cannot multiply its inputs",
                expected=f"the left one's last axis as long as the right one's {depth}, leading axes equal",
                found=f"left is {left.described()}, right is {right.described()}",
                fix=self._turned(left, right),
                about="inputs:1,2",
            )
        return left.resized({left.axes[-1]: right.size(columns)})

    def _sides(self, right: Shape) -> tuple[str, str]:
        """Which axis of the right input is summed over, and which one is kept."""
        above, last = right.axes[-2:]
        return (last, above) if self.transpose else (above, last)

    def _turned(self, left: Shape, right: Shape) -> str:
        _, other = self._sides(right)
        if not same(left.dims[-1], right.size(other)):
            return ""
        return f"transpose={str(not self.transpose).lower()} would fit"

    def cost(self, *inputs: Shape) -> Cost:
        macs = self.shape(*inputs).elements * inputs[0].dims[-1]
        return Cost(macs, connections=macs)

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        left, right = inputs
        depth, columns = self._sides(right)
        last = left.axes[-1]
        rows = {axis: alike(axis) for axis in left.axes[:-1]} | {last: whole(left.dims[-1])}
        others = {axis: alike(axis) for axis in right.axes[:-2]} | {depth: whole(right.size(depth))}
        others[columns] = whole(right.size(columns)) if last == CHANNELS else alike(last)
        return tuple(
            {axis: reach for axis, reach in reads.items() if axis != CHANNELS} for reads in (rows, others)
        )

    def forward(self, tools: Tools, left: Array, right: Array) -> Array:
        return tools.matmul(left, right.swapaxes(-2, -1) if self.transpose else right)
