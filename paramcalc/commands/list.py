"""paramcalc list: the bundled models."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paramcalc.commands._common import Output, output_options, remark


@output_options("table", "json", "csv", "markdown")
def list(
    output: Output,
    wanted: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only models whose name or source has it.")
    ] = "",
) -> None:
    """List the bundled models with their totals, inputs and sources.

    Example: paramcalc list resnet
    """
    from paramcalc.list import catalogue, draw

    listed = catalogue.listed(wanted)
    if not listed:
        remark(f"no bundled model matches '{wanted}'")
        if output.format == "table":
            return
    if output.format == "table" and output.path is None and sys.stdout.isatty():
        output.text(draw.streamed(listed, catalogue.entries(listed), output.width, output.unicode))
        return
    found = [*catalogue.entries(listed)]
    output.show(
        {
            "table": lambda: draw.grid(found),
            "csv": lambda: draw.rows(found),
            "json": lambda: draw.document(found),
        }
    )
