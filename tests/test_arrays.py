"""Ops on arrays in whole networks: known answers, what they are made of, closed forms, memory, the canonical form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramcalc import load
from paramcalc.base.errors import Source
from paramcalc.count.report import count
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import from_text
from paramcalc.memory.memory import memory
from paramcalc.model import Model
from paramcalc.verify.run import run as forward
from paramcalc.verify.tools import Tools
from tests import calls
from tests.conftest import Run

# Four kernels, mixed by weights that are computed from the image (Chen et al. 2020, figure 3; reduction 4).
CONDITIONAL = """
input: 64x28x28
knobs: {kernels: 4}
layers:
  - image: identity
  - attention: global_avg_pool, linear channels/4 bias=false, relu, linear kernels, softmax,
      reshape (1, kernels) axes=(length, channels)
  - bank: parameter length=kernels channels=64*64*3*3
  - kernel: matmul from attention bank
  - conv2d 64 3 padding=1 bias=false from image kernel
"""

SCAN = """
input: {length: 64, channels: 8}
knobs: {state: 4}
layers:
  - delta: linear 8, softplus
  - b: linear state from input
  - c: linear state from input
  - selective_scan from input delta b c
"""


def graph(text: str) -> Graph:
    return elaborate(from_text(Source("net", text)))


def closed(text: str, symbol: str, *quantities: str) -> list[str]:
    """The formulas of totals in one symbol."""
    totals = Model(from_text(Source("net", text))).closed([symbol]).totals
    return [str(getattr(totals, quantity)) for quantity in quantities]


def test_conditional_convolution() -> None:
    """A squeeze of 64 to 16 to 4, four kernels of 3x3; mixing them is work as well."""
    totals = count(graph(CONDITIONAL)).totals
    kernel, squeeze = 64 * 64 * 9, 64 * 16 + 16 * 4

    assert totals.params == 4 * kernel + squeeze + 4 == 148_548
    assert totals.macs == 28 * 28 * kernel + 4 * kernel + squeeze == 29_049_920


def test_conditional_convolution_is_run_as_counted(run: Run) -> None:
    small = CONDITIONAL.replace("28x28", "6x5").replace("64", "8")

    result = run("verify", "-", stdin=small)

    assert result.code == 0


def test_kernels_differ_from_sample_to_sample() -> None:
    """Each sample is convolved with the kernel of its own."""
    op, shapes = calls.call("conv2d 2 3 bias=false"), [calls.shape("3x5x4"), calls.shape("54")]
    rng = np.random.default_rng(1)
    x, kernels = rng.normal(size=(3, 3, 5, 4)), rng.normal(size=(3, 54))

    found = Tools().apply(op, shapes, [x, kernels], {})

    for sample in range(3):
        own = {"weight": kernels[sample].reshape(2, 3, 3, 3)}
        alone = Tools().apply(op, shapes[:1], [x[sample : sample + 1]], own)
        assert np.allclose(found[sample], alone[0])


def test_a_bias_beside_a_computed_kernel_is_one() -> None:
    """It is a bias, its layer a contraction, and tools count its additions."""
    totals = count(calls.alone("conv2d 2 3", "3x5x4", "54")).totals

    assert (totals.params, totals.kernels, totals.biases) == (2, 0, 2)
    assert totals.contraction_activations == 2 * 3 * 2


@pytest.mark.parametrize(
    ("call", "entering", "params", "macs"),
    [
        # Keras 2 prints these of LocallyConnected2D(64, 3) and LocallyConnected1D(8, 3, strides=2)
        ("local_conv2d 64 3", "3x32x32", 1_612_800, 1_555_200),
        ("local_conv1d 8 3 stride=2", "4x9", 4 * 8 * (3 * 4 + 1), 4 * 8 * 12),
    ],
)
def test_local_convolution(call: str, entering: str, params: int, macs: int) -> None:
    totals = count(calls.alone(call, entering)).totals

    assert (totals.params, totals.macs) == (params, macs)


def test_local_convolution_with_equal_kernels_is_a_convolution() -> None:
    x, shape = np.random.default_rng(0).normal(size=(2, 3, 6, 5)), calls.shape("3x6x5")
    local, shared = calls.call("local_conv2d 4 3x2 padding=1"), calls.call("conv2d 4 3x2 padding=1")
    weights = {
        name: np.random.default_rng(1).normal(size=dims) for name, dims in shared.weights(shape).items()
    }
    everywhere = {name: np.broadcast_to(weights[name], dims) for name, dims in local.weights(shape).items()}

    found = Tools().apply(local, [shape], [x], everywhere)

    assert np.allclose(found, Tools().apply(shared, [shape], [x], weights))


def test_windows_and_a_1x1_convolution_are_a_convolution() -> None:
    """The channels of `unfold` are in the order of a weight."""
    x, shape = np.random.default_rng(0).normal(size=(2, 3, 6, 5)), calls.shape("3x6x5")
    options = "3x2 stride=2 padding=1 dilation=(1,2)"
    unfold, whole, one = (
        calls.call(text) for text in (f"unfold2d {options}", f"conv2d 4 {options}", "conv2d 4 1")
    )
    weights = {
        name: np.random.default_rng(1).normal(size=dims) for name, dims in whole.weights(shape).items()
    }
    flat = weights | {"weight": weights["weight"].reshape(4, -1, 1, 1)}

    windows = Tools().apply(unfold, [shape], [x], {})
    found = Tools().apply(one, [unfold.shape(shape)], [windows], flat)

    assert np.allclose(found, Tools().apply(whole, [shape], [x], weights))


def test_windows_that_are_folded_back_count_their_overlap() -> None:
    """Each position comes back as often as windows cover it: nine times inside, four in a corner."""
    ones = np.ones((1, 1, 5, 5))
    windows = Tools().apply(calls.call("unfold2d 3 padding=1"), [calls.shape("1x5x5")], [ones], {})

    found = Tools().apply(calls.call("fold2d 5 3 padding=1"), [calls.shape("9x5x5")], [windows], {})

    assert found[0, 0, 2, 2] == 9
    assert found[0, 0, 0, 0] == 4
    assert found[0, 0, 0, 2] == 6


def test_without_offsets_a_deformable_convolution_is_one() -> None:
    x, shapes = (
        np.random.default_rng(0).normal(size=(2, 4, 6, 5)),
        [calls.shape("4x6x5"), calls.shape("24x3x5")],
    )
    options = "3x2 stride=(2,1) padding=(1,0) dilation=(1,1) groups=2"
    deformed, plain = calls.call(f"deform_conv2d 4 {options}"), calls.call(f"conv2d 4 {options}")
    shapes[1] = calls.shape("12x3x4")
    weights = {
        name: np.random.default_rng(1).normal(size=dims) for name, dims in plain.weights(shapes[0]).items()
    }

    found = Tools().apply(deformed, shapes, [x, np.zeros((2, 12, 3, 4))], weights)

    assert np.allclose(found, Tools().apply(plain, shapes[:1], [x], weights))


@pytest.mark.parametrize(
    ("one", "other"),
    [("einsum 'qc,kc->qk'", "matmul transpose=true"), ("einsum 'ld,dc->lc'", "matmul")],
)
def test_matrix_products_by_name(one: str, other: str) -> None:
    """The same shape, work and values, with the names of the axes in place of their order."""
    shapes = [calls.shape("{length: 4, channels: 4}")] * 2
    arrays = [np.random.default_rng(seed).normal(size=(2, 4, 4)) for seed in (1, 2)]
    named, plain = calls.call(one), calls.call(other)

    assert named.shape(*shapes) == plain.shape(*shapes)
    assert named.cost(*shapes) == plain.cost(*shapes)
    assert np.allclose(Tools().apply(named, shapes, arrays, {}), Tools().apply(plain, shapes, arrays, {}))


def test_words_and_letters_name_the_same() -> None:
    shapes = [calls.shape("{length: 4, channels: 3}"), calls.shape("{length: 5, channels: 3}")]
    from paramcalc.ops.attributes import op

    words = op("einsum", "query channel, key channel -> query key")

    assert words.shape(*shapes) == calls.call("einsum 'qc,kc->qk'").shape(*shapes)
    assert words.cost(*shapes).macs == 4 * 3 * 5


def test_an_equation_in_symbols() -> None:
    """The product of the named axes, as in MViT's relative scores."""
    text = """
input: {height: 8, width: 7, channels: 96}
layers:
  - image: identity
  - rows: parameter height=image.height length=7 channels=96
  - einsum 'hwc,khc->hwk' axes=(height, width, channels) from image rows
"""

    assert closed(text, "H", "macs", "params") == ["4704 h", "672 h"]


def test_an_equation_is_written_as_it_was(run: Run, tmp_path: Path) -> None:
    """In the canonical form, and read again from there."""
    text = "name: net\ninput: {length: 5, channels: 8}\nlayers:\n  - einsum 'qc, kc -> qk' from input input\n"
    written = run("show", "-", "--expanded", stdin=text).out
    path = tmp_path / "again.yaml"
    path.write_text(written)

    assert "qc, kc -> qk" in written
    assert run("count", "-", stdin=text).out == run("count", str(path)).out


def test_a_scan_is_linear_in_the_length() -> None:
    """Closed forms of work and activations, and the memory of twice as many tokens."""
    assert closed(SCAN, "L", "params", "macs") == ["184", "160 L"]

    small, large = (memory(graph(SCAN.replace("64", length))) for length in ("1000", "2000"))
    assert 1.9 < large.bytes / small.bytes <= 2


def test_a_scan_by_a_plain_loop() -> None:
    """h = exp(-delta*exp(A_log))*h + delta*b*x, y = c*h + D*x, number by number."""
    rng = np.random.default_rng(3)
    x, delta, b, c = (rng.normal(size=(1, 4, size)) for size in (2, 2, 3, 3))
    rates, skip = rng.normal(size=(2, 3)), rng.normal(size=2)
    shapes = [calls.shape(f"{{length: 4, channels: {size}}}") for size in (2, 2, 3, 3)]

    found = Tools().apply(calls.call("selective_scan"), shapes, [x, delta, b, c], {"A_log": rates, "D": skip})

    for channel in range(2):
        h = [0.0] * 3
        for step in range(4):
            y = skip[channel] * x[0, step, channel]
            for place in range(3):
                decay = np.exp(-delta[0, step, channel] * np.exp(rates[channel, place]))
                h[place] = (
                    decay * h[place] + delta[0, step, channel] * b[0, step, place] * x[0, step, channel]
                )
                y += c[0, step, place] * h[place]
            assert np.isclose(found[0, step, channel], y)


def test_mamba_is_linear_in_the_length() -> None:
    """mamba-130m: 24 blocks of six products, and the table of tokens once more."""
    dim, inner, state, rank = 768, 1536, 16, 48
    block = (
        dim * 2 * inner + 4 * inner + inner * (rank + 2 * state) + rank * inner + inner * state + inner * dim
    )

    macs = load("mamba-130m").closed(["L"]).totals.macs

    assert str(macs) == f"{24 * block + 50_280 * dim} L"


def test_mamba_is_run_as_counted(run: Run) -> None:
    settings = ("--set", "layers=2", "--set", "dim=16", "--set", "vocabulary=50", "--set", "length=9")

    assert run("verify", "mamba-130m", *settings).code == 0


@pytest.mark.parametrize("layer", ["log", "sqrt", "power 1/3", "lp_pool2d 3 2"])
def test_what_has_no_result_for_some_numbers_is_run_all_the_same(layer: str, run: Run) -> None:
    """Half of the numbers that are drawn are below zero: the roots of these are no fault of the counts."""
    result = run("verify", "-", stdin=f"input: 2x6x6\nlayers: [{layer}]\n")

    assert result.code == 0


def test_a_text_is_pooled_at_its_end() -> None:
    """CLIP's way: the position of the greatest id, gathered from the tokens."""
    net = graph("""
inputs: {ids: {length: 6}, tokens: {length: 6, channels: 2}}
layers:
  - end: argmax length from ids
  - gather length from tokens end
  - flatten
""")
    ids, tokens = np.array([[1, 4, 9, 0, 0, 0], [1, 9, 0, 0, 0, 0]]), np.arange(24.0).reshape(2, 6, 2)

    (found,) = forward(net, {"ids": ids, "tokens": tokens}, dtype="float64").values()

    assert np.array_equal(found, tokens[[0, 1], [2, 1]])


@pytest.mark.parametrize(
    ("twice", "once"),
    [
        ("reduce_sum axis=(height,height)", "reduce_sum height"),
        ("l2_norm axis=(width,width)", "l2_norm width"),
        ("flip axis=(width,width)", "flip width"),
        ("roll (1,-3) axis=(height,height)", "roll -2 height"),
    ],
)
def test_an_axis_that_is_named_twice(twice: str, once: str) -> None:
    """It is the one axis; shifts of it add up, as in PyTorch."""
    x, shape = np.random.default_rng(0).normal(size=(2, 3, 5, 4)), calls.shape("3x5x4")

    found, expected = (Tools().apply(calls.call(call), [shape], [x], {}) for call in (twice, once))

    assert np.array_equal(found, expected)
    assert calls.call(twice).cost(shape) == calls.call(once).cost(shape)


def test_the_greatest_are_chosen_as_by_sorting() -> None:
    x: Any = np.random.default_rng(5).permutation(60).reshape(2, 10, 3).astype(float)

    found = Tools().apply(calls.call("top_k 4 length"), [calls.shape("{length: 10, channels: 3}")], [x], {})

    assert np.array_equal(found, np.sort(x, axis=1)[:, ::-1][:, :4])


@pytest.mark.parametrize(
    ("call", "entering"), [("lstm 4", "{length: 5, channels: 3}"), ("conv2d 4 3", "3x6x5")]
)
def test_an_op_whose_further_inputs_are_optional_may_name_a_group(call: str, entering: str) -> None:
    """As an op of one input may."""
    name = call.split()[0]

    net = graph(f"input: {entering}\nlayers:\n  - {name}: [relu, {call}]\n")

    assert [layer.path for layer in net.layers] == [f"{name}/relu", f"{name}/{name}"]
