"""The rows of a chunk as bytes: CSV, or Parquet by way of `paramcalc.sweep.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paramcalc.count.vary import Axis
from paramcalc.sweep import rows
from paramcalc.sweep.evaluate import Block
from paramcalc.sweep.exact import Array
from paramcalc.sweep.order import numbered

MOST_CELLS = 1 << 16  # values of an axis whose text is kept; the digits of more are found row by row


class Writer(Protocol):
    """Takes blocks, gives bytes."""

    def add(self, block: Block) -> None: ...

    def data(self) -> bytes: ...


class Csv:
    """Lines without a heading."""

    def __init__(self, axes: Sequence[Axis], quantities: Sequence[str]) -> None:
        self.axes = [_texts(axis) for axis in axes]
        self.quantities = len(quantities)
        self.parts: list[bytes] = []

    def add(self, block: Block) -> None:
        if not block.rows.size:
            return
        columns = [
            rows.digits(values.take(place)) if values.ndim == 1 else values.take(place, axis=0)
            for values, place in zip(self.axes, block.places, strict=True)
        ]
        columns += [rows.digits(counts) for counts in block.counts[: self.quantities]]
        self.parts.append(rows.csv(columns))

    def data(self) -> bytes:
        return b"".join(self.parts)


class Nothing:
    """No rows: only their summary is wanted."""

    def __init__(self, axes: Sequence[Axis], quantities: Sequence[str]) -> None:
        pass

    def add(self, block: Block) -> None:
        pass

    def data(self) -> bytes:
        return b""


def _texts(axis: Axis) -> Array:
    """The cells of an axis' values, or, where they are many numbers, the numbers."""
    many = axis.whole and len(axis.values) > MOST_CELLS
    return numbered(axis.values) if many else rows.cells(axis.texts())


def writer(form: str, axes: Sequence[Axis], quantities: Sequence[str]) -> Writer:
    """What writes the rows of a form."""
    if form == "parquet":
        from paramcalc.sweep.parquet import Parquet

        return Parquet(axes, quantities)
    return Csv(axes, quantities) if form == "csv" else Nothing(axes, quantities)
