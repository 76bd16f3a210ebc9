"""Random specs: what is written in two ways means one thing, and what is expanded reads back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramcalc.base.errors import Source
from paramcalc.base.shape import image
from paramcalc.count.report import count
from paramcalc.engine.builder import Builder
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import from_text
from paramcalc.ops.attributes import op
from paramcalc.show.expanded import expanded, path_in_text

INDENT = "  "
NAMES = ("a", "b", "conv2d", "relu", "skip-1", "1x1", "prelu", "unit")

CONVOLUTIONS = (  # kernel sizes and paddings that keep a size
    ("k", "same"),
    ("1", "same"),
    ("1x3", "same"),
    ("(3, 1)", "same"),
    ("3", "((0, 2), (0, 2))"),
    ("3", "((2, 0), 1)"),
)

# A call is (head, positional values, named values, references); all keep an image of 4x8x8 as it is.
Call = tuple[str, tuple[str, ...], dict[str, str], tuple[str, ...]]


@st.composite
def calls(draw: st.DrawFn, earlier: tuple[str, ...]) -> Call:
    """A call of an op with one input, or a join of the incoming tensor with earlier layers."""
    kind = draw(st.integers(0, 6 if earlier else 4))
    if kind >= 5:
        other = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2))
        return draw(st.sampled_from(["add", "multiply"])), (), {}, ("x", *other)
    if kind == 4:
        return "unit", (draw(st.sampled_from(["1", "k", "2*k-1"])),), {}, ()
    kernel, padding = draw(st.sampled_from(CONVOLUTIONS))
    heads: list[Call] = [
        ("relu", (), {}, ()),
        ("prelu", ("channels",), {}, ()),
        ("batch_norm", (), {"affine": draw(st.sampled_from(["true", "false"]))}, ()),
        ("conv2d", ("4", kernel), {"padding": padding}, ()),
    ]
    call = heads[kind]
    frozen = {"frozen": "true"} if draw(st.integers(0, 5)) == 0 else {}
    return call[0], call[1], {**call[2], **frozen}, call[3]


BRACKETS = str.maketrans("()", "[]")
ATTRIBUTES = {"conv2d": ("out_channels", "kernel_size"), "prelu": ("num_parameters",), "unit": ("size",)}


def short(call: Call) -> str:
    head, values, named, references = call
    words = [head, *values, *(f"{name}={value}" for name, value in named.items())]
    return " ".join([*words, "from", *references] if references else words)


def long(call: Call) -> str:
    """The same as a mapping in braces."""
    head, values, named, references = call
    entries = [*zip(ATTRIBUTES.get(head, ()), values, strict=False), *named.items()]
    written = [
        f"{name}: {'[1, 3]' if value == '1x3' else value.translate(BRACKETS)}" for name, value in entries
    ]
    if references:
        written.append(f"from: [{', '.join(references)}]")
    return f"{{{head}: {{{', '.join(written)}}}}}"


class Writer:
    """Draws a chain, and writes it in both forms at once; `lines` holds pairs."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[tuple[str, str]] = []

    def put(self, indent: str, one: str, two: str | None = None) -> None:
        self.lines.append((indent + one, indent + (one if two is None else two)))

    def chain(self, indent: str, earlier: tuple[str, ...], depth: int) -> None:
        """The items of a chain, each on lines of its own."""
        free = list(self.draw(st.permutations(NAMES)))
        for _ in range(self.draw(st.integers(1, 3))):
            earlier = self.item(indent, earlier, depth, free)

    def item(self, indent: str, earlier: tuple[str, ...], depth: int, free: list[str]) -> tuple[str, ...]:
        """One item; gives the names that later items of the chain may read."""
        kind = self.draw(st.integers(0, 8 if depth else 2))
        name = free.pop() if len(free) > 4 else ""
        inside = indent + INDENT * 2
        if kind <= 1 or not name:
            call = self.draw(calls(earlier))
            self.put(indent, f"- {short(call)}", f"- {long(call)}")
            return earlier
        if kind == 2:
            call = self.draw(calls(earlier))
            self.put(indent, f"- {name}: [{short(call)}]" if "(" not in short(call) else f"- {name}: {short(call)}",
                     f"- {name}: [{long(call)}]")  # fmt: skip
            return (*earlier, name)
        if kind == 3:
            self.put(indent, f"- {name}:")
            self.chain(inside, earlier, depth - 1)
            return (*earlier, name)
        if kind == 4:
            self.put(indent, f"- {name}:")
            self.put(inside, f"repeat: {self.draw(st.integers(1, 3))}")
            if self.draw(st.booleans()):
                self.put(inside, "shared: true")
            self.put(inside, f"index: n{depth}")
            self.put(inside, "layers:")
            self.chain(inside + INDENT, earlier, depth - 1)
            return (*earlier, name)
        if kind == 5 and self.draw(st.booleans()):
            self.join(indent, earlier, depth)
            return earlier
        if kind == 5:
            self.put(indent, f"- {name}:")
            self.join(inside, earlier, depth)
            return (*earlier, name)
        if kind == 6:
            self.put(indent, f"- if: k == {self.draw(st.integers(2, 3))}")
            self.put(indent + INDENT, "then:")
            self.chain(indent + INDENT * 2, earlier, depth - 1)
            return earlier
        if kind == 7:
            self.put(indent, "- auxiliary:")
            self.put(inside, f"{name}:")
            self.chain(inside + INDENT, earlier, depth - 1)
            return earlier
        self.put(indent, "- table:")
        self.put(inside, "columns: name size")
        self.put(inside, f"rows: [{name}_1 1, {name}_2 k]")
        self.put(inside, "layers: unit size")
        return (*earlier, f"{name}_1", f"{name}_2")

    def join(self, indent: str, earlier: tuple[str, ...], depth: int) -> None:
        self.put(indent, "- add:", "- add:")
        branches = ["left", "right", "third"][: self.draw(st.integers(2, 3))]
        if self.draw(st.booleans()):
            self.put(indent + INDENT * 2, "inputs:")
            indent += INDENT
        for branch in branches:
            self.put(indent + INDENT * 2, f"{branch}:")
            if branch == "right" and self.draw(st.booleans()):
                self.put(indent + INDENT * 3, "identity")
            else:
                self.chain(indent + INDENT * 3, earlier, depth - 1)


BLOCKS = """
input: 4x8x8
knobs: {k: 3, size: 5}
blocks:
  unit size=k:
    - conv2d channels size padding=size//2
    - relu
layers:
"""


@st.composite
def specs(draw: st.DrawFn) -> tuple[str, str]:
    """A spec in both forms."""
    writer = Writer(draw)
    writer.chain(INDENT, (), 3)
    one, two = ("\n".join(pair[place] for pair in writer.lines) for place in (0, 1))
    return BLOCKS + one + "\n", BLOCKS + two + "\n"


def network(text: str) -> Graph | None:
    """The graph of a text, or None where a name is taken or means another, which chance cannot help."""
    from paramcalc.base.errors import SpecError

    try:
        return elaborate(from_text(Source("random", text)))
    except SpecError as error:
        known = ("is used twice", "exists in training only", "is not complete here", "exist in training only")
        if all(any(part in problem.fact for part in known) for problem in error.problems):
            return None
        raise


def told(graph: Graph) -> list[Any]:
    """All that makes a network, places in the text apart."""
    return [(layer[:6], graph.outputs) for layer in graph.layers]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(specs())
def test_lines_and_mappings_mean_the_same(pair: tuple[str, str]) -> None:
    """Shorthand and canonical form give equal networks."""
    one, two = map(network, pair)

    assert (one is None) is (two is None)
    if one is not None and two is not None:
        assert told(one) == told(two)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_expanded_reads_back(pair: tuple[str, str]) -> None:
    """The expanded text gives the same layers, edges, sharing and totals."""
    graph = network(pair[0])
    if graph is None or any(layer.auxiliary and layer.shared for layer in graph.layers):
        return  # a head that shares with one of the same name cannot name it
    other = elaborate(from_text(Source("expanded", expanded(graph))))

    assert [layer.path for layer in other.layers] == [path_in_text(layer.path) for layer in graph.layers]
    assert [layer.op for layer in other.layers] == [layer.op for layer in graph.layers]
    assert [layer.inputs for layer in other.layers] == [layer.inputs for layer in graph.layers]
    assert [set(layer.shared) for layer in other.layers] == [set(layer.shared) for layer in graph.layers]
    assert other.outputs == graph.outputs
    assert count(other).totals == count(graph).totals
    assert count(other).with_auxiliary == count(graph).with_auxiliary


GROUPS = ("", "a/", "a/b/", "c/")  # in the order of their layers: a group is not left and entered again


@st.composite
def built(draw: st.DrawFn) -> Graph:
    """A graph made by hand: layers that read any earlier values, share weights, and may be outputs."""
    net = Builder()
    values = [net.input("input", image(4, 8, 8))]
    convolutions: list[int] = []
    for group in GROUPS:
        for number in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from(["", "relu_"])) + f"layer{number}"
            frozen = draw(st.integers(0, 4)) == 0
            read = [draw(st.sampled_from(values))]
            kind = draw(st.sampled_from(["conv2d", "add", "relu"]))
            share = None
            if kind == "add":
                read.append(draw(st.sampled_from(values)))
            if kind == "conv2d":
                share = draw(st.sampled_from([None, *convolutions]))
            made = op("conv2d", 4, 3, padding=1) if kind == "conv2d" else op(kind)
            value = net.add(made, read, group + name, share=share, frozen=frozen and kind == "conv2d")
            values.append(value)
            convolutions += [value] * (kind == "conv2d")
    unread = net.unread([])
    return net.build([value for value in unread if value] or [values[-1]])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(built())
def test_what_is_built_can_be_written(graph: Graph) -> None:
    """A graph that no text made is written as a spec that elaborates to the same layers and totals."""
    other = elaborate(from_text(Source("expanded", expanded(graph))))

    assert [layer[:5] for layer in other.layers] == [layer[:5] for layer in graph.layers]
    assert other.outputs == graph.outputs
    assert count(other).totals == count(graph).totals


@pytest.mark.parametrize("text", ["- conv2d 4 3", "- a: [relu]"])
def test_the_comparison_can_fail(text: str) -> None:
    """Different networks are told apart."""
    one = network(f"input: 4x8x8\nlayers:\n  {text}\n")
    two = network("input: 4x8x8\nlayers:\n  - conv2d 4 5\n")

    assert one is not None
    assert two is not None
    assert told(one) != told(two)
