"""PyTorch gives the sums that are recorded in `tests/forward.csv`."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.forward import BATCH, Case, cases, same, summed, write

torch = pytest.importorskip("torch")


def scan(x: Any, delta: Any, b: Any, c: Any, a_log: Any, d: Any) -> Any:
    """Mamba's recurrence as its paper writes it, with everything discretized before."""
    rates = torch.exp(torch.einsum("nld,ds->nlds", delta, -torch.exp(a_log)))
    entering = torch.einsum("nld,nls,nld->nlds", delta, b, x)
    h, found = torch.zeros_like(rates[:, 0]), []
    for step in range(x.shape[1]):
        h = rates[:, step] * h + entering[:, step]
        found.append(torch.einsum("nds,ns->nd", h, c[:, step]) + d * x[:, step])
    return torch.stack(found, 1)


def theirs(case: Case) -> str:
    ops = pytest.importorskip("torchvision").ops if "ops." in case.torch else None
    inputs, weights = case.arrays()
    tensors: dict[str, Any] = {
        **dict(zip("xyzw", map(torch.from_numpy, inputs), strict=False)),
        **{name: torch.from_numpy(array) for name, array in weights.items()},
    }
    return summed(eval(case.torch, {**KNOWN, "ops": ops, **tensors}))


KNOWN: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "N": BATCH, "scan": scan}
if os.environ.get("REFRESH"):
    write([case._replace(sums=theirs(case)) for case in cases()])
CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.call} on {case.inputs}" for case in CASES])
def test_forward(case: Case) -> None:
    assert same(theirs(case), case.sums)
