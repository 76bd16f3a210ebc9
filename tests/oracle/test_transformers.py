"""Attention as models of today have it, against transformers' own classes: values, step by step as well."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from paramcalc.verify.tools import Tools
from tests import calls
from tests.attention_networks import PUBLISHED

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BATCH, LENGTH = 2, 7
Arrays = dict[str, Any]


def entering(channels: int, length: int = LENGTH) -> Any:
    return torch.randn(BATCH, length, channels, dtype=torch.float64)


def drawn(module: Any) -> Any:
    """The module in double precision, with every weight drawn, those of norms too."""
    module = module.double().eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def ours(call: str, x: Any, weights: Arrays, cache: Arrays | None = None) -> Any:
    """The op's output; its multiplications and the names and shapes of its weights are held against the rules."""
    op, shape = calls.call(call), calls.shape(f"{{length: {x.shape[1]}, channels: {x.shape[2]}}}")
    tools = Tools()
    tools.cache = cache
    assert op.weights(shape) == {name: array.shape for name, array in weights.items()}
    y = tools.apply(op, [shape], [x.numpy()], weights)
    assert tools.multiplications == len(x) * op.cost(shape).macs
    return y


def check(got: Any, expected: Any) -> None:
    expected = expected.detach().numpy()
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()


def causal_mask(length: int, window: int | None = None) -> Any:
    later = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
    if window is not None:
        later |= torch.tril(torch.ones(length, length, dtype=torch.bool), -window)
    return torch.zeros(1, 1, length, length, dtype=torch.float64).masked_fill(later, float("-inf"))


def positions(rotary: Any, x: Any) -> Any:
    cosine, sine = rotary.double()(x, torch.arange(x.shape[1])[None])
    return cosine.double(), sine.double()


# ------------------------------------------------------------------------------- latent attention


def deepseek(q_rank: int | None) -> tuple[Any, Any]:
    """An attention of DeepSeek-V3, and its positions."""
    from transformers.models.deepseek_v3 import modeling_deepseek_v3 as theirs

    config = transformers.DeepseekV3Config(
        hidden_size=12, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=q_rank, kv_lora_rank=6,
        qk_nope_head_dim=3, qk_rope_head_dim=4, v_head_dim=5, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, head_dim=4,
    )  # fmt: skip
    return drawn(theirs.DeepseekV3Attention(config, 0)), theirs.DeepseekV3RotaryEmbedding(config)


def named(module: Any) -> Arrays:
    """Weights under the names that the module gives them."""
    return {name.removesuffix(".weight"): one.detach().numpy() for name, one in module.named_parameters()}


@pytest.mark.parametrize("q_rank", [None, 8])
def test_latent_attention(q_rank: int | None) -> None:
    """Equal to DeepSeek-V3's, with keys and values of every token, and without; params have the same names."""
    torch.manual_seed(0)
    module, rotary = deepseek(q_rank)
    x = entering(12)
    expected, _ = module(x, positions(rotary, x), causal_mask(LENGTH))
    call = f"latent_attention 2 6 3 4 5 causal=true q_rank={q_rank or 'none'}"

    check(ours(call, x, named(module)), expected)
    check(ours(f"{call} absorbed=true", x, named(module)), expected)


def test_latent_attention_step_by_step() -> None:
    """Tokens after cached ones give what all at once give, and the cache is of the documented size."""
    torch.manual_seed(0)
    module, rotary = deepseek(8)
    x = entering(12)
    expected, _ = module(x, positions(rotary, x), causal_mask(LENGTH))
    call, cache = "latent_attention 2 6 3 4 5 q_rank=8 causal=true", {}

    check(ours(call, x[:, :4], named(module), cache), expected[:, :4])
    check(ours(f"{call} past=4", x[:, 4:6], named(module), cache), expected[:, 4:6])
    check(ours(f"{call} past=6 absorbed=true", x[:, 6:], named(module), cache), expected[:, 6:])
    step = calls.call(f"{call} past=6 absorbed=true")
    assert sum(array.size for array in cache.values()) == BATCH * LENGTH * (6 + 4)
    assert step.cached(calls.shape("{length: 1, channels: 12}")) == {"latents": LENGTH * (6 + 4)}


# --------------------------------------------------------------------------------- self-attention


def projections(module: Any, biased: bool = False) -> Arrays:
    """Weights of the four projections, under our names."""
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "o_proj"}
    found = {name: getattr(module, theirs).weight for name, theirs in names.items()}
    found |= {
        f"{name}_bias": getattr(module, theirs).bias
        for name, theirs in names.items()
        if getattr(module, theirs).bias is not None
    }
    return {name: weight.detach().numpy() for name, weight in found.items()}


def with_norms(module: Any) -> Arrays:
    """The projections' weights, and those of the norms of queries and keys."""
    norms = (("query_norm", module.q_norm), ("key_norm", module.k_norm))
    return projections(module) | {name: norm.weight.detach().numpy() for name, norm in norms}


def check_in_two_steps(call: str, x: Any, weights: Arrays, expected: Any) -> None:
    """All tokens at once, and the last after the first five, which are cached."""
    check(ours(call, x, weights), expected)
    cache: Arrays = {}
    check(ours(call, x[:, :5], weights, cache), expected[:, :5])
    check(ours(f"{call} past=5", x[:, 5:], weights, cache), expected[:, 5:])


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_grouped_heads_norms_and_rotary_positions(kv_heads: int) -> None:
    """Qwen3's attention: norms of each head's queries and keys, then rotary positions; the base is another."""
    from transformers.models.qwen3 import modeling_qwen3 as theirs

    torch.manual_seed(kv_heads)
    config = transformers.Qwen3Config(
        hidden_size=12, num_attention_heads=4, num_key_value_heads=kv_heads, head_dim=6, rms_norm_eps=2.0**-52,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0}, attn_implementation="eager",
    )  # fmt: skip
    module, x = drawn(theirs.Qwen3Attention(config, 0)), entering(12)
    expected, _ = module(x, positions(theirs.Qwen3RotaryEmbedding(config), x), causal_mask(LENGTH))
    weights = with_norms(module)
    call = f"self_attention 4 head_dim=6 kv_heads={kv_heads} bias=false qk_norm=rms causal=true rotary=true theta=500"

    check_in_two_steps(call, x, weights, expected)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_norms_of_all_heads_at_once(kv_heads: int) -> None:
    """OLMo 2: the queries of all heads of a position have one norm, and the keys."""
    from transformers.models.olmo2 import modeling_olmo2 as theirs

    torch.manual_seed(kv_heads)
    config = transformers.Olmo2Config(
        hidden_size=24, num_attention_heads=4, num_key_value_heads=kv_heads, rms_norm_eps=2.0**-52,
        attn_implementation="eager",
    )  # fmt: skip
    module, x = drawn(theirs.Olmo2Attention(config, 0)), entering(24)
    expected, _ = module(x, positions(theirs.Olmo2RotaryEmbedding(config), x), causal_mask(LENGTH))
    weights = with_norms(module)
    call = f"self_attention 4 kv_heads={kv_heads} bias=false qk_norm=rms_all causal=true rotary=true"

    check_in_two_steps(call, x, weights, expected)


@pytest.mark.parametrize("window", [1, 2, 3, 6, 7, 9])
def test_a_window_of_the_last_positions(window: int) -> None:
    """Mistral's attention: each position sees the last so many, also after cached ones."""
    from transformers.models.mistral import modeling_mistral as theirs

    torch.manual_seed(window)
    config = transformers.MistralConfig(
        hidden_size=8, num_attention_heads=2, num_key_value_heads=1, head_dim=4, sliding_window=window,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, attn_implementation="eager",
    )  # fmt: skip
    module, x = drawn(theirs.MistralAttention(config, 0)), entering(8)
    expected, _ = module(x, positions(theirs.MistralRotaryEmbedding(config), x), causal_mask(LENGTH, window))
    call = f"self_attention 2 kv_heads=1 bias=false causal=true rotary=true window={window}"

    check(ours(call, x, projections(module)), expected)
    cache: Arrays = {}
    check(ours(call, x[:, :4], projections(module), cache), expected[:, :4])
    check(ours(f"{call} past=4", x[:, 4:6], projections(module), cache), expected[:, 4:6])
    check(ours(f"{call} past=6", x[:, 6:], projections(module), cache), expected[:, 6:])


def test_some_channels_are_turned() -> None:
    """Phi turns the first channels of a head only; all its projections have biases."""
    from transformers.models.phi import modeling_phi as theirs

    torch.manual_seed(0)
    config = transformers.PhiConfig(
        hidden_size=16, num_attention_heads=2, num_key_value_heads=2, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    )  # fmt: skip
    module, x = drawn(theirs.PhiAttention(config, 0)), entering(16)
    expected, _ = module(x, positions(theirs.PhiRotaryEmbedding(config), x), causal_mask(LENGTH))
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "dense"}
    weights = {name: getattr(module, theirs_).weight.detach().numpy() for name, theirs_ in names.items()}
    weights |= {f"{name}_bias": getattr(module, one).bias.detach().numpy() for name, one in names.items()}

    check(ours("self_attention 2 causal=true rotary=4", x, weights), expected)


@pytest.mark.parametrize(("decoder", "length"), [(False, LENGTH), (True, LENGTH), (False, 150), (True, 300)])
def test_biases_of_distances(decoder: bool, length: int) -> None:
    """T5's attention, which leaves out the scaling: our queries are scaled up by it. Far distances share a bucket."""
    from transformers.models.t5 import modeling_t5 as theirs

    torch.manual_seed(0)
    config = transformers.T5Config(
        d_model=8, num_heads=2, d_kv=3, is_decoder=decoder, relative_attention_num_buckets=32,
        attn_implementation="eager",
    )  # fmt: skip
    module, x = (
        drawn(theirs.T5Attention(config, has_relative_attention_bias=True, layer_idx=0)),
        entering(8, length),
    )
    for parameter in module.parameters():
        parameter.data *= 0.3
    mask = causal_mask(length) if decoder else torch.zeros(1, 1, length, length, dtype=torch.float64)
    expected = module(x, mask=mask)[0]
    names = {"query": module.q, "key": module.k, "value": module.v, "out": module.o}
    weights = {name: one.weight.detach().numpy() for name, one in names.items()}
    weights["query"] = weights["query"] * sqrt(3)
    weights["position_bias"] = module.relative_attention_bias.weight.detach().numpy()
    call = f"self_attention 2 head_dim=3 bias=false position_bias=32 causal={str(decoder).lower()}"

    check(ours(call, x, weights), expected)


def test_keys_without_bias() -> None:
    """Whisper's attention: queries, values and outputs have a bias, keys none."""
    from transformers.models.whisper import modeling_whisper as theirs

    torch.manual_seed(0)
    config = transformers.WhisperConfig(d_model=8, attn_implementation="eager")
    module, x = drawn(theirs.WhisperAttention(8, 2, config=config)), entering(8)
    expected = module(x)[0]
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
    weights = {name: getattr(module, one).weight.detach().numpy() for name, one in names.items()}
    weights |= {
        f"{name}_bias": getattr(module, one).bias.detach().numpy()
        for name, one in names.items()
        if getattr(module, one).bias is not None
    }

    check(ours("self_attention 2 key_bias=false", x, weights), expected)


# ---------------------------------------------------------------------------------- whole networks


def published() -> dict[str, tuple[str, dict[str, Any]]]:
    """The class and the configuration of each published network; what is left out is the default."""
    experts = {"n_routed_experts": 64, "num_experts_per_tok": 6, "moe_intermediate_size": 1408}
    return {
        "T5-small": ("T5ForConditionalGeneration", {"config": "T5Config"}),
        "Whisper tiny": ("WhisperForConditionalGeneration", {"config": "WhisperConfig"}),
        "Mistral 7B": ("MistralForCausalLM", {"config": "MistralConfig"}),
        "Qwen3 0.6B": (
            "Qwen3ForCausalLM",
            {
                "config": "Qwen3Config", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
                "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True,
            },
        ),
        "DeepSeek-V2-Lite": (
            "DeepseekV2ForCausalLM",
            {
                "config": "DeepseekV2Config", "vocab_size": 102400, "hidden_size": 2048, "intermediate_size": 10944,
                "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": None,
                "kv_lora_rank": 512, "n_shared_experts": 2, "first_k_dense_replace": 1, **experts,
            },
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name: str) -> None:
    """Params of transformers' own model, made without memory; Whisper's positions of sounds are no params of ours."""
    kind, values = published()[name]
    config = getattr(transformers, values.pop("config"))(**values)
    with torch.device("meta"):
        model = getattr(transformers, kind)(config)
    params = sum(one.numel() for one in model.parameters() if one.requires_grad)

    assert params == PUBLISHED[name][1]
