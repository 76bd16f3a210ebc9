"""paramcalc list: the bundled models."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated, Literal

import typer

from paramcalc.commands._common import OutputOption, emit, emit_grid, remark, takes_unicode


def list(
    wanted: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only models whose name or source has it.")
    ] = "",
    format: Annotated[Literal["table", "json", "csv", "markdown"], typer.Option("--format")] = "table",
    output: OutputOption = None,
) -> None:
    """List the bundled models with their totals, inputs and sources.

    Example: paramcalc list resnet
    """
    from paramcalc.list import catalogue
    from paramcalc.list import draw as drawn

    listed = catalogue.listed(wanted)
    if not listed:
        remark(f"no bundled model matches '{wanted}'")
        if format == "table":
            return
    if format == "table" and output is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        for line in drawn.streamed(listed, catalogue.entries(listed), width, takes_unicode(output)):
            emit(line + "\n", None)
        return
    found = [*catalogue.entries(listed)]
    if format == "json":
        import json

        models = [{**entry._asdict(), "aliases": [*entry.aliases]} for entry in found]
        emit(json.dumps({"schema": "paramcalc/list/1", "models": models}, indent=2) + "\n", output)
    elif format == "csv":
        emit(drawn.csv(found), output)
    elif format == "markdown":
        from paramcalc.render.grid import markdown

        emit(markdown(drawn.grid(found)), output)
    else:
        emit_grid(drawn.grid(found), output)
