"""Arrays while a network is lowered: given names, spread, turned, cut; and constants as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.importing.layers import reshape_to
from paramcalc.importing.layout import NAMES, UNNAMED, Dims, Labels, reshaped, shape_of, usual
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown
from paramcalc.importing.rule import RULES
from paramcalc.importing.source import Primitive, SourceNode
from paramcalc.ops.attributes import op

# ------------------------------------------------------------------------------------------- names


def named(low: Lowering, x: Laid) -> Laid:
    """An array whose axes have names."""
    if x.named:
        return x
    labels = usual(x.dims)
    if UNNAMED in labels:
        raise Unknown("it has more axes than have names")
    return low.relabeled(x, labels)


def merged(low: Lowering, x: Laid, *ends: int, labels: Labels | None = None) -> Laid:
    """The same elements, neighbouring axes made one: those up to the first end, up to the second, ..."""
    starts = (0, *ends[:-1])
    dims = tuple(prod(x.dims[start:end]) for start, end in zip(starts, ends, strict=True))
    return low.relabeled(
        Laid(x.value, (UNNAMED,) * len(dims), dims), usual(dims) if labels is None else labels
    )


def resized(low: Lowering, x: Laid, dims: Dims) -> Laid:
    """The same elements with other sizes."""
    labels = reshaped(x.labels, x.dims, dims) if x.named else usual(dims)
    if labels is None:
        labels = usual(dims)
    if UNNAMED in labels:
        return Laid(x.value, labels, dims)
    wanted = shape_of(labels, dims)
    if wanted == low.shape(x.value):
        return Laid(x.value, labels, dims)
    if CHANNELS not in wanted.axes and CHANNELS in low.shape(x.value).axes:
        raise Unknown("it leaves no axis of channels")
    return Laid(low.add(reshape_to(wanted), x.value), labels, dims)


def aligned(x: Laid, rank: int) -> Laid:
    """An array with axes of size 1 before its own."""
    more = rank - len(x.dims)
    before = "" if x.named else UNNAMED
    return Laid(x.value, (before,) * more + x.labels, (1,) * more + x.dims)


def full(low: Lowering, x: Laid, dims: Dims) -> Laid:
    """An array with all the elements that the source has of it, where it is still to be spread."""
    x = aligned(x, len(dims))
    for axis, (own, wanted) in enumerate(zip(x.dims, dims, strict=True)):
        if own != wanted:
            x = _repeated(low, x, axis, wanted)
    return x


def _repeated(low: Lowering, x: Laid, axis: int, times: int) -> Laid:
    """One position of an axis several times."""
    if x.dims[axis] != 1:
        raise Unknown(f"it spreads {x.dims[axis]} positions over {times}")
    dims = (*x.dims[:axis], times, *x.dims[axis + 1 :])
    free = [name for name in ("height", "width", "depth", "length") if name not in x.labels]
    if x.named and (free or x.labels[axis]):
        labels = (*x.labels[:axis], x.labels[axis] or free[0], *x.labels[axis + 1 :])
        source = low.relabeled(x, labels)
        return Laid(low.add(op("tile", labels[axis], times), source.value), labels, dims)
    source = merged(low, x, axis, axis + 1, len(x.dims), labels=("height", "width", CHANNELS))
    value = low.add(op("tile", "width", times), source.value)
    return Laid(value, (UNNAMED,) * len(dims), dims)


# ------------------------------------------------------------------------------------------- moves


def turned(low: Lowering, x: Laid, order: Sequence[int]) -> Laid:
    """An array with its axes in another order."""
    dims = tuple(x.dims[axis] for axis in order)
    labels = tuple(x.labels[axis] for axis in order)
    if x.named:
        axes = tuple(label for label in labels if label)
        if axes == low.shape(x.value).axes:
            return Laid(x.value, labels, dims)
        return Laid(low.add(op("permute", axes), x.value), labels, dims)
    return Laid(_turned_in_steps(low, x, [axis for axis in order if x.dims[axis] != 1]), labels, dims)


def _turned_in_steps(low: Lowering, x: Laid, wanted: list[int]) -> int:
    """Axes in another order, more of them than have names: all at once, or those first that come first."""
    now, value = sorted(wanted), x.value
    while now != wanted:
        blocks = _blocks(now, wanted)
        order = sorted(blocks, key=lambda block: wanted.index(block[0]))
        if len(blocks) > len(NAMES) + 1:
            place = next(place for place, block in enumerate(order) if block != blocks[place])
            at = blocks.index(order[place])
            parts = (blocks[:place], blocks[place:at], blocks[at : at + 1], blocks[at + 1 :])
            blocks = [[axis for block in part for axis in block] for part in parts]
            order = [blocks[0], blocks[2], blocks[1], blocks[3]]
        sizes = [prod(x.dims[axis] for axis in block) for block in blocks]
        value = _permuted(low, value, blocks, sizes, order)
        now = [axis for block in order for axis in block]
    return value


def _blocks(now: list[int], wanted: list[int]) -> list[list[int]]:
    """Axes that stay neighbours, in their present order."""
    found = [[now[0]]]
    for axis in now[1:]:
        if wanted.index(axis) == wanted.index(found[-1][-1]) + 1:
            found[-1].append(axis)
        else:
            found.append([axis])
    return found


def _permuted(
    low: Lowering, value: int, blocks: list[list[int]], sizes: list[int], order: list[list[int]]
) -> int:
    kept = [(block, size) for block, size in zip(blocks, sizes, strict=True) if block]
    dims = tuple(size for _, size in kept)
    labels = dict(zip((block[0] for block, _ in kept), (*NAMES, CHANNELS)[-len(kept) :], strict=True))
    source = low.relabeled(Laid(value, (UNNAMED,) * len(dims), dims), tuple(labels.values()))
    return low.add(op("permute", tuple(labels[block[0]] for block in order if block)), source.value)


def cut_out(low: Lowering, x: Laid, axis: int, start: int, stop: int, step: int) -> Laid:
    """Some positions of an axis, of an array without names."""
    size = len(range(start, stop, step))
    source = merged(low, x, axis, axis + 1, len(x.dims), labels=("height", "width", CHANNELS))
    end = {} if stop == x.dims[axis] else {"stop": stop}
    every = {} if step == 1 else {"step": step}
    value = low.add(op("slice", "width", start, **every, **end), source.value)
    return Laid(value, x.labels, (*x.dims[:axis], size, *x.dims[axis + 1 :]))


# ------------------------------------------------------------------------------------------ images


def images(low: Lowering, x: Laid, rank: int) -> tuple[Laid, int]:
    """An image, channels first; several in a row as one with an axis more, and how many axes more."""
    if len(x.dims) != rank + 2 or x.dims[0] == 1 or rank + 1 not in SPACE:
        return low.image(x, rank), 0
    several = low.relabeled(x, (SPACE[rank + 1][0], CHANNELS, *SPACE[rank + 1][1:]))
    return turned(low, several, (1, 0, *range(2, rank + 2))), 1


def apart(low: Lowering, value: int, dims: Dims, more: int) -> Laid:
    """What an op gives of images: several in a row again."""
    if not more:
        return low.put(value, ("", CHANNELS, *SPACE[len(dims) - 2]), dims)
    first = (dims[1], dims[0], *dims[2:])
    laid = low.put(value, (CHANNELS, *SPACE[len(dims) - 1]), first)
    return turned(low, laid, (1, 0, *range(2, len(dims))))


# --------------------------------------------------------------------------------------- constants

FIRST_ONLY = frozenset({
    "linear", "conv", "conv_transpose", "batch_norm", "layer_norm", "rms_norm", "group_norm", "instance_norm",
    "prelu", "power", "index",
})  # fmt: skip


def tensor(low: Lowering, x: Argument) -> Laid:
    """A value that depends on an input, or what stands for one that does not: a parameter, fixed numbers."""
    if isinstance(x, Laid):
        return x
    if not isinstance(x, Constant):
        raise Unknown("it computes with constants only")
    return constant(low, x)


def constant(low: Lowering, x: Constant) -> Laid:
    """A constant as a layer; one that is computed of parameters, as the layers that do it."""
    if x.made in low.prepared:
        return low.prepared[x.made]
    maker = low.makers.get(x.made)
    if maker is None or not x.roots or not isinstance(maker.call, Primitive):
        return stored_tensor(low, x)
    found = RULES.get(maker.call.name)
    if found is None:
        raise Unknown(f"'{maker.call.name}' of weights has no counterpart")
    before, low.node = low.node, maker
    try:
        given = [_given(low, maker, value) for value in maker.inputs]
        first = FIRST_ONLY if maker.call.name in FIRST_ONLY else None
        read: list[Argument] = []
        for place, one in enumerate(given):
            whole = isinstance(one, Constant) and (
                place == 0 if first else one.dims == maker.dims or place == 0
            )
            read.append(tensor(low, one) if whole or maker.call.name in ALL else one)
        made = low.prepared[x.made] = found(low, maker, *read)
        low.computed.add(maker.value)
        return made
    finally:
        low.node = before


ALL = frozenset({"concat", "stack", "matmul", "einsum"})


def _given(low: Lowering, node: SourceNode, value: str | float | None) -> Argument:
    if not isinstance(value, str):
        return value
    if value in low.constants:
        return low.constants[value]
    weight = low.source.weights[value]
    if isinstance(weight.numbers, float) and not weight.learned:
        return weight.numbers
    return Constant(value, weight.dims, weight.learned, (value,) if weight.learned else (), made=value)


def stored_tensor(low: Lowering, x: Constant) -> Laid:
    """Numbers that the source stores, or computes before it has an input."""
    labels = usual(x.dims)
    if UNNAMED in labels:
        dims = (prod(x.dims[:-1]), x.dims[-1])
        return Laid(parameter(low, x, shape_of(usual(dims), dims)), labels, x.dims)
    shape = shape_of(labels, x.dims) if CHANNELS in labels else Shape((CHANNELS,), (1,))
    return Laid(parameter(low, x, shape), labels, x.dims)


def parameter(low: Lowering, x: Constant, shape: Shape) -> int:
    """A learned tensor of a shape, or a fixed one."""
    fixed = {} if x.learned else {"learned": False}
    made = op("parameter", **dict(zip(shape.axes, shape.dims, strict=True)), **fixed)
    first = (CHANNELS, *SPACE.get(len(shape.axes) - 1, ()))
    if shape.axes == first:
        made = op("parameter", shape.dims if len(shape.dims) > 1 else shape.dims[0], **fixed)
    value = low.add(made, weight=x.value)
    return value if made.shape() == shape else low.add(reshape_to(shape), value)


def ids(low: Lowering, x: Argument) -> Laid:
    """Positions that the source knows, as ids in a row."""
    if isinstance(x, Laid):
        return x
    if not isinstance(x, Constant) or x.learned:
        raise Unknown("its positions are computed of weights")
    count = prod(x.dims)
    return Laid(low.add(op("parameter", length=count, learned=False), ids=x.value), ("length",), (count,))


def attempt(low: Lowering, make: Callable[[], Laid]) -> Laid | None:
    """What a function adds, or None and nothing added where it cannot."""
    start, computed, notes = len(low.layers), set(low.computed), [*low.notes]
    try:
        return make()
    except (Unknown, Fault, LookupError, ValueError, TypeError, AssertionError):
        low.take_back(start)
        low.computed, low.notes = computed, notes
        return None
