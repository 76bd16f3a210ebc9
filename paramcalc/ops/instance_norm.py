"""Instance normalization."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import product, same
from paramcalc.ops._norm import ChannelNorm, affine, normalized
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Tools, need_epsilon, need_space


@dataclass(frozen=True)
class InstanceNorm(ChannelNorm):
    """Each channel of each sample, over all positions, to zero mean and unit variance.

    Input, output: channels and at least one other axis
    Weight, bias:  channels (only with affine=true, which is off by default, as in PyTorch)
    Buffers:       running_mean, running_var: channels (only with track_running_stats=true)

    Without running statistics a single position is refused, as it has no variance.
    """

    affine: Flag = False
    track_running_stats: Flag = False

    examples = (
        Example("instance_norm", ("64x256x256",), "64x256x256"),
        Example("instance_norm affine=true", ("64x256x256",), "64x256x256", params=128),
    )

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        x = need_space(self, inputs[0])
        if not self.track_running_stats and same(product(x.space), 1):
            raise Fault(
                f"{self.title} needs more than one position to take a variance of",
                found=x.described(),
                fix="use batch_norm or layer_norm, or track_running_stats=true",
            )
        return x

    def forward(self, tools: Tools, x: Array, **weights: Array) -> Array:
        channels = tools.axis("channels")
        if self.track_running_stats:
            scale = 1 / tools.sqrt(weights.pop("running_var") + float(self.eps))
            y = tools.scale_shift(x, scale, -weights.pop("running_mean") * scale, channels)
        else:
            places = tuple(axis for axis in range(1, x.ndim) if axis != channels)
            y = normalized(x, places, float(self.eps))
        return affine(y, (channels,), **weights)
