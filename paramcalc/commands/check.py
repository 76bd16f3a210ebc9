"""paramcalc check: what a spec's sources print, compared with the counts."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Output, PluginOption, load_plugins, output_options, remark


@output_options("table", "json", "junit", "github", "gitlab", "markdown")
def check(
    output: Output,
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SPEC]...",
            help="Bundled models, paths, folders, PATH:VARIANT, or -; all bundled specs if omitted.",
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Show every claim of several specs, not only unmet ones."),
    ] = False,
    plugins: PluginOption = None,
) -> None:
    """Check the figures that papers print, and budgets, against exact counts.

    For one spec, shows every claim; for several, a line for each model and the unmet claims.

    Exits with 1 if a claim failed or a budget is not met, and with 2 if a spec could not be read.

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
    closing = draw.closing(result)
    if output.format == "table" and (result.outcomes or result.budgets):
        output.text(draw.lines(result, every or draw.is_one(result), output.width, output.unicode), closing)
    else:
        output.show(
            {
                "table": lambda: draw.summary(result) + "\n",
                "json": lambda: draw.document(result),
                "junit": lambda: draw.junit(result),
                "github": lambda: draw.github(result),
                "gitlab": lambda: draw.gitlab(result),
                "markdown": lambda: draw.markdown(result),
            },
            after=closing,
        )
    raise typer.Exit(result.exit_code)
