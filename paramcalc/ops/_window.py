"""What convolution and pooling share: padding, and the positions of a sliding window."""

from __future__ import annotations

from typing import Protocol

from paramcalc.errors import Fault
from paramcalc.ops.attributes import Padding, PerAxis
from paramcalc.ops.base import need_positive
from paramcalc.shape import SPACE, Shape
from paramcalc.sizes import Size, at_least, ceil_divide, floor_divide, window

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
Pads = tuple[tuple[Size, Size], ...]


class Windowed(Protocol):
    """An op with a sliding window."""

    @property
    def title(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def kernel_size(self) -> PerAxis: ...
    @property
    def stride(self) -> PerAxis: ...
    @property
    def padding(self) -> Padding: ...
    @property
    def dilation(self) -> PerAxis: ...


def pads(op: Windowed, x: Shape) -> Pads:
    """Padding before and after, for each spatial axis, `same` and `valid` worked out."""
    if op.padding == "valid":
        return ((0, 0),) * op.rank
    if op.padding == "same":
        return tuple(
            _same(size, kernel, stride, dilation)
            for size, kernel, stride, dilation in zip(
                x.space, op.kernel_size, op.stride, op.dilation, strict=True
            )
        )
    return op.padding  # type: ignore[no-any-return]


def _same(size: Size, kernel: Size, stride: Size, dilation: Size) -> tuple[Size, Size]:
    """TensorFlow's rule: enough zeros for ceil(size / stride) windows, the odd one at the far end."""
    needed = (ceil_divide(size, stride) - 1) * stride + dilation * (kernel - 1) + 1 - size
    if not at_least(needed, 0):
        return 0, 0
    before = floor_divide(needed, 2)
    return before, needed - before


def output_space(op: Windowed, x: Shape) -> tuple[Size, ...]:
    """Positions of the window along each spatial axis; a fault when it does not fit even once."""
    space = tuple(
        window(size, kernel, stride, before + after, dilation)
        for size, kernel, stride, (before, after), dilation in zip(
            x.space, op.kernel_size, op.stride, pads(op, x), op.dilation, strict=True
        )
    )
    kernel = "x".join(str(size) for size in op.kernel_size)
    return need_positive(op, space, x, f"a window of {kernel} does not fit into the padded input")  # type: ignore[arg-type]


def check_reach(op: Windowed, x: Shape) -> None:
    """Padding by reflection or wrapping needs that many real positions to copy from."""
    mode = getattr(op, "padding_mode", "zeros")
    spare = {"reflect": 1, "circular": 0}.get(mode)
    if spare is None:
        return
    for axis, size, (before, after) in zip(SPACE[op.rank], x.space, pads(op, x), strict=True):
        for amount in (before, after):
            if not at_least(size - spare, amount):
                raise Fault(
                    f"{op.title}: padding_mode={mode} cannot pad by {amount}",
                    expected=f"at most {size - spare} for a {axis} of {size}",
                    about="padding",
                )
