"""A graph counted: the quantities of every layer, and their totals.

All counts are exact. Each quantity is defined once, in `QUANTITIES`, and printed from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import add
from typing import Any, NamedTuple, cast

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault, visible
from paramcalc.base.paths import matching
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, floor_divide, product, total
from paramcalc.count.call import call_text
from paramcalc.engine.graph import Graph, Kind, Layer
from paramcalc.ops.base import Weights
from paramcalc.render import notebook
from paramcalc.render.notebook import shows_itself

BITS = {
    "float64": 64, "float32": 32, "tf32": 32, "bfloat16": 16, "float16": 16, "int8": 8, "float8": 8,
    "int4": 4, "nf4": 4,
}  # fmt: skip


class Counts(NamedTuple):
    """Quantities of one layer, or of several added up; see `QUANTITIES`."""

    params: Size = 0
    trainable: Size = 0
    frozen: Size = 0
    buffers: Size = 0
    kernels: Size = 0
    biases: Size = 0
    active_params: Size = 0
    macs: Size = 0
    flops: Size = 0
    connections: Size = 0
    activations: Size = 0
    contraction_activations: Size = 0
    memory: Size = 0
    cache: Size = 0
    depth: Size = 0

    def __repr__(self) -> str:
        nothing = [isinstance(value, int) and value == 0 for value in self]  # a symbol is neither
        shown = (
            f"{name}={value}" for name, value, no in zip(self._fields, self, nothing, strict=True) if not no
        )
        return f"Counts({', '.join(shown)})"

    def plus(self, other: Counts, times: int = 1) -> Counts:
        if times == 1:
            return Counts(*map(add, self, other))
        return Counts(*(one + times * two for one, two in zip(self, other, strict=True)))


QUANTITIES = {
    "params": "scalars in learned weights, shared ones once; running statistics are buffers",
    "trainable": "params that training changes: those not marked frozen",
    "frozen": "scalars that training does not change: marked frozen, or fixed by design and so not in params",
    "buffers": "scalars stored but not learned (running mean and variance)",
    "kernels": "params that are multiplied in contractions: no biases, no normalization",
    "biases": "params that contractions add: the biases of convolution, linear and attention layers",
    "active_params": "params that one token uses: of the experts, only the active ones",
    "macs": "multiply-accumulates of contractions (convolution, linear, attention), with padding, without bias",
    "flops": "2 for each multiply-accumulate",
    "connections": "inputs and bias that each unit of a convolution, linear or pooling layer reads",
    "activations": "elements of all layers' outputs",
    "contraction_activations": "elements of the outputs of layers with kernels (convolution, linear, attention)",
    "memory": "params and frozen scalars, plus elements of all layers' outputs",
    "cache": "elements that caches and states hold after one more token (--decode); else 0",
    "depth": "layers with kernels, one behind the other on the longest path from an input to an output",
}


def stored(elements: int, dtype: str) -> int:
    """The bytes that elements of a type take, packed without gaps.

    >>> stored(3, "float32"), stored(3, "int4")
    (12, 2)
    """
    return -(-elements * BITS[dtype] // 8)


def known_quantity(name: str) -> str:
    """The name itself; `Fault` with near misses where it is no quantity."""
    return known(name, QUANTITIES, "quantity")


class Row(NamedTuple):
    """One layer and its counts, which are attributes too: `row.params` is `row.counts.params`."""

    layer: Layer
    counts: Counts

    def __repr__(self) -> str:
        return f"<Row {visible(self.path)}: {self.params:,} params, {self.macs:,} macs>"

    def __getattr__(self, name: str) -> Size:
        return quantity_of(self, self.counts, name)

    def __dir__(self) -> Iterable[str]:
        return [*object.__dir__(self), *QUANTITIES]

    @property
    def path(self) -> str:
        return self.layer.path

    @property
    def op(self) -> str:
        """The name of the op: `conv2d`."""
        return self.layer.op.title

    @property
    def call(self) -> str:
        """The op as a line of a spec calls it: `conv2d 64 7 stride=2`."""
        return call_text(self.layer.op)

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """The shapes of the inputs, for one sample."""
        return self.layer.applied.inputs

    @property
    def output(self) -> Shape:
        """The shape of the output, for one sample."""
        return self.layer.output

    @property
    def weights(self) -> Weights:
        """The shapes of the learned arrays, by name."""
        return self.layer.applied.weights


class Basis(NamedTuple):
    """The convention of numbers that are not our own counts.

    `words` has the quantities that the convention is about, and what its owner calls them ('' for the
    usual word); of others it says nothing. `rules` gives each quantity's formulas by op, `differences`
    what each op has more than in our counts or less, the largest first.
    """

    label: str
    says: str
    words: Mapping[str, str]
    rules: Mapping[str, Mapping[str, str]]
    differences: Mapping[str, Mapping[str, Size]]


@shows_itself
class Report(NamedTuple):
    """The counts of a network for a batch of a given size.

    >>> from paramcalc import load
    >>> for layer in load("lenet5-1998").count().layers[:2]:
    ...     print(layer.path, layer.call, layer.output, layer.params)
    C1 conv2d 6 5 6x28x28 156
    tanh tanh 6x28x28 0

    A total is an attribute too: `report.params` is `report.totals.params`.
    `totals` leaves out auxiliary branches, whose sums stand in `auxiliary` by branch. `convention` is
    whose counts they are; `basis` explains one that is not our own.
    """

    graph: Graph
    batch: int
    convention: str
    rows: tuple[Row, ...]
    totals: Counts
    auxiliary: dict[str, Counts]
    basis: Basis | None = None

    def __repr__(self) -> str:
        names = [name for name in ("params", "macs") if name in self.quantities] or self.quantities[:1]
        counts = ", ".join(f"{getattr(self.totals, name):,} {name}" for name in names)
        return f"<Report of {visible(self.graph.model)}: {counts}>"

    def __getattr__(self, name: str) -> Size:
        if self.basis is not None and name in QUANTITIES and name not in self.quantities:
            has = ", ".join(self.quantities)
            raise AttributeError(f"the convention {self.convention} counts no '{name}'; it counts {has}")
        return quantity_of(self, self.totals, name)

    def __dir__(self) -> Iterable[str]:
        return [*object.__dir__(self), *QUANTITIES]

    @property
    def layers(self) -> tuple[Row, ...]:
        """The layers with their counts, in an order in which they can be computed; the same as `rows`."""
        return self.rows

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities that the numbers are about, in the usual order."""
        return tuple(name for name in QUANTITIES if self.basis is None or name in self.basis.words)

    @property
    def with_auxiliary(self) -> Counts:
        """The totals with all branches that exist in training only."""
        return sum_counts([self.totals, *self.auxiliary.values()])

    def select(self, pattern: str) -> tuple[Row, ...]:
        """The rows that a pattern means; `Fault` when there are none."""
        wanted = set(matching(pattern, (row.path for row in self.rows)))
        return tuple(row for row in self.rows if row.path in wanted)

    @property
    def reports(self) -> tuple[Report, ...]:
        """The reports whose networks a notebook draws above the table: this one, if the numbers are our own."""
        return (self,) if self.basis is None else ()

    def input_shapes(self) -> dict[str, tuple[Size, ...]]:
        """Shapes of the inputs with the batch in front."""
        return {name: (self.batch, *shape.dims) for name, shape in self.graph.inputs.items()}

    def to_dict(self, dtype: str = "float32") -> dict[str, Any]:
        """The result of `paramcalc count --format json`, as Python values."""
        return notebook.document(self, dtype)

    def to_json(self, dtype: str = "float32") -> str:
        """The output of `paramcalc count --format json`."""
        return notebook.json(self, dtype)

    def to_records(self) -> list[dict[str, Any]]:
        """A dictionary of names and numbers for each layer, as `--format csv` has it: made for a data frame."""
        return notebook.records(self)


def quantity_of(noun: object, counts: Counts, name: str) -> Size:
    """The value of a quantity, for `__getattr__` of nouns with counts; AttributeError for other names."""
    if name in QUANTITIES:
        return cast("Size", getattr(counts, name))
    raise AttributeError(f"'{type(noun).__name__}' object has no attribute '{name}'", name=name, obj=noun)


def count(graph: Graph, batch: int = 1) -> Report:
    """Counts every layer of a graph.

    >>> from paramcalc import load
    >>> load("lenet5-1998").count().totals.params
    60000
    """
    if batch < 1:
        raise Fault("the batch must be at least 1", found=str(batch))
    known: dict[tuple[Kind, int], Counts] = {}
    rows = []
    for layer, depth in zip(graph.layers, depths(graph), strict=True):
        kind = layer.kind, depth
        counts = known.get(kind)
        if counts is None:
            counts = known[kind] = count_layer(layer, batch, graph.past is not None)._replace(depth=depth)
        rows.append(Row(layer, counts))
    main = sum_counts(row.counts for row in rows if not row.layer.auxiliary)
    return Report(graph, batch, "paramcalc", tuple(rows), main, branches(rows))


def totals(graph: Graph) -> Counts:
    """The totals of one sample alone: equal layers are counted once and multiplied."""
    equal: dict[Kind, list[Layer]] = {}
    for layer in graph.layers:
        if not layer.auxiliary:
            equal.setdefault(layer.kind, []).append(layer)
    result = Counts()
    for layers in equal.values():
        result = result.plus(count_layer(layers[0], 1, graph.past is not None), len(layers))
    return result._replace(depth=sum(depths(graph)))


def depths(graph: Graph) -> list[int]:
    """The depth of each layer: its layers with kernels if the longest path leads through it, else 0.

    A weight layer contracts with its weights: convolution, linear, attention; normalization and lookups
    do not. Branches that exist in training only lead to no output, and a projection on a shortcut lies
    beside the longer way. Of ways of equal length it is the one through the earlier input.

    >>> from paramcalc import load
    >>> sum(depths(load("VGG16").graph()))
    16
    """
    first = len(graph.inputs)
    deepest = [0] * first
    before = [-1] * first  # by value, the one that it is reached through
    known: dict[int, int] = {}
    for layer in graph.layers:
        own = known.get(id(layer.applied))
        if own is None:
            own = known[id(layer.applied)] = weight_layers(layer)
        entering = max(layer.inputs, key=deepest.__getitem__, default=-1)
        before.append(entering)
        deepest.append(own + (deepest[entering] if entering >= 0 else 0))
    found = [0] * len(graph.layers)
    value = max(graph.outputs, key=deepest.__getitem__, default=-1)
    while value >= first:
        found[value - first] = known[id(graph.layers[value - first].applied)]
        value = before[value]
    return found


def weight_layers(layer: Layer) -> int:
    """How many layers that multiply with weights, their own or another's, lie one behind the other in a layer."""
    return layer.op.weight_layers() if layer.op.weighs(layer.applied.weights) else 0


def branches(rows: Iterable[Row]) -> dict[str, Counts]:
    """The sums of the branches that exist in training only, by branch."""
    found: dict[str, list[Counts]] = {}
    for row in rows:
        if row.layer.auxiliary:
            found.setdefault(row.layer.auxiliary, []).append(row.counts)
    return {name: sum_counts(counts) for name, counts in found.items()}


def count_layer(layer: Layer, batch: int, decodes: bool = False) -> Counts:
    """The quantities of one layer by itself, so without the depth, which depends on the others.

    Work, activations and caches grow with the batch, weights do not; there are caches where a token `decodes`.
    """
    applied, mixture = layer.applied, layer.applied.mixture
    op = applied.op
    own = {name: dims for name, dims in applied.weights.items() if name not in layer.shared}
    fixed = _scalars(own, lambda name: name in op.frozen)
    params = _scalars(own, lambda name: name not in op.frozen)
    kernels = _scalars(own, op.contracts)
    contracts = op.weighs(applied.weights)
    activations = 0 if layer.done else applied.output.elements * batch
    macs = applied.cost.macs * batch
    return Counts(
        params=params,
        trainable=0 if layer.frozen else params,
        frozen=fixed + (params if layer.frozen else 0),
        buffers=_scalars(applied.buffers, lambda name: name not in layer.shared),
        kernels=kernels,
        biases=_scalars(own, lambda name: op.adds(name) and name not in op.frozen) if contracts else 0,
        active_params=params if mixture is None else floor_divide(params, mixture.stored) * mixture.active,
        macs=macs,
        flops=2 * macs,
        connections=applied.cost.connections * batch,
        activations=activations,
        contraction_activations=activations if contracts else 0,
        memory=params + fixed + activations,
        cache=total(op.cached(*applied.inputs).values()) * batch if decodes else 0,
    )


def _scalars(arrays: dict[str, tuple[Size, ...]], wanted: Callable[[str], bool]) -> Size:
    result = 0
    for name, dims in arrays.items():
        if wanted(name):
            result = result + product(dims)
    return result


def sum_counts(counts: Iterable[Counts]) -> Counts:
    """The sum of counts, quantity by quantity."""
    result = Counts()
    for item, times in Counter(counts).items():
        result = result.plus(item, times)
    return result
