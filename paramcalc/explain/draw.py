"""Explanations as text, Markdown, LaTeX and JSON: a formula, the same with numbers, the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from paramcalc.conventions import Convention
from paramcalc.count.json import head
from paramcalc.explain.equations import ORDER, Equation, Meaning, Product
from paramcalc.explain.explain import Explained, Explanation, Reason, Total
from paramcalc.render.escape import code, comment
from paramcalc.render.escape import markdown as escaped
from paramcalc.render.grid import number, wrapped
from paramcalc.render.words import inputs
from paramcalc.symbolic.notation import LATEX, LECTURE, Notation
from paramcalc.symbolic.polynomial import Polynomial

SCHEMA = "paramcalc/explain/1"
WIDTH = 100  # of the legend where no terminal says otherwise
LONGEST = 160  # a longer formula is left to JSON
SHOWN_PATHS = 3
NOUNS = {
    "add": "additions",
    "subtract": "subtractions",
    "multiply": "multiplications",
    "divide": "divisions",
    "compare": "comparisons",
    "exp": "exponentials",
    "log": "logarithms",
    "sqrt": "square roots",
    "power": "powers",
    "tanh": "tanh calls",
    "erf": "erf calls",
    "sin": "sines",
    "cos": "cosines",
}


class Style(NamedTuple):
    """A notation, and how factors that stand apart are joined."""

    notation: Notation
    apart: str


PLAIN = Style(LECTURE, " * ")
_MARKED = re.compile("\0([^\0]*)\0")
TEX = Style(LATEX._replace(product=r" \cdot ", by_name=True), r" \cdot ")


def text(found: Explained, width: int | None = None) -> str:
    """For each layer what goes in and comes out, and one equation a line; then what the symbols stand for."""
    blocks = [heading(found)]
    for each in found.explanations:
        lines = [f"{paths(each)}: {each.call}, {flow(each)}"]
        lines += _aligned((_indent(line) + word(line), equation(line, each)) for line in each.lines)
        blocks.append("\n".join([*lines, *(f"  {said}" for said in remarks(each, found))]))
    if found.totals:
        lines = _aligned((total.quantity, addition(total)) for total in found.totals)
        blocks.append("\n".join(["total", *lines, *(f"  {said}" for said in differences(found))]))
    if found.legend:
        blocks.append("\n".join(_lines(legend(found), width or WIDTH)))
    blocks += ["\n".join(found.notes)] if found.notes else []
    if found.convention:
        blocks.append("\n".join(about(found.convention)))
    return "\n\n".join(blocks) + "\n"


def legend(found: Explained) -> list[str]:
    """What the symbols stand for, those of one attribute or tensor together; an attribute's own name needs no word."""
    together: dict[tuple[str, ...], list[tuple[str, Meaning]]] = {}
    for name, meanings in found.legend.items():
        first = meanings[0]
        if first != Meaning(name):
            key = (first.what,) if len(meanings) == 1 else (name, _either(meanings))
            together.setdefault(key, []).append((name, first))
    return [
        f"{', '.join(name for name, _ in named)}: {key[1] if len(key) > 1 else _meaning([one for _, one in named])}"
        for key, named in together.items()
    ]


def _meaning(alike: Sequence[Meaning]) -> str:
    """The legend text for symbols of one attribute or tensor."""
    parts = ", ".join(one.part for one in alike if one.part)
    return str(alike[0]._replace(part=parts))


def _either(meanings: Iterable[Meaning]) -> str:
    return " or ".join(map(str, meanings))


def _lines(said: Iterable[str], width: int) -> list[str]:
    """Remarks one after the other in lines of at most a width, none of them broken."""
    return [
        line.replace("\0", " ") for line in wrapped("; ".join(one.replace(" ", "\0") for one in said), width)
    ]


def markdown(found: Explained) -> str:
    """A heading for each layer, and its equations as a list."""
    blocks = [f"**{escaped(heading(found))}**"]
    for each in found.explanations:
        lines = [f"{_indent(line)}- {word(line)}: {code(equation(line, each))}" for line in each.lines]
        lines += [f"- {escaped(said)}" for said in remarks(each, found)]
        blocks.append("\n".join([f"### {escaped(paths(each))}: {code(each.call)}, {flow(each)}", "", *lines]))
    if found.totals:
        lines = [f"- {total.quantity}: {code(addition(total))}" for total in found.totals]
        lines += [f"- {escaped(said)}" for said in differences(found)]
        blocks.append("\n".join(["### total", "", *lines]))
    blocks += [escaped("; ".join(legend(found)))] if found.legend else []
    blocks += ["\n".join(f"- {said}" for said in found.notes)] if found.notes else []
    if found.convention:
        blocks.append("\n".join(f"- {said}" for said in about(found.convention)))
    return "\n\n".join(blocks) + "\n"


def latex(found: Explained) -> str:
    """Aligned equations for each layer."""
    blocks = [comment("%", heading(found))]
    for each in found.explanations:
        lines = [f"  {_left(line)} &= {equation(line, each, TEX)}" for line in each.lines]
        blocks.append(_align([f"{paths(each)}: {each.call}, {flow(each)}", *remarks(each, found)], lines))
    if found.totals:
        lines = [f"  \\text{{{total.quantity}}} &= {addition(total, TEX)}" for total in found.totals]
        blocks.append(_align(["total", *differences(found)], lines))
    blocks += [comment("%", "; ".join(legend(found)))] if found.legend else []
    blocks += [comment("%", said) for said in found.notes]
    blocks += [comment("%", said) for said in (about(found.convention) if found.convention else ())]
    return "".join(blocks)


def document(found: Explained) -> dict[str, Any]:
    """The contract `paramcalc/explain/1`."""
    inputs = {name: shape.dims for name, shape in found.inputs.items()}
    return {
        "schema": SCHEMA,
        **head(found.model, found.settings, inputs),
        "layers": [_layer(each) for each in found.explanations],
        "totals": {
            total.quantity: {"addends": [list(addend) for addend in total.addends], "value": total.value}
            for total in found.totals
        },
        "legend": {name: _either(meanings) for name, meanings in found.legend.items()},
        "notes": list(found.notes),
        "convention": found.convention.name if found.convention else None,
        "differences": [_reason(reason) for reason in found.differences],
    }


def _layer(each: Explanation) -> dict[str, Any]:
    return {
        "paths": list(each.paths),
        "call": each.call,
        "inputs": [list(shape.dims) for shape in each.inputs],
        "output": list(each.output.dims),
        "symbols": each.numbers,
        "remarks": list(each.remarks),
        "reasons": [_reason(reason) for reason in each.reasons],
        "equations": [
            {
                "quantity": line.quantity,
                "name": line.name,
                "formula": formula(line, each, PLAIN, names=True),
                "numbers": formula(line, each, PLAIN, names=False),
                "latex": formula(line, each, TEX, names=True),
                "value": line.value,
            }
            for line in each.lines
        ],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "quantity": reason.quantity,
        "called": reason.word or None,
        "parts": [{"formula": formula, "value": value} for formula, value in reason.parts],
        "ours": reason.ours,
        "theirs": reason.theirs,
    }


# --------------------------------------------------------------------------------------------- parts


def heading(found: Explained) -> str:
    """The model, what was set, and the input."""
    return ", ".join([found.model, *found.settings, inputs(found.inputs)])


def paths(each: Explanation) -> str:
    """The layers' paths; of many alike, how many there are."""
    more = len(each.paths) - SHOWN_PATHS
    shown = ", ".join(each.paths[:SHOWN_PATHS])
    return f"{shown} and {more} more" if more > 0 else shown


def flow(each: Explanation) -> str:
    """Shapes in and out."""
    read = " and ".join(map(str, each.inputs))
    return f"{read} -> {each.output}" if read else str(each.output)


def equation(line: Equation, each: Explanation, style: Style = PLAIN) -> str:
    """A formula, the same with numbers, and the value; what repeats itself or is too long is left out."""
    parts = [formula(line, each, style, names) for names in (True, False)]
    value = number(line.value) if style is PLAIN else f"{line.value:,}".replace(",", "{,}")
    shown = [part for part in parts if len(part) <= LONGEST and part != str(line.value)]
    return " = ".join(dict.fromkeys([*shown, value]))


def formula(line: Equation, each: Explanation, style: Style, names: bool) -> str:
    """The sum of an equation's pieces, with the symbols' names or with their numbers."""
    written = _written(line.pieces, style is TEX, names, (*ORDER, *each.numbers))
    return written if names else _MARKED.sub(lambda found: str(each.numbers[found[1]]), written)


def marked(line: Equation, names: Iterable[str]) -> str:
    """The sum of an equation's pieces, with a NUL before and after each symbol's name."""
    return _written(line.pieces, False, False, (*ORDER, *names))


@lru_cache(maxsize=1024)
def _written(pieces: tuple[Product, ...], tex: bool, names: bool, order: tuple[str, ...]) -> str:
    """A sum of pieces with names, or with marks in their places: many layers differ in numbers only."""
    style = TEX if tex else PLAIN
    notation = style.notation if names else style.notation._replace(symbol="\0{}\0".format)
    return " + ".join(_piece(piece, notation, style.apart, order) for piece in pieces) or "0"


def _piece(piece: Product, notation: Notation, apart: str, order: tuple[str, ...]) -> str:
    """A product: sums in it, and products that stand apart, in parentheses."""
    written = [notation.sum(factor, (), order) for factor in piece.factors]
    if len(written) == 1:
        return written[0]
    needs: Callable[[Any], bool] = _is_product if piece.apart else _is_sum
    bracketed = (
        f"({one})" if needs(factor) else one for one, factor in zip(written, piece.factors, strict=True)
    )
    return (apart if piece.apart else notation.product).join(bracketed)


def _is_sum(factor: Any) -> bool:
    return isinstance(factor, Polynomial) and len(factor.terms) > 1


def _is_product(factor: Any) -> bool:
    if not isinstance(factor, Polynomial):
        return False
    (monomial, coefficient), *others = factor.terms.items()
    return bool(others) or len(monomial) > 1 or coefficient != 1


def addition(total: Total, style: Style = PLAIN) -> str:
    """The addends of a total; too many of them are left out."""
    sign = style.notation.product
    value = f"{total.value:,}" if style is PLAIN else f"{total.value:,}".replace(",", "{,}")
    terms = (f"{times}{sign}{amount}" if times > 1 else str(amount) for times, amount in total.addends)
    joined = " + ".join(terms)
    return f"{joined} = {value}" if len(total.addends) > 1 and len(joined) <= LONGEST else value


def remarks(each: Explanation, found: Explained) -> list[str]:
    """Notes on a layer besides its equations: shared weights, and what a convention changes."""
    changes = [reason for reason in each.reasons if reason.theirs != reason.ours]
    return [*each.remarks, *(reason_text(reason, found) for reason in changes)]


def differences(found: Explained) -> list[str]:
    """The total effect of a convention."""
    return [reason_text(reason, found) for reason in found.differences]


def reason_text(reason: Reason, found: Explained) -> str:
    """A convention's sum beside ours, and what it adds up.

    >>> from paramcalc import load
    >>> from paramcalc.conventions import convention
    >>> from paramcalc.explain.explain import explain
    >>> found = explain(load("lenet5-1998").count(), ["C1"], why=convention("with-biases"))
    >>> print(reason_text(found.explanations[0].reasons[0], found))
    with-biases macs = macs + add = 117600 + 4704 = 122,304, 4,704 more than ours
    """
    name = found.convention.name if found.convention else ""
    called = f" ('{reason.word}')" if reason.word else ""
    written = [f"({formula})" if " if " in formula else formula for formula, _ in reason.parts]
    formulas = " + ".join(written) or "nothing"
    values = " + ".join(str(value) for _, value in reason.parts) or "0"
    change = reason.theirs - reason.ours
    compared = f"{number(abs(change))} {'more' if change > 0 else 'less'} than ours" if change else "as ours"
    total = number(reason.theirs)
    shown = [formulas, values, total] if len(reason.parts) > 1 else [formulas, total]
    return f"{name} {reason.quantity}{called} = {' = '.join(shown)}, {compared}"


def about(convention: Convention) -> list[str]:
    """A convention's definition, its source, and its quirks."""
    lines = [f"{convention.name}: {convention.says}"]
    if convention.tool:
        lines.append(f"{convention.tool.version}, {convention.tool.source}")
        lines += convention.tool.quirks
    return lines


def _aligned(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name.ljust(width)} = {right}" for name, right in rows]


def _align(titles: list[str], lines: list[str]) -> str:
    """Equations below comments."""
    title = "".join(comment("%", line) for line in titles)
    if not lines:
        return title
    body = " \\\\\n".join(lines)
    return f"{title}\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _left(line: Equation) -> str:
    """The left side of an equation: a symbol, or a word."""
    return LATEX.symbol(line.name) if line.quantity == "output" else rf"\text{{{word(line)}}}"


def word(line: Equation) -> str:
    """The left side in words: operations of a kind are counted by a noun."""
    return NOUNS.get(line.name, line.name) if line.quantity == "operations" else line.name


def _indent(line: Equation) -> str:
    """What sets a kind of operations below all of them."""
    return "  " if line.quantity == "operations" != line.name else ""
