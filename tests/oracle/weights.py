"""What comparisons of whole networks with the weights of their sources share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from paramcalc.base import origins
from paramcalc.engine.graph import Graph
from paramcalc.verify.checkpoint import WeightMatch, match
from paramcalc.verify.files import in_memory
from paramcalc.verify.mapping import match_by_map
from paramcalc.verify.run import run
from paramcalc.verify.weights import GivenWeights, owned

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # small tensors

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest number
Arrays = dict[str, Any]


def trained(network: Any, dtype: str) -> Any:
    """The network in evaluation mode with weights as training leaves them: nothing zero, nothing one."""
    network = network.to(getattr(torch, dtype)).eval()
    for key, weight in network.named_parameters():
        kind = key.rpartition(".")[2]
        if weight.numel() == max(weight.shape, default=1):  # of norms, scales, biases
            low, high = (-0.2, 0.2) if "bias" in kind or kind == "beta" else (0.5, 1.5)
            torch.nn.init.uniform_(weight, low, high)
        elif not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return network


def arrays_of(network: Any) -> Arrays:
    return {key: tensor.numpy() for key, tensor in network.state_dict().items()}


def in_order(arrays: Arrays, within: Sequence[str], rename: Mapping[str, str]) -> Arrays:
    """The arrays with parts of their names replaced, and the parts of each module in the order of `within`.

    A module lists its weights in the order in which it was written, which need not be that of the layers.
    """
    found = {}
    for name, array in arrays.items():
        for pattern, by in rename.items():
            name = re.sub(pattern, by, name)
        found[name] = array
    seen: dict[str, int] = {}

    def place(name: str) -> list[tuple[int, int]]:
        words = name.split(".")
        ranks = [within.index(word) if word in within else len(within) for word in words]
        paths = [".".join(words[: i + 1]) for i in range(len(words))]
        return [(rank, seen.setdefault(path, len(seen))) for rank, path in zip(ranks, paths, strict=True)]

    places = {name: place(name) for name in found}
    return {name: found[name] for name in sorted(found, key=places.__getitem__)}


def by_order(graph: Graph, arrays: Arrays, within: Sequence[str] = (), rename: Mapping[str, str] = {}) -> Any:
    return match(graph, in_memory(in_order(arrays, within, rename)), graph.model)


def by_map(graph: Graph, arrays: Arrays, rules: Mapping[str, str]) -> WeightMatch:
    """Each weight by the first rule that its whole name fits: what the source calls it, as in a map."""
    names = {}
    for key in owned(graph):
        path = "/".join(key)
        for pattern, theirs in rules.items():
            found = re.fullmatch(pattern, path)
            if found is not None:
                names[path] = origins.origin(found.expand(theirs))
                break
    return match_by_map(graph, in_memory(arrays), graph.model, names)


def inputs_of(graph: Graph, dtype: str, ids: int = 9) -> dict[str, Any]:
    """Numbers, or ids below `ids` where a tensor has no channels."""
    draw = np.random.default_rng(0)
    return {
        name: draw.standard_normal((2, *shape.dims)).astype(dtype)
        if "channels" in shape.axes
        else draw.integers(0, ids, (2, *shape.dims))
        for name, shape in graph.inputs.items()
    }


def check(
    graph: Graph,
    found: WeightMatch,
    inputs: Mapping[str, Any],
    expected: Iterable[Any],
    tolerance: float | None = None,
) -> None:
    """The network with these weights gives what the source gave, up to the rounding of its type."""
    outputs = [one.numpy() for one in expected]
    dtype = str(outputs[0].dtype)
    weights = GivenWeights(graph, found.read(), dtype, found.auxiliary)

    got = [*run(graph, dict(inputs), weights, dtype=dtype).values()]

    assert len(got) == len(outputs)
    for one, other in zip(got, outputs, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= (tolerance or TOLERANCE[dtype]) * np.abs(other).max()
