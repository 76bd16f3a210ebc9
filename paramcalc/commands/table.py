"""paramcalc table: a family as its paper's table, stages as rows and models as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from paramcalc.commands._common import (
    InputOption,
    OutputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    emit,
    emit_grid,
    remark,
    room,
    settings,
)

if TYPE_CHECKING:
    from paramcalc.render.grid import Grid

TableFormat = Literal["table", "markdown", "latex", "json"]


def table(
    spec: SpecArgument,
    variants: Annotated[
        str, typer.Option("--variants", metavar="A,B,C", help="The models to show, in this order.")
    ] = "",
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    format: Annotated[TableFormat, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Print a family as papers do: stages as rows, a column for each model.

    A variant that cannot be counted has no column: the errors say why, and the exit code is 2.

    Example: paramcalc table resnet --variants resnet-18,resnet-50 --format markdown
    """
    from paramcalc.base.errors import SpecError
    from paramcalc.engine import library
    from paramcalc.model import Model
    from paramcalc.render.grid import markdown
    from paramcalc.table import draw as families
    from paramcalc.table.family import family, usual

    changes, sizes = settings(sets, inputs, plugins, replaced)
    found = library.find(spec)
    chosen = [part.strip() for part in variants.split(",") if part.strip()]
    names = chosen or ([found.variant] if found.variant else usual(found.spec))
    reports, failed = [], dict[str, SpecError]()
    for name in names:
        try:
            reports.append(Model(found.spec, name).count(changes, sizes))
        except SpecError as error:
            failed[name] = error
    if not reports:
        raise next(iter(failed.values()))
    result = family(reports)
    if format == "table" and output is None:
        _show(families.grids(reports, room()))
    elif format == "table":
        emit_grid(families.grid(result), output)
    elif format == "markdown":
        emit(markdown(families.grid(result, stacked=False)), output)
    else:
        emit(families.latex(result) if format == "latex" else families.json(result), output)
    if failed:
        remark(f"no column for {', '.join(failed)}:")
        raise SpecError(dict.fromkeys(problem for error in failed.values() for problem in error.problems))


def _show(parts: list[Grid]) -> None:
    """The parts of a table, an empty line between them."""
    for number, part in enumerate(parts):
        if number:
            emit("\n", None)
        emit_grid(part, None)
