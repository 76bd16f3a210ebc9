"""Multi-head attention of tokens to other tokens."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, product
from paramcalc.ops._attention import Attention, Meeting
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Tools


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

    def cached(self, *inputs: Shape) -> Size:
        return product(inputs[-1].space) * self._token(*inputs)

    def _meeting(self, *inputs: Shape) -> Meeting:
        meeting = super()._meeting(*inputs)
        return meeting._replace(projected=0) if self.prepared else meeting

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        memory = inputs[-1]
        everything = {axis: whole(memory.size(axis)) for axis in memory.axes if axis != CHANNELS}
        return {"length": alike("length")}, everything

    def forward(self, tools: Tools, x: Array, memory: Array, **weights: Array) -> Array:
        query = self._query(tools, x, weights)
        if self.prepared:
            sizes = (len(memory), int(self._kv_heads()), memory.shape[1])
            key = tools.recalled("keys", (*sizes, query.shape[-1]), x)
            value = tools.recalled("values", (*sizes, weights["out"].shape[1] // self.heads), x)
        else:
            key, value = (
                tools.kept(name, y, 0)
                for name, y in zip(("keys", "values"), self._keys(tools, memory, weights), strict=True)
            )
        return self._mixed(tools, query, key, value, weights, None)
