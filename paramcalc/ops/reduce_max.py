"""Greatest value along axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Greatest
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceMax(Greatest, AxisReduction):
    """The greatest value along one or several axes (default: the channels).

    Input:  any tensor with those axes
    Output: the same axes; size 1 along those

    The greatest over the channels is half of what CBAM's spatial attention reads; see reduce_mean.
    """

    examples = (
        Example("reduce_max", ("64x28x28",), "1x28x28"),
        Example("reduce_max length", ("{length: 197, channels: 768}",), "1x768"),
    )
