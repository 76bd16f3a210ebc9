"""Sum over axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Total
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceSum(Total, AxisReduction):
    """The sum over one or several axes (default: the channels).

    Input:  any tensor with those axes
    Output: the same axes; size 1 along those
    """

    examples = (
        Example("reduce_sum", ("64x28x28",), "1x28x28"),
        Example("reduce_sum axis=(height, width)", ("64x28x28",), "64x1x1"),
    )
