"""Token by token: the outputs of decoding, compared with those of all tokens at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from paramcalc.base.shape import Shape
from paramcalc.engine.decode import decoded, growing
from paramcalc.engine.graph import Graph
from paramcalc.engine.settings import Decode
from paramcalc.verify.compare import TOLERANCE, Comparison, Disagreement, RunSettings, Verification
from paramcalc.verify.run import Live, checked_inputs, needed, share_apart
from paramcalc.verify.tools import Array
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
) -> Verification:
    """Runs a network on all tokens at once, then token by token with caches: every token must come out the same.

    The last token's layers are compared with what is counted of one more token.
    """
    supply = weights or DrawnWeights(graph, settings.dtype, settings.seed, keep=True)
    steps = [decoded(graph, decode._replace(past=past)) for past in range(decode.past + 1)]
    caches: Caches = {path: {} for path in _prepared(steps[-1])}
    at_once = _all_tokens(graph, settings, supply, caches)
    caches = {layer.path: caches.get(layer.path, {}) for layer in graph.layers}
    wrong, apart = [], 0.0
    for past, step in enumerate(steps):
        live = _one_token(step, at_once, past, caches)
        last = step is steps[-1]
        if last:
            run = Comparison(step, live, supply, settings)
            run.run()
        else:
            live.run(supply, settings.dtype)
        for value in graph.outputs:
            share = _difference(graph.shape(value), at_once[value], live.arrays[value], past, last)
            apart = max(apart, share)
            if share > TOLERANCE:
                what = f"the numbers of all tokens at once, within {TOLERANCE:g} of the largest"
                said = f"off by {share:.2g} of the largest"
                wrong.append(Disagreement(graph.name(value), f"token {past + 1}", what, said))
    return run.result(wrong, f"those of all {decode.past + 1} tokens at once", apart)


def _all_tokens(graph: Graph, settings: RunSettings, supply: Supply, caches: Caches) -> Mapping[int, Array]:
    """All values of a run on all tokens at once; layers with caches leave there what they prepare."""
    batch, dtype, seed = settings
    inputs = checked_inputs(graph, drawn_inputs(graph, batch, dtype, seed), dtype)
    order = needed(graph, graph.outputs)
    live = Live(graph, inputs, order, {*range(len(graph.inputs)), *order}, caches)
    live.run(supply, settings.dtype)
    return live.arrays


def _one_token(graph: Graph, at_once: Mapping[int, Array], past: int, caches: Caches) -> Live:
    """A run on one token: what does not depend on it is there."""
    first = len(graph.inputs)
    order = [v for v in needed(graph, graph.outputs) if not graph.layers[v - first].done]
    read = _reads(graph, order)
    inputs = {
        name: _part(at_once[value], read.get(value, shape), past)
        for value, (name, shape) in enumerate(graph.inputs.items())
    }
    live = Live(graph, inputs, order, graph.outputs, caches)
    for value in {*graph.outputs, *read}:
        if value >= first and value not in order:
            live.hold(value, _part(at_once[value], read.get(value, graph.shape(value)), past))
    return live


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


def _difference(shape: Shape, at_once: Array, token: Array, past: int, last: bool) -> float:
    """How far a token's output is from that of all tokens, as a share of the largest number.

    An output that has no row for each token comes of all of them: only the last one gives it.
    """
    if "length" in shape.axes and shape.size("length") > 1:
        at_once = np.take(at_once, [past], 1 + shape.axes.index("length"))
    elif not last:
        return 0.0
    return share_apart(token, at_once)
