"""LLaMA and its successors: what each changes of it, and the defaults of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from paramcalc.importing.families.family import Family
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import (
    ACTIVATIONS,
    Decoder,
    biased,
    rotary,
    scaled,
    sizes,
    windows,
)
from paramcalc.importing.families.short import language_model


def llama(f: Fields, **other: Any) -> Decoder:
    """LLaMA, and what most others change a part of."""
    found = sizes(f)
    given: dict[str, Any] = {
        "attention": biased(f) | rotary(f, found),
        "activation": f.word("hidden_act", ACTIVATIONS),
        "mlp_bias": f.flag("mlp_bias"),
        "tied": f.flag("tie_word_embeddings"),
    }
    if "norm" not in other:
        given["eps"] = f.number("rms_norm_eps")
    return Decoder(found, **(given | other))


def mistral(f: Fields) -> Decoder:
    found = llama(f, mlp_bias=False)
    return found._replace(
        attention=found.attention | {"bias": False}, windows=windows(f, found.sizes["layers"])
    )


def phi3(f: Fields) -> Decoder:
    return mistral(f)


def qwen2(f: Fields) -> Decoder:
    """Biases of queries, keys and values; windows of the last layers, if they are used."""
    d = llama(f, mlp_bias=False)
    attention = {name: value for name, value in d.attention.items() if name != "bias"} | {"out_bias": False}
    return d._replace(attention=attention, windows=qwen_windows(f, d.sizes["layers"]))


def qwen3(f: Fields) -> Decoder:
    d = llama(f, mlp_bias=False)
    windows = qwen_windows(f, d.sizes["layers"])
    return d._replace(attention=d.attention | normed(f, "rms"), windows=windows)


def normed(f: Fields, kind: str) -> dict[str, str]:
    """Norms of queries and keys, whose epsilon attention cannot say."""
    f.left.append("the epsilon of the norms of queries and keys")
    return {"qk_norm": kind}


def qwen_windows(f: Fields, layers: int) -> list[int]:
    if not f.flag("use_sliding_window"):
        f.ignore("sliding_window", "layer_types", "max_window_layers")
        return []
    first = f.count("max_window_layers")
    return windows(f, layers, [layer >= first for layer in range(layers)])


def glm(f: Fields) -> Decoder:
    d = llama(f, mlp_bias=False)
    attention = {name: value for name, value in d.attention.items() if name != "bias"}
    return d._replace(attention={"qkv_bias": f.flag("attention_bias"), "out_bias": False} | attention)


def glm4(f: Fields) -> Decoder:
    return glm(f)._replace(order="around")


def seed_oss(f: Fields) -> Decoder:
    d = llama(f)
    attention = {name: value for name, value in d.attention.items() if name != "bias"}
    biases = {"qkv_bias": f.flag("attention_bias"), "out_bias": f.flag("attention_out_bias")}
    return d._replace(attention=biases | attention)


def smollm3(f: Fields) -> Decoder:
    d = llama(f)
    if 0 in f.numbers("no_rope_layers"):
        f.left.append("no_rope_layers")
    f.ignore("no_rope_layer_interval")
    return d._replace(windows=qwen_windows(f, d.sizes["layers"]))


def gemma(f: Fields) -> Decoder:
    f.ignore("hidden_act", "hidden_activation", "use_bidirectional_attention")
    d = llama(f, activation="gelu tanh", mlp_bias=False)
    return d._replace(factor=sqrt(d.sizes["dim"]))


def gemma3(f: Fields) -> Decoder:
    """Norms on both sides, of queries and keys too; five layers of six have a window."""
    d = llama(f, activation=f.word("hidden_activation", ACTIVATIONS), mlp_bias=False, order="around")
    layers = d.sizes["layers"]
    every = f.size_or("sliding_window_pattern", 6)
    f.ignore("_sliding_window_pattern", "use_bidirectional_attention", "hidden_act")
    f.without("rope_local_base_freq")
    usual = [(layer + 1) % every > 0 for layer in range(layers)]
    scale = scaled(f.number("query_pre_attn_scalar") ** -0.5, d.sizes)
    attention = d.attention | normed(f, "rms") | scale
    return d._replace(attention=attention, windows=windows(f, layers, usual), factor=sqrt(d.sizes["dim"]))


def granite(f: Fields) -> Decoder:
    factor = 1.0 if f.value("embedding_multiplier") is None else f.number("embedding_multiplier")
    d = llama(f, factor=factor)
    scale = 1.0 if f.value("attention_multiplier") is None else f.number("attention_multiplier")
    return d._replace(attention=d.attention | scaled(scale, d.sizes))


def olmo(f: Fields) -> Decoder:
    return llama(f, norm="layer_norm", norms="elementwise_affine=false", mlp_bias=False)


def olmo2(f: Fields) -> Decoder:
    """Norms behind attention and MLP, and of all queries or keys of a position at once."""
    d = llama(f, mlp_bias=False, order="after")
    return d._replace(attention=d.attention | normed(f, "rms_all"))


def olmo3(f: Fields) -> Decoder:
    d = olmo2(f)
    layers = d.sizes["layers"]
    return d._replace(windows=windows(f, layers, [(layer + 1) % 4 > 0 for layer in range(layers)]))


def exaone4(f: Fields) -> Decoder:
    d = llama(f, mlp_bias=False, order="after")
    layers, every = d.sizes["layers"], f.size_or("sliding_window_pattern", 4)
    usual = [(layer + 1) % every > 0 and layer < layers - 1 for layer in range(layers)]
    attention = d.attention | {"bias": False} | normed(f, "rms")
    return d._replace(attention=attention, windows=windows(f, layers, usual))


def cohere(f: Fields) -> Decoder:
    """Attention and MLP beside each other, behind one norm without a bias."""
    f.only(use_qk_norm=False)
    eps = f.number("layer_norm_eps")
    return llama(f, norm="layer_norm", norms="bias=false", eps=eps, order="parallel", mlp_bias=False)


def cohere2(f: Fields) -> Decoder:
    d = cohere(f)
    layers, every = d.sizes["layers"], f.size_or("sliding_window_pattern", 4)
    f.ignore(
        "_sliding_window_pattern", "order_of_interleaved_layers", "rotary_pct", "position_embedding_type"
    )
    usual = [(layer + 1) % every > 0 for layer in range(layers)]
    return d._replace(windows=windows(f, layers, usual))


def stablelm(f: Fields) -> Decoder:
    f.only(qk_layernorm=False)
    d = llama(f, norm="layer_norm", eps=f.number("layer_norm_eps"), mlp_bias=False)
    attention = {"qkv_bias": f.flag("use_qkv_bias"), "out_bias": False} | rotary(f, d.sizes, 0.25)
    return d._replace(attention=attention, order="parallel" if f.flag("use_parallel_residual") else "before")


def nemotron(f: Fields) -> Decoder:
    d = llama(f, norm="layer_norm", eps=f.number("norm_eps"), gated=False)
    return d._replace(attention=biased(f) | rotary(f, d.sizes, 0.5))


LLAMA: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "hidden_act": "silu", "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}  # fmt: skip
QWEN = LLAMA | {
    "vocab_size": 151936, "intermediate_size": 22016, "max_position_embeddings": 32768, "max_window_layers": 28,
}  # fmt: skip
OLMO = LLAMA | {"vocab_size": 50304, "rms_norm_eps": 1e-5}
_GLM = LLAMA | {
    "vocab_size": 151552, "intermediate_size": 13696, "num_hidden_layers": 40, "num_key_value_heads": 2,
    "head_dim": 128, "max_position_embeddings": 131072, "rms_norm_eps": 1.5625e-07, "attention_bias": True,
    "partial_rotary_factor": 0.5,
}  # fmt: skip
_COHERE = LLAMA | {
    "vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40,
    "num_attention_heads": 64, "max_position_embeddings": 8192, "layer_norm_eps": 1e-5, "tie_word_embeddings": True,
    "logit_scale": 0.0625,
}  # fmt: skip

DECODERS: Mapping[str, Family] = {
    "llama": language_model("Llama", llama, LLAMA),
    "mistral": language_model(
        "Mistral", mistral, LLAMA, intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=131072,
    ),
    "qwen2": language_model("Qwen2", qwen2, QWEN),
    "qwen3": language_model("Qwen3", qwen3, QWEN, head_dim=128),
    "phi3": language_model(
        "Phi3", phi3, LLAMA, vocab_size=32064, hidden_size=3072, intermediate_size=8192,
        max_position_embeddings=4096, rms_norm_eps=1e-5,
    ),
    "gemma": language_model(
        "Gemma", gemma, LLAMA, vocab_size=256000, hidden_size=3072, intermediate_size=24576, num_hidden_layers=28,
        num_attention_heads=16, num_key_value_heads=16, head_dim=256, max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
    "gemma3_text": language_model(
        "Gemma3", gemma3, LLAMA, base="Gemma3TextModel", vocab_size=262208, hidden_size=2304, intermediate_size=9216,
        num_hidden_layers=26, num_attention_heads=8, num_key_value_heads=4, head_dim=256,
        max_position_embeddings=131072, hidden_activation="gelu_pytorch_tanh", sliding_window=4096,
        query_pre_attn_scalar=256, tie_word_embeddings=True, rope_theta=1e6,
    ),
    "olmo": language_model("Olmo", olmo, OLMO),
    "olmo2": language_model("Olmo2", olmo2, OLMO),
    "olmo3": language_model("Olmo3", olmo3, OLMO, sliding_window=4096, rope_theta=500000.0),
    "granite": language_model("Granite", granite, LLAMA),
    "smollm3": language_model(
        "SmolLM3", smollm3, LLAMA, vocab_size=128256, hidden_size=2048, num_hidden_layers=36, num_attention_heads=16,
        num_key_value_heads=4, max_position_embeddings=32768, tie_word_embeddings=True, rope_theta=2e6,
    ),
    "glm": language_model("Glm", glm, _GLM),
    "glm4": language_model("Glm4", glm4, _GLM),
    "seed_oss": language_model(
        "SeedOss", seed_oss, LLAMA, vocab_size=155136, intermediate_size=27648, num_hidden_layers=64,
        num_attention_heads=80, num_key_value_heads=8, head_dim=128, max_position_embeddings=524288,
        attention_bias=True,
    ),
    "exaone4": language_model(
        "Exaone4", exaone4, LLAMA, vocab_size=102400, intermediate_size=16384, rms_norm_eps=1e-5, sliding_window=4096,
    ),
    "cohere": language_model("Cohere", cohere, _COHERE, rope_theta=500000.0),
    "cohere2": language_model("Cohere2", cohere2, _COHERE, sliding_window=4096, head_dim=128),
    "stablelm": language_model(
        "StableLm", stablelm, LLAMA, vocab_size=50304, hidden_size=2560, intermediate_size=6912,
        max_position_embeddings=4096, layer_norm_eps=1e-5,
    ),
    "nemotron": language_model(
        "Nemotron", nemotron, LLAMA, vocab_size=256000, hidden_size=6144, intermediate_size=24576,
        num_attention_heads=48, head_dim=128, max_position_embeddings=4096, norm_eps=1e-5, hidden_act="relu2",
    ),
}  # fmt: skip
