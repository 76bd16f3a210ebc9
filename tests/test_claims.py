"""Reading claims: figures with the precision of their text, fields, and mistakes with their place."""

from __future__ import annotations

from fractions import Fraction

import pytest

from paramcalc.base import printed
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.base.printed import Comparison
from paramcalc.check import reader as claims
from paramcalc.check.reader import Claim
from paramcalc.language.parse import parse
from paramcalc.language.spec import Spec

HEAD = """name: toy
source: {title: A Toy, year: 2024, where: Section 1}
input: 3x8x8
variants: {toy: {}, toy-too: {like: toy}}
layers:
  - conv: conv2d 4 3
claims:
  toy:
"""
ROW = HEAD.count("\n") + 1


def spec(*lines: str, head: str = HEAD) -> Spec:
    """A spec with these claims, each written as one line of a list."""
    text = head + "".join(f"    - {line}\n" for line in lines)
    return parse(Source("toy.yaml", text), _nothing_to_use)


def _nothing_to_use(name: str) -> Spec:
    raise Fault(f"no spec {name}")


def one(line: str) -> Claim:
    (claim,) = claims.read(spec(line))
    return claim


# ------------------------------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("60000", 60_000, 0),
        ("60_000", 60_000, 0),
        ("60,000", 60_000, 0),
        ("1,234,567", 1_234_567, 0),
        ("0", 0, 0),
        ("60e6", 60_000_000, 1_000_000),
        ("6e7", 60_000_000, 10_000_000),
        ("25.6e6", 25_600_000, 100_000),
        ("25.60e6", 25_600_000, 10_000),
        ("0.27e6", 270_000, 10_000),
        ("3.8e9", 3_800_000_000, 100_000_000),
        ("133M", 133_000_000, 1_000_000),
        ("1.5B", 1_500_000_000, 100_000_000),
        ("1.5G", 1_500_000_000, 100_000_000),
        ("2T", 2 * 10**12, 10**12),
        ("60K", 60_000, 1_000),
        ("112Ki", 114_688, 1_024),
        ("2.7Ki", Fraction(27 * 1024, 10), Fraction(1024, 10)),
        ("1Mi", 1_048_576, 1_048_576),
        ("18%", Fraction(18, 100), Fraction(1, 100)),
        ("0.18%", Fraction(18, 10_000), Fraction(1, 10_000)),
        ("1.389", Fraction(1389, 1000), Fraction(1, 1000)),
        ("10000000000000000000001", 10**22 + 1, 0),
    ],
)
def test_precision_is_the_last_printed_digit(text: str, value: Fraction, unit: Fraction) -> None:
    """A figure's unit is that of its last digit; a whole number written out has none."""
    found = printed.read(text)

    assert (found.value, found.unit) == (value, unit)


NO_FIGURES = (
    "", "six", "inf", "nan", "-5", "+5", "1.", ".5e6", "1e", "1e-3", "1e6.5", "1e31", "6E7", "1,23", "1,5e6",
    "12,34,567", "1__0", "_1", "010", "00.5", "0x10", "5 M", "5k", "5MM", "5M%", "5Ti", "\u0663", "1e6\n",
    "9" * 41,
)  # fmt: skip


@pytest.mark.parametrize("text", NO_FIGURES)
def test_what_is_no_figure_is_refused(text: str) -> None:
    """Beside each legal form above stands one that nobody can have meant."""
    others = {"010": "has a leading zero", "00.5": "has a leading zero", "1e31": "is too large"}
    with pytest.raises(Fault, match=others.get(text, "is not a number")):
        printed.read(text)


@pytest.mark.parametrize(
    ("text", "digits", "width"),
    [
        ("6", 1, 1), ("60_000", 5, 1), ("1,234,567", 7, 1), ("22M", 2, 1_500_000), ("2e6", 1, 1_000_000),
        ("0.27e6", 2, 15_000), ("112Ki", 3, 1_536), ("0.050", 2, Fraction(3, 2000)), ("0", 1, 1),
    ],
)  # fmt: skip
def test_digits_and_interval(text: str, digits: int, width: Fraction) -> None:
    """Zeros in front are no digits; the interval is from half a unit below to a unit above, from two digits on."""
    found = printed.read(text)

    assert (found.digits, found.interval) == (digits, width)


def test_a_ratio_is_never_exact() -> None:
    """Twelve times is from eleven and a half to twelve and a half."""
    assert printed.read("12", ratio=True).compared(Fraction(1163, 100)) is Comparison.ROUNDS
    assert printed.read("12").compared(Fraction(1163, 100)) is Comparison.OFF


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("60000", 60_000, "exact"),
        ("60000", 60_001, "off"),
        ("25.6M", 25_600_000, "exact"),
        ("25.6M", 25_557_032, "rounds to"),
        ("25.6M", 25_550_000, "rounds to"),  # both halves round: sources do either
        ("25.6M", 25_650_000, "rounds to"),
        ("25.6M", 25_549_999, "off"),
        ("25.6M", 25_650_001, "truncates to"),
        ("25.6M", 25_699_999, "truncates to"),
        ("25.6M", 25_700_000, "off"),
        ("3.8e9", 3_857_973_248, "truncates to"),  # ResNet-50, He et al. 2015, Table 1
        ("3.9e9", 3_857_973_248, "rounds to"),
        ("5e9", 5_713_216_096, "off"),  # one digit says too little to be a truncation
        ("9e9", 9_713_216_096, "off"),
        ("1.0e2", 108, "truncates to"),  # two digits say enough
        ("1.0e2", 110, "off"),
        ("0.9e2", 98, "off"),
        ("5.7e9", 5_713_216_096, "rounds to"),
        ("112Ki", 114_688, "exact"),  # 3*3*64*192 + 64*64
        ("159Ki", 163_328, "rounds to"),  # 159.5 Ki
        ("112K", 114_688, "off"),
        ("6e7", 60_965_224, "rounds to"),
        ("60e6", 60_965_224, "truncates to"),
        ("0", 0, "exact"),
        ("0", 1, "off"),
        ("9007199254740993", 9007199254740992, "off"),  # equal as binary floats
    ],
)
def test_comparison_is_exact(text: str, number: int, expected: str) -> None:
    """Rounding and truncation at the last printed digit, to the unit."""
    assert printed.read(text).compared(Fraction(number)) == expected


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("7*7*3*64 = 9408", 9408, True),
        ("so 9,408 weights", 9408, True),
        ("9_408.", 9408, True),
        ("(9408)", 9408, True),
        ("19408", 9408, False),
        ("9408.5", 9408, False),
        ("9,408,000", 9408, False),
        ("9.4K", 9408, False),
        ("about 9410", 9408, False),
        ("25 / 18 = 1.389", Fraction(25, 18), True),
        ("25 / 18 = 1.388", Fraction(25, 18), True),  # digits dropped
        ("25 / 18 = 1.39", Fraction(25, 18), True),
        ("25 / 18 = 1.4", Fraction(25, 18), False),  # two digits are too few
        ("138.9%", Fraction(25, 18), True),
        ("138.9 %", Fraction(25, 18), True),
        ("0.0278", Fraction(1, 36), True),
        ("0.028", Fraction(1, 36), False),
        ("1.38", Fraction(25, 18), True),
        ("1.40", Fraction(25, 18), False),
        ("twice: 2", Fraction(2), True),
    ],
)
def test_an_erratum_must_hold_the_number(text: str, number: Fraction, expected: bool) -> None:
    """A whole number with all its digits, a ratio with three at least."""
    assert printed.mentions(text, Fraction(number)) is expected


# ------------------------------------------------------------------------------------------- fields


def test_a_claim_holds_what_is_written() -> None:
    """Every field, in its own form."""
    claim = one(
        "{macs: 1.5e3, layer: [conv, '**/relu'], over: conv, over_model: vgg-16, called: FLOPs, "
        "convention: conv-only, input: 3x9x9, source: {where: Table 2}, note: n, within: 2.5%, "
        "reason: about, unread: true}"
    )

    assert claim.quantity == "macs"
    assert claim.figure.value == 1_500
    assert claim.layers == ("conv", "**/relu")
    assert claim.over == ("conv",)
    assert claim.over_model == "vgg-16"
    assert claim.called == "FLOPs"
    assert claim.convention == "conv-only"
    assert claim.inputs == {"input": (3, 9, 9)}
    assert claim.source == "A Toy (2024), Table 2"
    assert claim.cited == "Table 2"
    assert claim.note == "n"
    assert (claim.within, claim.reason) == (Fraction(1, 40), "about")
    assert claim.unread is True
    assert (claim.line, claim.column) == (ROW, 14)


def test_what_is_not_written_has_its_usual_meaning() -> None:
    """The whole network, counted as `count` does, as the spec's own paper prints it."""
    claim = one("{params: 112}")

    assert claim.layers == claim.over == ()
    assert claim.convention == "paramcalc"
    assert claim.inputs == {}
    assert claim.source == "A Toy (2024), Section 1"
    assert claim.cited == ""
    assert claim.within is None
    assert claim.unread is False


@pytest.mark.parametrize(
    ("source", "full", "short"),
    [
        ("derived", "derived", "derived"),
        ("'Hu et al. 2017, Table 2'", "Hu et al. 2017, Table 2", "Hu et al. 2017, Table 2"),
        ("1512.03385", "1512.03385", "1512.03385"),
        ("{where: Table 2}", "A Toy (2024), Table 2", "Table 2"),
        ("{title: Other, year: 2020, where: page 3}", "Other (2020), page 3", "Other (2020), page 3"),
        ("{key: lecun98, where: II.B}", "lecun98, II.B", "lecun98, II.B"),
    ],
)
def test_sources(source: str, full: str, short: str) -> None:
    """A text, or details; without a title they belong to the spec's own paper."""
    claim = one(f"{{params: 112, source: {source}}}")

    assert (claim.source, claim.cited) == (full, short)


def test_several_inputs_are_named() -> None:
    """Of several inputs a claim says which one it resizes."""
    head = HEAD.replace("input: 3x8x8", "inputs: {left: 3x8x8, right: 3x8x8}")
    head = head.replace("conv: conv2d 4 3", "add from left right")

    (claim,) = claims.read(spec("{activations: 48, input: {left: 3x4x4, right: 3x4x4}}", head=head))

    assert claim.inputs == {"left": (3, 4, 4), "right": (3, 4, 4)}
    with pytest.raises(SpecError, match="several inputs: name one"):
        claims.read(spec("{activations: 48, input: 3x4x4}", head=head))


def test_a_spec_without_claims_has_none() -> None:
    """Absent claims are no mistake."""
    assert claims.read(spec(head=HEAD.replace("claims:\n  toy:\n", ""))) == ()


# ----------------------------------------------------------------------------------------- mistakes

MISTAKES = [
    (
        "{parms: 112}",
        """toy.yaml:9:8: a claim has no field 'parms'
          |
        9 |     - {parms: 112}
          |        ^^^^^
          = did you mean 'params'?""",
    ),
    (
        "{params: 112, layr: conv}",
        """toy.yaml:9:21: a claim has no field 'layr'
          |
        9 |     - {params: 112, layr: conv}
          |                     ^^^^
          = did you mean 'layer'?""",
    ),
    (
        "{params: 60,000}",
        """toy.yaml:9:19: '000' has no value: inside { } YAML cuts at every comma
          |
        9 |     - {params: 60,000}
          |                   ^^^
          = a text with a comma needs quotes; write 60_000 or "60,000\"""",
    ),
    (
        "{layer: conv}",
        """toy.yaml:9:7: the claim has no quantity
          |
        9 |     - {layer: conv}
          |       ^
          = quantities are params, trainable, frozen, buffers, kernels, biases, active_params, macs, flops, """
        "connections, activations, contraction_activations, memory, cache, depth, channels, field, jump",
    ),
    (
        "{params: 112, macs: 3}",
        """toy.yaml:9:21: a claim is about one quantity, not about params and macs
          |
        9 |     - {params: 112, macs: 3}
          |                     ^^^^
          = write two claims""",
    ),
    (
        "{params: about 112}",
        """toy.yaml:9:16: 'about 112' is not a number
          |
        9 |     - {params: about 112}
          |                ^^^^^^^^^
          = expected: digits as printed: 60000, 25.6e6, 138M, 112Ki, 18%""",
    ),
    (
        "{params: }",
        """toy.yaml:9:16: a number is missing here
          |
        9 |     - {params: }
          |                ^
          = digits as printed: 60000, 25.6e6, 138M, 112Ki, 18%""",
    ),
    (
        "{params: 010}",
        """toy.yaml:9:16: '010' has a leading zero
          |
        9 |     - {params: 010}
          |                ^^^""",
    ),
    (
        "{macs: 18%}",
        """toy.yaml:9:14: 18% of what?
          |
        9 |     - {macs: 18%}
          |              ^^^
          = add over: LAYERS or over_model: MODEL""",
    ),
    (
        "{params: 112, convention: weights_only}",
        """toy.yaml:9:33: there is no convention 'weights_only'
          |
        9 |     - {params: 112, convention: weights_only}
          |                                 ^^^^^^^^^^^^
          = did you mean 'weights-only'?""",
    ),
    (
        "{macs: 112, convention: weights-only}",
        """toy.yaml:9:19: 'weights-only' does not define macs, only params
          |
        9 |     - {macs: 112, convention: weights-only}
          |                   ^^^^^^^^^^""",
    ),
    (
        "{channels: 4}",
        """toy.yaml:9:8: 'channels' are those of a layer: say which
          |
        9 |     - {channels: 4}
          |        ^^^^^^^^
          = add layer: NAME""",
    ),
    (
        "{jump: 4}",
        """toy.yaml:9:8: 'jump' is that of a layer: say which
          |
        9 |     - {jump: 4}
          |        ^^^^
          = add layer: NAME""",
    ),
    (
        "{params: 110, within: 2%}",
        """toy.yaml:9:21: 'within' needs a reason
          |
        9 |     - {params: 110, within: 2%}
          |                     ^^^^^^
          = add reason: why the source is not exact""",
    ),
    (
        "{params: 110, reason: about}",
        """toy.yaml:9:21: 'reason' explains 'within', which is missing
          |
        9 |     - {params: 110, reason: about}
          |                     ^^^^^^""",
    ),
    (
        "{params: 110, within: 2, reason: about}",
        """toy.yaml:9:29: 'within' must be a percentage, such as 2%
          |
        9 |     - {params: 110, within: 2, reason: about}
          |                             ^""",
    ),
    (
        "{params: 110, within: 100%, reason: about}",
        """toy.yaml:9:29: 'within' must be a percentage, such as 2%
          |
        9 |     - {params: 110, within: 100%, reason: about}
          |                             ^^^^""",
    ),
    (
        "{params: 110, erratum: '112', unresolved: why}",
        """toy.yaml:9:37: a claim cannot have both 'erratum' and 'unresolved'
          |
        9 |     - {params: 110, erratum: '112', unresolved: why}
          |                                     ^^^^^^^^^^""",
    ),
    (
        "{params: 110, unread: yes}",
        """toy.yaml:9:29: 'unread' must be true or false
          |
        9 |     - {params: 110, unread: yes}
          |                             ^^^""",
    ),
    (
        "{params: 110, layer: }",
        """toy.yaml:9:28: 'layer' must be a path or pattern of layers, or a list of them
          |
        9 |     - {params: 110, layer: }
          |                            ^""",
    ),
    (
        "{params: 110, input: 3*8}",
        """toy.yaml:9:28: '3*8' is not the size of an input
          |
        9 |     - {params: 110, input: 3*8}
          |                            ^^^
          = write sizes such as 3x227x227""",
    ),
    (
        "{params: 110, input: {inputs: 3x8x8}}",
        """toy.yaml:9:29: there is no input 'inputs'
          |
        9 |     - {params: 110, input: {inputs: 3x8x8}}
          |                             ^^^^^^
          = did you mean 'input'?""",
    ),
    (
        "{params: 110, called: [a]}",
        """toy.yaml:9:29: 'called' must be a string
          |
        9 |     - {params: 110, called: [a]}
          |                             ^""",
    ),
    (
        "params",
        """toy.yaml:9:7: a claim is a mapping of a quantity to its number
          |
        9 |     - params
          |       ^^^^^^
          = write {params: 60000, source: Table 1}""",
    ),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistakes_are_shown_at_their_place(line: str, message: str) -> None:
    """File, line, column, the line with a caret, and what to write instead."""
    with pytest.raises(SpecError) as caught:
        claims.read(spec(line))

    assert str(caught.value) == message.replace("\n        ", "\n")


def test_mistakes_are_reported_together() -> None:
    """Several claims, several fields of one claim, and the model above them."""
    head = HEAD.replace("  toy:\n", "  toi:\n")

    with pytest.raises(SpecError) as caught:
        claims.read(spec("{params: six, unread: maybe}", "{macs: 5}", "{mac: 5}", head=head))

    assert [problem.fact for problem in caught.value.problems] == [
        "claims about 'toi', which is neither the name of this spec nor of a variant",
        "'six' is not a number",
        "'unread' must be true or false",
        "a claim has no field 'mac'",
    ]
    assert caught.value.problems[0].notes == ("did you mean 'toy'?",)


def test_claims_must_be_a_list() -> None:
    """One claim is a list of one."""
    head = HEAD.replace("  toy:\n", "  toy: {params: 112}\n")

    with pytest.raises(SpecError, match="the claims about 'toy' must be a list"):
        claims.read(spec(head=head))


def test_too_many_claims_end_in_an_error() -> None:
    """A spec is untrusted text: what it may ask for is bounded."""
    with pytest.raises(SpecError, match="at most 10000 claims"):
        claims.read(spec(*["{params: 1}"] * 10_001))


def test_an_aliass_claims_are_read() -> None:
    """A model is named by the spec, by a variant, or by another name of a variant."""
    head = HEAD.replace("  toy:\n", "  toy-too:\n")

    (claim,) = claims.read(spec("{params: 112}", head=head))

    assert claim.model == "toy-too"
