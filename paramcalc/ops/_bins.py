"""The bins of adaptive pooling."""

from __future__ import annotations

from paramcalc.ops.attributes import PerAxis
from paramcalc.shape import Shape
from paramcalc.sizes import Size, divides, floor_divide, product, same


def values_read(x: Shape, output_size: PerAxis) -> Size:
    """Values that all bins of all channels read together, with those that two bins share counted twice.

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
