"""Attention ops against PyTorch and against the published totals of transformers."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from tests import calls

torch = pytest.importorskip("torch")
nn = torch.nn
IMAGE = "{height: 4, width: 4, channels: 8}"


def tokens(length: int, channels: int) -> str:
    return f"{{length: {length}, channels: {channels}}}"


def params(call: str, *inputs: str) -> int:
    return sum(prod(dims) for dims in calls.call(call).weights(*map(calls.shape, inputs)).values())


def test_cross_attention_with_values() -> None:
    """Keys and values are two tensors, of widths of their own; they have the same positions."""
    for heads, bias, keys, values in product((1, 4), (True, False), (4, 7), (4, 5)):
        module = nn.MultiheadAttention(8, heads, bias=bias, kdim=keys, vdim=values, batch_first=True)
        call, inputs = (
            f"cross_attention {heads} bias={flag(bias)}",
            (tokens(3, 8), tokens(5, keys), tokens(5, values)),
        )

        assert params(call, *inputs) == sum(weight.numel() for weight in module.parameters())
    with pytest.raises(Fault, match="the number of values is not that of the memory"):
        calls.call("cross_attention 2").shape(*map(calls.shape, (tokens(3, 8), tokens(5, 8), tokens(4, 8))))


def flag(value: bool) -> str:
    return str(value).lower()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("length", "channels"), [(1, 1), (1, 12), (7, 6), (9, 12)])
@pytest.mark.parametrize("heads", [1, 2, 3, 5])
def test_self_attention(length: int, channels: int, heads: int, bias: bool) -> None:
    """Shape, parameters, and the same refusal where the channels do not divide into heads."""
    call, entering = f"self_attention {heads} bias={flag(bias)}", tokens(length, channels)
    try:
        module = nn.MultiheadAttention(channels, heads, bias=bias, batch_first=True)
    except AssertionError:
        with pytest.raises(Fault, match=f"{channels} channels do not divide into {heads} heads"):
            calls.call(call).shape(calls.shape(entering))
        return
    x = torch.ones(2, length, channels)

    assert calls.call(call).shape(calls.shape(entering)).dims == tuple(module(x, x, x)[0].shape[1:])
    assert params(call, entering) == sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(("asking", "attended", "memory"), [(1, 1, 1), (3, 5, 7), (5, 1, 4)])
def test_cross_attention(asking: int, attended: int, memory: int) -> None:
    """The memory has a length and channels of its own."""
    for channels, heads, bias in product((4, 8), (1, 4), (True, False)):
        module = nn.MultiheadAttention(channels, heads, bias=bias, kdim=memory, vdim=memory, batch_first=True)
        query, keys = torch.ones(2, asking, channels), torch.ones(2, attended, memory)
        call = f"cross_attention {heads} bias={flag(bias)}"
        inputs = tokens(asking, channels), tokens(attended, memory)

        assert calls.call(call).shape(*map(calls.shape, inputs)).dims == tuple(
            module(query, keys, keys)[0].shape[1:]
        )
        assert params(call, *inputs) == sum(weight.numel() for weight in module.parameters())


def test_grouped_query_attention() -> None:
    """Heads of queries share fewer heads of keys and values; they must divide."""
    for heads, kv_heads in product((1, 2, 4, 6), (1, 2, 3, 4)):
        call = calls.call(f"self_attention {heads} kv_heads={kv_heads} head_dim=5 bias=false")
        query, keys = torch.ones(2, heads, 3, 5), torch.ones(2, kv_heads, 3, 5)
        try:
            nn.functional.scaled_dot_product_attention(query, keys, keys, enable_gqa=True)
        except RuntimeError:
            with pytest.raises(Fault, match="cannot share"):
                call.shape(calls.shape(tokens(3, 12)))
        else:
            weights = call.weights(calls.shape(tokens(3, 12)))
            assert weights["query"] == (heads * 5, 12)
            assert weights["key"] == weights["value"] == (kv_heads * 5, 12)
            assert weights["out"] == (12, heads * 5)


def test_biases_are_switched_apart() -> None:
    """`bias` for all, qkv_bias and out_bias over it, by hand for 8 channels."""
    stated = {
        "": 32,
        "bias=false": 0,
        "qkv_bias=false": 8,
        "out_bias=false": 24,
        "bias=false qkv_bias=true": 24,
    }

    for switches, biases in stated.items():
        assert params(f"self_attention 2 {switches}", tokens(3, 8)) == 256 + biases
        assert params(f"window_attention 2 1 {switches}", IMAGE) == 256 + biases + 2  # 1 x 2 table


def test_macs_by_nested_loops() -> None:
    """Every multiplication of a small cross-attention, counted one by one."""
    asking, attended, channels, memory, heads, kv_heads, dim = 3, 5, 4, 6, 4, 2, 2
    count = 0
    for _ in product(range(asking), range(heads * dim), range(channels)):  # queries
        count += 1
    for _ in product(range(attended), range(kv_heads * dim), range(memory), ("key", "value")):
        count += 1
    for _ in product(range(heads), range(asking), range(attended), range(dim)):  # Q K^T
        count += 1
    for _ in product(range(heads), range(asking), range(dim), range(attended)):  # A V
        count += 1
    for _ in product(range(asking), range(channels), range(heads * dim)):  # output
        count += 1

    op = calls.call("cross_attention 4 kv_heads=2 head_dim=2")
    assert op.cost(calls.shape(tokens(3, 4)), calls.shape(tokens(5, 6))).macs == count


@pytest.mark.parametrize("size", [(4, 4), (5, 4), (1, 7), (1, 1)])
def test_window_attention_pads_to_whole_windows(size: tuple[int, int]) -> None:
    """As many windows as the padded image holds, counted by stepping over it."""
    window, channels, heads = 2, 6, 3
    windows = len([*product(range(0, size[0], window), range(0, size[1], window))])
    inside = 4 * 4 * channels * channels + 2 * heads * 4 * 4 * (channels // heads)  # per window of 2 x 2
    x = Shape(("height", "width", "channels"), (*size, channels))

    op = calls.call("window_attention 3 2 shift=1")
    assert op.shape(x) == x
    assert op.cost(x).macs == windows * inside


@pytest.mark.parametrize(
    ("call", "inputs", "fact", "fix"),
    [
        (
            "self_attention 2",
            ("8x4x4",),
            "self_attention needs tokens: length x channels",
            "put to_tokens before it",
        ),
        (
            "self_attention 2",
            ("{length: 4}",),
            "self_attention needs tokens: length x channels",
            "the input has no channels: put an embedding before it",
        ),
        (
            "cross_attention 2",
            (tokens(3, 8), "8x4x4"),
            "cross_attention needs tokens as memory: length x channels",
            "put to_tokens before it",
        ),
        (
            "window_attention 2 2",
            ("8x4x4",),
            "window_attention needs height x width x channels",
            "put channels_last before it",
        ),
        (
            "window_attention 2 2 shift=2",
            (IMAGE,),
            "window_attention: the shift must be smaller than the window",
            "",
        ),
        (
            "window_attention 3 2",
            (IMAGE,),
            "window_attention: 8 channels do not divide into 3 heads",
            "choose another number of heads",
        ),
        (
            "self_attention 3",
            (tokens(3, 8),),
            "self_attention: 8 channels do not divide into 3 heads",
            "give head_dim, or another number of heads",
        ),
    ],
)
def test_faults(call: str, inputs: tuple[str, ...], fact: str, fix: str) -> None:
    """A misuse is said with its remedy."""
    with pytest.raises(Fault) as caught:
        calls.call(call).shape(*map(calls.shape, inputs))

    assert (caught.value.fact, caught.value.fix) == (fact, fix)


class Chain:
    """Parameters and multiplications of one layer after the other."""

    def __init__(self, entering: str) -> None:
        self.x = calls.shape(entering)
        self.params = self.macs = 0

    def run(self, *layers: str) -> Chain:
        for layer in layers:
            op = calls.call(layer)
            self.params += sum(prod(dims) for dims in op.weights(self.x).values())
            self.macs += op.cost(self.x).macs
            self.x = op.shape(self.x)
        return self


def vit(layers: int, dim: int, hidden: int, heads: int, patch: int) -> Chain:
    """Dosovitskiy et al. 2020, at 224 x 224; the residual additions change no count."""
    chain = Chain("3x224x224").run(
        f"conv2d {dim} {patch} stride={patch}", "to_tokens", "class_token", "positions"
    )
    block = f"self_attention {heads}", "layer_norm", f"linear {hidden}", "gelu", f"linear {dim}"
    for _ in range(layers):
        chain.run("layer_norm", *block)
    return chain.run("layer_norm", "slice length 0 1", "flatten", "linear 1000")


@pytest.mark.parametrize(
    ("config", "totals"),
    [
        ((12, 768, 3072, 12, 16), (86_567_656, 17_563_828_224)),
        ((12, 768, 3072, 12, 32), (88_224_232, 4_409_186_304)),
        ((24, 1024, 4096, 16, 16), (304_326_632, 61_554_712_576)),
        ((24, 1024, 4096, 16, 32), (306_535_400, 15_377_539_072)),
        ((32, 1280, 5120, 16, 14), (632_045_800, 167_295_109_120)),
    ],
)
def test_vit(config: tuple[int, int, int, int, int], totals: tuple[int, int]) -> None:
    """The totals of ViT-B/16, B/32, L/16, L/32, H/14."""
    chain = vit(*config)

    assert (chain.params, chain.macs) == totals


def swin(
    dim: int, depths: tuple[int, ...], heads: tuple[int, ...], size: int = 224, window: int = 7
) -> Chain:
    """Liu et al. 2021; the residual additions change no count."""
    chain = Chain(f"3x{size}x{size}").run(f"conv2d {dim} 4 stride=4", "channels_last", "layer_norm")
    for stage, (depth, head) in enumerate(zip(depths, heads, strict=True)):
        width = dim * 2**stage
        if stage:
            chain.run("pixel_unshuffle 2", "layer_norm", f"linear {width} bias=false")
        for index in range(depth):
            shift = window // 2 * (index % 2)
            chain.run("layer_norm", f"window_attention {head} {window} shift={shift}")
            chain.run("layer_norm", f"linear {4 * width}", "gelu", f"linear {width}")
    return chain.run("layer_norm", "global_avg_pool", "linear 1000")


@pytest.mark.parametrize(
    ("arguments", "totals"),
    [
        ((96, (2, 2, 6, 2), (3, 6, 12, 24)), (28_288_354, 4_490_566_656)),
        ((96, (2, 2, 18, 2), (3, 6, 12, 24)), (49_606_258, 8_740_875_264)),
        ((128, (2, 2, 18, 2), (4, 8, 16, 32)), (87_768_224, 15_430_946_816)),
        ((192, (2, 2, 18, 2), (6, 12, 24, 48)), (196_532_476, 34_475_759_616)),
        ((128, (2, 2, 18, 2), (4, 8, 16, 32), 384, 12), (87_903_584, 47_083_134_976)),
        ((192, (2, 2, 18, 2), (6, 12, 24, 48), 384, 12), (196_735_516, 103_919_087_616)),
    ],
)
def test_swin(arguments: tuple[Any, ...], totals: tuple[int, int]) -> None:
    """The totals of Swin-T, S, B, L at 224, and of B and L at 384 with windows of 12."""
    chain = swin(*arguments)

    assert (chain.params, chain.macs) == totals
