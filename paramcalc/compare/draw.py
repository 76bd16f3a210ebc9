"""A comparison as a table, as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from paramcalc.compare.diff import Diff, DiffLine, ratio, relative
from paramcalc.count import json as reports
from paramcalc.count import words
from paramcalc.count.outline import FULL_DEPTH, JOIN
from paramcalc.count.report import QUANTITIES, Counts
from paramcalc.count.words import FIELD, Extra, against, word
from paramcalc.render.grid import Column, Grid, Rows, number
from paramcalc.render.grid import Line as Cells
from paramcalc.render.words import FOLDED, JOINED, NARROW, dims, folded, inputs

SCHEMA = "paramcalc/compare/1"
WORDS = ("change", "op", "output")
COLUMNS = (*WORDS, *FIELD, *QUANTITIES)
# the base and the ratios to it stay
DROPS = {"output": 6, "difference": 5, "change": 4, "op": 3, "value": 2}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def columns(text: str, diff: Diff) -> tuple[str, ...]:
    """Column names from a list with commas; `Fault` with near misses for unknown ones."""
    return words.columns(text, COLUMNS, diff.reports[0]) or usual(diff)


def usual(diff: Diff) -> tuple[str, ...]:
    """The columns where none are chosen; of a convention's quantities the main ones."""
    return (*WORDS, *sorted(diff.main, key=diff.quantities.index))


def grid(
    diff: Diff,
    depth: int | None = None,
    chosen: tuple[str, ...] = (),
    fold: bool = True,
    extra: Sequence[Extra] = (),
) -> Grid:
    """The networks side by side, the totals and what each change costs or saves below.

    `extra` has the columns of receptive fields, for each network.
    """
    chosen = chosen or usual(diff)
    lines = diff.lines(depth, fold)
    body = [
        Cells(
            (_label(line), *(cell for name in chosen for cell in _cells(name, line, extra))),
            depth=line.depth,
            faint=line.auxiliary,
        )
        for line in lines
    ]
    brief = {_joined(line.calls): _joined(line.briefs) for line in lines}
    titles = tuple(column for name in chosen for column in _columns(name, diff, brief))
    said = (*notes(diff, lines, chosen), *dict.fromkeys(note for one in extra for note in one.notes))
    return Grid(
        title(diff), (Column("layer", wrap=True), *titles), (*body, _totals(diff, chosen)), said, NARROW
    )


def title(diff: Diff) -> str:
    """Which letter stands for which network."""
    return "  ".join(f"{letter}: {label}" for letter, label in zip(LETTERS, diff.labels, strict=False))


def notes(diff: Diff, lines: list[DiffLine], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The sentences, the inputs, and what the settings did."""
    extra = [name for name in chosen if name in QUANTITIES and name not in diff.main]
    said = [
        f"{LETTERS[place]} against A: {diff.sentence(place, [*diff.main, *extra])}"
        for place in range(1, len(diff.reports))
    ]
    said += _inputs(diff)
    if diff.reports[0].basis:
        said.append(f"convention {diff.reports[0].basis.label}: {diff.reports[0].basis.says}")
    for letter, report in zip(LETTERS, diff.reports, strict=False):
        said += [f"{letter}: {gap}" for gap in (against(report, report.basis) if report.basis else ())]
        said += [f"{letter}: {remark}" for remark in report.graph.remarks]
    if any(line.times > 1 for line in lines):
        said.append(FOLDED)
    if any(JOIN in line.names for line in lines):
        said.append(JOINED)
    if len(lines) < len(diff.lines(FULL_DEPTH, fold=True)):
        said.append("--depth all shows each layer, --depth 1 only the top")
    return tuple(said)


def paper(diff: Diff, chosen: tuple[str, ...] = ()) -> Grid:
    """A line for each network, with its totals and their ratios to the first's: the table of a paper."""
    names = [name for name in chosen or usual(diff) if name in QUANTITIES]
    first = diff.totals[0]
    lines = []
    for label, totals in zip(diff.labels, diff.totals, strict=True):
        pairs = [(getattr(first, name), getattr(totals, name)) for name in names]
        cells = [text for pair in pairs for text in (number(pair[1]), relative(*pair))]
        lines.append(Cells((label, *cells)))
    columns = [Column(title, True) for name in names for title in (word(name, diff.reports[0]), "change")]
    return Grid("", (Column("network"), *columns), tuple(lines), tuple(_inputs(diff)))


def _inputs(diff: Diff) -> list[str]:
    """The inputs, once where they are the same, and the batch."""
    shapes = [inputs(report.graph.inputs) for report in diff.reports]
    if len(set(shapes)) == 1:
        return [f"{shapes[0]}, batch {diff.reports[0].batch}"]
    return [f"{letter}: {text}" for letter, text in zip(LETTERS, shapes, strict=False)]


def _label(line: DiffLine) -> str:
    names = list(dict.fromkeys(name for name in line.names if name))
    return folded(" -> ".join(names), line.times)


def _columns(name: str, diff: Diff, brief: Mapping[str, str]) -> list[Column]:
    if name not in QUANTITIES:
        right, drop = name in ("output", *FIELD), DROPS.get(name, 0)
        return [Column(name, right, drop, brief if name == "op" else {}, wrap=name == "op")]
    heading = word(name, diff.reports[0])
    found = [Column(f"{heading} A", right=True)]
    for letter in LETTERS[1 : len(diff.reports)]:
        found += [
            Column(f"{heading} {letter}", right=True, drop=DROPS["value"]),
            Column(f"{letter} - A", right=True, drop=DROPS["difference"]),
            Column(f"{letter} : A", right=True),
        ]
    return found


def _cells(name: str, line: DiffLine, extra: Sequence[Extra]) -> list[str]:
    if name in FIELD:
        pairs = zip(extra, line.last, strict=True)
        return [_joined(tuple(one.cells[path][name] if path else "" for one, path in pairs))]
    if name == "change":
        return [", ".join(dict.fromkeys(change for change in line.changes if change))]
    if name == "op":
        return [_joined(line.calls)]
    if name == "output":
        return [_joined(tuple(dims(shape) if shape else "" for shape in line.outputs))]
    return _numbers([None if counts is None else getattr(counts, name) for counts in line.counts])


def _joined(texts: tuple[str, ...]) -> str:
    """What all networks have, once; where they differ, one after the other."""
    return " -> ".join(dict.fromkeys(text for text in texts if text))


def _numbers(values: list[int | None]) -> list[str]:
    first = values[0]
    found = ["" if first is None else number(first)]
    for value in values[1:]:
        found.append("" if value is None else number(value))
        difference = (value or 0) - (first or 0)
        found.append(f"{difference:+,}" if difference else "")
        found.append(_change(first, value))
    return found


def _change(first: int | None, value: int | None) -> str:
    """A value against the base's; what only one of the two networks has is added or removed."""
    if first is None or value is None:
        return "" if first is value else "added" if first is None else "removed"
    return relative(first, value)


def _totals(diff: Diff, chosen: tuple[str, ...]) -> Cells:
    found = []
    for name in chosen:
        if name in QUANTITIES:
            found += _numbers([getattr(counts, name) for counts in diff.totals])
        else:
            found.append("")
    auxiliary = any(report.auxiliary for report in diff.reports)
    label = "total without auxiliary" if auxiliary else "total"
    return Cells((label, *found), strong=True, rule=True)


def rows(diff: Diff) -> Rows:
    """Every aligned layer with every quantity of every network, differences and ratios."""
    letters = LETTERS[: len(diff.reports)]
    header = ["change", *(f"{field}_{letter}" for field in ("path", "op", "output") for letter in letters)]
    for name in diff.quantities:
        header.append(f"{name}_A")
        for letter in letters[1:]:
            header += [f"{name}_{letter}", f"{name}_{letter}-A", f"{name}_{letter}:A"]
    return Rows(tuple(header), (_record(line, diff.quantities) for line in diff.layers()))


def _record(line: DiffLine, quantities: Iterable[str]) -> list[Any]:
    found: list[Any] = [" ".join(change for change in line.changes if change), *line.paths, *line.calls]
    found += ["" if shape is None else str(shape) for shape in line.outputs]
    for name in quantities:
        values = [getattr(counts, name) if counts else 0 for counts in line.counts]
        found.append(values[0])
        for value in values[1:]:
            found += [value, value - values[0], _decimal(ratio(values[0], value))]
    return found


def _decimal(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def document(diff: Diff, dtype: str = "float32") -> dict[str, Any]:
    """The whole comparison; counts are JSON integers, exact at any size, ratios exact fractions."""
    return {
        "schema": SCHEMA,
        "models": [
            {
                "label": label,
                "model": report.graph.model,
                "spec": report.graph.spec,
                **reports.counted(report),
                **reports.against(report.basis),
                "totals": reports.totals(report.totals, dtype, diff.quantities),
            }
            for label, report in zip(diff.labels, diff.reports, strict=True)
        ],
        **reports.definitions(diff.reports[0].basis),
        "sentences": list(diff.sentences),
        "totals": _quantities(list(diff.totals), diff.quantities),
        "layers": [layer(line, diff.quantities) for line in diff.layers()],
    }


def layer(line: DiffLine, quantities: Iterable[str]) -> dict[str, Any]:
    """One aligned layer; null for a network that has nothing there."""
    return {
        "change": [change or None for change in line.changes[1:]],
        "path": [path or None for path in line.paths],
        "op": [call or None for call in line.calls],
        "output": [None if shape is None else list(shape.dims) for shape in line.outputs],
        "auxiliary": line.auxiliary,
        **_quantities(list(line.counts), quantities),
    }


def _quantities(counts: list[Counts | None] | list[Counts], quantities: Iterable[str]) -> dict[str, Any]:
    """For each quantity the values, and for each further network its difference and ratio to the first."""
    found = {}
    for name in quantities:
        values = [None if item is None else getattr(item, name) for item in counts]
        ratios = [ratio(values[0] or 0, value or 0) for value in values[1:]]
        found[name] = {
            "values": values,
            "differences": [(value or 0) - (values[0] or 0) for value in values[1:]],
            "ratios": [None if item is None else str(item) for item in ratios],
            "decimals": [_decimal(item) for item in ratios],
        }
    return found
