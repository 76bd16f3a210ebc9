"""Where a run's weights come from: given, or drawn at random; and random inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import ceil, sqrt
from typing import Any, Protocol, TypeAlias, runtime_checkable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from paramcalc.base.errors import Fault, near, visible
from paramcalc.base.shape import CHANNELS
from paramcalc.engine.graph import Graph, Layer

Array: TypeAlias = NDArray[Any]
Key: TypeAlias = tuple[str, str]  # the path of the layer that owns an array, and the array's name

FLOATS = {"float32": np.float32, "float64": np.float64}
LISTED = 8  # names in a message
NAME = 120  # characters of such a name
BLOCK = 262_139  # random numbers drawn; a prime, so that rows of a matrix begin at different places of it
SPREAD = 0.1  # of biases around 0, and of scales around 1
SAMPLE = 4096  # numbers of an array that are looked at to estimate how large they are


@runtime_checkable
class Supply(Protocol):
    """A source of a layer's arrays, asked when the layer runs."""

    def arrays(self, layer: Layer, inputs: Sequence[Array]) -> dict[str, Array]: ...


def declared(layer: Layer) -> dict[str, tuple[int, ...]]:
    """The shapes of all arrays that a layer reads besides its inputs: weights, then buffers."""
    return {**layer.applied.weights, **layer.applied.buffers}


def owned(graph: Graph) -> dict[Key, tuple[int, ...]]:
    """The shapes of all arrays of a graph, shared ones once, in the order of the layers."""
    return {
        (layer.path, name): dims
        for layer in graph.layers
        for name, dims in declared(layer).items()
        if name not in layer.shared
    }


def key(layer: Layer, name: str) -> Key:
    """Under which path and name the array is kept: its own, or that of the layer that shares it."""
    return layer.shared.get(name, layer.path), name


class GivenWeights:
    """Arrays that are there, each as often as layers share it. They are never written to.

    Without `auxiliary`, layers of auxiliary branches need none.
    """

    def __init__(
        self, graph: Graph, arrays: Mapping[str, Array], dtype: str = "float32", auxiliary: bool = True
    ) -> None:
        left_out = {layer.path for layer in graph.layers if layer.auxiliary and not auxiliary}
        shapes = {owner: dims for owner, dims in owned(graph).items() if owner[0] not in left_out}
        wanted = {"/".join(owner): owner for owner in shapes}
        _check_names(wanted, arrays)
        self._arrays = {
            owner: _check_weight(name, arrays[name], shapes[owner], dtype) for name, owner in wanted.items()
        }

    def arrays(self, layer: Layer, inputs: Sequence[Array]) -> dict[str, Array]:
        return {name: self._arrays[key(layer, name)] for name in declared(layer)}


class DrawnWeights:
    """Random arrays, made when a layer's turn has come.

    So a network of any size needs the memory of its largest layer only; what layers share is kept,
    and everything with `keep`. All numbers come from one block of random ones, which is cheap.

    A weight of a contraction is scaled by what enters its layer, so that about unit size leaves it
    (Mishkin and Matas 2015): numbers neither die out nor overflow, however deep the network.
    """

    def __init__(self, graph: Graph, dtype: str = "float32", seed: int = 0, keep: bool = False) -> None:
        self.kept: dict[Key, Array] = {}
        self._keep = {*owned(graph)} if keep else {
            (owner, name) for layer in graph.layers for name, owner in layer.shared.items()
        }  # fmt: skip
        self._block = np.random.default_rng(seed).standard_normal(BLOCK, np.float32).astype(FLOATS[dtype])

    def arrays(self, layer: Layer, inputs: Sequence[Array]) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        for name, dims in declared(layer).items():
            owner = key(layer, name)
            arrays[name] = self.kept[owner] if owner in self.kept else self._drawn(name, dims, layer, inputs)
            if owner in self._keep:
                self.kept[owner] = arrays[name]
        return arrays

    def _drawn(self, name: str, dims: tuple[int, ...], layer: Layer, inputs: Sequence[Array]) -> Array:
        array = np.empty(dims, self._block.dtype)
        self._fill(array, name, layer, inputs)
        return array

    def _fill(self, array: Array, name: str, layer: Layer, inputs: Sequence[Array]) -> None:
        """Numbers that fit what the array's name says it is for, the same whichever other layers run."""
        start = crc32("/".join(key(layer, name)).encode()) % BLOCK
        one = array if layer.applied.mixture is None else array[0]  # of an expert
        if name == "ids":  # the first position of whatever they choose from
            array.fill(0)
        elif name.startswith("bias") or name.endswith(("_bias", "_mean")):
            self._draw(array, start, SPREAD)
        elif name.endswith("_var"):
            self._draw(array, start, SPREAD, centre=1)
            np.abs(array, out=array)
        elif one.ndim == 1:
            self._draw(array, start, SPREAD, centre=1)
        elif layer.op.contracts(name):
            self._draw(array, start, 1 / (size_of(inputs[0]) * sqrt(one[0].size)))
        else:
            self._draw(array, start, 1)

    def _draw(self, array: Array, start: int, spread: float, centre: float = 0) -> None:
        """The block again and again, from a place in it on."""
        flat = array.reshape(-1)
        place = 0
        while place < flat.size:
            piece = self._block[start : start + flat.size - place]
            np.multiply(piece, spread, out=flat[place : place + piece.size])
            place, start = place + piece.size, 0
        if centre:
            flat += centre


def drawn_inputs(graph: Graph, batch: int = 1, dtype: str = "float32", seed: int = 0) -> dict[str, Array]:
    """Random inputs: normal numbers, or token ids where the input has no channels."""
    generator = np.random.default_rng(seed)
    inputs: dict[str, Array] = {}
    for value, (name, shape) in enumerate(graph.inputs.items()):
        dims = (batch, *shape.dims)
        if CHANNELS in shape.axes:
            inputs[name] = generator.standard_normal(dims, np.float32).astype(FLOATS[dtype], copy=False)
        else:
            inputs[name] = generator.integers(rows_below(graph, value), size=dims)
    return inputs


def rows_below(graph: Graph, value: int) -> int:
    """How many ids there are for a value: the rows of the smallest table that is read with them.

    Layers that move ids stand between: what they hand on is read with the same tables.
    """
    first = len(graph.inputs)
    rows: dict[int, int] = {}
    for output, layer in reversed([*enumerate(graph.layers, first)]):
        tables = [dims[0] for dims in layer.applied.weights.values()]
        tables += [rows[output]] if output in rows else []
        for read in layer.inputs if tables else ():
            if CHANNELS not in graph.shape(read).axes:
                rows[read] = min(*tables, rows.get(read, tables[0]))
    return rows.get(value, 1)


def size_of(array: Array) -> float:
    """The root of the mean square of an array's numbers, estimated from a few; 1 for zeros or ids."""
    if array.dtype.kind != "f":
        return 1.0
    each = SAMPLE ** (1 / sum(size > 1 for size in array.shape)) if array.size > SAMPLE else SAMPLE
    steps = tuple(slice(None, None, ceil(size / each)) for size in array.shape)
    size = sqrt(float(np.mean(np.square(array[steps], dtype=np.float64))))
    return size if 0 < size < float("inf") else 1.0


def _check_names(wanted: Mapping[str, Key], given: Mapping[str, Array]) -> None:
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    if missing:
        fix = near(missing[0], extra)
        raise Fault(f"{counted(missing, 'weight')} missing: {listed(missing)}", fix=fix)
    if extra:
        raise Fault(
            f"{counted(extra, 'array')} that no layer reads: {listed(extra)}", fix=near(extra[0], wanted)
        )


def _check_weight(name: str, array: Array, dims: tuple[int, ...], dtype: str) -> Array:
    """The array as a read-only one of the right type."""
    array = np.asarray(array)
    if array.shape != dims:
        raise Fault(f"the weight {name} has the wrong shape", expected=shown(dims), found=shown(array.shape))
    check_real(name, str(array.dtype), array.dtype.kind == "f")
    return finite(f"the weight {name}", array, dtype)


def finite(what: str, array: Array, dtype: str) -> Array:
    """The array as a read-only one of a type; `Fault` where it holds more than numbers of this type."""
    with np.errstate(over="ignore"):
        view: Array = np.ascontiguousarray(array, dtype).reshape(array.shape).view()
        total = view.sum(dtype=np.float64)  # without an array of flags as large as the weight
    bad = 0 if np.isfinite(total) else view.size - int(np.isfinite(view).sum())
    if bad:
        raise Fault(f"{what} has values that are not finite (NaN or infinity) as {dtype}: {bad:,}")
    view.flags.writeable = False
    return view


def check_real(name: str, dtype: str, is_real: bool) -> None:
    if not is_real:
        raise Fault(
            f"the weight {name} has the wrong type",
            expected="floating-point numbers of 16, 32 or 64 bits",
            found=dtype,
        )


def shown(dims: Sequence[int]) -> str:
    """Sizes with x between them."""
    return "x".join(map(str, dims)) or "a single number"


def counted(names: Collection[object], what: str) -> str:
    return f"{len(names)} {what}{'s' * (len(names) != 1)}"


def listed(names: Sequence[str], limit: int = LISTED) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    texts = (name if len(name) <= NAME else f"{name[:NAME]}..." for name in names[:limit])
    return visible(", ".join(texts)) + more
