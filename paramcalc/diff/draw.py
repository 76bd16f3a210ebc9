"""The cost of changed specs: as a table, Markdown, JSON, JUnit XML, and annotations of GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from paramcalc.base.errors import Problem
from paramcalc.compare.diff import DiffLine, relative
from paramcalc.count.report import QUANTITIES, Counts, Report
from paramcalc.diff.diff import ADDED, CHANGED, MAIN, REMOVED, RENAMED, SAME, ModelChange, Result
from paramcalc.render.escape import annotation, xml
from paramcalc.render.grid import Column, Grid, Line, number
from paramcalc.render.words import TITLES, folded

SCHEMA = "paramcalc/diff/1"
MOST_SHOWN = 5  # layers of a model
LEAST = 17  # characters of what a layer has become: conv2d 512 -> 576
DROPS = {"params": (0, 3, 0), "macs": (0, 4, 0), "activations": (6, 7, 5)}


def grid(result: Result) -> Grid:
    """A line for each model that differs, and below it the layers that made the difference."""
    names = [name for name in MAIN if name != "activations" or _differ(result, name)]
    lines: list[Line] = []
    differing = result.having(CHANGED, ADDED, REMOVED, RENAMED)
    for path, models in groupby(differing, key=lambda model: (model.path, model.was)):
        was = f" (was {path[1]})" if path[1] else ""
        lines.append(Line((f"{path[0]}{was}", *[""] * (1 + 3 * len(names))), strong=True))
        for model in models:
            totals = [cell for name in names for cell in _cells(*model.total(name), model.status)]
            lines.append(Line((model.name, model.status, *totals), depth=1, wrong=bool(model.failed)))
            lines += _layers(model, names)
    brief = {line.cells[1]: _brief(line.cells[1]) for line in lines if " -> " in line.cells[1]}
    columns = [Column("model", wrap=True), Column("what", short=brief, wrap=True, least=LEAST)]
    for name in names:
        value, difference, share = DROPS[name]
        columns += [
            Column(TITLES.get(name, name), True, value),
            Column("+/-", True, difference),
            Column("change", True, share),
        ]
    return Grid("", tuple(columns), tuple(lines), tuple(notes(result)))


def _differ(result: Result, quantity: str) -> bool:
    totals = (model.total(quantity) for model in result.having(CHANGED))
    return any(before != after for before, after in totals)


def _cells(before: int, after: int, status: str) -> tuple[str, str, str]:
    """The value that is there, the difference, and the change in per cent or as a factor."""
    if status in (ADDED, REMOVED):
        return number(after or before), "", ""
    if before == after:
        return number(after), "", ""
    return number(after), f"{after - before:+,}", relative(before, after)


class _Alike(NamedTuple):
    """Layers to which the same happened, under the name of the first, with their counts added up."""

    line: DiffLine
    times: int

    @property
    def name(self) -> str:
        return folded(_path(self.line), self.times)

    def counts(self, quantity: str) -> tuple[int, int]:
        before, after = (int(getattr(counts, quantity)) if counts else 0 for counts in self.line.counts)
        return self.times * before, self.times * after


def _alike(model: ModelChange) -> list[_Alike]:
    """The layers that made the difference, those of the largest share first."""
    found: dict[object, list[DiffLine]] = {}
    for line in model.made_by():
        found.setdefault((line.calls, line.changes, line.counts), []).append(line)
    return [_Alike(lines[0], len(lines)) for lines in found.values()]


def _rest(groups: list[_Alike]) -> str:
    """How many layers are not shown, in words; '' for none."""
    rest = sum(group.times for group in groups[MOST_SHOWN:])
    return f"and {rest:,} more layer{'s' * (rest != 1)}" if rest else ""


def _layers(model: ModelChange, names: Sequence[str]) -> Iterator[Line]:
    groups = _alike(model)
    for group in groups[:MOST_SHOWN]:
        cells = [cell for name in names for cell in _layer_cells(group, name)]
        yield Line((group.name, _call(group.line), *cells), depth=2, faint=True)
    if _rest(groups):
        yield Line((_rest(groups), *[""] * (1 + 3 * len(names))), depth=2, faint=True)


def _layer_cells(group: _Alike, name: str) -> tuple[str, str, str]:
    before, after = group.counts(name)
    said = group.line.changes[1]
    if said in (ADDED, REMOVED):
        difference = f"{after - before:+,}" if after != before else ""
        return (number(after), difference, "") if said == ADDED else ("", difference, "")
    return _cells(before, after, CHANGED)


def _path(line: DiffLine) -> str:
    return " -> ".join(dict.fromkeys(path for path in line.paths if path))


def _call(line: DiffLine) -> str:
    """What happened to a layer, or how its call changed."""
    calls = list(dict.fromkeys(call for call in line.calls if call))
    return " -> ".join(calls) if len(calls) > 1 else line.changes[1]


def _brief(calls: str) -> str:
    """A changed call as a narrow table has it: what is the same in both is said once or not at all.

    >>> _brief("conv2d 64 3 padding=1 -> conv2d 72 3 padding=1"), _brief("relu -> gelu")
    ('conv2d 64 -> 72', 'relu -> gelu')
    """
    before, after = (call.split() for call in calls.split(" -> ", 1))
    if before[0] != after[0]:
        return calls
    left, right = (
        [word for word in one if word not in other] for one, other in ((before, after), (after, before))
    )
    return " ".join([before[0], *left, "->", *right])


def notes(result: Result) -> Iterator[str]:
    yield summary(result)
    for model in result.failed:
        for limit in model.failed:
            yield f"{model.name}: {limit.text}: {_said(model, limit.quantity)}"
    yield from result.remarks


def summary(result: Result) -> str:
    """How many models differ from the base, in one line."""
    if not result.specs:
        return f"against {result.base}: no spec changed"
    counts = [
        (len(result.having(status)), said)
        for status, said in ((CHANGED, "changed"), (ADDED, "added"), (REMOVED, "removed"),
                             (RENAMED, "renamed"), (SAME, "with the same numbers"))
    ]  # fmt: skip
    said = ", ".join(f"{count} {words}" for count, words in counts if count) or "none could be read"
    specs = f"{result.specs} spec{'s' * (result.specs != 1)} touched"
    failed = len(result.failed)
    limits = f"; {failed} model{'s' * (failed != 1)} beyond --fail-if" if failed else ""
    problems = (
        f"; {len(result.problems)} problem{'s' * (len(result.problems) != 1)}" if result.problems else ""
    )
    return f"against {result.base}: {specs}; models: {said}{limits}{problems}"


def _said(model: ModelChange, quantity: str) -> str:
    """The change of a total: 1,226 instead of 618, +98.4 %."""
    before, after = model.total(quantity)
    change = relative(before, after)
    return f"{after:,} {quantity} instead of {before:,}" + (f", {change}" if change != "=" else "")


# --------------------------------------------------------------------------------------------- JSON


def document(result: Result) -> dict[str, Any]:
    """The whole result; counts are JSON integers, exact at any size."""
    return {
        "schema": SCHEMA,
        "passed": result.exit_code == 0,
        "base": result.base,
        "specs": result.specs,
        "models": [_record(model) for model in result.models],
        "problems": [_problem(problem) for problem in result.problems],
        "remarks": list(result.remarks),
    }


def _record(model: ModelChange) -> dict[str, Any]:
    return {
        "file": model.path,
        "was": model.was or None,
        "model": model.name,
        "before": _named(model.before),
        "after": _named(model.after),
        "status": model.status,
        "failed": [limit.text for limit in model.failed],
        "totals": {
            name: _values(model.before and model.before.totals, model.after and model.after.totals, name)
            for name in QUANTITIES
        },
        "layers": [
            {
                "change": line.changes[1] or None,
                "path": [path or None for path in line.paths],
                "op": [call or None for call in line.calls],
                **{name: _values(line.counts[0], line.counts[1], name) for name in QUANTITIES},
            }
            for line in model.made_by()
        ],
    }


def _named(report: Report | None) -> str | None:
    return report.graph.model if report else None


def _values(before: Counts | None, after: Counts | None, name: str) -> dict[str, int | None]:
    values = [None if counts is None else int(getattr(counts, name)) for counts in (before, after)]
    return {"before": values[0], "after": values[1], "difference": (values[1] or 0) - (values[0] or 0)}


def _problem(problem: Problem) -> dict[str, Any]:
    line, column = problem.source.position(problem.start)
    return {
        "file": problem.source.name,
        "line": line,
        "column": column,
        "fact": problem.fact,
        "notes": list(problem.notes),
    }


# ------------------------------------------------------------------------------------- JUnit, GitHub


def junit(result: Result) -> str:
    """A suite for each spec, a case for each of its models: it fails where it is beyond --fail-if."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="paramcalc diff")
    cases = [(model.path, _case(model)) for model in result.models]
    cases += [(problem.source.name, _broken(problem)) for problem in result.problems]
    for path, group in groupby(cases, key=lambda pair: pair[0]):
        elements = [case for _, case in group]
        suite = ElementTree.SubElement(root, "testsuite", name=xml(path), tests=str(len(elements)))
        for attribute, tag in (("failures", "failure"), ("errors", "error")):
            suite.set(attribute, str(sum(case.find(tag) is not None for case in elements)))
        suite.extend(elements)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(model: ModelChange) -> Any:
    from xml.etree import ElementTree

    case = ElementTree.Element(
        "testcase", classname=xml(model.path), name=xml(model.name), file=xml(model.path), time="0"
    )
    if model.failed:
        message = "; ".join(f"{limit.text}: {_said(model, limit.quantity)}" for limit in model.failed)
        ElementTree.SubElement(case, "failure", message=xml(message)).text = xml(_details(model))
    else:
        ElementTree.SubElement(case, "system-out").text = xml(_details(model))
    return case


def _broken(problem: Problem) -> Any:
    from xml.etree import ElementTree

    name = problem.source.name
    case = ElementTree.Element(
        "testcase", classname=xml(name), name=xml(problem.fact), file=xml(name), time="0"
    )
    ElementTree.SubElement(case, "error", message=xml(problem.fact)).text = xml(problem.render())
    return case


def _details(model: ModelChange) -> str:
    """A model in a few lines: its totals, and the layers that made the difference."""
    if model.status in (ADDED, REMOVED):
        totals = (f"{max(model.total(name)):,} {name}" for name in MAIN)
        return f"{model.status}: {', '.join(totals)}"
    lines = [_said(model, name) for name in MAIN if model.total(name)[0] != model.total(name)[1]]
    lines = lines or [model.status if model.status != CHANGED else "other layers, the same totals"]
    groups = _alike(model)
    lines += [f"  {group.name}: {_call(group.line)}" for group in groups[:MOST_SHOWN]]
    return "\n".join([*lines, *([f"  {_rest(groups)}"] if _rest(groups) else [])])


def github(result: Result) -> str:
    """A notice for each model that differs, an error where it is beyond --fail-if or cannot be read."""
    lines = []
    for model in result.having(CHANGED, ADDED, REMOVED):
        level = "error" if model.failed else "notice"
        limits = "; ".join(limit.text for limit in model.failed)
        head = f"{model.name}: {limits or model.status}"
        lines.append(annotation(_details(model), level, file=model.path, line=model.line, title=head))
    for problem in result.problems:
        line, column = problem.source.position(problem.start)
        said = "\n".join([problem.fact, *problem.notes])
        name, head = problem.source.name, "paramcalc cannot read this"
        lines.append(annotation(said, file=name, line=line, col=column, title=head))
    return "\n".join([*lines, summary(result)]) + "\n"
