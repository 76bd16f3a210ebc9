"""The state of reading: nodes of a source as they are made, and what is known of each value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.importing.source import Primitive, SourceNode, Weight

Dims: TypeAlias = tuple[int, ...]


MOST_NUMBERS = 1 << 20  # that are computed of sizes


LARGEST = 10**15


class Data(NamedTuple):
    """A value that depends on an input; its sizes, and whether it holds numbers or ids."""

    dims: Dims
    is_float: bool


class Constant(NamedTuple):
    """A value that depends on none. `numbers` are there when they are few or computed."""

    dims: Dims
    numbers: Any  # an array of NumPy, or None
    learned: bool
    is_float: bool


Value: TypeAlias = Data | Constant


class Attributes(NamedTuple):
    values: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        found = self.values.get(name)
        return default if found is None else found


class Reading:
    """The nodes of a source as they are made, and the values by the file's names."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.values: dict[str, Value] = {}
        self.alias: dict[str, str] = {}
        self.nodes: list[SourceNode] = []
        self.weights: dict[str, Weight] = {}
        self.remarks: list[str] = []
        self.readers: dict[str, list[Any]] = {}
        self.wanted: set[str] = set()  # what nodes read, and the outputs of the graph
        self.made: dict[str, Any] = {}  # the node that gives a value
        self.computed: set[str] = set()  # values of nodes of the source
        self.users: dict[str, dict[str, str]] = {}  # of a vector: what it is called for each
        self.gates: dict[str, str] = {}  # hard sigmoids, and of what
        self.primitives: dict[str, str] = {}
        self.fixed: dict[str, int] = {}  # arrays that nothing says are learned, and their elements
        self.single: dict[str, int] = {}  # single numbers that are called as weights are
        self.left: set[str] = set()  # outputs of the graph that the spec has not
        self.signals: set[str] = set()  # values that have an axis of channels which the file gives them later
        self.blank: set[str] = set()  # arrays of one number, in the place of weights
        self.taken: set[str] = set()  # outputs that a node before has given already
        self.here: Any = None

    def meant(self, name: str) -> str:
        while name in self.alias:
            name = self.alias[name]
        return name

    def input(self, place: int) -> str:
        """The name of a value that the node reads, '' for one that is left out."""
        inputs = self.here.inputs
        return self.meant(inputs[place]) if place < len(inputs) and inputs[place] else ""

    def constant(self, name: str, learned: bool | None = None) -> str | float | None:
        """A value as a node reads it: constants become weights, single numbers numbers."""
        if not name:
            return None
        name = self.meant(name)
        value = self.values[name]
        if learned and name in self.computed:
            self.learn(name)
        if isinstance(value, Data) or name in self.weights:
            return name
        if prod(value.dims) == 1 and value.numbers is not None and learned is not True:
            if is_weight_name(name):
                self.single[name] = 1
            return float(value.numbers.reshape(-1)[0])
        if name not in self.computed:
            is_learned = value.learned if learned is None else learned
            if learned is None and not is_learned and value.is_float:
                self.fixed[name] = prod(value.dims)
            known = value.numbers is not None and not is_learned
            numbers = tuple(map(float, value.numbers.reshape(-1))) if known else None
            self.weights.setdefault(name, Weight(value.dims, is_learned, numbers))
        return name

    def learn(self, name: str) -> None:
        """What a weight is computed of is learned."""
        waiting = [name]
        while waiting:
            one = waiting.pop()
            value = self.values[one]
            if isinstance(value, Constant) and not value.learned and value.is_float:
                self.values[one] = value._replace(learned=True)
            if one in self.fixed:
                self.fixed.pop(one)
                self.weights[one] = self.weights[one]._replace(learned=True)
            if one in self.computed:
                waiting += [self.meant(read) for read in self.made[one].inputs if read]

    def give(self, place: int, value: Value) -> None:
        self.values[self.here.outputs[place]] = value

    def emit(
        self,
        name: str,
        inputs: Sequence[str | float | None],
        dims: Dims,
        output: int = 0,
        /,
        *,
        is_float: bool = True,
        **given: Any,
    ) -> None:
        """A primitive whose result is an output of the node."""
        self.emit_as(self.here.outputs[output], name, inputs, dims, is_float=is_float, **given)

    def emit_as(
        self,
        value: str,
        name: str,
        inputs: Sequence[str | float | None],
        dims: Dims,
        /,
        *,
        is_float: bool = True,
        **given: Any,
    ) -> None:
        if prod(dims) > LARGEST or any(dim < 0 for dim in dims):
            raise Fault(
                f"{self.here.kind} '{self.here.name}' gives impossible sizes", found="x".join(map(str, dims))
            )
        if value in self.taken:
            return
        reads = self.owned([self.constant(one) if isinstance(one, str) else one for one in inputs])
        names = [one for one in reads if isinstance(one, str)]
        depends = any(isinstance(self.values[one], Data) for one in names)
        if depends:
            self.values[value] = Data(dims, is_float)
        else:
            learned = any(getattr(self.values[one], "learned", False) for one in names)
            self.values[value] = Constant(dims, None, learned, is_float)
        self.computed.add(value)
        self.made[value] = self.here
        self.primitives[value] = name
        self.nodes.append(
            SourceNode(
                value, Primitive(name, given), tuple(reads), dims, self.here.modules, {}, self.here.name
            )
        )

    def owned(self, reads: list[str | float | None]) -> list[str | float | None]:
        """What a node reads, with a weight of its own where the file has one for several.

        Exporters keep equal arrays once. A vector is shared only by nodes that share their matrix too, or
        that are one module; else it is that of each.
        """
        matrix = next((name for name in reads[1:] if isinstance(name, str) and self.is_matrix(name)), "")
        modules = self.here.modules
        user = matrix or (modules[-1].path if modules else "")
        found: list[str | float | None] = []
        for name in reads:
            if isinstance(name, str) and name in self.weights and self.is_vector(name):
                users = self.users.setdefault(name, {})
                copy = users.setdefault(user, name if not users else f"{name}@{len(users)}")
                self.weights[copy] = (
                    self.weights[name]._replace(stored=name) if copy != name else self.weights[name]
                )
                self.values.setdefault(copy, self.values[name])
                found.append(copy)
            else:
                found.append(name)
        return found

    def is_matrix(self, name: str) -> bool:
        return name in self.weights and sum(dim > 1 for dim in self.weights[name].dims) > 1

    def is_vector(self, name: str) -> bool:
        return sum(dim > 1 for dim in self.weights[name].dims) <= 1

    def same(self, place: int = 0) -> None:
        """The node hands an input on."""
        self.alias[self.here.outputs[0]] = self.input(place)
        self.values[self.here.outputs[0]] = self.values[self.input(place)]

    def unknown(self, kind: str, inputs: Sequence[Value | None]) -> None:
        """An operation that is not known: of use only where no input reaches it, and then of unknown size."""
        first = next((value for value in inputs if value is not None), None)
        dims = first.dims if first is not None else ()
        for place in range(len(self.here.outputs)):
            self.emit(kind, [self.input(each) or None for each in range(len(inputs))], dims, place)

    def numbers(self, place: int) -> Any:
        """The known numbers of an input; `Fault` where they depend on data."""
        name = self.input(place)
        value = self.values.get(name) if name else None
        if value is None:
            return None
        if isinstance(value, Data) or value.numbers is None:
            raise Fault(
                f"{self.here.kind} '{self.here.name}': sizes depend on data", found=f"the input '{name}'"
            )
        if value.is_float:
            self.weights.setdefault(name, Weight(value.dims, learned=False))  # an attribute, in effect
        return value.numbers

    def integers(self, place: int, attribute: str = "") -> list[int] | None:
        """Whole numbers from an input, or in older versions from an attribute."""
        if attribute and self.here.attributes.get(attribute) is not None:
            found = self.here.attributes.get(attribute)
            return [int(one) for one in (found if isinstance(found, list) else [found])]
        found = self.numbers(place)
        return None if found is None else [int(one) for one in found.reshape(-1)]

    def only_reader(self, value: str) -> Any:
        """The one node that reads a value, or None."""
        found = self.readers.get(value, [])
        return found[0] if len(found) == 1 and found[0].inputs.count(value) == 1 else None


Rule: TypeAlias = Callable[[Reading, Attributes, list[Any]], None]


def is_weight_name(name: str) -> bool:
    """Whether a value is called as frameworks call weights, and no exporter calls what it computes.

    >>> [is_weight_name(name) for name in ("conv1.weight", "conv2d_178.w_0", "fc3/linear.weight")]
    [True, True, True]
    >>> [is_weight_name(name) for name in ("/attn/Constant_output_0", "/attn/Add.a", "Mul.12")]
    [False, False, False]
    """
    return not name.startswith("/") and re.search(r"\.[a-z][a-z_]*(_\d+)?$", name) is not None


def axis_of(number: int, rank: int) -> int:
    if not -rank <= number < rank:
        raise Fault(f"axis {number} of a tensor with {rank} axes")
    return number % rank


def spread(one: Dims, two: Dims) -> Dims:
    """The sizes of two tensors spread over each other."""
    rank = max(len(one), len(two))
    pairs = zip((1,) * (rank - len(one)) + one, (1,) * (rank - len(two)) + two, strict=True)
    found = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise Fault(f"sizes that do not fit: {'x'.join(map(str, one))} and {'x'.join(map(str, two))}")
        found.append(b if a == 1 else a)
    return tuple(found)


def known(value: Any) -> bool:
    return isinstance(value, Constant) and value.numbers is not None and not value.learned
