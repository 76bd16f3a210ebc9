"""paramcalc field: the receptive field of every layer, or of one in detail."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    TABLE,
    Changes,
    DepthOption,
    Output,
    SpecArgument,
    UnfoldOption,
    network,
    network_options,
    output_options,
)


@output_options(*TABLE, "svg")
@network_options
def field(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    layer: Annotated[
        str,
        typer.Argument(
            metavar="[LAYER]", help="Show the last layer that this path or pattern matches, in detail."
        ),
    ] = "",
    at: Annotated[
        str,
        typer.Option("--at", metavar="Y,X", help="Show what this output position sees; default: the middle."),
    ] = "",
    source: Annotated[
        str, typer.Option("--from", metavar="[NAME=]Y,X", help="Show which outputs see this input position.")
    ] = "",
    depth: DepthOption = None,
    unfold: UnfoldOption = False,
) -> None:
    """Show the receptive field: size, jump and start of each layer, padding included.

    Example: paramcalc field resnet-50 conv5_x --at 0,3 --from 100,20
    """
    from paramcalc.base.errors import Fault
    from paramcalc.field import draw, picture
    from paramcalc.field.field import fields, find, look, position

    report = network(spec, "field", *filter(None, [layer])).count(*changed)
    found = fields(report.graph)
    if not layer:
        if at or source or output.format == "svg":
            raise Fault("--at, --from and --format svg need one layer", fix="name it after the spec")
        output.show(
            {
                "table": lambda: draw.grid(report, found, depth, not unfold),
                "csv": lambda: draw.rows(found),
                "json": lambda: draw.document(found),
            }
        )
        return
    place = position(at)[1] if at else ()
    looked = look(found, find(report.graph, layer), place, position(source) if source else None)
    output.show(
        {
            "table": lambda: draw.one(report, looked),
            "csv": lambda: draw.rows(found, looked),
            "json": lambda: draw.document(found, looked),
            "svg": lambda: picture.svg(looked),
        },
        after=draw.drawing(looked, output.unicode),
    )
