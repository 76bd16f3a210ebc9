"""Least value over axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import AxisReduction, Least
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class ReduceMin(Least, AxisReduction):
    """The least value over one or several axes (default: the channels).

    Input:  any tensor with those axes
    Output: the same axes; size 1 along those
    """

    examples = (Example("reduce_min", ("64x28x28",), "1x28x28"),)
