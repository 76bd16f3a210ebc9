"""The rows of a part as bytes: CSV many rows at a time, or Parquet by way of `paramcalc.sweep.parquet`.

Every cell is a stretch of bytes of one width for its column, filled up with zero bytes; these are
dropped when the rows are joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from paramcalc.sweep.evaluate import Block
from paramcalc.sweep.exact import Array, numbered
from paramcalc.sweep.plan import Plan
from paramcalc.sweep.summary import Summary


class Part(NamedTuple):
    """The rows of a part as bytes in the sweep's form, and what is known of them."""

    rows: bytes
    summary: Summary


def part(sweep: Plan, number: int) -> Part:
    """Counts one part."""
    begin = number * sweep.chunk
    summary, kept = Summary(), []
    for block in sweep.blocks(begin, min(begin + sweep.chunk, sweep.order.rows)):
        summary = summary.joined(Summary.of(sweep, block))
        if sweep.form and block.rows.size:
            kept.append(block)
    if sweep.form == "parquet":
        from paramcalc.sweep import parquet

        return Part(parquet.data(sweep, kept), summary)
    return Part(b"".join(_lines(sweep, kept)), summary)


def _lines(sweep: Plan, blocks: Sequence[Block]) -> Iterator[bytes]:
    axes = [digits(numbered(axis.values)) if axis.whole else cells(axis.texts()) for axis in sweep.axes]
    for block in blocks:
        columns = [values.take(place, axis=0) for values, place in zip(axes, block.places, strict=True)]
        yield csv([*columns, *map(digits, block.counts[: len(sweep.quantities)])])


def header(names: Sequence[str]) -> bytes:
    return (",".join(map(_quoted, names)) + "\n").encode()


def csv(columns: Sequence[Array]) -> bytes:
    """Lines of cells with commas between.

    >>> csv([cells(["a", "[1, 2]"]), digits(np.array([5, 2**62])), digits(np.array([2**64, 1], dtype=object))])
    b'a,5,18446744073709551616\\n"[1, 2]",4611686018427387904,1\\n'
    """
    comma, end = (np.full((len(columns[0]), 1), ord(mark), dtype=np.uint8) for mark in ",\n")
    parts = [part for column in columns for part in (column, comma)]
    return np.concatenate([*parts[:-1], end], axis=1).tobytes().translate(None, b"\0")


def cells(texts: Sequence[str]) -> Array:
    """Texts as cells, in quotes where they hold commas or quotes (RFC 4180)."""
    return _cells(np.array([_quoted(text).encode() for text in texts], dtype=bytes))


def digits(values: Array) -> Array:
    """Whole numbers, none negative, as cells."""
    return _cells(values.astype(f"S{len(str(values.max()))}"))


def _cells(encoded: Array) -> Array:
    return encoded.view(np.uint8).reshape(encoded.size, encoded.itemsize)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
