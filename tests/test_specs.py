"""The bundled specs give the counts that were published, or derived independently.

`published.csv` holds one figure a line: what its source prints, if anything, and the exact count,
found without this program (torchvision, timm, released Caffe networks, sums by hand). Its columns
`layer`, `convention`, `input`, `over` and `over_model` mean the same as in a claim.
"""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import pytest

import paramcalc
from paramcalc.count.report import Report, Row
from paramcalc.engine import library
from paramcalc.language import syntax
from paramcalc.language.spec import Spec
from paramcalc.model import sizes

PUBLISHED = Path(__file__).parent / "published.csv"
Figure = dict[str, str]

# params and multiply-accumulates of whole networks, and of what is said of several by one of them
TOTALS = {
    "lenet-5": (60_000, 325_680),
    "lenet5-ng": (61_706, 416_520),
    "ng-cnn-example-32x32x3": (62_958, 849_320),
    "alexnet": (60_965_224, 724_406_816),
    "alexnet-ng": (62_378_344, 1_135_256_096),
    "alexnet-owt": (61_100_840, 714_188_480),
    "vgg-11": (132_863_336, 7_609_090_048),
    "vgg11-a-lrn": (132_863_336, 7_609_090_048),
    "vgg-13": (133_047_848, 11_308_466_176),
    "vgg16-c-1x1": (133_638_952, 11_770_888_192),
    "vgg-16": (138_357_544, 15_470_264_320),
    "vgg-19": (143_667_240, 19_632_062_464),
    "vgg-16-bn": (138_365_992, 15_470_264_320),
    "vgg-19-bn": (143_678_248, 19_632_062_464),
    "nin-imagenet": (7_595_176, 1_100_188_800),
    "nin-cifar10": (966_986, 222_486_528),
    "googlenet": (6_998_552, 1_582_671_872),
    "googlenet-torchvision": (6_624_904, 1_498_376_192),
    "resnet-18": (11_689_512, 1_814_073_344),
    "resnet18-optA": (11_515_688, 1_794_805_760),
    "resnet18-optC": (12_043_816, 1_878_298_624),
    "plain-18": (11_515_688, 1_794_805_760),
    "resnet-34": (21_797_672, 3_663_761_408),
    "resnet34-optA": (21_623_848, 3_644_493_824),
    "resnet34-optC": (22_716_840, 3_830_747_136),
    "plain-34": (21_623_848, 3_644_493_824),
    "resnet-50": (25_557_032, 4_089_184_256),
    "resnet50-v1": (25_557_032, 3_857_973_248),
    "resnet50-v1-caffe": (25_557_096, 3_857_973_248),
    "resnet50-optA": (22_780_456, 3_498_311_680),
    "resnet50-optC": (40_128_552, 6_324_224_000),
    "resnet-101": (44_549_160, 7_801_405_440),
    "resnet101-v1": (44_549_160, 7_570_194_432),
    "resnet-152": (60_192_808, 11_513_626_624),
    "resnet152-v1": (60_192_808, 11_282_415_616),
    "resnet20-cifar": (269_722, 40_551_040),
    "resnet32-cifar": (464_154, 68_862_592),
    "resnet44-cifar": (658_586, 97_174_144),
    "resnet56-cifar": (853_018, 125_485_696),
    "resnet110-cifar": (1_727_962, 252_887_680),
    "resnet1202-cifar": (19_421_274, 2_829_238_912),
    "densenet-121": (7_978_856, 2_834_161_664),
    "densenet-161": (28_681_000, 7_727_907_072),
    "densenet-169": (14_149_480, 3_359_843_328),
    "densenet-201": (20_013_928, 4_291_365_888),
    "densenet-264": (33_337_704, 5_751_653_376),
    "densenet264-k48": (72_686_632, 12_850_693_632),
    "densenet-cifar-L40-k12": (1_019_722, 264_812_928),
    "densenet-cifar-L100-k12": (6_979_642, 1_769_516_448),
    "densenet-cifar-L100-k24": (27_249_082, 6_889_347_744),
    "densenet-bc-cifar-L100-k12": (769_162, 287_929_692),
    "densenet-bc-cifar-L250-k24": (15_324_406, 5_418_785_724),
    "densenet-bc-cifar-L190-k40": (25_624_430, 9_301_945_740),
    "bottleneck-14x14-480-48-direct": (576_048, 112_896_000),
    "bottleneck-14x14-480-48": (26_944, 5_268_480),
    "bottleneck-28x28-192-32-direct": (153_632, 120_422_400),
    "bottleneck-28x28-192-32": (15_920, 12_443_648),
    "conv-3x3-128-64": (73_792, 147_456_000),
    "conv-1x1-28x28x192-to-32": (6_176, 4_816_896),
    "inception-module-28x28x192": (163_696, 128_049_152),
}

# Weight layers, as the number in a name counts them: without projections on shortcuts and without the
# gates of squeeze-and-excitation.
DEPTHS = {
    "alexnet": 8,
    "vgg-11": 11,
    "vgg-13": 13,
    "vgg-16": 16,
    "vgg16-c-1x1": 16,
    "vgg-19": 19,
    "plain-18": 18,
    "plain-34": 34,
    "resnet-18": 18,
    "resnet-34": 34,
    "resnet-50": 50,
    "resnet-101": 101,
    "resnet-152": 152,
    "resnet20-cifar": 20,
    "resnet32-cifar": 32,
    "resnet44-cifar": 44,
    "resnet56-cifar": 56,
    "resnet110-cifar": 110,
    "resnet1202-cifar": 1202,
    "densenet-121": 121,
    "densenet-161": 161,
    "densenet-169": 169,
    "densenet-201": 201,
    "densenet-264": 265,  # the paper counts one less than its table gives
    "densenet-cifar-L40-k12": 40,
    "densenet-cifar-L100-k24": 100,
    "densenet-bc-cifar-L100-k12": 100,
    "densenet-bc-cifar-L190-k40": 190,
    "densenet-bc-cifar-L250-k24": 250,
    "preact-resnet110-cifar": 110,
    "preact-resnet164-cifar": 164,
    "preact-resnet1001-cifar": 1001,
    "resnext50-32x4d": 50,
    "resnext101-64x4d": 101,
    "resnext29-8x64d-cifar": 29,
    "senet154": 154,
    "vdsr": 20,
    "srdensenet-all": 69,
    "unet": 23,
}

LENET_5 = {  # params, connections: LeCun et al. 1998, section II.B
    "C1": (156, 122_304),
    "S2": (12, 5_880),
    "C3": (1_516, 151_600),
    "S4": (32, 2_000),
    "C5": (48_120, 48_120),
    "F6": (10_164, 10_164),
    "OUTPUT": (0, 840),
}

LONGEST_SPEC = 120  # lines, without the claims: two pages


def figures() -> list[Figure]:
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


FIGURES = figures()


@lru_cache(maxsize=64)
def report(model: str, input_size: str = "") -> Report:
    return paramcalc.load(model).count(inputs=dict([sizes(input_size)]) if input_size else None)


def chosen(counted: Report, layers: str) -> list[Row]:
    """The rows that the patterns mean, each once; without a pattern all but the auxiliary ones."""
    if not layers:
        return [row for row in counted.rows if not row.layer.auxiliary]
    paths = {row.path for pattern in layers.split() for row in counted.select(pattern)}
    return [row for row in counted.rows if row.path in paths]


def quantity(figure: Figure, model: str, layers: str) -> int:
    """A figure's quantity, counted afresh from the rows of a report."""
    counted = report(model, figure["input"])
    name = figure["quantity"]
    if layers == "input":
        return sum(shape.elements for shape in counted.graph.inputs.values())
    rows = chosen(counted, layers)
    if name == "channels":
        return int(rows[-1].layer.output.channels)
    match figure["convention"]:
        case "with-auxiliary":
            rows = list(counted.rows)
        case "conv-only":
            rows = [row for row in rows if row.layer.op.name.startswith("conv")]
        case "weights-only":
            name = "kernels"
        case "contractions":
            name = "contraction_activations"
    return sum(getattr(row.counts, name) for row in rows)


@pytest.mark.parametrize("model", TOTALS)
def test_totals(model: str) -> None:
    """Whole networks have exactly the published or independently derived numbers."""
    totals = report(model).totals

    assert (totals.params, totals.macs) == TOTALS[model]


def test_googlenet_with_its_auxiliary_heads() -> None:
    """The two heads add 3,188,840 and 3,190,888 parameters, in training only."""
    counted = report("googlenet")

    assert counted.with_auxiliary.params == 13_378_280
    assert {name: counts.params for name, counts in counted.auxiliary.items()} == {
        "aux_4a": 3_188_840,
        "aux_4d": 3_190_888,
    }


def test_lenet_5_layer_by_layer() -> None:
    """Every layer of the 1998 network has the parameters and connections that the paper prints."""
    counted = report("lenet5-1998")
    found = {row.path: (row.counts.params, row.counts.connections) for row in counted.rows}

    assert {path: found[path] for path in LENET_5} == LENET_5
    assert (counted.totals.params, counted.totals.connections) == (60_000, 340_908)
    assert counted.totals.frozen == 840


def test_lecture_memory() -> None:
    """Parameters and outputs together, as the lecture adds them."""
    assert report("bottleneck-14x14-480-48-direct").totals.memory == 585_456
    assert report("bottleneck-14x14-480-48").totals.memory == 39_488


@pytest.mark.parametrize("model", DEPTHS)
def test_the_number_in_a_name_counts_weight_layers(model: str) -> None:
    """ResNet-50 has 50 convolutional and linear layers besides projections, and so on."""
    aside = {"shortcut", "gate"}
    layers = [
        row for row in report(model).rows if row.counts.kernels and aside.isdisjoint(row.path.split("/"))
    ]

    assert len(layers) == DEPTHS[model]


@pytest.mark.parametrize(
    "figure", [figure for figure in FIGURES if figure["exact"]], ids=lambda figure: figure["id"]
)
def test_exact_counts(figure: Figure) -> None:
    """Every exact count of the list comes out, to the unit; ratios to their last digit."""
    found = quantity(figure, figure["model"], figure["layer"])

    if figure["over"] or figure["over_model"]:
        other = quantity(figure, figure["over_model"] or figure["model"], figure["over"])
        assert found / other == pytest.approx(float(figure["exact"]), rel=5e-3)
    else:
        assert found == int(figure["exact"])


@lru_cache(maxsize=1)
def claimed() -> Counter[tuple[str, str, str, str]]:
    """All claims of the bundled specs as (model, quantity, layers, figure)."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for spec in bundled_specs():
        for model, claims in spec.claims.entries if spec.claims else ():
            assert isinstance(claims, syntax.Sequence)
            for claim in claims.items:
                assert isinstance(claim, syntax.Mapping)
                key, figure = claim.entries[0]
                assert isinstance(figure, syntax.Scalar)
                found[model.text, key.text, layers_of(claim), figure.text.replace("_", "")] += 1
    return found


def layers_of(claim: syntax.Mapping) -> str:
    layers = claim.get("layer")
    if isinstance(layers, syntax.Sequence):
        return " ".join(item.text for item in layers.items if isinstance(item, syntax.Scalar))
    return layers.text if isinstance(layers, syntax.Scalar) else ""


def bundled_specs() -> list[Spec]:
    return [library.read(path) for path in library.bundled_files()]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure["id"])
def test_every_figure_is_claimed(figure: Figure) -> None:
    """What a source prints, and each exact count, stands in the spec as a claim."""
    ratio = figure["over"] or figure["over_model"]
    wanted = [figure["printed"]] if figure["printed"] else []
    if figure["exact"] and not ratio:
        wanted.append(figure["exact"])

    missing = [
        text for text in wanted if not claimed()[figure["model"], figure["quantity"], figure["layer"], text]
    ]

    assert wanted
    assert missing == []


def test_model_names_are_unique() -> None:
    """A name means one model in one file."""
    names = Counter(name for spec in bundled_specs() for name in {spec.name, *spec.variants})

    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("spec", bundled_specs(), ids=lambda spec: spec.name)
def test_specs_are_short_and_sourced(spec: Spec) -> None:
    """A spec is at most two pages without its claims, and says where its network was published."""
    lines = spec.source.text.partition("\nclaims:")[0].splitlines()

    assert isinstance(spec.origin, syntax.Mapping)
    assert spec.origin.get("title")
    assert len(lines) <= LONGEST_SPEC
    assert max(map(len, lines)) <= 120


def test_half_of_the_specs_fit_a_page() -> None:
    """The median length, without the claims, is below 60 lines."""
    lengths = [len(spec.source.text.partition("\nclaims:")[0].splitlines()) for spec in bundled_specs()]

    assert statistics.median(lengths) < 60


@pytest.mark.parametrize(
    ("model", "op", "eps"),
    [
        ("googlenet-torchvision", "batch_norm", Fraction(1, 1000)),
        ("inception-v3", "batch_norm", Fraction(1, 1000)),
        ("mobilenet-v3-large", "batch_norm", Fraction(1, 1000)),
        ("convnext-tiny", "layer_norm", Fraction(1, 10**6)),
        ("vit-b-16", "layer_norm", Fraction(1, 10**6)),
        ("resnet-50", "batch_norm", Fraction(1, 10**5)),
    ],
)
def test_norms_have_the_eps_of_their_source(model: str, op: str, eps: Fraction) -> None:
    """torchvision's networks: no count sees it, but their weights give other outputs with another."""
    norms = [layer.op for layer in paramcalc.load(model).graph().layers if layer.op.name == op]

    assert norms
    assert {Fraction(str(norm.eps)) for norm in norms} == {eps}  # type: ignore[attr-defined]
