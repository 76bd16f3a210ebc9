"""paramcalc explain: each layer's formulas, the same with numbers in place, the values."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Changes, Output, SpecArgument, decode_options, network, output_options


@output_options("text", "markdown", "latex", "json")
@decode_options
def explain(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    layers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYER]...", help="Paths or patterns with * and **; all layers if omitted."),
    ] = None,
    quantity: Annotated[
        str,
        typer.Option(
            "--quantity",
            metavar="NAMES",
            help="Explain these, separated by commas: output, params, macs ...",
        ),
    ] = "",
    why: Annotated[
        str,
        typer.Option(
            "--why",
            metavar="CONVENTION",
            help="Show what this convention adds or leaves out, such as torchinfo.",
        ),
    ] = "",
) -> None:
    """Explain the counts of layers: formula, numbers, value.

    Example: paramcalc explain lenet5-1998 C1 S2

    Example: paramcalc explain resnet-50 'conv3_x/0/main/*' --quantity macs --why torchinfo
    """
    from paramcalc.conventions import convention
    from paramcalc.explain import draw
    from paramcalc.explain.explain import explain as explained
    from paramcalc.explain.explain import quantities

    wanted = quantities(quantity)
    report = network(spec, "explain", *(layers or ())).count(*changed)
    found = explained(report, layers or (), wanted, convention(why) if why else None)
    output.show(
        {
            "text": lambda: draw.text(found, output.width),
            "markdown": lambda: draw.markdown(found),
            "latex": lambda: draw.latex(found),
            "json": lambda: draw.document(found),
        }
    )
