"""paramcalc diff: what a change of specs in git costs."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Output, PluginOption, load_plugins, output_options, remark


@output_options("table", "markdown", "json", "junit", "github")
def diff(
    output: Output,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files and folders; the whole repository if omitted."),
    ] = None,
    base: Annotated[
        str,
        typer.Option("--base", metavar="REF", help="Compare with the merge base of HEAD and this commit."),
    ] = "HEAD",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if", metavar="CHANGE", help="Exit with 1 if a model changes this much: 'params > +1%'."
        ),
    ] = None,
    plugins: PluginOption = None,
) -> None:
    """Show what changes of specs cost: models, totals with their differences, and the layers behind them.

    The working tree is compared with a commit; the texts of the commit are read from git, nothing is checked out.
    A spec counts as changed too if one that it uses changed.

    Exits with 1 if a model meets a --fail-if condition, and with 2 if a spec cannot be read.

    Example: paramcalc diff --base HEAD --fail-if 'params > +1%'
    """
    from paramcalc.base.errors import SpecError
    from paramcalc.diff import draw
    from paramcalc.diff.diff import diff as compared
    from paramcalc.diff.diff import limit

    load_plugins(plugins)
    result = compared(base, paths or (), [limit(text) for text in fail_if or ()])
    if result.problems:
        remark(f"{SpecError(result.problems)}\n")
    if output.format == "table" and all(model.status == "same" for model in result.models):
        output.text((), "\n".join(draw.notes(result)) + "\n")
    else:
        output.show(
            {
                "table": lambda: draw.grid(result),
                "json": lambda: draw.document(result),
                "junit": lambda: draw.junit(result),
                "github": lambda: draw.github(result),
            }
        )
    raise typer.Exit(result.exit_code)
