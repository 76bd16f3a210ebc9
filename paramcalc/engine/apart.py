"""Knobs that an input's size is written as, and that stay as they are where the input is given another size."""

from __future__ import annotations

from collections.abc import Iterator

from paramcalc.engine.graph import Graph
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Input, Spec
from paramcalc.language.unread import read_names


def apart(spec: Spec, graph: Graph) -> Iterator[str]:
    """A remark for each knob that something else than the inputs reads, and that an input no longer is."""
    sizes: dict[str, set[int]] = {}
    for source, declared in spec.inputs.items():
        for name, size in zip(_names(declared), graph.inputs[source].dims, strict=False):
            if isinstance(graph.knobs.get(name), int) and graph.knobs[name] != size:
                sizes.setdefault(name, set()).add(size)
    read = read_names(spec._replace(inputs={})) if sizes else set()
    for name, others in sizes.items():
        if name in read:
            both = f" (--set {name}={others.pop()} changes both)" if len(others) == 1 else ""
            yield f"--input changes the size of the input only; knob {name} stays {graph.knobs[name]}{both}"


def _names(declared: Input) -> list[str]:
    """The sizes of an input as they are written."""
    sizes = declared.sizes or tuple(axis.value for axis in declared.axes)
    each = (sizes,) if isinstance(sizes, Expression) else sizes
    return [one.text if isinstance(one, Expression) else "" for one in each]
