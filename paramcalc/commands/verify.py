"""paramcalc verify: runs networks in NumPy and compares each layer with what is counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from paramcalc.base.errors import Fault
from paramcalc.base.files import whole
from paramcalc.base.start import INTERRUPTED
from paramcalc.commands._common import (
    Changes,
    DecodeOption,
    DepthOption,
    Output,
    UnfoldOption,
    change_options,
    option_group,
    output_options,
    remark,
)

if TYPE_CHECKING:
    from paramcalc.engine.graph import Graph, Layer
    from paramcalc.render.forms import Drawing
    from paramcalc.verify.effort import Effort
    from paramcalc.verify.session import Request, Session
    from paramcalc.verify.tools import Array

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def _limit_threads(threads: int) -> int:
    """Set before anything is run or loaded: the import of NumPy, which may be a plugin's, reads it."""
    os.environ.update(dict.fromkeys(BLAS_THREADS, str(threads)))
    return threads


class RunOptions(NamedTuple):
    """How networks are run."""

    batch: Annotated[int, typer.Option("--batch", min=1, help="Samples in a batch.")] = 1
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of random weights and inputs.")] = 0
    dtype: Annotated[
        Literal["float32", "float64"], typer.Option("--dtype", help="Element type of all arrays.")
    ] = "float32"
    threads: Annotated[
        int,
        typer.Option("--threads", min=1, callback=_limit_threads, help="Threads of NumPy's matrix products."),
    ] = 1


class ArrayOptions(NamedTuple):
    """The inputs and weights of a run, and the files for its outputs; `decode` needs none of them."""

    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="[NAME=]FILE.npy",
            help="Read the input from a file, or use another size, such as 3x288x288.",
        ),
    ] = None
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="Read weights from a .npz, .safetensors, .onnx or .keras file."
        ),
    ] = None
    map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="Find the weights by this map, written by import --map."),
    ] = None
    expected: Annotated[
        Path | None,
        typer.Option(
            "--expect", metavar="FILE.npy", help="Compare the output with this one, from another program."
        ),
    ] = None
    save_output: Annotated[
        Path | None, typer.Option("--save-output", metavar="FILE.npy", help="Save the output to this file.")
    ] = None
    save_activations: Annotated[
        Path | None,
        typer.Option(
            "--save-activations", metavar="FILE.npz", help="Save the outputs of all layers to this file."
        ),
    ] = None
    decode: DecodeOption = ""


class ViewOptions(NamedTuple):
    """How the result is shown."""

    depth: DepthOption = None
    unfold: UnfoldOption = False
    times: Annotated[
        bool, typer.Option("--times/--no-times", help="Show times, which differ from run to run.")
    ] = True


@output_options("table", "json")
@change_options
@option_group("view", ViewOptions)
@option_group("arrays", ArrayOptions)
@option_group("how", RunOptions)
def verify(
    changed: Changes,
    output: Output,
    how: RunOptions,
    arrays: ArrayOptions,
    view: ViewOptions,
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SPEC...", help="Bundled models, paths, PATH:VARIANT, -, or folders of specs."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Verify all models of all bundled specs.")] = False,
    limit: Annotated[
        str,
        typer.Option(
            "--up-to", metavar="MACS", help="Skip networks in folders that take more MACs than this."
        ),
    ] = "20e12",
) -> None:
    """Run networks in NumPy and compare every layer with its counts.

    Exits with 1 if anything disagrees, with 2 if a network could not be run.

    Example: paramcalc verify lenet5-1998 --batch 2
    """
    request = _request(changed, how, arrays, limit)
    try:
        done = _run(_names(specs, every), request, arrays.save_output, arrays.save_activations)
    except KeyboardInterrupt:
        remark("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    for text in done.remarks:
        remark(text)
    _show(done, output, view)
    raise typer.Exit(done.exit_code)


def _request(changed: Changes, how: RunOptions, given: ArrayOptions, limit: str) -> Request:
    """What to run, with options that belong together."""
    from paramcalc.model import token
    from paramcalc.verify.compare import RunSettings
    from paramcalc.verify.session import Request

    if given.map is not None and given.weights is None:
        raise Fault("--map belongs to --weights", fix="add --weights FILE")
    sizes, arrays = _inputs(given.inputs)
    files = arrays or given.expected or given.save_output or given.save_activations
    request = Request(
        RunSettings(how.batch, how.dtype, how.seed),
        changed.changes,
        sizes,
        arrays,
        given.weights,
        given.expected,
        given.map,
        _number("--up-to", limit),
        alone=bool(files or given.weights),
        decode=token(given.decode) if given.decode else None,
    )
    if given.decode and files:
        raise Fault("--decode compares tokens one by one with all at once", fix="leave out files of arrays")
    return request


def _show(done: Session, output: Output, view: ViewOptions) -> None:
    """One network layer by layer, or a line for each of several; then what disagrees."""
    from paramcalc.verify import draw

    runs = done.runs
    if len(done.outcomes) == len(runs) == 1:
        table = partial(draw.grid, runs[0], view.depth, not view.unfold, view.times)
    else:
        table = partial(draw.summary, runs, view.times)
    forms: dict[str, Callable[[], Drawing]] = {"table": table, "json": partial(draw.document, runs)}
    output.show(forms, after=draw.disagreements(runs))


def _names(specs: list[str] | None, every: bool) -> list[str]:
    from paramcalc.engine.library import bundled_folder

    names = [*(specs or ()), *([str(bundled_folder())] if every else [])]
    if not names:
        raise Fault("no network to verify", fix="name a spec, or use --all for all bundled specs")
    return names


def _inputs(texts: list[str] | None) -> tuple[dict[str, tuple[int, ...]], dict[str, Path]]:
    """Sizes and files, by the names of inputs."""
    from paramcalc.model import sizes

    shapes: dict[str, tuple[int, ...]] = {}
    files: dict[str, Path] = {}
    for text in texts or ():
        name, _, value = text.rpartition("=")
        if value.endswith(".npy"):
            files[name] = Path(value)
        else:
            name, dims = sizes(text)
            shapes[name] = dims
    return shapes, files


def _number(option: str, text: str) -> int:
    """A figure such as 20e12 as a whole number."""
    from paramcalc.base import printed

    example = "a number such as 64e6, 20e12 or 2_000_000"
    try:
        read = printed.read(text)
    except Fault as fault:
        raise Fault(f"{option}: {fault.fact}", expected=example) from None
    if read.percentage:
        raise Fault(f"{option}: '{text}' is a percentage of nothing", expected=example)
    return int(read.value)


def _run(
    names: list[str], request: Request, save_output: Path | None, save_activations: Path | None
) -> Session:
    """The session, with a progress bar; files appear when it is over, or not at all."""
    import sys
    import warnings
    from zipfile import ZipFile

    from paramcalc.render.progress import Progress
    from paramcalc.verify import draw as drawn
    from paramcalc.verify import files as storing
    from paramcalc.verify.session import session

    warnings.simplefilter("ignore", RuntimeWarning)  # of overflow and the like, which the table tells
    progress = Progress(sys.stderr)
    with ExitStack() as files:
        files.callback(progress.close)
        kept = files.enter_context(whole(save_output)) if save_output else None
        archive = None
        if save_activations:
            archive = files.enter_context(ZipFile(files.enter_context(whole(save_activations)), "w"))

        def begin(name: str, graph: Graph, work: Effort) -> None:
            progress.close()
            if work.seconds:
                remark(drawn.effort(name, work))
            progress.begin(name, len(graph.layers), work.macs, work.seconds)

        def watch(name: str, layers: int, layer: Layer, y: Array) -> None:
            progress.step(name, layers, layer.path, len(y) * layer.applied.cost.macs)
            if archive is not None:
                storing.write_member(archive, layer.path, y)

        done = session(names, request, begin, watch)
        if kept is not None and save_output is not None:
            storing.write_outputs(kept, save_output, done.runs[0].outputs)
    return done
