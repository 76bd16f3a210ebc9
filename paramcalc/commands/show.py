"""paramcalc show: the text of a spec, as written or with everything resolved."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    InputOption,
    OutputOption,
    PluginOption,
    SetOption,
    SpecArgument,
    doubts,
    emit,
    settings,
)


def show(
    spec: SpecArgument,
    expanded: Annotated[
        bool,
        typer.Option(
            "--expanded", help="After blocks, repeats and variants are resolved, in canonical form."
        ),
    ] = False,
    sets: SetOption = None,
    inputs: InputOption = None,
    plugins: PluginOption = None,
    output: OutputOption = None,
) -> None:
    """Print a spec: its text, or with --expanded every layer in canonical form.

    Example: paramcalc show lenet5-1998 --expanded
    """
    from paramcalc.base.errors import Fault
    from paramcalc.model import load

    changes, sizes = settings(sets, inputs, plugins)
    model = load(spec)
    if expanded:
        from paramcalc.show.expanded import expanded as canonical

        graph = model.graph(changes, sizes)
        doubts(model.spec, graph)
        emit(canonical(graph), output)
        return
    if changes or sizes:
        raise Fault("--set and --input change the expanded spec only", fix="add --expanded")
    emit(model.spec.source.text, output)
