"""Learned factor for each channel."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.ops.base import Array, Elementwise, Example, Tools, Weights, need_channels


@dataclass(frozen=True)
class LayerScale(Elementwise):
    """Each channel times a learned factor (Touvron et al. 2021; ConvNeXt).

    Input, output: any tensor with channels
    Weight:        channels
    """

    per_element = {"multiply": 1}
    contracting = frozenset()
    examples = (Example("layer_scale", ("{length: 197, channels: 768}",), "197x768", params=768),)

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": (inputs[0].channels,)}

    def shape(self, *inputs: Shape) -> Shape:
        need_channels(self, inputs[0])
        return inputs[0]

    def forward(self, tools: Tools, x: Array, weight: Array) -> Array:
        return x * tools.along(weight, tools.axis(CHANNELS), x)
