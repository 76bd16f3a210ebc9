"""The reverse of maximum pooling."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps, stretched
from paramcalc.base.shape import SPACE, Shape
from paramcalc.base.sizes import ceil_divide, floor_divide, same
from paramcalc.ops.attributes import PerAxis
from paramcalc.ops.base import Array, Example, Op, Tools, need_image


@dataclass(frozen=True)
class MaxUnpool(Op):
    """Each value at the place in its window where the features are greatest, zeros elsewhere (SegNet).

    Values:   channels x space, as `max_pool` gives of the features
    Features: channels x space
    Output:   as the features

    Windows of `kernel_size` do not overlap; a last partial one may have a value or not.
    Among equal greatest features the first one counts, row by row, as in PyTorch. The places are those
    that the pooling found, so nothing is compared here.
    """

    kernel_size: PerAxis

    inputs = ("values", "features")
    ranks = (1, 2, 3)
    examples = (
        Example("max_unpool2d 2", ("64x112x112", "64x224x224"), "64x224x224"),
        Example("max_unpool2d 2", ("8x3x2", "8x5x4"), "8x5x4"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        values, features = (need_image(self, one) for one in inputs)
        sizes = [*zip(features.space, self.kernel_size, strict=True)]
        whole = tuple(floor_divide(size, kernel) for size, kernel in sizes)
        partial = tuple(ceil_divide(size, kernel) for size, kernel in sizes)
        fits = all(
            same(size, one) or same(size, other)
            for size, one, other in zip(values.space, whole, partial, strict=True)
        )
        if not fits or not same(values.channels, features.channels):
            raise Fault(
                f"{self.title}: the values do not have the shape of the pooled features",
                expected=features.with_space(whole).described(),
                found=values.described(),
                about="inputs:1",
            )
        return features

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        each = [*zip(SPACE[self.rank], self.kernel_size, strict=True)]
        window = {
            axis: Reach(axis, Steps((0,) * kernel, kernel), Steps((kernel - 1,) * kernel, kernel))
            for axis, kernel in each
        }
        return {axis: stretched(axis, 1, kernel) for axis, kernel in each}, window

    def forward(self, tools: Tools, values: Array, features: Array) -> Array:
        rank, lead = self.rank, values.shape[:2]
        blocks = [*zip(values.shape[2:], self.kernel_size, strict=True)]
        ends = [(0, max(0, n * k - size)) for (n, k), size in zip(blocks, features.shape[2:], strict=True)]
        inside = (..., *(slice(0, n * k) for n, k in blocks))
        real = tools.pad(features == features, ends)[inside]
        reached = tools.where(real, tools.pad(features, ends)[inside], float("-inf"))
        parted = reached.reshape(*lead, *(size for pair in blocks for size in pair))
        by_window = [0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2)]
        windows = parted.transpose(by_window).reshape(*values.shape, -1)
        chosen = tools.arange(windows.shape[-1]) == windows.argmax(-1)[..., None]
        placed = tools.where(chosen, values[..., None], values.dtype.type(0))
        back = [0, 1, *(place for axis in range(2, 2 + rank) for place in (axis, axis + rank))]
        whole = placed.reshape(*values.shape, *self.kernel_size).transpose(back)
        whole = whole.reshape(*lead, *(n * k for n, k in blocks))
        return self._fitted(tools, whole, features.shape[2:])

    @staticmethod
    def _fitted(tools: Tools, x: Array, sizes: tuple[int, ...]) -> Array:
        """Cut where a partial window reaches out, with zeros where it has no value."""
        cut = x[(..., *(slice(0, size) for size in sizes))]
        return tools.pad(cut, [(0, size - had) for size, had in zip(sizes, cut.shape[2:], strict=True)])
