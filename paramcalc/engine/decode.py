"""A network for one more token: each layer as its op decodes, what earlier tokens left in caches.

Values grow by the token, are computed anew from it (the last state of a recurrent layer), or were there
before (an encoder, learned tensors): then their layers keep their weights and do no work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paramcalc.base.errors import Fault, Problem, SpecError
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, at_least, same
from paramcalc.engine.graph import Applied, Graph, Layer, each
from paramcalc.engine.settings import Decode
from paramcalc.ops.base import Cost, Op, one_token

HOW = "causal attention, recurrent layers and causal convolutions can, and layers that read one position at a time"

PRODUCTS = {"matmul", "einsum"}
COMPOSED = (
    "composed attention keeps no cache: write self_attention HEADS causal=true, or cross_attention HEADS"
)


def decoded(graph: Graph, decode: Decode) -> Graph:
    """The graph of one more token; `SpecError` with every layer that cannot decode token by token."""
    grown = growing(graph, decode)
    network = _Step(graph, decode.past, grown)
    layers = [*network.layers()]
    if network.problems:
        raise SpecError([*dict.fromkeys(network.problems)])
    inputs = {
        name: one_token(shape) if place == grown else shape
        for place, (name, shape) in enumerate(graph.inputs.items())
    }
    return graph._replace(
        inputs=inputs,
        layers=tuple(layers),
        settings=(*graph.settings, str(decode)),
        past=decode.past,
        remarks=(*graph.remarks, decode.said),
    )


def growing(graph: Graph, decode: Decode) -> int:
    """The number of the input that the token belongs to."""
    names = [*graph.inputs]
    long = [name for name, shape in graph.inputs.items() if "length" in shape.axes]
    if not decode.input and len(names) > 1:
        raise Fault(
            f"the network has {len(names)} inputs, and --decode does not say which one grows",
            fix=f"write --decode {(long or names)[-1]}={decode.past}",
        )
    name = decode.input or names[0]
    if name not in names:
        raise Fault(f"there is no input '{name}' to decode", fix=f"inputs are {', '.join(names)}")
    if name not in long:
        raise Fault(
            "one more token needs an input with a length",
            expected="an axis called length",
            found=f"{name} {graph.inputs[name].described()}",
        )
    return names.index(name)


class _Step:
    """The layers for one more token, one after the other."""

    def __init__(self, graph: Graph, past: Size, grown: int) -> None:
        self.graph = graph
        self.past = past
        self.first = len(graph.inputs)
        self.grown = {grown}  # the values that are one position longer
        self.anew = {grown}  # these, and all others that depend on the token
        self.problems: list[Problem] = []
        self._known: dict[tuple[int, tuple[bool, ...]], Applied] = {}

    def layers(self) -> Iterator[Layer]:
        for value, layer in enumerate(self.graph.layers, start=self.first):
            if self.anew.isdisjoint(layer.inputs) or layer.auxiliary:
                yield layer._replace(applied=self._idle(layer.applied), done=True)
                continue
            self.anew.add(value)
            grown = tuple(read in self.grown for read in layer.inputs)
            if not any(grown):
                yield layer
                continue
            if "length" in layer.output.axes:
                self.grown.add(value)
            try:
                yield layer._replace(applied=self._applied(layer, grown))
            except Fault as fault:
                self.problems.append(
                    Problem(layer.source, layer.start, layer.end, fault.fact, tuple(fault.notes()))
                )
                yield layer

    def _idle(self, applied: Applied) -> Applied:
        """The same without work."""
        key = id(applied), ()
        if key not in self._known:
            self._known[key] = applied._replace(cost=Cost())
        return self._known[key]

    def _applied(self, layer: Layer, grown: tuple[bool, ...]) -> Applied:
        key = id(layer.applied), grown
        if key not in self._known:
            self._known[key] = self._decoded(layer, grown)
        return self._known[key]

    def _decoded(self, layer: Layer, grown: Sequence[bool]) -> Applied:
        whole, mixture = layer.applied, layer.applied.mixture
        if mixture is None:
            op, shapes = whole.op.decode(self.past, *whole.inputs)
            rules = op
        else:  # an expert sees one position anyway
            mixture = mixture._replace(positions=one_token(mixture.positions))
            op, shapes = whole.op, tuple(map(one_token, whole.inputs))
            rules = each(op, mixture)
        for value, full, read, grows in zip(layer.inputs, whole.inputs, shapes, grown, strict=True):
            self._check(layer, value, full, read, grows)
        output, wanted = self._output(rules, shapes), one_token(whole.output)
        if output.axes != wanted.axes or not all(map(same, output.dims, wanted.dims)):
            raise Fault(
                f"{op.title} cannot decode token by token: it changes the length",
                expected=wanted.described(),
                found=output.described(),
            )
        arrays = rules.weights(*shapes), rules.buffers(*shapes)
        return Applied(op, shapes, output, *arrays, rules.cost(*shapes), mixture)

    def _output(self, rules: Op, shapes: tuple[Shape, ...]) -> Shape:
        """What a step gives; a fault that says that it is one where a single token does not fit."""
        try:
            return rules.shape(*shapes)
        except Fault as fault:
            fix = fault.fix or f"the step of one more token gives it {shapes[0].described()}"
            raise Fault(fault.fact, expected=fault.expected, found=fault.found, fix=fix) from None

    def _check(self, layer: Layer, value: int, full: Shape, read: Shape, grows: bool) -> None:
        """Of what grows only the token is read; of what was there before, a row of its number or everything."""
        title, name = layer.op.title, self.graph.name(value)
        if grows and read.dims != one_token(full).dims:
            fix = COMPOSED if layer.op.name in PRODUCTS else HOW
            raise Fault(
                f"{title} cannot decode token by token: it reads other positions of the length", fix=fix
            )
        if grows or read is full or "length" not in full.axes:
            return
        if not same(full.size("length"), 1) and not at_least(full.size("length"), self.past + 1):
            raise Fault(
                f"{title} has no position for the token",
                expected=f"at most {full.size('length') - 1} tokens before it, as in '{name}'",
                found=f"{self.past}",
            )
