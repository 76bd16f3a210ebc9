"""A report as a table: which columns, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.errors import Fault, near
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.count import outline
from paramcalc.count.outline import call_text
from paramcalc.count.report import BYTES, QUANTITIES, Basis, Counts, Report, Row
from paramcalc.render.grid import Column, Grid, Line, comma_separated, number

USUAL = ("op", "output", "params", "macs", "share")
MAIN = ("params", "macs", "flops")
FIELD = ("field", "jump", "start")
COLUMNS = (*USUAL[:2], "input", "weights", *QUANTITIES, *FIELD, "share")
BAR = 10
COUNTED = "params without running statistics; MACs of convolution, linear and attention, bias not counted"
FOLDED = "x N: N equal blocks; the line has all of them, the lines below it one"
JOINED = "line =: the join of the branches above it"
TITLES = {"macs": "MACs", "flops": "FLOPs", "contraction_activations": "contraction activations"}


def columns(text: str, report: Report) -> tuple[str, ...]:
    """Column names from a list with commas; `Fault` with near misses for unknown ones."""
    chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
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


def spoken_of(name: str, report: Report) -> None:
    """A `Fault` where a report's convention says nothing about a quantity."""
    if name not in report.quantities:
        about = ", ".join(report.quantities)
        raise Fault(f"convention '{report.convention}' says nothing about {name}, only {about}")


def grid(
    report: Report,
    depth: int | None = None,
    chosen: tuple[str, ...] = (),
    fold: bool = True,
    layout: str = "nchw",
    dtype: str = "float32",
) -> Grid:
    """The tree of blocks with their counts, totals below, and what was counted how."""
    chosen = chosen or usual(report)
    lines = outline.outline(report, depth, fold)
    measure = _measure(report.totals, chosen)
    fields, said = _fields(report, chosen)
    rows = {row.path: row for row in report.rows}
    body = [
        Line(
            (
                _label(line),
                *(
                    fields[line.last][name]
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
    notes = (*_below(report, chosen, measure, dtype), *said, *_depth_note(report, lines, fold))
    return Grid(title(report), _columns(report, chosen, measure), (*body, *_totals(report, chosen)), notes)


def flat(
    report: Report,
    chosen: tuple[str, ...] = (),
    sort: str = "",
    top: int | None = None,
    layout: str = "nchw",
    dtype: str = "float32",
) -> Grid:
    """Layers without their groups, the largest first; what is left out is summed in one line."""
    chosen = chosen or usual(report)
    measure = _measure(report.totals, chosen)
    key = sort or measure
    if key not in QUANTITIES:
        fix = near(key, QUANTITIES) or "one of " + ", ".join(QUANTITIES)
        raise Fault(f"cannot sort by '{key}'", fix=fix)
    spoken_of(key, report)
    rows = [row for row in report.rows if not row.layer.auxiliary]
    rows.sort(key=lambda row: getattr(row.counts, key), reverse=True)
    kept = rows if top is None else rows[:top]
    fields, said = _fields(report, chosen)
    body = [
        Line(
            (
                row.path,
                *(
                    fields[row.path][name] if name in FIELD else _row_cell(name, row, report, measure, layout)
                    for name in chosen
                ),
            )
        )
        for row in kept
    ]
    rest = rows[len(kept) :]
    if rest:
        body.append(Line(_rest(rest, chosen, report, measure), faint=True))
    notes = (*_below(report, chosen, measure, dtype), *said)
    return Grid(title(report), _columns(report, chosen, measure), (*body, *_totals(report, chosen)), notes)


def _fields(report: Report, chosen: tuple[str, ...]) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """The receptive field columns by path, if any of them was chosen, and what is to be said of them."""
    if not set(FIELD) & set(chosen):
        return {}, ()
    from paramcalc.field.draw import cells, meanings
    from paramcalc.field.field import fields

    found = fields(report.graph)
    apart = len({item.layer for item in found.misaligned})
    joins = f"{apart} layer{'s' * (apart != 1)} with inputs that are not aligned: paramcalc field says which"
    return cells(found), (*meanings(found, chosen), *([joins] if apart else []))


def _counts(chosen: tuple[str, ...]) -> bool:
    """Whether any of the columns counts something."""
    return any(name in QUANTITIES or name == "share" for name in chosen)


def _below(report: Report, chosen: tuple[str, ...], measure: str, dtype: str) -> tuple[str, ...]:
    """What stands below a table: of counts only where it has any."""
    if _counts(chosen):
        return footer(report, measure, dtype)
    return (f"{inputs(report)}, batch {report.batch}", *report.graph.remarks)


def title(report: Report) -> str:
    """The model, what was set, and the input: which network the numbers are about."""
    graph = report.graph
    name = graph.model if graph.model == graph.spec else f"{graph.model} ({graph.spec})"
    settings = f", {', '.join(graph.settings)}" if graph.settings else ""
    return f"{name}{settings}"


def inputs(report: Report) -> str:
    """The inputs and their sizes."""
    return ", ".join(f"{name} {shape}" for name, shape in report.graph.inputs.items())


def footer(report: Report, measure: str, dtype: str) -> tuple[str, ...]:
    """Unit, what is counted, variant and input, so that the totals can be quoted."""
    if report.basis:
        return _basis_footer(report, report.basis)
    totals = report.totals
    memory = totals.memory * BYTES[dtype]
    notes = [
        f"{inputs(report)}, batch {report.batch}; convention {report.convention}: {COUNTED}",
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
    notes = [f"{inputs(report)}, batch {report.batch}; convention {basis.label}: {basis.says}"]
    notes += against(report, basis)
    notes += [f"{name} exists in training only, and is not in the total" for name in report.auxiliary]
    return (*notes, *report.graph.remarks)


def against(report: Report, basis: Basis) -> list[str]:
    """How the totals of a convention differ from ours."""
    return [
        f"{word(name, report)} {gaps(found)}" for name, found in basis.differences.items() if name in MAIN
    ]


def gaps(found: Mapping[str, int]) -> str:
    """How a total differs from ours, by op.

    >>> gaps({"batch_norm": 53120, "linear": -1000})
    'against ours: +52,120 = batch_norm +53,120, linear -1,000'
    """
    parts = ", ".join(f"{name} {gap:+,}" for name, gap in found.items())
    return f"against ours: {sum(found.values()):+,} = {parts}"


def word(quantity: str, report: Report) -> str:
    """What a quantity is called by those who count it so."""
    return (report.basis and report.basis.words.get(quantity)) or TITLES.get(quantity, quantity)


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


def _label(line: outline.Line) -> str:
    times = f" x {line.times}" if line.times > 1 else ""
    return f"{line.name}{times}"


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


def dims(shape: Shape, layout: str) -> str:
    """Sizes with blanks between, channels last where asked for.

    >>> from paramcalc.base.shape import image
    >>> dims(image(64, 112, 112), "nhwc")
    '112 x 112 x 64'
    """
    if layout == "nhwc" and CHANNELS in shape.axes:
        return " x ".join(str(dim) for dim in (*shape.space, shape.channels))
    return " x ".join(str(dim) for dim in shape.dims)


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
