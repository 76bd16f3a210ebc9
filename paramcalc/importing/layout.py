"""Names for the axes of arrays: a source numbers them and has the batch in front, a spec names them.

The labels of an array say for each of its axes which one of ours it is, '' for one of size 1 that a
shape need not have: the batch, what reductions keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from paramcalc.base.shape import AXES, CHANNELS, SPACE, Shape

Labels: TypeAlias = tuple[str, ...]
Dims: TypeAlias = tuple[int, ...]

UNNAMED = "?"  # the label of all axes of an array that has more of them than there are names
NAMES = ("length", "depth", "height", "width")


def usual(dims: Dims) -> Labels:
    """The labels of an array of which nothing is known: the last of its axes are the channels.

    >>> usual((1, 49, 49)), usual((1, 8, 49, 1, 49))
    (('', 'length', 'channels'), ('', 'height', 'width', '', 'channels'))
    """
    real = [axis for axis, dim in enumerate(dims) if dim != 1] or [len(dims) - 1][: len(dims)]
    if len(real) > len(NAMES) + 1:
        return (UNNAMED,) * len(dims)
    names = ("length",) if len(real) == 2 else NAMES[len(NAMES) + 1 - len(real) :]
    called = dict(zip(real, (*names, CHANNELS), strict=True)) if real else {}
    return tuple(called.get(axis, "") for axis in range(len(dims)))


def labels_of(shape: Shape, dims: Dims) -> Labels:
    """The labels of an array with a batch of 1 in front that has the axes of a shape.

    >>> from paramcalc.base.shape import image
    >>> labels_of(image(3, 8, 8), (1, 3, 8, 8))
    ('', 'channels', 'height', 'width')
    """
    return ("",) * (len(dims) - len(shape.axes)) + shape.axes


def shape_of(labels: Labels, dims: Dims) -> Shape:
    """The shape that labels give an array."""
    pairs = [(label, dim) for label, dim in zip(labels, dims, strict=True) if label]
    return Shape(tuple(label for label, _ in pairs), tuple(dim for _, dim in pairs))


def groups(before: Dims, after: Dims) -> Iterator[tuple[list[int], list[int]]]:
    """Which axes, of more than one position, become which when an array is given other sizes.

    >>> [*groups((1, 64, 7, 7), (1, 64, 49))]
    [([1], [1]), ([2, 3], [2])]
    """
    old = [axis for axis, dim in enumerate(before) if dim != 1]
    new = [axis for axis, dim in enumerate(after) if dim != 1]
    while old or new:
        left, right = [old.pop(0)] if old else [], [new.pop(0)] if new else []
        one, two = before[left[0]] if left else 1, after[right[0]] if right else 1
        while one != two:
            if one < two and old:
                left.append(old.pop(0))
                one *= before[left[-1]]
            elif new:
                right.append(new.pop(0))
                two *= after[right[-1]]
            else:
                return
        yield left, right


def reshaped(labels: Labels, before: Dims, after: Dims) -> Labels | None:
    """The labels of an array after it was given other sizes; None when there are more axes than names."""
    found = [""] * len(after)
    parts = [*groups(before, after)]
    staying = {labels[left[0]] for left, right in parts if len(left) == len(right) == 1}
    for left, right in parts:
        old = [labels[axis] for axis in left]
        new = found_names(old, len(right), {*staying, *found})
        if new is None:
            return None
        for axis, name in zip(right, new, strict=True):
            found[axis] = name
    if CHANNELS in labels and CHANNELS not in found:  # of one position, or lost in a merge
        return _with_channels(labels, after, found)
    return tuple(found)


def found_names(old: Sequence[str], count: int, taken: set[str]) -> list[str] | None:
    """Names for what some axes become."""
    if count == len(old):
        return [*old]
    free = [axis for axis in AXES if axis != CHANNELS and axis not in taken]
    if count == 1:
        if CHANNELS in old:
            return [CHANNELS]
        if len(old) > 1 and "length" in free:
            return ["length"]
        return [next((name for name in old if name), free[0] if free else "")]
    if CHANNELS in old:
        names = [name for name in ("length", "depth", "height", "width") if name in free]
        at = 0 if old[0] == CHANNELS and len(old) > 1 else count - 1
        if len(names) < count - 1:
            return None
        chosen = names[: count - 1]
        return [*chosen[:at], CHANNELS, *chosen[at:]]
    for space in SPACE.values():
        if len(space) == count and all(name in free for name in space):
            return [*space]
    return free[:count] if len(free) >= count else None


def _with_channels(labels: Labels, after: Dims, found: list[str]) -> Labels | None:
    """Where the channels are one: at an axis of size 1, or else the last axis."""
    ones = [axis for axis, dim in enumerate(after) if dim == 1 and axis]
    if not ones:
        return None
    at = ones[-1] if labels[-1] == CHANNELS else ones[0]
    found[at] = CHANNELS
    return tuple(found)
