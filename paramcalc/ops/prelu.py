"""Rectified linear unit with learned slopes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, same
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools, Weights, need_channels


@dataclass(frozen=True)
class Prelu(Elementwise):
    """x where it is positive, a learned slope times x elsewhere.

    Input, output: any tensor; with channels if there is a slope for each
    Weight:        num_parameters: one slope for all, or `prelu channels`, one for each channel

    `init` is the initial slope for training.
    """

    num_parameters: Size = 1
    init: Number = 0.25

    contracting = frozenset()
    per_element = {"compare": 1, "multiply": 1}
    examples = (
        Example("prelu", ("64x56x56",), "64x56x56", params=1),
        Example("prelu 64", ("64x56x56",), "64x56x56", params=64),
    )

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": (self.num_parameters,)}

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if not same(self.num_parameters, 1) and not same(self.num_parameters, need_channels(self, x)):
            raise Fault(
                f"{self.title}: num_parameters must be 1 or the number of channels",
                expected=f"1 or {x.channels}",
                found=str(self.num_parameters),
                fix="write 'prelu channels' for one slope per channel",
                about="num_parameters",
            )
        return x

    def forward(self, tools: Tools, x: Array, weight: Array) -> Array:
        slope = tools.along(weight, tools.axis("channels"), x) if len(weight) > 1 else weight
        return tools.maximum(x, 0) + slope * tools.minimum(x, 0)
