"""PyTorch gives the sums that are recorded in `tests/forward.csv`."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.forward import BATCH, Case, cases, same, summed, write

torch = pytest.importorskip("torch")


def theirs(case: Case) -> str:
    inputs, weights = case.arrays()
    tensors: dict[str, Any] = {
        **dict(zip("xyz", map(torch.from_numpy, inputs), strict=False)),
        **{name: torch.from_numpy(array) for name, array in weights.items()},
    }
    return summed(eval(case.torch, {"torch": torch, "F": torch.nn.functional, "N": BATCH, **tensors}))


if os.environ.get("REFRESH"):
    write([case._replace(sums=theirs(case)) for case in cases()])
CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.call} on {case.inputs}" for case in CASES])
def test_forward(case: Case) -> None:
    assert same(theirs(case), case.sums)
