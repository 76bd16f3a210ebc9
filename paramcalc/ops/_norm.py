"""What the normalizations share."""

from __future__ import annotations

from paramcalc.base.sizes import Size
from paramcalc.ops.base import Array


def normalizing(elements: Size, groups: Size) -> dict[str, Size]:
    """Work of bringing each of `groups` equal parts to zero mean and unit variance.

    Two means (n - 1 additions and a division each), the centring, the squares, then epsilon, root
    and reciprocal once a group, and the scaling.
    """
    return {
        "add": 2 * elements - groups,
        "subtract": elements,
        "multiply": 2 * elements,
        "divide": 3 * groups,
        "sqrt": groups,
    }


def with_affine(work: dict[str, Size], elements: Size, *, scaled: bool, shifted: bool) -> dict[str, Size]:
    """The same work, and a multiplication by a weight and an addition of a bias for each element."""
    return work | {
        "multiply": work["multiply"] + (elements if scaled else 0),
        "add": work["add"] + (elements if shifted else 0),
    }


def normalized(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Zero mean and unit variance over some axes."""
    y = x - x.mean(axis=axes, keepdims=True)
    y /= ((y * y).mean(axis=axes, keepdims=True) + eps) ** 0.5
    return y


def affine(x: Array, axes: tuple[int, ...], weight: Array | None = None, bias: Array | None = None) -> Array:
    """x * weight + bias in place, with weights for the given axes in order, where there are any."""
    dims = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
    if weight is not None:
        x *= weight.reshape(dims)
    if bias is not None:
        x += bias.reshape(dims)
    return x
