"""A range of positions along one axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, sliding
from paramcalc.base.shape import AXES, Shape
from paramcalc.base.sizes import Size, at_least, ceil_divide, same
from paramcalc.ops.attributes import Count, Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes, one_token


@dataclass(frozen=True)
class Slice(Op):
    """The positions from `start` up to, not including, `stop` along one axis.

    Input:  any tensor with that axis
    Output: stop - start positions, or with `step` every step-th of them; all other axes whole

    Both count from 0 and must lie inside the axis. Without `stop` the range ends at the last position.
    """

    axis: Word = field(metadata={"choices": AXES})
    start: Count
    stop: Size | None = None
    step: Size = 1

    takes_ids = True
    examples = (
        Example("slice length 0 1", ("{length: 197, channels: 768}",), "1x768"),
        Example("slice height 3", ("8x7x7",), "8x4x7"),
        Example("slice height 1 step=2", ("8x8x7",), "8x4x7"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        y = sliced(self, inputs[0], self.axis, self.start, self.stop)
        return y.resized({self.axis: ceil_divide(y.size(self.axis), self.step)})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return sliding(axis, self.start, 1, self.step) if axis == self.axis else alike(axis)

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        """The last position of a sequence is the new one."""
        (x,) = inputs
        ends = self.stop is None or same(self.stop, x.size("length")) if self.axis == "length" else False
        if ends and same(self.start, x.size("length") - 1):
            return replace(self, start=0, stop=None), (one_token(x),)
        return super().decode(past, x)

    def forward(self, tools: Tools, x: Array) -> Array:
        return taken(x, tools.axis(self.axis), self.start, self.stop, self.step)


def sliced(op: Op, x: Shape, axis: str, start: Size, stop: Size | None) -> Shape:
    """The shape that a range along one axis leaves."""
    size = need_axes(op, x, (axis,)).size(axis)
    end = size if stop is None else stop
    if not at_least(size, end) or not at_least(end - start, 1):
        raise Fault(
            f"{op.title}: no such range of the {axis}",
            expected=f"0 <= start < stop <= {size} for an input of {x.described()}",
            found=f"start {start}, stop {end}",
            about="start" if stop is None else "stop",
        )
    return x.resized({axis: end - start})


def taken(x: Array, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    """A range along one axis of an array."""
    return x[(slice(None),) * axis + (slice(start, stop, step),)]
