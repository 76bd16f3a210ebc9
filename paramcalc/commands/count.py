"""paramcalc count: every layer's output size, parameters and multiplications."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    BatchOption,
    ConventionOption,
    DepthOption,
    Format,
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    doubts,
    emit,
    emit_grid,
    settings,
    under,
    written,
)

Dtype = Literal["float64", "float32", "tf32", "bfloat16", "float16", "int8", "float8"]


def count(
    spec: SpecArgument,
    depth: DepthOption = None,
    columns: Annotated[
        str, typer.Option("--columns", help="Columns to show, with commas between them.")
    ] = "",
    top: Annotated[int | None, typer.Option("--top", min=1, help="Only the N largest layers.")] = None,
    sort: Annotated[
        str, typer.Option("--sort", metavar="QUANTITY", help="Layers by size, without groups.")
    ] = "",
    batch: BatchOption = 1,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    layout: Annotated[
        Literal["nchw", "nhwc"], typer.Option("--layout", help="Where shapes show the channels.")
    ] = "nchw",
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type for memory in bytes.")] = "float32",
    unfold: Annotated[bool, typer.Option("--unfold", help="Show equal blocks one by one.")] = False,
    convention: ConventionOption = "",
    plugins: PluginOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Count parameters and multiplications layer by layer.

    Example: paramcalc count resnet-50 --depth 1 --set width=96
    """
    from paramcalc.count import draw as counts
    from paramcalc.count.words import FIELD, NOTHING
    from paramcalc.model import load

    if (sort or top is not None) and (depth is not None or unfold):
        raise Fault("--top and --sort show layers without groups, which --depth and --unfold are about")
    changes, sizes = settings(sets, inputs, plugins, replaced)
    model = load(spec)
    report = under(convention, model.count(changes, sizes, batch))
    doubts(model.spec, report.graph)
    if format == "json":
        from paramcalc.count import json

        emit(json.text(report, dtype), output)
        return
    if format == "csv":
        emit(counts.csv(report), output)
        return
    chosen = counts.columns(columns, report)
    extra = NOTHING
    if set(FIELD) & set(chosen):
        from paramcalc.field import draw as fields

        extra = fields.extra(report.graph, chosen)
    if sort or top is not None:
        grid = counts.flat(report, chosen, sort, top, layout, dtype, extra)
    else:
        grid = counts.grid(report, depth, chosen, not unfold, layout, dtype, extra)
    if format == "table":
        emit_grid(grid, output)
    else:
        emit(written(grid, format), output)
