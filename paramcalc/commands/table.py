"""paramcalc table: a family as its paper's table, stages as rows and models as columns."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Changes, Output, SpecArgument, network_options, output_options, remark


@output_options("table", "markdown", "latex", "json")
@network_options
def table(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    variants: Annotated[
        str, typer.Option("--variants", metavar="A,B,C", help="Show these models, in this order.")
    ] = "",
) -> None:
    """Print a family as papers do: stages as rows, a column for each model.

    A variant that cannot be counted has no column: the errors say why, and the exit code is 2.

    Example: paramcalc table resnet --variants resnet-18,resnet-50 --format markdown
    """
    from paramcalc.base.errors import SpecError
    from paramcalc.engine import library
    from paramcalc.model import Model
    from paramcalc.table import draw
    from paramcalc.table.family import family, usual

    found = library.find(spec)
    chosen = [part.strip() for part in variants.split(",") if part.strip()]
    names = chosen or ([found.variant] if found.variant else usual(found.spec))
    reports, failed = [], dict[str, SpecError]()
    for name in names:
        try:
            reports.append(Model(found.spec, name).count(*changed))
        except SpecError as error:
            failed[name] = error
    if not reports:
        raise next(iter(failed.values()))
    result = family(reports)
    if output.format == "table":
        output.text(draw.parts(reports, output.width, output.unicode))
    else:
        output.show(
            {
                "markdown": lambda: draw.grid(result, stacked=False),
                "latex": lambda: draw.latex(result),
                "json": lambda: draw.document(result),
            }
        )
    if failed:
        remark(f"no column for {', '.join(failed)}:")
        raise SpecError(dict.fromkeys(problem for error in failed.values() for problem in error.problems))
