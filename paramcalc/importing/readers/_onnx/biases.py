"""Additions and factors of each channel that follow a layer, and are part of it."""

from __future__ import annotations

from math import prod
from typing import Any

from paramcalc.importing.readers._onnx.state import Constant, Dims, Reading


def bias_after(reader: Reading, following: Any, dims: Dims, axis: int, before: str = "") -> str:
    """The constant that a node after this one adds to each channel, or multiplies it by; or ''."""
    others = [name for name in following.inputs if name != (before or reader.here.outputs[0])]
    value = reader.values.get(others[0]) if len(others) == 1 else None
    if not isinstance(value, Constant) or prod(value.dims) != dims[axis] or not value.is_float:
        return ""
    full = (1,) * (len(dims) - len(value.dims)) + value.dims
    return others[0] if full[axis] == dims[axis] and len(value.dims) <= len(dims) else ""


def finish_bias(reader: Reading, following: Any, bias: str, place: int) -> None:
    """Marks the addition of a bias as done, where it was a node of its own."""
    if bias and bias != reader.input(place):
        result = following.outputs[0]
        reader.alias[result] = reader.here.outputs[0]
        reader.values[result] = reader.values[reader.here.outputs[0]]
        reader.taken.add(result)
