"""The table of a family: what the papers print, as literals."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from paramcalc import load
from paramcalc.base import printed as figure
from paramcalc.base.printed import Comparison
from paramcalc.engine import library
from paramcalc.table.family import Family, Stage, StageBlock, family, usual
from tests.conftest import Run


def table(*models: str) -> Family:
    return family([load(model).count() for model in models])


def cells(found: Family, name: str) -> list[str]:
    """A row, each cell on one line."""
    return [", then ".join(map(str, blocks)) for blocks in stage(found, name).cells]


def stage(found: Family, name: str) -> Stage:
    return next(stage for stage in found.stages if stage.name == name)


# He et al. 2015, Deep Residual Learning for Image Recognition, Table 1: 18, 34, 50, 101 and 152 layers.
RESNET = {
    "conv1": ("112x112", ["7x7, 64, stride 2"] * 5),
    "pool1": ("56x56", ["3x3 max pool, stride 2"] * 5),
    "conv2_x": (
        "56x56",
        [
            "[3x3, 64; 3x3, 64] x 2",
            "[3x3, 64; 3x3, 64] x 3",
            "[1x1, 64; 3x3, 64; 1x1, 256] x 3",
            "[1x1, 64; 3x3, 64; 1x1, 256] x 3",
            "[1x1, 64; 3x3, 64; 1x1, 256] x 3",
        ],
    ),
    "conv3_x": (
        "28x28",
        [
            "[3x3, 128; 3x3, 128] x 2",
            "[3x3, 128; 3x3, 128] x 4",
            "[1x1, 128; 3x3, 128; 1x1, 512] x 4",
            "[1x1, 128; 3x3, 128; 1x1, 512] x 4",
            "[1x1, 128; 3x3, 128; 1x1, 512] x 8",
        ],
    ),
    "conv4_x": (
        "14x14",
        [
            "[3x3, 256; 3x3, 256] x 2",
            "[3x3, 256; 3x3, 256] x 6",
            "[1x1, 256; 3x3, 256; 1x1, 1024] x 6",
            "[1x1, 256; 3x3, 256; 1x1, 1024] x 23",
            "[1x1, 256; 3x3, 256; 1x1, 1024] x 36",
        ],
    ),
    "conv5_x": (
        "7x7",
        [
            "[3x3, 512; 3x3, 512] x 2",
            "[3x3, 512; 3x3, 512] x 3",
            "[1x1, 512; 3x3, 512; 1x1, 2048] x 3",
            "[1x1, 512; 3x3, 512; 1x1, 2048] x 3",
            "[1x1, 512; 3x3, 512; 1x1, 2048] x 3",
        ],
    ),
    "global_avg_pool": ("-", ["global avg pool"] * 5),
    "fc": ("-", ["1000-d fc"] * 5),
}
PUBLISHED_RESNETS = ("resnet18-optA", "resnet34-optA", "resnet50-v1", "resnet101-v1", "resnet152-v1")


def test_resnet() -> None:
    """Every row, output size, cell and FLOPs figure of the paper's Table 1."""
    found = table(*PUBLISHED_RESNETS)

    assert {stage.name: (stage.output, cells(found, stage.name)) for stage in found.stages} == RESNET
    for report, printed in zip(found.reports, ("1.8e9", "3.6e9", "3.8e9", "7.6e9", "11.3e9"), strict=True):
        assert figure.read(printed).compared(Fraction(report.totals.macs)) is not Comparison.OFF
    assert {stage.name for stage in found.stages if stage.strided} == {"conv3_x", "conv4_x", "conv5_x"}


# Huang et al. 2016, Densely Connected Convolutional Networks, Table 1: how often each dense block's pair of
# a 1x1 and a 3x3 convolution is repeated.
DENSENET = {
    "densenet-121": (6, 12, 24, 16),
    "densenet-169": (6, 12, 32, 32),
    "densenet-201": (6, 12, 48, 32),
    "densenet-264": (6, 12, 64, 48),
}


def test_densenet() -> None:
    """The dense blocks, the transitions between them, and the output sizes of the paper's Table 1."""
    found = table(*DENSENET)

    for number, size in enumerate(("56x56", "28x28", "14x14", "7x7"), start=1):
        row = stage(found, f"dense_block{number}")
        assert row.output == size
        for blocks, repeats in zip(row.cells, DENSENET.values(), strict=True):
            (block,) = blocks
            assert [part.split(",")[0] for part in block.parts] == ["1x1", "3x3"]
            assert block.times == repeats[number - 1]
    for number, size in enumerate(("28x28", "14x14", "7x7"), start=1):
        row = stage(found, f"transition{number}")
        assert row.output == size
        assert {(block.parts[0].split(",")[0], block.parts[1]) for (block,) in row.cells} == {
            ("1x1", "2x2 avg pool, stride 2")
        }
    assert [stage.name for stage in found.stages[:2]] == ["conv1", "pool1"]
    assert stage(found, "conv1").output == "112x112"


# Simonyan and Zisserman 2014, Table 1: configurations A, A-LRN, B, C, D and E; a number is the channels of
# a 3x3 convolution, one in a tuple those of a 1x1, "M" a maximum pooling.
VGG = {
    "vgg11-a": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg11-a-lrn": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg13-b": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg16-c-1x1": [
        64, 64, "M", 128, 128, "M", 256, 256, (256,), "M", 512, 512, (512,), "M", 512, 512, (512,), "M",
    ],
    "vgg16-d": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "vgg19-e": [
        64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M",
    ],
}  # fmt: skip


def test_vgg() -> None:
    """Each column of the paper's Table 1 from top to bottom, and its three fully connected layers."""
    found = table(*VGG)

    for column, written in enumerate(VGG.values()):
        parts = [str(block) for stage in found.stages for block in stage.cells[column]]
        assert parts == [*map(vgg_part, written), "4096-d fc", "4096-d fc", "1000-d fc"]


def vgg_part(written: int | str | tuple[int]) -> str:
    if written == "M":
        return "2x2 max pool, stride 2"
    return f"1x1, {written[0]}" if isinstance(written, tuple) else f"3x3, {written}"


def test_absent_layers_leave_a_cell_empty() -> None:
    """Rows of all models stand in one order, with nothing where a model has none."""
    found = table("vgg11-a", "vgg19-e")

    assert cells(found, "conv3_4") == ["", "3x3, 256"]
    assert [stage.name for stage in found.stages][:4] == ["conv1_1", "conv1_2", "pool1", "conv2_1"]


def test_parallel_branches() -> None:
    """The branches of GoogLeNet's first module, with the maps of its paper's Table 1."""
    found = table("googlenet")

    assert cells(found, "inception_3a") == [
        "1x1, 64 | 1x1, 96 > 3x3, 128 | 1x1, 16 > 5x5, 32 | 3x3 max pool > 1x1, 32"
    ]


def test_branches_in_markdown_are_in_one_cell(run: Run) -> None:
    """The strokes between them are escaped: every row has as many cells as the heading."""
    rows = [
        line for line in run("table", "googlenet", "--format", "markdown").out.splitlines() if line[:1] == "|"
    ]

    cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert cells == {4}
    assert any("1x1, 64 \\| 1x1, 96" in row for row in rows)


HRNET = """
name: hrnet
input: 18x56x56
outputs: [stage3/high, stage3/middle, stage3/low]
layers:
  - t2: conv2d 36 3 stride=2 padding=1
  - t3: conv2d 72 3 stride=2 padding=1
  - stage3:
      - b1: conv2d 18 3 padding=1 from input, relu
      - b2: conv2d 36 3 padding=1 from t2, relu
      - b3: conv2d 72 3 padding=1 from t3, relu
      - up21: conv2d 18 1 from b2, upsample 2
      - up31: conv2d 18 1 from b3, upsample 4
      - high: add from b1 up21 up31
      - down12: conv2d 36 3 stride=2 padding=1 from b1
      - up32: conv2d 36 1 from b3, upsample 2
      - middle: add from b2 down12 up32
      - down13: conv2d 18 3 stride=2 padding=1 from b1, relu, conv2d 72 3 stride=2 padding=1
      - down23: conv2d 72 3 stride=2 padding=1 from b2
      - low: add from b3 down13 down23
"""


def test_several_outputs_of_a_stage(tmp_path: Path) -> None:
    """Three resolutions side by side that exchange sums, as in HRNet (Sun et al. 2019, Figure 2): every
    convolution is written, not only what the last sum reads.
    """
    path = tmp_path / "hrnet.yaml"
    path.write_text(HRNET)

    (block,) = stage(table(str(path)), "stage3").cells[0]

    assert block.parts == (
        "3x3, 18 | 3x3, 36 | 3x3, 72",
        "1x1, 18 | 1x1, 18",
        "3x3, 36, stride 2 | 1x1, 36",
        "3x3, 18, stride 2 > 3x3, 72, stride 2 | 3x3, 72, stride 2",
    )


def test_ends_that_nothing_joins(tmp_path: Path) -> None:
    """Heads beside each other are branches; what leads to all of them comes before."""
    path = tmp_path / "heads.yaml"
    path.write_text(
        "name: t\ninput: 8x8x8\noutputs: [head/boxes, head/classes]\nlayers:\n  - head:\n"
        "      - trunk: conv2d 4 3\n      - boxes: conv2d 5 1, relu, conv2d 6 1\n"
        "      - classes: conv2d 7 1 from trunk\n"
    )

    (block,) = stage(table(str(path)), "head").cells[0]

    assert block.parts == ("3x3, 4", "1x1, 5 > 1x1, 6 | 1x1, 7")


def test_sums_of_branches(tmp_path: Path) -> None:
    """A shortcut with one convolution is left out, as papers do; branches of several layers are not."""
    path = tmp_path / "sums.yaml"
    path.write_text(
        "name: t\ninput: 8x8x8\nlayers:\n"
        "  - one: {add: {main: [conv2d 8 3 padding=1, conv2d 8 1], skip: conv2d 8 1}}\n"
        "  - two: {add: {main: [conv2d 8 3 padding=1, conv2d 8 1], other: [conv2d 9 1, conv2d 8 1]}}\n"
    )
    found = table(str(path))

    assert cells(found, "one") == ["[3x3, 8; 1x1, 8]"]
    assert cells(found, "two") == ["3x3, 8 > 1x1, 8 | 1x1, 9 > 1x1, 8"]


def test_joins_far_apart(tmp_path: Path) -> None:
    """A sum over more layers than are followed has no shortcut: nothing of it is left out."""
    path = tmp_path / "far.yaml"
    relus = ", ".join(["relu"] * 600)
    path.write_text(
        f"name: t\ninput: 8x8x8\nlayers:\n  - group:\n    - a: conv2d 8 1\n    - b: {relus}, conv2d 8 1\n"
        "    - c: conv2d 8 3 padding=1 from a\n    - add from c b\n"
    )

    assert cells(table(str(path)), "group") == ["[1x1, 8; 1x1, 8; 3x3, 8]"]


def test_groups_and_gates() -> None:
    """ResNeXt-50 (Xie et al. 2016, Table 1) has 32 groups; SE-ResNet-50 (Hu et al. 2017, Table 1) two fc."""
    resnext, senet = table("resnext50-32x4d"), table("se-resnet-50")

    assert cells(resnext, "conv2_x") == ["[1x1, 128; 3x3, 128, 32 groups; 1x1, 256] x 3"]
    (block,) = stage(senet, "conv3_x").cells[0]
    assert [part for part in block.parts if part.endswith("fc")] == ["32-d fc", "512-d fc"]
    assert block.times == 4


def test_repeats_that_change_in_size_are_stages_of_their_own() -> None:
    """MobileNetV2's Table 2: input 112 to 7, expansion 6, channels 16 to 320."""
    found = table("mobilenet-v2")

    assert [stage(found, f"stages/{number}").output for number in range(7)] == [
        "112x112", "56x56", "28x28", "14x14", "14x14", "7x7", "7x7",
    ]  # fmt: skip
    assert cells(found, "stages/6") == ["[1x1, 960; 3x3, 960, depthwise; 1x1, 320]"]


@pytest.mark.parametrize(
    ("spec", "models"),
    [
        ("resnet", ["resnet-18", "resnet-34", "resnet-50", "resnet-101", "resnet-152"]),
        ("densenet", ["densenet-121", "densenet-161", "densenet-169", "densenet-201", "densenet-264"]),
        ("unet", [""]),
    ],
)
def test_usual_models(spec: str, models: list[str]) -> None:
    """Without a choice: those called after the spec with a number, or what there is."""
    assert sorted(usual(library.find(spec).spec)) == sorted(models)


def test_all_families_have_a_table() -> None:
    """Every bundled spec can be printed, with something in each column."""
    for path in library.bundled_files():
        spec = library.read(path)
        found = table(f"{path}:{usual(spec)[0]}" if usual(spec)[0] else str(path))
        assert found.stages, path
        assert all(
            isinstance(block, StageBlock) and block.parts for row in found.stages for block in row.cells[0]
        )


# --------------------------------------------------------------------------------- the command line


def test_stacked(run: Run) -> None:
    """On a terminal the parts of a block stand in brackets under each other, as in papers."""
    result = run("table", "resnet", "--variants", "resnet50-v1,resnet152-v1")

    lines = [line.rstrip() for line in result.out.splitlines()]
    place = next(number for number, line in enumerate(lines) if line.startswith("conv4_x"))
    assert [line.split("14x14")[-1].split() for line in lines[place : place + 3]] == [
        ["[1x1,", "256", "]", "[1x1,", "256", "]"],
        ["[3x3,", "256", "]", "x", "6", "[3x3,", "256", "]", "x", "36"],
        ["[1x1,", "1024]", "[1x1,", "1024]"],
    ]
    assert ["MACs", "3,857,973,248", "11,282,415,616"] in [line.split() for line in lines]


def test_markdown(run: Run) -> None:
    """In Markdown each cell is on one line."""
    result = run("table", "resnet", "--variants", "resnet-34,resnet-50", "--format", "markdown")

    assert "| conv2_x | 56x56 | [3x3, 64; 3x3, 64] x 3 | [1x1, 64; 3x3, 64; 1x1, 256] x 3 |" in result.out


def test_latex(run: Run) -> None:
    """In LaTeX the brackets are as large as the block; braces are balanced."""
    result = run("table", "resnet", "--variants", "resnet-18", "--format", "latex")

    assert (
        r"\left[\begin{array}{c}\text{3$\times$3, 64}\\\text{3$\times$3, 64}\end{array}\right]\times2"
        in result.out
    )
    assert result.out.count("{") == result.out.count("}")


def test_json(run: Run) -> None:
    """The contract: models with their totals, stages with the blocks of each model."""
    document = json.loads(run("table", "resnet", "--variants", "resnet-50", "--format", "json").out)

    assert document["schema"] == "paramcalc/table/1"
    assert document["models"]["resnet-50"]["params"] == 25_557_032
    assert document["stages"][2]["cells"]["resnet-50"] == [
        {"parts": ["1x1, 64", "3x3, 64", "1x1, 256"], "times": 3}
    ]


def test_settings_reach_every_model(run: Run) -> None:
    """A knob set once changes all columns."""
    result = run(
        "table", "resnet", "--variants", "resnet-18,resnet-50", "--set", "classes=10", "--format", "markdown"
    )

    assert "| fc | - | 10-d fc | 10-d fc |" in result.out


GPT3 = """
name: gpt
input: {length: 16}
knobs: {width: 768, heads: 12}
variants:
  gpt-small: {}
  gpt-13b: {width: 5140, heads: 40}
  gpt-175b: {width: 12288, heads: 96}
layers:
  - embedding 50257 width
  - self_attention heads causal=true
"""


def test_one_variant_that_cannot_be_counted(tmp_path: Path, run: Run) -> None:
    """GPT-3 13B as its Table 2.1 prints it, 5140 wide with 40 heads: the others have their columns, it has an
    error, and the exit code says so.
    """
    path = tmp_path / "gpt.yaml"
    path.write_text(GPT3)

    result = run("table", path)

    assert result.code == 2
    assert result.out.splitlines()[1].split() == ["stage", "output", "gpt-small", "gpt-175b"]
    assert result.err.startswith("no column for gpt-13b:\n")
    assert "gpt.yaml:11:5: self_attention: 5140 channels do not divide into 40 heads" in result.err
    assert "1 problem found." in result.err


def test_no_variant_that_can_be_counted(tmp_path: Path, run: Run) -> None:
    """Then there is no table, and what is wrong is said once."""
    path = tmp_path / "gpt.yaml"
    path.write_text(GPT3)

    result = run("table", path, "--set", "heads=7")

    assert (result.code, result.out) == (2, "")
    assert "1 problem found." in result.err


def test_an_unknown_variant(run: Run) -> None:
    result = run("table", "resnet", "--variants", "resnet-51")

    assert result.code == 2
    assert "did you mean 'resnet-50'" in result.err


def test_a_wide_family_is_cut_into_parts(run: Run) -> None:
    """At 80 columns two models of five stand side by side; nothing is left out, and no line is longer."""
    wide, narrow = run("table", "resnet"), run("table", "resnet", columns=80)

    heads = [line.split() for line in narrow.out.splitlines() if line.startswith("stage ")]
    assert [head[2:] for head in heads] == [
        ["resnet-18", "resnet-34"], ["resnet-50", "resnet-101"], ["resnet-152"],
    ]  # fmt: skip
    assert max(map(len, narrow.out.splitlines())) <= 80
    assert [line.split()[1:] for line in narrow.out.splitlines() if line.startswith("params ")] == [
        ["11,689,512", "21,797,672"], ["25,557,032", "44,549,160"], ["60,192,808"],
    ]  # fmt: skip
    assert wide.out.count("stage ") == 1
    assert run("table", "resnet", columns=0) == wide
    assert narrow.out.count("MACs are what papers often call FLOPs") == 1
