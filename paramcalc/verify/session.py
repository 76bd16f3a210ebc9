"""Verifications as users ask for them: with inputs and weights from files, of one network or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, SpecError
from paramcalc.engine import elaborate, library
from paramcalc.engine.graph import Graph, Layer
from paramcalc.engine.settings import Decode
from paramcalc.verify import files
from paramcalc.verify.checkpoint import WeightMatch, match
from paramcalc.verify.compare import Expected, RunSettings, Verification, verify
from paramcalc.verify.decode import generate, whole
from paramcalc.verify.effort import Effort, check_memory, effort
from paramcalc.verify.mapping import match_by_map, read_map
from paramcalc.verify.run import checked_inputs
from paramcalc.verify.stored import Stored
from paramcalc.verify.tools import Array
from paramcalc.verify.weights import GivenWeights, listed

Begin = Callable[[str, Graph, Effort], None]  # a model that is to be run now, and what that takes
Watch = Callable[[str, int, Layer, Array], None]  # model, number of layers, the layer done, its output


class Target(NamedTuple):
    """A name, and the address that its spec is found by. `folder`: one of many."""

    name: str
    address: str
    folder: bool = False


class Request(NamedTuple):
    """The networks to run, and how: changes of the spec, input sizes, files.

    `arrays` are files with inputs by the inputs' names, '' for the only one; `expected` is one with
    outputs. Of a folder, networks of more than `limit` multiplications are left out. `alone`: this makes
    sense for one network only.
    """

    settings: RunSettings
    changes: tuple[Any, ...] = ()
    sizes: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    arrays: Mapping[str, Path] = MappingProxyType({})
    weights: Path | None = None
    expected: Path | None = None
    map: Path | None = None
    limit: int = 0
    alone: bool = False
    decode: Decode | None = None


class NetworkOutcome(NamedTuple):
    """A network that was run, with remarks; or why it was not, in `problem`."""

    name: str
    run: Verification | None = None
    remarks: tuple[str, ...] = ()
    problem: Fault | SpecError | None = None


class Session(NamedTuple):
    """All outcomes, and the networks of folders that were too large."""

    outcomes: tuple[NetworkOutcome, ...]
    left_out: tuple[str, ...]

    @property
    def runs(self) -> list[Verification]:
        return [outcome.run for outcome in self.outcomes if outcome.run]

    @property
    def remarks(self) -> list[str]:
        """Remarks for the user: how weights were found, what could not be run, what was left out."""
        texts = [text for outcome in self.outcomes for text in outcome.remarks]
        texts += [
            _problem_text(outcome.name, outcome.problem) for outcome in self.outcomes if outcome.problem
        ]
        if self.left_out:
            texts.append(f"skipped, larger than --up-to: {', '.join(self.left_out)}")
        return texts

    @property
    def exit_code(self) -> int:
        """0 when all agree, 1 when something disagrees, 2 when something was not run."""
        if any(outcome.problem for outcome in self.outcomes):
            return 2
        return 0 if all(run.agrees for run in self.runs) else 1


def session(names: Iterable[str], request: Request, begin: Begin, watch: Watch) -> Session:
    """Verifies all networks that names mean; one that cannot be run does not stop the others."""
    all_targets = [*targets(names)]
    if len(all_targets) > 1 and request.alone:
        raise Fault("files belong to one network", found=f"{len(all_targets)} networks")
    outcomes, left_out = [], []
    for target in all_targets:
        try:
            graph = _graph(target, request)
            macs = request.settings.batch * sum(layer.applied.cost.macs for layer in graph.layers)
            if target.folder and macs > request.limit:
                left_out.append(f"{target.name} ({macs:,} MACs)")
                continue
            outcomes.append(_verify(target.name, graph, request, begin, watch))
        except (Fault, SpecError) as problem:
            if len(all_targets) == 1:
                raise
            outcomes.append(NetworkOutcome(target.name, problem=problem))
    if left_out and not outcomes:
        raise Fault("every network is larger than --up-to", found=listed(left_out))
    return Session(tuple(outcomes), tuple(left_out))


def targets(names: Iterable[str]) -> Iterator[Target]:
    """The models that names mean: bundled ones, paths, `PATH:VARIANT`, `-`, and folders of specs.

    Of the specs in a folder every model is meant, once under each name that is not an alias.
    """
    for name in names:
        if name and Path(name).is_dir():  # no name at all would be taken for the working folder
            yield from _inside(Path(name))
        else:
            yield Target(name, name)


def _inside(folder: Path) -> Iterator[Target]:
    """A folder without specs, or a file that is none, is a target that fails in its turn."""
    specs = library.files(folder)
    if not specs:
        yield Target(str(folder), str(folder))
    for file in specs:
        try:
            spec = library.read(file)
        except (Fault, SpecError):
            yield Target(str(file), str(file), folder=True)
            continue
        for name in library.models(spec):
            if library.same_settings(spec, name) == name:
                address = f"{file}:{name}" if name in spec.variants else str(file)
                yield Target(name, address, folder=True)


def _graph(target: Target, request: Request) -> Graph:
    if target.address and Path(target.address).is_dir():
        raise Fault(f"{target.name}: no spec in this folder", fix="a spec's name ends in .yaml")
    spec, variant = library.find(target.address)
    settings = elaborate.Settings(variant, request.changes, dict(request.sizes))
    graph = elaborate.elaborate(spec, settings)
    if request.decode is None:
        return graph
    sizes = {**settings.inputs, **whole(graph, request.decode)}
    return elaborate.elaborate(spec, settings._replace(inputs=sizes))


def _verify(name: str, graph: Graph, request: Request, begin: Begin, watch: Watch) -> NetworkOutcome:
    settings, dtype = request.settings, request.settings.dtype
    expected = _expected(request.expected) if request.expected else None
    stored = {key or next(iter(graph.inputs)): _only(path) for key, path in request.arrays.items()}
    matching = _matching(graph, request) if request.weights else None
    batch = max([settings.batch, *(_batch(graph, *item) for item in stored.items())])
    check_memory(graph, batch, dtype, drawn=matching is None)
    weights = GivenWeights(graph, matching.read(), dtype, matching.auxiliary) if matching else None
    inputs = None
    if stored:
        inputs = checked_inputs(graph, {key: one.read() for key, one in stored.items()}, dtype)
        batch = len(next(iter(inputs.values())))
    begin(name, graph, effort(graph, batch, dtype))
    if request.decode is None:
        run = verify(
            graph,
            settings,
            inputs,
            weights,
            auxiliary=matching is None or matching.auxiliary,
            expected=expected,
            see=partial(watch, name, len(graph.layers)),
        )
    else:
        run = generate(graph, request.decode, settings, weights)
    return NetworkOutcome(name, run, matching.remarks(str(request.weights)) if matching else ())


def _expected(path: Path) -> Expected:
    stored = files.open_arrays(path, alone="output")
    return Expected(str(path), {"" if path.suffix == ".npy" else one.name: one for one in stored})


def _matching(graph: Graph, request: Request) -> WeightMatch:
    assert request.weights is not None
    arrays = files.open_arrays(request.weights)
    if request.map is None:
        return match(graph, arrays, str(request.weights))
    return match_by_map(graph, arrays, str(request.weights), read_map(request.map))


def _only(path: Path) -> Stored:
    if path.suffix != ".npy":
        raise Fault(f"{path}: inputs are read from .npy files")
    return files.open_arrays(path, alone="input")[0]


def _batch(graph: Graph, name: str, stored: Stored) -> int:
    """How many samples the file holds; nothing if its array does not fit, which is said later."""
    shape = graph.inputs.get(name)
    if shape is None or stored.shape[1:] != shape.dims:
        return 1
    return stored.shape[0]


def _problem_text(name: str, problem: Fault | SpecError) -> str:
    if isinstance(problem, SpecError):
        return str(problem)
    fact = problem.fact if f"'{name}'" in problem.fact else f"{name}: {problem.fact}"
    return "\n".join([fact, *(f"  = {note}" for note in problem.notes())])
