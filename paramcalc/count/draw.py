"""A report as a table: which columns, in which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from paramcalc.base.choice import known
from paramcalc.base.sizes import Size
from paramcalc.count import outline, words
from paramcalc.count.call import brief_text, call_text
from paramcalc.count.report import QUANTITIES, Basis, Counts, Report, Row, stored, sum_counts
from paramcalc.count.words import COUNTED, FIELD, Extra, against, own_words, quantity, word
from paramcalc.render.grid import Column, Grid, Line, Rows, number, rounded
from paramcalc.render.words import FOLDED, JOINED, MAIN, NARROW, dims, folded, inputs, title

USUAL = ("op", "output", "params", "macs", "share")
COLUMNS = (*USUAL[:2], "input", "weights", *QUANTITIES, *FIELD, "share")
DROPS = {"output": 1, "share": 2, "input": 3, "weights": 4}
WRAPS = ("op", "weights", "input")
BAR = 10


def document(report: Report, dtype: str = "float32") -> dict[str, Any]:
    """The report as JSON."""
    from paramcalc.count import json

    return json.document(report, dtype)


class View(NamedTuple):
    """The options of a table of counts; without columns, the usual ones."""

    columns: tuple[str, ...] = ()
    layout: str = "nchw"
    dtype: str = "float32"
    extra: Extra = Extra({}, ())


class _Table(NamedTuple):
    """A table in the making: `measure` is the quantity whose share the bars show."""

    report: Report
    view: View
    measure: str

    def line(self, line: outline.OutlineLine, row: Row | None) -> Line:
        cells = [self.group(name, line, row) for name in self.view.columns]
        return Line((folded(line.name, line.times), *cells), depth=line.depth, faint=line.auxiliary)

    def group(self, name: str, line: outline.OutlineLine, row: Row | None) -> str:
        """The cell of a group, or of a layer in the tree."""
        if name == "op":
            return line.call or line.block
        if name == "output":
            return dims(line.output, self.view.layout)
        if name == "input":
            return ", ".join(dims(shape, self.view.layout) for shape in line.inputs)
        if name in FIELD:
            return self.view.extra.cells[line.last][name]
        if name == "weights":
            return self.layer(name, row) if row and line.call else ""
        return self.amount(name, line.counts, line.auxiliary)

    def layer(self, name: str, row: Row) -> str:
        """The cell of a layer by itself."""
        applied = row.layer.applied
        if name == "op":
            return call_text(applied.op)
        if name == "output":
            return dims(applied.output, self.view.layout)
        if name == "input":
            return ", ".join(dims(shape, self.view.layout) for shape in applied.inputs)
        if name == "weights":
            return " ".join(
                f"{weight} {'x'.join(map(str, sizes))}" for weight, sizes in applied.weights.items()
            )
        if name in FIELD:
            return self.view.extra.cells[row.path][name]
        return self.amount(name, row.counts, bool(row.layer.auxiliary))

    def amount(self, name: str, counts: Counts, auxiliary: bool = False) -> str:
        if name != "share":
            return number(getattr(counts, name))
        whole = getattr(self.report.totals, self.measure)
        return "" if auxiliary or not whole else bar(getattr(counts, self.measure), whole)

    def sums(self, label: str, counts: Counts, names: Iterable[str]) -> Line:
        cells = (self.amount(name, counts) if name in names else "" for name in self.view.columns)
        return Line((label, *cells))

    def grid(self, body: list[Line], brief: Mapping[str, str], said: tuple[str, ...] = ()) -> Grid:
        """The table with its totals, and below it unit, convention, variant and input, to be quoted.

        `brief` has the short forms of calls.
        """
        report, shown = self.report, self.view.columns
        notes: tuple[str, ...] = (
            f"{inputs(report.graph.inputs)}, batch {report.batch}",
            *report.graph.remarks,
        )
        if any(name in (*QUANTITIES, "share") for name in shown):
            notes = footer(report, self.view.dtype)
            label = "total without auxiliary" if report.auxiliary else "total"
            total = self.sums(label, report.totals, QUANTITIES)
            body = [*body, total._replace(strong=True, rule=True)]
        titles = {name: word(name, report) for name in QUANTITIES}
        titles["share"] = f"share of {titles[self.measure]}"
        shares = [cell for line in body for cell in line.cells[1:] if cell.endswith("█")]
        percent = {cell: cell.rstrip(" █") for cell in shares}
        sizes = {cell: cell.replace(" x ", "x") for line in body for cell in line.cells[1:] if " x " in cell}
        short = {"op": brief, "output": sizes, "input": sizes}
        short["share"] = {titles["share"]: "share", **percent}
        columns = [
            Column(
                titles.get(name, name),
                name in (*QUANTITIES, *FIELD, "output"),
                DROPS.get(name, 0),
                short.get(name, {}),
                name in WRAPS,
            )
            for name in shown
        ]
        notes = (*notes, *self.view.extra.notes, *said)
        return Grid(title(report.graph), (Column("layer", wrap=True), *columns), tuple(body), notes, NARROW)


def columns(text: str, report: Report, printed: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Column names from a list with commas; `Fault` with near misses for unknown ones.

    Without any, the usual ones, and the quantities that the network's source prints layer by layer.
    """
    chosen = words.columns(text, COLUMNS, report)
    if chosen or report.basis is not None:
        return chosen or usual(report)
    return (*USUAL[:-1], *(name for name in printed if name not in USUAL), USUAL[-1])


def usual(report: Report) -> tuple[str, ...]:
    """The columns where none are chosen; of a convention's quantities those with a usual column, or all."""
    if report.basis is None:
        return USUAL
    main = tuple(name for name in MAIN if name in report.quantities)
    return ("op", "output", *(main or report.quantities), "share")


def grid(report: Report, depth: int | None = None, fold: bool = True, view: View = View()) -> Grid:
    """The tree of blocks with their counts, totals below, and what was counted how."""
    table = _table(report, view)
    lines = outline.outline(report, depth, fold)
    rows = {row.path: row for row in report.rows}
    body = [table.line(line, rows.get(line.path)) for line in lines]
    brief = {line.call or line.block: line.brief for line in lines}
    return table.grid(body, brief, tuple(_depth_notes(report, lines)))


def flat(report: Report, sort: str = "", top: int | None = None, view: View = View()) -> Grid:
    """Layers without their groups, the largest first; what is left out is summed in one line."""
    table = _table(report, view)
    if sort:
        known(sort, (*QUANTITIES, *own_words(report)), "quantity")
        table = table._replace(measure=quantity(sort, report))
    rows = [row for row in report.rows if not row.layer.auxiliary]
    rows.sort(key=lambda row: getattr(row.counts, table.measure), reverse=True)
    kept = rows if top is None else rows[:top]
    body = [Line((row.path, *(table.layer(name, row) for name in table.view.columns))) for row in kept]
    rest = rows[len(kept) :]
    if rest:
        sums = sum_counts(row.counts for row in rest)
        label = f"{len(rest)} more layer{'s' * (len(rest) != 1)}"
        body.append(table.sums(label, sums, (*QUANTITIES, "share"))._replace(faint=True))
    brief = {call_text(row.layer.op): brief_text(row.layer.op) for row in kept}
    return table.grid(body, brief)


def _table(report: Report, view: View) -> _Table:
    view = view._replace(columns=view.columns or usual(report))
    return _Table(report, view, _measure(report.totals, view.columns))


def footer(report: Report, dtype: str) -> tuple[str, ...]:
    """Unit, what is counted, variant and input, so that the totals can be quoted."""
    if report.basis:
        return _basis_footer(report, report.basis)
    totals = report.totals
    notes = [
        f"{inputs(report.graph.inputs)}, batch {report.batch}; {COUNTED} (convention {report.convention})",
        f"params: {_both(totals.params)}; {_trained(totals)}",
        f"MACs: {_both(totals.macs)}; {_both(totals.flops)} FLOPs (2 per MAC)",
        _bytes(report, dtype),
    ]
    if report.graph.past is not None:
        kept = totals.cache
        notes.append(f"caches: {number(kept)} elements, {number(stored(kept, dtype))} bytes as {dtype}")
    for name, counts in report.auxiliary.items():
        notes.append(
            f"{name} exists in training only: {number(counts.params)} params, {number(counts.macs)} MACs"
        )
    if report.auxiliary:
        whole = report.with_auxiliary
        notes.append(f"with auxiliary heads: {number(whole.params)} params, {number(whole.macs)} MACs")
    return (*notes, *report.graph.remarks)


def _both(count: Size) -> str:
    """A count with its rounded figure.

    >>> _both(25557032), _both(156)
    ('25,557,032 (25.6 M)', '156')
    """
    return number(count) if count < 1000 else f"{number(count)} ({rounded(count)})"


def _trained(totals: Counts) -> str:
    """How many params training changes, and how many scalars it does not."""
    fixed = totals.trainable + totals.frozen - totals.params
    text = f"{number(totals.trainable)} trainable, {number(totals.frozen)} frozen"
    if totals.active_params != totals.params:
        text += f"; {_both(totals.active_params)} active for one token"
    return f"{text} ({number(fixed)} fixed by design, not in params)" if fixed else text


def _bytes(report: Report, dtype: str) -> str:
    """The bytes of inputs, outputs and weights, added up as other tools do."""
    totals = report.totals
    entering = sum(shape.elements for shape in report.graph.inputs.values()) * report.batch
    weights = totals.memory - totals.activations
    parts = {"input": entering, "activations": totals.activations, "params": weights}
    said = ", ".join(f"{name} {size_in_bytes(stored(size, dtype))}" for name, size in parts.items())
    return (
        f"as {dtype}: {said}; params + outputs: {number(totals.memory)} elements, "
        f"{number(stored(totals.memory, dtype))} bytes"
    )


def size_in_bytes(count: int) -> str:
    """A number of bytes to three digits.

    >>> size_in_bytes(144), size_in_bytes(102228128)
    ('144 B', '102 MB')
    """
    return f"{rounded(count)} B" if count < 1000 else f"{rounded(count)}B"


def _basis_footer(report: Report, basis: Basis) -> tuple[str, ...]:
    """The footer of a convention: its name, its definitions, and the ops that it counts differently from us."""
    notes = [
        f"{inputs(report.graph.inputs)}, batch {report.batch}; convention {basis.label}: {basis.says}",
        *against(report, basis),
    ]
    notes += [f"{name} exists in training only and is not in the total" for name in report.auxiliary]
    return (*notes, *report.graph.remarks)


def rows(report: Report) -> Rows:
    """Every layer with every quantity."""
    header = ("path", "op", "call", "inputs", "output", *report.quantities, "auxiliary")
    return Rows(header, (_record(row, report.quantities) for row in report.rows))


def _record(row: Row, quantities: tuple[str, ...]) -> tuple[object, ...]:
    shapes = " ".join(str(shape) for shape in row.inputs)
    numbers = (getattr(row.counts, name) for name in quantities)
    return (row.path, row.op, row.call, shapes, str(row.output), *numbers, row.layer.auxiliary)


def _depth_notes(report: Report, lines: list[outline.OutlineLine]) -> Iterable[str]:
    below = [*lines[1:], None]  # what a line holds follows it, one deeper
    if any(
        line.layers > 1 and not (after and after.depth > line.depth)
        for line, after in zip(lines, below, strict=False)  # no line at all in a network without layers
    ):
        yield f"{len(report.rows)} layers; --depth all shows each, --depth 1 only the top"
    if any(line.times > 1 for line in lines) and any(line.layers == 1 for line in lines):
        yield FOLDED
    if any(line.name == outline.JOIN for line in lines):
        yield JOINED


def _measure(totals: Counts, shown: tuple[str, ...]) -> str:
    """The quantity of the bar: the first one shown that is not 0, multiplications before others."""
    order = (
        *(["macs"] if "macs" in shown else []),
        *(name for name in shown if name in QUANTITIES),
        "macs",
        "params",
    )
    return next((name for name in order if getattr(totals, name)), "activations")


def bar(part: int, whole: int) -> str:
    """A share as a percentage and a bar, both rounded.

    >>> bar(1, 2), bar(1, 1000)
    (' 50.0 % █████', '  0.1 %')
    """
    permille = (2000 * part + whole) // (2 * whole)
    blocks = (2 * BAR * part + whole) // (2 * whole)
    return f"{permille // 10:3}.{permille % 10} % {'█' * blocks}".rstrip()
