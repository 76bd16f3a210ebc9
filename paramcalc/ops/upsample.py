"""Enlarging by repetition or interpolation."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, repeating, stretched, whole
from paramcalc.base.shape import Shape
from paramcalc.ops._layout import space_axes, spread
from paramcalc.ops.attributes import Flag, Sizes, Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools

INTERPOLATED_AXES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
BEND = -0.75  # of the cubic convolution, as in PyTorch


@dataclass(frozen=True)
class Upsample(Op):
    """Each axis but the channels at `scale` times its size, or at the `size` given.

    Input:  any tensor with an axis besides the channels
    Output: scale * size, or `size`, along each such axis; the channels stay

    `scale` and `size` are one number for all axes or one for each; `scale` is whole (for a
    fractional one give `size`). The modes are PyTorch's: `nearest` for any number of axes,
    `linear`, `bilinear`, `trilinear` for one, two, three, and `bicubic` for two. `align_corners` puts the outermost
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
        """Interpolation weighs the 2^n nearest samples of each output, cubic the 4^2 nearest."""
        elements = self.shape(*inputs).elements
        taps = (4 if self._cubic() else 2) ** INTERPOLATED_AXES.get(self.mode, 0)
        return Cost(
            operations={"multiply": taps * elements, "add": (taps - 1) * elements} if taps > 1 else {}
        )

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        old, new = x.size(axis), output.size(axis)
        if old == 1:
            return whole(1)
        if self.mode == "nearest":
            return stretched(axis, old, new)
        step, shift, scale = self._steps(old, new)
        if self._cubic():
            return self._cubic_reach(axis, step, shift, scale)
        return stretched(axis, step, scale, shift, between=True)

    def _cubic_reach(self, axis: str, step: int, shift: int, scale: int) -> Reach:
        """A sample between two positions reads one more on both sides; there are copies beyond the ends."""
        divisor = gcd(step, scale) or 1

        def read(place: int) -> tuple[int, int]:
            at = step * place + shift
            low = at // scale
            return (low - 1, low + 2) if at % scale else (low, low)

        return repeating(axis, scale // divisor, step // divisor, read)._replace(edges="replicate")

    def _cubic(self) -> bool:
        return self.mode == "bicubic"

    def _steps(self, old: int, new: int) -> tuple[int, int, int]:
        """Output position o lies at (step * o + shift) / scale of the input."""
        return (old - 1, 0, max(1, new - 1)) if self.align_corners else (2 * old, old - new, 2 * new)

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
        step, shift, scale = self._steps(old, size)
        if self._cubic():
            scaled = places * step + shift
            part = tools.along((scaled % scale / scale).astype(x.dtype), axis, x)
            found = (x.take((scaled // scale + tap).clip(0, old - 1), axis) for tap in (-1, 0, 1, 2))
            far, near, near_after, far_after = found
            return (
                far * _outer(1 + part)
                + near * _inner(part)
                + near_after * _inner(1 - part)
                + far_after * _outer(2 - part)
            )
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


def _inner(t: Array) -> Array:
    """The weight of a sample at a distance of at most 1 (Keys 1981)."""
    return ((BEND + 2) * t - (BEND + 3)) * t * t + 1


def _outer(t: Array) -> Array:
    """The weight of a sample at a distance from 1 to 2."""
    return ((t - 5) * t + 8) * t * BEND - 4 * BEND
