"""paramcalc show: the text of a spec, as written or with everything resolved."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    Changes,
    Output,
    SpecArgument,
    doubts,
    network_options,
    output_options,
)


@output_options("yaml")
@network_options
def show(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    expanded: Annotated[
        bool,
        typer.Option(
            "--expanded", help="Resolve blocks, repeats and variants, and print the canonical form."
        ),
    ] = False,
) -> None:
    """Print a spec: its text, or with --expanded every layer in canonical form.

    Example: paramcalc show lenet5-1998 --expanded
    """
    from paramcalc.base.errors import Fault
    from paramcalc.model import load

    model = load(spec)
    if expanded:
        from paramcalc.show.expanded import expanded as canonical

        graph = model.graph(*changed)
        doubts(model.spec, graph)
        output.show({"yaml": lambda: canonical(graph)})
        return
    if any(changed):
        raise Fault("--set, --replace and --input change the expanded spec only", fix="add --expanded")
    output.show({"yaml": lambda: model.spec.source.text})
