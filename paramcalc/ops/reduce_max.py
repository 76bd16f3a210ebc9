"""Greatest value along one axis."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.sizes import Size
from paramcalc.ops._reduction import Reduction
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class ReduceMax(Reduction):
    """The greatest value along one axis, the channels unless said otherwise.

    Input:  any tensor with that axis
    Output: the same axes; size 1 along that one

    The greatest over the channels is half of what CBAM's spatial attention reads; see reduce_mean.
    """

    examples = (
        Example("reduce_max", ("64x28x28",), "1x28x28"),
        Example("reduce_max length", ("{length: 197, channels: 768}",), "1x768"),
    )

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"compare": pairs}

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.max(x, axis=tools.axis(self.axis), keepdims=True)
