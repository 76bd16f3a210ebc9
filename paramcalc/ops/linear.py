"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import CHANNELS, Shape, vector
from paramcalc.base.sizes import Size, product, same
from paramcalc.ops._layout import need_last_channels
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels


@dataclass(frozen=True)
class Linear(Op):
    """Each channel vector times a matrix, plus a bias.

    Input:  any axes x channels
    Weight: out_channels x channels
    Output: the same axes x out_channels

    The last axis is read, as PyTorch does, and it must be the channels: 512x7x7 has to be
    flattened first. An image of one position (120x1x1) is taken as the vector that it is.
    """

    out_channels: Size
    bias: Flag = True

    elsewhere = {"units": "out_channels"}
    examples = (
        Example("linear 1000", ("2048",), "1000", 2_049_000, 2_048_000),
        Example("linear 84", ("120x1x1",), "84", 10_164, 10_080),
        Example(
            "linear 3072 bias=false", ("{length: 197, channels: 768}",), "197x3072", 2_359_296, 464_781_312
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        matrix: Weights = {"weight": (self.out_channels, inputs[0].channels)}
        return matrix | {"bias": (self.out_channels,)} if self.bias else matrix

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        need_channels(self, x)
        if x.axes[0] == CHANNELS and all(same(size, 1) for size in x.space):
            return vector(self.out_channels)
        need_last_channels(self, x, self._fix(x))
        return x.with_channels(self.out_channels)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        positions = product(x.space)
        macs = self.out_channels * x.channels * positions
        biases = self.out_channels * positions if self.bias else 0
        return Cost(macs, connections=macs + biases, operations={"add": biases})

    def forward(self, tools: Tools, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if tools.shapes[0].axes[-1] != CHANNELS:  # an image of one position
            x = x.reshape(len(x), -1)
        y = tools.matmul(x, weight.T)
        if bias is not None:
            y += bias
        return y

    def _fix(self, x: Shape) -> str:
        if x.axes[0] != CHANNELS:
            return "bring the channels to the end with permute"
        return f"add flatten before it, or use conv{len(x.space)}d {self.out_channels} 1"
