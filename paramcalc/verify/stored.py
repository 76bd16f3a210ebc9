"""An array that somebody has stored, read when it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from paramcalc.verify.weights import Array

Dims: TypeAlias = tuple[int, ...]


class Stored(NamedTuple):
    """An array in a file: its name there, its shape and type by the header, and how to read it."""

    name: str
    shape: Dims
    dtype: str
    is_real: bool
    read: Callable[[], Array]

    def rows(self, name: str, start: int, stop: int) -> Stored:
        """Some of the rows, under a name of their own."""
        shape = (stop - start, *self.shape[1:])
        return self._replace(name=name, shape=shape, read=lambda: self.read()[start:stop])


def widened(array: Array) -> Array:
    """Numbers of 16 bits that are the upper halves of float32 (bfloat16, which NumPy lacks) as float32."""
    whole: Array = (array.astype(np.uint32) << 16).view(np.float32)
    return whole
