"""Windows added up to an image: col2im."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, repeating
from paramcalc.base.shape import SPACE, Shape, image
from paramcalc.base.sizes import divides, floor_divide, product, same
from paramcalc.ops._window import Windows, reading, taps, windows
from paramcalc.ops.attributes import Padding, PerAxis
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_image


@dataclass(frozen=True)
class Fold(Op):
    """The reverse of `unfold`: each position adds its window to the output, where windows overlap (col2im).

    Input:  channels * kernel_size x positions
    Output: channels x output_size

    `kernel_size`, `stride`, `padding` and `dilation` are those of the `unfold` that has this input
    from such an output. Each value is added once. PyTorch's `fold` has the positions in one axis.
    """

    output_size: PerAxis
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]

    ranks = (1, 2, 3)
    examples = (Example("fold2d 14 3 padding=1", ("576x14x14",), "64x14x14"),)

    def windows(self) -> Windows:
        whole = image(1, *self.output_size)
        return windows(whole, self.kernel_size, self.stride, self.padding, self.dilation)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        wanted = tuple(one.positions for one in self.windows())
        if not all(map(same, x.space, wanted)):
            raise Fault(
                f"{self.title}: the number of windows does not fit the output",
                expected=f"{'x'.join(map(str, wanted))} for an output of {'x'.join(map(str, self.output_size))}",
                found=x.described(),
            )
        if not divides(product(self.kernel_size), x.channels):
            raise Fault(
                f"{self.title}: {x.channels} channels do not divide into whole windows",
                expected=f"a multiple of {product(self.kernel_size)}",
                about="kernel_size",
            )
        return image(floor_divide(x.channels, product(self.kernel_size)), *self.output_size)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"add": inputs[0].elements})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        one = self.windows()[SPACE[self.rank].index(axis)]

        def read(place: int) -> tuple[int, int]:
            """The positions whose windows have a tap here."""
            at = place + one.before
            hit = [
                (at - tap) // one.stride
                for tap in range(0, one.span, one.dilation)
                if (at - tap) % one.stride == 0
            ]
            return (min(hit), max(hit)) if hit else (1, 0)

        return repeating(axis, one.stride, 1, read, max(1, one.dilation // one.stride))

    def forward(self, tools: Tools, x: Array) -> Array:
        each, y = self.windows(), self.shape(*tools.shapes)
        padded = [one.before + one.size + one.after for one in each]
        total = tools.zeros((len(x), y.channels, *padded), x.dtype)
        columns = x.reshape(len(x), y.channels, -1, *x.shape[2:])
        for place, at in enumerate(taps(each)):
            total[(..., *map(reading, at, each))] += columns[:, :, place]
        return total[(..., *(slice(one.before, one.before + one.size) for one in each))]
