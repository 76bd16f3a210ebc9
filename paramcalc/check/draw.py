"""Verdicts on claims and budgets: as tables, JSON, JUnit XML, annotations of GitHub, a report for GitLab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

from paramcalc.base.errors import visible
from paramcalc.base.printed import grouped, signed, significant, written_out
from paramcalc.check.budgets import PEAK, Budget
from paramcalc.check.check import Mistake, Outcome, Result, Spending, Verdict
from paramcalc.check.reader import Claim
from paramcalc.conventions import CONVENTIONS, OWN
from paramcalc.render import escape, forms
from paramcalc.render.escape import annotation, xml
from paramcalc.render.grid import Column, Grid, Line, Styled, layout

SCHEMA = "paramcalc/check/1"
LEAST_SOURCE = 24  # characters a line
MET = (Verdict.EXACT, Verdict.ROUNDS, Verdict.TRUNCATES, Verdict.WITHIN)
# The columns of what a model's claims came to; of what gives way first on a narrow terminal.
VERDICTS = {
    Verdict.EXACT: Column("exact", right=True),
    Verdict.ROUNDS: Column("rounded", right=True, drop=2),
    Verdict.TRUNCATES: Column("truncated", right=True, drop=4),
    Verdict.WITHIN: Column("within", right=True, drop=3),
    Verdict.ERRATUM: Column("errata", right=True),
    Verdict.UNRESOLVED: Column("unresolved", right=True, drop=1),
    Verdict.UNREAD: Column("not checked", right=True),
    Verdict.FAILED: Column("failed", right=True),
}
WORDS = {
    Verdict.EXACT: ("exact", "exact"),
    Verdict.ROUNDS: ("rounded", "rounded"),
    Verdict.TRUNCATES: ("truncated", "truncated"),
    Verdict.WITHIN: ("within tolerance", "within tolerance"),
    Verdict.ERRATUM: ("erratum", "errata"),
    Verdict.UNRESOLVED: ("unresolved", "unresolved"),
    Verdict.UNREAD: ("not yet checked against its source", "not yet checked against their source"),
    Verdict.FAILED: ("failed", "failed"),
}


def summary(result: Result) -> str:
    """One line with the number of claims of each verdict that there is, of failed ones, and of budgets."""
    if not result.budgets:
        return _claims(result) + _problems(result)
    exceeded, total = len(result.exceeded), len(result.budgets)
    budgets = f"{total} budget{'s' * (total != 1)}: {total - exceeded} within, {exceeded} not"
    return "; ".join([*([_claims(result)] if result.outcomes else []), budgets]) + _problems(result)


def _problems(result: Result) -> str:
    problems = len(result.mistakes)
    return f"; {problems} problem{'s' * (problems != 1)}" if problems else ""


def _claims(result: Result) -> str:
    counted = ", ".join(
        f"{number} {WORDS[verdict][number != 1]}"
        for verdict, number in result.counted().items()
        if number or verdict is Verdict.FAILED
    )
    total = len(result.outcomes)
    return f"{total} claim{'s' * (total != 1)}: {counted}"


# -------------------------------------------------------------------------------------------- table


def is_one(result: Result) -> bool:
    """Whether all claims and budgets are of one spec."""
    names = {outcome.claim.text.name for outcome in result.outcomes}
    return len(names.union(spending.budget.text.name for spending in result.budgets)) <= 1


def tables(result: Result, every: bool) -> Iterator[Grid]:
    """Every claim and budget; or a line for each model, and the claims and budgets that are not met."""
    unmet = result.outcomes if every else [one for one in result.outcomes if one.verdict not in MET]
    exceeded = result.budgets if every else result.exceeded
    if result.outcomes and not every:
        yield overview(result)
    if unmet:
        yield grid(unmet)
    if exceeded:
        yield spendings(exceeded)


def lines(result: Result, every: bool, width: int | None, unicode: bool) -> Iterator[Styled]:
    """The tables as lines, with a blank one between."""
    for place, table in enumerate(tables(result, every)):
        yield from [Styled("")] * bool(place)
        yield from layout(table, width, unicode)
    if not every:
        yield Styled("")
        yield Styled("--all shows every claim", "faint")


def overview(result: Result) -> Grid:
    """How many claims of each verdict a model has; verdicts that no claim has are left out."""
    shown = [verdict for verdict, number in result.counted().items() if number]
    columns = (
        Column("model"),
        Column("claims", right=True),
        *(VERDICTS[verdict] for verdict in shown),
    )
    models: dict[str, Counter[Verdict]] = {}
    for outcome in result.outcomes:
        models.setdefault(outcome.claim.model, Counter())[outcome.verdict] += 1
    found = (
        Line(
            (model, str(counts.total()), *(str(counts[verdict] or "") for verdict in shown)),
            wrong=counts[Verdict.FAILED] > 0,
        )
        for model, counts in models.items()
    )
    return Grid("", columns, tuple(found))


def grid(outcomes: Iterable[Outcome]) -> Grid:
    """Claims, each on a line under its model."""
    columns = (
        Column("claim"),
        Column("computed", right=True),
        Column("verdict"),
        Column("as", drop=1, wrap=True),
        Column("source", drop=1, wrap=True, least=LEAST_SOURCE),
    )
    found: list[Line] = []
    for model, claims in groupby(outcomes, key=lambda outcome: outcome.claim.model):
        found.append(Line((model, *[""] * (len(columns) - 1)), strong=True))
        found += [_line(outcome) for outcome in claims]
    return Grid("", columns, tuple(found)).filled()


def spendings(found: Iterable[Spending]) -> Grid:
    """Budgets, each on a line under its model, with the share of the limit that is used."""
    columns = (
        Column("budget"),
        Column("computed", right=True),
        Column("limit", right=True),
        Column("used", right=True, drop=1),
        Column("verdict"),
        Column("as", drop=2, wrap=True),
    )
    drawn: list[Line] = []
    for model, group in groupby(found, key=lambda spending: spending.budget.model):
        drawn.append(Line((model, *[""] * (len(columns) - 1)), strong=True))
        for spending in group:
            budget = spending.budget
            used = spending.computed / budget.limit if budget.limit else None
            cells = (
                label(budget),
                amount(spending),
                budget.written,
                "" if used is None else f"{significant(100 * used, 4)} %",
                spending.verdict,
                ", ".join(_details(budget)),
            )
            drawn.append(Line(cells, depth=1, wrong=not spending.kept))
    return Grid("", columns, tuple(drawn)).filled()


def amount(spending: Spending) -> str:
    """The computed number, as a percentage of a ratio."""
    if spending.budget.ratio:
        return f"{significant(100 * spending.computed, 4)}%"
    return grouped(spending.computed)


def excess(spending: Spending) -> str:
    """A budget that is not kept: layer, limit, computed, what it is for."""
    budget = spending.budget
    facts = {
        "layer": "" if budget.quantity == PEAK else ", ".join(budget.layers) or "the whole network",
        "budget": ", ".join([f"{budget.quantity} {budget.written}", *_details(budget)]),
        "counted": _convention(budget),
        "computed": f"{amount(spending)}, {spending.verdict}",
        "note": budget.note,
        "place": f"{shown_path(budget.text.name)}:{budget.line}:{budget.column}",
    }
    lines = [f"  {name:8}  {value}" for name, value in facts.items() if value]
    side = "OVER" if budget.upper else "UNDER"
    return "\n".join([f"{side} BUDGET {budget.model}: {label(budget)}", *lines])


def closing(result: Result) -> str:
    """The text below the table: every failure in full, then the summary."""
    blocks = [*map(failure, result.failed), *map(excess, result.exceeded)]
    return "\n".join(["", *(block + "\n" for block in blocks), summary(result)]) + "\n"


def failure(outcome: Outcome) -> str:
    """A failed claim: layer, claim, source, expected, computed, and what closes the gap."""
    claim = outcome.claim
    facts = {
        "layer": ", ".join(claim.layers) or "the whole network",
        "claim": ", ".join([f"{claim.quantity} {claim.figure.text}", *_details(claim)]),
        "counted": _convention(claim),
        "source": claim.source or "not given",
        "expected": _expected(claim),
        "computed": f"{number(outcome)}, {outcome.detail}",
        "reason": outcome.reason,
        "place": f"{shown_path(claim.text.name)}:{claim.line}:{claim.column}",
    }
    lines = [f"  {name:8}  {value}" for name, value in facts.items() if value]
    return "\n".join([f"FAILED {claim.model}: {label(claim)}", *lines])


def _convention(claim: Claim | Budget) -> str:
    """The convention with its meaning; '' for the usual one."""
    return "" if claim.convention == OWN.name else f"{claim.convention}: {CONVENTIONS[claim.convention].says}"


def label(claim: Claim | Budget) -> str:
    """Layer, quantity and convention in a few words."""
    layers = claim.layers[0] if claim.layers else ""
    more = f"+ {len(claim.layers) - 1} more" if len(claim.layers) > 1 else ""
    convention = claim.convention if claim.convention != OWN.name else ""
    words = (layers, more, claim.quantity + "/…" * claim.ratio, convention)
    return " ".join(word for word in words if word)


def number(outcome: Outcome) -> str:
    """The computed number, as a percentage where the source prints one."""
    if outcome.claim.figure.percentage:
        return f"{significant(100 * outcome.computed, 4)}%"
    return grouped(outcome.computed)


def _line(outcome: Outcome) -> Line:
    claim = outcome.claim
    unread = outcome.verdict is Verdict.UNREAD
    cells = (
        label(claim),
        number(outcome),
        f"not checked {claim.figure.text}" if unread else judgement(outcome),
        _remarks(outcome),
        claim.cited,
    )
    return Line(cells, depth=1, wrong=outcome.verdict is Verdict.FAILED)


def judgement(outcome: Outcome) -> str:
    """The verdict and the printed figure, to be read after the computed number."""
    claim, verdict = outcome.claim, outcome.verdict
    if verdict is Verdict.FAILED:
        gap = "stale erratum" if claim.erratum else f"{signed(outcome.gap)} %" if outcome.gap else ""
        return ", ".join(part for part in (f"FAILED printed {claim.figure.text}", gap) if part)
    if verdict is Verdict.WITHIN:
        return f"within {claim.figure.text} ± {written_out(100 * (claim.within or Fraction()))}%"
    if verdict is Verdict.EXACT:
        return "exact"
    return f"{verdict} {claim.figure.text}"


def _remarks(outcome: Outcome) -> str:
    """The verdict that an unread figure would have, and the details of the claim."""
    unread = [outcome.if_read.value] if outcome.verdict is Verdict.UNREAD else []
    return ", ".join([*unread, *_details(outcome.claim)])


def _details(claim: Claim | Budget) -> list[str]:
    """The subject of the figure, and the source's name for it; for a budget, how the network is run."""
    inputs = ", ".join("x".join(str(size) for size in sizes) for sizes in claim.inputs.values())
    over = " of ".join(part for part in (", ".join(claim.over), claim.over_model) if part)
    called = claim.called if isinstance(claim, Claim) else ""
    named = {"called": called, "over": over, "input": inputs}
    if isinstance(claim, Budget):
        named["batch"] = str(claim.batch) if claim.batch > 1 else ""
        named |= {"train": claim.train, "dtype": claim.dtype if claim.quantity == PEAK else ""}
    return [f"{name} {value}" for name, value in named.items() if value]


def _expected(claim: Claim) -> str:
    """The printed figure as a number, with the half unit that its last digit leaves open."""
    figure = claim.figure
    value = written_out(figure.value) if figure.value.denominator == 1 else figure.text
    if not figure.unit:
        return value
    half = f"{written_out(50 * figure.unit)}%" if figure.percentage else written_out(figure.unit / 2)
    return f"{value} ± {half}"


# --------------------------------------------------------------------------------------------- JSON


def document(result: Result) -> dict[str, Any]:
    """The whole result; counts are JSON integers, exact at any size."""
    return {
        "schema": SCHEMA,
        "passed": result.exit_code == 0,
        "counts": {"claims": len(result.outcomes), **result.counted()},
        "claims": [record(outcome) for outcome in result.outcomes],
        "budgets": [spending_record(spending) for spending in result.budgets],
        "problems": [_problem(mistake) for mistake in result.mistakes],
        "remarks": list(result.remarks),
    }


def record(outcome: Outcome) -> dict[str, Any]:
    """One claim; `ratio` holds numerator and denominator where `computed` is no whole number."""
    claim, computed = outcome.claim, outcome.computed
    return {
        **_about(claim),
        "called": claim.called or None,
        "source": claim.source or None,
        "printed": claim.figure.text,
        "expected": _plain(claim.figure.value),
        "half_unit": _plain(claim.figure.unit / 2),
        "computed": _plain(computed),
        "ratio": [computed.numerator, computed.denominator] if claim.ratio else None,
        "verdict": outcome.verdict.value,
        "if_read": outcome.if_read.value,
        "gap": None if outcome.gap is None else float(outcome.gap),
        "detail": outcome.detail or None,
        "reason": outcome.reason or None,
        "within": None if claim.within is None else {"share": _plain(claim.within), "reason": claim.reason},
        "erratum": claim.erratum or None,
        "unresolved": claim.unresolved or None,
        "unread": claim.unread,
        **_written_at(claim),
    }


def spending_record(spending: Spending) -> dict[str, Any]:
    """One budget; `ratio` holds numerator and denominator where `computed` is no whole number."""
    budget, computed = spending.budget, spending.computed
    return {
        **_about(budget),
        "batch": budget.batch,
        "dtype": budget.dtype if budget.quantity == PEAK else None,
        "train": budget.train or None,
        "budget": budget.written,
        "sign": budget.sign,
        "limit": _plain(budget.limit),
        "computed": _plain(computed),
        "ratio": [computed.numerator, computed.denominator] if budget.ratio else None,
        "within": spending.kept,
        "verdict": spending.verdict,
        "gap": None if spending.gap is None else float(spending.gap),
        **_written_at(budget),
    }


def _about(asked: Claim | Budget) -> dict[str, Any]:
    """What a claim or a budget is about."""
    return {
        "model": asked.model,
        "layer": list(asked.layers) or None,
        "quantity": asked.quantity,
        "over": list(asked.over) or None,
        "over_model": asked.over_model or None,
        "convention": asked.convention,
        "input": {name: list(sizes) for name, sizes in asked.inputs.items()} or None,
    }


def _written_at(asked: Claim | Budget) -> dict[str, Any]:
    return {
        "note": asked.note or None,
        "file": shown_path(asked.text.name),
        "line": asked.line,
        "column": asked.column,
    }


def _plain(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _problem(mistake: Mistake) -> dict[str, Any]:
    file, line, column = _place(mistake)
    return {"file": file, "line": line, "column": column, "fact": mistake.fact, "notes": list(mistake.notes)}


def _place(mistake: Mistake) -> tuple[str, int | None, int | None]:
    """File, line and column of a mistake; None for what is not known."""
    problem = mistake.problem
    if problem is None:
        return mistake.spec, None, None
    return (shown_path(problem.source.name), *problem.source.position(problem.start))


def shown_path(name: str) -> str:
    """A path relative to the working folder if it lies in it, with forward slashes."""
    path = Path(name)
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


# -------------------------------------------------------------------------------------------- JUnit


def junit(result: Result) -> str:
    """A suite for the claims of each model, and one for its budgets; a case for each.

    Unread and unresolved claims are skipped cases: they are not met. What could not be read is an
    error in a suite of its own.
    """
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="paramcalc check")
    for model, outcomes in groupby(result.outcomes, key=lambda outcome: outcome.claim.model):
        _suite(root, model, [_case(model, outcome) for outcome in outcomes])
    for model, spendings in groupby(result.budgets, key=lambda spending: spending.budget.model):
        _suite(root, f"{model}: budgets", [_budget_case(model, spending) for spending in spendings])
    if result.mistakes:
        _suite(root, "specs", [_broken(mistake) for mistake in result.mistakes])
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: Any, name: str, cases: list[Any]) -> None:
    from xml.etree import ElementTree

    suite = ElementTree.SubElement(root, "testsuite", name=xml(name), tests=str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)


def _case(model: str, outcome: Outcome) -> Any:
    from xml.etree import ElementTree

    claim = outcome.claim
    cited = f" ({claim.cited})" if claim.cited else ""
    name = f"{label(claim)} = {claim.figure.text}{cited}, line {claim.line}"
    file = xml(shown_path(claim.text.name))
    case = ElementTree.Element(
        "testcase", classname=xml(model), name=xml(name), file=file, line=str(claim.line), time="0"
    )
    if outcome.verdict is Verdict.FAILED:
        message = f"expected {_expected(claim)}, computed {number(outcome)}: {outcome.detail}"
        ElementTree.SubElement(case, "failure", message=xml(message)).text = xml(failure(outcome))
    elif outcome.verdict in (Verdict.UNREAD, Verdict.UNRESOLVED):
        message = f"{judgement(outcome)} {claim.unresolved}".strip()
        ElementTree.SubElement(case, "skipped", message=xml(message))
    else:
        said = f"{number(outcome)} {judgement(outcome)} {claim.erratum}".strip()
        ElementTree.SubElement(case, "system-out").text = xml(said)
    return case


def _budget_case(model: str, spending: Spending) -> Any:
    from xml.etree import ElementTree

    budget = spending.budget
    name = f"{label(budget)} {budget.written}, line {budget.line}"
    file = xml(shown_path(budget.text.name))
    case = ElementTree.Element(
        "testcase", classname=xml(model), name=xml(name), file=file, line=str(budget.line), time="0"
    )
    said = f"{amount(spending)}: {spending.verdict}"
    if spending.kept:
        ElementTree.SubElement(case, "system-out").text = xml(said)
    else:
        ElementTree.SubElement(case, "failure", message=xml(said)).text = xml(excess(spending))
    return case


def _broken(mistake: Mistake) -> Any:
    from xml.etree import ElementTree

    file, line, _ = _place(mistake)
    name = f"{mistake.fact}, line {line}" if line else mistake.fact
    case = ElementTree.Element(
        "testcase", classname=xml(mistake.spec), name=xml(name), file=xml(file), time="0"
    )
    ElementTree.SubElement(case, "error", message=xml(mistake.fact)).text = xml(mistake.message)
    return case


# ------------------------------------------------------------------------------------------- GitHub


def github(result: Result) -> str:
    """A workflow command for each failure and each mistake, then the summary.

    Source: GitHub, Workflow commands for GitHub Actions, "Setting an error message".
    """
    lines = [
        annotation(
            failure(outcome),
            file=shown_path(outcome.claim.text.name),
            line=outcome.claim.line,
            col=outcome.claim.column,
            title=f"{outcome.claim.model}: {label(outcome.claim)} {outcome.detail}",
        )
        for outcome in result.failed
    ]
    lines += [
        annotation(
            excess(spending),
            file=shown_path(spending.budget.text.name),
            line=spending.budget.line,
            col=spending.budget.column,
            title=f"{spending.budget.model}: {label(spending.budget)} {spending.verdict}",
        )
        for spending in result.exceeded
    ]
    for mistake in result.mistakes:
        file, line, column = _place(mistake)
        notes = "\n".join([mistake.fact, *mistake.notes])
        lines.append(annotation(notes, file=file, line=line, col=column, title="paramcalc cannot read this"))
    return "\n".join([*lines, summary(result)]) + "\n"


# -------------------------------------------------------------------------------- Markdown, GitLab


def markdown(result: Result) -> str:
    """The failures and the summary, for the summary of a job or a comment."""
    tables_ = [forms.markdown(table) for table in tables(result, is_one(result))]
    problems = [f"- {escape.markdown(_said(mistake))}\n" for mistake in result.mistakes]
    return (
        "\n".join([*tables_, *(["".join(problems)] if problems else []), escape.markdown(summary(result))])
        + "\n"
    )


def _said(mistake: Mistake) -> str:
    file, line, _ = _place(mistake)
    return f"{file}:{line}: {mistake.fact}" if line else f"{file}: {mistake.fact}"


def gitlab(result: Result) -> str:
    """The issues of a Code Quality report, which GitLab shows in a merge request.

    Source: GitLab, Code Quality, "Implement a custom tool". A fingerprint tells an issue from those of an earlier run:
    it holds where and what, and no number that changes.
    """
    import json

    found = [
        _issue(
            "claim",
            failure(one),
            one.claim.text.name,
            one.claim.line,
            f"{one.claim.model} {label(one.claim)} {one.claim.figure.text}",
        )
        for one in result.failed
    ]
    found += [
        _issue(
            "budget",
            excess(one),
            one.budget.text.name,
            one.budget.line,
            f"{one.budget.model} {label(one.budget)} {one.budget.written}",
        )
        for one in result.exceeded
    ]
    for mistake in result.mistakes:
        file, line, _ = _place(mistake)
        found.append(_issue("spec", "\n".join([mistake.fact, *mistake.notes]), file, line or 1, mistake.fact))
    return json.dumps(found, indent=2) + "\n"


def _issue(kind: str, description: str, file: str, line: int, what: str) -> dict[str, Any]:
    import hashlib

    path = shown_path(file)
    return {
        "description": visible(description.replace("\n", "; ")),
        "check_name": f"paramcalc-{kind}",
        "fingerprint": hashlib.sha256(f"{kind}\n{path}\n{what}".encode()).hexdigest(),
        "severity": "blocker" if kind == "spec" else "major",
        "location": {"path": path, "lines": {"begin": line}},
    }
