"""Language models with the weights of transformers' classes give their outputs, in double precision.

The networks are made small by their knobs. A map gives, for each weight, the class's name of it: `{}` of a path
is the number of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, NamedTuple

import pytest

from paramcalc import load
from tests.oracle import weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

Rules = Mapping[str, str]
LENGTH, WORDS = 7, 50
SINGLE = 1e-6  # many classes have norms, angles and softmax in single precision, whatever the type


class Case(NamedTuple):
    """The class and its configuration, the knobs that make ours as small, the names, what else the arrays need."""

    kind: str
    config: Mapping[str, Any]
    knobs: Mapping[str, Any]
    rules: Rules
    prepare: Callable[[weights.Arrays], None] = lambda arrays: None
    dtype: str = "float64"


def projections(ours: str, theirs: str, names: str = "q_proj k_proj v_proj o_proj") -> dict[str, str]:
    found = {}
    for part, name in zip(("query", "key", "value", "out"), names.split(), strict=True):
        found[f"{ours}/{part}"] = f"{theirs}.{name}.weight"
        found[f"{ours}/{part}_bias"] = f"{theirs}.{name}.bias"
    return found


def named(pairs: Mapping[str, str]) -> dict[str, str]:
    """With weight and bias of each, where only the layer is named."""
    found = {}
    for ours, theirs in pairs.items():
        if ours.endswith("/"):
            found[f"{ours}(weight|bias)"] = theirs + r".\g<" + str(ours.count("(") + 1) + ">"
        else:
            found[ours] = theirs
    return found


BLOCK = r"decoders/(\d+)"
LLAMA = {
    "tokens/weight": "model.embed_tokens.weight",
    f"{BLOCK}/attention/rms_norm/weight": r"model.layers.\1.input_layernorm.weight",
    f"{BLOCK}/mlp/rms_norm/weight": r"model.layers.\1.post_attention_layernorm.weight",
    **projections(f"{BLOCK}/attention/self_attention", r"model.layers.\1.self_attn"),
    f"{BLOCK}/attention/self_attention/(query|key)_norm": r"model.layers.\1.self_attn.\2_norm.weight",
    f"{BLOCK}/mlp/swiglu/gate/linear/weight": r"model.layers.\1.mlp.gate_proj.weight",
    f"{BLOCK}/mlp/swiglu/up/weight": r"model.layers.\1.mlp.up_proj.weight",
    f"{BLOCK}/mlp/swiglu/linear/weight": r"model.layers.\1.mlp.down_proj.weight",
    "rms_norm/weight": "model.norm.weight",
    "logits/weight": "lm_head.weight",
}
PHI = LLAMA | {
    f"{BLOCK}/attention/self_attention/out": r"model.layers.\1.self_attn.o_proj.weight",
    f"{BLOCK}/attention/self_attention/query": r"model.layers.\1.self_attn.qkv_proj.weight[0:32]",
    f"{BLOCK}/attention/self_attention/key": r"model.layers.\1.self_attn.qkv_proj.weight[32:48]",
    f"{BLOCK}/attention/self_attention/value": r"model.layers.\1.self_attn.qkv_proj.weight[48:64]",
    f"{BLOCK}/mlp/swiglu/gate/linear/weight": r"model.layers.\1.mlp.gate_up_proj.weight[0:48]",
    f"{BLOCK}/mlp/swiglu/up/weight": r"model.layers.\1.mlp.gate_up_proj.weight[48:96]",
}
GEMMA2 = {
    **{ours.replace("swiglu", "geglu"): theirs for ours, theirs in LLAMA.items()},
    f"{BLOCK}/attention/rms_norm_2/weight": r"model.layers.\1.post_attention_layernorm.weight",
    f"{BLOCK}/mlp/rms_norm/weight": r"model.layers.\1.pre_feedforward_layernorm.weight",
    f"{BLOCK}/mlp/rms_norm_2/weight": r"model.layers.\1.post_feedforward_layernorm.weight",
}
MIXTRAL = {
    **projections(f"{BLOCK}/attention/attention", r"model.layers.\1.self_attn"),
    f"{BLOCK}/mlp/mixture/router/weight": r"model.layers.\1.mlp.gate.weight",
    f"{BLOCK}/mlp/mixture/layers/gate/linear/weight": r"model.layers.\1.gate",
    f"{BLOCK}/mlp/mixture/layers/up/weight": r"model.layers.\1.up",
    f"{BLOCK}/mlp/mixture/layers/linear/weight": r"model.layers.\1.mlp.experts.down_proj",
    **LLAMA,
}
GPT = named(
    {
        "tokens/weight": "transformer.wte.weight",
        "positions/weight": "transformer.wpe.weight",
        f"{BLOCK}/attention/layer_norm/": r"transformer.h.\1.ln_1",
        f"{BLOCK}/mlp/layer_norm/": r"transformer.h.\1.ln_2",
        **{
            f"{BLOCK}/attention/self_attention/{part}{end}": rf"transformer.h.\1.attn.c_attn.{kind}[{at}:{at + 32}]"
            for part, at in (("query", 0), ("key", 32), ("value", 64))
            for end, kind in (("", "weight.T"), ("_bias", "bias"))
        },
        f"{BLOCK}/attention/self_attention/out": r"transformer.h.\1.attn.c_proj.weight.T",
        f"{BLOCK}/attention/self_attention/out_bias": r"transformer.h.\1.attn.c_proj.bias",
        f"{BLOCK}/mlp/linear/weight": r"transformer.h.\1.mlp.c_fc.weight.T",
        f"{BLOCK}/mlp/linear/bias": r"transformer.h.\1.mlp.c_fc.bias",
        f"{BLOCK}/mlp/linear_2/weight": r"transformer.h.\1.mlp.c_proj.weight.T",
        f"{BLOCK}/mlp/linear_2/bias": r"transformer.h.\1.mlp.c_proj.bias",
        "layer_norm/": "transformer.ln_f",
    }
)
ENCODER = r"encoders/(\d+)"
BERT = named(
    {
        "tokens/weight": "embeddings.word_embeddings.weight",
        "segments/weight": "embeddings.token_type_embeddings.weight",
        "positions/weight": "embeddings.position_embeddings.weight",
        "layer_norm/": "embeddings.LayerNorm",
        **projections(
            f"{ENCODER}/attention",
            r"encoder.layer.\1.attention",
            "self.query self.key self.value output.dense",
        ),
        f"{ENCODER}/layer_norm/": r"encoder.layer.\1.attention.output.LayerNorm",
        f"{ENCODER}/mlp/linear/": r"encoder.layer.\1.intermediate.dense",
        f"{ENCODER}/mlp/linear_2/": r"encoder.layer.\1.output.dense",
        f"{ENCODER}/layer_norm_2/": r"encoder.layer.\1.output.LayerNorm",
        "pooler/linear/": "pooler.dense",
    }
)
T5_NAMES = "q k v o"


def t5(side: str, ours: str, number: str, forward: int) -> dict[str, str]:
    """The names of one layer, where the feed-forward part is sublayer `forward`."""
    theirs = f"{side}.block.{number}.layer"
    back = "looking_back/" if side == "decoder" else ""
    return {
        f"{ours}/attention/rms_norm/weight": f"{theirs}.0.layer_norm.weight",
        **projections(f"{ours}/attention/self_attention", f"{theirs}.0.SelfAttention", T5_NAMES),
        f"{ours}/attention/self_attention/position_bias": f"{theirs}.0.SelfAttention.relative_attention_bias.weight",
        f"{ours}/looking_back/cross/rms_norm/weight": f"{theirs}.1.layer_norm.weight",
        **projections(f"{ours}/looking_back/cross/cross_attention", f"{theirs}.1.EncDecAttention", T5_NAMES),
        f"{ours}/{back}mlp/rms_norm/weight": f"{theirs}.{forward}.layer_norm.weight",
        f"{ours}/{back}mlp/feed_forward/linear/weight": f"{theirs}.{forward}.DenseReluDense.wi.weight",
        f"{ours}/{back}mlp/feed_forward/linear_2/weight": f"{theirs}.{forward}.DenseReluDense.wo.weight",
    }


T5 = {
    "tokens/weight": "shared.weight",
    **t5("encoder", "encoder/first", "0", 1),
    **t5("encoder", "encoder/others/0", "1", 1),
    **t5("decoder", "decoder/first", "0", 2),
    **t5("decoder", "decoder/others/0", "1", 2),
    "encoder/norm/weight": "encoder.final_layer_norm.weight",
    "decoder/rms_norm/weight": "decoder.final_layer_norm.weight",
}
WHISPER_NAMES = "q_proj k_proj v_proj out_proj"


def whisper(ours: str, theirs: str) -> dict[str, str]:
    return {
        f"{ours}/attention/layer_norm/": f"{theirs}.self_attn_layer_norm",
        **projections(f"{ours}/attention/self_attention", f"{theirs}.self_attn", WHISPER_NAMES),
        f"{ours}/cross/layer_norm/": f"{theirs}.encoder_attn_layer_norm",
        **projections(f"{ours}/cross/cross_attention", f"{theirs}.encoder_attn", WHISPER_NAMES),
        f"{ours}/mlp/layer_norm/": f"{theirs}.final_layer_norm",
        f"{ours}/mlp/linear/": f"{theirs}.fc1",
        f"{ours}/mlp/linear_2/": f"{theirs}.fc2",
    }


WHISPER = named(
    {
        "stem/conv1d/": "model.encoder.conv1",
        "stem/conv1d_2/": "model.encoder.conv2",
        "sinusoids/weight": "model.encoder.embed_positions.weight",
        **whisper(ENCODER, r"model.encoder.layers.\1"),
        "encoded/": "model.encoder.layer_norm",
        "tokens/weight": "model.decoder.embed_tokens.weight",
        "positions/weight": "model.decoder.embed_positions.weight",
        **whisper(BLOCK, r"model.decoder.layers.\1"),
        "layer_norm/": "model.decoder.layer_norm",
    }
)


def clip(ours: str, theirs: str) -> dict[str, str]:
    return {
        f"{ours}/attention/layer_norm/": f"{theirs}.layer_norm1",
        **projections(f"{ours}/attention/self_attention", f"{theirs}.self_attn", WHISPER_NAMES),
        f"{ours}/mlp/layer_norm/": f"{theirs}.layer_norm2",
        f"{ours}/mlp/linear/": f"{theirs}.mlp.fc1",
        f"{ours}/mlp/linear_2/": f"{theirs}.mlp.fc2",
    }


CLIP = named(
    {
        "patches/conv2d/weight": "vision_model.embeddings.patch_embedding.weight",
        "class_token/weight": "vision_model.embeddings.class_embedding",
        "positions/weight": "vision_model.embeddings.position_embedding.weight",
        "layer_norm/": "vision_model.pre_layrnorm",
        **clip(ENCODER, r"vision_model.encoder.layers.\1"),
        "class/layer_norm/": "vision_model.post_layernorm",
        "image_embed/linear/weight": "visual_projection.weight",
        "tokens/weight": "text_model.embeddings.token_embedding.weight",
        "text_positions/weight": "text_model.embeddings.position_embedding.weight",
        **clip(r"text_encoders/(\d+)", r"text_model.encoder.layers.\1"),
        "end/layer_norm/": "text_model.final_layer_norm",
        "text_embed/linear/weight": "text_projection.weight",
        "logit/scale/weight": "logit_scale",
    }
)


def more_than_one(arrays: weights.Arrays) -> None:
    """Gemma's norms multiply by 1 + w."""
    for key in arrays:
        if "norm" in key:
            arrays[key] = arrays[key] + 1


def unscaled(arrays: weights.Arrays) -> None:
    """T5 divides what its tied output reads by the root of the model's width."""
    for key in arrays:
        if key == "decoder.final_layer_norm.weight":
            arrays[key] = arrays[key] / sqrt(32)


def split(arrays: weights.Arrays) -> None:
    """Mixtral's first matrices of all experts, gate and value in one."""
    for key in [key for key in arrays if key.endswith("experts.gate_up_proj")]:
        layer = key.removesuffix(".mlp.experts.gate_up_proj")
        arrays[f"{layer}.gate"], arrays[f"{layer}.up"] = arrays[key][:, :48], arrays[key][:, 48:]


def exponential(arrays: weights.Arrays) -> None:
    """CLIP stores the logarithm of its factor."""
    arrays["logit_scale"] = weights.np.exp(arrays["logit_scale"])


SMALL = {
    "vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 64, "num_key_value_heads": 2, "attn_implementation": "eager",
}  # fmt: skip
KNOBS = {
    "vocabulary": WORDS,
    "dim": 32,
    "hidden": 48,
    "layers": 2,
    "heads": 4,
    "length": LENGTH,
    "kv_heads": 2,
}
ROPE = {"rope_type": "default"}
OLD_GPT = {
    "vocab_size": WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 16, "attn_implementation": "eager",
}  # fmt: skip
GPT_KNOBS = {"vocabulary": WORDS, "dim": 32, "layers": 2, "heads": 4, "length": LENGTH, "longest": 16}
T5_SMALL = {
    "vocab_size": WORDS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4,
    "attn_implementation": "eager",
}  # fmt: skip
CASES: dict[str, Case] = {
    "llama2-7b": Case("Llama", {**SMALL, "rms_norm_eps": 1e-5}, KNOBS, LLAMA),
    "llama3-8b": Case(
        "Llama",
        {**SMALL, "rms_norm_eps": 1e-5, "rope_parameters": {**ROPE, "rope_theta": 500000.0}},
        KNOBS,
        LLAMA,
    ),
    "llama3.2-1b": Case(
        "Llama",
        {
            **SMALL, "head_dim": 16, "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
            "rope_parameters": {**ROPE, "rope_theta": 500000.0},
        },
        {**KNOBS, "head_dim": 16},
        LLAMA,
    ),
    "mistral-7b": Case(
        "Mistral", {**SMALL, "rms_norm_eps": 1e-5, "sliding_window": 4}, {**KNOBS, "window": 4}, LLAMA
    ),
    "qwen2-7b": Case("Qwen2", {**SMALL, "rope_parameters": {**ROPE, "rope_theta": 1e6}}, KNOBS, LLAMA),
    "qwen3-8b": Case(
        "Qwen3",
        {**SMALL, "head_dim": 16, "rope_parameters": {**ROPE, "rope_theta": 1e6}, "rms_norm_eps": 2.0**-52},
        {**KNOBS, "head_dim": 16, "eps": 2.0**-52},  # norms of queries and keys have the smallest here
        {rule.replace("(query|key)_norm", "(q)uery_norm"): name for rule, name in LLAMA.items()}
        | {f"{BLOCK}/attention/self_attention/key_norm": r"model.layers.\1.self_attn.k_norm.weight"},
    ),
    "phi3-mini": Case("Phi3", {**SMALL, "pad_token_id": 0}, {**KNOBS, "window": 0}, PHI),
    "gemma-2b": Case(
        "Gemma", {**SMALL, "head_dim": 8}, {**KNOBS, "head_dim": 8, "factor": sqrt(32)}, LLAMA, more_than_one
    ),
    "gemma2-2b": Case(
        "Gemma2",
        {
            **SMALL, "head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 8, "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
        },
        {**KNOBS, "head_dim": 8, "factor": sqrt(32), "window": 4, "query_scale": 8**-0.5},
        GEMMA2,
        more_than_one,
    ),
    "mixtral-8x7b": Case(
        "Mixtral",
        {**SMALL, "num_local_experts": 4, "rope_parameters": {**ROPE, "rope_theta": 10000.0}},
        {**KNOBS, "head_dim": 8, "experts": 4, "theta": 10000},
        MIXTRAL,
        split,
        "float32",
    ),
    "gpt2": Case("GPT2", OLD_GPT, GPT_KNOBS, GPT),
    "gpt3-175b": Case("GPT2", OLD_GPT, GPT_KNOBS, GPT),
    "bert-base": Case(
        "Bert",
        {**SMALL, "intermediate_size": 128},
        {"vocabulary": WORDS, "dim": 32, "layers": 2, "heads": 4, "length": LENGTH, "longest": 64},
        BERT,
    ),
    "t5-small": Case(
        "T5",
        T5_SMALL,
        {"vocabulary": WORDS, "dim": 32, "hidden": 48, "layers": 2, "heads": 4, "head_dim": 8, "length": LENGTH},
        T5,
        unscaled,
    ),
    "whisper-tiny": Case(
        "Whisper",
        {
            "vocab_size": WORDS, "num_mel_bins": 8, "encoder_layers": 2, "decoder_layers": 2, "d_model": 32,
            "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128,
            "max_source_positions": 10, "max_target_positions": 16, "pad_token_id": 0, "attn_implementation": "eager",
        },
        {
            "vocabulary": WORDS, "bands": 8, "layers": 2, "dim": 32, "heads": 4, "frames": 20, "length": LENGTH,
            "longest": 16,
        },
        WHISPER,
    ),
    "clip-vit-b32": Case(
        "CLIP",
        {
            "projection_dim": 24, "attn_implementation": "eager",
            "text_config": {
                "vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2,
                "num_attention_heads": 4, "max_position_embeddings": LENGTH, "eos_token_id": WORDS - 1,
            },
            "vision_config": {
                "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
                "image_size": 32, "patch_size": 16,
            },
        },
        {
            "vocabulary": WORDS, "text_dim": 32, "text_layers": 2, "text_heads": 4, "length": LENGTH, "dim": 32,
            "layers": 2, "heads": 4, "size": 32, "patch": 16, "projection": 24,
        },
        CLIP,
        exponential,
    ),
}  # fmt: skip
HEADS = {
    "Bert": "BertModel",
    "T5": "T5ForConditionalGeneration",
    "Whisper": "WhisperForConditionalGeneration",
    "CLIP": "CLIPModel",
    "GPT2": "GPT2LMHeadModel",
}


def answers(kind: str, network: Any, given: Mapping[str, Any]) -> Any:
    """What the class says of our inputs."""
    tensors = {name: torch.from_numpy(one) for name, one in given.items()}
    if kind == "Bert":
        return network(input_ids=tensors["words"], token_type_ids=tensors["sentences"]).pooler_output
    if kind == "T5":
        return network(input_ids=tensors["source"], decoder_input_ids=tensors["target"]).logits
    if kind == "Whisper":
        return network(input_features=tensors["audio"], decoder_input_ids=tensors["text"]).logits
    if kind == "CLIP":
        tensors["text"][:, -1] = WORDS - 1  # the end of the text, at which the class looks
        given["text"][:, -1] = WORDS - 1
        scores = network(input_ids=tensors["text"], pixel_values=tensors["image"]).logits_per_image
        return torch.diagonal(scores)[:, None]
    return network(input_ids=tensors["input"]).logits


@pytest.mark.parametrize("model", CASES)
def test_outputs(model: str) -> None:
    case = CASES[model]
    torch.manual_seed(0)
    config = getattr(transformers, f"{case.kind}Config")(**case.config)
    made = getattr(transformers, HEADS.get(case.kind, f"{case.kind}ForCausalLM"))
    network = weights.trained(made(config), case.dtype)
    graph = load(model).graph(**case.knobs)
    inputs = weights.inputs_of(graph, case.dtype, 2 if case.kind == "Bert" else WORDS - 1)
    with torch.inference_mode():
        expected = answers(case.kind, network, inputs)
    arrays = weights.arrays_of(network)
    case.prepare(arrays)

    found = weights.by_map(graph, arrays, case.rules)
    weights.check(graph, found, inputs, [expected], SINGLE if case.dtype == "float64" else None)
