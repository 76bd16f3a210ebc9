"""Matrix products and convolutions, with the number of multiplications that they take.

Everything ends in `multiply`, which counts from the arrays that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramcalc.ops._window import Window
from paramcalc.verify.crew import Crew, Scratch
from paramcalc.verify.unroll import Box, add_columns, add_shifted, boxes, run_of, starts, unroll

Array: TypeAlias = NDArray[Any]
Counted: TypeAlias = tuple[Array, int]  # a result, and the multiplications that it took

CACHE_BYTES = 1 << 21  # what may be expected to stay in a core's cache
LEAST_COLUMNS = 256  # a narrower matrix product spends its time on packing the weights
TALL = 576  # rows of a matrix product that are enough for its columns to be worth packing
WORTH_A_THREAD = 1 << 24  # multiplications; fewer are done before another thread wakes up


def multiply(a: Array, b: Array, out: Array) -> int:
    """The matrix product into `out`; the number of multiplications that it takes."""
    np.matmul(a, b, out=out)
    return prod(out.shape) * int(a.shape[-1])


def matmul(crew: Crew, a: Array, b: Array) -> Counted:
    """The matrix product over the last two axes; the axes before them broadcast."""
    if b.ndim == 2 and a.ndim > 2:
        flat, count = matmul(crew, a.reshape(-1, a.shape[-1]), b)
        return flat.reshape(*a.shape[:-1], b.shape[-1]), count
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.empty((*lead, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    if lead and lead[0] >= crew.size:
        cut = 0
        a, b = (np.broadcast_to(array, (*lead, *array.shape[-2:])) for array in (a, b))
    else:
        cut = -1 if b.shape[-1] >= a.shape[-2] else -2

    def work(scratch: Scratch, start: int, stop: int) -> int:
        left = a if cut == -1 else _range(a, cut, start, stop)
        right = b if cut == -2 else _range(b, cut, start, stop)
        return multiply(left, right, _range(out, cut, start, stop))

    each = out.size * a.shape[-1] // max(1, out.shape[cut])
    return out, sum(crew.share(out.shape[cut], work, least=_worth(each)))


def convolve(
    crew: Crew, x: Array, weight: Array, each: Sequence[Window], groups: int, bias: Array | None
) -> Counted:
    """The sliding dot product, zeros for padding; see `Tools.convolve`."""
    outputs, depth, *kernel = weight.shape
    space = [len(starts(size, w)) for size, w in zip(x.shape[2:], each, strict=True)]
    keeps_size = space == list(x.shape[2:]) and all(w.stride == 1 for w in each)
    narrow = 2 * outputs // groups <= depth and prod(kernel) > 1 and prod(space) >= LEAST_COLUMNS // 2
    if keeps_size and narrow:
        return _convolve_by_taps(crew, x, weight, each, groups, bias)
    return _ByColumns(crew, x, weight, each, groups, bias, space).run()


class _ByColumns:
    """A convolution as matrix products: windows unrolled into columns, block by block.

    For a 1x1 kernel x itself is the columns. Threads share out samples, groups and positions; where
    columns are few and long, channels instead, and their partial sums are added at the end.
    """

    def __init__(
        self,
        crew: Crew,
        x: Array,
        weight: Array,
        each: Sequence[Window],
        groups: int,
        bias: Array | None,
        space: Sequence[int],
    ) -> None:
        outputs, depth, *self._kernel = weight.shape
        self._crew, self._each, self._space = crew, each, space
        self._direct = prod(self._kernel) == 1 and all(
            w.stride == 1 and w.before == w.after == 0 for w in each
        )
        self._x = x.reshape(len(x), groups, depth, *x.shape[2:])
        self._weight = weight.reshape(groups, outputs // groups, depth, prod(self._kernel))
        self._bias = None if bias is None else bias.reshape(groups, outputs // groups, 1)
        few = len(x) * groups == 1 and prod(space) < depth * prod(self._kernel)
        self._channels = _parts(depth, crew.size if few else 1)
        self._sums = [np.empty((len(x), outputs, *space), x.dtype) for _ in self._channels]
        self._tasks = self._cut()

    def run(self) -> Counted:
        """The output, and its multiplications."""
        y, *partial_sums = self._sums
        each = y.size * prod(self._weight.shape[2:]) // max(1, len(self._tasks))
        done = sum(self._crew.share(len(self._tasks), self._work, least=_worth(each)))
        for partial in partial_sums:
            y += partial
        return y, done

    def _cut(self) -> list[tuple[int, int, slice, Box]]:
        """Tasks: which part of the channels, sample, groups and positions to work on at once.

        Columns should fit the cache, unless that makes them too few for the matrix product to be
        worth packing its weights; and they must fit half the work buffer.
        """
        groups, _, depth, taps = self._weight.shape
        positions, parts = prod(self._space), len(self._channels)
        column = -(-depth // parts) * taps * self._x.itemsize
        together = 1
        most = positions if parts > 1 else max(LEAST_COLUMNS // 2, -(-positions // self._crew.size))
        if groups > 1 and (self._direct or column * positions <= CACHE_BYTES):
            most, fit = positions, groups if self._direct else CACHE_BYTES // (column * positions)
            together = min(fit, -(-groups // self._crew.size))
        elif not self._direct:
            fit = max(CACHE_BYTES // column, LEAST_COLUMNS)
            most = max(1, min(most, fit, self._crew.scratch_size // 2 // column))
        chunks = [slice(first, min(first + together, groups)) for first in range(0, groups, together)]
        return list(product(range(parts), range(len(self._x)), chunks, boxes(self._space, most)))

    def _work(self, scratch: Scratch, start: int, stop: int) -> int:
        groups, rows, *_ = self._weight.shape
        sums = [y.reshape(len(y), groups, rows, -1) for y in self._sums]
        done = 0
        for part, sample, group, box in self._tasks[start:stop]:
            channels = self._channels[part]
            source = self._x[sample, group, channels]
            weights = self._weight[group, :, channels].reshape(len(source), rows, -1)
            out = sums[part][sample, group, :, run_of(box, self._space)]
            done += multiply(weights, self._columns(source, box, scratch), out)
            if self._bias is not None and part == 0:
                out += self._bias[group]
        return done

    def _columns(self, source: Array, box: Box, scratch: Scratch) -> Array:
        """groups x channels x space -> groups x (channels * kernel) x positions of the box."""
        if self._direct:
            return source.reshape(*source.shape[:2], -1)[..., run_of(box, self._space)]
        scratch.clear()
        channels = source.reshape(-1, *source.shape[2:])
        columns = unroll(channels, self._kernel, self._each, box, scratch)
        return columns.reshape(len(source), -1, columns.shape[-1])


def _convolve_by_taps(
    crew: Crew, x: Array, weight: Array, each: Sequence[Window], groups: int, bias: Array | None
) -> Counted:
    """A convolution that keeps the size: each tap of the kernel times all of x, shifted and added.

    As many multiplications as by columns, and cheaper where few channels come out of many: what is
    moved about is the products, not the input. Threads share out samples, groups and outputs.
    """
    outputs, depth, *kernel = weight.shape
    rows, taps, space = outputs // groups, prod(kernel), x.shape[2:]
    y = _filled((len(x), outputs, *space), bias, x.dtype)
    target = y.reshape(len(x), groups, rows, *space)
    flat = np.ascontiguousarray(x).reshape(len(x), groups, depth, prod(space))
    by_tap = weight.reshape(groups, rows, depth, taps)
    offsets = [
        [w.before - at * w.dilation for at, w in zip(tap, each, strict=True)] for tap in np.ndindex(*kernel)
    ]
    parts = _parts(rows, max(-(-rows * taps // TALL), crew.size // (len(x) * groups)))
    tasks = list(product(range(len(x)), range(groups), parts))
    most = max(1, CACHE_BYTES // (-(-rows // len(parts)) * taps * x.itemsize))

    def work(scratch: Scratch, start: int, stop: int) -> int:
        done = 0
        for sample, group, part in tasks[start:stop]:
            kernels = np.ascontiguousarray(by_tap[group, part].transpose(2, 0, 1)).reshape(-1, depth)
            for box in boxes(space, most):
                inputs = flat[sample, group, :, run_of(box, space)]
                count, products = _products(kernels, inputs, scratch)
                done += count
                for offset, tap in zip(offsets, products.reshape(taps, -1, inputs.shape[1]), strict=True):
                    add_shifted(target[sample, group, part], tap, offset, box)
        return done

    return y, sum(crew.share(len(tasks), work, least=_worth(y.size * taps * depth // max(1, len(tasks)))))


def convolve_transposed(
    crew: Crew,
    x: Array,
    weight: Array,
    each: Sequence[Window],
    extra: Sequence[int],
    groups: int,
    bias: Array | None,
) -> Counted:
    """Each position adds its scaled kernel to the output; see `Tools.convolve_transposed`.

    One matrix product gives all scaled kernels of a block of positions. Threads share out samples,
    groups and outputs.
    """
    inputs, rows, *kernel = weight.shape
    depth, taps, space = inputs // groups, prod(kernel), x.shape[2:]
    sizes = [
        (size - 1) * w.stride + w.span + more - w.before - w.after
        for size, w, more in zip(space, each, extra, strict=True)
    ]
    y = _filled((len(x), groups * rows, *sizes), bias, x.dtype)
    target = y.reshape(len(x), groups, rows, *sizes)
    matrix = weight.reshape(groups, depth, rows, taps)
    flat = np.ascontiguousarray(x).reshape(len(x), groups, depth, prod(space))
    parts = _parts(rows, crew.size // (len(x) * groups))
    tasks = list(product(range(len(x)), range(groups), parts))
    column = -(-rows // len(parts)) * taps * x.itemsize
    most = max(1, min(max(CACHE_BYTES // column, LEAST_COLUMNS), crew.scratch_size // column))

    def work(scratch: Scratch, start: int, stop: int) -> int:
        done = 0
        for sample, group, part in tasks[start:stop]:
            kernels = matrix[group, :, part].reshape(depth, -1).T
            for box in boxes(space, most):
                count, products = _products(kernels, flat[sample, group, :, run_of(box, space)], scratch)
                done += count
                products = products.reshape(-1, *kernel, *_counts(box))
                add_columns(target[sample, group, part], products, each, box)
        return done

    return y, sum(crew.share(len(tasks), work, least=_worth(x.size * rows * taps // max(1, len(tasks)))))


def _products(a: Array, b: Array, scratch: Scratch) -> tuple[int, Array]:
    """The multiplications of a matrix product, and the product, in all of the work buffer."""
    scratch.clear()
    out = scratch.take((len(a), b.shape[1]), b.dtype)
    return multiply(a, b, out), out


def _parts(length: int, count: int) -> list[slice]:
    """A range cut into about equal parts, none empty, at least one."""
    count = max(1, min(count, length))
    return [slice(length * part // count, length * (part + 1) // count) for part in range(count)]


def _counts(box: Box) -> tuple[int, ...]:
    return tuple(one.stop - one.start for one in box)


def _worth(multiplications: int) -> int:
    """Of tasks that take so many multiplications, how many are worth a thread."""
    return -(-WORTH_A_THREAD // max(1, multiplications))


def _filled(shape: tuple[int, ...], bias: Array | None, dtype: np.dtype[Any]) -> Array:
    """An array that holds the bias of each channel, or zeros."""
    if bias is None:
        return np.zeros(shape, dtype)
    y = np.empty(shape, dtype)
    y[...] = bias.reshape(-1, *(1 for _ in shape[2:]))
    return y


def _range(array: Array, axis: int, start: int, stop: int) -> Array:
    """A range of one axis, the first or one of the last two."""
    if axis == 0:
        return array[start:stop]
    return array[..., start:stop] if axis == -1 else array[..., start:stop, :]
