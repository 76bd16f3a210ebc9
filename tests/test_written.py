"""Attributes written out: a spec's canonical form and the op column are read as the same op."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc import ops
from paramcalc.base.errors import Source
from paramcalc.base.shape import Shape
from paramcalc.count.call import call_text
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import from_text
from paramcalc.ops.attributes import (
    KINDS,
    PADDING_WORDS,
    Count,
    CountPerAxis,
    Few,
    Flag,
    Int,
    Ints,
    Margins,
    Number,
    Padding,
    Part,
    PerAxis,
    Size,
    Sizes,
    Table,
    Word,
    Words,
    attributes,
)
from paramcalc.ops.base import Op
from paramcalc.show.expanded import expanded

AXES = ("channels", "height", "width")


@dataclass(frozen=True)
class Probe(Op):
    """An attribute of each kind, and nothing done."""

    size: Size
    count: Count
    few: Few
    int_: Int
    ints: Ints
    sizes: Sizes
    number: Number
    flag: Flag
    part: Part
    per_axis: PerAxis
    count_per_axis: CountPerAxis
    padding: Padding
    margins: Margins
    rows: Table
    word: Word = field(metadata={"choices": AXES})
    words: Words = field(metadata={"choices": AXES})
    often: Padding = 0

    ranks = (1, 2, 3)

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]


@pytest.fixture(scope="module", autouse=True)
def _probes() -> Iterator[None]:
    """The ops probe1d, probe2d and probe3d, for as long as this module is tested."""
    added = ops.register(sys.modules[__name__])
    yield
    for op in added:
        del ops._found[op.name]


@st.composite
def probes(draw: st.DrawFn) -> Op:
    """A probe with values drawn for every attribute, alike along axes more often than not."""
    rank = draw(st.integers(1, 3))
    size, count, whole = st.integers(1, 9), st.integers(0, 2), st.integers(-3, 3)
    pair = st.tuples(count, count)
    pads = st.one_of(_each(pair, rank), st.sampled_from(PADDING_WORDS))
    kind = ops.find(f"probe{rank}d")
    assert kind is not None
    return kind(
        size=draw(size),
        count=draw(count),
        few=draw(size),
        int_=draw(whole),
        ints=draw(_some(whole, 4)),
        sizes=draw(_some(size, 4)),
        number=draw(st.one_of(whole, st.fractions(-2, 2, max_denominator=1000).map(_plain))),
        flag=draw(st.booleans()),
        part=draw(st.one_of(st.booleans(), st.integers(2, 9))),
        per_axis=draw(_each(size, rank)),
        count_per_axis=draw(_each(count, rank)),
        padding=draw(pads),
        margins=draw(_some(pair, 3)),
        rows=draw(_some(_some(count, 5), 3)),
        word=draw(st.sampled_from(AXES)),
        words=draw(_some(st.sampled_from(AXES), 4)),
        often=draw(pads),
    )


def _each(items: st.SearchStrategy[Any], many: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """So many items, all alike or all drawn."""
    return st.one_of(items.map(lambda item: (item,) * many), st.tuples(*[items] * many))


def _some(items: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.integers(1, most).flatmap(lambda many: _each(items, many))


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def network(layers: str) -> Graph:
    return elaborate(from_text(Source("probe", f"input: 3x8x8\nlayers:\n  - {layers}\n")))


def test_all_kinds_are_tried() -> None:
    """The probe has an attribute of every kind that there is."""
    assert {attribute.kind for attribute in attributes(Probe).values()} == set(KINDS)


@settings(max_examples=300, deadline=None)
@given(probes())
def test_the_op_column_can_be_typed(op: Op) -> None:
    """The one-line form of an op is read as that op."""
    (layer,) = network(call_text(op)).layers

    assert layer.op == op


@settings(max_examples=300, deadline=None)
@given(probes())
def test_the_canonical_form_reads_back(op: Op) -> None:
    """A network of one such op, expanded and read again, has that op."""
    graph = network(call_text(op))
    (layer,) = elaborate(from_text(Source("expanded", expanded(graph)))).layers

    assert layer.op == op


@pytest.mark.parametrize(
    ("call", "column", "canonical"),
    [
        ("pad ((0, 1), (0, 1))", "pad ((0,1),(0,1))", "padding: [[0, 1], [0, 1]]"),
        ("pad ((1, 1), (1, 1))", "pad 1x1", "padding: [1, 1]"),
        ("pad 1", "pad 1", "padding: 1"),
        ("pad ((0, 1),)", "pad ((0,1),)", "padding: [[0, 1]]"),
        ("conv2d 4 3 padding=((0, 1), (0, 1))", "conv2d 4 3 padding=((0,1),(0,1))", "padding: [[0, 1], [0, 1]]"),
        ("conv2d 4 3 padding=((0, 1), (2, 2))", "conv2d 4 3 padding=((0,1),2)", "padding: [[0, 1], 2]"),
        ("conv2d 4 3x3 padding=((1, 1), (1, 1))", "conv2d 4 3 padding=1", "padding: 1"),
        ("upsample size=16x16", "upsample size=16x16", "size: [16, 16]"),
        ("permute (height, width, channels)", "permute (height,width,channels)", "[height, width, channels]"),
    ],
)  # fmt: skip
def test_the_shortest_that_says_it(call: str, column: str, canonical: str) -> None:
    """What axes have in common is written once only where that is read as the same."""
    graph = network(call)

    assert call_text(graph.layers[0].op) == column
    assert canonical in expanded(graph)
