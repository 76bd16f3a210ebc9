"""Multi-head attention of tokens to other tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, product, same
from paramcalc.ops._attention import Attention, Meeting
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Op, Tools, one_token


@dataclass(frozen=True)
class CrossAttention(Attention):
    """softmax(Q K^T / sqrt(head_dim)) V with keys and values from a second tensor, the memory.

    Query:             length x channels
    Memory:            any length x any channels
    Value:             the memory, or a third tensor: its length x any channels
    Weight query:      heads*head_dim x channels
    Weight key, value: kv_heads*head_dim x channels of the memory, of the value
    Weight out:        channels x heads*head_dim
    Output:            length x channels of the query

    head_dim is channels / heads by default; kv_heads, value_dim, qk_norm, scale and the biases are as in
    self_attention. A third tensor gives the values, where only keys carry positions (DETR).
    With `prepared` this step reads keys and values that an earlier one computed.
    """

    prepared: Flag = False

    inputs = ("query", "memory", "value")
    optional = 1
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
        # 4*4 + 4*6 + 4*5 + 4*4 weights; 3*16 + 5*24 + 5*20 + 3*16 in projections, 3*5*4 twice
        Example(
            "cross_attention 2 bias=false",
            ("{length: 3, channels: 4}", "{length: 5, channels: 6}", "{length: 5, channels: 5}"),
            "3x4",
            params=76,
            macs=436,
        ),
    )

    def shape(self, *inputs: Shape) -> Shape:
        for name, x in zip(self.inputs, inputs, strict=False):
            need_tokens(self, x, name)
        lengths = [x.size("length") for x in inputs[1:]]
        if not same(lengths[0], lengths[-1]):
            raise Fault(
                f"{self.title}: the number of values is not that of the memory",
                expected=f"length {lengths[0]}",
                found=inputs[-1].described(),
                about="inputs:2,3",
            )
        self.check_heads(inputs[0].channels)
        return inputs[0]

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        query, *memory = inputs
        return replace(self, prepared=True), (one_token(query), *memory)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        return {"keys and values": product(inputs[-1].space) * self._token(*inputs)}

    def _meeting(self, *inputs: Shape) -> Meeting:
        meeting = super()._meeting(*inputs)
        return meeting._replace(projected=0) if self.prepared else meeting

    def inputs_read(self, *inputs: Shape) -> tuple[Size, ...]:
        query, *memory = super().inputs_read(*inputs)
        return query, *(0 if self.prepared else elements for elements in memory)

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        read = super().weights_read(batch, *inputs)
        return {
            name: 0 if self.prepared and name.startswith(("key", "value")) else read[name] for name in read
        }

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        everything = ({"length": whole(memory.size("length"))} for memory in inputs[1:])
        return {"length": alike("length")}, *everything

    def forward(
        self, tools: Tools, x: Array, memory: Array, values: Array | None = None, **weights: Array
    ) -> Array:
        query = self._query(tools, x, weights)
        if self.prepared:
            sizes = (len(memory), int(self._kv_heads()), tools.shapes[1].size("length"))
            key = tools.left("keys", tools.zeros((*sizes, query.shape[-1]), x.dtype))
            value_dim = weights["out"].shape[1] // self.heads
            value = tools.left("values", tools.zeros((*sizes, value_dim), x.dtype))
        else:
            key, value = (
                tools.kept(name, y, 0)
                for name, y in zip(
                    ("keys", "values"), self._keys(tools, memory, weights, values), strict=True
                )
            )
        return self._mixed(tools, query, key, value, weights, None)
