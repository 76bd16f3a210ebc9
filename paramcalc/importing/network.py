"""The way from a source to a spec: lowered, grouped, folded, written, and read again to compare."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.base.origins import origin, renamed
from paramcalc.base.shape import Shape
from paramcalc.engine.elaborate import TOO_MANY_STEPS, Settings, elaborate
from paramcalc.engine.library import from_text
from paramcalc.importing.blocks import folded
from paramcalc.importing.layers import Lowered
from paramcalc.importing.lower import lowered
from paramcalc.importing.lowering import plain as plain_op
from paramcalc.importing.names import tidy, unique
from paramcalc.importing.patterns import rewritten
from paramcalc.importing.simplify import simplified
from paramcalc.importing.source import SourceNetwork
from paramcalc.importing.structure import dissolved, hinted, structured
from paramcalc.importing.text import spec_text
from paramcalc.importing.tree import Leaf, leaves, plain, tree
from paramcalc.language.lines import NAME


class Imported(NamedTuple):
    """A network that was brought in: its spec, and the source's name for each weight by the spec's path.

    `remarks` name what is partial; without them the spec is the whole network.
    """

    source: SourceNetwork
    net: Lowered
    text: str
    order: tuple[Leaf, ...]

    def weight_names(self) -> dict[str, str]:
        """The source's name of each weight and buffer, by the path and name that it has in the spec."""
        graph = elaborate(from_text(Source(self.source.name, self.text)), Settings("", (), {}))
        first = len(graph.inputs)
        found = {}
        for layer, leaf in zip(graph.layers, self.order, strict=True):
            for ours, name in self.net.layers[leaf.value - first].weights.items():
                if ours not in layer.shared:
                    found[f"{layer.path}/{ours}"] = self.stored(name)
        return found

    def stored(self, name: str) -> str:
        """What the source's own file calls a weight, and what is taken of it."""
        weight = self.source.weights.get(origin(name).name)
        return renamed(name, weight.stored) if weight is not None and weight.stored else name

    @property
    def missing(self) -> tuple[str, ...]:
        found = []
        for one in self.net.missing:
            name = getattr(one.node.call, "name", "")
            where = one.node.modules[-1].path if one.node.modules else ""
            place = f" in {where}" if where else ""
            line = f" ({one.node.place})" if one.node.place else ""
            why = f": {one.why}" if one.why else ""
            found.append(f"{name}{place}{line} has no counterpart{why}")
        return tuple(found)


def counted(found: Imported) -> str:
    """How the params of a spec are not those of its source that layers read, or ''."""
    weights = found.source.weights.values()
    stored = sum(prod(one.dims) for one in weights if one.learned and not one.tied)
    graph = elaborate(from_text(Source(found.source.name, found.text)), Settings("", (), {}))
    params = sum(
        prod(dims)
        for layer in graph.layers
        for name, dims in layer.applied.weights.items()
        if name not in layer.shared and name not in layer.op.frozen
    )
    read = stored - found.net.unread
    if params == read or not stored:
        return ""
    return f"the spec has {params:,} parameters, and what is read of the source {read:,}"


def checked(found: Imported) -> str:
    """What an imported spec says otherwise than its source does, or ''. Nothing of it is believed unread."""
    graph = elaborate(from_text(Source(found.source.name, found.text)), Settings("", (), {}))
    if len(graph.layers) != len(found.order):
        return f"{len(graph.layers)} layers of {len(found.order)}"
    first = len(graph.inputs)
    here = {place: place for place in range(first)}
    here |= {leaf.value: first + place for place, leaf in enumerate(found.order)}
    for layer, leaf in zip(graph.layers, found.order, strict=True):
        if leaf.op is None or plain_op(layer.op) != plain_op(leaf.op):
            return f"{layer.path} is {layer.op}, not {leaf.op}"
        reads = tuple(here[value] for value in found.net.layers[leaf.value - first].inputs)
        if sorted(layer.inputs) != sorted(reads) or (layer.op.inputs and layer.inputs != reads):
            return f"{layer.path} reads {layer.inputs}, not {reads}"
        if layer.output != found.net.shapes[leaf.value]:
            return f"{layer.path} gives {layer.output}"
    if sorted(graph.outputs) != sorted(here[value] for value in found.net.outputs.values()):
        return "other outputs"
    return ""


def claimed(found: Imported, claims: Mapping[str, tuple[int, str]]) -> str:
    """The text of a spec with the numbers that its source has, and where they were counted."""
    if not claims:
        return found.text
    lines = [f'    - {{{what}: {number}, source: "{source}"}}' for what, (number, source) in claims.items()]
    return "\n".join([found.text + "claims:", f"  {spec_name(found.source.name)}:", *lines]) + "\n"


def spec_name(name: str) -> str:
    """A name that a spec can have."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
    return name if name and NAME.fullmatch(name.replace(".", "-")) else "network"


def imported(source: SourceNetwork, claims: Sequence[str] = ()) -> Imported:
    """The spec of a source, as short as it can be said; layer by layer where that cannot be read back."""
    whole = rewritten(source)
    source = source._replace(remarks=whole.remarks)
    net = lowered(whole)
    found = _short(source, net, claims) or _written(source, net, claims, whole=False)
    wrong = counted(found)
    return found._replace(net=net._replace(notes=(*net.notes, wrong))) if wrong else found


def _short(source: SourceNetwork, net: Lowered, claims: Sequence[str]) -> Imported | None:
    try:
        found = _written(source, net, claims, whole=True)
        return None if checked(found) else found
    except SpecError as error:
        if any(problem.fact == TOO_MANY_STEPS for problem in error.problems):
            raise  # layer by layer it is as large
        return None
    except (KeyError, Fault):
        return None


def named_inputs(inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    """Inputs under names that the language takes; an only one is `input`."""
    if len(inputs) == 1:
        return {"input": next(iter(inputs.values()))}
    found: dict[str, Shape] = {}
    for name, shape in inputs.items():
        name = tidy(name)
        found[unique(name if name and ops.find(name) is None else "input", found)] = shape
    return found


def _written(source: SourceNetwork, net: Lowered, claims: Sequence[str], whole: bool) -> Imported:
    outputs = [*net.outputs.values()]
    items = simplified(tree(net)) if whole else plain(net)
    if whole and not any(layer.modules for layer in net.layers):
        items = structured(items, outputs)
    hinted(items)
    items, blocks = folded(items, outputs)
    items = dissolved(items)
    inputs = named_inputs(net.inputs)
    text = spec_text(
        spec_name(source.name), source.note, inputs, [*net.outputs.values()], items, blocks, claims
    )
    return Imported(source, net, text, tuple(leaves(items)))
