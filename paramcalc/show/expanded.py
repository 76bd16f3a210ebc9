"""A graph as canonical YAML: a spec without knobs, blocks, repeats or variants, equal layer by layer.

Groups stay groups, so paths stay paths; only the rounds of repeats, whose names are bare numbers,
get an underscore (`conv2_x/0` becomes `conv2_x/_0`), as a name may not be a number, and so does what
has the name of a join and calls none: `--replace add=relu` gives `_add`. A layer says
`from` only where it does not read the line before it. A layer that cannot be named
from where it is read, because a nearer one has its name, is given a second name that passes it on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from paramcalc import ops
from paramcalc.engine.graph import Graph, Layer
from paramcalc.language.lines import NAME, op_joins
from paramcalc.language.writer import shape_text
from paramcalc.ops.attributes import attributes, shown

INDENT = "  "
_ROUND = re.compile(r"(?:(?<=/)|^)(?=\d+(?:/|$))")


def expanded(graph: Graph) -> str:
    """The text of a spec that elaborates to the same layers.

    >>> from paramcalc import load
    >>> print(expanded(load("bottleneck-14x14-480-48").graph()), end="")
    name: bottleneck-14x14-480-48
    input: 480x14x14
    layers:
      - reduce: {conv2d: {out_channels: 16, kernel_size: 1}}
      - conv: {conv2d: {out_channels: 48, kernel_size: 5, padding: 2}}
    """
    writer = _Writer(graph, {})
    while writer.missing:
        writer = _Writer(graph, {**writer.aliases, **writer.missing})
    return "\n".join(writer.lines) + "\n"


def path_in_text(path: str, unfit: frozenset[str] = frozenset()) -> str:
    """A path with an underscore before each bare number, and before the last name of each unfit path.

    >>> path_in_text("conv2_x/0/main/1x1")
    'conv2_x/_0/main/1x1'
    """
    if unfit:
        names = path.split("/")
        parts = (f"{'_' * ('/'.join(names[: end + 1]) in unfit)}{name}" for end, name in enumerate(names))
        path = "/".join(parts)
    return _ROUND.sub("_", path)


class _Group:
    """A part of the network: what hangs in it by name, in order; its own layer, if it has one.

    `values` are the numbers of all values inside, in order, `value` is that of the last layer.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[str, _Group] = {}
        self.layer: Layer | None = None
        self.values: dict[int, None] = {}

    @property
    def value(self) -> int:
        return next(reversed(self.values))

    @property
    def first(self) -> int:
        return next(iter(self.values))


class _Place(NamedTuple):
    """Where something is written: the open groups, outermost first, and the value that enters."""

    groups: tuple[_Group, ...]
    value: int | None
    indent: str


class _Writer:
    """Writes the lines, with second names for some values.

    `aliases` gives, for a value and the group where the name is given, the item that it stands after
    ('' for the start); `missing` are the names found to be needed besides. `given` has the values
    by group and item.
    """

    def __init__(self, graph: Graph, aliases: dict[tuple[int, str], str]) -> None:
        self.graph = graph
        self.aliases = aliases
        self.missing: dict[tuple[int, str], str] = {}
        self.given: dict[tuple[str, str], list[int]] = {}
        for (number, where), item in aliases.items():
            self.given.setdefault((where, item), []).append(number)
        self.parts = {part for layer in graph.layers for part in layer.path.split("/")} if aliases else set()
        self.first = len(graph.inputs)
        self.unfit = _unfit(graph)
        self.auxiliary = {path_in_text(layer.auxiliary, self.unfit) for layer in graph.layers}
        self.written: dict[str, set[str]] = {}  # names written so far, by group
        self.lines: list[str] = []
        self.owners: dict[tuple[tuple[str, str], ...], int] = {}
        root = _tree(graph, self.unfit)
        end = self.chain(root, _Place((root,), 0 if self.first == 1 else None, INDENT))
        outputs = ", ".join(path_in_text(graph.name(value), self.unfit) for value in graph.outputs)
        self.lines = [
            f"name: {_model_name(graph.model)}",
            *_inputs(graph),
            *([f"outputs: [{outputs}]"] if graph.outputs != (end,) else []),
            *(["layers:", *self.lines] if self.lines else ["layers: identity"]),
        ]

    # ------------------------------------------------------------------------------------ items

    def chain(self, group: _Group, place: _Place) -> int | None:
        """Writes what hangs in a group; the value at its end."""
        value = self.given_names(group, "", place)
        for name, child in group.children.items():
            inner = place._replace(value=value)
            if child.path in self.auxiliary:
                self.lines.append(f"{place.indent}- auxiliary:")
                self.named(name, child, inner._replace(indent=place.indent + INDENT * 2), mark="")
            else:
                value = self.named(name, child, inner, mark="- ")
            self.written.setdefault(group.path, set()).add(name)
            value = self.given_names(group, name, place._replace(value=value))
        return value

    def given_names(self, group: _Group, after: str, place: _Place) -> int | None:
        """Writes the second names after an item; the value that goes on."""
        value = place.value
        for number in self.given.get((group.path, after), ()):
            self.lines.append(f"{place.indent}- {self.alias(number)}: from {self.path(number, place)}")
            self.written.setdefault(group.path, set()).add(self.alias(number))
            value = number
        return value

    def named(self, name: str, child: _Group, place: _Place, mark: str) -> int | None:
        """Writes a layer or group under its name; the value it gives."""
        head = f"{place.indent}{mark}{name}:"
        layer = child.layer
        if layer is None:
            self.lines.append(head)
            return self.chain(child, self.inside(child, place, place.indent + " " * len(mark) + INDENT))
        if child.children:
            return self.join(head, child, layer, place)
        entries = f"{{{', '.join(self.entries(layer, place))}}}"
        call = f"{{{layer.op.title}: {entries}}}"
        alone = len(place.groups[-1].children) == 1 and len(place.groups) > 1
        if name == layer.op.title and mark and not alone:
            self.lines.append(f"{head} {entries}")  # the automatic name
        else:
            self.lines.append(f"{head} [{call}]" if ops.find(name) else f"{head} {call}")
        return child.value

    def inside(self, child: _Group, place: _Place, indent: str) -> _Place:
        return _Place((*place.groups, child), place.value, indent)

    def join(self, head: str, child: _Group, layer: Layer, place: _Place) -> int:
        """Writes a join with its branches below it, each a chain from the tensor that enters."""
        indent = place.indent + INDENT * 3
        self.lines += [head, f"{place.indent}{INDENT * 2}- {layer.op.title}:"]
        self.lines += [f"{indent}{INDENT}{entry}" for entry in self.attributes(layer)]
        self.lines.append(f"{indent}{INDENT}inputs:")
        inner = self.inside(child, place, indent + INDENT * 2)
        for name, value, branch in self.branches(child, layer):
            if branch is None:
                self.lines.append(f"{inner.indent}{name}: {self.passed(value, inner)}")
                continue
            begin = len(self.lines)
            end = self.named(name, branch, inner, mark="")
            if end != value:  # the branch gives something else than its last layer
                deeper = self.inside(branch, inner._replace(value=end), inner.indent + INDENT)
                assert len(self.lines) > begin + 1
                self.lines.append(f"{deeper.indent}- {self.passed(value, deeper)}")
            self.written.setdefault(child.path, set()).add(name)
        return child.value

    def branches(self, child: _Group, layer: Layer) -> Iterator[tuple[str, int, _Group | None]]:
        """The branches of a join in the order of their layers: name, value, and layers if any."""
        names = layer.op.inputs or [f"input_{number}" for number in range(len(layer.inputs))]
        waiting = dict(child.children)
        found: list[tuple[str, int, _Group | None]] = []
        for name, value in zip(names[: len(layer.inputs)], layer.inputs, strict=True):  # the rest is optional
            fits = [part for part, group in waiting.items() if group.layer and group.value == value]
            fits = fits or [part for part, group in waiting.items() if value in group.values]
            found.append((fits[0], value, waiting.pop(fits[0])) if fits else (name, value, None))
        for place, (_, value, group) in enumerate(found):
            if group is None and waiting:  # a branch whose layers are none of its value's
                part = next(iter(waiting))
                found[place] = (part, value, waiting.pop(part))
        yield from (
            sorted(found, key=lambda one: one[2].first if one[2] else 0) if layer.op.inputs else found
        )

    def passed(self, value: int, place: _Place) -> str:
        """A line that gives a value: what enters, or an earlier layer."""
        return "identity" if value == place.value else f"from {self.reference(value, place)}"

    # ---------------------------------------------------------------------------------- entries

    def entries(self, layer: Layer, place: _Place) -> list[str]:
        """The canonical entries of a call: attributes, sharing, freezing, inputs."""
        found = self.attributes(layer)
        if layer.shared:
            found.append(f"share: {self.reference(self.owner(layer), place)}{self.alone(layer)}")
        if layer.frozen and layer.applied.weights:
            found.append("frozen: true")
        if layer.inputs and layer.inputs != (place.value,):
            names = [self.reference(value, place) for value in layer.inputs]
            found.append(f"from: {names[0]}" if len(names) == 1 else f"from: [{', '.join(names)}]")
        return found

    def owner(self, layer: Layer) -> int:
        """The value of the earlier layer whose weights and buffers, owned or shared, are taken."""
        taken = tuple(layer.shared.items())
        if not self.owners:
            self.owners = _owners(self.graph)
        return self.owners[taken]

    def alone(self, layer: Layer) -> str:
        """The one weight that is taken, after a dot, where the owner has more that could be."""
        owner = self.graph.layers[self.owner(layer) - len(self.graph.inputs)].applied.weights
        could = [name for name, dims in layer.applied.weights.items() if owner.get(name) == dims]
        taken = [name for name in layer.shared if name in could]
        return f".{taken[0]}" if len(taken) < len(could) else ""

    def attributes(self, layer: Layer) -> list[str]:
        """The attributes that differ from their defaults."""
        op = layer.op
        found = []
        for name, attribute in attributes(type(op)).items():
            value = getattr(op, name)
            if attribute.required or value != attribute.convert(type(op), attribute.default):
                found.append(f"{name}: {_value(attribute.shortest(type(op), value))}")
        return found

    # ------------------------------------------------------------------------------- references

    def reference(self, value: int, place: _Place) -> str:
        """A reference to a value at a place; where nothing names it, a second name that is still missing."""
        path = self.path(value, place)
        first = path.split("/", 1)[0]
        opened = [group.path for group in place.groups]
        meant = next(
            (
                group
                for group in reversed(place.groups)
                if first in self.written.get(group.path, ()) or _below(group.path, first) in opened
            ),
            None,
        )
        inputs = first in self.graph.inputs and value < self.first
        outer = self.common(value, place)
        if (meant is None and inputs) or (meant is outer and not inputs):
            return path
        if (value, outer.path) not in self.aliases:
            self.missing[value, outer.path] = "" if value < self.first else first
        return self.alias(value)

    def common(self, value: int, place: _Place) -> _Group:
        """The innermost open group that holds a value."""
        return next(group for group in reversed(place.groups) if value < self.first or value in group.values)

    def path(self, value: int, place: _Place) -> str:
        """The shortest path to a value from inside the open groups, if no nearer name hides it."""
        name = path_in_text(self.graph.name(value), self.unfit)
        if value < self.first:
            return name
        outer = self.common(value, place).path
        return name[len(outer) + 1 :] if outer and name != outer else name

    def alias(self, value: int) -> str:
        """A name that no layer has."""
        name = f"value_{value}"
        while name in self.parts:
            name = "_" + name
        return name


def _owners(graph: Graph) -> dict[tuple[tuple[str, str], ...], int]:
    """For each lot of weights and buffers that is taken, the value of the first layer that has them all."""
    holding: dict[tuple[str, str], list[int]] = {}
    for number, layer in enumerate(graph.layers, start=len(graph.inputs)):
        for name in (*layer.applied.weights, *layer.applied.buffers):
            holding.setdefault((name, layer.shared.get(name, layer.path)), []).append(number)
    lots = {tuple(layer.shared.items()) for layer in graph.layers if layer.shared}
    return {lot: min(set(holding[lot[0]]).intersection(*map(holding.__getitem__, lot[1:]))) for lot in lots}


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _unfit(graph: Graph) -> frozenset[str]:
    """The paths whose last name is that of a join that nothing there calls, as no text may say."""
    named: dict[str, bool] = {}  # whether the join is called there
    for layer in graph.layers:
        names = layer.path.split("/")
        for end, name in enumerate(names, start=1):
            if op_joins(name):
                path = "/".join(names[:end])
                named[path] = named.get(path, False) or layer.op.title == name
    return frozenset(path for path, called in named.items() if not called)


def _tree(graph: Graph, unfit: frozenset[str]) -> _Group:
    root = _Group("")
    for number, layer in enumerate(graph.layers, start=len(graph.inputs)):
        group = root
        group.values[number] = None
        for part in path_in_text(layer.path, unfit).split("/"):
            group = group.children.setdefault(part, _Group(_below(group.path, part)))
            group.values[number] = None
        group.layer = layer
    return root


def _model_name(name: str) -> str:
    return name if NAME.fullmatch(name.replace(".", "-")) else "expanded"


def _inputs(graph: Graph) -> list[str]:
    if [*graph.inputs] == ["input"]:
        return [f"input: {shape_text(graph.inputs['input'])}"]
    return ["inputs:", *(f"{INDENT}{name}: {shape_text(shape)}" for name, shape in graph.inputs.items())]


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if type(value).__module__ == "fractions":
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, str) and not value.isidentifier():
        return f'"{shown(value)}"'  # a quotation of its own inside that of YAML
    return value if isinstance(value, str) else shown(value)
