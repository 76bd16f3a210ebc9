"""Batch normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import Shape
from paramcalc.ops._norm import normalizing, with_affine
from paramcalc.ops.attributes import Flag, Number
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels, need_epsilon


@dataclass(frozen=True)
class BatchNorm(Op):
    """Each channel scaled to zero mean and unit variance over the batch, then `weight`, `bias`.

    Input, output: any tensor with channels
    Weight, bias:  channels (absent with affine=false)
    Buffers:       running_mean, running_var: channels (never parameters)

    At inference the running statistics are used. They and the weights fold into one multiplication
    and one addition for each element. With track_running_stats=false each batch uses its own.
    """

    eps: Number = 1e-5
    momentum: Number = 0.1
    affine: Flag = True
    track_running_stats: Flag = True

    contracting = frozenset()
    examples = (Example("batch_norm", ("64x112x112",), "64x112x112", params=128),)

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def buffers(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"running_mean": (channels,), "running_var": (channels,)} if self.track_running_stats else {}

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        need_channels(self, inputs[0])
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        if self.track_running_stats:
            return Cost(operations={"multiply": x.elements, "add": x.elements})
        work = normalizing(x.elements, x.channels)
        return Cost(operations=with_affine(work, x.elements, scaled=self.affine, shifted=self.affine))

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return super().reach(axis, x, output) if self.track_running_stats else whole(x.size(axis))

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        channels = tools.axis("channels")
        if self.track_running_stats:
            mean, variance = weights["running_mean"], weights["running_var"]
        else:
            others = tuple(axis for axis in range(x.ndim) if axis != channels)
            mean, variance = x.mean(axis=others), x.var(axis=others)
        scale = weights.get("weight", 1) / tools.sqrt(variance + float(self.eps))
        return tools.scale_shift(x, scale, weights.get("bias", 0) - mean * scale, channels)
