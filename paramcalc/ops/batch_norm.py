"""Batch normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._norm import ChannelNorm
from paramcalc.ops.base import Array, Example, Tools, need_channels, need_epsilon


@dataclass(frozen=True)
class BatchNorm(ChannelNorm):
    """Each channel scaled to zero mean and unit variance over the batch, then `weight`, `bias`.

    Input, output: any tensor with channels
    Weight, bias:  channels (absent with affine=false)
    Buffers:       running_mean, running_var: channels (never parameters)

    At inference the running statistics are used. They and the weights fold into one multiplication
    and one addition for each element. With track_running_stats=false each batch uses its own.
    """

    examples = (Example("batch_norm", ("64x112x112",), "64x112x112", params=128),)

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        need_channels(self, inputs[0])
        return inputs[0]

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        channels = tools.axis("channels")
        if self.track_running_stats:
            mean, variance = weights["running_mean"], weights["running_var"]
        else:
            others = tuple(axis for axis in range(x.ndim) if axis != channels)
            mean, variance = x.mean(axis=others), x.var(axis=others)
        scale = weights.get("weight", 1) / tools.sqrt(variance + float(self.eps))
        return tools.scale_shift(x, scale, weights.get("bias", 0) - mean * scale, channels)
