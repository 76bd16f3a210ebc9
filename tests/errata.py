"""Printed figures that cannot be met, as docs/errata.md: `python -m tests.errata` writes it anew."""

from __future__ import annotations

from itertools import groupby

from paramcalc.check.check import Outcome, Verdict, check
from paramcalc.check.draw import label, number
from paramcalc.render.escape import markdown
from tests.documents import ROOT

PAGE = ROOT / "docs" / "errata.md"
HEAD = """# Errata

Figures that papers and lecture notes print, and that the networks which they describe do not have, each with its
derivation. A figure whose cause is not known is called unresolved. `paramcalc check` holds every line: if a count
changes, it fails.
`python -m tests.errata` writes this page from the claims of the bundled specs.

"""


def page() -> str:
    """All of them, network by network."""
    wanted = (Verdict.ERRATUM, Verdict.UNRESOLVED)
    outcomes = [outcome for outcome in check().outcomes if outcome.verdict in wanted]
    models = groupby(outcomes, key=lambda outcome: outcome.claim.model)
    return HEAD + "\n".join(section(model, [*found]) for model, found in models)


def section(model: str, outcomes: list[Outcome]) -> str:
    lines = [f"## {model}", "", "| figure | printed | computed | source |", "|---|---:|---:|---|"]
    notes = []
    for outcome in outcomes:
        claim = outcome.claim
        cells = (label(claim), claim.figure.text, number(outcome), claim.source)
        lines.append(f"| {' | '.join(map(markdown, cells))} |")
        said = claim.erratum or f"unresolved: {claim.unresolved}"
        notes.append(f"- {markdown(label(claim))}: {markdown(' '.join(said.split()))}")
    return "\n".join([*lines, "", *notes, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
