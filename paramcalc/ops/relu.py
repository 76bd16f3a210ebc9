"""Rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Elementwise, Example


@dataclass(frozen=True)
class Relu(Elementwise):
    """max(x, 0), element by element."""

    per_element = {"compare": 1}
    examples = (Example("relu", ("64x112x112",), "64x112x112"),)
