"""`compare`: what answers to what, differences, ratios, the sentence; `--replace` and `--versus`."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

import paramcalc
from paramcalc.base.errors import Fault
from paramcalc.compare import align
from paramcalc.compare.diff import Diff, DiffLine, change, compare
from paramcalc.count.report import Report
from paramcalc.model import load, replacement
from tests.conftest import Run

SPEC = """
name: toy
input: 8x16x16
knobs: {{width: 8}}
blocks:
  unit out: conv2d out 3 padding=1, batch_norm, relu
layers:
{layers}
"""


def report(folder: Path, name: str, *layers: str) -> Report:
    """The counts of a small network whose layers are given as lines."""
    path = folder / f"{name}.yaml"
    path.write_text(SPEC.format(layers="\n".join(f"  - {line}" for line in layers)))
    return load(str(path)).count()


def paired(diff: Diff, depth: int = 99) -> list[tuple[str, ...]]:
    return [line.paths for line in diff.lines(depth, fold=False)]


def line_of(diff: Diff, *paths: str) -> DiffLine:
    return next(line for line in diff.lines(99, fold=False) if line.paths == paths)


# -------------------------------------------------------------------------------------- alignment


def test_an_inserted_layer_moves_nothing(tmp_path: Path) -> None:
    """Automatic names shift when a layer is put in front; equal layers still answer to each other."""
    one = report(tmp_path, "one", "conv2d 16 3 padding=1", "relu", "conv2d 32 3 padding=1", "relu")
    two = report(
        tmp_path, "two",
        "conv2d 8 1", "relu", "conv2d 16 3 padding=1", "relu", "conv2d 32 3 padding=1", "relu",
    )  # fmt: skip

    assert paired(compare(one, two)) == [
        ("", "conv2d"),
        ("", "relu"),
        ("conv2d", "conv2d_2"),
        ("relu", "relu_2"),
        ("conv2d_2", "conv2d_3"),
        ("relu_2", "relu_3"),
    ]


def test_a_removed_layer_leaves_a_gap(tmp_path: Path) -> None:
    one = report(tmp_path, "one", "a: conv2d 8 3", "b: batch_norm", "c: relu", "d: conv2d 4 1")
    two = report(tmp_path, "two", "a: conv2d 8 3", "c: relu", "d: conv2d 4 1")

    diff = compare(one, two)

    assert paired(diff) == [("a", "a"), ("b", ""), ("c", "c"), ("d", "d")]
    assert [line.changes[1] for line in diff.lines(1)] == ["", "removed", "", ""]


def test_a_renamed_layer_is_found(tmp_path: Path) -> None:
    one = report(tmp_path, "one", "first: conv2d 8 3", "second: conv2d 4 3", "last: relu")
    two = report(tmp_path, "two", "first: conv2d 8 3", "reduction: conv2d 4 3", "last: relu")

    diff = compare(one, two)

    assert paired(diff) == [("first", "first"), ("second", "reduction"), ("last", "last")]
    assert line_of(diff, "second", "reduction").changes == ("", "renamed")


def test_a_written_name_outweighs_equality(tmp_path: Path) -> None:
    """`b` answers to `b`, though the new layer before it is what `b` used to be."""
    one = report(tmp_path, "one", "a: conv2d 8 3 padding=1", "b: conv2d 8 1", "c: conv2d 8 5")
    two = report(
        tmp_path, "two", "a: conv2d 8 3 padding=1", "n: conv2d 8 1", "b: conv2d 8 7", "c: conv2d 8 5"
    )

    assert paired(compare(one, two)) == [("a", "a"), ("", "n"), ("b", "b"), ("c", "c")]


def test_a_layer_that_grew_into_a_group_keeps_its_place(tmp_path: Path) -> None:
    one = report(tmp_path, "one", "conv1: conv2d 16 3 padding=1", "head: conv2d 4 1")
    two = report(tmp_path, "two", "conv1: conv2d 16 3 padding=1, relu", "head: conv2d 4 1")

    assert paired(compare(one, two)) == [
        ("conv1", "conv1"),
        ("", "conv1/conv2d"),
        ("", "conv1/relu"),
        ("conv1", ""),
        ("head", "head"),
    ]


def test_blocks_with_automatic_names_move(tmp_path: Path) -> None:
    """A block put in front shifts the numbers of the others, which still answer to each other."""
    one = report(tmp_path, "one", "unit 16", "unit 32")
    two = report(tmp_path, "two", "unit 8", "unit 16", "unit 32")

    assert paired(compare(one, two), 1) == [("", "unit"), ("unit", "unit_2"), ("unit_2", "unit_3")]


def test_repeats_of_other_lengths(tmp_path: Path) -> None:
    """Rounds answer by their equality and place; the rest is added, folded into one line."""
    diff = paramcalc.compare(load("resnet-50"), load("resnet-101"))

    lines = {line.names: line for line in diff.lines(2) if line.paths[1].startswith("conv4_x/")}

    assert list(lines) == [("0", "0"), ("1-5", "1-5"), ("", "6-22")]
    assert [line.times for line in lines.values()] == [1, 5, 17]


@pytest.mark.parametrize(
    "pair", [("resnet-34", "vgg-19"), ("googlenet", "bn-inception"), ("plain-34", "resnet-50")]
)
def test_every_layer_stands_in_one_line(pair: tuple[str, str]) -> None:
    """Each network's layers are all there, once, in their order, and their counts add up."""
    reports = tuple(load(name).count() for name in pair)

    layers = compare(*reports).layers()

    for place, counted in enumerate(reports):
        mine = [line.paths[place] for line in layers if line.calls[place]]
        params = sum(
            counts.params for line in layers if (counts := line.counts[place]) and not line.auxiliary
        )
        assert sorted(mine) == sorted(row.path for row in counted.rows)
        assert params == counted.totals.params


def test_long_lists_are_aligned_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many pairs to weigh, the longest common order of names decides."""
    monkeypatch.setattr(align, "LARGEST_TABLE", 0)
    one = report(tmp_path, "one", *(f"n{name}: conv2d 8 1" for name in "zabcd"))
    two = report(tmp_path, "two", *(f"n{name}: conv2d 9 1" for name in "aXbcdz"))

    assert paired(compare(one, two)) == [
        ("nz", ""), ("na", "na"), ("", "nX"), ("nb", "nb"), ("nc", "nc"), ("nd", "nd"), ("", "nz"),
    ]  # fmt: skip


# --------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (100, 100, "the same params (100)"),
        (0, 5, "5 params instead of 0"),
        (112_896_000, 5_268_480, "95.3 % fewer params (5,268,480 instead of 112,896,000)"),
        (100, 150, "1.5 x as many params (150 instead of 100)"),
        (100, 149, "49 % more params (149 instead of 100)"),
        (25_557_032, 25_464_856, "0.361 % fewer params (25,464,856 instead of 25,557,032)"),
        (3, 2 * 10**30, f"{2 * 10**30 // 3 + 1:,} x as many params ({2 * 10**30:,} instead of 3)"),
    ],
)
def test_a_change_in_words(one: int, two: int, said: str) -> None:
    assert change(one, two, "params") == said


# The lecture's pairs: 5x5 on 480 maps against a 1x1 to 16 and then 5x5; one 5x5 against two 3x3 on
# 128 maps at 112 x 112; a plain against a residual net of 34 layers; ResNet-34 against VGG-19.
PAIRS = {
    ("bottleneck-14x14-480-48-direct", "bottleneck-14x14-480-48"): (
        14 * 14 * 48 * 5 * 5 * 480,
        14 * 14 * 16 * 480 + 14 * 14 * 48 * 5 * 5 * 16,
        "95.3 % fewer multiplications (5,268,480 instead of 112,896,000), "
        "95.3 % fewer params (26,944 instead of 576,048), same output 48 x 14 x 14",
    ),
    ("one-5x5", "two-3x3"): (
        112 * 112 * 128 * 25 * 128,
        112 * 112 * 128 * 18 * 128,
        "28 % fewer multiplications (3,699,376,128 instead of 5,138,022,400), "
        "28.0 % fewer params (295,168 instead of 409,728), same output 128 x 112 x 112",
    ),
    ("plain-34", "resnet-34"): (
        3_644_493_824,
        3_644_493_824 + 3 * 6_422_528,  # three projections: 28*28*128*64 each
        "0.529 % more multiplications (3,663,761,408 instead of 3,644,493,824), "
        "0.804 % more params (21,797,672 instead of 21,623,848), same output 1000",
    ),
    ("vgg-19", "resnet-34"): (
        19_632_062_464,
        3_663_761_408,
        "81.3 % fewer multiplications (3,663,761,408 instead of 19,632,062,464), "
        "84.8 % fewer params (21,797,672 instead of 143,667,240), same output 1000",
    ),
}


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_the_pairs_of_the_lectures(pair: tuple[str, str]) -> None:
    """Totals by hand, and the sentence."""
    one, two, sentence = PAIRS[pair]

    diff = paramcalc.compare(*(load(name) for name in pair))

    assert tuple(counts.macs for counts in diff.totals) == (one, two)
    assert diff.sentences == (sentence,)


def test_other_outputs_are_said() -> None:
    sentence = paramcalc.compare(load("resnet-50"), load("resnet-50").count(classes=10)).sentence(1)

    assert sentence.endswith("output 10 instead of 1000")


# ------------------------------------------------------------------------------ the command line


def test_json_contract(run: Run) -> None:
    """Exact values, differences and ratios of totals and layers; null where a network has nothing."""
    diff = json.loads(run("compare", *next(iter(PAIRS)), "--format", "json").out)

    assert diff["schema"] == "paramcalc/compare/1"
    assert [model["model"] for model in diff["models"]] == list(next(iter(PAIRS)))
    assert diff["totals"]["params"] == {
        "values": [576_048, 26_944],
        "differences": [-549_104],
        "ratios": [str(Fraction(26_944, 576_048))],
        "decimals": [26_944 / 576_048],
    }
    reduce, conv = diff["layers"]
    assert (reduce["path"], reduce["change"]) == ([None, "reduce"], ["added"])
    assert reduce["op"] == [None, "conv2d 16 1"]
    assert reduce["macs"]["values"] == [None, 14 * 14 * 16 * 480]
    assert reduce["macs"]["ratios"] == [None]
    assert (conv["path"], conv["change"]) == (["conv", "conv"], ["changed"])
    assert conv["output"] == [[48, 14, 14], [48, 14, 14]]


def test_csv_adds_up(run: Run) -> None:
    """The columns of each network sum to its totals, the differences to the difference."""
    rows = list(csv.DictReader(io.StringIO(run("compare", "resnet-34", "vgg-19", "--format", "csv").out)))

    assert sum(int(row["params_A"]) for row in rows) == 21_797_672
    assert sum(int(row["params_B"]) for row in rows) == 143_667_240
    assert sum(int(row["macs_B-A"]) for row in rows) == 19_632_062_464 - 3_663_761_408


@pytest.mark.parametrize("format", ["markdown", "html"])
def test_documents_hold_the_totals(run: Run, format: str) -> None:
    shown = run("compare", *next(iter(PAIRS)), "--format", format)

    assert shown.code == 0
    for figure in ("112,896,000", "5,268,480", "-95.3 %", "95.3 % fewer multiplications"):
        assert figure in shown.out


def test_latex_is_the_table_of_a_paper(run: Run) -> None:
    """A line for each network, its totals and what they are of the first's; nothing about commands."""
    shown = run("compare", "resnet-18", "resnet-34", "resnet-50", "--format", "latex").out

    cells = [line.removesuffix(" \\\\").split(" & ") for line in shown.splitlines() if " & " in line]
    assert cells[0] == ["network", "params", "change", "MACs", "change"]
    assert [row[:2] for row in cells[1:]] == [
        ["resnet-18", "11,689,512"],
        ["resnet-34", "21,797,672"],
        ["resnet-50", "25,557,032"],
    ]
    assert shown.startswith("\\begin{tabular}{lrrrr}\n\\toprule\n")
    assert "--" not in shown


@pytest.mark.parametrize(
    ("convention", "quantity", "printed", "said"),
    [
        ("thop", "macs", [1_824_033_792, 3_900_424_192], "x as many MACs ("),
        ("pytorch", "flops", [3_628_146_688, 7_715_946_496], "x as many FLOPs ("),
    ],
)
def test_networks_under_one_convention(
    run: Run, convention: str, quantity: str, printed: list[int], said: str
) -> None:
    """Both networks have the totals that the tool prints of them; what it does not print is not there."""
    arguments = ("compare", "resnet-18", "resnet50-v1", "--convention", convention)
    found = json.loads(run(*arguments, "--format", "json").out)
    table = run(*arguments, "--depth", "1").out
    rows = list(csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").out)))

    assert [model["convention"] for model in found["models"]] == [convention] * 2
    assert found["basis"]["label"].startswith(convention)
    assert found["totals"][quantity]["values"] == printed
    assert "connections" not in {*found["totals"], *found["definitions"], *found["models"][0]["totals"]}
    assert [sum(int(row[f"{quantity}_{letter}"]) for row in rows) for letter in "AB"] == printed
    assert "connections_A" not in rows[0]
    assert said in table
    assert f"convention {convention} " in table


def test_a_convention_says_nothing_about_other_quantities(run: Run) -> None:
    """A column that the tool does not print is an error, and so is a tool that is not known."""
    silent = run("compare", "resnet-18", "resnet-34", "--convention", "thop", "--columns", "flops")
    unknown = run("compare", "resnet-18", "resnet-34", "--convention", "thopp")

    assert silent.code == unknown.code == 2
    assert "convention 'thop' does not define flops" in silent.err
    assert "did you mean 'thop'?" in unknown.err


def test_one_spec_with_set_is_compared_with_itself_changed(run: Run) -> None:
    diff = json.loads(run("compare", "resnet-50", "--set", "width=96", "--format", "json").out)

    assert [model["settings"] for model in diff["models"]] == [[], ["width=96"]]
    assert diff["totals"]["params"]["values"] == [25_557_032, 55_919_176]


def test_set_reaches_single_layers(run: Run) -> None:
    """LeNet-5's C3 with dilated 3x3 kernels: 60 connected planes of 9 in place of 25 weights."""
    shown = run(
        "compare", "lenet5-1998", "--set", "C3.kernel_size=3", "--set", "C3.dilation=2", "--format", "json"
    )

    layers = {layer["path"][0]: layer for layer in json.loads(shown.out)["layers"]}
    assert layers["C3"]["params"]["values"] == [60 * 25 + 16, 60 * 9 + 16]
    assert layers["C3"]["op"][1].startswith("conv2d 16 3 dilation=2")
    assert layers["C5"]["params"]["differences"] == [0]


def test_several_what_ifs_and_other_specs(run: Run) -> None:
    """Each --versus is a column: the base changed, or another model; --set goes to all but the base."""
    diff = json.loads(
        run(
            "compare", "resnet-50", "resnet-101", "--versus", "width=96 depths=[2, 2, 2, 2]",
            "--versus", "resnet-18 input=3x288x288", "--set", "classes=10", "--format", "json",
        ).out
    )  # fmt: skip

    assert [(model["model"], model["settings"]) for model in diff["models"]] == [
        ("resnet-50", []),
        ("resnet-101", ["classes=10"]),
        ("resnet-50", ["classes=10", "width=96", "depths=[2, 2, 2, 2]"]),
        ("resnet-18", ["classes=10"]),
    ]
    assert diff["models"][3]["input"] == {"input": [1, 3, 288, 288]}


def test_digits_are_never_cut(run: Run) -> None:
    """On 60 columns optional columns go; every count that is left stands in full."""
    shown = run("compare", "resnet-50", "resnet-101", "--versus", "size=288", "--depth", "1", columns=60)

    assert all(figure in shown.out for figure in ("4,089,184,256", "6,758,334,464", "44,549,160"))
    assert "…" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resnet-50",), "a comparison needs two networks"),
        (("resnet-50", "--versus", "width=3 x"), "is not a model with settings"),
        (("resnet-50", "--versus", "resnet-51 width=3"), "no bundled model 'resnet-51'"),
        (("resnet-50", "resnet-34", "--columns", "mac"), "did you mean 'macs'"),
    ],
)
def test_misuse_is_explained(run: Run, arguments: tuple[str, ...], said: str) -> None:
    shown = run("compare", *arguments)

    assert shown.code == 2
    assert said in shown.err


# -------------------------------------------------------------------------------------- --replace


def replaced(model: str, text: str) -> Report:
    return load(model).count((replacement(text),))


def test_replace_an_op() -> None:
    """The 5x5 of the bottleneck by a 3x3: 9*16*48 + 48 weights; names in the line mean what they meant."""
    report = replaced("bottleneck-14x14-480-48", "conv=conv2d out 3 padding=1")

    assert [row.path for row in report.rows] == ["reduce", "conv"]
    assert report.rows[1].counts.params == 9 * 16 * 48 + 48


def test_replace_by_several_calls() -> None:
    """The layer becomes a group of its name, and is not replaced again inside."""
    report = replaced("bottleneck-14x14-480-48", "conv=2 * conv2d channels 3 padding=1")
    chain = replaced("bottleneck-14x14-480-48", "conv=conv2d 8 1, relu, conv2d 48 5 padding=2")

    assert [row.path for row in report.rows] == ["reduce", "conv/0", "conv/1"]
    assert [row.path for row in chain.rows] == ["reduce", "conv/conv2d", "conv/relu", "conv/conv2d_2"]


def test_replace_a_block_a_round_and_a_branch() -> None:
    stage = replaced("resnet-50", "conv3_x=conv2d 512 1 stride=2")
    rounds = replaced("resnet-50", "conv2_x/*=conv2d 256 1")
    branch = replaced("resnet-50", "conv2_x/0/shortcut=conv2d 256 1")

    assert [row.path for row in stage.rows if row.path.startswith("conv3")] == ["conv3_x"]
    assert [row.path for row in rounds.rows if row.path.startswith("conv2")] == [
        f"conv2_x/{i}" for i in range(3)
    ]
    assert next(row.path for row in branch.rows if "shortcut" in row.path) == "conv2_x/0/shortcut"


def test_replace_everywhere() -> None:
    """All 53 batch normalizations of ResNet-50 away: 2 params for each of 26,560 channels fewer."""
    report = replaced("resnet-50", "**/batch_norm*=identity")

    assert report.totals.params == 25_557_032 - 2 * 26_560
    assert report.graph.remarks == ("**/batch_norm*='identity' replaced 53 places",)


def test_replace_by_a_block_of_the_spec() -> None:
    """ResNet-34's second stage with bottleneck blocks of its own spec."""
    report = replaced("resnet-34", "conv5_x=3 * bottleneck 512 stride=(2 if i == 0 else 1)")

    assert report.rows[-1].layer.applied.inputs[0].channels == 2048


def test_replace_reports_its_own_place(run: Run) -> None:
    """A mistake in the line is shown in the line; a pattern without a match is an error."""
    wrong = run("count", "lenet5-1998", "--replace", "C3=convd2d 4")
    unmatched = run("count", "lenet5-1998", "--replace", "C9=conv2d 4 3")
    unreadable = run("count", "lenet5-1998", "--replace", "C3=conv2d (4")

    assert wrong.code == unmatched.code == unreadable.code == 2
    assert "--replace C3=convd2d 4: there is no op or block 'convd2d'" in wrong.err
    assert "no layer matches 'C9'" in unmatched.err
    assert "--replace C3=conv2d (4: '(' is never closed" in unreadable.err


# ------------------------------------------------------------------------------------ the library


def test_an_empty_version(run: Run) -> None:
    """The option is named, and what it takes."""
    for text in ("", " "):
        result = run("compare", "resnet-50", "--versus", text)

        assert result.code == 2
        assert "--versus is empty" in result.err
        assert "'[SPEC] NAME=VALUE ...'" in result.err


def test_compare_needs_two() -> None:
    with pytest.raises(Fault, match="two networks"):
        paramcalc.compare(load("resnet-50"))


def test_shows_in_a_notebook_and_with_rich() -> None:
    """HTML has every total and escapes what a spec wrote; rich draws the same table."""
    from rich.console import Console

    diff = paramcalc.compare(load("resnet-50"), load("resnet-101"))
    out = Console(file=io.StringIO(), width=200)
    out.print(diff)

    assert "44,549,160" in diff._repr_html_()
    assert "44,549,160" in out.file.getvalue()  # type: ignore[attr-defined]
    assert "25,557,032" in load("resnet-50")._repr_html_()


def test_standard_input_is_read_once(run: Run) -> None:
    """A spec that comes through a pipe can be compared with itself changed."""
    spec = "input: 3x8x8\nlayers:\n  - a: conv2d 4 3\n"

    shown = run("compare", "-", "--set", "a.out_channels=8", "--format", "json", stdin=spec)

    assert json.loads(shown.out)["totals"]["params"]["values"] == [4 * 28, 8 * 28]


def test_a_narrow_table_keeps_what_the_change_makes(run: Run) -> None:
    """In 80 columns the base and the ratios stay; the others' values and differences give way."""
    shown = run("compare", "resnet-18", "resnet-34", "--depth", "1", columns=80).out
    header = shown.splitlines()[1].split("   ")
    total = next(line for line in shown.splitlines() if line.startswith("total"))

    assert [title.strip() for title in header if title.strip()] == [
        "layer", "params A", "params B", "B : A", "MACs A", "B : A",
    ]  # fmt: skip
    assert total.split() == ["total", "11,689,512", "21,797,672", "1.86", "x", "1,814,073,344", "2.02", "x"]


def test_what_only_one_network_has_is_said_without_its_value(run: Run) -> None:
    """Where the other's values gave way, its own layers still are not empty lines."""
    change = ("--replace", "S2=avg_pool2d 2, conv2d 6 1")
    shown = run("compare", "lenet5-1998", *change, "--columns", "macs", columns=30).out

    assert "MACs B" not in shown.splitlines()[1]
    assert re.search(r"conv2d +added$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("conv2d 8 3", "conv2d 9 3", True),  # 2 of 4 words in common
        ("conv2d 8 3", "conv2d 9 3 padding=1", False),  # 2 of 5
        ("conv2d 8 3", "conv2d 9 5", False),  # 1 of 5
    ],
)
def test_layers_of_other_names_answer_from_half_in_common(
    tmp_path: Path, one: str, two: str, alike: bool
) -> None:
    """Renamed and changed at once: the same layer if at least half of what is written of both is the same."""
    diff = compare(report(tmp_path, "one", f"first: {one}"), report(tmp_path, "two", f"other: {two}"))

    assert paired(diff) == ([("first", "other")] if alike else [("first", ""), ("", "other")])


def test_only_rounds_fold(tmp_path: Path) -> None:
    """Equal neighbours with names of their own keep a line each; equal rounds share one."""
    layers = ("a: conv2d 8 3 padding=1", "b: conv2d 8 3 padding=1", "2 * conv2d 8 3 padding=1")
    one, two = report(tmp_path, "one", *layers), report(tmp_path, "two", *layers)

    lines = compare(one, two).lines(2)

    assert [(line.names[0], line.times) for line in lines] == [("a", 1), ("b", 1), ("conv2d", 1), ("0-1", 2)]


def test_of_several_replacements_the_last_holds(tmp_path: Path) -> None:
    """Of two that mean one place, as with settings; the other still holds elsewhere."""
    path = tmp_path / "net.yaml"
    path.write_text("input: 4\nlayers: [a: relu, b: relu]\n")

    swaps = (replacement("**=tanh"), replacement("b=sigmoid"))

    assert [layer.op.name for layer in load(str(path)).graph(swaps).layers] == ["tanh", "sigmoid"]
    with pytest.raises(Fault, match="'b' matches nothing that is still to be replaced"):
        load(str(path)).graph(swaps[::-1])


def test_a_replacement_sees_the_names_of_its_place(tmp_path: Path) -> None:
    """The same text in two places, which read the same tensor; in one a column is called as the knob is."""
    path = tmp_path / "net.yaml"
    path.write_text("""
input: 4x8x8
knobs: {width: 4}
outputs: [relu, one]
layers:
  - relu
  - table: {columns: name width, rows: [one 6], layers: [from input, relu, conv2d width 1]}
""")

    graph = load(str(path)).graph((replacement("**/relu=conv2d width 1"),))

    assert {layer.path: layer.output.channels for layer in graph.layers} == {
        "relu": 4, "one/relu": 6, "one/conv2d": 6,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------- rows

LECTURE = {  # depth as named or published, params of Krizhevsky 2012, Simonyan 2014, Szegedy 2014, He 2015, Huang 2016
    "lenet5-ng": (5, 61_706),
    "alexnet": (8, 60_965_224),
    "vgg-16": (16, 138_357_544),
    "googlenet": (22, 6_998_552),
    "resnet-50": (50, 25_557_032),
    "densenet-121": (121, 7_978_856),
}


def test_unrelated_networks_have_rows(run: Run) -> None:
    """The table of the lecture: deeper, and fewer params. It says how to see layers side by side."""
    shown = run("compare", *LECTURE)

    rows = [line.split()[:3] for line in shown.out.splitlines()[2 : 2 + len(LECTURE)]]
    assert {name: (int(deep), int(params.replace(",", ""))) for name, deep, params in rows} == LECTURE
    assert "few layers correspond: --align shows them side by side\n" in shown.out
    assert run("compare", *LECTURE, "--align").out.startswith("A: lenet5-ng  B: alexnet  C: vgg-16")


def test_variants_of_one_network_are_aligned(run: Run) -> None:
    """So are networks of two papers that share half of their layers; rows are there where asked for."""
    assert run("compare", "resnet-18", "resnet-50").out.startswith("A: resnet-18  B: resnet-50")
    assert run("compare", "alexnet", "vgg-16").out.startswith("A: alexnet  B: vgg-16")
    assert run("compare", "resnet-18", "resnet-50", "--rows").out.startswith("network")


def test_rows_are_sorted_and_chosen(run: Run) -> None:
    """The largest first, by any quantity or by depth; an unknown one has a near miss."""
    by_macs = run("count", *LECTURE, "--sort", "macs", "--columns", "macs").out
    by_depth = run("count", *LECTURE, "--sort", "depth").out
    wrong = run("count", *LECTURE, "--sort", "dept")

    assert [line.split()[0] for line in by_macs.splitlines()[2:5]] == ["vgg-16", "resnet-50", "densenet-121"]
    assert [line.split()[0] for line in by_depth.splitlines()[2:4]] == ["densenet-121", "resnet-50"]
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean 'depth'?" in wrong.err


def test_rows_as_data(run: Run) -> None:
    """JSON by its schema, CSV with plain numbers."""
    document = json.loads(run("count", *LECTURE, "--format", "json").out)
    table = csv.DictReader(io.StringIO(run("compare", *LECTURE, "--rows", "--format", "csv").out))

    assert document["schema"] == "paramcalc/rows/1"
    assert {
        one["network"]: (one["depth"], one["totals"]["params"]) for one in document["networks"]
    } == LECTURE
    assert document["networks"][1]["input"] == {"input": [1, 3, 227, 227]}
    assert {row["network"]: (int(row["depth"]), int(row["params"])) for row in table} == LECTURE


def test_rows_of_a_family_and_of_a_folder(run: Run, tmp_path: Path) -> None:
    """Each model once; what cannot be counted is an error below the others' rows."""
    (tmp_path / "one.yaml").write_text("input: 8\nlayers: [linear 4]\n", "utf-8")
    (tmp_path / "two.yaml").write_text("input: 8\nlayers: [lineer 4]\n", "utf-8")
    (tmp_path / "many.yaml").write_text(
        "input: 8\nknobs: {n: 2}\nvariants: {small: {}, large: {n: 9}, big: {like: large}}\nlayers: [linear n]\n",
        "utf-8",
    )

    folder = run("count", str(tmp_path), "--columns", "params")
    family = run("count", str(tmp_path / "many.yaml"), "--rows", "--columns", "params")

    assert [line.split() for line in folder.out.splitlines()[2:5]] == [
        ["small", "18"], ["big", "81"], ["one", "36"],
    ]  # fmt: skip
    assert folder.code == 2
    assert "there is no op or block 'lineer'" in folder.err
    assert [line.split() for line in family.out.splitlines()[2:4]] == [["small", "18"], ["big", "81"]]


def test_rows_are_about_whole_networks(run: Run) -> None:
    """What shows layers is refused beside several networks."""
    for options in (["--depth", "2"], ["--by", "op"], ["--top", "3"], ["--unfold"]):
        result = run("count", "vgg-16", "resnet-50", *options)
        assert (result.code, result.out) == (2, "")
        assert "about the layers of one network" in result.err
    assert run("compare", "vgg-16", "vgg-19", "--rows", "--align").code == 2


def test_receptive_fields_side_by_side(run: Run) -> None:
    """One 5x5 sees what two 3x3 see: 5 positions."""
    out = run("compare", "one-5x5", "two-3x3", "--columns", "field,params").out

    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["convs"], ["0"], ["1"])]
    assert [row[1 : row.index("409,728")] if "409,728" in row else row[1:2] for row in rows] == [
        ["5"], ["5", "->", "3"], ["5"],
    ]  # fmt: skip
