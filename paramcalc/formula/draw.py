"""Closed forms as text, LaTeX, a Python module without dependencies, and JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from paramcalc.formula.formula import Entry, Formulas
from paramcalc.render.escape import comment, tex
from paramcalc.render.grid import number, wrapped
from paramcalc.symbolic.choice import AXIS_LETTERS
from paramcalc.symbolic.domain import Domain, domains
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.judge import Assumption
from paramcalc.symbolic.notation import LATEX, PLAIN, PYTHON, Notation
from paramcalc.symbolic.polynomial import Atom, Polynomial, evaluate

SCHEMA = "paramcalc/formula/1"
FRACTION = "from fractions import Fraction\n"
DIVISIBLE = """def divisible(value, divisor=8):
    nearest = max(divisor, (2 * value + divisor) // (2 * divisor) * divisor)
    return nearest + divisor if 10 * nearest < 9 * value else nearest
"""


def text(found: Formulas, width: int | None = None) -> str:
    """One line a formula, or one line a layer or block; then for which values it holds.

    What is wider than a width is told quantity by quantity, and folded at signs.
    """
    said = [line for each in conditions(found) for line in wrapped(each, width)]
    return "\n".join([*wrapped(heading(found), width), "", *_body(found, width), "", *said, ""])


def _body(found: Formulas, width: int | None) -> list[str]:
    """The formulas: side by side where they fit."""
    if len(found.entries) == 1 and not found.entries[0].ranges:
        (entry,) = found.entries
        return aligned([(name, "=", _shown(found, entry, name)) for name in found.quantities], width)
    rounds = any(entry.ranges for entry in found.entries)
    title = ("", *found.quantities, *(["for each"] if rounds else []))
    rows = [
        (
            entry.path,
            *(_shown(found, entry, name) for name in found.quantities),
            *([_rounds(entry)] if rounds else []),
        )
        for entry in found.entries
    ]
    lines = aligned([title, *rows])
    if width is None or max(map(len, lines)) <= width:
        return lines
    return [line for name in found.quantities for line in (*_alone(found, name, width), "")][:-1]


def _alone(found: Formulas, name: str, width: int) -> list[str]:
    """One quantity of every layer or block, below its name."""
    rows = [
        (
            f"  {entry.path}",
            _shown(found, entry, name) + (f"  for each {_rounds(entry)}" if entry.ranges else ""),
        )
        for entry in found.entries
    ]
    return [name, *aligned(rows, width)]


def heading(found: Formulas) -> str:
    """The model, what was set, the input, and what the symbols stand for.

    >>> from paramcalc import load
    >>> from paramcalc.formula.formula import formulas
    >>> heading(formulas(load("resnet-50").closed(["width", "h"])))
    'resnet-50, input 3 x 32 h x 32 h: w = width, size = H = W = 32 h'
    """
    inputs = (f"{name} {' x '.join(map(_size, shape.dims))}" for name, shape in found.inputs.items())
    name = ", ".join([found.model, *found.settings, *inputs])
    return ": ".join(part for part in (name, ", ".join(meaning(symbol) for symbol in found.symbols)) if part)


def _size(size: Any) -> str:
    """A size between other ones: in brackets where it is a sum."""
    text = PLAIN.sum(size)
    return f"({text})" if isinstance(size, Polynomial) and len(size.terms) > 1 else text


def meaning(symbol: Symbol) -> str:
    """What a symbol stands for, as an equation."""
    value = PLAIN.sum(symbol.value)
    names = [name for name in symbol.stands_for if name != symbol.letter]
    if not names:
        axis = AXIS_LETTERS.get(symbol.letter)
        return value if axis is None else f"{value} = {axis}"
    if len(names) == 1 and value == symbol.letter:
        return f"{value} = {names[0]}"
    return " = ".join([*names, value])


def conditions(found: Formulas) -> list[str]:
    """For which values the formulas hold, and the values that `count` would print."""
    lines = _fixed(found)
    if not found.symbols:
        return lines
    legal, others = domains(found.symbols, found.assumptions)
    lines.append(f"for {_values(legal)}")
    if others:
        lines.append("assuming " + ", ".join(PLAIN.assumption(each) for each in others))
    point, last = _point(found), found.entries[-1]
    at = ", ".join(f"{letter} = {value}" for letter, value in point.items())
    if last.path not in (found.entries[0].path, found.sum):
        lines.append(f"the network itself has {at}")
    elif not last.ranges:
        values = [f"{name} {number(evaluate(_value(last, name), point))}" for name in found.quantities]
        where = f", {last.path}" if len(found.entries) > 1 else ""
        lines.append(f"at {at}{where}: {'; '.join(values)}")
    return lines


def _fixed(found: Formulas) -> list[str]:
    """What can have one value only, by the reason."""
    reasons: dict[str, list[str]] = {}
    for each in found.fixed:
        reasons.setdefault(each.reason, []).append(f"{' = '.join(each.stands_for)} = {each.value}")
    return [
        f"only {' and '.join(values)} {'is' if len(values) == 1 else 'are'} legal: {reason}"
        for reason, values in reasons.items()
    ]


def _values(legal: Sequence[Domain]) -> str:
    """The values of all symbols: `whole w, h >= 1; d = 12, 24, 36, ...; whole L from 1 to 1024`."""
    letters: dict[str, list[str]] = {}
    for domain in legal:
        letters.setdefault(_of(domain), []).append(domain.letter)
    return "; ".join(said.format(", ".join(names)) for said, names in letters.items())


def _of(domain: Domain) -> str:
    """What is said of a symbol's values, with a place for the symbol."""
    _, whole, least, most, step = domain
    if not whole:
        return "{} > 0"
    if least == most:
        return f"{{}} = {least} alone"
    if step == 1:
        return f"whole {{}} >= {least}" if most is None else f"whole {{}} from {least} to {most}"
    first = [str(least + step * place) for place in range(3)]
    if most is None:
        return f"{{}} = {', '.join(first)}, ..."
    every = list(map(str, range(least, most + 1, step)))
    return f"{{}} = {', '.join(every if len(every) < 5 else [*first, '...', every[-1]])}"


def aligned(rows: Sequence[tuple[str, ...]], width: int | None = None) -> list[str]:
    """Cells in columns, two blanks apart but for signs of equality; the last is folded to fit a width."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    gap = " " if rows[0][1:2] == ("=",) else "  "
    lines = []
    for *cells, last in rows:
        head = "".join(cell.ljust(wide) + gap for cell, wide in zip(cells, widths, strict=False))
        indent = " " * len(head)
        first, *more = folded(last, None if width is None else width - len(head))
        lines += [(head + first).rstrip(), *(indent + line for line in more)]
    return lines


def folded(text: str, width: int | None) -> list[str]:
    """A sum in lines of at most a width, as far as its parts between signs are no wider.

    >>> folded("a + b (c - d)", 9)
    ['a + b (c', '- d)']
    """
    if width is None or len(text) <= width:
        return [text]
    first, *rest = re.split(r" (?=[+-] )", text)
    lines = [first]
    for part in rest:
        if len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def latex(found: Formulas) -> str:
    """Aligned equations; what the symbols stand for and what is assumed follows as comments."""
    lines = []
    for entry in found.entries:
        for name in found.quantities:
            which = "" if len(found.entries) == 1 else rf"\;\text{{{tex(entry.path)}}}"
            left = rf"\text{{{tex(name)}}}{which}"
            lines.append(f"{left} &= {LATEX.sum(_value(entry, name), found.leading, found.order)}")
    body = " \\\\\n".join(f"  {line}" for line in lines)
    remarks = "".join(comment("%", line) for line in [heading(found), *conditions(found)])
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n{remarks}"


def python(found: Formulas) -> str:
    """A module with one function a quantity, which needs nothing but Python.

    A function of several layers or blocks returns their values by path. Values at which the formulas
    do not hold raise ValueError.
    """
    parameters = ", ".join(_parameter(symbol) for symbol in found.symbols)
    functions = [_checks(found)]
    for name in found.quantities:
        functions.append(
            f"def {name}({parameters}) -> {'int' if len(found.entries) == 1 else 'dict[str, int]'}:\n"
            f"    _check({', '.join(found.order)})\n"
            f"    return {_result(found, name)}\n"
        )
    if any("divisible(" in function for function in functions):
        functions.insert(0, DIVISIBLE)
    imported = f"\n{FRACTION}" if any("Fraction" in function for function in functions) else ""
    remarks = "".join(comment("#", line) for line in [heading(found), *_fixed(found)])
    return "\n\n".join([remarks + imported, *functions])


def _result(found: Formulas, name: str) -> str:
    if len(found.entries) == 1:
        return _code(found, found.entries[0], name)
    lines = [f"        {entry.path!r}: {_code(found, entry, name)},\n" for entry in found.entries]
    return "{\n" + "".join(lines) + "    }"


def _code(found: Formulas, entry: Entry, name: str) -> str:
    """The value as a Python expression; of a layer that stands for several rounds, their sum."""
    code = PYTHON.sum(_value(entry, name), found.leading, found.order)
    loops = "".join(
        f" for {letter} in range(1, {PYTHON.sum(count)})" for letter, count in reversed(entry.ranges)
    )
    code = f"sum({code}{loops})" if loops else code
    return code if all(symbol.whole for symbol in found.symbols) else f"int({code})"


def _parameter(symbol: Symbol) -> str:
    """A parameter with its type and default."""
    if symbol.whole:
        return f"{symbol.letter}: int = {symbol.default}"
    fraction = f"Fraction({symbol.default.numerator}, {symbol.default.denominator})"
    return f"{symbol.letter}: Fraction = {fraction}"


def _checks(found: Formulas) -> str:
    """A function that refuses values at which the formulas do not hold."""
    parameters = (_parameter(symbol).partition(" =")[0] for symbol in found.symbols)
    lines = [f"def _check({', '.join(parameters)}) -> None:\n"]
    for symbol in found.symbols:
        bound = f"at least {symbol.least}" if symbol.whole else "greater than 0"
        lines.append(f"    if {symbol.letter} {f'< {symbol.least}' if symbol.whole else '<= 0'}:\n")
        lines.append(f'        raise ValueError("{symbol.letter} must be {bound}")\n')
    for assumption in found.assumptions:
        lines.append(f"    if not {_test(assumption)}:\n")
        lines.append(f'        raise ValueError("this does not hold: {PLAIN.assumption(assumption)}")\n')
    return "".join(lines if len(lines) > 1 else [*lines, "    pass\n"])


def _test(assumption: Assumption) -> str:
    value = PYTHON.sum(assumption.value)
    if assumption.kind in ("divides", "does not divide"):
        sign = "==" if assumption.kind == "divides" else "!="
        return f"({value}) % {PYTHON.bottom(assumption.divisor, ())} {sign} 0"
    return f"({value}) {'==' if assumption.kind == '=' else assumption.kind} 0"


def document(found: Formulas) -> dict[str, Any]:
    """The contract `paramcalc/formula/1`: terms as numbers, next to the written forms."""
    point = _point(found)
    return {
        "schema": SCHEMA,
        "model": found.model,
        "settings": list(found.settings),
        "input": {name: [PLAIN.sum(size) for size in shape.dims] for name, shape in found.inputs.items()},
        "symbols": [_symbol(symbol) for symbol in found.symbols],
        "fixed": [each._asdict() for each in found.fixed],
        "assumptions": [PLAIN.assumption(assumption) for assumption in found.assumptions],
        "formulas": [
            {
                "path": entry.path,
                "quantity": name,
                "rounds": {letter: PLAIN.sum(count) for letter, count in entry.ranges},
                "text": _shown(found, entry, name),
                "latex": LATEX.sum(_value(entry, name), found.leading, found.order),
                "python": _code(found, entry, name),
                "terms": _terms(_value(entry, name)),
                "default": None if entry.ranges else evaluate(_value(entry, name), point),
            }
            for entry in found.entries
            for name in found.quantities
        ],
    }


def _symbol(symbol: Symbol) -> dict[str, Any]:
    return {
        "letter": symbol.letter,
        "stands_for": list(symbol.stands_for),
        "scale": symbol.scale,
        "offset": symbol.offset,
        "least": symbol.least,
        "whole": symbol.whole,
        "default": _plain(symbol.default),
    }


def _terms(value: Any) -> list[dict[str, Any]]:
    terms = value.terms if isinstance(value, Polynomial) else {(): value}
    return [
        {
            "coefficient": _plain(coefficient),
            "powers": {_named(PLAIN, atom): exponent for atom, exponent in monomial},
        }
        for monomial, coefficient in terms.items()
    ]


def _plain(value: Any) -> int | str:
    """A number as JSON has it; a fraction as text, to stay exact."""
    return int(value) if value.denominator == 1 else str(value)


def _named(notation: Notation, atom: Atom) -> str:
    return notation.atom(atom)


def _value(entry: Entry, name: str) -> Any:
    return getattr(entry.counts, name)


def _shown(found: Formulas, entry: Entry, name: str) -> str:
    return PLAIN.sum(_value(entry, name), found.leading, found.order)


def _rounds(entry: Entry) -> str:
    return ", ".join(f"{letter} = 1 ... {PLAIN.sum(count - 1)}" for letter, count in entry.ranges)


def _point(found: Formulas) -> dict[str, int]:
    return {symbol.letter: symbol.default for symbol in found.symbols}
