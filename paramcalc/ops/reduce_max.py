"""Greatest value along one axis."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Greatest
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceMax(Greatest, AxisReduction):
    """The greatest value along one axis (default: the channels).

    Input:  any tensor with that axis
    Output: the same axes; size 1 along that one

    The greatest over the channels is half of what CBAM's spatial attention reads; see reduce_mean.
    """

    examples = (
        Example("reduce_max", ("64x28x28",), "1x28x28"),
        Example("reduce_max length", ("{length: 197, channels: 768}",), "1x768"),
    )
