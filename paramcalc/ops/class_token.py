"""Learned token put in front."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._layout import need_tokens
from paramcalc.ops.base import Example, Op, Weights
from paramcalc.shape import Shape


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
