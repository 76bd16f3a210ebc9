"""What newcomers wanted and could not do in one or two commands. Figures are the sources', or added up by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.repositories import repository


def lines(text: str) -> list[list[str]]:
    """The cells of the lines of a table."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def line(text: str, first: str) -> list[str]:
    """The other cells of the line that begins with a cell."""
    return next(cells[1:] for cells in lines(text) if cells[0] == first)


def test_convolution_against_linear_in_alexnet(run: Run) -> None:
    """Most params are in the linear layers: 58,631,144 of 60,965,224; most multiplications are not."""
    out = run("count", "alexnet", "--by", "op").out

    assert line(out, "linear")[:3] == ["3", "58,631,144", "96.2 % ██████████"]
    assert line(out, "conv2d")[:2] == ["5", "2,334,080"]
    assert line(out, "total")[:2] == ["23", "60,965,224"]
    assert line(out, "conv2d")[-1] == "91.9 % █████████"


def test_the_lectures_networks_side_by_side(run: Run) -> None:
    """Deeper, and since GoogLeNet with fewer params: depth as in their names and papers."""
    names = ("lenet5-ng", "alexnet", "vgg-16", "googlenet", "resnet-50", "densenet-121")
    out = run("count", *names, "--columns", "depth,params,macs", columns=80).out

    assert [line(out, name) for name in names] == [
        ["5", "61,706", "416,520"],
        ["8", "60,965,224", "724,406,816"],
        ["16", "138,357,544", "15,470,264,320"],
        ["22", "6,998,552", "1,582,671,872"],
        ["50", "25,557,032", "4,089,184,256"],
        ["121", "7,978,856", "2,834,161,664"],
    ]


def test_one_5x5_against_two_3x3(run: Run) -> None:
    """The same receptive field with 18/25 of the multiplications."""
    out = run("compare", "one-5x5", "two-3x3", "--columns", "field,macs", columns=80).out

    assert line(out, "convs") == ["5", "5,138,022,400", "3,699,376,128", "-1,438,646,272", "-28 %"]
    assert 5_138_022_400 * 18 == 3_699_376_128 * 25


def test_channels_along_a_dense_block(run: Run) -> None:
    """64 channels enter, each layer adds 32 to what the next one reads; Huang et al. 2016, Table 1: 256 leave."""
    out = run("count", "densenet-121", "--depth", "2", "--columns", "input,output", "--unfold").out

    shapes = [cells[1:] for cells in lines(out) if len(cells) == 3 and cells[2].endswith(" x 56 x 56")]
    entering = [int(cells[0].split()[0]) for cells in shapes]
    leaving = [int(cells[1].split()[0]) for cells in shapes]
    assert [64 + 32 * place for place in range(7)] == sorted({*entering, *leaving} & set(range(64, 257, 32)))
    steps = [pair for pair in zip(entering, leaving, strict=True) if pair[1] == pair[0] + 32]
    assert steps == [(64 + 32 * place, 96 + 32 * place) for place in range(6)]


def test_plain_networks_by_name(run: Run) -> None:
    """He et al. 2015, section 4.2: shortcuts A have no params, so plain and residual networks have as many."""
    out = run("count", "plain-20", "resnet20-cifar", "plain-56", "resnet56-cifar").out

    for depth in ("20", "56"):
        assert line(out, f"plain-{depth}")[:3] == line(out, f"resnet{depth}-cifar")[:3]
        assert line(out, f"plain-{depth}")[0] == depth


def test_an_ablation_in_latex_and_markdown(run: Run) -> None:
    """Six variants, a row each; the shortcuts of He et al. 2015: A has the fewest params, C the most."""
    names = [f"resnet{depth}-opt{option}" for depth in (18, 34) for option in "ABC"]
    latex = run("count", *names, "--columns", "depth,params,macs", "--format", "latex").out
    markdown = run("count", *names, "--columns", "params", "--format", "markdown").out
    settings = ("--versus", "width=32", "--versus", "width=96")
    swept = run("compare", "resnet-18", *settings, "--rows", "--columns", "params", "--format", "latex").out

    assert latex.splitlines()[:4] == [
        r"\begin{tabular}{lrrr}", r"\toprule", r"network & depth & params & MACs \\", r"\midrule",
    ]  # fmt: skip
    assert latex.splitlines()[10:12] == [r"\bottomrule", r"\end{tabular}"]
    rows = [row.split(" & ") for row in latex.splitlines()[4:10]]
    assert [row[0] for row in rows] == names
    params = [int(row[2].replace(",", "")) for row in rows]
    assert params == sorted(params)
    assert [f"| {row[0]} | {row[2]} |" for row in rows] == markdown.splitlines()[2:8]
    assert [row.split(" & ")[0] for row in swept.splitlines()[4:7]] == [
        "resnet-18", "resnet-18, width=32", "resnet-18, width=96",
    ]  # fmt: skip


def test_the_models_of_a_folder(run: Run, tmp_path: Path) -> None:
    """As a list, and as rows: 28*28*10 + 10 and 28*28*100 + 100 + 100*10 + 10 params."""
    (tmp_path / "one.yaml").write_text("input: 1x28x28\nlayers: [flatten, linear 10]\n", "utf-8")
    (tmp_path / "two.yaml").write_text("input: 1x28x28\nlayers: [flatten, linear 100, linear 10]\n", "utf-8")

    listed, counted = run("list", str(tmp_path)).out, run("count", str(tmp_path)).out

    assert line(listed, str(tmp_path / "one.yaml"))[0] == line(counted, "one")[1] == "7,850"
    assert line(listed, str(tmp_path / "two.yaml"))[0] == line(counted, "two")[1] == "79,510"


def test_lenet_with_the_connections_that_its_paper_prints(run: Run) -> None:
    """LeCun et al. 1998, section II.B, layer by layer, without naming a column."""
    out = run("count", "lenet5-1998").out

    assert lines(out)[1][4:6] == ["MACs", "connections"]
    assert [line(out, layer)[4] for layer in ("C1", "S2", "C3", "S4", "C5", "F6")] == [
        "122,304", "5,880", "151,600", "2,000", "48,120", "10,164",
    ]  # fmt: skip
    assert line(out, "total")[-1] == "340,908"


def test_memory_with_weights_of_four_bits(run: Run) -> None:
    """Half a byte each: 25,557,032 params of ResNet-50 take 12,778,516 bytes."""
    out = run("memory", "resnet-50", "--weights", "int4").out

    assert "12,778,516" in out


def test_a_picture_of_alexnet_and_of_where_its_cost_lies(run: Run, tmp_path: Path) -> None:
    """The boxes name each convolution's output; 96.2 % of the params, 58,631,144 of 60,965,224, are in fc6 to fc8."""
    boxes, cost = tmp_path / "alexnet.svg", tmp_path / "cost.svg"

    assert run("figure", "alexnet", "-o", str(boxes)).code == 0
    assert run("figure", "alexnet", "--style", "cost", "-o", str(cost)).code == 0

    assert all(
        text in boxes.read_text("utf-8") for text in ("96×55×55", "256×27×27", "384×13×13", "linear 4096")
    )
    drawn = cost.read_text("utf-8")
    assert all(text in drawn for text in ("params: 61.0 M", "37.8 M · 62 %", "16.8 M · 28 %", "4.10 M · 7 %"))


def test_a_budget_fails_where_macs_pass_it(run: Run, tmp_path: Path) -> None:
    """ResNet-50 takes 4,089,184,256 multiplications: 4.1G is enough, 4G is not."""
    spec = tmp_path / "mine.yaml"
    codes = []
    for limit in ("4.1G", "4G"):
        spec.write_text(f'name: mine\nuse: resnet\nbudgets: [{{macs: "<= {limit}"}}]\n', "utf-8")
        codes.append(run("check", str(spec)).code)

    assert codes == [0, 1]
    assert line(run("check", str(spec)).out, "macs") == ["4,089,184,256", "<= 4G", "102.2 %", "over by 2.2 %"]


def test_params_must_not_grow_by_a_percent_against_main(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LeNet-5 of 61,706 params: 84 -> 90 units add 6*121 + 60 = 786, which are 1.27 %; 84 -> 85 add 131."""
    repo = repository(tmp_path)
    convolutions = "conv2d 6 5, avg_pool2d 2, conv2d 16 5, avg_pool2d 2"
    lenet = f"input: 1x32x32\nlayers: [{convolutions}, flatten, linear 120, W, linear 10]\n"
    repo.write(net=lenet.replace("W", "linear 84")).commit()
    repo.git("checkout", "--quiet", "-b", "wider")
    monkeypatch.chdir(tmp_path)
    words = ("diff", "--base", "main", "--fail-if", "params > +1%")

    repo.write(net=lenet.replace("W", "linear 85"))
    assert run(*words).code == 0
    repo.write(net=lenet.replace("W", "linear 90"))
    found = run(*words)
    assert found.code == 1
    assert "net: params > +1%: 62,492 params instead of 61,706, +1.27 %" in found.out


# A command, the first cell of a line of its table, and cells that this line has. Figures are the lectures'.
LECTURE = [
    ("count lenet5-1998 --columns params", "C1", ["156"]),  # (5*5*1 + 1)*6
    ("count lenet5-1998 --columns params", "S2", ["12"]),
    ("count lenet5-1998 --columns params", "S4", ["32"]),
    ("count lenet5-1998 --columns params", "C5", ["48,120"]),
    ("count lenet5-1998 --columns params", "F6", ["10,164"]),
    ("count lenet5-1998 --columns params", "total", ["60,000"]),
    ("count lenet5-ng --columns output", "conv1", ["6 x 28 x 28"]),
    ("count lenet5-ng --columns output", "pool2", ["16 x 5 x 5"]),
    ("count lenet5-ng --columns output", "flatten", ["400"]),
    ("count alexnet-ng --columns output", "conv1", ["96 x 55 x 55"]),
    ("count alexnet-ng --columns output", "pool1", ["96 x 27 x 27"]),
    ("count alexnet-ng --columns output", "conv2", ["256 x 27 x 27"]),
    ("count alexnet-ng --columns output", "flatten", ["9216"]),
    ("count conv-3x3-128-64 --columns output,params", "conv", ["64 x 40 x 50", "73,792"]),
    ("count conv-1x1-28x28x192-to-32 --columns output", "conv", ["32 x 28 x 28"]),
    ("count conv-1x1-6x6x32 --columns output,params", "conv", ["1 x 6 x 6", "33"]),
    ("count pool-28x28x192-to-32 --columns output", "pool", ["192 x 28 x 28"]),
    ("count inception-module-28x28x192 --columns output --depth 1", "inception_3a", ["256 x 28 x 28"]),
    ("count bottleneck-28x28-192-32 --columns macs", "reduce", ["2,408,448"]),  # 28*28*16 * 192
    ("count bottleneck-28x28-192-32 --columns macs", "conv", ["10,035,200"]),  # 28*28*32 * 5*5*16
    ("count bottleneck-14x14-480-48-direct --columns macs,memory", "conv", ["112,896,000", "585,456"]),
    ("count bottleneck-14x14-480-48 --columns macs,memory", "total", ["5,268,480", "39,488"]),
    ("count residual-block-128x128x64 --columns output,params", "total", ["73,984"]),
    ("count shortcut-projection --columns output,params", "Ws", ["256 x 14 x 14", "32,768"]),  # 256x128
    ("count shortcut-zeros --columns output,params", "pad_channels", ["256 x 14 x 14", "0"]),
    ("count transition-56x56x256 --columns output,params", "conv2d", ["128 x 56 x 56", "32,768"]),
    ("count transition-56x56x256 --columns output,params", "avg_pool2d", ["128 x 28 x 28", "0"]),
    ("count resnet-34 --columns output --depth 1", "conv1", ["64 x 112 x 112"]),
    ("count resnet-34 --columns output --depth 1", "global_avg_pool", ["512"]),
    ("compare alexnet-2012 vgg-16 googlenet", "googlenet", ["6,998,552"]),
    ("count srdensenet-all --columns output --depth 1", "blocks", ["1152 x 32 x 32"]),  # above 1,000 maps
]


@pytest.mark.parametrize(("command", "first", "cells"), LECTURE)
def test_what_lectures_compute(run: Run, command: str, first: str, cells: list[str]) -> None:
    """One command each, on a bundled model."""
    out = run(*command.split(), columns=160).out

    assert set(cells) <= set(line(out, first))


def test_sizes_by_their_formula(run: Run) -> None:
    """(input + 2 padding - filter)/stride + 1, with numbers."""
    out = run("explain", "alexnet-ng", "conv1").out

    assert "floor((227 + 2*0 - 11)/4) + 1 = 55" in out
