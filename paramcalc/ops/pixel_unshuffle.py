"""Space rearranged into channels."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, sliding
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, divides, floor_divide
from paramcalc.ops._layout import PLANE, from_planes, need_plane, to_planes
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class PixelUnshuffle(Op):
    """Each square of factor x factor positions as a run of factor^2 channels.

    Input:  channels, height, width in any order of the axes
    Output: channels * factor^2, height / factor, width / factor

    Row i, column j of a square becomes channel c*factor^2 + i*factor + j, as in PyTorch. Swin's
    patch merging and TensorFlow's space_to_depth order the same channels differently.
    """

    factor: Size

    aliases = ("space_to_depth",)
    examples = (
        Example("pixel_unshuffle 2", ("3x8x6",), "12x4x3"),
        Example("pixel_unshuffle 2", ("{height: 56, width: 56, channels: 96}",), "28x28x384"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_plane(self, inputs[0])
        for axis in PLANE:
            if not divides(self.factor, x.size(axis)):
                raise Fault(
                    f"{self.title}: the {axis} does not divide by {self.factor}",
                    expected=f"a multiple of {self.factor}",
                    found=x.described(),
                    fix="put pad or crop before it",
                    about="factor",
                )
        smaller = {axis: floor_divide(x.size(axis), self.factor) for axis in PLANE}
        return x.resized({CHANNELS: x.channels * self.factor**2} | smaller)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return sliding(axis, 0, self.factor, self.factor)

    def forward(self, tools: Tools, x: Array) -> Array:
        planes = to_planes(tools, x)
        samples, channels, height, width = planes.shape
        squares = planes.reshape(
            samples, channels, height // self.factor, self.factor, width // self.factor, self.factor
        )
        y = squares.transpose(0, 1, 3, 5, 2, 4)
        return from_planes(tools, y.reshape(samples, -1, height // self.factor, width // self.factor))
