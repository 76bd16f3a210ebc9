"""A bias for each pair of positions, of a table with a row for each offset."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as pairs_of

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, ceil_divide, product, same
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class RelativeBias(Op):
    """A row of a table for each pair of positions of an image, chosen by their offset, for the scores of attention.

    Table:  offsets x heads, as length x channels
    Output: heads x queries x keys, as height x length x channels

    An image of height x width has (2*height - 1) * (2*width - 1) offsets, in the order of `offsets`. With
    class_token there is a position before the others and 3 rows more: from it, to it, and its own, as in
    BEiT (Bao et al. 2021). With `absolute` the direction is ignored, and there are height * width
    offsets, as in LeViT (Graham et al. 2021), where only the positions of every `stride`-th row and
    column are queries.
    """

    height: Size
    width: Size
    class_token: Flag = False
    absolute: Flag = False
    stride: Size = 1

    inputs = ("table",)
    examples = (
        Example("relative_bias 14 14 class_token=true", ("{length: 732, channels: 12}",), "12x197x197"),
        Example("relative_bias 14 14 absolute=true stride=2", ("{length: 196, channels: 8}",), "8x49x196"),
    )

    def check(self) -> None:
        if self.class_token and (self.absolute or not same(self.stride, 1)):
            other = "absolute" if self.absolute else "stride"
            raise Fault(f"{self.title}: {other} has no class token", about=other)

    def shape(self, *inputs: Shape) -> Shape:
        (table,) = inputs
        rows = self._rows()
        if table.axes != ("length", CHANNELS) or not same(table.dims[0], rows):
            raise Fault(
                f"{self.title} needs a table with a row for each offset",
                expected=f"{rows} x heads (length x channels)",
                found=table.described(),
            )
        asking = product(ceil_divide(size, self.stride) for size in (self.height, self.width))
        token = 1 if self.class_token else 0
        sizes = table.channels, asking + token, self.height * self.width + token
        return Shape(("height", "length", CHANNELS), sizes)

    def _rows(self) -> Size:
        if self.absolute:
            return self.height * self.width
        return (2 * self.height - 1) * (2 * self.width - 1) + (3 if self.class_token else 0)

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        return ({"length": whole(inputs[0].size("length"))},)

    def forward(self, tools: Tools, table: Array) -> Array:
        keys = list(pairs_of(range(self.height), range(self.width)))
        asking = list(pairs_of(range(0, self.height, self.stride), range(0, self.width, self.stride)))
        rows = [[self._row(y - v, x - u) for v, u in keys] for y, x in asking]
        if self.class_token:
            last = table.shape[1] - 1
            rows = [[last, *[last - 2] * len(keys)], *([last - 1, *row] for row in rows)]
        return tools.moveaxis(table[:, rows], -1, 1)

    def _row(self, down: int, across: int) -> int:
        if self.absolute:
            return int(abs(down) * self.width + abs(across))
        return int((down + self.height - 1) * (2 * self.width - 1) + across + self.width - 1)
