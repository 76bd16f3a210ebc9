"""The cost of a run, known before it starts: multiplications, least time, least memory."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.count import liveness
from paramcalc.engine.graph import Graph, Layer
from paramcalc.verify.weights import FLOATS, declared

LARGE = 10**12  # multiply-accumulates from which on it is said how long they take: some 15 seconds
SIDE = 1024  # of the matrices that are multiplied to see how fast it goes
TRIES = 3


class Need(NamedTuple):
    """Memory that must be there while a layer runs, in bytes.

    `sample` is for one sample: the inputs and outputs of layers that are alive then. `weights` are the
    layer's own if they are drawn, else those of the whole network.
    """

    layer: str
    sample: int
    weights: int

    def bytes(self, batch: int) -> int:
        return batch * self.sample + self.weights


class Effort(NamedTuple):
    """The cost of running a network.

    `seconds` is the least time, by a short product that was measured; 0, and nothing measured, for work
    that takes no time to speak of. `rate` is how many multiply-accumulates a second that made.
    """

    macs: int
    batch: int
    rate: float = 0
    seconds: float = 0


def effort(graph: Graph, batch: int, dtype: str) -> Effort:
    """The work of a run, all layers together."""
    macs = batch * sum(layer.applied.cost.macs for layer in graph.layers)
    if macs < LARGE:
        return Effort(macs, batch)
    rate = speed(dtype)
    return Effort(macs, batch, rate, macs / rate)


def speed(dtype: str) -> float:
    """Multiply-accumulates in a second, in a product of matrices that stay in the cache.

    No layer is faster, and those with few channels or large outputs are slower.
    """
    matrix = np.ones((SIDE, SIDE), FLOATS[dtype])
    times = []
    for _ in range(TRIES):
        start = perf_counter()
        np.matmul(matrix, matrix)
        times.append(perf_counter() - start)
    return float(SIDE**3 / min(times))


def check_memory(graph: Graph, batch: int, dtype: str, drawn: bool) -> None:
    """A fault where the memory that is free cannot hold what must be there at once.

    Weights that are `drawn` are made when their layer's turn has come; others are read beforehand.
    What is needed is not known to the byte, but never less than this.
    """
    free = free_memory()
    if free is None:
        return
    needs = _needs(graph, np.dtype(FLOATS[dtype]).itemsize, drawn)
    largest = max(needs, key=lambda need: need.bytes(batch))
    if largest.bytes(batch) <= free:
        return
    raise Fault(
        "there is not enough memory to run this network",
        expected=f"at least {largest.bytes(batch):,} bytes, in {largest.layer}: {batch * largest.sample:,} "
        f"for inputs and outputs of layers, {largest.weights:,} for {'its' if drawn else 'all'} weights",
        found=f"{free:,} bytes free",
        fix=_smaller(needs, free, batch),
    )


def free_memory() -> int | None:
    """Bytes that the system has free, swap included; all that there are where it does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return 1024 * (kibibytes["MemAvailable"] + kibibytes.get("SwapFree", 0))
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _smaller(needs: list[Need], free: int, batch: int) -> str:
    fitting = min((free - need.weights) // need.sample for need in needs if need.sample)
    if fitting < 1:
        return "not even one sample fits: try a smaller --input, or knobs by --set"
    return f"try a batch of {fitting:,} or less"


def _needs(graph: Graph, size: int, drawn: bool) -> list[Need]:
    """What is surely there while each layer runs that makes an array of its own.

    Those that multiply do, and those that give more than any of their inputs holds. Others may write over
    an input or give a view of it.
    """
    weights = {layer.path: size * sum(map(prod, declared(layer).values())) for layer in graph.layers}
    run = liveness.run(graph, inplace=True)
    return [
        Need(layer.path, size * moment.values, weights[layer.path] if drawn else sum(weights.values()))
        for layer, moment in zip(run.layers, run.moments, strict=True)
        if layer.applied.cost.macs or _grows(layer)
    ] + [Need(name, size * shape.elements, 0) for name, shape in graph.inputs.items()]


def _grows(layer: Layer) -> bool:
    return layer.output.elements > max((x.elements for x in layer.applied.inputs), default=0)
