"""A report as a table: which columns, in which words."""

from __future__ import annotations

from typing import Any

from paramcalc.base.errors import Fault, near
from paramcalc.count import outline
from paramcalc.count.outline import call_text
from paramcalc.count.report import BYTES, QUANTITIES, Basis, Counts, Report, Row
from paramcalc.count.words import FIELD, NOTHING, Extra, against, quantity, spoken_of, word
from paramcalc.render.grid import Column, Grid, Line, comma_separated, number
from paramcalc.render.words import FOLDED, JOINED, MAIN, dims, folded, inputs, title

USUAL = ("op", "output", "params", "macs", "share")
COLUMNS = (*USUAL[:2], "input", "weights", *QUANTITIES, *FIELD, "share")
BAR = 10
COUNTED = "params without running statistics; MACs of convolution, linear and attention, bias not counted"


def columns(text: str, report: Report) -> tuple[str, ...]:
    """Column names from a list with commas; `Fault` with near misses for unknown ones."""
    names = (part.strip() for part in text.split(",") if part.strip())
    chosen = tuple(dict.fromkeys(quantity(name, report) for name in names))
    for name in chosen:
        if name not in COLUMNS:
            fix = near(name, COLUMNS) or "columns are " + ", ".join(COLUMNS)
            raise Fault(f"there is no column '{name}'", fix=fix)
        if name in QUANTITIES:
            spoken_of(name, report)
    return chosen or usual(report)


def usual(report: Report) -> tuple[str, ...]:
    """The columns where none are chosen; of a convention's quantities those with a usual column, or all."""
    if report.basis is None:
        return USUAL
    main = tuple(name for name in MAIN if name in report.quantities)
    return ("op", "output", *(main or report.quantities), "share")


def grid(
    report: Report,
    depth: int | None = None,
    chosen: tuple[str, ...] = (),
    fold: bool = True,
    layout: str = "nchw",
    dtype: str = "float32",
    extra: Extra = NOTHING,
) -> Grid:
    """The tree of blocks with their counts, totals below, and what was counted how."""
    chosen = chosen or usual(report)
    lines = outline.outline(report, depth, fold)
    measure = _measure(report.totals, chosen)
    rows = {row.path: row for row in report.rows}
    body = [
        Line(
            (
                folded(line.name, line.times),
                *(
                    extra.cells[line.last][name]
                    if name in FIELD
                    else _cell(name, line, rows.get(line.path), report, measure, layout)
                    for name in chosen
                ),
            ),
            depth=line.depth,
            faint=line.auxiliary,
        )
        for line in lines
    ]
    notes = (*_below(report, chosen, measure, dtype), *extra.notes, *_depth_note(report, lines, fold))
    return Grid(
        title(report.graph), _columns(report, chosen, measure), (*body, *_totals(report, chosen)), notes
    )


def flat(
    report: Report,
    chosen: tuple[str, ...] = (),
    sort: str = "",
    top: int | None = None,
    layout: str = "nchw",
    dtype: str = "float32",
    extra: Extra = NOTHING,
) -> Grid:
    """Layers without their groups, the largest first; what is left out is summed in one line."""
    chosen = chosen or usual(report)
    measure = _measure(report.totals, chosen)
    key = quantity(sort, report) or measure
    if key not in QUANTITIES:
        fix = near(key, QUANTITIES) or "one of " + ", ".join(QUANTITIES)
        raise Fault(f"cannot sort by '{key}'", fix=fix)
    spoken_of(key, report)
    rows = [row for row in report.rows if not row.layer.auxiliary]
    rows.sort(key=lambda row: getattr(row.counts, key), reverse=True)
    kept = rows if top is None else rows[:top]
    body = [
        Line(
            (
                row.path,
                *(
                    extra.cells[row.path][name]
                    if name in FIELD
                    else _row_cell(name, row, report, measure, layout)
                    for name in chosen
                ),
            )
        )
        for row in kept
    ]
    rest = rows[len(kept) :]
    if rest:
        body.append(Line(_rest(rest, chosen, report, measure), faint=True))
    notes = (*_below(report, chosen, measure, dtype), *extra.notes)
    return Grid(
        title(report.graph), _columns(report, chosen, measure), (*body, *_totals(report, chosen)), notes
    )


def _counts(chosen: tuple[str, ...]) -> bool:
    """Whether any of the columns counts something."""
    return any(name in QUANTITIES or name == "share" for name in chosen)


def _below(report: Report, chosen: tuple[str, ...], measure: str, dtype: str) -> tuple[str, ...]:
    """What stands below a table: of counts only where it has any."""
    if _counts(chosen):
        return footer(report, measure, dtype)
    return (f"{inputs(report.graph.inputs)}, batch {report.batch}", *report.graph.remarks)


def footer(report: Report, measure: str, dtype: str) -> tuple[str, ...]:
    """Unit, what is counted, variant and input, so that the totals can be quoted."""
    if report.basis:
        return _basis_footer(report, report.basis)
    totals = report.totals
    memory = totals.memory * BYTES[dtype]
    notes = [
        f"{inputs(report.graph.inputs)}, batch {report.batch}; convention {report.convention}: {COUNTED}",
        f"{number(totals.flops)} FLOPs (2 a MAC); memory {number(totals.memory)} elements, "
        f"{number(memory)} bytes as {dtype} (params + outputs)",
    ]
    if totals.frozen:
        notes.append(f"{number(totals.frozen)} frozen scalars, which training does not change")
    for name, counts in report.auxiliary.items():
        notes.append(
            f"{name} exists in training only: {number(counts.params)} params, {number(counts.macs)} MACs"
        )
    if report.auxiliary:
        whole = report.with_auxiliary
        notes.append(f"with auxiliary heads: {number(whole.params)} params, {number(whole.macs)} MACs")
    return (*notes, *report.graph.remarks)


def _basis_footer(report: Report, basis: Basis) -> tuple[str, ...]:
    """Whose numbers they are, what they count, and which ops count otherwise than with us."""
    notes = [f"{inputs(report.graph.inputs)}, batch {report.batch}; convention {basis.label}: {basis.says}"]
    notes += against(report, basis)
    notes += [f"{name} exists in training only, and is not in the total" for name in report.auxiliary]
    return (*notes, *report.graph.remarks)


def csv(report: Report) -> str:
    """Every layer with every quantity, one a line."""
    header = ("path", "op", "call", "inputs", "output", *report.quantities, "auxiliary")
    return comma_separated(header, (_record(row, report.quantities) for row in report.rows))


def _record(row: Row, quantities: tuple[str, ...]) -> tuple[Any, ...]:
    layer = row.layer
    inputs = " ".join(str(shape) for shape in layer.applied.inputs)
    numbers = (getattr(row.counts, name) for name in quantities)
    return (
        layer.path, layer.op.title, call_text(layer.op), inputs, str(layer.output), *numbers, layer.auxiliary,
    )  # fmt: skip


def _depth_note(report: Report, lines: list[outline.Line], fold: bool) -> tuple[str, ...]:
    shown = sum(1 for line in lines if line.layers == 1)
    folded = any(line.times > 1 for line in lines)
    notes = []
    below = [*lines[1:], None]  # what stands in a line follows it, one deeper
    if any(
        line.layers > 1 and not (after and after.depth > line.depth)
        for line, after in zip(lines, below, strict=False)  # no line at all in a network without layers
    ):
        notes.append(f"{len(report.rows)} layers; --depth all shows each, --depth 1 the top only")
    if folded and shown:
        notes.append(FOLDED)
    if any(line.name == outline.JOIN for line in lines):
        notes.append(JOINED)
    return tuple(notes)


def _columns(report: Report, chosen: tuple[str, ...], measure: str) -> tuple[Column, ...]:
    drops = {"op": 3, "share": 2, "input": 4, "weights": 5}
    titles = {name: word(name, report) for name in QUANTITIES}
    titles["share"] = f"share of {titles[measure]}"
    return (
        Column("layer"),
        *(
            Column(
                titles.get(name, name), right=name in (*QUANTITIES, *FIELD, "output"), drop=drops.get(name, 0)
            )
            for name in chosen
        ),
    )


def _measure(totals: Counts, chosen: tuple[str, ...]) -> str:
    """What the bar shows: the first chosen quantity that has any, multiplications before others."""
    order = (
        *(["macs"] if "macs" in chosen else []),
        *(name for name in chosen if name in QUANTITIES),
        "macs",
        "params",
    )
    return next((name for name in order if getattr(totals, name)), "activations")


def _cell(name: str, line: outline.Line, row: Row | None, report: Report, measure: str, layout: str) -> str:
    if name == "op":
        return line.call
    if name == "output":
        return dims(line.output, layout)
    if name in ("input", "weights"):
        return _row_cell(name, row, report, measure, layout) if row and line.call else ""
    return _quantity(name, line.counts, report, measure, auxiliary=line.auxiliary)


def _row_cell(name: str, row: Row, report: Report, measure: str, layout: str) -> str:
    applied = row.layer.applied
    if name == "op":
        return call_text(applied.op)
    if name == "output":
        return dims(applied.output, layout)
    if name == "input":
        return ", ".join(dims(shape, layout) for shape in applied.inputs)
    if name == "weights":
        return " ".join(f"{weight} {'x'.join(map(str, sizes))}" for weight, sizes in applied.weights.items())
    return _quantity(name, row.counts, report, measure, auxiliary=bool(row.layer.auxiliary))


def _quantity(name: str, counts: Counts, report: Report, measure: str, auxiliary: bool) -> str:
    if name != "share":
        return number(getattr(counts, name))
    whole = getattr(report.totals, measure)
    return "" if auxiliary or not whole else bar(getattr(counts, measure), whole)


def bar(part: int, whole: int) -> str:
    """A share as a percentage and a bar, both rounded.

    >>> bar(1, 2), bar(1, 1000)
    (' 50.0 % █████', '  0.1 %')
    """
    permille = (2000 * part + whole) // (2 * whole)
    blocks = (2 * BAR * part + whole) // (2 * whole)
    return f"{permille // 10:3}.{permille % 10} % {'█' * blocks}".rstrip()


def _rest(rows: list[Row], chosen: tuple[str, ...], report: Report, measure: str) -> tuple[str, ...]:
    from paramcalc.count.report import added

    counts = added(row.counts for row in rows)
    cells = ("" if name not in (*QUANTITIES, "share") else _quantity(name, counts, report, measure, False)
             for name in chosen)  # fmt: skip
    return (f"{len(rows)} more layers", *cells)


def _totals(report: Report, chosen: tuple[str, ...]) -> tuple[Line, ...]:
    if not _counts(chosen):
        return ()

    def cells(counts: Counts) -> tuple[str, ...]:
        return tuple(number(getattr(counts, name)) if name in QUANTITIES else "" for name in chosen)

    label = "total without auxiliary" if report.auxiliary else "total"
    return (Line((label, *cells(report.totals)), strong=True, rule=True),)
