"""The page as one file: figures, totals and claims as HTML, the rest as data for a small script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from paramcalc.base.errors import visible
from paramcalc.check.check import Outcome, Result, Spending, Verdict, check_spec
from paramcalc.check.draw import amount, judgement, label, number
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
PHONE = 760  # pixels: a wider picture is not squeezed on phones, but scrolled
_TEXTS = re.compile(r"""(?P<text>"[^"\n]*"|`[^`]*`)|[^"`]+""")  # of a script, and what is between them
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
    return _TEXTS.sub(
        lambda found: found["text"] or re.sub(r" ?(=>|[=!]==|&&|\|\||[=,;:?{}]) ?", r"\1", found[0]), text
    )


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
<figure{' class="large"' * (picture.width > PHONE)}>{drawn}<figcaption></figcaption></figure>
<div class="knobs"></div>
<div class="totals" aria-live="polite">{totals}</div>
<div class="wide"><table class="layers"><thead><tr>{heads}</tr></thead><tbody></tbody></table></div>
{_verdicts(result, _changed(model, report))}</section>"""


def _changed(model: Model, report: Report) -> bool:
    """Whether the network was changed by options, while its claims are about what is written."""
    return bool(report.graph.settings) or report.graph.inputs != model.graph().inputs


def judged(model: Model) -> Result:
    """The claims and budgets about a network, without those about other variants of its spec."""
    return check_spec(model.spec, model.variant or model.spec.name)


def verdicts(result: Result) -> str:
    """How many claims and budgets there are, and how many are not met.

    >>> from paramcalc import load
    >>> print(verdicts(load("lenet5-1998").check()))
    17 claims, 0 failed
    """
    claims, budgets = len(result.outcomes), len(result.budgets)
    parts = [f"{claims} claim{'s' * (claims != 1)}, {len(result.failed)} failed"] if claims else []
    if budgets:
        parts.append(f"{budgets} budget{'s' * (budgets != 1)}, {len(result.exceeded)} exceeded")
    return "; ".join(parts)


def _verdicts(result: Result, changed: bool) -> str:
    """What sources print and budgets allow, each with the verdict; shown at once where one is not met."""
    if not result.outcomes and not result.budgets:
        return ""
    claims = _table(("claim", "computed", "verdict", "source"), map(_claim, result.outcomes))
    budgets = _table(("budget", "computed", "verdict", "limit"), map(_budget, result.budgets))
    opened = " open" if result.failed or result.exceeded else ""
    said = verdicts(result) + ", of the network as written" * changed
    return (
        f"<details{opened}><summary>{said}</summary>"
        f"{claims * bool(result.outcomes)}{budgets * bool(result.budgets)}</details>\n"
    )


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table whose third and fourth columns are texts."""
    first, second, third, fourth = heads
    head = f'<tr><th>{first}<th>{second}<th class="text">{third}<th class="text">{fourth}'
    drawn = "\n".join(rows)
    return f'<div class="wide"><table><thead>{head}</thead><tbody>\n{drawn}\n</tbody></table></div>'


def _claim(outcome: Outcome) -> str:
    cells = (label(outcome.claim), number(outcome), judgement(outcome), outcome.claim.source)
    return _row(cells, outcome.verdict is Verdict.FAILED)


def _budget(spending: Spending) -> str:
    cells = (label(spending.budget), amount(spending), spending.verdict, spending.budget.written)
    return _row(cells, not spending.kept)


def _row(cells: Sequence[str], bad: bool) -> str:
    first, second, third, fourth = map(_text, cells)
    kind = ' class="bad"' * bad
    return f'<tr{kind}><td>{first}<td>{second}<td class="text">{third}<td class="text">{fourth}'


def _text(text: str) -> str:
    return escape(visible(text))
