"""Adaptive pooling: its bins, and what both kinds share."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, repeating, whole
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, divides, floor_divide, product, same
from paramcalc.ops._reduction import Mean, Reducing
from paramcalc.ops.attributes import PerAxis
from paramcalc.ops.base import Array, Cost, Tools, need_image


def values_read(x: Shape, output_size: PerAxis) -> Size:
    """Values that all bins of all channels read together, values that two bins share count twice.

    Bin i of n covers the positions from floor(i*size/n) up to ceil((i+1)*size/n).
    """
    pairs = zip(x.space, output_size, strict=True)
    return x.channels * product(_covered(size, bins) for size, bins in pairs)


def _covered(size: Size, bins: Size) -> Size:
    """Sum of the bins' lengths: `size`, and one more for each border inside a position.

    Of the `bins` ends i*size/bins, a whole number is the gcd of both; at the others two bins overlap.

    >>> _covered(7, 3)  # 0..2, 2..4, 4..6
    9
    """
    return size if divides(bins, size) else size + bins - _gcd(size, bins)


def _gcd(one: Size, other: Size) -> Size:
    """Greatest common divisor, by Euclid, in the questions that symbols can answer too."""
    while not same(other, 0):
        one, other = other, one - other * floor_divide(one, other)
    return one


def bins_reach(axis: str, size: int, bins: int) -> Reach:
    """What each bin reads; the pattern repeats where a bin ends between two positions.

    There are no bins besides these: the same number covers an input of any size.
    """
    if bins == 1:
        return whole(size)
    common = _gcd(size, bins)

    def read(place: int) -> tuple[int, int]:
        return place * size // bins, -(-(place + 1) * size // bins) - 1

    return repeating(axis, bins // common, size // common, read, length=bins)


def over_bins(tools: Tools, x: Array, output_size: PerAxis, *, mean: bool) -> Array:
    """The mean or the maximum of each bin, one axis after the other, which is the same.

    A bin's borders go to `reduceat`, which reduces from each border to the next: every second result is a
    bin. One more position at the end makes room for the last border.
    """
    combine = tools.add if mean else tools.maximum
    for axis, bins in enumerate(output_size, start=2):
        size, places = x.shape[axis], tools.arange(bins)
        starts, stops = places * size // bins, -(-(places + 1) * size // bins)
        longer = tools.pad(x, [(0, int(one == axis)) for one in range(2, x.ndim)])
        borders = tools.stack([starts, stops], axis=1).reshape(-1)
        x = combine.reduceat(longer, borders, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        if mean:
            x = x / tools.along((stops - starts).astype(x.dtype), axis, x)
    return tools.contiguous(x)


@dataclass(frozen=True)
class AdaptivePool(Reducing):
    """Each channel reduced over a given number of bins that cover the input."""

    output_size: PerAxis

    ranks = (1, 2, 3)

    def shape(self, *inputs: Shape) -> Shape:
        return need_image(self, inputs[0]).with_space(self.output_size)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return self.reducing(values_read(x, self.output_size), self.shape(x).elements)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return bins_reach(axis, x.size(axis), output.size(axis))

    def forward(self, tools: Tools, x: Array) -> Array:
        return over_bins(tools, x, self.output_size, mean=isinstance(self, Mean))
