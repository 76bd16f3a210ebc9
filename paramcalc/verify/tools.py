"""The array functions that ops are handed for their forward pass.

An op sees only this toolbox, never NumPy. Whatever multiplies weights or activations with each
other and sums up goes through `matmul`, `convolve` or `convolve_transposed`, which tally the
multiplications of the very arrays that they hand to the matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from paramcalc.ops._window import Window
from paramcalc.verify import BLAS_IS_SINGLE
from paramcalc.verify.erf import erf
from paramcalc.verify.unroll import Scratch, add_columns, boxes, reached, run_of, starts, unroll

if TYPE_CHECKING:
    from paramcalc.ops.base import Op
    from paramcalc.shape import Shape

Array: TypeAlias = NDArray[Any]
Result = TypeVar("Result")

CACHE_BYTES = 1 << 20  # what may be expected to stay in a core's cache
PIECE = 1 << 15  # elements of an elementwise piece: a few of these fit the cache together
LEAST_COLUMNS = 256  # a narrower matrix product spends its time on packing the weights
WORTH_A_THREAD = 1 << 20  # multiplications
PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Tools:
    """Array functions, a tally of multiplications, and a few threads with bounded work buffers.

    `threads` share out contractions and elementwise work. `work_bytes` bounds the buffers for
    unrolled convolutions, all threads together.

    An op that needs to know where an axis is in its arrays asks `axis`; an op that may overwrite its
    input, if nobody else reads it, asks `into`.
    """

    def __init__(self, threads: int = 1, work_bytes: int = 64 << 20) -> None:
        self.multiplications = 0
        self.shapes: tuple[Shape, ...] = ()
        self._spare: frozenset[int] = frozenset()
        self._workers = threads if BLAS_IS_SINGLE else 1
        self._pool = ThreadPoolExecutor(self._workers - 1) if self._workers > 1 else None
        self._scratch = [Scratch(work_bytes // self._workers) for _ in range(self._workers)]

    def apply(
        self,
        op: Op,
        shapes: Sequence[Shape],
        arrays: Sequence[Array],
        weights: Mapping[str, Array],
        spare: Collection[Array] = (),
    ) -> Array:
        """The op's output for a batch; it may be one of the inputs, or a view of one.

        shapes:  of the inputs, without the batch; they only name the arrays' axes
        arrays:  N, then the axes of the shape
        weights: learned and frozen weights and buffers by name
        spare:   those of the arrays that may be overwritten, as neither they nor an array that
                 shares their memory is read again
        """
        self.shapes = tuple(shapes)
        self._spare = frozenset(id(array) for array in spare)
        result: Array = op.forward(self, *arrays, **weights)
        return result

    def axis(self, name: str, of: int = 0) -> int:
        """Position of a named axis in the array of an input; the batch is axis 0."""
        return 1 + self.shapes[of].axes.index(name)

    def into(self, x: Array) -> Array:
        """An array for a result like `x`: `x` itself if it may be overwritten, else a new one."""
        if id(x) in self._spare and x.flags.c_contiguous and x.flags.writeable:
            return x
        return np.empty(x.shape, x.dtype)

    # -------------------------------------------------------------- functions that contract nothing

    abs = staticmethod(np.abs)
    array = staticmethod(np.array)
    broadcast_to = staticmethod(np.broadcast_to)
    concatenate = staticmethod(np.concatenate)
    contiguous = staticmethod(np.ascontiguousarray)
    empty = staticmethod(np.empty)
    erf = staticmethod(erf)
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    max = staticmethod(np.max)
    maximum = staticmethod(np.maximum)
    mean = staticmethod(np.mean)
    minimum = staticmethod(np.minimum)
    moveaxis = staticmethod(np.moveaxis)
    power = staticmethod(np.power)
    repeat = staticmethod(np.repeat)
    sqrt = staticmethod(np.sqrt)
    stack = staticmethod(np.stack)
    tanh = staticmethod(np.tanh)
    where = staticmethod(np.where)
    zeros = staticmethod(np.zeros)

    @staticmethod
    def epsilon(x: Array) -> float:
        """The step from 1 to the next number of the array's type."""
        return float(np.finfo(x.dtype).eps)

    @staticmethod
    def along(vector: Array, axis: int, like: Array) -> Array:
        """A vector shaped so that it broadcasts along one axis of another array."""
        return vector.reshape([-1 if index == axis else 1 for index in range(like.ndim)])

    @staticmethod
    def pad(x: Array, ends: Sequence[tuple[int, int]], mode: str = "zeros") -> Array:
        """Positions added before and after the last axes; modes are named as in PyTorch."""
        return np.pad(x, [(0, 0)] * (x.ndim - len(ends)) + list(ends), PAD_MODES[mode])  # type: ignore[call-overload, no-any-return]

    def elementwise(self, function: Callable[..., Array], x: Array, *others: Array) -> Array:
        """`function` of arrays of one shape, element by element, in pieces that stay in the cache.

        The function gets flat pieces and may make temporaries as it likes. The result overwrites
        `x` if it may.
        """
        out = self.into(x)
        target, flats = out.reshape(-1), [np.ravel(array) for array in (x, *others)]

        def work(scratch: Scratch, start: int, stop: int) -> None:
            with np.errstate(over="ignore"):
                for first in range(start, stop, PIECE):
                    piece = slice(first, min(first + PIECE, stop))
                    target[piece] = function(*(flat[piece] for flat in flats))

        self._share(out.size, work, least=4 * PIECE)
        return out

    def scale_shift(self, x: Array, scale: Array, shift: Array, axis: int) -> Array:
        """x * scale + shift, with a number each for every index of one axis."""
        out = self.into(x)
        outer, length, inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
        if inner > 1:
            rows, columns = outer * length, inner
            scales, shifts = (np.tile(values, outer)[:, None] for values in (scale, shift))
        else:
            rows, columns = outer, length
            scales, shifts = (np.broadcast_to(values, (rows, columns)) for values in (scale, shift))
        source, target = x.reshape(rows, columns), out.reshape(rows, columns)
        step = max(1, PIECE // columns)

        def work(scratch: Scratch, start: int, stop: int) -> None:
            for first in range(start, stop, step):
                part = slice(first, min(first + step, stop))
                np.multiply(source[part], scales[part], out=target[part])
                target[part] += shifts[part]

        self._share(rows, work, least=4 * step)
        return out

    # ------------------------------------------------------------------------------ sliding windows

    @staticmethod
    def starts(x: Array, each: Sequence[Window], *, ceil_mode: bool = False) -> list[range]:
        """Where the windows start along each of the last axes of `x`; below zero is padding."""
        sizes = x.shape[-len(each) :]
        return [starts(size, w, ceil_mode=ceil_mode) for size, w in zip(sizes, each, strict=True)]

    def slide_max(self, x: Array, each: Sequence[Window], places: Sequence[range]) -> Array:
        """The greatest element of each window over the last axes; padding is minus infinity."""
        return self._slide(np.maximum, -np.inf, x, each, places)

    def slide_sum(self, x: Array, each: Sequence[Window], places: Sequence[range]) -> Array:
        """The sum of each window over the last axes; padding is zero."""
        return self._slide(np.add, 0, x, each, places)

    def _slide(
        self, combine: np.ufunc, empty: float, x: Array, each: Sequence[Window], places: Sequence[range]
    ) -> Array:
        """Combines windows one axis after the other, which is the same for sums and maxima."""
        rank = len(each)
        lead, space = x.shape[:-rank], x.shape[-rank:]
        source = x.reshape(-1, *space)
        out = np.empty((len(source), *map(len, places)), x.dtype)
        step = max(1, PIECE // prod(space))

        def work(scratch: Scratch, start: int, stop: int) -> None:
            for first in range(start, stop, step):
                rows = slice(first, min(first + step, stop))
                part = source[rows]
                for axis, (window, place) in enumerate(zip(each, places, strict=True), start=1):
                    part = _slide_axis(combine, empty, part, axis, window, place)
                out[rows] = part

        self._share(len(source), work, least=4 * step)
        return out.reshape(*lead, *out.shape[1:])

    # --------------------------------------------------------------------------------- contractions

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product over the last two axes; the axes before them broadcast."""
        if b.ndim == 2 and a.ndim > 2:
            return self.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = np.empty((*lead, a.shape[-2], b.shape[-1]), np.result_type(a, b))
        if lead and lead[0] >= self._workers:
            cut = 0
            a, b = (np.broadcast_to(array, (*lead, *array.shape[-2:])) for array in (a, b))
        else:
            cut = -1 if b.shape[-1] >= a.shape[-2] else -2

        def work(scratch: Scratch, start: int, stop: int) -> int:
            left = a if cut == -1 else _range(a, cut, start, stop)
            right = b if cut == -2 else _range(b, cut, start, stop)
            return _multiply(left, right, _range(out, cut, start, stop))

        each = max(1, out.size * a.shape[-1] // max(1, out.shape[cut]))
        self.multiplications += sum(self._share(out.shape[cut], work, least=-(-WORTH_A_THREAD // each)))
        return out

    def convolve(
        self, x: Array, weight: Array, each: Sequence[Window], groups: int = 1, bias: Array | None = None
    ) -> Array:
        """The sliding dot product, zeros for padding.

        x:      N x channels x space
        weight: out_channels x channels/groups x kernel
        each:   stride, dilation and padding along each axis of the space
        y:      N x out_channels x positions

        Windows are unrolled into columns block by block (not at all for a 1x1 kernel), and each block
        is one matrix product for each group. A block's columns stay in the cache.
        """
        outputs, depth, *kernel = weight.shape
        space = [len(starts(size, w)) for size, w in zip(x.shape[2:], each, strict=True)]
        rows, taps, positions = outputs // groups, depth * prod(kernel), prod(space)
        y = np.empty((len(x), outputs, *space), x.dtype)
        target = y.reshape(len(x), groups, rows, positions)
        matrix = weight.reshape(groups, rows, taps)
        direct = prod(kernel) == 1 and all(one.stride == 1 and one.before == one.after == 0 for one in each)
        flat = np.ascontiguousarray(x).reshape(len(x), groups, depth, positions) if direct else x

        together, columns = self._blocks(groups, positions, taps * x.itemsize, direct=direct)
        tasks = [
            (sample, slice(first, min(first + together, groups)), box)
            for sample, first, box in product(
                range(len(x)), range(0, groups, together), list(boxes(space, columns))
            )
        ]
        cut = self._workers if len(tasks) < self._workers else 1
        parts = [slice(rows * part // cut, rows * (part + 1) // cut) for part in range(cut)]

        def work(scratch: Scratch, start: int, stop: int) -> int:
            done = 0
            for index in range(start, stop):
                (sample, group, box), part = tasks[index // cut], parts[index % cut]
                run = run_of(box, space)
                if direct:
                    unrolled = flat[sample, group, :, run]
                else:
                    scratch.clear()
                    channels = x[sample, group.start * depth : group.stop * depth]
                    unrolled = unroll(channels, kernel, each, box, scratch)
                    unrolled = unrolled.reshape(group.stop - group.start, taps, -1)
                out = target[sample, group, part, run]
                done += _multiply(matrix[group, part], unrolled, out)
                if bias is not None:
                    out += bias.reshape(groups, rows, 1)[group, part]
            return done

        least = -(-WORTH_A_THREAD * len(tasks) * cut // max(1, y.size * taps))
        self.multiplications += sum(self._share(len(tasks) * cut, work, least=least))
        return y

    def convolve_transposed(
        self,
        x: Array,
        weight: Array,
        each: Sequence[Window],
        extra: Sequence[int],
        groups: int = 1,
        bias: Array | None = None,
    ) -> Array:
        """The convolution run backwards: each position adds its scaled kernel to the output.

        x:      N x channels x space
        weight: channels x out_channels/groups x kernel
        each:   stride, dilation, and what is cut off (padding) along each axis of the space
        extra:  positions added at the far end of each axis
        y:      N x out_channels x positions

        One matrix product gives all scaled kernels of a block of positions, which are then added up.
        """
        inputs, rows, *kernel = weight.shape
        depth, taps, space = inputs // groups, prod(kernel), x.shape[2:]
        sizes = [
            (size - 1) * w.stride + w.span + more - w.before - w.after
            for size, w, more in zip(space, each, extra, strict=True)
        ]
        y = np.zeros((len(x), groups * rows, *sizes), x.dtype)
        if bias is not None:
            y += bias.reshape(-1, *(1 for _ in sizes))
        target = y.reshape(len(x), groups, rows, *sizes)
        matrix = weight.reshape(groups, depth, rows, taps)
        flat = np.ascontiguousarray(x).reshape(len(x), groups, depth, prod(space))

        tasks = list(product(range(len(x)), range(groups)))
        cut = min(rows, self._workers) if len(tasks) < self._workers else 1
        parts = [slice(rows * part // cut, rows * (part + 1) // cut) for part in range(cut)]
        _, columns = self._blocks(1, prod(space), -(-rows // cut) * taps * x.itemsize)

        def work(scratch: Scratch, start: int, stop: int) -> int:
            done = 0
            for index in range(start, stop):
                (sample, group), part = tasks[index // cut], parts[index % cut]
                kernels = matrix[group, :, part].reshape(depth, -1).T
                for box in boxes(space, columns):
                    scratch.clear()
                    inputs = flat[sample, group, :, run_of(box, space)]
                    scaled = scratch.take((len(kernels), inputs.shape[1]), x.dtype)
                    done += _multiply(kernels, inputs, scaled)
                    counts = (one.stop - one.start for one in box)
                    scaled = scaled.reshape(part.stop - part.start, *kernel, *counts)
                    add_columns(target[sample, group, part], scaled, each, box)
            return done

        least = -(-WORTH_A_THREAD * len(tasks) * cut // max(1, x.size * rows * taps))
        self.multiplications += sum(self._share(len(tasks) * cut, work, least=least))
        return y

    def _blocks(self, groups: int, positions: int, column: int, *, direct: bool = False) -> tuple[int, int]:
        """How many groups and how many positions to work on at once; `column` is in bytes.

        Columns should fit the cache, unless that makes them too few for the matrix product to be
        worth packing its weights, and must fit half the work buffer.
        """
        fair = max(LEAST_COLUMNS // 2, -(-positions // self._workers))
        if direct:
            return max(1, groups // self._workers), fair
        whole = column * positions
        if groups > 1 and whole <= CACHE_BYTES:
            return min(CACHE_BYTES // whole, -(-groups // self._workers)), positions
        most = min(max(CACHE_BYTES // column, LEAST_COLUMNS), self._scratch[0].size // 2 // column, fair)
        return 1, max(1, most)

    def _share(self, count: int, work: Callable[[Scratch, int, int], Result], least: int = 1) -> list[Result]:
        """Runs work(scratch, start, stop) over all of range(count), shared out among the threads.

        A thread gets at least `least` of the count, so small work stays in this thread.
        """
        parts = max(1, min(self._workers, count // max(1, least)))
        bounds = [count * part // parts for part in range(parts + 1)]
        if self._pool is None or parts == 1:
            return [work(self._scratch[0], 0, count)]
        futures = [
            self._pool.submit(work, self._scratch[part], bounds[part], bounds[part + 1])
            for part in range(1, parts)
        ]
        try:
            own = work(self._scratch[0], bounds[0], bounds[1])
        finally:
            others = [future.result() for future in futures]
        return [own, *others]


def _multiply(a: Array, b: Array, out: Array) -> int:
    """The matrix product into `out`; the number of multiplications that it takes."""
    np.matmul(a, b, out=out)
    return prod(out.shape) * int(a.shape[-1])


def _range(array: Array, axis: int, start: int, stop: int) -> Array:
    """A range of one axis, the first or one of the last two."""
    if axis == 0:
        return array[start:stop]
    return array[..., start:stop] if axis == -1 else array[..., start:stop, :]


def _slide_axis(combine: np.ufunc, empty: float, x: Array, axis: int, window: Window, place: range) -> Array:
    """Combines the elements under a window along one axis, at each of its places."""
    shape = list(x.shape)
    shape[axis] = len(place)
    out = np.full(shape, empty, x.dtype)
    before = (slice(None),) * axis
    for tap in range(window.kernel):
        first = place.start + tap * window.dilation
        low, high = reached(first, place.step, len(place), x.shape[axis])
        if low < high:
            taken = slice(first + low * place.step, first + (high - 1) * place.step + 1, place.step)
            part = out[(*before, slice(low, high))]
            combine(part, x[(*before, taken)], out=part)
    return out
