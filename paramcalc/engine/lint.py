"""Remarks on a network that is legal, and mostly not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from paramcalc.base.errors import Fault, Problem
from paramcalc.base.shape import Shape
from paramcalc.engine.graph import Graph, Layer
from paramcalc.engine.scope import Frame, UnknownError, Viewpoint
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Chain, Input, Join, Named, Repeat, Spec, Step
from paramcalc.language.unread import read_names
from paramcalc.language.values import Value
from paramcalc.ops.attributes import shown

MOST_COLOURS = 3  # channels of a picture
JUST_THERE = ("x", "identity")
KEEP = "to keep an earlier tensor, name it: '- entry: identity'"


# ------------------------------------------------------------------------------------------ inputs


def channels_last(spec: Spec, inputs: Mapping[str, Shape]) -> Iterator[Problem]:
    """A remark on each input that is written like a picture with its colours last."""
    for name, shape in inputs.items():
        declared, dims = spec.inputs[name], shape.dims
        if declared.choice or declared.axes or len(dims) != 3 or not all(type(size) is int for size in dims):
            continue
        one, two, colours = dims
        if one == two > MOST_COLOURS and colours in (1, MOST_COLOURS):
            fact = f"the input '{name}' has {one} channels of {two}x{colours}: sizes are channels first"
            fix = f"write {colours}x{one}x{two}; or name the axes: {{height: {one}, width: {two}, channels: {colours}}}"
            width = len(declared.sizes.text) if isinstance(declared.sizes, Expression) else 1
            yield Problem(declared.source, declared.at, declared.at + width, fact, (fix,))


def knobs_left_behind(spec: Spec, graph: Graph) -> Iterator[str]:
    """A remark for each knob that something else than the inputs reads, and that an input no longer is."""
    sizes: dict[str, set[int]] = {}
    for source, declared in spec.inputs.items():
        for name, size in zip(_written_sizes(declared), graph.inputs[source].dims, strict=False):
            if isinstance(graph.knobs.get(name), int) and graph.knobs[name] != size:
                sizes.setdefault(name, set()).add(size)
    read = read_names(spec._replace(inputs={})) if sizes else set()
    for name, others in sizes.items():
        if name in read:
            both = f" (--set {name}={others.pop()} changes both)" if len(others) == 1 else ""
            yield f"--input changes the size of the input only; knob {name} stays {graph.knobs[name]}{both}"


def _written_sizes(declared: Input) -> list[str]:
    """The sizes of an input as they are written."""
    sizes = declared.sizes or tuple(axis.value for axis in declared.axes)
    each = (sizes,) if isinstance(sizes, Expression) else sizes
    return [one.text if isinstance(one, Expression) else "" for one in each]


# ------------------------------------------------------------------------------- what a line reads


def heads_in_a_row(spec: Spec) -> Iterator[Problem]:
    """A remark on each output that reads the output on the line above it, which has the same op first.

    Both are mostly meant to read what stands before them; stages of a backbone begin otherwise.
    """
    names = {str(reference) for reference in spec.outputs.references}
    if len(names) > 1:
        yield from _in_a_row(spec.layers, "", names, spec)


def _in_a_row(chain: Chain, prefix: str, names: set[str], spec: Spec) -> Iterator[Problem]:
    """The same in one group, and in those below it."""
    for item in chain.items:
        if isinstance(item, Named) and f"{prefix}{item.name}" not in names:
            yield from _in_a_row(item.chain, f"{prefix}{item.name}/", names, spec)
    for one, two in pairwise(chain.items):
        if not (isinstance(one, Named) and isinstance(two, Named)):
            continue
        first, second = _first_call(one), _first_call(two)
        paths = [f"{prefix}{item.name}" for item in (one, two)]
        if not (first and second and names.issuperset(paths)) or second.call.references:
            continue
        if first.call.head == second.call.head:
            fact = f"'{paths[1]}' reads '{paths[0]}', and both are outputs"
            fix = f"for two heads on one tensor, say which: {second.call.head} ... from NAME"
            start = second.at + second.call.start
            yield Problem(spec.layers_source, start, second.at + second.call.end, fact, (fix,))


def _first_call(item: Named) -> Step | None:
    first = item.chain.items[0] if item.chain.items else None
    return first if isinstance(first, Step) else None


def counted_by_another_x(item: Repeat, view: Viewpoint, count: Value) -> Iterator[Problem]:
    """A remark on a number of rounds that x decides, where the x of the block would give another one."""
    assert view.scope is not None
    frame = view.scope.frame
    if view.incoming == frame.entry:
        return
    try:
        meant = Viewpoint(view.draft, view.scope, frame.entry).written(item.times)
    except (Fault, UnknownError):
        return
    if meant != count:
        rounds = f"{shown(count)} round{'s' * (count != 1)}"
        fact = f"x is the incoming tensor here: {rounds}; with the input of '{frame.block}' it would be {shown(meant)}"
        fix = (
            "to use the block's input, name it on the first line, '- entry: identity', and write entry for x"
        )
        start = item.at + item.times.at
        yield Problem(frame.source, start, start + len(item.times.text), fact, (fix,))


# ------------------------------------------------------------------------------------------- joins


class Doubled(NamedTuple):
    """A join that reads a tensor twice: its text, its inputs and the number of its layer."""

    item: Step | Join
    layer: int
    frame: Frame


def read_twice(doubled: list[Doubled], layers: list[Layer]) -> tuple[Problem, ...]:
    """A remark on each join that reads a tensor twice, under different words, wherever it is called.

    A name that appears twice on the line is explicit. In a block, a further input may be the tensor
    that enters; in the first round of a repeat, what the later ones read besides.
    """
    said = {}
    for one in doubled:
        layer = layers[one.layer]
        place = layer.source.name, layer.start
        fact = _fact(one, layer)
        if fact and place not in said:
            said[place] = Problem(layer.source, layer.start, layer.end, fact, (KEEP,))
    for layer in layers if said else ():
        if len({*layer.inputs}) == len(layer.inputs):
            said.pop((layer.source.name, layer.start), None)
    return tuple(said.values())


def _fact(doubled: Doubled, layer: Layer) -> str:
    """The remark on a join; '' if it is surely intended."""
    said = _words(doubled.item, layer)
    for value in dict.fromkeys(layer.inputs if said else ()):
        words = [*dict.fromkeys(word for word, read in zip(said, layer.inputs, strict=True) if read == value)]
        if len(words) < 2 or (doubled.frame.block and not doubled.frame.inputs.keys().isdisjoint(words)):
            continue
        here = next((word for word in words if word in JUST_THERE), "")
        one, *others = [word for word in words if word != here]
        if here:
            return f"{layer.op.name} reads '{one}' twice: {here} is the incoming tensor, which is {one}"
        return f"{layer.op.name} reads '{one}' twice: {others[0]} is the same tensor"
    return ""


def _words(item: Step | Join, layer: Layer) -> list[str]:
    """What the text calls each input, in the order of the op's inputs."""
    if isinstance(item, Step):
        words = [str(reference) for reference in item.call.references]
        return words if len(words) == len(layer.inputs) else []  # [*] names many
    ends = {branch.name: _end(branch) for branch in item.branches}
    return [ends[name] for name in layer.op.inputs or ends]


def _end(branch: Named) -> str:
    """The word for the tensor that a branch passes on, or the branch's name where it computes one."""
    last = branch.chain.items[-1] if branch.chain.items else None
    if not isinstance(last, Step) or last.call.head not in ("", "identity"):
        return branch.name
    references = last.call.references
    return str(references[0]) if references else "identity"
