"""Root mean square normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._norm import AxesNorm, affine, rms_normalized, rms_normalizing
from paramcalc.ops.attributes import Flag, Number
from paramcalc.ops.base import Array, Cost, Example, Tools, Weights, need_axes, need_epsilon


@dataclass(frozen=True)
class RmsNorm(AxesNorm):
    """Each position divided by the root mean square over the named axes, then times `weight`.

    Input, output: any tensor with those axes
    Weight:        the sizes of those axes, in the input's order (absent with elementwise_affine=false)

    Nothing is centred and there is no bias. The default axis is the channels, wherever they
    are. Without `eps` it is the machine epsilon of the data type, as in PyTorch.
    """

    eps: Number | None = None
    elementwise_affine: Flag = True

    examples = (Example("rms_norm", ("{length: 2048, channels: 4096}",), "2048x4096", params=4_096),)

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": self.sizes(inputs[0])} if self.elementwise_affine else {}

    def shape(self, *inputs: Shape) -> Shape:
        if self.eps is not None:
            need_epsilon(self, self.eps)
        return need_axes(self, inputs[0], self.axis)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(operations=rms_normalizing(x.elements, self.groups(x), scaled=self.elementwise_affine))

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        axes = tuple(sorted(tools.axis(axis) for axis in set(self.axis)))
        eps = tools.epsilon(x) if self.eps is None else float(self.eps)
        return affine(rms_normalized(tools, x, axes, eps), axes, **weights)
