"""Ops and shapes from the text that examples are written in."""

from __future__ import annotations

import re

from paramcalc import ops
from paramcalc.base.shape import Shape, image
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Graph
from paramcalc.language.expression import parse
from paramcalc.ops.attributes import attributes, build
from paramcalc.ops.base import Op

_PIECE = re.compile(r"(?:[^\s\[(]|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\))+")


class _Words:
    """A scope in which every name stands for itself."""

    def value(self, name: str) -> str:
        return name

    def tensor(self, name: str) -> Shape:
        raise KeyError(name)


def call(text: str) -> Op:
    """The op that a call such as `conv2d 64 7 stride=2` names."""
    head, *pieces = _PIECE.findall(text)
    kind = ops.find(head)
    assert kind is not None, f"no op {head}"
    positional = iter(attributes(kind))
    values = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        values[name if equals else next(positional)] = parse(value if equals else piece).evaluate(_Words())
    return build(kind, values)


def alone(text: str, *inputs: str) -> Graph:
    """A network of one layer, called layer: a call on inputs of such shapes."""
    net = Builder()
    values = [net.input(f"input_{place}", shape(one)) for place, one in enumerate(inputs)]
    return net.build([net.add(call(text), values, "layer")], "alone")


def shape(text: str) -> Shape:
    """`3x224x224`, or `{length: 197, channels: 768}` where the axes are not the usual ones."""
    if not text.startswith("{"):
        return image(*(int(size) for size in text.split("x")))
    pairs = [pair.split(":") for pair in text.strip("{}").split(",")]
    return Shape(tuple(axis.strip() for axis, _ in pairs), tuple(int(size) for _, size in pairs))
