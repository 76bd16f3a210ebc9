"""Maximum pooling to a given output size."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._bins import AdaptivePool
from paramcalc.ops._reduction import Greatest
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class AdaptiveMaxPool(Greatest, AdaptivePool):
    """The greatest value of each channel over a given number of bins that cover the input.

    Input:  channels x space
    Output: channels x output_size

    Bin i of n covers the positions from floor(i*size/n) up to ceil((i+1)*size/n). So bins differ in
    length and overlap where n does not divide the size; where n exceeds the size, values repeat.
    """

    examples = (
        Example("adaptive_max_pool2d 7", ("512x16x12",), "512x7x7"),
        Example("adaptive_max_pool3d 1x2x2", ("4x5x6x7",), "4x1x2x2"),
    )
