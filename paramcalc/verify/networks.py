"""Arrays inside of files of whole networks: .onnx, read here, and .keras, whose arrays h5py reads."""

from __future__ import annotations

import io
import mmap
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.base.protobuf import Message
from paramcalc.base.tensors import BFLOAT, Tensor, tensor
from paramcalc.verify.stored import Stored, widened
from paramcalc.verify.weights import Array

# ------------------------------------------------------------------------------------------- ONNX


def onnx_arrays(path: Path) -> Iterator[Stored]:
    """The initializers of a graph, and the outputs of its nodes that give stored or filled arrays."""
    with path.open("rb") as file:
        graph = Message(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).message(7)
    if graph is None:
        raise ValueError("there is no graph in it")
    whole: dict[str, Tensor] = {}
    for one in graph.messages(5):
        found = tensor(one)
        whole[found.name] = found
        yield _of_tensor(path, found)
    for node in graph.messages(1):
        kind, outputs = node.text(4), node.texts(2)
        if kind not in ("Constant", "ConstantOfShape") or not outputs:
            continue
        values = [one.message(5) for one in node.messages(5) if one.text(1) == "value"]
        value = tensor(values[0], outputs[0]) if values and values[0] is not None else None
        if kind == "Constant" and value is not None:
            whole[value.name] = value
            yield _of_tensor(path, value)
        elif kind == "ConstantOfShape" and (sizes := whole.get(node.text(1))) is not None:
            yield _filled(path, outputs[0], sizes, value)


def _of_tensor(path: Path, found: Tensor) -> Stored:
    return Stored(found.name, found.dims, found.code, found.is_float, partial(_numbers, path, found))


def _numbers(path: Path, found: Tensor) -> Array:
    code = np.dtype(found.code)
    if found.outside:
        beside, start = found.beside(path)
        if start + found.elements * code.itemsize > beside.stat().st_size:
            raise ValueError(f"{beside.name} does not hold the {found.elements:,} numbers of {found.name}")
        array = np.fromfile(beside, code, found.elements, offset=start)
    else:
        data = found.data()
        if len(data) != found.elements * code.itemsize:
            raise ValueError(f"it does not hold the {found.elements:,} numbers of {found.name}")
        array = np.frombuffer(data, code)
    return (widened(array) if found.kind == BFLOAT else array).reshape(found.dims)


def _filled(path: Path, name: str, sizes: Tensor, value: Tensor | None) -> Stored:
    """An array of one number, as files have that were published without their weights."""
    dims = tuple(int(size) for size in _numbers(path, sizes).reshape(-1))
    number = _numbers(path, value).reshape(-1)[:1] if value is not None else np.zeros(1, "f4")
    is_float = value is None or value.is_float
    return Stored(name, dims, str(number.dtype), is_float, lambda: np.broadcast_to(number.reshape(()), dims))


# ------------------------------------------------------------------------------------------ Keras


def keras_arrays(path: Path) -> Iterator[Stored]:
    """The arrays of model.weights.h5 in the archive, by their paths there."""
    try:
        import h5py
    except ImportError:
        raise Fault(f"{path}: the weights of .keras files need h5py", fix="pip install h5py") from None
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("model.weights.h5")
        if entry.file_size > path.stat().st_size + (1 << 20):  # Keras does not pack them
            raise ValueError(f"its weights unpack to {entry.file_size:,} bytes")
        with archive.open(entry) as file:
            data = file.read(entry.file_size)
    yield from _inside(h5py, h5py.File(io.BytesIO(data), "r"), "")


def _inside(h5py: Any, group: Any, path: str) -> Iterator[Stored]:
    """The arrays of a group and of those in it; links that lead out of it are not followed."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        found = group[name]
        if isinstance(found, h5py.Group):
            if path.count("/") < 64:
                yield from _inside(h5py, found, f"{path}{name}/")
        elif not found.is_virtual and found.external is None:
            is_float = found.dtype.kind == "f"
            yield Stored(f"{path}{name}", found.shape, str(found.dtype), is_float, partial(_whole, found))


def _whole(found: Any) -> Array:
    if found.id.get_storage_size() < found.size * found.dtype.itemsize:
        raise ValueError(f"it does not hold the {found.size:,} numbers of {found.name}")
    return np.asarray(found[()])
