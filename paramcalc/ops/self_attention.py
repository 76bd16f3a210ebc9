"""Multi-head attention of tokens to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, at_least, divides, least, product, same
from paramcalc.ops._attention import (
    Attention,
    Meeting,
    around,
    attended,
    backwards,
    mask,
    need_causal,
    with_work,
)
from paramcalc.ops._buckets import bucket
from paramcalc.ops._layout import need_tokens
from paramcalc.ops._rotary import need_base, need_pairs, turned, turning
from paramcalc.ops.attributes import Count, Flag, Number, Part
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, no_step, one_token


@dataclass(frozen=True)
class SelfAttention(Attention):
    """softmax(Q K^T / sqrt(head_dim)) V in several heads, between two projections.

    Input:         length x channels; axes before them hold sequences that do not see each other
    Query:         heads*head_dim x channels
    Key:           kv_heads*head_dim x channels
    Value:         kv_heads*value_dim x channels
    Out:           channels x heads*value_dim
    Norms:         head_dim for the queries and for the keys, with qk_norm; all rows of theirs with rms_all
    Position bias: position_bias x heads
    Output:        as the input

    head_dim is channels / heads by default, value_dim is head_dim. With fewer kv_heads than heads,
    neighbouring heads share keys and values (grouped-query attention, Ainslie et al. 2023); that saves
    projections, but no products. `bias` is for all four projections; qkv_bias and out_bias
    override it, and key_bias overrides both. `qk_norm` normalizes each head's queries and keys, rms or layer, or those
    of all heads at once: rms_all (OLMo 2).

    Multiplications are the projections', and length^2 * heads * head_dim for QK^T and
    length^2 * heads * value_dim for AV, of each sequence.
    `causal` masks the scores of later positions. They are still counted, as a full product
    computes them. With a `window` each position sees so many, itself included, and the products are
    length * window, those outside the sequence counted as padding is: the last ones if causal, else as
    many on both sides (local attention of ModernBERT, Longformer).

    `position_bias` learns a number for each head and distance, in so many buckets, as T5 has; a later
    layer may share only this weight: share=first.position_bias. `scale` replaces 1 / sqrt(head_dim):
    T5, which leaves that to the weights of its queries, has scale=1. `rotary` rotates queries and keys by their
    position: all channels of a head, or the first so many. `past` tokens before the input are read
    from a cache, as when a model generates.

    A second input is added to the scores: heads x length x length, as from `relative_bias`.
    """

    causal: Flag = False
    window: Size | None = None
    position_bias: Size | None = None
    rotary: Part = False
    theta: Number = 10000
    past: Count = 0

    inputs = ("x", "bias")
    optional = 1
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
        # each of 5 tokens: 4 matrices of 4 x 4, and twice 2 keys of 2 heads of 2
        Example(
            "self_attention 2 causal=true window=2 key_bias=false rotary=true",
            ("{length: 5, channels: 4}",),
            "5x4",
            params=76,
            macs=400,
        ),
        # each of 5 tokens: 4 matrices of 4 x 4, and twice 3 keys of 2 heads of 2, one of them after it
        Example(
            "self_attention 2 window=3 bias=false scale=1",
            ("{length: 5, channels: 4}",),
            "5x4",
            params=64,
            macs=440,
        ),
        # 6*4 + 6*4 + 10*4 + 4*10 weights, norms of 3, 8 buckets of 2 heads; 1 token meets 6
        Example(
            "self_attention 2 head_dim=3 value_dim=5 bias=false qk_norm=rms position_bias=8 causal=true past=5",
            ("{length: 1, channels: 4}",),
            "1x4",
            params=150,
            macs=224,
        ),
        Example(
            "self_attention 2 bias=false",
            ("{length: 3, channels: 4}", "{height: 2, length: 3, channels: 3}"),
            "3x4",
            params=64,
            macs=264,
        ),
        # of 3 tokens: 8*8 + 2 * 4*8 + 8*8 weights, norms of 8 and 4; 3 * 3 pairs of 4 heads of 2, twice
        Example(
            "self_attention 4 kv_heads=2 bias=false qk_norm=rms_all",
            ("{length: 3, channels: 8}",),
            "3x8",
            params=204,
            macs=720,
        ),
    )

    def memory(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def values(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> Weights:
        found = super().weights(*inputs)
        if self.position_bias is not None:
            found["position_bias"] = (self.position_bias, self.heads)
        return found

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0], several=True)
        self.check_heads(x.channels)
        need_causal(self, self.causal, self.past, "past")
        self._need_middle()
        for bias in inputs[1:]:
            self._check_bias(x, bias)
        need_base(self, self.theta)
        if self.rotary is not False:
            need_pairs(self, self._rotated(x.channels), self._head_dim(x.channels), "rotary")
        fewest = 2 if self.causal else 4
        if self.position_bias is not None and not at_least(self.position_bias, fewest):
            raise Fault(
                f"{self.title}: {self.position_bias} buckets are too few",
                expected=f"at least {fewest}: distances of 0, and others"
                + ("" if self.causal else ", both ways"),
                about="position_bias",
            )
        return x

    def _check_bias(self, x: Shape, bias: Shape) -> None:
        """A fault where the second input is not a bias for each pair of positions."""
        expected = (self.heads, x.size("length"), x.size("length"))
        if len(bias.axes) != 3 or not all(map(same, bias.dims, expected)):
            raise Fault(
                f"{self.title}: the second tensor is not a bias for each pair of positions",
                expected=f"heads x length x length: {' x '.join(map(str, expected))}",
                found=bias.described(),
                about="inputs:2",
            )
        if self.window is not None or not same(self.past, 0):
            about = "past" if self.window is None else "window"
            raise Fault(f"{self.title}: {about} and a second tensor do not go together", about=about)

    def _need_middle(self) -> None:
        """A fault where a window on both sides has no position in its middle."""
        if self.window is not None and not self.causal and not divides(2, self.window - 1):
            raise Fault(
                f"{self.title}: a window on both sides must be odd, with the position in its middle",
                found=str(self.window),
                fix=f"write window={self.window + 1}; or causal=true, for a window that ends at the position",
                about="window",
            )

    def cost(self, *inputs: Shape) -> Cost:
        cost, meeting = super().cost(*inputs), self._meeting(*inputs)
        for _ in (*inputs[1:], *(() if self.position_bias is None else (self.position_bias,))):
            cost = with_work(cost, {"add": self.heads * meeting.pairs})
        if self.rotary is False:
            return cost
        return with_work(cost, turning(meeting.asking * self.turned(inputs[0].channels)))

    def turned(self, channels: Size) -> Size:
        """Channels of a position, in queries and keys, that are turned."""
        heads = self.heads + self._kv_heads()
        return 0 if self.rotary is False else heads * self._rotated(channels)

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        if not self.causal:
            raise no_step(self, "each token sees the later ones", fix="add causal=true")
        if len(inputs) > 1:
            raise no_step(self, "its bias is that of all pairs of tokens")
        return replace(self, past=past), (one_token(inputs[0]),)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        if not self.causal:
            return {}
        kept = product(inputs[0].space[:-1]) * self._seen(inputs[0])
        return {"keys and values": kept * self._token(*inputs)}

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        reads = [super().reaches(inputs[0])[0]]
        for bias in inputs[1:]:
            heads, queries, keys = bias.axes
            own = {heads: whole(self.heads), queries: alike("length"), keys: whole(bias.size(keys))}
            reads.append({axis: reach for axis, reach in own.items() if axis != CHANNELS})
        return tuple(reads)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return backwards(x.size(axis), self.causal, self.window) if axis == "length" else alike(axis)

    def forward(self, tools: Tools, x: Array, *biases: Array, **weights: Array) -> Array:
        rows = x.reshape(-1, *x.shape[-2:])
        query = self._turned(tools, self._query(tools, rows, weights))
        key, value = self._keys(tools, rows, weights)
        key = tools.kept("keys", self._turned(tools, key), self.past)
        value = tools.kept("values", value, self.past)
        added = self._added(tools, rows, weights)
        for bias in biases:
            each = bias if len(rows) == len(bias) else tools.repeat(bias, len(rows) // len(bias), axis=0)
            added = each if added is None else each + added
        return self._mixed(tools, query, key, value, weights, added).reshape(x.shape)

    def _meeting(self, *inputs: Shape) -> Meeting:
        positions = product(inputs[0].space)
        return Meeting(positions, positions, positions * self._seen(inputs[0]))

    def _seen(self, x: Shape) -> Size:
        """How many positions each one sees, masked or not."""
        every = self.past + x.size("length")
        return every if self.window is None else least(self.window, every)

    def _rotated(self, channels: Size) -> Size:
        """Channels of a head that are turned."""
        return self._head_dim(channels) if self.rotary is True else self.rotary

    def _turned(self, tools: Tools, x: Array) -> Array:
        if self.rotary is False:
            return x
        rotated = x.shape[-1] if self.rotary is True else self.rotary
        return turned(tools, x, rotated, float(self.theta), self.past)

    def _added(self, tools: Tools, x: Array, weights: Mapping[str, Array]) -> Array | None:
        """What is added to scores: minus infinity for later positions, and the biases of distances."""
        length = x.shape[1]
        added = (
            mask(tools, length, self.past, x.dtype) if self.causal else self._nearby(tools, length, x.dtype)
        )
        if self.position_bias is None:
            return added
        buckets = [
            [bucket(key - query, self.position_bias, self.causal) for key in range(self.past + length)]
            for query in range(self.past, self.past + length)
        ]
        biases = tools.moveaxis(weights["position_bias"][buckets], -1, 0)
        return biases if added is None else biases + added

    def _nearby(self, tools: Tools, length: int, dtype: object) -> Array | None:
        """Minus infinity outside a window on both sides, length x length."""
        if self.window is None:
            return None
        half = around(self.window)
        y = tools.zeros((length, length), dtype)
        for position in range(length):
            y[position, : max(position - half, 0)] = y[position, position + half + 1 :] = -inf
        return y

    def _attended(self, tools: Tools, query: Array, key: Array, value: Array, added: Array | None) -> Array:
        """With a window each query meets so many keys; zeros outside the sequence, which are masked."""
        window, seen = self.window, key.shape[-2]
        if window is None or window >= seen or added is None:
            return attended(tools, query, key, value, added, self._factor())
        ends = (window - 1, 0) if self.causal else (around(window), around(window))
        key, value = tools.pad(key, [ends, (0, 0)]), tools.pad(value, [ends, (0, 0)])
        before, after = (tools.zeros((*added.shape[:-1], end), added.dtype) - inf for end in ends)
        added = tools.concatenate([before, added, after], -1)
        parts = []
        for place in range(query.shape[-2]):
            band = slice(self.past + place, self.past + place + window)
            rows = slice(place, place + 1)
            met = query[..., rows, :], key[..., band, :], value[..., band, :], added[..., rows, band]
            parts.append(attended(tools, *met, self._factor()))
        return tools.concatenate(parts, -2)
