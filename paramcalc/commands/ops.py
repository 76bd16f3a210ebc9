"""paramcalc ops: the reference of all ops, or of one."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from paramcalc.commands._common import Output, PluginOption, load_plugins, output_options

WIDTH = 100  # where no terminal says otherwise


@output_options("table", "markdown", "json")
def ops(
    output: Output,
    name: Annotated[str, typer.Argument(metavar="[OP]", help="Explain this op; list all if omitted.")] = "",
    plugins: PluginOption = None,
) -> None:
    """List the ops of the language, or explain one.

    Example: paramcalc ops conv2d
    """
    from paramcalc import ops
    from paramcalc.base.errors import Fault, near
    from paramcalc.language.foreign import advice
    from paramcalc.reference import draw

    load_plugins(plugins)
    every = ops.every()
    found = ops.find(name) if name else None
    if name and found is None:
        fix = advice(name) or near(name, ops.names()) or "'paramcalc ops' lists them"
        raise Fault(f"there is no op '{name}'", fix=fix)
    width = shutil.get_terminal_size((WIDTH, 0)).columns if output.path is None else WIDTH
    if found:
        output.show(
            {
                "table": lambda: draw.page(found, width),
                "markdown": lambda: draw.markdown(found),
                "json": lambda: draw.document([found]),
            }
        )
        return
    output.show(
        {
            "table": lambda: draw.overview(every, width),
            "markdown": lambda: draw.overview(every),
            "json": lambda: draw.document(every.values()),
        }
    )
