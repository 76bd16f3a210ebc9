"""A run's shapes, arrays and multiplications, layer by layer, compared with the table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import nlargest
from math import inf, prod
from time import perf_counter
from typing import NamedTuple, TypeAlias

import numpy as np

from paramcalc.base.errors import Fault, near
from paramcalc.base.shape import CHANNELS
from paramcalc.count import liveness
from paramcalc.count.report import Report, Row, count
from paramcalc.engine.graph import Graph, Layer
from paramcalc.verify.run import Arrays, Live, checked_inputs, needed, share_apart
from paramcalc.verify.stored import Stored
from paramcalc.verify.tools import Array, Tools
from paramcalc.verify.watch import watch
from paramcalc.verify.weights import FLOATS, DrawnWeights, Key, Supply, drawn_inputs, key, shown

Watcher: TypeAlias = Callable[[Layer, Array], None]
Fact: TypeAlias = int | str | tuple[int, ...]

TOLERANCE = 1e-4  # of the largest number: what single precision may lose on the way through a network


class RunSettings(NamedTuple):
    """How to run: batch size, element type, and seed of random numbers."""

    batch: int = 1
    dtype: str = "float32"
    seed: int = 0


class Expected(NamedTuple):
    """Outputs of another program's run, by name ('' for the only one), in a file called `source`."""

    source: str
    outputs: Mapping[str, Stored]


class Peak(NamedTuple):
    """The peak of live values: those alive while a layer ran, with its inputs and its output.

    `elements` are those of the values alive, `largest` of the two largest values alive together.
    `bytes` is the memory that all of them lay in: less than the elements take where a layer wrote
    over its input or gave a view of it.
    """

    elements: int = 0
    layer: str = ""
    largest: int = 0
    bytes: int = 0
    bytes_layer: str = ""

    def with_moment(self, live: Live, path: str) -> Peak:
        """The peak updated with the values alive now, while a layer runs."""
        peak = self
        if live.elements > peak.elements:
            peak = peak._replace(elements=live.elements, layer=path)
        if live.bytes > peak.bytes:
            peak = peak._replace(bytes=live.bytes, bytes_layer=path)
        largest = sum(nlargest(2, (array.size for array in live.arrays.values())))
        return peak if largest <= peak.largest else peak._replace(largest=largest)


class Disagreement(NamedTuple):
    """One difference between a layer's run and the table."""

    layer: str
    what: str
    expected: str
    found: str


class Measured(NamedTuple):
    """The measurements of a layer: its output's shape with the batch, sizes of its own arrays, and work.

    `reads` are the arrays that the layer read of those that it declares, shared ones included; `live`
    the elements of all values alive while it ran.
    """

    row: Row
    output: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    reads: int
    live: int
    seconds: float

    @property
    def path(self) -> str:
        return self.row.path


class Verification(NamedTuple):
    """A whole run.

    `weights_seconds` were spent on making weights. `memory` is the most that the process has ever
    held, in bytes; 0 where the system does not tell. `apart` is how far the outputs are from those in
    a file, `expected`: the largest difference, as a share of the largest value.
    """

    report: Report
    settings: RunSettings
    layers: tuple[Measured, ...]
    disagreements: tuple[Disagreement, ...]
    peak: Peak
    weights_seconds: float
    memory: int
    outputs: Arrays
    expected: str = ""
    apart: float = 0

    @property
    def agrees(self) -> bool:
        return not self.disagreements

    @property
    def forward_seconds(self) -> float:
        """The time in layers."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Auxiliary branches that had no weights to run with."""
        ran = {layer.path for layer in self.layers}
        rows = self.report.rows
        left_out = (row.layer.auxiliary for row in rows if row.path not in ran)
        return tuple(dict.fromkeys(filter(None, left_out)))

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def reads(self) -> int:
        return sum(layer.reads for layer in self.layers)


def verify(
    graph: Graph,
    settings: RunSettings = RunSettings(),
    inputs: Arrays | Array | None = None,
    weights: Supply | None = None,
    *,
    auxiliary: bool = True,
    expected: Expected | None = None,
    see: Watcher = lambda layer, output: None,
) -> Verification:
    """Runs every layer and compares what it does with what is counted.

    A layer that fails, or that gives another shape, does not stop the run: the layers after it get
    zeros of the expected shape, so that each is judged by itself. `see` gets every output, `expected`
    is what the network should give.

    >>> from paramcalc import load
    >>> verify(load("lenet5-1998").graph()).agrees
    True
    """
    batch, dtype, seed = settings
    if inputs is None:
        inputs = drawn_inputs(graph, batch, dtype, seed)
    values = range(len(graph.inputs), len(graph.inputs) + len(graph.layers))
    order = values if auxiliary else needed(graph, graph.outputs)
    live = Live(graph, checked_inputs(graph, inputs, dtype), order, graph.outputs)
    run = Comparison(graph, live, weights or DrawnWeights(graph, dtype, seed), settings)
    run.run(see)
    if expected is None:
        return run.result()
    apart, differing = _compare_outputs(run.outputs, expected)
    return run.result(differing, expected.source, apart)


class Comparison:
    """A run under way: the measurements of its layers so far, and the disagreements."""

    def __init__(self, graph: Graph, live: Live, supply: Supply, settings: RunSettings) -> None:
        self._report = count(graph, live.batch)
        self._settings = settings._replace(batch=live.batch)
        self._layers: list[Measured] = []
        self._disagreements: list[Disagreement] = []
        self._weights_seconds = 0.0
        self._peak = Peak()
        moments = liveness.run(graph, live.batch, only={*live.order}).moments
        self._live_by_rule = {moment.layer: moment.values for moment in moments}
        self._live = live
        self._supply = supply
        self._tools = Tools(settings.dtype)
        self._partial = any(layer.op.partial for layer in graph.layers)
        self._read = {value for layer in graph.layers for value in layer.inputs}
        shared = {key(layer, name) for layer in graph.layers for name in layer.shared}
        self._shared: dict[Key, Array | None] = dict.fromkeys(shared)  # the arrays that owners were given

    @property
    def outputs(self) -> dict[str, Array]:
        graph = self._live.graph
        return {graph.name(value): self._live.arrays[value] for value in graph.outputs}

    def result(
        self, more: Iterable[Disagreement] = (), expected: str = "", apart: float = 0.0
    ) -> Verification:
        """All that was found, and what disagrees besides: with outputs that were expected."""
        return Verification(
            report=self._report,
            settings=self._settings,
            layers=tuple(self._layers),
            disagreements=(*self._disagreements, *more),
            peak=self._peak,
            weights_seconds=self._weights_seconds,
            memory=peak_memory(),
            outputs=self.outputs,
            expected=expected,
            apart=apart,
        )

    def run(self, see: Watcher = lambda layer, output: None) -> None:
        """Runs all layers that are to be run; `see` gets their outputs."""
        for value in self._live.order:
            see(self._live.layer(value), self._layer(value))

    def _layer(self, value: int) -> Array:
        """Runs one layer and notes what disagrees; gives its output, or zeros for an unusable one."""
        row = self._report.rows[value - len(self._report.graph.inputs)]
        layer, before = row.layer, self._tools.multiplications
        read: set[str] = set()
        start = perf_counter()
        try:
            weights = self._supply.arrays(layer, self._live.inputs(value))
            made = perf_counter()
            y = self._forward(value, layer, watch(weights, read.add))
        except MemoryError:
            raise _no_memory(layer) from None
        ended = perf_counter()
        self._weights_seconds += made - start
        output = self._usable(layer, y)
        self._live.hold(value, output)
        measured = Measured(
            row,
            output=() if y is None else y.shape,
            params=_own(layer, weights, layer.applied.weights.keys() - layer.op.frozen),
            buffers=_own(layer, weights, layer.applied.buffers),
            macs=self._tools.multiplications - before,
            reads=len(read),
            live=self._live.elements,
            seconds=ended - made,
        )
        self._layers.append(measured)
        self._peak = self._peak.with_moment(self._live, row.path)
        self._live.release(value)
        if y is not None:
            self._compare(measured, y)
            self._compare_weights(layer, weights, read)
            self._compare_numbers(value, layer, y)
        return output

    def _forward(self, value: int, layer: Layer, weights: Mapping[str, Array]) -> Array | None:
        """The layer's output; None, and a disagreement, where its forward pass fails."""
        try:
            with np.errstate(all="ignore"):
                return self._live.forward(value, self._tools, weights)
        except MemoryError:
            raise
        except Exception as error:
            expected = f"an output of {shown(self._shape(layer))}"
            message = " ".join(f"{type(error).__name__}: {error}".split())
            self._disagree(layer, "forward pass", expected, message)
            return None

    def _compare(self, measured: Measured, y: Array) -> None:
        """Shape, sizes and work."""
        layer, counts = measured.row.layer, measured.row.counts
        self._expect(layer, "output shape", self._shape(layer), measured.output)
        self._expect(layer, "output type", *self._types(layer, y))
        self._expect(layer, "params", counts.params, measured.params)
        self._expect(layer, "buffers", counts.buffers, measured.buffers)
        self._expect(layer, "MACs", counts.macs, measured.macs)
        self._expect(layer, "live activations", self._live_by_rule[layer.path], measured.live)

    def _types(self, layer: Layer, y: Array) -> tuple[str, str]:
        """What type the output should have, and has: ids may be whole numbers of any width."""
        if CHANNELS in layer.output.axes:
            return self._settings.dtype, y.dtype.name
        return "whole numbers", "whole numbers" if y.dtype.kind in "iu" else y.dtype.name

    def _compare_weights(self, layer: Layer, weights: Mapping[str, Array], read: set[str]) -> None:
        """Each array is read by each layer that declares it, and a shared one is one."""
        declared = layer.applied.rules.weights_read(self._live.batch, *layer.applied.inputs)
        for name in weights:
            if name not in read and declared.get(name, 1):
                self._disagree(layer, f"use of {name}", "read", "never read")
            if key(layer, name) not in self._shared:
                continue
            owned = self._shared[key(layer, name)]
            if owned is None:
                self._shared[key(layer, name)] = weights[name]
            elif owned is not weights[name]:
                self._disagree(layer, f"use of {name}", f"the array of {layer.shared[name]}", "another array")

    def _compare_numbers(self, value: int, layer: Layer, y: Array) -> None:
        """Final outputs must be finite; a non-finite value anywhere upstream ends up there.

        Unless an op has no result for some of the numbers that are drawn.
        """
        if not self._partial and value not in self._read and y.dtype.kind == "f":
            bad = y.size - int(np.isfinite(y).sum())
            if bad:
                self._disagree(layer, "output values", "finite", f"{bad:,} NaN or infinite")

    def _expect(self, layer: Layer, what: str, expected: Fact, found: Fact) -> None:
        if expected != found:
            self._disagree(layer, what, _text(expected), _text(found))

    def _disagree(self, layer: Layer, what: str, expected: str, found: str) -> None:
        self._disagreements.append(Disagreement(layer.path, what, expected, found))

    def _usable(self, layer: Layer, y: Array | None) -> Array:
        """The output, or zeros in its place if there is none or it has another shape."""
        shape = self._shape(layer)
        return np.zeros(shape, FLOATS[self._settings.dtype]) if y is None or y.shape != shape else y

    def _shape(self, layer: Layer) -> tuple[int, ...]:
        return (self._live.batch, *layer.output.dims)


def _own(layer: Layer, weights: Arrays, names: Collection[str]) -> int:
    """The elements of some of a layer's arrays, without those that it shares with earlier layers."""
    return sum(weights[name].size for name in weights if name in names and name not in layer.shared)


def _compare_outputs(outputs: Arrays, expected: Expected) -> tuple[float, list[Disagreement]]:
    """How far the outputs are from those expected, and what is too far from them."""
    apart, differing = 0.0, []
    if "" in expected.outputs and len(outputs) > 1:
        raise Fault(
            f"{expected.source} holds one output, but there are {len(outputs)}", fix="use a .npz file"
        )
    for name, stored in expected.outputs.items():
        name = name or next(iter(outputs))
        if name not in outputs:
            fix = near(name, outputs) or f"outputs: {', '.join(outputs)}"
            raise Fault(f"{expected.source}: there is no output '{name}'", fix=fix)
        y = outputs[name]
        if stored.shape in (y.shape, y.shape[1:]) and stored.is_real:
            values = stored.read().reshape(y.shape)
            share = share_apart(y, values)
            difference = "" if share <= TOLERANCE else f"off by {share:.2g} of the largest"
        else:
            share, difference = inf, f"{shown(y.shape)}, not {shown(stored.shape)} of {stored.dtype}"
        if difference:
            wanted = f"the numbers in {expected.source}, within {TOLERANCE:g} of the largest"
            differing.append(Disagreement(name, "output values", wanted, difference))
        apart = max(apart, share)
    return apart, differing


def _text(fact: Fact) -> str:
    """A shape, a number or a word as a message has it."""
    return shown(fact) if isinstance(fact, tuple) else f"{fact:,}" if isinstance(fact, int) else fact


def _no_memory(layer: Layer) -> Fault:
    elements = layer.output.elements + sum(prod(dims) for dims in layer.applied.weights.values())
    return Fault(
        f"there is not enough memory to run {layer.path}",
        found=f"{elements:,} elements in its weights and one output",
        fix="try a smaller batch or input",
    )


def peak_memory() -> int:
    """The peak memory of this process so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
