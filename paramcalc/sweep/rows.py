"""Rows as CSV, many at a time.

Every cell is a stretch of bytes of one width for its column, filled up with zero bytes; these are
dropped when the rows are joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np

from paramcalc.count.vary import Axis
from paramcalc.sweep.evaluate import RowBlock
from paramcalc.sweep.exact import Array, whole_numbers


def data(names: Sequence[str], axes: Sequence[Axis], blocks: Sequence[RowBlock], about: object) -> bytes:
    """The lines of a part."""
    settings = [digits(whole_numbers(axis.values)) if axis.whole else cells(axis.texts()) for axis in axes]
    wanted = len(names) - len(axes)
    lines = []
    for block in blocks:
        columns = [values.take(place, axis=0) for values, place in zip(settings, block.places, strict=True)]
        lines.append(csv([*columns, *map(digits, block.counts[:wanted])]))
    return b"".join(lines)


def assemble(parts: Iterable[bytes], file: BinaryIO, names: Sequence[str], most: Mapping[str, int]) -> None:
    """One file of all parts' lines."""
    file.write(header(names))
    file.writelines(parts)


def header(names: Sequence[str]) -> bytes:
    return (",".join(map(_quote, names)) + "\n").encode()


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
    return _cells(np.array([_quote(text).encode() for text in texts], dtype=bytes))


def digits(values: Array) -> Array:
    """Whole numbers, none negative, as cells."""
    return _cells(values.astype(f"S{len(str(values.max()))}"))


def _cells(encoded: Array) -> Array:
    return encoded.view(np.uint8).reshape(encoded.size, encoded.itemsize)


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
