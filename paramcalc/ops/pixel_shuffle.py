"""Channels rearranged into space."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, stretched
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, divides, floor_divide
from paramcalc.ops._layout import PLANE, from_planes, need_plane, to_planes
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class PixelShuffle(Op):
    """Each run of factor^2 channels as a square of factor x factor positions.

    Input:  channels, height, width in any order of the axes
    Output: channels / factor^2, factor*height, factor*width

    The sub-pixel convolution of Shi et al. 2016. Channel c*factor^2 + i*factor + j goes to row i,
    column j of its square, as in PyTorch; TensorFlow's depth_to_space orders the channels differently.
    """

    factor: Size

    aliases = ("depth_to_space",)
    examples = (Example("pixel_shuffle 3", ("27x10x12",), "3x30x36"),)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_plane(self, inputs[0])
        if not divides(self.factor**2, x.channels):
            raise Fault(
                f"{self.title}: the channels do not divide into squares of {self.factor}x{self.factor}",
                expected=f"a multiple of {self.factor**2} channels",
                found=x.described(),
                about="factor",
            )
        larger = {axis: x.size(axis) * self.factor for axis in PLANE}
        return x.resized({CHANNELS: floor_divide(x.channels, self.factor**2)} | larger)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return stretched(axis, 1, self.factor)

    def forward(self, tools: Tools, x: Array) -> Array:
        planes = to_planes(tools, x)
        samples, _, height, width = planes.shape
        squares = planes.reshape(samples, -1, self.factor, self.factor, height, width)
        y = squares.transpose(0, 1, 4, 2, 5, 3)
        return from_planes(tools, y.reshape(samples, -1, height * self.factor, width * self.factor))
