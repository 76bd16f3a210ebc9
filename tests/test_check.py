"""Claims held against counts: every verdict, every reason, every format, and that the check can fail."""

from __future__ import annotations

import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from paramcalc import ops
from paramcalc.base.errors import Fault, Source
from paramcalc.check import check as checking
from paramcalc.check import reader as claims
from paramcalc.check.check import Outcome, Spending, Verdict, check, check_spec
from paramcalc.check.draw import failure, judgement, shown_path
from paramcalc.check.measure import KEPT, MOST_LOOKS, Networks, measured
from paramcalc.conventions import CONVENTIONS, OWN
from paramcalc.count.report import QUANTITIES
from paramcalc.engine import library
from paramcalc.language.parse import parse
from paramcalc.language.spec import Spec
from tests.conftest import Run

# Weights: conv1 3*16*9 = 432 and norm 32, conv2 16*32*9 = 4608 and bias 32, fc 32*10 = 320 and bias 10,
# which gives 5434. Multiplications: 432 * 32*32 = 442,368, 4608 * 16*16 = 1,179,648, fc 320: 1,622,336.
# The auxiliary classifier has 16*10 + 10 = 170 more.
NETWORK = """
input: 3x32x32
source: {title: A Toy, year: 2024}
knobs: {width: 16, classes: 10, strided: false}
variants:
  toy: {}
  toy-wide: {width: 32}
  toy-strided: {strided: true}
  toy-alias: {like: toy-wide}
layers:
  - conv1: conv2d width 3 padding=1 bias=false stride=(2 if strided else 1), batch_norm, relu
  - pool1: max_pool2d 2
  - auxiliary: {aux: [global_avg_pool, linear classes]}
  - conv2: conv2d 2*width 3 padding=1, relu
  - global_avg_pool
  - fc: linear classes
"""
CONV1, CONV2, FC, AUX = 432, 4608, 320, 160
PARAMS = CONV1 + 32 + CONV2 + 32 + FC + 10
MACS = CONV1 * 32 * 32 + CONV2 * 16 * 16 + FC


def toy(*lines: str, model: str = "toy", network: str = NETWORK) -> Spec:
    """The network above with these claims about one of its models."""
    listed = "".join(f"    - {line}\n" for line in lines)
    text = f"name: toy-family\n{network.strip()}\nclaims:\n  {model}:\n{listed}"
    return parse(Source("toy.yaml", text), lambda name: library.bundled(name).spec)


def outcome(line: str, model: str = "toy", network: str = NETWORK) -> Outcome:
    """What becomes of one claim."""
    result = check_spec(toy(line, model=model, network=network))
    assert not result.mistakes, result.mistakes[0].message
    (found,) = result.outcomes
    return found


def computed(line: str, model: str = "toy", network: str = NETWORK) -> Fraction:
    return outcome(line, model, network).computed


# ----------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("{params: 5434}", "exact"),
        ("{params: 5435}", "failed"),
        ("{params: 5.4e3}", "rounds to"),
        ("{params: 5.3Ki}", "rounds to"),
        ("{params: 5.43K}", "rounds to"),
        ("{macs: 1.62M}", "rounds to"),
        ("{flops: 3.24M}", "rounds to"),
        ("{flops: 3.25M}", "failed"),
        ("{macs: 1.6223e6}", "rounds to"),
        ("{macs: 1.622e6}", "rounds to"),
        ("{macs: 442.3K, layer: conv1}", "truncates to"),
        ("{macs: 442.4K, layer: conv1}", "rounds to"),
        ("{params: 5.5e3, within: 2%, reason: about}", "within"),
        ("{params: 5.4e3, within: 2%, reason: about}", "rounds to"),
        ("{params: 6.0e3, within: 2%, reason: about}", "failed"),
        ("{params: 5000, erratum: the sum is 5434}", "erratum"),
        ("{params: 5000, erratum: 'the sum is 5,434'}", "erratum"),
        ("{params: 5000, erratum: the sum is 5433}", "failed"),
        ("{params: 5434, erratum: the sum is 5434}", "failed"),
        ("{params: 5.4K, erratum: the sum is 5434}", "failed"),
        ("{params: 9K, unresolved: unclear}", "unresolved"),
        ("{params: 9K, unresolved: unclear, unread: true}", "unresolved"),
        ("{params: 5.4K, unread: true}", "unread"),
        ("{params: 5434, unread: true}", "unread"),
        ("{params: 5000, erratum: the sum is 5434, unread: true}", "unread"),
        ("{params: 5.5e3, within: 2%, reason: about, unread: true}", "unread"),
        ("{params: 9K, unread: true}", "failed"),
    ],
)
def test_verdicts(line: str, verdict: str) -> None:
    """Each verdict beside its nearest neighbours."""
    assert outcome(line).verdict == verdict


def test_within_is_to_the_unit() -> None:
    """The edge of a tolerance belongs to it: 5434 is 4940 + 10 %, and one more is not."""
    assert outcome("{params: 4940, within: 10%, reason: about}").verdict is Verdict.WITHIN
    assert outcome("{params: 4939, within: 10%, reason: about}").verdict is Verdict.FAILED


def test_a_tolerance_is_shown_as_it_is_written() -> None:
    """Two and a half per cent are not two."""
    assert judgement(outcome("{params: 5.5e3, within: 2.5%, reason: about}")) == "within 5.5e3 ± 2.5%"


def test_an_unread_claim_says_what_it_would_be() -> None:
    """Its figure is compared, but it counts as confirmed by nobody."""
    found = outcome("{params: 5.4K, unread: true}")

    assert (found.verdict, found.if_read) == (Verdict.UNREAD, Verdict.ROUNDS)


def test_failures_say_by_how_much() -> None:
    """Signed, in per cent of the printed figure."""
    assert outcome("{params: 5000}").detail == "off by +8.7 %"
    assert outcome("{params: 5435}").detail == "off by -0.018 %"
    assert outcome("{params: 0}").detail == "off by 5,434"
    tolerated = outcome("{params: 6e3, within: 2.5%, reason: about}")
    assert tolerated.detail == "off by -9.4 %, more than the 2.5 % allowed"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{params: 5000}", "5,000"),
        ("{params: 6e3}", "6,000 ± 500"),
        ("{params: 6.01e3}", "6,010 ± 5"),
        ("{params: 2.7Ki}", "2.7Ki ± 51.2"),
        ("{params: 74.59%, over_model: toy-wide}", "74.59% ± 0.005%"),
        ("{params: 1.5, over_model: toy-wide}", "1.5 ± 0.05"),
    ],
)
def test_what_was_expected_keeps_its_digits(line: str, expected: str) -> None:
    """The printed figure in full, with half a unit of its last digit."""
    assert f"  expected  {expected}\n" in failure(outcome(line))


def test_a_stale_erratum_says_why() -> None:
    """Either the figure is met now, or another number is computed than the one that the text gives."""
    met = outcome("{params: 5434, erratum: 5434}")
    rounded = outcome("{params: 5.4K, erratum: 5434}")
    changed = outcome("{params: 5, erratum: '10*100 + 24 = 1,024, or 5,435 with 7 more; not 5'}")
    empty = outcome("{params: 5, erratum: no reading gives 5}")

    assert met.detail == "printed 5434, documented as wrong, but the printed figure is met (exact)"
    assert rounded.detail == "printed 5.4K, documented as wrong, but the printed figure is met (rounds to)"
    assert changed.detail == "printed 5, documented as wrong; the computed value changed from 5,435 to 5,434"
    assert judgement(changed) == "FAILED printed 5, stale erratum"
    assert empty.detail == "printed 5, documented as wrong, but its text does not state 5,434"


def test_a_failed_claim_names_the_printed_figure() -> None:
    """Beside the computed number stands the printed one; there is no percentage of 0."""
    assert judgement(outcome("{params: 5000}")) == "FAILED printed 5000, +8.7 %"
    assert judgement(outcome("{params: 0}")) == "FAILED printed 0"


# --------------------------------------------------------------------------------------- quantities


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("{params: 1}", PARAMS),
        ("{params: 1, layer: conv1}", CONV1 + 32),
        ("{params: 1, layer: conv*}", CONV1 + 32 + CONV2 + 32),
        ("{params: 1, layer: '**/conv2d'}", CONV1 + CONV2 + 32),
        ("{params: 1, layer: [conv1, fc, conv1/batch_norm]}", CONV1 + 32 + FC + 10),
        ("{params: 1, layer: aux}", AUX + 10),
        ("{params: 1, layer: aux/linear}", AUX + 10),
        ("{params: 1, layer: '**'}", PARAMS),
        ("{params: 1, layer: '**/linear'}", AUX + 10),  # fc is the chain of one item, so no fc/linear
        ("{params: 1, layer: [fc, aux]}", FC + 10 + AUX + 10),
        ("{params: 1, convention: weights-only}", CONV1 + CONV2 + FC),
        ("{params: 1, convention: without-biases}", CONV1 + 32 + CONV2 + FC),
        ("{params: 1, convention: with-auxiliary}", PARAMS + AUX + 10),
        ("{params: 1, convention: with-running-statistics}", PARAMS + 32),
        ("{params: 1, convention: conv-only}", CONV1 + CONV2 + 32),
        ("{trainable: 1}", PARAMS),
        ("{frozen: 1}", 0),
        ("{buffers: 1}", 32),
        ("{kernels: 1}", CONV1 + CONV2 + FC),
        ("{macs: 1}", MACS),
        ("{macs: 1, convention: with-auxiliary}", MACS + AUX),
        ("{macs: 1, convention: conv-only}", MACS - FC),
        ("{macs: 1, convention: with-biases}", MACS + 32 * 16 * 16 + 10),
        ("{macs: 1, convention: with-normalization}", MACS + 16 * 32 * 32),
        ("{macs: 1, convention: with-normalization-and-pooling}", MACS + 16 * 32 * 32 + 16 * 16 * 16 + 32),
        (
            "{macs: 1, convention: elementwise}",
            MACS + 2 * 16 * 32 * 32 + 16 * 16 * 16 + 32 * 16 * 16 + 32,
        ),
        ("{macs: 1, input: 3x64x64}", 4 * (MACS - FC) + FC),
        ("{macs: 1, input: {input: 3x64x64}, layer: conv1}", 4 * CONV1 * 1024),
        ("{flops: 1}", 2 * MACS),
        ("{flops: 1, convention: conv-only}", 2 * (MACS - FC)),
        ("{flops: 1, convention: with-normalization}", 2 * (MACS + 16 * 32 * 32)),
        ("{connections: 1, layer: fc}", FC + 10),
        ("{activations: 1, layer: conv2}", 2 * 32 * 16 * 16),
        ("{activations: 1, convention: contractions}", 16 * 32 * 32 + 32 * 16 * 16 + 10),
        ("{activations: 1, layer: input}", 3 * 32 * 32),
        ("{memory: 1, layer: fc}", FC + 10 + 10),
        ("{channels: 1, layer: conv2}", 32),
        ("{channels: 1, layer: input}", 3),
        ("{channels: 1, layer: aux}", 10),
        ("{macs: 1, layer: conv1, over: conv2}", Fraction(CONV1 * 1024, CONV2 * 256)),
        ("{macs: 1, layer: fc, over: '**'}", Fraction(FC, MACS)),
        ("{params: 1, over_model: toy-wide}", Fraction(PARAMS, 864 + 64 + 18432 + 64 + 640 + 10)),
        ("{params: 1, layer: fc, over: fc, over_model: toy-wide}", Fraction(FC + 10, 650)),
        ("{params: 1, over_model: vgg-16}", Fraction(PARAMS, 138_357_544)),
        (
            "{params: 1, over_model: lenet5-1998, convention: weights-only}",
            Fraction(5360, 150 + 1500 + 48_000 + 10_080),
        ),
    ],
)
def test_quantities(line: str, number: Fraction) -> None:
    """What is counted of which layers, under which convention: by hand."""
    assert computed(line) == number


def test_all_operations_of_a_relu() -> None:
    """One comparison for each element, and nothing else."""
    network = "input: 3x4x4\nlayers: [relu]"

    assert computed("{flops: 1, convention: all-operations}", "toy-family", network) == 48


def test_shortcut_sums_count_under_resnet() -> None:
    """One addition for each element of the sum, and none for biases."""
    network = "input: 3x4x4\nlayers:\n  - add: {main: conv2d 3 1, skip: identity}"

    assert computed("{macs: 1}", "toy-family", network) == 9 * 16
    assert computed("{macs: 1, convention: resnet}", "toy-family", network) == 9 * 16 + 48


def test_frozen_weights() -> None:
    """Marked frozen they are still params; fixed by design they are not."""
    network = "input: 8\nlayers: [linear 4 frozen=true, rbf 2]"

    assert computed("{params: 1}", "toy-family", network) == 36
    assert computed("{trainable: 1}", "toy-family", network) == 0
    assert computed("{frozen: 1}", "toy-family", network) == 44
    assert computed("{params: 1, convention: with-frozen}", "toy-family", network) == 44


def test_channels_of_a_module_are_those_that_leave_it() -> None:
    """GoogLeNet's module 3a puts out 64 + 128 + 32 + 32; its 1x1 branch alone 64."""
    googlenet = library.bundled("googlenet").spec
    network = "use: googlenet"

    assert googlenet.name == "googlenet"
    assert computed("{channels: 1, layer: inception_3a}", "toy-family", network) == 256
    assert computed("{channels: 1, layer: inception_3a/1x1}", "toy-family", network) == 64


@pytest.mark.parametrize(
    "network",
    [
        "input: 3x4x4\nlayers:\n  - a: conv2d 4 1\n  - b: conv2d 5 1\n  - concat from a b",
        "input: 3x4x4\noutputs: a b\nlayers:\n  - a: conv2d 4 1\n  - b: conv2d 5 1",
    ],
)
def test_several_outputs_have_no_one_number_of_channels(network: str) -> None:
    """Which of them is meant cannot be guessed, whether a later layer reads them or the user."""
    result = check_spec(toy("{channels: 1, layer: [a, b]}", model="toy-family", network=network))

    assert "these layers have several outputs" in result.mistakes[0].message


def test_receptive_field_of_what_leaves_layers() -> None:
    """VGG-16 after its last pooling sees 212 positions, 32 apart; ResNet-50, stride on the 3x3, 427."""
    assert computed("{field: 1, layer: pool5}", "toy-family", "use: vgg") == 212
    assert computed("{jump: 1, layer: pool5}", "toy-family", "use: vgg") == 32
    assert computed("{field: 1, layer: conv5_x}", "toy-family", "use: resnet") == 427


@pytest.mark.parametrize("claim", ["{field: 1, layer: conv}", "{jump: 1, layer: global_avg_pool}"])
def test_receptive_field_that_is_no_one_number(claim: str) -> None:
    """A window of 3x1 has two sizes; what sees everything has no jump."""
    network = "input: 1x8x8\nlayers:\n  - conv: conv2d 4 3x1\n  - global_avg_pool"

    result = check_spec(toy(claim, model="toy-family", network=network))

    assert "differs between outputs or axes" in result.mistakes[0].message


def test_the_document_lists_every_convention() -> None:
    """Name, quantities and meaning of those that are no tool's stand in docs/claims.md as in the data."""
    text = (Path(__file__).parent.parent / "docs" / "claims.md").read_text(encoding="utf-8")

    for convention in CONVENTIONS.values():
        if convention is not OWN and convention.tool is None:
            quantities = "all" if convention.terms is OWN.terms else ", ".join(convention.terms)
            assert f"| {convention.name} | {quantities} | {convention.says} |" in text


# ------------------------------------------------------------------------------------------ reasons


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{macs: 3.245M}", "factor 2: the source counts a multiply-accumulate as two"),
        ("{flops: 1.622M}", "factor 2: the source counts a multiply-accumulate as one"),
        ("{params: 5360}", "met by convention weights-only: "),
        ("{params: 5392}", "met by convention without-biases: "),
        ("{params: 5434, convention: weights-only}", "met without convention weights-only"),
        ("{params: 464, layer: conv1, convention: weights-only}", "met without convention weights-only"),
        ("{params: 5466}", "met by convention with-running-statistics: "),
        ("{params: 5604}", "met by convention with-auxiliary: also the heads that exist in training only"),
        ("{macs: 1622016}", "met by convention conv-only: "),
        ("{macs: 1630538}", "met by convention with-biases: one more for each bias addition"),
        ("{macs: 1638720}", "met by convention with-normalization: "),
        ("{macs: 1642848}", "met by convention with-normalization-and-pooling: "),
        ("{activations: 24586}", "met by convention contractions: "),
        ("{macs: 405824}", "met by toy-strided, where strided=true"),
        ("{params: 20_074}", "met by toy-wide, where width=32"),
        ("{params: 5_402}", "met by convention without-normalization: "),
        ("{macs: 79479104}", "met with input 3x224x224"),
        ("{params: 5.307K}", "here K, M and G are powers of 1024: write 5.307Ki"),
        ("{params: 5.307e3}", "here K, M and G are powers of 1024: write 5.307Ki"),
    ],
)
def test_reasons_that_close_the_gap(line: str, reason: str) -> None:
    """Each discrepancy that sources are known for."""
    found = outcome(line)

    assert found.verdict is Verdict.FAILED
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    "line",
    ["{params: 5434}", "{params: 4711}", "{channels: 31, layer: conv2}", "{params: 5000, erratum: 5433}"],
)
def test_nothing_is_explained_that_is_met_or_that_nothing_explains(line: str) -> None:
    """Better no reason than a wrong one."""
    assert outcome(line).reason == ""


@pytest.mark.parametrize(
    ("line", "first", "second"),
    [
        # Strided, conv1 and conv2 make a quarter of the multiplications: 110,592 + 294,912 + 320 = 405,824.
        # Biases are added 32 * 16*16 + 10 times. Wide, there are 864 + 18,432 + 640 weights in kernels.
        ("{macs: 202_912}", "factor 2: the source counts a multiply-accumulate as one", "met by toy-strided"),
        (
            "{macs: 3_261_076}",
            "factor 2: the source counts a multiply-accumulate as two",
            "met by convention with-biases",
        ),
        ("{params: 19_936}", "met by convention weights-only", "met by toy-wide"),
    ],
)
def test_two_reasons_together(line: str, first: str, second: str) -> None:
    """Where no single reason meets the figure."""
    found = outcome(line).reason

    assert found.startswith(f"together: {first}")
    assert f"; and {second}" in found


def test_a_variant_at_another_input_is_no_reason() -> None:
    """Only a factor goes with anything else: so much work has the wide network for 3x224x224, and nobody says so."""
    assert outcome(f"{{macs: {2 * CONV1 * 224**2 + 4 * CONV2 * 112**2 + 2 * FC}}}").reason == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{params: 5.31K}", "would fit 5.31Ki, perhaps by chance (3 digits)"),
        ("{params: 20.1K}", "met by toy-wide, where width=32"),
        ("{macs: 3.2M}", "would fit factor 2: the source counts a multiply-accumulate as two, so twice this, "
         "perhaps by chance (2 digits)"),
        ("{macs: 3.24M}", "factor 2: the source counts a multiply-accumulate as two, so twice this"),
    ],
)  # fmt: skip
def test_a_reading_that_may_fit_by_chance_is_offered_as_such(line: str, reason: str) -> None:
    """Two or three digits prove a reading only where it is among the first; the place in the order counts."""
    assert outcome(line).reason == reason


@pytest.mark.parametrize(
    ("figure", "network", "reason"),
    [
        # Published bug reports: 2,538 printed as 2.4K, 23,427,894 as 22M, 2,661,150,208 as 2.4B.
        ("2.4K", "input: 1268\nlayers: [linear 2]", "would fit 2.4Ki, perhaps by chance (2 digits)"),
        ("22M", "input: 11713946\nlayers: [linear 2 bias=false]", "would fit 22Mi, perhaps by chance (2 digits)"),
        ("2.4B", "input: 83160944\nlayers: [linear 32 bias=false]", "would fit 2.4Gi, perhaps by chance (2 digits)"),
        # Of 12 params 6 are frozen. As in RetinaNet's 34,014,999, normalization is not in the exact figure.
        ("6", "input: 2\nlayers: [linear 2 frozen=true, linear 2]",
         "would fit trainable params only, perhaps by chance (1 digit)"),
        ("65792", "input: 256x4x4\nlayers: [conv2d 256 1, batch_norm frozen=true]", "met by trainable params only"),
        ("65792", "input: 256x4x4\nlayers: [conv2d 256 1, batch_norm]",
         "met by convention without-normalization: all learned parameters except the scales and offsets of "
         "normalization, which some sources store as buffers"),
        # thop leaves out positions: of its params nothing is said that is about multiplications.
        ("45", "input: {length: 5, channels: 4}\nlayers: [positions, linear 9]",
         "would fit convention thop: params as version 0.1.1.post2209072238 prints them, perhaps by chance (2 digits)"),
    ],
)  # fmt: skip
def test_reasons_for_params(figure: str, network: str, reason: str) -> None:
    assert outcome(f"{{params: {figure}}}", "toy-family", network).reason == reason


def test_the_reason_of_a_tools_figure_says_what_the_tool_counts() -> None:
    """Beside the 56*36 + 28*5 multiplications, ptflops counts 28 + 5 biases and 2*28 of norm and activation each."""
    network = "input: 8x4x4\nlayers: [conv2d 7 3, batch_norm, relu, flatten, linear 5]"

    assert outcome("{macs: 2301}", "toy-family", network).reason == (
        "met by convention ptflops: "
        "MACs: multiply-accumulates, biases, and elements that pooling, normalization and activations touch"
    )


def test_few_figures_that_nothing_explains_are_given_a_reason_as_a_fact() -> None:
    """Of printed numbers that have nothing to do with the network, fewer than 1 in 50; more are offered one."""
    draw = Random(7)
    lines = []
    for _ in range(400):
        value = round(MACS * 2 ** draw.uniform(-0.7, 0.7))
        digits = draw.choice((2, 3, 4))
        lines.append(f"{{macs: {value:.{digits - 1}e}}}".replace("e+0", "e"))
    found = [each.reason for each in check_spec(toy(*lines)).outcomes if each.verdict is Verdict.FAILED]

    offered = [reason for reason in found if reason.startswith("would fit")]
    assert len(found) > 300
    assert len(offered) > 10
    assert sum(bool(reason) for reason in found) - len(offered) < len(found) / 50


@pytest.mark.parametrize("line", ["{params: 19.9K}", "{macs: 0.20M}", "{params: 19.93K}", "{macs: 3.3M}"])
def test_two_reasons_are_not_fished_for(line: str) -> None:
    """Figures of two and three digits that one pair meets, one met by dropping digits only, one met by two pairs."""
    assert outcome(line).reason == ""


def test_an_image_that_is_not_square_is_not_made_square() -> None:
    """27*16 weights at 222*222 positions are what the network has for 3x224x224, and nobody says so."""
    network = "input: 3x32x48\nlayers: [conv2d 16 3]"

    assert outcome("{macs: 21290688}", "toy-family", network).reason == ""
    assert outcome("{macs: 21290688}", "toy-family", network.replace("48", "32")).reason == (
        "met with input 3x224x224"
    )


def test_up_to_three_knobs_of_a_variant_are_named() -> None:
    network = """
input: 1
knobs: {a: 1, b: 1, c: 1, d: 1}
variants: {toy: {}, three: {a: 10, b: 20, c: 30}, four: {a: 10, b: 20, c: 30, d: 70}}
layers: [linear a, linear b, linear c, linear d, linear 100 bias=false]
"""
    # Of three: 10*2, 20*11, 30*21, 31, 100; of four 70*31 in place of 31, and 7000.
    assert outcome("{params: 1_001}", network=network).reason == "met by three, where a=10, b=20, c=30"
    assert outcome("{params: 10_040}", network=network).reason == "met by four"


def test_the_search_builds_so_many_networks_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no further network is found all the same."""
    monkeypatch.setattr(checking, "SEARCH_STEPS", -1)

    result = check_spec(toy("{params: 5360}", "{params: 20_074}"))

    assert [bool(one.reason) for one in result.outcomes] == [True, False]


def test_real_discrepancies_are_explained() -> None:
    """ResNet-50's two placements of the stride, and AlexNet's two input sizes, are found by name."""
    resnet = outcome(
        "{macs: 3.86e9, layer: '**'}", "toy-family", "use: resnet\nvariants: {v1: {stride_first: true}}"
    )
    alexnet = outcome(
        "{params: 62378344}", "toy-family", "use: alexnet\nknobs: {size: 224, towers: 1, border: 0}"
    )

    assert resnet.reason == "would fit v1, where stride_first=true, perhaps by chance (3 digits)"
    assert alexnet.reason == "met with input 3x227x227"


def test_the_search_for_reasons_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec full of failures costs no more than some of them."""
    monkeypatch.setattr(checking, "MOST_EXPLAINED", 2)

    result = check_spec(toy(*["{params: 5360}"] * 5))

    assert [bool(one.reason) for one in result.outcomes] == [True, True, False, False, False]


def test_a_claim_is_about_the_numbers_that_count_prints(run: Run, tmp_path: Path) -> None:
    """Of a group of layers, under every convention that speaks of a quantity."""
    path = write(tmp_path / "toy.yaml", toy().source.text.partition("claims:")[0])
    spec, networks = toy("{params: 1, layer: conv*}"), Networks()
    (claim,) = claims.read(spec)

    for name in ("paramcalc", "weights-only", "with-auxiliary", "elementwise", "fvcore", "keras", "thop"):
        report = json.loads(run("count", f"{path}:toy", "--convention", name, "--format", "json").out)
        for quantity in {*QUANTITIES} & {*report["totals"]}:
            printed = sum(layer[quantity] for layer in report["layers"] if layer["path"].startswith("conv"))
            asked = claim._replace(quantity=quantity, convention=name)
            assert measured(asked, spec, networks) == printed, (name, quantity)


THOUSAND = "input: 8x4x4\nlayers:" + "".join(f"\n  - l{number}: conv2d 8 1" for number in range(1000))


def test_work_grows_with_the_claims_and_not_with_their_layers() -> None:
    """A thousand claims, each about one of a thousand layers, are some looks each."""
    lines = [f"{{params: 72, layer: l{number}}}" for number in range(1000)]
    networks = Networks()

    result = check_spec(toy(*lines, model="toy-family", network=THOUSAND), "", networks)

    assert [one.verdict for one in result.outcomes] == [Verdict.EXACT] * 1000
    assert MOST_LOOKS - networks.looks < 5 * 1000


def test_a_spec_full_of_patterns_is_bounded() -> None:
    """A thousand patterns are compared with a thousand paths; three thousand are too much work."""
    result = check_spec(toy(*["{params: 72000, layer: 'l*'}"] * 3000, model="toy-family", network=THOUSAND))

    assert 1000 < len(result.outcomes) < 3000
    assert {one.verdict for one in result.outcomes} == {Verdict.EXACT}
    assert [mistake.fact for mistake in result.mistakes] == ["the claims of this spec take too much work"]


def test_networks_are_elaborated_once_and_forgotten_in_time() -> None:
    """Claims of one model share its network, aliases too; memory is bounded."""
    networks = Networks()
    spec = toy("{params: 1}", "{macs: 1}", "{flops: 1}", model="toy-wide")
    (claim, *_) = claims.read(spec)

    check_spec(spec, networks=networks)
    shared = len(networks.known)
    measured(claim, spec, networks, model="toy-alias")
    for size in range(32, 32 + 2 * KEPT):
        measured(claim, spec, networks, inputs={"input": (3, size, size)})

    assert ("toy.yaml", "toy-wide", ()) not in networks.known
    assert shared < KEPT
    assert len(networks.known) == KEPT


# ------------------------------------------------------------------------------ mistakes in claims


@pytest.mark.parametrize(
    ("line", "wrong", "fact", "note"),
    [
        ("{params: 1, layer: conv3}", "conv3", "no layer matches 'conv3'", "did you mean 'conv"),
        ("{params: 1, layer: fc, over: pool}", "pool", "no layer matches 'pool'", "did you mean 'pool1'?"),
        (
            "{params: 1, over_model: vgg15}",
            "vgg15",
            "there is no model 'vgg15' in this file, and none is bundled",
            "or 'vgg-16'",
        ),
        (
            "{params: 1, over_model: ../specs/vgg.yaml}",  # a path is never followed
            "../specs/vgg.yaml",
            "there is no model '../specs/vgg.yaml' in this file, and none is bundled",
            "",
        ),
        ("{params: 1, layer: fc, over: pool1}", "pool1", "the params to divide by are 0", ""),
        *(
            (
                f"{{{name}: 1, layer: input}}",
                "input",
                f"an input has no {name}",
                "expected: activations or channels",
            )
            for name in (*QUANTITIES, "field", "jump")
            if name != "activations"
        ),
        (
            "{activations: 1, layer: [input, conv1]}",
            "[input, conv1]",
            "a claim about an input cannot be about layers too",
            "",
        ),
        (
            "{params: 1, input: 3x1x1}",
            "3x1x1",
            "with this input the network cannot be built",
            "toy.yaml:12: ",
        ),
        (
            "{params: 1, input: 3x32}",
            "3x32",
            "with this input the network cannot be built",
            "the input has 3",
        ),
    ],
)
def test_claims_that_do_not_fit_the_network(line: str, wrong: str, fact: str, note: str) -> None:
    """Shown at the field that is wrong, with near misses."""
    result = check_spec(toy(line))

    (mistake,) = result.mistakes
    assert result.exit_code == 2
    assert mistake.problem is not None
    source, start, end, *_ = mistake.problem
    assert source.text[start:end] == wrong
    assert mistake.fact == fact
    assert note in "".join(mistake.notes)


def test_a_spec_that_cannot_be_built_is_reported_once() -> None:
    """However many claims there are about it."""
    network = "input: 3x4x4\nlayers: [conv2d 4 9]"

    result = check_spec(toy("{params: 1}", "{macs: 1}", model="toy-family", network=network))

    (mistake,) = result.mistakes
    assert "nothing remains of the height" in mistake.fact
    assert result.outcomes == ()


# ------------------------------------------------------------------------------------- command line

SMALL = """name: small
input: 1x32x32
source: {title: A Paper}
layers:
  - C1: conv2d 6 5
  - S2: subsample 2
claims:
  small:
    - {params: 156, layer: C1, source: {where: Section II.B}}
    - {params: 12, layer: S2, source: {where: Section II.B}}
    - {macs: 117.6K, called: FLOPs}
"""


def write(path: Path, text: str = SMALL) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_bundled_is_met_or_documented(run: Run) -> None:
    """The promise of the collection: no claim fails, and most are confirmed."""
    result = json.loads(run("check", "--format", "json").out)

    failed = [
        (claim["model"], claim["printed"]) for claim in result["claims"] if claim["verdict"] == "failed"
    ]
    assert failed == []
    assert result["problems"] == []
    assert result["passed"] is True
    assert result["counts"]["claims"] == len(result["claims"]) > 800
    assert result["counts"]["exact"] > 500


def test_every_bundled_spec_has_claims() -> None:
    """A spec without claims would pass without having been checked."""
    for path in library.bundled_files():
        assert claims.read(library.read(path)), path.name


def test_published_figures_of_resnet_50(run: Run) -> None:
    """One model by name: 3.8 billion are 3,857,973,248 with digits dropped."""
    result = json.loads(run("check", "resnet50-v1", "--format", "json").out)

    (printed,) = (claim for claim in result["claims"] if claim["printed"] == "3.8e9")
    assert {claim["model"] for claim in result["claims"]} == {"resnet50-v1"}
    assert printed["computed"] == 3_857_973_248
    assert printed["verdict"] == "truncates to"
    assert printed["called"] == "FLOPs"
    assert printed["source"] == "Deep Residual Learning for Image Recognition (2015), Table 1"


def test_an_alias_checks_what_is_said_of_its_variant(run: Run) -> None:
    """`resnet-50` is another name of `resnet50-v1.5`."""
    result = json.loads(run("check", "resnet-50", "--format", "json").out)

    assert {claim["model"] for claim in result["claims"]} == {"resnet50-v1.5"}


CHANGES = [
    ("lenet5-1998.yaml", "params: 1516,", "params: 1517,", "C3", "1,517", "1,516", ""),
    ("lenet5-1998.yaml", "C1: conv2d 6 5", "C1: conv2d 6 3", "the whole network", "60,000", "59,", ""),
    ("resnet.yaml", "macs: 3.8e9,", "macs: 4.1e9,", "the whole network", "4,100,000,000", "3,857,973,248",
     "would fit resnet50-v1.5, where stride_first=false, perhaps by chance (2 digits)"),
    ("googlenet.yaml", "params: 13378280, convention: with-auxiliary", "params: 13378280",
     "the whole network", "13,378,280", "6,998,552", "met by convention with-auxiliary"),
    ("vgg.yaml", "macs: 15.47e9, called: FLOPs", "macs: 30.94e9, called: FLOPs", "the whole network",
     "30,940,000,000", "15,470,264,320", "factor 2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "layer", "expected", "found", "reason"),
    CHANGES,
    ids=[f"{c[0]}: {c[2]}" for c in CHANGES],
)
def test_one_changed_number_fails(
    run: Run,
    tmp_path: Path,
    name: str,
    old: str,
    new: str,
    layer: str,
    expected: str,
    found: str,
    reason: str,
) -> None:
    """A copied spec with one number changed exits with 1 and says everything about it."""
    text = (library.bundled_folder() / name).read_text(encoding="utf-8")
    assert old in text
    untouched = write(tmp_path / f"untouched-{name}", text)
    changed = write(tmp_path / name, text.replace(old, new, 1))

    assert run("check", str(untouched)).code == 0
    result = run("check", str(changed))

    blocks = re.findall(r"^FAILED (?:.+\n)+", result.out, re.MULTILINE)
    (block, *_) = (block for block in blocks if f"expected  {expected}" in block)
    assert result.code == 1
    assert re.search(rf"^  layer     {layer}$", block, re.MULTILINE)
    assert re.search(r"^  claim     \w+ ", block, re.MULTILINE)
    assert re.search(r"^  source    \S", block, re.MULTILINE)
    assert re.search(rf"^  computed  {found}", block, re.MULTILINE)
    assert re.search(rf"^  place     .*{name}:\d+:\d+$", block, re.MULTILINE)
    assert (f"  reason    {reason}" in block) is bool(reason)


def test_any_exact_claim_fails_when_its_number_changes() -> None:
    """The check can fail: one more in each whole figure of three bundled specs, and none is met."""
    for name in ("lenet5-1998", "vgg", "googlenet"):
        text = (library.bundled_folder() / f"{name}.yaml").read_text(encoding="utf-8")
        mutated = re.sub(r"(- \{\w+: )(\d+)(,|\})", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}", text)
        spec = parse(Source(f"{name}.yaml", mutated), lambda used: library.bundled(used).spec)
        printed_whole = [one for one in check_spec(spec).outcomes if not one.claim.figure.unit]

        assert len(printed_whole) > 10
        assert {one.verdict for one in printed_whole} <= {Verdict.FAILED, Verdict.ERRATUM, Verdict.UNREAD}
        assert all(one.claim.erratum for one in printed_whole if one.verdict is not Verdict.FAILED)


def test_exit_codes(run: Run, tmp_path: Path) -> None:
    """0 fine, 1 a claim failed, 2 a spec could not be read; the worst counts."""
    good = write(tmp_path / "good.yaml")
    bad = write(tmp_path / "bad.yaml", SMALL.replace("156", "157"))
    broken = write(tmp_path / "broken.yaml", SMALL.replace("conv2d", "conv4d"))

    assert run("check", str(good)).code == 0
    assert run("check", str(good), str(bad)).code == 1
    assert run("check", str(bad), str(broken), str(good)).code == 2
    assert run("check", "no-such-model").code == 2
    assert run("check", str(tmp_path / "absent.yaml")).code == 2


def test_a_spec_without_claims_must_be_one(run: Run, tmp_path: Path) -> None:
    """What cannot be built is no success, claims or not: the spec, or any of its variants."""
    broken = write(tmp_path / "broken.yaml", "input: 3x8x8\nlayers: [rellu]\n")
    variants = write(
        tmp_path / "variants.yaml",
        "name: variants\ninput: 3x8x8\nknobs: {size: 3}\nvariants: {fine: {size: 5}, large: {size: 9}}\n"
        "layers: [conv2d 4 size]\n",
    )
    results = [run("check", str(broken)), run("check", str(variants)), run("check", f"{variants}:fine")]

    assert [result.code for result in results] == [2, 2, 0]
    assert "there is no op or block 'rellu'" in results[0].err
    assert "a window of 9x9 does not fit" in results[1].err
    assert "no claims" in results[2].err


PLUGIN = """
from dataclasses import dataclass
from paramcalc.ops.base import Elementwise

@dataclass(frozen=True)
class Faulty(Elementwise):
    "Divides by nothing."

    def cost(self, *inputs):
        return 1 // 0
"""


def test_every_file_is_judged_whatever_is_wrong_with_another(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unreadable, not there, with a mistake in an expression, or with an op of a plugin that fails."""
    good = write(tmp_path / "good.yaml", SMALL.replace("156", "157"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff")
    worse = write(tmp_path / "expression.yaml", "input: 3x8x8\nlayers: [conv2d abs(lost) 3]\n")
    plugin = write(tmp_path / "faulty.py", PLUGIN)
    fails = write(tmp_path / "plugin.yaml", "input: 3x8x8\nlayers: [faulty]\n")
    paths = [str(path) for path in (binary, worse, tmp_path / "absent.yaml", fails, good)]
    monkeypatch.setattr(ops, "_found", dict(ops._found))  # and without the op afterwards

    result = run("check", *paths, "--plugin", str(plugin), "--format", "github")
    lines = result.out.splitlines()
    named = [line.partition("file=")[2].partition(",")[0] for line in lines[:-1]]
    assert result.code == 2
    assert named == [shown_path(path) for path in (str(good), *paths[:-1])]
    assert "ZeroDivisionError: integer division or modulo by zero" in result.err
    assert lines[-1].startswith("3 claims: 2 exact, ")


def test_a_malformed_claim_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    """It is shown at its place, the others are checked, and the exit code is 2."""
    path = write(tmp_path / "a.yaml", SMALL.replace("params: 12,", "parms: 12,"))

    result = run("check", str(path))

    assert result.code == 2
    assert "a.yaml:10:8: a claim has no field 'parms'" in result.err
    assert re.findall(r"C1 params +156 +exact", result.out)
    assert result.out.splitlines()[-1].startswith("2 claims: 2 exact")


def test_what_is_not_there_is_named_once(run: Run, tmp_path: Path) -> None:
    """A message that names the model needs no name before it."""
    absent = tmp_path / "absent.yaml"

    assert run("check", "no-such-model").err.startswith(
        "there is no file and no bundled model 'no-such-model'"
    )
    assert run("check", absent).err.count(str(absent)) == 1
    assert run("check", f"{absent}/").err.count(str(absent)) == 1
    assert "there is no file and no bundled model ''" in run("check", "").err
    assert "variants are lenet5-1998, lenet-5" in run("check", "lenet5-1998:letter").err


def test_the_readable_specs_are_checked_beside_a_broken_one(run: Run, tmp_path: Path) -> None:
    """Data on stdout, the mistake with its place on stderr."""
    write(tmp_path / "a.yaml", SMALL.replace("conv2d", "conv4d"))
    write(tmp_path / "b.yaml")

    result = run("check", str(tmp_path))

    assert result.code == 2
    assert "C1 params" in result.out
    assert result.out.splitlines()[-1].endswith("0 failed; 1 problem")
    assert "a.yaml:5:9: " in result.err
    assert "conv4d" not in result.out


def test_a_folder_means_the_specs_in_it(run: Run, tmp_path: Path) -> None:
    """Both endings, no other files, nothing below; a folder without specs is an error."""
    write(tmp_path / "a.yaml")
    write(tmp_path / "b.yml", SMALL.replace("small", "other"))
    write(tmp_path / "c.txt", "nonsense")
    (tmp_path / "deeper").mkdir()

    result = json.loads(run("check", str(tmp_path), "--format", "json").out)

    assert [claim["model"] for claim in result["claims"]] == ["small"] * 3 + ["other"] * 3
    empty = run("check", str(tmp_path / "deeper"))
    assert empty.code == 2
    assert "no spec in this folder" in empty.err


def test_standard_input(run: Run) -> None:
    """A spec from a pipe is checked like a file."""
    result = run("check", "-", stdin=SMALL.replace("156", "157"))

    assert result.code == 1
    assert "<stdin>:9:16" in result.out


def test_a_spec_without_claims_says_so(run: Run, tmp_path: Path) -> None:
    """It is fine, but nobody should think that something was checked."""
    path = write(tmp_path / "plain.yaml", SMALL.split("claims:")[0])

    result = run("check", str(path))

    assert result.code == 0
    assert "no claims" in result.err
    assert result.out.startswith("0 claims: ")


def test_a_spec_without_claims_makes_a_network(run: Run, tmp_path: Path) -> None:
    """A mistake in its layers is one all the same, and what else is named is checked."""
    broken = write(tmp_path / "broken.yaml", "input: 3\nlayers: [rellu]\n")
    fine = write(tmp_path / "fine.yaml", SMALL)

    result = run("check", str(broken), str(fine))

    assert result.code == 2
    assert "broken.yaml:2:10: there is no op or block 'rellu'" in result.err
    assert result.out


def test_the_summary_counts_every_claim_once(run: Run) -> None:
    """The numbers of the last line add up to the first; only of verdicts that there are, and of failures."""
    last = run("check", "googlenet", "lenet5-ng").out.splitlines()[-1]

    total, *parts = (int(number) for number in re.findall(r"\d+", last))
    assert sum(parts) == total
    assert re.fullmatch(
        r"\d+ claims: \d+ exact, \d+ rounded, \d+ truncated, \d+ within tolerance, \d+ errat(a|um), "
        r"0 failed",
        last,
    )
    assert " 0 " not in last.removesuffix(", 0 failed")


@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_fits_and_no_digit_is_cut(run: Run, columns: int) -> None:
    """Where the terminal is narrow, source and remarks give way, never a number."""
    result = run("check", "vgg", "googlenet", "--all", columns=columns)

    table = result.out.rsplit("\n\n", 1)[0].splitlines()
    assert max(len(line.rstrip()) for line in table) <= columns
    assert "15,470,264,320" in result.out
    assert ("Table 2" in result.out) is (columns == 200)
    for line in table:
        assert re.search(r",\d{1,2}(?!\d)", line.split("  called")[0]) is None


def test_several_specs_have_a_line_for_each_model(run: Run, tmp_path: Path) -> None:
    """Of one spec every claim is shown. Of several, each model's numbers and the claims that are not met, and all
    claims with --all; for machines always all of them.
    """
    small = str(write(tmp_path / "small.yaml"))
    other = str(
        write(
            tmp_path / "other.yaml",
            """name: other
input: 4
layers: [fc: linear 3]
claims:
  other:
    - {params: 15}
    - {macs: 0.01K}
    - {macs: 12, unread: true}
    - {macs: 10, erratum: 4 x 3 is 12}
    - {params: 16, layer: fc}
""",
        )
    )

    one, both, every = run("check", other), run("check", small, other), run("check", small, other, "--all")
    machine = json.loads(run("check", small, other, "--format", "json").out)

    models, claims = both.out.split("\n\n")[:2]
    head, _, first, second = (re.split(" {2,}", line) for line in models.splitlines())
    assert head == ["model", "claims", "exact", "rounded", "errata", "not checked", "failed"]
    assert (first, second) == (["small", "3", "3"], ["other", "5", "1", "1", "1", "1", "1"])
    verdicts = [re.split(" {2,}", line.strip())[2] for line in claims.splitlines()[3:]]
    assert verdicts == ["not checked 12", "erratum 10", "FAILED printed 16, -6.2 %"]
    assert "--all shows every claim" in both.out
    for shown in (one.out, every.out):
        assert "rounds to 0.01K" in shown and "--all" not in shown
    assert len(machine["claims"]) == 8


def test_all_bundled_specs_fit_in_pages_not_in_a_scroll(run: Run) -> None:
    """Of all claims the ones that need a look: fewer lines than half of them, each model once."""
    out = run("check").out
    lines, claims = out.splitlines(), re.findall(r"^(\d+) claims: ", out, re.MULTILINE)

    assert len(lines) < int(claims[0]) / 2
    assert sum(line.startswith("resnet50-v1.5 ") for line in lines) == 1


def test_output_appears_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    """A file holds all of a format; where it cannot be written there is an error and no part of it."""
    target = tmp_path / "result.json"

    result = run("check", "lenet5-1998", "--format", "json", "--output", str(target))
    refused = run("check", "lenet5-1998", "-o", str(tmp_path / "absent" / "result.json"))
    table = run("check", "lenet5-1998", "-o", str(tmp_path / "result.txt"))

    assert (result.code, result.out) == (0, "")
    assert json.loads(target.read_text())["counts"]["failed"] == 0
    assert refused.code == 2
    assert table.code == 0
    assert (tmp_path / "result.txt").read_text().splitlines()[-1].endswith("0 failed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "result.txt"]


# -------------------------------------------------------------------------------------- the formats


def test_json_contract(run: Run, tmp_path: Path) -> None:
    """The fields that other programs read."""
    path = write(tmp_path / "bad.yaml", SMALL.replace("117.6K", "235.2K"))

    result = json.loads(run("check", str(path), "--format", "json").out)

    *_, claim = result["claims"]
    assert result["schema"] == "paramcalc/check/1"
    assert result["passed"] is False
    assert result["counts"] == {
        "claims": 3, "exact": 2, "rounds to": 0, "truncates to": 0, "within": 0, "erratum": 0,
        "unresolved": 0, "unread": 0, "failed": 1,
    }  # fmt: skip
    assert claim == {
        "model": "small",
        "layer": None,
        "quantity": "macs",
        "over": None,
        "over_model": None,
        "convention": "paramcalc",
        "input": None,
        "called": "FLOPs",
        "source": "A Paper",
        "printed": "235.2K",
        "expected": 235_200,
        "half_unit": 50,
        "computed": 117_600,
        "ratio": None,
        "verdict": "failed",
        "if_read": "failed",
        "gap": -0.5,
        "detail": "off by -50 %",
        "reason": "factor 2: the source counts a multiply-accumulate as two, so twice this",
        "within": None,
        "erratum": None,
        "unresolved": None,
        "unread": False,
        "note": None,
        "file": path.as_posix(),
        "line": 11,
        "column": 14,
    }


def test_json_of_a_ratio_is_exact_too(run: Run) -> None:
    """Beside the number stand its numerator and denominator, in lowest terms."""
    result = json.loads(run("check", "resnet34-vs-vgg19", "--format", "json").out)

    (claim,) = (claim for claim in result["claims"] if claim["over_model"])
    assert Fraction(*claim["ratio"]) == Fraction(3_644_493_824, 19_632_062_464)
    assert claim["expected"] == 0.18


def test_json_of_problems(run: Run, tmp_path: Path) -> None:
    """A mistake has its place; a file that is not there has none."""
    broken = write(tmp_path / "broken.yaml", SMALL.replace("params: 12,", "params: twelve,"))

    result = json.loads(run("check", str(broken), str(tmp_path / "no.yaml"), "--format", "json").out)

    first, second = result["problems"]
    assert (first["file"], first["line"], first["column"]) == (broken.as_posix(), 10, 16)
    assert first["fact"] == "'twelve' is not a number"
    assert (second["line"], second["column"]) == (None, None)
    assert result["passed"] is False


HOSTILE = SMALL.replace("A Paper", '"<b>&\\uFFFE]]>%0A::error::\\U0001F600"').replace("156", "157")


def test_junit_is_well_formed(run: Run, tmp_path: Path) -> None:
    """One case a claim, whatever its texts hold; failures, skips and errors are told apart."""
    bad = write(tmp_path / "bad.yaml", HOSTILE.replace("{macs: 117.6K", "{macs: 117.6K, unread: true"))
    broken = write(tmp_path / "broken.yaml", SMALL.replace("conv2d", "conv4d"))

    root = ElementTree.fromstring(run("check", str(bad), str(broken), "--format", "junit").out)

    suites = {suite.get("name"): suite for suite in root}
    failed, met, skipped = suites["small"]
    (error,) = suites["specs"]
    assert root.tag == "testsuites"
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    assert [failed[0].tag, met[0].tag, skipped[0].tag, error[0].tag] == [
        "failure",
        "system-out",
        "skipped",
        "error",
    ]
    assert (failed.get("classname"), failed.get("line")) == ("small", "9")
    assert "<b>&\\ufffe]]>%0A::error::\U0001f600, Section II.B" in (failed[0].text or "")
    assert "conv4d" in (error[0].text or "")


def test_junit_has_a_case_for_each_claim(run: Run) -> None:
    """Of everything bundled, with names that are unique in their class."""
    root = ElementTree.fromstring(run("check", "resnet", "googlenet", "--format", "junit").out)

    names = Counter((case.get("classname"), case.get("name")) for case in root.iter("testcase"))
    assert sum(names.values()) == int(root.get("tests", "0")) > 150
    assert max(names.values()) == 1


def test_junit_skips_what_is_not_settled(run: Run, tmp_path: Path) -> None:
    """An unresolved claim and an unread one are skipped, not passed, each with what is known of it."""
    claims = SMALL.replace("{params: 156", "{params: 157, unresolved: who knows").replace(
        "{macs: 117.6K", "{macs: 117.6K, unread: true"
    )
    path = write(tmp_path / "open.yaml", claims)

    (suite,) = ElementTree.fromstring(run("check", str(path), "--format", "junit").out)

    assert suite.get("skipped") == "2"
    skipped = [case[0].get("message") or "" for case in suite if case[0].tag == "skipped"]
    assert [message.split()[0] for message in skipped] == ["unresolved", "unread"]
    assert "who knows" in skipped[0]


def test_github_annotations_are_escaped(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command a failure: paths relative to the working folder, no text that could start another."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bad, 50%.yaml", HOSTILE)
    write(tmp_path / "broken.yaml", SMALL.replace("conv2d", "conv4d"))

    out = run("check", str(tmp_path), "--format", "github").out

    failed, mistake, summary = out.splitlines()
    properties, message = re.fullmatch(r"::error (.*?)::(.*)", failed).groups()  # type: ignore[union-attr]
    assert properties.startswith(
        "file=bad%2C 50%25.yaml,line=9,col=16,title=small%3A C1 params off by -0.64 %25"
    )
    assert "%0A  expected  157%0A  computed  156, off by -0.64 %25%0A" in message
    assert "%250A::error::" in message
    assert mistake.startswith("::error file=broken.yaml,line=5,col=9,title=")
    assert summary.startswith("3 claims: ")


def test_github_says_nothing_of_what_is_met(run: Run) -> None:
    """Only the summary remains."""
    out = run("check", "lenet5-1998", "--format", "github").out

    assert len(out.splitlines()) == 1


def test_a_missing_model_is_named(run: Run) -> None:
    """With near misses."""
    result = run("check", "resnet-51")

    assert result.code == 2
    assert "there is no file and no bundled model 'resnet-51'" in result.err
    assert "did you mean 'resnet-50'" in result.err


def test_a_variant_of_a_file(run: Run, tmp_path: Path) -> None:
    """`PATH:VARIANT` checks what is said of it; a variant that is not there is no success."""
    text = (library.bundled_folder() / "vgg.yaml").read_text(encoding="utf-8")
    path = write(tmp_path / "mine.yaml", text)

    found = json.loads(run("check", f"{path}:vgg-19", "--format", "json").out)
    absent = run("check", f"{path}:vgg-18")

    assert {claim["model"] for claim in found["claims"]} == {"vgg19-e"}
    assert absent.code == 2
    assert "there is no variant 'vgg-18' in 'vgg'" in absent.err
    assert "did you mean 'vgg-1" in absent.err


def test_the_library_checks_without_the_command_line(tmp_path: Path) -> None:
    """`check` gives plain data; a fault of one spec does not stop the others."""
    result = check([str(write(tmp_path / "a.yaml")), str(tmp_path / "absent.yaml")])

    assert [one.verdict for one in result.outcomes] == [Verdict.EXACT] * 3
    assert [mistake.spec for mistake in result.mistakes] == [str(tmp_path / "absent.yaml")]
    with pytest.raises(Fault, match=r"absent\.yaml: No such file or directory"):
        library.find(str(tmp_path / "absent.yaml"))


# ------------------------------------------------------------------------------------------ budgets

# conv 3*3*3*w + w params on 32x32 positions, head 10*w + 10: with w = 16, 448 + 170 params and 442,368 + 160
# multiplications; with w = 32, 896 + 330 and 884,736 + 320.
BUDGETED = """\
name: net
input: 3x32x32
knobs: {w: 16}
variants: {net: {}, same: {like: net}, wide: {w: 32}}
layers:
  - conv: conv2d w 3 padding=1
  - global_avg_pool
  - head: linear 10
budgets:
"""


def spendings(*lines: str) -> tuple[Spending, ...]:
    text = BUDGETED + "\n".join(lines) + "\n"
    return check_spec(library.from_text(Source("net.yaml", text))).budgets


@pytest.mark.parametrize(
    ("line", "computed", "kept"),
    [
        ('{params: "<= 618"}', Fraction(618), True),
        ('{params: "< 618"}', Fraction(618), False),
        ('{params: ">= 619"}', Fraction(618), False),
        ('{params: "> 617"}', Fraction(618), True),
        ('{params: "<= 0.618K"}', Fraction(618), True),  # exactly what is written: no digit is rounded
        ('{params: "<= 0.6K"}', Fraction(618), False),
        ("{params: <= 1_000}", Fraction(618), True),
        ('{macs: "<= 442_528"}', Fraction(442_528), True),
        ('{macs: "<= 300K", layer: conv}', Fraction(442_368), False),
        ('{macs: "<= 320", layer: head, batch: 2}', Fraction(320), True),
        ('{macs: "<= 1M", input: 3x64x64, layer: conv}', Fraction(4 * 442_368), False),
        ('{params: "<= 30%", layer: head, over: "**"}', Fraction(170, 618), True),
        ('{params: "<= 50%", over_model: wide}', Fraction(618, 1226), False),
        ('{params: "<= 592", convention: weights-only}', Fraction(592), True),
        ('{channels: "<= 16", layer: conv}', Fraction(16), True),
        ('{field: "<= 3", layer: conv}', Fraction(3), True),
        # params, and the input with the output of conv: (3 + 16)*32*32 elements
        ('{peak_memory: "<= 81 KB"}', Fraction(4 * (618 + 19 * 1024)), True),
        ('{peak_memory: "<= 79 KiB"}', Fraction(4 * (618 + 19 * 1024)), True),
        ('{peak_memory: "<= 40 KB", dtype: float16}', Fraction(2 * (618 + 19 * 1024)), False),
        ('{peak_memory: "< 160_000", batch: 2}', Fraction(4 * (618 + 2 * 19 * 1024)), True),
    ],
)
def test_budgets(line: str, computed: Fraction, kept: bool) -> None:
    """Limits are exact, to either side, of any quantity, layer, input, batch and convention."""
    (spending,) = spendings(f"  net: [{line}]")

    assert (spending.computed, spending.kept) == (computed, kept)


def test_training_memory_has_a_budget() -> None:
    """Adam keeps two moments of each of 618 params, plain descent none."""
    (adam,) = spendings('  net: [{peak_memory: "<= 1 GB", train: adam}]')
    (plain,) = spendings('  net: [{peak_memory: "<= 1 GB", train: sgd}]')

    assert adam.computed - plain.computed == 4 * 2 * 618


def test_a_list_of_budgets_is_for_every_model() -> None:
    """Each variant once, whatever it is called too."""
    found = spendings('  - {params: "<= 1K"}', '  - {macs: "<= 1M"}')

    assert [(one.budget.model, one.budget.quantity, one.kept) for one in found] == [
        ("net", "params", True), ("net", "macs", True), ("wide", "params", False), ("wide", "macs", True),
    ]  # fmt: skip
    assert found[2].verdict == "over by 23 %"


def test_an_exceeded_budget_fails(run: Run, tmp_path: Path) -> None:
    """Exit code 1, also beside a claim that is met; every format names it."""
    claimed = BUDGETED.replace("budgets:", "claims: {net: [{params: 618}]}\nbudgets:")
    kept = write(tmp_path / "kept.yaml", claimed + '  - {params: "<= 2K", layer: conv}\n')
    over = write(tmp_path / "over.yaml", claimed + '  - {params: "<= 500", layer: conv}\n')
    names = ("table", "json", "github", "junit", "markdown", "gitlab")
    form = {name: run("check", str(over), "--format", name).out for name in names}

    assert run("check", str(kept)).code == 0
    assert run("check", str(over)).code == run("check", f"{over}:wide").code == 1
    assert "2 budgets: 1 within, 1 not" in form["table"]
    assert "over by 79 %" in form["table"]
    budgets = json.loads(form["json"])["budgets"]
    assert [(one["model"], one["computed"], one["within"]) for one in budgets] == [
        ("net", 448, True), ("wide", 896, False),
    ]  # fmt: skip
    assert form["github"].startswith(
        f"::error file={over},line=11,col=14,title=wide%3A conv params over by 79 "
    )
    cases = ElementTree.fromstring(form["junit"]).findall(".//testcase[failure]")
    assert [case.get("classname") for case in cases] == ["wide"]
    assert "| &nbsp;&nbsp;conv params | 896 | \\<= 500 | 179.2 % | over by 79 % |" in form["markdown"]
    (issue,) = json.loads(form["gitlab"])
    assert issue["location"] == {"path": str(over), "lines": {"begin": 11}}
    assert issue["check_name"] == "paramcalc-budget"
    assert len(issue["fingerprint"]) == 64


def test_a_fingerprint_outlives_a_change_of_the_network(run: Run, tmp_path: Path) -> None:
    """GitLab compares it with that of the branch that a merge request is for: an old issue is not a new one."""
    path = tmp_path / "net.yaml"
    text = BUDGETED + '  - {params: "<= 500", layer: conv}\n  - {params: "<= 3", layer: conv}\n'

    def prints(text: str) -> list[str]:
        write(path, text)
        return [one["fingerprint"] for one in json.loads(run("check", str(path), "--format", "gitlab").out)]

    before = prints(text)

    assert len({*before}) == 3
    assert prints(text.replace("w 3", "w 3 bias=false")) == before


def test_budgets_of_several_specs_are_shown_where_they_fail(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "kept.yaml", BUDGETED + '  - {params: "<= 2K"}\n')
    write(tmp_path / "over.yaml", BUDGETED.replace("name: net", "name: two") + '  - {macs: "<= 800K"}\n')
    out = run("check", str(tmp_path)).out

    assert "  params" not in out
    assert re.search(r"  macs +885,056 +<= 800K +110.6 % +over by 11 %", out)
    assert "4 budgets: 3 within, 1 not" in out


def test_a_spec_full_of_budgets_is_bounded() -> None:
    """Peaks of memory of a large network, which take longer than counts."""
    chain = "input: 3x32x32\nlayers:\n  - 2000 * conv2d 3 3 padding=1\nbudgets:\n"
    result = check_spec(
        library.from_text(Source("net.yaml", chain + '  - {peak_memory: "<= 1 GB"}\n' * 9_000))
    )

    assert [mistake.fact for mistake in result.mistakes] == ["the claims of this spec take too much work"]


def test_active_params_have_a_budget() -> None:
    """Of 8 experts of 6*12 + 12*6 = 144 params each position meets two, and the router's 48."""
    text = (
        "name: moe\ninput: {length: 4, channels: 6}\ndefaults: {linear: bias=false}\nlayers:\n"
        "  - experts: {mixture: 8, active: 2, router: linear mixture, layers: [linear 12, linear 6]}\n"
        'budgets: [{active_params: "<= 400"}, {params: "<= 400"}]\n'
    )
    found = check_spec(library.from_text(Source("moe.yaml", text)))

    assert found.mistakes == ()
    assert [(int(one.computed), one.kept) for one in found.budgets] == [(336, True), (1200, False)]
