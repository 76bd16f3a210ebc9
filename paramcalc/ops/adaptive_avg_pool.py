"""Average pooling to a given output size."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._bins import AdaptivePool
from paramcalc.ops._reduction import Mean
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class AdaptiveAvgPool(Mean, AdaptivePool):
    """The mean of each channel over a given number of bins that cover the input.

    Input:  channels x space
    Output: channels x output_size

    Bin i of n covers the positions from floor(i*size/n) up to ceil((i+1)*size/n). So bins differ in
    length and overlap where n does not divide the size; where n exceeds the size, values repeat.
    """

    examples = (
        Example("adaptive_avg_pool2d 6", ("256x13x13",), "256x6x6"),
        Example("adaptive_avg_pool1d 8", ("4x5",), "4x8"),
    )
