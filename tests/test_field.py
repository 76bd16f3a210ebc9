"""Receptive fields: held against experiments, gradients, published values and plain loops."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc import load, ops
from paramcalc.base.errors import Fault, Source
from paramcalc.base.reach import Reach, Steps, joined, repeating, sliding, stretched, through, whole
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import from_text
from paramcalc.field.field import Field, fields, find, region, seers
from paramcalc.ops._bins import bins_reach
from paramcalc.ops.base import Elementwise, Op
from paramcalc.verify.tools import Tools
from tests import calls
from tests.conftest import Run

# ---------------------------------------------------------------- the rule of each op, by experiment

CASES = [
    ("conv2d 2 3", "2x7x6"),
    ("conv2d 2 3 stride=2 padding=1", "2x7x6"),
    ("conv2d 2 (2, 3) stride=(3, 1) padding=((0, 1), (2, 0))", "2x7x6"),
    ("conv2d 2 3 dilation=2 padding=2", "1x9x8"),
    ("conv2d 2 3 stride=2 padding=same", "1x8x7"),
    ("conv2d 2 1 stride=2", "1x7x6"),
    ("conv1d 2 5 padding=2 padding_mode=reflect", "1x6"),
    ("conv1d 2 5 padding=2 padding_mode=replicate", "1x6"),
    ("conv1d 2 5 padding=2 padding_mode=circular", "1x6"),
    ("conv3d 1 2 padding=1", "1x3x4x3"),
    ("max_pool2d 3 stride=2 padding=1", "2x7x6"),
    ("max_pool2d 3 stride=2 ceil_mode=true", "2x8x6"),
    ("max_pool1d 2 dilation=3 stride=1", "1x9"),
    ("avg_pool2d 2", "2x7x6"),
    ("subsample 2", "2x6x6"),
    ("conv_transpose2d 2 2 stride=2", "1x4x3"),
    ("conv_transpose1d 2 3 stride=2 padding=1 output_padding=1", "1x5"),
    ("conv_transpose1d 1 1 stride=3", "1x4"),
    ("conv_transpose1d 1 2 stride=2 dilation=3", "1x6"),
    ("conv_transpose1d 1 3 stride=2 dilation=2 padding=1", "1x6"),
    ("conv_transpose1d 1 3 stride=2 dilation=3 padding=2", "1x4"),
    ("conv_transpose1d 1 4 stride=3 padding=same", "1x5"),
    ("adaptive_avg_pool1d 4", "2x6"),
    ("adaptive_max_pool1d 8", "2x5"),
    ("global_avg_pool", "2x4x3"),
    ("upsample 2", "1x4x3"),
    ("upsample size=7x2", "1x4x3"),
    ("upsample 2 mode=bilinear", "1x4x3"),
    ("upsample size=7 mode=linear align_corners=true", "1x4"),
    ("upsample size=3 mode=linear", "1x5"),
    ("upsample 3 mode=bilinear", "1x1x2"),
    ("reduce_mean", "2x3x2"),
    ("reduce_max height", "2x3x2"),
    ("pad ((1, 2), (0, 3))", "1x4x3"),
    ("pad 2 mode=reflect", "1x4x3"),
    ("crop ((0, 1), 1)", "1x5x6"),
    ("center_crop 3 2", "1x6x5"),
    ("slice height 1 4", "1x5x3"),
    ("slice_channels 0 1", "2x3x3"),
    ("pixel_shuffle 2", "4x3x2"),
    ("pixel_unshuffle 2", "1x4x6"),
    ("to_tokens", "2x3x4"),
    ("to_tokens", "2x2x3x2"),
    ("flatten", "2x3x2"),
    ("permute (height, channels, width)", "2x3x4"),
    ("channels_last", "2x3x4"),
    ("reshape (4, 2) axes=(length, channels)", "{channels: 4, length: 2}"),
    ("reshape (4, 4) axes=(length, channels)", "{channels: 4, length: 4}"),
    ("reshape (3, 4, 1) axes=(channels, height, width)", "3x4x1"),
    ("class_token", "{length: 4, channels: 2}"),
    ("linear 3", "{length: 4, channels: 2}"),
    ("linear 3", "2x1x1"),
    ("self_attention 2", "{length: 5, channels: 4}"),
    ("self_attention 2 causal=true", "{length: 5, channels: 4}"),
    ("self_attention 2", "{height: 2, length: 3, channels: 4}"),
    ("self_attention 2 causal=true window=2", "{length: 5, channels: 4}"),
    ("self_attention 2 causal=true window=3 past=2", "{length: 4, channels: 4}"),
    ("self_attention 2 causal=true window=7", "{length: 5, channels: 4}"),
    ("self_attention 2 position_bias=8", "{length: 5, channels: 4}"),
    ("latent_attention 2 4 3 2 5", "{length: 4, channels: 4}"),
    ("latent_attention 2 4 3 2 5", "{height: 2, length: 3, channels: 4}"),
    ("latent_attention 2 4 3 2 5 causal=true absorbed=true", "{length: 4, channels: 4}"),
    ("rotary", "{length: 4, channels: 2}"),
    ("cross_attention 2", "{length: 3, channels: 4} {length: 3, channels: 4}"),
    ("cross_attention 2", "{length: 3, channels: 4} {length: 5, channels: 6}"),
    ("lstm 2", "{length: 4, channels: 2}"),
    ("conv_lstm2d 1 3", "{length: 2, channels: 1, height: 7, width: 6}"),
    ("conv_lstm2d 1 2 stride=2 last=true", "{length: 2, channels: 1, height: 6, width: 5}"),
    ("lstm 2 last=true projection=1", "{length: 4, channels: 2}"),
    ("gru 2 bidirectional=true num_layers=2", "{length: 4, channels: 2}"),
    ("gru 2", "{height: 2, length: 3, channels: 2}"),
    ("rnn 2 activation=relu", "{length: 4, channels: 2} 2"),
    ("window_attention 1 2", "{height: 5, width: 4, channels: 2}"),
    ("window_attention 1 3 shift=1", "{height: 7, width: 3, channels: 2}"),
    ("relative_bias 2 2", "{length: 9, channels: 2}"),
    ("self_attention 1", "{length: 3, channels: 2} {height: 1, length: 3, channels: 3}"),
    ("window_attention 1 2 cosine=true", "{height: 5, width: 4, channels: 2} {length: 9, channels: 1}"),
    ("concat", "1x3x4 2x3x4"),
    ("concat axis=height", "1x3x2 1x4x2"),
    ("add", "2x3x2 2x3x2"),
    ("add", "2x3x4 2"),
    ("add", "2x3x1 2x3x4"),
    ("subtract", "2x1x4 2x3x4"),
    ("multiply", "2x3x4 2"),
    ("multiply", "2x3x4 2x1x1"),
    ("multiply", "2x3x4 1x3x1"),
    ("matmul", "{length: 4, channels: 3} {length: 3, channels: 2}"),
    ("matmul", "3x2 2x4"),
    ("matmul", "2x2x3 2x3x4"),
    ("matmul", "{height: 2, width: 2, length: 4, channels: 3} {height: 2, width: 2, length: 3, channels: 2}"),
    ("matmul transpose=true", "{length: 4, channels: 2} {length: 3, channels: 2}"),
    ("matmul transpose=true", "3x2 4x2"),
    ("batch_norm", "2x3x2"),
    ("batch_norm track_running_stats=false", "2x3x2"),
    ("group_norm 2", "4x3x2"),
    ("instance_norm", "2x3x2"),
    ("instance_norm track_running_stats=true", "2x3x2"),
    ("layer_norm", "{length: 4, channels: 3}"),
    ("layer_norm axis=[channels,height]", "2x3x2"),
    ("rms_norm axis=[height,width]", "2x3x2"),
    ("softmax axis=height", "2x3x2"),
    ("local_response_norm 3", "4x3x2"),
    ("relu", "2x3x2"),
    ("positions", "{length: 4, channels: 2}"),
    ("affine", "2x3x2"),
    ("embedding 9 3", "{length: 5}"),
    ("channel_shuffle 2", "4x3x2"),
    ("channels_first", "{height: 3, width: 2, channels: 2}"),
    ("pad_channels 3", "2x3x2"),
    ("global_max_pool", "2x3x2"),
    ("subtract", "2x3x2 2x3x2"),
    ("unfold2d 3x2 stride=2 padding=1", "1x6x5"),
    ("unfold1d 2 dilation=2", "2x6"),
    ("fold1d 6 3", "3x4"),
    ("fold1d 9 3 stride=2 padding=1", "3x5"),
    ("fold1d 7 2 stride=3 dilation=2", "2x2"),
    ("fold1d 9 3 dilation=2 padding=1", "3x7"),
    ("fold2d 3x4 2", "4x2x3"),
    ("roll -2 axis=height", "2x5x3"),
    ("roll (1,4) axis=(height,width)", "1x3x4"),
    ("cumsum length", "{length: 4, channels: 2}"),
    ("einsum 'qc,kc->qk'", "{length: 4, channels: 2} {length: 3, channels: 2}"),
    (
        "einsum 'hwc,hkc->whk' axes=(height,width,channels)",
        "{height: 3, width: 2, channels: 2} {height: 3, length: 2, channels: 2}",
    ),
    ("local_conv1d 2 3 stride=2 padding=1", "1x6"),
    ("local_conv2d 1 2", "2x3x4"),
    ("conv1d 2 3 padding=1", "1x5 6"),
    (
        "selective_scan",
        "{length: 4, channels: 2} {length: 4, channels: 2} {length: 4, channels: 3} {length: 4, channels: 3}",
    ),
    ("divide", "2x3x4 2"),
    ("maximum", "2x3x2 2x3x2"),
    ("minimum", "2x3x2 2x3x2"),
    ("reduce_sum axis=(height,width)", "2x3x2"),
    ("reduce_min height", "2x3x2"),
    ("reduce_norm", "2x3x2"),
    ("l2_norm height", "2x3x2"),
    ("select width -1", "2x3x2"),
    ("slice height 1 step=2", "1x6x2"),
    ("stack_as depth", "2x3x2 2x3x2"),
    ("flip height", "2x3x2"),
    ("tile height 3", "2x3x2"),
    ("top_k 2 length", "{length: 4, channels: 2}"),
    ("lp_pool1d 2 3 stride=2", "1x7"),
    ("upsample 3 mode=bicubic", "1x2x3"),
    ("upsample size=7x5 mode=bicubic align_corners=true", "1x4x3"),
    ("bilinear 2", "{length: 3, channels: 2} {length: 3, channels: 2}"),
    ("experts 4 2", "{length: 3, channels: 4} {length: 3, experts: 2, channels: 2}"),
    ("rbf 2", "3"),
]


def cases() -> Iterator[tuple[Op, tuple[Shape, ...], str]]:
    for call, texts in CASES:
        shapes = tuple(map(calls.shape, re.findall(r"\{.*?\}|\S+", texts)))
        yield calls.call(call), shapes, call


@pytest.mark.parametrize(("op", "shapes", "call"), [*cases()], ids=[f"{c} on {x}" for c, x in CASES])
def test_rule_is_what_an_experiment_shows(op: Op, shapes: tuple[Shape, ...], call: str) -> None:
    """Changing a position of an input changes the output just where the op's rule says it is read."""
    output = op.shape(*shapes)
    for number, (shape, rule) in enumerate(zip(shapes, op.reaches(*shapes), strict=True)):
        for axis, reach in rule.items():
            changed = changes(op, shapes, number, axis)
            kept = axis in output.axes and output.size(axis) == shape.size(axis)
            along = reach.axis or (axis if kept else "")  # what is read whole is so from every position
            for place in range(output.size(along) if along else 1):
                seen = _along(changed, output, along, place)
                assert reach.real(place, place, shape.size(axis)) == seen, (number, axis, place)


def changes(op: Op, shapes: tuple[Shape, ...], number: int, axis: str) -> list[Any]:
    """For each position along an input's axis, which elements of the output change with it."""
    rng = np.random.default_rng(7)
    ids = CHANNELS not in shapes[0].axes
    arrays = [rng.integers(0, 4, (1, *x.dims)) if ids else rng.random((1, *x.dims)) + 0.5 for x in shapes]
    arrays_of = {**op.weights(*shapes), **op.buffers(*shapes)}
    weights = {name: rng.random(dims) + 0.5 for name, dims in arrays_of.items()}
    tools = Tools()
    before = np.array(tools.apply(op, shapes, [array.copy() for array in arrays], weights))
    found = []
    for place in range(shapes[number].size(axis)):
        changed = np.zeros(before.shape, bool)
        for scale in (0.3, 40):
            other = [array.copy() for array in arrays]
            part = np.moveaxis(other[number], 1 + shapes[number].axes.index(axis), 0)[place]
            part += rng.integers(1, 4, part.shape) if ids else scale * (rng.random(part.shape) + 0.5)
            changed |= np.asarray(tools.apply(op, shapes, other, weights)) != before
        found.append(changed[0])
    return found


def _along(changed: list[Any], output: Shape, axis: str, place: int) -> tuple[int, int] | None:
    """The first and last input position that changes an output position, or anything without an axis."""
    parts = [np.moveaxis(array, output.axes.index(axis), 0)[place] if axis else array for array in changed]
    seen = [number for number, part in enumerate(parts) if part.any()]
    return (seen[0], seen[-1]) if seen else None


BY_VALUES = {
    "argmax",
    "deform_conv",
    "gather",
    "grid_sample",
    "max_unpool",
}  # what a position reads depends on the values


@pytest.mark.parametrize(
    ("call", "inputs", "read"),
    [
        (
            "deform_conv2d 1 3 padding=1",
            ("1x5x4", "18x5x4"),
            [{"height": (0, 4), "width": (0, 3)}, {"height": (1, 1), "width": (1, 1)}],
        ),
        ("argmax", ("2x3x2",), [{"height": (1, 1), "width": (1, 1)}]),
        ("argmax length", ("{length: 7}",), [{"length": (0, 6)}]),
        (
            "gather length",
            ("{length: 4, channels: 2}", "{length: 3}"),
            [{"length": (0, 3)}, {"length": (1, 1)}],
        ),
        (
            "max_unpool2d 2",
            ("1x2x2", "1x4x5"),
            [{"height": (0, 0), "width": (0, 0)}, {"height": (0, 1), "width": (0, 1)}],
        ),
        (
            "grid_sample",
            ("1x3x2", "{height: 2, width: 3, channels: 2}"),
            [{"height": (0, 2), "width": (0, 1)}, {"height": (1, 1), "width": (1, 1)}],
        ),
    ],
)
def test_what_depends_on_values_may_be_anything(
    call: str, inputs: tuple[str, ...], read: list[dict[str, tuple[int, int]]]
) -> None:
    """The second position of the output: all that it could read, whatever the values."""
    shapes = [calls.shape(one) for one in inputs]

    rules = calls.call(call).reaches(*shapes)

    assert [{axis: reach.over(1, 1) for axis, reach in rule.items()} for rule in rules] == read


def test_every_op_has_a_case() -> None:
    """No op is left out of the experiments, but for those that work on each element by itself, or read nothing."""
    tried = {family(op) for op, _, _ in cases()}
    reading = {kind for kind in ops.every().values() if kind.inputs != ()}

    assert {family(kind) for kind in reading if not issubclass(kind, Elementwise)} - BY_VALUES <= tried


def family(op: Op | type[Op]) -> str:
    kind = op if isinstance(op, type) else type(op)
    return kind.name.removesuffix(f"{kind.rank}d")


def test_the_experiment_notices_a_wrong_rule() -> None:
    """The check above can fail: a convolution whose rule forgets its padding."""
    op, shape = calls.call("conv1d 1 3 padding=1"), calls.shape("1x6")
    changed = changes(op, (shape,), 0, "length")
    forgetful = sliding("length", 0, 3, 1)

    assert any(
        forgetful.real(place, place, 6) != _along(changed, op.shape(shape), "length", place)
        for place in range(6)
    )


SMALL = st.integers(1, 4)


@given(st.integers(1, 12), SMALL, SMALL, st.integers(0, 4), SMALL)
@settings(max_examples=300, deadline=None)
def test_windows_by_nested_loops(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    """A convolution reads, and its transpose is reached from, where the loops of their definition go."""
    x = calls.shape(f"1x{size}")
    options = f"stride={stride} padding={padding} dilation={dilation}"
    for name in ("conv1d", "conv_transpose1d"):
        op = calls.call(f"{name} 1 {kernel} {options}")
        try:
            length = op.shape(x).size("length")
        except Fault:
            continue
        (rule,) = op.reaches(x)
        read: dict[int, set[int]] = {place: set() for place in range(length)}
        for tap in range(kernel):
            for place in range(length if name == "conv1d" else size):
                other = place * stride + tap * dilation - padding
                output, source = (place, other) if name == "conv1d" else (other, place)
                if output in read and 0 <= source < size:
                    read[output].add(source)
        for place, sources in read.items():
            assert rule["length"].real(place, place, size) == (
                (min(sources), max(sources)) if sources else None
            )


# ----------------------------------------------------------------------- the arithmetic, by loops

REACHES = st.one_of(
    st.builds(sliding, st.just("a"), st.integers(-4, 4), st.integers(1, 5), st.integers(1, 4)),
    st.builds(
        stretched, st.just("a"), st.integers(0, 5), st.integers(1, 5), st.integers(-4, 4), st.booleans()
    ),
    st.builds(
        lambda inner, size: repeating("a", inner * size, 0, lambda place: (place // inner % size,) * 2),
        st.integers(1, 3),
        st.integers(1, 3),
    ),
    st.builds(whole, st.integers(1, 9)),
    st.builds(bins_reach, st.just("a"), st.integers(1, 20), st.integers(1, 7)),
    st.just(Reach("a", Steps((0,), 0), Steps((0,), 1))),
)


@given(REACHES, REACHES, st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_composition_is_a_loop_over_positions(upper: Reach, lower: Reach, length: int) -> None:
    """What a position reads through two ops is all that the positions read that it reads."""
    both = through(upper, lower, length)

    for place in range(length):
        begin, end = upper.over(place, place) if upper.axis or not both.axis else (0, 0)
        if begin > end:
            continue
        spans = [lower.over(middle, middle) for middle in range(begin, end + 1)]
        assert both.over(place, place) == (min(one for one, _ in spans), max(two for _, two in spans))


@given(REACHES, REACHES, st.integers(1, 70))
@settings(max_examples=300, deadline=None)
def test_joining_is_a_hull_at_each_position(one: Reach, two: Reach, length: int) -> None:
    """Two reaches of one output together have their outermost positions, at every place there is."""
    both = joined([one, two], {"a": length})

    for place in range(length):
        (a, b), (c, d) = one.over(place, place), two.over(place, place)
        assert both.over(place, place) == (min(a, c), max(b, d))


# ----------------------------------------------------------------------------- published values

# Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks (Distill, 2019), and
# the table of its library: (model, layer, size, jump, padding). Where TensorFlow's `same` padding
# depends on the input, the rows for 321x321 are meant, whose padding is that of PyTorch.
PUBLISHED = [
    ("alexnet", "conv1", 11, 4, 0),
    ("alexnet", "pool1", 19, 8, 0),
    ("alexnet", "conv2", 51, 8, 16),
    ("alexnet", "conv3", 99, 16, 32),
    ("alexnet", "conv4", 131, 16, 48),
    ("alexnet", "conv5", 163, 16, 64),
    ("alexnet", "pool5", 195, 32, 64),
    ("vgg-11", "pool1", 4, 2, 1),
    ("vgg-11", "conv3_2", 26, 4, 11),
    ("vgg-11", "pool5", 150, 32, 59),
    ("vgg-16", "conv1_1", 3, 1, 1),
    ("vgg-16", "pool3", 44, 8, 18),
    ("vgg-16", "conv5_2", 164, 16, 74),
    ("vgg-16", "pool5", 212, 32, 90),
    ("inception-v3", "conv3", 11, 2, 2),
    ("inception-v3", "mixed_5d", 127, 8, 50),
    ("inception-v3", "mixed_6a", 159, 16, 58),
    ("inception-v3", "mixed_6e", 927, 16, 442),
    ("inception-v3", "mixed_7c", 1311, 32, 618),
    ("inception-v4", "inception_c", 2071, 32, 998),
    ("inception-resnet-v2", "conv_7b", 3039, 32, 1482),
    ("mobilenet-v1", "conv1", 3, 2, 1),
    ("mobilenet-v1", "units", 315, 32, 157),
    ("resnet50-v1", "conv5_x", 483, 32, 241),
    ("resnet101-v1", "conv5_x", 1027, 32, 513),
    ("resnet152-v1", "conv5_x", 1507, 32, 753),
]


@pytest.mark.parametrize(("model", "layer", "size", "jump", "padding"), PUBLISHED)
def test_published(model: str, layer: str, size: int, jump: int, padding: int) -> None:
    """Size, effective stride and effective padding are those of the literature."""
    for field in one(model, layer):
        assert (field.size, field.jump, field.padding) == (size, jump, padding)


def one(model: str, layer: str) -> tuple[Field, ...]:
    found = fields(load(model).graph())
    return found.layers[find(found.graph, layer)]


def test_stride_placement_of_resnet() -> None:
    """The stride on the first 1x1 gives 483, that on the 3x3 gives 427: five 3x3 fewer at the larger jump."""
    assert {field.size for field in one("resnet50-v1", "conv5_x")} == {483}
    assert {field.size for field in one("resnet50-v1.5", "conv5_x")} == {427}


def test_fully_connected_layers_see_what_their_convolutions_would() -> None:
    """VGG-16's fc6 as a 7x7 convolution has 212 + 6*32 = 404, and all positions of the input see it."""
    (height, width) = one("vgg-16", "fc6")

    assert (height.size, height.along, height.whole) == (404, "", True)
    assert (width.size, width.jump, width.start) == (404, None, -90)


# --------------------------------------------------------------------- whole networks, by experiment

NETWORKS = {
    "residual": """
        input: 1x13x11
        layers:
          - conv2d 2 3 stride=2 padding=1
          - add: {main: [conv2d 2 3 padding=1, conv2d 2 3 padding=1], skip: identity}
          - max_pool2d 3 stride=2 padding=1
    """,
    "misaligned": """
        input: 1x12x12
        layers:
          - add: {main: conv2d 1 3 stride=2 padding=same, skip: conv2d 1 1 stride=2}
          - conv2d 1 3 padding=1
    """,
    "branches": """
        input: 1x12x10
        layers:
          - concat:
              wide: conv2d 1 5x1 padding=(2, 0)
              dilated: conv2d 1 3 dilation=2 padding=2
              pooled: max_pool2d 3 stride=1 padding=1
          - crop 1
          - conv2d 1 3x2 stride=2
    """,
    "hourglass": """
        input: 1x14x14
        layers:
          - top: conv2d 1 3
          - max_pool2d 2
          - bottom: conv2d 1 3
          - wide: conv_transpose2d 1 2 stride=2
          - crop: center_crop wide.height wide.width from top
          - concat from crop wide
          - conv2d 1 3
          - upsample 2 mode=bilinear
    """,
    "gate": """
        input: 1x9x7
        layers:
          - conv2d 1 3 padding=1
          - multiply: {gate: [global_avg_pool, sigmoid], features: identity}
          - conv2d 1 3
    """,
    "tokens": """
        input: 1x8x6
        layers:
          - conv2d 2 2 stride=2
          - to_tokens
          - class_token
          - linear 2
          - add: {attention: [self_attention 1], skip: identity}
          - slice length 0 1
    """,
    "causal": """
        input: {length: 7, channels: 2}
        layers:
          - add: {attention: [self_attention 1 causal=true], skip: identity}
          - slice length 2 6
    """,
    "pieces": """
        input: 1x6x6
        layers:
          - left: conv2d 1 3 padding=1
          - right: max_pool2d 2 from input
          - wide: upsample 1x2
          - concat axis=height from left wide
    """,
    "pyramid": """
        input: 1x13x12
        layers:
          - conv2d 1 3 padding=1
          - concat:
              self: identity
              all: adaptive_avg_pool2d 1, upsample size=13x12 mode=bilinear
              pairs: adaptive_avg_pool2d 2, upsample size=13x12 mode=bilinear
              thirds: adaptive_max_pool2d 3x4, conv2d 1 3 padding=1, upsample size=13x12
          - conv2d 1 3 padding=1
    """,
    "two": """
        inputs: {left: 1x6x5, right: 1x6x5}
        layers:
          - a: conv2d 1 3 padding=1 from left
          - b: conv2d 1 1 from right
          - add from a b
    """,
}


@pytest.fixture(params=NETWORKS)
def graph(request: pytest.FixtureRequest, tmp_path: Path) -> Graph:
    path = tmp_path / f"{request.param}.yaml"
    lines = NETWORKS[request.param].splitlines()
    path.write_text(f"name: {request.param}\n" + "\n".join(line[8:] for line in lines))
    return load(str(path)).graph()


def test_region_is_what_an_experiment_shows(graph: Graph) -> None:
    """Each position of each layer sees just the input positions that change it, as a box."""
    changed = experiment(graph)
    for number, layer in enumerate(graph.layers):
        axes = [axis for axis in layer.output.axes if axis != CHANNELS]
        for place in np.ndindex(*(layer.output.size(axis) for axis in axes)):
            position = dict(zip(axes, place, strict=True))
            shown = {name: box for name, box in seen(graph, changed, number, position).items() if box}
            assert region(graph, number, position) == shown, (layer.path, position)


def test_seers_are_the_reverse_of_region(graph: Graph) -> None:
    """A position is among those that see an input position just when its own region holds that."""
    found = fields(graph)
    number = len(graph.layers) - 1
    output = graph.layers[number].output
    axes = [axis for axis in output.axes if axis != CHANNELS]
    spots = [*np.ndindex(*(output.size(axis) for axis in axes))]
    regions = {at: region(graph, number, dict(zip(axes, at, strict=True))) for at in spots}
    for name, shape in graph.inputs.items():
        space = [axis for axis in shape.axes if axis != CHANNELS]
        for place in np.ndindex(*(shape.size(axis) for axis in space)):
            asked = dict(zip(space, place, strict=True))
            seeing = [at for at in spots if holds(regions[at].get(name), asked)]
            box = {
                axis: (min(at), max(at)) for axis, at in zip(axes, zip(*seeing, strict=True), strict=False)
            }
            assert seers(found, number, name, asked) == (box if seeing else None)


def holds(box: dict[str, tuple[int, int]] | None, position: dict[str, int]) -> bool:
    return box is not None and all(box[axis][0] <= at <= box[axis][1] for axis, at in position.items())


def test_field_of_inner_positions_is_their_region(graph: Graph) -> None:
    """Where a field does not touch the input's edge, it is exactly what the position sees."""
    found = fields(graph)
    for number, layer in enumerate(graph.layers):
        for field in found.layers[number]:
            size, length = (
                graph.inputs[field.input].size(field.axis),
                layer.output.size(field.along) if field.along else 1,
            )
            for place in range(length):
                first, last = field.reach.over(place, place)
                if first > 0 and last < size - 1:
                    box = region(graph, number, {field.along: place} if field.along else {})
                    assert box[field.input][field.axis] == (first, last)


def experiment(graph: Graph) -> dict[str, list[Any]]:
    """For each input, by position: which elements of every layer's output change with it."""
    rng = np.random.default_rng(3)
    inputs = {name: rng.random((1, *shape.dims)) + 0.5 for name, shape in graph.inputs.items()}
    weights = [
        {
            name: rng.random(dims) + 0.5
            for name, dims in {**layer.applied.weights, **layer.applied.buffers}.items()
        }
        for layer in graph.layers
    ]
    found = {}
    for name, shape in graph.inputs.items():
        places = [axis for axis in shape.axes if axis != CHANNELS]
        spots = [*np.ndindex(*(shape.size(axis) for axis in places))]
        found[name] = [False] * len(graph.layers)
        for amount in (1, 1000):  # much for a maximum, little for a softmax
            batch = {other: np.repeat(array, 1 + len(spots), axis=0) for other, array in inputs.items()}
            moved = np.moveaxis(
                batch[name], [1 + shape.axes.index(axis) for axis in places], range(1, 1 + len(places))
            )
            for sample, spot in enumerate(spots, start=1):
                moved[(sample, *spot)] += amount
            outputs = run(graph, batch, weights)
            found[name] = [one | (y[1:] != y[:1]) for one, y in zip(found[name], outputs, strict=True)]
    return found


def run(graph: Graph, inputs: dict[str, Any], weights: list[dict[str, Any]]) -> list[Any]:
    """The outputs of all layers."""
    tools, values = Tools(), [inputs[name] for name in graph.inputs]
    for layer, arrays in zip(graph.layers, weights, strict=True):
        read = [values[number].copy() for number in layer.inputs]
        values.append(np.array(tools.apply(layer.op, layer.applied.inputs, read, arrays)))
    return values[len(graph.inputs) :]


def seen(
    graph: Graph, changed: dict[str, list[Any]], number: int, position: dict[str, int]
) -> dict[str, Any]:
    """The box of each input's positions that change one position of a layer's output."""
    output, boxes = graph.layers[number].output, {}
    index = tuple(position.get(axis, slice(None)) for axis in output.axes)
    for name, shape in graph.inputs.items():
        places = [axis for axis in shape.axes if axis != CHANNELS]
        flat = (
            changed[name][number][(slice(None), *index)].reshape(len(changed[name][number]), -1).any(axis=1)
        )
        spots = np.argwhere(flat.reshape([shape.size(axis) for axis in places]))
        boxes[name] = (
            {axis: (int(spots[:, i].min()), int(spots[:, i].max())) for i, axis in enumerate(places)}
            if len(spots)
            else None
        )
    return boxes


@pytest.mark.parametrize(
    ("model", "layer"),
    [("alexnet", "pool5"), ("resnet-18", "conv4_x"), ("resnet50-v1", "conv4_x"), ("resnet-50", "conv4_x"),
     ("googlenet", "inception_4a"), ("densenet-121", "dense_block2"), ("mobilenet-v2", "stages/3")],
)  # fmt: skip
def test_gradients_reach_as_far(model: str, layer: str) -> None:
    """The gradient of one output, through the network made linear, is not zero just where it sees."""
    torch = pytest.importorskip("torch")
    from tests.oracle import torch_graph

    graph = load(model).graph(inputs={"input": (3, 161, 129)})
    number = find(graph, layer)
    cut = graph._replace(layers=graph.layers[: number + 1], outputs=(len(graph.inputs) + number,))
    net = linear(torch, torch_graph.network(cut))
    output = graph.layers[number].output
    for at in (
        {"height": output.size("height") // 2, "width": 0},
        {"height": 0, "width": output.size("width") - 1},
    ):
        x = torch.ones((1, *graph.inputs["input"].dims), dtype=torch.float64, requires_grad=True)
        net(x)[0, :, at["height"], at["width"]].sum().backward()
        rows, columns = (
            np.flatnonzero(x.grad[0].abs().sum(dim=d).numpy().any(axis=1 - i)) for i, d in ((0, 0), (1, 0))
        )
        assert region(graph, number, at) == {
            "input": {
                "height": (int(rows[0]), int(rows[-1])),
                "width": (int(columns[0]), int(columns[-1])),
            }
        }


def linear(torch: Any, net: Any) -> Any:
    """The network with positive weights, averages for maxima, and nothing that could hide a gradient."""
    net = net.double()
    for name, module in [*net.named_children()]:
        if isinstance(module, torch.nn.MaxPool2d):
            pool = torch.nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            setattr(net, name, pool)
        elif isinstance(
            module, torch.nn.BatchNorm2d | torch.nn.ReLU | torch.nn.ReLU6 | torch.nn.LocalResponseNorm
        ):
            setattr(net, name, torch.nn.Identity())
    for parameter in net.parameters():
        parameter.data.fill_(1 / 64)
    return net


PYRAMID = """
input: 2x60x60
layers:
  - before: conv2d 4 3 padding=1
  - concat:
      self: identity
      p1: [adaptive_avg_pool2d 1, conv2d 2 1, upsample size=60]
      p2: [adaptive_avg_pool2d 2, conv2d 2 1, upsample 30 mode=bilinear]
      p3: [adaptive_avg_pool2d 7, conv2d 2 1, upsample size=60 mode=bilinear]
      p6: [adaptive_avg_pool2d 6, conv2d 2 1, upsample size=60]
"""

# By hand, of 60 positions behind a 3x3 window: bins of 30 see 32, between the middles of two bins both
# are read; bins of 10 see 12. 60/7 is no whole number: bins of 9 and 10.
POOLED = {
    "p1": (62, 62, None, -1, ""),
    "p2": (32, 62, 1, -1, "height"),
    "p3": (11, 20, 1, -1, "height"),
    "p6": (12, 12, 1, -1, "height"),
}


@pytest.mark.parametrize("branch", POOLED)
def test_pooled_and_enlarged_again(branch: str) -> None:
    """Each output position sees the bins that it reads, and there is nothing beyond the outermost bins."""
    graph = elaborate(from_text(Source("pyramid", PYRAMID)))
    field = fields(graph).layers[find(graph, branch)][0]

    assert (field.smallest, field.size, field.jump, field.start, field.along) == POOLED[branch]
    assert field.whole is (branch == "p1")


@pytest.mark.parametrize("branch", POOLED)
def test_gradients_of_pooled_and_enlarged(branch: str) -> None:
    """The gradient of each position of a pyramid's branch is not zero just where that sees."""
    torch = pytest.importorskip("torch")
    from tests.oracle import torch_graph

    graph = elaborate(from_text(Source("pyramid", PYRAMID)))
    number = find(graph, branch)
    field = fields(graph).layers[number][0]
    cut = graph._replace(layers=graph.layers[: number + 1], outputs=(len(graph.inputs) + number,))
    net = linear(torch, torch_graph.network(cut))
    for at in range(60):
        x = torch.ones((1, 2, 60, 60), dtype=torch.float64, requires_grad=True)
        net(x)[0, :, at].sum().backward()
        rows = np.flatnonzero(x.grad[0].abs().sum(dim=(0, 2)).numpy())
        first, last = field.reach.over(at, at)
        assert (max(first, 0), min(last, 59)) == (rows[0], rows[-1])
        assert region(graph, number, {"height": at})["input"]["height"] == (rows[0], rows[-1])


def test_enlarged_from_one_position() -> None:
    """All positions read the only one, by whatever mode, and so see what it sees."""
    for mode in ("nearest", "bilinear"):
        text = f"input: 3x8x8\nlayers: [conv2d 4 6, max_pool2d 3, upsample 5 mode={mode}]\n"
        (field, _) = fields(elaborate(from_text(Source("one", text)))).layers[-1]

        assert (field.along, field.jump, field.start, field.size, field.smallest) == ("", None, 0, 8, 8)
        assert field.whole


# ------------------------------------------------------------------------------------- alignment


def test_misaligned_paths_are_named(tmp_path: Path) -> None:
    """TensorFlow's padding of a strided 3x3 at an even size is one position off a strided 1x1."""
    path = tmp_path / "misaligned.yaml"
    path.write_text(
        "name: misaligned\n" + "\n".join(line[8:] for line in NETWORKS["misaligned"].splitlines())
    )

    found = fields(load(str(path)).graph()).misaligned

    assert [(item.layer, item.axis, item.paths, item.shift) for item in found] == [
        ("add", "height", ("main", "skip"), -1),
        ("add", "width", ("main", "skip"), -1),
    ]


def test_joined_along_space(tmp_path: Path) -> None:
    """Windows of 3 and of 4 over 5 positions, one behind the other: each position sees what its own window does,
    the last one too; pairs of neighbours see what both do.
    """
    path = tmp_path / "joined.yaml"
    path.write_text(
        "name: joined\ninput: 1x5\nlayers:\n  - a: conv1d 1 3\n  - b: conv1d 1 4 from input\n"
        "  - both: concat axis=length from a b\n  - pairs: conv1d 1 2\n"
    )
    found = fields(load(str(path)).graph())

    def seen(layer: str, length: int) -> list[tuple[int, int]]:
        (field,) = found.layers[find(found.graph, layer)]
        return [field.reach.over(place, place) for place in range(length)]

    assert seen("both", 5) == [(0, 2), (1, 3), (2, 4), (0, 3), (1, 4)]
    assert seen("pairs", 4) == [(0, 3), (1, 4), (0, 4), (0, 4)]


@pytest.mark.parametrize(("size", "middle"), [(7, 3), (8, 4)])
def test_the_middle_position(tmp_path: Path, run: Run, size: int, middle: int) -> None:
    """Without a choice: the middle one, of an even number the second of the two."""
    path = tmp_path / "one.yaml"
    path.write_text(f"name: one\ninput: 1x{size}\nlayers: [a: relu]\n")

    document = json.loads(run("field", path, "a", "--format", "json").out)

    assert document["at"]["position"] == {"length": middle}


def test_different_jumps_are_named(tmp_path: Path) -> None:
    """Paths of one size that move at different paces have no common centre."""
    path = tmp_path / "paces.yaml"
    path.write_text(
        "name: paces\ninput: 1x9\nlayers:\n  - add: {slow: conv1d 1 6, fast: conv1d 1 3 stride=2}\n"
    )

    (item,) = fields(load(str(path)).graph()).misaligned

    assert (item.jumps, item.shift) == ((1, 2), None)


@pytest.mark.parametrize(
    "model", ["resnet-50", "inception-v3", "densenet-121", "unet", "mobilenet-v2", "gpt-2"]
)
def test_symmetric_networks_are_aligned(model: str) -> None:
    """Where every padding is symmetric, no paths are misaligned."""
    assert fields(load(model).graph()).misaligned == ()


def test_caffe_pooling_of_inception_is_misaligned() -> None:
    """BN-Inception's grid reductions pool without padding beside padded convolutions: half a window off."""
    found = fields(load("bn-inception").graph()).misaligned

    assert {(item.layer, item.shift) for item in found} == {("inception_3c", 8), ("inception_4e", 16)}


def test_all_bundled_models_have_fields() -> None:
    """Nothing that is bundled is out of the rules' reach."""
    for model in (
        "llama1-7b",
        "swin-tiny",
        "mixer-s32",
        "efficientnet-b0",
        "fcn-vgg16",
        "senet154",
        "vit-b16",
    ):
        found = fields(load(model).graph())
        assert all(field.size > 0 for layer in found.layers for field in layer)
        assert found.layers[-1]


# --------------------------------------------------------------------------------- the command line


def test_table(run: Run) -> None:
    """Without a layer: the tree of blocks, each with the field of its last layer."""
    result = run("field", "vgg-16", "--depth", "1")

    assert result.code == 0
    row = next(line for line in result.out.splitlines() if line.startswith("pool5"))
    assert row.split()[-3:] == ["212", "32", "-90"]
    assert next(line for line in result.out.splitlines() if line.startswith("fc6")).split()[-1] == "all"


def test_sizes_that_vary_by_position_are_told(run: Run) -> None:
    """U-Net's outputs see 188 to 204 positions, which following single ones back gives as well."""
    graph = load("unet").graph()
    number = find(graph, "output")
    boxes = [region(graph, number, {"height": at, "width": at})["input"] for at in range(150, 182)]
    sizes = {last - first + 1 for first, last in (box["height"] for box in boxes)}

    table, one = run("field", "unet").out, run("field", "unet", "output").out

    assert (min(sizes), max(sizes)) == (188, 204)
    assert re.search(r"^output .* 188-204 +1 +0$", table, re.MULTILINE)
    assert re.search(r"^input height +572 +188-204 ", one, re.MULTILINE)
    for text in (table, one):
        assert "a-b: positions see different sizes, from a to b, as after upsampling" in text
    assert "a-b" not in run("field", "vgg-16").out
    assert run("field", "unet", "output", "--format", "csv").out.splitlines()[1].split(",")[-1] == "188"


def test_uneven_steps_are_told(run: Run, tmp_path: Path) -> None:
    """Behind an upsampling pairs of positions see the same, though all see equally much."""
    path = tmp_path / "up.yaml"
    path.write_text("name: up\ninput: 1x8x8\nlayers: [conv2d 2 4 stride=2 padding=1, upsample 2]\n")
    said = "the jump is a mean where fields move by unequal steps"

    assert said in run("field", path).out
    assert said in run("field", path, "upsample").out
    assert said not in run("field", path, "conv2d").out
    assert "a-b" not in run("field", path).out
    assert said not in run("field", "resnet-50").out


def test_columns_of_count(run: Run) -> None:
    """`count` shows the same three columns."""
    result = run("count", "resnet-50", "--depth", "1", "--columns", "field,jump,start")

    row = next(line for line in result.out.splitlines() if line.startswith("conv5_x"))
    assert row.split()[1:] == ["427", "32", "-213"]


def test_one_layer_as_json(run: Run) -> None:
    """With a layer: its field, what a position sees, and who sees an input position."""
    result = run("field", "vgg-16", "pool5", "--at", "0,3", "--from", "0,100", "--format", "json")

    document = json.loads(result.out)
    assert document["schema"] == "paramcalc/field/1"
    assert [layer["path"] for layer in document["layers"]] == ["pool5"]
    assert document["layers"][0]["fields"][0] == {
        "input": "input", "axis": "height", "along": "height", "size": 212, "jump": 32, "start": -90,
        "padding": 90, "whole": False, "least": 212,
    }  # fmt: skip
    assert document["at"]["region"] == {"input": {"height": [0, 121], "width": [6, 217]}}
    assert document["from"]["seen_by"] == {"height": [0, 2], "width": [0, 5]}


def test_picture(run: Run) -> None:
    """The picture is well-formed, and shows the input, the region, and two fields to scale."""
    result = run("field", "vgg-16", "pool3", "--at", "1,1", "--format", "svg")

    root = ElementTree.fromstring(result.out)
    page, *boxes = [float(box.get("width", "0")) for box in root.iter("{http://www.w3.org/2000/svg}rect")]
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert len(boxes) == 4 + 4  # the second four explain the first
    assert max(boxes) < page
    assert boxes[2] / boxes[0] == pytest.approx(44 / 224, abs=1e-3)
    assert {"height, 224", "width, 224 positions", "0", "223", "its field, with padding"} <= texts


@pytest.mark.parametrize("format", ["csv", "markdown", "latex", "html"])
def test_formats(run: Run, format: str) -> None:
    """Every format has the size of the last pooling."""
    result = run("field", "vgg-16", "--depth", "1", "--format", format)

    assert result.code == 0
    assert "212" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pool9",), "no layer matches 'pool9'"),
        (("pool5", "--at", "7,0"), "there is no position 7"),
        (("pool5", "--at", "1"), "a position needs a number per axis: 2, not 1"),
        (("pool5", "--at", "a,b"), "'a,b' is not a position"),
        (("pool5", "--from", "left=1,2"), "there is no input 'left'"),
        (("--at", "1,2"), "--at, --from and --format svg need one layer"),
    ],
)
def test_mistakes(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """A layer or position that is not there is an error that says so."""
    result = run("field", "vgg-16", *arguments)

    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "input: 1x10\nlayers: [upsample size=999999999]",
            "large.yaml:3:10: 'upsample' has too many positions to follow",
        ),
        ("input: 1x1\nlayers: [conv_transpose1d 1 3 stride=1000000007]", "large.yaml:3:10: "),
        ("input: 1x1\nlayers: [conv_transpose1d 1 3 stride=1000000007]", "repeats only after 1,000,000,007"),
        (
            "input: {height: 4, width: 4, channels: 4}\nlayers: [window_attention 2 2000000]",
            "repeats only after 2,000,000",
        ),
    ],
)
def test_limits(run: Run, tmp_path: Path, text: str, message: str) -> None:
    """What would take too long to follow is an error at once."""
    (tmp_path / "large.yaml").write_text(f"name: large\n{text}\n")

    result = run("field", tmp_path / "large.yaml")

    assert result.code == 2
    assert message in result.err


def test_position_outside_is_refused() -> None:
    graph = load("lenet5-1998").graph()

    with pytest.raises(Fault, match="there is no channels axis for a position"):
        region(graph, 0, {"channels": 1})


def test_many_joins_are_summed_up(run: Run, tmp_path: Path) -> None:
    """Of ten causal blocks, none of them aligned, the first and the last are named, and JSON has all."""
    path = tmp_path / "causal.yaml"
    path.write_text("""input: 4x64
layers:
  - stack:
      repeat: 10
      layers:
        - join:
            add:
              skip: identity
              main: pad ((1, 0),), conv1d 4 2
""")

    text = run("field", path).out
    found = json.loads(run("field", path, "--format", "json").out)["misaligned"]

    assert [item["layer"] for item in found] == [f"stack/{number}/join" for number in range(10)]
    assert "10 joins are not aligned; the first and the last (--format json has all):\n" in text
    assert re.findall(r"^not aligned in (\S+)", text, re.MULTILINE) == ["stack/0/join", "stack/9/join"]
