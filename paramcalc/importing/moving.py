"""Reshapes, permutes, slices, concatenations: what only moves numbers about."""

from __future__ import annotations

from math import prod

from paramcalc.base.shape import CHANNELS, SPACE
from paramcalc.importing.arrays import (
    aligned,
    cut_out,
    full,
    ids,
    named,
    parameter,
    resized,
    tensor,
    turned,
)
from paramcalc.importing.layout import UNNAMED, shape_of
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown
from paramcalc.importing.rule import attrs, data, name_of, rule, stored
from paramcalc.importing.source import SourceNode
from paramcalc.ops.attributes import op

# ------------------------------------------------------------------------------------------- layout


@rule("expand")
def expand(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """The same tensor: what reads it spreads it."""
    return aligned(data(x), len(node.dims))


@rule("reshape")
def reshape(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source = data(x)
    return resized(low, source, node.dims)


@rule("permute")
def permute(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return turned(low, data(x), attrs(node)["axes"])


@rule("slice")
def cut(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
    axis, start, stop = given["axis"], given["start"], given["stop"]
    if not source.named:
        return resized(low, cut_out(low, source, axis, start, stop, given["step"]), node.dims)
    label = source.labels[axis]
    if not label or source.dims[axis] == 1:
        return resized(low, source, node.dims)
    size = len(range(start, stop, given["step"]))
    dims = tuple(size if at == axis else dim for at, dim in enumerate(source.dims))
    end = {} if stop == source.dims[axis] else {"stop": stop}
    if given["step"] != 1:
        made = op("slice", label, start, step=given["step"], **end)
        return resized(low, Laid(low.add(made, source.value), source.labels, dims), node.dims)
    if len(node.dims) < len(source.dims) and size == 1 and label != CHANNELS:
        labels = (*source.labels[:axis], *source.labels[axis + 1 :])
        laid = Laid(low.add(op("select", label, start), source.value), labels, node.dims)
        return low.put(laid.value, laid.labels)
    made = op("slice_channels", start, **end) if label == CHANNELS else op("slice", label, start, **end)
    laid = Laid(low.add(made, source.value), source.labels, dims)
    return resized(low, laid, node.dims)


@rule("concat")
def concat(low: Lowering, node: SourceNode, *parts: Argument) -> Laid:
    axis = attrs(node)["axis"]
    token = _class_token(low, node, parts, axis)
    if token is not None:
        return token
    laid = [named(low, _part(low, node, part, axis)) for part in parts]
    lead = next((part for part in laid if part.labels[axis] and part.dims[axis] > 1), laid[0])
    labels = lead.labels
    if not labels[axis]:
        free = [name for name in ("length", "depth", "height", "width") if name not in labels]
        labels = (*labels[:axis], free[0], *labels[axis + 1 :])
    same = [low.relabeled(part, labels) for part in laid]
    name = labels[axis]
    value = low.add(
        op("concat", **({} if name == CHANNELS else {"axis": name})), *(one.value for one in same)
    )
    return low.put(value, labels)


@rule("stack")
def stack(low: Lowering, node: SourceNode, *parts: Argument) -> Laid:
    axis = attrs(node)["axis"]
    widened = [
        Laid(one.value, (*one.labels[:axis], "" if one.named else UNNAMED, *one.labels[axis:]),
             (*one.dims[:axis], 1, *one.dims[axis:]))
        for one in (tensor(low, part) for part in parts)
    ]  # fmt: skip
    return concat(low, node, *widened)


def _part(low: Lowering, node: SourceNode, part: Argument, axis: int) -> Laid:
    """A learned part of a concatenation is a parameter."""
    if isinstance(part, Laid):
        return part
    weight = stored(part)
    if not weight.learned or len(weight.dims) not in (2, 3, 4) or low.read_otherwise(weight, node):
        return tensor(low, weight)
    names = (CHANNELS, *SPACE[len(weight.dims) - 2]) if len(weight.dims) == 4 else ("length", CHANNELS)
    labels = ("",) * (len(weight.dims) - len(names)) + names
    return Laid(parameter(low, weight, shape_of(labels, weight.dims)), labels, weight.dims)


def _class_token(low: Lowering, node: SourceNode, parts: tuple[Argument, ...], axis: int) -> Laid | None:
    """One learned token before others."""
    if len(parts) != 2:
        return None
    token, x = parts
    if not isinstance(token, Constant) or not isinstance(x, Laid) or low.read_otherwise(token, node):
        return None
    fits = low.shape(x.value).axes == ("length", CHANNELS) and x.labels[axis] == "length"
    if not fits or not token.learned or prod(token.dims) != x.dims[-1]:
        return None
    return low.put(low.add(op("class_token"), x.value, weight=token.value), x.labels)


@rule("pass")
def passed(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return data(x)


@rule("roll")
def roll(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
    moves = {source.labels[axis]: shift for shift, axis in zip(given["shifts"], given["axes"], strict=True)}
    if "" in moves:
        raise Unknown("it moves along an axis of size 1")
    shifts, axes = tuple(moves.values()), tuple(moves)
    shift = shifts[0] if len(set(shifts)) == 1 else shifts
    return low.put(low.add(op("roll", shift, axis=axes), source.value), source.labels)


@rule("index")
def index(low: Lowering, node: SourceNode, x: Argument, *places: Argument) -> Laid:
    """Positions of one axis by numbers that are known: gathered in a row, then under the sizes of the numbers."""
    if len(places) != 1:
        raise Unknown("it chooses along several axes")
    axis = attrs(node)["axis"]
    source = named(low, tensor(low, x))
    chosen = ids(low, places[0])
    if not source.labels[axis] or chosen.labels.count("length") != 1:
        raise Unknown("it chooses along an axis of size 1")
    value = low.add(op("gather", source.labels[axis]), source.value, chosen.value)
    dims = (*source.dims[:axis], prod(chosen.dims), *source.dims[axis + 1 :])
    return resized(low, Laid(value, source.labels, dims), node.dims)


@rule("equal")
def equal(low: Lowering, node: SourceNode, x: Argument, number: Argument) -> Laid:
    """Where ids are a number, as an argument of argmax: the largest id is taken to be that number."""
    readers = [one for one in low.source.nodes if node.value in one.inputs]
    if not isinstance(number, int) or any(name_of(one) not in ("argmax", "pass") for one in readers):
        raise Unknown("no op compares")
    low.notes.append(f"the position of the id {number} is taken to be that of the largest id")
    return data(x)


@rule("argmax")
def argmax(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """The channel with the greatest value at each position; of ids the position of the greatest."""
    source = data(x)
    label = source.labels[attrs(node)["axis"]]
    if CHANNELS in source.labels and label != CHANNELS:
        raise Unknown("it looks for a position, not for a channel")
    if CHANNELS in source.labels:
        return low.put(low.add(op("argmax"), source.value))
    return Laid(low.add(op("argmax", label), source.value), (label,), node.dims)


@rule("pick")
def pick(low: Lowering, node: SourceNode, x: Argument, place: Argument) -> Laid:
    """One position of the length, which an id says."""
    source = data(x)
    if source.labels[1:] != ("length", CHANNELS):
        raise Unknown("it chooses no position of a sequence")
    one = low.add(op("gather", "length"), source.value, data(place).value)
    return low.put(low.add(op("flatten"), one), ("", CHANNELS))


@rule("repeat_interleave")
def repeated(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """Each position of an axis several times in place."""
    source, axis, times = data(x), attrs(node)["axis"], attrs(node)["times"]
    before, after = source.dims[: axis + 1], source.dims[axis + 1 :]
    wide = full(low, resized(low, source, (*before, 1, *after)), (*before, times, *after))
    return resized(low, wide, node.dims)


@rule("repeat")
def repeat(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """The whole array several times along its axes."""
    source = aligned(data(x), len(node.dims))
    for axis, times in enumerate(attrs(node)["times"]):
        size = source.dims[axis]
        if times != 1:
            dims = [*source.dims]
            wide = resized(low, source, (*dims[:axis], 1, *dims[axis:]))
            wide = full(low, wide, (*dims[:axis], times, *dims[axis:]))
            source = resized(low, wide, (*dims[:axis], times * size, *dims[axis + 1 :]))
    return source
