"""Rectified linear unit with an upper end."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Elementwise, Example


@dataclass(frozen=True)
class Relu6(Elementwise):
    """min(max(x, 0), 6), element by element."""

    per_element = {"compare": 2}
    examples = (Example("relu6", ("64x56x56",), "64x56x56"),)
