"""Convolutions as matrix products, and the sliding windows of pooling.

A window is a view: NumPy describes all windows of an array by strides, without copying one. A block of
them is copied into columns, and one matrix product takes all columns of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from paramcalc.ops._window import Window

Array: TypeAlias = NDArray[Any]
Box: TypeAlias = tuple[slice, ...]  # a range of positions along each spatial axis
Multiply: TypeAlias = Callable[[Array, Array, Array], None]  # writes the product of two into the third

BLOCK_BYTES = 4 << 20  # of columns: they stay in the cache, and the product is large enough to be fast


def starts(size: int, window: Window, *, ceil_mode: bool = False) -> range:
    """Where the window starts along an axis of the real array; below zero is padding.

    Counted off one by one: a window follows as long as it ends inside the padded array. With
    `ceil_mode` a partial one also follows, if the one before does not reach the end and it starts
    inside the array or the padding before it.
    """
    end = size + window.after
    last = -window.before
    while last + window.stride + window.span <= end:
        last += window.stride
    if ceil_mode and last + window.span < end and last + window.stride < size:
        last += window.stride
    return range(-window.before, last + 1, window.stride)


def convolve(
    multiply: Multiply, x: Array, weight: Array, each: Sequence[Window], groups: int, bias: Array | None
) -> Array:
    """The sliding dot product, zeros for padding; see `Tools.convolve`."""
    outputs, depth, *kernel = weight.shape
    view = windows(padded(x, each), each)
    space = view.shape[2 + len(kernel) :]
    y = np.empty((len(x), outputs, *space), x.dtype)
    matrices = weight.reshape(groups, outputs // groups, -1)
    in_place = view.flags.c_contiguous  # the columns of a kernel of one position are the input as it is
    column = depth * groups * prod(kernel) * x.itemsize
    blocks = [*boxes(space, prod(space) if in_place else BLOCK_BYTES // column)]
    room = np.empty(0 if in_place else column * max(run.stop - run.start for _, run in blocks), np.uint8)
    for sample, target in zip(view, y.reshape(len(x), groups, outputs // groups, -1), strict=True):
        for box, run in blocks:
            columns = sample[(..., *box)]
            if not in_place:
                copy = room[: columns.nbytes].view(x.dtype).reshape(columns.shape)
                np.copyto(copy, columns)
                columns = copy
            out = target[..., run]
            multiply(matrices, columns.reshape(groups, matrices.shape[2], -1), out)
            if bias is not None:
                out += bias.reshape(groups, -1, 1)
    return y


def convolve_transposed(
    multiply: Multiply,
    x: Array,
    weight: Array,
    each: Sequence[Window],
    extra: Sequence[int],
    groups: int,
    bias: Array | None,
) -> Array:
    """Each position adds its scaled kernel to the output; see `Tools.convolve_transposed`.

    One matrix product scales the kernels of a block of positions. They are added up in an array that holds
    all of them whole, from which the output is cut.
    """
    inputs, rows, *kernel = weight.shape
    space = x.shape[2:]
    grown = [(size - 1) * w.stride + w.span for size, w in zip(space, each, strict=True)]
    sizes = [size + more - w.before - w.after for size, w, more in zip(grown, each, extra, strict=True)]
    held = [max(size, w.before + end) for size, w, end in zip(grown, each, sizes, strict=True)]
    y = np.zeros((len(x), groups * rows, *held), x.dtype)
    matrices = weight.reshape(groups, inputs // groups, -1).swapaxes(1, 2)
    flat = np.ascontiguousarray(x).reshape(len(x), groups, inputs // groups, -1)
    blocks = [*boxes(space, BLOCK_BYTES // (groups * rows * prod(kernel) * x.itemsize))]
    for sample, target in zip(flat, y, strict=True):
        for box, run in blocks:
            columns = sample[..., run]
            scaled = np.empty((groups, matrices.shape[1], columns.shape[2]), x.dtype)
            multiply(matrices, columns, scaled)
            scaled = scaled.reshape(groups * rows, *kernel, *(one.stop - one.start for one in box))
            for tap in np.ndindex(*kernel):
                target[(slice(None), *_reached(tap, box, each))] += scaled[(slice(None), *tap)]
    cut = [slice(w.before, w.before + size) for w, size in zip(each, sizes, strict=True)]
    y = y[(slice(None), slice(None), *cut)]
    if bias is not None:
        y += bias.reshape(-1, *(1 for _ in space))
    return np.ascontiguousarray(y)


def slide(
    combine: np.ufunc, empty: float, x: Array, each: Sequence[Window], places: Sequence[range]
) -> Array:
    """Combines the elements of each window, one axis after the other, which is the same for sums and maxima.

    `places` are where windows start along the last axes; outside of the array everything is `empty`.
    """
    for axis, window, place in zip(range(x.ndim - len(each), x.ndim), each, places, strict=True):
        after = max(0, place[-1] + window.span - x.shape[axis])
        ends = [(0, 0)] * axis + [(-place[0], after)] + [(0, 0)] * (x.ndim - axis - 1)
        source = np.pad(x, ends, constant_values=empty) if place[0] or after else x
        firsts = range(0, window.span, window.dilation)
        before = (slice(None),) * axis
        taps = [
            source[(*before, slice(first, first + (len(place) - 1) * window.stride + 1, window.stride))]
            for first in firsts
        ]
        x = reduce(lambda sofar, tap: combine(sofar, tap, out=sofar), taps[1:], taps[0].copy())
    return x


def padded(x: Array, each: Sequence[Window]) -> Array:
    """The array with zeros around its last axes where windows reach beyond it."""
    if not any(w.before or w.after for w in each):
        return np.ascontiguousarray(x)
    inside = [slice(w.before, w.before + size) for w, size in zip(each, x.shape[2:], strict=True)]
    sizes = [w.before + size + w.after for w, size in zip(each, x.shape[2:], strict=True)]
    y = np.zeros((*x.shape[:2], *sizes), x.dtype)
    y[(slice(None), slice(None), *inside)] = x
    return y


def windows(x: Array, each: Sequence[Window]) -> Array:
    """All windows over the last axes, as a view: N x channels x kernel x positions."""
    sample, channel, *steps = x.strides
    pairs = [*zip(steps, each, strict=True)]
    space = [
        len(starts(size, w._replace(before=0, after=0))) for size, w in zip(x.shape[2:], each, strict=True)
    ]
    return as_strided(
        x,
        (*x.shape[:2], *(w.kernel for w in each), *space),
        (sample, channel, *(step * w.dilation for step, w in pairs), *(step * w.stride for step, w in pairs)),
        writeable=False,
    )


def boxes(space: Sequence[int], limit: int) -> Iterator[tuple[Box, slice]]:
    """Cuts positions into boxes of about equal size with at most `limit` of them, but at least one.

    Each box is one run of the flattened positions, which comes with it: axes before the one that is cut
    have one index, those after it are whole.
    """
    axis = next((axis for axis in range(len(space)) if prod(space[axis + 1 :]) <= limit), len(space) - 1)
    length, inner = space[axis], prod(space[axis + 1 :])
    parts = -(-length // max(1, limit // inner))
    cuts = [slice(length * part // parts, length * (part + 1) // parts) for part in range(parts)]
    ones = [[slice(index, index + 1) for index in range(size)] for size in space[:axis]]
    first = 0
    for outer in product(*ones, cuts):
        end = first + (outer[-1].stop - outer[-1].start) * inner
        yield (*outer, *(slice(0, size) for size in space[axis + 1 :])), slice(first, end)
        first = end


def _reached(tap: Sequence[int], box: Box, each: Sequence[Window]) -> Iterator[slice]:
    """Where one tap of the kernel lands along each axis, from the positions of a box."""
    for at, one, w in zip(tap, box, each, strict=True):
        first = at * w.dilation + one.start * w.stride
        yield slice(first, first + (one.stop - one.start - 1) * w.stride + 1, w.stride)
