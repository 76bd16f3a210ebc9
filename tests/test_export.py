"""What `export` writes that needs no framework to be looked at: diagrams, the text of the source, refusals."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from paramcalc import load, parse
from paramcalc.export.diagram import diagram, dot, mermaid
from paramcalc.export.keras import keras
from paramcalc.export.onnx import onnx
from paramcalc.export.pytorch import pytorch, weight_names
from paramcalc.importing.network import imported
from paramcalc.importing.readers import reader
from tests.conftest import Run

TOY = """
name: toy
input: 3x8x8
blocks:
  residual:
    - add: {main: [conv2d channels 3 padding=1, relu], skip: identity}
layers:
  - stem: conv2d 4 3 padding=1
  - body: 3 * residual
  - head: global_avg_pool, linear 10
"""


def test_a_diagram_has_equal_rounds_once() -> None:
    drawn = diagram(parse(TOY).count(), 2)
    assert (
        mermaid(drawn)
        == """\
flowchart TB
  in0(["input<br>3x8x8"])
  n0["stem: conv2d<br>4x8x8, 112 params"]
  subgraph g1["body"]
    n2["0: residual x3<br>4x8x8, 444 params"]
  end
  subgraph g3["head"]
    n4["global_avg_pool<br>4"]
    n5["linear<br>10, 50 params"]
  end
  in0 --> n0
  n0 --> n2
  n2 --> n4
  n4 --> n5
"""
    )
    assert dot(drawn).splitlines()[4:8] == [
        '  subgraph cluster_1 { label="body";',
        '    n2 [label="0: residual x3\\n4x8x8, 444 params"];',
        "  }",
        '  subgraph cluster_3 { label="head";',
    ]


def test_a_diagram_opens_as_much_as_fits() -> None:
    assert len(diagram(load("resnet-50").count()).boxes) == 8
    for name in ("googlenet", "densenet-121", "llama3-8b"):
        assert mermaid(diagram(load(name).count())).count("[") < 60


def test_inside_of_rounds_is_drawn_from_the_first() -> None:
    text = mermaid(diagram(parse(TOY).count(), 4))
    assert text.count("conv2d<br>4x8x8") == 2
    assert "g2[" in text and "residual x3" in text


def test_weights_are_named_by_path() -> None:
    names = weight_names(load("swin-t").graph())
    assert names["stages/0/blocks/0/attention/window_attention/query_bias"] == (
        "stages.0.blocks.0.attention.window_attention.query.bias"
    )


def test_the_source_is_sound_python_whatever_names_are() -> None:
    text = """
        name: "class-1 x"
        input: 4x5x5
        layers:
          - for: conv2d 4 1
          - 3x3: conv2d 4 3 padding=1
          - half: relu
          - forward: [conv2d 4 1, relu]
          - half_: tanh
    """
    source = pytorch(parse(text).graph())
    ast.parse(source)
    assert '"for_": nn.Conv2d(4, 4, 1)' in source
    assert '"_3x3": nn.Conv2d(4, 4, 3, padding=1)' in source
    assert '"half_": nn.ReLU()' in source
    assert '"half__2": nn.Tanh()' in source


def test_what_has_no_counterpart_is_said_with_its_layer(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("input: 3x9x9\nlayers:\n  - a: avg_pool2d 4 stride=2 padding=same\n")
    found = run("export", str(path), "-o", str(tmp_path / "net.py"))
    assert found.code == 2
    assert "a: avg_pool2d: PyTorch pads both ends of an axis alike" in found.err
    assert not (tmp_path / "net.py").exists()


def test_auxiliary_branches_are_left_out_with_a_remark(run: Run) -> None:
    found = run("export", "googlenet", "--to", "mermaid", "--depth", "1")
    assert found.code == 0
    assert "aux_4a, aux_4d" in found.err
    assert "aux" not in found.out


def test_the_ending_says_what_is_written(run: Run, tmp_path: Path) -> None:
    for ending, begin in (
        ("py", '"""lenet5-ng, written by paramcalc: 61,706 params'),
        ("mmd", "flowchart"),
        ("gv", "dig"),
    ):
        path = tmp_path / f"net.{ending}"
        assert run("export", "lenet5-ng", "-o", str(path)).code == 0
        assert path.read_text().startswith(begin)
    assert run("export", "lenet5-ng", "--depth", "1").code == 2


@pytest.mark.parametrize(
    ("name", "lines"), [("resnet-50", 95), ("vgg-16", 80), ("densenet-121", 95), ("vit-b16", 180)]
)
def test_source_is_short(name: str, lines: int) -> None:
    assert len(pytorch(load(name).graph()).splitlines()) <= lines


def test_a_network_without_layers(run: Run, tmp_path: Path) -> None:
    """Its module passes the input on."""
    path = tmp_path / "empty.yaml"
    path.write_text("input: 8\nlayers: {repeat: 0, layers: relu}\n")

    assert run("export", str(path)).out.endswith("        return x\n")


def test_means_along_axes() -> None:
    """Of one axis and of several."""
    text = "input: 3x8x8\nlayers: ['reduce_mean [height, width]', reduce_max]\n"

    source = pytorch(parse(text).graph(), "a mean")
    assert "Mean((2, 3), keepdim=True)" in source
    assert "Max((1,), keepdim=True)" in source


ONNX_TOTALS = (
    "lenet5-ng",
    "googlenet",
    "resnet-50",
    "mobilenet-v3-small",
    "densenet-121",
    "vit-b16",
    "bert-base",
)


@pytest.mark.parametrize("name", ONNX_TOTALS)
def test_an_onnx_file_is_read_with_the_same_counts(name: str, tmp_path: Path) -> None:
    """Our own files, by our own reader; `tests/oracle/test_export_onnx.py` has ONNX's own checker read them."""
    path = tmp_path / "net.onnx"
    report = load(name).count()
    path.write_bytes(onnx(report.graph))
    again = parse(imported(reader(str(path)).read(str(path), {})).text).count()
    assert (again.params, again.macs) == (report.params, report.macs)


def test_an_onnx_file_needs_a_name(run: Run, tmp_path: Path) -> None:
    assert "-o network.onnx" in run("export", "lenet5-ng", "--to", "onnx").err
    assert run("export", "lenet5-ng", "-o", str(tmp_path / "net.onnx")).code == 0
    assert (tmp_path / "net.onnx").stat().st_size < 10_000
    found = run("export", "swin-t", "-o", str(tmp_path / "swin.onnx"))
    assert found.code == 2 and "window_attention has no counterpart in ONNX" in found.err
    assert not (tmp_path / "swin.onnx").exists()


def test_keras_source_is_functions_and_loops(run: Run) -> None:
    text = keras(load("resnet-50").graph())
    ast.parse(text)
    assert "def bottleneck(x, filters: int, strides: int, filters_2: int, name: str):" in text
    assert "    for index in range(1, 3):\n        x = bottleneck_2(x, " in text
    assert run("export", "resnet-50", "--to", "keras").out.startswith(
        '"""resnet-50, written by paramcalc: 25,557,032'
    )
    refused = run("export", "gpt2", "--to", "keras")
    assert refused.code == 2 and "logits: shared weights have no counterpart in Keras" in refused.err


def test_rounds_that_hold_nothing_are_not_counted_as_modules() -> None:
    """HRNet's paths from a branch to itself are empty: the others are the modules 0, 1, ... of their list."""
    tree = ast.parse(pytorch(load("hrnet-w18-small").graph()))
    lists = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef) and "ModuleList" in ast.unparse(one.bases[0])
    ]

    assert len(lists) > 5
    for one in lists:
        made = next(call.args[0] for call in ast.walk(one) if isinstance(call, ast.Call) and call.args)
        called = re.findall(r"self\[(\d+)\]", ast.unparse(one))
        assert isinstance(made, ast.List)
        assert all(int(number) < len(made.elts) for number in called), one.name
