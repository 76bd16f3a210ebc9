"""Joins that read one tensor under two names: legal, and mostly not meant."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.base.errors import Problem
from paramcalc.engine.graph import Layer
from paramcalc.engine.scope import Frame
from paramcalc.language.spec import Join, Named, Step

JUST_THERE = ("x", "identity")
KEEP = "to keep an earlier tensor, name it: '- entry: identity'"


class Doubled(NamedTuple):
    """A join that reads a tensor twice: its text, its inputs and the number of its layer."""

    item: Step | Join
    layer: int
    frame: Frame


def doubts(doubled: list[Doubled], layers: list[Layer]) -> tuple[Problem, ...]:
    """A remark on each join that reads a tensor twice, under different words, wherever it is called.

    A name that stands twice on the line says so plainly. In a block, a further input may be the tensor
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
    """What is said of a join; '' when it was surely meant."""
    said = _words(doubled.item, layer)
    for value in dict.fromkeys(layer.inputs):
        words = [*dict.fromkeys(word for word, read in zip(said, layer.inputs, strict=True) if read == value)]
        if len(words) < 2 or (doubled.frame.block and not doubled.frame.inputs.keys().isdisjoint(words)):
            continue
        here = next((word for word in words if word in JUST_THERE), "")
        one, *others = [word for word in words if word != here]
        if here:
            return f"{layer.op.name} reads '{one}' twice: {here} is what is just there, which is {one}"
        return f"{layer.op.name} reads '{one}' twice: {others[0]} is the same tensor"
    return ""


def _words(item: Step | Join, layer: Layer) -> list[str]:
    """What the text calls each input, in the order of the op's inputs."""
    if isinstance(item, Step):
        return [str(reference) for reference in item.call.references]
    words = {branch.name: _end(branch) for branch in item.branches}
    return [words[name] for name in layer.op.inputs or words]


def _end(branch: Named) -> str:
    """The word for the tensor that a branch passes on, or the branch's name where it computes one."""
    last = branch.chain.items[-1] if branch.chain.items else None
    if not isinstance(last, Step) or last.call.head not in ("", "identity"):
        return branch.name
    references = last.call.references
    return str(references[0]) if references else "identity"
