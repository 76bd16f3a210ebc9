"""Asking an op and PyTorch the same question: the output's shape, or that there is none."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import pytest

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import build
from paramcalc.ops.base import Op

torch = pytest.importorskip("torch")

REFUSED = "refused"


def make(name: str, **values: Any) -> Op:
    """The op of that name; lists stand for tuples."""
    kind = ops.find(name)
    assert kind is not None
    return build(kind, {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


def predicted(name: str, x: Shape, **values: Any) -> tuple[int, ...] | str:
    """The shape that paramcalc infers, or that it refuses."""
    try:
        return make(name, **values).shape(x).dims
    except Fault:
        return REFUSED


def observed(run: Callable[..., Any], *arguments: Any, **values: Any) -> tuple[int, ...] | str:
    """The shape that PyTorch gives for a batch of one, or that it refuses.

    Some of its back ends give an empty tensor where others refuse; that counts as refusing.
    """
    try:
        with torch.no_grad():
            y = run(*arguments, **values)
    except (RuntimeError, ValueError):
        return REFUSED
    return tuple(y.shape[1:]) if y.numel() else REFUSED


def scalars(arrays: dict[str, tuple[int, ...]]) -> int:
    """Numbers in all arrays of the given shapes."""
    return sum(prod(dims) for dims in arrays.values())


def parameters(module: Any) -> int:
    """Numbers in all parameters of a PyTorch module."""
    return sum(parameter.numel() for parameter in module.parameters())
