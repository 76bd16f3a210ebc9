"""paramcalc field: the receptive field of every layer, or of one in detail."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.commands._common import (
    DepthOption,
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    emit,
    emit_grid,
    settings,
    takes_unicode,
    written,
)

FieldFormat = Literal["table", "json", "csv", "markdown", "latex", "html", "svg"]


def field(
    spec: SpecArgument,
    layer: Annotated[
        str,
        typer.Argument(metavar="[LAYER]", help="A path or pattern: the last layer that it means, in detail."),
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="Y,X", help="An output position: what it sees. The middle if none.")
    ] = "",
    source: Annotated[
        str, typer.Option("--from", metavar="[NAME=]Y,X", help="An input position: which outputs see it.")
    ] = "",
    depth: DepthOption = None,
    unfold: Annotated[bool, typer.Option("--unfold", help="Show equal blocks one by one.")] = False,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[FieldFormat, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Show the receptive field: size, jump and start of each layer, padding included.

    Example: paramcalc field resnet-50 conv5_x --at 0,3 --from 100,20
    """
    from paramcalc.base.errors import Fault
    from paramcalc.field import draw as render
    from paramcalc.field.field import fields, find, look, position
    from paramcalc.model import load

    changes, sizes = settings(sets, inputs, plugins, replaced)
    report = load(spec).count(changes, sizes)
    found = fields(report.graph)
    if not layer and (at or source or format == "svg"):
        raise Fault("--at, --from and --format svg are about one layer", fix="name it after the spec")
    looked = None
    if layer:
        place = position(at)[1] if at else ()
        looked = look(found, find(report.graph, layer), place, position(source) if source else None)
    if format == "json":
        emit(render.json(found, looked), output)
    elif format == "csv":
        emit(render.csv(found, looked), output)
    elif looked is not None and format == "svg":
        emit(render.svg(looked), output)
    else:
        grid = render.one(report, looked) if looked else render.grid(report, found, depth, not unfold)
        if format == "table":
            emit_grid(grid, output, render.drawing(looked, takes_unicode(output)) if looked else "")
        else:
            emit(written(grid, format), output)
