"""Specs from configurations have as many params as the classes of transformers, with defaults and with other values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paramcalc import parse
from paramcalc.importing.readers import hf

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL: dict[str, Any] = {
    "num_hidden_layers": 3,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_attention_heads": 6,
}
CASES: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in hf.FAMILIES if kind != "deepseek_v2"),
    ("llama", {**SMALL, "num_key_value_heads": 2, "vocab_size": 500}),
    ("llama", {**SMALL, "head_dim": 24, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}),
    ("mistral", {**SMALL, "num_key_value_heads": 3, "head_dim": 32, "sliding_window": 64}),
    ("qwen2", {**SMALL, "num_key_value_heads": 2, "tie_word_embeddings": True}),
    ("qwen3", {**SMALL, "num_key_value_heads": 2, "head_dim": 20, "attention_bias": True}),
    ("gemma", {**SMALL, "num_key_value_heads": 1, "head_dim": 40}),
    ("gemma2", {**SMALL, "num_key_value_heads": 2, "head_dim": 40, "sliding_window": 32}),
    ("phi3", {**SMALL, "num_key_value_heads": 2, "pad_token_id": 0}),
    ("mixtral", {**SMALL, "num_key_value_heads": 2, "num_local_experts": 4}),
    ("deepseek_v3", {**SMALL, "first_k_dense_replace": 1, "n_routed_experts": 8, "moe_intermediate_size": 32,
                     "num_experts_per_tok": 2, "q_lora_rank": None, "n_group": 1, "topk_group": 1}),
    ("gpt2", {"n_layer": 2, "n_embd": 60, "n_head": 5, "n_inner": 100, "n_positions": 77, "vocab_size": 400}),
    ("bert", {**SMALL, "type_vocab_size": 3, "max_position_embeddings": 100}),
    ("vit", {**SMALL, "patch_size": 8, "image_size": 64, "num_channels": 1, "qkv_bias": False, "num_labels": 7}),
    ("t5", {"num_layers": 2, "num_decoder_layers": 3, "d_model": 64, "d_kv": 8, "d_ff": 100, "num_heads": 4,
            "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    ("clip", {"text_config": {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 300},
              "vision_config": {"num_hidden_layers": 3, "patch_size": 16}, "projection_dim": 99}),
    ("whisper", {"encoder_layers": 3, "decoder_layers": 2, "d_model": 60, "encoder_attention_heads": 5,
                 "decoder_attention_heads": 4, "encoder_ffn_dim": 90, "decoder_ffn_dim": 90, "num_mel_bins": 128}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given"), CASES, ids=[f"{kind}-{len(given)}" for kind, given in CASES])
def test_params_are_those_of_the_class(kind: str, given: dict[str, Any], tmp_path: Path) -> None:
    config = transformers.AutoConfig.for_model(kind, **given)
    with torch.device("meta"):
        model = getattr(transformers, hf.FAMILIES[kind].classes[0])(config)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    found = hf.written(str(path), {})
    spec = parse(found.text)
    inputs = {"input": (16,)} if kind not in ("vit", "clip", "whisper", "t5", "bert") else None
    assert spec.count(inputs=inputs).params == sum(one.numel() for one in model.parameters())
    assert found.partial == ()
    assert found.remarks == ()


def test_a_configuration_with_defaults_left_out_is_that_of_the_class(tmp_path: Path) -> None:
    """What is not written has the default of the class in transformers."""
    for kind, family in hf.FAMILIES.items():
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"model_type": kind}))
        sparse = hf.written(str(path), {}).text
        path.write_text(
            json.dumps({**transformers.AutoConfig.for_model(kind).to_dict(), "_name_or_path": ""})
        )
        if kind != "deepseek_v2":
            assert parse(sparse).count().params == parse(hf.written(str(path), {}).text).count().params, (
                family.use
            )
