"""Common code of the normalizations."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import Size, floor_divide, product
from paramcalc.ops.attributes import Flag, Number, Words
from paramcalc.ops.base import Array, Cost, Op, Tools, Weights


@dataclass(frozen=True)
class ChannelNorm(Op):
    """A normalization of each channel, by the statistics at hand or by running ones."""

    eps: Number = 1e-5
    momentum: Number = 0.1
    affine: Flag = True
    track_running_stats: Flag = True

    contracting = frozenset()

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def buffers(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"running_mean": (channels,), "running_var": (channels,)} if self.track_running_stats else {}

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        if self.track_running_stats:
            return Cost(operations={"multiply": x.elements, "add": x.elements})
        work = normalizing(x.elements, x.channels)
        return Cost(operations=with_affine(work, x.elements, scaled=self.affine, shifted=self.affine))

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return super().reach(axis, x, output) if self.track_running_stats else whole(x.size(axis))


@dataclass(frozen=True)
class AxesNorm(Op):
    """A normalization over named axes at each position of the others."""

    axis: Words = field(default=(CHANNELS,), metadata={"choices": AXES})

    contracting = frozenset()

    def sizes(self, x: Shape) -> tuple[Size, ...]:
        """The sizes of those axes, in the input's order."""
        return tuple(dim for axis, dim in zip(x.axes, x.dims, strict=True) if axis in self.axis)

    def groups(self, x: Shape) -> Size:
        """How many positions the others make."""
        return floor_divide(x.elements, product(self.sizes(x)))

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return whole(x.size(axis)) if axis in self.axis else super().reach(axis, x, output)


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


def rms_normalizing(elements: Size, groups: Size, *, scaled: bool) -> dict[str, Size]:
    """Work of dividing each of `groups` equal parts by its root mean square, and of the weight."""
    return {
        "multiply": (3 if scaled else 2) * elements,  # square, scale, weight
        "add": elements,  # n - 1 for the mean, and epsilon
        "divide": 2 * groups,  # the mean, and the reciprocal of the root
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


def rms_normalized(tools: Tools, x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Each position divided by the root mean square over some axes."""
    return x / tools.sqrt((x * x).mean(axis=axes, keepdims=True) + eps)


def lengthening(elements: Size, groups: Size) -> dict[str, Size]:
    """Work of dividing each of `groups` equal parts by its Euclidean length, or by epsilon if that is more."""
    work = {"multiply": elements, "add": elements - groups, "sqrt": groups, "compare": groups}
    return {**work, "divide": elements}


def unit_length(tools: Tools, x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Each part over some axes divided by its Euclidean length, or by eps if that is more."""
    return x / tools.maximum(tools.sqrt(tools.sum(x * x, axis=axes, keepdims=True)), eps)


def affine(x: Array, axes: tuple[int, ...], weight: Array | None = None, bias: Array | None = None) -> Array:
    """x * weight + bias in place, with weights for the given axes in order, where there are any."""
    dims = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
    if weight is not None:
        x *= weight.reshape(dims)
    if bias is not None:
        x += bias.reshape(dims)
    return x
