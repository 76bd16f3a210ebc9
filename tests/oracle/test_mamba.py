"""The bundled mamba against transformers: params of every model, and a whole small network number by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paramcalc import load
from paramcalc.model import change
from paramcalc.verify.run import run

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SIZES = {
    "mamba-130m": (768, 24),
    "mamba-370m": (1024, 48),
    "mamba-790m": (1536, 48),
    "mamba-1.4b": (2048, 48),
    "mamba-2.8b": (2560, 64),
}
OURS = {  # a weight of a block there, and here
    "norm.weight": "rms_norm/weight",
    "mixer.in_proj.weight": "mixer/in_proj/weight",
    "mixer.conv1d.weight": "mixer/conv/conv1d/weight",
    "mixer.conv1d.bias": "mixer/conv/conv1d/bias",
    "mixer.x_proj.weight": "mixer/x_proj/weight",
    "mixer.dt_proj.weight": "mixer/delta/linear/weight",
    "mixer.dt_proj.bias": "mixer/delta/linear/bias",
    "mixer.A_log": "mixer/scan/A_log",
    "mixer.D": "mixer/scan/D",
    "mixer.out_proj.weight": "mixer/out_proj/weight",
}


def config(dim: int, layers: int, **more: Any) -> Any:
    return transformers.MambaConfig(hidden_size=dim, num_hidden_layers=layers, use_cache=False, **more)


@pytest.mark.parametrize("name", SIZES)
def test_params(name: str) -> None:
    with torch.device("meta"):
        module = transformers.MambaForCausalLM(config(*SIZES[name]))

    assert load(name).count().totals.params == sum(one.numel() for one in module.parameters())


def here(name: str) -> str:
    """Where a weight of theirs is in ours."""
    for theirs, ours in (("embeddings.weight", "tokens/weight"), ("norm_f.weight", "rms_norm/weight")):
        if name == f"backbone.{theirs}":
            return ours
    _, _, place, weight = name.split(".", 3)
    return f"blocks/{place}/main/{OURS[weight]}"


@pytest.mark.parametrize("length", [1, 9])
def test_a_whole_network(length: int) -> None:
    """Two blocks of 32 channels, a rank of 2, a state of 5, in double precision."""
    torch.manual_seed(0)
    module = transformers.MambaForCausalLM(
        config(
            32, 2, vocab_size=23, state_size=5, conv_kernel=3, use_mambapy=False, use_associative_scan=False
        )
    )
    module = module.double().eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    settings = {"layers": 2, "dim": 32, "state": 5, "kernel": 3, "vocabulary": 23, "length": length}
    graph = load("mamba-130m").graph([change(f"{name}={value}") for name, value in settings.items()])
    ids = torch.randint(0, 23, (2, length))
    with torch.no_grad():
        expected = module(ids).logits.double().numpy()

    weights = {here(name): one.detach().numpy() for name, one in module.named_parameters()}
    (found,) = run(graph, ids.numpy(), weights, dtype="float64").values()

    assert found.shape == expected.shape
    assert (
        np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    )  # some of theirs is in single precision
