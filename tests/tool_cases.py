"""Networks of one op that the counting tools were asked about; `tool_ops.csv` keeps what they printed.

A case is an op on inputs, used in some way. The tools print small whole numbers for it, so that
one operation more or less is seen.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Graph
from paramcalc.ops._each import Mixture
from tests import calls

FIGURES = Path(__file__).parent / "tool_ops.csv"
TOKENS, IMAGE = "{length: 5, channels: 4}", "4x5x6"
FLAT, ROWS = "8", "{height: 3, length: 5, channels: 4}"

# How the op is used: as it is, `twice` (one module that is called twice), `frozen`, by each `expert` of four of which
# two run at each position, or written in another way than profiles assume (a name of
# `paramcalc.conventions.tools.WRITINGS`); two of them with a blank between.
QUANTITIES = ("params", "trainable", "frozen", "macs", "flops")
Printed = dict[str, int]


class Case(NamedTuple):
    """An op line with the inputs that it reads, and how it is used."""

    call: str
    inputs: tuple[str, ...]
    way: str = ""

    def has(self, word: str) -> bool:
        return word in self.way.split()


class Figure(NamedTuple):
    """A row of the table: what a tool of some version printed about a case, by quantity; '' for nothing."""

    tool: str
    version: str
    op: str
    inputs: str
    way: str
    params: str
    trainable: str
    frozen: str
    macs: str
    flops: str

    @property
    def case(self) -> Case:
        return Case(self.op, tuple(filter(None, self.inputs.split(" + "))), self.way)

    @property
    def printed(self) -> Printed:
        return {name: int(getattr(self, name)) for name in QUANTITIES if getattr(self, name)}


# The calls, by how the op is used and by what it reads.
_LISTED: dict[str, dict[tuple[str, ...], str]] = {
    "": {
        (IMAGE,): """
            sin; cos; log; sqrt; erf; power 3; quick_gelu; clip -1 1; clip none high=1; cumsum height;
            l2_norm; reduce_sum; reduce_sum axis=(height,width); reduce_min; reduce_norm; reduce_mean
            axis=(height,width); reduce_max axis=(height,width); roll -2 axis=(height,width); select width -1;
            slice height 0 step=2; flip width; tile height 2; argmax; top_k 3 width; unfold2d 3 padding=1; unfold2d
            2 stride=2; lp_pool2d 2 2; local_conv2d 8 3; local_conv2d 8 3 stride=2 padding=1 bias=false; upsample 2
            mode=bicubic; abs; affine; affine scale=false; dropout; drop_path 0.1; elu; exp; gelu; gelu tanh;
            hard_sigmoid; hard_swish; leaky_relu 0.1; mish; prelu; prelu 4; relu; relu6; scale 0.1; selu;
            sigmoid; silu; softmax; softplus; square; tanh; layer_scale; flatten; to_tokens; channels_last;
            reduce_max; reduce_mean; slice height 3; slice_channels 0 2; pad 3; crop 1; pad_channels 7;
            center_crop 3 2; channel_shuffle 2; permute (width, channels, height); reshape 8x3x5; subsample
            2; adaptive_avg_pool2d 3; adaptive_max_pool2d 3; avg_pool2d 2; max_pool2d 2; max_pool2d 3
            stride=2 padding=same; global_avg_pool; global_max_pool; avg_pool2d 3 stride=2 ceil_mode=true;
            upsample 2; upsample 2 mode=bilinear; upsample size=7x9; upsample size=10x6; batch_norm;
            batch_norm affine=false; batch_norm track_running_stats=false; batch_norm affine=false
            track_running_stats=false; instance_norm; instance_norm affine=true; instance_norm affine=true
            track_running_stats=true; group_norm 2; group_norm 2 affine=false; layer_norm; layer_norm
            bias=false; layer_norm elementwise_affine=false; rms_norm; conv2d 8 3; conv2d 8 3 bias=false;
            conv2d 8 3 stride=2 padding=1; conv2d 8 3 groups=2; conv2d 8 3 groups=4; conv2d 8 3
            padding=same; conv2d 8 2x4 padding=same; conv2d 8 3 dilation=2; conv2d 8 3 dilation=3
            padding=2x3; conv2d 8 2 groups=4 dilation=2; conv2d 6 2 groups=2 dilation=2; conv2d 8 3
            padding=((0,1),(1,2)) padding_mode=replicate; conv2d 8 3 padding_mode=reflect; conv_transpose2d
            4 2 stride=2; conv_transpose2d 8 3 stride=2 bias=false; conv_transpose2d 8 3 stride=2 padding=1
            output_padding=1; conv_transpose2d 8 3 groups=4; conv_transpose2d 4 3 groups=2
        """,
        (TOKENS,): """
            layer_norm; layer_norm bias=false; layer_norm elementwise_affine=false; rms_norm; softmax;
            batch_norm; instance_norm; global_avg_pool; global_max_pool; linear 8; linear 8 bias=false;
            positions; positions 9; class_token; layer_scale; affine; slice length 0 1; reduce_mean length;
            reduce_max length; channels_first; self_attention 2; self_attention 2 bias=false; self_attention
            2 qkv_bias=false; self_attention 2 head_dim=8 causal=true; lstm 8; lstm 8 biases=1; lstm 8
            bias=false; lstm 8 num_layers=3; lstm 8 bidirectional=true; lstm 8 num_layers=2 bidirectional=true
            last=true; lstm 8 projection=3; lstm 8 num_layers=2 projection=3 bias=false; gru 8; gru 8
            bias=false; gru 8 num_layers=2; gru 8 num_layers=2 bidirectional=true; gru 8 last=true; gru 8
            reset_after=false biases=1; rnn 8; rnn 8 biases=1; rnn 8 activation=relu bias=false; rnn 8
            num_layers=2 bidirectional=true; rnn 8 last=true; lstm 8 num_layers=2 biases=1; rnn 8 num_layers=2
            bidirectional=true biases=1; lstm 8 bidirectional=true last=true biases=1
        """,
        ("{length: 7, channels: 8}",): """
            self_attention 2 kv_heads=1; self_attention 4 kv_heads=2; lstm 3 biases=1; lstm 5
            bidirectional=true; gru 5; rnn 5 biases=1
        """,
        ("{length: 5, channels: 8}",): """
            self_attention 2 key_bias=false; self_attention 2 value_dim=5 bias=false; self_attention 2
            qk_norm=rms; self_attention 2 qk_norm=layer; self_attention 2 kv_heads=1 qk_norm=rms_all;
            self_attention 2 causal=true window=2; self_attention
            2 causal=true window=9; self_attention 2 position_bias=8; self_attention 2 rotary=true;
            self_attention 2 rotary=2 causal=true bias=false; self_attention 2 causal=true past=3;
            self_attention 2 causal=true past=6 window=4; latent_attention 2 6 3 4 5; latent_attention 2 6 3 4
            5 q_rank=7 causal=true; latent_attention 2 6 3 4 5 absorbed=true causal=true past=3;
            latent_attention 2 6 3 4 5 causal=true past=3; latent_attention 2 6 1 4 5; rotary; rotary heads=2 dim=2
        """,
        ("{height: 3, length: 5, channels: 8}",): """
            self_attention 2 qk_norm=layer; self_attention 2 qk_norm=rms bias=false; latent_attention 2 6 3 4 5;
            latent_attention 2 6 3 4 5 absorbed=true
        """,
        (ROWS,): """
            self_attention 2; self_attention 2 bias=false head_dim=3; linear 8; lstm 6; gru 6; rnn 6; lstm 6
            projection=3; lstm 6 num_layers=2 projection=2 bias=false; gru 6 num_layers=2 bias=false; gru 6
            num_layers=2 bidirectional=true; rnn 6 bias=false; rnn 6 num_layers=2
        """,
        ("{height: 2, length: 5, channels: 4}",): "lstm 6 projection=3; gru 6; rnn 6",
        ("{length: 3, channels: 2, height: 6, width: 5}",): """
            conv_lstm2d 4 3; conv_lstm2d 4 3 padding=same bias=false; conv_lstm2d 3 1x3 stride=2 last=true
        """,
        (FLAT,): """
            batch_norm; linear 10; linear 10 bias=false; softmax; rbf 3; relu; dropout
        """,
        ("4x9",): """
            lp_pool1d 2 3;
            conv1d 8 3; conv1d 8 3 dilation=2; conv1d 8 3 groups=4; conv_transpose1d 6 4 stride=3 groups=2;
            max_pool1d 3; avg_pool1d 2; batch_norm; adaptive_avg_pool1d 3; adaptive_max_pool1d 3;
            global_avg_pool; global_max_pool; upsample 2; upsample 2 mode=linear; local_response_norm 4;
            instance_norm; group_norm 2
        """,
        ("4x3x4x5",): """
            lp_pool3d 2 2; conv3d 8 2; conv3d 8 2 groups=4; conv_transpose3d 8 2; max_pool3d 2; avg_pool3d 2;
            adaptive_avg_pool3d 2; adaptive_max_pool3d 2; global_avg_pool; global_max_pool; upsample 2;
            upsample 2 mode=trilinear; upsample size=5; local_response_norm 3; batch_norm
        """,
        ("8x5x6",): "local_response_norm 5; local_response_norm 2 k=2",
        ("8x3x5",): "pixel_shuffle 2",
        ("2x6x9",): "pixel_unshuffle 3",
        ("{height: 5, width: 6, channels: 4}",): """
            to_tokens; window_attention 2 2; window_attention 2 3 bias=false; window_attention 2 2
            relative_bias=false; window_attention 2 2 key_bias=false; window_attention 2 2 cosine=true
        """,
        ("{height: 5, width: 6, channels: 4}", "{length: 9, channels: 2}"): """
            window_attention 2 2; window_attention 2 2 cosine=true
        """,
        ("{height: 4, width: 6, channels: 4}",): "window_attention 2 2 shift=1",
        ("{length: 5}",): "embedding 9 3; argmax length",
        ("{length: 5, channels: 1}",): "top_k 3 length indices=true",
        ("{height: 3, width: 5, channels: 4}",): "linear 8; global_avg_pool; global_max_pool",
        (IMAGE, IMAGE): "add; subtract; multiply; divide; maximum; minimum; stack_as depth",
        (IMAGE, IMAGE, IMAGE): "add; maximum",
        (IMAGE, "{height: 3, width: 2, channels: 2}"): "grid_sample; grid_sample nearest",
        ("4x2x3", IMAGE): "max_unpool2d 2",
        (IMAGE, "18x5x6"): "deform_conv2d 8 3 padding=1; deform_conv2d 8 3 padding=1 bias=false",
        (IMAGE, "18x5x6", "9x5x6"): "deform_conv2d 8 3 padding=1 groups=2",
        (IMAGE, "8x36"): "conv2d 8 3; conv2d 8 3 stride=2 padding=1 bias=false",
        (IMAGE, "{height: 5, length: 3, channels: 4}"): "einsum 'chw,hkc->hwk' axes=(height,width,channels)",
        ("36x5x6",): "fold2d 5x6 3 padding=1",
        (TOKENS, "{length: 3}"): "gather length",
        (TOKENS, TOKENS): "einsum 'qc,kc->qk'",
        (TOKENS, TOKENS, "{length: 5, channels: 3}", "{length: 5, channels: 3}"): "selective_scan",
        (IMAGE, "3x5x6"): "concat",
        ("4", IMAGE): "multiply; add; subtract",
        (IMAGE, "1x5x6"): "multiply; add; subtract",
        (TOKENS, "{height: 2, length: 5, channels: 5}"): "self_attention 2; self_attention 2 qk_norm=layer",
        ("{length: 9, channels: 2}",): "relative_bias 2 2",
        (): """
            parameter 4x5x6; parameter length=5 channels=4; offsets 4; offsets 4 farthest=8 log=8; sine_positions 8 3 4
        """,
        ("3", "4"): "bilinear 5",
        ("{length: 2, channels: 3}", "{length: 2, channels: 4}"): "bilinear 5 bias=false",
        ("{length: 7, channels: 3}", "{length: 3, channels: 4}"): "matmul",
        ("{length: 7, channels: 3}", "{length: 5, channels: 3}"): "matmul transpose=true",
        (TOKENS, "{length: 7, channels: 6}"): """
            cross_attention 2; cross_attention 2 bias=false; cross_attention 2 prepared=true; cross_attention 2
            qk_norm=layer key_bias=false; cross_attention 2 value_dim=5
        """,
        (TOKENS, "{length: 7, channels: 6}", "{length: 7, channels: 3}"): "cross_attention 2",
        (TOKENS, "8"): "gru 8; rnn 8",
        (TOKENS, "8", "8"): "lstm 8",
        (TOKENS, "{length: 5, experts: 2, channels: 3}"): """
            experts 4 2; experts 4 2 gates=sum; experts 4 2 gates=scores
        """,
    },
    "expert": {
        (TOKENS,): """
            linear 8; linear 8 bias=false; layer_norm; rms_norm; relu; silu; gelu; sigmoid; prelu; scale 0.1;
            softmax; dropout
        """,
        (TOKENS, TOKENS): "add; multiply; concat",
        ("{length: 5, experts: 2, channels: 4}",): "linear 8; relu; silu",
    },
    "twice": {
        (IMAGE,): """
            conv2d 8 3; conv_transpose2d 8 3; batch_norm; prelu 4; instance_norm affine=true; layer_norm
        """,
        (TOKENS,): """
            linear 8; self_attention 2; self_attention 2 qk_norm=layer; latent_attention 2 6 3 4 5;
            latent_attention 2 6 3 4 5 absorbed=true; layer_norm; rms_norm; lstm 8; gru 8; rnn 8
        """,
        ("{length: 5}",): "embedding 9 3",
        ("{height: 4, width: 6, channels: 4}",): "window_attention 2 2",
        (TOKENS, "{length: 7, channels: 4}"): """
            cross_attention 2; cross_attention 2 prepared=true; cross_attention 2 qk_norm=layer
        """,
        ("{length: 3, channels: 2, height: 6, width: 5}",): "conv_lstm2d 4 3",
    },
    "frozen": {
        (IMAGE,): """
            conv2d 8 3; conv_transpose2d 8 3; batch_norm; prelu 4; group_norm 2; layer_scale
        """,
        (TOKENS,): "linear 8; self_attention 2; layer_norm",
        ("{length: 5}",): "embedding 9 3",
    },
    "multihead": {
        (TOKENS,): """
            self_attention 2; self_attention 2 bias=false; self_attention 1; self_attention 2 head_dim=3;
            self_attention 2 qk_norm=layer rotary=true; self_attention 2 value_dim=5
        """,
        (TOKENS, "{length: 7, channels: 4}"): """
            cross_attention 2; cross_attention 2 bias=false; cross_attention 2 qk_norm=layer; cross_attention 2
            value_dim=5; cross_attention 2 prepared=true
        """,
        (TOKENS, "{length: 7, channels: 6}"): "cross_attention 2",
        (TOKENS, "{length: 7, channels: 4}", "{length: 7, channels: 4}"): "cross_attention 2",
    },
    "multihead twice": {
        (TOKENS,): "self_attention 2; self_attention 2 head_dim=3",
        (TOKENS, "{length: 7, channels: 6}"): "cross_attention 2",
    },
    "encoder-layer twice": {
        (TOKENS,): "self_attention 2; self_attention 2 head_dim=3",
        (TOKENS, "{length: 7, channels: 6}"): "cross_attention 2",
    },
    "encoder-layer": {
        (TOKENS,): """
            self_attention 2; self_attention 2 bias=false; self_attention 1; self_attention 2 head_dim=3;
            self_attention 2 qk_norm=layer rotary=true; self_attention 2 value_dim=5
        """,
        (TOKENS, "{length: 7, channels: 4}"): """
            cross_attention 2; cross_attention 2 bias=false; cross_attention 2 qk_norm=layer; cross_attention 2
            value_dim=5; cross_attention 2 prepared=true
        """,
        (TOKENS, "{length: 7, channels: 4}", "{length: 7, channels: 4}"): "cross_attention 2",
        (TOKENS, "{length: 7, channels: 6}"): "cross_attention 2",
    },
    "padding-same": {
        (IMAGE,): """
            conv2d 8 3 padding=same; conv2d 8 2x4 padding=same; conv2d 8 4x3 padding=same bias=false; conv2d
            8 3 padding=same stride=2; conv2d 8 3 padding=1; conv2d 8 3 padding=same dilation=2; conv2d 8
            4x3 padding=same groups=4
        """,
    },
}

CASES: tuple[Case, ...] = tuple(
    Case(" ".join(call.split()), inputs, way)
    for way, listed in _LISTED.items()
    for inputs, calls in listed.items()
    for call in calls.split(";")
)


@cache
def figures() -> tuple[Figure, ...]:
    """What the tools printed."""
    with FIGURES.open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == Figure._fields
    return tuple(Figure(*row) for row in rows)


def record(tool: str, version: str, ask: Callable[[Case], Printed]) -> None:
    """Prints the rows of a tool; on standard error the cases that it cannot be asked about."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    for case in CASES:
        try:
            found = ask(case)
        except Exception as error:
            print(f"{tool}: {case}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
            continue
        numbers = (found.get(name, "") for name in QUANTITIES)
        out.writerow((tool, version, case.call, " + ".join(case.inputs), case.way, *numbers))
        sys.stdout.flush()


@cache
def alone(case: Case) -> Graph:
    """The op as a graph, and beside it a linear layer of one weight, as some tools need a parameter."""
    net, op = Builder(), calls.call(case.call)
    read = [net.input(f"input_{place}", calls.shape(one)) for place, one in enumerate(case.inputs)]
    positions = calls.shape(TOKENS)
    router = net.input("scores", positions) if case.has("expert") else None
    spare = net.input(f"input_{len(read)}", calls.shape("1"))
    mixture = None if router is None else Mixture(4, 2, positions)
    outputs = [net.add(op, read, "layer", frozen=case.has("frozen"), mixture=mixture, router=router)]
    if case.has("twice"):
        outputs.append(net.add(op, read, "layer2", share=outputs[0]))
    outputs.append(net.add(calls.call("linear 1 bias=false"), [spare], "spare"))
    return net.build(outputs, "alone")
