"""The command `count`: what it prints, in every format, and that digits are never cut."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from paramcalc import compare, load
from paramcalc.base.errors import Source
from paramcalc.count.report import count
from paramcalc.count.vary import axis
from paramcalc.engine import plugins
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.library import from_text
from tests.conftest import Run

LENET = {  # LeCun et al. 1998, section II.B: trainable parameters and connections
    "C1": (156, 122_304),
    "S2": (12, 5_880),
    "C3": (1_516, 151_600),
    "S4": (32, 2_000),
    "C5": (48_120, 48_120),
    "F6": (10_164, 10_164),
    "OUTPUT": (0, 840),
}


def test_lenet_as_published(run: Run) -> None:
    """Every figure that the paper prints for its layers, and the totals."""
    report = json.loads(run("count", "lenet5-1998", "--format", "json").out)

    layers = {layer["path"]: layer for layer in report["layers"]}
    assert {path: (layers[path]["params"], layers[path]["connections"]) for path in LENET} == LENET
    assert report["totals"]["trainable"] == 60_000
    assert report["totals"]["connections"] == 340_908
    assert layers["OUTPUT"]["frozen"] == report["totals"]["frozen"] == 840


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("lenet5-ng", 5),
        ("alexnet-ng", 8),
        ("VGG16", 16),
        ("vgg19-e-bn", 19),
        ("googlenet", 22),  # Szegedy et al. 2014: 22 layers deep when counting only layers with parameters
        ("plain34", 34),
        ("resnet-50", 50),
        ("densenet-121", 121),
    ],
)
def test_depth_as_named(model: str, layers: int) -> None:
    """The number that a network is named after, or that its paper states."""
    assert load(model).count().totals.depth == layers


def test_depth_of_ways() -> None:
    """The longest way counts: heads of training and inputs without weights do not, a layer used again does."""
    text = """
        inputs: {a: 8, b: 8}
        outputs: [short, long]
        layers:
          - short: linear 8 from a
          - first: linear 8 from b
          - auxiliary: {head: [linear 8, linear 8, linear 8]}
          - norm: layer_norm from first
          - again: linear 8 share=first
          - long: add from again short
    """
    assert count(elaborate(from_text(Source("ways", text)))).totals.depth == 2


def test_json_contract(run: Run) -> None:
    """The fields that other programs read."""
    report = json.loads(run("count", "resnet50-v1", "--format", "json", "--batch", "2").out)

    assert report["schema"] == "paramcalc/report/1"
    assert (report["model"], report["variant"], report["batch"]) == ("resnet50-v1", "resnet50-v1", 2)
    assert report["input"] == {"input": [2, 3, 224, 224]}
    assert report["convention"] == "paramcalc"
    assert report["totals"]["params"] == 25_557_032
    assert report["totals"]["macs"] == 2 * 3_857_973_248
    assert report["totals"]["flops"] == 4 * 3_857_973_248
    first = report["layers"][0]
    assert (first["path"], first["op"]) == ("conv1/conv2d", "conv2d")
    assert first["attributes"]["kernel_size"] == [7, 7]
    assert (first["inputs"], first["output"]) == ([[2, 3, 224, 224]], [2, 64, 112, 112])
    assert first["weights"] == {"weight": [64, 3, 7, 7]}
    assert sum(layer["params"] for layer in report["layers"]) == 25_557_032


def test_auxiliary_heads_are_summed_apart(run: Run) -> None:
    """GoogLeNet without and with its two auxiliary classifiers."""
    report = json.loads(run("count", "googlenet", "--format", "json").out)

    assert report["totals"]["params"] == 6_998_552
    assert {name: counts["params"] for name, counts in report["auxiliary"].items()} == {
        "aux_4a": 3_188_840,
        "aux_4d": 3_190_888,
    }
    assert report["totals_with_auxiliary"]["params"] == 13_378_280


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_digits_are_never_cut(run: Run, width: int) -> None:
    """However narrow the terminal, the layer, its params and its MACs are whole."""
    out = run("count", "vgg-16", columns=width).out

    assert "138,357,544" in out
    assert "15,470,264,320" in out
    assert "…" not in out


def test_narrow_terminals_shorten_calls_and_lose_whole_columns(run: Run) -> None:
    """At 80 columns the share goes and the call is short; at 200 nothing goes."""
    narrow, wide = run("count", "resnet-50", columns=80).out, run("count", "resnet-50", columns=200).out
    rows = [line for line in narrow.splitlines() if "batch_norm" in line or line.startswith("total ")]

    assert max(len(row.rstrip()) for row in rows) <= 80
    assert "max_pool2d 3 stride=2 padding=1" in wide
    assert "max_pool2d 3 stride=2 padding=1" not in narrow
    assert "  conv2d          conv 7x7, 64 /2      64x112x112        9,408     118,013,952\n" in narrow
    assert "  0               bottleneck 128 /2     512x28x28      379,392     372,506,624\n" in narrow
    assert "share" not in narrow.splitlines()[1]


def test_groups_say_their_block_and_what_enters(run: Run) -> None:
    """ResNet-50's stages as their spec calls them, with the sizes of He et al. 2015, Table 1, before each."""
    out = run("count", "resnet-50", "--depth", "2", "--columns", "op,input,output").out

    rows = {
        cells[0]: cells[1:] for line in out.splitlines() if len(cells := re.split(r" {2,}", line.strip())) > 3
    }
    assert rows["conv3_x"] == ["4 * bottleneck 128", "256 x 56 x 56", "512 x 28 x 28"]
    assert rows["1-5 x 5"] == ["bottleneck 256 stride=1", "1024 x 14 x 14", "1024 x 14 x 14"]


def test_calls_of_blocks_have_what_they_are_given(run: Run) -> None:
    """Values, not the names that the call has; by place and by name; rounds with what they have in common."""
    spec = """
        input: 4x8x8
        knobs: {width: 6}
        blocks:
          unit out stride=1: conv2d out 3 stride=stride padding=1, relu
        layers:
          - unit width stride=2
          - same: {repeat: 2, layers: [unit width*2]}
          - apart: {repeat: 2, layers: [unit width+i]}
    """
    out = run("count", "-", "--columns", "op", "--depth", "1", stdin=spec).out

    calls = [re.split(r" {2,}", line)[1] for line in out.splitlines()[3:6]]
    assert calls == ["unit 6 stride=2", "2 * unit 12", "2 * unit"]


def test_the_closing_block(run: Run) -> None:
    """What other tools print below: torchinfo has 0.60 MB of input and 102.23 MB of params for ResNet-50."""
    out = run("count", "resnet-50").out

    assert "params: 25,557,032 (25.6 M); 25,557,032 trainable, 0 frozen\n" in out
    assert "MACs: 4,089,184,256 (4.09 G); 8,178,368,512 (8.18 G) FLOPs (2 per MAC)\n" in out
    assert "as float32: input 602 KB, activations 150 MB, params 102 MB; params + outputs: 63,116,816 " in out
    assert (
        "60,000 trainable, 840 frozen (840 fixed by design, not in params)" in run("count", "lenet5-1998").out
    )


def test_piped_output_has_no_colour_and_no_remarks(run: Run) -> None:
    """Without a terminal the table is plain text at its natural width."""
    result = run("count", "resnet-50")

    assert "\x1b" not in result.out
    assert result.err == ""


def test_the_table_adds_up(run: Run) -> None:
    """The printed params of the top level add up to the printed total."""
    out = run("count", "resnet-50", "--depth", "1", "--columns", "params").out

    rows = [
        re.split(r"\s{2,}", line.strip())
        for line in out.splitlines()[3:]
        if re.search(r"\s{2,}[\d,]+\s*$", line)
    ]
    numbers = {name: int(value.replace(",", "")) for name, value in rows}
    total = numbers.pop("total")
    assert sum(numbers.values()) == total == 25_557_032


def test_the_footer_names_what_was_counted(run: Run) -> None:
    """Unit, what is counted, variant and input stand below every table."""
    out = run("count", "resnet50-v1", "--set", "width=96").out

    assert "resnet50-v1 (resnet), width=96" in out
    assert (
        "input 3x224x224, batch 1; params: learned weights; MACs: convolution, linear, attention, without bias "
        "(convention paramcalc)\n"
    ) in out
    assert "FLOPs (2 per MAC)" in out


def test_columns_sort_and_top(run: Run) -> None:
    """The largest layers first; what is left out is summed in a line of its own."""
    out = run("count", "vgg-16", "--top", "2", "--sort", "params", "--columns", "params").out
    lines = [line.split() for line in out.splitlines()[3:7]]

    assert [line[0] for line in lines[:2]] == ["fc6/linear", "fc7/linear"]
    assert lines[2][-1] == f"{138_357_544 - 102_764_544 - 16_781_312:,}"


def test_unknown_column_has_a_near_miss(run: Run) -> None:
    """A misspelt column names the right one."""
    result = run("count", "vgg-16", "--columns", "parms")

    assert result.code == 2
    assert "did you mean 'params'" in result.err
    assert result.out == ""


def test_layout(run: Run) -> None:
    """Channels last, where asked for."""
    assert "112 x 112 x 64" in run("count", "resnet-50", "--layout", "nhwc").out
    assert "64 x 112 x 112" in run("count", "resnet-50").out


def test_csv_has_every_layer_and_quantity(run: Run) -> None:
    """CSV numbers are plain integers that add up to the totals."""
    rows = list(csv.DictReader(io.StringIO(run("count", "resnet-50", "--format", "csv").out)))

    assert sum(int(row["params"]) for row in rows) == 25_557_032
    assert sum(int(row["macs"]) for row in rows) == 4_089_184_256


def test_markdown_and_latex(run: Run) -> None:
    """Both hold the same numbers; LaTeX escapes what it must."""
    markdown = run("count", "lenet5-1998", "--format", "markdown").out
    latex = run("count", "lenet5-1998", "--format", "latex").out

    assert "| **total** |" in markdown
    assert "| 60,000" in markdown.replace("**", "")
    assert r"\toprule" in latex
    assert r"\textbf{60,000}" in latex
    assert r"tanh\_2" in latex


@pytest.mark.parametrize(
    "arguments",
    [
        ("count", "resnet-18", "--depth", "2", "--columns", "op,input,output,weights"),
        ("compare", "resnet-18", "resnet-34", "--columns", "op,output,params"),
        ("field", "resnet-18"),
    ],
)
def test_sizes_in_latex_are_products(run: Run, arguments: tuple[str, ...]) -> None:
    """No x stands between digits in any table that prints shapes, and every dollar sign has its second."""
    latex = run(*arguments, "--format", "latex").out
    rows = [line for line in latex.splitlines() if not line.startswith("%")]

    assert any(r" $\times$ " in row for row in rows)
    for row in rows:
        assert not re.search(r"[0-9] ?x ?[0-9]", row), row
        assert row.count("$") % 2 == 0


def test_memory_in_bytes(run: Run) -> None:
    """The lecture's memory formula in elements, and in bytes of the element type."""
    report = run("count", "bottleneck-14x14-480-48-direct", "--format", "json", "--dtype", "float16").out
    totals = json.loads(report)["totals"]

    assert totals["memory"] == 585_456
    assert totals["memory_bytes"] == 2 * 585_456


def test_standard_input(run: Run) -> None:
    """`-` reads a spec from standard input."""
    result = run("count", "-", "--format", "json", stdin="input: 1x28x28\nlayers: [flatten, linear 10]\n")

    assert json.loads(result.out)["totals"]["params"] == 7_850


def test_other_inputs_and_settings(run: Run) -> None:
    """An input's sizes, a knob, and an attribute of single layers."""
    at_227 = json.loads(run("count", "nin-imagenet", "--input", "3x227x227", "--format", "json").out)
    changed = run("count", "resnet-50", "--set", "conv1/conv2d.bias=true", "--format", "json")

    assert at_227["totals"]["macs"] == 1_105_996_320
    assert json.loads(changed.out)["totals"]["params"] == 25_557_096


def test_settings_that_touch_nothing_are_errors(run: Run) -> None:
    """Near misses for knobs and for layers; nothing is counted."""
    knob = run("count", "resnet-50", "--set", "widht=96")
    layer = run("count", "resnet-50", "--set", "conv9.kernel_size=5")

    assert (knob.code, layer.code) == (2, 2)
    assert "did you mean 'width'" in knob.err
    assert "no layer matches 'conv9'" in layer.err


def test_the_share_is_of_what_is_sorted_by(run: Run) -> None:
    """VGG-16's fc6 has 102,764,544 of 138,357,544 params: 74.3 %; its largest convolution 12.0 % of the MACs."""
    lines = run("count", "vgg-16", "--sort", "params", "--top", "1").out.splitlines()
    by_macs = run("count", "vgg-16", "--top", "1").out.splitlines()

    assert lines[1].endswith("share of params")
    assert " 74.3 % " in lines[3]
    assert by_macs[1].endswith("share of MACs")
    assert " 12.0 % " in by_macs[3]


@pytest.mark.parametrize("model", ["googlenet", "vgg-16", "inception-v3"])
@pytest.mark.parametrize(
    "options", [("--top", "3"), ("--sort", "params"), ("--sort", "params", "--top", "1")]
)
def test_the_largest_layers_and_the_rest_are_the_total(
    run: Run, model: str, options: tuple[str, ...]
) -> None:
    """Heads that exist in training only are in neither."""
    shown = run("count", model, *options, "--columns", "params,macs").out
    lines = [line.split() for line in shown.splitlines()[3:]]
    end = next(place for place, line in enumerate(lines) if line[0] == "total")

    rows = [[int(cell.replace(",", "")) for cell in line[-2:]] for line in lines[: end - 1]]
    totals = [int(cell.replace(",", "")) for cell in lines[end][-2:]]
    assert [sum(column) for column in zip(*rows, strict=True)] == totals


def test_work_in_json_grows_with_the_batch(run: Run) -> None:
    """Three samples: thrice the work and the outputs of every layer, operations by kind too; the same weights."""
    one, three = (
        json.loads(run("count", "resnet-18", "--batch", batch, "--format", "json").out)["layers"]
        for batch in ("1", "3")
    )

    assert any(layer["operations"] for layer in one)
    for single, triple in zip(one, three, strict=True):
        assert triple["operations"] == {kind: 3 * number for kind, number in single["operations"].items()}
        for name in ("macs", "flops", "connections", "activations"):
            assert triple[name] == 3 * single[name]
        assert triple["params"] == single["params"]
        assert triple["output"] == [3, *single["output"][1:]]


def test_nouns_are_written_in_one_short_line() -> None:
    """Of whatever size: a notebook or a debugger shows many of them at once."""
    model = load("resnet-50")
    report = model.count()
    nouns = (
        *(model, model.spec, report, report.graph, report.graph.layers[0], report.rows[0].layer.applied),
        *(compare(model, load("resnet-101")), model.explain("conv1"), model.closed(["width"])),
        *(model.formula("macs", ["width", "h"]), model.solve("width", until="params <= 5e6")),
        *(model.sweep("width=32:64:8"), model.space([axis("width=32:64")])),
    )

    for noun in nouns:
        assert repr(noun).startswith("<") and len(repr(noun)) < 100, repr(noun)
    assert repr(report) == "<Report of resnet-50: 25,557,032 params, 4,089,184,256 macs>"


def test_output_appears_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    """A file is replaced only by a whole new one; a missing folder is a clear error."""
    target = tmp_path / "report.json"
    assert run("count", "lenet5-1998", "--format", "json", "--output", str(target)).code == 0
    before = target.read_text()

    failed = run("count", "no-such-model", "--format", "json", "--output", str(target))
    missing = run("count", "lenet5-1998", "--output", str(tmp_path / "no" / "file"))

    assert failed.code == missing.code == 2
    assert target.read_text() == before
    assert "No such file or directory" in missing.err
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "options",
    [("--set", "width=64", "--set", "width = 32"), ("--input", "3x64x64", "--input", "3x32x32")],
)
def test_contradictory_settings(run: Run, options: tuple[str, ...]) -> None:
    """Two values for one knob or input are an error, never the last of them silently."""
    result = run("count", "resnet-50", *options)

    assert result.code == 2
    assert "twice" in result.err


@pytest.mark.parametrize("columns", [0, 1, 10])
def test_no_width_cuts_digits(run: Run, columns: int) -> None:
    """However narrow, every number stays in one piece; 0 columns means that the width is not known."""
    out = run("count", "vgg-16", "--depth", "1", columns=columns).out

    assert "30,940,528,640" in out  # FLOPs, in the remarks
    assert ("share of MACs" in out) == (columns == 0)


def test_output_follows_links_and_spares_pipes(run: Run, tmp_path: Path) -> None:
    """A link goes on pointing to its file; a pipe is written to, never replaced by a file."""
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.touch()
    link.symlink_to(target)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    codes = [run("count", "lenet5-1998", "--output", str(path)).code for path in (link, pipe, tmp_path)]

    assert codes == [0, 0, 2]
    assert link.is_symlink() and pipe.is_fifo() and tmp_path.is_dir()
    assert os.read(reader, 100_000) == target.read_bytes()
    assert target.read_text().startswith("lenet5-1998")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (">/dev/full", "No space left on device"),
        (">&-", "not writable"),
        ("<&-", "the file is empty"),
        (">&- 2>&-", ""),
    ],
)
def test_streams_that_fail(stream: str, message: str) -> None:
    """A full disk or a closed stream ends in a word and an exit code, never in a traceback."""
    call = (
        f"{shlex.quote(sys.executable)} -m paramcalc count {'-' if '<' in stream else 'lenet5-1998'} {stream}"
    )
    result = subprocess.run(["sh", "-c", call], capture_output=True, text=True, timeout=60)

    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_footer_speaks_of_the_columns_that_are_there(run: Run) -> None:
    """Field columns are explained, varying fields and unaligned paths said; totals only where one is."""
    fields = run("count", "unet", "--columns", "output,field", "--depth", "1").out
    swin = run("count", "swin-tiny", "--columns", "jump", "--depth", "1").out
    both = run("count", "unet", "--columns", "field,macs", "--depth", "1").out

    assert "field: input positions that one output position sees" in fields
    assert "188-204" in fields and "a-b: positions see different sizes, from a to b" in fields
    assert "input 1x572x572, batch 1\n" in fields
    assert not re.search("jump:|start:|FLOPs|convention|^total", fields, re.MULTILINE)
    assert "10 layers with inputs that are not aligned" in swin
    assert "jump: input positions" in swin and "a-b" not in swin
    assert "field: input positions" in both and "convention paramcalc" in both
    assert re.search(r"^total +[0-9,]+$", both, re.MULTILINE)


def test_all_levels(run: Run) -> None:
    """The remark says how to see every layer, and so it is; other words are refused."""
    folded, whole = run("count", "resnet-18"), run("count", "resnet-18", "--depth", "all", "--unfold")
    layers = json.loads(run("count", "resnet-18", "--format", "json").out)["layers"]
    rows = [line for line in whole.out.splitlines() if re.search(r"^ *\S+ +(conv2d|batch_norm|linear)", line)]

    assert "--depth all shows each" in folded.out
    assert "--depth all" not in whole.out
    assert len(rows) == sum(layer["op"] in ("conv2d", "batch_norm", "linear") for layer in layers)
    for wrong in ("0", "-1", "every"):
        assert run("count", "resnet-18", "--depth", wrong).code == 2


def test_a_file_without_variants_says_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text("input: 8\nlayers: [linear 2]\n")

    result = run("count", f"{path}:big")

    assert result.code == 2
    assert "there is no variant 'big': 'toy' has no variants" in result.err


def test_unknown_models_have_near_misses(run: Run) -> None:
    """A misspelt model names the nearest ones and exits with 2."""
    result = run("count", "resnet-5O")

    assert result.code == 2
    assert "did you mean 'resnet-50'" in result.err


def test_a_wrong_spec_exits_with_2_and_prints_no_table(run: Run, tmp_path: Path) -> None:
    """Problems go to standard error, with their number."""
    path = tmp_path / "toy.yaml"
    path.write_text("input: 3x8x8\nlayers:\n  - conv2d: {out_channels: 4, kernel_size: 3, strides: 2}\n")

    result = run("count", str(path))

    assert (result.code, result.out) == (2, "")
    assert "toy.yaml:3:47: conv2d has no attribute 'strides'" in result.err
    assert "did you mean 'stride'?" in result.err
    assert "1 problem found." in result.err


PLUGIN = """
from dataclasses import dataclass
from paramcalc.ops.base import Elementwise, Example

@dataclass(frozen=True)
class Cube(Elementwise):
    \"\"\"x*x*x, element by element.\"\"\"

    per_element = {"multiply": 2}
    examples = (Example("cube", ("8",), "8"),)
"""


def test_plugin(run: Run, tmp_path: Path) -> None:
    """An op of one's own is one class in one file, and is treated like the others."""
    plugin = tmp_path / "cube.py"
    plugin.write_text(PLUGIN)
    spec = "input: 8\nlayers: [cube, linear 2]\n"

    result = run("count", "-", "--plugin", str(plugin), "--format", "json", stdin=spec)

    layer = json.loads(result.out)["layers"][0]
    assert (layer["op"], layer["operations"]) == ("cube", {"multiply": 16})


POWER = """
from dataclasses import dataclass

from paramcalc.ops.attributes import Count, Flag
from paramcalc.ops.base import Elementwise, Example
from paramcalc.base.sizes import Size


@dataclass(frozen=True)
class Power(Elementwise):
    \"\"\"x to a whole power, element by element.\"\"\"

    n: Size = 3
    less: Count | None = None
    flag: Flag = False
    per_element = {"multiply": 2}
    examples = (Example("power 3", ("64x28x28",), "64x28x28"),)

    def forward(self, tools, x):
        return x**self.n
"""


@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize(
    "command", [["count"], ["explain"], ["formula"], ["verify"], ["ops", "power"], ["show", "--expanded"]]
)
def test_a_plugin_with_attributes(run: Run, tmp_path: Path, first: str, command: list[str]) -> None:
    """Its fields are read as they are written, whether or not the file says that they are annotations."""
    plugin = tmp_path / "power.py"
    plugin.write_text(first + POWER)
    network = tmp_path / "net.yaml"
    network.write_text("input: 4\nlayers: [power 2 less=0 flag=true, linear 1]\n")
    asked = command if command[0] == "ops" else [command[0], str(network), *command[1:]]

    result = run(*asked, "--plugin", str(plugin))

    assert result.code == 0, result.err
    assert "power" in result.out or command == ["formula"] or command == ["verify"]


def test_a_field_that_is_no_attribute_is_said_of_the_plugin(run: Run, tmp_path: Path) -> None:
    """The kinds are named; nothing is counted with it."""
    plugin = tmp_path / "power.py"
    plugin.write_text(POWER.replace("n: Size", "n: float"))

    result = run("count", "lenet5-1998", "--plugin", str(plugin))

    assert result.code == 2
    assert "the attribute 'n' has no kind" in result.err
    assert plugins.loaded() == ()
    assert "found: float" in result.err


def test_a_broken_plugin_is_a_clear_error(run: Run, tmp_path: Path) -> None:
    """Neither a traceback nor a zero."""
    plugin = tmp_path / "broken.py"
    plugin.write_text("1/0")

    result = run("count", "lenet5-1998", "--plugin", str(plugin))

    assert result.code == 2
    assert "ZeroDivisionError" in result.err


def test_the_line_of_a_join_is_explained_where_there_is_one(run: Run) -> None:
    """The line called = below the branches of a join has a remark, in all tables that have such a line."""
    said = "line =: the join of the branches above it\n"
    change = ("--replace", "inception_3a/1x1=relu")

    assert said in run("count", "googlenet", "--depth", "2").out
    assert said in run("field", "googlenet", "--depth", "2").out
    assert said in run("compare", "googlenet", *change, "--depth", "2").out
    assert said in run("verify", "googlenet", "--depth", "2").out
    assert said not in run("count", "googlenet", "--depth", "1").out
    assert said not in run("count", "vgg-16").out


@pytest.mark.parametrize("by", ["op", "stage", "block"])
@pytest.mark.parametrize("model", ["resnet-50", "googlenet", "gpt2-124m"])
def test_sums_by_kind_are_the_total(run: Run, model: str, by: str) -> None:
    """Every layer is in one kind; heads that exist in training only in none."""
    document = json.loads(run("count", model, "--by", by, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(run("count", model, "--by", by, "--format", "csv").out)))
    report = load(model).count()

    assert document["schema"] == "paramcalc/kinds/1"
    assert sum(kind["layers"] for kind in document["kinds"]) == sum(
        not row.layer.auxiliary for row in report.rows
    )
    for name in ("params", "macs", "activations"):
        assert sum(kind[name] for kind in document["kinds"]) == getattr(report.totals, name)
        assert sum(int(row[name]) for row in rows) == getattr(report.totals, name)


def test_blocks_are_the_outermost(run: Run) -> None:
    """ResNet-50 has 16 bottlenecks; beside them the stem, a pool and the classifier: 9,536 + 2,049,000 params."""
    kinds = json.loads(run("count", "resnet-50", "--by", "block", "--format", "json").out)["kinds"]

    assert {kind["name"]: kind["params"] for kind in kinds} == {
        "(in no block)": 9_536 + 2_049_000,
        "bottleneck": 25_557_032 - 9_536 - 2_049_000,
    }
    assert run("count", "resnet-50", "--by", "op", "--depth", "2").code == 2


def test_biases_are_what_contractions_add() -> None:
    """AlexNet's 10,568 biases: 96 + 256 + 384 + 384 + 256 of its convolutions, 2 * 4,096 + 1,000 of its classifier;
    offsets of normalization are none, and an attention's output projection has one.
    """
    assert load("alexnet-2012").count().totals.biases == 10_568
    resnet = load("resnet-50").count().totals
    assert (resnet.biases, resnet.kernels) == (1_000, 25_557_032 - 53_120 - 1_000)
    block = load("bert-base").count()
    assert sum(row.counts.biases for row in block.select("encoders/0")) == 4 * 768 + 3072 + 768


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        *(
            (("lenet5-ng", *flat, *grouped), "--top and --sort show layers without groups")
            for flat in (("--top", "3"), ("--sort", "macs"))
            for grouped in (("--depth", "1"), ("--unfold",))
        ),
        *(
            (("lenet5-ng", "--by", "op", *other), "--by adds layers up")
            for other in (("--top", "3"), ("--sort", "macs"), ("--depth", "1"), ("--unfold",))
        ),
        *(
            (("lenet5-ng", "vgg-16", *other), "are about the layers of one network")
            for other in (("--top", "3"), ("--by", "op"), ("--depth", "1"), ("--unfold",))
        ),
    ],
)
def test_options_that_contradict_each_other(run: Run, arguments: tuple[str, ...], fact: str) -> None:
    """Each pair is refused, and none of the two is silently ignored."""
    result = run("count", *arguments)

    assert (result.code, result.out) == (2, "")
    assert fact in result.err
