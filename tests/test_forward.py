"""The forward pass of every op gives the numbers that PyTorch gave; see `forward.py`."""

from __future__ import annotations

import pytest

from paramcalc import ops
from tests import calls
from tests.forward import Case, cases, same

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.call} on {case.inputs}" for case in CASES])
def test_forward(case: Case) -> None:
    assert same(case.ours(), case.sums), case.ours()


def test_every_op_is_recorded() -> None:
    """Ops of plugins that other tests load are not ours."""
    own = {kind for kind in ops.every().values() if kind.__module__.startswith("paramcalc.ops")}

    assert {type(calls.call(case.call)).name for case in CASES} == {kind.name for kind in own}
