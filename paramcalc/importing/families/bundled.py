"""Families that are bundled specs with other knobs."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from paramcalc.importing.families.family import Family, Lines
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import attributes, pairs
from paramcalc.importing.rule import exact


def spec(use: str, knobs: Mapping[str, Any], **defaults: Mapping[str, Any]) -> Lines:
    """A spec that is another with knobs of its own, and defaults of ops by name."""
    lines = [f"use: {use}", *pairs("knobs", knobs)]
    if defaults:
        given = ", ".join(f"{op}: {attributes(values)}" for op, values in defaults.items())
        lines.append(f"defaults: {{{given}}}")
    return lines


def eps(f: Fields, name: str) -> dict[str, Any]:
    return {"eps": exact(f.number(name))}


def divided(f: Fields, dim: int, heads: int, name: str = "num_attention_heads") -> int:
    """The number of heads, if they divide the channels."""
    if dim % heads:
        raise f.wrong(name, f"is {heads}, which does not divide {dim} channels", f"a divisor of {dim}")
    return heads


def gemma2(f: Fields, kind: str) -> Lines:
    f.only(tie_word_embeddings=True, attention_bias=False, hidden_activation="gelu_pytorch_tanh")
    f.ignore("hidden_act", "use_bidirectional_attention", "rope_theta", "rope_parameters", "layer_types")
    knobs: dict[str, Any] = {
        "layers": f.size("num_hidden_layers"),
        "dim": f.size("hidden_size"),
        "hidden": f.size("intermediate_size"),
        "heads": f.size("num_attention_heads"),
        "kv_heads": f.size("num_key_value_heads"),
        "head_dim": f.size("head_dim"),
        "vocabulary": f.size("vocab_size"),
        "window": f.size("sliding_window"),
        "length": f.size("max_position_embeddings"),
    }
    kinds = f.numbers("layer_types")
    usual = ["sliding_attention", "full_attention"] * knobs["layers"]
    if kinds and kinds != usual[: knobs["layers"]]:
        raise f.wrong(
            "layer_types", "is not every other layer, which the spec gemma-2 has", "sliding, full, ..."
        )
    knobs["factor"] = exact(sqrt(knobs["dim"]))
    knobs["query_scale"] = exact(f.number("query_pre_attn_scalar") ** -0.5)
    return spec("gemma-2", knobs | eps(f, "rms_norm_eps"))


def gpt2(f: Fields, kind: str) -> Lines:
    f.only(add_cross_attention=False)
    if f.word("activation_function", {"gelu_new": "tanh", "gelu": "exact"}) == "exact":
        f.left.append("that GELU is exact")
    dim = f.size("n_embd")
    knobs: dict[str, Any] = {"layers": f.size("n_layer"), "dim": dim}
    if f.value("n_inner") is not None:
        knobs["hidden"] = f.size("n_inner")
    knobs |= {
        "heads": divided(f, dim, f.size("n_head"), "n_head"),
        "vocabulary": f.size("vocab_size"),
        "length": f.size("n_positions"),
        "tied": f.flag("tie_word_embeddings"),
        "longest": f.size("n_positions"),
    }
    f.ignore("scale_attn_weights")
    return spec("gpt-2", knobs, layer_norm=eps(f, "layer_norm_epsilon"))


def vit(f: Fields, kind: str) -> Lines:
    f.word("hidden_act", {"gelu": "gelu"})
    dim = f.size("hidden_size")
    knobs = {
        "layers": f.size("num_hidden_layers"),
        "dim": dim,
        "mlp": f.size("intermediate_size"),
        "heads": divided(f, dim, f.size("num_attention_heads")),
        **_images(f),
        "colours": f.size("num_channels"),
        "qkv_bias": f.flag("qkv_bias"),
        "classes": classes(f),
    }
    return spec("vit", knobs | eps(f, "layer_norm_eps"))


def _images(f: Fields) -> dict[str, int]:
    patch, size = f.size("patch_size"), f.size("image_size")
    if size < patch:
        raise f.wrong("patch_size", f"is {patch}, which is larger than the image", f"at most {size}")
    return {"patch": patch, "size": size}


def classes(f: Fields, otherwise: int = 2) -> int:
    """How many classes a model tells apart: it names them, or says how many."""
    named = f.value("id2label")
    if isinstance(named, dict | list) and named:
        return len(named)
    if named is not None:
        raise f.wrong("id2label", "is not a table of classes", "an object", named)
    return f.size_or("num_labels", otherwise)


def t5(f: Fields, kind: str) -> Lines:
    form = f.word("feed_forward_proj", {"relu": "relu", "gated-gelu": "gated"})
    f.ignore("is_gated_act", "n_positions", "dense_act_fn", "scale_decoder_outputs")
    layers = f.size("num_layers")
    if not f.flag("tie_word_embeddings"):
        untied = f.size("vocab_size") * f.size("d_model")
        f.remarks.append(
            f"transformers ties the output since 5.0 whatever the configuration says: {untied:,} params fewer"
        )
    knobs = {
        "layers": layers,
        "decoder_layers": f.size_or("num_decoder_layers", layers),
        "dim": f.size("d_model"),
        "hidden": f.size("d_ff"),
        "heads": f.size("num_heads"),
        "head_dim": f.size("d_kv"),
        "vocabulary": f.size("vocab_size"),
        "buckets": f.size("relative_attention_num_buckets"),
        "tied": f.flag("tie_word_embeddings"),
        **eps(f, "layer_norm_epsilon"),
        "gated": form == "gated",
    }
    return spec("t5", knobs)


def clip(f: Fields, kind: str) -> Lines:
    text, vision = f.inside("text_config", _CLIP_TEXT), f.inside("vision_config", _CLIP_VISION)
    f.ignore("text_config_dict", "vision_config_dict", "hidden_size", "logit_scale_init_value")
    for inner in (text, vision):
        inner.word("hidden_act", {"quick_gelu": "quick_gelu"})
        inner.ignore("layer_norm_eps", "projection_dim")
    vision.only(num_channels=3)
    knobs: dict[str, Any] = {"projection": f.size("projection_dim")}
    for inner, front in ((text, "text_"), (vision, "")):
        dim, heads = inner.size("hidden_size"), inner.size("num_attention_heads")
        knobs |= {
            f"{front}layers": inner.size("num_hidden_layers"),
            f"{front}dim": dim,
            f"{front}hidden": inner.size("intermediate_size"),
            f"{front}heads": divided(inner, dim, heads),
        }
    knobs |= {
        "vocabulary": text.size("vocab_size"),
        "length": text.size("max_position_embeddings"),
        **_images(vision),
    }
    return spec("clip", knobs)


def whisper(f: Fields, kind: str) -> Lines:
    f.only(tie_word_embeddings=True)
    f.word("activation_function", {"gelu": "gelu"})
    f.ignore("num_hidden_layers")
    dim = f.size("d_model")
    knobs = {
        "layers": f.size("encoder_layers"),
        "decoder_layers": f.size("decoder_layers"),
        "dim": dim,
        "hidden": f.size("encoder_ffn_dim"),
        "heads": divided(f, dim, f.size("encoder_attention_heads"), "encoder_attention_heads"),
        "decoder_heads": divided(f, dim, f.size("decoder_attention_heads"), "decoder_attention_heads"),
        "bands": f.size("num_mel_bins"),
        "vocabulary": f.size("vocab_size"),
        "length": f.size("max_target_positions"),
        "longest": f.size("max_target_positions"),
        "frames": 2 * f.size("max_source_positions"),
    }
    if f.size_or("decoder_ffn_dim", knobs["hidden"]) != knobs["hidden"]:
        raise f.wrong(
            "decoder_ffn_dim",
            "differs from encoder_ffn_dim, which the spec whisper cannot say",
            str(knobs["hidden"]),
        )
    return spec("whisper", knobs)


def detr(f: Fields, kind: str) -> Lines:
    """The image is of the size that the paper counts; a backbone of its own is none of timm's."""
    backbones = {"resnet50": ("[3, 4, 6, 3]", 53_120), "resnet101": ("[3, 4, 23, 3]", 105_344)}
    inner = f.value("backbone_config")
    named = inner.get("backbone") if isinstance(inner, dict) else None
    name = named if isinstance(named, str) else f.value("backbone")
    f.ignore(
        "backbone_config",
        "use_timm_backbone",
        "use_pretrained_backbone",
        "backbone_kwargs",
        "position_embedding_type",
    )
    f.ignore("scale_embedding", "num_hidden_layers", "max_position_embeddings")
    if not isinstance(name, str) or name not in backbones:
        raise f.wrong("backbone", f"is {name!r:.60}, which the spec detr has not", ", ".join(backbones))
    f.only(d_model=256, dilation=False, num_channels=3, activation_function="relu")
    depth, hidden, heads = (
        f.size("encoder_layers"),
        f.size("encoder_ffn_dim"),
        f.size("encoder_attention_heads"),
    )
    f.only(decoder_layers=depth, decoder_ffn_dim=hidden, decoder_attention_heads=heads)
    knobs = {
        "queries": f.size("num_queries"),
        "depth": depth,
        "heads": heads,
        "hidden": hidden,
        "classes": classes(f, 91),
    }
    lines = spec("detr", knobs)
    depths, frozen = backbones[name]
    f.remarks.append(
        f"{frozen:,} params are scales and offsets of frozen batch norms, buffers in transformers"
    )
    return [*lines[:-1], f"{lines[-1][:-1]}, depths: {depths}}}"]


_CLIP_TEXT = {
    "num_hidden_layers": 12, "hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8,
    "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
}  # fmt: skip
_CLIP_VISION = {
    "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "patch_size": 32,
    "image_size": 224, "hidden_act": "quick_gelu",
}  # fmt: skip
_T5: dict[str, Any] = {
    "num_layers": 6, "d_model": 512, "d_ff": 2048, "num_heads": 8, "d_kv": 64, "vocab_size": 32128,
    "relative_attention_num_buckets": 32, "tie_word_embeddings": True, "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
}  # fmt: skip

BUNDLED: Mapping[str, Family] = {
    "gemma2": Family(
        ("Gemma2ForCausalLM",),
        gemma2,
        {
            "num_hidden_layers": 26, "hidden_size": 2304, "intermediate_size": 9216, "num_attention_heads": 8,
            "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 256000, "sliding_window": 4096,
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
            "query_pre_attn_scalar": 256, "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0,
        },
    ),
    "gpt2": Family(
        ("GPT2LMHeadModel",),
        gpt2,
        {
            "n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257, "n_positions": 1024,
            "tie_word_embeddings": True, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
        },
    ),
    "vit": Family(
        ("ViTForImageClassification",),
        vit,
        {
            "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
            "patch_size": 16, "image_size": 224, "num_channels": 3, "qkv_bias": True, "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
        },
    ),
    "t5": Family(("T5ForConditionalGeneration", "T5WithLMHeadModel"), t5, _T5),
    "mt5": Family(
        ("MT5ForConditionalGeneration",),
        t5,
        _T5 | {"num_layers": 8, "d_ff": 1024, "num_heads": 6, "vocab_size": 250112, "feed_forward_proj": "gated-gelu"},
    ),
    "clip": Family(("CLIPModel",), clip, {"projection_dim": 512}),
    "whisper": Family(
        ("WhisperForConditionalGeneration",),
        whisper,
        {
            "encoder_layers": 4, "decoder_layers": 4, "d_model": 384, "encoder_ffn_dim": 1536,
            "encoder_attention_heads": 6, "decoder_attention_heads": 6, "num_mel_bins": 80, "vocab_size": 51865,
            "max_target_positions": 448, "max_source_positions": 1500, "activation_function": "gelu",
            "tie_word_embeddings": True,
        },
    ),
    "detr": Family(
        ("DetrForObjectDetection",),
        detr,
        {
            "encoder_layers": 6, "decoder_layers": 6, "encoder_ffn_dim": 2048, "encoder_attention_heads": 8,
            "num_queries": 100, "d_model": 256, "backbone": "resnet50", "activation_function": "relu",
        },
    ),
}  # fmt: skip
