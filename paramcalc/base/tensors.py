"""Arrays in ONNX files: sizes, element type, and the bytes or the external file that holds them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.protobuf import Message

LARGEST = 2**40  # of one size
FLOAT, HALF, DOUBLE, BFLOAT = 1, 10, 11, 16
FLOATS = {FLOAT, HALF, DOUBLE, BFLOAT}
# as NumPy calls them; it has no bfloat16, which is the upper half of a float32
CODES = {
    FLOAT: "<f4", HALF: "<f2", DOUBLE: "<f8", BFLOAT: "<u2", 2: "<u1", 3: "<i1", 4: "<u2", 5: "<i2", 6: "<i4",
    7: "<i8", 9: "?", 12: "<u4", 13: "<u8",
}  # fmt: skip


class Tensor(NamedTuple):
    """A stored array; `outside` locates its numbers in an external file, if there is one."""

    name: str
    dims: tuple[int, ...]
    kind: int
    message: Message
    outside: Mapping[str, str]

    @property
    def elements(self) -> int:
        return prod(self.dims)

    @property
    def code(self) -> str:
        return CODES.get(self.kind, "")

    @property
    def is_float(self) -> bool:
        return self.kind in FLOATS

    def data(self, model: Path | None = None) -> bytes | memoryview:
        """Its numbers as `code` says: raw bytes, or those of the field for their kind; empty if elsewhere.

        Numbers in an external file are read from beside the model; empty where there is no such file.
        """
        if self.outside:
            return self._beside(model) if model is not None else b""
        raw = self.message.stretches(9)
        if raw:
            return raw[-1]
        if self.kind == FLOAT:
            return array("f", self.message.floats(4)).tobytes()
        if self.kind == DOUBLE:
            return b"".join(bytes(one) for one in self.message.stretches(10))
        numbers = self.message.integers(7 if self.kind == 7 else 5) if self.code else []
        size = 1 if self.code == "?" else int(self.code[-1:] or 1)
        return b"".join((one % 256**size).to_bytes(size, "little") for one in numbers)

    def _beside(self, model: Path) -> bytes:
        path, start = self.beside(model)
        try:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(int(self.outside.get("length") or 0))
        except OSError:
            return b""

    def beside(self, model: Path) -> tuple[Path, int]:
        """The file beside the model that has the numbers, and where in it they begin."""
        path, offset = model.parent / self.outside["location"], self.outside.get("offset", "0")
        if not path.resolve().is_relative_to(model.parent.resolve()) or not offset.isdecimal():
            raise Fault(
                f"the tensor '{self.name}' lies in a file outside of the model's folder", found=str(path)
            )
        return path, int(offset)


def tensor(message: Message, name: str = "") -> Tensor:
    """The array of a message; `Fault` for impossible sizes, and for an external file outside the folder."""
    name = name or message.text(8)
    dims = tuple(message.integers(1))
    if any(not 0 <= dim <= LARGEST for dim in dims):
        raise Fault(f"the tensor '{name}' has impossible sizes", found="x".join(map(str, dims)))
    kind = message.integer(2)
    if message.integer(14) != 1:
        return Tensor(name, dims, kind, message, {})
    outside = message.pairs(13)
    location = outside.get("location", "")
    for path in (PurePosixPath(location), PureWindowsPath(location)):
        if not location or path.is_absolute() or path.drive or ".." in path.parts:
            raise Fault(f"the tensor '{name}' lies in a file outside of the model's folder", found=location)
    return Tensor(name, dims, kind, message, outside)
