"""Conventions as text: one network under all of them, and what each of them is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from paramcalc.conventions import Convention
from paramcalc.conventions.rule import Tool, rules
from paramcalc.conventions.tools import WRITINGS
from paramcalc.count.json import head
from paramcalc.count.report import Report
from paramcalc.render.grid import Column, Grid, Line, number
from paramcalc.render.words import MAIN, inputs, title

SCHEMA = "paramcalc/conventions/1"
WIDTH = 100
EXPLAINED = (
    "below each convention: its difference from paramcalc, by op",
    "tools: the model in evaluation mode, written with modules of torch.nn, keras.layers or Caffe",
    "paramcalc conventions: what each counts, its quirks, its source",
)


def grid(own: Report, others: Iterable[Report]) -> Grid:
    """A line for each convention with its totals, and below it the ops that it counts differently."""
    lines = [_totals(own)]
    for report in others:
        lines += [_totals(report), *_differences(report)]
    columns = (Column("convention"), *(Column(name, right=True) for name in ("params", "MACs", "FLOPs")))
    notes = (f"{inputs(own.graph.inputs)}, batch {own.batch}", *EXPLAINED)
    return Grid(title(own.graph), columns, tuple(lines), notes)


def _totals(report: Report) -> Line:
    label = report.basis.label if report.basis else report.convention
    cells = (number(getattr(report.totals, name)) if name in report.quantities else "" for name in MAIN)
    return Line((label, *cells))


def _differences(report: Report) -> list[Line]:
    assert report.basis is not None
    found = report.basis.differences
    families = dict.fromkeys(family for name in reversed(MAIN) for family in found.get(name, ()))
    return [
        Line((family, *(_signed(found.get(name, {}).get(family, 0)) for name in MAIN)), depth=1, faint=True)
        for family in families
    ]


def _signed(gap: int) -> str:
    return f"{gap:+,}" if gap else ""


def document(own: Report, others: Iterable[Report]) -> dict[str, Any]:
    """The same as JSON, with the rules by which each op is counted."""
    return {
        "schema": SCHEMA,
        **head(own.graph.model, own.graph.settings, own.input_shapes()),
        "batch": own.batch,
        "paramcalc": _numbers(own),
        "conventions": {report.convention: _entry(report) for report in others},
    }


def _numbers(report: Report) -> dict[str, Any]:
    return {name: getattr(report.totals, name) for name in report.quantities}


def _entry(report: Report) -> dict[str, Any]:
    assert report.basis is not None
    basis = report.basis
    return {
        "label": basis.label,
        "words": {name: word for name, word in basis.words.items() if word},
        "totals": _numbers(report),
        "against_paramcalc": {name: dict(gaps) for name, gaps in basis.differences.items()},
        "rules": {name: dict(formulas) for name, formulas in basis.rules.items()},
    }


def listing(conventions: Iterable[Convention]) -> str:
    """Every convention: its quantities and definitions, its quirks and its source."""
    return "\n".join("\n".join(_described(each)) + "\n" for each in conventions if each.base == each.name)


def _described(convention: Convention) -> list[str]:
    tool = convention.tool
    if tool is None:
        return [f"{convention.name}  ({', '.join(convention.terms)})", *_indented(convention.says)]
    quantities = ", ".join(convention.word(name) or name for name in convention.terms)
    return [
        f"{convention.name} {tool.version}  ({quantities})",
        *_indented(convention.says),
        *_indented(f"It sees {tool.sees}."),
        *(line for quirk in _quirks(convention, tool) for line in _indented(quirk, "- ")),
        f"  {tool.source}",
    ]


def _quirks(convention: Convention, tool: Tool) -> list[str]:
    """A tool's quirks, and the names of its variants for other ways to write a network."""
    return [*tool.quirks, *(f"{convention.name}:{name}: {WRITINGS[name]}" for name in tool.writings)]


def _indented(text: str, mark: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {mark}",
        subsequent_indent="  " + " " * len(mark),
        break_on_hyphens=False,
    )


def markdown_listing(conventions: Iterable[Convention]) -> str:
    """The same as Markdown, a section each."""
    return "\n".join(_section(each) for each in conventions if each.base == each.name)


def _section(convention: Convention) -> str:
    tool = convention.tool
    heading = f"## {convention.name}" + (f" {tool.version}" if tool else "")
    lines = [heading, "", convention.says, ""]
    if tool:
        lines += [f"Sees {tool.sees}; read in <{tool.source}>.", ""]
        lines += [f"- {quirk}" for quirk in _quirks(convention, tool)] + [""]
    return "\n".join(lines)


def list_document(conventions: Iterable[Convention]) -> dict[str, Any]:
    """The same as JSON, with the rules."""
    return {"schema": SCHEMA, "conventions": [_record(each) for each in conventions]}


def _record(convention: Convention) -> dict[str, Any]:
    tool = convention.tool
    facts: dict[str, Any] = {"name": convention.name, "says": convention.says}
    if tool:
        facts |= {"version": tool.version, "source": tool.source, "sees": tool.sees}
        facts |= {"words": dict(tool.called), "quirks": list(tool.quirks), "per_image": tool.per_image}
    facts["rules"] = {name: rules(terms) for name, terms in convention.terms.items()}
    return facts
