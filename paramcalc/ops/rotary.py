"""Rotary positions of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, floor_divide, product
from paramcalc.ops._attention import check_division, join_heads, split_heads
from paramcalc.ops._layout import need_tokens
from paramcalc.ops._rotary import need_base, need_pairs, turned, turning
from paramcalc.ops.attributes import Count, Number
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, one_token


@dataclass(frozen=True)
class Rotary(Op):
    """Pairs of channels rotated by an angle that grows with the position, as in RoFormer (Su et al. 2021).

    Input, output: length x channels; axes before them hold sequences of their own

    In each of the heads, which are channels side by side, channel i and channel i + dim/2 are a pair, rotated by
    position / theta^(2i/dim). `dim` is the number of channels of a head that are rotated: all, or the first so
    many. Positions count from `past`. Nothing is learned, and the cosines and sines are prepared: 2
    multiplications and an addition for each channel. self_attention with `rotary` rotates its own.
    """

    heads: Size = 1
    dim: Size | None = None
    theta: Number = 10000
    past: Count = 0

    examples = (
        Example("rotary heads=4", ("{length: 16, channels: 64}",), "16x64"),
        Example("rotary heads=2 dim=4", ("{length: 3, channels: 12}",), "3x12"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0], several=True)
        check_division(self, x.channels, self.heads)
        need_pairs(self, self._turned(x), floor_divide(x.channels, self.heads), "dim")
        need_base(self, self.theta)
        return x

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(operations=turning(product(x.space) * self.heads * self._turned(x)))

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        return replace(self, past=past), (one_token(inputs[0]),)

    def forward(self, tools: Tools, x: Array) -> Array:
        heads = split_heads(x, self.heads)
        dim = heads.shape[-1] if self.dim is None else self.dim
        return join_heads(turned(tools, heads, dim, float(self.theta), self.past))

    def _turned(self, x: Shape) -> Size:
        """Channels of a head that are turned."""
        return floor_divide(x.channels, self.heads) if self.dim is None else self.dim
