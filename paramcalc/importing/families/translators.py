"""Translators: BART and its kind, an encoder and a decoder that reads what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.importing.families.bundled import divided
from paramcalc.importing.families.family import Family, Lines
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import ACTIVATIONS, pairs

# A part with its norm: BART's behind the sum, mBART's before the part.
BEHIND = ("    - add: {NAME: PART, skip: identity}", "    - layer_norm")
BEFORE = ("    - add: {NAME: [layer_norm, PART], skip: identity}",)


def bart(f: Fields, kind: str) -> Lines:
    return _text(f, BEHIND, final=())


def mbart(f: Fields, kind: str) -> Lines:
    return _text(f, BEFORE, final=("  - layer_norm",))


def _text(f: Fields, normed: tuple[str, ...], final: tuple[str, ...]) -> Lines:
    f.only(tie_word_embeddings=True)
    f.ignore("num_hidden_layers")
    f.without("scale_embedding")
    activation = f.word("activation_function", ACTIVATIONS)

    def parts(front: str, **lines: str) -> Lines:
        mlp = f"[linear {front}hidden, {activation}, linear dim]"
        if normed is BEFORE:
            mlp = mlp[1:-1]
        named = {**lines, "mlp": mlp}
        return [
            one.replace("NAME", name).replace("PART", part) for name, part in named.items() for one in normed
        ]

    positions = f"positions {f.size('max_position_embeddings') + 2}"  # the first two are never read
    return [
        "inputs: {source: {length: length}, target: {length: target_length}}",
        *pairs("knobs", _sizes(f)),
        "blocks:",
        "  encode:",
        *parts("", attention="self_attention heads"),
        "  decode from x memory:",
        *parts(
            "decoder_",
            attention="self_attention decoder_heads causal=true",
            cross="cross_attention decoder_heads from x memory",
        ),
        "layers:",
        "  - tokens: embedding vocabulary dim from source",
        f"  - places: {positions}",
        "  - layer_norm",
        "  - encoders: layers * encode",
        f"  - encoded: {'layer_norm' if final else 'identity'}",
        "  - words: embedding vocabulary dim share=tokens from target",
        f"  - target_places: {positions}",
        "  - layer_norm",
        "  - decoders: decoder_layers * decode from x encoded",
        *final,
        "  - logits: linear vocabulary bias=false share=tokens",
    ]


def _sizes(f: Fields) -> dict[str, Any]:
    dim = f.size("d_model")
    return {
        "layers": f.size("encoder_layers"),
        "decoder_layers": f.size("decoder_layers"),
        "dim": dim,
        "hidden": f.size("encoder_ffn_dim"),
        "decoder_hidden": f.size("decoder_ffn_dim"),
        "heads": divided(f, dim, f.size("encoder_attention_heads"), "encoder_attention_heads"),
        "decoder_heads": divided(f, dim, f.size("decoder_attention_heads"), "decoder_attention_heads"),
        "vocabulary": f.size("vocab_size"),
        "length": f.size("max_position_embeddings"),
        "target_length": "length",
    }


_BART: dict[str, Any] = {
    "encoder_layers": 12, "decoder_layers": 12, "d_model": 1024, "encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096,
    "encoder_attention_heads": 16, "decoder_attention_heads": 16, "vocab_size": 50265, "max_position_embeddings": 1024,
    "activation_function": "gelu", "tie_word_embeddings": True,
}  # fmt: skip

TRANSLATORS: Mapping[str, Family] = {
    "bart": Family(("BartForConditionalGeneration",), bart, _BART),
    "mbart": Family(("MBartForConditionalGeneration",), mbart, _BART),
}
