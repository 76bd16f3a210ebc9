"""The middle of the spatial axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, at_least
from paramcalc.ops.base import Array, Example, Op, Tools
from paramcalc.ops.slice import taken


@dataclass(frozen=True)
class CenterCrop(Op):
    """The middle of the input, of the sizes given for its axes.

    Input:  any tensor with the axes named
    Output: those axes at the sizes given, all others whole

    An image is cropped by `center_crop 56 56`, other tensors by name: `center_crop length=100`.
    If an odd number of positions is removed, the far end loses one more.
    """

    height: Size | None = None
    width: Size | None = None
    depth: Size | None = None
    length: Size | None = None

    takes_ids = True
    examples = (
        Example("center_crop 392 390", ("64x568x568",), "64x392x390"),
        Example("center_crop length=3", ("2x6",), "2x3"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        sizes = self._sizes()
        for axis, size in sizes.items():
            if axis not in x.axes:
                raise Fault(
                    f"{self.title}: the input has no {axis}",
                    found=x.described(),
                    fix="sizes without a name are height and width; write length= or depth= for others",
                    about=axis,
                )
            if not at_least(x.size(axis), size):
                raise Fault(
                    f"{self.title}: the input is smaller than the crop",
                    expected=f"a {axis} of at least {size}",
                    found=x.described(),
                    about=axis,
                )
        return x.resized(sizes)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return shifted(axis, (x.size(axis) - output.size(axis)) // 2)

    def forward(self, tools: Tools, x: Array) -> Array:
        for axis, size in self._sizes().items():
            start = (x.shape[tools.axis(axis)] - size) // 2
            x = taken(x, tools.axis(axis), start, start + size)
        return x

    def _sizes(self) -> dict[str, Size]:
        given = {"height": self.height, "width": self.width, "depth": self.depth, "length": self.length}
        sizes = {axis: size for axis, size in given.items() if size is not None}
        if not sizes:
            raise Fault(
                f"{self.title} needs a size", fix="write center_crop 56 56, or center_crop length=100"
            )
        return sizes
