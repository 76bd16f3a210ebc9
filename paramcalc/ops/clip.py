"""Values kept between two ends."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Cost, Elementwise, Example, Tools


@dataclass(frozen=True)
class Clip(Elementwise):
    """min(max(x, low), high), element by element; one of the ends may be `none`.

    PyTorch's Hardtanh is `clip -1 1`.
    """

    low: Number | None
    high: Number | None = None

    examples = (
        Example("clip -1 1", ("64x28x28",), "64x28x28"),
        Example("clip 0 high=20", ("{length: 50, channels: 80}",), "50x80"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise Fault(f"{self.title}: low is above high", found=f"{self.low} and {self.high}", about="high")
        if not self._ends():
            raise Fault(f"{self.title} needs low or high", fix="write clip 0 6, or clip none 6", about="low")
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"compare": len(self._ends()) * inputs[0].elements})

    def forward(self, tools: Tools, x: Array) -> Array:
        low, high = (None if end is None else float(end) for end in (self.low, self.high))
        return tools.elementwise(lambda part: part.clip(low, high), x)

    def _ends(self) -> list[Number]:
        return [end for end in (self.low, self.high) if end is not None]
