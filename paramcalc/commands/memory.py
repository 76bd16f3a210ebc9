"""paramcalc memory: what a network needs in memory, line by line, and what its layers move."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import typer

from paramcalc.commands._common import (
    TABLE,
    BatchOption,
    Changes,
    Output,
    SpecArgument,
    decode_options,
    option_group,
    output_options,
)
from paramcalc.commands.count import Dtype

Weights = Literal[Dtype, "fp8", "int4", "nf4"]


class PlanOptions(NamedTuple):
    """How the network is run, and which parts are shown."""

    train: Annotated[
        str,
        typer.Option(
            "--train",
            metavar="OPTIMIZER",
            help="Train with this optimizer: sgd, momentum, adam, ...",
        ),
    ] = ""
    batch: BatchOption = 1
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of activations and weights.")] = (
        "float32"
    )
    weights: Annotated[
        Weights | None, typer.Option("--weights", help="Element type of weights, if different.")
    ] = None
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Train in mixed precision: keep a float32 copy of the weights.")
    ] = False
    inplace: Annotated[
        bool,
        typer.Option("--inplace", help="Let elementwise layers overwrite an input that is not read again."),
    ] = False
    fused: Annotated[
        bool, typer.Option("--fused", help="Assume fused attention, which never stores its scores.")
    ] = False
    checkpoints: Annotated[
        str,
        typer.Option(
            "--checkpoint",
            metavar="GROUPS",
            help="Checkpoint these groups, or N equal parts: compute them twice.",
        ),
    ] = ""
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            help="Add lower bounds of time on a bundled device, or on one from FILE.",
        ),
    ] = ""
    layers: Annotated[
        bool, typer.Option("--layers", help="Show every layer: live elements, traffic, intensity.")
    ] = False


@output_options(*TABLE)
@decode_options
@option_group("given", PlanOptions)
def memory(changed: Changes, output: Output, given: PlanOptions, spec: SpecArgument) -> None:
    """Add up the memory that a network needs, for inference or training.

    Example: paramcalc memory resnet-50 --train adam --batch 32 --checkpoint 'conv*_x/*'
    """
    from paramcalc.memory import devices, draw
    from paramcalc.memory.memory import Plan, bound
    from paramcalc.memory.memory import memory as measured
    from paramcalc.model import load

    kind = "float8" if given.weights == "fp8" else given.weights or given.dtype
    how = given.mixed, given.inplace, given.fused, given.checkpoints
    plan = Plan(given.batch, given.dtype, kind, given.train, *how)
    found = measured(load(spec).graph(*changed), plan)
    times = bound(found, devices.find(given.device)) if given.device else None
    output.show(
        {
            "table": lambda: (draw.layers if given.layers else draw.grid)(found, times),
            "csv": lambda: draw.rows(found, times),
            "json": lambda: draw.document(found, times),
        }
    )
