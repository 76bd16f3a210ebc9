"""paramcalc sweep: counts over a grid of settings, or a random sample of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    BatchOption,
    Changes,
    Output,
    SpecArgument,
    decode_options,
    option_group,
    remark,
)
from paramcalc.render.progress import Progress

if TYPE_CHECKING:
    from paramcalc.render.forms import Drawing
    from paramcalc.sweep import Sweep
    from paramcalc.sweep.summary import Summary
    from paramcalc.sweep.workers import Workers


class PointOptions(NamedTuple):
    """Which points to count, and which quantities."""

    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Count this many different points, chosen at random."),
    ] = None
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the random choice of points.")] = 0
    quantity: Annotated[
        str,
        typer.Option(
            "--quantity", metavar="NAMES", help="Count these quantities, separated by commas, or all."
        ),
    ] = "params,macs"
    pareto: Annotated[
        str,
        typer.Option(
            "--pareto", metavar="NAMES", help="Pareto front: minimise these quantities; +NAME maximises."
        ),
    ] = ""
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw the points to this SVG, PNG or PDF file."),
    ] = None
    batch: BatchOption = 1


class WorkOptions(NamedTuple):
    """Which processes count, and where the rows go."""

    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Use this many processes, started by Dask.")] = 1
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="ADDRESS", help="Use the Dask cluster of this scheduler.")
    ] = ""
    chunk: Annotated[
        int | None,
        typer.Option("--chunk", min=1, help="Points per part, which bounds memory; default: one million."),
    ] = None
    format: Annotated[
        Literal["table", "csv", "json"],
        typer.Option("--format", help="Print a table, all rows, or a summary."),
    ] = "table"
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            help="Write all rows to a .csv or .parquet file, or as Parquet parts to a folder or an object store; "
            "a .json file gets the summary.",
        ),
    ] = None


@decode_options
@option_group("work", WorkOptions)
@option_group("points", PointOptions)
def sweep(
    changed: Changes,
    points: PointOptions,
    work: WorkOptions,
    spec: SpecArgument,
    axes: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUES...",
            help="A knob, depths[2], input, batch, LAYERS.ATTRIBUTE, ROW.COLUMN; LOW:HIGH[:STEP], or a list by commas.",
        ),
    ],
) -> None:
    """Count at every point of a grid of settings, exactly and in bulk.

    Rows run through the values in order, the last setting fastest.

    A run that was stopped continues when the same command is given again; the file is the same to the byte.

    Example: paramcalc sweep resnet-50 width=32:128:8 input=160:320:32 --pareto macs,+params

    Example: paramcalc sweep resnet-50 width=32:128 'depths=[2,2,2,2],[3,4,6,3]' -o widths.csv
    """
    from paramcalc import sweep as sweeps
    from paramcalc.count.vary import axis
    from paramcalc.model import load

    if work.jobs > 1 and work.cluster:
        raise Fault("--jobs and --cluster cannot be combined")
    space = load(spec).space([axis(text) for text in axes], changed.changes, changed.inputs, points.batch)
    names = [name.strip() for name in points.quantity.split(",") if name.strip()]
    chunk = work.chunk or sweeps.CHUNK
    found = sweeps.sweep(space, names, points.sample, points.seed, points.pareto, chunk)
    if points.picture is not None:
        from paramcalc.render.plot import check

        check(points.picture)
    summary = _summary(found, work)
    if points.picture is not None:
        from paramcalc.sweep.draw import picture

        picture(found, summary, points.picture)
    _show(found, summary, work)


def _summary(found: Sweep, work: WorkOptions) -> Summary:
    """Counts all points; rows that are wanted go where they are to go."""
    from paramcalc import sweep as sweeps

    workers: Workers = sweeps.here
    if work.cluster or work.jobs > 1:
        workers = sweeps.cluster(work.cluster) if work.cluster else sweeps.processes(work.jobs)
    progress = Progress(sys.stderr)
    try:
        if _is_poured(work):
            return found.pour(sys.stdout.buffer, workers, progress.step)
        if work.output is None or _is_summary(work.output):
            return found.checked(found.summary(workers, progress.step))
        return write(found, work.output, workers, progress)
    finally:
        progress.close()


def _is_summary(output: str) -> bool:
    return Path(output).suffix == ".json"


def _is_poured(work: WorkOptions) -> bool:
    """Whether all rows are printed."""
    return work.format == "csv" if work.output is None else is_standard_output(work.output)


def _show(found: Sweep, summary: Summary, work: WorkOptions) -> None:
    """The summary as a table or as JSON, unless rows were printed."""
    from paramcalc.sweep import draw

    if _is_poured(work):
        return
    forms: dict[str, Callable[[], Drawing]] = {
        "table": lambda: draw.grid(found, summary),
        "json": lambda: draw.document(found, summary),
    }
    if work.output is not None and _is_summary(work.output):
        Output("json", Path(work.output)).show(forms)
        return
    drawn = draw.points(found) if found.order.rows > draw.MOST_ROWS else None
    Output(work.format, None).show(forms, after=draw.plot(drawn) if drawn else "")


def write(found: Sweep, output: str, workers: Workers, progress: Progress) -> Summary:
    """Writes all rows to a file or a folder; if the user stops the run, says which parts are kept."""
    earlier = found.finished(output)
    if earlier:
        remark(f"{earlier} of {found.parts} parts exist from an earlier run")
    try:
        return found.write(output, workers, progress.step)
    except KeyboardInterrupt:
        progress.close()
        done = found.finished(output)
        if done:
            remark(f"stopped after {done} of {found.parts} parts; run the same command to continue")
        raise


def is_standard_output(output: str) -> bool:
    """Whether a name, such as /dev/stdout, is that of where this program prints."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(1))
    except OSError:
        return False
