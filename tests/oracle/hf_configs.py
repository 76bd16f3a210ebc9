"""Configurations as their publishers have them on the Hugging Face Hub, and small ones of every family.

`PUBLISHED` gives the fields of each model's config.json that say its sizes, and its params as the Hub or the
paper prints them to the unit; None where no such number is known. transformers counts all of them again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Fields = dict[str, Any]


class Published(NamedTuple):
    kind: str
    fields: Fields
    params: int | None = None
    model: str = ""  # the class, where it is not the family's usual one
    bundled: str = ""  # the bundled model that is the same


def _llama(
    layers: int, dim: int, hidden: int, heads: int, kv_heads: int, words: int, length: int, **more: Any
) -> Fields:  # fmt: skip
    return {
        "num_hidden_layers": layers, "hidden_size": dim, "intermediate_size": hidden, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "vocab_size": words, "max_position_embeddings": length, **more,
    }  # fmt: skip


PUBLISHED: dict[str, Published] = {
    "meta-llama/Llama-2-7b-hf": Published(
        "llama", _llama(32, 4096, 11008, 32, 32, 32000, 4096, rms_norm_eps=1e-5), 6_738_415_616, bundled="llama2-7b"
    ),
    "meta-llama/Llama-3.1-8B": Published(
        "llama", _llama(32, 4096, 14336, 32, 8, 128256, 131072, rms_norm_eps=1e-5), 8_030_261_248
    ),
    "meta-llama/Llama-3.2-1B": Published(
        "llama", _llama(16, 2048, 8192, 32, 8, 128256, 131072, head_dim=64, tie_word_embeddings=True), 1_235_814_400
    ),
    "TinyLlama/TinyLlama-1.1B": Published(
        "llama", _llama(22, 2048, 5632, 32, 4, 32000, 2048), 1_100_048_384
    ),
    "HuggingFaceTB/SmolLM2-135M": Published(
        "llama", _llama(30, 576, 1536, 9, 3, 49152, 8192, tie_word_embeddings=True), 134_515_008
    ),
    "mistralai/Mistral-7B-v0.1": Published(
        "mistral", _llama(32, 4096, 14336, 32, 8, 32000, 32768, sliding_window=4096), 7_241_732_096
    ),
    "mistralai/Mixtral-8x7B-v0.1": Published(
        "mixtral", _llama(32, 4096, 14336, 32, 8, 32000, 32768, sliding_window=None), 46_702_792_704,
        bundled="mixtral-8x7b",
    ),
    "Qwen/Qwen2.5-0.5B": Published(
        "qwen2", _llama(24, 896, 4864, 14, 2, 151936, 32768, tie_word_embeddings=True, sliding_window=32768),
        494_032_768,
    ),
    "Qwen/Qwen2.5-7B": Published(
        "qwen2", _llama(28, 3584, 18944, 28, 4, 152064, 131072, sliding_window=131072), 7_615_616_512
    ),
    "Qwen/Qwen3-0.6B": Published(
        "qwen3", _llama(28, 1024, 3072, 16, 8, 151936, 40960, head_dim=128, tie_word_embeddings=True), 596_049_920
    ),
    "Qwen/Qwen3-8B": Published("qwen3", _llama(36, 4096, 12288, 32, 8, 151936, 40960, head_dim=128), 8_190_735_360),
    "Qwen/Qwen3-30B-A3B": Published(
        "qwen3_moe",
        _llama(48, 2048, 6144, 32, 4, 151936, 40960, head_dim=128, num_experts=128, num_experts_per_tok=8,
               moe_intermediate_size=768, norm_topk_prob=True),
        30_532_122_624,
    ),
    "Qwen/Qwen1.5-MoE-A2.7B": Published(
        "qwen2_moe",
        _llama(24, 2048, 5632, 16, 16, 151936, 8192, num_experts=60, num_experts_per_tok=4,
               moe_intermediate_size=1408, shared_expert_intermediate_size=5632),
        14_315_784_192,
    ),
    "google/gemma-2b": Published("gemma", _llama(18, 2048, 16384, 8, 1, 256000, 8192, head_dim=256), 2_506_172_416),
    "google/gemma-2-2b": Published(
        "gemma2", _llama(26, 2304, 9216, 8, 4, 256000, 8192, head_dim=256, sliding_window=4096), 2_614_341_888,
        bundled="gemma2-2b",
    ),
    "google/gemma-2-9b": Published(
        "gemma2", _llama(42, 3584, 14336, 16, 8, 256000, 8192, head_dim=256, sliding_window=4096), 9_241_705_984,
        bundled="gemma2-9b",
    ),
    "google/gemma-3-1b-pt": Published(
        "gemma3_text", _llama(26, 1152, 6912, 4, 1, 262144, 32768, head_dim=256, sliding_window=512), 999_885_952
    ),
    "microsoft/Phi-3-mini-4k-instruct": Published(
        "phi3", _llama(32, 3072, 8192, 32, 32, 32064, 4096, sliding_window=2047), 3_821_079_552
    ),
    "microsoft/phi-4": Published(
        "phi3", _llama(40, 5120, 17920, 40, 10, 100352, 16384, pad_token_id=0), 14_659_507_200
    ),
    "microsoft/phi-2": Published("phi", _llama(32, 2560, 10240, 32, 32, 51200, 2048), 2_779_683_840),
    "allenai/OLMo-2-1124-7B": Published("olmo2", _llama(32, 4096, 11008, 32, 32, 100352, 4096), 7_298_617_344),
    "allenai/OLMo-1B-hf": Published(
        "olmo", _llama(16, 2048, 8192, 16, 16, 50304, 2048, tie_word_embeddings=True), 1_176_764_416
    ),
    "allenai/OLMoE-1B-7B-0924": Published(
        "olmoe", _llama(16, 2048, 1024, 16, 16, 50304, 4096, num_experts=64, num_experts_per_tok=8), 6_919_161_856
    ),
    "deepseek-ai/DeepSeek-V3": Published(
        "deepseek_v3", {"num_hidden_layers": 61, "max_position_embeddings": 163840}, 671_026_404_352,
        bundled="deepseek-v3",
    ),
    "deepseek-ai/DeepSeek-V2-Lite": Published(
        "deepseek_v2",
        {
            "num_hidden_layers": 27, "first_k_dense_replace": 1, "hidden_size": 2048, "intermediate_size": 10944,
            "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": None, "n_routed_experts": 64,
            "num_experts_per_tok": 6, "moe_intermediate_size": 1408, "n_shared_experts": 2, "vocab_size": 102400,
            "max_position_embeddings": 163840,
        },
        15_706_484_224, bundled="deepseek-v2-lite",
    ),
    "openai-community/gpt2": Published("gpt2", {}, 124_439_808, bundled="gpt2"),
    "openai-community/gpt2-xl": Published(
        "gpt2", {"n_layer": 48, "n_embd": 1600, "n_head": 25}, 1_557_611_200, bundled="gpt2-xl"
    ),
    "EleutherAI/gpt-neo-125m": Published(
        "gpt_neo",
        {"num_layers": 12, "hidden_size": 768, "num_heads": 12, "attention_types": [[["global", "local"], 6]]},
        125_198_592,
    ),
    "EleutherAI/gpt-j-6b": Published("gptj", {}, 6_050_882_784),
    "EleutherAI/gpt-neox-20b": Published("gpt_neox", {}, 20_554_567_680),
    "EleutherAI/pythia-160m": Published(
        "gpt_neox",
        {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
         "vocab_size": 50304},
        162_322_944,
    ),
    "facebook/opt-350m": Published(
        "opt",
        {"num_hidden_layers": 24, "hidden_size": 1024, "ffn_dim": 4096, "num_attention_heads": 16,
         "word_embed_proj_dim": 512, "do_layer_norm_before": False},
        331_196_416,
    ),
    "facebook/opt-1.3b": Published(
        "opt",
        {"num_hidden_layers": 24, "hidden_size": 2048, "ffn_dim": 8192, "num_attention_heads": 32,
         "word_embed_proj_dim": 2048},
        1_315_758_080,
    ),
    "tiiuae/falcon-7b": Published("falcon", {}, 6_921_720_704),
    "tiiuae/falcon-40b": Published(
        "falcon",
        {"hidden_size": 8192, "num_hidden_layers": 60, "num_attention_heads": 128, "num_kv_heads": 8,
         "new_decoder_architecture": True, "multi_query": True},
        41_303_293_952,
    ),
    "bigcode/starcoder2-3b": Published(
        "starcoder2", {"sliding_window": 4096, "max_position_embeddings": 16384}, 3_030_371_328
    ),
    "bigcode/gpt_bigcode-santacoder": Published(
        "gpt_bigcode",
        {"n_layer": 24, "n_embd": 2048, "n_head": 16, "n_inner": 8192, "n_positions": 2048, "vocab_size": 49280},
        1_124_886_528,
    ),
    "mosaicml/mpt-7b": Published(
        "mpt", {"d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432}, 6_649_286_656
    ),
    "bigscience/bloom-560m": Published(
        "bloom", {"hidden_size": 1024, "n_layer": 24, "n_head": 16, "seq_length": 2048}, 559_214_592
    ),
    "CohereForAI/c4ai-command-r-v01": Published("cohere", {}, 34_980_831_232),
    "stabilityai/stablelm-3b-4e1t": Published("stablelm", {}, 2_795_443_200),
    "ibm-granite/granite-3.0-2b-base": Published(
        "granite", _llama(40, 2048, 8192, 32, 8, 49155, 4096, tie_word_embeddings=True), 2_533_531_648
    ),
    "HuggingFaceTB/SmolLM3-3B": Published("smollm3", {}, 3_075_098_624),
    "THUDM/glm-4-9b-hf": Published("glm", {}, 9_399_951_360),
    "google-bert/bert-base-uncased": Published("bert", {}, 109_482_240, bundled="bert-base-uncased"),
    "google-bert/bert-base-uncased, masked": Published("bert", {}, 109_514_298, "BertForMaskedLM"),
    "google-bert/bert-large-uncased": Published(
        "bert",
        {"num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16},
        335_141_888, bundled="bert-large-uncased",
    ),
    "FacebookAI/roberta-base": Published(
        "roberta", {"max_position_embeddings": 514, "type_vocab_size": 1}, 124_697_433, "RobertaForMaskedLM"
    ),
    "FacebookAI/xlm-roberta-base": Published(
        "xlm-roberta", {"max_position_embeddings": 514, "type_vocab_size": 1, "vocab_size": 250002}, 278_295_186,
        "XLMRobertaForMaskedLM",
    ),
    "distilbert-base-uncased": Published("distilbert", {}, 66_985_530, "DistilBertForMaskedLM"),
    "albert-base-v2": Published(
        "albert", {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}, 11_683_584
    ),
    "google/electra-small-discriminator": Published("electra", {}, 13_549_057, "ElectraForPreTraining"),
    "google-t5/t5-small": Published(
        "t5", {"num_layers": 6, "d_model": 512, "d_ff": 2048, "num_heads": 8}, 60_506_624, bundled="t5-small"
    ),
    "google-t5/t5-base": Published(
        "t5", {"num_layers": 12, "d_model": 768, "d_ff": 3072, "num_heads": 12}, 222_903_552, bundled="t5-base"
    ),
    "facebook/bart-base": Published(
        "bart",
        {"encoder_layers": 6, "decoder_layers": 6, "d_model": 768, "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072,
         "encoder_attention_heads": 12, "decoder_attention_heads": 12},
        139_420_416,
    ),
    "facebook/bart-large": Published("bart", {}, 406_291_456),
    "facebook/mbart-large-50": Published("mbart", {"vocab_size": 250054}, 610_879_488),
    "google/vit-base-patch16-224": Published(
        "vit", {"id2label": {str(place): f"class {place}" for place in range(1000)}}, 86_567_656, bundled="vit-b16"
    ),
    "openai/clip-vit-base-patch32": Published("clip", {}, 151_277_313, bundled="clip-vit-b32"),
    "openai/whisper-tiny": Published("whisper", {}, 37_760_640, bundled="whisper-tiny"),
    "openai/whisper-large-v3": Published(
        "whisper",
        {"encoder_layers": 32, "decoder_layers": 32, "d_model": 1280, "encoder_ffn_dim": 5120, "decoder_ffn_dim": 5120,
         "encoder_attention_heads": 20, "decoder_attention_heads": 20, "num_mel_bins": 128, "vocab_size": 51866},
        1_543_490_560,
    ),
}  # fmt: skip

_SIZES = {
    "num_hidden_layers": 2, "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 6, "vocab_size": 100,
    "max_position_embeddings": 64, "num_key_value_heads": 2, "pad_token_id": 0,
}  # fmt: skip
_ENCODER = {name: value for name, value in _SIZES.items() if name != "num_key_value_heads"}
_GPT = {"n_layer": 2, "n_embd": 48, "n_head": 6, "vocab_size": 100, "n_positions": 64}
_MIXTURE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 20}
_LATENT = {
    **_SIZES, "num_key_value_heads": 6, "first_k_dense_replace": 1, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 20, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
    "v_head_dim": 6, "n_group": 1, "topk_group": 1,
}  # fmt: skip

_BART = {
    "encoder_layers": 2, "decoder_layers": 3, "d_model": 48, "encoder_ffn_dim": 80, "decoder_ffn_dim": 60,
    "encoder_attention_heads": 6, "decoder_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2,
}  # fmt: skip

# two or more layers, narrow, of every family, windows longer than what is read
SMALL: dict[str, Fields] = {
    **dict.fromkeys(
        ("llama", "qwen2", "phi3", "olmo", "olmo2", "olmo3", "granite", "smollm3", "cohere", "stablelm",
         "starcoder2", "phi"),
        _SIZES,
    ),
    **{
        kind: {**_SIZES, "head_dim": 12}
        for kind in ("mistral", "qwen3", "seed_oss", "nemotron", "glm", "glm4")
    },
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert"), _ENCODER),
    **{kind: {**_ENCODER, "embedding_size": 24} for kind in ("electra", "albert")},
    "gemma": {**_SIZES, "num_key_value_heads": 1, "head_dim": 10},
    "gemma2": {**_SIZES, "head_dim": 10, "sliding_window": 32},
    "gemma3_text": {**_SIZES, "head_dim": 10, "sliding_window": 32, "num_hidden_layers": 7},
    "exaone4": {**_SIZES, "sliding_window": 32, "num_hidden_layers": 5},
    "cohere2": {**_SIZES, "head_dim": 8, "sliding_window": 32, "num_hidden_layers": 5},
    "mixtral": {**_SIZES, "num_local_experts": 4},
    "granitemoe": {**_SIZES, "num_local_experts": 4},
    "olmoe": {**_SIZES, "num_experts": 4, "num_experts_per_tok": 2},
    "qwen2_moe": {**_SIZES, **_MIXTURE, "shared_expert_intermediate_size": 36, "mlp_only_layers": [0]},
    "qwen3_moe": {**_SIZES, **_MIXTURE, "head_dim": 8, "num_hidden_layers": 4, "decoder_sparse_step": 2},
    "deepseek_v2": _LATENT,
    "deepseek_v3": _LATENT,
    "gpt2": _GPT,
    "gptj": {**_GPT, "rotary_dim": 4},
    "gpt_bigcode": _GPT,
    "gpt_neo": {"num_layers": 2, "hidden_size": 48, "num_heads": 6, "vocab_size": 100, "max_position_embeddings": 64,
                "attention_types": [[["global", "local"], 1]], "window_size": 32},
    "gpt_neox": _ENCODER,
    "opt": {"num_hidden_layers": 2, "hidden_size": 48, "ffn_dim": 80, "num_attention_heads": 6, "vocab_size": 100,
            "max_position_embeddings": 64, "word_embed_proj_dim": 24, "pad_token_id": 0},
    "bloom": {"n_layer": 2, "hidden_size": 48, "n_head": 6, "vocab_size": 100, "seq_length": 64},
    "mpt": {"d_model": 48, "n_heads": 6, "n_layers": 2, "vocab_size": 100, "max_seq_len": 64},
    "falcon": {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 6, "vocab_size": 100},
    "distilbert": {"n_layers": 2, "dim": 48, "hidden_dim": 80, "n_heads": 6, "vocab_size": 100,
                   "max_position_embeddings": 64},
    "vit": {"num_hidden_layers": 2, "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 6,
            "image_size": 32, "patch_size": 8, "num_labels": 5},
    "t5": {"num_layers": 2, "num_decoder_layers": 3, "d_model": 48, "d_ff": 80, "num_heads": 6, "d_kv": 10,
           "vocab_size": 100},
    "mt5": {"num_layers": 2, "num_decoder_layers": 2, "d_model": 48, "d_ff": 80, "num_heads": 6, "d_kv": 8,
            "vocab_size": 100},
    "clip": {
        "text_config": {"num_hidden_layers": 2, "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 6,
                        "vocab_size": 100, "max_position_embeddings": 16},
        "vision_config": {"num_hidden_layers": 3, "hidden_size": 40, "intermediate_size": 60,
                          "num_attention_heads": 5, "image_size": 32, "patch_size": 8},
        "projection_dim": 20,
    },
    "bart": _BART,
    "mbart": _BART,
    "whisper": {"encoder_layers": 2, "decoder_layers": 3, "d_model": 48, "encoder_ffn_dim": 80, "decoder_ffn_dim": 80,
                "encoder_attention_heads": 6, "decoder_attention_heads": 4, "num_mel_bins": 10, "vocab_size": 100,
                "max_source_positions": 20, "max_target_positions": 24, "pad_token_id": 0,
                "decoder_start_token_id": 1, "bos_token_id": 0, "eos_token_id": 0, "begin_suppress_tokens": None},
}  # fmt: skip

# what else a family may say, each beside SMALL
OTHERS: list[tuple[str, Fields]] = [
    ("llama", {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True, "head_dim": 24}),
    ("llama", {"num_key_value_heads": 6, "hidden_act": "gelu"}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 1}),
    ("qwen3", {"attention_bias": True}),
    ("gemma", {"attention_bias": True}),
    ("phi3", {"partial_rotary_factor": 0.5, "tie_word_embeddings": True}),
    ("deepseek_v3", {"q_lora_rank": None, "first_k_dense_replace": 0, "n_shared_experts": 2}),
    ("deepseek_v2", {"q_lora_rank": None, "first_k_dense_replace": 2}),
    ("qwen2_moe", {"norm_topk_prob": True, "qkv_bias": False, "mlp_only_layers": []}),
    ("stablelm", {"use_qkv_bias": True, "use_parallel_residual": True}),
    ("gpt_neox", {"use_parallel_residual": False, "attention_bias": False, "tie_word_embeddings": True}),
    ("gpt_bigcode", {"multi_query": False, "n_inner": 70}),
    ("gpt2", {"n_inner": 70, "tie_word_embeddings": False}),
    ("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 48, "enable_bias": False}),
    ("opt", {"layer_norm_elementwise_affine": False}),
    ("falcon", {"multi_query": False, "bias": True}),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 3}),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 3, "num_ln_in_parallel_attn": 1}),
    ("falcon", {"parallel_attn": False, "alibi": True}),
    ("starcoder2", {"use_bias": False, "tie_word_embeddings": False}),
    ("nemotron", {"attention_bias": True, "mlp_bias": True}),
    ("seed_oss", {"attention_bias": False, "attention_out_bias": True, "mlp_bias": True}),
    ("vit", {"qkv_bias": False, "num_channels": 1}),
    ("t5", {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    ("bert", {"type_vocab_size": 3, "hidden_act": "relu"}),
    ("roberta", {"type_vocab_size": 1, "pad_token_id": 1}),
]
