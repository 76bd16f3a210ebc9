"""Lookup of learned vectors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, product
from paramcalc.ops.base import Array, Example, Op, Tools, Weights


@dataclass(frozen=True)
class Embedding(Op):
    """A learned vector for each token id.

    Input:  whole numbers below `vocabulary`; any axes but channels, as {length: 1024}
    Weight: vocabulary x dim
    Output: the same axes x dim channels

    A row is looked up, so nothing is multiplied, however large the table.
    """

    vocabulary: Size
    dim: Size

    takes_ids = True
    elsewhere = {"num_embeddings": "vocabulary"}
    contracting = frozenset()
    examples = (Example("embedding 50257 768", ("{length: 1024}",), "1024x768", params=38_597_376),)

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": (self.vocabulary, self.dim)}

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if CHANNELS in x.axes:
            raise Fault(
                f"{self.title} needs token ids, which have no channels",
                expected="axes by name, as in 'input: {length: 128}'",
                found=x.described(),
            )
        return Shape((*x.axes, CHANNELS), (*x.dims, self.dim))

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        return {"weight": min(self.vocabulary, batch * product(inputs[0].dims)) * self.dim}

    def forward(self, tools: Tools, x: Array, weight: Array) -> Array:
        return weight[x]
