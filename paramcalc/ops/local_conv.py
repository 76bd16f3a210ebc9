"""Convolution whose positions each have a kernel of their own."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape, image
from paramcalc.base.sizes import Size, product
from paramcalc.ops._window import Sliding, Windows, output_space, patches, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Cost, Example, Tools, Weights, need_image


@dataclass(frozen=True)
class LocalConv(Sliding):
    """A convolution without shared weights: every output position has its own kernel and bias.

    Input:  channels x space
    Weight: positions x out_channels x channels x kernel_size, where positions are the output's
    Bias:   positions x out_channels (absent with bias=false)
    Output: out_channels x floor((size + padding - kernel) / stride) + 1

    As LocallyConnected1D and 2D of Keras 2. Params grow with the image; multiplications are those of
    the convolution.
    """

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    bias: Flag = True

    elsewhere = {"filters": "out_channels", "use_bias": "bias"}
    ranks = (1, 2, 3)
    examples = (
        # 30*30 positions, each with (3*3*3 + 1) * 64 weights
        Example("local_conv2d 64 3", ("3x32x32",), "64x30x30", 1_612_800, 1_555_200),
        Example("local_conv1d 8 3 stride=2 padding=1 bias=false", ("4x9",), "8x5", 480, 480),
    )

    def windows(self, x: Shape) -> Windows:
        adjacent = (1,) * self.rank
        return windows(x, self.kernel_size, self.stride, self.padding, adjacent)

    def weights(self, *inputs: Shape) -> Weights:
        space = self.shape(*inputs).space
        kernels = {"weight": (*space, self.out_channels, inputs[0].channels, *self.kernel_size)}
        return kernels | {"bias": (*space, self.out_channels)} if self.bias else kernels

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        return image(self.out_channels, *output_space(self, x, self.windows(x)))

    def cost(self, *inputs: Shape) -> Cost:
        macs = product(self.weights(*inputs)["weight"])
        biases = self.shape(*inputs).elements if self.bias else 0
        return Cost(macs, connections=macs + biases, operations={"add": biases})

    def forward(self, tools: Tools, x: Array, weight: Array, bias: Array | None = None) -> Array:
        found = patches(tools, x, self.windows(tools.shapes[0]))
        space = found.shape[3:]
        columns = found.reshape(len(x), -1, product(space)).transpose(2, 0, 1)
        kernels = weight.reshape(product(space), self.out_channels, -1)
        y = tools.matmul(columns, kernels.swapaxes(1, 2))
        if bias is not None:
            y += bias.reshape(-1, 1, self.out_channels)
        return y.transpose(1, 2, 0).reshape(len(x), self.out_channels, *space)
