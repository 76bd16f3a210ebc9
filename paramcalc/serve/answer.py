"""Answers to the page's questions about a text, as JSON: the one function behind `paramcalc serve` and the playground.

It is loaded by a Python in the browser too, so its imports stay few, and what only some answers need comes with them.
Counts are texts of digits, exact at any size; places are counted in UTF-16 units, as browsers count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from paramcalc.base.errors import Error, Fault, visible
from paramcalc.count.outline import FULL_DEPTH, outline
from paramcalc.count.report import Report
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings
from paramcalc.lsp.analysis import Analysis, Finding, analyse, judged
from paramcalc.model import Model
from paramcalc.render.words import TITLES, dims, inputs, title

SCHEMA = "paramcalc/answer/1"
QUANTITIES = ("params", "macs", "activations", "memory")
COLUMNS = QUANTITIES[:3]
MOST_CLAIMS = 500
UNTITLED = "untitled.yaml"


def answer(
    text: str, settings: Mapping[str, Any], sibling: library.Sibling = lambda name: None
) -> dict[str, Any]:
    """The parts of an answer that `settings["parts"]` names, all about one version of a text.

    `table`: rows, totals, what is written behind lines. `claims`: verdicts; failed ones are problems too. `fixes`:
    what mends the problem at `settings["at"]`. `completions`: what can be written at `settings["offset"]`. `page`:
    figure, knobs, formulas. `settings["name"]` is the text's name in messages, `settings["variant"]` the network.

    >>> answer("input: 4\\nlayers: [linear 2]", {"parts": ["table"]})["table"]["totals"]["params"]
    '10'
    """
    parts = [part for part in settings.get("parts", ("table",)) if part in PARTS]
    path = Path(PurePosixPath(str(settings.get("name") or UNTITLED)).name)
    chosen = Settings(str(settings.get("variant") or ""), (), {})
    analysis = analyse(text, path, sibling, chosen, "fixes" in parts)
    asked = Asked(analysis, settings, sibling)
    found = {part: PARTS[part](asked) for part in parts}
    return {
        "schema": SCHEMA,
        "problems": [asked.problem(finding) for finding in analysis.findings],
        "variants": [*analysis.spec.variants] if analysis.spec else [],
        **found,
    }


class Asked:
    """An analysed text, and the question about it."""

    def __init__(self, analysis: Analysis, settings: Mapping[str, Any], sibling: library.Sibling) -> None:
        self.analysis, self.settings, self.sibling = analysis, settings, sibling
        self.ascii = analysis.text.isascii()

    def units(self, index: int) -> int:
        """A place in UTF-16 units."""
        return index if self.ascii else len(self.analysis.text[:index].encode("utf-16-le", "replace")) // 2

    def index(self, units: int) -> int:
        """The place of so many UTF-16 units."""
        text = self.analysis.text
        if self.ascii:
            return min(max(units, 0), len(text))
        return len(text.encode("utf-16-le", "replace")[: 2 * max(units, 0)].decode("utf-16-le", "ignore"))

    def problem(self, finding: Finding) -> dict[str, Any]:
        row, column = self.analysis.source.position(finding.start)
        return {
            "level": finding.level,
            "start": self.units(finding.start),
            "end": self.units(min(finding.end, len(self.analysis.text))),
            "line": row,
            "column": column,
            "fact": visible(finding.message),
            "notes": [visible(note) for note in finding.notes],
        }

    @property
    def model(self) -> Model:
        spec, report = self.analysis.spec, self.analysis.report
        assert spec is not None
        assert report is not None
        return Model(spec, report.graph.model if report.graph.model in spec.variants else "")


# ----------------------------------------------------------------------------------------- parts


def _table(asked: Asked) -> dict[str, Any] | None:
    """The network's table, if the text makes a network."""
    from paramcalc.lsp.hints import hints

    report = asked.analysis.report
    if report is None:
        return None
    return {
        "title": visible(title(report.graph)),
        "inputs": visible(inputs(report.graph.inputs)),
        "columns": [TITLES.get(name, name) for name in COLUMNS],
        "totals": {name: str(getattr(report.totals, name)) for name in QUANTITIES},
        "titles": {name: TITLES.get(name, name) for name in QUANTITIES},
        "rows": _rows(report, asked.analysis),
        "hints": [[hint.line + 1, visible(hint.text)] for hint in hints(asked.analysis)],
    }


def _rows(report: Report, analysis: Analysis) -> list[list[Any]]:
    """Lines: depth, name, how many equal neighbours, call, output, counts, line of the text or 0."""
    lines = {row.path: line + 1 for line, rows in analysis.rows.items() for row in rows}
    return [
        [
            line.depth,
            visible(line.name),
            line.times,
            visible(line.call or line.block),
            dims(line.output, "nchw"),
            *(str(getattr(line.counts, name)) for name in COLUMNS),
            lines.get(line.last, 0),
            line.auxiliary,
        ]
        for line in outline(report, FULL_DEPTH)
    ]


def _claims(asked: Asked) -> dict[str, Any] | None:
    """Claims and budgets with their verdicts; unmet ones are problems too."""
    from paramcalc.check.check import check_spec
    from paramcalc.check.draw import amount, judgement, label, number
    from paramcalc.report.draw import verdicts

    spec = asked.analysis.spec
    if spec is None or asked.analysis.report is None:
        return None
    result = check_spec(spec)
    asked.analysis.findings += judged(result, asked.analysis.source)
    return {
        "said": verdicts(result),
        "claims": [
            {
                "model": visible(outcome.claim.model),
                "claim": visible(label(outcome.claim)),
                "computed": visible(number(outcome)),
                "verdict": outcome.verdict.value,
                "judgement": visible(judgement(outcome)),
                "source": visible(outcome.claim.source),
            }
            for outcome in result.outcomes[:MOST_CLAIMS]
        ],
        "budgets": [
            {
                "model": visible(spending.budget.model),
                "budget": visible(label(spending.budget)),
                "computed": visible(amount(spending)),
                "kept": spending.kept,
                "judgement": visible(spending.verdict),
                "limit": visible(spending.budget.written),
            }
            for spending in result.budgets[:MOST_CLAIMS]
        ],
        "total": len(result.outcomes),
        "failed": len(result.failed),
    }


def _fixes(asked: Asked) -> list[dict[str, Any]]:
    """The fixes of the problems at a place, each tried."""
    from paramcalc.lsp.fixes import fixes

    at = asked.index(int(asked.settings.get("at", 0)))
    return [
        {
            "title": visible(fix.title),
            "start": asked.units(fix.start),
            "end": asked.units(fix.end),
            "text": fix.text,
        }
        for finding in asked.analysis.findings
        if finding.start == at and finding.notes
        for fix in fixes(asked.analysis, finding, asked.sibling)
    ]


def _completions(asked: Asked) -> dict[str, Any]:
    """What can be written at a place, in place of the characters before it."""
    from paramcalc.lsp.complete import complete
    from paramcalc.lsp.place import place

    text, offset = asked.analysis.text, asked.index(int(asked.settings.get("offset", 0)))
    where = place(text, offset)
    typed = where.word.rpartition("=")[2].strip("\"'")
    known = asked.analysis
    if known.report is None and asked.settings.get("earlier"):
        known = analyse(str(asked.settings["earlier"]), Path(UNTITLED), asked.sibling, judge=False)
    return {
        "start": asked.units(offset - len(typed)),
        "options": [
            {"label": one.text, "type": one.kind, "detail": one.detail, "info": one.says}
            for one in complete(where, known)
        ],
    }


def _page(asked: Asked) -> dict[str, Any] | None:
    """The page that `report` makes, as its parts: data for its script, sections, rules; or the whole file."""
    from paramcalc.report import draw
    from paramcalc.report.page import document

    if asked.analysis.report is None:
        return None
    model = asked.model
    found, result = document([model]), draw.judged(model)
    if asked.settings.get("whole"):
        return {"file": draw.html([model], [asked.analysis.report], [result], found)}
    sections, rules = draw.sections([model], [asked.analysis.report], [result])
    return {"data": found, "sections": sections, "rules": rules}


PARTS: dict[str, Callable[[Asked], Any]] = {
    "table": _table,
    "claims": _claims,
    "fixes": _fixes,
    "completions": _completions,
    "page": _page,
}


# --------------------------------------------------------------------------------------- imports


def bring(name: str, data: bytes) -> dict[str, Any]:
    """The spec of a network from elsewhere, given as a file's name and bytes, or what is wrong with it."""
    kept = PurePosixPath(name.replace("\\", "/")).name or "network"

    def plain(text: str) -> str:
        return text.replace(f"{folder}/", "")

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / kept
            path.write_bytes(data)
            try:
                text, remarks = _brought(str(path))
            except ModuleNotFoundError as error:
                raise Fault(
                    f"importing {kept} needs {error.name}, which is not here",
                    fix=f"paramcalc import {kept} -o network.yaml",
                ) from None
    except Error as error:
        return {"text": None, "error": visible(plain(str(error))).replace("\\n", "\n")}
    return {"text": plain(text), "remarks": [visible(plain(each)) for each in remarks]}


def _brought(source: str) -> tuple[str, list[str]]:
    """A file as a spec, with remarks on what is partial."""
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import SpecReader, reader

    chosen = reader(source)
    if isinstance(chosen, SpecReader):
        written = chosen.written(source, {})
        return written.text, [*written.remarks, *written.partial]
    network = imported(chosen.read(source, {}))
    return network.text, [*network.source.remarks, *network.net.notes, *network.missing]
