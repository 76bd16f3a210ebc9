"""Bilinear form of two inputs."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, same
from paramcalc.ops._layout import need_last_channels
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels


@dataclass(frozen=True)
class Bilinear(Op):
    """For each output, a weighted sum of all products of a left and a right channel, plus a bias.

    Left:   any axes x channels
    Right:  the same axes x channels of its own
    Weight: out_channels x left channels x right channels
    Output: the same axes x out_channels

    Multiplications are counted as they are performed: first the left vector with the weight
    (out_channels*left*right), then the resulting rows with the right vector (out_channels*right).
    """

    out_channels: Size
    bias: Flag = True

    inputs = ("left", "right")
    examples = (
        Example("bilinear 5", ("3", "4"), "5", params=65, macs=80),
        Example(
            "bilinear 5 bias=false", ("{length: 2, channels: 3}", "{length: 2, channels: 4}"), "2x5", 60, 160
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        left, right = inputs
        matrices: Weights = {"weight": (self.out_channels, left.channels, right.channels)}
        return matrices | {"bias": (self.out_channels,)} if self.bias else matrices

    def shape(self, *inputs: Shape) -> Shape:
        left, right = inputs
        for x in inputs:
            need_channels(self, x)
            need_last_channels(self, x, "add flatten before it")
        if left.axes != right.axes or not all(map(same, left.space, right.space)):
            raise Fault(
                f"{self.title} needs the same axes on both sides, except for the channels",
                found=f"left is {left.described()}, right is {right.described()}",
                about="inputs:1,2",
            )
        return left.with_channels(self.out_channels)

    def cost(self, *inputs: Shape) -> Cost:
        left, right = inputs
        y = left.with_channels(self.out_channels)
        macs = y.elements * (left.channels + 1) * right.channels
        biases = y.elements if self.bias else 0
        return Cost(macs, connections=macs + biases, operations={"add": biases})

    def forward(
        self, tools: Tools, left: Array, right: Array, weight: Array, bias: Array | None = None
    ) -> Array:
        outputs, ins, others = weight.shape
        rows = tools.matmul(left.reshape(-1, ins), weight.swapaxes(0, 1).reshape(ins, -1))
        y = tools.matmul(rows.reshape(-1, outputs, others), right.reshape(-1, others, 1))
        y = y.reshape(*left.shape[:-1], outputs)
        if bias is not None:
            y += bias
        return y
