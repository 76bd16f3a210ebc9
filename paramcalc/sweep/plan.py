"""What is to be counted in a sweep: its rows follow from it, part by part, in any order."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from paramcalc import ops
from paramcalc.base.errors import Fault, SpecError, visible
from paramcalc.count.report import QUANTITIES
from paramcalc.count.vary import Axis, Space
from paramcalc.sweep.evaluate import Block, Evaluator
from paramcalc.sweep.exact import Array, numbered
from paramcalc.sweep.front import Objective
from paramcalc.sweep.order import Order
from paramcalc.version import __version__

CHUNK = 1 << 20  # rows


class Plan(NamedTuple):
    """All that the rows depend on, and what is wanted of them, in parts of `chunk` points.

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
        return (*(axis.name for axis in self.axes), *self.quantities)

    @property
    def counted(self) -> tuple[str, ...]:
        """The quantities of the rows and those of the front."""
        wanted = (objective.name for objective in self.objectives)
        return tuple(dict.fromkeys((*self.quantities, *(name for name in wanted if name in QUANTITIES))))

    # ------------------------------------------------------------------------------- rows

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[Block]:
        """The rows from `begin` up to `end`, some thousands at a time."""
        return _evaluator(self).blocks(begin, self.order.rows if end is None else end)

    def columns(self) -> dict[str, Array]:
        """All rows in memory: an array for each setting and each quantity."""
        found = [self._named(block) for block in self.blocks()]
        return {name: np.concatenate([columns[name] for columns in found]) for name in self.names}

    def row(self, number: int) -> dict[str, Any]:
        """The settings and counts of one row."""
        (block,) = self.blocks(number, number + 1)
        return {name: values.tolist()[0] for name, values in self._named(block).items()}

    def _named(self, block: Block) -> dict[str, Array]:
        axes = zip(self.axes, block.places, strict=True)
        settings = {axis.name: _values(axis.values).take(place) for axis, place in axes}
        return settings | dict(zip(self.quantities, block.counts, strict=False))

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

    def sampled(self, most: int) -> Self:
        """At most so many of the rows, drawn at random."""
        return self if self.order.rows <= most else self._replace(order=self.order._replace(sample=most))

    # --------------------------------------------------------------------------- identity

    def described(self) -> dict[str, Any]:
        """What two sweeps have in common when their rows and their summaries are the same."""
        space, spec = self.space, self.space.spec
        parts = (spec.inputs, spec.knobs, spec.defaults, spec.blocks)
        texts = {spec.source.text, spec.layers_source.text}
        texts |= {item.source.text for part in parts for item in part.values()}
        return {
            "version": __version__,
            "spec": hashlib.sha256("\0".join(sorted(texts)).encode()).hexdigest(),
            "variant": space.variant,
            "axes": {axis.name: _described(axis) for axis in self.axes},
            "settings": [str(change) for change in space.changes],
            "inputs": {name: list(sizes) for name, sizes in space.inputs.items()},
            "batch": space.batch,
            "sample": self.order.sample,
            "seed": self.order.seed,
            "quantities": list(self.quantities),
            "objectives": [str(objective) for objective in self.objectives],
        }

    def label(self) -> dict[str, Any]:
        """What two sweeps have in common when their parts are the same to the byte."""
        return self.described() | {"ops": _foreign_ops(), "format": self.form, "chunk": self.chunk}

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.label()).encode()).hexdigest()


_latest: list[tuple[Plan, Evaluator]] = []  # of this process, at most one


def _evaluator(sweep: Plan) -> Evaluator:
    """The evaluator of a sweep, kept from part to part: what it has found serves them all."""
    for other, known in _latest:
        same = sweep.space is other.space or sweep.described() == other.described()
        if same and (sweep.order, sweep.counted) == (other.order, other.counted):
            return known
    found = Evaluator(sweep.space, sweep.order, sweep.counted)
    _latest[:] = [(sweep, found)]
    return found


def _described(axis: Axis) -> Any:
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
        return numbered(values)
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result
