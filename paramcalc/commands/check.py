"""paramcalc check: what a spec's sources print, held against what is counted."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Output, PluginOption, load_plugins, output_options, remark


@output_options("table", "json", "junit", "github")
def check(
    output: Output,
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SPEC]...",
            help="Bundled models, paths, folders, PATH:VARIANT, or -; all bundled specs if none.",
        ),
    ] = None,
    plugins: PluginOption = None,
) -> None:
    """Check the figures that papers print against exact counts.

    Exits with 1 if a claim failed, and with 2 if a spec could not be read.

    Example: paramcalc check resnet --format github
    """
    from paramcalc.check import draw
    from paramcalc.check.check import check as checked

    load_plugins(plugins)
    result = checked(specs or ())
    for mistake in result.mistakes:
        remark(mistake.message + "\n")
    for text in result.remarks:
        remark(text)
    output.show(
        {
            "table": lambda: draw.grid(result) if result.outcomes else draw.summary(result) + "\n",
            "json": lambda: draw.document(result),
            "junit": lambda: draw.junit(result),
            "github": lambda: draw.github(result),
        },
        after=draw.closing(result),
    )
    raise typer.Exit(result.exit_code)
