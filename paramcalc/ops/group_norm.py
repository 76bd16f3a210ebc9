"""Group normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size
from paramcalc.ops._norm import affine, normalized, normalizing, with_affine
from paramcalc.ops.attributes import Flag, Number
from paramcalc.ops.base import (
    Array,
    Cost,
    Example,
    Op,
    Tools,
    Weights,
    need_channels,
    need_epsilon,
    need_groups,
)


@dataclass(frozen=True)
class GroupNorm(Op):
    """Each group of neighbouring channels, over all positions, to zero mean and unit variance.

    Input, output: any tensor with channels
    Weight, bias:  channels, not groups (absent with affine=false)
    """

    num_groups: Size
    eps: Number = 1e-5
    affine: Flag = True

    contracting = frozenset()
    examples = (Example("group_norm 32", ("256x56x56",), "256x56x56", params=512),)

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        (x,) = inputs
        need_groups(self, "input", need_channels(self, x), self.num_groups, "num_groups")
        return x

    def cost(self, *inputs: Shape) -> Cost:
        elements = inputs[0].elements
        work = normalizing(elements, self.num_groups)
        return Cost(operations=with_affine(work, elements, scaled=self.affine, shifted=self.affine))

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return whole(x.size(axis))

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        channels = tools.axis("channels")
        first = tools.moveaxis(x, channels, 1)
        groups = first.reshape(len(x), self.num_groups, -1)
        y = normalized(groups, (2,), float(self.eps)).reshape(first.shape)
        return affine(tools.moveaxis(y, 1, channels), (channels,), **weights)
