"""What is settled when all layers are there: outputs, layers that nobody reads, remarks on settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paramcalc.base.errors import Fault, Problem, near
from paramcalc.base.paths import matching
from paramcalc.base.shape import Shape
from paramcalc.engine.graph import Layer
from paramcalc.engine.scope import NOTHING, Network, Scope, UnknownError, View
from paramcalc.engine.settings import Change, Settings, Swap
from paramcalc.language.expression import Expression
from paramcalc.ops.attributes import attributes

MOST_COLOURS = 3  # channels of a picture


def output_values(network: Network, root: Scope, last: int) -> tuple[int, ...]:
    """The values that leave the network: those that the spec names, or the end of its chain."""
    references, source = network.spec.outputs
    if not references:
        return (last,)
    view = View(network, root, NOTHING)
    found = []
    for reference in references:
        try:
            found.append(view.resolve(reference))
        except Fault as fault:
            network.report(fault, source, *(fault.at or (reference.start, reference.end)))
        except UnknownError:
            pass
    return tuple(found)


def check_read(network: Network, outputs: tuple[int, ...]) -> None:
    """Every layer's output is read, is an output, or lies in an auxiliary branch."""
    used = network.read.union(outputs)
    for number, (name, declared) in enumerate(network.spec.inputs.items()):
        if number not in used:
            fault = Fault(f"the input '{name}' is never read")
            width = len(declared.sizes.text) if isinstance(declared.sizes, Expression) else 1
            network.report(fault, declared.source, declared.at, declared.at + width)
    unread: dict[tuple[str, int], list[Layer]] = {}
    for number, layer in enumerate(network.layers, start=network.first):
        if number not in used and not layer.auxiliary:
            unread.setdefault((layer.source.name, layer.start), []).append(layer)
    for first, *others in unread.values():
        further = f", nor are the outputs of {len(others)} more layers of this line" if others else ""
        further = f", nor is that of '{others[0].path}'" if len(others) == 1 else further
        fix = "read it by 'from', add it to 'outputs', or put it under 'auxiliary'"
        fault = Fault(f"the output of '{first.path}' is never read{further}", fix=fix)
        network.report(fault, first.source, first.start, first.end)


def channels_last(network: Network, inputs: Mapping[str, Shape]) -> Iterator[Problem]:
    """A remark on each input that is written like a picture with its colours last."""
    for name, shape in inputs.items():
        declared, dims = network.spec.inputs[name], shape.dims
        if declared.axes or len(dims) != 3 or not all(type(size) is int for size in dims):
            continue
        one, two, colours = dims
        if one == two > MOST_COLOURS and colours in (1, MOST_COLOURS):
            fact = f"the input '{name}' has {one} channels of {two}x{colours}: sizes are channels first"
            fix = f"write {colours}x{one}x{two}; or name the axes: {{height: {one}, width: {two}, channels: {colours}}}"
            width = len(declared.sizes.text) if isinstance(declared.sizes, Expression) else 1
            yield Problem(declared.source, declared.at, declared.at + width, fact, (fix,))


def remarks(
    network: Network, settings: Settings, replaced: Mapping[Swap, int], touched: Mapping[Change, int]
) -> tuple[str, ...]:
    """What the settings of single layers touched; a fault when one touched nothing."""
    said = []
    for change in settings.changes:
        if not change.layers:
            continue
        if isinstance(change, Swap):
            count, done, what = replaced.get(change, 0), "replaced", "place"
        else:
            count, done, what = touched.get(change, 0), "touched", "layer"
        if not count:
            raise _untouched(network, change)
        said.append(f"{change} {done} {count} {what}{'s' * (count != 1)}")
    return tuple(said)


def _untouched(network: Network, change: Change | Swap) -> Fault:
    """The fault that a setting of layers reached none."""
    found = {*matching(change.layers, (layer.path for layer in network.layers))}
    name = change.name if isinstance(change, Change) else ""
    kinds = {type(layer.op) for layer in network.layers if layer.path in found}
    known = sorted({attribute for kind in kinds for attribute in attributes(kind)})
    fix = near(name, known) or f"they have {', '.join(known) or 'none'}"
    return Fault(f"no layer of '{change.layers}' has an attribute '{name}'", fix=fix)
