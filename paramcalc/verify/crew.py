"""A few threads that share out array work, each with a work buffer of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from paramcalc.verify import BLAS_IS_SINGLE

Array: TypeAlias = NDArray[Any]
Result = TypeVar("Result")

_ALIGNMENT = 64
_COPIED = 256  # elements that NumPy copies to make short rows longer; its default is so many that it hurts


class Scratch:
    """A work buffer of bounded size, handed out in parts and given back all at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory: Array | None = None
        self._taken = 0

    def clear(self) -> None:
        """Gives all parts back."""
        self._taken = 0

    def take(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """An array with undefined values; beyond the buffer where not even the least block fits."""
        if self._memory is None:
            self._memory = np.empty(self.size, np.uint8)
        start, length = self._taken, prod(shape) * np.dtype(dtype).itemsize
        if start + length > self.size:
            return np.empty(shape, dtype)
        self._taken += -(-length // _ALIGNMENT) * _ALIGNMENT
        return self._memory[start : start + length].view(dtype).reshape(shape)


class Crew:
    """Threads to share out work among; `scratch_size` is what the buffer of each may hold, in bytes.

    Where BLAS has threads of its own, this crew is one thread: it would only get in their way.
    """

    def __init__(self, threads: int, work_bytes: int) -> None:
        self.size = threads if BLAS_IS_SINGLE else 1
        self.scratch_size = work_bytes // self.size
        self._scratch = [Scratch(self.scratch_size) for _ in range(self.size)]
        self._pool: ThreadPoolExecutor | None = None
        if self.size > 1:
            self._pool = ThreadPoolExecutor(self.size - 1, initializer=np.setbufsize, initargs=(_COPIED,))

    def call(self, function: Callable[[], Result]) -> Result:
        """The function's result, with NumPy set up in this thread as in the others."""
        before = np.setbufsize(_COPIED)
        try:
            return function()
        finally:
            np.setbufsize(before)

    def share(self, count: int, work: Callable[[Scratch, int, int], Result], least: int = 1) -> list[Result]:
        """Runs work(scratch, start, stop) over all of range(count), shared out among the threads.

        A thread gets at least `least` of the count, so small work stays in this thread.
        """
        parts = max(1, min(self.size, count // max(1, least)))
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
