"""Sines and cosines of the positions of an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, divides
from paramcalc.ops._layout import PLANE
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Example, Op, Tools

EPS = 1e-6


@dataclass(frozen=True)
class SinePositions(Op):
    """Constants that tell the positions of an image apart: sines and cosines of several wavelengths.

    Output: height x width x channels: half of the channels for the row, half for the column, each with
            sine and cosine in turn

    Rows are numbered from 1 and scaled, so that the last one is 2 pi; wavelengths grow from 1 to
    `temperature`. As in DETR (Carion et al. 2020) and XCiT (El-Nouby et al. 2021). No input is read, and
    nothing is learned or computed.
    """

    channels: Size
    height: Size
    width: Size
    temperature: Number = 10000

    inputs = ()
    examples = (Example("sine_positions 64 14 14", (), "14x14x64"),)

    def shape(self, *inputs: Shape) -> Shape:
        if not divides(4, self.channels):
            raise Fault(
                f"{self.title}: the channels are sines and cosines of rows and columns",
                expected="a multiple of 4",
                found=str(self.channels),
                about="channels",
            )
        return Shape((*PLANE, CHANNELS), (self.height, self.width, self.channels))

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        half = int(self.channels) // 2
        wavelengths = float(self.temperature) ** (tools.arange(half) // 2 * (2.0 / half))
        cosines = tools.arange(half) % 2 * (pi / 2)

        def waves(size: int) -> Array:
            places = (tools.arange(size) + 1) / (size + EPS) * (2 * pi)
            return tools.sin(places[:, None] / wavelengths + cosines)

        sizes = (tools.batch, int(self.height), int(self.width), half)
        rows = tools.broadcast_to(waves(sizes[1])[:, None], sizes)
        columns = tools.broadcast_to(waves(sizes[2]), sizes)
        return tools.concatenate([rows, columns], -1).astype(tools.dtype)
