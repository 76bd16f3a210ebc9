"""paramcalc explain: each layer's formulas, the same with numbers in place, the values."""

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
    settings,
)


def explain(
    spec: SpecArgument,
    layers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYER]...", help="Paths or patterns with * and **; all layers without any."),
    ] = None,
    quantity: Annotated[
        str,
        typer.Option(
            "--quantity",
            metavar="NAMES",
            help="What to explain, with commas between: output, params, macs ...",
        ),
    ] = "",
    why: Annotated[
        str,
        typer.Option(
            "--why", metavar="CONVENTION", help="What that convention adds or leaves out: torchinfo ..."
        ),
    ] = "",
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[
        Literal["text", "markdown", "latex", "json"], typer.Option("--format", help="How to print it.")
    ] = "text",
    output: OutputOption = None,
) -> None:
    """Explain the counts of layers: formula, numbers, value.

    Example: paramcalc explain lenet5-1998 C1 S2

    Example: paramcalc explain resnet-50 'conv3_x/0/main/*' --quantity macs --why torchinfo
    """
    from paramcalc.conventions import convention
    from paramcalc.explain import draw as render
    from paramcalc.explain.explain import explain as explained
    from paramcalc.explain.explain import quantities
    from paramcalc.model import load

    chosen = quantities(quantity)
    changes, sizes = settings(sets, inputs, plugins, replaced)
    report = load(spec).count(changes, sizes)
    found = explained(report, layers or (), chosen, convention(why) if why else None)
    forms = {
        "text": render.text,
        "markdown": render.markdown,
        "latex": render.latex,
        "json": render.document,
    }
    emit(forms[format](found), output)
