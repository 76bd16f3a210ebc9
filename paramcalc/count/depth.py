"""How many layers with weights lie one behind the other."""

from __future__ import annotations

from paramcalc.engine.graph import Graph, Layer


def depth(graph: Graph) -> int:
    """The most weight layers on a path from an input to an output: the 16 of VGG-16, the 50 of ResNet-50.

    A weight layer contracts with its weights: convolution, linear, attention; normalization and lookups
    do not. Branches that exist in training only lead to no output, and a projection on a shortcut lies
    beside the longer way.

    >>> from paramcalc import load
    >>> depth(load("VGG16").graph())
    16
    """
    deepest = [0] * len(graph.inputs)
    for layer in graph.layers:
        below = max((deepest[value] for value in layer.inputs), default=0)
        deepest.append(below + (layer.op.weight_layers() if has_kernels(layer) else 0))
    return max((deepest[value] for value in graph.outputs), default=0)


def has_kernels(layer: Layer) -> bool:
    """Whether a layer multiplies with weights, its own or another's."""
    return any(map(layer.op.contracts, layer.applied.weights))
