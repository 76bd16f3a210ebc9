"""Maps from each weight of a spec to its array in the imported network, and their file format.

A map is a JSON object: `weights` gives, for the path and name of each array, the source's name of it.
After that name come the steps that make the weight of the array: `.T` its transpose, `.permute(3,2,0,1)`
its axes in another order, `[0:64,128:192]` some of its rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import Fault

SCHEMA = "paramcalc/map/1"
_STEP = re.compile(r"(?:\.T|\.permute\((\d+(?:,\d+)*)\)|\[(\d+:\d+(?:,\d+:\d+)*)\])$")


class Axes(NamedTuple):
    """A permutation of axes; without an order, their reversal."""

    order: tuple[int, ...] = ()


class Rows(NamedTuple):
    """A selection of ranges of rows."""

    ranges: tuple[tuple[int, int], ...]


Step: TypeAlias = Axes | Rows


class Origin(NamedTuple):
    """An array of a source, and the steps that make a weight of it."""

    name: str
    steps: tuple[Step, ...] = ()


def origin(text: str) -> Origin:
    """The origin that a map's text describes.

    >>> origin("attn.qkv.weight[0:64,128:192]")
    Origin(name='attn.qkv.weight', steps=(Rows(ranges=((0, 64), (128, 192))),))
    >>> origin("c_attn.weight.T").steps
    (Axes(order=()),)
    >>> origin("lstm.W[0:1].permute(1,0,2)").steps
    (Rows(ranges=((0, 1),)), Axes(order=(1, 0, 2)))
    """
    steps: list[Step] = []
    while found := _STEP.search(text):
        steps.append(_step(found))
        text = text[: found.start()]
    return Origin(text, tuple(reversed(steps)))


def _step(found: re.Match[str]) -> Step:
    axes, rows = found.groups()
    if rows is None:
        return Axes(tuple(map(int, axes.split(","))) if axes else ())
    pairs = [pair.split(":") for pair in rows.split(",")]
    return Rows(tuple((int(start), int(stop)) for start, stop in pairs))


def renamed(text: str, name: str) -> str:
    """The text of an origin with the array renamed.

    >>> renamed("c_attn.weight.T", "W")
    'W.T'
    """
    return name + text[len(origin(text).name) :]


def written(weights: Mapping[str, str]) -> str:
    """The text of a map."""
    return json.dumps({"schema": SCHEMA, "weights": dict(weights)}, indent=2, ensure_ascii=False) + "\n"


def read(text: str, source: str) -> dict[str, Origin]:
    """A map by its text; `Fault` when it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{source} is not a map of weights", found=str(error)) from None
    weights = document.get("weights") if isinstance(document, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, str) for value in weights.values()):
        fix = "paramcalc import SOURCE --map FILE writes one"
        raise Fault(f"{source} is not a map of weights", expected='{"weights": {path: name}}', fix=fix)
    return {path: origin(text) for path, text in weights.items()}
