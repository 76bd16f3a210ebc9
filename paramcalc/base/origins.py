"""Where each weight of a spec is in the network that it was imported from: a map, as a file has it.

A map is a JSON object: `weights` gives, for the path and name of each array, the source's name of it.
Behind that name stand what is taken of the array: `.T` its transpose, `[0:64,128:192]` some of its rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from paramcalc.base.errors import Fault

SCHEMA = "paramcalc/map/1"
_ROWS = re.compile(r"\[(\d+:\d+(?:,\d+:\d+)*)\]$")


class Origin(NamedTuple):
    """An array of a source, or what is taken of it: transposed first, then rows by their ranges."""

    name: str
    transposed: bool = False
    rows: tuple[tuple[int, int], ...] = ()


def origin(text: str) -> Origin:
    """What a map says of a weight.

    >>> origin("attn.qkv.weight[0:64,128:192]")
    Origin(name='attn.qkv.weight', transposed=False, rows=((0, 64), (128, 192)))
    >>> origin("c_attn.weight.T").transposed
    True
    """
    found = _ROWS.search(text)
    rows: tuple[tuple[int, int], ...] = ()
    if found is not None:
        pairs = [pair.split(":") for pair in found[1].split(",")]
        rows = tuple((int(start), int(stop)) for start, stop in pairs)
        text = text[: found.start()]
    return Origin(text.removesuffix(".T"), text.endswith(".T"), rows)


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
