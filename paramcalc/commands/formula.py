"""paramcalc formula: counts in closed form, in knobs and input sizes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.commands._common import (
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    emit,
    remark,
    room,
    settings,
)


def formula(
    spec: SpecArgument,
    layers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYER]...", help="Only these layers: paths or patterns with * and **."),
    ] = None,
    symbols: Annotated[
        str,
        typer.Option(
            "--in",
            metavar="NAMES",
            help="Knobs; H, W, L, D, C of the input, source.L of one of several; h for H = W; batch. "
            "NAME=LETTER picks the letter.",
        ),
    ] = "",
    quantity: Annotated[
        str, typer.Option("--quantity", metavar="NAMES", help="What to give, with commas between them.")
    ] = "",
    per: Annotated[
        Literal["total", "block", "layer"], typer.Option("--per", help="What each formula is of.")
    ] = "total",
    depth: Annotated[int, typer.Option("--depth", min=1, help="How deep the blocks of --per block lie.")] = 1,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[
        Literal["text", "latex", "python", "json"], typer.Option("--format", help="How to print it.")
    ] = "text",
    output: OutputOption = None,
) -> None:
    """Give counts in closed form, exact for all values of the symbols.

    Example: paramcalc formula resnet-50 --in width,h --quantity params,macs

    Example: paramcalc formula resnet20-cifar --in depths --format python
    """
    from paramcalc.engine.lint import knobs_left_behind
    from paramcalc.formula import draw as render
    from paramcalc.formula.formula import formulas, quantities
    from paramcalc.model import load

    chosen = quantities(quantity)
    names = [name.strip() for name in symbols.split(",") if name.strip()]
    changes, sizes = settings(sets, inputs, plugins, replaced)
    model = load(spec)
    closed = model.closed(names or None, changes, sizes)
    if sizes:
        for text in knobs_left_behind(model.spec, model.graph(changes, sizes)):
            remark(text)
    found = formulas(closed, chosen, layers or (), per, depth)
    if format == "text":
        emit(render.text(found, room() if output is None else None), output)
    else:
        forms = {"latex": render.latex, "python": render.python, "json": render.document}
        emit(forms[format](found), output)
