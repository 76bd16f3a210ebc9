"""A graph built layer by layer, of ops and the numbers of values, and checked as a whole when it is done.

Whoever has layers builds their graph here: the elaborator, whose layers come from a spec, importers,
tests. Names in scope, blocks and repeats are the elaborator's matter and unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.base.errors import Fault, Problem, Problems, Source, SpecError
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, same
from paramcalc.engine.graph import Applied, Graph, Layer, each
from paramcalc.ops.base import Op, need_numbers

if TYPE_CHECKING:
    from paramcalc.ops._each import Mixture

LARGEST_SIZE = 10**15
NOWHERE = Source("<graph>", "")  # of a layer that no text has
FIX_UNREAD = "read it by 'from', add it to 'outputs', or put it under 'auxiliary'"


class Place(NamedTuple):
    """Where a text declares something."""

    source: Source = NOWHERE
    start: int = 0
    end: int = 0


class Builder:
    """Adds layers one after the other; `build` checks and gives the graph.

    Values are numbered: the inputs first, then one value for each layer. An input or layer that is
    added gives the number of its value.

    >>> from paramcalc.base.shape import image
    >>> from paramcalc.ops.attributes import op
    >>> net = Builder()
    >>> x = net.input("input", image(3, 32, 32))
    >>> x = net.add(op("conv2d", 16, 3, padding=1), [x], "conv1")
    >>> y = net.add(op("conv2d", 16, 3, padding=1), [x], "block/conv1")
    >>> y = net.add(op("conv2d", 16, 3, padding=1), [y], "block/conv2", share=y)
    >>> y = net.add(op("add"), [x, y], "block/add")
    >>> graph = net.build([y], "small")
    >>> [(layer.path, str(layer.output)) for layer in graph.layers[2:]]
    [('block/conv2', '16x32x32'), ('block/add', '16x32x32')]
    >>> graph.layers[2].shared
    {'weight': 'block/conv1', 'bias': 'block/conv1'}
    """

    def __init__(self, applied: dict[Any, Applied] | None = None) -> None:
        self.inputs: dict[str, Shape] = {}
        self.places: list[Place] = []  # of the inputs
        self.shapes: list[Shape] = []
        self.layers: list[Layer] = []
        self.reshaped: set[int] = set()
        self._applied = {} if applied is None else applied

    @property
    def first(self) -> int:
        """The number of the first layer's value."""
        return len(self.shapes) - len(self.layers)

    def input(self, name: str, shape: Shape, place: Place = Place()) -> int:
        """Declares an input of the network; inputs come before layers."""
        if self.layers or name in self.inputs:
            raise Fault(f"the input '{name}' {'comes after a layer' if self.layers else 'is declared twice'}")
        self.inputs[name] = shape
        self.places.append(place)
        self.shapes.append(shape)
        return len(self.shapes) - 1

    def add(
        self,
        op: Op,
        inputs: Sequence[int],
        path: str,
        *,
        share: int | None = None,
        frozen: bool = False,
        auxiliary: str = "",
        named: bool = True,
        place: Place = Place(),
        mixture: Mixture | None = None,
        router: int | None = None,
    ) -> int:
        """Adds a layer; the number of its value. Raises `Fault` when the op does not fit what it reads.

        `share` is the value of the layer whose weights this one uses; a layer of experts has their
        `mixture`, and the value of its `router`. For the rest see `Layer`.
        """
        applied = self.apply(op, tuple([self._read(value, path) for value in inputs]), mixture)
        shared, again = (
            sharing(applied, self._owner(share, path), auxiliary) if share is not None else ({}, "")
        )
        layer = Layer(path, applied, tuple(inputs), shared, frozen, auxiliary, *place, again, named, router)
        return self.append(layer)

    def append(self, layer: Layer) -> int:
        """Adds a layer whose sharing is worked out; the number of its value."""
        self.layers.append(layer)
        self.shapes.append(layer.applied.output)
        return len(self.shapes) - 1

    def apply(self, op: Op, shapes: tuple[Shape, ...], mixture: Mixture | None = None) -> Applied:
        """The op on inputs of these shapes, one object for equal uses; for each expert of a mixture, if given."""
        key = (id(op), shapes, mixture)
        applied = self._applied.get(key)
        if applied is None:
            rules = op if mixture is None else each(op, mixture)
            output = rules.shape(*shapes)
            need_numbers(op, shapes)
            for dim in output.dims:
                if isinstance(dim, int) and dim > LARGEST_SIZE:
                    raise Fault(f"{op.title} produces a size above 10^15", found=str(output))
            arrays = rules.weights(*shapes), rules.buffers(*shapes)
            applied = Applied(op, shapes, output, *arrays, rules.cost(*shapes), mixture)
            self._applied[key] = applied
        return applied

    def reshape(self, value: int, shape: Shape) -> None:
        """Gives a value another shape than its layer does: where one layer represents those of many rounds."""
        self.shapes[value] = shape
        self.reshaped.add(value)

    def take_back(self, layer: int) -> None:
        """Forgets the layers from a number on."""
        del self.shapes[self.first + layer :]
        del self.layers[layer:]

    def build(self, outputs: Sequence[int], name: str = "network") -> Graph:
        """The graph, if it is sound; else `SpecError` with all that is wrong with it."""
        problems = Problems()
        for problem in self.check(outputs):
            problems.add(*problem)
        if problems:
            raise SpecError(problems.in_order())
        return self.graph(outputs, name)

    def graph(self, outputs: Sequence[int], name: str) -> Graph:
        """The graph as it is, unchecked."""
        return Graph(name, name, self.inputs, tuple(self.layers), tuple(outputs), {}, (), ())

    # ------------------------------------------------------------------------------------- checks

    def check(self, outputs: Sequence[int]) -> Iterator[Problem]:
        """Problems of the whole graph: values and shapes, paths, sharing, auxiliary branches, unread values."""
        wrong = [*self._check_values(outputs)]
        yield from wrong
        if not wrong:
            yield from self._check_paths()
            yield from self._check_sharing()
            yield from self._check_auxiliary(outputs)
            yield from self._check_read(outputs)

    def _check_values(self, outputs: Sequence[int]) -> Iterator[Problem]:
        """Every layer reads values that are there before it, of the shapes that its op was applied to."""
        shapes = self.shapes
        for number, layer in enumerate(self.layers, start=self.first):
            inputs, applied, reads = layer.inputs, layer.applied, layer.reads
            if reads and not (min(reads) >= 0 and max(reads) < number):
                yield _problem(layer, f"'{layer.path}' reads a value that does not exist yet: {reads}")
            elif applied.inputs != tuple([shapes[value] for value in inputs]):
                if self.reshaped.isdisjoint(inputs):
                    yield _problem(layer, f"'{layer.path}' is applied to shapes other than those it reads")
            elif shapes[number] != applied.output and number not in self.reshaped:
                yield _problem(layer, f"'{layer.path}' declares a shape other than its op gives")
        for value in outputs:
            if not 0 <= value < len(shapes):
                yield Problem(NOWHERE, 0, 0, f"the output {value} is not a value of the network")

    def _check_paths(self) -> Iterator[Problem]:
        """Every layer has a path of its own; what lies below a layer are the branches that it joins."""
        paths = {layer.path for layer in self.layers}
        groups: set[str] = set()
        for path in {path.rpartition("/")[0] for path in paths}:
            while path and path not in groups:
                groups.add(path)
                path = path.rpartition("/")[0]
        if len(paths) == len(self.layers) and "" not in paths and groups.isdisjoint(paths):
            return
        met: set[str] = set()
        for layer in self.layers:
            path = layer.path
            if path in met:
                yield _problem(layer, f"two layers have the path '{path}'")
            if not path:
                yield _problem(layer, "a layer has no path")
            if path in groups and layer.op.inputs in ((), ("x",)):
                many = "one" if layer.op.inputs else "no"
                yield _problem(layer, f"'{path}' reads {many} tensor, so it has no branches")
            met.add(path)

    def _check_sharing(self) -> Iterator[Problem]:
        """What is shared belongs to an earlier layer, which owns it and has it in the same shape."""
        sharing = [layer for layer in self.layers if layer.shared or layer.again]
        if not sharing:
            return
        places = {layer.path: number for number, layer in enumerate(self.layers)}
        for layer in sharing:
            own = {**layer.applied.weights, **layer.applied.buffers}
            here = places[layer.path]
            for name, path in layer.shared.items():
                owner = self.layers[places[path]] if places.get(path, here) < here else None
                theirs = {**owner.applied.weights, **owner.applied.buffers} if owner else {}
                if name not in own or name not in theirs or (owner and name in owner.shared):
                    yield _problem(
                        layer, f"'{layer.path}' shares '{name}' with '{path}', which does not own it"
                    )
                elif not _alike(own[name], theirs[name]):
                    yield _problem(layer, f"'{layer.path}' shares '{name}' with '{path}', of another shape")
                elif owner and owner.auxiliary and not layer.auxiliary:
                    yield _problem(layer, f"'{layer.path}' shares '{name}' with '{path}', of training only")
            if layer.again and not places.get(layer.again, here) < here:
                yield _problem(
                    layer, f"'{layer.path}' uses '{layer.again}' again, which is not an earlier layer"
                )

    def _check_auxiliary(self, outputs: Sequence[int]) -> Iterator[Problem]:
        """Nothing reads out of a branch that exists in training only, but what lies in it."""
        branches = [*[""] * self.first, *[layer.auxiliary for layer in self.layers]]
        if not any(branches):
            return
        for layer in self.layers:
            for value in layer.inputs:
                if branches[value] not in ("", layer.auxiliary):
                    branch = f"the auxiliary branch '{branches[value]}', which exists in training only"
                    yield _problem(layer, f"'{layer.path}' reads {branch}")
        for value in outputs:
            if branches[value]:
                branch = f"the auxiliary branch '{branches[value]}', which exists in training only"
                yield _problem(self.layers[value - self.first], f"an output lies in {branch}")

    def _check_read(self, outputs: Sequence[int]) -> Iterator[Problem]:
        """Every value is read, is an output, or lies in an auxiliary branch."""
        lines: dict[tuple[str, int], list[Layer]] = {}
        for value in self.unread(outputs):
            if value < self.first:
                yield Problem(*self.places[value], f"the input '{[*self.inputs][value]}' is never read")
                continue
            layer = self.layers[value - self.first]
            place = (layer.source.name, layer.start) if layer.source.text else (layer.path, 0)
            lines.setdefault(place, []).append(layer)
        for first, *others in lines.values():
            further = f", nor are the outputs of {len(others)} more layers of this line" if others else ""
            further = f", nor is that of '{others[0].path}'" if len(others) == 1 else further
            yield _problem(first, f"the output of '{first.path}' is never read{further}", FIX_UNREAD)

    def unread(self, outputs: Sequence[int]) -> list[int]:
        """The values that nothing reads, though they are no outputs and not of an auxiliary branch."""
        read = set(outputs)
        for layer in self.layers:
            read.update(layer.reads)
        if len(read) == len(self.shapes):
            return []
        layers = enumerate(self.layers, start=self.first)
        return [value for value in range(self.first) if value not in read] + [
            value for value, layer in layers if value not in read and not layer.auxiliary
        ]

    def _read(self, value: int, path: str) -> Shape:
        if not 0 <= value < len(self.shapes):
            raise Fault(f"'{path}' reads the value {value}, which does not exist")
        return self.shapes[value]

    def _owner(self, value: int, path: str) -> Layer:
        if not self.first <= value < len(self.shapes):
            raise Fault(f"'{path}' shares with the value {value}, which no layer produces")
        return self.layers[value - self.first]


def _problem(layer: Layer, fact: str, *notes: str) -> Problem:
    """What is wrong with a layer, at its place."""
    return Problem(layer.source, layer.start, layer.end, fact, notes)


# ------------------------------------------------------------------------------------------ sharing


def sharing(
    applied: Applied, owner: Layer, auxiliary: str, strict: bool = True, weight: str = ""
) -> tuple[dict[str, str], str]:
    """What a layer in the branch `auxiliary` takes from an earlier one: the owner's path for each weight and
    buffer, and the path of the layer that it is another use of, if its op is the same.

    Weights of equal name and shape are taken; equal names with other shapes are a fault. When the
    layer itself asks for it (`strict`), there must be something in common. Of one `weight` nothing else
    is taken.
    """
    shared = {}
    theirs = owner.applied.weights
    for who, own in ((f"'{owner.path}'", theirs), (applied.op.title, applied.weights)) if weight else ():
        if weight not in own:
            fix = f"it has {', '.join(own)}" if own else "it has no weights"
            raise Fault(f"{who} has no weight '{weight}' to share", fix=fix, about="share")
    for name, dims in applied.weights.items():
        if name not in theirs or weight not in ("", name):
            continue
        if not _alike(theirs[name], dims):
            expected = f"{_sizes(theirs[name])}, as in '{owner.path}'"
            fact = f"the weight '{name}' cannot be shared: its shape differs"
            raise Fault(fact, expected=expected, found=_sizes(dims), about="share")
        shared[name] = owner.shared.get(name, owner.path)
    if strict and not shared:
        found = f"'{owner.path}' has {', '.join(theirs) or 'no weights'}"
        raise Fault("no weight of the same name and shape to share", found=found, about="share")
    if shared and owner.auxiliary and not auxiliary:
        fact = f"the weights of '{owner.path}' exist in training only"
        raise Fault(fact, fix="let the auxiliary layer share the weights of the other one", about="share")
    if not shared or owner.applied.op != applied.op or len(shared) < len(applied.weights):
        return shared, ""
    again = owner.again or owner.path
    return shared | dict.fromkeys(applied.buffers, again), again


def _alike(one: tuple[Size, ...], two: tuple[Size, ...]) -> bool:
    return len(one) == len(two) and all(map(same, one, two))


def _sizes(dims: tuple[Size, ...]) -> str:
    return "x".join(str(dim) for dim in dims)
