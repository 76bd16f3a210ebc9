"""Ops on arrays against PyTorch, torchvision and Keras: shapes and refusals, values, over many settings."""

from __future__ import annotations

import os
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.ops.base import Op
from paramcalc.verify.tools import Tools
from tests import calls
from tests.oracle.torch_cases import REFUSED, predicted

torch = pytest.importorskip("torch")
F = torch.nn.functional

BATCH = 2
WINDOWS = [
    dict(zip(("kernel_size", "stride", "padding", "dilation"), values, strict=True))
    for values in product(([3, 3], [2, 3], [1, 4]), ([1, 1], [2, 3]), ([0, 0], [1, 2]), ([1, 1], [2, 1]))
]


def drawn(*dims: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(BATCH, *dims))


def run(op: Op, shapes: list[Shape], arrays: list[Any], weights: dict[str, Any] | None = None) -> Any:
    """The op's output; its shape and its multiplications are held against the rules."""
    tools = Tools()
    y = tools.apply(op, shapes, arrays, weights or {})

    assert y.shape == (BATCH, *op.shape(*shapes).dims)
    assert tools.multiplications == BATCH * op.cost(*shapes).macs
    return y


def check(found: Any, expected: Any) -> None:
    assert np.allclose(found, expected.numpy(), rtol=1e-9, atol=1e-9)


def written(name: str, values: dict[str, Any]) -> Op:
    options = (f"{key}={text(value)}" for key, value in values.items())
    return calls.call(f"{name} {' '.join(options)}")


def text(value: Any) -> str:
    return f"({','.join(map(str, value))})" if isinstance(value, list) else str(value).lower()


@pytest.mark.parametrize("values", WINDOWS, ids=str)
def test_windows(values: dict[str, Any]) -> None:
    """`unfold` and `fold`, which PyTorch has with the positions in one axis, or refuses."""
    x = calls.shape("3x6x7")
    array = drawn(*x.dims)
    op = written("unfold2d", values)
    try:
        expected = F.unfold(torch.from_numpy(array), **values)
    except RuntimeError:
        assert predicted("unfold2d", x, **values) == REFUSED
        return

    found = run(op, [x], [array])
    check(found.reshape(BATCH, found.shape[1], -1), expected)

    back = written("fold2d", {"output_size": [6, 7], **values})
    again = run(back, [op.shape(x)], [found])
    check(again, F.fold(expected, (6, 7), **values))


@pytest.mark.parametrize("values", WINDOWS, ids=str)
@pytest.mark.parametrize(
    ("groups", "apart", "masked"), [(1, 1, False), (2, 1, True), (2, 4, False), (4, 2, True)]
)
def test_deformable_convolution(values: dict[str, Any], groups: int, apart: int, masked: bool) -> None:
    ops = pytest.importorskip("torchvision").ops
    x, op = calls.shape("4x6x7"), written("deform_conv2d", {"out_channels": 8, "groups": groups, **values})
    plain = written("conv2d", {"out_channels": 8, **values})
    try:
        space = plain.shape(x).space
    except Fault:
        return
    taps = prod(values["kernel_size"]) * apart
    channels = [2 * taps, taps][: 1 + masked]
    shapes = [x, *(calls.shape("x".join(map(str, (count, *space)))) for count in channels)]
    arrays = [drawn(*shape.dims, seed=place) * 2 for place, shape in enumerate(shapes)]
    weights = {name: np.random.default_rng(9).normal(size=dims) for name, dims in op.weights(*shapes).items()}

    image, offset, *mask = map(torch.from_numpy, arrays)
    expected = ops.deform_conv2d(
        image, offset, *(torch.from_numpy(weights[name]) for name in ("weight", "bias")),
        values["stride"], values["padding"], values["dilation"], *mask,
    )  # fmt: skip

    check(run(op, shapes, arrays, weights), expected)


@pytest.mark.parametrize(
    ("equation", "left", "right"),
    [
        ("qc,kc->qk", (4, 3), (5, 3)),
        ("ab,cb->ca", (4, 3), (5, 3)),
        ("abc,adc->abd", (2, 3, 4), (2, 5, 4)),
        ("abc,cd->dab", (2, 3, 4), (4, 5)),
        ("abc,abc->b", (2, 3, 4), (2, 3, 4)),
        ("abcd,dbae->cbe", (2, 3, 4, 2), (2, 3, 2, 3)),
        ("a,b->ab", (2,), (3,)),
        ("ab,ab->ba", (2, 3), (2, 3)),
    ],
)
def test_einsum(equation: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Work is the product of all named sizes."""
    axes = ("length", "depth", "height", "width")
    shapes = [Shape((*axes[: len(dims) - 1], "channels"), dims) for dims in (left, right)]
    arrays = [drawn(*left), drawn(*right, seed=1)]
    output = equation.split("->")[1]
    op = calls.call(f"einsum '{equation}' axes=({','.join([*axes[: len(output) - 1], 'channels'])})")
    one, other = equation.split("->")[0].split(",")

    expected = torch.einsum(f"z{one},z{other}->z{output}", *map(torch.from_numpy, arrays))
    sizes = dict(zip(one + other, left + right, strict=True))

    assert op.cost(*shapes).macs == prod(sizes.values())
    check(run(op, shapes, arrays), expected)


@pytest.mark.parametrize(
    ("mode", "corners"), [("bilinear", False), ("bilinear", True), ("nearest", False), ("nearest", True)]
)
def test_samples_of_an_image(mode: str, corners: bool) -> None:
    """At places inside, on the edge and outside."""
    shapes = [calls.shape("3x5x6"), calls.shape("{height: 7, width: 4, channels: 2}")]
    arrays = [drawn(3, 5, 6), 1.3 * drawn(7, 4, 2, seed=1)]
    op = calls.call(f"grid_sample {mode} align_corners={text(corners)}")

    image, grid = map(torch.from_numpy, arrays)
    expected = F.grid_sample(image, grid, mode, align_corners=corners)

    check(run(op, shapes, arrays), expected)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 4), (5, 6), (7, 13), (10, 12)])
def test_cubic_interpolation(size: tuple[int, int], corners: bool) -> None:
    array = drawn(3, 5, 6)
    op = calls.call(f"upsample size={text([*size])} mode=bicubic align_corners={text(corners)}")

    expected = F.interpolate(torch.from_numpy(array), size, mode="bicubic", align_corners=corners)

    check(run(op, [calls.shape("3x5x6")], [array]), expected)


@pytest.mark.parametrize(("kernel", "stride", "bias"), [(3, 1, True), (2, 2, False), ((1, 3), (2, 1), True)])
def test_local_convolution_of_keras(kernel: Any, stride: Any, bias: bool) -> None:
    """Its LocallyConnected2D, which Keras 3 dropped: params, and values with its kernels in our order."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    keras = pytest.importorskip("tf_keras")
    array = drawn(2, 6, 7)
    layer = keras.layers.LocallyConnected2D(4, kernel, strides=stride, use_bias=bias, dtype="float64")
    expected = layer(array.transpose(0, 2, 3, 1)).numpy().transpose(0, 3, 1, 2)
    x = calls.shape("2x6x7")
    values = {"out_channels": 4, "kernel_size": kernel, "stride": stride, "bias": bias}
    op = written("local_conv2d", {name: [*v] if isinstance(v, tuple) else v for name, v in values.items()})
    sizes = op.weights(x)
    rows, columns, outputs, channels, *taps = sizes["weight"]
    theirs = layer.kernel.numpy().reshape(rows, columns, *taps, channels, outputs)
    weights = {"weight": theirs.transpose(0, 1, 5, 4, 2, 3)}
    if bias:
        weights["bias"] = layer.bias.numpy()

    assert sum(map(prod, sizes.values())) == layer.count_params()
    assert np.allclose(run(op, [x], [array], weights), expected)
