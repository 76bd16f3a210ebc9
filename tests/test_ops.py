"""Every op, as the registry lists it: documented, with examples that hold."""

from __future__ import annotations

import json
from math import prod

import pytest

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.count.report import Counts, count
from paramcalc.memory.memory import Plan, memory
from paramcalc.ops.attributes import op
from paramcalc.ops.base import Example, Op
from tests import calls
from tests.conftest import Run

EXAMPLES = [(name, example) for name, kind in ops.every().items() for example in kind.examples]
KINDS_OF_WORK = {
    "add", "subtract", "multiply", "divide", "compare", "exp", "log", "sqrt", "power", "tanh", "erf",
    "sin", "cos",
}  # fmt: skip
GROWING = {"macs", "flops", "connections", "activations", "contraction_activations"}  # with the batch


@pytest.mark.parametrize("kind", ops.every().values(), ids=lambda kind: kind.name)
def test_op_is_documented(kind: type[Op]) -> None:
    """Every op says what it does, and shows at least one call."""
    assert kind.__doc__
    assert kind.__doc__.strip().split("\n")[0].endswith((".", ":"))
    assert kind.examples
    assert all(example.call.split()[0] in (kind.name, *family(kind)) for example in kind.examples)


def family(kind: type[Op]) -> list[str]:
    """The names of all members of the op's family."""
    return [f"{stem(kind)}{rank}d" for rank in kind.ranks]


def stem(kind: type[Op]) -> str:
    """The op's name without its number of dimensions."""
    return kind.name.removesuffix(f"{kind.rank}d")


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_example(name: str, example: Example) -> None:
    """Every example gives the output, parameters and multiply-accumulates that it states."""
    op = calls.call(example.call)
    inputs = tuple(calls.shape(text) for text in example.inputs)
    weights, cost = op.weights(*inputs), op.cost(*inputs)

    assert str(op.shape(*inputs)) == example.output
    assert sum(prod(dims) for dims in weights.values()) == example.params
    assert cost.macs == example.macs


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_facts_are_exact_and_of_known_kinds(name: str, example: Example) -> None:
    """All facts are whole numbers, work is of the documented kinds, and named weights exist."""
    op = calls.call(example.call)
    inputs = tuple(calls.shape(text) for text in example.inputs)
    cost = op.cost(*inputs)

    assert KINDS_OF_WORK.issuperset(cost.operations)
    assert all(type(fact) is int and fact >= 0 for fact in (*cost[:2], *cost.operations.values()))
    assert set(op.weights(*inputs)) >= op.frozen
    assert not set(op.weights(*inputs)) & set(op.buffers(*inputs))


def test_lenet_connections() -> None:
    """The sub-sampling and output layers of LeNet-5 have the connections its paper states."""
    stated = {
        "6x28x28": ("subsample 2", 5_880),
        "16x10x10": ("subsample 2", 2_000),
        "84": ("rbf 10", 840),
        "1x32x32": ("conv2d 6 5", 122_304),
        "16x5x5": ("conv2d 120 5", 48_120),
    }

    for entering, (call, connections) in stated.items():
        assert calls.call(call).cost(calls.shape(entering)).connections == connections


WORK: list[tuple[str, str, int, dict[str, int]]] = [
    # 8 outputs, each one product and a bias
    ("conv2d 2 1", "1x2x2", 16, {"add": 8}),
    # 4 windows of 4
    ("max_pool2d 2", "1x4x4", 16, {"compare": 12}),
    ("avg_pool2d 2", "1x4x4", 16, {"add": 12, "divide": 4}),
    ("subsample 2", "1x4x4", 20, {"add": 16, "multiply": 4}),
    # bins 0-2, 2-4, 4-6
    ("adaptive_avg_pool1d 3", "1x7", 9, {"add": 6, "divide": 3}),
    ("adaptive_max_pool1d 3", "1x7", 9, {"compare": 6}),
    ("global_avg_pool", "2x3x3", 18, {"add": 16, "divide": 2}),
    ("global_max_pool", "2x3x3", 18, {"compare": 16}),
    # 9 positions of 2 channels; 2 rows of 3 in each channel
    ("reduce_mean", "2x3x3", 18, {"add": 9, "divide": 9}),
    ("reduce_max", "2x3x3", 18, {"compare": 9}),
    ("reduce_max width", "2x2x3", 12, {"compare": 8}),
    # of each: square, two additions, alpha/size, k, power, quotient
    ("local_response_norm 3", "1x2x2", 0, {"multiply": 8, "add": 12, "power": 4, "divide": 4}),
    ("rbf 2", "3", 6, {"subtract": 6, "multiply": 6, "add": 4}),
    ("softmax", "3", 0, {"compare": 2, "subtract": 3, "exp": 3, "add": 2, "divide": 3}),
    ("batch_norm", "2x2x2", 0, {"multiply": 8, "add": 8}),
    # two groups of three: twice 2 additions for the mean, twice 2 for the variance, 2 epsilons, 6 biases
    (
        "layer_norm",
        "{length: 2, channels: 3}",
        0,
        {"add": 16, "subtract": 6, "multiply": 18, "divide": 6, "sqrt": 2},
    ),
    ("rms_norm", "{length: 2, channels: 3}", 0, {"multiply": 18, "add": 6, "divide": 4, "sqrt": 2}),
    # two steps of 3 channels, each from 2 and 3: 6 products and 9, and for each channel of the state
    # their sum, a bias, a sigmoid (exp, add, divide) or tanh, and what the cell does
    ("rnn 3", "{length: 2, channels: 2}", 2 * 18, {"add": 2 * 3 * 2, "tanh": 2 * 3}),
    (
        "rnn 3 activation=relu bias=false",
        "{length: 2, channels: 2}",
        2 * 15,
        {"add": 2 * 3, "compare": 2 * 3},
    ),
    (
        "lstm 3",
        "{length: 2, channels: 2}",
        2 * 72,
        {"add": 6 * (4 + 4 + 3 + 1), "exp": 6 * 3, "divide": 6 * 3, "tanh": 6 * 2, "multiply": 6 * 3},
    ),
    (
        "lstm 3 peephole=true bias=false",
        "{length: 2, channels: 2}",
        2 * 60,
        {
            "add": 6 * (4 + 3 + 1 + 3),
            "exp": 6 * 3,
            "divide": 6 * 3,
            "tanh": 6 * 2,
            "multiply": 6 * (3 + 3),
        },
    ),
    (
        "gru 3",  # the candidate has two biases: one is multiplied by the reset gate
        "{length: 2, channels: 2}",
        2 * (45 + 12),
        {
            "add": 6 * (3 + 4 + 2 + 1),
            "exp": 6 * 2,
            "divide": 6 * 2,
            "tanh": 6,
            "multiply": 6 * 3,
            "subtract": 6,
        },
    ),
    (
        "gru 3 biases=1",  # one bias for each gate, and none beside it
        "{length: 2, channels: 2}",
        2 * (45 + 9),
        {
            "add": 6 * (3 + 3 + 2 + 1),
            "exp": 6 * 2,
            "divide": 6 * 2,
            "tanh": 6,
            "multiply": 6 * 3,
            "subtract": 6,
        },
    ),
    (
        "gru 3 reset_after=false",
        "{length: 2, channels: 2}",
        2 * (45 + 9),
        {
            "add": 6 * (3 + 3 + 2 + 1),
            "exp": 6 * 2,
            "divide": 6 * 2,
            "tanh": 6,
            "multiply": 6 * 3,
            "subtract": 6,
        },
    ),
    # two steps of 2 positions; each of 4 gates reads the input, the state and a bias
    (
        "conv_lstm2d 1 1",
        "{length: 2, channels: 1, height: 1, width: 2}",
        4 * 4 * (1 + 1 + 1),
        {"add": 4 * (4 + 4 + 3 + 1), "exp": 4 * 3, "divide": 4 * 3, "tanh": 4 * 2, "multiply": 4 * 3},
    ),
    ("cumsum length", "{length: 4, channels: 3}", 0, {"add": 9}),
    ("reduce_sum axis=(height,width)", "2x3x3", 18, {"add": 16}),
    ("reduce_min", "2x3x3", 18, {"compare": 9}),
    # two vectors of nine: each value squared, eight sums, one root
    ("reduce_norm axis=(height,width)", "2x3x3", 18, {"multiply": 18, "add": 16, "sqrt": 2}),
    # two vectors of three
    (
        "l2_norm",
        "{length: 2, channels: 3}",
        0,
        {"multiply": 6, "add": 4, "sqrt": 2, "compare": 2, "divide": 6},
    ),
    # 4 windows of 4: each value to the power p, and each sum to 1/p
    ("lp_pool2d 3 2", "1x4x4", 16, {"power": 16 + 4, "add": 12}),
    ("fold1d 4 3", "3x2", 0, {"add": 6}),
    ("argmax", "3x2x2", 0, {"compare": 8}),
    ("argmax length", "{length: 7}", 0, {"compare": 6}),
    # 6 + 5 + 4 comparisons for each of two channels
    ("top_k 3 length", "{length: 7, channels: 2}", 0, {"compare": 30}),
    ("quick_gelu", "5", 0, {"multiply": 5, "exp": 5, "add": 5, "divide": 5}),
    ("clip -1 1", "5", 0, {"compare": 10}),
    ("clip none high=1", "5", 0, {"compare": 5}),
    ("power 3", "5", 0, {"power": 5}),
    ("sin", "5", 0, {"sin": 5}),
    ("cos", "5", 0, {"cos": 5}),
    ("log", "5", 0, {"log": 5}),
    ("sqrt", "5", 0, {"sqrt": 5}),
    ("erf", "5", 0, {"erf": 5}),
    ("gelu", "5", 0, {"multiply": 15, "add": 5, "erf": 5}),
    ("gelu tanh", "5", 0, {"multiply": 30, "add": 10, "tanh": 5}),
    ("hard_swish", "5", 0, {"add": 5, "compare": 10, "multiply": 5, "divide": 5}),
    ("abs", "5", 0, {"compare": 5}),
    ("softplus", "5", 0, {"multiply": 5, "compare": 5, "exp": 5, "add": 5, "log": 5, "divide": 5}),
    ("mish", "5", 0, {"exp": 5, "add": 5, "log": 5, "tanh": 5, "multiply": 5}),
    ("dropout", "5", 0, {}),
]


@pytest.mark.parametrize(("call", "entering", "connections", "operations"), WORK)
def test_work(call: str, entering: str, connections: int, operations: dict[str, int]) -> None:
    """What an op does besides multiply-accumulates, counted by hand on a tiny input."""
    cost = calls.call(call).cost(calls.shape(entering))

    assert cost.connections == connections
    assert cost.operations == operations


# by hand as well: macs, connections, and what else is computed
WORK_WITH_MACS: list[tuple[str, tuple[str, ...], int, int, dict[str, int]]] = [
    # 2 heads of 2. Projections 3 * 16 each, scores and their use 9 pairs * 4 each, biases 4 * 12; 18 scores, 6 rows
    (
        "self_attention 2",
        ("{length: 3, channels: 4}",),
        4 * 48 + 2 * 36,
        4 * 48 + 2 * 36 + 48,
        {"add": 48 + 12, "multiply": 12, "compare": 12, "subtract": 18, "exp": 18, "divide": 18},
    ),
    # 3 queries meet 5 positions of 6 channels. Biases 2 * 12 and 2 * 20; 30 scores in 6 rows; 12 queries scaled
    (
        "cross_attention 2",
        ("{length: 3, channels: 4}", "{length: 5, channels: 6}"),
        2 * 48 + 2 * 120 + 2 * 60,
        456 + 64,
        {"add": 64 + 24, "multiply": 12, "compare": 24, "subtract": 30, "exp": 30, "divide": 30},
    ),
    # the same with values of 5 channels: 4 * 5 weights of values, in place of 24
    (
        "cross_attention 2",
        ("{length: 3, channels: 4}", "{length: 5, channels: 6}", "{length: 5, channels: 5}"),
        2 * 48 + 120 + 100 + 2 * 60,
        436 + 64,
        {"add": 64 + 24, "multiply": 12, "compare": 24, "subtract": 30, "exp": 30, "divide": 30},
    ),
    # each of 5 meets 3, the one before and the one after; nothing is scaled
    (
        "self_attention 2 window=3 bias=false scale=1",
        ("{length: 5, channels: 4}",),
        5 * 64 + 15 * 8,
        440,
        {"add": 20, "compare": 20, "subtract": 30, "exp": 30, "divide": 30},
    ),
    # 2 x 3 positions in two sequences of 3: 18 pairs; biases 4 * 4 * 6; 36 scores in 12 rows
    (
        "self_attention 2",
        ("{height: 2, length: 3, channels: 4}",),
        4 * 96 + 2 * 72,
        528 + 96,
        {"add": 96 + 24, "multiply": 24, "compare": 24, "subtract": 36, "exp": 36, "divide": 36},
    ),
    # 4 heads of 1, keys and values of 2 of them: 16 weights of queries and of outputs, 8 of keys and of values
    (
        "self_attention 4 kv_heads=2 causal=true bias=false",
        ("{length: 3, channels: 4}",),
        3 * (16 + 8 + 8 + 16) + 2 * 36,
        216,
        {"add": 24, "multiply": 12, "compare": 24, "subtract": 36, "exp": 36, "divide": 36},
    ),
    # each of 5 meets 2, of 2 heads of 2; biases of 3 projections; 2 * 4 channels turned for each token
    (
        "self_attention 2 causal=true window=2 key_bias=false rotary=true",
        ("{length: 5, channels: 4}",),
        5 * 64 + 10 * 8,
        400 + 60,
        {
            "add": 60 + 10 + 40,
            "multiply": 20 + 80,
            "compare": 10,
            "subtract": 20,
            "exp": 20,
            "divide": 20,
        },
    ),
    # 1 meets 6, compares 3 and sums 5 channels; norms of 4 rows of 3; a bias of its distance for each of 12 scores
    (
        "self_attention 2 head_dim=3 value_dim=5 bias=false qk_norm=rms position_bias=8 causal=true past=5",
        ("{length: 1, channels: 4}",),
        (24 + 24 + 40 + 40) + 12 * 8,
        224,
        {
            "add": 10 + 12 + 12,
            "multiply": 6 + 36,
            "compare": 10,
            "subtract": 12,
            "exp": 12,
            "divide": 12 + 8,
            "sqrt": 4,
        },
    ),
    # 9 rows of 2 are normalized: 2 sums, epsilon and 2 biases; 2 centred; 2 squares, scalings, weights; 3 divisions
    (
        "self_attention 2 kv_heads=1 qk_norm=layer bias=false",
        ("{length: 3, channels: 4}",),
        3 * (16 + 8 + 8 + 16) + 18 * 4,
        216,
        {
            "add": 12 + 9 * 5,
            "multiply": 12 + 9 * 6,
            "compare": 12,
            "subtract": 18 + 9 * 2,
            "exp": 18,
            "divide": 18 + 9 * 3,
            "sqrt": 9,
        },
    ),
    # one norm of 8 queries and one of 4 keys at each of 3 positions: squares 1 less, a mean, epsilon, root, 2 products
    (
        "self_attention 4 kv_heads=2 bias=false qk_norm=rms_all",
        ("{length: 3, channels: 8}",),
        3 * (64 + 32 + 32 + 64) + 9 * 4 * 2 * 2,
        3 * (64 + 32 + 32 + 64) + 9 * 4 * 2 * 2,
        {
            "add": (36 - 12) + 3 * (8 + 4),
            "multiply": 3 * 8 + 3 * (8 + 4) * 3,
            "compare": 36 - 12,
            "subtract": 36,
            "exp": 36,
            "divide": 36 + 6 * 2,
            "sqrt": 6,
        },
    ),
    # keys and values are there: queries and outputs of 3 tokens, 15 pairs
    (
        "cross_attention 2 prepared=true",
        ("{length: 3, channels: 4}", "{length: 5, channels: 6}"),
        2 * 48 + 2 * 60,
        216 + 24,
        {"add": 24 + 24, "multiply": 12, "compare": 24, "subtract": 30, "exp": 30, "divide": 30},
    ),
    # 48 + 60 + 48 + 64 + 80 weights; 2 heads compare 5 and sum 5; rows of 6 and of 4 normalized; 3 * 2 turned
    (
        "latent_attention 2 4 3 2 5 q_rank=6",
        ("{length: 3, channels: 8}",),
        3 * 300 + 18 * 10,
        1080,
        {
            "add": 12 + 30 + 18,
            "multiply": 30 + 3 * 30 + 2 * 18,
            "compare": 12,
            "subtract": 18,
            "exp": 18,
            "divide": 18 + 2 * 6,
            "sqrt": 6,
        },
    ),
    # the same for one token after 3 others, on latents: compares 4 + 2, sums 4
    (
        "latent_attention 2 4 3 2 5 q_rank=6 causal=true absorbed=true past=3",
        ("{length: 1, channels: 8}",),
        300 + 8 * 10,
        380,
        {
            "add": 6 + 10 + 6,
            "multiply": 10 + 30 + 12,
            "compare": 6,
            "subtract": 8,
            "exp": 8,
            "divide": 8 + 4,
            "sqrt": 2,
        },
    ),
    # 3 tokens of 2 heads, 4 channels of each
    ("rotary heads=2 dim=4", ("{length: 3, channels: 12}",), 0, 0, {"multiply": 48, "add": 24}),
    # 3 rows are filled up to 4: 8 positions in 2 windows, 32 pairs; each score has a bias of its place
    (
        "window_attention 2 2",
        ("{height: 3, width: 2, channels: 4}",),
        8 * 64 + 2 * 128,
        768 + 128,
        {"add": 128 + 48 + 64, "multiply": 32, "compare": 48, "subtract": 64, "exp": 64, "divide": 64},
    ),
    (
        "window_attention 2 2 relative_bias=false bias=false",
        ("{height: 2, width: 2, channels: 4}",),
        4 * 64 + 2 * 64,
        384,
        {"add": 24, "multiply": 16, "compare": 24, "subtract": 32, "exp": 32, "divide": 32},
    ),
    # 4 positions and 2 heads of 2: 8 queries and as many keys, each of which is divided by its length
    (
        "window_attention 2 2 bias=false cosine=true",
        ("{height: 2, width: 2, channels: 4}", "{length: 9, channels: 2}"),
        4 * 64 + 2 * 64,
        384,
        {
            "add": 24 + 32 + 16,
            "multiply": 16 + 32,
            "compare": 24 + 16,
            "subtract": 32,
            "exp": 32,
            "divide": 32 + 32,
            "sqrt": 16,
        },
    ),
    # a bias for each of 9 pairs of each of 2 heads
    (
        "self_attention 2 bias=false",
        ("{length: 3, channels: 4}", "{height: 2, length: 3, channels: 3}"),
        3 * 64 + 2 * 36,
        264,
        {"add": 12 + 18, "multiply": 12, "compare": 12, "subtract": 18, "exp": 18, "divide": 18},
    ),
    # each input meets 2 outputs of 2x2; each of 3 inputs meets 3 positions of 2 of the outputs
    ("conv_transpose2d 2 2 stride=2", ("3x2x2",), 4 * 3 * 8, 96 + 32, {"add": 32}),
    ("conv_transpose1d 4 3 groups=2 bias=false", ("2x4",), 4 * 2 * 6, 48, {}),
    ("conv1d 2 3 groups=2", ("4x5",), 3 * 2 * 6, 36 + 6, {"add": 6}),
    ("conv2d 4 3x1 stride=2 padding=1 dilation=2", ("2x5x5",), 8 * 4 * 6, 192 + 32, {"add": 32}),
    ("conv2d 2 1 connections=((0,1),(1,))", ("2x2x2",), 4 * 3, 12 + 8, {"add": 8}),
    # a kernel of 36 that is computed, at 30 positions
    ("conv2d 2 3 padding=1", ("2x5x6", "36"), 30 * 36, 30 * 38, {"add": 60}),
    # a kernel of 2*3 of its own, and a bias, at each of 3 positions
    ("local_conv1d 1 3 padding=1 bias=false", ("2x3",), 18, 18, {}),
    ("local_conv2d 2 2", ("1x2x3",), 2 * 8, 16 + 4, {"add": 4}),
    # 2 positions of 3 taps: 6 places, each 2 additions, 4 differences, 4 products; 12 values, each 4 products, 3 sums
    (
        "deform_conv2d 2 1x3 bias=false",
        ("2x1x4", "6x1x2"),
        2 * 12,
        24,
        {"add": 12 + 36, "subtract": 24, "multiply": 24 + 48},
    ),
    # two groups of offsets, 12 places; a product more for each value with its mask
    (
        "deform_conv2d 2 1x3",
        ("2x1x4", "12x1x2", "6x1x2"),
        2 * 12,
        24 + 4,
        {"add": 24 + 36 + 4, "subtract": 48, "multiply": 48 + 48 + 12},
    ),
    ("einsum 'qc,kc->qk'", ("{length: 2, channels: 3}", "{length: 5, channels: 3}"), 30, 30, {}),
    # 2 tokens of 3 channels, a state of 4: delta*A, its exponential, the decay, delta*x times b, their sum; c times h
    (
        "selective_scan",
        (
            "{length: 2, channels: 3}",
            "{length: 2, channels: 3}",
            "{length: 2, channels: 4}",
            "{length: 2, channels: 4}",
        ),
        24,
        24,
        {"multiply": 3 * 24 + 2 * 6, "exp": 24, "add": 24 + 6},
    ),
    ("divide", ("2x3x3", "2"), 0, 0, {"divide": 18}),
    ("maximum", ("5", "5", "5"), 0, 0, {"compare": 10}),
    ("minimum", ("5", "5"), 0, 0, {"compare": 5}),
    # 6 places: row and column scaled and shifted; weights 4 differences, 4 products; 18 values of 4 products, 3 sums
    (
        "grid_sample",
        ("3x5x5", "{height: 2, width: 3, channels: 2}"),
        0,
        0,
        {"multiply": 12 + 24 + 72, "add": 12 + 54, "subtract": 24},
    ),
    (
        "grid_sample nearest",
        ("3x5x5", "{height: 2, width: 3, channels: 2}"),
        0,
        0,
        {"multiply": 12, "add": 12},
    ),
    ("max_unpool2d 2", ("3x2x3", "3x5x6"), 0, 0, {}),  # values are moved to places that the pooling found
    ("upsample 2 mode=bicubic", ("1x2x2",), 0, 0, {"multiply": 16 * 16, "add": 15 * 16}),
    ("linear 4", ("3",), 12, 16, {"add": 4}),
    ("linear 4 bias=false", ("{length: 3, channels: 4}",), 48, 48, {}),
    # a matrix of 3x4 for each output, and then its row of 4 with the right side
    ("bilinear 2", ("3", "4"), 2 * (12 + 4), 32 + 2, {"add": 2}),
    ("matmul", ("{length: 2, channels: 3}", "{length: 3, channels: 5}"), 30, 30, {}),
    ("add", ("5", "5", "5"), 0, 0, {"add": 10}),
    # 2 of 4 scores at 3 positions: 3 comparisons for each, a softmax over two; then 5 channels of both
    (
        "experts 4 2",
        ("{length: 3, channels: 4}", "{length: 3, experts: 2, channels: 5}"),
        0,
        0,
        {"compare": 18, "subtract": 6, "exp": 6, "add": 3 + 15, "divide": 6, "multiply": 30},
    ),
    (
        "experts 4 2 gates=sum",
        ("{length: 3, channels: 4}", "{length: 3, experts: 2, channels: 5}"),
        0,
        0,
        {"compare": 18, "add": 3 + 15, "divide": 6, "multiply": 30},
    ),
    (
        "experts 4 2 gates=scores",
        ("{length: 3, channels: 4}", "{length: 3, experts: 2, channels: 5}"),
        0,
        0,
        {"compare": 18, "add": 15, "multiply": 30},
    ),
    ("subtract", ("5", "5"), 0, 0, {"subtract": 5}),
    ("multiply", ("5", "5", "5"), 0, 0, {"multiply": 10}),
    ("affine", ("3x4",), 0, 0, {"multiply": 12, "add": 12}),
    ("layer_scale", ("3x4",), 0, 0, {"multiply": 12}),
    ("positions", ("{length: 3, channels: 4}",), 0, 0, {"add": 12}),
    # statistics of 2 rows of 4: 3 + 3 additions and an epsilon; 4 differences, squares, quotients; 3 divisions, a root
    ("instance_norm", ("2x2x2",), 0, 0, {"add": 14, "subtract": 8, "multiply": 16, "divide": 6, "sqrt": 2}),
    (
        "instance_norm affine=true",
        ("2x2x2",),
        0,
        0,
        {"add": 22, "subtract": 8, "multiply": 24, "divide": 6, "sqrt": 2},
    ),
    ("instance_norm affine=true track_running_stats=true", ("2x2x2",), 0, 0, {"add": 8, "multiply": 8}),
    ("batch_norm affine=false", ("2x2x2",), 0, 0, {"add": 8, "multiply": 8}),
    (
        "batch_norm track_running_stats=false",
        ("2x2x2",),
        0,
        0,
        {"add": 22, "subtract": 8, "multiply": 24, "divide": 6, "sqrt": 2},
    ),
    ("group_norm 2", ("4x3",), 0, 0, {"add": 34, "subtract": 12, "multiply": 36, "divide": 6, "sqrt": 2}),
    (
        "group_norm 2 affine=false",
        ("4x3",),
        0,
        0,
        {"add": 22, "subtract": 12, "multiply": 24, "divide": 6, "sqrt": 2},
    ),
    (
        "layer_norm bias=false",
        ("{length: 3, channels: 4}",),
        0,
        0,
        {"add": 21, "subtract": 12, "multiply": 36, "divide": 9, "sqrt": 3},
    ),
    (
        "layer_norm elementwise_affine=false",
        ("{length: 3, channels: 4}",),
        0,
        0,
        {"add": 21, "subtract": 12, "multiply": 24, "divide": 9, "sqrt": 3},
    ),
    (
        "rms_norm elementwise_affine=false",
        ("{length: 3, channels: 4}",),
        0,
        0,
        {"add": 12, "multiply": 24, "divide": 6, "sqrt": 3},
    ),
    # 2, 4, 8 samples for each element that comes out
    ("upsample 2", ("2x3",), 0, 0, {}),
    ("upsample 2 mode=linear", ("2x3",), 0, 0, {"multiply": 2 * 12, "add": 12}),
    ("upsample 2 mode=bilinear", ("1x2x2",), 0, 0, {"multiply": 4 * 16, "add": 3 * 16}),
    ("upsample 2 mode=trilinear", ("1x1x2x2",), 0, 0, {"multiply": 8 * 32, "add": 7 * 32}),
    ("max_pool1d 3 padding=1", ("1x4",), 0, 6, {"compare": 4}),
    ("avg_pool1d 3 2 padding=1", ("1x4",), 0, 6, {"add": 4, "divide": 2}),
    ("adaptive_avg_pool2d 2", ("1x3x4",), 0, 16, {"add": 12, "divide": 4}),
    ("adaptive_max_pool3d 1", ("1x2x2x2",), 0, 8, {"compare": 7}),
    ("softmax width", ("2x2x3",), 0, 0, {"compare": 8, "subtract": 12, "exp": 12, "add": 8, "divide": 12}),
    ("relu", ("5",), 0, 0, {"compare": 5}),
    ("relu6", ("5",), 0, 0, {"compare": 10}),
    ("leaky_relu", ("5",), 0, 0, {"compare": 5, "multiply": 5}),
    ("prelu", ("5",), 0, 0, {"compare": 5, "multiply": 5}),
    ("elu", ("5",), 0, 0, {"compare": 5, "exp": 5, "subtract": 5, "multiply": 5}),
    ("selu", ("5",), 0, 0, {"compare": 5, "exp": 5, "subtract": 5, "multiply": 5}),
    ("sigmoid", ("5",), 0, 0, {"exp": 5, "add": 5, "divide": 5}),
    ("silu", ("5",), 0, 0, {"exp": 5, "add": 5, "divide": 5}),
    ("hard_sigmoid", ("5",), 0, 0, {"add": 5, "compare": 10, "divide": 5}),
    ("tanh", ("5",), 0, 0, {"tanh": 5}),
    ("exp", ("5",), 0, 0, {"exp": 5}),
    ("square", ("5",), 0, 0, {"multiply": 5}),
    ("scale 2", ("5",), 0, 0, {"multiply": 5}),
    ("scale offset=-3", ("5",), 0, 0, {"add": 5}),
    ("scale 2 offset=-3", ("5",), 0, 0, {"multiply": 5, "add": 5}),
]
MOVING = {  # values that are looked up, moved or passed on: nothing is computed
    "center_crop", "channel_shuffle", "channels_first", "channels_last", "class_token", "concat", "crop", "drop_path",
    "embedding", "flatten", "flip", "gather", "identity", "offsets", "pad", "pad_channels", "parameter", "permute",
    "pixel_shuffle", "pixel_unshuffle", "relative_bias", "reshape", "roll", "select", "sine_positions", "slice",
    "slice_channels", "stack_as", "tile", "to_tokens", "unfold1d", "unfold2d", "unfold3d",
}  # fmt: skip


@pytest.mark.parametrize(("call", "entering", "macs", "connections", "operations"), WORK_WITH_MACS)
def test_work_with_macs(
    call: str, entering: tuple[str, ...], macs: int, connections: int, operations: dict[str, int]
) -> None:
    """Contractions and what else an op does, counted by hand."""
    cost = calls.call(call).cost(*map(calls.shape, entering))

    assert (cost.macs, cost.connections) == (macs, connections)
    assert {kind: number for kind, number in cost.operations.items() if number} == operations


def test_the_work_of_every_op_is_counted_by_hand() -> None:
    """An op is in one of the two tables, or computes nothing in any of its examples."""
    counted = {stem(type(calls.call(row[0]))) for row in (*WORK, *WORK_WITH_MACS)}
    own = [kind for kind in ops.every().values() if kind.__module__.startswith("paramcalc.ops")]
    moving = [kind for kind in own if stem(kind) not in counted]

    assert {kind.name for kind in moving} == MOVING
    for kind in moving:
        for example in kind.examples:
            cost = calls.call(example.call).cost(*map(calls.shape, example.inputs))
            assert (cost.macs, cost.connections, cost.operations) == (0, 0, {})


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_what_grows_with_the_batch(name: str, example: Example) -> None:
    """Work and activations are those of one sample times the batch; what is stored is the same for any."""
    graph = calls.alone(example.call, *example.inputs)
    one, three = count(graph).totals, count(graph, 3).totals

    for quantity in Counts._fields:
        times = 3 if quantity in GROWING else 1
        if quantity != "memory":
            assert getattr(three, quantity) == times * getattr(one, quantity), quantity
    assert three.memory - one.memory == 2 * one.activations


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_traffic_of_a_batch(name: str, example: Example) -> None:
    """Each sample brings its inputs and takes its output; weights are read once, but for the rows of a table."""
    graph = calls.alone(example.call, *example.inputs)
    (one,), (three,) = memory(graph).work, memory(graph, Plan(batch=3)).work
    moved = sum(prod(calls.shape(text).dims) for text in (*example.inputs, example.output.replace(" ", "")))
    looked_up = prod(calls.shape(example.inputs[0]).dims) * 768 if name == "embedding" else 0

    assert three.operations == 3 * one.operations
    assert three.traffic - one.traffic == 2 * 4 * (moved + looked_up)


@pytest.mark.parametrize(("batch", "rows"), [(1, 3), (2, 6), (3, 9), (4, 10), (8, 10)])
def test_rows_of_a_table_that_a_batch_reads(batch: int, rows: int) -> None:
    """Three ids a sample look up a row each, until the whole table of ten is read."""
    op = calls.call("embedding 10 4")

    assert op.weights_read(batch, calls.shape("{length: 3}")) == {"weight": rows * 4}


@pytest.mark.parametrize(
    ("call", "entering", "fits"),
    [
        # reflection copies other positions than the edge: of 3 there are 2; wrapping copies any
        ("conv1d 1 3 padding=2 padding_mode=reflect", "1x3", True),
        ("conv1d 1 3 padding=3 padding_mode=reflect", "1x3", False),
        ("conv1d 1 3 padding=3 padding_mode=circular", "1x3", True),
        ("conv1d 1 3 padding=4 padding_mode=circular", "1x3", False),
        ("pad 2 mode=reflect", "1x3x3", True),
        ("pad 3 mode=reflect", "1x3x3", False),
        ("max_pool1d 4 padding=2", "1x8", True),
        ("max_pool1d 4 padding=3", "1x8", False),
        ("dropout 0", "4", True),
        ("dropout 1", "4", True),
        ("dropout 1.01", "4", False),
        ("drop_path 1", "4", True),
        ("batch_norm eps=0", "4x2x2", True),
        ("batch_norm eps=1", "4x2x2", False),
    ],
)
def test_the_last_that_is_legal(call: str, entering: str, fits: bool) -> None:
    """Limits include their ends, as in PyTorch."""
    op, x = calls.call(call), calls.shape(entering)
    if fits:
        op.shape(x)
        return
    with pytest.raises(Fault, match=r"padding|cannot pad|probability|eps must be below"):
        op.shape(x)


@pytest.mark.parametrize("order", ["features channel map", "map channel features"])
def test_gates_ask_nothing_of_symbols(order: str, run: Run) -> None:
    """A gate fits also where the size that it lacks would be 1, so nothing is assumed."""
    spec = f"""
knobs: {{w: 8, h: 7}}
input: 4 x h x 3
layers:
  - features: conv2d w 1
  - channel: adaptive_avg_pool2d 1
  - map: conv2d 1 1 from features
  - multiply from {order}
"""

    said = run("formula", "-", "--in", "w,h", "--quantity", "macs", stdin=spec).out

    assert "macs = 15 h w\n" in said
    assert "for whole w, h >= 1\n" in said
    assert "assuming" not in said


@pytest.mark.parametrize(
    ("call", "left", "right", "fix"),
    [
        ("matmul", "{length: 4, channels: 3}", "{length: 5, channels: 3}", "transpose=true would fit"),
        ("matmul transpose=true", "{length: 4, channels: 3}", "{length: 3, channels: 2}", "transpose=false"),
        ("matmul", "2x3x4", "1x4x5", ""),  # nothing is spread
        ("matmul", "3x4", "2x4x5", ""),
        ("matmul", "4", "4x5", "reshape"),
    ],
)
def test_matrices_that_do_not_fit(call: str, left: str, right: str, fix: str) -> None:
    """The depths must be equal, the leading axes as well; what would fit is said."""
    with pytest.raises(Fault) as caught:
        calls.call(call).shape(calls.shape(left), calls.shape(right))

    assert fix in caught.value.fix


def test_affine_without_scale_is_a_bias() -> None:
    """One number for each channel, and one addition for each element."""
    op = calls.call("affine scale=false")

    assert op.weights(calls.shape("3x4")) == {"bias": (3,)}
    assert op.cost(calls.shape("3x4")).operations == {"add": 12}


def test_attention_over_channels_and_positions(run: Run) -> None:
    """CBAM's module on 64 channels (Woo et al. 2018): a shared MLP of 2*64*4 weights, a 7x7 kernel on two maps."""
    spec = """
input: 64x14x14
layers:
  - multiply:
      gate:
        - add:
            mean: [global_avg_pool, linear 4 bias=false, relu, linear 64 bias=false]
            max:
              - global_max_pool
              - linear 4 bias=false share=mean/linear
              - relu
              - linear 64 bias=false share=mean/linear_2
        - sigmoid
      features: identity
  - multiply:
      map:
        - concat: {greatest: reduce_max, average: reduce_mean}
        - conv2d 1 7 padding=3 bias=false
        - sigmoid
      refined: identity
"""

    totals = json.loads(run("count", "-", "--format", "json", stdin=spec).out)["totals"]

    assert totals["params"] == 512 + 98
    assert totals["macs"] == 2 * 512 + 98 * 14 * 14
    assert run("verify", "-", stdin=spec).code == 0


def test_family_is_found_by_member_name() -> None:
    """A member of a family is found by its name, also before anything else was asked for."""
    found = ops.find("max_pool2d")

    assert found is not None
    assert found.rank == 2
    assert ops.find("swish") is ops.find("silu")
    assert ops.find("max_pool4d") is None
    assert ops.find("../base") is None


def test_names_load_every_op(monkeypatch: pytest.MonkeyPatch) -> None:
    known = set(ops.names())
    monkeypatch.setattr(ops, "_complete", False)
    monkeypatch.setattr(ops, "_loaded", set(ops._loaded) - {"relu"})
    monkeypatch.setattr(ops, "_found", {name: op for name, op in ops._found.items() if name != "relu"})

    assert set(ops.names()) == known


def test_a_rule_says_what_is_wrong_without_a_spec() -> None:
    """To whoever builds a graph of ops; the words of a spec's author are in messages/."""
    with pytest.raises(Fault) as joined:
        calls.call("add").shape(calls.shape("2x3"), calls.shape("4x3"))
    with pytest.raises(Fault, match=r"^gelu: approximate must be one of none, tanh\n") as chosen:
        op("gelu", "tan")

    assert joined.value.found == "input 1 is 2x3 (channels x length), input 2 is 4x3 (channels x length)"
    assert chosen.value.fix == "did you mean 'tanh'?"


def test_attributes_are_described(run: Run) -> None:
    """By the words of their kinds."""
    printed = run("ops", "lstm", "--format", "markdown").out.splitlines()

    assert "| `biases` | a whole number of at least 1 | 2 |" in printed
    assert "| `peephole` | true or false | false |" in printed
