"""Hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Elementwise, Example


@dataclass(frozen=True)
class Tanh(Elementwise):
    """tanh(x), element by element."""

    per_element = {"tanh": 1}
    examples = (Example("tanh", ("64x56x56",), "64x56x56"),)
