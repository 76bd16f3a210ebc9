"""Sizes in symbols: arithmetic, what can be proved about them, and rules of ops that run on them."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc import load, ops
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import judge
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.library import from_text
from paramcalc.language.expression import FUNCTIONS
from paramcalc.model import change
from paramcalc.ops.base import Cost, Example, Op
from paramcalc.symbolic.closed import close
from paramcalc.symbolic.facts import Facts, Symbol
from paramcalc.symbolic.judge import PolynomialJudge
from paramcalc.symbolic.notation import LATEX
from paramcalc.symbolic.polynomial import Polynomial, evaluate, opaque, symbol
from paramcalc.symbolic.rounds import power_sum
from paramcalc.symbolic.to_sympy import expression
from tests import calls
from tests.processes import check_cheap, launch

EXAMPLES = [example for kind in ops.every().values() for example in kind.examples]
W, H = symbol("w"), symbol("h")
SYMBOLS = (Symbol("w", ("width",), 64), Symbol("h", ("H",), 224, stretches=True))

# ------------------------------------------------------------------------------------- arithmetic

numbers = st.one_of(st.integers(-5, 5), st.fractions(-3, 3, max_denominator=4))
sums = st.recursive(
    st.one_of(numbers, st.sampled_from([W, H])),
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner).map(
        lambda item: {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}[item[0]](
            *item[1:]
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(sums, sums)
def test_arithmetic_agrees_with_sympy(one: Any, other: Any) -> None:
    """Sums, differences and products are those of sympy, term by term."""
    for ours, theirs in (
        (one + other, expression(one) + expression(other)),
        (one - other, expression(one) - expression(other)),
        (one * other, expression(one) * expression(other)),
    ):
        assert sympy.expand(expression(ours) - theirs) == 0


@settings(deadline=None)
@given(sums, st.integers(1, 9), st.integers(1, 9))
def test_a_value_at_a_point_is_sympys(value: Any, w: int, h: int) -> None:
    """Numbers put in for symbols give what sympy gives."""
    point = {sympy.Symbol(name, integer=True, positive=True): size for name, size in (("w", w), ("h", h))}

    assert evaluate(value, {"w": w, "h": h}) == expression(value).subs(point)


def test_what_is_divided_comes_back() -> None:
    """Dividing by symbols and numbers and multiplying again changes nothing."""
    half, three_halves = W / (2 * H * W) * H, 6 * W / 4

    assert W / H * H == W
    assert half == Fraction(1, 2)
    assert evaluate(W / (W + H) * (W + H), {"w": 3, "h": 4}) == 3
    assert three_halves == W * Fraction(3, 2)
    assert type(W - W + 3) is int


def test_a_size_is_neither_true_nor_comparable() -> None:
    """A rule that tests a size instead of asking is found out."""
    for careless in (lambda size: 1 if size else 0, lambda size: size > 3):
        with pytest.raises(TypeError):
            careless(W)


def test_a_stretched_function_evaluates_on_numbers() -> None:
    """`divisible`, `round`, `max`, `floor` and `ceil` of symbols are those of numbers at every point."""
    asked = PolynomialJudge((Symbol("m", ("multiplier",), Fraction(7, 5), whole=False), *SYMBOLS))
    m = symbol("m")
    values = {
        "divisible": [32 * m],
        "round": [10 * m],
        "max": [32 * m, W],
        "min": [32 * m, W, 7],
        "floor": [m * 7 / 2],
        "ceil": [m * 7 / 2],
    }

    for name, arguments in values.items():
        found = asked.function(name, arguments)
        for step in range(1, 40):
            point = {"m": Fraction(step, 8), "w": 3 * step, "h": 1}
            told = [evaluate(argument, point) for argument in arguments]
            assert evaluate(found, point) == FUNCTIONS[name].apply(*told), (name, point)


def test_square_roots_of_symbols() -> None:
    """Of a square there is one; any other root would be no polynomial."""
    asked = PolynomialJudge(SYMBOLS)

    assert asked.function("sqrt", [W * W * H**4 * 9 / 4]) == W * H * H * 3 / 2
    for value in (W, 2 * W * W, W * W + H * H, opaque("max", W, H) ** 2):
        with pytest.raises(Fault, match="square root"):
            asked.function("sqrt", [value])


# ------------------------------------------------------------------------------------------- proofs


M = symbol("m")
FUNCTIONS_OF_SYMBOLS = [
    0,
    opaque("floor", 3 * W + H, 4),
    opaque("floor", W, H),
    opaque("floor", 7 * M, 2),
    opaque("ceil", W, 3),
    opaque("ceil", 9 * M, 1),
    opaque("max", W, 2 * H - 3),
    opaque("max", 32 * M, W),
    opaque("min", W * H, 5),
    opaque("divisible", 5 * W / 4, 8),
    opaque("round", 10 * M),
    W / H,
    32 * M,
]


@settings(max_examples=400, deadline=None)
@given(sums, st.sampled_from(FUNCTIONS_OF_SYMBOLS), st.integers(-2, 2), st.data())
def test_what_is_proved_holds(value: Any, function: Any, times: int, data: st.DataObject) -> None:
    """At every admissible point, a value is not below its proved bound, and is a multiple if that is proved."""
    w, h = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    symbols = (Symbol("w", ("w",), 9, least=w), Symbol("h", ("h",), 9, least=h))
    facts = Facts((*symbols, Symbol("m", ("m",), Fraction(1), whole=False)))
    if data.draw(st.booleans()):
        facts.learn_step("w", Fraction(6))
        w = 6 * w
    if data.draw(st.booleans()):
        facts.learn_step("m", Fraction(1, 8))
    total = value + times * function
    step = 6 if facts.steps["w"] == 6 else 1
    point = {
        "w": w + step * data.draw(st.integers(0, 30)),
        "h": h + data.draw(st.integers(0, 30)),
        "m": Fraction(data.draw(st.integers(1, 40)), 8 if facts.steps["m"] else data.draw(st.integers(1, 9))),
    }
    divisor = data.draw(st.integers(1, 6))

    low, divides, number = facts.low(total), facts.divides(divisor, total), evaluate(total, point)

    assert low is None or number >= low
    assert divides is None or (number % divisor == 0) is divides


@pytest.mark.parametrize(
    ("value", "low"),
    [
        (4 * W - W, 3),
        (W * H - W, 0),
        (W - H, None),
        (opaque("floor", W, 2), 0),
        (opaque("floor", W, 2) * 2 - W + 1, 0),
        (opaque("divisible", 3 * W, 8) - 8, 0),
        (W - opaque("floor", W, 2), Fraction(1, 2)),
        (W / H, 0),
        (opaque("floor", 7 * M, 2) * 2 - 7 * M + 2, 0),  # 2 floor(3.5 m) > 7 m - 2
        (7 * M + 3 - opaque("ceil", 7 * M, 3) * 3, 0),
    ],
)
def test_bounds(value: Any, low: Any) -> None:
    """What is known of sums with symbols and roundings from 1 on, and of a fraction m."""
    assert Facts((*SYMBOLS, Symbol("m", ("m",), Fraction(1), whole=False))).low(value) == low


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda asked: asked.zero(4 * W - W), []),
        (lambda asked: asked.zero(4 * W - 4 * W), []),
        (lambda asked: asked.zero(W - 64), ["w = 64"]),
        (lambda asked: asked.zero(2 * W - 20), ["w != 10"]),
        (lambda asked: asked.nonneg(W * H - 1), []),
        (lambda asked: asked.nonneg(2 * W - 7), ["w >= 4"]),
        (lambda asked: asked.nonneg(7 - 2 * W), ["w >= 4"]),
        (lambda asked: asked.nonneg(100 - W), ["w <= 100"]),
        (lambda asked: asked.nonneg(opaque("floor", W - 5, 3)), ["w >= 5"]),
        (lambda asked: asked.divides(4, 12 * W), []),
        (lambda asked: asked.divides(8, 12 * W), ["2 divides w"]),
        (lambda asked: (asked.divides(8, 12 * W), asked.divides(4, W), asked.divides(2, W)), ["4 divides w"]),
        (lambda asked: asked.divides(7, W), ["7 does not divide w"]),
        (lambda asked: asked.divides(H, W), ["h does not divide w"]),
    ],
)
def test_assumptions(question: Any, said: list[str]) -> None:
    """What no proof decides is decided at w = 64, h = 224, and said."""
    asked = PolynomialJudge((SYMBOLS[0], SYMBOLS[1]._replace(stretches=False)))

    question(asked)

    assert [str(each) for each in asked.assumptions()] == said
    assert all(each.holds(asked.point) for each in asked.assumptions())


def test_division_that_was_asked_for_is_exact() -> None:
    """After `divides` there is no floor, before there is."""
    asked = PolynomialJudge(SYMBOLS)

    before = asked.floor_divide(W, 12)
    asked.point["w"] = 768
    assert asked.divides(12, W)

    assert str(before) == "floor(w/12)"
    assert asked.floor_divide(W, 12) == W / 12
    assert asked.floor_divide(W + 5, 12) == W / 12


@pytest.mark.parametrize(
    ("number", "divisor", "form"),
    [
        (-1, 2 * H, -1),  # ceil(1/(2 h)) is 1 for every h >= 1
        (-1, H, -1),
        (1, 2 * H, 0),
        (4 * H - 1, 2 * H, 1),
        (2 * H - 1, 4, "floor((h - 1)/2)"),
        (4 * W - 1, 4 * H, "floor((w - 1)/h)"),
        (6 * H - 1, 2, "3 h - 1"),
        (1, H, "floor(1/h)"),  # 1 where h = 1
        (W, W + H, 0),
        (W, H, "floor(w/h)"),
    ],
)
def test_floors_that_are_constant(number: Any, divisor: Any, form: Any) -> None:
    """What is rounded alike for all w, h >= 1 is a number; a common factor is left out."""
    asked = PolynomialJudge([each._replace(stretches=False) for each in SYMBOLS])

    found = asked.floor_divide(number, divisor)

    assert str(found) == str(form)
    assert not asked.assumptions()


small = st.integers(-6, 6)
positive = st.integers(0, 4)


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(small, small, small),
    st.tuples(positive, positive, st.integers(1, 5)),
    st.sampled_from(["floor", "ceil", "min", "max"]),
    st.tuples(st.integers(1, 5), st.integers(0, 6), st.integers(1, 5), st.integers(0, 6)),
)
def test_what_is_constant_over_a_range_is_so(
    number: tuple[int, ...], divisor: tuple[int, ...], name: str, ends: tuple[int, ...]
) -> None:
    """Before and after their range is learned, functions are what they are of numbers, all over that range."""
    least_w, more_w, least_h, more_h = ends
    asked = PolynomialJudge(
        [Symbol("w", ("w",), least_w, least=least_w), Symbol("h", ("h",), least_h, least=least_h)]
    )
    above, below = (a * W + b * H + c for a, b, c in (number, divisor))
    if name in ("min", "max"):
        early = asked.function(name, [above, below])
    else:
        sign = 1 if name == "floor" else -1
        early = sign * asked.floor_divide(sign * above, below)
    assert asked.nonneg(least_w + more_w - W)
    assert asked.nonneg(least_h + more_h - H)
    late = asked.settled(early)

    for w in range(least_w, least_w + more_w + 1):
        for h in range(least_h, least_h + more_h + 1):
            one, two = (a * w + b * h + c for a, b, c in (number, divisor))
            expected = {
                "floor": one // two,
                "ceil": -(-one // two),
                "min": min(one, two),
                "max": max(one, two),
            }
            point = {"w": w, "h": h}
            assert evaluate(early, point) == evaluate(late, point) == expected[name]


def test_what_is_learned_late_settles_what_was_written_early(tmp_path: Path) -> None:
    """A table of 64 positions bounds the length, which decides a minimum that stands before it."""
    path = tmp_path / "late.yaml"
    path.write_text(
        "name: late\ninput: {length: 16}\nlayers:\n  - embedding 100 8\n"
        "  - linear min(x.length, 80)\n  - positions 64\n"
    )

    assert str(load(str(path)).formula("params")) == "73 L + 800"


# ------------------------------------------------------------------------------------ rules of ops


def symbols_for(op: Op, inputs: tuple[Shape, ...]) -> tuple[Op, tuple[Shape, ...], dict[str, Any]]:
    """The op and its inputs with a symbol for each size, and the sizes by letter."""
    point: dict[str, Any] = {}

    def named(size: Any) -> Any:
        if type(size) is not int or size < 1:
            return size
        letter = f"s{len(point)}"
        point[letter] = size
        return symbol(letter)

    kinds = ("Size", "Count", "PerAxis", "CountPerAxis", "Padding", "Margins")
    fields = {
        field.name: mapped(getattr(op, field.name), named)
        for field in dataclasses.fields(op)  # type: ignore[arg-type]
        if str(field.type).removesuffix(" | None") in kinds
    }
    shapes = tuple(Shape(x.axes, mapped(x.dims, named)) for x in inputs)
    return dataclasses.replace(op, **fields), shapes, point  # type: ignore[type-var]


def mapped(value: Any, change: Any) -> Any:
    return tuple(mapped(part, change) for part in value) if isinstance(value, tuple) else change(value)


def told(value: Any, point: dict[str, Any]) -> Any:
    """A fact with numbers put in for symbols."""
    if isinstance(value, dict):
        return {name: told(part, point) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(told(part, point) for part in value)
    return evaluate(value, point)


def facts(op: Op, inputs: tuple[Shape, ...]) -> tuple[Any, ...]:
    return op.shape(*inputs).dims, op.weights(*inputs), op.buffers(*inputs), tuple(op.cost(*inputs))


def points(asked: PolynomialJudge, point: dict[str, Any], seed: str) -> Iterator[dict[str, Any]]:
    """The default point, and others at which the assumptions hold as well."""
    yield point
    draw = random.Random(seed)
    for _ in range(30):
        other = {letter: size * draw.choice((1, 1, 2, 3)) for letter, size in point.items()}
        if all(each.holds(other) for each in asked.assumptions()):
            yield other


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.call for example in EXAMPLES])
def test_symbols_put_back_are_the_integer_run(example: Example) -> None:
    """Each rule's formula has the rule's own numbers, at the example and wherever its assumptions hold."""
    op, inputs = calls.call(example.call), tuple(calls.shape(text) for text in example.inputs)
    symbolic, shapes, point = symbols_for(op, inputs)
    asked = PolynomialJudge([Symbol(letter, (letter,), size) for letter, size in point.items()])

    token = judge.set(asked)
    try:
        formulas = facts(symbolic, shapes)
    finally:
        judge.reset(token)

    for place in points(asked, point, example.call):
        numeric = told_op(symbolic, place)
        entering = tuple(Shape(x.axes, told(x.dims, place)) for x in shapes)
        assert told(formulas, place) == facts(numeric, entering)


def told_op(op: Op, point: dict[str, Any]) -> Op:
    def number(size: Any) -> Any:
        return evaluate(size, point) if isinstance(size, Polynomial) else size

    names = [field.name for field in dataclasses.fields(op)]  # type: ignore[arg-type]
    return type(op)(**{name: mapped(getattr(op, name), number) for name in names})


def test_most_rules_are_tried_beside_their_examples() -> None:
    """The points of the test above are not the examples' own alone."""
    beside = 0
    for example in EXAMPLES:
        op, inputs = calls.call(example.call), tuple(calls.shape(text) for text in example.inputs)
        symbolic, shapes, point = symbols_for(op, inputs)
        asked = PolynomialJudge([Symbol(letter, (letter,), size) for letter, size in point.items()])
        token = judge.set(asked)
        facts(symbolic, shapes)
        judge.reset(token)
        beside += any(place != point for place in points(asked, point, example.call))

    assert beside > 0.8 * len(EXAMPLES)


# ------------------------------------------------------------------------------------ whole networks


@pytest.mark.parametrize(
    ("model", "axis", "value"),
    [
        ("resnet-50", "h", "32 h"),
        ("resnet20-cifar", "h", "4 h"),
        ("inception-v3", "h", "32 h + 11"),
        ("swin-tiny", "h", "224 h"),
        ("vit-h14", "h", "14 h"),
        ("bottleneck-14x14-480-48", "h", "h"),
        ("gpt2-124m", "L", "L"),
    ],
)
def test_input_sizes_come_in_the_steps_that_strides_ask_for(model: str, axis: str, value: str) -> None:
    """The total stride is found, and what is left of the usual size stays."""
    (found,) = load(model).closed([axis]).symbols

    assert str(found.value) == value
    assert found.start == {**load(model).graph().inputs}.popitem()[1].dims[-1]


def test_sums_of_powers() -> None:
    """The polynomial for 1^k + ... + m^k has the sum's value."""
    for exponent in range(7):
        for last in range(6):
            value = sum(by * last**power for power, by in enumerate(power_sum(exponent)))
            assert value == sum(index**exponent for index in range(1, last + 1))


def test_rounds_that_differ_have_no_closed_form() -> None:
    """Where what happens depends on a round's number, the depth must stay a number."""
    with pytest.raises(SpecError, match="rounds of a repeat differ"):
        load("swin-tiny").closed(["depths"])
    with pytest.raises(SpecError, match="an exponent cannot depend on a symbol"):
        load("unet").closed(["depth"])


ROUNDS = """
input: 4x8x8
knobs: {n: 3, m: 2, w: 5}
layers:
  - entry: relu
  - outer:
      repeat: n
      layers:
        - inner: {repeat: m, index: j, layers: [side: conv2d w*(j+1) 1, conv2d 4 3 padding=1]}
  - %s
"""


@pytest.mark.parametrize(
    ("join", "knobs", "channels"),
    [
        ("concat from entry outer[*]", {"n"}, lambda n, m, w: 4 + 4 * n),
        (
            "concat from x outer[*]/inner[*]/side",
            {"n", "m", "w"},
            lambda n, m, w: 4 + n * w * m * (m + 1) // 2,
        ),
        ("concat from outer[*]/inner[*] entry outer[*]", {"n", "m"}, lambda n, m, w: 4 * (n * m + 1 + n)),
        ("add from outer[*] outer[*]/inner[*]", {"n", "m"}, lambda n, m, w: 4),
    ],
)
def test_all_rounds_of_open_repeats(join: str, knobs: set[str], channels: Callable[..., int]) -> None:
    """What reads all rounds grows with their number, as counted by hand; work of joins too."""
    unread = join if "side" in join else f"{join}\n  - concat from x outer[*]/inner[*]/side"
    spec = from_text(Source("net.yaml", ROUNDS % unread))
    closed = close(spec, symbols=sorted(knobs))
    row = next(row for row in closed.rows if row.path in ("concat", "add"))
    for n, m, w in itertools.product((1, 2, 4), (2, 3), (1, 5)):
        point = {"n": n, "m": m, "w": w}
        values = {one.letter: point[one.stands_for[0]] for one in closed.symbols}
        defaults = {"n": 3, "m": 2, "w": 5}
        chosen = [point[name] if name in knobs else defaults[name] for name in "nmw"]
        numbers = elaborate(
            spec, Settings("", tuple(change(f"{k}={v}") for k, v in point.items() if k in knobs))
        )
        layer = next(layer for layer in numbers.layers if layer.path == row.path)

        assert evaluate(row.layer.output.channels, values) == channels(*chosen)
        assert layer.output.channels == channels(*chosen)
        for kind, amount in layer.applied.cost.operations.items():
            assert evaluate(row.layer.applied.cost.operations[kind], values) == amount


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("concat from r[n-1]/side a", r"which round \[n-1\] is depends on a symbol"),
        ("subtract from r[*]/side", "how many tensors subtract reads is a symbol here: n"),
        ("s: n * concat from x s[*] a", "how many rounds of 's' lie above"),
    ],
)
def test_rounds_that_a_symbol_leaves_open(line: str, fact: str) -> None:
    """Where the number of a round, or of the tensors, decides what is built, the depth must stay a number."""
    head = "input: 4x8x8\nknobs: {n: 2}\nlayers:\n  - a: relu\n"
    text = f"{head}  - r: {{repeat: n, layers: [conv2d 4 1, side: relu]}}\n  - {line}\n"
    with pytest.raises(SpecError, match=fact):
        close(from_text(Source("net.yaml", text)), symbols=["n"])


def test_single_entries_and_letters() -> None:
    """An entry of a list may be a symbol, and a name may be given its letter; each letter stands for one thing."""
    resnet = load("resnet-50")

    assert (
        str(resnet.formula("params", ["depths[2]=m", "width=c"]))
        == "m (272 c^2 + 48 c) + 4092 c^2 + 32689 c + 1000"
    )
    for names, fact in (
        (["width=a", "size=a"], "the same letter"),
        (["width=lambda"], "cannot name a symbol"),
        (["width=max"], "cannot name a symbol"),
        (["depths[7]"], "cannot be a symbol"),
    ):
        with pytest.raises(Fault, match=fact):
            resnet.closed(names)


@pytest.mark.parametrize(
    ("knobs", "line", "said"),
    [
        ("{a: 2, b: 3, c: 5, d: 7}", "linear (a+b+c+d+1)**120//10**150", "more than 100,000 terms"),
        ("{a: 1, b: a**500, c: b**500, d: c**500}", "linear 7+0*d", "a number of more than 2048 bits"),
        ("{a: 1000}", "300 * linear channels*2//3+a", "rounded too many times, one within another"),
    ],
)
def test_symbols_cannot_be_made_to_take_for_ever(knobs: str, line: str, said: str, tmp_path: Path) -> None:
    """What is a small number, and grows too large in symbols, is an error, soon."""
    (tmp_path / "large.yaml").write_text(f"name: large\ninput: 8\nknobs: {knobs}\nlayers:\n  - {line}\n")
    symbols = "a,b,c,d" if "b" in knobs and "a**" not in knobs else "a"

    numbers, formula = (
        launch(tmp_path, [command, "large.yaml", *more])
        for command, more in (("count", []), ("formula", ["--in", symbols]))
    )

    assert numbers.code == 0
    assert formula.code == 2
    assert said in formula.err
    check_cheap(formula)


def test_unknown_symbols_are_named() -> None:
    """A misspelt name gets near misses; a word cannot be a symbol."""
    with pytest.raises(Fault, match="no knob and no axis") as raised:
        load("resnet-50").closed(["widht"])
    assert "width" in raised.value.fix
    with pytest.raises(Fault, match="cannot be a symbol"):
        load("resnet-50").closed(["block"])


def test_names_in_latex() -> None:
    """Indices are set below the line."""
    assert LATEX.sum(symbol("n2") ** 2 / 3 + opaque("floor", symbol("k_h"), 2)) == (
        r"\frac{n_{2}^{2}}{3} + \left\lfloor \frac{k_{h}}{2} \right\rfloor"
    )


def test_cost_of_nothing_is_a_number() -> None:
    """Where no symbol is involved, formulas are plain ints."""
    closed = load("resnet-50").closed([])

    assert closed.totals == load("resnet-50").count().totals
    assert all(type(value) is int for value in closed.totals)
    assert Cost() == Cost(0, 0, {})
