"""Forward passes of single ops: what PyTorch computed on the same numbers is in `forward.csv`.

A case is an op on inputs, the expression of PyTorch that does the same, and two weighted sums of its result. Numbers
come from whole ones, so that they are the same everywhere. `REFRESH=1 python -m pytest tests/oracle/test_forward.py`
writes the sums anew, where PyTorch is installed.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.ops.base import Op
from paramcalc.verify.tools import Tools
from tests import calls

CASES = Path(__file__).parent / "forward.csv"
BATCH = 2
POSITIVE = {"log", "sqrt"}  # ops that take no others
Arrays = dict[str, Any]


class Case(NamedTuple):
    """`torch` may use `x`, `y`, `z`, `w`, the weights by their names, `torch`, `F`, `N`, the batch, `ops` of
    torchvision, and `scan`, the recurrence of Mamba."""

    call: str
    inputs: str
    torch: str
    sums: str = ""

    def use(self) -> tuple[Op, list[Shape]]:
        return calls.call(self.call), [calls.shape(text) for text in self.inputs.split(" + ") if text]

    def arrays(self) -> tuple[list[Any], Arrays]:
        """The inputs, with the batch in front, and the weights and buffers."""
        op, shapes = self.use()
        inputs = [
            4 * numbers((BATCH, *x.dims), place) if CHANNELS in x.axes else ids((BATCH, *x.dims))
            for place, x in enumerate(shapes)
        ]
        if type(op).name in POSITIVE:
            inputs = [abs(one) + 0.5 for one in inputs]
        dims = {**op.weights(*shapes), **op.buffers(*shapes)}
        weights = {name: numbers(sizes, 10 + place) for place, (name, sizes) in enumerate(dims.items())}
        return inputs, {
            name: abs(one) + 0.5 if name == "running_var" else one for name, one in weights.items()
        }

    def ours(self) -> str:
        """The sums of the op's own forward pass."""
        op, shapes = self.use()
        inputs, weights = self.arrays()
        tools = Tools()
        tools.batch = BATCH
        return summed(tools.apply(op, shapes, inputs, weights))


def numbers(dims: tuple[int, ...], seed: int) -> Any:
    """Numbers between -1 and 1, no two of the first 2003 the same."""
    count = int(np.prod(dims))
    return ((np.arange(count) * 1201 + 7 * (seed + 1)) % 2003 / 1001 - 1).reshape(dims)


def ids(dims: tuple[int, ...]) -> Any:
    return (np.arange(int(np.prod(dims))) * 5 % 7).reshape(dims)


def summed(y: Any) -> str:
    """Its shape, and its sums under two sets of weights, to eight digits."""
    array = np.asarray(y, np.float64)
    sums = (float((array * numbers(array.shape, seed)).sum()) for seed in (20, 31))
    return "x".join(map(str, array.shape)) + "".join(f" {one:.8g}" for one in sums)


def same(one: str, two: str) -> bool:
    """Whether two texts of sums are equal but for the last digits."""
    (shape, *mine), (other, *theirs) = one.split(), two.split()
    return shape == other and np.allclose([*map(float, mine)], [*map(float, theirs)], rtol=1e-6, atol=1e-6)


def cases() -> list[Case]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return [Case(*row) for row in list(csv.reader(file))[1:]]


def write(found: list[Case]) -> None:
    with CASES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Case._fields)
        writer.writerows(found)
