"""paramcalc conventions: what tools and papers call params, MACs and FLOPs, and one network under all tools."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.commands._common import (
    BatchOption,
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    emit,
    emit_grid,
    settings,
    written,
)

Format = Literal["table", "json", "markdown"]


def conventions(
    spec: Annotated[
        str,
        typer.Argument(metavar="[SPEC]", help="A bundled model, a path, PATH:VARIANT, or -; else the list."),
    ] = "",
    batch: BatchOption = 1,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Show what every tool would print about a network, and which ops it counts otherwise.

    Without a network, list the conventions with their quirks and sources.

    Example: paramcalc conventions resnet-50
    """
    from paramcalc.conventions import CONVENTIONS, profiled
    from paramcalc.conventions import draw as drawn
    from paramcalc.model import load

    if not spec:
        render = {
            "table": drawn.listing,
            "json": drawn.list_document,
            "markdown": drawn.markdown_listing,
        }[format]
        emit(render(CONVENTIONS.values()), output)
        return
    changes, sizes = settings(sets, inputs, plugins, replaced)
    own = load(spec).count(changes, sizes, batch)
    others = profiled(own)
    if format == "json":
        emit(drawn.document(own, others), output)
    elif format == "table":
        emit_grid(drawn.grid(own, others), output)
    else:
        emit(written(drawn.grid(own, others), format), output)
