"""The Euclidean radial basis function units of LeNet-5's output."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape, vector
from paramcalc.base.sizes import Size, same
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels


@dataclass(frozen=True)
class Rbf(Op):
    """The squared Euclidean distance of the input to one fixed code for each class.

    Input:  channels
    Codes:  out_channels x channels (stylized pictures of the characters, set by hand, not learned)
    Output: out_channels: sum over j of (x_j - codes_ij)**2 (LeCun et al. 1998, equation 7)

    There is no bias, and no contraction: nothing counts as a multiply-accumulate.
    """

    out_channels: Size

    frozen = frozenset({"codes"})
    contracting = frozenset()
    examples = (Example("rbf 10", ("84",), "10", params=840),)

    def weights(self, *inputs: Shape) -> Weights:
        return {"codes": (self.out_channels, inputs[0].channels)}

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if not same(need_channels(self, x), x.elements):
            raise Fault(
                f"{self.title} needs a vector",
                expected="channels alone",
                found=x.described(),
                fix="add flatten before it",
            )
        return vector(self.out_channels)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        pairs = self.out_channels * x.channels
        return Cost(
            connections=pairs,
            operations={"subtract": pairs, "multiply": pairs, "add": pairs - self.out_channels},
        )

    def forward(self, tools: Tools, x: Array, codes: Array) -> Array:
        apart = x.reshape(len(x), 1, -1) - codes
        return (apart * apart).sum(axis=-1)
