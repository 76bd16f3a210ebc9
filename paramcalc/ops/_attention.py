"""Common code of all attention ops: projections, products, and their cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps, whole
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, divides, floor_divide, product, same, total
from paramcalc.ops._norm import affine, normalized, normalizing, rms_normalized, rms_normalizing, with_affine
from paramcalc.ops.attributes import Flag, Number, Word
from paramcalc.ops.base import Array, Cost, Op, Tools, Weights

PROJECTIONS = ("query", "key", "value", "out")
LAYER_EPS = 1e-5  # of layer normalization, as of the op


class Meeting(NamedTuple):
    """The numbers of queries, of positions projected to keys and values, and of pairs of them."""

    asking: Size
    projected: Size
    pairs: Size


@dataclass(frozen=True)
class Attention(Op):
    """Attention of the positions of one tensor to those of another, or of its own.

    The first input asks and the second is attended to; a third has the values of the second's positions. For
    self-attention they are all the same one. `scale` is 1 / sqrt(head_dim) unless given.
    """

    heads: Size
    head_dim: Size | None = None
    kv_heads: Size | None = None
    bias: Flag = True
    qkv_bias: Flag | None = None
    out_bias: Flag | None = None
    key_bias: Flag | None = None
    value_dim: Size | None = None
    qk_norm: Word | None = field(default=None, metadata={"choices": ("rms", "layer", "rms_all")})
    scale: Number | None = None

    contracting = frozenset(PROJECTIONS)
    elsewhere = {"num_heads": "heads", "num_key_value_heads": "kv_heads", "num_kv_heads": "kv_heads"}

    def memory(self, *inputs: Shape) -> Shape:
        """The tensor that is attended to."""
        return inputs[:2][-1]

    def values(self, *inputs: Shape) -> Shape:
        """What the values are made of, for the positions of the memory."""
        return inputs[-1]

    def weights(self, *inputs: Shape) -> Weights:
        x, memory, values = (
            read.channels for read in (inputs[0], self.memory(*inputs), self.values(*inputs))
        )
        dim, value_dim, groups = self._head_dim(x), self._value_dim(x), self._kv_heads()
        matrices: Weights = {
            "query": (self.heads * dim, x),
            "key": (groups * dim, memory),
            "value": (groups * value_dim, values),
            "out": (x, self.heads * value_dim),
        }
        found = matrices | biases(matrices, self.bias, self.qkv_bias, self.out_bias, self.key_bias)
        for name in ("query", "key") if self.qk_norm else ():
            found[f"{name}_norm"] = (matrices[name][0] if self.qk_norm == "rms_all" else dim,)
            if self.qk_norm == "layer":
                found[f"{name}_norm_bias"] = (dim,)
        return found

    def adds(self, weight: str) -> bool:
        return super().adds(weight) and "_norm" not in weight

    def check_heads(self, channels: Size) -> None:
        """Faults where channels or heads do not divide."""
        if self.head_dim is None:
            check_division(self, channels, self.heads, "give head_dim, or another number of heads")
        if self.kv_heads is not None and not divides(self.kv_heads, self.heads):
            raise Fault(
                f"{self.title}: {self.heads} heads cannot share {self.kv_heads} heads of keys and values",
                expected="kv_heads that divide heads",
                about="kv_heads",
            )

    def cost(self, *inputs: Shape) -> Cost:
        x, meeting = inputs[0].channels, self._meeting(*inputs)
        dim, value_dim = self._head_dim(x), self._value_dim(x)
        cost = attention_cost(self.weights(*inputs), meeting, self.heads, dim, value_dim)
        if type(self.scale) is int and self.scale == 1:  # nothing is multiplied
            cost = cost._replace(
                operations={kind: times for kind, times in cost.operations.items() if kind != "multiply"}
            )
        if self.qk_norm is None:
            return cost
        rows = meeting.asking * self.heads + meeting.projected * self._kv_heads()
        if self.qk_norm == "rms_all":
            means = meeting.asking + meeting.projected
            return with_work(cost, rms_normalizing(rows * dim, means, scaled=True))
        if self.qk_norm == "rms":
            return with_work(cost, rms_normalizing(rows * dim, rows, scaled=True))
        work = normalizing(rows * dim, rows)
        return with_work(cost, with_affine(work, rows * dim, scaled=True, shifted=True))

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        x, meeting = inputs[0].channels, self._meeting(*inputs)
        dim, value_dim = self._head_dim(x), self._value_dim(x)
        return attention_inner(meeting, self.heads, self._kv_heads(), dim, value_dim)

    def compared(self, channels: Size) -> tuple[Size, Size]:
        """Channels of a head that QK^T compares, and that AV sums."""
        return self._head_dim(channels), self._value_dim(channels)

    def _query(self, tools: Tools, x: Array, weights: Mapping[str, Array]) -> Array:
        """Queries, N x heads x length x head_dim."""
        return self._heads_of(tools, x, weights, "query", self.heads)

    def _keys(
        self, tools: Tools, memory: Array, weights: Mapping[str, Array], values: Array | None = None
    ) -> tuple[Array, Array]:
        """Keys and values, N x kv_heads x length x head_dim or value_dim."""
        value = split_heads(
            projected(tools, memory if values is None else values, weights, "value"), self._kv_heads()
        )
        return self._heads_of(tools, memory, weights, "key", self._kv_heads()), value

    def _heads_of(
        self, tools: Tools, x: Array, weights: Mapping[str, Array], name: str, heads: Size
    ) -> Array:
        """Queries or keys, normalized over each head, or over all of them before they are split."""
        y = projected(tools, x, weights, name)
        if self.qk_norm == "rms_all":
            return split_heads(self._normalized(tools, y, weights, name), heads)
        return self._normalized(tools, split_heads(y, heads), weights, name)

    def _mixed(
        self,
        tools: Tools,
        query: Array,
        key: Array,
        value: Array,
        weights: Mapping[str, Array],
        added: Array | None,
    ) -> Array:
        """The output, from queries, keys and values; `added` is for each head, or for all."""
        samples, heads, length, dim = query.shape
        groups = self._kv_heads()
        grouped = query.reshape(samples, groups, heads // groups, length, dim)
        if added is not None and added.ndim > 2:
            added = added.reshape(*added.shape[:-3], groups, heads // groups, *added.shape[-2:])
        mixed = self._attended(tools, grouped, key[:, :, None], value[:, :, None], added)
        return projected(tools, join_heads(mixed.reshape(samples, heads, length, -1)), weights, "out")

    def _attended(self, tools: Tools, query: Array, key: Array, value: Array, added: Array | None) -> Array:
        return attended(tools, query, key, value, added, self._factor())

    def _factor(self) -> float | None:
        """The factor of the scores; None for the default, 1 / sqrt(head_dim)."""
        return None if self.scale is None else float(self.scale)

    def _normalized(self, tools: Tools, x: Array, weights: Mapping[str, Array], name: str) -> Array:
        if self.qk_norm is None:
            return x
        axes = (x.ndim - 1,)
        scale = weights[f"{name}_norm"]
        if self.qk_norm != "layer":
            return affine(rms_normalized(tools, x, axes, tools.epsilon(x)), axes, scale)
        return affine(normalized(x, axes, LAYER_EPS), axes, scale, weights[f"{name}_norm_bias"])

    def _meeting(self, *inputs: Shape) -> Meeting:
        x, memory = inputs[0], self.memory(*inputs)
        asking = product(x.space)
        return Meeting(asking, product(memory.space), asking * memory.size("length"))

    def _token(self, *inputs: Shape) -> Size:
        """Elements of the key and the value of one position that is attended to."""
        x = inputs[0].channels
        return self._kv_heads() * (self._head_dim(x) + self._value_dim(x))

    def _head_dim(self, channels: Size) -> Size:
        return floor_divide(channels, self.heads) if self.head_dim is None else self.head_dim

    def _value_dim(self, channels: Size) -> Size:
        return self._head_dim(channels) if self.value_dim is None else self.value_dim

    def _kv_heads(self) -> Size:
        return self.heads if self.kv_heads is None else self.kv_heads


def check_division(op: Op, channels: Size, heads: Size, fix: str = "choose another number of heads") -> None:
    """A fault where the channels do not divide into the heads."""
    if not divides(heads, channels):
        raise Fault(
            f"{op.title}: {channels} channels do not divide into {heads} heads",
            fix=fix,
            about="heads",
        )


def need_causal(op: Op, causal: bool, value: Size | None, about: str) -> None:
    """A fault where an attribute about the positions before is given to attention that sees all."""
    if not causal and value is not None and not same(value, 0):
        raise Fault(f"{op.title}: {about} needs causal attention", fix="add causal=true", about=about)


def biases(
    matrices: Weights, bias: bool, qkv_bias: bool | None, out_bias: bool | None, key_bias: bool | None
) -> Weights:
    """A bias for each projection that has one; the general switches speak where the special are silent."""
    inner = bias if qkv_bias is None else qkv_bias
    special = {
        "key": inner if key_bias is None else key_bias,
        "out": bias if out_bias is None else out_bias,
    }
    return {f"{name}_bias": (rows,) for name, (rows, *_) in matrices.items() if special.get(name, inner)}


def attention_cost(weights: Weights, meeting: Meeting, heads: Size, head_dim: Size, value_dim: Size) -> Cost:
    """The work of the projections, of both products (QK^T and AV) and of the softmax between them."""
    asking, fresh, pairs = meeting
    positions = {"query": asking, "key": fresh, "value": fresh, "out": asking}
    projections = total(times * product(weights[name]) for name, times in positions.items())
    biased = total(times * product(weights.get(f"{name}_bias", (0,))) for name, times in positions.items())
    macs = projections + pairs * heads * (head_dim + value_dim)
    return with_work(
        Cost(macs, connections=macs + biased, operations={"add": biased}),
        softmax_work(asking, pairs, heads, head_dim),
    )


def softmax_work(asking: Size, pairs: Size, heads: Size, head_dim: Size) -> dict[str, Size]:
    """The scaling of the queries, and the softmax of their scores."""
    scores, rows = heads * pairs, heads * asking
    return {
        "add": scores - rows,
        "multiply": asking * heads * head_dim,  # the queries, by 1 / sqrt(head_dim)
        "compare": scores - rows,
        "subtract": scores,
        "exp": scores,
        "divide": scores,
    }


def with_work(cost: Cost, work: Mapping[str, Size]) -> Cost:
    """The cost with more operations."""
    had = cost.operations
    return cost._replace(
        operations={**had, **{kind: had.get(kind, 0) + times for kind, times in work.items()}}
    )


def attention_inner(
    meeting: Meeting, heads: Size, kv_heads: Size, head_dim: Size, value_dim: Size
) -> dict[str, Size]:
    """The projected queries, keys and values, the scores after the softmax, and what they weigh up."""
    return {
        "queries": meeting.asking * heads * head_dim,
        "keys": meeting.projected * kv_heads * head_dim,
        "values": meeting.projected * kv_heads * value_dim,
        "scores": heads * meeting.pairs,
        "weighted": meeting.asking * heads * value_dim,
    }


def around(window: Size) -> Size:
    """The number of positions on each side of the middle one in a two-sided window."""
    return floor_divide(window - 1, 2)


def backwards(size: int, causal: bool, window: int | None = None) -> Reach:
    """What positions see along the length: all, or a `window` around them; or themselves and those before, the
    last `window` of them."""
    if not causal:
        if window is None or around(window) >= size - 1:
            return whole(size)
        return Reach("length", Steps((-around(window),), 1), Steps((around(window),), 1))
    first = Steps((0,), 0) if window is None or window >= size else Steps((1 - window,), 1)
    return Reach("length", first, Steps((0,), 1))


def mask(tools: Tools, length: int, past: int, dtype: object) -> Array:
    """Minus infinity from each of the last `length` positions to the later ones, length x past + length."""
    y = tools.zeros((length, past + length), dtype)
    for position in range(length):
        y[position, past + position + 1 :] = -inf
    return y


def projected(tools: Tools, x: Array, weights: Mapping[str, Array], name: str) -> Array:
    """One projection of every position, with its bias if it has one."""
    y = tools.matmul(x, weights[name].T)
    if f"{name}_bias" in weights:
        y += weights[f"{name}_bias"]
    return y


def split_heads(x: Array, heads: int) -> Array:
    """... x length x channels as ... x heads x length x head_dim."""
    return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-3, -2)


def join_heads(x: Array) -> Array:
    """... x heads x length x head_dim as ... x length x channels."""
    rows = x.swapaxes(-3, -2)
    return rows.reshape(*rows.shape[:-2], -1)


def attended(
    tools: Tools,
    query: Array,
    key: Array,
    value: Array,
    added: Array | None,
    scale: Array | float | None = None,
) -> Array:
    """softmax(Q K^T * scale + added) V over the last two axes: length x head_dim; scale is 1 / sqrt(head_dim)."""
    scaled = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    return tools.matmul(softmax(tools, tools.matmul(scaled, key.swapaxes(-2, -1)), added), value)


def softmax(tools: Tools, scores: Array, added: Array | None) -> Array:
    """The softmax of scores over the last axis, in place, after what is added to them."""
    if added is not None:
        scores += added
    scores -= scores.max(-1, keepdims=True)
    tools.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores
