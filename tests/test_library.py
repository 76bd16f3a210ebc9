"""paramcalc as a library: what a program gets is what the command line prints, as values that it can work with."""

from __future__ import annotations

import csv
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import paramcalc
from tests.conftest import Run

TINY = """
    input: 3x8x8
    layers:
      - conv2d 4 3 padding=1
      - relu
      - flatten
      - linear 10
"""
CONV = 4 * (3 * 3 * 3 + 1)  # filters x (window x channels + bias)
LINEAR = 10 * (4 * 8 * 8 + 1)


def test_a_text_becomes_a_model() -> None:
    """A spec need not be a file; counts are those of its lines, and plain integers."""
    report = paramcalc.parse(TINY).count()

    assert [layer.params for layer in report.layers] == [CONV, 0, 0, LINEAR]
    assert report.params == report.totals.params == CONV + LINEAR
    assert report.macs == 8 * 8 * 4 * 27 + 10 * 256
    assert type(report.params) is int


def test_a_text_may_have_variants_and_a_name() -> None:
    """The variant is the one that is asked for; a message calls the text by the name."""
    text = "{input: 8, knobs: {n: 2}, variants: {wide: {n: 5}}, layers: [linear n]}"

    assert paramcalc.parse(text).count().params == 8 * 2 + 2
    assert paramcalc.parse(text, "wide").count().params == 8 * 5 + 5
    with pytest.raises(paramcalc.SpecError, match=r"^from the wiki:1:"):
        paramcalc.parse("{input: 8, layers: [linaer 3]}", name="from the wiki").count()


@pytest.mark.parametrize(
    ("command", "noun"),
    [
        (("count", "resnet-50"), lambda: paramcalc.load("resnet-50").count()),
        (
            ("count", "googlenet", "--batch", "2", "--dtype", "float16"),
            lambda: paramcalc.load("googlenet").count(batch=2),
        ),
        (
            ("count", "resnet-18", "--convention", "torchinfo"),
            lambda: paramcalc.load("resnet-18").count(convention="torchinfo"),
        ),
        (("compare", "one-5x5", "two-3x3"), lambda: compared("one-5x5", "two-3x3")),
        (("check", "lenet5-1998"), lambda: paramcalc.load("lenet5-1998").check()),
        (("explain", "lenet5-1998", "C1"), lambda: paramcalc.load("lenet5-1998").explain("C1")),
        (
            ("solve", "resnet-18", "--vary", "width", "--until", "params <= 5e6"),
            lambda: paramcalc.load("resnet-18").solve("width", until="params <= 5e6"),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_json_is_what_the_command_prints(run: Run, command: tuple[str, ...], noun) -> None:
    """To the byte, and as values."""
    given = ("float16",) if "float16" in command else ()
    printed = run(*command, "--format", "json").out

    assert noun().to_json(*given) == printed
    assert noun().to_dict(*given) == json.loads(printed)


def compared(*names: str) -> object:
    return paramcalc.compare(*map(paramcalc.load, names))


def test_records_are_the_csv_as_plain_values(run: Run) -> None:
    """What a data frame is made of: equal names in each, numbers as integers, everything else as text."""
    records = paramcalc.load("resnet-18").count().to_records()
    printed = list(csv.DictReader(io.StringIO(run("count", "resnet-18", "--format", "csv").out)))

    assert [{name: str(value) for name, value in record.items()} for record in records] == printed
    assert {type(value) for record in records for value in record.values()} == {int, str}
    assert sum(record["params"] for record in records) == 11_689_512  # as torchvision has it


def test_a_layer_says_what_it_is() -> None:
    """Path, op, call, shapes and weights of a layer, and each of its counts."""
    layer = paramcalc.load("vgg-16").count().layers[0]

    assert (layer.path, layer.op, layer.call) == ("conv1_1/conv2d", "conv2d", "conv2d 64 3 padding=1")
    assert [shape.dims for shape in layer.inputs] == [(3, 224, 224)]
    assert (layer.output.dims, str(layer.output)) == ((64, 224, 224), "64x224x224")
    assert layer.weights == {"weight": (64, 3, 3, 3), "bias": (64,)}
    assert layer.params == 64 * (27 + 1)
    assert layer.macs == layer.flops // 2 == 64 * 27 * 224 * 224
    assert {"params", "macs", "memory"} <= {*dir(layer)}


def test_no_attribute_is_made_up() -> None:
    """A misspelt quantity is none, and one that a convention says nothing of is not 0."""
    report = paramcalc.load("resnet-18").count(convention="fvcore")

    with pytest.raises(AttributeError, match="parms"):
        _ = report.parms
    with pytest.raises(AttributeError, match="parms"):
        _ = report.layers[0].parms
    with pytest.raises(AttributeError, match="fvcore counts no 'memory'"):
        _ = report.memory


def test_counts_can_be_sent_and_written() -> None:
    """They survive pickling, and what is written of them makes them again."""
    totals = paramcalc.parse(TINY).count().totals

    assert pickle.loads(pickle.dumps(totals)) == totals
    assert eval(repr(totals), {"Counts": paramcalc.Counts}) == totals
    assert "buffers" not in repr(totals)


@pytest.mark.parametrize(
    ("mistake", "fix"),
    [
        (lambda: paramcalc.load("resnet-5O"), "did you mean 'resnet-50'"),
        (lambda: paramcalc.load("resnet-50").count(widht=32), "did you mean 'width'"),
        (lambda: paramcalc.load("resnet-50").count(batch=0), "found: 0"),
        (lambda: paramcalc.load("resnet-50").solve("width", until="parms <= 5"), "did you mean 'params'"),
        (lambda: paramcalc.load("resnet-50").count(convention="torchinf"), "did you mean 'torchinfo'"),
        (lambda: paramcalc.change("width"), "expected: KNOB=VALUE"),
        (lambda: paramcalc.parse(TINY.replace("padding", "pading")).count(), "did you mean 'padding'"),
    ],
)
def test_the_text_of_an_exception_holds_the_fix(mistake, fix: str) -> None:
    """One class holds them all, and a traceback shows what the command line would."""
    with pytest.raises(paramcalc.Error) as raised:
        mistake()

    assert fix in str(raised.value)


def test_all_names_are_there_and_typed() -> None:
    """What __all__ promises exists, and the marker of types lies beside it."""
    assert all(hasattr(paramcalc, name) for name in paramcalc.__all__)
    assert (Path(paramcalc.__file__).parent / "py.typed").is_file()


def test_a_count_needs_no_data_frames() -> None:
    """Records are made where pandas and NumPy cannot even be imported."""
    program = (
        "import sys; sys.modules['pandas'] = sys.modules['numpy'] = None\n"
        "import paramcalc; print(len(paramcalc.load('vgg-16').count().to_records()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert int(done.stdout) == len(paramcalc.load("vgg-16").count().layers)
