"""Weights that notice when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from paramcalc.verify.weights import Array


class Watched(np.ndarray[Any, Any]):
    """A view of an array that tells when something is computed from it, or from a part of it.

    >>> seen = []
    >>> weight = watch({"weight": np.ones((2, 3))}, seen.append)["weight"]
    >>> weight.shape, seen
    ((2, 3), [])
    >>> type(np.ones((4, 3)) @ weight.T), {*seen}
    (<class 'numpy.ndarray'>, {'weight'})
    """

    tell: Callable[[], object] | None

    def __array_finalize__(self, origin: Any) -> None:
        """A part, a reshaped or a transposed view has been taken."""
        self.tell = getattr(origin, "tell", None)
        if self.tell is not None:
            self.tell()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_plain(inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_plain(args), **_plain(kwargs))


def watch(arrays: Mapping[str, Array], tell: Callable[[str], object]) -> dict[str, Array]:
    """Views of the arrays that call `tell` with the array's name when they are read."""
    views: dict[str, Array] = {}
    for name, array in arrays.items():
        views[name] = view = array.view(Watched)
        view.tell = partial(tell, name)
    return views


def _plain(value: Any) -> Any:
    """The same with ordinary arrays, in lists and mappings as well; those read are told."""
    if isinstance(value, Watched):
        if value.tell is not None:
            value.tell()
        return value.view(np.ndarray)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
