"""The same elements under other axes."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import AXES, CHANNELS, SPACE, Shape
from paramcalc.base.sizes import Size, at_least, divides, floor_divide, product, same
from paramcalc.ops.attributes import Ints, Words
from paramcalc.ops.base import Array, Example, Op, Tools, need_kind

INFERRED = -1


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in the same order, under other sizes.

    Input:  any tensor
    Output: `sizes`; one may be -1, and is worked out from the others

    The new axes are channels first (channels; channels x length; channels x height x width; ...),
    or those named by `axes`: numbers have channels, token ids have none. Elements do not move: to
    exchange axes use permute.
    """

    sizes: Ints
    axes: Words | None = field(default=None, metadata={"choices": AXES})

    takes_ids = True
    examples = (
        Example("reshape 16x7x7", ("784",), "16x7x7"),
        Example("reshape (-1, 64) axes=(length, channels)", ("64x7x7",), "49x64"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return need_kind(self, x, Shape(self._axes(), self._dims(x)))

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis in output.axes and _behind(axis, x) == _behind(axis, output):
            return super().reach(axis, x, output)
        return whole(x.size(axis))

    def forward(self, tools: Tools, x: Array) -> Array:
        return x.reshape(len(x), *self._dims(tools.shapes[0]))

    def _axes(self) -> tuple[str, ...]:
        if self.axes is None:
            if len(self.sizes) - 1 > len(SPACE):
                raise Fault(
                    f"{self.title}: at most {len(SPACE) + 1} axes", found=str(len(self.sizes)), about="sizes"
                )
            return (CHANNELS, *SPACE.get(len(self.sizes) - 1, ()))
        if len(self.axes) != len(self.sizes) or len(set(self.axes)) != len(self.axes):
            raise Fault(
                f"{self.title} needs a different axis for each size",
                expected=f"{len(self.sizes)} axes",
                found=", ".join(self.axes),
                about="axes",
            )
        return self.axes

    def _dims(self, x: Shape) -> tuple[Size, ...]:
        known = [size for size in self.sizes if not _inferred(size)]
        open_sizes = len(self.sizes) - len(known)
        if open_sizes > 1 or not all(at_least(size, 1) for size in known):
            raise Fault(
                f"{self.title}: sizes must be at least 1, and one of them may be -1",
                found="x".join(map(str, self.sizes)),
                about="sizes",
            )
        elements = product(known)
        if not (divides(elements, x.elements) if open_sizes else same(elements, x.elements)):
            raise Fault(
                f"{self.title}: the sizes do not match the number of elements of the input",
                expected=f"{x.elements} elements from {x.described()}",
                found=f"{elements}{' times a whole number' if open_sizes else ''}",
                about="sizes",
            )
        rest = floor_divide(x.elements, elements)
        return tuple(rest if _inferred(size) else size for size in self.sizes)


def _inferred(size: Size) -> bool:
    return type(size) is int and size == INFERRED


def _behind(axis: str, x: Shape) -> Size:
    """How far neighbours along an axis are apart in memory."""
    return product(x.dims[x.axes.index(axis) + 1 :])
