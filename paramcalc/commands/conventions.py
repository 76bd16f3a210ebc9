"""paramcalc conventions: what tools and papers call params, MACs and FLOPs, and one network under all tools."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import BatchOption, Changes, Output, network_options, output_options


@output_options("table", "json", "markdown")
@network_options
def conventions(
    changed: Changes,
    output: Output,
    spec: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC]",
            help="A bundled model, a path, PATH:VARIANT, or -; list the conventions if omitted.",
        ),
    ] = "",
    batch: BatchOption = 1,
) -> None:
    """Show what each tool would print for a network, and which ops it counts differently.

    Without a network, list the conventions with their quirks and sources.

    Example: paramcalc conventions resnet-50
    """
    from paramcalc.conventions import CONVENTIONS, draw, profiled
    from paramcalc.model import load

    if not spec:
        output.show(
            {
                "table": lambda: draw.listing(CONVENTIONS.values()),
                "markdown": lambda: draw.markdown_listing(CONVENTIONS.values()),
                "json": lambda: draw.list_document(CONVENTIONS.values()),
            }
        )
        return
    own = load(spec).count(*changed, batch)
    others = profiled(own)
    output.show({"table": lambda: draw.grid(own, others), "json": lambda: draw.document(own, others)})
