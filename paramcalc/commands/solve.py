"""paramcalc solve: which width, depth, input or grouping meets a budget."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    BatchOption,
    Format,
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    emit,
    emit_grid,
    settings,
    written,
)


def solve(
    spec: SpecArgument,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="NAME[=LOW:HIGH[:STEP]]",
            help="A knob, an entry of a list (depths[2]), input, batch or LAYERS.ATTRIBUTE; at most two.",
        ),
    ],
    until: Annotated[
        list[str],
        typer.Option("--until", metavar="CONSTRAINT", help="Such as 'params <= 5e6'; all must be met."),
    ],
    step: Annotated[int, typer.Option("--step", min=1, help="Only multiples of this number.")] = 1,
    most: Annotated[str, typer.Option("--max", metavar="QUANTITY", help="Of those, the most of this.")] = "",
    least: Annotated[
        str, typer.Option("--min", metavar="QUANTITY", help="Of those, the least of this.")
    ] = "",
    batch: BatchOption = 1,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Find the settings that meet a budget, exactly, with what lies on both sides of it.

    Without --max or --min: the largest value that meets an upper bound, or the smallest for a lower one.

    Exits with 1 where nothing meets the constraints.

    Example: paramcalc solve resnet-50 --vary width --until 'params <= 5e6'

    Example: paramcalc solve resnet-50 --vary width --vary input=160:320:32 --until 'macs <= 1e9' --max params
    """
    from paramcalc.model import load
    from paramcalc.solve import draw as solutions

    changes, sizes = settings(sets, inputs, plugins, replaced)
    found = load(spec).solve(
        *vary, until=until, most=most, least=least, step=step, changes=changes, inputs=sizes, batch=batch
    )
    if format == "json":
        emit(solutions.text(found), output)
    elif format == "csv":
        emit(solutions.csv(found), output)
    elif format == "table":
        emit_grid(solutions.grid(found), output)
    else:
        emit(written(solutions.grid(found), format), output)
    if not found.answers:
        raise typer.Exit(1)
