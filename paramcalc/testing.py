"""For test suites: a PyTorch module compared with a spec, layer by layer.

PyTorch is the user's: a module is run, and nothing of its package is imported here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from os import PathLike, fspath
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, visible
from paramcalc.count.report import Report, Row
from paramcalc.model import Model, load

Dims = tuple[int, ...]


class Unit(NamedTuple):
    """A part of a module with parameters of its own, when it ran first.

    The shape is None where no single tensor comes out of these parameters: they belong to a module with layers inside,
    or to one that never ran.
    """

    name: str
    kind: str
    params: int
    shape: Dims | None
    ran: bool = True

    def __str__(self) -> str:
        output = f", output {'x'.join(map(str, self.shape[1:]))}" if self.shape else ""
        never = "" if self.ran else ", which never runs"
        return visible(f"{self.name} ({self.kind}): {self.params:,} params{output}{never}")


def assert_spec(
    module: Any, spec: str | PathLike[str] | Model, inputs: Any, variant: str = "", **knobs: Any
) -> None:
    """Raises an AssertionError if the parameters or shapes of a PyTorch module differ from those of a spec.

    `inputs` is what the module takes: a tensor, or several, with the batch in front. The spec is counted for their
    sizes, and with the knobs that are given. Each layer with parameters is compared as it runs; names may differ, and
    branches may run in another order. The message names the first layer that differs.
    """
    model = (
        spec if isinstance(spec, Model) else load(f"{fspath(spec)}:{variant}" if variant else fspath(spec))
    )
    tensors = _listed(inputs)
    report = model.count(inputs=_sizes(model, tensors), **knobs)
    units, output = _run(module, inputs)
    batch = int(tensors[0].shape[0])
    _compare(report, units, batch)
    _compare_output(report, output, batch)


def _listed(inputs: Any) -> list[Any]:
    """The tensors of an input: one, several, or by name."""
    several = inputs.values() if isinstance(inputs, Mapping) else inputs
    found = [*several] if isinstance(inputs, Mapping | tuple | list) else [inputs]
    if not found or not all(hasattr(tensor, "shape") for tensor in found):
        raise Fault(
            "the inputs are not tensors", expected="a tensor, several in a tuple, or by name in a dictionary"
        )
    return found


def _sizes(model: Model, tensors: Sequence[Any]) -> dict[str, Dims]:
    """The sizes of a spec's inputs, in the order in which it has them."""
    names = [*model.spec.inputs]
    if len(names) != len(tensors):
        fact = f"'{model.name}' has {len(names)} inputs, and {len(tensors)} tensors are given"
        raise Fault(fact, fix=f"its inputs are {', '.join(names)}")
    return {
        name: tuple(int(size) for size in tensor.shape[1:])
        for name, tensor in zip(names, tensors, strict=True)
    }


# ------------------------------------------------------------------------------------- the module


def _run(module: Any, inputs: Any) -> tuple[list[Unit], Any]:
    """The parts of a module that have parameters, in the order in which they run, and its output."""
    modules = dict(module.named_modules())
    began: dict[str, int] = {}
    ended: dict[str, tuple[int, Any]] = {}
    clock = iter(range(sys.maxsize))

    def begin(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            began.setdefault(name, next(clock))

        return hook

    def end(name: str) -> Callable[..., None]:
        def hook(_module: object, _given: object, output: object) -> None:
            ended.setdefault(name, (next(clock), _shape(output)))

        return hook

    hooks = [one.register_forward_pre_hook(begin(name)) for name, one in modules.items()]
    hooks += [one.register_forward_hook(end(name)) for name, one in modules.items()]
    try:
        with _evaluating(module):
            output = _called(module, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return _units(modules, _owned(modules, began), began, ended), output


def _called(module: Any, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return module(**inputs)
    return module(*inputs) if isinstance(inputs, tuple | list) else module(inputs)


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Without gradients, and as in use: normalization by its statistics. What trained trains again afterwards."""
    torch = sys.modules.get("torch")
    modes = [(one, one.training) for _, one in module.named_modules()]
    module.eval()
    try:
        with torch.no_grad() if torch else nullcontext():
            yield
    finally:
        for one, training in modes:
            one.training = training


def _owned(modules: Mapping[str, Any], began: Mapping[str, int]) -> dict[str, int]:
    """The parameters of each module itself, those met before left out.

    Those of one that never runs are of the one around it that does: attention reads the weights of its projections.
    """
    seen: set[int] = set()
    found: dict[str, int] = {}
    for name, module in modules.items():
        own = [one for _, one in module.named_parameters(recurse=False) if id(one) not in seen]
        seen.update(map(id, own))
        owner = name
        while owner and owner not in began:
            owner = owner.rpartition(".")[0]
        params = sum(int(one.numel()) for one in own)
        if params:
            holder = owner or name
            found[holder] = found.get(holder, 0) + params
    return found


def _units(
    modules: Mapping[str, Any],
    owned: Mapping[str, int],
    began: Mapping[str, int],
    ended: Mapping[str, tuple[int, Any]],
) -> list[Unit]:
    found: list[tuple[int, Unit]] = []
    for name, params in owned.items():
        kind = type(modules[name]).__name__
        inside = any(other != name and _is_inside(other, name) for other in owned)
        place, shape = ended.get(name, (sys.maxsize, None))
        if inside:  # layers with parameters are in it: its own are no layer's
            place, shape = began.get(name, sys.maxsize), None
        found.append((place, Unit(name or "the module", kind, params, shape, name in began)))
    return [unit for _, unit in sorted(found, key=lambda pair: pair[0])]


def _is_inside(name: str, outer: str) -> bool:
    return not outer or name.startswith(f"{outer}.")


def _shape(output: Any) -> Dims | None:
    """The shape of a tensor, or of the first of several."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return tuple(int(size) for size in output.shape) if hasattr(output, "shape") else None


# ------------------------------------------------------------------------------------- comparison


def _compare(report: Report, units: Sequence[Unit], batch: int) -> None:
    rows = [row for row in report.rows if row.params]
    left_rows, left_units = dict(enumerate(rows)), dict(enumerate(units))
    for place, row in enumerate(rows):
        same = (
            one for one, unit in left_units.items() if unit.params == row.params and _fits(row, unit, batch)
        )
        found = next(same, None)
        if found is not None:
            del left_rows[place], left_units[found]
    _match_runs(left_rows, left_units)
    missing = {place: row for place, row in left_rows.items() if not row.layer.auxiliary}
    if missing or left_units:
        raise AssertionError(_difference(report, rows, units, missing, left_units))


def _fits(row: Row, unit: Unit, batch: int) -> bool:
    """Whether a shape is that of a layer: channels first or last, or, where axes are joined, of as many elements."""
    if unit.shape is None:
        return True
    dims = tuple(int(dim) for dim in row.output.dims)
    if unit.shape[0] == batch and len(unit.shape) == 1 + len(dims):
        return unit.shape[1:] in (dims, (*dims[1:], *dims[:1]))
    return math.prod(unit.shape) == batch * math.prod(dims)


def _match_runs(rows: dict[int, Row], units: dict[int, Unit]) -> None:
    """Takes out layers that are several parts of the module, one after the other, and parts that are several layers."""
    for place, row in [*rows.items()]:
        run = _run_of(int(row.params), {key: unit.params for key, unit in units.items()})
        if run:
            del rows[place]
            for key in run:
                del units[key]
    for key, unit in [*units.items()]:
        run = _run_of(unit.params, {place: int(row.params) for place, row in rows.items()})
        if run:
            del units[key]
            for place in run:
                del rows[place]


def _run_of(total: int, params: Mapping[int, int]) -> list[int]:
    """The first neighbours, two or more, that have this many parameters together."""
    keys = [*params]
    for first in range(len(keys)):
        left = total
        for last in range(first, len(keys)):
            if last > first and keys[last] != keys[last - 1] + 1:
                break
            left -= params[keys[last]]
            if left == 0 and last > first:
                return keys[first : last + 1]
            if left <= 0:
                break
    return []


def _difference(
    report: Report,
    rows: Sequence[Row],
    units: Sequence[Unit],
    missing: Mapping[int, Row],
    extra: Mapping[int, Unit],
) -> str:
    row = next(iter(missing.values()), None)
    unit = next((one for one in extra.values() if one.ran), next(iter(extra.values()), None))
    name = report.graph.model
    where = f"at layer '{row.path}'" if row else f"at module '{unit.name}'" if unit else ""
    line = f" ({row.layer.source.place(row.layer.start)})" if row else ""
    has = (
        f"{row.path}: {row.call}: {row.params:,} params, output {row.output}{line}"
        if row
        else "has no such layer"
    )
    total, other = (sum(int(one.params) for one in several) for several in (rows, units))
    return "\n".join(
        [
            visible(f"the module and '{name}' differ first {where}"),
            visible(f"  spec    {has}"),
            f"  module  {unit if unit else 'has no such layer'}",
            *_hint(row, unit),
            f"  in all  spec {total:,} params in {len(rows)} layers, module {other:,} in {len(units)}; "
            f"without counterpart: {len(missing)} and {len(extra)}",
        ]
    )


def _hint(row: Row | None, unit: Unit | None) -> list[str]:
    """The probable cause of a difference, where the numbers show it."""
    if row is None or unit is None or not unit.shape:
        return []
    difference = unit.params - int(row.params)
    if difference == int(row.counts.biases or 0) == 0:
        return []
    if row.counts.biases and difference == -int(row.counts.biases):
        return ["  maybe   the module's has no bias: write bias=false"]
    if not row.counts.biases and difference == int(row.output.dims[0]):
        return ["  maybe   the module's has a bias"]
    return []


def _compare_output(report: Report, output: Any, batch: int) -> None:
    shape = _shape(output)
    first = report.graph.shape(report.graph.outputs[0])
    dims = tuple(int(dim) for dim in first.dims)
    if isinstance(output, Mapping) or shape is None or (isinstance(output, tuple | list) and len(output) > 1):
        return
    if math.prod(shape) != batch * math.prod(dims):
        shown = "x".join(map(str, shape[1:]))
        raise AssertionError(f"the module gives {shown}, '{visible(report.graph.model)}' {first}")
