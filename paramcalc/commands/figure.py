"""paramcalc figure: a picture of a network for a paper or a slide."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    BatchOption,
    Changes,
    Output,
    SpecArgument,
    doubts,
    network_options,
    output_options,
)


@output_options("svg", "latex", "pdf", "png")
@network_options
def figure(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    style: Annotated[
        Literal["blocks", "graph", "cost"],
        typer.Option("--style", help="Draw boxes as papers do, the structure, or a chart of the cost."),
    ] = "blocks",
    theme: Annotated[
        Literal["light", "dark"] | None,
        typer.Option(
            "--theme", help="Colours for a white or a dark page; an SVG follows its viewer by default."
        ),
    ] = None,
    batch: BatchOption = 1,
) -> None:
    """Draw a network for a paper or a slide.

    SVG and TikZ (.tex) need nothing else; PDF and PNG need the extra `picture`.

    Example: paramcalc figure vgg-16 -o vgg.svg

    Example: paramcalc figure resnet-50 --style graph -o resnet.tex
    """
    from paramcalc.figure import draw
    from paramcalc.model import load

    model = load(spec)
    report = model.count(*changed, batch)
    doubts(model.spec, report.graph)
    if output.format in ("pdf", "png"):
        if output.path is None:
            raise Fault(f"a {output.format} is not text", fix=f"write it to a file: -o FILE.{output.format}")
        from paramcalc.base.files import whole

        drawn = draw.painted(report, style, output.format, theme)
        with whole(output.path) as file:
            file.write(drawn)
        return
    output.show(
        {
            "svg": lambda: draw.svg(report, style, theme),
            "latex": lambda: draw.latex(report, style, theme),
        }
    )
