"""The page as one file: figures, totals and claims as HTML, the rest as data for a small script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from paramcalc.base.errors import visible
from paramcalc.check.check import Outcome, Result, Verdict
from paramcalc.check.draw import judgement, label, number
from paramcalc.count.report import Report
from paramcalc.figure.blocks import blocks
from paramcalc.list.catalogue import published
from paramcalc.model import Model
from paramcalc.render.escape import harmless
from paramcalc.render.svg import Sheet, part
from paramcalc.render.words import TITLES, inputs, title
from paramcalc.report.page import QUANTITIES
from paramcalc.version import __version__

COLUMNS = ("layer", "op", "output", "params", "MACs", "activations", "share of MACs")
HEADING = 48  # pixels at the top of a picture
CLASSES = {"op": "text op", "share of MACs": "text share"}


def html(
    models: Sequence[Model], reports: Sequence[Report], results: Sequence[Result], found: dict[str, Any]
) -> str:
    """The page of some networks, whose counts, claims and closed forms are given."""
    drawn, rules = sections(models, reports, results)
    names = ", ".join(model["name"] for model in found["models"])
    script = _asset("page.js") + 'page(JSON.parse(document.getElementById("data").textContent))\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    text = f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{_text(names)}</title>
<style>{_asset("page.css")}{rules}</style>
{_compared(found)}{drawn}
<p><small>paramcalc {__version__}; counts are exact; MACs: convolution, linear, attention, without bias.</small></p>
<script type="application/json" id="data">{_json(found)}</script>
<script>{script}</script>
</html>
"""
    return harmless(text, "html").replace("\0", "")


def sections(
    models: Sequence[Model], reports: Sequence[Report], results: Sequence[Result]
) -> tuple[str, str]:
    """A section for each network, which the script fills, and the rules of their pictures."""
    sheet = Sheet()
    drawn = "\n".join(_section(*each, sheet) for each in zip(models, reports, results, strict=True))
    return harmless(drawn, "html").replace("\0", ""), sheet.rules()


def _asset(name: str) -> str:
    """A file of this package without its indentation and comments."""
    lines = (line.strip() for line in files(__package__).joinpath(name).read_text("utf-8").splitlines())
    text = "".join(f"{line}\n" for line in lines if line and not line.startswith(("//", "/*")))
    if name.endswith(".css"):
        return re.sub(r" ?([{;,]) ", r"\1", text).replace(": ", ":")
    return re.sub(r" (=>|===|!==|&&|\|\|) ", r"\1", text)


def _json(found: dict[str, Any]) -> str:
    """Data that ends no script and begins no markup, whatever a spec calls its layers."""
    text = json.dumps(found, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _compared(found: dict[str, Any]) -> str:
    """The table of several networks, which the script fills."""
    if len(found["models"]) < 2:
        return ""
    heads = "".join(f"<th>{TITLES.get(name, name)}</th>" for name in QUANTITIES)
    head = f"<thead><tr><th></th>{heads}</tr></thead>"
    return f'<div class="wide"><table class="compared">{head}<tbody></tbody></table></div>\n'


def _section(model: Model, report: Report, result: Result, sheet: Sheet) -> str:
    picture = blocks(report)
    shapes = picture.shapes[2:]  # the section has a heading and totals of its own
    drawn = part(picture._replace(shapes=shapes), sheet, HEADING)
    said = filter(None, (inputs(report.graph.inputs), published(model.spec.origin)))
    totals = "".join(
        f"<div>{TITLES.get(name, name)}<b>{getattr(report.totals, name):,}</b></div>" for name in QUANTITIES
    )
    heads = "".join(
        f'<th class="{CLASSES[name]}">{name}</th>' if name in CLASSES else f"<th>{name}</th>"
        for name in COLUMNS
    )
    return f"""<section>
<h2>{_text(title(report.graph))}</h2>
<p class="faint">{_text("; ".join(said))}</p>
<figure>{drawn}<figcaption></figcaption></figure>
<div class="knobs"></div>
<div class="totals" aria-live="polite">{totals}</div>
<div class="wide"><table class="layers"><thead><tr>{heads}</tr></thead><tbody></tbody></table></div>
{_claims(result)}</section>"""


def _claims(result: Result) -> str:
    """What sources print, each with the verdict."""
    if not result.outcomes:
        return ""
    rows = "\n".join(_claim(outcome) for outcome in result.outcomes)
    failed = len(result.failed)
    head = '<tr><th>claim<th>computed<th class="text">verdict<th class="text">source'
    return (
        f"<details><summary>{len(result.outcomes)} claims, {failed} failed</summary>"
        f'<div class="wide"><table><thead>{head}</thead><tbody>\n{rows}\n</tbody></table></div></details>\n'
    )


def _claim(outcome: Outcome) -> str:
    bad = ' class="bad"' if outcome.verdict is Verdict.FAILED else ""
    return (
        f"<tr{bad}><td>{_text(label(outcome.claim))}<td>{_text(number(outcome))}"
        f'<td class="text">{_text(judgement(outcome))}<td class="text">{_text(outcome.claim.source)}'
    )


def _text(text: str) -> str:
    return escape(visible(text))
