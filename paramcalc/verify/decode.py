"""Token by token: what decoding gives, compared with all tokens at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from paramcalc.base.shape import Shape
from paramcalc.engine.decode import decoded, growing
from paramcalc.engine.graph import Graph
from paramcalc.engine.settings import Decode
from paramcalc.verify.compare import (
    TOLERANCE,
    Comparison,
    Disagreement,
    RunSettings,
    Verification,
    peak_memory,
)
from paramcalc.verify.effort import Effort, effort
from paramcalc.verify.run import Arrays, Live, checked_inputs, needed
from paramcalc.verify.tools import Array, Tools
from paramcalc.verify.weights import DrawnWeights, Supply, drawn_inputs

Caches = dict[str, dict[str, Array]]  # by the path of the layer, and by name


def whole(graph: Graph, decode: Decode) -> dict[str, tuple[int, ...]]:
    """Sizes of the growing input for all the tokens, the last one included."""
    name = [*graph.inputs][growing(graph, decode)]
    return {name: graph.inputs[name].resized({"length": decode.past + 1}).dims}


def generate(
    graph: Graph,
    decode: Decode,
    settings: RunSettings = RunSettings(),
    weights: Supply | None = None,
    begin: Callable[[Effort], None] = lambda work: None,
) -> Verification:
    """Runs a network on all tokens at once, then token by token with caches: every token must come out the same.

    The last token's layers are compared with what is counted of one more token.
    """
    batch, dtype = settings.batch, settings.dtype
    supply = weights or DrawnWeights(graph, dtype, settings.seed, keep=True)
    inputs = checked_inputs(graph, drawn_inputs(graph, batch, dtype, settings.seed), dtype)
    begin(effort(graph, batch, dtype))
    steps = [decoded(graph, decode._replace(past=past)) for past in range(decode.past + 1)]
    at_once = _AtOnce(graph, inputs, supply, _prepared(steps[-1]))
    caches, wrong, apart = at_once.caches, [], 0.0
    for past, step in enumerate(steps):
        live = _Decoding(step, at_once.arrays, past, caches)
        last = step is steps[-1]
        if last:
            run = Comparison(step, live, supply, dtype)
            layers = tuple(run.layer(value)[0] for value in live.order)
        else:
            _run(live, supply)
        for value in graph.outputs:
            found = _difference(graph.shape(value), at_once.arrays[value], live.arrays[value], past, last)
            apart = max(apart, found)
            if found > TOLERANCE:
                what = f"the numbers of all tokens at once, within {TOLERANCE:g} of the largest"
                said = f"off by {found:.2g} of the largest"
                wrong.append(Disagreement(graph.name(value), f"token {past + 1}", what, said))
    return Verification(
        report=run.report,
        settings=settings,
        layers=layers,
        disagreements=(*run.disagreements, *wrong),
        peak=run.peak,
        weights_seconds=run.weights_seconds,
        memory=peak_memory(),
        outputs={graph.name(value): live.arrays[value] for value in graph.outputs},
        expected=f"those of all {decode.past + 1} tokens at once",
        apart=apart,
    )


class _AtOnce(Live):
    """A run on all tokens of which every value is kept, and what it leaves for the layers in `prepared`."""

    def __init__(self, graph: Graph, inputs: Arrays, supply: Supply, prepared: Iterable[str]) -> None:
        self.caches: Caches = {path: {} for path in prepared}
        order = needed(graph, graph.outputs)
        super().__init__(graph, inputs, order, {*range(len(graph.inputs)), *order})
        _run(self, supply)

    def forward(self, value: int, tools: Tools, weights: Arrays) -> Array:
        tools.cache = self.caches.get(self.layer(value).path)
        return super().forward(value, tools, weights)


class _Decoding(Live):
    """The values of one token's run: what does not depend on it is there, and layers have caches."""

    def __init__(self, graph: Graph, at_once: Mapping[int, Array], past: int, caches: Caches) -> None:
        self.caches = caches
        first = len(graph.inputs)
        order = [v for v in needed(graph, graph.outputs) if not graph.layers[v - first].done]
        read = _reads(graph, order)
        inputs = {
            name: _part(at_once[value], read.get(value, shape), past)
            for value, (name, shape) in enumerate(graph.inputs.items())
        }
        super().__init__(graph, inputs, order, graph.outputs)
        for value in {*graph.outputs, *read}:
            if value >= first and value not in order:
                self.hold(value, _part(at_once[value], read.get(value, graph.shape(value)), past))

    def forward(self, value: int, tools: Tools, weights: Arrays) -> Array:
        tools.cache = self.caches.setdefault(self.layer(value).path, {})
        return super().forward(value, tools, weights)


def _prepared(step: Graph) -> list[str]:
    """The layers that read what was computed before the first token."""
    return [layer.path for layer in step.layers if getattr(layer.op, "prepared", False) and not layer.done]


def _reads(graph: Graph, order: Iterable[int]) -> dict[int, Shape | None]:
    """What is read of values that no layer of the order gives; None where nothing is."""
    found: dict[int, Shape | None] = {}
    made, first = {*order}, len(graph.inputs)
    for value in made:
        layer = graph.layers[value - first]
        sizes = layer.applied.rules.inputs_read(*layer.applied.inputs)
        for read, shape, size in zip(layer.inputs, layer.applied.inputs, sizes, strict=True):
            if read not in made:
                found[read] = shape if size else found.get(read)
    return found


def _part(array: Array, shape: Shape | None, past: int) -> Array:
    """What a step reads of an array: all, the position of the token, or nothing."""
    if shape is None:
        return array[:, :0]
    if array.shape[1:] == shape.dims:
        return array.copy()
    axis = 1 + shape.axes.index("length")
    return np.ascontiguousarray(np.take(array, [past], axis))


def _run(live: Live, supply: Supply) -> None:
    tools = Tools()
    for value in live.order:
        live.hold(value, live.forward(value, tools, supply.arrays(live.layer(value), live.inputs(value))))
        live.release(value)


def _difference(shape: Shape, at_once: Array, token: Array, past: int, last: bool) -> float:
    """How far a token's output is from that of all tokens, as a share of the largest number.

    An output that has no row for each token comes of all of them: only the last one gives it.
    """
    if "length" in shape.axes and shape.size("length") > 1:
        at_once = np.take(at_once, [past], 1 + shape.axes.index("length"))
    elif not last:
        return 0.0
    largest = float(np.abs(at_once).max()) or 1.0
    return float(np.abs(token - at_once).max()) / largest
