"""`show --expanded`: canonical YAML that reads back to the same layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramcalc.base.errors import Source
from paramcalc.count.report import count
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.graph import Graph
from paramcalc.language.parse import parse
from paramcalc.list import catalogue
from paramcalc.show.expanded import expanded, path_in_text
from tests.conftest import Run

MODELS = sorted(entry.model for entry in catalogue.bundled())


def again(graph: Graph) -> Graph:
    """The graph of the expanded text."""

    def nothing(name: str) -> None:
        raise AssertionError(f"an expanded spec uses nothing, not {name}")

    return elaborate(parse(Source("expanded", expanded(graph)), nothing))  # type: ignore[arg-type]


def check_same(graph: Graph, other: Graph) -> None:
    """Equal inputs, outputs and layers: paths, ops, edges, sharing, freezing."""
    assert dict(other.inputs) == dict(graph.inputs)
    assert other.outputs == graph.outputs
    assert len(other.layers) == len(graph.layers)
    for one, two in zip(graph.layers, other.layers, strict=True):
        assert two.path == path_in_text(one.path)
        assert (two.op, two.inputs, two.applied.output) == (one.op, one.inputs, one.applied.output)
        assert dict(two.shared) == {name: path_in_text(path) for name, path in one.shared.items()}
        assert bool(two.auxiliary) == bool(one.auxiliary)
    assert count(other).totals == count(graph).totals


@pytest.mark.parametrize("model", MODELS)
def test_bundled_models(model: str) -> None:
    """Every bundled model, expanded and read again, has the same layers."""
    spec, variant = library.find(model)
    graph = elaborate(spec, Settings(variant))

    check_same(graph, again(graph))


SPECS = {
    "one name inside and outside": """
        input: 3x8x8
        layers:
          - relu: conv2d 4 3
          - group:
              - conv2d 4 1
              - relu
              - add: {a: conv2d 4 1, b: identity}
          - add from x relu
    """,
    "shared and frozen": """
        inputs: {left: 1x8x8, right: 1x8x8}
        blocks:
          tower: conv2d 4 3, relu, conv2d 8 3
        layers:
          - a: tower frozen=true from left
          - b: tower share=a from right
          - subtract from a b
          - flatten
          - linear 2
    """,
    "tokens and several outputs": """
        input: {length: 10}
        outputs: [first, last]
        layers:
          - tokens: embedding 100 16
          - first: linear 4
          - last: linear 8 from tokens
    """,
    "repeats and tables without names": """
        input: 3x8x8
        layers:
          - repeat: 2
            layers: [conv2d 4 1, relu]
          - table:
              columns: out
              rows: [5, 6]
              layers: [conv2d out 1, relu]
          - repeat: 2
            layers: [conv2d 4 1]
          - add from repeat/1/relu repeat_2
    """,
    "a nearer name hides the one that is read": """
        inputs: {a: 3x8x8, b: 3x8x8}
        blocks:
          mix from x other:
            - b: relu
            - a: tanh
            - sum: add from x a other b
          twice from x other: [mix from x other, mix from other x, concat from mix mix_2]
        layers:
          - c: mix from a b
          - d: {twice: {from: [c, b]}}
          - e: twice from c a
          - mix: [concat: {a: relu from d, b: [relu, add from x e]}]
    """,
    "training only": """
        input: 3x8x8
        layers:
          - auxiliary: {one: conv2d 4 3}
          - group:
              - auxiliary: {two: [conv2d 4 3, relu]}
              - auxiliary: {three: {concat: {p: relu, q: [tanh, relu]}}}
    """,
    "padding at one end": """
        input: 3x9x9
        layers: ["pad ((0, 1), (0, 1))", "max_pool2d 2 stride=1", "conv2d 4 3 padding=((0, 1), (0, 1))"]
    """,
    "causal": """
        input: 1x40
        layers: ["pad ((2, 0),)", "conv1d 4 3", "conv1d 4 3 padding=((2, 0),)"]
    """,
    "fractions": """
        input: 8
        layers: [dropout 1/3, dropout 0.4, linear 2]
    """,
}


@pytest.mark.parametrize("name", SPECS)
def test_constructs(name: str, tmp_path: Path) -> None:
    """Shadowed names, sharing, several inputs and outputs, exact fractions."""
    path = tmp_path / "spec.yaml"
    path.write_text(SPECS[name])
    graph = elaborate(library.read(path))

    check_same(graph, again(graph))


def test_names_of_joins_that_are_not_called(run: Run, tmp_path: Path) -> None:
    """What replaces a join, and a group whose join is in the part of an `if` that does not hold."""
    path = tmp_path / "spec.yaml"
    path.write_text(
        """
        input: 4x8x8
        layers:
          - a: relu
          - concat: [{if: 1 > 2, then: concat from a input}, conv2d 3 1, relu]
          - add: {main: conv2d 3 1, skip: identity}
        """
    )
    text = run("show", path, "--expanded", "--replace", "add=conv2d 5 1").out
    counted = run("count", "-", "--format", "csv", stdin=text).out

    assert "- _concat:\n" in text
    assert "- _add: {conv2d: {out_channels: 5, kernel_size: 1}}\n" in text
    assert counted.replace("_concat", "concat").replace("_add", "add").replace(",stdin", ",spec") == (
        run("count", path, "--format", "csv", "--replace", "add=conv2d 5 1").out
    )


def test_command(run: Run) -> None:
    """The expanded text counts like the model it comes from."""
    text = run("show", "googlenet", "--expanded").out

    assert (
        run("count", "-", "--format", "csv", stdin=text).out
        == run("count", "googlenet", "--format", "csv").out
    )


def test_settings_need_expanded(run: Run) -> None:
    """The plain text of a spec knows no settings."""
    result = run("show", "resnet-50", "--set", "width=96")

    assert result.code == 2
    assert "add --expanded" in result.err
