"""Language models with experts, of which a router has some run at each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.importing.families.bundled import eps, spec
from paramcalc.importing.families.decoders import (
    LLAMA,
    OLMO,
    QWEN,
    granite,
    llama,
    olmo2,
    qwen3,
    qwen_windows,
)
from paramcalc.importing.families.family import Family, Lines
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import Decoder, Experts, rotary, text, windows
from paramcalc.importing.families.short import language_model
from paramcalc.importing.rule import exact


def mixture(f: Fields, d: Decoder, hidden: str, sparse: Sequence[bool] | None = None, **more: Any) -> Decoder:
    """A decoder whose MLPs are experts; the router's scores are a softmax, of those chosen or of all."""
    of_chosen = more.pop("of_chosen")
    experts = Experts(
        f.size(hidden),
        f.size("num_experts"),
        f.size("num_experts_per_tok"),
        "softmax" if of_chosen else "scores",
        "" if of_chosen else ", softmax",
        sparse or [True] * d.sizes["layers"],
        **more,
    )
    if experts.chosen > experts.experts:
        raise f.wrong(
            "num_experts_per_tok",
            f"is {experts.chosen} of {experts.experts} experts",
            "no more than there are",
        )
    return d._replace(experts=experts)


def mixtral(f: Fields) -> Decoder:
    d = llama(f, mlp_bias=False)
    d = d._replace(attention=d.attention | {"bias": False}, windows=windows(f, d.sizes["layers"]))
    return mixture(f, d, "intermediate_size", of_chosen=True)


def granitemoe(f: Fields) -> Decoder:
    return mixture(f, granite(f)._replace(mlp_bias=False), "intermediate_size", of_chosen=True)


def olmoe(f: Fields) -> Decoder:
    d = olmo2(f)._replace(order="before")
    return mixture(f, d, "intermediate_size", of_chosen=f.flag("norm_topk_prob"))


def qwen2_moe(f: Fields) -> Decoder:
    """An expert with a gate of its own runs always."""
    d = llama(f, mlp_bias=False)
    attention = {name: value for name, value in d.attention.items() if name != "bias"} | {"out_bias": False}
    attention |= {} if f.flag("qkv_bias") else {"qkv_bias": False}
    d = d._replace(attention=attention, windows=qwen_windows(f, d.sizes["layers"]))
    shared = f.size("shared_expert_intermediate_size")
    chosen = f.flag("norm_topk_prob")
    return mixture(f, d, "moe_intermediate_size", _sparse(f, d), of_chosen=chosen, shared=shared, gated=True)


def qwen3_moe(f: Fields) -> Decoder:
    d = qwen3(f)
    return mixture(f, d, "moe_intermediate_size", _sparse(f, d), of_chosen=f.flag("norm_topk_prob"))


def _sparse(f: Fields, d: Decoder) -> list[bool]:
    """Which layers have experts: every so many, except the listed ones."""
    every, without = f.size("decoder_sparse_step"), f.numbers("mlp_only_layers")
    return [(layer + 1) % every == 0 and layer not in without for layer in range(d.sizes["layers"])]


def deepseek(f: Fields, kind: str) -> Lines:
    """The bundled spec deepseek: latent attention, dense layers first, an expert that always runs."""
    third = f.value("model_type") == "deepseek_v3"
    f.only(
        hidden_act="silu", tie_word_embeddings=False, attention_bias=False, mlp_bias=False, moe_layer_freq=1
    )
    f.ignore("scoring_func", "head_dim", "num_key_value_heads", "qk_head_dim", "topk_method")
    f.ignore("num_nextn_predict_layers")  # a head that only training reads
    knobs = _deepseek_sizes(f)
    rope = rotary(f, {"dim": 1, "heads": 1, "head_dim": f.size("qk_rope_head_dim")})
    knobs |= {name: rope[name] for name in ("theta",) if name in rope}
    factor = f.number("routed_scaling_factor")
    knobs |= {"factor": exact(factor)} if factor != 1 else {}
    knobs |= {"gates": "sum"} if f.flag("norm_topk_prob") else {}
    knobs |= {"scoring": "sigmoid"} if third else {}
    return spec("deepseek", knobs, rms_norm=eps(f, "rms_norm_eps"))


def _deepseek_sizes(f: Fields) -> dict[str, Any]:
    no_rank = "q_lora_rank" in f.config and f.config["q_lora_rank"] is None
    f.ignore("q_lora_rank")
    knobs: dict[str, Any] = {
        "layers": f.size("num_hidden_layers"),
        "dense": f.count("first_k_dense_replace"),
        "dim": f.size("hidden_size"),
        "hidden": f.size("intermediate_size"),
        "heads": f.size("num_attention_heads"),
        "q_rank": 0 if no_rank else f.size("q_lora_rank"),
        "kv_rank": f.size("kv_lora_rank"),
        "experts": f.size("n_routed_experts"),
        "chosen": f.size("num_experts_per_tok"),
        "shared": f.size("n_shared_experts"),
        "expert_hidden": f.size("moe_intermediate_size"),
        "vocabulary": f.size("vocab_size"),
        "length": f.size("max_position_embeddings"),
    }
    heads = {
        "nope": ("qk_nope_head_dim", 128),
        "rope": ("qk_rope_head_dim", 64),
        "value": ("v_head_dim", 128),
    }
    return knobs | {name: f.size(field) for name, (field, usual) in heads.items() if f.size(field) != usual}


def mixtral_lines(f: Fields, kind: str) -> Lines:
    d = mixtral(f)
    plain = {"bias": False, "rotary": True}
    assert d.experts is not None
    if (
        kind != "MixtralForCausalLM"
        or d.tied
        or d.windows
        or d.activation != "silu"
        or {*d.attention} - {*plain, "theta"}
    ):
        return text(d._replace(head="none" if kind == "MixtralModel" else "logits"))
    knobs: dict[str, Any] = {**d.sizes}
    knobs["head_dim"] = knobs.get("head_dim", knobs["dim"] // knobs["heads"])
    knobs |= {"experts": d.experts.experts, "chosen": d.experts.chosen}
    knobs |= {"theta": d.attention["theta"]} if "theta" in d.attention else {}
    return spec("mixtral", {**knobs, "eps": exact(d.eps)})


_DEEPSEEK: dict[str, Any] = {
    "hidden_act": "silu", "rms_norm_eps": 1e-6, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "num_experts_per_tok": 8,
}  # fmt: skip
_MIXTRAL = LLAMA | {
    "intermediate_size": 14336, "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2,
    "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 1e6,
}  # fmt: skip
_LOCAL = {"num_experts": "num_local_experts"}

MIXTURES: Mapping[str, Family] = {
    "mixtral": Family(("MixtralForCausalLM", "MixtralModel"), mixtral_lines, _MIXTRAL, _LOCAL),
    "qwen2_moe": language_model(
        "Qwen2Moe", qwen2_moe, QWEN, hidden_size=2048, intermediate_size=5632, num_hidden_layers=24,
        num_attention_heads=16, num_key_value_heads=16, decoder_sparse_step=1, moe_intermediate_size=1408,
        shared_expert_intermediate_size=5632, num_experts_per_tok=4, num_experts=60, qkv_bias=True,
    ),
    "qwen3_moe": language_model(
        "Qwen3Moe", qwen3_moe, QWEN, names=_LOCAL, hidden_size=2048, intermediate_size=6144, num_hidden_layers=24,
        num_key_value_heads=4, decoder_sparse_step=1, moe_intermediate_size=768, num_experts_per_tok=8,
        num_local_experts=128,
    ),
    "olmoe": language_model(
        "Olmoe", olmoe, OLMO, hidden_size=2048, intermediate_size=2048, num_hidden_layers=16, num_attention_heads=16,
        max_position_embeddings=4096, num_experts_per_tok=8, num_experts=64,
    ),
    "granitemoe": language_model(
        "GraniteMoe", granitemoe, LLAMA, names=_LOCAL, num_local_experts=8, num_experts_per_tok=2,
    ),
    "deepseek_v2": Family(
        ("DeepseekV2ForCausalLM",),
        deepseek,
        _DEEPSEEK
        | {
            "num_hidden_layers": 32, "first_k_dense_replace": 0, "hidden_size": 4096, "intermediate_size": 11008,
            "num_attention_heads": 32, "n_routed_experts": 64, "n_shared_experts": 2, "moe_intermediate_size": 1407,
            "vocab_size": 102400, "max_position_embeddings": 2048, "routed_scaling_factor": 1.0,
            "model_type": "deepseek_v2",
        },
    ),
    "deepseek_v3": Family(
        ("DeepseekV3ForCausalLM",),
        deepseek,
        _DEEPSEEK
        | {
            "num_hidden_layers": 61, "first_k_dense_replace": 3, "hidden_size": 7168, "intermediate_size": 18432,
            "num_attention_heads": 128, "n_routed_experts": 256, "n_shared_experts": 1, "moe_intermediate_size": 2048,
            "vocab_size": 129280, "max_position_embeddings": 4096, "routed_scaling_factor": 2.5,
            "norm_topk_prob": True, "model_type": "deepseek_v3",
        },
    ),
}  # fmt: skip
