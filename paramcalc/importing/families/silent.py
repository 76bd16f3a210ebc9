"""Fields of configurations that say nothing of the layers: tokens, training, generation, masks."""

from __future__ import annotations

_WORDS = """
    model_type architectures transformers_version torch_dtype dtype use_cache pad_token_id bos_token_id eos_token_id
    sep_token_id cls_token_id mask_token_id image_token_index decoder_start_token_id forced_bos_token_id
    forced_eos_token_id forced_decoder_ids begin_suppress_tokens suppress_tokens is_multimodal
    initializer_range initializer_factor initializer_cutoff_factor init_std init_xavier_std init_device
    attention_dropout hidden_dropout hidden_dropout_prob attention_probs_dropout_prob classifier_dropout
    classifier_dropout_prob dropout dropout_rate activation_dropout embd_pdrop attn_pdrop resid_pdrop resid_dropout
    residual_dropout embed_dropout embedding_dropout mlp_dropout emb_pdrop qa_dropout seq_classif_dropout layerdrop
    encoder_layerdrop decoder_layerdrop drop_path_rate summary_last_dropout
    summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout
    original_max_position_embeddings rotary_emb_base rotary_pct partial_rotary_factor
    pretraining_tp output_router_logits router_aux_loss_coef router_jitter_noise router_z_loss_coef aux_loss_alpha
    seq_aux id2label label2id num_labels problem_type finetuning_task task_specific_params gradient_checkpointing
    output_attentions output_hidden_states return_dict chunk_size_feed_forward is_encoder_decoder is_decoder
    quantization_config reorder_and_upcast_attn attention_softmax_in_fp32 scale_attention_softmax_in_fp32 n_ctx
    cache_implementation encoder_stride pooler_output_size pooler_act use_weighted_layer_sum classifier_proj_size
    apply_spec_augment mask_time_prob mask_time_length mask_time_min_masks mask_feature_prob mask_feature_length
    mask_feature_min_masks median_filter_width max_length ep_size auto_map relative_attention_max_distance
    output_past n_special predict_special_tokens model_max_length bad_words_ids attn_implementation
    _attn_implementation deterministic_flash_attn sparse_prediction sparse_pred_ignore_index
    classifier_pooling classifier_bias classifier_activation slow_but_exact tokenizer_class prefix vocab_projection
    class_cost bbox_cost giou_cost mask_loss_coefficient dice_loss_coefficient bbox_loss_coefficient
    giou_loss_coefficient eos_coefficient auxiliary_loss static_position_embeddings add_final_layer_norm
    early_stopping num_beams length_penalty no_repeat_ngram_size min_length normalize_before normalize_embedding
    torchscript use_bfloat16 directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers
    pooler_size_per_head pooler_type gap_size net_structure_type down_scale_factor tie_weights_ embedding_fraction
    masked_softmax_fusion bias_dropout_fusion offset_alibi skip_bias_add skip_bias_add_qkv unk_token_id
    add_bias_logits classif_dropout extra_pos_embeddings force_bos_token_to_be_generated
    scale_attn_weights stage_names out_features out_indices apply_layernorm reshape_hidden_states use_mask_token
"""
SILENT = frozenset(_WORDS.split())

# Fields that change values and no count.
VALUES = tuple(
    """
    attn_logit_softcapping final_logit_softcapping logit_scale logits_scaling
    residual_multiplier clip_qkv scale_attn_by_inverse_layer_idx scale_embedding
    n_group topk_group
    """.split()  # noqa: SIM905 one word a line would be longer than all else
)
