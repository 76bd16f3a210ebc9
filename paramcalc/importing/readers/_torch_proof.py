"""What a module of PyTorch says of itself: params, the operations that its counter sees, its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from paramcalc.importing.source import Proof, Source


def proof(module: Any, given: Mapping[str, Any], source: Source, make: Callable[[], Any]) -> Proof:
    """The proof of a module that was exported on the meta device; with random weights where it has none."""
    params = sum(
        prod(weight.dims) for weight in source.weights.values() if weight.learned and not weight.tied
    )
    return Proof(params, counted(module, given), "FlopCounterMode / 2", lambda name: None, lambda inputs: {})


def counted(module: Any, given: Mapping[str, Any]) -> int | None:
    """Half of the floating-point operations that PyTorch's own counter sees in a run."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(**given)
    return int(counter.get_total_flops()) // 2
