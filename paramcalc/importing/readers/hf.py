"""Hugging Face: the `config.json` of a model whose family is bundled, as that spec with its knobs set.

What a configuration leaves out has the default of its class in transformers. Fields that say nothing
of the network's layers (tokens, training, generation) are passed over; any other field that is not known
here is named, as it may change the counts.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, near
from paramcalc.importing.names import shown
from paramcalc.importing.readers._layers import exact
from paramcalc.importing.readers._text import text_of
from paramcalc.importing.source import Source

MEANING = "a configuration of Hugging Face"
EXAMPLE = "config.json"
LARGEST = 2**40
WIDTH = 110  # of a line

Config: TypeAlias = Mapping[str, Any]


class Written(NamedTuple):
    """The text of a spec. `partial` are remarks on what the spec has otherwise than the model."""

    text: str
    remarks: tuple[str, ...]
    partial: tuple[str, ...]


class Field(NamedTuple):
    """Where a knob's value is in a configuration, and what it is where that leaves it out; a None is passed over."""

    name: str
    default: Any = None


class Family(NamedTuple):
    """A bundled spec and its knobs; `classes` are the models that it is, the usual one first.

    `fixed` are fields with the only value that the spec has. `eps` is the op whose epsilon a field
    gives, or '' where a knob has that name.
    """

    use: str
    knobs: Mapping[str, Field]
    classes: tuple[str, ...]
    fixed: Mapping[str, tuple[Any, ...]] = {}
    eps: tuple[str, Field] | None = None
    more: Callable[[_Fields, dict[str, Any]], None] | None = None


def reads(source: str) -> bool:
    if not source.endswith(".json"):
        return False
    try:
        with open(source, "rb") as file:
            return b'"model_type"' in file.read(1 << 20)
    except OSError:
        return False


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> Source:
    raise Fault(f"{source} is a configuration: it is written as a spec, and has no layers of its own")


def written(source: str, inputs: Mapping[str, tuple[int, ...]]) -> Written:
    """The spec of a configuration."""
    text = text_of(source)
    try:
        config = json.loads(text.text)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{source} is not JSON: it may be cut off", found=str(error)[:200]) from None
    if not isinstance(config, dict):
        raise Fault(f"{source} is not a configuration", expected="an object with model_type")
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        names = ", ".join(FAMILIES)
        known = near(str(kind), FAMILIES) or f"known are {names}"
        raise Fault(
            f"{source}: the model_type '{kind}' is not known here",
            fix=f"{known}; or import its class from transformers",
        )
    fields = _Fields(source, config)
    return _spec(kind, FAMILIES[kind], fields, inputs)


class _Fields:
    """The fields of a configuration as they are asked for, so that those that were not can be named."""

    def __init__(self, source: str, config: Config, within: str = "") -> None:
        self.source, self.config, self.within = source, config, within
        self.asked: set[str] = set()
        self.partial: list[str] = []
        self.remarks: list[str] = []

    def get(self, field: Field) -> Any:
        self.asked.add(field.name)
        value = self.config.get(field.name)
        value = field.default if value is None else value
        self.check(field, value)
        return value

    def check(self, field: Field, value: Any) -> None:
        name = f"{self.within}{field.name}"
        if value is None or isinstance(value, bool):
            return
        if isinstance(value, int | float) and not isinstance(field.default, str):
            if not 0 <= value < LARGEST or (
                isinstance(value, float) and isinstance(field.default, int) and value != int(value)
            ):
                raise Fault(f"{self.source}: {name} cannot be {value}")
            return
        if not isinstance(value, str) or not isinstance(field.default, str | None):
            raise Fault(f"{self.source}: {name} is not a number", found=str(value)[:80])

    def inside(self, name: str) -> _Fields:
        """The fields of a configuration inside of this one."""
        self.asked.add(name)
        inner = self.config.get(name)
        inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            raise Fault(f"{self.source}: {name} is not a configuration", found=str(inner)[:80])
        found = _Fields(self.source, inner, f"{name}.")
        found.partial, found.remarks = self.partial, self.remarks
        return found

    def unknown(self) -> Iterable[str]:
        passed_over = self.asked | _SILENT
        for name, value in self.config.items():
            if name not in passed_over and not name.startswith("_") and value not in (None, False):
                yield f"{self.within}{name}"


def _spec(kind: str, family: Family, fields: _Fields, inputs: Mapping[str, tuple[int, ...]]) -> Written:
    knobs: dict[str, Any] = {}
    for knob, field in family.knobs.items():
        value = fields.get(field)
        if value is not None:
            knobs[knob] = value
    if family.more is not None:
        family.more(fields, knobs)
    for name, allowed in family.fixed.items():
        value = fields.get(Field(name, allowed[0]))
        if value not in allowed:
            raise Fault(
                f"{fields.source}: {name} is {value}, which the spec {family.use} cannot say",
                expected=f"{allowed[0]}",
            )
    for name, dims in inputs.items():
        if name not in ("", "input") or len(dims) != 1 or "length" not in knobs:
            raise Fault(
                f"--input {'x'.join(map(str, dims))} does not fit", fix="give the length: --input 4096"
            )
        knobs["length"] = dims[0]
    named = fields.config.get("architectures") or [family.classes[0]]
    fields.asked.add("architectures")
    if not isinstance(named, list) or named[0] not in family.classes:
        given = named[0] if isinstance(named, list) else named
        fields.partial.append(
            f"the model is a {given}, and the spec is {family.classes[0]}: their last layers differ"
        )
    op, eps = "", None
    if family.eps is not None:
        op, field = family.eps
        eps = exact(fields.get(field))
    if not op and eps is not None:
        knobs["eps"] = eps
    unknown = sorted(fields.unknown())
    if unknown:
        fields.remarks.append(f"fields that are not read, and may change the counts: {', '.join(unknown)}")
    name = str(fields.config.get("_name_or_path") or kind).rpartition("/")[2]
    lines = [
        f"name: {_word(name) or kind}",
        f"note: {named[0]}, of the configuration {_word(fields.source)}",
        f"use: {family.use}",
    ]
    lines += _knobs(knobs)
    if knobs.get("activation") == "gelu_tanh":
        lines.append("blocks: {gelu_tanh: gelu tanh}")
    if op:
        lines.append(f"defaults: {{{op}: eps={shown(eps)}}}")
    return Written("\n".join(lines) + "\n", tuple(fields.remarks), tuple(fields.partial))


def _knobs(knobs: Mapping[str, Any]) -> list[str]:
    pairs = [f"{name}: {shown(value)}" for name, value in knobs.items()]
    line = f"knobs: {{{', '.join(pairs)}}}"
    if len(line) <= WIDTH:
        return [line]
    glued = ", ".join(pair.replace(" ", "\0") for pair in pairs)  # a line ends after a comma
    body = textwrap.fill(glued, WIDTH, initial_indent="  {", subsequent_indent="   ").replace("\0", " ")
    return ["knobs:", *f"{body}}}".splitlines()]


def _word(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-./" else "_" for char in name)


# ---------------------------------------------------------------------------------------- families

_TRAINING = """
    model_type architectures transformers_version torch_dtype dtype use_cache pad_token_id bos_token_id eos_token_id
    sep_token_id cls_token_id decoder_start_token_id forced_eos_token_id begin_suppress_tokens suppress_tokens
    initializer_range initializer_factor init_std attention_dropout hidden_dropout hidden_dropout_prob
    attention_probs_dropout_prob classifier_dropout dropout dropout_rate activation_dropout embd_pdrop attn_pdrop
    resid_pdrop summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout
    rope_theta rope_scaling rope_parameters rope_interleave partial_rotary_factor original_max_position_embeddings
    pretraining_tp output_router_logits router_aux_loss_coef router_jitter_noise aux_loss_alpha seq_aux id2label
    label2id problem_type finetuning_task task_specific_params gradient_checkpointing output_attentions
    output_hidden_states return_dict chunk_size_feed_forward is_encoder_decoder is_decoder quantization_config
    scale_attn_weights scale_attn_by_inverse_layer_idx reorder_and_upcast_attn position_embedding_type n_ctx
    max_window_layers use_sliding_window layer_types query_pre_attn_scalar final_logit_softcapping
    attn_logit_softcapping cache_implementation use_bidirectional_attention logit_scale_init_value encoder_stride
    pooler_output_size pooler_act encoder_layerdrop decoder_layerdrop scale_embedding use_weighted_layer_sum
    classifier_proj_size apply_spec_augment mask_time_prob mask_time_length mask_time_min_masks mask_feature_prob
    mask_feature_length mask_feature_min_masks median_filter_width max_length n_group topk_group topk_method
    num_nextn_predict_layers ep_size moe_layer_freq qk_head_dim auto_map relative_attention_max_distance
    dense_act_fn scale_decoder_outputs output_past n_special predict_special_tokens model_max_length bad_words_ids
"""
_SILENT = frozenset(_TRAINING.split())


def _decoder(**more: Field) -> dict[str, Field]:
    """Knobs that all successors of LLaMA have."""
    return {
        "layers": Field("num_hidden_layers", 32),
        "dim": Field("hidden_size", 4096),
        "hidden": Field("intermediate_size", 11008),
        "heads": Field("num_attention_heads", 32),
        "kv_heads": Field("num_key_value_heads"),
        "vocabulary": Field("vocab_size", 32000),
        "length": Field("max_position_embeddings", 2048),
        **more,
    }


def _activation(fields: _Fields, knobs: dict[str, Any]) -> None:
    """Other activations than silu; windows, if they are used; the base of positions."""
    _rotary(fields, knobs)
    name = fields.get(Field("hidden_act", "silu"))
    if name != "silu":
        if name not in ("gelu", "relu", "gelu_pytorch_tanh", "gelu_new"):
            raise Fault(f"{fields.source}: hidden_act is {name}, which has no counterpart here")
        knobs["activation"] = {"gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh"}.get(name, name)
    window = fields.get(Field("sliding_window"))
    if window and window < knobs["length"] and fields.config.get("use_sliding_window", True):
        knobs["window"] = window


def _rotary(fields: _Fields, knobs: dict[str, Any]) -> None:
    """The base of rotary positions, which newer configurations have in a group of its own."""
    group = fields.config.get("rope_parameters")
    inner = group.get("rope_theta") if isinstance(group, dict) else None
    theta = fields.get(Field("rope_theta", inner or 10000.0))
    if theta != 10000:
        knobs["theta"] = exact(theta)


def _biases(fields: _Fields, knobs: dict[str, Any]) -> None:
    _activation(fields, knobs)
    if fields.get(Field("attention_bias", False)):
        knobs |= {"qkv_bias": True, "out_bias": True}


def _qwen2(fields: _Fields, knobs: dict[str, Any]) -> None:
    if not fields.config.get("use_sliding_window"):
        fields.asked.add("sliding_window")
        fields.config = {**fields.config, "sliding_window": None}
    _activation(fields, knobs)
    knobs["qkv_bias"] = True


def _qwen3(fields: _Fields, knobs: dict[str, Any]) -> None:
    if not fields.config.get("use_sliding_window"):
        fields.config = {**fields.config, "sliding_window": None}
    _biases(fields, knobs)
    knobs["qk_norm"] = "rms"


def _gemma(fields: _Fields, knobs: dict[str, Any]) -> None:
    fields.asked |= {"hidden_act", "hidden_activation"}
    if fields.get(Field("attention_bias", False)):
        knobs |= {"qkv_bias": True, "out_bias": True}
    knobs["activation"] = "gelu_tanh"
    knobs["factor"] = exact(sqrt(knobs["dim"]))
    _rotary(fields, knobs)


def _deepseek(fields: _Fields, knobs: dict[str, Any]) -> None:
    third = fields.config.get("model_type") == "deepseek_v3"
    rank = fields.get(Field("q_lora_rank", 1536))
    knobs["q_rank"] = (
        0 if fields.config.get("q_lora_rank", 1536) is None else rank
    )  # null: queries without one
    knobs["factor"] = exact(fields.get(Field("routed_scaling_factor", 2.5 if third else 1.0)))
    if fields.get(Field("norm_topk_prob", third)):
        knobs["gates"] = "sum"
    if third:
        knobs["scoring"] = "sigmoid"
    fields.asked |= {"scoring_func", "head_dim", "num_key_value_heads"}


def _mixtral(fields: _Fields, knobs: dict[str, Any]) -> None:
    knobs.setdefault("head_dim", knobs["dim"] // max(1, knobs["heads"]))


def _gpt2(fields: _Fields, knobs: dict[str, Any]) -> None:
    knobs["longest"] = knobs["length"]


def _bert(fields: _Fields, knobs: dict[str, Any]) -> None:
    knobs["longest"] = knobs["length"]
    fields.asked.add("tie_word_embeddings")


def _vit(fields: _Fields, knobs: dict[str, Any]) -> None:
    labels = fields.config.get("id2label") or fields.config.get("num_labels") or 2
    knobs["classes"] = labels if isinstance(labels, int) else len(labels)
    fields.asked.add("num_labels")


def _t5(fields: _Fields, knobs: dict[str, Any]) -> None:
    kind = fields.get(Field("feed_forward_proj", "relu"))
    if kind not in ("relu", "gated-gelu"):
        raise Fault(f"{fields.source}: feed_forward_proj is {kind}, which the spec t5 cannot say")
    fields.asked |= {"is_gated_act", "n_positions"}
    knobs["gated"] = kind == "gated-gelu"


def _clip(fields: _Fields, knobs: dict[str, Any]) -> None:
    text, vision = fields.inside("text_config"), fields.inside("vision_config")
    for knob, field in _CLIP_TEXT.items():
        knobs[knob] = text.get(field)
    for knob, field in _CLIP_VISION.items():
        knobs[knob] = vision.get(field)
    fields.asked |= {"text_config_dict", "vision_config_dict", "hidden_size"}
    ignored = {"hidden_act", "layer_norm_eps", "projection_dim", "num_channels"}
    for inner in (text, vision):
        act = inner.config.get("hidden_act", "quick_gelu")
        if act != "quick_gelu":
            raise Fault(f"{fields.source}: hidden_act is {act}, which the spec clip cannot say")
        inner.asked |= ignored


def _whisper(fields: _Fields, knobs: dict[str, Any]) -> None:
    knobs["longest"] = knobs["length"]
    knobs["frames"] = 2 * fields.get(Field("max_source_positions", 1500))
    fields.asked |= {"decoder_ffn_dim", "num_hidden_layers", "activation_function"}
    if fields.config.get("decoder_ffn_dim", knobs["hidden"]) != knobs["hidden"]:
        raise Fault(
            f"{fields.source}: encoder and decoder differ in their widths, which the spec whisper cannot say"
        )


_CLIP_TEXT = {
    "text_layers": Field("num_hidden_layers", 12),
    "text_dim": Field("hidden_size", 512),
    "text_hidden": Field("intermediate_size", 2048),
    "text_heads": Field("num_attention_heads", 8),
    "vocabulary": Field("vocab_size", 49408),
    "length": Field("max_position_embeddings", 77),
}
_CLIP_VISION = {
    "layers": Field("num_hidden_layers", 12),
    "dim": Field("hidden_size", 768),
    "hidden": Field("intermediate_size", 3072),
    "heads": Field("num_attention_heads", 12),
    "patch": Field("patch_size", 32),
    "size": Field("image_size", 224),
}
_TIED, _UNTIED = Field("tie_word_embeddings", True), Field("tie_word_embeddings", False)
_RMS = ("", Field("rms_norm_eps", 1e-6))

FAMILIES: dict[str, Family] = {
    "llama": Family(
        "llama",
        _decoder(head_dim=Field("head_dim"), mlp_bias=Field("mlp_bias", False), tied=_UNTIED),
        ("LlamaForCausalLM",),
        {},
        _RMS,
        _biases,
    ),
    "mistral": Family(
        "llama",
        _decoder(
            hidden=Field("intermediate_size", 14336),
            kv_heads=Field("num_key_value_heads", 8),
            head_dim=Field("head_dim"),
            length=Field("max_position_embeddings", 131072),
            tied=_UNTIED,
        ),
        ("MistralForCausalLM",),
        {},
        _RMS,
        _activation,
    ),
    "qwen2": Family(
        "llama",
        _decoder(
            hidden=Field("intermediate_size", 22016),
            vocabulary=Field("vocab_size", 151936),
            length=Field("max_position_embeddings", 32768),
            tied=_UNTIED,
        ),
        ("Qwen2ForCausalLM",),
        {},
        _RMS,
        _qwen2,
    ),
    "qwen3": Family(
        "llama",
        _decoder(
            hidden=Field("intermediate_size", 22016),
            vocabulary=Field("vocab_size", 151936),
            head_dim=Field("head_dim", 128),
            length=Field("max_position_embeddings", 32768),
            tied=_UNTIED,
        ),
        ("Qwen3ForCausalLM",),
        {},
        _RMS,
        _qwen3,
    ),
    "phi3": Family(
        "llama",
        _decoder(
            dim=Field("hidden_size", 3072),
            hidden=Field("intermediate_size", 8192),
            vocabulary=Field("vocab_size", 32064),
            length=Field("max_position_embeddings", 4096),
            tied=_UNTIED,
        ),
        ("Phi3ForCausalLM",),
        {},
        ("", Field("rms_norm_eps", 1e-5)),
        _activation,
    ),
    "gemma": Family(
        "llama",
        _decoder(
            layers=Field("num_hidden_layers", 28),
            dim=Field("hidden_size", 3072),
            hidden=Field("intermediate_size", 24576),
            heads=Field("num_attention_heads", 16),
            kv_heads=Field("num_key_value_heads", 16),
            head_dim=Field("head_dim", 256),
            vocabulary=Field("vocab_size", 256000),
            length=Field("max_position_embeddings", 8192),
            tied=_TIED,
        ),
        ("GemmaForCausalLM",),
        {},
        _RMS,
        _gemma,
    ),
    "gemma2": Family(
        "gemma-2",
        _decoder(
            layers=Field("num_hidden_layers", 26),
            dim=Field("hidden_size", 2304),
            hidden=Field("intermediate_size", 9216),
            heads=Field("num_attention_heads", 8),
            kv_heads=Field("num_key_value_heads", 4),
            head_dim=Field("head_dim", 256),
            vocabulary=Field("vocab_size", 256000),
            window=Field("sliding_window", 4096),
            length=Field("max_position_embeddings", 8192),
        ),
        ("Gemma2ForCausalLM",),
        {
            "tie_word_embeddings": (True,),
            "attention_bias": (False,),
            "hidden_activation": ("gelu_pytorch_tanh",),
            "hidden_act": ("gelu_pytorch_tanh",),
        },
        ("", Field("rms_norm_eps", 1e-6)),
    ),
    "mixtral": Family(
        "mixtral",
        _decoder(
            hidden=Field("intermediate_size", 14336),
            kv_heads=Field("num_key_value_heads", 8),
            head_dim=Field("head_dim"),
            experts=Field("num_local_experts", 8),
            chosen=Field("num_experts_per_tok", 2),
            length=Field("max_position_embeddings", 131072),
        ),
        ("MixtralForCausalLM",),
        {"tie_word_embeddings": (False,), "hidden_act": ("silu",), "sliding_window": (None,)},
        ("rms_norm", Field("rms_norm_eps", 1e-5)),
        _mixtral,
    ),
    **{
        kind: Family(
            "deepseek",
            {
                "layers": Field("num_hidden_layers", layers),
                "dense": Field("first_k_dense_replace", dense),
                "dim": Field("hidden_size", dim),
                "hidden": Field("intermediate_size", hidden),
                "heads": Field("num_attention_heads", heads),
                "kv_rank": Field("kv_lora_rank", 512),
                "experts": Field("n_routed_experts", experts),
                "chosen": Field("num_experts_per_tok", 8),
                "shared": Field("n_shared_experts", shared),
                "expert_hidden": Field("moe_intermediate_size", inner),
                "vocabulary": Field("vocab_size", words),
                "length": Field("max_position_embeddings", length),
            },
            (name,),
            {
                "qk_nope_head_dim": (128,),
                "qk_rope_head_dim": (64,),
                "v_head_dim": (128,),
                "hidden_act": ("silu",),
                "tie_word_embeddings": (False,),
                "attention_bias": (False,),
                "mlp_bias": (False,),
            },
            ("rms_norm", Field("rms_norm_eps", 1e-6)),
            _deepseek,
        )
        for kind, name, layers, dense, dim, hidden, heads, experts, shared, inner, words, length in (
            ("deepseek_v2", "DeepseekV2ForCausalLM", 32, 0, 4096, 11008, 32, 64, 2, 1407, 102400, 2048),
            ("deepseek_v3", "DeepseekV3ForCausalLM", 61, 3, 7168, 18432, 128, 256, 1, 2048, 129280, 4096),
        )
    },
    "gpt2": Family(
        "gpt-2",
        {
            "layers": Field("n_layer", 12),
            "dim": Field("n_embd", 768),
            "hidden": Field("n_inner"),
            "heads": Field("n_head", 12),
            "vocabulary": Field("vocab_size", 50257),
            "length": Field("n_positions", 1024),
            "tied": _TIED,
        },
        ("GPT2LMHeadModel",),
        {"activation_function": ("gelu_new", "gelu"), "add_cross_attention": (False,)},
        ("layer_norm", Field("layer_norm_epsilon", 1e-5)),
        _gpt2,
    ),
    "bert": Family(
        "bert",
        {
            "layers": Field("num_hidden_layers", 12),
            "dim": Field("hidden_size", 768),
            "hidden": Field("intermediate_size", 3072),
            "heads": Field("num_attention_heads", 12),
            "vocabulary": Field("vocab_size", 30522),
            "length": Field("max_position_embeddings", 512),
            "sentences": Field("type_vocab_size", 2),
        },
        ("BertModel",),
        {"hidden_act": ("gelu",), "add_cross_attention": (False,)},
        ("", Field("layer_norm_eps", 1e-12)),
        _bert,
    ),
    "vit": Family(
        "vit",
        {
            "layers": Field("num_hidden_layers", 12),
            "dim": Field("hidden_size", 768),
            "mlp": Field("intermediate_size", 3072),
            "heads": Field("num_attention_heads", 12),
            "patch": Field("patch_size", 16),
            "size": Field("image_size", 224),
            "colours": Field("num_channels", 3),
            "qkv_bias": Field("qkv_bias", True),
        },
        ("ViTForImageClassification",),
        {"hidden_act": ("gelu",)},
        ("", Field("layer_norm_eps", 1e-12)),
        _vit,
    ),
    "t5": Family(
        "t5",
        {
            "layers": Field("num_layers", 6),
            "decoder_layers": Field("num_decoder_layers"),
            "dim": Field("d_model", 512),
            "hidden": Field("d_ff", 2048),
            "heads": Field("num_heads", 8),
            "head_dim": Field("d_kv", 64),
            "vocabulary": Field("vocab_size", 32128),
            "buckets": Field("relative_attention_num_buckets", 32),
            "tied": _TIED,
        },
        ("T5ForConditionalGeneration", "T5WithLMHeadModel"),
        {},
        ("", Field("layer_norm_epsilon", 1e-6)),
        _t5,
    ),
    "clip": Family("clip", {"projection": Field("projection_dim", 512)}, ("CLIPModel",), {}, None, _clip),
    "whisper": Family(
        "whisper",
        {
            "layers": Field("encoder_layers", 4),
            "decoder_layers": Field("decoder_layers", 4),
            "dim": Field("d_model", 384),
            "hidden": Field("encoder_ffn_dim", 1536),
            "heads": Field("encoder_attention_heads", 6),
            "decoder_heads": Field("decoder_attention_heads", 6),
            "bands": Field("num_mel_bins", 80),
            "vocabulary": Field("vocab_size", 51865),
            "length": Field("max_target_positions", 448),
        },
        ("WhisperForConditionalGeneration",),
        {"tie_word_embeddings": (True,)},
        None,
        _whisper,
    ),
}
