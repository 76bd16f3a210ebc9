"""Attention within windows of an image."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.errors import Fault
from paramcalc.ops._attention import PROJECTIONS, attention_cost, biases, check_division
from paramcalc.ops._layout import PLANE
from paramcalc.ops.attributes import Count, Flag
from paramcalc.ops.base import Cost, Example, Op, Weights
from paramcalc.shape import CHANNELS, Shape
from paramcalc.sizes import Size, at_least, ceil_divide, floor_divide, product


@dataclass(frozen=True)
class WindowAttention(Op):
    """Self-attention within windows of window x window positions, as in Swin (Liu et al. 2021).

    Input:                  height x width x channels
    Query, key, value, out: channels x channels
    Relative position:      (2*window - 1)^2 x heads, added to the scores
    Output:                 height x width x channels

    Where height or width is no multiple of the window, zeros are put below and right first, and
    cut off afterwards, as Swin's published code does; the projections and products of the padded
    positions are counted, because they are computed. `shift` moves the windows that far, around
    the edges; it changes no count.
    """

    heads: Size
    window: Size
    shift: Count = 0
    bias: Flag = True
    qkv_bias: Flag | None = None
    out_bias: Flag | None = None

    contracting = PROJECTIONS
    examples = (
        Example(
            "window_attention 3 7",
            ("{height: 56, width: 56, channels: 96}",),
            "56x56x96",
            params=37_755,
            macs=145_108_992,
        ),
        Example(
            "window_attention 1 2 shift=1 bias=false",
            ("{height: 3, width: 2, channels: 4}",),
            "3x2x4",
            params=73,
            macs=768,
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        matrices: Weights = {name: (channels, channels) for name in ("query", "key", "value", "out")}
        table = {"relative_position": ((2 * self.window - 1) ** 2, self.heads)}
        return matrices | biases(matrices, self.bias, self.qkv_bias, self.out_bias) | table

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if x.axes != (*PLANE, CHANNELS):
            raise Fault(
                f"{self.title} needs height x width x channels",
                found=x.described(),
                fix="put channels_last before it" if x.axes == (CHANNELS, *PLANE) else "",
            )
        check_division(self, x.channels, self.heads)
        if not at_least(self.window - 1, self.shift):
            raise Fault(
                f"{self.title}: the shift must be smaller than the window",
                expected=f"at most {self.window - 1}",
                found=str(self.shift),
                about="shift",
            )
        return x

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        windows = product(ceil_divide(size, self.window) for size in x.space)
        positions = windows * self.window**2
        pairs = positions * self.window**2
        dim = floor_divide(x.channels, self.heads)
        cost = attention_cost(self.weights(x), positions, positions, pairs, self.heads, dim)
        added = cost.operations["add"] + self.heads * pairs
        return cost._replace(operations={**cost.operations, "add": added})
