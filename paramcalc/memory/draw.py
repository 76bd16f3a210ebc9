"""Memory as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from paramcalc.base.printed import significant
from paramcalc.count.call import brief_text, call_text
from paramcalc.count.json import head, plain
from paramcalc.count.report import BITS, stored
from paramcalc.memory.memory import Memory, Part, TimeBound, Work
from paramcalc.render.grid import Column, Grid, Line, Rows, number
from paramcalc.render.words import dims, inputs, title

SCHEMA = "paramcalc/memory/1"
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
TIMES = (
    (Fraction(1), "s"),
    (Fraction(1, 10**3), "ms"),
    (Fraction(1, 10**6), "us"),
    (Fraction(1, 10**9), "ns"),
)
STORED = ("float32", "bfloat16", "int8", "int4")
RECORD = ("path", "op", "output", "live", "operations", "traffic", "intensity", "seconds")


def grid(memory: Memory, bound: TimeBound | None = None) -> Grid:
    """The lines with their total, and what they were computed for."""
    columns = (
        Column("memory"),
        Column("elements", True),
        Column("type"),
        Column("bytes", True),
        Column("about", True),
    )
    lines = [_line(part) for part in memory.lines]
    total = Line(("total", "", "", number(memory.bytes), scaled(memory.bytes)), strong=True, rule=True)
    return Grid(
        title(memory.report.graph), columns, (*lines, total), (*notes(memory), *_times(memory, bound))
    )


def _line(part: Part) -> Line:
    return Line((part.name, number(part.elements), part.dtype, number(part.bytes), scaled(part.bytes)))


def notes(memory: Memory) -> tuple[str, ...]:
    """The plan, when the peak is, and what the totals do not show."""
    plan, peak, graph = memory.plan, memory.peak, memory.report.graph
    how = f"training with {plan.optimizer}" if plan.optimizer else "inference"
    options = [
        name
        for name, on in (
            ("mixed precision", plan.mixed),
            ("elementwise layers in place", plan.inplace),
            ("fused attention", plan.fused),
            (f"checkpoints {plan.checkpoints}", bool(plan.checkpoints)),
        )
        if on
    ]
    where = f" ({'gradients of ' * peak.backward}{peak.layer})" if peak.layer else ""
    said = [
        ", ".join([f"{inputs(graph.inputs)}, batch {plan.batch}", how, *options]),
        f"peak live activations: {number(peak.elements)} elements{where}; all outputs together: "
        f"{number(memory.activations)} elements, {number(stored(memory.activations, plan.dtype))} bytes",
        f"weights: {_stored(memory)}",
        f"params + outputs: {number(memory.report.totals.memory)} elements",
    ]
    if plan.optimizer and plan.dtype == "int8":
        said.append("int8 holds no gradients in practice: training is in bfloat16 (--mixed) or float32")
    if memory.cached:
        kept = ", ".join(f"{name}: {number(size // plan.batch)}" for name, size in memory.cache.items())
        several = len(graph.inputs) > 1
        sizes = [f"{name} " * several + shape.described() for name, shape in graph.inputs.items()]
        sample = f"a sample of {', '.join(sizes)}"
        if graph.past is not None:
            sample = f"a sample of {number(graph.past + 1)} tokens, the new one included"
        said.append(f"{kept} elements for {sample}")
    if memory.recomputed:
        said.append(f"checkpoints recompute {number(memory.recomputed)} multiply-accumulates")
    return tuple(said)


def _stored(memory: Memory) -> str:
    return ", ".join(f"{number(stored(memory.scalars, dtype))} bytes as {dtype}" for dtype in STORED)


def _times(memory: Memory, bound: TimeBound | None) -> tuple[str, ...]:
    """The least times on a device, and whether the memory is enough."""
    if bound is None:
        return ()
    device, dtype = bound.device, memory.plan.dtype
    rates = f"{_rate(device.rate(dtype))}FLOP/s in {dtype}, {_rate(device.bandwidth)}B/s"
    said = [
        ", ".join(part for part in (f"{device.title}: {rates}", device.source) if part),
        f"a forward pass takes at least {seconds(bound.total)} layer by layer, "
        f"{seconds(bound.fused)} if only weights, inputs and outputs are moved",
    ]
    if device.memory:
        fits = "fits" if memory.bytes <= device.memory else "does not fit"
        said.append(f"{scaled(memory.bytes)} {fits} in {scaled(int(device.memory))}")
    return tuple(said)


def layers(memory: Memory, bound: TimeBound | None = None) -> Grid:
    """Each layer: what is alive while it runs, its operations, its traffic, their ratio, its least time."""
    ops = {work.layer.op for work in memory.work}
    brief = {call_text(op): brief_text(op) for op in ops}
    columns = [
        Column("layer"),
        Column("op", short=brief, wrap=True),
        Column("output", True, drop=1),
        Column("live", True),
    ]
    columns += [
        Column(name, True)
        for name in ("operations", "traffic", "intensity", *(("least time",) if bound else ()))
    ]
    times = bound.layers if bound else ()
    lines = [
        Line(
            (
                work.layer.path,
                call_text(work.layer.op),
                dims(work.layer.output),
                number(work.live),
                number(work.operations),
                number(work.traffic),
                significant(work.intensity, 3),
                *((seconds(times[place]),) if bound else ()),
            ),
            faint=bool(work.layer.auxiliary),
        )
        for place, work in enumerate(memory.work)
    ]
    operations, traffic = (
        sum(getattr(work, name) for work in memory.work) for name in ("operations", "traffic")
    )
    whole = significant(Fraction(operations, traffic), 3) if traffic else ""
    cells = (
        "total",
        "",
        "",
        "",
        number(operations),
        number(traffic),
        whole,
        *((seconds(bound.total),) if bound else ()),
    )
    meaning = (
        "live: elements alive while the layer runs; traffic: bytes of its inputs, weights and output",
        "operations: 2 per multiply-accumulate, 1 for any other; intensity: operations per byte",
    )
    return Grid(
        title(memory.report.graph),
        tuple(columns),
        (*lines, Line(cells, strong=True, rule=True)),
        (notes(memory)[0], *meaning, *_times(memory, bound)),
    )


def scaled(size: int) -> str:
    """A number of bytes in the largest unit that leaves a whole part.

    >>> scaled(102_228_128), scaled(480)
    ('97.5 MiB', '480 bytes')
    """
    power = max(0, min((size.bit_length() - 1) // 10, len(UNITS) - 1))
    return f"{significant(Fraction(size, 1024**power), 3) if power else size} {UNITS[power]}"


def seconds(time: Fraction) -> str:
    """A time in the largest unit that leaves a whole part.

    >>> seconds(Fraction(1, 2500)), seconds(Fraction(0))
    ('400 us', '0 s')
    """
    if not time:
        return "0 s"
    unit, name = next(((unit, name) for unit, name in TIMES if time >= unit), TIMES[-1])
    return f"{significant(time / unit, 3)} {name}"


def _rate(value: Fraction) -> str:
    """A rate with its prefix.

    >>> _rate(Fraction(1555 * 10**9))
    '1.56 T'
    """
    power, prefix = next(
        (p, n) for p, n in ((12, "T"), (9, "G"), (6, "M"), (0, "")) if value >= 10**p or not p
    )
    return f"{significant(value / 10**power, 3)} {prefix}"


def rows(memory: Memory, bound: TimeBound | None = None) -> Rows:
    """Every layer on a line."""
    return Rows(RECORD, (tuple(record.values()) for record in _records(memory, bound)))


def document(memory: Memory, bound: TimeBound | None = None) -> dict[str, Any]:
    """The plan, the lines with their total, the peak, and every layer."""
    graph, peak = memory.report.graph, memory.peak
    result: dict[str, Any] = {
        "schema": SCHEMA,
        **head(graph.model, graph.settings, memory.report.input_shapes(), graph.spec),
        "plan": memory.plan._asdict(),
        "lines": [{**part._asdict(), "bytes": part.bytes} for part in memory.lines],
        "total_bytes": memory.bytes,
        "peak": {**peak._asdict(), "elements": peak.elements},
        "activations": memory.activations,
        "cached": memory.cached,
        "cache": dict(memory.cache),
        "recomputed_macs": memory.recomputed,
        "weights_bytes": {dtype: stored(memory.scalars, dtype) for dtype in BITS},
        "layers": _records(memory, bound),
    }
    if bound is not None:
        device = bound.device
        result["device"] = {
            **device._asdict(),
            "memory": plain(device.memory),
            "bandwidth": plain(device.bandwidth),
            "peak": {dtype: plain(rate) for dtype, rate in device.peak.items()},
            "seconds_layer_by_layer": plain(bound.total),
            "seconds_fused": plain(bound.fused),
        }
    return result


def _records(memory: Memory, bound: TimeBound | None) -> list[dict[str, Any]]:
    times: Iterable[Fraction | None] = bound.layers if bound else [None] * len(memory.work)
    return [_record(work, time) for work, time in zip(memory.work, times, strict=True)]


def _record(work: Work, time: Fraction | None) -> dict[str, Any]:
    values = (
        work.layer.path, work.layer.op.title, str(work.layer.output), work.live, work.operations, work.traffic,
        plain(work.intensity), plain(time),
    )  # fmt: skip
    return dict(zip(RECORD, values, strict=True))
