"""Common code of average and maximum pooling by a sliding window."""

from __future__ import annotations

from paramcalc.base.errors import Fault
from paramcalc.base.shape import SPACE, Shape
from paramcalc.base.sizes import Size, at_least, floor_divide, product
from paramcalc.ops._reduction import Reducing
from paramcalc.ops._window import Sliding, Windows, output_space
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Cost, Op, need_image


class WindowPool(Sliding, Reducing):
    """A pooling by a sliding window; with `ceil_mode` a last partial window counts."""

    ceil_mode: Flag
    ranks = (1, 2, 3)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        each = self.windows(x)
        check_half(self, each)
        return x.with_space(output_space(self, x, each, ceil_mode=self.ceil_mode))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements = self.shape(x).elements
        return self.reducing(elements * window_size(self.windows(x)), elements)


def window_size(each: Windows) -> Size:
    """Elements of one window over all axes."""
    return product(one.kernel for one in each)


def check_half(op: Op, each: Windows) -> None:
    """Pooling may pad at most half the kernel, so that every window holds a real value."""
    for axis, one in zip(SPACE[op.rank], each, strict=True):
        half = floor_divide(one.kernel, 2)
        for amount in (one.before, one.after):
            if not at_least(half, amount):
                raise Fault(
                    f"{op.title}: padding must be at most half the window",
                    expected=f"at most {half} for a window {axis} of {one.kernel}",
                    found=str(amount),
                    about="padding",
                )
