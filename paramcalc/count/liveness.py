"""Which tensors are alive at once while a network runs: forwards, and backwards for training.

Layers run in the graph's order. Each output is a tensor of its own; it is freed when the last layer
that reads it is done, or kept for the backward pass. Graph outputs are kept to the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.paths import matching, pattern
from paramcalc.base.sizes import total
from paramcalc.engine.graph import Graph, Layer
from paramcalc.ops.base import Elementwise

SCORES = "scores"  # what fused attention does not store


class Moment(NamedTuple):
    """The values alive while a layer runs, or, `backward`, while its gradients are computed.

    `values` are the elements of inputs and outputs of layers, `inner` of what layers compute on the way
    (the scores of attention), `gradients` of the values' gradients.
    """

    layer: str
    backward: bool
    values: int
    inner: int = 0
    gradients: int = 0

    @property
    def elements(self) -> int:
        return self.values + self.inner + self.gradients


class Timeline(NamedTuple):
    """The live values of a run: its moments, forward first, and the layers that checkpoints run twice."""

    layers: tuple[Layer, ...]
    moments: tuple[Moment, ...]
    repeated: tuple[Layer, ...]

    @property
    def peak(self) -> Moment:
        """The first peak of live activations; nothing where there are no layers."""
        return max(self.moments, key=lambda moment: moment.elements, default=Moment("", False, 0))


def run(
    graph: Graph,
    batch: int = 1,
    training: bool = False,
    inplace: bool = False,
    fused: bool = False,
    checkpoints: str = "",
    only: Collection[int] | None = None,
) -> Timeline:
    """Follows all tensors through the network.

    `training` adds the backward pass, which needs all outputs, and runs auxiliary branches.
    `inplace`: elementwise layers overwrite an input that no other layer reads. `fused`: the scores of
    attention are never stored. `checkpoints`: what stays inside these groups is dropped, and
    computed again in the backward pass; a pattern of groups, or a number of equal parts. `only` names
    the values whose layers are run, auxiliary ones or not.

    >>> from paramcalc import load
    >>> run(load("vgg-16").graph()).peak
    Moment(layer='conv1_1/relu', backward=False, values=6422528, inner=0, gradients=0)
    """
    order = _Order(graph, batch, training, only)
    segments = _segments([layer.path for layer in order.layers], checkpoints)
    values, inner = order.tensors(inplace, segments), order.inner(fused, segments)
    moments = _forward(order, values, inner, training)
    if training:
        moments += _backward(order, values, inner)
    repeated = tuple(layer for layer, segment in zip(order.layers, segments, strict=True) if segment)
    return Timeline(tuple(order.layers), tuple(moments), repeated)


class _Tensor(NamedTuple):
    """Memory in which one value lies, or several one after the other.

    Places count the layers that are run. `born` is that of the layer that gives the first value, -1
    for an input; `last` that of the last reader. `segment` is the checkpointed group that nothing of
    it leaves, if any.
    """

    size: int
    born: int
    last: int
    segment: range | None


class _Order:
    """The layers that are run, and where each value is made and read for the last time."""

    def __init__(self, graph: Graph, batch: int, training: bool, only: Collection[int] | None) -> None:
        first = len(graph.inputs)
        numbered = [*enumerate(graph.layers, start=first)]
        if only is None:
            run = [
                (value, layer)
                for value, layer in numbered
                if (training or not layer.auxiliary) and not layer.done
            ]
        else:
            run = [(value, layer) for value, layer in numbered if value in only]
        self.batch = batch
        self.layers = [layer for _, layer in run]
        self.made = {value: place for place, (value, _) in enumerate(run)}
        self.sizes = {value: batch * graph.shape(value).elements for value in (*range(first), *self.made)}
        for _, layer in run:  # what is read of values that are there before the run
            for value, read in zip(
                layer.inputs, layer.applied.rules.inputs_read(*layer.applied.inputs), strict=True
            ):
                if value not in self.made:
                    self.sizes[value] = max(self.sizes.get(value, 0), batch * read)
        self.last = {value: self.made.get(value, -1) for value in self.sizes}
        for place, layer in enumerate(self.layers):
            self.last.update(dict.fromkeys(layer.inputs, place))
        self.last.update(dict.fromkeys(graph.outputs, len(run)))

    def tensors(self, inplace: bool, segments: Sequence[range | None]) -> list[_Tensor]:
        """The memory of all values."""
        held = {value: [value] for value in self.sizes}
        for value, place in self.made.items() if inplace else ():
            layer = self.layers[place]
            read = layer.inputs[0] if isinstance(layer.op, Elementwise) else None
            if read in self.made and self.last[read] == place and self.sizes[read] == self.sizes[value]:
                held[value] = [*held.pop(read), value]
        return [self._tensor(values, segments) for values in held.values()]

    def _tensor(self, values: list[int], segments: Sequence[range | None]) -> _Tensor:
        born, last = self.made.get(values[0], -1), self.last[values[-1]]
        segment = segments[born] if born >= 0 else None
        return _Tensor(self.sizes[values[0]], born, last, segment if segment and last in segment else None)

    def inner(self, fused: bool, segments: Sequence[range | None]) -> list[_Tensor]:
        """Intermediate values inside layers, one tensor for each layer that has any."""
        found = []
        for place, layer in enumerate(self.layers):
            parts = layer.applied.rules.inner(*layer.applied.inputs)
            size = self.batch * total(part for name, part in parts.items() if not (fused and name == SCORES))
            if size:
                found.append(_Tensor(size, place, place, segments[place]))
        return found


def _forward(
    order: _Order, values: Iterable[_Tensor], inner: Iterable[_Tensor], training: bool
) -> list[Moment]:
    """The moments of the forward pass. Training keeps everything that no checkpoint drops."""
    end = len(order.layers) - 1

    def alive(tensors: Iterable[_Tensor]) -> list[int]:
        return _sums(
            (
                (max(one.born, 0), end if training and not one.segment else min(one.last, end), one.size)
                for one in tensors
            ),
            end,
        )

    found = zip(order.layers, alive(values), alive(inner), strict=True)
    return [Moment(layer.path, False, *sizes) for layer, *sizes in found]


def _backward(order: _Order, values: Iterable[_Tensor], inner: Iterable[_Tensor]) -> list[Moment]:
    """The moments of the backward pass, the last layer's first.

    A value is needed until its own layer's gradients are done. What a checkpoint dropped is there
    again while the backward pass is in its group. The gradient of a value lives from its last
    reader, or the loss, to the layer that gave the value; inputs have none.
    """
    end = len(order.layers) - 1

    def needed(tensors: Iterable[_Tensor]) -> list[int]:
        return _sums(
            ((max(one.born, 0), one.segment[-1] if one.segment else end, one.size) for one in tensors), end
        )

    grown = ((place, min(order.last[value], end), order.sizes[value]) for value, place in order.made.items())
    found = zip(order.layers, needed(values), needed(inner), _sums(grown, end), strict=True)
    return [Moment(layer.path, True, *sizes) for layer, *sizes in found][::-1]


def _sums(spans: Iterable[tuple[int, int, int]], end: int) -> list[int]:
    """For each place up to the end, the sizes of the spans (first, last, size) that hold it."""
    changes = [0] * (end + 2)
    for first, last, size in spans:
        changes[first] += size
        changes[last + 1] -= size
    return [*accumulate(changes)][:-1]


def _segments(paths: Sequence[str], checkpoints: str) -> list[range | None]:
    """For each layer, the checkpointed group that it belongs to: neighbours under one path."""
    if not checkpoints:
        return [None] * len(paths)
    if checkpoints.isdigit():
        return _equal_parts(len(paths), int(checkpoints))
    if "**" in checkpoints:
        raise Fault("a pattern of checkpointed groups names each part: '**' does not fit", found=checkpoints)
    matching(checkpoints, paths)
    depth, compiled = checkpoints.count("/") + 1, pattern(checkpoints)
    heads = ["/".join(path.split("/")[:depth]) for path in paths]
    found: list[range | None] = []
    for place, head in enumerate(heads):
        inside = compiled.fullmatch(head) is not None
        if place and inside and head == heads[place - 1]:
            found.append(found[-1])
            continue
        stop = next((later for later in range(place, len(heads)) if heads[later] != head), len(heads))
        found.append(range(place, stop) if inside else None)
    return found


def _equal_parts(count: int, parts: int) -> list[range | None]:
    if not 1 <= parts <= count:
        raise Fault("there are not that many layers", expected=f"1 to {count} parts", found=str(parts))
    borders = [count * part // parts for part in range(parts + 1)]
    return [range(begin, end) for begin, end in pairwise(borders) for _ in range(begin, end)]
