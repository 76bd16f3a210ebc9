"""Graphs built of ops and the numbers of values: what they count, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.shape import image, vector
from paramcalc.count.report import count
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Graph
from paramcalc.ops.attributes import op
from tests import written

CONV = op("conv2d", 4, 3, padding=1)


def small() -> tuple[Builder, int]:
    """A builder with an input of 4x8x8, and its number."""
    net = Builder()
    return net, net.input("input", image(4, 8, 8))


def facts(net: Builder, *outputs: int) -> list[str]:
    """What is wrong with a graph."""
    with pytest.raises(SpecError) as caught:
        net.build(outputs)
    return [problem.fact for problem in caught.value.problems]


def test_a_built_network_is_that_of_its_spec() -> None:
    """Built by hand and read from a text: the same layers but for their places, and the same counts."""
    net, x = small()
    x = net.add(CONV, [x], "stem")
    a = net.add(CONV, [x], "unit/left")
    b = net.add(op("batch_norm"), [x], "unit/right/batch_norm", named=False)
    b = net.add(op("relu"), [b], "unit/right/relu", named=False)
    unit = net.add(op("add"), [a, b], "unit")
    head = net.add(op("flatten"), [unit], "head/flatten", auxiliary="head", named=False)
    net.add(op("linear", 2), [head], "head/linear", auxiliary="head", frozen=True, named=False)
    y = net.add(CONV, [unit], "again", share=x)
    built = net.build([y], "t")
    text = """
        name: t
        input: 4x8x8
        layers:
          - stem: conv2d 4 3 padding=1
          - unit:
              - add: {left: conv2d 4 3 padding=1, right: [batch_norm, relu]}
          - auxiliary: {head: [flatten, linear 2 frozen=true]}
          - again: conv2d 4 3 padding=1 share=stem
    """

    read = written.graph(text)

    assert told(built) == told(read)
    assert count(built).totals == count(read).totals
    # by hand: two convolutions of 4*4*9 + 4, a norm of 2*4; the head is counted apart
    assert count(built).totals.params == 2 * 148 + 8


def told(graph: Graph) -> list[Any]:
    """All layers by path: op, what they read by name, sharing, freezing, branch, whether named."""
    return sorted(
        (layer.path, str(layer.op), [graph.name(value) for value in layer.inputs], dict(layer.shared),
         layer.frozen, layer.auxiliary, layer.again, layer.named)
        for layer in graph.layers
    )  # fmt: skip


def test_an_op_must_fit_what_it_reads() -> None:
    """Said at once, by whoever adds the layer."""
    net, x = small()

    with pytest.raises(Fault, match="do not divide into 3 groups"):
        net.add(op("conv2d", 6, 3, groups=3), [x], "conv")
    with pytest.raises(Fault, match="reads the value 7, which does not exist"):
        net.add(CONV, [7], "conv")
    with pytest.raises(Fault, match="shares with the value 0, which no layer produces"):
        net.add(CONV, [x], "conv", share=x)
    with pytest.raises(Fault, match="its shape differs"):
        net.add(op("conv2d", 5, 3), [x], "other", share=net.add(CONV, [x], "conv"))


def test_inputs_come_first() -> None:
    """Their numbers are those before the layers'."""
    net, x = small()
    with pytest.raises(Fault, match="is declared twice"):
        net.input("input", vector(1))
    net.add(op("relu"), [x], "relu")

    with pytest.raises(Fault, match="comes after a layer"):
        net.input("other", vector(1))


def test_everything_is_read() -> None:
    """An input or layer that nothing reads is a mistake; a head is not."""
    net, x = small()
    net.input("mask", vector(3))
    y = net.add(CONV, [x], "conv")
    net.add(op("relu"), [x], "lost")
    net.add(op("relu"), [y], "head/relu", auxiliary="head")

    assert facts(net, y) == ["the input 'mask' is never read", "the output of 'lost' is never read"]


@pytest.mark.parametrize(
    ("paths", "fact"),
    [
        (("conv", "conv"), "two layers have the path 'conv'"),
        (("", "relu"), "a layer has no path"),
        (("a", "a/b"), "'a' reads one tensor, so it has no branches"),
        (("a", "a/b/c"), "'a' reads one tensor, so it has no branches"),
    ],
)
def test_paths(paths: tuple[str, ...], fact: str) -> None:
    """Every layer has its own, and only a join has branches below it."""
    net, x = small()
    for path in paths:
        x = net.add(op("relu"), [x], path)

    assert facts(net, x) == [fact]


def test_values_are_there_before_they_are_read() -> None:
    """A layer that reads itself, an output that is none: a graph made by other means than `add`."""
    net, x = small()
    y = net.add(op("relu"), [x], "relu")
    net.layers[0] = net.layers[0]._replace(inputs=(y,))

    assert facts(net, y, 5) == [
        "'relu' reads a value that does not exist yet: (1,)",
        "the output 5 is not a value of the network",
    ]


def test_shapes_are_those_that_are_read() -> None:
    """An op that was applied to another shape than the one it reads."""
    net, x = small()
    applied = net.apply(op("relu"), (image(4, 4, 4),))
    y = net.add(op("relu"), [x], "relu")
    net.layers[0] = net.layers[0]._replace(applied=applied)

    assert facts(net, y) == ["'relu' is applied to shapes other than those it reads"]


@pytest.mark.parametrize(
    ("shared", "fact"),
    [
        ({"weight": "c"}, "'b' shares 'weight' with 'c', which does not own it"),
        ({"weight": "b"}, "'b' shares 'weight' with 'b', which does not own it"),
        ({"scale": "a"}, "'b' shares 'scale' with 'a', which does not own it"),
        ({"weight": "wide"}, "'b' shares 'weight' with 'wide', of another shape"),
        ({"weight": "head"}, "'b' shares 'weight' with 'head', of training only"),
    ],
)
def test_sharing(shared: dict[str, str], fact: str) -> None:
    """What is shared belongs to an earlier layer and has its shape."""
    net, x = small()
    wide = net.add(op("conv2d", 4, 5, padding=2), [x], "wide")
    a = net.add(CONV, [wide], "a")
    net.add(CONV, [a], "head", auxiliary="head")
    b = net.add(CONV, [a], "b")
    c = net.add(CONV, [b], "c")
    net.layers[3] = net.layers[3]._replace(shared=shared)

    assert facts(net, c) == [fact]


def test_heads_are_read_by_themselves_only() -> None:
    """What exists in training only is not read from outside, nor by another head, nor an output."""
    net, x = small()
    p = net.add(op("relu"), [x], "p/relu", auxiliary="p")
    q = net.add(op("relu"), [p], "q/relu", auxiliary="q")
    y = net.add(op("add"), [x, p], "add")

    assert facts(net, y, q) == [
        "'q/relu' reads the auxiliary branch 'p', which exists in training only",
        "'add' reads the auxiliary branch 'p', which exists in training only",
        "an output lies in the auxiliary branch 'q', which exists in training only",
    ]


def test_chains_of_sharing_lead_to_the_owner() -> None:
    """The third use of a batch norm shares with the first, its running statistics too (E3)."""
    net, x = small()
    a = net.add(op("batch_norm"), [x], "a")
    b = net.add(op("batch_norm"), [a], "b", share=a)
    c = net.add(op("batch_norm"), [b], "c", share=b)
    layer = net.build([c]).layers[2]

    assert dict(layer.shared) == dict.fromkeys(["weight", "bias", "running_mean", "running_var"], "a")
    assert layer.again == "a"
