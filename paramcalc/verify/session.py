"""Verifications as users ask for them: with inputs and weights from files, of one network or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, SpecError
from paramcalc.engine.graph import Graph, Layer
from paramcalc.model import Model
from paramcalc.verify.checkpoint import Match, matched, read_array, read_arrays
from paramcalc.verify.compare import Settings, Verification, verify
from paramcalc.verify.effort import Effort
from paramcalc.verify.fields import Field, measured
from paramcalc.verify.run import named
from paramcalc.verify.targets import Target, targets
from paramcalc.verify.tools import Array
from paramcalc.verify.weights import Given, counted, listed

Begin = Callable[[str, Graph, Effort], None]  # a model that is to be run now, and what that takes
Watch = Callable[[str, int, Layer, Array], None]  # model, number of layers, the layer done, its output


class Request(NamedTuple):
    """What to run, and how: changes of the spec, input sizes, files, layers whose fields to measure.

    `arrays` are files with inputs by the inputs' names, '' for the only one. Of a folder, networks
    of more than `most` multiplications are left out. `alone`: this makes sense for one network only.
    """

    settings: Settings
    changes: tuple[Any, ...] = ()
    sizes: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    arrays: Mapping[str, Path] = MappingProxyType({})
    weights: Path | None = None
    fields: tuple[str, ...] = ()
    most: int = 0
    alone: bool = False


class Outcome(NamedTuple):
    """A network that was run, with remarks; or why it was not, in `problem`."""

    name: str
    run: Verification | None = None
    fields: tuple[Field, ...] = ()
    remarks: tuple[str, ...] = ()
    problem: Fault | SpecError | None = None

    @property
    def agrees(self) -> bool:
        return self.run is not None and self.run.agrees and all(field.agrees for field in self.fields)


class Session(NamedTuple):
    """All outcomes, and the networks of folders that were too large."""

    outcomes: tuple[Outcome, ...]
    left_out: tuple[str, ...]

    @property
    def runs(self) -> list[tuple[Verification, tuple[Field, ...]]]:
        return [(outcome.run, outcome.fields) for outcome in self.outcomes if outcome.run]

    @property
    def remarks(self) -> list[str]:
        """What a user should know: how weights were found, what could not be run, what was left out."""
        texts = [text for outcome in self.outcomes for text in outcome.remarks]
        texts += [_told(outcome.name, outcome.problem) for outcome in self.outcomes if outcome.problem]
        if self.left_out:
            texts.append(f"left out, as larger than --up-to: {', '.join(self.left_out)}")
        return texts

    @property
    def exit_code(self) -> int:
        """0 when all agree, 1 when something disagrees, 2 when something was not run."""
        if any(outcome.problem for outcome in self.outcomes):
            return 2
        return 0 if all(outcome.agrees for outcome in self.outcomes) else 1


def session(names: Iterable[str], request: Request, begin: Begin, watch: Watch) -> Session:
    """Verifies all networks that names mean; one that cannot be run does not stop the others."""
    found = [*targets(names)]
    if len(found) > 1 and request.alone:
        raise Fault("files and fields are those of one network", found=f"{len(found)} networks")
    outcomes, left_out = [], []
    for target in found:
        try:
            graph = _graph(target, request)
            macs = request.settings.batch * sum(layer.applied.cost.macs for layer in graph.layers)
            if target.folder and macs > request.most:
                left_out.append(f"{target.name} ({macs:,} MACs)")
                continue
            outcomes.append(_verified(target, graph, request, begin, watch))
        except (Fault, SpecError) as problem:
            if len(found) == 1:
                raise
            outcomes.append(Outcome(target.name, problem=problem))
    if left_out and not outcomes:
        raise Fault("all networks are larger than --up-to", found=listed(left_out))
    return Session(tuple(outcomes), tuple(left_out))


def _graph(target: Target, request: Request) -> Graph:
    if target.model is None:
        raise target.problem or Fault(f"there is no {target.name}")
    return target.model.graph(request.changes, dict(request.sizes))


def _verified(target: Target, graph: Graph, request: Request, begin: Begin, watch: Watch) -> Outcome:
    named(graph, request.fields)  # a misspelt layer is noticed before the run
    match = _weights(graph, request)
    given = Given(graph, match.arrays, request.settings.dtype, match.auxiliary) if match else None
    auxiliary = match is None or match.auxiliary
    run = verify(
        graph,
        request.settings,
        _inputs(graph, request),
        given,
        auxiliary=auxiliary,
        begin=partial(begin, target.name, graph),
        see=partial(watch, target.name, len(graph.layers)),
    )
    fields = _fields(target.model, request) if target.model and request.fields else ()
    return Outcome(target.name, run, fields, _remarks(request, match))


def _inputs(graph: Graph, request: Request) -> dict[str, Array] | None:
    """The inputs from files, if there are any; a nameless one is the first."""
    first = next(iter(graph.inputs))
    return {name or first: read_array(path) for name, path in request.arrays.items()} or None


def _weights(graph: Graph, request: Request) -> Match | None:
    if request.weights is None:
        return None
    return matched(graph, read_arrays(request.weights), str(request.weights))


def _fields(model: Model, request: Request) -> tuple[Field, ...]:
    def build(sizes: dict[str, tuple[int, ...]]) -> Graph:
        return model.graph(request.changes, {**request.sizes, **sizes})

    return tuple(measured(build, request.fields, request.settings.threads))


def _remarks(request: Request, match: Match | None) -> tuple[str, ...]:
    if match is None:
        return ()
    how = {"name": "by name", "order": "by order and shape: no name of a weight is in it"}[match.how]
    remarks = [f"{request.weights}: {counted([*match.arrays], 'array')} found {how}"]
    if match.extra:
        remarks.append(f"{request.weights}: {counted(match.extra, 'array')} not used: {listed(match.extra)}")
    return tuple(remarks)


def _told(name: str, problem: Fault | SpecError) -> str:
    if isinstance(problem, SpecError):
        return str(problem)
    fact = problem.fact if f"'{name}'" in problem.fact else f"{name}: {problem.fact}"
    return "\n".join([fact, *(f"  = {note}" for note in problem.notes())])
