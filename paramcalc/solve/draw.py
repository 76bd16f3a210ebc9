"""Solutions as a table, JSON and CSV."""

from __future__ import annotations

from typing import Any

from paramcalc.count.json import head
from paramcalc.count.report import QUANTITIES
from paramcalc.count.vary import Axis, apart
from paramcalc.ops.attributes import shown
from paramcalc.render.grid import Column, Grid, Line, Rows, number
from paramcalc.render.words import TITLES
from paramcalc.solve import Answer, Point, Solution
from paramcalc.solve.bounds import wanted
from paramcalc.solve.line import LineAnswer
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.pieces import Piece
from paramcalc.symbolic.polynomial import Polynomial

SCHEMA = "paramcalc/solve/1"
MOST_RUNS = 5  # shown
LONGEST = 200  # characters of a closed form that is shown


def grid(solution: Solution) -> Grid:
    """Each answer between its neighbours, which show where the constraints stop being met."""
    names = [axis.name for axis in solution.space.axes]
    quantities = quantities_of(solution)
    columns = (
        *(Column(name, right=True) for name in names),
        *(Column(TITLES.get(name, name), right=True) for name in apart(quantities, names)),
        Column("constraints"),
    )
    lines = [line for answer in solution.answers for line in _lines(answer, solution, quantities)]
    lines += [_line(point, solution, quantities) for point in solution.nearest]
    return Grid(title(solution), columns, tuple(lines), notes(solution))


def title(solution: Solution) -> str:
    """The question, as a title."""
    link = "where" if solution.goal.quantity else "with"
    return f"{solution.label}: {_best(solution)} {link} {' and '.join(wanted(solution.bounds))}"


def _best(solution: Solution) -> str:
    """What an answer is: largest width; width with the most macs."""
    names = " and ".join(axis.name for axis in solution.space.axes)
    goal = solution.goal
    if goal.quantity:
        return f"{names} with the {'most' if goal.most else 'least'} {goal.quantity}"
    return f"{'largest' if goal.most else 'smallest'} {names}"


def quantities_of(solution: Solution) -> list[str]:
    """The quantities in the constraints and the goal, then params and macs."""
    named = [name for bound in solution.bounds for name in bound.quantities]
    goal = [solution.goal.quantity] if solution.goal.quantity else []
    return list(dict.fromkeys([*named, *goal, "params", "macs"]))


def notes(solution: Solution) -> tuple[str, ...]:
    """How the answers were found, and what that covers."""
    *_, axis = solution.space.axes
    said = []
    if solution.endless:
        said.append(f"there is no {_best(solution)}: all values searched meet the constraints")
    elif not solution.answers:
        near = {0: "", 1: "; the nearest is shown"}.get(len(solution.nearest), "; the nearest are shown")
        said.append(f"nothing meets the constraints{near}")
    looked = _looked(solution)
    formulas: dict[str, dict[str, None]] = {}
    for line, each in looked:
        if line.piece is not None and _varies(line.piece, solution):
            formulas.setdefault(_formulas(line.piece, solution), {})[each.name] = None
        elif line.piece is not None:
            said.append(f"{_constants(line.piece, solution)} whatever {each.name} is")
    for formula, names in formulas.items():
        said.append(f"{formula}: monotonic in {' and in '.join(names)}, found by bisection")
    for line, each in looked:
        said += _told(line, each)
    if solution.across is not None:
        first = solution.space.axes[0]
        ends = dict.fromkeys(shown(first.values[place]) for place in (0, len(solution.lines) - 1))
        said.append(f"{first.name}: searched {' to '.join(ends)}")
    if any(answer.point.values[-1] == axis.values[-1] for answer in solution.answers):
        said.append(f"{axis.name} = {shown(axis.values[-1])} is the end of the range")
    return tuple(said)


def _looked(solution: Solution) -> list[tuple[LineAnswer, Axis]]:
    """One line of each kind along each setting: all others were found in the same ways."""
    first, *_, last = solution.space.axes[0], *solution.space.axes
    decided = [line for line in solution.lines if line.piece is not None]
    tried = [line for line in solution.lines if line.piece is None]
    found = [(line, last) for line in (*decided[:1], *tried[-1:])]
    across = solution.across
    return [(across, first), *found] if across and (across.tried or across.piece) else found


def _told(line: LineAnswer, axis: Axis) -> list[str]:
    """The notes on the values tried, the values without a network, and separate ranges that meet the constraints."""
    if line.piece is not None:
        if not line.missing:
            return []
        return [f"no network below {axis.name} = {shown(axis.values[line.missing])}: {line.reason}"]
    values = [shown(value) for value in axis.values[: line.tried]]
    rest = "; larger values not tried" if line.tried < len(axis.values) else ""
    said = [f"{axis.name}: searched {values[0]} to {values[-1]}{rest}"]
    if line.missing == line.tried:
        said.append(f"no value gives a network: {line.reason}")
    elif line.missing:
        values_of = f"{line.missing:,} of {line.tried:,} values give no network"
        said.append(f"{values_of}, e.g. {values[line.gap]}: {line.reason}")
    if len(line.runs) > 1:
        parts = [f"{values[run.first]} to {values[run.last]}" for run in line.runs[:MOST_RUNS]]
        more = f" and {len(line.runs) - MOST_RUNS} runs more" if len(line.runs) > MOST_RUNS else ""
        said.append(f"constraints are met at {axis.name} {', '.join(parts)}{more}")
    return said


def _formulas(piece: Piece, solution: Solution) -> str:
    """The closed forms of the quantities in the constraints, as far as they can be read."""
    forms = {name: str(value) for name, value in _totals(piece, solution).items()}
    said = [f"{name} = {form if len(form) <= LONGEST else _too_long(form)}" for name, form in forms.items()]
    read = any(len(form) <= LONGEST for form in forms.values())
    return ", ".join([*said, *([_meaning(solution.symbols)] if read else [])])


def _too_long(form: str) -> str:
    return f"a closed form of {number(len(form))} characters, not shown"


def _constants(piece: Piece, solution: Solution) -> str:
    """The quantities in the constraints where they are numbers."""
    return ", ".join(f"{name} = {number(value)}" for name, value in _totals(piece, solution).items())


def _varies(piece: Piece, solution: Solution) -> bool:
    """Whether any quantity in the constraints depends on the settings."""
    return any(isinstance(value, Polynomial) for value in _totals(piece, solution).values())


def _totals(piece: Piece, solution: Solution) -> dict[str, Any]:
    """The closed forms of the quantities in the constraints."""
    names = dict.fromkeys(name for bound in solution.bounds for name in bound.quantities)
    return {name: getattr(piece.totals, name) for name in names}


def _meaning(symbols: tuple[Symbol, ...]) -> str:
    return " and ".join(f"{' = '.join(symbol.stands_for)} = {symbol.value}" for symbol in symbols)


def _lines(answer: Answer, solution: Solution, quantities: list[str]) -> list[Line]:
    single = len(solution.answers) == 1
    below = [_line(answer.below, solution, quantities)] if answer.below and single else []
    above = [_line(answer.above, solution, quantities)] if answer.above else []
    best = _line(answer.point, solution, quantities)._replace(strong=True)
    found = [*below, best, *above] if solution.goal.most or single else [*below, best]
    return [found[0]._replace(rule=not single), *found[1:]]


def _line(point: Point, solution: Solution, quantities: list[str]) -> Line:
    counts = [number(getattr(point.counts, name)) for name in quantities]
    failed = [bound.failed for bound in solution.bounds if not bound.holds(point.counts)]
    verdict = "met" if point.meets else f"not met: {', '.join(failed)}"
    return Line((*map(shown, point.values), *counts, verdict), faint=not point.meets)


def rows(solution: Solution) -> Rows:
    """Every answer with every quantity, and whether it is an answer or its neighbour."""
    settings = [axis.name for axis in solution.space.axes]
    header = ("which", *settings, *apart(QUANTITIES, settings), "meets")
    found: list[tuple[object, ...]] = []
    for answer in solution.answers:
        for which, point in (("below", answer.below), ("answer", answer.point), ("above", answer.above)):
            if point is not None:
                found.append((which, *map(shown, point.values), *point.counts, point.meets))
    found += [
        ("nearest", *map(shown, point.values), *point.counts, point.meets) for point in solution.nearest
    ]
    return Rows(header, found)


def document(solution: Solution) -> dict[str, Any]:
    """The whole solution; counts are JSON integers, exact at any size. Values that are fractions are text."""
    space = solution.space
    return {
        "schema": SCHEMA,
        **head(space.variant or space.spec.name, space.changes, spec=space.spec.name),
        "batch": space.batch,
        "vary": [axis.name for axis in space.axes],
        "until": wanted(solution.bounds),
        "goal": {"most": solution.goal.most, "of": solution.goal.quantity or None},
        "answers": [
            {
                "answer": _point(answer.point, solution),
                "below": None if answer.below is None else _point(answer.below, solution),
                "above": None if answer.above is None else _point(answer.above, solution),
            }
            for answer in solution.answers
        ],
        "nearest": [_point(point, solution) for point in solution.nearest],
        "endless": solution.endless,
        "how": list(notes(solution)),
    }


def _point(point: Point, solution: Solution) -> dict[str, Any]:
    values = {
        axis.name: value if type(value) is int else shown(value)
        for axis, value in zip(solution.space.axes, point.values, strict=True)
    }
    return {"values": values, "counts": point.counts._asdict(), "meets": point.meets}
