"""Tensor of stored numbers that reads nothing: learned, or fixed."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import AXES, CHANNELS, Shape, image
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Flag, Sizes
from paramcalc.ops.base import Array, Example, Op, Tools, Weights


@dataclass(frozen=True)
class Parameter(Op):
    """A tensor of learned numbers: queries, positions, a factor. Fixed ones, such as a mask, with learned=false.

    Weight: the tensor, without the batch; with learned=false a buffer, no parameters
    Output: the same for every sample

    `sizes` are channels first, as in `input`: 256, 64x28x28. Axes by name give a tensor with the
    channels last: `parameter length=100 channels=256`. No input is read, so it can start a chain;
    in a branch, `channels` and `x.length` are those of the tensor that the other branches read.
    Fixed numbers without channels are ids, as `gather` reads them: `parameter length=49 learned=false`.
    """

    sizes: Sizes | None = None
    length: Size | None = None
    depth: Size | None = None
    height: Size | None = None
    width: Size | None = None
    channels: Size | None = None
    learned: Flag = True

    inputs = ()
    contracting = frozenset()
    examples = (
        Example("parameter length=100 channels=256", (), "100x256", params=25_600),
        Example("parameter 1", (), "1", params=1),
        Example("parameter 1x14x14", (), "1x14x14", params=196),
        Example("parameter length=49 channels=49 learned=false", (), "49x49"),
    )

    def weights(self, *inputs: Shape) -> Weights:
        return {"weight": self.shape().dims} if self.learned else {}

    def buffers(self, *inputs: Shape) -> Weights:
        shape = self.shape()
        return {} if self.learned else {"weight" if CHANNELS in shape.axes else "ids": shape.dims}

    def shape(self, *inputs: Shape) -> Shape:
        if self.sizes is not None:
            return self._by_place(self.sizes)
        named = {axis: size for axis in (*AXES[1:], CHANNELS) if (size := getattr(self, axis)) is not None}
        if CHANNELS not in named and (self.learned or not named):
            found = ", ".join(named) or "no sizes"
            fix = "write its sizes, as in parameter 256, or name its axes: parameter length=100 channels=256"
            raise Fault(f"{self.title} needs channels", found=found, fix=fix)
        return Shape(tuple(named), tuple(named.values()))

    def _by_place(self, sizes: Sizes) -> Shape:
        twice = [axis for axis in AXES if getattr(self, axis) is not None]
        if twice:
            fix = "give all sizes in order, channels first, or all by name"
            raise Fault(f"{self.title} has sizes in order, and {twice[0]} by name", fix=fix, about=twice[0])
        if len(sizes) > len(AXES) - 1:
            raise Fault(
                f"{self.title} has more axes than a tensor can have",
                expected="channels, and one to three axes of space",
                found=f"{len(sizes)} sizes",
                about="sizes",
            )
        return image(*sizes)

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        return {"weight": self.shape().elements} if self.learned else {}

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        weight = weights["ids"].astype(int) if "ids" in weights else weights["weight"]
        return tools.broadcast_to(weight, (tools.batch, *weight.shape))
