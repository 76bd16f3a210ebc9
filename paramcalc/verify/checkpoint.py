"""Weights from files, matched to those of a graph; arrays from and to files.

The only module that imports safetensors, and only when a file asks for it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.engine.graph import Graph
from paramcalc.verify.weights import Array, Key, counted, listed, owned, shown

Dims: TypeAlias = tuple[int, ...]
_IN_NUMPY = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
UNREADABLE = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


class Match(NamedTuple):
    """A file's arrays under the names of a graph's weights, and how they were found: by name or order.

    `extra` are arrays that no layer reads. `auxiliary` is False when the file has not all weights of
    the auxiliary branches, which then cannot be run.
    """

    arrays: dict[str, Array]
    how: str
    extra: tuple[str, ...]
    auxiliary: bool = True


def read_array(path: Path) -> Array:
    """The array in a .npy file."""
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    except UNREADABLE as error:
        raise Fault(f"{path} cannot be read as a .npy file", found=str(error)) from None
    if not isinstance(array, np.ndarray):
        raise Fault(f"{path} holds several arrays", expected="a .npy file with one")
    return array


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays in a .npz or .safetensors file, in their order.

    A .safetensors file has no order of its own: names in which numbers count as numbers give one.
    """
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    if path.suffix not in readers:
        raise Fault(f"{path}: weights are read from " + " and ".join(readers) + " files")
    try:
        return readers[path.suffix](path)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    except UNREADABLE as error:
        message = str(error).strip("'\"") or type(error).__name__
        raise Fault(f"{path} cannot be read as a {path.suffix} file", found=message) from None


def _read_npz(path: Path) -> dict[str, Array]:
    archive = np.load(path, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise ValueError("a single array")
    with archive:
        return {name: archive[name] for name in archive.files}


def _read_safetensors(path: Path) -> dict[str, Array]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        fix = "pip install 'paramcalc[weights]'"
        raise Fault(f"{path}: reading this needs the package safetensors", fix=fix) from None
    try:
        with safe_open(path, framework="np") as file:
            names = sorted(file.keys(), key=_natural)
            kinds = {name: file.get_slice(name).get_dtype() for name in names}
            strange = {name: kind for name, kind in kinds.items() if kind not in (*_IN_NUMPY, "BF16")}
            for name, kind in strange.items():
                raise Fault(
                    f"{path}: NumPy has no numbers like those of {name}", found=kind, fix="store float32"
                )
            halves = _read_bfloat16(path, {name for name, kind in kinds.items() if kind == "BF16"})
            return {name: halves[name] if name in halves else file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _read_bfloat16(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Arrays of bfloat16 as float32, of which each is the upper half; NumPy has no such type.

    The file: the header's length in 8 bytes, the header in JSON, and the arrays (safetensors' README).
    """
    found: dict[str, Array] = {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for name in names:
            shape = header[name]["shape"]
            file.seek(8 + length + header[name]["data_offsets"][0])
            bits = np.frombuffer(file.read(2 * prod(shape)), "<u2").astype(np.uint32) << 16
            found[name] = bits.view(np.float32).reshape(shape)
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts layer2 before layer10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def matched(graph: Graph, arrays: Mapping[str, Array], source: str) -> Match:
    """The arrays that a graph's weights and buffers mean; `Fault` with all that do not fit.

    By name if all names are there: path and name of the weight, with slashes or dots. Else by order:
    the n-th array with the name's last part and the shape of a weight is the n-th such weight, and
    what then remains of a shape is taken in order. The weights of auxiliary branches may be missing.
    """
    wanted = owned(graph)
    ways = {"name": _by_name(wanted, arrays), "order": _by_order(wanted, arrays)}
    branches = {layer.path for layer in graph.layers if layer.auxiliary}
    for how, found in ways.items():
        missing = [key for key in wanted if key not in found]
        if all(path in branches for path, _ in missing) and not _misshapen(wanted, arrays, found):
            kept = {key: name for key, name in found.items() if not (missing and key[0] in branches)}
            extra = tuple(name for name in arrays if name not in kept.values())
            return Match({"/".join(key): arrays[name] for key, name in kept.items()}, how, extra, not missing)
    most = max(ways.values(), key=len)
    raise _misfit(source, graph, wanted, arrays, most)


def _by_name(wanted: Mapping[Key, Dims], arrays: Mapping[str, Array]) -> dict[Key, str]:
    names = {_plain("/".join(key)): key for key in wanted}
    return {names[_plain(name)]: name for name in arrays if _plain(name) in names}


def _plain(name: str) -> str:
    return name.replace(".", "/")


def _by_order(wanted: Mapping[Key, Dims], arrays: Mapping[str, Array]) -> dict[Key, str]:
    """Weights and arrays of one shape in the order of both: first those of one kind, then the rest."""
    exact: dict[tuple[str, Dims], deque[str]] = defaultdict(deque)
    for name, array in arrays.items():
        exact[_plain(name).rpartition("/")[2], array.shape].append(name)
    found = {key: exact[key[1], dims].popleft() for key, dims in wanted.items() if exact.get((key[1], dims))}
    rest: dict[Dims, deque[str]] = defaultdict(deque)
    taken = {*found.values()}
    for name, array in arrays.items():
        if name not in taken:
            rest[array.shape].append(name)
    for key, dims in wanted.items():
        if key not in found and rest.get(dims):
            found[key] = rest[dims].popleft()
    return found


def _misshapen(
    wanted: Mapping[Key, Dims], arrays: Mapping[str, Array], found: Mapping[Key, str]
) -> dict[Key, Dims]:
    """The shapes of found arrays that are not those of the weights."""
    shapes = {key: arrays[name].shape for key, name in found.items()}
    return {key: dims for key, dims in shapes.items() if dims != wanted[key]}


def _misfit(
    source: str,
    graph: Graph,
    wanted: Mapping[Key, Dims],
    arrays: Mapping[str, Array],
    found: Mapping[Key, str],
) -> Fault:
    missing = [f"{'/'.join(key)} {shown(dims)}" for key, dims in wanted.items() if key not in found]
    misshapen = _misshapen(wanted, arrays, found)
    wrong = [f"{'/'.join(key)} {shown(dims)}, not {shown(wanted[key])}" for key, dims in misshapen.items()]
    extra = [f"{name} {shown(array.shape)}" for name, array in arrays.items() if name not in found.values()]
    what = [f"{len(names)} {word}" for names, word in ((missing, "missing"), (wrong, "misshapen")) if names]
    unused = [f"{counted(extra, 'array')} not used: {listed(extra)}"] if extra else []
    return Fault(
        f"{source} does not hold the weights of {graph.model}: {', '.join(what)}",
        expected=listed(missing),
        found="; ".join([*([listed(wrong)] if wrong else []), *unused]),
    )


def write_outputs(file: BinaryIO, path: Path, outputs: Mapping[str, Array]) -> None:
    """A network's only output as a .npy file, or all of them as a .npz file."""
    if path.suffix == ".npz":
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in outputs.items():
                write_member(archive, name, array)
        return
    if len(outputs) > 1:
        raise Fault(
            f"{path}: a .npy file holds one output, and there are {len(outputs)}", fix="end it with .npz"
        )
    buffer = io.BytesIO()  # NumPy says less about a full disk than the system does
    np.save(buffer, next(iter(outputs.values())), allow_pickle=False)
    file.write(buffer.getbuffer())


def write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """One more array in what is to be a .npz file."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
