"""The op reference, from the op classes themselves."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from paramcalc.ops.attributes import Attribute, attributes, shown
from paramcalc.ops.base import Example, Op
from paramcalc.render.grid import GAP, Column, Grid, Line, hanging, number, text

WIDEST_CALL = 35  # of a table that wraps


def overview(ops: dict[str, type[Op]], width: int | None = None) -> Grid:
    """All ops: how each is called, and what it does.

    A width makes calls short, with dots for attributes that have a default, and wraps what is too long.
    """
    if width is None:
        lines = [Line((signature(op), summary(op))) for op in ops.values()]
    else:
        lines = [line for op in ops.values() for line in _folded(short(op), summary(op), width)]
    notes = ("paramcalc ops NAME: all attributes with their defaults, and examples",)
    return Grid(f"{len(ops)} ops", (Column("call"), Column("what it does")), tuple(lines), notes)


def _folded(call: str, does: str, width: int) -> Iterator[Line]:
    """An op in as many lines as its call and what it does need."""
    calls = textwrap.wrap(call, WIDEST_CALL, subsequent_indent="  ")
    room = max(WIDEST_CALL, width - WIDEST_CALL - GAP)
    says = textwrap.wrap(does, room, break_on_hyphens=False, break_long_words=False)
    for cells in zip_longest(calls, says, fillvalue=""):
        yield Line(cells)


def short(op: type[Op]) -> str:
    """The call with its required arguments, and dots for attributes that have a default."""
    known = attributes(op).values()
    needed = [attribute.name for attribute in known if attribute.required]
    return " ".join([op.name, *needed, *(["..."] if len(needed) < len(known) else [])])


def signature(op: type[Op]) -> str:
    """The call with its attributes in positional order; brackets mark those with a default."""
    parts = [op.name]
    for attribute in attributes(op).values():
        parts.append(attribute.name if attribute.required else f"[{attribute.name}={default(attribute)}]")
    return " ".join(parts)


def summary(op: type[Op]) -> str:
    """The first line of the op's docstring."""
    return (inspect.getdoc(op) or "").split("\n", 1)[0]


def page(op: type[Op], width: int) -> str:
    """Everything about one op, as text of at most a width."""
    parts = [hanging(signature(op), width), *_paragraphs(inspect.getdoc(op) or "", width), _inputs(op)]
    known = attributes(op).values()
    if known:
        titles = (Column("attribute"), Column("what", wrap=True), Column("default"))
        lines = [Line((a.name, _meaning(a), "" if a.required else default(a))) for a in known]
        parts.append(text(Grid("", titles, tuple(lines)), width))
    if op.examples:
        heads = (
            Column("example", wrap=True),
            Column("input", wrap=True),
            Column("output"),
            Column("params", right=True),
            Column("MACs", right=True),
        )
        lines = [Line(_cells(example)) for example in op.examples]
        parts.append(text(Grid("", heads, tuple(lines)), width))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _paragraphs(doc: str, width: int) -> Iterator[str]:
    """The paragraphs of a docstring: lines that belong together flow, `Input:  ...` and the like stay lines."""
    for paragraph in doc.split("\n\n"):
        kept = re.match(r"[A-Z][\w ,]*:", paragraph)
        yield (
            hanging(paragraph, width)
            if kept
            else textwrap.fill(paragraph, width, break_on_hyphens=False, break_long_words=False)
        )


def _inputs(op: type[Op]) -> str:
    inputs = "two or more tensors" if op.inputs is None else ", ".join(op.inputs) or "none"
    return f"Inputs: {inputs}." + (f" Also called {', '.join(op.aliases)}." if op.aliases else "")


def markdown(op: type[Op]) -> str:
    """The same as Markdown."""
    lines = [
        f"# {op.name}",
        "",
        "```",
        signature(op),
        "```",
        "",
        inspect.getdoc(op) or "",
        "",
        _inputs(op),
        "",
    ]
    known = attributes(op)
    if known:
        lines += ["| attribute | what | default |", "|---|---|---|"]
        lines += [
            f"| `{a.name}` | {_meaning(a)} | {'' if a.required else default(a)} |" for a in known.values()
        ]
        lines.append("")
    if op.examples:
        lines += ["| example | input | output | params | MACs |", "|---|---|---|---:|---:|"]
        lines += [_example(example) for example in op.examples]
        lines.append("")
    return "\n".join(lines)


def document(ops: Iterable[type[Op]]) -> dict[str, Any]:
    """The same as JSON."""
    return {"schema": "paramcalc/ops/1", "ops": [_record(op) for op in ops]}


def _record(op: type[Op]) -> dict[str, Any]:
    return {
        "op": op.name,
        "aliases": list(op.aliases),
        "summary": summary(op),
        "description": inspect.getdoc(op),
        "inputs": None if op.inputs is None else list(op.inputs),
        "optional": op.optional,
        "attributes": [
            {
                "name": a.name,
                "kind": a.kind,
                "required": a.required,
                "default": None if a.required else default(a),
                "choices": list(a.words),
            }
            for a in attributes(op).values()
        ],
        "examples": [example._asdict() for example in op.examples],
    }


def default(attribute: Attribute) -> str:
    """A default as a spec would write it; `none` where the op works it out."""
    value = attribute.default
    return "none" if value is None else value if isinstance(value, str) else shown(value)


def _meaning(attribute: Attribute) -> str:
    words = f": {', '.join(attribute.words)}" if attribute.words and attribute.kind != "Padding" else ""
    return attribute.meaning + words


def _example(example: Example) -> str:
    call, *cells = _cells(example)
    return f"| `{call}` | {' | '.join(cells)} |"


def _cells(example: Example) -> tuple[str, ...]:
    inputs = " and ".join(example.inputs)
    return example.call, inputs, example.output, number(example.params), number(example.macs)
