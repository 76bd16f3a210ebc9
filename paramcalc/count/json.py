"""Reports as JSON, by the contract `paramcalc/report/1`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paramcalc.count.report import QUANTITIES, Basis, Counts, Report, Row, stored
from paramcalc.engine.graph import Layer
from paramcalc.ops.attributes import attributes

SCHEMA = "paramcalc/report/1"


def document(report: Report, dtype: str = "float32") -> dict[str, Any]:
    """The whole report; counts are JSON integers, exact at any size."""
    graph, about = report.graph, report.quantities
    return {
        "schema": SCHEMA,
        "model": graph.model,
        "spec": graph.spec,
        "variant": graph.model if graph.model != graph.spec else None,
        **counted(report),
        **definitions(report.basis),
        **against(report.basis),
        "totals": totals(report.totals, dtype, about),
        "auxiliary": {name: totals(counts, dtype, about) for name, counts in report.auxiliary.items()},
        "totals_with_auxiliary": totals(report.with_auxiliary, dtype, about),
        "outputs": [graph.name(value) for value in graph.outputs],
        "layers": [layer(row, report) for row in report.rows],
    }


def head(
    model: str, settings: Iterable[object], inputs: Mapping[str, Any] | None = None, spec: str = ""
) -> dict[str, Any]:
    """How a document begins: which network it is about, and the sizes of its inputs where it has one size each."""
    shapes = (inputs or {}).items()
    sizes = {name: shape if isinstance(shape, dict) else list(shape) for name, shape in shapes}
    return {
        **({"model": model} if model else {}),
        **({"spec": spec} if spec else {}),
        "settings": [str(each) for each in settings],
        **({} if inputs is None else {"input": sizes}),
    }


def counted(report: Report) -> dict[str, Any]:
    """The settings that the numbers of a report depend on, besides its spec."""
    return {
        "settings": list(report.graph.settings),
        "knobs": {name: plain(value) for name, value in report.graph.knobs.items()},
        "input": {name: list(shape) for name, shape in report.input_shapes().items()},
        "batch": report.batch,
        "convention": report.convention,
    }


def definitions(basis: Basis | None) -> dict[str, Any]:
    """The definitions of the quantities: ours, or a convention's."""
    if basis is None:
        return {"definitions": dict(QUANTITIES)}
    return {
        "basis": {"label": basis.label, "says": basis.says, "words": dict(basis.words)},
        "definitions": {name: dict(rules) for name, rules in basis.rules.items()},
    }


def against(basis: Basis | None) -> dict[str, Any]:
    """The difference of each op under a convention from our count."""
    if basis is None:
        return {}
    return {"against_paramcalc": {name: dict(gaps) for name, gaps in basis.differences.items()}}


def totals(counts: Counts, dtype: str, quantities: Iterable[str] = QUANTITIES) -> dict[str, Any]:
    """The quantities that a report is about; memory also in bytes."""
    found = numbers(counts, quantities)
    if "memory" in found:
        found |= {"dtype": dtype, "memory_bytes": stored(counts.memory, dtype)}
    return found


def numbers(counts: Counts, quantities: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(counts, name) for name in quantities}


def layer(row: Row, report: Report) -> dict[str, Any]:
    """One layer; shapes have the batch in front."""
    used = row.layer.applied
    batch = report.batch
    return {
        "path": row.path,
        "op": used.op.title,
        "attributes": {
            name: plain(getattr(used.op, name))
            for name in attributes(type(used.op))
            if getattr(used.op, name) is not None
        },
        "from": [report.graph.name(value) for value in row.layer.inputs],
        "inputs": [[batch, *shape.dims] for shape in used.inputs],
        "output": [batch, *used.output.dims],
        "axes": ["batch", *used.output.axes],
        "weights": {name: list(dims) for name, dims in used.weights.items()},
        "shared": dict(row.layer.shared),
        **_experts(row.layer, report),
        "operations": {kind: number * batch for kind, number in used.cost.operations.items() if number},
        "auxiliary": row.layer.auxiliary or None,
        **numbers(row.counts, report.quantities),
    }


def _experts(layer: Layer, report: Report) -> dict[str, Any]:
    """The experts of a layer: how many there are, how many run, and which layer scores them."""
    mixture, router = layer.applied.mixture, layer.router
    if mixture is None or router is None:
        return {}
    name = report.graph.name(router)
    return {"experts": {"mixture": mixture.stored, "active": mixture.active, "router": name}}


def plain(value: Any) -> Any:
    """A value as JSON has it: tuples as lists, fractions as numbers."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if type(value).__module__ == "fractions":
        return float(value)
    return str(value) if isinstance(value, str) else value
