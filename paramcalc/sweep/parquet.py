"""Rows as Parquet. The only module that imports pyarrow, which is an optional extra.

Whole numbers that fit are 64-bit integers; where one of a column does not, in any chunk, the whole
column is decimal with 38 digits, or text where even that is not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.count.vary import Axis
from paramcalc.sweep.evaluate import Block
from paramcalc.sweep.exact import Array
from paramcalc.sweep.order import numbered

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise Fault("Parquet needs the package pyarrow", fix="pip install 'paramcalc[parquet]'") from None

DECIMALS = 38


class Parquet:
    """One row group of a chunk's rows, with the types that these need."""

    def __init__(self, axes: Sequence[Axis], quantities: Sequence[str]) -> None:
        self.axes = list(axes)
        self.quantities = list(quantities)
        self.blocks: list[Block] = []

    def add(self, block: Block) -> None:
        self.blocks.append(block)

    def data(self) -> bytes:
        columns = [self._axis(place, axis) for place, axis in enumerate(self.axes)]
        columns += [self._counts(number) for number in range(len(self.quantities))]
        names = [*(axis.name for axis in self.axes), *self.quantities]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns, names=names), sink)
        return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]

    def _axis(self, place: int, axis: Axis) -> Any:
        places = self._joined([block.places[place] for block in self.blocks])
        if axis.whole:
            return pa.array(numbered(axis.values).take(places))
        return pa.DictionaryArray.from_arrays(places, axis.texts()).cast(pa.string())

    def _counts(self, number: int) -> Any:
        counts = self._joined([block.counts[number] for block in self.blocks])
        if counts.dtype != object:
            return pa.array(counts)
        return pa.array([str(count) for count in counts])

    def _joined(self, arrays: list[Array]) -> Array:
        return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)


def assemble(parts: Iterable[Path], output: Path, quantities: Sequence[str], most: dict[str, int]) -> None:
    """One file of all chunks' files, in which each column has one type."""
    schema = None
    writer = None
    try:
        for part in parts:
            table = pq.read_table(part)
            schema = schema or _schema(table.schema, quantities, most)
            writer = writer or pq.ParquetWriter(output, schema)
            writer.write_table(table.cast(schema), row_group_size=max(table.num_rows, 1))
    finally:
        if writer is not None:
            writer.close()


def _schema(found: Any, quantities: Sequence[str], most: dict[str, int]) -> Any:
    """The types of all chunks together: those of one, but for the counts, whose largest are known."""
    for name in quantities:
        place = found.get_field_index(name)
        largest = most.get(name, 0)
        kind = pa.int64() if largest < 2**63 else pa.decimal128(DECIMALS, 0)
        found = found.set(place, pa.field(name, kind if largest < 10**DECIMALS else pa.string()))
    return found
