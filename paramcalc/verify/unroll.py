"""Sliding windows over arrays: where they start, and their elements as columns of a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from paramcalc.ops._window import Window
from paramcalc.verify.crew import Scratch

Array: TypeAlias = NDArray[Any]
Box: TypeAlias = tuple[slice, ...]  # a range of positions along each spatial axis


@lru_cache(maxsize=1024)
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


def boxes(space: Sequence[int], most: int) -> Iterator[Box]:
    """Cuts positions into boxes of about equal size with at most `most` of them, but at least one.

    In the order of memory, each box is one run.
    """
    length, inner = space[0], prod(space[1:])
    if inner > most and len(space) > 1:
        for index in range(length):
            for rest in boxes(space[1:], most):
                yield (slice(index, index + 1), *rest)
        return
    parts = -(-length // max(1, most // inner))
    for part in range(parts):
        yield (slice(length * part // parts, length * (part + 1) // parts), *(slice(0, n) for n in space[1:]))


def run_of(box: Box, space: Sequence[int]) -> slice:
    """The place of a box in the flattened positions."""
    first = 0
    for one, length in zip(box, space, strict=True):
        first = first * length + one.start
    return slice(first, first + prod(one.stop - one.start for one in box))


def unroll(x: Array, kernel: Sequence[int], each: Sequence[Window], box: Box, scratch: Scratch) -> Array:
    """The windows at the positions of a box, one a column: (channels * kernel) x positions.

    x: channels x space
    """
    firsts = [one.start * w.stride - w.before for one, w in zip(box, each, strict=True)]
    counts = [one.stop - one.start for one in box]
    lengths = [(count - 1) * w.stride + w.span for count, w in zip(counts, each, strict=True)]
    part = _cut(x, firsts, lengths, scratch)
    channel, *steps = part.strides
    view = as_strided(
        part,
        (len(x), *kernel, *counts),
        (
            channel,
            *(step * w.dilation for step, w in zip(steps, each, strict=True)),
            *(step * w.stride for step, w in zip(steps, each, strict=True)),
        ),
        writeable=False,
    )
    columns = scratch.take(view.shape, x.dtype)
    np.copyto(columns, view)
    return columns.reshape(len(x) * prod(kernel), prod(counts))


def _cut(x: Array, firsts: Sequence[int], lengths: Sequence[int], scratch: Scratch) -> Array:
    """A part of each channel, with zeros where it reaches beyond the array."""
    inside, target = [], []
    for first, length, size in zip(firsts, lengths, x.shape[1:], strict=True):
        start, stop = min(max(first, 0), size), max(min(first + length, size), 0)
        inside.append(slice(start, max(start, stop)))
        target.append(slice(start - first, max(start, stop) - first))
    if all(one.stop - one.start == length for one, length in zip(inside, lengths, strict=True)):
        return x[(slice(None), *inside)]
    part = scratch.take((len(x), *lengths), x.dtype)
    part.fill(0)
    part[(slice(None), *target)] = x[(slice(None), *inside)]
    return part


def add_columns(y: Array, columns: Array, each: Sequence[Window], box: Box) -> None:
    """Adds each column to the window that it belongs to, the reverse of `unroll`.

    y:       channels x space
    columns: channels x kernel x positions of the box
    """
    rank = len(box)
    for tap in np.ndindex(*columns.shape[1 : 1 + rank]):
        taken, given = [], []
        for at, one, w, size in zip(tap, box, each, y.shape[1:], strict=True):
            first = at * w.dilation - w.before + one.start * w.stride
            low, high = reached(first, w.stride, one.stop - one.start, size)
            taken.append(slice(low, high))
            given.append(slice(first + low * w.stride, max(0, first + (high - 1) * w.stride + 1), w.stride))
        y[(slice(None), *given)] += columns[(slice(None), *tap, *taken)]


def add_shifted(y: Array, product: Array, offset: Sequence[int], box: Box) -> None:
    """Adds what positions of a box give to the positions `offset` away from them.

    y:       channels x space
    product: channels x positions of the box; is overwritten

    Rows are so short that it pays to add whole channels at once, as one run of memory shifted against
    the other. What would run over the end of a row, into the next, is set to zero first.
    """
    space = y.shape[1:]
    counts = [one.stop - one.start for one in box]
    for axis, (one, away, size) in enumerate(zip(box, offset, space, strict=True), start=1):
        low, high = reached(one.start + away, 1, one.stop - one.start, size)
        if axis > 1 and high - low < one.stop - one.start:
            view = product.reshape(len(product), *counts)
            before = (slice(None),) * axis
            view[(*before, slice(0, low))] = 0
            view[(*before, slice(high, None))] = 0
    shift = 0
    for away, size in zip(offset, space, strict=True):
        shift = shift * size + away
    run, positions = run_of(box, space), prod(space)
    start, stop = max(0, run.start + shift), min(positions, run.stop + shift)
    if start < stop:
        first = run.start + shift
        y.reshape(len(y), positions)[:, start:stop] += product[:, start - first : stop - first]


def reached(first: int, stride: int, count: int, size: int) -> tuple[int, int]:
    """Of the places first, first + stride ... (`count` of them), the range that lies in 0 .. size - 1."""
    low = max(0, -(first // stride))
    high = min(count, (size - 1 - first) // stride + 1)
    return low, max(low, high)
