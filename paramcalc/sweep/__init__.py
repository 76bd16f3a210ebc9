"""Counts over a grid of settings, or a random sample of it: exact, in bulk, and as many as are asked for.

>>> from paramcalc import load
>>> swept = load("resnet-50").sweep("width=32:64:32", "input=160:224:64")
>>> {name: values.tolist() for name, values in swept.columns().items() if name != "params"}
{'width': [32, 32, 64, 64], 'input': [160, 224, 160, 224], 'macs': [537395200, 1052311552, 2087321600, 4089184256]}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.base.files import is_stream, target, whole
from paramcalc.count.report import QUANTITIES, known_quantity
from paramcalc.count.vary import Space
from paramcalc.render.notebook import shows_itself
from paramcalc.sweep import store
from paramcalc.sweep.evaluate import Block
from paramcalc.sweep.exact import Array
from paramcalc.sweep.front import objectives
from paramcalc.sweep.job import CHUNK, NOTHING, USUAL, Job, Summary, evaluator
from paramcalc.sweep.order import Order, numbered
from paramcalc.sweep.workers import Workers, cluster, here, processes

EVERY = "all"
FORMS = (".csv", ".parquet")

__all__ = ["CHUNK", "EVERY", "Sweep", "cluster", "here", "processes", "sweep"]


@shows_itself
class Sweep(NamedTuple):
    """A sweep that is yet to be done: its rows, its summary, or a file of both."""

    job: Job

    def columns(self) -> dict[str, Array]:
        """All rows in memory: an array for each setting and each quantity."""
        found: dict[str, list[Array]] = {name: [] for name in self.job.names}
        for block in self.blocks():
            for name, values in self.named(block).items():
                found[name].append(values)
        return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()}

    def blocks(self) -> Iterator[Block]:
        """All rows, some thousands at a time."""
        return evaluator(self.job).blocks(0, self.job.order.rows)

    def named(self, block: Block) -> dict[str, Array]:
        """The columns of a block."""
        settings = {
            axis.name: _values(axis.values).take(place)
            for axis, place in zip(self.job.axes, block.places, strict=True)
        }
        return settings | dict(zip(self.job.quantities, block.counts, strict=False))

    def row(self, number: int) -> dict[str, Any]:
        """The settings and counts of one row."""
        block = evaluator(self.job).block(number, number + 1)
        return {name: values.tolist()[0] for name, values in self.named(block).items()}

    def summary(self, workers: Workers = here, step: store.Step = store.unseen) -> Summary:
        """How many rows there are, the least and the most of each quantity, and the front."""
        result = NOTHING
        job = self.job._replace(form="")
        for _, done in workers(job, range(job.chunks)):
            result = result.joined(done.summary)
            step("chunks", job.chunks, f"of {job.order.rows:,} rows")
        return result

    def finished(self, output: Path) -> int:
        """How many chunks of a file an earlier run has left to go on from."""
        return store.finished(self.job, output)

    def write(self, output: Path | str, workers: Workers = here, step: store.Step = store.unseen) -> Summary:
        """Writes all rows to a `.csv` or `.parquet` file; goes on where an earlier run was stopped.

        Pipes and devices are given CSV, whatever they are called.
        """
        path = Path(output)
        if is_stream(path):
            with whole(path) as file:
                return self.pour(file, workers, step)
        form = next((name.suffix for name in (path, target(path)) if name.suffix in FORMS), "")
        if not form:
            raise Fault(f"{path}: rows are written as {' or '.join(FORMS)}")
        return store.write(self.job._replace(form=form.removeprefix(".")), path, workers, step)

    def pour(self, file: BinaryIO, workers: Workers = here, step: store.Step = store.unseen) -> Summary:
        """Writes all rows as CSV to an open file, in order."""
        return store.pour(self.job._replace(form="csv"), file, workers, step)

    def sampled(self, most: int) -> Sweep:
        """At most so many of the rows, drawn at random."""
        order = self.job.order
        if order.rows <= most:
            return self
        return Sweep(self.job._replace(order=order._replace(sample=most)))


def sweep(
    space: Space,
    quantities: Sequence[str] = USUAL,
    sample: int | None = None,
    seed: int = 0,
    pareto: str = "",
    chunk: int = CHUNK,
) -> Sweep:
    """All points of a space, or a sample of different ones; `Fault` where what is asked for does not fit."""
    if not space.axes:
        raise Fault("nothing varies", fix="say what does, for example: width=32:128:8")
    wanted = QUANTITIES if tuple(quantities) == (EVERY,) else dict.fromkeys(quantities or USUAL)
    order = Order(tuple(len(axis.values) for axis in space.axes), sample, seed)
    order.check()
    numbers = [axis.name for axis in space.axes if axis.whole]
    return Sweep(
        Job(
            spec=space.spec,
            variant=space.variant,
            axes=space.axes,
            changes=space.changes,
            inputs=space.inputs,
            batch=space.batch,
            order=order,
            quantities=tuple(known_quantity(name) for name in wanted),
            objectives=objectives(pareto, [*numbers, *QUANTITIES]) if pareto else (),
            form="",
            chunk=chunk,
        )
    )


def _values(values: Sequence[Any]) -> Array:
    """The values of an axis as an array; lists stay whole."""
    if isinstance(values, range) or all(type(value) is int for value in values):
        return numbered(values)
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result
