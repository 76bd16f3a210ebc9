"""The shape of a tensor: an ordered list of named axes, without the batch."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.base.sizes import Size, product

CHANNELS = "channels"
EXPERTS = "experts"  # that are active at a position, inside of `experts` alone
SPACE = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
AXES = (CHANNELS, "length", "depth", "height", "width")


class Shape(NamedTuple):
    """Named axes with their sizes, in memory order.

    >>> x = image(64, 56, 56)
    >>> str(x), x.channels, x.space, x.elements
    ('64x56x56', 64, (56, 56), 200704)
    """

    axes: tuple[str, ...]
    dims: tuple[Size, ...]

    def __repr__(self) -> str:
        return f"<Shape {self}>"

    def __str__(self) -> str:
        return "x".join(f"{dim}" for dim in self.dims)

    def size(self, axis: str) -> Size:
        """The size of a named axis; KeyError when the tensor has none."""
        if axis not in self.axes:
            raise KeyError(axis)
        return self.dims[self.axes.index(axis)]

    @property
    def channels(self) -> Size:
        return self.size(CHANNELS)

    @property
    def space(self) -> tuple[Size, ...]:
        """Sizes of all axes but the channels, in order."""
        return tuple(dim for axis, dim in zip(self.axes, self.dims, strict=True) if axis != CHANNELS)

    @property
    def elements(self) -> Size:
        return product(self.dims)

    def with_channels(self, channels: Size) -> Shape:
        """The same tensor with another number of channels."""
        return self.resized({CHANNELS: channels})

    def with_space(self, space: tuple[Size, ...]) -> Shape:
        """The same channels over other sizes of the remaining axes, given in order."""
        names = [axis for axis in self.axes if axis != CHANNELS]
        return self.resized(dict(zip(names, space, strict=True)))

    def resized(self, sizes: dict[str, Size]) -> Shape:
        """The same axes with some sizes replaced."""
        dims = tuple(sizes.get(axis, dim) for axis, dim in zip(self.axes, self.dims, strict=True))
        return Shape(self.axes, dims)

    def described(self) -> str:
        """The sizes with their axes' names, for messages: `3x224x224 (channels x height x width)`."""
        return f"{self} ({' x '.join(self.axes)})"


def image(channels: Size, *space: Size) -> Shape:
    """Channels first, then one to three spatial axes; none gives a vector."""
    if not space:
        return vector(channels)
    return Shape((CHANNELS, *SPACE[len(space)]), (channels, *space))


def vector(channels: Size) -> Shape:
    """A tensor of channels alone."""
    return Shape((CHANNELS,), (channels,))


def tokens(length: Size, channels: Size) -> Shape:
    """A sequence of channel vectors, channels last."""
    return Shape(("length", CHANNELS), (length, channels))
