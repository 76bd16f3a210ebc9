"""Running a network: arrays from layer to layer, each freed when its last reader is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf, isfinite
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault
from paramcalc.base.paths import matching
from paramcalc.base.shape import CHANNELS
from paramcalc.engine.graph import Graph, Layer, each
from paramcalc.verify.tools import Array, Tools
from paramcalc.verify.weights import DrawnWeights, GivenWeights, Supply, drawn_inputs, finite, shown

Arrays: TypeAlias = Mapping[str, Array]


def run(
    graph: Graph,
    inputs: Arrays | Array | None = None,
    weights: Arrays | Supply | None = None,
    *,
    activations: Iterable[str] = (),
    dtype: str = "float32",
    batch: int = 1,
    seed: int = 0,
) -> dict[str, Array]:
    """The network's outputs by name, and the outputs of layers that patterns in `activations` name.

    inputs:  N x the input's shape, by name, or one array for the only input; random if None, then
             for a batch of `batch`
    weights: arrays by `path/name`, as in `conv1/weight`, buffers as well; random if None

    Auxiliary branches are run where an activation in them is asked for.

    >>> from paramcalc import load
    >>> {name: y.shape for name, y in run(load("lenet5-1998").graph(), batch=2).items()}
    {'OUTPUT': (2, 10)}
    """
    if inputs is None:
        inputs = drawn_inputs(graph, batch, dtype, seed)
    if weights is None:
        weights = DrawnWeights(graph, dtype, seed)
    elif not isinstance(weights, Supply):
        weights = GivenWeights(graph, weights, dtype)
    wanted = [*dict.fromkeys((*graph.outputs, *named(graph, activations)))]
    live = Live(graph, checked_inputs(graph, inputs, dtype), needed(graph, wanted), wanted)
    live.run(weights, dtype)
    return {graph.name(value): live.arrays[value] for value in wanted}


class Live:
    """The values of a run that are still to be read; `order` says which layers are run.

    A value is an array alive from the layer that gives it to the last layer that reads it, or to the
    end if it is in `keep`. Several values may lie in the same memory: a view, or a result written
    over an input. Memory may be written over that holds a single value, read here for the last time.
    Layers with a cache in `caches` take up what they find there, and leave something for the next run.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Arrays,
        order: Sequence[int],
        keep: Collection[int],
        caches: Mapping[str, dict[str, Array]] = MappingProxyType({}),
    ) -> None:
        self.graph = graph
        self.caches = caches
        self.order = order
        self.batch = len(next(iter(inputs.values())))
        self.arrays: dict[int, Array] = {}
        self.elements = 0  # of all values alive
        self.bytes = 0  # of the memory that they lie in
        self._first = len(graph.inputs)
        self._reads = {value: {*self.layer(value).reads} for value in order}
        self._readers = Counter(read for reads in self._reads.values() for read in reads)
        self._readers.update(keep)
        self._values_in: Counter[int] = Counter()  # memory, by the identity of the array that owns it
        for value, name in enumerate(graph.inputs):
            if self._readers[value]:
                self.hold(value, inputs[name])

    def run(self, weights: Supply, dtype: str) -> None:
        """Runs all layers of the order."""
        tools = Tools(dtype)
        for value in self.order:
            arrays = weights.arrays(self.layer(value), self.inputs(value))
            self.hold(value, self.forward(value, tools, arrays))
            self.release(value)

    def layer(self, value: int) -> Layer:
        """The layer that gives a value."""
        return self.graph.layers[value - self._first]

    def inputs(self, value: int) -> list[Array]:
        """The arrays that the layer reads which gives a value."""
        return [self.arrays[read] for read in self.layer(value).inputs]

    def forward(self, value: int, tools: Tools, weights: Arrays) -> Array:
        """A layer's output, in memory that no weight lies in."""
        layer = self.layer(value)
        tools.batch = self.batch
        tools.cache = self.caches.get(layer.path)
        spare = [self.arrays[read] for read in self._reads[value] if self._is_spare(read)]
        shapes, arrays = layer.applied.inputs, self.inputs(value)
        if layer.applied.mixture is None or layer.router is None:
            y = np.asarray(tools.apply(layer.op, shapes, arrays, weights, spare))
        else:
            experts = each(layer.op, layer.applied.mixture)
            y = experts.run(tools, self.arrays[layer.router], shapes, arrays, weights)
        owner = _owner(y)
        return y.copy() if any(_owner(weight) is owner for weight in weights.values()) else y

    def hold(self, value: int, array: Array) -> None:
        """Takes a value in: an input, or a layer's output."""
        owner = _owner(array)
        if not self._values_in[id(owner)]:
            self.bytes += owner.nbytes
        self._values_in[id(owner)] += 1
        self.elements += array.size
        self.arrays[value] = array

    def release(self, value: int) -> None:
        """Frees what nobody reads any more once the layer is done which gives a value."""
        for read in self._reads[value]:
            self._readers[read] -= 1
            self._free_unread(read)
        self._free_unread(value)

    def _is_spare(self, value: int) -> bool:
        return self._readers[value] == 1 and self._values_in[id(_owner(self.arrays[value]))] == 1

    def _free_unread(self, value: int) -> None:
        if self._readers[value]:
            return
        array = self.arrays.pop(value)
        owner = _owner(array)
        self.elements -= array.size
        self._values_in[id(owner)] -= 1
        if not self._values_in[id(owner)]:
            self.bytes -= owner.nbytes


def needed(graph: Graph, wanted: Collection[int]) -> list[int]:
    """The values that layers must compute to get some of them, in order."""
    first = len(graph.inputs)
    values = {*wanted}
    for value in range(first + len(graph.layers) - 1, first - 1, -1):
        if value in values:
            values.update(graph.layers[value - first].reads)
    return sorted(value for value in values if value >= first)


def named(graph: Graph, patterns: Iterable[str]) -> list[int]:
    """The values of the layers that patterns mean, in order; `Fault` for a pattern without any."""
    paths = [layer.path for layer in graph.layers]
    wanted = {path for text in patterns for path in matching(text, paths)}
    return [value for value, path in enumerate(paths, start=len(graph.inputs)) if path in wanted]


def checked_inputs(graph: Graph, inputs: Arrays | Array, dtype: str) -> dict[str, Array]:
    """The inputs as read-only arrays of the right type; `Fault` where one is not what the graph reads.

    The axis of the batch may be missing.
    """
    names = [*graph.inputs]
    if not isinstance(inputs, Mapping):
        inputs = {names[0]: inputs}
    for name in inputs:
        known(name, names, "input")
    checked: dict[str, Array] = {}
    for name, shape in graph.inputs.items():
        if name not in inputs:
            raise Fault(f"the input '{name}' is missing", expected=f"a batch of {shape.described()}")
        array = np.asarray(inputs[name])
        if array.shape == shape.dims:
            array = array[None]
        if array.shape[1:] != shape.dims:
            raise Fault(
                f"the array for '{name}' has the wrong shape",
                expected=f"N x {shape.described()}",
                found=shown(array.shape),
            )
        ids = CHANNELS not in shape.axes
        if array.dtype.kind not in ("iu" if ids else "iuf"):
            kind = "whole numbers (token ids)" if ids else "real numbers"
            raise Fault(f"the array for '{name}' has the wrong type", expected=kind, found=str(array.dtype))
        checked[name] = finite(f"the array for '{name}'", array, array.dtype.name if ids else dtype)
    batches = {name: len(array) for name, array in checked.items()}
    if len({*batches.values()}) > 1 or not all(batches.values()):
        raise Fault(
            "the inputs have no common batch size", found=", ".join(f"{n}: {b}" for n, b in batches.items())
        )
    return checked


def share_apart(found: Array, expected: Array) -> float:
    """How far numbers are from others: the largest difference, as a share of the largest of them."""
    largest = float(np.abs(expected).max()) or 1.0
    share = float(np.abs(found - expected).max()) / largest
    return share if isfinite(share) else inf


def _owner(array: Array) -> Array:
    """The array whose memory this one lies in."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
