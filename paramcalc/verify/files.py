"""Arrays in files: .npy, .npz, .safetensors, .onnx and .keras; headers alone are read until an array is used.

Whoever made a file may mean harm: nothing in it is run, no header is trusted with more memory than the
file has bytes, and what is not used is never unpacked.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.verify.networks import keras_arrays, onnx_arrays
from paramcalc.verify.stored import Stored, widened
from paramcalc.verify.weights import Array

HEADER = 64 << 10  # bytes of a .npy file in which its header must end
TENSORS_HEADER = 8 << 20  # bytes of the header of a .safetensors file, room for some 60,000 arrays
DIRECTORY = 4 << 20  # bytes of the list of members of a .npz file, room for some 40,000 arrays
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}  # of safetensors, those read as weights
UNREADABLE = (ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
SAVING = "save its weights with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"


def in_memory(arrays: Mapping[str, Array]) -> list[Stored]:
    """Arrays that are there already, as if they were in a file."""
    return [Stored(name, array.shape, str(array.dtype), array.dtype.kind == "f", partial(np.asarray, array))
            for name, array in arrays.items()]  # fmt: skip


def open_arrays(path: Path, *, alone: str = "") -> list[Stored]:
    """The arrays of a file in its order, or the one of a .npy file, named `alone`.

    A .safetensors file has no order of its own: names in which numbers count as numbers give one.
    """
    readers: dict[str, Callable[[Path], Iterable[Stored]]] = {
        ".npz": _open_npz,
        ".safetensors": _open_safetensors,
        ".onnx": onnx_arrays,
        ".keras": keras_arrays,
    }
    if alone:
        readers[".npy"] = partial(_open_npy, name=alone)
    if path.suffix not in readers:
        *others, last = readers
        raise Fault(
            f"{path}: arrays are read from {', '.join(others)} and {last} files",
            fix=SAVING if path.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl") else "",
        )
    with _reading(path):
        if path.exists() and not path.is_file():
            raise Fault(f"{path} is not a regular file")
        return [one._replace(read=partial(_read, path, one.read)) for one in readers[path.suffix](path)]


def _read(path: Path, read: Callable[[], Array]) -> Array:
    with _reading(path):
        return read()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What is wrong with a file, said of the file."""
    try:
        yield
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    except UNREADABLE as error:
        message = str(error).strip("'\"") or type(error).__name__
        raise Fault(f"{path} cannot be read as a {path.suffix} file", found=message) from None


# ------------------------------------------------------------------------------------ NumPy's files


def _open_npy(path: Path, name: str) -> list[Stored]:
    return [_with_header(name, partial(path.open, "rb"), path.stat().st_size)]


def _open_npz(path: Path) -> list[Stored]:
    with path.open("rb") as file:
        if _directory_size(file) > DIRECTORY:
            raise ValueError("it has too many members")
    archive = zipfile.ZipFile(path)
    return [
        _with_header(info.filename.removesuffix(".npy"), partial(archive.open, info), info.file_size)
        for info in archive.infolist()
    ]


def _directory_size(file: BinaryIO) -> int:
    """How long the list of members is by the record at the end of a zip file; 0 where there is none."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    _, found, record = file.read().rpartition(b"PK\x05\x06")
    return int.from_bytes(record[8:12], "little") if found else 0


def _with_header(name: str, start: Callable[[], Any], size: int) -> Stored:
    """An array in NumPy's own format, in a stream of so many bytes."""
    with start() as file:
        head = io.BytesIO(file.read(HEADER))
    try:
        version = np.lib.format.read_magic(head)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = reader[version](head)
    except Exception:  # NumPy reads a header as Python, and lets out whatever its tokenizer raises
        raise ValueError(f"{name} is not an array in NumPy's format") from None

    def read() -> Array:
        if head.tell() + prod(shape) * dtype.itemsize > size:
            raise ValueError(f"{name} ends before all of its {prod(shape):,} numbers")
        with start() as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    return Stored(name, shape, str(dtype), dtype.kind == "f", read)


def write_outputs(file: BinaryIO, path: Path, outputs: Mapping[str, Array]) -> None:
    """A network's only output as a .npy file, or all of them as a .npz file."""
    if path.suffix == ".npz":
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in outputs.items():
                write_member(archive, name, array)
        return
    if len(outputs) > 1:
        raise Fault(
            f"{path}: a .npy file holds one output, but there are {len(outputs)}", fix="end it with .npz"
        )
    buffer = io.BytesIO()  # NumPy says less about a full disk than the system does
    np.save(buffer, next(iter(outputs.values())), allow_pickle=False)
    file.write(buffer.getbuffer())


def write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """One more array in what is to be a .npz file."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


# -------------------------------------------------------------------------------------- safetensors


def _open_safetensors(path: Path) -> list[Stored]:
    """The file: the header's length in 8 bytes, the header in JSON, and the arrays (safetensors' README)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, TENSORS_HEADER):
            raise ValueError(f"its header would be {length:,} bytes long")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a mapping of names")
    header.pop("__metadata__", None)
    return [_tensor(path, name, header[name], 8 + length, size) for name in sorted(header, key=_natural)]


def _tensor(path: Path, name: str, entry: Any, start: int, size: int) -> Stored:
    kind, shape, (begin, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError(f"the sizes of {name} are not whole numbers")

    def read() -> Array:
        dtype, numbers = np.dtype(DTYPES[kind]), prod(shape)
        if start + end > size or end - begin != numbers * dtype.itemsize:
            raise ValueError(f"the file does not hold the {numbers:,} numbers of {name}")
        array = np.fromfile(path, dtype, numbers, offset=start + begin)
        return (widened(array) if kind == "BF16" else array).reshape(shape)

    return Stored(name, shape, kind, kind in DTYPES, read)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts layer2 before layer10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
