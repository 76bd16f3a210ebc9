"""The trainable sub-sampling of LeNet-5."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._pool import window_size
from paramcalc.ops._window import Sliding, Windows, output_space, windows
from paramcalc.ops.attributes import PerAxis
from paramcalc.ops.base import Array, Cost, Example, Tools, Weights, need_image


@dataclass(frozen=True)
class Subsample(Sliding):
    """The sum under each window, times one coefficient, plus one bias, both learned for each channel.

    Input:        channels x height x width
    Weight, bias: channels
    Output:       channels x floor(height / kernel) x floor(width / kernel)

    The windows do not overlap. A unit connects to its window and its bias, so S2 of LeNet-5 has
    (2*2 + 1) * 6*14*14 = 5,880 connections but 12 parameters (LeCun et al. 1998, section II.B).
    """

    kernel_size: PerAxis

    rank = 2
    contracting = frozenset()
    examples = (
        Example("subsample 2", ("6x28x28",), "6x14x14", params=12),
        Example("subsample 2", ("16x10x10",), "16x5x5", params=32),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.kernel_size, "valid", (1, 1))

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"weight": (channels,), "bias": (channels,)}

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        return x.with_space(output_space(self, x, self.windows(x)))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements, read = self.shape(x).elements, window_size(self.windows(x))
        return Cost(
            connections=elements * (read + 1),
            operations={"add": elements * read, "multiply": elements},
        )

    def forward(self, tools: Tools, x: Array, weight: Array, bias: Array) -> Array:
        each = self.windows(tools.shapes[0])
        sums = tools.slide_sum(x, each, tools.starts(x, each))
        return tools.scale_shift(sums, weight, bias, axis=1)
