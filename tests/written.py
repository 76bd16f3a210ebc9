"""Specs written in a test: read, elaborated, and told in a few words."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from paramcalc.base.errors import Source, SpecError
from paramcalc.count.call import call_text
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.graph import Graph
from paramcalc.language.spec import Spec
from paramcalc.model import change

NAME = "t.yaml"


def spec(text: str) -> Spec:
    """The spec of a text; bundled specs can be used in it."""
    return library.from_text(Source(NAME, dedent(text)))


def graph(text: str, *sets: str, variant: str = "", inputs: dict[str, Any] | None = None) -> Graph:
    """The network of a text, under settings as the command line has them."""
    return elaborate(spec(text), Settings(variant, tuple(change(one) for one in sets), inputs or {}))


def paths(text: str, *sets: str, variant: str = "") -> list[str]:
    """The paths of all layers."""
    return [layer.path for layer in graph(text, *sets, variant=variant).layers]


def calls(text: str, *sets: str, variant: str = "") -> list[str]:
    """All layers as a spec would write them, named: `conv1: conv2d 64 7 stride=2`."""
    return [f"{layer.path}: {call_text(layer.op)}" for layer in graph(text, *sets, variant=variant).layers]


def edges(text: str, *sets: str) -> dict[str, list[str]]:
    """What each layer reads, by path."""
    network = graph(text, *sets)
    return {layer.path: [network.name(value) for value in layer.inputs] for layer in network.layers}


def wrong(text: str, *sets: str, variant: str = "") -> str:
    """What is said about a text that is not right: all facts, each on a line."""
    try:
        graph(text, *sets, variant=variant)
    except SpecError as error:
        return "\n".join(problem.fact for problem in error.problems)
    raise AssertionError("nothing is wrong with it")
