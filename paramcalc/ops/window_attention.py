"""Attention within windows of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product as pairs_of
from math import inf, log

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, repeating, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, at_least, ceil_divide, floor_divide, product, same
from paramcalc.ops._attention import (
    PROJECTIONS,
    Meeting,
    attended,
    attention_cost,
    attention_inner,
    biases,
    check_division,
    join_heads,
    projected,
    split_heads,
    with_work,
)
from paramcalc.ops._layout import PLANE
from paramcalc.ops._norm import lengthening, unit_length
from paramcalc.ops.attributes import Count, Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights
from paramcalc.ops.slice import taken

LENGTH_EPS = 1e-12  # of F.normalize
LARGEST_SCALE = 100


@dataclass(frozen=True)
class WindowAttention(Op):
    """Self-attention within windows of window x window positions, as in Swin (Liu et al. 2021).

    Input:                  height x width x channels
    Query, key, value, out: channels x channels
    Relative position:      (2*window - 1)^2 x heads, added to the scores; none with relative_bias=false
    Logit scale:            heads, with cosine=true
    Output:                 height x width x channels

    Where height or width is not a multiple of the window, zeros are first added below and right, and
    cut off afterwards, as Swin's published code does; the projections and products of the padded
    positions are counted, because they are computed. `shift` moves the windows that far, around
    the edges, and changes no count.

    Swin V2 compares directions: `cosine` divides queries and keys by their lengths, and their products
    are multiplied by a number for each head, which learns its logarithm and is at most 100. A second input
    is the relative position, computed: length x channels, a row for each of `offsets` and a channel for
    each head.
    """

    heads: Size
    window: Size
    shift: Count = 0
    bias: Flag = True
    qkv_bias: Flag | None = None
    out_bias: Flag | None = None
    relative_bias: Flag = True
    key_bias: Flag | None = None
    cosine: Flag = False

    inputs = ("x", "relative_position")
    optional = 1
    contracting = frozenset(PROJECTIONS)
    examples = (
        Example(
            "window_attention 3 7",
            ("{height: 56, width: 56, channels: 96}",),
            "56x56x96",
            params=37_755,
            macs=145_108_992,
        ),
        Example(
            "window_attention 1 2 shift=1 bias=false",
            ("{height: 3, width: 2, channels: 4}",),
            "3x2x4",
            params=73,
            macs=768,
        ),
        Example(
            "window_attention 4 2 relative_bias=false",
            ("{height: 4, width: 4, channels: 8}",),
            "4x4x8",
            params=288,
            macs=5_120,
        ),
        Example(
            "window_attention 2 2 key_bias=false cosine=true",
            ("{height: 4, width: 4, channels: 8}", "{length: 9, channels: 2}"),
            "4x4x8",
            params=282,
            macs=5_120,
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        matrices: Weights = dict.fromkeys(PROJECTIONS, (channels, channels))
        found = matrices | biases(matrices, self.bias, self.qkv_bias, self.out_bias, self.key_bias)
        if self.relative_bias and len(inputs) == 1:
            found["relative_position"] = ((2 * self.window - 1) ** 2, self.heads)
        if self.cosine:
            found["logit_scale"] = (self.heads,)
        return found

    def adds(self, weight: str) -> bool:
        return super().adds(weight) and weight != "logit_scale"

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        if x.axes != (*PLANE, CHANNELS):
            raise Fault(
                f"{self.title} needs height x width x channels",
                found=x.described(),
                fix="put channels_last before it" if x.axes == (CHANNELS, *PLANE) else "",
            )
        check_division(self, x.channels, self.heads)
        if not at_least(self.window - 1, self.shift):
            raise Fault(
                f"{self.title}: the shift must be smaller than the window",
                expected=f"at most {self.window - 1}",
                found=str(self.shift),
                about="shift",
            )
        for given in inputs[1:]:
            self._check_biases(given)
        return x

    def _check_biases(self, given: Shape) -> None:
        """A fault where the second input is not a bias for each offset and head."""
        if not self.relative_bias:
            fix = "leave out relative_bias=false, or the second tensor"
            raise Fault(f"{self.title}: a second tensor is the relative bias", fix=fix, about="relative_bias")
        rows = (2 * self.window - 1) ** 2
        if given.axes != ("length", CHANNELS) or not all(map(same, given.dims, (rows, self.heads))):
            raise Fault(
                f"{self.title}: the second tensor is not a bias for each offset and head",
                expected=f"length x channels: {rows} x {self.heads}",
                found=given.described(),
                about="inputs:2",
            )

    def cost(self, *inputs: Shape) -> Cost:
        meeting, dim = self._meeting(inputs[0])
        cost = attention_cost(self.weights(*inputs), meeting, self.heads, dim, dim)
        if self.relative_bias:
            cost = with_work(cost, {"add": self.heads * meeting.pairs})
        if self.cosine:
            rows = 2 * meeting.asking * self.heads
            cost = with_work(cost, lengthening(rows * dim, rows))
        return cost

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        meeting, dim = self._meeting(inputs[0])
        return attention_inner(meeting, self.heads, self.heads, dim, dim)

    def compared(self, channels: Size) -> tuple[Size, Size]:
        """Channels of a head that QK^T compares, and that AV sums."""
        dim = floor_divide(channels, self.heads)
        return dim, dim

    def _meeting(self, x: Shape) -> tuple[Meeting, Size]:
        """Positions with padding and how many pairs of them meet, and the channels of a head."""
        positions = product(ceil_divide(size, self.window) for size in x.space) * self.window**2
        meeting = Meeting(positions, positions, positions * self.window**2)
        return meeting, floor_divide(x.channels, self.heads)

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        biases = ({"length": whole(given.size("length"))} for given in inputs[1:])
        return (*super().reaches(inputs[0]), *biases)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        size = x.size(axis)
        shift = self.shift if size > self.window else 0
        start = shift - self.window if shift else 0

        def read(place: int) -> tuple[int, int]:
            first = start + (place - start) // self.window * self.window
            return first, first + self.window - 1

        return repeating(axis, self.window, self.window, read)

    def forward(self, tools: Tools, x: Array, *biases: Array, **weights: Array) -> Array:
        height, width = x.shape[1:3]
        margins = [(0, -size % self.window) for size in (height, width)]
        padded = tools.pad(x, [*margins, (0, 0)])
        sizes = padded.shape[1:3]
        shifts = [self.shift if size > self.window else 0 for size in sizes]  # one window has no neighbours
        moved = rolled(tools, padded, shifts)
        added = self._mask(tools, x, sizes, shifts)
        if self.relative_bias:
            added = added + self._biases(tools, biases[0] if biases else weights["relative_position"][None])
        y = self._attend(tools, self._windows(moved), weights, added)
        back = rolled(tools, self._image(y, sizes), [-shift for shift in shifts])
        return back[:, :height, :width]

    def _attend(self, tools: Tools, x: Array, weights: Mapping[str, Array], added: Array) -> Array:
        """Attention within each window, for arrays N x windows x positions x channels."""
        query, key, value = (
            split_heads(projected(tools, x, weights, name), self.heads) for name in ("query", "key", "value")
        )
        scale = None
        if self.cosine:
            query, key = (unit_length(tools, y, (-1,), LENGTH_EPS) for y in (query, key))
            scale = tools.exp(tools.minimum(weights["logit_scale"], log(LARGEST_SCALE)))[:, None, None]
        return projected(tools, join_heads(attended(tools, query, key, value, added, scale)), weights, "out")

    def _windows(self, x: Array) -> Array:
        """N x height x width x channels as N x windows x positions x channels."""
        samples, height, width, channels = x.shape
        side = self.window
        tiles = x.reshape(samples, height // side, side, width // side, side, channels)
        return tiles.swapaxes(2, 3).reshape(samples, -1, side * side, channels)

    def _image(self, x: Array, sizes: tuple[int, int]) -> Array:
        """The reverse of `_windows`."""
        samples, side, (height, width) = len(x), self.window, sizes
        tiles = x.reshape(samples, height // side, width // side, side, side, -1)
        return tiles.swapaxes(2, 3).reshape(samples, height, width, -1)

    def _biases(self, tools: Tools, tables: Array) -> Array:
        """N x 1 x heads x positions x positions, from tables whose rows are the offsets between two positions."""
        reach = self.window - 1
        places = list(pairs_of(range(self.window), repeat=2))
        rows = [[(y - v + reach) * (2 * reach + 1) + x - u + reach for v, u in places] for y, x in places]
        return tools.moveaxis(tables[:, rows], -1, 1)[:, None]

    def _mask(self, tools: Tools, like: Array, sizes: tuple[int, int], shifts: list[int]) -> Array:
        """Minus infinity between positions that only the shift around the edges brought together.

        windows x 1 x positions x positions
        """
        height, width = sizes
        regions = tools.zeros((1, height, width, 1), like.dtype)
        regions[:, height - shifts[0] :] += 1
        regions[:, :, width - shifts[1] :] += 2
        (region,) = self._windows(regions)
        apart = region != region.swapaxes(1, 2)
        return tools.where(apart, -inf, 0)[:, None].astype(like.dtype)


def rolled(tools: Tools, x: Array, shifts: list[int]) -> Array:
    """An image N x height x width x channels moved up and left, around the edges."""
    for axis, shift in enumerate(shifts, start=1):
        if shift:
            cut = shift % x.shape[axis]
            x = tools.concatenate([taken(x, axis, cut, None), taken(x, axis, 0, cut)], axis)
    return x
