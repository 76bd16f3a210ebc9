"""paramcalc report: one HTML file about networks, with knobs to turn."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Changes, Output, doubts, network_options, output_options


@output_options("html")
@network_options
def report(
    changed: Changes,
    output: Output,
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...", help="Bundled models, paths, PATH:VARIANT, or - for standard input."
        ),
    ],
) -> None:
    """Write a page about networks: figure, table, knobs, formulas, claims.

    It is one file that needs no network: it opens from a mail or a folder, in any browser.

    Example: paramcalc report resnet-50 -o resnet.html

    Example: paramcalc report alexnet vgg-16 -o page.html
    """
    from paramcalc.model import load
    from paramcalc.report import draw, page

    models = [load(spec) for spec in specs]
    reports = [model.count(*changed) for model in models]
    for model, counted in zip(models, reports, strict=True):
        doubts(model.spec, counted.graph)
    found = page.document(models, *changed)
    results = [draw.judged(model) for model in models]
    output.show({"html": lambda: draw.html(models, reports, results, found)})
