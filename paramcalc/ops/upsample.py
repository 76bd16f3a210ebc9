"""Enlarging by repetition or interpolation."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, stretched, whole
from paramcalc.base.shape import Shape
from paramcalc.ops._layout import space_axes, spread
from paramcalc.ops.attributes import Flag, Sizes, Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools

INTERPOLATED_AXES = {"linear": 1, "bilinear": 2, "trilinear": 3}


@dataclass(frozen=True)
class Upsample(Op):
    """Each axis but the channels at `scale` times its size, or at the `size` given.

    Input:  any tensor with an axis besides the channels
    Output: scale * size, or `size`, along each such axis; the channels stay

    `scale` and `size` are one number for all axes or one for each; `scale` is whole (for a
    fractional one give `size`). The modes are PyTorch's: `nearest` for any number of axes,
    `linear`, `bilinear`, `trilinear` for one, two, three. `align_corners` puts the outermost
    samples onto the outermost outputs; it moves values, not counts.
    """

    scale: Sizes | None = None
    size: Sizes | None = None
    mode: Word = field(default="nearest", metadata={"choices": ("nearest", *INTERPOLATED_AXES)})
    align_corners: Flag = False

    examples = (
        Example("upsample 2", ("256x16x16",), "256x32x32"),
        Example("upsample size=33x65 mode=bilinear align_corners=true", ("21x17x33",), "21x33x65"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        self._check_mode(x)
        if self.scale is not None and self.size is None:
            scales = spread(self, "scale", self.scale, x)
            return x.resized({axis: scale * x.size(axis) for axis, scale in scales.items()})
        if self.size is not None and self.scale is None:
            return x.resized(spread(self, "size", self.size, x))
        raise Fault(
            f"{self.title} needs either a scale or a size", fix="write upsample 2, or upsample size=14x14"
        )

    def cost(self, *inputs: Shape) -> Cost:
        """Interpolation weighs the 2^n nearest samples of each output."""
        elements = self.shape(*inputs).elements
        taps = 2 ** INTERPOLATED_AXES.get(self.mode, 0)
        return Cost(
            operations={"multiply": taps * elements, "add": (taps - 1) * elements} if taps > 1 else {}
        )

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        old, new = x.size(axis), output.size(axis)
        if old == 1:
            return whole(1)
        if self.mode == "nearest":
            return stretched(axis, old, new)
        if self.align_corners:
            return stretched(axis, old - 1, max(1, new - 1), between=True)
        return stretched(axis, 2 * old, 2 * new, offset=old - new, between=True)

    def forward(self, tools: Tools, x: Array) -> Array:
        sizes = self.shape(*tools.shapes)
        for axis in space_axes(self, sizes):
            x = self._enlarged(tools, x, tools.axis(axis), sizes.size(axis))
        return x

    def _enlarged(self, tools: Tools, x: Array, axis: int, size: int) -> Array:
        """One axis at its new size; interpolation goes axis by axis, which is the same."""
        old, places = x.shape[axis], tools.arange(size)
        if self.mode == "nearest":
            return x.take(places * old // size, axis)
        step, shift, scale = (2 * old, old - size, 2 * size)
        if self.align_corners:
            step, shift, scale = (old - 1, 0, max(1, size - 1))
        scaled = tools.maximum(0, places * step + shift)
        part = tools.along((scaled % scale / scale).astype(x.dtype), axis, x)
        low = scaled // scale
        lower = x.take(low, axis)
        return lower + (x.take(tools.minimum(low + 1, old - 1), axis) - lower) * part

    def _check_mode(self, x: Shape) -> None:
        wanted = INTERPOLATED_AXES.get(self.mode, len(x.space))
        if len(x.space) != wanted:
            fitting = [mode for mode, axes in INTERPOLATED_AXES.items() if axes == len(x.space)]
            axes = "1 axis" if wanted == 1 else f"{wanted} axes"
            raise Fault(
                f"{self.title}: mode={self.mode} needs {axes} besides the channels",
                found=x.described(),
                fix=f"for this input use mode={fitting[0]}" if fitting else "",
                about="mode",
            )
        if self.align_corners and self.mode == "nearest":
            raise Fault(
                f"{self.title}: align_corners has no meaning with mode=nearest",
                fix="drop it, or choose mode=bilinear",
                about="align_corners",
            )
