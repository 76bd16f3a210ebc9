"""Euclidean length over axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Length
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceNorm(Length, AxisReduction):
    """The root of the sum of squares over one or several axes (default: the channels).

    Input:  any tensor with those axes
    Output: the same axes; size 1 along those

    ConvNeXt V2's response normalization begins with it, over height and width (Woo et al. 2023).
    """

    examples = (
        Example("reduce_norm axis=(height, width)", ("64x28x28",), "64x1x1"),
        Example("reduce_norm", ("{length: 77, channels: 512}",), "77x1"),
    )
