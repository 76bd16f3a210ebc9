"""Checks of a tensor's axes for ops that move, cut, pad and mix positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, at_least
from paramcalc.ops.base import Array, Op, Tools, need_space

T = TypeVar("T")
PLANE = ("height", "width")


def space_axes(op: Op, x: Shape) -> tuple[str, ...]:
    """The names of the axes besides the channels, at least one."""
    return tuple(axis for axis in need_space(op, x).axes if axis != CHANNELS)


def spread(op: Op, attribute: str, values: Sequence[T], x: Shape) -> dict[str, T]:
    """A value for each axis besides the channels, from one for all or one for each."""
    names = space_axes(op, x)
    if len(values) not in (1, len(names)):
        pair = "write different padding before and after one axis as ((before, after),)"
        each = (
            f"one value, or one for each of the {len(names)} axes"
            if len(names) > 1
            else "one value, for the only axis"
        )
        raise Fault(
            f"{op.title}: {attribute} takes {each}",
            expected=f"one value each for {', '.join(names)}",
            found=f"{len(values)} values",
            fix=pair if len(names) == 1 and values and isinstance(values[0], tuple) else "",
            about=attribute,
        )
    return dict(zip(names, values if len(values) > 1 else [values[0]] * len(names), strict=True))


TO_TOKENS = "put to_tokens before it"


def need_tokens(op: Op, x: Shape, name: str = "", several: bool = False) -> Shape:
    """The input itself, if it is a sequence of channel vectors; or, if several may be, sequences of them."""
    if (x.axes[-2:] if several else x.axes) != ("length", CHANNELS):
        raise Fault(
            f"{op.title} needs tokens{f' as {name}' if name else ''}: length x channels",
            found=x.described(),
            fix=_tokens_fix(x),
        )
    return x


def _tokens_fix(x: Shape) -> str:
    if x.axes == (CHANNELS,):
        return "a vector has no length: name the axes of the input, or reshape it"
    if CHANNELS not in x.axes:
        return "the input has no channels: put an embedding before it"
    return TO_TOKENS


def need_last_channels(op: Op, x: Shape, fix: str) -> Size:
    """The channels, which must be the last axis."""
    if x.axes[-1] != CHANNELS:
        raise Fault(
            f"{op.title} works on the last axis, which must be the channels",
            expected="channels last",
            found=x.described(),
            fix=fix,
        )
    return x.channels


def need_plane(op: Op, x: Shape) -> Shape:
    """The input itself, if its axes are channels, height and width in any order."""
    if set(x.axes) != {CHANNELS, *PLANE}:
        raise Fault(
            f"{op.title} needs an image",
            expected="the axes channels, height, width",
            found=x.described(),
        )
    return x


def need_left(op: Op, axis: str, size: Size, x: Shape) -> Size:
    """What is left of an axis, if it is one position at least."""
    if not at_least(size, 1):
        raise Fault(
            f"{op.title}: nothing remains of the {axis}",
            expected=f"an output {axis} of at least 1",
            found=f"{size} from an input of {x.described()}",
        )
    return size


def to_planes(tools: Tools, x: Array) -> Array:
    """An image as N x channels x height x width, whatever the order of its axes."""
    return x.transpose(0, *(tools.axis(axis) for axis in (CHANNELS, *PLANE)))


def from_planes(tools: Tools, x: Array) -> Array:
    """N x channels x height x width in the order of the op's input."""
    order = (CHANNELS, *PLANE)
    return x.transpose(0, *(1 + order.index(axis) for axis in tools.shapes[0].axes))
