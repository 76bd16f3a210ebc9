"""Layer normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._norm import AxesNorm, affine, normalized, normalizing, with_affine
from paramcalc.ops.attributes import Flag, Number
from paramcalc.ops.base import Array, Cost, Example, Tools, Weights, need_axes, need_epsilon


@dataclass(frozen=True)
class LayerNorm(AxesNorm):
    """Zero mean and unit variance over the named axes of each position, then `weight` and `bias`.

    Input, output: any tensor with those axes
    Weight, bias:  the sizes of those axes, in the input's order (absent with elementwise_affine=false)

    The default axis is the channels, wherever they are: first in an image, last in tokens. For
    PyTorch's normalized_shape over a whole image write axis=[channels,height,width].
    """

    eps: Number = 1e-5
    elementwise_affine: Flag = True
    bias: Flag = True

    examples = (
        Example("layer_norm", ("{length: 1024, channels: 768}",), "1024x768", params=1_536),
        Example("layer_norm axis=[channels,height,width]", ("3x8x8",), "3x8x8", params=384),
    )

    def weights(self, *inputs: Shape) -> Weights:
        if not self.elementwise_affine:
            return {}
        dims = self.sizes(inputs[0])
        return {"weight": dims, "bias": dims} if self.bias else {"weight": dims}

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        return need_axes(self, inputs[0], self.axis)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        work = normalizing(x.elements, self.groups(x))
        scaled = self.elementwise_affine
        return Cost(operations=with_affine(work, x.elements, scaled=scaled, shifted=scaled and self.bias))

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        axes = tuple(sorted(tools.axis(axis) for axis in set(self.axis)))
        return affine(normalized(x, axes, float(self.eps)), axes, **weights)
