"""paramcalc ops: the reference of all ops, or of one."""

from __future__ import annotations

import shutil
from typing import Annotated, Literal

import typer

from paramcalc.commands._common import OutputOption, PluginOption, emit, emit_grid, load_plugins

WIDTH = 100  # where no terminal says otherwise


def ops(
    name: Annotated[
        str, typer.Argument(metavar="[OP]", help="The op to explain; all are listed without it.")
    ] = "",
    format: Annotated[Literal["table", "markdown", "json"], typer.Option("--format")] = "table",
    plugins: PluginOption = None,
    output: OutputOption = None,
) -> None:
    """List the ops of the language, or explain one.

    Example: paramcalc ops conv2d
    """
    from paramcalc import ops
    from paramcalc.base.errors import Fault, near
    from paramcalc.reference import draw as reference
    from paramcalc.render.grid import markdown

    load_plugins(plugins)
    every = ops.every()
    if name and ops.find(name) is None:
        raise Fault(f"there is no op '{name}'", fix=near(name, ops.names()) or "'paramcalc ops' lists them")
    if format == "json":
        import json

        found = ops.find(name)
        pages = [reference.document(op) for op in ([found] if found else every.values())]
        emit(json.dumps({"schema": "paramcalc/ops/1", "ops": pages}, indent=2) + "\n", output)
    elif name:
        emit(reference.page(ops.find(name) or every[name]), output)
    elif format == "markdown":
        emit(markdown(reference.overview(every)), output)
    else:
        width = shutil.get_terminal_size((WIDTH, 0)).columns if output is None else WIDTH
        emit_grid(reference.overview(every, width), output)
