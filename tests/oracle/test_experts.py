"""Mixtures of experts against nested loops, and against the classes of transformers where it is installed."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from paramcalc import load, parse
from paramcalc.verify.run import run

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {
    "layers": 2, "dim": 24, "hidden": 40, "heads": 4, "kv_heads": 2, "head_dim": 6, "experts": 5, "chosen": 2,
    "vocabulary": 50, "length": 11,
}  # fmt: skip


def test_values_are_those_of_mixtral() -> None:
    """The logits of `MixtralForCausalLM` with its weights: router, choice, softmax over the chosen, sums."""
    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=5, num_experts_per_tok=2, rope_theta=1e6,
        rms_norm_eps=1e-5,
    )  # fmt: skip
    config._experts_implementation = "eager"  # the others do not run in float64
    theirs = transformers.MixtralForCausalLM(config).eval().double()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    ids = np.arange(22).reshape(2, 11) * 7 % 50
    graph = load("mixtral").graph(**SMALL)

    found = run(graph, ids, mixtral_weights(theirs.state_dict(), 2), dtype="float64")["logits"]

    with torch.no_grad():
        expected = theirs(torch.tensor(ids)).logits.numpy()
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5)  # their softmax and rotations are in float32


SHARED = """
input: {length: 9, channels: 12}
layers:
  - add:
      routed:
        - experts:
            mixture: 6
            active: 3
            gates: GATES
            router: [linear mixture bias=false, SCORING]
            layers:
              - multiply: {gate: [linear 7 bias=false, silu], up: linear 7 bias=false}
              - linear 12 bias=false
        - scale 5/2
      shared:
        - multiply: {gate: [linear 14 bias=false, silu], up: linear 14 bias=false}
        - linear 12 bias=false
"""


@pytest.mark.parametrize(
    ("version", "gates", "scoring", "settings"),
    [
        (2, "scores", "softmax", {"topk_method": "greedy"}),
        (3, "sum", "sigmoid", {"n_group": 1, "topk_group": 1}),
    ],
)
def test_values_are_those_of_deepseek(
    version: int, gates: str, scoring: str, settings: dict[str, Any]
) -> None:
    """Scores as they are (V2), and over their sum (V3), with shared experts beside them."""
    torch.manual_seed(0)
    config = getattr(transformers, f"DeepseekV{version}Config")(
        hidden_size=12, num_attention_heads=2, num_key_value_heads=2, moe_intermediate_size=7,
        n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=3,
        routed_scaling_factor=2.5, **settings,
    )  # fmt: skip
    config._experts_implementation = "eager"
    home = importlib.import_module(f"transformers.models.deepseek_v{version}.modeling_deepseek_v{version}")
    theirs = getattr(home, {2: "DeepseekV2Moe", 3: "DeepseekV3MoE"}[version])(config).eval().double()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    given = {name: value.numpy() for name, value in theirs.state_dict().items()}
    gate, up = np.split(given["experts.gate_up_proj"], 2, axis=1)
    ours = {
        "routed/experts/router/linear/weight": given["gate.weight"],
        "routed/experts/layers/gate/linear/weight": gate,
        "routed/experts/layers/up/weight": up,
        "routed/experts/layers/linear/weight": given["experts.down_proj"],
        **{
            f"shared/{here}/weight": given[f"shared_experts.{there}_proj.weight"]
            for here, there in (("gate/linear", "gate"), ("up", "up"), ("linear", "down"))
        },
    }
    x = np.random.default_rng(0).standard_normal((2, 9, 12))

    found = run(
        parse(SHARED.replace("GATES", gates).replace("SCORING", scoring)).graph(), x, ours, dtype="float64"
    )

    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    assert np.allclose(found["add"], expected, rtol=1e-5, atol=1e-5)


def mixtral_weights(theirs: dict[str, Any], layers: int) -> dict[str, Any]:
    """Weights by our names; gate and up are one array there."""
    given = {name: value.numpy() for name, value in theirs.items()}
    ours = {
        "tokens/weight": given["model.embed_tokens.weight"],
        "rms_norm/weight": given["model.norm.weight"],
        "logits/weight": given["lm_head.weight"],
    }
    for layer in range(layers):
        here, there = f"decoders/{layer}", f"model.layers.{layer}"
        ours[f"{here}/attention/rms_norm/weight"] = given[f"{there}.input_layernorm.weight"]
        for name in ("query", "key", "value", "out"):
            ours[f"{here}/attention/attention/{name}"] = given[f"{there}.self_attn.{name[0]}_proj.weight"]
        ours[f"{here}/mlp/rms_norm/weight"] = given[f"{there}.post_attention_layernorm.weight"]
        mixture = f"{here}/mlp/mixture"
        ours[f"{mixture}/router/weight"] = given[f"{there}.mlp.gate.weight"]
        gate, up = np.split(given[f"{there}.mlp.experts.gate_up_proj"], 2, axis=1)
        ours[f"{mixture}/layers/gate/linear/weight"] = gate
        ours[f"{mixture}/layers/up/weight"] = up
        ours[f"{mixture}/layers/linear/weight"] = given[f"{there}.mlp.experts.down_proj"]
    return ours


def params(config: Any) -> int:
    """Those of the class for causal language models, on the meta device."""
    with torch.device("meta"):
        module = transformers.AutoModelForCausalLM.from_config(config)
    return sum(weight.numel() for weight in module.parameters())


LITE = {
    "hidden_size": 2048, "intermediate_size": 10944, "num_hidden_layers": 27, "num_attention_heads": 16,
    "num_key_value_heads": 16, "first_k_dense_replace": 1, "q_lora_rank": None, "moe_intermediate_size": 1408,
    "num_experts_per_tok": 6,
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "name", "settings"),
    [
        ("mixtral-8x7b", "MixtralConfig", {}),
        ("deepseek-v3", "DeepseekV3Config", {}),
        ("deepseek-v2-lite", "DeepseekV2Config", LITE),
    ],
)
def test_params_of_transformers(model: str, name: str, settings: dict[str, Any]) -> None:
    """The defaults of the class, or the published settings."""
    assert load(model).count().totals.params == params(getattr(transformers, name)(**settings))
