"""Common code of convolution and pooling: padding, and the positions of a sliding window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, sliding
from paramcalc.base.shape import SPACE, Shape
from paramcalc.base.sizes import Size, at_least, ceil_divide, floor_divide, window
from paramcalc.ops.attributes import Padding, PerAxis
from paramcalc.ops.base import Array, Op, Tools, need_positive

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Window(NamedTuple):
    """A window that slides along one axis of `size` positions, padded `before` and `after`."""

    size: Size
    kernel: Size
    stride: Size
    before: Size
    after: Size
    dilation: Size

    @property
    def span(self) -> Size:
        """Positions from the first to the last element of the window, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def positions(self) -> Size:
        """Places of the window; partial ones at the far end are dropped."""
        return window(self.size, self.kernel, self.stride, self.before + self.after, self.dilation)

    @property
    def ceil_positions(self) -> Size:
        """Places of the window when a partial one at the far end counts (PyTorch's `ceil_mode`).

        The last window must still start inside the input or the padding before it.
        """
        padded = self.before + self.size + self.after
        positions = ceil_divide(padded - self.span, self.stride) + 1
        if at_least(self.span, self.stride + self.after):
            return positions  # then no window can start in the padding after the input
        outside = at_least((positions - 1) * self.stride, self.before + self.size)
        return positions - 1 if outside else positions


Windows = tuple[Window, ...]


class Sliding(Op):
    """The base of ops whose output positions each read one window of the input."""

    def windows(self, x: Shape) -> Windows:
        """The window along each spatial axis of the input."""
        raise NotImplementedError

    def edges(self) -> str:
        """What the padding holds, one of `PADDING_MODES`."""
        return "zeros"

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        one = self.windows(x)[SPACE[self.rank].index(axis)]
        return sliding(axis, -one.before, one.span, one.stride, one.dilation, self.edges())


def windows(x: Shape, kernel: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis) -> Windows:
    """The window along each spatial axis of `x`, with the words `same` and `valid` worked out."""
    pads = _pads(x, kernel, stride, padding, dilation)
    each = zip(x.space, kernel, stride, pads, dilation, strict=True)
    return tuple(Window(size, k, s, before, after, d) for size, k, s, (before, after), d in each)


def _pads(
    x: Shape, kernel: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis
) -> tuple[tuple[Size, Size], ...]:
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        each = zip(x.space, kernel, stride, dilation, strict=True)
        return tuple(same_padding(size, k, s, d) for size, k, s, d in each)
    return padding  # type: ignore[no-any-return]


def same_padding(size: Size, kernel: Size, stride: Size, dilation: Size) -> tuple[Size, Size]:
    """TensorFlow's rule: enough zeros for ceil(size / stride) windows, the odd one at the far end.

    >>> same_padding(224, kernel=3, stride=2, dilation=1)
    (0, 1)
    """
    needed = (ceil_divide(size, stride) - 1) * stride + dilation * (kernel - 1) + 1 - size
    if not at_least(needed, 0):
        return 0, 0
    before = floor_divide(needed, 2)
    return before, needed - before


def output_space(op: Op, x: Shape, each: Windows, *, ceil_mode: bool = False) -> tuple[Size, ...]:
    """Positions of the window along each spatial axis; a fault when it does not fit even once."""
    space = tuple(one.ceil_positions if ceil_mode else one.positions for one in each)
    kernel = "x".join(str(one.kernel) for one in each)
    return need_positive(op, space, x, f"a window of {kernel} does not fit into the padded input")


def check_reach(op: Op, mode: str, axis: str, size: Size, ends: tuple[Size, Size]) -> None:
    """Padding by reflection or wrapping needs that many real positions to copy from."""
    if mode not in ("reflect", "circular"):
        return
    reach = size - 1 if mode == "reflect" else size
    for amount in ends:
        if not at_least(reach, amount):
            raise Fault(
                f"{op.title}: padding by {mode} cannot add {amount} positions",
                expected=f"at most {reach} for a {axis} of {size}",
                about="padding",
            )


def patches(tools: Tools, x: Array, each: Windows) -> Array:
    """What each window reads: N x channels x taps x positions, zeros for padding."""
    padded = tools.pad(x, [(one.before, one.after) for one in each])
    return tools.stack([padded[(..., *map(reading, at, each))] for at in taps(each)], 2)


def taps(each: Windows) -> Iterator[tuple[int, ...]]:
    """Where in the window its elements are, the last axis fastest."""
    return product(*(range(0, one.span, one.dilation) for one in each))


def reading(start: int, one: Window) -> slice:
    """The positions that one tap reads, one for each place of the window."""
    return slice(start, start + (one.positions - 1) * one.stride + 1, one.stride)
