"""What imports ask of NumPy, in plain Python: the site has this as `numpy`, which the browser's Python comes without.

Arrays are few and small there: stored sizes, masks, and numbers that are moved about to see where they go. What is
missing here raises AttributeError, and the import says so.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

_largest, _sum, _product = max, sum, math.prod  # whose names arrays have too, further down
int64 = "i8"
CODES = {
    "f4": "f",
    "f8": "d",
    "f2": "e",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
}
CASTS: dict[Any, Callable[[Any], Any]] = {"f": float, "i": int, "u": int, "b": bool}


class ndarray:  # noqa: N801
    """Numbers in the order of rows, and the sizes of the axes."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: list[Any], shape: tuple[int, ...]) -> None:
        self.data, self.shape = data, shape

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        return next((kind for kind in (bool, int) if self.data and type(self.data[0]) is kind), float)

    def reshape(self, *dims: Any) -> ndarray:
        shape = [int(dim) for dim in (dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)]
        if -1 in shape:
            shape[shape.index(-1)] = self.size // _largest(-math.prod(shape), 1)
        if math.prod(shape) != self.size:
            raise ValueError(f"{self.size} numbers in the shape {shape}")
        return ndarray(self.data, tuple(shape))

    def astype(self, kind: Any) -> ndarray:
        cast = kind if isinstance(kind, type) else CASTS[kind.lstrip("<>=")[0]]
        return ndarray([*map(cast, self.data)], self.shape)

    def copy(self) -> ndarray:
        return ndarray([*self.data], self.shape)

    def transpose(self, *axes: Any) -> ndarray:
        chosen = axes[0] if len(axes) == 1 else axes or range(self.ndim)[::-1]
        order = [axis % self.ndim for axis in chosen]
        return self.picked([range(dim) for dim in self.shape], order)

    def swapaxes(self, one: int, two: int) -> ndarray:
        order = [*range(self.ndim)]
        order[one], order[two] = order[two], order[one]
        return self.transpose(order)

    def picked(self, places: Sequence[Sequence[int]], order: Sequence[int] | None = None) -> ndarray:
        """Of each axis some places, the axes in an order."""
        order = range(self.ndim) if order is None else order
        found = [0]
        for axis in order:
            step = math.prod(self.shape[axis + 1 :])
            steps = [place * step for place in places[axis]]
            found = [start + step for start in found for step in steps]
        return ndarray([self.data[place] for place in found], tuple(len(places[axis]) for axis in order))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, ndarray):  # a mask
            return array([one for one, kept in zip(self.data, key.data, strict=True) if kept])
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys = (*keys[:at], *[slice(None)] * (self.ndim - len(keys) + 1), *keys[at + 1 :])
        keys = (*keys, *[slice(None)] * (self.ndim - len(keys)))
        ranges = [range(dim)[one] for one, dim in zip(keys, self.shape, strict=True)]
        places = [one if isinstance(one, range) else [one] for one in ranges]
        found = self.picked(places)
        shape = tuple(len(one) for one in ranges if isinstance(one, range))
        return ndarray(found.data, shape) if shape else found.data[0]

    def __setitem__(self, key: tuple[ndarray, ...], values: ndarray) -> None:
        """Numbers at places that arrays give, axis by axis, and all of the further axes."""
        inner = math.prod(self.shape[len(key) :])
        steps = [math.prod(self.shape[axis + 1 :]) for axis in range(len(key))]
        for number, place in enumerate(zip(*(one.data for one in key), strict=True)):
            start = _sum(at % dim * step for at, dim, step in zip(place, self.shape, steps, strict=False))
            self.data[start : start + inner] = values.data[number * inner : (number + 1) * inner]

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(self.shape[0]))

    def __len__(self) -> int:
        return self.shape[0]

    def __float__(self) -> float:
        return float(*self.data)

    def __int__(self) -> int:
        return int(*self.data)

    __index__ = __int__

    def __bool__(self) -> bool:
        return bool(*self.data)

    def __neg__(self) -> ndarray:
        return ndarray([-one for one in self.data], self.shape)

    def tolist(self) -> Any:
        return (
            [one.tolist() if isinstance(one, ndarray) else one for one in self] if self.ndim else self.data[0]
        )

    def all(self) -> bool:
        return all(self.data)

    def any(self) -> bool:
        return any(self.data)


def _binary(function: Callable[[Any, Any], Any]) -> tuple[Callable[..., ndarray], Callable[..., ndarray]]:
    def forward(one: Any, two: Any) -> ndarray:
        first, second = broadcast_arrays(one, two)
        return ndarray([*map(function, first.data, second.data)], first.shape)

    return forward, lambda one, two: forward(two, one)


def _rest(one: Any, two: Any) -> Any:
    return one % two if two else 0 * one


def _divided(one: Any, two: Any) -> float:
    if two:
        return float(one / two)
    return math.nan if not one or one != one else math.copysign(math.inf, one)


for _name, _function in {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": _divided, "floordiv": operator.floordiv,
    "mod": _rest, "and": operator.and_, "pow": operator.pow, "eq": operator.eq, "ne": operator.ne, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}.items():  # fmt: skip
    _forward, _back = _binary(_function)
    setattr(ndarray, f"__{_name}__", _forward)
    setattr(ndarray, f"__r{_name}__", _back)

mod, logical_and, logical_or, logical_xor = (
    _binary(function)[0]
    for function in (
        _rest,
        lambda x, y: bool(x and y),
        lambda x, y: bool(x or y),
        lambda x, y: bool(x) != bool(y),
    )
)


def array(values: Any, kind: Any = None) -> ndarray:
    if isinstance(values, ndarray):
        return values.astype(kind) if kind else values
    if isinstance(values, list | tuple | range):
        parts = [array(one) for one in values]
        shape = (len(parts), *(parts[0].shape if parts else ()))
        found = ndarray([one for part in parts for one in part.data], shape)
    else:
        found = ndarray([values], ())
    if not kind and len({type(one) for one in found.data}) > 1:
        kind = float
    return found.astype(kind) if kind else found


asarray = array


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    start, stop = (0, start) if stop is None else (start, stop)
    count = _largest(math.ceil((stop - start) / step), 0)
    return ndarray([start + place * step for place in range(count)], (count,))


def frombuffer(data: Any, code: Any) -> ndarray:
    letter = CODES.get(code.lstrip("<"), "?")
    found = [*struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", bytes(data))]
    return ndarray(found, (len(found),))


class dtype:  # noqa: N801
    def __init__(self, code: str) -> None:
        self.itemsize = struct.calcsize(CODES.get(code.lstrip("<"), "?"))


def full(dims: Sequence[int], number: Any) -> ndarray:
    return ndarray([number] * math.prod(dims), tuple(dims))


def zeros(dims: Sequence[int], kind: Any = float) -> ndarray:
    return full(dims, 0).astype(kind)


def indices(dims: Sequence[int]) -> list[ndarray]:
    places = [*product(*map(range, dims))]
    return [ndarray([place[axis] for place in places], tuple(dims)) for axis in range(len(dims))]


def broadcast_to(values: Any, dims: Sequence[int]) -> ndarray:
    found = array(values)
    if found.shape == tuple(dims):
        return found
    shape = (*[1] * (len(dims) - found.ndim), *found.shape)
    if any(have not in (1, want) for have, want in zip(shape, dims, strict=True)):
        raise ValueError(f"{found.shape} does not fit {tuple(dims)}")
    places = [range(want) if have == want else [0] * want for have, want in zip(shape, dims, strict=True)]
    return ndarray(found.data, shape).picked(places)


def broadcast_arrays(*values: Any) -> list[ndarray]:
    found = [array(one) for one in values]
    rank = _largest(one.ndim for one in found)
    shapes = [(*[1] * (rank - one.ndim), *one.shape) for one in found]
    dims = [next((dim for dim in sizes if dim != 1), 1) for sizes in zip(*shapes, strict=True)]
    return [broadcast_to(one, dims) for one in found]


def concatenate(parts: Sequence[ndarray], axis: int = 0) -> ndarray:
    first = moveaxis(parts[0], axis, 0)
    data = [one for part in parts for one in moveaxis(part, axis, 0).data]
    joined = ndarray(data, (_sum(part.shape[axis] for part in parts), *first.shape[1:]))
    return moveaxis(joined, 0, axis)


def moveaxis(values: ndarray, source: int, target: int) -> ndarray:
    order = [axis for axis in range(values.ndim) if axis != source % values.ndim]
    order.insert(target % values.ndim, source % values.ndim)
    return values.transpose(order)


def take(values: ndarray, ids: ndarray, axis: int) -> ndarray:
    places: list[Sequence[int]] = [range(dim) for dim in values.shape]
    places[axis] = [place % values.shape[axis] for place in ids.data]
    shape = (*values.shape[:axis], *ids.shape, *values.shape[axis + 1 :])
    return ndarray(values.picked(places).data, shape)


def tile(values: ndarray, times: Sequence[int]) -> ndarray:
    return values.picked([[*range(dim)] * count for dim, count in zip(values.shape, times, strict=True)])


def roll(values: ndarray, shifts: Any, axes: Any) -> ndarray:
    pairs = [(shifts, axes)] if isinstance(shifts, int) else [*zip(shifts, axes, strict=True)]
    places: list[Sequence[int]] = [range(dim) for dim in values.shape]
    for shift, axis in pairs:
        size = values.shape[axis]
        places[axis] = [(place - shift) % size for place in range(size)]
    return values.picked(places)


def pad(values: ndarray, amounts: Sequence[Sequence[int]], constant_values: Any = 0) -> ndarray:
    for axis, (before, after) in enumerate(amounts):
        sides = [[*values.shape], [*values.shape]]
        sides[0][axis], sides[1][axis] = int(before), int(after)
        parts = [full(sides[0], constant_values), values, full(sides[1], constant_values)]
        values = concatenate(parts, axis)
    return values


def where(chosen: ndarray, one: Any, two: Any) -> ndarray:
    condition, first, second = broadcast_arrays(chosen, one, two)
    return ndarray(
        [x if c else y for c, x, y in zip(condition.data, first.data, second.data, strict=True)], first.shape
    )


def tril(values: ndarray, k: int = 0) -> ndarray:
    rows, columns = indices(values.shape[-2:])
    return where(columns <= rows + k, values, values * 0)


def triu(values: ndarray, k: int = 0) -> ndarray:
    rows, columns = indices(values.shape[-2:])
    return where(columns >= rows + k, values, values * 0)


def _unary(function: Callable[[Any], Any]) -> Callable[[Any], ndarray]:
    def applied(values: Any) -> ndarray:
        found = array(values)
        return ndarray([*map(function, found.data)], found.shape)

    return applied


trunc, floor, ceil, round = (  # noqa: A001
    _unary(lambda one, function=function: type(one)(function(one)))  # type: ignore[misc]
    for function in (math.trunc, math.floor, math.ceil, round)
)
sqrt, exp, log, sin, cos = map(_unary, (math.sqrt, math.exp, math.log, math.sin, math.cos))
abs = _unary(abs)  # noqa: A001
logical_not = _unary(operator.not_)
nan_to_num = _unary(lambda one: one if math.isfinite(one) else 0)


class _Reduced:
    """A function of several arrays of one shape, or of some axes of one."""

    def __init__(self, function: Callable[[Iterable[Any]], Any]) -> None:
        self.function = function

    def reduce(self, values: Sequence[ndarray]) -> ndarray:
        return ndarray(
            [self.function(each) for each in zip(*(one.data for one in values), strict=True)], values[0].shape
        )

    def __call__(self, values: ndarray, axes: Sequence[int], keepdims: bool = False) -> ndarray:
        kept = [axis for axis in range(values.ndim) if axis not in axes]
        size = math.prod(values.shape[axis] for axis in axes)
        data = values.transpose([*kept, *axes]).data
        shape = [
            1 if axis in axes else dim
            for axis, dim in enumerate(values.shape)
            if keepdims or axis not in axes
        ]
        return ndarray(
            [self.function(data[at : at + size]) for at in range(0, len(data), size)], tuple(shape)
        )


maximum, minimum = _Reduced(max), _Reduced(min)
max, min, sum, prod = maximum, minimum, _Reduced(_sum), _Reduced(_product)  # noqa: A001
mean = _Reduced(lambda values: math.fsum(values) / len([*values]))


@contextmanager
def errstate(**_: str) -> Iterator[None]:
    yield
