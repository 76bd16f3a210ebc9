"""GPTs: language models with layer norms and MLPs that nothing gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.importing.families.decoders import LLAMA, llama
from paramcalc.importing.families.family import Family
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import ACTIVATIONS, Decoder, biased, rotary, sizes, windows
from paramcalc.importing.families.short import language_model


def starcoder2(f: Fields) -> Decoder:
    bias = f.flag("use_bias")
    d = llama(f, norm="layer_norm", eps=f.number("norm_epsilon"), gated=False, mlp_bias=bias)
    return d._replace(
        attention=biased(f, "use_bias") | rotary(f, d.sizes), windows=windows(f, d.sizes["layers"])
    )


def phi(f: Fields) -> Decoder:
    f.only(qk_layernorm=False)
    d = llama(
        f, norm="layer_norm", eps=f.number("layer_norm_eps"), gated=False, mlp_bias=True, head_bias=True
    )
    return d._replace(attention=rotary(f, d.sizes, 0.5), order="parallel")


def gpt_neox(f: Fields) -> Decoder:
    d = llama(f, norm="layer_norm", eps=f.number("layer_norm_eps"), gated=False, mlp_bias=True)
    part = f.number("rotary_pct") if f.value("rotary_pct") is not None else 0.25
    theta = f.number("rotary_emb_base") if f.value("rotary_emb_base") is not None else 10000.0
    order = "parallel, two norms" if f.flag("use_parallel_residual") else "before"
    return d._replace(attention=biased(f) | rotary(f, d.sizes, part, theta), order=order)


def _gpt(f: Fields, found: dict[str, int], attention: dict[str, Any], **more: Any) -> Decoder:
    """What configurations with the field names of GPT-2 have in common."""
    return Decoder(
        found,
        attention,
        f.word("activation_function", ACTIVATIONS),
        f.number("layer_norm_epsilon"),
        norm="layer_norm",
        gated=False,
        mlp_bias=True,
        tied=f.flag("tie_word_embeddings"),
        **more,
    )


def gptj(f: Fields) -> Decoder:
    found = sizes(f, hidden=f.size_or("n_inner", 4 * f.size("hidden_size")))
    turned = {"rotary": f.size("rotary_dim")} if f.value("rotary_dim") is not None else {}
    return _gpt(f, found, {"bias": False} | turned, order="parallel", head_bias=True)


def gpt_bigcode(f: Fields) -> Decoder:
    f.only(add_cross_attention=False)
    heads = f.size("num_attention_heads")
    f.ignore("num_key_value_heads")
    found = sizes(f, hidden=f.size_or("n_inner", 4 * f.size("hidden_size")))
    found["kv_heads"] = 1 if f.flag("multi_query") else heads
    return _gpt(f, found, {}, positions=found["length"])


def gpt_neo(f: Fields) -> Decoder:
    """Every other layer sees a window; queries, keys and values have no biases, and scores no factor."""
    found = sizes(f, hidden=f.size_or("intermediate_size", 4 * f.size("hidden_size")))
    kinds = [kind for lot in f.numbers("attention_types") for kind in _repeated(f, lot)]
    if len(kinds) != found["layers"]:
        raise f.wrong("attention_types", f"says the kinds of {len(kinds)} layers", str(found["layers"]))
    f.ignore("attention_layers")
    window = f.size("window_size")
    seen = [window if kind == "local" else 0 for kind in kinds]
    return _gpt(f, found, {"qkv_bias": False, "scale": 1}, positions=found["length"], windows=seen)


def _repeated(f: Fields, lot: Any) -> list[str]:
    try:
        kinds, times = lot
        if {*kinds} <= {"global", "local"} and 0 < int(times) <= 10_000:
            return [*kinds] * int(times)
    except (TypeError, ValueError):
        pass
    raise f.wrong(
        "attention_types", "is not a list of kinds and how often", '[[["global", "local"], 12]]', lot
    )


def opt(f: Fields) -> Decoder:
    before, dim = f.flag("do_layer_norm_before"), f.size("hidden_size")
    found = sizes(f, hidden=f.size("ffn_dim"))
    narrow = f.size("word_embed_proj_dim")
    bias = f.flag("enable_bias")
    affine = f.value("layer_norm_elementwise_affine") is not False
    return Decoder(
        found,
        {} if bias else {"bias": False},
        f.word("activation_function", ACTIVATIONS),
        norm="layer_norm",
        norms="" if affine else "elementwise_affine=false",
        order="before" if before else "behind",
        gated=False,
        mlp_bias=bias,
        positions=found["length"] + 2,  # the first two are never read
        narrow=narrow if narrow != dim else 0,
        final=before and not f.flag("_remove_final_layer_norm"),
        tied=f.flag("tie_word_embeddings"),
    )


def bloom(f: Fields) -> Decoder:
    f.left.append("the biases of distances (ALiBi)")
    f.only(apply_residual_connection_post_layernorm=False)
    return Decoder(
        sizes(f, hidden=4 * f.size("hidden_size")),
        {},
        "gelu tanh",
        f.number("layer_norm_epsilon"),
        norm="layer_norm",
        gated=False,
        mlp_bias=True,
        embedded="layer_norm",
        tied=f.flag("tie_word_embeddings"),
    )


def mpt(f: Fields) -> Decoder:
    inner = f.inside("attn_config", {"alibi": True})
    inner.ignore(
        "attn_type", "attn_impl", "attn_pdrop", "prefix_lm", "attn_uses_sequence_id", "alibi_bias_max"
    )
    inner.only(qk_ln=False)
    if inner.flag("alibi"):
        f.left.append("the biases of distances (ALiBi)")
    f.ignore("learned_pos_emb", "no_bias", "norm_type", "verbose", "init_config", "fc_type", "ffn_config")
    return Decoder(
        sizes(f, hidden=f.size("expansion_ratio") * f.size("hidden_size")),
        {"bias": False},
        "gelu",
        f.number("layer_norm_epsilon"),
        norm="layer_norm",
        norms="bias=false",
        gated=False,
        tied=f.flag("tie_word_embeddings"),
    )


def falcon(f: Fields) -> Decoder:
    """One head of keys and values, or groups; attention beside the MLP, behind one norm or one each."""
    new, dim, bias = f.flag("new_decoder_architecture"), f.size("hidden_size"), f.flag("bias")
    heads = f.size("num_attention_heads")
    found = sizes(f, hidden=f.size_or("ffn_hidden_size", 4 * dim))
    groups = f.size_or("num_kv_heads", heads) if new else 1 if f.flag("multi_query") else heads
    f.ignore("num_kv_heads", "multi_query", "ffn_hidden_size", "parallel_attn")
    two = new and f.value("num_ln_in_parallel_attn") != 1
    order = "before" if not (new or f.flag("parallel_attn")) else "parallel, two norms" if two else "parallel"
    alibi = f.flag("alibi")
    if alibi:
        f.ignore("rope_parameters", "rope_theta", "rope_scaling")
        f.left.append("the biases of distances (ALiBi)")
    return Decoder(
        found | {"kv_heads": groups},
        ({} if bias else {"bias": False}) | ({} if alibi else rotary(f, found)),
        f.word("activation", ACTIVATIONS),
        f.number("layer_norm_epsilon"),
        norm="layer_norm",
        order=order,
        gated=False,
        mlp_bias=bias,
        tied=f.flag("tie_word_embeddings"),
    )


_GPT: dict[str, Any] = {
    "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "tie_word_embeddings": True, "vocab_size": 50257,
}  # fmt: skip
_GPT_NAMES = {
    "max_position_embeddings": "n_positions", "hidden_size": "n_embd", "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}  # fmt: skip

GPTS: Mapping[str, Family] = {
    "starcoder2": language_model(
        "Starcoder2", starcoder2, LLAMA, vocab_size=49152, hidden_size=3072, intermediate_size=12288,
        num_hidden_layers=30, num_attention_heads=24, num_key_value_heads=2, max_position_embeddings=4096,
        hidden_act="gelu_pytorch_tanh", norm_epsilon=1e-5, use_bias=True, tie_word_embeddings=True,
    ),
    "phi": language_model(
        "Phi", phi, LLAMA, vocab_size=51200, hidden_size=2048, intermediate_size=8192, num_hidden_layers=24,
        hidden_act="gelu_new", layer_norm_eps=1e-5,
    ),
    "gpt_neox": language_model(
        "GPTNeoX", gpt_neox, LLAMA, vocab_size=50432, hidden_size=6144, intermediate_size=24576, num_hidden_layers=44,
        num_attention_heads=64, hidden_act="gelu", layer_norm_eps=1e-5, attention_bias=True,
        use_parallel_residual=True,
    ),
    "gptj": language_model(
        "GPTJ", gptj, _GPT, names=_GPT_NAMES, vocab_size=50400, n_positions=2048, n_embd=4096, n_layer=28, n_head=16,
        rotary_dim=64, tie_word_embeddings=False,
    ),
    "gpt_bigcode": language_model(
        "GPTBigCode", gpt_bigcode, _GPT, names=_GPT_NAMES, n_positions=1024, n_embd=768, n_layer=12, n_head=12,
        multi_query=True, activation_function="gelu_pytorch_tanh",
    ),
    "gpt_neo": language_model(
        "GPTNeo", gpt_neo, _GPT, names={"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"},
        max_position_embeddings=2048, hidden_size=2048, num_layers=24, num_heads=16, window_size=256,
        attention_types=[[["global", "local"], 12]],
    ),
    "opt": language_model(
        "OPT", opt, {}, vocab_size=50272, hidden_size=768, num_hidden_layers=12, ffn_dim=3072,
        max_position_embeddings=2048, do_layer_norm_before=True, word_embed_proj_dim=768, num_attention_heads=12,
        activation_function="relu", enable_bias=True, layer_norm_elementwise_affine=True, tie_word_embeddings=True,
    ),
    "bloom": language_model(
        "Bloom", bloom, _GPT,
        names={"max_position_embeddings": "seq_length", "num_attention_heads": "n_head",
               "num_hidden_layers": "n_layer"},
        vocab_size=250880, hidden_size=64, n_layer=2, n_head=8, seq_length=2048,
    ),
    "mpt": language_model(
        "Mpt", mpt, _GPT,
        names={"max_position_embeddings": "max_seq_len", "hidden_size": "d_model", "num_attention_heads": "n_heads",
               "num_hidden_layers": "n_layers"},
        d_model=2048, n_heads=16, n_layers=24, expansion_ratio=4, max_seq_len=2048, vocab_size=50368,
    ),
    "falcon": language_model(
        "Falcon", falcon, _GPT, vocab_size=65024, hidden_size=4544, num_hidden_layers=32, num_attention_heads=71,
        multi_query=True, parallel_attn=True, max_position_embeddings=2048, activation="gelu",
    ),
}  # fmt: skip
