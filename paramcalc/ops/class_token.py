"""Learned token put in front."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import Shape
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.base import Array, Example, Op, Tools, Weights


@dataclass(frozen=True)
class ClassToken(Op):
    """One learned token before all others.

    Input:  length x channels
    Weight: channels
    Output: length + 1 x channels; the class token is at position 0
    """

    contracting = frozenset()
    examples = (Example("class_token", ("{length: 196, channels: 768}",), "197x768", params=768),)

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": (inputs[0].channels,)}

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0])
        return x.resized({"length": x.size("length") + 1})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return shifted(axis, -1)

    def forward(self, tools: Tools, x: Array, weight: Array) -> Array:
        return tools.concatenate([tools.broadcast_to(weight, (len(x), 1, len(weight))), x], 1)
