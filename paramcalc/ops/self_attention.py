"""Multi-head attention of tokens to each other."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from paramcalc.base.reach import Reach, Steps, alike, whole
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size
from paramcalc.ops._attention import Attention
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class SelfAttention(Attention):
    """softmax(Q K^T / sqrt(head_dim)) V in several heads, between two projections.

    Input:      length x channels; axes before them hold sequences that do not see each other
    Query:      heads*head_dim x channels
    Key, value: kv_heads*head_dim x channels
    Out:        channels x heads*head_dim
    Output:     as the input

    head_dim is channels / heads unless given. With fewer kv_heads than heads, neighbouring heads
    share keys and values (grouped-query attention, Ainslie et al. 2023); that saves projections,
    and none of the products. `bias` is for all four projections; qkv_bias and out_bias overrule it.

    Multiplications are the projections', and length^2 * heads * head_dim for each of QK^T and AV, of
    each sequence.
    `causal` masks the scores of later positions. They are counted all the same, as a full product
    computes them.
    """

    causal: Flag = False

    examples = (
        Example("self_attention 12", ("{length: 197, channels: 768}",), "197x768", 2_362_368, 524_391_936),
        Example(
            "self_attention 4 kv_heads=2 bias=false",
            ("{length: 3, channels: 8}",),
            "3x8",
            params=192,
            macs=720,
        ),
        Example(
            "self_attention 2 bias=false",
            ("{height: 5, length: 3, channels: 4}",),
            "5x3x4",
            params=64,
            macs=1_320,
        ),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0], several=True)
        self.check_heads(x.channels)
        return x

    def cached(self, *inputs: Shape) -> Size:
        return self.keys_and_values(*inputs) if self.causal else 0

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis != "length":
            return alike(axis)
        if not self.causal:
            return whole(x.size(axis))
        return Reach(axis, Steps((0,), 0), Steps((0,), 1))

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        rows = x.reshape(-1, *x.shape[-2:])
        mask = self._mask(tools, rows) if self.causal else None
        return self.attend(tools, rows, rows, weights, mask).reshape(x.shape)

    def _mask(self, tools: Tools, x: Array) -> Array:
        """Minus infinity from each position to the later ones, length x length."""
        length = x.shape[1]
        mask = tools.zeros((length, length), x.dtype)
        for position in range(length):
            mask[position, position + 1 :] = -inf
        return mask
