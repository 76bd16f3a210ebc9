"""Rows as text, many at a time.

Every cell is a stretch of bytes of one width for its column, filled up with zero bytes; these are
dropped when the rows are joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paramcalc.sweep.exact import Array

GROUP = 10_000  # four digits are looked up at once
_PADDED = [f"{number:04}" for number in range(GROUP)]
_LEADING = [f"{number}".rjust(4, "\0") for number in range(GROUP)]
_LEADING[0] = "\0" * 4
# Four bytes for each group of digits, first as it stands behind others, then as it stands at the front.
_DIGITS = np.frombuffer("".join(_PADDED + _LEADING).encode("ascii"), dtype=np.uint32)


def csv(columns: Sequence[Array]) -> bytes:
    """Lines of cells with commas between; columns are those of `cells` or of `digits`."""
    rows = len(columns[0])
    comma = np.full((rows, 1), ord(","), dtype=np.uint8)
    parts = [part for column in columns for part in (column, comma)][:-1]
    parts.append(np.full((rows, 1), ord("\n"), dtype=np.uint8))
    return np.concatenate(parts, axis=1).tobytes().translate(None, b"\0")


def header(names: Sequence[str]) -> bytes:
    return (",".join(quoted(name) for name in names) + "\n").encode()


def cells(texts: Sequence[str]) -> Array:
    """Texts as cells, in quotes where they hold commas or quotes.

    >>> csv([cells(["a", "[1, 2]"]), digits(np.array([5, 12_345]))])
    b'a,5\\n"[1, 2]",12345\\n'
    """
    encoded = np.array([quoted(text).encode() for text in texts], dtype=bytes)
    return encoded.view(np.uint8).reshape(len(texts), encoded.itemsize)


def digits(values: Array) -> Array:
    """Whole numbers, none negative, as cells.

    >>> csv([digits(np.array([0, 7, 10_000, 2**62])), digits(np.array([2**64, 1, 2, 3], dtype=object))])
    b'0,18446744073709551616\\n7,1\\n10000,2\\n4611686018427387904,3\\n'
    """
    if values.dtype == object:
        return cells([str(value) for value in values])
    groups = max(1, -(-len(str(int(values.max()))) // 4)) if values.size else 1
    found = np.empty((values.size, groups), dtype=np.uint32)
    for place in range(groups - 1, -1, -1):
        above = values // GROUP
        group = values - above * GROUP
        np.add(group, GROUP, out=group, where=above == 0)
        np.take(_DIGITS, group, out=found[:, place])
        values = above
    result = found.view(np.uint8)
    result[:, -1] |= 0x30  # a zero by itself has its digit; of all other digits this changes nothing
    return result


def quoted(text: str) -> str:
    """A text as a cell of CSV (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
