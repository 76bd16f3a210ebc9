"""What readers of sources that know layers share: nodes of ops, with shapes and weights as they follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault, Problem, Source, SpecError, near
from paramcalc.base.shape import Shape
from paramcalc.importing import source as network
from paramcalc.importing.source import Module, Node, Value, Weight
from paramcalc.ops.attributes import op

LARGEST = 10**15  # elements of a tensor


class Layers:
    """Nodes of ops one after the other; the shape of each value is known as soon as it is added.

    `text` is the file, for the places of problems: `at` of a layer is where it has it.
    """

    def __init__(self, text: Source) -> None:
        self.text = text
        self.inputs: dict[str, Shape] = {}
        self.shapes: dict[Value, Shape] = {}
        self.nodes: list[Node] = []
        self.weights: dict[str, Weight] = {}
        self.remarks: list[str] = []

    def input(self, name: str, shape: Shape) -> Value:
        self.inputs[name] = self.shapes[name] = shape
        return name

    def add(
        self,
        value: Value,
        name: str,
        *given: Any,
        inputs: Sequence[Value],
        modules: tuple[Module, ...],
        at: tuple[int, int],
        weights: Mapping[str, str] | None = None,
        **named: Any,
    ) -> Value:
        """Adds a call of an op by its name; the value, which gets another name where that one is taken.

        Weights that `weights` does not name are called after the value.
        """
        try:
            call = op(name, *given, **named)
            shapes = tuple(self.shapes[read] for read in inputs)
            shape = call.shape(*shapes)
            if shape.elements > LARGEST:
                raise Fault(f"{name} gives more than 10^15 elements", found=str(shape))
            learned, kept = call.weights(*shapes), call.buffers(*shapes)
        except Fault as fault:
            raise self.wrong(
                at, f"{modules[-1].path if modules else value}: {fault.fact}", fault.notes()
            ) from None
        value = self.unique(value)
        names = {each: (weights or {}).get(each, f"{value}.{each}") for each in (*learned, *kept)}
        for each, dims in {**learned, **kept}.items():
            self.weights.setdefault(names[each], Weight(dims, each in learned))
        place = f"{self.text.name}:{self.text.position(at[0])[0]}" if self.text.text else ""
        self.nodes.append(Node(value, call, tuple(inputs), modules=modules, weights=names, place=place))
        self.shapes[value] = shape
        return value

    def unique(self, value: Value) -> Value:
        number, name = 1, value
        while value in self.shapes:
            number += 1
            value = f"{name}@{number}"
        return value

    def wrong(self, at: tuple[int, int], fact: str, notes: Sequence[str] = ()) -> SpecError:
        """A mistake at a place of the file."""
        return SpecError([Problem(self.text, *at, fact, tuple(notes))])

    def source(
        self,
        name: str,
        note: str,
        outputs: Mapping[str, Value],
        auxiliary: Mapping[str, Value] | None = None,
    ) -> network.Source:
        return network.Source(
            name,
            note,
            self.inputs,
            tuple(self.nodes),
            outputs,
            self.weights,
            tuple(self.remarks),
            auxiliary=auxiliary or {},
        )


def modules(path: str, kind: str) -> tuple[Module, ...]:
    """The parts of a path such as `inception_3a/1x1` as modules, from the outside in.

    >>> [module.path for module in modules("inception_3a/1x1", "Convolution")]
    ['inception_3a', 'inception_3a.1x1']
    """
    parts = [part.replace(".", "_") for part in path.split("/") if part] or ["layer"]
    paths = [".".join(parts[: place + 1]) for place in range(len(parts))]
    return (*(Module(each) for each in paths[:-1]), Module(paths[-1], kind))


def unknown(kind: str, known: Sequence[str], what: str) -> tuple[str, tuple[str, ...]]:
    """The fact and the notes about a layer of a type that has no counterpart."""
    return f"{what} '{kind}' has no counterpart here", tuple(filter(None, [near(kind, known)]))
