"""paramcalc list: the bundled models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from paramcalc.commands._common import Output, output_options, remark

if TYPE_CHECKING:
    from paramcalc.base.errors import Problem


@output_options("table", "json", "csv", "markdown")
def list(
    output: Output,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="[TEXT|DIR]", help="Models whose name, topic or source has it; or a folder of specs."
        ),
    ] = "",
    topic: Annotated[
        str,
        typer.Option(
            "--topic", metavar="TOPIC", help="Show only models of this kind: mobile, segmentation ..."
        ),
    ] = "",
    where: Annotated[
        str,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="Show only models that meet this: 'macs < 1G and params < 5M'.",
        ),
    ] = "",
    sort: Annotated[
        Literal["year", "params", "macs"] | None,
        typer.Option("--sort", help="Put the oldest or the largest first.", show_default=False),
    ] = None,
) -> None:
    """List the bundled models by topic, or those of a folder, with their totals, inputs and sources.

    Example: paramcalc list resnet

    Example: paramcalc list --topic mobile --sort macs

    Example: paramcalc list --where 'macs < 1G and params < 5M'
    """
    from paramcalc.base.errors import Fault
    from paramcalc.list import catalogue, draw

    folder = Path(wanted)
    problems: Sequence[Problem] = ()
    if wanted.endswith("/") and not folder.is_dir():
        raise Fault(f"{wanted}: there is no such folder")
    if wanted and folder.is_dir():
        found, problems = catalogue.folder(folder)
    else:
        found = catalogue.matching(wanted, catalogue.bundled())
    if topic:
        found = catalogue.about(topic, found)
    if where:
        from paramcalc.list import where as conditions

        found = conditions.where(where, found)
    if sort:
        found = catalogue.ordered(sort, found)
    if not found:
        miss = "" if where else catalogue.near_miss(wanted, catalogue.bundled())
        said = f"no bundled model matches '{where or wanted}'" + f": {miss}" * bool(miss)
        remark(f"no spec in {wanted}" if wanted and folder.is_dir() and not where else said)
    topics = None if wanted or topic or where or sort else catalogue.by_topic(found)
    if found or output.format != "table":
        output.show(
            {
                "table": lambda: draw.grid(found, topics),
                "csv": lambda: draw.rows(found),
                "json": lambda: draw.document(found),
            }
        )
    if problems:
        _refuse(problems, folder)


def _refuse(problems: Sequence[Problem], folder: Path) -> None:
    """Raises what is wrong with one file in full; of several, says a line each."""
    from paramcalc.base.errors import Fault, SpecError

    first = {problem.source.name: problem for problem in reversed(problems)}
    if len(first) == 1:
        raise SpecError(problems)
    for problem in reversed(first.values()):
        remark(f"{problem.source.place(problem.start)}: {problem.fact}")
    raise Fault(f"{len(first)} specs cannot be read", fix=f"'paramcalc check {folder}' shows each in full")
