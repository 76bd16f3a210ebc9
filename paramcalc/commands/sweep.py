"""paramcalc sweep: counts over a grid of settings, or a random sample of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from paramcalc.base.errors import Fault
from paramcalc.base.files import whole
from paramcalc.commands._common import (
    BatchOption,
    InputOption,
    PluginOption,
    ReplaceOption,
    SetOption,
    SpecArgument,
    emit,
    emit_grid,
    remark,
    settings,
)
from paramcalc.render.progress import Progress

if TYPE_CHECKING:
    from paramcalc.sweep import Sweep
    from paramcalc.sweep.job import Summary
    from paramcalc.sweep.workers import Workers


def sweep(
    spec: SpecArgument,
    axes: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUES...",
            help="A knob, depths[2], input, batch or LAYERS.ATTRIBUTE; LOW:HIGH[:STEP], or a list with commas.",
        ),
    ],
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Only so many different points, at random.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which random points.")] = 0,
    quantity: Annotated[
        str, typer.Option("--quantity", metavar="NAMES", help="What to count, with commas between, or all.")
    ] = "params,macs",
    pareto: Annotated[
        str, typer.Option("--pareto", metavar="NAMES", help="The front of least of these; +NAME: of most.")
    ] = "",
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw it into an SVG, PNG or PDF file.")
    ] = None,
    batch: BatchOption = 1,
    inputs: InputOption = None,
    sets: SetOption = None,
    replaced: ReplaceOption = None,
    plugins: PluginOption = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes of this machine.")] = 1,
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", help="Let a Dask cluster work; local starts one.")
    ] = "",
    chunk: Annotated[
        int | None, typer.Option("--chunk", min=1, help="Rows held in memory at once; a million if not said.")
    ] = None,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How to print it.")
    ] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="All rows, as .csv or .parquet; can be resumed."),
    ] = None,
) -> None:
    """Count at every point of a grid of settings, exactly and in bulk.

    Rows run through the values in order, the last setting fastest.

    Given again, the same command goes on where a killed run stopped; the file is the same to the byte.

    Example: paramcalc sweep resnet-50 width=32:128:8 input=160:320:32 --pareto macs,+params

    Example: paramcalc sweep resnet-50 width=32:128 'depths=[2,2,2,2],[3,4,6,3]' -o widths.csv
    """
    from paramcalc import sweep as sweeps
    from paramcalc.count.vary import axis
    from paramcalc.model import load
    from paramcalc.sweep import draw as render

    if jobs > 1 and scheduler:
        raise Fault("--jobs and --scheduler exclude each other")
    changes, sizes = settings(sets, inputs, plugins, replaced)
    space = load(spec).space([axis(text) for text in axes], changes, sizes, batch)
    names = [name.strip() for name in quantity.split(",") if name.strip()]
    found = sweeps.sweep(space, names, sample, seed, pareto, chunk or sweeps.CHUNK)
    if picture is not None:
        check_picture(picture)
    workers: Workers = sweeps.here
    if scheduler:
        workers = sweeps.cluster(scheduler, plugins or ())
    elif jobs > 1:
        workers = sweeps.processes(jobs, plugins or ())
    poured = format == "csv" if output is None else is_standard_output(output)
    progress = Progress(sys.stderr)
    try:
        if poured:
            summary = found.pour(sys.stdout.buffer, workers, progress.step)
        elif output is None:
            summary = found.summary(workers, progress.step).checked(found.job)
        else:
            summary = write(found, output, workers, progress)
    finally:
        progress.close()
    if picture is not None:
        draw(found, summary, picture)
    if poured:
        return
    if format == "json":
        emit(render.text(found, summary), None)
        return
    drawn = render.points(found) if found.job.order.rows > render.MOST_ROWS else None
    emit_grid(render.grid(found, summary), None, after=render.plot(drawn) if drawn else "")


def write(found: Sweep, output: Path, workers: Workers, progress: Progress) -> Summary:
    """All rows into a file; what is finished of it when the user stops the run is kept, and said."""
    earlier = found.finished(output)
    if earlier:
        remark(f"{earlier} of {found.job.chunks} chunks are there from an earlier run")
    try:
        return found.write(output, workers, progress.step)
    except KeyboardInterrupt:
        progress.close()
        done = found.finished(output)
        if done:
            remark(f"stopped; the same command goes on from {done} of {found.job.chunks} chunks")
        raise


def is_standard_output(output: Path) -> bool:
    """Whether a name, such as /dev/stdout, is that of where this program prints."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(1))
    except OSError:
        return False


def check_picture(path: Path) -> None:
    """A `Fault` where it cannot be drawn, before hours are spent on what it shows."""
    from paramcalc.sweep.picture import FORMS

    if path.suffix not in FORMS:
        raise Fault(f"{path}: a picture ends in {', '.join(FORMS)}")


def draw(found: Sweep, summary: Summary, path: Path) -> None:
    """The picture of a sweep, with its front."""
    from paramcalc.sweep import draw as sweeps
    from paramcalc.sweep import picture

    points = sweeps.points(found)
    if points is None:
        raise Fault("a picture needs two numbers of each point", fix="--quantity params,macs")
    front = sweeps.front_points(found, summary, points.names)
    with whole(path) as file:
        picture.save(points, front, sweeps.title(found), file, path.suffix.removeprefix("."))
