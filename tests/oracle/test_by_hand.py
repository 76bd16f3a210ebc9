"""Networks that no library has: params and MACs of bundled specs against PyTorch modules written by hand.

On the meta device, so that no weights are made; MACs are those that PyTorch's own counter sees, of one sample.
"""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc import load

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.oracle import diffusion, generation, signals  # noqa: E402

NETWORKS = generation.NETWORKS | diffusion.NETWORKS | signals.NETWORKS


def tensor(shape: Any) -> Any:
    dtype = torch.float if "channels" in shape.axes else torch.long
    return torch.empty(1, *shape.dims, device="meta", dtype=dtype)


@pytest.mark.parametrize("name", NETWORKS)
def test_params_and_macs(name: str) -> None:
    report = load(name).count()
    with torch.device("meta"):
        module = NETWORKS[name]().eval()
    params = sum(one.numel() for one in module.parameters())
    module.requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(*(tensor(shape) for shape in report.graph.inputs.values()))

    assert report.totals.params == params
    assert report.totals.macs == counter.get_total_flops() // 2
    assert tuple(report.graph.layers[-1].output.dims) == tuple(output.shape[1:])
