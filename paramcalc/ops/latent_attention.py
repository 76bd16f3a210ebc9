"""Multi-head latent attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from paramcalc.base.reach import Reach, alike
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, product, total
from paramcalc.ops._attention import (
    attended,
    backwards,
    join_heads,
    mask,
    need_causal,
    softmax,
    softmax_work,
    split_heads,
    with_work,
)
from paramcalc.ops._layout import need_tokens
from paramcalc.ops._norm import affine, rms_normalized, rms_normalizing
from paramcalc.ops._rotary import need_base, need_pairs, turned, turning
from paramcalc.ops.attributes import Count, Flag, Number
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, no_step, one_token

EPS = 1e-6  # of the norms of latents, in all published models


class _Step(NamedTuple):
    """Operands of attention: queries of all heads in two parts, latents and keys that all heads share, a mask."""

    queries: Array
    turned: Array
    latents: Array
    keys: Array
    mask: Array | None


@dataclass(frozen=True)
class LatentAttention(Op):
    """Attention whose keys and values are expanded from one latent vector per token, as in DeepSeek-V2 (2024).

    Input, output:      length x channels; axes before them hold sequences that do not see each other
    q_proj:             heads*(nope_dim + rope_dim) x channels
    q_a_proj, q_b_proj: in its place, through q_rank channels with an RMS norm, if q_rank is given
    kv_a_proj_with_mqa: (kv_rank + rope_dim) x channels: the latents, and keys that all heads share
    kv_a_layernorm:     kv_rank
    kv_b_proj:          heads*(nope_dim + value_dim) x kv_rank
    o_proj:             channels x heads*value_dim

    Weights are named as in transformers' DeepseekV3Attention; none has a bias. A head compares
    nope_dim + rope_dim channels: rope_dim of them are rotated by the position (neighbouring channels
    are a pair, as in the published weights).

    Multiplications are the projections', and length^2 * heads * (nope_dim + rope_dim) for QK^T,
    length^2 * heads * value_dim for AV. `absorbed` multiplies kv_b_proj into queries and sums instead of
    into every latent (section 2.1.2 of the paper): the products then read latents, of kv_rank + rope_dim and
    of kv_rank channels. That is how --decode computes one token after `past` others, unless absorbed=false
    expands the cached latents again: the cache holds kv_rank + rope_dim elements for each token.
    """

    heads: Size
    kv_rank: Size
    nope_dim: Size
    rope_dim: Size
    value_dim: Size
    q_rank: Size | None = None
    causal: Flag = False
    theta: Number = 10000
    absorbed: Flag | None = None
    past: Count = 0

    contracting = frozenset({"q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"})
    elsewhere = {
        "kv_lora_rank": "kv_rank",
        "qk_nope_head_dim": "nope_dim",
        "qk_rope_head_dim": "rope_dim",
        "v_head_dim": "value_dim",
        "q_lora_rank": "q_rank",
        "num_heads": "heads",
    }
    examples = (
        # DeepSeek-V2-Lite: 2048*16*192 + 2048*576 + 512 + 512*16*256 + 16*128*2048, as in its config
        Example(
            "latent_attention 16 512 128 64 128 causal=true",
            ("{length: 4096, channels: 2048}",),
            "4096x2048",
            params=13_763_072,
            macs=142_270_791_680,
        ),
        Example(
            "latent_attention 2 4 3 2 5 q_rank=6",
            ("{length: 3, channels: 8}",),
            "3x8",
            params=310,
            macs=1_080,
        ),
        # the same step by step: 300 in projections, and 2 heads * 4 tokens * (4 + 2 + 4)
        Example(
            "latent_attention 2 4 3 2 5 q_rank=6 causal=true absorbed=true past=3",
            ("{length: 1, channels: 8}",),
            "1x8",
            params=310,
            macs=380,
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        channels, queries = inputs[0].channels, self.heads * (self.nope_dim + self.rope_dim)
        asking: Weights = {"q_proj": (queries, channels)}
        if self.q_rank is not None:
            asking = {
                "q_a_proj": (self.q_rank, channels),
                "q_a_layernorm": (self.q_rank,),
                "q_b_proj": (queries, self.q_rank),
            }
        return asking | {
            "kv_a_proj_with_mqa": (self.kv_rank + self.rope_dim, channels),
            "kv_a_layernorm": (self.kv_rank,),
            "kv_b_proj": (self.heads * (self.nope_dim + self.value_dim), self.kv_rank),
            "o_proj": (channels, self.heads * self.value_dim),
        }

    def adds(self, weight: str) -> bool:
        return False

    def shape(self, *inputs: Shape) -> Shape:
        need_pairs(self, self.rope_dim, self.rope_dim, "rope_dim")
        need_base(self, self.theta)
        need_causal(self, self.causal, self.past, "past")
        return need_tokens(self, inputs[0], several=True)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        positions, pairs, heads = product(x.space), self._pairs(x), self.heads
        weights = self.weights(x)
        expanded = positions if self.absorbed else product(x.space[:-1]) * self._seen(x)
        projections = total(
            (expanded if name == "kv_b_proj" else positions) * product(weights[name])
            for name in weights
            if self.contracts(name)
        )
        macs = projections + pairs * heads * total(self.compared(x.channels))
        cost = Cost(macs, connections=macs)
        ranks = [self.kv_rank] if self.q_rank is None else [self.q_rank, self.kv_rank]
        for rank in ranks:
            cost = with_work(cost, rms_normalizing(positions * rank, positions, scaled=True))
        cost = with_work(cost, turning(positions * self.turned(x.channels)))
        return with_work(cost, softmax_work(positions, pairs, heads, self.nope_dim + self.rope_dim))

    def compared(self, channels: Size) -> tuple[Size, Size]:
        """Channels of a head that QK^T compares, and that AV sums."""
        if self.absorbed:
            return self.kv_rank + self.rope_dim, self.kv_rank
        return self.nope_dim + self.rope_dim, self.value_dim

    def turned(self, channels: Size) -> Size:
        """Channels of a position, in queries and the shared key, that are turned."""
        return (self.heads + 1) * self.rope_dim

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        (x,) = inputs
        positions, pairs, heads = product(x.space), self._pairs(x), self.heads
        dim = self.nope_dim + self.rope_dim
        held = {"queries": positions * heads * dim, "scores": heads * pairs}
        held["latents"] = positions * (self.kv_rank + self.rope_dim)
        if self.absorbed:
            return held | {
                "absorbed": positions * heads * self.kv_rank,
                "summed": positions * heads * self.kv_rank,
                "weighted": positions * heads * self.value_dim,
            }
        return held | {
            "keys": positions * heads * dim,
            "values": positions * heads * self.value_dim,
            "weighted": positions * heads * self.value_dim,
        }

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        if not self.causal:
            raise no_step(self, "each token sees the later ones", fix="add causal=true")
        return replace(self, past=past, absorbed=self.absorbed is not False), (one_token(inputs[0]),)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        """Latents and the keys that all heads share."""
        (x,) = inputs
        seen = product(x.space[:-1]) * self._seen(x)
        return {"latents": seen * (self.kv_rank + self.rope_dim)} if self.causal else {}

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return backwards(x.size(axis), self.causal) if axis == "length" else alike(axis)

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        rows = x.reshape(-1, *x.shape[-2:])
        positioned, turned_queries = self._queries(tools, rows, weights)
        latents = tools.matmul(rows, weights["kv_a_proj_with_mqa"].T)
        latent, key = latents[..., : self.kv_rank], latents[..., self.kv_rank :]
        latent = affine(rms_normalized(tools, latent, (2,), EPS), (2,), weights["kv_a_layernorm"])
        latent = tools.kept("latents", latent, self.past)[:, None]
        key = tools.kept("shared keys", self._turned(tools, key), self.past)[:, None]
        added = mask(tools, rows.shape[1], self.past, x.dtype) if self.causal else None
        attend = self._absorbed if self.absorbed else self._expanded
        step = _Step(positioned, turned_queries, latent, key, added)
        mixed = attend(tools, step, weights["kv_b_proj"])
        return tools.matmul(join_heads(mixed), weights["o_proj"].T).reshape(x.shape)

    def _queries(self, tools: Tools, x: Array, weights: Mapping[str, Array]) -> tuple[Array, Array]:
        """Queries of all heads: the channels without a position, and those that are turned."""
        if self.q_rank is None:
            query = tools.matmul(x, weights["q_proj"].T)
        else:
            narrow = tools.matmul(x, weights["q_a_proj"].T)
            narrow = affine(rms_normalized(tools, narrow, (2,), EPS), (2,), weights["q_a_layernorm"])
            query = tools.matmul(narrow, weights["q_b_proj"].T)
        query = split_heads(query, self.heads)
        return query[..., : self.nope_dim], self._turned(tools, query[..., self.nope_dim :])

    def _turned(self, tools: Tools, x: Array) -> Array:
        return turned(tools, x, self.rope_dim, float(self.theta), self.past, neighbours=True)

    def _expanded(self, tools: Tools, step: _Step, expand: Array) -> Array:
        """Keys and values of all heads from the latents, and their attention."""
        both = split_heads(tools.matmul(step.latents[:, 0], expand.T), self.heads)
        shared = tools.broadcast_to(step.keys, (*both.shape[:-1], self.rope_dim))
        keys = tools.concatenate([both[..., : self.nope_dim], shared], -1)
        queries = tools.concatenate([step.queries, step.turned], -1)
        return attended(tools, queries, keys, both[..., self.nope_dim :], step.mask)

    def _absorbed(self, tools: Tools, step: _Step, expand: Array) -> Array:
        """The same by associativity: queries multiplied into the latents' space, sums multiplied out of it."""
        by_head = expand.reshape(self.heads, self.nope_dim + self.value_dim, self.kv_rank)
        scale = (self.nope_dim + self.rope_dim) ** -0.5
        inside = tools.matmul(step.queries * scale, by_head[:, : self.nope_dim])
        queries = tools.concatenate([inside, step.turned * scale], -1)
        scores = tools.matmul(queries, tools.concatenate([step.latents, step.keys], -1).swapaxes(-2, -1))
        summed = tools.matmul(softmax(tools, scores, step.mask), step.latents)
        return tools.matmul(summed, by_head[:, self.nope_dim :].swapaxes(-2, -1))

    def _pairs(self, x: Shape) -> Size:
        return product(x.space) * self._seen(x)

    def _seen(self, x: Shape) -> Size:
        """Positions of a sequence, cached ones included."""
        return self.past + x.size("length")
