"""Concatenations that grow, as DenseNet's: each joins what the one before has joined, and one tensor more."""

from __future__ import annotations

from paramcalc.importing.source import Module, Primitive, SourceNetwork, SourceNode, Value


def grown(source: SourceNetwork) -> SourceNetwork:
    """Each concatenation of all that an earlier one joins, and one tensor more, reads the earlier one.

    It then belongs to the module that gives the new tensor, at its end: a layer hands on what entered it
    and what it has made. The sum of all before is the tensor that enters.
    """
    known: dict[tuple[int, tuple[Value | float | None, ...]], Value] = {}
    makers = {node.value: node for node in source.nodes}
    nodes: list[SourceNode] = []
    moved: dict[Value, Value] = {}
    for node in source.nodes:
        if not _joins(node):
            nodes.append(node)
            continue
        axis = node.call.attributes["axis"]  # type: ignore[union-attr]
        earlier = known.get((axis, node.inputs[:-1])) if len(node.inputs) > 2 else None
        if len(node.inputs) == 2:
            known[axis, node.inputs] = node.value
            nodes.append(node)
            continue
        if earlier is None:
            nodes.append(node)
            known[axis, node.inputs] = node.value
            continue
        new = makers.get(str(node.inputs[-1]))
        known[axis, node.inputs] = node.value
        nodes.append(node._replace(inputs=(earlier, node.inputs[-1]), modules=_end(new, node)))
        moved[node.value] = node.value
    return source if not moved else _first_moved(source._replace(nodes=tuple(nodes)), moved, makers)


def _joins(node: SourceNode) -> bool:
    return isinstance(node.call, Primitive) and node.call.name == "concat"


def _end(new: SourceNode | None, node: SourceNode) -> tuple[Module, ...]:
    """The modules of the layer that gives the new tensor, as far as it is not those of the concatenation."""
    if new is None:
        return node.modules
    shared = 0
    for one, two in zip(new.modules, node.modules, strict=False):
        if one.path != two.path:
            break
        shared += 1
    return new.modules[: shared + 1] if len(new.modules) > shared else node.modules


def _first_moved(
    source: SourceNetwork, moved: dict[Value, Value], makers: dict[Value, SourceNode]
) -> SourceNetwork:
    """The first concatenation of such a row too belongs to the layer that gives its new tensor."""
    begun = {node.inputs[0] for node in source.nodes if node.value in moved}
    return source._replace(
        nodes=tuple(
            node._replace(modules=_end(makers.get(str(node.inputs[-1])), node))
            if node.value in begun and node.value not in moved
            else node
            for node in source.nodes
        )
    )
