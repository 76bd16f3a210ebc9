"""Leaky rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Elementwise, Example


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """x where it is positive, negative_slope * x elsewhere."""

    negative_slope: Number = 0.01

    per_element = {"compare": 1, "multiply": 1}
    examples = (Example("leaky_relu 0.1", ("64x56x56",), "64x56x56"),)
