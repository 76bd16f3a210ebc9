"""A graph as canonical YAML: a spec without knobs, blocks, repeats or variants, equal layer by layer.

Groups stay groups, so paths stay paths; only the rounds of repeats, whose names are bare numbers,
get an underscore (`conv2_x/0` becomes `conv2_x/_0`), as a name may not be a number. A layer says
`from` only where it reads something else than what stands before it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from paramcalc import ops
from paramcalc.graph import Graph, Layer
from paramcalc.lines import NAME
from paramcalc.ops.attributes import attributes, shown
from paramcalc.shape import CHANNELS, SPACE, Shape

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
    return _Writer(graph).text()


def renamed(path: str) -> str:
    """A path with an underscore before each bare number.

    >>> renamed("conv2_x/0/main/1x1")
    'conv2_x/_0/main/1x1'
    """
    return _ROUND.sub("_", path)


class _Group:
    """A part of the network: what hangs in it by name, in order; its own layer, if it has one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[str, _Group] = {}
        self.layer: Layer | None = None
        self.value = -1


class _Place(NamedTuple):
    """Where something is written: the open groups, outermost first, and the value that enters."""

    groups: tuple[_Group, ...]
    value: int | None
    indent: str


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lines: list[str] = []
        self.written: dict[str, list[str]] = {}  # names written so far, by group

    def text(self) -> str:
        root = _tree(self.graph)
        self.lines = [f"name: {_model_name(self.graph.model)}", *_inputs(self.graph)]
        first = len(self.graph.inputs)
        last = first + len(self.graph.layers) - 1
        if self.graph.outputs != (last,):
            names = ", ".join(renamed(self.graph.name(value)) for value in self.graph.outputs)
            self.lines.append(f"outputs: [{names}]")
        self.lines.append("layers:")
        incoming = 0 if first == 1 else None
        self.chain(root, _Place((root,), incoming, INDENT))
        return "\n".join(self.lines) + "\n"

    def chain(self, group: _Group, place: _Place) -> int | None:
        """Writes what hangs in a group; the value at its end."""
        value = place.value
        for name, child in group.children.items():
            inner = place._replace(value=value)
            if _auxiliary(child) and not _auxiliary(group):
                self.lines.append(f"{place.indent}- auxiliary:")
                self.named(name, child, inner._replace(indent=place.indent + INDENT * 2), mark="")
            else:
                value = self.named(name, child, inner, mark="- ")
            self.written.setdefault(group.path, []).append(name)
        return value

    def named(self, name: str, child: _Group, place: _Place, mark: str) -> int | None:
        """Writes a layer or group under its name; the value it gives."""
        head = f"{place.indent}{mark}{name}:"
        layer = child.layer
        if layer is None:
            self.lines.append(head)
            deeper = place.indent + " " * len(mark) + INDENT
            return self.chain(child, _Place((*place.groups, child), place.value, deeper))
        if child.children:
            return self.join(head, child, layer, place)
        entries = f"{{{', '.join(self.entries(layer, place))}}}"
        call = f"{{{layer.op.title}: {entries}}}"
        alone = len(place.groups[-1].children) == 1 and len(place.groups) > 1
        if name == layer.op.title and not alone:
            self.lines.append(f"{head} {entries}")  # the automatic name
        else:
            self.lines.append(f"{head} [{call}]" if ops.find(name) else f"{head} {call}")
        return child.value

    def join(self, head: str, child: _Group, layer: Layer, place: _Place) -> int:
        """Writes a join whose branches hang below it, each a chain from the tensor that enters."""
        indent = place.indent + INDENT * 2
        self.lines.append(head)
        self.lines.append(f"{indent}{layer.op.title}:")
        branches = {group.value: name for name, group in child.children.items()}
        indent += INDENT
        self.lines += [f"{indent}{entry}" for entry in self.attributes(layer)]
        self.lines.append(f"{indent}inputs:")
        inner = (*place.groups, child)
        for number, value in enumerate(layer.inputs):
            name = branches.get(value)
            if name is None:
                source = "identity" if value == place.value else f"from {self.reference(value, inner)}"
                self.lines.append(f"{indent}{INDENT}input_{number}: {source}")
                continue
            deeper = _Place(inner, place.value, indent + INDENT)
            self.named(name, child.children[name], deeper, mark="")
            self.written.setdefault(child.path, []).append(name)
        return child.value

    def entries(self, layer: Layer, place: _Place) -> list[str]:
        """The canonical entries of a call: attributes, sharing, freezing, inputs."""
        found = self.attributes(layer)
        if layer.shared:
            owner = next(iter(layer.shared.values()))
            found.append(f"share: {self.path(renamed(owner), place.groups)}")
        if layer.frozen and layer.applied.weights:
            found.append("frozen: true")
        if layer.inputs != (place.value,):
            names = [self.reference(value, place.groups) for value in layer.inputs]
            found.append(f"from: {names[0]}" if len(names) == 1 else f"from: [{', '.join(names)}]")
        return found

    def attributes(self, layer: Layer) -> list[str]:
        """The attributes that differ from their defaults."""
        op = layer.op
        found = []
        for name, attribute in attributes(type(op)).items():
            value = getattr(op, name)
            if attribute.required or value != attribute.convert(type(op), attribute.default):
                even = attribute.kind in ("PerAxis", "CountPerAxis", "Padding", "Margins")
                found.append(f"{name}: {_value(_evened(value) if even else value)}")
        return found

    def reference(self, value: int, groups: tuple[_Group, ...]) -> str:
        return self.path(renamed(self.graph.name(value)), groups)

    def path(self, path: str, groups: tuple[_Group, ...]) -> str:
        """The shortest path that means a layer from inside the given groups."""
        for depth in range(len(groups) - 1, -1, -1):
            outer = groups[depth].path
            if outer and not path.startswith(outer + "/"):
                continue
            candidate = path[len(outer) + 1 :] if outer else path
            first = candidate.split("/", 1)[0]
            if not any(first in self.written.get(group.path, ()) for group in groups[depth + 1 :]):
                return candidate
        return path


def _tree(graph: Graph) -> _Group:
    root = _Group("")
    for number, layer in enumerate(graph.layers, start=len(graph.inputs)):
        group = root
        for part in renamed(layer.path).split("/"):
            path = f"{group.path}/{part}" if group.path else part
            group = group.children.setdefault(part, _Group(path))
            group.value = number  # of the last layer inside, which is what the group gives
        group.layer = layer
    return root


def _auxiliary(group: _Group) -> bool:
    if group.layer is not None:
        return bool(group.layer.auxiliary)
    return bool(group.children) and all(_auxiliary(child) for child in group.children.values())


def _model_name(name: str) -> str:
    return name if NAME.fullmatch(name.replace(".", "-")) else "expanded"


def _inputs(graph: Graph) -> list[str]:
    if [*graph.inputs] == ["input"]:
        return [f"input: {_shape(graph.inputs['input'])}"]
    return ["inputs:", *(f"{INDENT}{name}: {_shape(shape)}" for name, shape in graph.inputs.items())]


def _shape(shape: Shape) -> str:
    if shape.axes in ((CHANNELS,), *((CHANNELS, *space) for space in SPACE.values())):
        return str(shape)
    pairs = (f"{axis}: {dim}" for axis, dim in zip(shape.axes, shape.dims, strict=True))
    return "{" + ", ".join(pairs) + "}"


def _evened(value: Any) -> Any:
    """One number where all axes, and both ends of each, have the same."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        return _evened(value[0])
    return value


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if type(value).__module__ == "fractions":
        return f"{value.numerator}/{value.denominator}"
    return value if isinstance(value, str) else shown(value)
