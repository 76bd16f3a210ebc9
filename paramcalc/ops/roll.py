"""Positions moved along axes, and around their ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import AXES, Shape
from paramcalc.ops.attributes import Ints, Words
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Roll(Op):
    """Each position moves by `shift` along the axis; what leaves at one end enters at the other.

    Input, output: any tensor with those axes

    `shift` is one number for all named axes or one for each. A negative shift moves towards the
    start: Swin rolls its windows by -window/2, and back (Liu et al. 2021, figure 4).
    """

    shift: Ints
    axis: Words = field(metadata={"choices": AXES})

    takes_ids = True
    examples = (
        Example("roll -3 axis=(height, width)", ("{height: 56, width: 56, channels: 96}",), "56x56x96"),
        Example("roll (1, -2) axis=(height, width)", ("8x5x6",), "8x5x6"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        if len(self.shift) not in (1, len(self.axis)):
            raise Fault(
                f"{self.title} needs one shift, or one for each axis",
                expected=f"{len(self.axis)} for {', '.join(self.axis)}",
                found=str(len(self.shift)),
                about="shift",
            )
        return need_axes(self, inputs[0], self.axis)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return shifted(axis, -self._shifts().get(axis, 0), edges="circular")

    def forward(self, tools: Tools, x: Array) -> Array:
        for name, shift in self._shifts().items():
            axis = tools.axis(name)
            cut = -shift % x.shape[axis]
            before = (slice(None),) * axis
            x = tools.concatenate([x[(*before, slice(cut, None))], x[(*before, slice(cut))]], axis)
        return x

    def _shifts(self) -> dict[str, int]:
        shifts = self.shift * len(self.axis) if len(self.shift) == 1 else self.shift
        found: dict[str, int] = {}
        for axis, shift in zip(self.axis, shifts, strict=True):
            found[axis] = found.get(axis, 0) + shift
        return found
