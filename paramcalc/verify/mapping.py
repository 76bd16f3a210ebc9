"""The arrays of a file by a map that an import has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from paramcalc.base import origins
from paramcalc.base.errors import Fault, near
from paramcalc.base.origins import Origin, Rows
from paramcalc.engine.graph import Graph
from paramcalc.verify.checkpoint import WeightMatch
from paramcalc.verify.run import run, share_apart
from paramcalc.verify.stored import Stored
from paramcalc.verify.weights import Array, counted, drawn_inputs, listed, owned, shown

LARGEST = 64 << 20  # bytes of a map


def read_map(path: Path) -> dict[str, Origin]:
    """A map file."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise Fault(f"{path} is larger than 64 MiB")
    return origins.read(content.decode("utf-8", "replace"), str(path))


def match_by_map(
    graph: Graph, arrays: Sequence[Stored], source: str, names: Mapping[str, Origin]
) -> WeightMatch:
    """The arrays that a map gives a graph's weights; `Fault` where it or the file lacks one."""
    wanted = owned(graph)
    branches = {layer.path for layer in graph.layers if layer.auxiliary}
    there = {one.name: one for one in arrays}
    missing = [key for key in wanted if "/".join(key) not in names]
    auxiliary = not any(key[0] in branches for key in missing)
    missing = [key for key in missing if key[0] not in branches]
    if missing:
        paths = ["/".join(key) for key in missing]
        raise Fault(f"the map lacks {counted(paths, 'weight')}: {listed(paths)}", fix=near(paths[0], names))
    found: dict[tuple[str, str], Stored] = {}
    for key, dims in wanted.items():
        path = "/".join(key)
        if path not in names:
            continue
        taken = names[path]
        if taken.name not in there:
            raise Fault(
                f"{source}: there is no array '{taken.name}', as the map has it", fix=near(taken.name, there)
            )
        found[key] = _taken(there[taken.name], taken, path, dims)
    used = {origin.name for origin in names.values()}
    extra = tuple(one.name for one in arrays if one.name not in used)
    return WeightMatch(found, wanted, len(found), (), extra, auxiliary)


def _taken(stored: Stored, taken: Origin, path: str, dims: tuple[int, ...]) -> Stored:
    shape = shape_of(stored.shape, taken)
    if prod(shape) != prod(dims):
        raise Fault(f"'{taken.name}' does not fit {path}", expected=shown(dims), found=shown(shape))
    return stored._replace(shape=shape, read=lambda: part(stored.read(), taken))


def shape_of(shape: tuple[int, ...], taken: Origin) -> tuple[int, ...]:
    """The sizes of what a map takes of an array of these; `Fault` where it has not so many axes or rows."""
    for step in taken.steps:
        if isinstance(step, Rows):
            if not shape or max(stop for _, stop in step.ranges) > shape[0]:
                raise Fault(f"'{taken.name}' has not all the rows that the map takes", found=shown(shape))
            shape = (sum(stop - start for start, stop in step.ranges), *shape[1:])
        else:
            order = step.order or (*reversed(range(len(shape))),)
            if sorted(order) != [*range(len(shape))]:
                raise Fault(f"'{taken.name}' has not the axes that the map turns", found=shown(shape))
            shape = tuple(shape[axis] for axis in order)
    return shape


def part(array: Array, taken: Origin) -> Array:
    """The part of an array that a map selects."""
    for step in taken.steps:
        if isinstance(step, Rows):
            array = np.concatenate([array[start:stop] for start, stop in step.ranges])
        else:
            array = array.transpose(step.order or None)
    return np.ascontiguousarray(array)


def outputs_apart(
    graph: Graph,
    names: Mapping[str, str],
    arrays: Callable[[str], Array],
    run_source: Callable[[Mapping[str, Array]], Sequence[Array]],
) -> float:
    """How far a network's outputs are from its source's, as a part of the largest, with the source's own weights.

    `names` gives the source's name of each weight, as in a map.
    """
    weights = {}
    for key, dims in owned(graph).items():
        taken = origins.origin(names["/".join(key)])
        weights["/".join(key)] = part(arrays(taken.name), taken).reshape(dims)
    inputs = drawn_inputs(graph)
    outputs = zip(run(graph, inputs, weights).values(), run_source(inputs), strict=True)
    return max(share_apart(one.reshape(other.shape), other) for one, other in outputs)
