"""Forward passes of normalizations and activations: PyTorch's numbers, in both precisions."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from paramcalc.base.shape import Shape, image, tokens, vector
from paramcalc.verify.erf import erf
from paramcalc.verify.tools import Tools
from tests.oracle.forward_cases import PRECISIONS, against, drawn, run, weights_of
from tests.oracle.torch_cases import make

torch = pytest.importorskip("torch")
functional = torch.nn.functional

LAST = Shape(("height", "width", "channels"), (3, 4, 6))
IMAGES = [image(6, 7), image(6, 4, 3), image(6, 1, 5), image(6, 2, 3, 4)]
ANY = [vector(6), *IMAGES, image(6, 1, 1), tokens(7, 6), LAST]


def on_channels(function: Any, place: int, x: Any, *arguments: Any, **values: Any) -> Any:
    """A PyTorch function that wants channels second, for channels at another place."""
    return function(x.movedim(place, 1), *arguments, **values).movedim(1, place)


def place_of_channels(x: Shape) -> int:
    return 1 + x.axes.index("channels")


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("x", ANY, ids=str)
def test_batch_norm(x: Shape, affine: bool, dtype: str) -> None:
    """By running statistics, or by the batch's own, over any axes but the channels."""

    def reference(x_: Any, running_mean: Any = None, running_var: Any = None, **weights: Any) -> Any:
        own = running_mean is None
        normalize = partial(functional.batch_norm, training=own, eps=0.01, **weights)
        return on_channels(normalize, place_of_channels(x), x_, running_mean, running_var)

    for tracked in (True, False):
        values = {"eps": 0.01, "affine": affine, "track_running_stats": tracked}
        assert against("batch_norm", x, reference, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("x", [*IMAGES, tokens(7, 6), LAST], ids=str)
def test_instance_norm(x: Shape, affine: bool, dtype: str) -> None:
    """Each sample's own statistics, or running ones."""

    def reference(x_: Any, running_mean: Any = None, running_var: Any = None, **weights: Any) -> Any:
        own = running_mean is None
        normalize = partial(functional.instance_norm, use_input_stats=own, eps=0.01, **weights)
        return on_channels(normalize, place_of_channels(x), x_, running_mean, running_var)

    for tracked in (True, False):
        values = {"eps": 0.01, "affine": affine, "track_running_stats": tracked}
        assert against("instance_norm", x, reference, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("x", ANY, ids=str)
def test_group_norm(x: Shape, groups: int, dtype: str) -> None:
    """Neighbouring channels together, wherever the channels stand."""

    def reference(x_: Any, **weights: Any) -> Any:
        normalize = partial(functional.group_norm, num_groups=groups, eps=0.01, **weights)
        return on_channels(normalize, place_of_channels(x), x_)

    for affine in (True, False):
        assert against(
            "group_norm", x, reference, dtype, {"num_groups": groups, "eps": 0.01, "affine": affine}
        )


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("x", ANY, ids=str)
def test_layer_norm_over_channels(x: Shape, dtype: str) -> None:
    """Position by position, also where the channels are not last."""

    def reference(x_: Any, weight: Any = None, bias: Any = None) -> Any:
        place = place_of_channels(x)
        return functional.layer_norm(x_.movedim(place, -1), [6], weight, bias, 0.01).movedim(-1, place)

    for affine, bias in ((True, True), (True, False), (False, True)):
        values = {"eps": 0.01, "elementwise_affine": affine, "bias": bias}
        assert against("layer_norm", x, reference, dtype, values)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_norms_over_trailing_axes(count: int, dtype: str) -> None:
    """Several axes at once are PyTorch's normalized_shape."""
    x = image(6, 4, 3)
    axes, dims = x.axes[-count:], x.dims[-count:]

    assert against(
        "layer_norm", x, lambda t, **w: functional.layer_norm(t, dims, **w), dtype, {"axis": axes[::-1]}
    )
    assert against("rms_norm", x, lambda t, **w: functional.rms_norm(t, dims, **w), dtype, {"axis": axes})


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("eps", [None, 0.01])
@pytest.mark.parametrize("x", ANY, ids=str)
def test_rms_norm(x: Shape, eps: float | None, dtype: str) -> None:
    """Without eps, the type's own."""

    def reference(x_: Any, weight: Any = None) -> Any:
        place = place_of_channels(x)
        return functional.rms_norm(x_.movedim(place, -1), [6], weight, eps).movedim(-1, place)

    for affine in (True, False):
        values = {"elementwise_affine": affine} | ({} if eps is None else {"eps": eps})
        assert against("rms_norm", x, reference, dtype, values)


ACTIVATIONS: list[tuple[str, Any, dict[str, Any]]] = [
    ("relu", functional.relu, {}),
    ("leaky_relu", functional.leaky_relu, {}),
    ("leaky_relu", functional.leaky_relu, {"negative_slope": 1.5}),
    ("relu6", functional.relu6, {}),
    ("elu", functional.elu, {}),
    ("elu", functional.elu, {"alpha": 0.3}),
    ("selu", functional.selu, {}),
    ("gelu", functional.gelu, {}),
    ("gelu", functional.gelu, {"approximate": "tanh"}),
    ("silu", functional.silu, {}),
    ("hard_swish", functional.hardswish, {}),
    ("sigmoid", torch.sigmoid, {}),
    ("hard_sigmoid", functional.hardsigmoid, {}),
    ("tanh", torch.tanh, {}),
    ("abs", torch.abs, {}),
    ("square", torch.square, {}),
    ("softplus", functional.softplus, {}),
    ("softplus", functional.softplus, {"beta": 2.5, "threshold": 3}),
    ("mish", functional.mish, {}),
]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("name", "function", "values"), ACTIVATIONS)
@pytest.mark.filterwarnings("error")
def test_activation(name: str, function: Any, values: dict[str, Any], dtype: str) -> None:
    """Small, middling and huge values of both signs, without a warning."""
    op, x = make(name, **values), image(4, 50, 3)
    array = drawn(x, dtype)
    array[0] *= 4
    array[1, 0] = 0
    array[1, 1] *= 1e-6
    array[1, 2] *= 200

    y = run(op, x, array, {})

    expected = function(torch.from_numpy(array), **values).numpy()
    exact = 1e-6 if dtype == "float32" else 1e-14
    assert np.allclose(y, expected, rtol=100 * exact, atol=exact)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_exp(dtype: str) -> None:
    """By itself, as it overflows where the others do not."""
    assert against("exp", image(4, 50, 3), torch.exp, dtype, {})


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("x", ANY, ids=str)
def test_prelu(x: Shape, dtype: str) -> None:
    """One slope for all, or one for each channel."""

    def reference(x_: Any, weight: Any) -> Any:
        return on_channels(functional.prelu, place_of_channels(x), x_, weight)

    for slopes in (1, 6):
        assert against("prelu", x, reference, dtype, {"num_parameters": slopes})


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("axis", ["channels", "height", "width"])
def test_softmax(axis: str, dtype: str) -> None:
    """Sums to one along the axis; large values do not overflow."""
    x = image(5, 4, 3)
    op, array = make("softmax", axis=axis), 1_000 * drawn(x, dtype)
    place = 1 + x.axes.index(axis)

    y = run(op, x, array, {})

    assert np.allclose(y, torch.softmax(torch.from_numpy(array), place).numpy(), atol=1e-6)
    assert np.allclose(y.sum(axis=place), 1)


@pytest.mark.parametrize("name", ["dropout", "drop_path"])
def test_nothing_is_dropped_at_inference(name: str) -> None:
    """The input comes out."""
    array = drawn(image(3, 2, 2), "float32")

    assert np.array_equal(run(make(name, p=0.9), image(3, 2, 2), array, {}), array)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 3e-7), ("float64", 3e-15)])
def test_erf_is_the_standard_librarys(dtype: str, error: float) -> None:
    """To a few units of the last place, from one end to the other, odd, and exact at the ends."""
    values = np.concatenate([np.linspace(-7, 7, 4001), [0, 1e-9, 30, -30, np.inf, -np.inf]]).astype(dtype)
    expected = np.array([math.erf(value) for value in values])

    assert np.abs(erf(values) - expected).max() < error
    assert erf(values[-2:]).tolist() == [1, -1]


@pytest.mark.parametrize("name", ["relu", "gelu", "batch_norm", "silu"])
@pytest.mark.parametrize("x", [image(6, 4, 3), tokens(7, 6)], ids=str)
def test_overwriting_changes_no_number(name: str, x: Shape) -> None:
    """The result is the same whether it is written into a spare input or not."""
    op, array = make(name), drawn(x, "float64")
    weights = weights_of(op, x, "float64")
    expected = run(op, x, array, weights)

    y = Tools().apply(op, [x], [array], weights, spare=[array])

    assert y is array
    assert np.array_equal(y, expected)
