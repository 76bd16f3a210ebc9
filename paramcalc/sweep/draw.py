"""A sweep for a terminal: its rows if they are few, else a summary, and a plot of characters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.count.report import QUANTITIES
from paramcalc.count.vary import apart
from paramcalc.ops.attributes import shown
from paramcalc.render.grid import Column, Grid, Line, number
from paramcalc.render.words import TITLES, inputs
from paramcalc.sweep import Sweep
from paramcalc.sweep.summary import Summary

SCHEMA = "paramcalc/sweep/1"
MOST_ROWS = 40  # shown in full
MOST_DRAWN = 20_000  # points in a plot
WIDTH, HEIGHT = 64, 16  # characters of a plot
MARKS = ".:+*#"  # one point in a character, up to 3, 10, 30, and more
LOGARITHMIC_FROM = 20  # times that the largest must be the smallest


def grid(sweep: Sweep, summary: Summary | None = None) -> Grid:
    """All rows, or the least and the most of each quantity and the Pareto front."""
    summary = summary or sweep.summary()
    columns = (
        Column(""),
        *(Column(axis.name, right=True) for axis in sweep.axes),
        *(Column(TITLES.get(name, name), right=True) for name in sweep.called(sweep.quantities)),
    )
    front = set() if summary.front is None else set(summary.front.rows.tolist())
    if sweep.order.rows <= MOST_ROWS:
        block = next(sweep.blocks(), None)
        rows = [] if block is None else block.rows.tolist()
        lines = [_line("front" if row in front else "", sweep.row(row)) for row in rows]
    else:
        lines = _standing_out(sweep, summary)
    return Grid(title(sweep), columns, tuple(lines), notes(sweep, summary))


def _standing_out(sweep: Sweep, summary: Summary) -> list[Line]:
    lines = []
    for name in sweep.quantities:
        if name in summary.least:
            lines.append(_line(f"least {name}", sweep.row(summary.least[name][1])))
            lines.append(_line(f"most {name}", sweep.row(summary.most[name][1])))
    rows = [] if summary.front is None else summary.front.rows.tolist()
    shown_rows = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
    for place, row in enumerate(shown_rows):
        lines.append(_line("front", sweep.row(row))._replace(rule=not place))
    return lines


def _line(label: str, row: dict[str, Any]) -> Line:
    quantities = (*QUANTITIES, *apart(QUANTITIES, QUANTITIES))
    cells = [number(value) if name in quantities else _setting(value) for name, value in row.items()]
    return Line((label, *cells), strong=label == "front")


def _setting(value: Any) -> str:
    return shown(value).strip("'")


def title(sweep: Sweep) -> str:
    """The network, and what stays as it is set."""
    return ", ".join(
        [sweep.space.variant or sweep.space.spec.name, *(str(change) for change in sweep.space.changes)]
    )


def notes(sweep: Sweep, summary: Summary) -> tuple[str, ...]:
    """How many points there are, which have no network and why, and what the front is of."""
    of = _points(sweep.order.points)
    if len(sweep.axes) > 1:
        of += f" ({' x '.join(str(length) for length in sweep.order.lengths)})"
    sample = sweep.order.sample
    said = [of if sample is None else f"{sample:,} random points of {of}, seed {sweep.order.seed}"]
    missing = sum(points for points, _ in summary.reasons.values())
    if missing:
        reason = sweep.reason(max(summary.reasons.values(), key=lambda each: (each[0], -each[1]))[1])
        said.append(f"{missing:,} points give no network and have no row, e.g. {reason}")
    if sweep.objectives and summary.front is not None:
        size = summary.front.rows.size
        what = ", ".join(str(objective) for objective in sweep.objectives)
        part = "" if sweep.order.rows <= MOST_ROWS or size <= MOST_ROWS else ", some of them shown"
        said.append(f"Pareto front of {what}: {_points(size)}{part}")
    return tuple(said)


def _points(amount: int) -> str:
    return f"{amount:,} point{'s' * (amount != 1)}"


# ------------------------------------------------------------------------------------------ plot


class Points(NamedTuple):
    """Two numbers of each point, by name."""

    names: tuple[str, str]
    across: list[int]
    up: list[int]


def points(sweep: Sweep) -> Points | None:
    """The points of a plot: the first two quantities, or objectives, or a setting and the quantity."""
    numeric = [axis.name for axis in sweep.axes if axis.whole]
    wanted = [objective.name for objective in sweep.objectives if objective.name in sweep.names]
    names = list(dict.fromkeys([*wanted, *sweep.quantities, *numeric]))[:2]
    if len(names) < 2:
        return None
    columns = sweep.at_most(MOST_DRAWN).columns()
    return Points((names[0], names[1]), columns[names[0]].tolist(), columns[names[1]].tolist())


def front_points(sweep: Sweep, summary: Summary, names: tuple[str, str]) -> Points | None:
    """The front's points, where it is about the two numbers that are drawn."""
    if summary.front is None or not summary.front.rows.size:
        return None
    if {objective.name for objective in sweep.objectives} != set(names):
        return None
    rows = [sweep.row(row) for row in summary.front.rows.tolist()]
    return Points(names, [row[names[0]] for row in rows], [row[names[1]] for row in rows])


def plot(found: Points) -> str:
    """Points as characters; the fuller a character, the more points lie in it."""
    if not found.across:
        return ""
    columns, rows = scaled(found.across, WIDTH), scaled(found.up, HEIGHT)
    counts = [[0] * WIDTH for _ in range(HEIGHT)]
    for column, row in zip(columns, rows, strict=True):
        counts[HEIGHT - 1 - row][column] += 1
    lines = ["".join(_mark(count) for count in row).rstrip() for row in counts]
    (across, up), ends = found.names, (min(found.up), max(found.up))
    how = ["logarithmic" if logarithmic(values) else "linear" for values in (found.across, found.up)]
    head = f"{up} from {ends[0]:,} to {ends[1]:,}, {how[1]}"
    foot = f"{across} from {min(found.across):,} to {max(found.across):,}, {how[0]}"
    return "\n".join([head, *(f"|{line}" for line in lines), "+" + "-" * WIDTH, f" {foot}"]) + "\n"


def _mark(count: int) -> str:
    return " " if not count else MARKS[sum(count > limit for limit in (1, 3, 10, 30))]


def logarithmic(values: Sequence[int]) -> bool:
    return min(values) > 0 and max(values) >= LOGARITHMIC_FROM * min(values)


def scaled(values: Sequence[int], size: int) -> list[int]:
    """Values on a scale with a number of places, logarithmic where they span orders of magnitude."""
    numbers = (
        [log10(value) for value in values] if logarithmic(values) else [float(value) for value in values]
    )
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    return [min(size - 1, int((each - low) / span * size)) for each in numbers]


def picture(sweep: Sweep, summary: Summary, path: Path) -> None:
    """Draws the points of a sweep, and over them the line of its front."""
    from paramcalc.render.plot import Scatter, scatter  # needs an optional package

    found = points(sweep)
    if found is None:
        raise Fault("a picture needs two numbers of each point", fix="--quantity params,macs")
    front = front_points(sweep, summary, found.names)
    across, up = (TITLES.get(name, name) for name in found.names)
    varied = {axis.name for axis in sweep.axes}
    fixed = {name: shape for name, shape in sweep.space.shapes.items() if name not in varied}
    said = [title(sweep), inputs(fixed), *notes(sweep, summary)[:1]]
    scatter(
        Scatter(
            "; ".join(filter(None, said)),
            (across, up),
            found.across,
            found.up,
            (logarithmic(found.across), logarithmic(found.up)),
            [] if front is None else sorted(zip(front.across, front.up, strict=True)),
            "Pareto front",
        ),
        path,
    )


# ------------------------------------------------------------------------------------------ JSON


def document(sweep: Sweep, summary: Summary) -> dict[str, Any]:
    """A sweep and its summary; the rows are for CSV and Parquet."""
    rows = [] if summary.front is None else summary.front.rows.tolist()
    return {
        "schema": SCHEMA,
        **sweep.description(),
        "format": "",
        "points": sweep.order.points,
        "rows": summary.rows,
        "skipped": {sweep.reason(row): points for points, row in summary.reasons.values()},
        "least": {name: _row(sweep, row) for name, (_, row) in summary.least.items()},
        "most": {name: _row(sweep, row) for name, (_, row) in summary.most.items()},
        "front": [_row(sweep, row) for row in rows],
    }


def _row(sweep: Sweep, number: int) -> dict[str, Any]:
    return {name: _plain(value) for name, value in sweep.row(number).items()}


def _plain(value: Any) -> Any:
    """A setting as JSON has it: fractions as a spec writes them."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return shown(value) if isinstance(value, Fraction) else value
