"""Networks whose attention has the parts that models of today have, as one would write them after the docs."""

T5_SMALL = """
inputs: {source: {length: 512}, target: {length: 512}}
defaults: {linear: bias=false, self_attention: bias=false, cross_attention: bias=false}
blocks:
  feed: linear 2048, relu, linear 512
  encode:
    - add: {own: [rms_norm, self_attention 8], skip: identity}
    - add: {feed: [rms_norm, feed], skip: identity}
layers:
  - tokens: embedding 32128 512 from source
  - first:
      - add: {own: [rms_norm, self_attention 8 position_bias=32], skip: identity}
      - add: {feed: [rms_norm, feed], skip: identity}
  - encoder:
      repeat: 5
      layers:
        - add:
            own: [rms_norm, self_attention 8 position_bias=32 share=first/own/self_attention.position_bias]
            skip: identity
        - add: {feed: [rms_norm, feed], skip: identity}
  - memory: rms_norm
  - words: embedding 32128 512 share=tokens from target
  - start:
      - add: {own: [rms_norm, self_attention 8 position_bias=32 causal=true], skip: identity}
      - add: {other: [rms_norm, cross_attention 8 from x memory], skip: identity}
      - add: {feed: [rms_norm, feed], skip: identity}
  - decoder:
      repeat: 5
      layers:
        - add:
            own:
              - rms_norm
              - self_attention 8 position_bias=32 causal=true share=start/own/self_attention.position_bias
            skip: identity
        - add: {other: [rms_norm, cross_attention 8 from x memory], skip: identity}
        - add: {feed: [rms_norm, feed], skip: identity}
  - rms_norm
  - linear 32128 share=tokens
"""
WHISPER_TINY = """
inputs: {sound: {channels: 80, length: 3000}, text: {length: 448}}
defaults: {self_attention: key_bias=false, cross_attention: key_bias=false}
blocks:
  feed: linear 1536, gelu, linear 384
layers:
  - conv1d 384 3 padding=1 from sound, gelu, conv1d 384 3 stride=2 padding=1, gelu, channels_last
  - encoder:
      repeat: 4
      layers:
        - add: {own: [layer_norm, self_attention 6], skip: identity}
        - add: {feed: [layer_norm, feed], skip: identity}
  - memory: layer_norm
  - tokens: embedding 51865 384 from text
  - positions 448
  - decoder:
      repeat: 4
      layers:
        - add: {own: [layer_norm, self_attention 6 causal=true], skip: identity}
        - add: {other: [layer_norm, cross_attention 6 from x memory], skip: identity}
        - add: {feed: [layer_norm, feed], skip: identity}
  - layer_norm
  - linear 51865 bias=false share=tokens
"""
MISTRAL_7B = """
input: {length: 8192}
defaults: {linear: bias=false, self_attention: bias=false}
layers:
  - embedding 32000 4096
  - decoder:
      repeat: 32
      layers:
        - add:
            own: [rms_norm, self_attention 32 kv_heads=8 causal=true window=4096 rotary=true]
            skip: identity
        - add:
            feed:
              - rms_norm
              - multiply: {gate: [linear 14336, silu], up: linear 14336}
              - linear 4096
            skip: identity
  - rms_norm
  - linear 32000
"""
QWEN3_06B = """
input: {length: 4096}
defaults: {linear: bias=false, self_attention: bias=false}
layers:
  - tokens: embedding 151936 1024
  - decoder:
      repeat: 28
      layers:
        - add:
            own:
              - rms_norm
              - self_attention 16 kv_heads=8 head_dim=128 qk_norm=rms causal=true rotary=true theta=1000000
            skip: identity
        - add:
            feed:
              - rms_norm
              - multiply: {gate: [linear 3072, silu], up: linear 3072}
              - linear 1024
            skip: identity
  - rms_norm
  - linear 151936 share=tokens
"""
DEEPSEEK_V2_LITE = """
input: {length: 4096}
defaults: {linear: bias=false}
blocks:
  swiglu inner out=channels:
    - multiply: {gate: [linear inner, silu], up: linear inner}
    - linear out
  attention:
    - add: {own: [rms_norm, latent_attention 16 512 128 64 128 causal=true], skip: identity}
layers:
  - embedding 102400 2048
  - first:
      - attention
      - add: {feed: [rms_norm, swiglu 10944], skip: identity}
  - decoder:
      repeat: 26
      layers:
        - attention
        - entry: rms_norm
        - feed:
            add:
              shared: swiglu 2816
              routed:
                - experts:
                    mixture: 64
                    active: 6
                    gates: scores
                    router: linear mixture, softmax
                    layers: swiglu 1408
        - add from feed attention
  - rms_norm
  - linear 102400
"""

PUBLISHED = {
    "T5-small": (T5_SMALL, 60_506_624),
    "Whisper tiny": (WHISPER_TINY, 37_184_640),
    "Mistral 7B": (MISTRAL_7B, 7_241_732_096),
    "Qwen3 0.6B": (QWEN3_06B, 596_049_920),
    "DeepSeek-V2-Lite": (DEEPSEEK_V2_LITE, 15_706_484_224),
}
