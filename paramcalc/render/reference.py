"""The op reference, from the op classes themselves."""

from __future__ import annotations

import inspect
from typing import Any

from paramcalc.ops.attributes import Attribute, attributes, shown
from paramcalc.ops.base import Example, Op
from paramcalc.render.grid import Column, Grid, Line, number


def overview(ops: dict[str, type[Op]]) -> Grid:
    """All ops: how each is called, and what it does."""
    lines = tuple(Line((signature(op), summary(op))) for op in ops.values())
    return Grid(
        f"{len(ops)} ops", (Column("call"), Column("what it does")), lines, ("paramcalc ops NAME: the whole",)
    )


def signature(op: type[Op]) -> str:
    """The call with its attributes in positional order; brackets mark those with a default."""
    parts = [op.name]
    for attribute in attributes(op).values():
        parts.append(attribute.name if attribute.required else f"[{attribute.name}={default(attribute)}]")
    return " ".join(parts)


def summary(op: type[Op]) -> str:
    """The first line of the op's docstring."""
    return (inspect.getdoc(op) or "").split("\n", 1)[0]


def page(op: type[Op]) -> str:
    """Everything about one op, as Markdown."""
    inputs = "two or more tensors" if op.inputs is None else ", ".join(op.inputs)
    lines = [f"# {op.name}", "", "```", signature(op), "```", "", inspect.getdoc(op) or "", ""]
    lines += [f"Inputs: {inputs}. " + (f"Also called {', '.join(op.aliases)}." if op.aliases else ""), ""]
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


def document(op: type[Op]) -> dict[str, Any]:
    """The same as data."""
    return {
        "op": op.name,
        "aliases": list(op.aliases),
        "summary": summary(op),
        "description": inspect.getdoc(op),
        "inputs": None if op.inputs is None else list(op.inputs),
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
    inputs = " and ".join(example.inputs)
    return f"| `{example.call}` | {inputs} | {example.output} | {number(example.params)} | {number(example.macs)} |"
