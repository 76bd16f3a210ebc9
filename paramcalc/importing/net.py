"""The nodes of a source as a graph that patterns walk, and rewrite."""

from __future__ import annotations

from collections.abc import Iterator

from paramcalc.importing.source import Dims, Module, Primitive, SourceNetwork, SourceNode, Value


class Net:
    """Who makes a value, who reads it; and new nodes in place of old ones."""

    def __init__(self, source: SourceNetwork) -> None:
        self.source = source
        self.makers: dict[Value, SourceNode] = {node.value: node for node in source.nodes}
        self.readers: dict[Value, list[SourceNode]] = {}
        for node in source.nodes:
            for value in node.inputs:
                if isinstance(value, str):
                    self.readers.setdefault(value, []).append(node)
        self.outputs = {*source.outputs.values()}
        self.data = self._data()
        self.replaced: dict[Value, SourceNode] = {}
        self.remarks: list[str] = []

    def _data(self) -> set[Value]:
        """The values that an input of the network reaches."""
        found = set(self.source.inputs)
        for node in self.source.nodes:
            if name_of(node) not in SHAPES_ONLY and any(value in found for value in node.inputs):
                found.add(node.value)
        return found

    def maker(self, value: Value | float | None, *names: str) -> SourceNode | None:
        """The node that gives a value, if it is one of these operations."""
        node = self.makers.get(value) if isinstance(value, str) else None
        return node if node is not None and (not names or name_of(node) in names) else None

    def only_reader(self, value: Value) -> SourceNode | None:
        """The one node that reads a value, which is no output."""
        readers = self.readers.get(value, [])
        return readers[0] if len(readers) == 1 and value not in self.outputs else None

    def is_data(self, value: Value | float | None) -> bool:
        return value in self.data

    def learned(self, value: Value | float | None) -> bool:
        """Whether a value is a parameter, or computed of parameters alone."""
        if not isinstance(value, str) or value in self.data:
            return False
        if value in self.source.weights:
            return self.source.weights[value].learned
        node = self.makers.get(value)
        return node is not None and any(self.learned(one) for one in node.inputs)

    def dims(self, value: Value | float | None) -> Dims:
        if not isinstance(value, str):
            return ()
        if value in self.makers:
            return self.makers[value].dims
        if value in self.source.weights:
            return self.source.weights[value].dims
        return (1, *self.source.inputs[value].dims)

    def tensors(self, node: SourceNode) -> list[Value]:
        """What a node reads that depends on an input."""
        return [value for value in node.inputs if isinstance(value, str) and value in self.data]

    def replace(self, node: SourceNode) -> None:
        """A node in place of the one that gives the same value."""
        self.replaced[node.value] = node
        self.makers[node.value] = node

    def done(self) -> SourceNetwork:
        """The source with the new nodes; those that nothing reads any more are left out later."""
        if not self.replaced:
            return self.source
        nodes = tuple(self.replaced.get(node.value, node) for node in self.source.nodes)
        remarks = (*self.source.remarks, *dict.fromkeys(self.remarks))
        return self.source._replace(nodes=nodes, remarks=remarks)


SHAPES_ONLY = frozenset({
    "new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like",
    "sym_size", "shape", "_assert_tensor_metadata", "rand_like", "randn_like",
})  # fmt: skip


def name_of(node: SourceNode) -> str:
    return node.call.name if isinstance(node.call, Primitive) else ""


def common(one: tuple[Module, ...], two: tuple[Module, ...]) -> tuple[Module, ...]:
    """The modules that two nodes are both in."""
    return tuple(a for a, b in _pairs(one, two))


def _pairs(one: tuple[Module, ...], two: tuple[Module, ...]) -> Iterator[tuple[Module, Module]]:
    for a, b in zip(one, two, strict=False):
        if a.path != b.path:
            return
        yield a, b
