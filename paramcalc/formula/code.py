"""Closed forms as modules of Python, C and JavaScript, whose expressions sympy prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sympy  # type: ignore[import-untyped]
from sympy.printing.c import C99CodePrinter  # type: ignore[import-untyped]
from sympy.printing.codeprinter import CodePrinter  # type: ignore[import-untyped]
from sympy.printing.jscode import JavascriptCodePrinter  # type: ignore[import-untyped]
from sympy.printing.precedence import PRECEDENCE  # type: ignore[import-untyped]
from sympy.printing.pycode import PythonCodePrinter  # type: ignore[import-untyped]

from paramcalc.base.errors import Fault
from paramcalc.formula.formula import Formulas
from paramcalc.formula.whole import HELPERS, Body, body, peak
from paramcalc.symbolic.assumption import Assumption
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.polynomial import fraction
from paramcalc.symbolic.rounds import summed

LARGEST = 2**63 - 1
EXTREMES = {"largest": "max", "smallest": "min"}  # as Python calls them

PYTHON_HELPERS = {
    "divisible": """def divisible(above, below, divisor):
    steps = max(divisor, (2 * above + below * divisor) // (2 * below * divisor) * divisor)
    return steps + divisor if 10 * steps * below < 9 * above else steps


""",
    "nearest": """def nearest(above, below):
    whole, rest = divmod(2 * above + below, 2 * below)
    return int(whole - (rest == 0 and whole % 2))


""",
}
C_HELPERS = {
    "quotient": """static int64_t quotient(int64_t above, int64_t below) {
    return above / below - (above % below != 0 && (above < 0) != (below < 0));
}

""",
    "divisible": """static int64_t divisible(int64_t above, int64_t below, int64_t divisor) {
    int64_t steps = quotient(2*above + below*divisor, 2*below*divisor)*divisor;
    if (steps < divisor) steps = divisor;
    return 10*steps*below < 9*above ? steps + divisor : steps;
}

""",
    "nearest": """static int64_t nearest(int64_t above, int64_t below) {
    int64_t whole = quotient(2*above + below, 2*below);
    return whole - ((2*above + below) % (2*below) == 0 && whole % 2 != 0);
}

""",
    "largest": "static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }\n\n",
    "smallest": "static int64_t smallest(int64_t a, int64_t b) { return a < b ? a : b; }\n\n",
}
JAVASCRIPT_HELPERS = {
    "quotient": """function quotient(above, below) {
  const inexact = above % below !== 0n && (above < 0n) !== (below < 0n);
  return above / below - (inexact ? 1n : 0n);
}

""",
    "divisible": """function divisible(above, below, divisor) {
  let steps = quotient(2n*above + below*divisor, 2n*below*divisor)*divisor;
  if (steps < divisor) steps = divisor;
  return 10n*steps*below < 9n*above ? steps + divisor : steps;
}

""",
    "nearest": """function nearest(above, below) {
  const whole = quotient(2n*above + below, 2n*below);
  return whole - ((2n*above + below) % (2n*below) === 0n && whole % 2n !== 0n ? 1n : 0n);
}

""",
    "largest": "const largest = (a, b) => a > b ? a : b;\n\n",
    "smallest": "const smallest = (a, b) => a < b ? a : b;\n\n",
}


class _Language(CodePrinter):  # type: ignore[misc]
    """A language: its sympy printer, and the text of a module around the printed expressions.

    Functions have names of their own, and powers are products, so that whole numbers stay whole.
    """

    words: ClassVar[str] = ""  # that no symbol may have as its name
    known: ClassVar[Mapping[str, str]] = {}
    assignment: ClassVar[str]
    between: ClassVar[str] = "\n"

    def __init__(self, found: Formulas) -> None:
        super().__init__()
        self.reserved_words: set[str] = {*self.reserved_words, *HELPERS, *self.words.split()}
        self.found = found
        self.letters = [self.doprint(sympy.Symbol(letter)) for letter in found.order]
        self.symbols = [*zip(self.letters, found.symbols, strict=True)]
        sides = [_sides(assumption) for assumption in found.assumptions]
        self.conditions = body([side for each, _ in sides for side in each], found.order)
        values = iter(self.conditions.values)
        self.tests = [self.test([next(values) for _ in each], sign) for each, sign in sides]
        self.bodies = {
            name: body(
                [summed(getattr(each.counts, name), each.ranges) for each in found.entries], found.order
            )
            for name in found.quantities
        }

    def _print_Pow(self, power: Any) -> str:
        return "*".join([self.parenthesize(power.base, PRECEDENCE["Pow"])] * int(power.exp))

    def _print_Function(self, function: Any) -> str:
        """A call; the extremes are functions of two numbers: largest(a, largest(b, c))."""
        name, arguments = function.func.__name__, [*map(self._print, function.args)]
        while name in ("largest", "smallest") and len(arguments) > 2:
            arguments[-2:] = [f"{name}({arguments[-2]}, {arguments[-1]})"]
        return f"{name}({', '.join(arguments)})"

    def test(self, sides: Sequence[Any], sign: str) -> str:
        """A number against 0, or what is left of it by another."""
        printed = [self.doprint(side) for side in sides]
        left = printed[0] if len(printed) == 1 else "({}) % ({})".format(*printed)
        return f"{left} {sign} {self.doprint(sympy.Integer(0))}"

    def named(self, inside: Body) -> list[str]:
        """The lines that give names to roundings."""
        return [self.assignment.format(name, self.doprint(value)) for name, value in inside.named]

    def module(self) -> str:
        """The whole text: the heading, the helpers in use, the functions."""
        functions = [self.check(), *(self.function(name, inside) for name, inside in self.bodies.items())]
        code = self.between.join("\n".join(lines) + "\n" for lines in functions)
        wanted = [text for name, text in self.known.items() if f"{name}(" in code]
        needed = [
            text for name, text in self.known.items() if any(f"{name}(" in one for one in (code, *wanted))
        ]
        return "\n".join([*self.opening(), "".join(needed) + code])

    def opening(self) -> list[str]:
        raise NotImplementedError

    def check(self) -> list[str]:
        raise NotImplementedError

    def function(self, name: str, inside: Body) -> list[str]:
        raise NotImplementedError


class Python(_Language, PythonCodePrinter):  # type: ignore[misc]
    """Functions that raise ValueError where the formulas do not hold; they need nothing but Python."""

    known = PYTHON_HELPERS
    assignment = "    {} = {}"
    between = "\n\n"

    def _print_Pow(self, power: Any) -> str:
        return f"{self.parenthesize(power.base, PRECEDENCE['Pow'])}**{power.exp}"

    def _print_Function(self, function: Any) -> str:
        name, arguments = function.func.__name__, function.args
        if name in EXTREMES:
            return f"{EXTREMES[name]}({', '.join(map(self._print, arguments))})"
        if name != "quotient":
            return super()._print_Function(function)
        above = self.parenthesize(arguments[0], PRECEDENCE["Mul"], strict=True)
        return f"({above} // {self.parenthesize(arguments[1], PRECEDENCE['Mul'])})"

    @property
    def whole(self) -> bool:
        return all(symbol.whole for symbol in self.found.symbols)

    def opening(self) -> list[str]:
        return ["", ""] if self.whole else ["", "from fractions import Fraction", "", ""]

    def check(self) -> list[str]:
        typed = (f"{name}: {'int' if symbol.whole else 'Fraction'}" for name, symbol in self.symbols)
        lines = []
        for name, symbol in self.symbols:
            test, words = _least(name, symbol)
            lines += [f"    if {test}:", f'        raise ValueError("{words}")']
        lines += self.named(self.conditions)
        for test, assumption in zip(self.tests, self.found.assumptions, strict=True):
            lines += [f"    if not {test}:", f'        raise ValueError("this does not hold: {assumption}")']
        return [f"def _check({', '.join(typed)}) -> None:", *(lines or ["    pass"])]

    def function(self, name: str, inside: Body) -> list[str]:
        typed = ", ".join(
            f"{letter}: int = {symbol.default}"
            if symbol.whole
            else f"{letter}: Fraction = Fraction({symbol.default.numerator}, {symbol.default.denominator})"
            for letter, symbol in self.symbols
        )
        printed = [self.doprint(value) for value in inside.values]
        values = printed if self.whole else [f"int({value})" for value in printed]
        pairs = zip(self.found.entries, values, strict=True)
        inner = [f"        {entry.path!r}: {value}," for entry, value in pairs]
        several = len(values) > 1
        return [
            f"def {name}({typed}) -> {'dict[str, int]' if several else 'int'}:",
            f"    _check({', '.join(self.letters)})",
            *self.named(inside),
            *(["    return {", *inner, "    }"] if several else [f"    return {values[0]}"]),
        ]


class C(_Language, C99CodePrinter):  # type: ignore[misc]
    """Functions in int64_t that give -1 where a formula does not hold, or could exceed 64 bits."""

    words = "int64_t values holds"
    known = C_HELPERS
    assignment = "    int64_t {} = {};"

    def opening(self) -> list[str]:
        exact = ", ".join(
            f"{name} <= {limit:,}" for name, limit in zip(self.letters, self.limits(), strict=True)
        )
        places = [f"// values[{place}]: {entry.path}." for place, entry in enumerate(self.found.entries)]
        return [
            f"// int64_t, exact for {exact or 'all'}; beyond, and where a formula does not hold: -1",
            *(places if len(places) > 1 else []),
            "",
            "#include <stdint.h>",
            "",
        ]

    def limits(self) -> list[int]:
        """The largest values of all symbols at which nothing exceeds 64 bits: so many times their defaults each."""

        def fits(times: int) -> bool:
            point = {symbol.letter: max(symbol.default, 1) * times for symbol in self.found.symbols}
            return all(peak(each, point) <= LARGEST for each in (self.conditions, *self.bodies.values()))

        if not fits(1):
            raise Fault(
                "these counts do not fit C's int64_t",
                fix="use --format python or javascript, which have integers of any size",
            )
        low, high = 1, 2
        while high < LARGEST and fits(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return [min(max(symbol.default, 1) * low, LARGEST) for symbol in self.found.symbols]

    def check(self) -> list[str]:
        outside = [f"{name} < {symbol.least}" for name, symbol in self.symbols]
        outside += [f"{name} > {limit}" for name, limit in zip(self.letters, self.limits(), strict=True)]
        return [
            f"static int holds({', '.join(f'int64_t {name}' for name in self.letters) or 'void'}) {{",
            *([f"    if ({' || '.join(outside)}) return 0;"] if outside else []),
            *self.named(self.conditions),
            f"    return {' && '.join(self.tests) or '1'};",
            "}",
        ]

    def function(self, name: str, inside: Body) -> list[str]:
        printed = [self.doprint(value) for value in inside.values]
        typed = [f"int64_t {letter}" for letter in self.letters]
        several = len(printed) > 1
        filled = [f"    values[{place}] = {value};" for place, value in enumerate(printed)]
        parameters = [*typed, f"int64_t values[{len(printed)}]"] if several else typed
        return [
            f"{'int' if several else 'int64_t'} {name}({', '.join(parameters) or 'void'}) {{",
            f"    if (!holds({', '.join(self.letters)})) return -1;",
            *self.named(inside),
            *(filled if several else []),
            f"    return {0 if several else printed[0]};",
            "}",
        ]


class JavaScript(_Language, JavascriptCodePrinter):  # type: ignore[misc]
    """Functions in BigInt that throw RangeError where the formulas do not hold."""

    words = (
        "arguments await case catch const debugger default delete do enum export extends false function implements "
        "instanceof interface let new null package private protected public static super switch this throw true "
        "typeof var void BigInt RangeError check"
    )
    known = JAVASCRIPT_HELPERS
    assignment = "  const {} = {};"

    def _print_Integer(self, number: Any) -> str:
        return f"{number}n"

    def opening(self) -> list[str]:
        return ["// BigInt: integers of any size", ""]

    def check(self) -> list[str]:
        names = ", ".join(self.letters)
        lines = [f"function check({names}) {{", f"  [{names}] = [{names}].map(BigInt);"]
        for name, symbol in self.symbols:
            test, words = _least(name, symbol)
            lines.append(f'  if ({test}n) throw new RangeError("{words}");')
        lines += self.named(self.conditions)
        for test, assumption in zip(self.tests, self.found.assumptions, strict=True):
            lines.append(f'  if (!({test})) throw new RangeError("this does not hold: {assumption}");')
        return [*lines, f"  return [{names}];", "}"]

    def function(self, name: str, inside: Body) -> list[str]:
        names = ", ".join(self.letters)
        printed = [self.doprint(value) for value in inside.values]
        pairs = zip(self.found.entries, printed, strict=True)
        inner = [f"    {json.dumps(entry.path)}: {value}," for entry, value in pairs]
        return [
            f"export function {name}({', '.join(f'{one} = {symbol.default}n' for one, symbol in self.symbols)}) {{",
            f"  [{names}] = check({names});",
            *self.named(inside),
            *(["  return {", *inner, "  };"] if len(printed) > 1 else [f"  return {printed[0]};"]),
            "}",
        ]


LANGUAGES = {"python": Python, "c": C, "javascript": JavaScript}


def module(found: Formulas, language: str) -> str:
    """A module with one function a quantity; of several layers or blocks it gives all their values."""
    for symbol in found.symbols:
        if not symbol.whole and language != "python":
            raise Fault(
                f"'{symbol.stands_for[0]}' may be a fraction, and only Python has exact fractions",
                fix="use --format python, or keep it a number",
            )
    return str(LANGUAGES[language](found).module())


def expression(value: Any) -> str:
    """A value as one expression of Python."""
    nothing = Formulas("", (), {}, (), (), (), (), (), (), ())
    return str(Python(nothing).doprint(body([value], (), naming=False).values[0]))


def _sides(assumption: Assumption) -> tuple[tuple[Any, ...], str]:
    """What is compared with 0, and how: a number, or a number and its possible divisor."""
    above, below = fraction(assumption.value)
    if assumption.kind not in ("divides", "does not divide"):
        return (above,), "==" if assumption.kind == "=" else assumption.kind
    over, under = fraction(assumption.divisor)
    return (above * under, below * over), "==" if assumption.kind == "divides" else "!="


def _least(name: str, symbol: Symbol) -> tuple[str, str]:
    """That a symbol is too small, as a test, and what it must be."""
    if symbol.whole:
        return f"{name} < {symbol.least}", f"{symbol.letter} must be at least {symbol.least}"
    return f"{name} <= 0", f"{symbol.letter} must be greater than 0"
