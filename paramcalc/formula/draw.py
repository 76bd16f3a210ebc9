"""Closed forms as text, LaTeX, a Python module without dependencies, and JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from paramcalc.count.json import head
from paramcalc.formula.formula import Formulas, PartCounts
from paramcalc.render.escape import comment, tex
from paramcalc.render.grid import number, wrapped
from paramcalc.symbolic.choice import AXIS_LETTERS
from paramcalc.symbolic.domain import Domain
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.notation import PLAIN, readable, shown
from paramcalc.symbolic.polynomial import Polynomial, evaluate
from paramcalc.symbolic.rounds import summed

CHANNELS_LETTER = "C"
SCHEMA = "paramcalc/formula/1"


def text(found: Formulas, width: int | None = None) -> str:
    """One line a formula, or one line a layer or block; then for which values it holds.

    Text wider than the width is written quantity by quantity, and folded at signs.
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
    """The model, what was set, the input, and the meaning of the symbols.

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
    text = shown(size)
    return f"({text})" if isinstance(size, Polynomial) and len(size.terms) > 1 else text


def meaning(symbol: Symbol) -> str:
    """The meaning of a symbol, as an equation."""
    value = shown(symbol.value)
    names = [name for name in symbol.stands_for if name != symbol.letter]
    if not names:
        of_input = symbol.stretches or symbol.letter == CHANNELS_LETTER  # a knob may be called so, too
        axis = AXIS_LETTERS.get(symbol.letter) if of_input else None
        return value if axis is None else f"{value} = {axis}"
    if len(names) == 1 and value == symbol.letter:
        return f"{value} = {names[0]}"
    return " = ".join([*names, value])


def conditions(found: Formulas) -> list[str]:
    """For which values the formulas hold, and the values that `count` would print."""
    lines = _fixed(found)
    if found.decodes and "memory" in found.quantities and "cache" not in found.quantities:
        lines.append("memory: params and outputs; the quantity cache counts the caches")
    if not found.symbols:
        return lines
    lines.append(f"for {_values(found.domains)}")
    if found.others:
        lines.append("assuming " + ", ".join(map(str, found.others)))
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
    """The values of a symbol in words, with a place for the symbol."""
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
    """Cells in columns, two spaces apart except at equality signs; the last is folded to fit a width."""
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
    """Aligned equations; the meaning of the symbols and the assumptions follow as comments."""
    from paramcalc.symbolic.to_sympy import latex as printed

    lines = []
    for entry in found.entries:
        for name in found.quantities:
            which = "" if len(found.entries) == 1 else rf"\;\text{{{tex(entry.path)}}}"
            left = rf"\text{{{tex(name)}}}{which}"
            lines.append(f"{left} &= {printed(_value(entry, name), found.leading)}")
    body = " \\\\\n".join(f"  {line}" for line in lines)
    remarks = "".join(comment("%", line) for line in [heading(found), *conditions(found)])
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n{remarks}"


def code(found: Formulas, language: str) -> str:
    """A module in a programming language, below comments that say what it is of."""
    from paramcalc.formula.code import module

    sign = "#" if language == "python" else "//"
    remarks = "".join(comment(sign, line) for line in [heading(found), *_fixed(found)])
    return remarks + module(found, language)


def document(found: Formulas) -> dict[str, Any]:
    """The contract `paramcalc/formula/1`: terms as numbers, next to the written forms.

    A formula too long to be read has no written forms: they are null.
    """
    inputs = {name: map(shown, shape.dims) for name, shape in found.inputs.items()}
    return {
        "schema": SCHEMA,
        **head(found.model, found.settings, inputs),
        "symbols": [_symbol(symbol) for symbol in found.symbols],
        "fixed": [each._asdict() for each in found.fixed],
        "assumptions": [str(assumption) for assumption in found.assumptions],
        "formulas": [_formula(found, entry, name) for entry in found.entries for name in found.quantities],
    }


def _formula(found: Formulas, entry: PartCounts, name: str) -> dict[str, Any]:
    from paramcalc.formula.code import expression
    from paramcalc.symbolic.to_sympy import latex

    value = _value(entry, name)
    written = readable(value)
    return {
        "path": entry.path,
        "quantity": name,
        "rounds": {letter: shown(count) for letter, count in entry.ranges},
        "text": _shown(found, entry, name) if written else None,
        "latex": latex(value, found.leading) if written else None,
        "python": expression(summed(value, entry.ranges)) if written else None,
        "terms": _terms(value) if written else None,
        "default": None if entry.ranges else evaluate(value, _point(found)),
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
            "powers": {PLAIN.atom(atom): exponent for atom, exponent in monomial},
        }
        for monomial, coefficient in terms.items()
    ]


def _plain(value: Any) -> int | str:
    """A number as JSON has it; a fraction as text, to stay exact."""
    return int(value) if value.denominator == 1 else str(value)


def _value(entry: PartCounts, name: str) -> Any:
    return getattr(entry.counts, name)


def _shown(found: Formulas, entry: PartCounts, name: str) -> str:
    return shown(_value(entry, name), found.leading, found.order)


def _rounds(entry: PartCounts) -> str:
    return ", ".join(f"{letter} = 1 ... {shown(count - 1)}" for letter, count in entry.ranges)


def _point(found: Formulas) -> dict[str, int]:
    return {symbol.letter: symbol.default for symbol in found.symbols}
