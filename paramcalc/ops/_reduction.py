"""What reductions of one axis share."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Cost, Op, need_axes


@dataclass(frozen=True)
class Reduction(Op):
    """One value in place of all along an axis, the channels unless said otherwise; the axis stays, with size 1."""

    axis: Word = field(default=CHANNELS, metadata={"choices": AXES})

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], (self.axis,)).resized({self.axis: 1})

    def cost(self, *inputs: Shape) -> Cost:
        elements, results = inputs[0].elements, self.shape(*inputs).elements
        return Cost(connections=elements, operations=self.work(elements - results, results))

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        """Operations by kind, where `pairs` of values are brought together to `results`."""
        raise NotImplementedError
