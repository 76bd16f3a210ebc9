"""Multi-head attention of tokens to other tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, product
from paramcalc.ops._attention import Attention, Meeting
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Op, Tools, one_token


@dataclass(frozen=True)
class CrossAttention(Attention):
    """softmax(Q K^T / sqrt(head_dim)) V with keys and values from a second tensor, the memory.

    Query:             length x channels
    Memory:            any length x any channels
    Weight query:      heads*head_dim x channels
    Weight key, value: kv_heads*head_dim x channels of the memory
    Weight out:        channels x heads*head_dim
    Output:            length x channels of the query

    head_dim is channels / heads unless given; kv_heads, value_dim, qk_norm and the biases are as in
    self_attention. With `prepared` an earlier step computed keys and values, and this one reads them.
    """

    prepared: Flag = False

    inputs = ("query", "memory")
    examples = (
        Example(
            "cross_attention 8",
            ("{length: 50, channels: 512}", "{length: 40, channels: 512}"),
            "50x512",
            params=1_050_624,
            macs=49_233_920,
        ),
        Example(
            "cross_attention 2 bias=false",
            ("{length: 3, channels: 4}", "{length: 5, channels: 6}"),
            "3x4",
            params=80,
            macs=456,
        ),
    )

    def shape(self, *inputs: Shape) -> Shape:
        for name, x in zip(("query", "memory"), inputs, strict=True):
            need_tokens(self, x, name)
        self.check_heads(inputs[0].channels)
        return inputs[0]

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        query, memory = inputs
        return replace(self, prepared=True), (one_token(query), memory)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        return {"keys and values": product(inputs[-1].space) * self._token(*inputs)}

    def _meeting(self, *inputs: Shape) -> Meeting:
        meeting = super()._meeting(*inputs)
        return meeting._replace(projected=0) if self.prepared else meeting

    def inputs_read(self, *inputs: Shape) -> tuple[Size, ...]:
        query, memory = super().inputs_read(*inputs)
        return query, 0 if self.prepared else memory

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        read = super().weights_read(batch, *inputs)
        return {
            name: 0 if self.prepared and name.startswith(("key", "value")) else read[name] for name in read
        }

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        memory = inputs[-1]
        everything = {axis: whole(memory.size(axis)) for axis in memory.axes if axis != CHANNELS}
        return {"length": alike("length")}, everything

    def forward(self, tools: Tools, x: Array, memory: Array, **weights: Array) -> Array:
        query = self._query(tools, x, weights)
        if self.prepared:
            sizes = (len(memory), int(self._kv_heads()), tools.shapes[1].size("length"))
            key = tools.left("keys", tools.zeros((*sizes, query.shape[-1]), x.dtype))
            value_dim = weights["out"].shape[1] // self.heads
            value = tools.left("values", tools.zeros((*sizes, value_dim), x.dtype))
        else:
            key, value = (
                tools.kept(name, y, 0)
                for name, y in zip(("keys", "values"), self._keys(tools, memory, weights), strict=True)
            )
        return self._mixed(tools, query, key, value, weights, None)
