"""Mean along axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Mean
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceMean(Mean, AxisReduction):
    """The mean along one or several axes (default: the channels).

    Input:  any tensor with those axes
    Output: the same axes; size 1 along those

    With reduce_max over the channels it is what CBAM's spatial attention reads (Woo et al. 2018):
    both maps concatenated, conv2d 1 7 padding=3, sigmoid.
    """

    examples = (
        Example("reduce_mean", ("64x28x28",), "1x28x28"),
        Example("reduce_mean length", ("{length: 197, channels: 768}",), "1x768"),
    )
