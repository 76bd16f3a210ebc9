"""Memory that a network needs, line by line, and what its layers move and compute.

`docs/counting.md` defines every line; the total is their sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault
from paramcalc.base.sizes import product, total
from paramcalc.count import liveness
from paramcalc.count.liveness import Moment
from paramcalc.count.report import Report, count, stored
from paramcalc.engine.graph import Graph, Layer
from paramcalc.memory.devices import Device

OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "momentum": ("momentum",),
    "rmsprop": ("mean squares",),
    "adagrad": ("sums of squares",),
    "lion": ("momentum",),
    "adam": ("first moments", "second moments"),
    "adamw": ("first moments", "second moments"),
}
FULL = "float32"  # the type of buffers, and of what mixed precision keeps in full
HALVES = ("bfloat16", "float16")
PACKED = ("int4", "nf4")  # weights alone have these types


class Plan(NamedTuple):
    """How a network is run.

    `dtype` is the type of activations, `weights` that of weights. `optimizer` is one of `OPTIMIZERS`
    for training, '' for inference; `mixed` training keeps a float32 copy of the weights.
    `inplace`, `fused` and `checkpoints` are those of `liveness.run`.
    """

    batch: int = 1
    dtype: str = FULL
    weights: str = FULL
    optimizer: str = ""
    mixed: bool = False
    inplace: bool = False
    fused: bool = False
    checkpoints: str = ""


class Part(NamedTuple):
    """One kind of memory: a number of elements of a type, packed without gaps."""

    name: str
    elements: int
    dtype: str

    @property
    def bytes(self) -> int:
        return stored(self.elements, self.dtype)


class Work(NamedTuple):
    """The operations of one layer in a forward pass, and its traffic if it touches each tensor once.

    `live` are the elements alive while it runs. `operations` are 2 for each multiply-accumulate and 1
    for each other operation; `traffic` the bytes of its inputs, the weights it reads, its output.
    """

    layer: Layer
    live: int
    operations: int
    traffic: int

    @property
    def intensity(self) -> Fraction:
        """Arithmetic intensity: operations for each byte moved."""
        return Fraction(self.operations, self.traffic) if self.traffic else Fraction(0)


class Memory(NamedTuple):
    """The memory of a run at its peak.

    `activations` are the elements of all outputs together, `cache` those that generating token by
    token keeps, by name, `recomputed` the multiply-accumulates that checkpoints do twice.
    """

    report: Report
    plan: Plan
    lines: tuple[Part, ...]
    peak: Moment
    work: tuple[Work, ...]
    activations: int
    cache: Mapping[str, int]
    recomputed: int

    @property
    def scalars(self) -> int:
        """Scalars in weights, learned or fixed."""
        return next((line.elements for line in self.lines if line.name == "weights"), 0)

    @property
    def cached(self) -> int:
        """Elements in caches and states when generating token by token."""
        return sum(self.cache.values())

    @property
    def bytes(self) -> int:
        """The total: the sum of the lines."""
        return sum(line.bytes for line in self.lines)


class TimeBound(NamedTuple):
    """Least times on a device, in seconds.

    `layers` gives one for each layer, which computes at the peak rate or moves its traffic at full
    bandwidth, whichever takes longer. `fused` is for the whole network when nothing but weights,
    inputs and outputs is moved.
    """

    device: Device
    layers: tuple[Fraction, ...]
    fused: Fraction

    @property
    def total(self) -> Fraction:
        """The least time of all layers, one after the other."""
        return sum(self.layers, Fraction(0))


def memory(graph: Graph, plan: Plan = Plan()) -> Memory:
    """The memory of a network under a plan.

    >>> from paramcalc import load
    >>> [(line.name, line.bytes) for line in memory(load("lenet5-1998").graph()).lines]
    [('weights', 243360), ('activations', 37632)]
    """
    _check(plan)
    if plan.optimizer and graph.past is not None:
        raise Fault("training computes all tokens at once", fix="leave out --decode or --train")
    report = count(graph, plan.batch)
    training = bool(plan.optimizer)
    run = liveness.run(graph, plan.batch, training, plan.inplace, plan.fused, plan.checkpoints)
    cache = {name: plan.batch * kept for name, kept in _cache(graph, run.layers).items()}
    lines = _training(report, plan, run.peak) if training else _inference(report, plan, run.peak, cache)
    return Memory(
        report=report,
        plan=plan,
        lines=tuple(line for line in lines if line.elements),
        peak=run.peak,
        work=tuple(
            _work(layer, moment, plan, decodes=graph.past is not None)
            for layer, moment in zip(run.layers, run.moments, strict=False)
        ),
        activations=(report.with_auxiliary if training else report.totals).activations,
        cache=cache,
        recomputed=plan.batch * total(layer.applied.cost.macs for layer in run.repeated),
    )


def _cache(graph: Graph, layers: tuple[Layer, ...]) -> dict[str, int]:
    """The cached elements of one sample, by name; none in a network that does not generate token by token."""
    if graph.past is None and not any(getattr(layer.op, "causal", False) for layer in layers):
        return {}
    found: dict[str, int] = {}
    for layer in layers:
        for name, kept in layer.op.cached(*layer.applied.inputs).items():
            found[name] = found.get(name, 0) + kept
    return found


def _check(plan: Plan) -> None:
    if plan.optimizer:
        known(plan.optimizer, OPTIMIZERS, "optimizer")
    if plan.mixed and not (plan.optimizer and plan.dtype in HALVES):
        raise Fault(
            "mixed precision is training with activations of half precision",
            expected=f"an optimizer, and {' or '.join(HALVES)}",
            found=f"{plan.optimizer or 'no optimizer'}, {plan.dtype}",
        )
    if plan.optimizer and plan.weights in PACKED:
        raise Fault(
            f"weights in {plan.weights} are for inference", fix="train with weights of 8 bits or more"
        )
    if plan.checkpoints and not plan.optimizer:
        raise Fault("checkpoints are for training", fix="name an optimizer")


def _inference(report: Report, plan: Plan, peak: Moment, cache: Mapping[str, int]) -> list[Part]:
    counts = report.totals
    return [
        Part("weights", counts.memory - counts.activations, plan.weights),
        Part("buffers", counts.buffers, FULL),
        *(Part(name, kept, plan.dtype) for name, kept in cache.items()),
        Part("activations", peak.values, plan.dtype),
        Part("inside layers", peak.inner, plan.dtype),
    ]


def _training(report: Report, plan: Plan, peak: Moment) -> list[Part]:
    counts = report.with_auxiliary
    kept = FULL if plan.mixed else plan.weights
    return [
        Part("weights", counts.memory - counts.activations, plan.weights),
        Part("weights in full precision", counts.trainable if plan.mixed else 0, FULL),
        Part("gradients of weights", counts.trainable, plan.weights),
        *(Part(name, counts.trainable, kept) for name in OPTIMIZERS[plan.optimizer]),
        Part("buffers", counts.buffers, FULL),
        Part("activations", peak.values, plan.dtype),
        Part("inside layers", peak.inner, plan.dtype),
        Part("gradients of activations", peak.gradients, plan.dtype),
    ]


def _work(layer: Layer, moment: Moment, plan: Plan, decodes: bool) -> Work:
    """The work of a layer; one that decodes reads its cache, too, and adds the token to it."""
    applied = layer.applied
    operations = 2 * applied.cost.macs + total(applied.cost.operations.values())
    read = dict(zip(layer.inputs, applied.rules.inputs_read(*applied.inputs), strict=True))
    cached = total(applied.op.cached(*applied.inputs).values()) if decodes else 0
    moved = plan.batch * (sum(read.values()) + cached + applied.output.elements)
    weights = total(applied.rules.weights_read(plan.batch, *applied.inputs).values())
    buffers = total(product(dims) for dims in applied.buffers.values())
    traffic = stored(moved, plan.dtype) + stored(weights, plan.weights) + stored(buffers, FULL)
    return Work(layer, moment.elements, plan.batch * operations, traffic)


def bound(memory: Memory, device: Device) -> TimeBound:
    """Least times for a forward pass on a device.

    A layer without operations only moves values about, which a good program avoids: it takes none.
    """
    rate = device.rate(memory.plan.dtype)
    layers = tuple(
        max(work.operations / rate, work.traffic / device.bandwidth) if work.operations else Fraction(0)
        for work in memory.work
    )
    operations = sum(work.operations for work in memory.work)
    return TimeBound(device, layers, max(operations / rate, _unavoidable(memory) / device.bandwidth))


def _unavoidable(memory: Memory) -> int:
    """Bytes of inputs and outputs, of the weights that are read, shared ones once, and of a cache that is."""
    graph, plan = memory.report.graph, memory.plan
    entering = {value for work in memory.work for value in work.layer.inputs} & {*range(len(graph.inputs))}
    ends = [graph.shape(value) for value in (*sorted(entering), *graph.outputs)]
    read: dict[tuple[str, str], int] = {}
    for work in memory.work:
        applied = work.layer.applied
        for name, scalars in applied.rules.weights_read(plan.batch, *applied.inputs).items():
            key = (work.layer.shared.get(name, work.layer.path), name)
            read[key] = max(read.get(key, 0), scalars)
    moved = plan.batch * sum(shape.elements for shape in ends)
    moved += memory.cached if graph.past is not None else 0
    return stored(moved, plan.dtype) + stored(sum(read.values()), plan.weights)
