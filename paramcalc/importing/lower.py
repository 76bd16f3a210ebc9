"""From a source's nodes to layers: each operation as the ops that it amounts to, with their shapes.

What no input reaches is left out, and so is what no output needs. An operation that has no
counterpart is never dropped in silence: its result becomes an input of the network, so that all else
is counted, and a remark names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.origins import Rows, origin
from paramcalc.base.shape import CHANNELS, Shape, image
from paramcalc.engine.builder import Builder
from paramcalc.importing import moving, products, rules
from paramcalc.importing.arrays import full, named
from paramcalc.importing.layers import Lowered, Missing, Placed, needed_layers
from paramcalc.importing.layout import labels_of
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown
from paramcalc.importing.net import SHAPES_ONLY, name_of
from paramcalc.importing.rule import RULES
from paramcalc.importing.rules import op_node
from paramcalc.importing.source import Module, Primitive, SourceNetwork, SourceNode, Value
from paramcalc.importing.tidy import tidied
from paramcalc.ops.base import Op

RULE_FILES = (moving, products, rules)  # whose rules are registered as they are loaded

# ------------------------------------------------------------------------------------- the whole


def lowered(source: SourceNetwork) -> Lowered:
    """All layers of a source."""
    constants = constant_values(source)
    nodes = needed(source, constants)
    missing: list[Missing] = []
    extra: dict[str, Shape] = {}
    lowering = Lowering(source)
    lowering.constants = constants
    for node in nodes:
        lowering.dims[node.value] = node.dims
        if node.value in constants:
            continue
        lowering.node = node
        start = len(lowering.layers)
        try:
            arguments = [argument(lowering, node, value) for value in node.inputs]
            if isinstance(node.call, Primitive):
                rule = RULES.get(node.call.name)
                if rule is None:
                    raise Unknown("")
                lowering.laid[node.value] = rule(lowering, node, *arguments)
            else:
                lowering.laid[node.value] = op_node(lowering, node, *arguments)
        except (Unknown, Fault, LookupError, ValueError, TypeError, AssertionError) as reason:
            why = (
                reason.fact
                if isinstance(reason, Fault)
                else str(reason)
                if isinstance(reason, Unknown)
                else ""
            )
            missing.append(Missing(node, why))
            extra[_free(f"missing_{len(missing)}", source)] = _stand_in(node)
            lowering.take_back(start)
            lowering.laid[node.value] = _standing(lowering, node, [*extra][-1], extra)
    return _finished(lowering, source, extra, missing, constants)


def _standing(lowering: Lowering, node: SourceNode, name: str, extra: Mapping[str, Shape]) -> Laid:
    """The result of an operation without counterpart, as a tensor that comes from outside."""
    shape = extra[name]
    marker = Standing(shape)
    value = lowering.builder.add(marker, (), name)
    lowering.layers.append(Placed(marker, (), (Module(name, "missing"),), {}))
    return Laid(value, labels_of(shape, node.dims), node.dims)


@dataclass(frozen=True)
class Standing(Op):
    """A tensor that comes from outside."""

    given: Any

    inputs = ()
    takes_ids = True

    def shape(self, *inputs: Shape) -> Shape:
        return self.given  # type: ignore[no-any-return]


def _stand_in(node: SourceNode) -> Shape:
    dims = node.dims[1:] or (1,)
    axes = (CHANNELS, "length", "depth", "height", "width")
    if len(dims) == 2:
        return Shape(("length", CHANNELS), dims)
    if len(dims) <= 4:
        return image(*dims)
    return Shape(axes[: len(dims)], dims[:5])


def _free(name: str, source: SourceNetwork) -> str:
    return f"{name}_" if name in source.inputs else name


def _finished(
    lowering: Lowering,
    source: SourceNetwork,
    extra: Mapping[str, Shape],
    missing: Sequence[Missing],
    constants: Mapping[Value, Constant],
) -> Lowered:
    """Stand-ins become inputs, layers that nothing reads go, and all is numbered anew."""
    first = lowering.builder.first
    outputs = {
        name: lowering.laid[value].value
        for name, value in {**source.outputs, **source.auxiliary}.items()
        if value in lowering.laid
    }
    cut = [
        lowering.laid[value].value
        for one in missing
        for value in one.node.inputs
        if isinstance(value, str) and value in lowering.laid
    ]
    layers, outputs = tidied(first, [*lowering.builder.shapes], lowering.layers, outputs, cut)
    for value in cut:
        if (
            value not in outputs.values()
            and value >= first
            and not any(value in one.inputs for one in layers)
        ):
            outputs[f"cut_{len(outputs)}"] = value
    inputs: dict[str, Shape] = dict(source.inputs) | dict(extra)
    numbers = {place: place for place in range(first)}
    builder = Builder()
    for name, shape in inputs.items():
        builder.input(name, shape)
    kept: list[Placed] = []
    read = needed_layers(first, layers, outputs.values())
    for place, layer in enumerate(layers, start=first):
        if place not in read:
            continue
        if layer.modules and layer.modules[0].kind == "missing":
            numbers[place] = [*inputs].index(layer.modules[0].path)
            continue
        moved = layer._replace(inputs=tuple(numbers[value] for value in layer.inputs))
        numbers[place] = builder.add(moved.op, moved.inputs, f"layer_{len(kept)}")
        kept.append(moved)
    used = {value for layer in kept for value in layer.inputs} | {
        numbers[value] for value in outputs.values()
    }
    left = unread(source, constants, kept)
    return _without_unread_inputs(
        Lowered(
            inputs,
            tuple(kept),
            tuple(builder.shapes),
            {name: numbers[value] for name, value in outputs.items() if name not in source.auxiliary},
            tuple(missing),
            (*dict.fromkeys(lowering.notes), *told(left)),
            {name: numbers[value] for name, value in outputs.items() if name in source.auxiliary},
            frozenset(lowering.computed),
            sum(left.values()),
        ),
        used,
    )


def unread(
    source: SourceNetwork, constants: Mapping[Value, Constant], layers: Sequence[Placed]
) -> dict[str, int]:
    """Of which parameters no layer has how many: heads of training, rows that are cut off, what nothing reads."""
    whole: set[str] = set()
    rows: dict[str, set[int]] = {}
    for name in (name for layer in layers for name in layer.weights.values()):
        taken = origin(name)
        part = taken.steps[-1] if taken.steps and taken.name in source.weights else None
        if isinstance(part, Rows):
            rows.setdefault(taken.name, set()).update(one for pair in part.ranges for one in range(*pair))
        else:
            whole.update(roots_of(source, constants, name))
    left: dict[str, int] = {}
    for name, weight in source.weights.items():
        if not weight.learned or weight.tied or name in whole:
            continue
        size = prod(weight.dims)
        most = next((dim for dim in weight.dims if dim > max(rows[name])), 1) if name in rows else 1
        left[name] = size - size // most * len(rows[name]) if name in rows else size
    return {name: count for name, count in left.items() if count}


def told(left: Mapping[str, int]) -> list[str]:
    """What is said of parameters that no layer has."""
    if not left:
        return []
    modules = list(dict.fromkeys(name.partition(".")[0] for name in left))
    named = ", ".join(modules[:4]) + (" ..." if len(modules) > 4 else "")
    return [f"{sum(left.values()):,} parameters are not in the spec, as no output reads them: {named}"]


def roots_of(source: SourceNetwork, constants: Mapping[Value, Constant], name: str) -> tuple[str, ...]:
    """The parameters behind a weight's name, which may say that it is rows or a transpose of one."""
    plain = origin(name).name
    if plain in source.weights:
        return (plain,)
    return next((one.roots for one in constants.values() if one.value == plain), ())


def _without_unread_inputs(net: Lowered, used: set[int]) -> Lowered:
    """Inputs that no layer reads are no inputs."""
    names = [*net.inputs]
    gone = [place for place in range(len(names)) if place not in used]
    if not gone or len(gone) == len(names):
        return net
    numbers: dict[int, int] = {}
    for place in range(len(net.shapes)):
        if place not in gone:
            numbers[place] = len(numbers)
    return Lowered(
        {name: shape for place, (name, shape) in enumerate(net.inputs.items()) if place not in gone},
        tuple(layer._replace(inputs=tuple(numbers[value] for value in layer.inputs)) for layer in net.layers),
        tuple(shape for place, shape in enumerate(net.shapes) if place not in gone),
        {name: numbers[value] for name, value in net.outputs.items()},
        net.missing,
        net.notes,
        {name: numbers[value] for name, value in net.auxiliary.items()},
        net.computed,
        net.unread,
    )


SPREADING = frozenset({"add", "subtract", "multiply", "divide", "maximum", "minimum", "expand", "matmul"})
UNNAMED_TOO = frozenset({*SPREADING, "reshape", "permute", "slice", "linear", "attention", "dropout", "pass"})


def argument(lowering: Lowering, node: SourceNode, value: Value | float | None) -> Argument:
    """What a node reads: a value that is laid out, a constant, a number."""
    if not isinstance(value, str):
        return value
    if value in lowering.laid:
        laid, name = lowering.laid[value], name_of(node)
        if name not in SPREADING and name:
            laid = full(lowering, laid, lowering.dims.get(value, laid.dims))
        return laid if name in UNNAMED_TOO or laid.named else named(lowering, laid)
    if value in lowering.constants:
        return lowering.constants[value]
    weight = lowering.source.weights.get(value)
    if weight is None:
        raise Unknown(f"it reads '{value}', which nothing gives")
    if isinstance(weight.numbers, float) and not weight.learned:
        return weight.numbers
    return Constant(value, weight.dims, weight.learned, (value,) if weight.learned else (), made=value)


def constant_values(source: SourceNetwork) -> dict[Value, Constant]:
    """The values of nodes that no input of the network reaches; only its sizes may."""
    data = set(source.inputs)
    found: dict[Value, Constant] = {}
    for node in source.nodes:
        names = [value for value in node.inputs if isinstance(value, str)]
        shapes_only = isinstance(node.call, Primitive) and node.call.name in SHAPES_ONLY
        if not shapes_only and any(name in data for name in names):
            data.add(node.value)
            continue
        roots = tuple(dict.fromkeys(root for name in names for root in _roots(source, found, name)))
        learned = not shapes_only and bool(roots)
        looked_up = isinstance(node.call, Primitive) and (
            node.call.name == "embedding"
            or (node.call.name == "slice" and node.call.attributes["start"] == 0)
            or (node.call.name in ("reshape", "expand") and names[0] in found and found[names[0]].looked_up)
        )
        name = renamed(source, found, node)
        found[node.value] = Constant(
            name if learned else node.value,
            node.dims,
            learned,
            roots if learned else (),
            looked_up,
            node.value,
        )
    return found


def _roots(source: SourceNetwork, found: Mapping[Value, Constant], name: Value) -> tuple[str, ...]:
    if name in found:
        return found[name].roots
    weight = source.weights.get(name)
    return (name,) if weight is not None and weight.learned else ()


def renamed(source: SourceNetwork, found: Mapping[Value, Constant], node: SourceNode) -> str:
    """The name of what is a weight, or rows of one, in another form; else that of the value itself."""
    if not isinstance(node.call, Primitive) or not node.inputs or not isinstance(node.inputs[0], str):
        return node.value
    below = node.inputs[0]
    name = found[below].value if below in found else below
    dims = (
        found[below].dims if below in found else source.weights[below].dims if below in source.weights else ()
    )
    kind, given = node.call.name, node.call.attributes
    if kind in ("reshape", "expand") and prod(dims) == prod(node.dims):
        return name
    if (
        kind == "slice"
        and given["axis"] == 0
        and given["step"] == 1
        and "[" not in name
        and below in source.weights
    ):
        return f"{name}[{given['start']}:{given['stop']}]"
    if kind == "permute" and len(dims) == 2 and below in source.weights:
        return f"{name}.T"
    return node.value


def needed(source: SourceNetwork, constants: Mapping[Value, Constant]) -> list[SourceNode]:
    """The nodes that the outputs read, in order."""
    wanted = {*source.outputs.values(), *source.auxiliary.values()}
    kept = []
    for node in reversed(source.nodes):
        if node.value in wanted:
            kept.append(node)
            wanted.update(value for value in node.inputs if isinstance(value, str))
    return kept[::-1]
