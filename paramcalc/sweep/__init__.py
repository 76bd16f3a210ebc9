"""Counts over a grid of settings, or a random sample of it: exact and in bulk.

>>> from paramcalc import load
>>> swept = load("resnet-50").sweep("width=32:64:32", "input=160:224:64")
>>> {name: values.tolist() for name, values in swept.columns().items() if name != "params"}
{'width': [32, 32, 64, 64], 'input': [160, 224, 160, 224], 'macs': [537395200, 1052311552, 2087321600, 4089184256]}
"""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.base.errors import Fault
from paramcalc.count.report import QUANTITIES, known_quantity
from paramcalc.count.vary import Space
from paramcalc.sweep.front import objectives
from paramcalc.sweep.order import Order
from paramcalc.sweep.sweep import CHUNK, Sweep
from paramcalc.sweep.workers import cluster, here, processes

EVERY = "all"
USUAL = ("params", "macs")

__all__ = ["CHUNK", "EVERY", "Sweep", "cluster", "here", "processes", "sweep"]


def sweep(
    space: Space,
    quantities: Sequence[str] = USUAL,
    sample: int | None = None,
    seed: int = 0,
    pareto: str = "",
    chunk: int = CHUNK,
) -> Sweep:
    """All points of a space, or a sample of different ones; `Fault` for settings that do not fit."""
    if not space.axes:
        raise Fault("nothing varies", fix="name a setting, for example: width=32:128:8")
    wanted = QUANTITIES if tuple(quantities) == (EVERY,) else dict.fromkeys(quantities or USUAL)
    order = Order(tuple(len(axis.values) for axis in space.axes), sample, seed)
    order.check()
    numbers = [axis.name for axis in space.axes if axis.whole]
    found = objectives(pareto, [*numbers, *QUANTITIES]) if pareto else ()
    return Sweep(space, order, tuple(known_quantity(name) for name in wanted), found, chunk=chunk)
