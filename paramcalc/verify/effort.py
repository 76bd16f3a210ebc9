"""What a run will take, before it starts: multiplications, the least time, the least memory."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.count import liveness
from paramcalc.engine.graph import Graph, Layer
from paramcalc.verify import machine
from paramcalc.verify.weights import FLOATS, declared

LARGE = 10**12  # multiply-accumulates from which on it is said how long they take: some 15 seconds


class Need(NamedTuple):
    """Memory that must be there while a layer runs, in bytes.

    `sample` is for one sample: the inputs and outputs of layers that are alive then. `weights` are the
    layer's own.
    """

    layer: str
    sample: int
    weights: int

    def bytes(self, batch: int) -> int:
        return batch * self.sample + self.weights


class Effort(NamedTuple):
    """What a run of a network takes.

    `seconds` is the least time, by a short product that was measured; 0, and nothing measured, for work
    that takes no time to speak of. `rate` is how many multiply-accumulates a second that made.
    """

    macs: int
    batch: int
    rate: float = 0
    seconds: float = 0


def effort(graph: Graph, batch: int, dtype: str, threads: int) -> Effort:
    """The work of a run, all layers together."""
    macs = batch * sum(layer.applied.cost.macs for layer in graph.layers)
    if macs < LARGE:
        return Effort(macs, batch)
    rate = machine.speed(threads, dtype)
    return Effort(macs, batch, rate, macs / rate)


def check_memory(graph: Graph, batch: int, dtype: str, drawn: bool) -> None:
    """A fault where the memory that is free cannot hold what must be there at once.

    With weights that are `drawn`, those of a layer are made when its turn has come; others are there.
    What is needed is not known to the byte, but never less than this.
    """
    free = machine.free_memory()
    if free is None:
        return
    needs = _needs(graph, np.dtype(FLOATS[dtype]).itemsize, drawn)
    most = max(needs, key=lambda need: need.bytes(batch), default=None)
    if most is None or most.bytes(batch) <= free:
        return
    raise Fault(
        "there is not enough memory to run this network",
        expected=f"at least {most.bytes(batch):,} bytes, in {most.layer}: {batch * most.sample:,} "
        f"for inputs and outputs of layers, {most.weights:,} for its weights",
        found=f"{free:,} bytes free",
        fix=_smaller(needs, free, batch),
    )


def _smaller(needs: list[Need], free: int, batch: int) -> str:
    fitting = min((free - need.weights) // need.sample for need in needs if need.sample)
    if fitting < 1:
        return "not even one sample fits: try a smaller --input, or knobs by --set"
    return f"try a batch of {fitting:,} or less"


def _needs(graph: Graph, size: int, drawn: bool) -> list[Need]:
    """What is surely there while each layer runs that makes an array of its own.

    Those that multiply do. Others may write over their input or give a view of it.
    """
    run = liveness.run(graph, inplace=True)
    return [
        Need(layer.path, size * moment.values, size * (_scalars(layer) if drawn else 0))
        for layer, moment in zip(run.layers, run.moments, strict=True)
        if layer.applied.cost.macs
    ] + [Need(name, size * shape.elements, 0) for name, shape in graph.inputs.items()]


def _scalars(layer: Layer) -> int:
    return sum(prod(dims) for dims in declared(layer).values())
