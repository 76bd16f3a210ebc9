"""Groups of a network as classes: those of one form are one class, and what differs its parameters.

The form of a group is what its parts are, how they are called, and which tensors they hand on; the
numbers that they are made with are apart. So three bottlenecks of a residual network are one class,
and its parameters are the columns of numbers that are not the same in all three.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

from paramcalc.engine.graph import Applied
from paramcalc.export.torch_layers import Argument, Step, Use, use
from paramcalc.export.tree import Group, Leaf

Reference = tuple[int, int]  # a part and one of its outputs; (-1, n): the group's input n


class Part(NamedTuple):
    """A part of a form: a layer or a group, with the place of its numbers among the form's."""

    name: str
    what: Use | Form
    reads: tuple[Reference, ...]
    gives: int
    first: int
    size: int


class Form:
    """The common structure of groups of one form; `rows` are the numbers of each, in the order of their parts."""

    def __init__(self, group: Group, parts: tuple[Part, ...], results: tuple[Reference, ...]) -> None:
        self.group, self.parts, self.results = group, parts, results
        self.arguments: list[Argument] = []
        self.rows: list[tuple[Any, ...]] = []
        self.name = ""  # of the class, if there is one
        self.parameters: list[
            tuple[str, int]
        ] = []  # the name of each, and the first column that it stands for
        self.written: dict[int, str] = {}  # columns that are parameters
        for part in parts:
            self.arguments += part.what.arguments if isinstance(part.what, Form) else arguments(part.what)

    @property
    def is_chain(self) -> bool:
        """Whether one tensor runs through modules alone."""
        return self.group.is_chain and not any(
            isinstance(part.what, Use) and part.what.expression for part in self.parts
        )

    def settle(self) -> None:
        """Works out the parameters: equal columns are one. Of several out_channels the last is called so."""
        columns: dict[tuple[Any, ...], list[int]] = {}
        for place, column in enumerate(zip(*self.rows, strict=True)):
            if not all(same(value, column[0]) for value in column):
                columns.setdefault(column, []).append(place)
        names = [identifier(self.arguments[places[0]].name) for places in columns.values()]
        taken = {"self", "x"}
        for number, (name, places) in enumerate(zip(names, columns.values(), strict=True)):
            inside = name.startswith("out_") and name in names[number + 1 :]
            name = unique(f"mid_{name.removeprefix('out_')}" if inside else name, taken)
            self.parameters.append((name, places[0]))
            self.written.update(dict.fromkeys(places, name))

    def values(self) -> list[str]:
        """Each number as the body of the class writes it."""
        return [self.written.get(place) or literal(value) for place, value in enumerate(self.rows[0])]


def literal(value: Any) -> str:
    """A number as Python has it."""
    return f'float("{value}")' if value in (math.inf, -math.inf) else repr(value)


def same(one: Any, two: Any) -> bool:
    """Whether two numbers are written alike: 1 and True are not."""
    return type(one) is type(two) and one == two


def arguments(what: Use) -> list[Argument]:
    return [argument for step in what.steps for argument in step.arguments]


class Forms:
    """The forms of a network's groups, innermost first."""

    def __init__(self, root: Group, rule: Callable[[Applied], Use] = use) -> None:
        self._rule = rule
        self._known: dict[Hashable, Form] = {}
        self._uses: dict[int, Use] = {}
        self.root, _ = self._form(root)
        self.all = [*self._known.values()]
        for form in self.all:
            form.settle()

    def use(self, leaf: Leaf) -> Use:
        applied = leaf.layer.applied
        if id(applied) not in self._uses:
            self._uses[id(applied)] = self._rule(applied)
        return self._uses[id(applied)]

    def _form(self, group: Group) -> tuple[Form, tuple[Any, ...]]:
        places: dict[int, Reference] = {value: (-1, place) for place, value in enumerate(group.inputs)}
        parts: list[Part] = []
        keys: list[Hashable] = [group.block, group.numbered]
        values: list[Any] = []
        names: set[str] = set()
        for number, part in enumerate(group.parts):
            name = part.name if group.numbered else unique(identifier(part.name), names)
            reads = tuple(places[value] for value in part.inputs)
            what: Use | Form
            if isinstance(part, Leaf):
                what = used = self.use(part)
                own = tuple(argument.value for argument in arguments(used))
                key: Hashable = _written(used)
            else:
                what, own = self._form(part)
                key = id(what)
            keys.append((name, key, reads, len(part.outputs)))
            parts.append(Part(name, what, reads, len(part.outputs), len(values), len(own)))
            values += own
            places |= {value: (number, place) for place, value in enumerate(part.outputs)}
        results = tuple(places[value] for value in group.outputs)
        form = self._known.setdefault((*keys, results), Form(group, tuple(parts), results))
        form.rows.append(tuple(values))
        return form, tuple(values)


def _written(what: Use) -> Hashable:
    steps = tuple((step.kind, step.word, tuple(one.name for one in step.arguments)) for step in what.steps)
    return steps, what.expression


# ------------------------------------------------------------------------------------------- names

# What every module has already, and what Python has as words.
_MODULES = """
    T_destination add_module append apply bfloat16 buffers call_super_init children clear compile cpu cuda double
    dump_patches eval extend extra_repr F float forward get_buffer get_extra_state get_parameter get_submodule half
    index insert ipu items keys load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters nn parameters pop register_buffer register_module register_parameter requires_grad_ self
    set_extra_state set_submodule share_memory state_dict to to_empty torch train training type update values xpu
    zero_grad
"""
_TAKEN = {*keyword.kwlist, *_MODULES.split()}


def identifier(name: str) -> str:
    """A name that an attribute of a module can have.

    >>> identifier("conv-1"), identifier("3x3"), identifier("half")
    ('conv_1', '_3x3', 'half_')
    """
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    word = f"_{word}" if word[:1].isdigit() or word.startswith("__") else word
    return f"{word}_" if word in _TAKEN else word


def unique(name: str, taken: set[str], mark: str = "_") -> str:
    """The name, or with a number where it is taken; it is taken then."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}{mark}{number}"
    taken.add(found)
    return found


def camel(name: str) -> str:
    """A name as classes have it.

    >>> camel("se_block"), camel("conv2-x"), camel("llama3-8b")
    ('SeBlock', 'Conv2X', 'Llama3_8b')
    """
    words = re.split(r"[^A-Za-z0-9]+", name)
    joined = ""
    for word in filter(None, words):
        joined += ("_" if joined[-1:].isdigit() and word[:1].isdigit() else "") + word[:1].upper() + word[1:]
    return joined if joined[:1].isalpha() else f"Net{joined}"


def class_names(forms: Forms, taken: set[str]) -> Iterator[Form]:
    """Names the classes that a network needs, innermost first."""
    for form in forms.all:
        group, rounds = form.group, form.group.numbered
        is_block = bool(group.block) and len(form.rows) > 1 and len(form.parts) > 1
        if form is not forms.root and form.is_chain and not (is_block and not rounds):
            continue
        words = [word for word in group.path.split("/") if not word.isdecimal()]
        own = group.block or (words[-1] if words else "network")
        form.name = unique(camel(own), taken, "")
        yield form


def steps(part: Part) -> Iterator[tuple[str, Step]]:
    """The modules of a layer with their names."""
    assert isinstance(part.what, Use)
    for step in part.what.steps:
        yield (f"{part.name}_{step.word}" if step.word else part.name), step
