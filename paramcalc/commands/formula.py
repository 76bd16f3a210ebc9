"""paramcalc formula: counts in closed form, in knobs and input sizes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.commands._common import (
    Changes,
    Output,
    SpecArgument,
    decode_options,
    network,
    output_options,
    remark,
)


@output_options("text", "latex", "python", "c", "javascript", "json")
@decode_options
def formula(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAYER]...", help="Paths or patterns with * and **; the whole network if omitted."
        ),
    ] = None,
    symbols: Annotated[
        str,
        typer.Option(
            "--in",
            metavar="NAMES",
            help="Knobs; H, W, L, D, C of the input, source.L of one of several; h for H = W; batch; past of "
            "--decode. "
            "NAME=LETTER picks the letter.",
        ),
    ] = "",
    quantity: Annotated[
        str, typer.Option("--quantity", metavar="NAMES", help="Quantities, separated by commas.")
    ] = "",
    per: Annotated[
        Literal["total", "block", "layer"], typer.Option("--per", help="Print a formula for each of these.")
    ] = "total",
    depth: Annotated[int, typer.Option("--depth", min=1, help="Depth of the blocks of --per block.")] = 1,
) -> None:
    """Give counts in closed form, exact for all values of the symbols.

    Example: paramcalc formula resnet-50 --in width,h --quantity params,macs

    Example: paramcalc formula resnet20-cifar --in depths --format python
    """
    from paramcalc.engine.lint import knobs_left_behind
    from paramcalc.formula import draw
    from paramcalc.formula.formula import formulas, quantities

    wanted = quantities(quantity)
    names = [name.strip() for name in symbols.split(",") if name.strip()]
    model = network(spec, "formula", *(layers or ()))
    closed = model.closed(names or None, *changed)
    if changed.inputs:
        for text in knobs_left_behind(model.spec, model.graph(*changed)):
            remark(text)
    found = formulas(closed, wanted, layers or (), per, depth)
    output.show(
        {
            "text": lambda: draw.text(found, output.width),
            "latex": lambda: draw.latex(found),
            "python": lambda: draw.code(found, "python"),
            "c": lambda: draw.code(found, "c"),
            "javascript": lambda: draw.code(found, "javascript"),
            "json": lambda: draw.document(found),
        }
    )
