"""paramcalc count: every layer's output size, parameters and multiplications."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    TABLE,
    BatchOption,
    Changes,
    ConventionOption,
    DepthOption,
    Output,
    SpecArgument,
    UnfoldOption,
    doubts,
    network_options,
    output_options,
    under,
)

Dtype = Literal["float64", "float32", "tf32", "bfloat16", "float16", "int8", "float8"]


@output_options(*TABLE)
@network_options
def count(
    changed: Changes,
    output: Output,
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
    layout: Annotated[
        Literal["nchw", "nhwc"], typer.Option("--layout", help="Where shapes show the channels.")
    ] = "nchw",
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type for memory in bytes.")] = "float32",
    unfold: UnfoldOption = False,
    convention: ConventionOption = "",
) -> None:
    """Count parameters and multiplications layer by layer.

    Example: paramcalc count resnet-50 --depth 1 --set width=96
    """
    from paramcalc.count import draw
    from paramcalc.count.words import FIELD
    from paramcalc.model import load

    if (sort or top is not None) and (depth is not None or unfold):
        raise Fault("--top and --sort show layers without groups, which --depth and --unfold are about")
    model = load(spec)
    report = under(convention, model.count(*changed, batch))
    doubts(model.spec, report.graph)
    view = draw.View(draw.columns(columns, report), layout, dtype)
    if set(FIELD) & set(view.columns):
        from paramcalc.field.draw import extra

        view = view._replace(extra=extra(report.graph, view.columns))
    flat = sort or top is not None
    output.show(
        {
            "table": lambda: (
                draw.flat(report, sort, top, view) if flat else draw.grid(report, depth, not unfold, view)
            ),
            "csv": lambda: draw.rows(report),
            "json": lambda: draw.document(report, dtype),
        }
    )
