"""A sweep as a job in chunks, each of which can be done anywhere, again, and in any order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.count.report import QUANTITIES
from paramcalc.count.vary import Axis, Space
from paramcalc.engine.elaborate import Change, Swap
from paramcalc.language.spec import Spec
from paramcalc.sweep.evaluate import Block, Evaluator
from paramcalc.sweep.exact import Array, measured
from paramcalc.sweep.front import Front, Objective, front
from paramcalc.sweep.order import Order, numbered
from paramcalc.sweep.write import writer
from paramcalc.version import __version__

CHUNK = 1 << 20  # rows
USUAL = ("params", "macs")


Extremes: TypeAlias = dict[str, tuple[int, int]]  # by quantity a value, and the row that has it


class Job(NamedTuple):
    """Everything that the rows of a sweep hang on, and what is wanted of them.

    `form` is `csv`, `parquet`, or '' where only the summary is wanted.
    """

    spec: Spec
    variant: str
    axes: tuple[Axis, ...]
    changes: tuple[Change | Swap, ...]
    inputs: Mapping[str, Any]
    batch: int
    order: Order
    quantities: tuple[str, ...]
    objectives: tuple[Objective, ...]
    form: str
    chunk: int

    @property
    def chunks(self) -> int:
        return ceil(self.order.rows / self.chunk)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return (*(axis.name for axis in self.axes), *self.quantities)

    @property
    def measured(self) -> tuple[str, ...]:
        """The quantities that are counted: those of the rows, and those of the front."""
        wanted = (objective.name for objective in self.objectives)
        return tuple(dict.fromkeys((*self.quantities, *(name for name in wanted if name in QUANTITIES))))

    def space(self) -> Space:
        return Space(self.spec, self.variant, self.axes, self.changes, self.inputs, self.batch)

    def described(self) -> dict[str, Any]:
        """What two jobs have in common when their chunks are the same to the byte."""
        parts = (self.spec.inputs, self.spec.knobs, self.spec.defaults, self.spec.blocks)
        texts = {self.spec.source.text, self.spec.layers_source.text}
        texts |= {item.source.text for part in parts for item in part.values()}
        digest = hashlib.sha256("\0".join(sorted(texts)).encode())
        return {
            "version": __version__,
            "spec": digest.hexdigest(),
            "variant": self.variant,
            "axes": {axis.name: _described(axis) for axis in self.axes},
            "settings": [str(change) for change in self.changes],
            "inputs": {name: list(sizes) for name, sizes in self.inputs.items()},
            "batch": self.batch,
            "sample": self.order.sample,
            "seed": self.order.seed,
            "quantities": list(self.quantities),
            "objectives": [str(objective) for objective in self.objectives],
            "format": self.form,
            "chunk": self.chunk,
        }


class Summary(NamedTuple):
    """What is known of the rows of a chunk, or of several.

    `least` and `most` give, by quantity, a value and the first row that has it.
    """

    rows: int
    reasons: Counter[str]
    least: Extremes
    most: Extremes
    front: Front | None

    def joined(self, other: Summary) -> Summary:
        """Of two chunks together."""
        fronts = [each for each in (self.front, other.front) if each is not None]
        return Summary(
            self.rows + other.rows,
            self.reasons + other.reasons,
            _better(self.least, other.least, lambda pair: pair),
            _better(self.most, other.most, lambda pair: (-pair[0], pair[1])),
            fronts[0].joined(fronts[1]) if len(fronts) == 2 else fronts[0] if fronts else None,
        )

    def checked(self, job: Job) -> Summary:
        """The summary itself; where there are no rows, a `Fault` with one reason."""
        if self.rows:
            return self
        space = job.space()
        space.check_names()
        raise Fault("no point has a network", found=next(iter(self.reasons), ""), fix=space.hint())

    def document(self) -> dict[str, Any]:
        """As JSON keeps it."""
        found = self.front
        values = None if found is None else [each.tolist() for each in (found.rows, *found.values)]
        return {**self._asdict(), "front": values}

    @staticmethod
    def read(document: Mapping[str, Any]) -> Summary:
        """From what JSON has kept."""
        values = document["front"]
        return Summary(
            document["rows"],
            Counter(document["reasons"]),
            {name: (pair[0], pair[1]) for name, pair in document["least"].items()},
            {name: (pair[0], pair[1]) for name, pair in document["most"].items()},
            None if values is None else Front(_array(values[0]), tuple(map(_array, values[1:]))),
        )


NOTHING = Summary(0, Counter(), {}, {}, None)


def _better(one: Extremes, two: Extremes, key: Callable[[tuple[int, int]], Any]) -> Extremes:
    """For each quantity the better of two values; of equal ones the first row."""
    names = dict.fromkeys([*one, *two])
    return {name: min((each[name] for each in (one, two) if name in each), key=key) for name in names}


def _array(values: list[int]) -> Array:
    return measured(np.array(values, dtype=object)).values  # type: ignore[no-any-return]


def _described(axis: Axis) -> Any:
    """The values of an axis, a range as such."""
    values = axis.values
    if isinstance(values, range):
        return {"low": values[0], "high": values[-1], "step": values.step}
    return axis.texts()


class Chunk(NamedTuple):
    """A chunk's rows as bytes of the job's form, and what is known of them."""

    data: bytes
    summary: Summary


def chunk(job: Job, number: int) -> Chunk:
    """The rows of a chunk, in the job's form, and their summary."""
    begin = number * job.chunk
    blocks = evaluator(job).blocks(begin, min(begin + job.chunk, job.order.rows))
    rows = writer(job.form, job.axes, job.quantities)
    summary = NOTHING
    for block in blocks:
        summary = summary.joined(_summary(job, block))
        rows.add(block)
    return Chunk(rows.data(), summary)


_latest: list[tuple[Job, Evaluator]] = []  # of this process, at most one


def evaluator(job: Job) -> Evaluator:
    """The evaluator of a job, kept from chunk to chunk: what it has found serves them all."""
    known = next((found for other, found in _latest if _rows_alike(job, other)), None)
    if known is None:
        known = Evaluator(job.space(), job.order, job.measured)
        _latest[:] = [(job, known)]
    return known


def _rows_alike(one: Job, other: Job) -> bool:
    """Whether two jobs have the same rows; a job sent to a worker again is another object each time."""
    one, other = one._replace(form=""), other._replace(form="")
    if one.spec is other.spec and one.axes is other.axes:
        return one[3:] == other[3:] and one.variant == other.variant
    return one.described() == other.described()


def _summary(job: Job, block: Block) -> Summary:
    least, most = {}, {}
    for name, values in zip(job.measured, block.counts, strict=True):
        if values.size:
            low, high = int(values.argmin()), int(values.argmax())
            least[name] = (int(values[low]), int(block.rows[low]))
            most[name] = (int(values[high]), int(block.rows[high]))
    return Summary(block.rows.size, block.reasons, least, most, _front(job, block))


def _front(job: Job, block: Block) -> Front | None:
    if not job.objectives or not block.rows.size:
        return None
    values = []
    for name, more in job.objectives:
        if name in job.measured:
            found = block.counts[job.measured.index(name)]
        else:
            place = next(place for place, axis in enumerate(job.axes) if axis.name == name)
            found = numbered(job.axes[place].values).take(block.places[place])
        values.append(-found if more else found)
    return front(block.rows, values)
