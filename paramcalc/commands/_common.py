"""What commands share: options, settings, and output to a terminal or a file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from paramcalc.base.errors import Fault, first_of
from paramcalc.count.report import Report
from paramcalc.engine.elaborate import Change, Swap
from paramcalc.engine.graph import Graph
from paramcalc.engine.lint import knobs_left_behind
from paramcalc.language.spec import Spec
from paramcalc.language.unread import unread
from paramcalc.render.grid import Grid

Format = Literal["table", "json", "csv", "markdown", "latex", "html"]

SpecArgument = Annotated[
    str,
    typer.Argument(metavar="SPEC", help="A bundled model, a path, PATH:VARIANT, or - for standard input."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a knob, or LAYERS.ATTRIBUTE of single layers."),
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option("--replace", metavar="LAYERS='CALL ...'", help="Another line in place of layers or blocks."),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="[NAME=]SIZES", help="Other input sizes, such as 3x288x288."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead of the terminal."),
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file with ops of your own; it is executed."),
]
BatchOption = Annotated[
    int, typer.Option("--batch", min=1, help="Samples at once; work and outputs grow with it.")
]

ConventionOption = Annotated[
    str,
    typer.Option("--convention", metavar="NAME", help="What that tool or paper counts: torchinfo ..."),
]


def _depth(text: str) -> int:
    """A number of levels, or all of them."""
    if text == "all":
        from paramcalc.count.outline import FULL_DEPTH

        return FULL_DEPTH
    if not text.isdecimal() or not int(text):
        raise typer.BadParameter(f"'{text}' is neither a number of levels, from 1, nor 'all'.")
    return int(text)


DepthOption = Annotated[
    int | None,
    typer.Option("--depth", metavar="N|all", parser=_depth, help="How deep to show the tree of blocks."),
]


def settings(
    sets: list[str] | None,
    inputs: list[str] | None,
    plugins: list[Path] | None = None,
    replaced: list[str] | None = None,
) -> tuple[tuple[Change | Swap, ...], dict[str, Any]]:
    """Changes and input sizes from the options' texts, after loading the plugins."""
    from paramcalc.model import change, replacement, sizes

    load_plugins(plugins)
    changes = [change(text) for text in sets or ()]
    swaps = [replacement(text) for text in replaced or ()]
    shapes = [sizes(text) for text in inputs or ()]
    _once("--set", [text.split("=")[0].strip() for text in sets or ()])
    _once("--input", [name for name, _ in shapes])
    return (*changes, *swaps), dict(shapes)


def _once(option: str, names: list[str]) -> None:
    """Two values for one name contradict each other, and which is meant cannot be known."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise Fault(f"{option} gives '{twice}' twice", fix="give it one value")


def under(convention: str, report: Report) -> Report:
    """The report with the numbers of a convention, if one is named."""
    if not convention:
        return report
    from paramcalc import conventions

    return conventions.recounted(report, conventions.convention(convention))


def load_plugins(paths: list[Path] | None) -> None:
    """Adds the ops of the Python files that the user names."""
    if paths:
        from paramcalc.engine.plugins import load

        for path in paths:
            load(path)


def emit(text: str, output: Path | None) -> None:
    """Prints a text, or writes it to a file that appears whole or not at all."""
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    from paramcalc.base.files import whole

    with whole(output) as file:
        file.write(text.encode("utf-8"))


def written(grid: Grid, format: str) -> str:
    """A grid as the text of a document: markdown, latex or html."""
    if format == "html":
        from paramcalc.render import html

        return html.table(grid)
    from paramcalc.render.grid import latex, markdown

    return markdown(grid) if format == "markdown" else latex(grid)


def emit_grid(grid: Grid, output: Path | None, after: str = "") -> None:
    """Draws a grid on the terminal, or as plain text into a file or pipe; then the text `after` it.

    Without a terminal COLUMNS alone sets the width, and rich, which takes as long to import as a
    network to count, is not needed.
    """
    if output is None and (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        from paramcalc.render import table

        table.show(grid, table.console())
        emit(after, None)
        return
    from paramcalc.render.grid import text

    width = room() if output is None else None
    emit(text(grid, width, takes_unicode(output)) + after, output)


def takes_unicode(output: Path | None) -> bool:
    """Whether any character can be written: always to a file, to the terminal if it is set up so."""
    return output is not None or "utf" in (sys.stdout.encoding or "").lower()


def room() -> int | None:
    """The width to fit a text into: of the terminal, or COLUMNS; None where it may be as wide as it likes."""
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    columns = os.environ.get("COLUMNS", "")
    return (int(columns) or None) if columns.isdigit() else None


def doubts(spec: Spec, graph: Graph | None = None) -> None:
    """Remarks on what is legal and mostly not meant: names that nothing reads, tensors read twice, knobs apart."""
    shown, rest = first_of((*unread(spec), *(graph.doubts if graph else ())))
    for problem in shown:
        remark(problem._replace(fact=f"remark: {problem.fact}").render() + "\n")
    if rest:
        remark(rest)
    for text in knobs_left_behind(spec, graph) if graph else ():
        remark(text)


def remark(text: str) -> None:
    """A remark for the person at the terminal, apart from the data."""
    sys.stderr.write(text + "\n")
