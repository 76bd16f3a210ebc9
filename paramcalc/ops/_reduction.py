"""Common code of ops that reduce several values to one, such as their mean or their maximum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from paramcalc.base.shape import AXES, CHANNELS, Shape, vector
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Words
from paramcalc.ops.base import Array, Cost, Op, Tools, need_axes, need_space


class Reducing(Op):
    """An op that reduces many values to each of its results; `Mean` or `Greatest` says how."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        """Operations by kind, where `pairs` of values are brought together to `results`."""
        raise NotImplementedError

    def reduction(self, tools: Tools) -> Callable[..., Array]:
        """The array function that does it."""
        raise NotImplementedError

    def reducing(self, read: Size, results: Size) -> Cost:
        """The work of reducing a number of values to a number of results."""
        return Cost(connections=read, operations=self.work(read - results, results))


class Mean(Reducing):
    """The mean of the values."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"add": pairs, "divide": results}

    def reduction(self, tools: Tools) -> Callable[..., Any]:
        return tools.mean  # type: ignore[no-any-return]


class Total(Reducing):
    """The sum of the values."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"add": pairs}

    def reduction(self, tools: Tools) -> Callable[..., Any]:
        return tools.sum  # type: ignore[no-any-return]


class Length(Reducing):
    """The root of the sum of the squares."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"multiply": pairs + results, "add": pairs, "sqrt": results}

    def reduction(self, tools: Tools) -> Callable[..., Any]:
        return lambda x, **along: tools.sqrt(tools.sum(x * x, **along))


class Least(Reducing):
    """The least of the values."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"compare": pairs}

    def reduction(self, tools: Tools) -> Callable[..., Any]:
        return tools.min  # type: ignore[no-any-return]


class Greatest(Reducing):
    """The greatest of the values."""

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"compare": pairs}

    def reduction(self, tools: Tools) -> Callable[..., Any]:
        return tools.max  # type: ignore[no-any-return]


@dataclass(frozen=True)
class AxisReduction(Reducing):
    """Reduces axes (default: the channels) to one value; they stay, with size 1."""

    axis: Words = field(default=(CHANNELS,), metadata={"choices": AXES})

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], self.axis).resized(dict.fromkeys(self.axis, 1))

    def cost(self, *inputs: Shape) -> Cost:
        return self.reducing(inputs[0].elements, self.shape(*inputs).elements)

    def forward(self, tools: Tools, x: Array) -> Array:
        return self.reduction(tools)(x, axis=tuple({*map(tools.axis, self.axis)}), keepdims=True)


class GlobalPool(Reducing):
    """One value for each channel in place of all other axes."""

    def shape(self, *inputs: Shape) -> Shape:
        return vector(need_space(self, inputs[0]).channels)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return self.reducing(x.elements, x.channels)

    def forward(self, tools: Tools, x: Array) -> Array:
        channels = tools.axis("channels")
        return self.reduction(tools)(x, axis=tuple(axis for axis in range(1, x.ndim) if axis != channels))
