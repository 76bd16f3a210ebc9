"""Samples of an image at computed places."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.base.sizes import same
from paramcalc.ops._sampling import bilinear, sampling
from paramcalc.ops.attributes import Flag, Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_image


@dataclass(frozen=True)
class GridSample(Op):
    """The image at the places that a grid names, zero outside (Jaderberg et al. 2015).

    Image:  channels x height x width
    Grid:   height x width x channels of its own: right and down, from -1 to 1 over the image
    Output: channels x the grid's height x the grid's width

    Like `F.grid_sample`. Each place takes a product and an addition each for row and column; `bilinear`
    then takes 4 subtractions and 4 products for the weights, and for each value 4 products and 3
    additions. `nearest` rounds, which is free.
    """

    mode: Word = field(default="bilinear", metadata={"choices": ("bilinear", "nearest")})
    align_corners: Flag = False

    inputs = ("image", "grid")
    rank = 2
    examples = (
        Example("grid_sample", ("64x28x28", "{height: 14, width: 14, channels: 2}"), "64x14x14"),
        Example(
            "grid_sample nearest align_corners=true", ("3x5x6", "{height: 4, width: 7, channels: 2}"), "3x4x7"
        ),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x, grid = inputs
        need_image(self, x)
        if grid.axes != (*SPACE[2], CHANNELS) or not same(grid.channels, 2):
            raise Fault(
                f"{self.title} needs a grid of places",
                expected="height x width x 2 channels",
                found=grid.described(),
                fix="put channels_last before it" if grid.axes == (CHANNELS, *SPACE[2]) else "",
                about="inputs:2",
            )
        return x.with_space(grid.space)

    def cost(self, *inputs: Shape) -> Cost:
        y = self.shape(*inputs)
        places = 2 * y.size("height") * y.size("width")
        if self.mode == "nearest":
            return Cost(operations={"multiply": places, "add": places})
        work = sampling(y.size("height") * y.size("width"), y.elements)
        return Cost(operations={**work, "multiply": work["multiply"] + places, "add": work["add"] + places})

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        return {axis: whole(inputs[0].size(axis)) for axis in SPACE[2]}, {
            axis: alike(axis) for axis in SPACE[2]
        }

    def forward(self, tools: Tools, x: Array, grid: Array) -> Array:
        columns, rows = (
            self._positions(grid[..., place], size) for place, size in ((0, x.shape[3]), (1, x.shape[2]))
        )
        if self.mode == "nearest":
            rows, columns = rows.round(), columns.round()
        places = (one.reshape(len(x), -1) for one in (rows, columns))
        return bilinear(tools, x, *places).reshape(*x.shape[:2], *grid.shape[1:3])

    def _positions(self, at: Array, size: int) -> Array:
        """From -1 to 1 to the positions of an axis."""
        return (at + 1) * (size - 1) / 2 if self.align_corners else ((at + 1) * size - 1) / 2
