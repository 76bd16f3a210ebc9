"""Running an op's forward pass beside PyTorch, in single and in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.ops.base import Op
from paramcalc.verify.tools import Tools
from tests.oracle.torch_cases import make

torch = pytest.importorskip("torch")

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
PRECISIONS = list(TOLERANCE)


def drawn(x: Shape, dtype: str, batch: int = 2, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((batch, *x.dims)).astype(dtype)


def weights_of(op: Op, x: Shape, dtype: str) -> dict[str, Any]:
    """Random weights and buffers; variances are positive."""
    generator = np.random.default_rng(1)
    arrays = {
        name: generator.standard_normal(dims).astype(dtype)
        for name, dims in (op.weights(x) | op.buffers(x)).items()
    }
    return {name: abs(array) + 0.5 if name == "running_var" else array for name, array in arrays.items()}


def run(op: Op, x: Shape, array: Any, weights: dict[str, Any]) -> Any:
    """The op's output, after checking its shape, its multiplications, and that the input is as it was."""
    tools = Tools()
    before = array.copy()
    y = tools.apply(op, [x], [array], weights)

    assert y.shape == (len(array), *op.shape(x).dims)
    assert y.dtype == array.dtype
    assert tools.multiplications == len(array) * op.cost(x).macs
    assert np.array_equal(array, before)
    return y


def check_close(y: Any, expected: Any) -> None:
    """Equal within the tolerance of the type, relative to the size of the numbers around."""
    expected = expected.numpy()
    tolerance = TOLERANCE[str(y.dtype)]
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1)
    assert np.allclose(y, expected, rtol=tolerance, atol=tolerance * largest)


def against(
    name: str,
    x: Shape,
    reference: Callable[..., Any],
    dtype: str,
    values: dict[str, Any],
) -> bool:
    """Compares one op with a function of PyTorch tensors; False where the op refuses."""
    op = make(name, **values)
    try:
        op.shape(x)
    except Fault:
        return False
    array, weights = drawn(x, dtype), weights_of(op, x, dtype)
    tensors = {key: torch.from_numpy(weight) for key, weight in weights.items()}
    with torch.no_grad():
        expected = reference(torch.from_numpy(array), **tensors)
    check_close(run(op, x, array, weights), expected)
    return True
