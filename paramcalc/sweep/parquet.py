"""Rows as Parquet. The only module that imports pyarrow, which is an optional extra.

Whole numbers that fit are 64-bit integers; where one of a column does not, in any part, the whole
column is decimal with 38 digits, or text where even that is not enough.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.count.vary import Axis
from paramcalc.sweep.evaluate import RowBlock
from paramcalc.sweep.exact import WORD, Array, whole_numbers

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise Fault("Parquet needs the package pyarrow", fix="pip install 'paramcalc[parquet]'") from None

DECIMALS = 38
GROUP = 1 << 17  # rows of a row group, whatever the parts that they come from


def data(names: Sequence[str], axes: Sequence[Axis], blocks: Sequence[RowBlock], about: object) -> bytes:
    """A part's rows as a file of its own, with the types that these need; it says what it was made from."""
    columns = []
    for place, axis in enumerate(axes):
        places = _concatenate([block.places[place] for block in blocks])
        columns.append(
            _numbers(whole_numbers(axis.values).take(places))
            if axis.whole
            else pa.DictionaryArray.from_arrays(places, axis.texts()).cast(pa.string())
        )
    for number in range(len(names) - len(axes)):
        columns.append(_numbers(_concatenate([block.counts[number] for block in blocks])))
    return _encode(pa.table(columns, names=names, metadata={"paramcalc": json.dumps(about)}))


def _concatenate(arrays: list[Array]) -> Array:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)


def _numbers(values: Array) -> Any:
    return pa.array(values) if values.dtype != object else pa.array(list(map(str, values)), pa.string())


def _encode(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=GROUP)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def assemble(parts: Iterable[bytes], file: BinaryIO, names: Sequence[str], most: Mapping[str, int]) -> None:
    """One file of all parts' rows, in which each column has one type."""
    rest: Any = None
    writer: Any = None
    for part in parts:
        table = pq.read_table(pa.BufferReader(part))
        schema = _schema(table.schema, most)
        writer = writer or pq.ParquetWriter(file, schema)
        rest = table.cast(schema) if rest is None else pa.concat_tables([rest, table.cast(schema)])
        while rest.num_rows >= GROUP:
            writer.write_table(rest.slice(0, GROUP).combine_chunks())
            rest = rest.slice(GROUP)
    if rest.num_rows:
        writer.write_table(rest.combine_chunks())
    writer.close()


def retype(part: bytes, most: Mapping[str, int]) -> bytes | None:
    """A part with the types that all parts together need; None where it has them."""
    table = pq.read_table(pa.BufferReader(part))
    schema = _schema(table.schema, most)
    return None if table.schema == schema else _encode(table.cast(schema))


def _schema(found: Any, most: Mapping[str, int]) -> Any:
    """The types of all parts together: those of one, except for counts, whose largest are known."""
    for name, largest in most.items():
        place = found.get_field_index(name)
        kind = pa.int64() if largest < WORD else pa.decimal128(DECIMALS, 0)
        found = found.set(place, pa.field(name, kind if largest < 10**DECIMALS else pa.string()))
    return found
