"""What all attention ops share: projections, products, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, divides, floor_divide, product, total
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Op, Tools, Weights

PROJECTIONS = ("query", "key", "value", "out")


@dataclass(frozen=True)
class Attention(Op):
    """Attention of the positions of one tensor to those of another, or of its own.

    The first input asks and the last is attended to; for self-attention they are the same one.
    """

    heads: Size
    head_dim: Size | None = None
    kv_heads: Size | None = None
    bias: Flag = True
    qkv_bias: Flag | None = None
    out_bias: Flag | None = None

    contracting = frozenset(PROJECTIONS)

    def weights(self, *inputs: Shape) -> Weights:
        x, memory = inputs[0].channels, inputs[-1].channels
        dim = self._head_dim(x)
        width, narrow = self.heads * dim, self._kv_heads() * dim
        matrices: Weights = {
            "query": (width, x),
            "key": (narrow, memory),
            "value": (narrow, memory),
            "out": (x, width),
        }
        return matrices | biases(matrices, self.bias, self.qkv_bias, self.out_bias)

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
        asking, attended, pairs = _positions(inputs[0], inputs[-1])
        dim = self._head_dim(inputs[0].channels)
        return attention_cost(self.weights(*inputs), asking, attended, pairs, self.heads, dim)

    def attend(
        self, tools: Tools, x: Array, memory: Array, weights: Mapping[str, Array], added: Array | None = None
    ) -> Array:
        """The whole of it, projections included, for arrays N x length x channels."""
        groups = self._kv_heads()
        query, key, value = (
            split_heads(projected(tools, source, weights, name), heads)
            for name, source, heads in (
                ("query", x, self.heads),
                ("key", memory, groups),
                ("value", memory, groups),
            )
        )
        samples, heads, length, dim = query.shape
        grouped = query.reshape(samples, groups, heads // groups, length, dim)
        mixed = attended(tools, grouped, key[:, :, None], value[:, :, None], added)
        return projected(tools, join_heads(mixed.reshape(query.shape)), weights, "out")

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        asking, attended, pairs = _positions(inputs[0], inputs[-1])
        dim = self._head_dim(inputs[0].channels)
        return attention_inner(asking, attended, pairs, self.heads, self._kv_heads(), dim)

    def keys_and_values(self, *inputs: Shape) -> Size:
        """Elements of the keys and values of all positions that are attended to."""
        return 2 * product(inputs[-1].space) * self._kv_heads() * self._head_dim(inputs[0].channels)

    def _head_dim(self, channels: Size) -> Size:
        return floor_divide(channels, self.heads) if self.head_dim is None else self.head_dim

    def _kv_heads(self) -> Size:
        return self.heads if self.kv_heads is None else self.kv_heads


def _positions(x: Shape, memory: Shape) -> tuple[Size, Size, Size]:
    """How many positions ask, how many are attended to, and how many pairs of them meet."""
    asking = product(x.space)
    return asking, product(memory.space), asking * memory.size("length")


def check_division(op: Op, channels: Size, heads: Size, fix: str = "choose another number of heads") -> None:
    """A fault where the channels do not divide into the heads."""
    if not divides(heads, channels):
        raise Fault(
            f"{op.title}: {channels} channels do not divide into {heads} heads",
            fix=fix,
            about="heads",
        )


def biases(matrices: Weights, bias: bool, qkv_bias: bool | None, out_bias: bool | None) -> Weights:
    """A bias for each projection that has one; `bias` speaks where the other two are silent."""
    inner = bias if qkv_bias is None else qkv_bias
    outer = bias if out_bias is None else out_bias
    return {
        f"{name}_bias": (rows,)
        for name, (rows, *_) in matrices.items()
        if (outer if name == "out" else inner)
    }


def attention_cost(
    weights: Weights, asking: Size, attended: Size, pairs: Size, heads: Size, head_dim: Size
) -> Cost:
    """The work of the projections, of both products (QK^T and AV) and of the softmax between them.

    `asking` and `attended` are numbers of positions, `pairs` how many of them meet.
    """
    positions = {"query": asking, "key": attended, "value": attended, "out": asking}
    projected = total(times * product(weights[name]) for name, times in positions.items())
    biased = total(times * product(weights.get(f"{name}_bias", (0,))) for name, times in positions.items())
    macs = projected + 2 * pairs * heads * head_dim
    scores, rows = heads * pairs, heads * asking
    return Cost(
        macs,
        connections=macs + biased,
        operations={
            "add": biased + scores - rows,
            "multiply": asking * heads * head_dim,  # the queries, by 1 / sqrt(head_dim)
            "compare": scores - rows,
            "subtract": scores,
            "exp": scores,
            "divide": scores,
        },
    )


def attention_inner(
    asking: Size, attended: Size, pairs: Size, heads: Size, kv_heads: Size, head_dim: Size
) -> dict[str, Size]:
    """The projected queries, keys and values, the scores after the softmax, and what they weigh up."""
    return {
        "queries": asking * heads * head_dim,
        "keys": attended * kv_heads * head_dim,
        "values": attended * kv_heads * head_dim,
        "scores": heads * pairs,
        "weighted": asking * heads * head_dim,
    }


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


def attended(tools: Tools, query: Array, key: Array, value: Array, added: Array | None) -> Array:
    """softmax(Q K^T / sqrt(head_dim) + added) V over the last two axes: length x head_dim."""
    scores = tools.matmul(query * query.shape[-1] ** -0.5, key.swapaxes(-2, -1))
    if added is not None:
        scores += added
    scores -= scores.max(-1, keepdims=True)
    tools.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return tools.matmul(scores, value)
