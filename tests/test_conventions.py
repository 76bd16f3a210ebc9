"""Conventions: their data, the profiles against what the tools printed, and the commands."""

from __future__ import annotations

import ast
import csv
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from paramcalc import ops
from paramcalc.base.errors import Fault, Source
from paramcalc.conventions import CONVENTIONS, OWN, TOOLS, VARIANTS, convention, recounted
from paramcalc.conventions.papers import ACTIVATIONS, NORMALIZATIONS, POOLINGS
from paramcalc.conventions.rule import (
    FACTS,
    KINDS,
    Convention,
    LayerFacts,
    Term,
    evaluated,
    expression,
    family,
)
from paramcalc.conventions.tools import WRITINGS
from paramcalc.count.report import Counts, Report
from paramcalc.engine.graph import Layer
from paramcalc.language.parse import parse
from paramcalc.model import Model, load
from paramcalc.ops.attributes import attributes
from tests.conftest import Run
from tests.tool_cases import Case, alone, figures

TOTALS = Path(__file__).parent / "tool_totals.csv"
NAMES = [tool.name for tool in TOOLS]

SMALL = """
name: small
input: 3x8x8
layers:
  - conv: conv2d 4 3 padding=1
  - batch_norm, relu
  - max_pool2d 2
  - global_avg_pool
  - fc: linear 10
"""
# conv: 27*4 weights and 4 biases, 64 positions: 6912 multiplications, 256 outputs. batch_norm and relu: 256
# elements, 4 channels. max_pool2d: 256 read, 64 put out. global_avg_pool: 64 read, 4 put out. fc: 40 weights
# and 10 biases. By each tool's rules:
BY_HAND = {
    "torchinfo": {"params": 170, "macs": 112 * 64 + 8 + 50},
    "fvcore": {"params": 170, "macs": 6912 + 2 * 256 + 64 + 40},
    "ptflops": {"params": 170, "macs": (6912 + 256) + 2 * 256 + 2 * 256 + 2 * 256 + 2 * 64 + (40 + 10)},
    "ptflops-aten": {"params": 170, "macs": (6912 + 256) + (40 + 10)},
    "thop": {"params": 170, "macs": 6912 + 4 * 256 + (64 + 4) + 40},
    "calflops": {"params": 170, "macs": 6952, "flops": (13824 + 256) + 512 + 256 + 256 + 64 + 80},
    "deepspeed": {"params": 170, "macs": 6952, "flops": (13824 + 256) + 512 + 256 + 256 + 64 + 80},
    "pytorch": {"flops": 2 * 6952},
    "torchprofile": {"macs": 6912 + 256 + 4 + 40},
    "keras": {"params": 178, "frozen": 8, "flops": (13824 + 256) + (512 + 24) + 4 * 64 + 64 + (80 + 10)},
    "netscope": {"params": 170, "macs": 6912 + 256 + 40},
}


class Printed(NamedTuple):
    """A row of the table: what a tool of some version printed about a model."""

    tool: str
    version: str
    model: str
    input: str
    quantity: str
    printed: str


def rows() -> list[Printed]:
    with TOTALS.open(encoding="utf-8") as file:
        header, *found = csv.reader(file)
    assert tuple(header) == Printed._fields
    return [Printed(*row) for row in found]


@cache
def counted(name: str) -> Report:
    return load(name).count()


def model(text: str) -> Model:
    return Model(parse(Source("small.yaml", text), lambda name: pytest.fail(name)))


def families() -> dict[str, type[ops.Op]]:
    """Our own ops, without those of plugins that other tests load."""
    own = [op for op in ops.every().values() if op.__module__.startswith("paramcalc.ops")]
    return {op.name.removesuffix(f"{op.rank}d"): op for op in own}


# ----------------------------------------------------------------------------------------- the data


def terms() -> list[tuple[Convention, Term]]:
    return [(one, term) for one in CONVENTIONS.values() for listed in one.terms.values() for term in listed]


def test_every_convention_speaks_of_known_ops() -> None:
    """A misspelt name in the data would count nothing in silence."""
    known = families()

    assert {family for _, term in terms() for family in term.families} <= {*known}
    assert {*NORMALIZATIONS, *POOLINGS, *ACTIVATIONS} <= {*known}


def test_every_formula_is_of_facts_that_its_ops_have() -> None:
    """Names are quantities, kinds of operation, facts, or attributes of every op that the formula is for."""
    for one, term in terms():
        for name in expression(term.formula).names():
            if name in (*Counts._fields, *KINDS, *FACTS):
                continue
            assert term.families, f"{one.name}: {name}"
            for each in term.families:
                assert name in attributes(families()[each]), f"{one.name}: {each} has no {name}"


def test_no_op_is_counted_twice_by_one_tool() -> None:
    """A profile has one rule for each op; sums of rules are for papers."""
    for tool in TOOLS:
        for quantity, listed in tool.terms.items():
            named = Counter(family for term in listed for family in term.families or ("*",))
            assert not [family for family, times in named.items() if times > 1], f"{tool.name} {quantity}"


def test_every_tool_has_version_source_and_quirks() -> None:
    for tool in TOOLS:
        assert tool.tool is not None
        assert tool.tool.version
        assert tool.tool.source.startswith("https://github.com/")
        assert tool.tool.quirks
        assert {*tool.tool.called} <= {*tool.terms}


def test_near_misses() -> None:
    with pytest.raises(Fault, match="there is no convention 'torchinf'") as caught:
        convention("torchinf")
    assert "torchinfo" in caught.value.fix


# ----------------------------------------------------------------- profiles against what tools printed


@pytest.mark.parametrize("name", NAMES)
def test_totals_by_hand(name: str) -> None:
    """A network small enough to count each op under each tool's rules on paper."""
    totals = recounted(model(SMALL).count(), convention(name)).totals

    assert {quantity: getattr(totals, quantity) for quantity in BY_HAND[name]} == BY_HAND[name]


@pytest.mark.parametrize("name", NAMES)
def test_profiles_give_what_the_tool_printed(name: str) -> None:
    """To the unit, for all networks and quantities of the table."""
    own = [row for row in rows() if row.tool == name]
    profile = convention(name)
    reports = {row.model: counted(row.model) for row in own}
    assert len(reports) >= 20
    assert profile.tool is not None

    for row in own:
        report = reports[row.model]
        assert row.version == profile.tool.version
        assert row.input == " ".join(str(shape) for shape in report.graph.inputs.values())
        assert getattr(recounted(report, profile).totals, row.quantity) == int(row.printed), row


# What each tool printed of one `nn.Conv2d(8, 8, 3, padding=1)` and `nn.ReLU()` that `forward` calls four times.
CALLED_AGAIN = {
    "torchinfo": {"params": 584, "trainable": 584, "macs": 598_016},
    "fvcore": {"params": 584, "macs": 589_824},
    "ptflops": {"params": 584, "macs": 614_400},
    "ptflops-aten": {"params": 584, "macs": 598_016},
    "thop": {"params": 584, "macs": 589_824},
    "calflops": {"params": 584, "macs": 589_824, "flops": 1_196_032},
    "deepspeed": {"params": 584, "macs": 589_824, "flops": 1_196_032},
    "pytorch": {"flops": 1_179_648},
    "torchprofile": {"macs": 589_824},
}
ROUNDS = """
input: 8x16x16
layers:
  - refine: {repeat: 4, shared: true, layers: [conv2d channels 3 padding=1, relu]}
"""


@pytest.mark.parametrize("name", CALLED_AGAIN)
def test_a_module_that_is_called_again(name: str) -> None:
    """Its params count once, its work each time."""
    totals = under(model(ROUNDS).count(), name).totals

    assert {quantity: getattr(totals, quantity) for quantity in CALLED_AGAIN[name]} == CALLED_AGAIN[name]


def test_running_statistics_of_a_layer_that_is_called_again() -> None:
    """Keras prints 616 in all, of which 600 are trainable: one convolution, one normalization."""
    totals = under(model(ROUNDS.replace("relu", "batch_norm")).count(), "keras").totals

    assert (totals.params, totals.trainable, totals.frozen) == (616, 600, 16)


def test_a_weight_that_two_modules_share() -> None:
    """torchinfo printed 80 params of an embedding and a linear layer tied to it, each called twice."""
    tied = """
inputs: {source: {length: 3}, target: {length: 3}}
layers:
  - words: embedding 10 4 from source
  - scores: linear 10 bias=false share=words
  - embedding 10 4 share=words from target
  - linear 10 bias=false share=scores
  - add from scores linear
"""
    report = model(tied).count()

    assert report.totals.params == under(report, "fvcore").totals.params == 40
    assert under(report, "torchinfo").totals.params == 80


# ------------------------------------------------------- profiles against what tools printed of single ops

# netscope shows three digits; these are its analyzer's rules, worked out by hand: params, MACC. Beside each op
# is a linear layer of one weight and one multiplication, as in the table of the other tools.
NETSCOPE = {
    Case("conv2d 8 3", ("4x5x6",)): (8 * 4 * 9 + 8, 8 * 4 * 9 * 3 * 4),
    Case("conv2d 8 3 groups=2 bias=false", ("4x5x6",)): (8 * 4 * 9 // 2, 8 * 4 * 9 * 3 * 4 // 2),
    Case("linear 10", ("8",)): (8 * 10 + 10, 8 * 10),
    # A deconvolution: kernel planes of all pairs of channels; output positions times kernel / stride of each axis.
    Case("conv_transpose2d 8 3 stride=2 groups=4", ("4x5x6",)): (9 * 4 * 8, 4 * 8 * 11 * 13 * 9 // 4),
    # BatchNorm holds mean and variance, Scale multiplies each element.
    Case("batch_norm", ("4x5x6",)): (2 * 4, 4 * 5 * 6),
    Case("batch_norm affine=false", ("4x5x6",)): (2 * 4, 0),
    Case("local_response_norm 5", ("8x5x6",)): (2, 5 * 8 * 5 * 6),
    # Eltwise is taken for a sum whatever it does; a gate is a Scale of two inputs.
    Case("multiply", ("4x5x6", "4x5x6")): (0, 0),
    Case("multiply", ("4", "4x5x6")): (0, 4 * 5 * 6),
    Case("affine", ("4x5x6",)): (0, 4 * 5 * 6),
    Case("affine scale=false", ("4x5x6",)): (0, 0),
    Case("scale 0.1", ("4x5x6",)): (0, 4 * 5 * 6),  # Power
    Case("layer_scale", ("4x5x6",)): (0, 4 * 5 * 6),
    Case("subsample 2", ("4x5x6",)): (0, 4 * 2 * 3),  # Pooling and Scale
    Case("relu", ("4x5x6",)): (0, 0),
    Case("max_pool2d 2", ("4x5x6",)): (0, 0),
}
# What a tool has no layer for, or cannot be asked: nothing is recorded, and nothing promised.
NOT_RECORDED = {
    "keras": {
        "adaptive_avg_pool", "adaptive_max_pool", "bilinear", "deform_conv", "experts", "fold", "gather",
        "grid_sample", "identity", "instance_norm", "latent_attention", "local_conv", "lp_pool", "max_unpool",
        "offsets", "pixel_unshuffle", "relative_bias", "rotary", "selective_scan", "sine_positions",
        "window_attention",
    },
}  # fmt: skip


class Recorded(NamedTuple):
    """What a profile's tool printed of a network of one op, and of which layers that is the sum."""

    profile: str
    case: Case
    layers: tuple[Layer, ...]
    printed: dict[str, int]


@cache
def recorded() -> tuple[Recorded, ...]:
    found = []
    for row in figures():
        way = f"{row.tool}:{row.way.partition(' ')[0]}"
        found.append((way if way in CONVENTIONS else row.tool, row.case, row.printed))
    for case, (params, macs) in NETSCOPE.items():
        found.append(("netscope", case, {"params": params + 1, "macs": macs + 1}))
    return tuple(Recorded(name, case, alone(case).layers, printed) for name, case, printed in found)


def summed(terms: tuple[Term, ...], layers: tuple[Layer, ...]) -> int:
    return sum(evaluated(terms, LayerFacts(layer)) for layer in layers)


def test_every_op_is_recorded_for_every_tool() -> None:
    """Of each family of ops there is a figure of each tool, in the version that the profile is of."""
    ops_of: dict[str, set[str]] = {}
    for one in recorded():
        ops_of.setdefault(one.profile.partition(":")[0], set()).add(family(one.layers[0]))
    netscope = ops_of.pop("netscope")

    assert {row.version for row in figures() if convention(row.tool).tool.version != row.version} == set()
    assert [*ops_of] == [name for name in NAMES if name != "netscope"]
    for name, found in ops_of.items():
        assert {*families()} - found == NOT_RECORDED.get(name, {"identity"}), name
    assert {
        one for listed in convention("netscope").terms.values() for term in listed for one in term.families
    } <= netscope


@pytest.mark.parametrize("name", [*NAMES, *(each.name for each in VARIANTS)])
def test_profiles_give_what_the_tool_printed_of_one_op(name: str) -> None:
    """To the unit, in every quantity that the tool prints."""
    own = [one for one in recorded() if one.profile == name]
    profile = convention(name)
    assert own

    for one in own:
        assert {*one.printed} == {*profile.terms}
        for quantity, number in one.printed.items():
            assert summed(profile.terms[quantity], one.layers) == number, (one.case, quantity)


def mutants(formula: str) -> Iterator[str]:
    """The formula with one thing in it changed: one added to a number, or a condition taken as decided."""
    for node, others in _changes(ast.parse(formula, mode="eval").body, condition=False):
        before, after = formula[: node.col_offset], formula[node.end_col_offset :]
        yield from (f"{before}({other}){after}" for other in others)


def _changes(node: ast.expr, condition: bool) -> Iterator[tuple[ast.expr, tuple[str, ...]]]:
    if condition:
        yield node, ("true", "false")
    match node:
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield from _changes(test, condition=True)
            yield from (*_changes(body, condition), *_changes(orelse, condition))
        case ast.BoolOp(values=values):
            for value in values:
                yield from _changes(value, condition=True)
        case ast.Compare(left=left, comparators=[right]):
            for side in (left, right):
                if not (isinstance(side, ast.Constant) and isinstance(side.value, str)):
                    yield from () if isinstance(side, ast.Name) else _changes(side, condition=False)
        case ast.BinOp(left=left, right=right):
            yield from (*_changes(left, condition=False), *_changes(right, condition=False))
        case ast.Name() | ast.Constant() if not condition:
            yield node, (f"{ast.unparse(node)} + 1",)


def own_rules(profile: Convention) -> dict[tuple[str, str], str]:
    """The formulas of a profile by quantity and family ('' for all), without those of the base profile."""
    base = CONVENTIONS[profile.name.partition(":")[0]]
    mine, others = by_family(profile), by_family(base)
    return mine if profile is base else {key: mine[key] for key in mine if mine[key] != others.get(key)}


def by_family(profile: Convention) -> dict[tuple[str, str], str]:
    return {
        (quantity, one): term.formula
        for quantity, listed in profile.terms.items()
        for term in listed
        for one in term.families or ("",)
    }


@pytest.mark.parametrize("name", [*NAMES, *(each.name for each in VARIANTS)])
def test_every_part_of_every_rule_is_proved_by_a_figure(name: str) -> None:
    """Changed in any one number, name or condition, each rule would give another number for some recorded op."""
    profile = convention(name)
    layers = {id(one): one for each in recorded() if each.profile == name for one in each.layers[:-1]}
    facts = {key: LayerFacts(one) for key, one in layers.items()}
    unproved = []

    for (quantity, one), formula in own_rules(profile).items():
        read = [known for key, known in facts.items() if family(layers[key]) == one or not one]
        right = [expression(formula).evaluate(known) for known in read]
        for mutant in mutants(formula):
            if [expression(mutant).evaluate(known) for known in read] == right:
                unproved.append((quantity, one, mutant))

    assert unproved == []


def test_a_rule_that_no_figure_proves_is_noticed() -> None:
    """A branch that no op takes, and a number that only that branch reads."""
    rule = "2*input if affine else 5"
    facts = [LayerFacts(alone(Case("batch_norm", ("4x5x6",))).layers[0])]
    right = [expression(rule).evaluate(one) for one in facts]

    survivors = [each for each in mutants(rule) if [expression(each).evaluate(one) for one in facts] == right]

    assert survivors == ["2*input if (true) else 5", "2*input if affine else (5 + 1)"]


# Networks that a framework's user can write in two ways, and what tools printed of the one and the other.
ATTENTION = "input: {length: 300, channels: 448}\nlayers: [self_attention 4]"
ENCODER = """
input: {length: 512, channels: 128}
layers:
  - a: {add: {attention: self_attention 8, skip: identity}}
  - layer_norm
  - b: {add: {perceptron: "linear 256, relu, linear 128", over: identity}}
  - layer_norm
"""
EEGNET = """
input: 1x64x128
layers:
  - conv2d 8 1x64 padding=same bias=false
  - batch_norm
  - conv2d 16 64x1 groups=8 bias=false
  - batch_norm, elu, avg_pool2d 1x4
  - conv2d 16 1x16 padding=same groups=16 bias=false
  - conv2d 16 1 bias=false
  - batch_norm, elu, avg_pool2d 1x8
  - flatten
  - linear 2
"""


@pytest.mark.parametrize(
    ("text", "name", "macs"),
    [
        (ATTENTION, "fvcore", 240_844_800),
        (ATTENTION, "fvcore:multihead", 321_484_800),  # nn.MultiheadAttention(448, 4)
        (ENCODER, "torchinfo", 132_480),
        (ENCODER, "torchinfo:encoder-layer", 66_432),  # nn.TransformerEncoderLayer(128, 8, 256)
        (EEGNET, "fvcore", 4_478_080),
        (EEGNET, "fvcore:padding-same", 275_584),  # EEGNet-8,2 with nn.Conv2d(..., padding="same")
    ],
)
def test_networks_that_are_written_in_two_ways(text: str, name: str, macs: int) -> None:
    assert under(model(text).count(), name).totals.macs == macs


def test_the_document_lists_the_ways_of_writing() -> None:
    text = (Path(__file__).parent.parent / "docs" / "conventions.md").read_text(encoding="utf-8")

    assert [f"| {name} | {says} |" in text for name, says in WRITINGS.items()] == [True] * 3


def test_the_other_way_is_named_where_its_number_differs(run: Run) -> None:
    """Below the table of the usual way, and as a line of its own among all tools; nothing where all is equal."""
    result = run("count", "-", "--convention", "fvcore", stdin=EEGNET)
    table = run("conventions", "-", stdin=ATTENTION).out
    listed = [line.split()[0] for line in table.splitlines() if line.startswith(("fvcore", "calflops"))]
    plain = under(model(SMALL).count(), "fvcore").basis

    assert "fvcore:padding-same, padding=same as padding='same', not as numbers: flops 275,584" in result.out
    assert listed == ["fvcore", "fvcore:multihead", "calflops", "calflops:multihead"]
    assert plain is not None
    assert ":" not in plain.says.removeprefix("flops:")


def test_the_table_has_every_tool_and_quantity() -> None:
    """Every quantity of every profile was printed of whole networks."""
    said = {(tool.name, quantity) for tool in TOOLS for quantity in tool.terms}

    assert {(row.tool, row.quantity) for row in rows()} == said


# --------------------------------------------------------------------------------------- recounting


def under(report: Report, name: str) -> Report:
    return recounted(report, convention(name))


def test_our_own_convention_changes_nothing() -> None:
    report = load("lenet5-ng").count()

    assert recounted(report, OWN) is report


@pytest.mark.parametrize("name", [name for name in CONVENTIONS if name != OWN.name])
def test_totals_are_sums_of_rows_and_gaps_are_explained(name: str) -> None:
    """Of every quantity: the rows add up to the total, and our total plus the gaps is theirs."""
    report = load("googlenet").count()
    theirs, spoken = under(report, name), convention(name)
    assert theirs.basis is not None

    for quantity in theirs.quantities:
        meant = [row for row in theirs.rows if spoken.auxiliary or not row.layer.auxiliary]
        gaps = theirs.basis.differences.get(quantity, {})
        total = getattr(theirs.totals, quantity)
        assert total == sum(getattr(row.counts, quantity) for row in meant)
        assert total == summed(spoken.terms[quantity], tuple(row.layer for row in meant))
        assert total == getattr(report.totals, quantity) + sum(gaps.values())
        assert all(gaps.values())


def test_gaps_are_in_the_order_of_their_size() -> None:
    """Whatever their sign: of ViT, torchinfo has far less for linear layers and a little more for normalization."""
    basis = under(load("vit-b16").count(), "torchinfo").basis
    assert basis is not None
    gaps = [*basis.differences["macs"].values()]

    assert gaps == sorted(gaps, key=abs, reverse=True)
    assert gaps[0] < 0 < gaps[-1]


def test_branches_of_training_are_added_once(run: Run) -> None:
    """GoogLeNet has 13,378,280 params with both heads: under the convention that has them, there are no others."""
    found = json.loads(run("count", "googlenet", "--convention", "with-auxiliary", "--format", "json").out)
    usual = json.loads(run("count", "googlenet", "--format", "json").out)

    assert found["totals"]["params"] == 13_378_280
    assert found.get("totals_with_auxiliary", found["totals"])["params"] == 13_378_280
    assert usual["totals_with_auxiliary"]["params"] == 13_378_280


def test_a_batch_multiplies_work_but_not_params() -> None:
    """ptflops alone prints the mean of a batch."""
    single, several = model(SMALL).count(), model(SMALL).count(batch=5)

    for name in NAMES:
        one, five = under(single, name).totals, under(several, name).totals
        times = 1 if name == "ptflops" else 5
        assert (five.params, five.macs, five.flops) == (one.params, times * one.macs, times * one.flops)


def test_weights_that_layers_share() -> None:
    """torchinfo counts them in both modules, the others once."""
    shared = """
        name: tied
        input: {length: 5}
        layers:
          - tokens: embedding 100 8
          - logits: linear 100 bias=false share=tokens
    """
    report = model(shared).count()

    assert under(report, "torchinfo").totals.params == 1600
    assert under(report, "fvcore").totals.params == under(report, "keras").totals.params == 800


def test_frozen_weights() -> None:
    """ptflops and calflops leave them out; Keras tells them apart."""
    report = model("name: a\ninput: 3x8x8\nlayers:\n  - conv2d 2 1 frozen=true\n").count()

    assert under(report, "torchinfo").totals[:2] == (8, 0)
    assert under(report, "ptflops").totals.params == under(report, "calflops").totals.params == 0
    assert under(report, "deepspeed").totals.params == 8
    assert under(report, "keras").totals[:3] == (8, 0, 8)


# ------------------------------------------------------------------------------------- count, under


def test_count_prints_the_tools_number_in_its_words(run: Run) -> None:
    result = run("count", "resnet-50", "--depth", "1", "--convention", "torchinfo")
    *_, total, basis, gap, _ = result.out.splitlines()

    assert result.code == 0
    assert result.out.splitlines()[1].split() == [
        "layer",
        "op",
        "output",
        "params",
        "mult-adds",
        "share",
        "of",
        "mult-adds",
    ]
    assert total.split() == ["total", "25,557,032", "4,089,238,376"]
    assert basis.startswith("input 3x224x224, batch 1; convention torchinfo 1.8.0: mult-adds: ")
    assert gap == "mult-adds against ours: +54,120 = batch_norm +53,120, linear +1,000"


def test_count_as_json_names_the_convention_and_keeps_to_it(run: Run) -> None:
    """Only what the convention is about, per layer and in total, with the rules and the gaps."""
    found = json.loads(run("count", "resnet-18", "--convention", "fvcore", "--format", "json").out)

    assert found["convention"] == "fvcore"
    assert found["basis"]["words"] == {"params": "", "macs": "flops"}
    assert found["totals"] == {"params": 11_689_512, "macs": 1_819_065_856}
    assert (
        found["definitions"]["macs"]["conv conv_lstm conv_transpose linear matmul einsum selective_scan"]
        == "macs"
    )
    assert found["against_paramcalc"] == {"macs": {"batch_norm": 4_967_424, "global_avg_pool": 25_088}}
    assert sum(layer["macs"] for layer in found["layers"]) == 1_819_065_856
    assert "flops" not in found["layers"][0]


def test_count_as_csv_has_the_conventions_columns(run: Run) -> None:
    header, *lines = csv.reader(
        run("count", "resnet-18", "--convention", "pytorch", "--format", "csv").out.splitlines()
    )

    assert header == ["path", "op", "call", "inputs", "output", "flops", "auxiliary"]
    assert sum(int(line[5]) for line in lines) == 3_628_146_688


def test_branches_of_training_are_not_in_a_tools_total(run: Run) -> None:
    lines = run("count", "googlenet", "--depth", "1", "--convention", "thop").out.splitlines()

    assert "aux_4a exists in training only and is not in the total" in lines
    assert any(line.startswith("total without auxiliary") for line in lines)


def test_columns_by_the_words_of_the_tool(run: Run) -> None:
    """fvcore's flops are multiply-accumulates; where a tool has both, each is what it is."""
    own = run("count", "lenet5-ng", "--convention", "fvcore", "--columns", "flops", "--sort", "flops").out
    usual = run("count", "lenet5-ng", "--convention", "fvcore", "--columns", "macs", "--sort", "macs").out
    both = run("count", "lenet5-ng", "--convention", "calflops", "--columns", "flops").out
    compared = run("compare", "vgg-16", "vgg-19", "--convention", "torchinfo", "--columns", "mult-adds")

    assert own == usual
    assert [line.split()[-1] for line in own.splitlines() if line.startswith("total")] == ["416,520"]
    assert [line.split()[-1] for line in both.splitlines() if line.startswith("total")] == ["852,166"]
    assert compared.code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--convention", "pytorch", "--columns", "params"),
            "'pytorch' does not define params, only flops",
        ),
        (("--convention", "pytorch", "--sort", "macs"), "'pytorch' does not define macs, only flops"),
        (("--convention", "thopp"), "there is no convention 'thopp'\n  = did you mean 'thop'?"),
        (("--convention", "mine"), "there is no convention 'mine'\n  = conventions are paramcalc, "),
    ],
)
def test_what_count_refuses(arguments: tuple[str, ...], message: str, run: Run) -> None:
    result = run("count", "lenet5-ng", *arguments)

    assert result.code == 2
    assert message in result.err


# ---------------------------------------------------------------------------------- the command


def test_one_network_under_all_tools(run: Run) -> None:
    """A line for each tool, and below it the ops with the difference."""
    lines = [line.split() for line in run("conventions", "resnet-50").out.splitlines()]
    at = lines.index(["thop", "0.1.1.post2209072238", "25,557,032", "4,133,742,592"])

    assert lines[3] == ["paramcalc", "25,557,032", "4,089,184,256", "8,178,368,512"]
    assert lines[at + 1 : at + 3] == [["batch_norm", "+44,455,936"], ["global_avg_pool", "+102,400"]]
    assert [line[0] for line in lines if line and line[0] in NAMES] == NAMES


def test_settings_reach_the_command(run: Run) -> None:
    result = run("conventions", "resnet-18", "--set", "width=32", "--input", "3x64x64", "--batch", "2")

    assert "input 3x64x64, batch 2" in result.out
    assert "resnet-18 (resnet), width=32" in result.out


def test_one_network_as_json_and_markdown(run: Run) -> None:
    found = json.loads(run("conventions", "resnet-50", "--format", "json").out)
    table = run("conventions", "resnet-50", "--format", "markdown").out

    assert list(found["conventions"]) == NAMES
    assert found["conventions"]["pytorch"]["totals"] == {"flops": 8_178_368_512}
    assert found["conventions"]["keras"]["totals"]["params"] == 25_610_152
    assert found["conventions"]["torchinfo"]["against_paramcalc"]["macs"] == {
        "batch_norm": 53_120,
        "linear": 1_000,
    }
    assert "| torchprofile 0.1.0 |  | 4,100,300,288 |  |" in table


def test_the_list_says_what_each_counts(run: Run) -> None:
    text = run("conventions").out
    found = json.loads(run("conventions", "--format", "json").out)["conventions"]
    markdown = run("conventions", "--format", "markdown").out

    assert [each["name"] for each in found] == list(CONVENTIONS)
    for each in found:
        variant = ":" in each["name"]
        assert (f"- {each['name']}: " if variant else f"\n## {each['name']}") in f"\n{markdown}"
        for quirk in each.get("quirks", []):
            assert " ".join(quirk.split()) in " ".join(text.split())
            assert f"- {quirk}" in markdown


def test_an_unknown_network_is_refused(run: Run) -> None:
    result = run("conventions", "resnet-5O")

    assert (result.code, result.out) == (2, "")
    assert "there is no file and no bundled model 'resnet-5O'" in result.err


# ------------------------------------------------------------------------------------------- claims


def test_claims_may_name_a_tool(run: Run, tmp_path: Path) -> None:
    """Met as that tool prints it; and a figure that fails is looked for among the tools."""
    spec = tmp_path / "small.yaml"
    claims = (
        "claims:\n  small:\n    - {macs: 8882, convention: ptflops}\n"
        "    - {flops: 13.9K, convention: pytorch}\n    - {macs: 8044}\n"
    )
    spec.write_text(SMALL.lstrip() + claims)
    result = run("check", str(spec))

    assert result.code == 1
    assert "1 exact, 1 rounded" in result.out
    assert "met by convention thop: MACs: multiply-accumulates without bias" in result.out
