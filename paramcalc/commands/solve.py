"""paramcalc solve: which width, depth, input or grouping meets a budget."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    TABLE,
    BatchOption,
    Changes,
    Output,
    SpecArgument,
    decode_options,
    output_options,
)


@output_options(*TABLE)
@decode_options
def solve(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="NAME[=LOW:HIGH[:STEP]]",
            help="Vary a knob, a list's entry (depths[2]), input, batch, LAYERS.ATTRIBUTE or ROW.COLUMN; at most two.",
        ),
    ],
    until: Annotated[
        list[str],
        typer.Option(
            "--until",
            metavar="CONSTRAINT",
            help="Require this, such as 'params <= 5e6'; all constraints must be met.",
        ),
    ],
    step: Annotated[int, typer.Option("--step", min=1, help="Try only multiples of this number.")] = 1,
    most: Annotated[
        str, typer.Option("--max", metavar="QUANTITY", help="Among the solutions, maximise this quantity.")
    ] = "",
    least: Annotated[
        str, typer.Option("--min", metavar="QUANTITY", help="Among the solutions, minimise this quantity.")
    ] = "",
    batch: BatchOption = 1,
) -> None:
    """Find the settings that meet a budget, exactly, with their neighbours on both sides.

    Without --max or --min: the largest value that meets an upper bound, or the smallest for a lower one.

    Exits with 1 where nothing meets the constraints.

    Example: paramcalc solve resnet-50 --vary width --until 'params <= 5e6'

    Example: paramcalc solve resnet-50 --vary width --vary input=160:320:32 --until 'macs <= 1e9' --max params
    """
    from paramcalc.model import load
    from paramcalc.solve import draw

    changes, inputs = changed
    found = load(spec).solve(
        *vary, until=until, most=most, least=least, step=step, changes=changes, inputs=inputs, batch=batch
    )
    output.show(
        {
            "table": lambda: draw.grid(found),
            "csv": lambda: draw.rows(found),
            "json": lambda: draw.document(found),
        }
    )
    if not found.answers:
        raise typer.Exit(1)
