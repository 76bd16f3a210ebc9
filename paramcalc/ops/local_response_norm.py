"""Local response normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_space


@dataclass(frozen=True)
class LocalResponseNorm(Op):
    """Each value divided by (k + alpha * mean of squares over `size` neighbouring channels) ** beta.

    Input, output: channels and at least one other axis

    The mean divides by `size` even at the borders, as in PyTorch and Caffe. AlexNet's paper has no
    such division: its alpha of 1e-4 is 5e-4 here with size 5. An even window reaches one channel
    further back than forward.
    """

    size: Size
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1

    examples = (Example("local_response_norm 5 alpha=5e-4 k=2", ("96x55x55",), "96x55x55"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_space(self, inputs[0])

    def cost(self, *inputs: Shape) -> Cost:
        elements = inputs[0].elements
        return Cost(
            operations={
                "multiply": 2 * elements,  # the square, and alpha/size
                "add": self.size * elements,  # size - 1 for the sum, and k
                "power": elements,
                "divide": elements,
            }
        )

    def forward(self, tools: Tools, x: Array) -> Array:
        channels = tools.axis("channels")
        squares = tools.moveaxis(x * x, channels, 1)
        scale = squares.copy()
        for back in range(1, self.size // 2 + 1):
            scale[:, back:] += squares[:, :-back]
        for ahead in range(1, (self.size - 1) // 2 + 1):
            scale[:, :-ahead] += squares[:, ahead:]
        scale *= float(self.alpha) / self.size
        scale += float(self.k)
        tools.power(scale, -float(self.beta), out=scale)
        return tools.moveaxis(scale, 1, channels) * x
