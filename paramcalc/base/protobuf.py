"""A reader of binary protocol buffers, which decodes only the fields that are asked for.

A message is split into its fields, which are numbers or stretches of bytes; what a field means, and
whether it is a message of its own, its reader knows. Nothing is copied: the weights of a file of a
gigabyte are never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from paramcalc.base.errors import Fault

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Message:
    """The fields of a message by number; each may come several times."""

    def __init__(self, data: memoryview) -> None:
        self.fields: dict[int, list[int | memoryview]] = {}
        for number, value in _split(data):
            self.fields.setdefault(number, []).append(value)

    def messages(self, number: int) -> list[Message]:
        return [Message(value) for value in self.stretches(number)]

    def message(self, number: int) -> Message | None:
        found = self.stretches(number)
        return Message(found[-1]) if found else None

    def stretches(self, number: int) -> list[memoryview]:
        return [value for value in self.fields.get(number, ()) if isinstance(value, memoryview)]

    def texts(self, number: int) -> list[str]:
        return [bytes(value).decode("utf-8", "replace") for value in self.stretches(number)]

    def text(self, number: int) -> str:
        found = self.texts(number)
        return found[-1] if found else ""

    def integers(self, number: int) -> list[int]:
        """Whole numbers, one to a field or packed into one."""
        found = []
        for value in self.fields.get(number, ()):
            found += [value] if isinstance(value, int) else [*_varints(value)]
        return [value - 2**64 if value >= 2**63 else value for value in found]

    def integer(self, number: int, default: int = 0) -> int:
        found = self.integers(number)
        return found[-1] if found else default

    def floats(self, number: int) -> list[float]:
        """Numbers of 32 bits, one to a field or packed into one."""
        found: list[float] = []
        for value in self.fields.get(number, ()):
            data = struct.pack("<I", value & 0xFFFFFFFF) if isinstance(value, int) else bytes(value)
            found += struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4])
        return found

    def pairs(self, number: int) -> Mapping[str, str]:
        """Entries of a key (1) and a value (2)."""
        return {entry.text(1): entry.text(2) for entry in self.messages(number)}


def _split(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _varint(data, place)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise Fault("this is not a protocol buffer", found=f"a field of kind {kind} at byte {place}")
        if number == 0 or size > end - place:
            raise Fault(
                "the file is cut off, or is not a protocol buffer", found=f"a field of {size:,} bytes"
            )
        stretch = data[place : place + size]
        place += size
        yield number, stretch if kind == BYTES else int.from_bytes(stretch, "little")


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise Fault(
                "the file is cut off, or is not a protocol buffer", found=f"an open number at byte {place}"
            )
        byte = data[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
        shift += 7


def _varints(data: memoryview) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = _varint(data, place)
        yield value
