"""Maximum pooling over everything but the channels."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._reduction import GlobalPool, Greatest
from paramcalc.ops.base import Example


@dataclass(frozen=True)
class GlobalMaxPool(Greatest, GlobalPool):
    """The greatest value of each channel over all other axes.

    Input:  channels and at least one other axis, in any order (an image, tokens)
    Output: channels; a vector, so that a linear layer can follow at once
    """

    examples = (
        Example("global_max_pool", ("2048x7x7",), "2048"),
        Example("global_max_pool", ("{length: 197, channels: 768}",), "768"),
    )
