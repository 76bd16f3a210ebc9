"""paramcalc list: the bundled models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paramcalc.commands._common import Output, output_options, remark

if TYPE_CHECKING:
    from paramcalc.base.errors import Problem


@output_options("table", "json", "csv", "markdown")
def list(
    output: Output,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="[TEXT|DIR]", help="Models whose name or source has it; or a folder of specs."
        ),
    ] = "",
) -> None:
    """List the bundled models, or those of a folder, with their totals, inputs and sources.

    Example: paramcalc list resnet
    """
    from paramcalc.base.errors import SpecError
    from paramcalc.list import catalogue, draw

    folder = Path(wanted)
    problems: Sequence[Problem] = ()
    if wanted and folder.is_dir():
        found, problems = catalogue.folder(folder)
    else:
        found = catalogue.matching(wanted, catalogue.bundled())
    if not found:
        remark(f"no spec in {wanted}" if folder.is_dir() else f"no bundled model matches '{wanted}'")
    if found or output.format != "table":
        output.show(
            {
                "table": lambda: draw.grid(found),
                "csv": lambda: draw.rows(found),
                "json": lambda: draw.document(found),
            }
        )
    if problems:
        raise SpecError(problems)
