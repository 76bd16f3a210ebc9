"""paramcalc check: what a spec's sources print, held against what is counted."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paramcalc.commands._common import OutputOption, PluginOption, emit, emit_grid, load_plugins, remark

Format = Literal["table", "json", "junit", "github"]


def check(
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SPEC]...",
            help="Bundled models, paths, folders, PATH:VARIANT, or -; all bundled specs if none.",
        ),
    ] = None,
    plugins: PluginOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Check the figures that papers print against exact counts.

    Exits with 1 if a claim failed, and with 2 if a spec could not be read.

    Example: paramcalc check resnet --format github
    """
    from paramcalc.check import draw as verdicts
    from paramcalc.check.check import check as checked

    load_plugins(plugins)
    result = checked(specs or ())
    for mistake in result.mistakes:
        remark(mistake.message + "\n")
    for text in result.remarks:
        remark(text)
    if format == "table" and result.outcomes:
        emit_grid(verdicts.grid(result), output, verdicts.closing(result))
    elif format == "table":
        emit(verdicts.summary(result) + "\n", output)
    else:
        render = {"json": verdicts.json, "junit": verdicts.junit, "github": verdicts.github}[format]
        emit(render(result), output)
    raise typer.Exit(result.exit_code)
