"""The forward pass gives PyTorch's numbers, and multiplies exactly as often as the table says.

Every op is run in single and double precision, on settings drawn with a fixed seed: odd sizes, one
pixel, asymmetric padding, dilation, groups, partial windows.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
import pytest

from paramcalc.base.shape import Shape, image, tokens, vector
from paramcalc.verify import convolution
from paramcalc.verify.tools import Tools
from tests.oracle.forward_cases import PRECISIONS, against, drawn, run, weights_of
from tests.oracle.torch_cases import make

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def spaces(pick: random.Random, rank: int) -> tuple[int, ...]:
    return tuple(pick.choice((1, 2, 3, 5, 6, 9)) for _ in range(rank))


def per_axis(pick: random.Random, rank: int, low: int, high: int) -> list[int]:
    return [pick.randint(low, high) for _ in range(rank)]


def flat_pads(ends: list[tuple[int, int]]) -> list[int]:
    """F.pad names the last axis first."""
    return [amount for pair in reversed(ends) for amount in pair]


def padded_first(
    convolve: Any, ends: Any, mode: str, settings: Any, x: Any, weight: Any, bias: Any = None
) -> Any:
    """A PyTorch convolution without padding of an input that F.pad has padded."""
    return convolve(functional.pad(x, flat_pads(ends), mode), weight, bias, *settings)


def transposed(convolve: Any, settings: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """A PyTorch transposed convolution, with the rest of its arguments in its order."""
    return convolve(x, weight, bias, *settings)


MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes blocks so small that tiny arrays take several."""
    monkeypatch.setattr("paramcalc.verify.convolution.BLOCK_BYTES", 200)
    monkeypatch.setattr("paramcalc.verify.tools.PIECE", 16)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("small", [False, True], ids=["whole", "cut"])
def test_conv(rank: int, dtype: str, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any kernel, stride, asymmetric padding, mode, dilation and grouping, depthwise too."""
    if small:
        cut_small(monkeypatch)
    pick, run_cases = random.Random(f"conv {rank}"), 0
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    for _ in range(150):
        groups = pick.choice((1, 1, 2, 3))
        channels, out = groups * pick.choice((1, 2, 4)), groups * pick.choice((1, 2, 3))
        ends = [(pick.randint(0, 2), pick.randint(0, 2)) for _ in range(rank)]
        mode = pick.choice(list(MODES))
        values: dict[str, Any] = {
            "kernel_size": per_axis(pick, rank, 1, 4),
            "stride": per_axis(pick, rank, 1, 3),
            "dilation": per_axis(pick, rank, 1, 2),
        }
        if pick.random() < 0.2:
            values["kernel_size"], ends = [1] * rank, [(0, 0)] * rank
        settings = (values["stride"], 0, values["dilation"], groups)
        reference = partial(padded_first, convolve, ends, MODES[mode], settings)
        attributes = {**values, "out_channels": out, "groups": groups, "padding": ends, "padding_mode": mode}
        attributes["bias"] = pick.random() < 0.5
        x = image(channels, *spaces(pick, rank))
        run_cases += against(f"conv{rank}d", x, reference, dtype, attributes)
    assert run_cases > 30


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_conv_same(kernel: int, stride: int, dtype: str) -> None:
    """`same` is the padding that gives ceil(size / stride) positions, the odd zero at the far end."""
    for size in (1, 4, 7, 8):
        positions = len(range(0, size, stride))
        needed = max(0, (positions - 1) * stride + kernel - size)
        ends = [(needed // 2, needed - needed // 2)]
        reference = partial(padded_first, functional.conv1d, ends, "constant", (stride,))
        values = {"out_channels": 3, "kernel_size": kernel, "stride": stride, "padding": "same"}
        assert against("conv1d", image(2, size), reference, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_conv_connections(dtype: str) -> None:
    """A connection table is a full convolution whose other kernels are zero."""
    rows = [(0, 2), (1,), (0, 1, 2), (2, 0)]

    def reference(x: Any, weight: Any, bias: Any) -> Any:
        full = torch.zeros(len(rows), 3, 3, 3, dtype=x.dtype)
        planes = iter(weight)
        for output, row in enumerate(rows):
            for channel in row:
                full[output, channel] = next(planes)
        return functional.conv2d(x, full, bias)

    values = {"out_channels": 4, "kernel_size": 3, "connections": tuple(rows)}
    assert against("conv2d", image(3, 6, 5), reference, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("small", [False, True], ids=["whole", "cut"])
def test_conv_transpose(rank: int, dtype: str, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any kernel, stride, padding, output padding, dilation and grouping."""
    if small:
        cut_small(monkeypatch)
    pick, run_cases = random.Random(f"transpose {rank}"), 0
    kinds = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
    for _ in range(120):
        groups = pick.choice((1, 1, 2, 3))
        values: dict[str, Any] = {
            "kernel_size": per_axis(pick, rank, 1, 4),
            "stride": per_axis(pick, rank, 1, 3),
            "padding": per_axis(pick, rank, 0, 2),
            "dilation": per_axis(pick, rank, 1, 2),
            "output_padding": per_axis(pick, rank, 0, 1),
        }
        settings = (
            values["stride"], values["padding"], values["output_padding"], groups, values["dilation"],
        )  # fmt: skip
        reference = partial(transposed, kinds[rank - 1], settings)
        out = groups * pick.choice((1, 2, 3))
        attributes = {**values, "out_channels": out, "groups": groups, "bias": pick.random() < 0.5}
        x = image(groups * pick.choice((1, 2)), *spaces(pick, rank))
        run_cases += against(f"conv_transpose{rank}d", x, reference, dtype, attributes)
    assert run_cases > 30


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_conv_transpose_same_is_the_derivative_of_conv_same(kernel: int, stride: int) -> None:
    """Its output is what flows back through a `same` convolution of that size."""
    size = 5 * stride
    needed = max(0, 4 * stride + kernel - size)

    def reference(x: Any, weight: Any) -> Any:
        with torch.enable_grad():
            source = torch.zeros(len(x), 3, size, dtype=x.dtype, requires_grad=True)
            padded = functional.pad(source, (needed // 2, needed - needed // 2))
            y = functional.conv1d(padded, weight, stride=stride)
            return torch.autograd.grad(y, source, x)[0]

    values = {
        "out_channels": 3, "kernel_size": kernel, "stride": stride, "padding": "same", "bias": False,
    }  # fmt: skip
    assert against("conv_transpose1d", image(2, 5), reference, "float64", values)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pool(kind: str, rank: int, dtype: str) -> None:
    """Any window, stride, padding, rounding, dilation, and both ways to count padding."""
    pick, run_cases = random.Random(f"{kind} {rank}"), 0
    pool = getattr(functional, f"{kind}_pool{rank}d")
    for _ in range(400):
        values: dict[str, Any] = {
            "kernel_size": per_axis(pick, rank, 1, 4),
            "stride": per_axis(pick, rank, 1, 4),
            "padding": per_axis(pick, rank, 0, 2),
            "ceil_mode": pick.random() < 0.5,
        }
        if kind == "max":
            values["dilation"] = per_axis(pick, rank, 1, 2)
        else:
            values["count_include_pad"] = pick.random() < 0.5
        space = spaces(pick, rank)
        if kind == "avg" and any(k > n for k, n in zip(values["kernel_size"], space, strict=True)):
            continue  # refused by PyTorch in 3-D, see test_windowed
        run_cases += against(
            f"{kind}_pool{rank}d",
            image(3, *space),
            partial(pool, **values),
            dtype,
            values,
        )
    assert run_cases > 30


def test_average_with_same_counts_real_values_only() -> None:
    """With padding=same the mean of ones is one everywhere, as in TensorFlow."""
    op = make("avg_pool2d", kernel_size=3, stride=2, padding="same")
    ones = np.ones((1, 2, 6, 7))

    y = run(op, image(2, 6, 7), ones, {})

    assert np.array_equal(y, np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_adaptive_pool(kind: str, rank: int, dtype: str) -> None:
    """Any output size, above the input's too."""
    pick = random.Random(f"adaptive {kind} {rank}")
    pool = getattr(functional, f"adaptive_{kind}_pool{rank}d")
    for _ in range(60):
        size = per_axis(pick, rank, 1, 8)
        assert against(
            f"adaptive_{kind}_pool{rank}d",
            image(3, *spaces(pick, rank)),
            partial(pool, output_size=size),
            dtype,
            {"output_size": size},
        )


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("x", [image(4, 7), image(4, 1, 1), image(4, 5, 3), image(4, 2, 3, 4), tokens(6, 4)])
def test_global_pool(x: Shape, dtype: str) -> None:
    """Over everything but the channels, wherever they stand."""
    axes = [axis for axis, name in enumerate(x.axes, start=1) if name != "channels"]

    assert against("global_avg_pool", x, lambda t: t.mean(axes), dtype, {})
    assert against("global_max_pool", x, lambda t: t.amax(axes), dtype, {})


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 13])
def test_local_response_norm(size: int, dtype: str) -> None:
    """Odd and even windows, also wider than the channels."""
    values = {"size": size, "alpha": 0.3, "beta": 0.75, "k": 2}
    normalize = torch.nn.LocalResponseNorm(**values)

    for x in (image(6, 5), image(6, 4, 3), image(2, 2, 2, 2)):
        assert against("local_response_norm", x, normalize, dtype, values)
    assert against("local_response_norm", tokens(3, 6), lambda x: normalize(x.mT).mT, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_subsample(dtype: str) -> None:
    """Four times the mean of a 2x2 window, scaled and shifted for each map."""

    def reference(x: Any, weight: Any, bias: Any) -> Any:
        sums = 4 * functional.avg_pool2d(x, 2)
        return sums * weight[:, None, None] + bias[:, None, None]

    assert against("subsample", image(3, 6, 5), reference, dtype, {"kernel_size": 2})


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_rbf(dtype: str) -> None:
    """Squared Euclidean distances."""

    def reference(x: Any, codes: Any) -> Any:
        return torch.cdist(x.flatten(1), codes, compute_mode="donot_use_mm_for_euclid_dist") ** 2

    assert against("rbf", vector(84), reference, dtype, {"out_channels": 10})
    assert against("rbf", image(5, 1, 1), reference, dtype, {"out_channels": 3})


def by_loops(x: Any, weight: Any, stride: int, padding: int, dilation: int, groups: int) -> tuple[Any, int]:
    """Convolution as seven nested loops, and how often they multiply."""
    n, channels, height, width = x.shape
    out, depth, kh, kw = weight.shape
    padded = np.zeros((n, channels, height + 2 * padding, width + 2 * padding))
    padded[:, :, padding : padding + height, padding : padding + width] = x
    rows = range(0, padded.shape[2] - dilation * (kh - 1), stride)
    columns = range(0, padded.shape[3] - dilation * (kw - 1), stride)
    y, count = np.zeros((n, out, len(rows), len(columns))), 0
    for sample in range(n):
        for o in range(out):
            for r, row in enumerate(rows):
                for c, column in enumerate(columns):
                    for i in range(depth):
                        channel = o // (out // groups) * depth + i
                        for a in range(kh):
                            for b in range(kw):
                                value = padded[sample, channel, row + a * dilation, column + b * dilation]
                                y[sample, o, r, c] += value * weight[o, i, a, b]
                                count += 1
    return y, count


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1), (3, 1, 1, 4)]
)
def test_conv_is_nested_loops(stride: int, padding: int, dilation: int, groups: int) -> None:
    """Values, shape, multiplications and the stated count all follow from plain loops."""
    x = image(4, 5, 4)
    op = make(
        "conv2d", out_channels=4, kernel_size=(2, 3), stride=stride, padding=padding, dilation=dilation,
        groups=groups, bias=False,
    )  # fmt: skip
    array, weights = drawn(x, "float64"), weights_of(op, x, "float64")

    expected, count = by_loops(array, weights["weight"], stride, padding, dilation, groups)

    assert np.allclose(run(op, x, array, weights), expected)
    assert op.cost(x).macs * len(array) == count


def test_max_and_average_pool_are_nested_loops() -> None:
    """A window that reaches beyond the end (ceil_mode) holds what is there."""
    array = drawn(image(2, 5, 6), "float64")
    expected_max, expected_mean = np.zeros((2, 2, 3, 3)), np.zeros((2, 2, 3, 3))
    for n in range(2):
        for c in range(2):
            for r in range(3):
                for s in range(3):
                    window = [
                        array[n, c, row, column]
                        for row in range(2 * r, min(2 * r + 2, 5))
                        for column in range(2 * s, 2 * s + 2)
                    ]
                    expected_max[n, c, r, s] = max(window)
                    expected_mean[n, c, r, s] = sum(window) / len(window)

    for name, expected in (("max_pool2d", expected_max), ("avg_pool2d", expected_mean)):
        op = make(name, kernel_size=2, ceil_mode=True)
        assert np.allclose(run(op, image(2, 5, 6), array, {}), expected)


@pytest.mark.parametrize("block", [1, 200, 5_000])
def test_blocks_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the cuts into blocks: the same numbers and the same tally."""
    cases: list[tuple[str, dict[str, Any]]] = [
        ("conv2d", {"out_channels": 6, "kernel_size": 3, "padding": 1}),
        ("conv2d", {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2}),
        ("conv2d", {"out_channels": 12, "kernel_size": 3, "groups": 6}),
        ("conv2d", {"out_channels": 7, "kernel_size": 1}),
        ("conv2d", {"out_channels": 6, "kernel_size": 1, "groups": 3}),
        ("conv2d", {"out_channels": 5, "kernel_size": 11}),
        ("conv2d", {"out_channels": 3, "kernel_size": 5, "padding": ((1, 3), (4, 0))}),
        ("conv2d", {"out_channels": 2, "kernel_size": 3, "padding": 2, "dilation": 2, "groups": 1}),
        ("conv_transpose2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}),
        ("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "stride": 2, "groups": 2}),
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("batch_norm", {}),
        ("relu", {}),
    ]
    x = image(6, 11, 13)
    for name, values in cases:
        op = make(name, **values)
        array, weights = drawn(x, "float64"), weights_of(op, x, "float64")
        whole = Tools().apply(op, [x], [array], weights)
        with monkeypatch.context() as patched:
            patched.setattr("paramcalc.verify.convolution.BLOCK_BYTES", block)
            patched.setattr("paramcalc.verify.tools.PIECE", block)

            assert np.allclose(run(op, x, array, weights), whole, rtol=1e-12)


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No matrix product gets more columns than a block holds, however large the image, along any axis."""
    largest = 0

    def multiply(a: Any, b: Any, out: Any) -> None:
        nonlocal largest
        largest = max(largest, b.nbytes)
        np.matmul(a, b, out=out)

    for call, x in (
        ({"kernel_size": 3, "padding": 1}, image(16, 200, 300)),
        ({"kernel_size": [1, 7], "padding": ((0, 0), (3, 3))}, image(2, 1, 500_000)),
    ):
        op = make("conv2d", out_channels=4, **call)
        array, weights = drawn(x, "float32", batch=1), weights_of(op, x, "float32")

        convolution.convolve(multiply, array, weights["weight"], op.windows(x), 1, None)

    assert 1 << 20 < largest <= convolution.BLOCK_BYTES


def test_overwrites_only_what_is_spare() -> None:
    """An elementwise op writes into its input exactly when told that nobody else reads it."""
    op, x = make("relu"), image(3, 4, 4)
    array = drawn(x, "float32")

    assert Tools().apply(op, [x], [array], {}) is not array
    assert Tools().apply(op, [x], [array], {}, spare=[array]) is array
    assert array.min() == 0
