"""A sweep before it runs, and its possible results: a summary, or rows in one file or many."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from paramcalc import ops
from paramcalc.base.errors import Fault, SpecError, visible
from paramcalc.base.files import is_stream, target, whole
from paramcalc.count.report import QUANTITIES
from paramcalc.count.vary import Axis, Space, apart
from paramcalc.render.notebook import shows_itself
from paramcalc.sweep.evaluate import Evaluator, RowBlock
from paramcalc.sweep.exact import Array, whole_numbers
from paramcalc.sweep.front import Objective
from paramcalc.sweep.order import Order
from paramcalc.sweep.store import LABEL, SweepPart, SweepParts, form_of, is_folder, place_of, writer
from paramcalc.sweep.summary import Summary
from paramcalc.sweep.workers import Step, Workers, here, unseen
from paramcalc.version import __version__

CHUNK = 1 << 20  # rows


@shows_itself
class Sweep(NamedTuple):
    """Everything that the rows depend on, and the wanted output, counted in independent parts of `chunk` points.

    `form` is `csv`, `parquet`, or '' where only the summary is wanted.
    """

    space: Space
    order: Order
    quantities: tuple[str, ...]
    objectives: tuple[Objective, ...] = ()
    form: str = ""
    chunk: int = CHUNK

    def __repr__(self) -> str:
        axes = " x ".join(f"{len(axis.values):,} {axis.name}" for axis in self.axes)
        return f"<Sweep of {visible(self.space.spec.name)}: {axes}>"

    @property
    def parts(self) -> int:
        return ceil(self.order.rows / self.chunk)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.space.axes

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return (*(axis.name for axis in self.axes), *self.called(self.quantities))

    def called(self, quantities: Iterable[str]) -> tuple[str, ...]:
        """The names of the columns of quantities: their own, unless a setting has the same."""
        return apart(quantities, [axis.name for axis in self.axes])

    @property
    def counted(self) -> tuple[str, ...]:
        """The quantities of the rows and those of the front."""
        wanted = (objective.name for objective in self.objectives)
        return tuple(dict.fromkeys((*self.quantities, *(name for name in wanted if name in QUANTITIES))))

    # ------------------------------------------------------------------------------- rows

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[RowBlock]:
        """The rows from `begin` up to `end`, some thousands at a time."""
        return _evaluator(self).blocks(begin, self.order.rows if end is None else end)

    def columns(self) -> dict[str, Array]:
        """All rows in memory: an array for each setting and each quantity."""
        blocks = [*self.blocks()]
        return {name: np.concatenate([self._column(block, name) for block in blocks]) for name in self.names}

    def row(self, number: int) -> dict[str, Any]:
        """The settings and counts of one row."""
        (block,) = self.blocks(number, number + 1)
        return {name: self._column(block, name).tolist()[0] for name in self.names}

    def _column(self, block: RowBlock, name: str) -> Array:
        quantities = self.called(self.counted)
        if name in quantities:
            return block.counts[quantities.index(name)]
        place = [axis.name for axis in self.axes].index(name)
        return _values(self.axes[place].values).take(block.places[place])

    def reason(self, row: int) -> str:
        """Why a row has no network."""
        places = self.order.place(row)
        try:
            self.space.count([axis.values[place] for axis, place in zip(self.axes, places, strict=True)])
        except SpecError as error:
            return error.problems[0].fact
        except Fault as fault:
            return fault.fact
        return ""

    def at_most(self, most: int) -> Self:
        """At most this many of the rows, drawn at random."""
        return self if self.order.rows <= most else self._replace(order=self.order._replace(sample=most))

    # ------------------------------------------------------------------------------ done

    def part(self, number: int) -> SweepPart:
        """Counts one part."""
        begin = number * self.chunk
        summary, kept = Summary(), []
        for block in self.blocks(begin, min(begin + self.chunk, self.order.rows)):
            goals = [(1, -1)[more] * self._column(block, name) for name, more in self.objectives]
            summary = summary.join_with(Summary.of(block, self.counted, goals))
            if self.form and block.rows.size:
                kept.append(block)
        rows = writer(self.form).data(self.names, self.axes, kept, self.description()) if self.form else b""
        return SweepPart(rows, summary)

    def counted_parts(self, numbers: Sequence[int], workers: Workers, step: Step) -> Iterator[SweepPart]:
        """Parts by number."""
        for part in workers(partial(Sweep.part, self), numbers):
            yield part
            step("parts", len(numbers), f"of {self.order.rows:,} rows")

    def summary(self, workers: Workers = here, step: Step = unseen) -> Summary:
        """How many rows there are, the least and the most of each quantity, and the front."""
        parts = self._replace(form="").counted_parts(range(self.parts), workers, step)
        return reduce(Summary.join_with, (part.summary for part in parts), Summary())

    def pour(self, file: BinaryIO, workers: Workers = here, step: Step = unseen) -> Summary:
        """Writes all rows as CSV to an open file, in order; nothing where there are none."""
        summary = Summary()
        for part in self._replace(form="csv").counted_parts(range(self.parts), workers, step):
            if part.summary.rows and not summary.rows:
                file.write(writer("csv").header(self.names))
            file.write(part.rows)
            summary = summary.join_with(part.summary)
        file.flush()
        return self.checked(summary)

    def write(self, output: Path | str, workers: Workers = here, step: Step = unseen) -> Summary:
        """Writes all rows to a `.csv` or `.parquet` file, or to a folder of Parquet parts.

        A name that ends in `/`, a folder, or the address of one in an object store means the latter.
        Parts left by an earlier run of the same sweep are not counted again. Pipes and devices get CSV.
        """
        output = str(output)
        sweep = self._replace(form=form_of(output))
        if is_stream(Path(output)) and not is_folder(output):
            with whole(Path(output)) as file:
                return self.pour(file, workers, step)
        writer(sweep.form)  # a package that it needs is better missed before counting than after
        parts = SweepParts(place_of(output), sweep.label())
        with parts.held():
            summary, missing = parts.known(range(sweep.parts))
            for number, part in zip(missing, sweep.counted_parts(missing, workers, step), strict=True):
                parts.keep(number, part)
                summary = summary.join_with(part.summary)
            stays = summary.rows and is_folder(output)
            most = {name: summary.most[name][0] for name in self.quantities if summary.rows}
            if stays:
                parts.retype(range(sweep.parts), most)
            elif summary.rows:
                parts.assemble(range(sweep.parts), target(Path(output)), self.names, most)
            if not stays:
                parts.folder.remove(LABEL)
        return self.checked(summary)

    def finished(self, output: str) -> int:
        """How many parts an earlier run has left to go on from, as far as names tell."""
        return SweepParts(place_of(output), {}).sealed(range(self.parts))

    def checked(self, summary: Summary) -> Summary:
        """The summary itself; where there are no rows, a `Fault` with one reason."""
        if summary.rows:
            return summary
        self.space.check_names()
        _, row = next(iter(summary.reasons.values()))
        raise Fault("no point has a network", found=self.reason(row), fix=self.space.hint())

    # --------------------------------------------------------------------------- identity

    def description(self) -> dict[str, Any]:
        """An identity of the sweep: equal for two sweeps with the same rows and summaries."""
        space, spec = self.space, self.space.spec
        parts = (spec.inputs, spec.knobs, spec.defaults, spec.blocks)
        texts = {spec.source.text, spec.layers_source.text}
        texts |= {item.source.text for part in parts for item in part.values()}
        return {
            "version": __version__,
            "spec": hashlib.sha256("\0".join(sorted(texts)).encode()).hexdigest(),
            "variant": space.variant,
            "axes": {axis.name: _axis_values(axis) for axis in self.axes},
            "settings": [str(change) for change in space.changes],
            "inputs": {name: list(sizes) for name, sizes in space.inputs.items()},
            "batch": space.batch,
            "sample": self.order.sample,
            "seed": self.order.seed,
            "quantities": list(self.quantities),
            "objectives": [str(objective) for objective in self.objectives],
        }

    def label(self) -> dict[str, Any]:
        """An identity of the parts: equal for two sweeps whose parts agree to the byte."""
        return self.description() | {"ops": _foreign_ops(), "format": self.form, "chunk": self.chunk}


_latest: list[Evaluator] = []  # of this process, at most one


def _evaluator(sweep: Sweep) -> Evaluator:
    """The evaluator of a sweep, kept from part to part: what it has found serves them all."""
    wanted = (sweep.order, sweep.counted)
    if not any(one.space is sweep.space and (one.order, one.quantities) == wanted for one in _latest):
        _latest[:] = [Evaluator(sweep.space, *wanted)]
    return _latest[0]


def _axis_values(axis: Axis) -> Any:
    """The values of an axis, a range as such."""
    values = axis.values
    if isinstance(values, range):
        return {"low": values[0], "high": values[-1], "step": values.step}
    return axis.texts()


def _foreign_ops() -> dict[str, str]:
    """The ops that do not come with paramcalc, with a digest of their files: what they count may change."""
    files = {
        name: getattr(sys.modules.get(op.__module__), "__file__", "") for name, op in ops.every().items()
    }
    home = Path(ops.__file__).parent
    return {
        name: hashlib.sha256(Path(file).read_bytes()).hexdigest()
        for name, file in files.items()
        if file and Path(file).parent != home
    }


def _values(values: Sequence[Any]) -> Array:
    """The values of an axis as an array; lists stay whole."""
    if isinstance(values, range) or all(type(value) is int for value in values):
        return whole_numbers(values)
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result
