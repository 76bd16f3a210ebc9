"""Normalizations and activations give PyTorch's shapes and parameters, and errors where it has them."""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc.base.shape import Shape, image, tokens, vector
from tests.oracle.torch_cases import REFUSED, make, observed, parameters, predicted, scalars

torch = pytest.importorskip("torch")
nn = torch.nn

SHAPES = [
    vector(6),
    vector(1),
    image(6, 5),
    image(6, 1),
    image(6, 4, 3),
    image(6, 1, 1),
    image(1, 3, 3),
    image(6, 2, 3, 4),
]
TOKENS = [tokens(7, 6), tokens(1, 6), Shape(("height", "width", "channels"), (3, 4, 6))]


def zeros(x: Shape, batch: int = 1) -> Any:
    return torch.zeros(batch, *x.dims)


def stored(module: Any) -> int:
    """Numbers in the buffers of a PyTorch module, its count of batches left out."""
    return sum(buffer.numel() for buffer in module.buffers() if buffer.dim())


def per_rank(kinds: tuple[Any, Any, Any], x: Shape) -> Any:
    """The member of a family of PyTorch layers for this tensor."""
    return kinds[max(len(x.space), 1) - 1]


@pytest.mark.parametrize("x", SHAPES, ids=str)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracked", [True, False])
def test_batch_norm(x: Shape, affine: bool, tracked: bool) -> None:
    """Two parameters and two buffers a channel, as asked for; any tensor with channels."""
    kind = per_rank((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), x)
    module = kind(x.channels, affine=affine, track_running_stats=tracked).eval()
    op = make("batch_norm", affine=affine, track_running_stats=tracked)

    assert op.shape(x).dims == observed(module, zeros(x, batch=2))
    assert scalars(op.weights(x)) == parameters(module)
    assert scalars(op.buffers(x)) == stored(module)


@pytest.mark.parametrize("x", SHAPES[2:], ids=str)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracked", [True, False])
def test_instance_norm(x: Shape, affine: bool, tracked: bool) -> None:
    """Parameters off unless asked for; one position alone is refused."""
    kind = per_rank((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), x)
    values = {"affine": affine, "track_running_stats": tracked}
    module = kind(x.channels, **values).eval()
    op = make("instance_norm", **values)

    assert predicted("instance_norm", x, **values) == observed(module, zeros(x))
    assert scalars(op.weights(x)) == parameters(module)
    assert scalars(op.buffers(x)) == stored(module)


def test_defaults_are_pytorchs() -> None:
    """What is on and off without a word is as in PyTorch."""
    x = image(6, 4, 3)
    modules = {
        "batch_norm": nn.BatchNorm2d(6),
        "instance_norm": nn.InstanceNorm2d(6),
        "layer_norm": nn.LayerNorm(6),
        "rms_norm": nn.RMSNorm(6),
        "prelu": nn.PReLU(),
    }

    for name, module in modules.items():
        assert scalars(make(name).weights(x)) == parameters(module)
        assert scalars(make(name).buffers(x)) == stored(module)


@pytest.mark.parametrize("x", SHAPES[2:], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(x: Shape, groups: int, affine: bool) -> None:
    """Parameters follow the channels; groups that do not divide them are refused."""
    values = {"num_groups": groups, "affine": affine}
    expected = observed(lambda: nn.GroupNorm(groups, x.channels, affine=affine)(zeros(x, batch=2)))

    assert predicted("group_norm", x, **values) == expected
    if expected != REFUSED:
        module = nn.GroupNorm(groups, x.channels, affine=affine)
        assert scalars(make("group_norm", **values).weights(x)) == parameters(module)


@pytest.mark.parametrize("x", [*TOKENS, vector(6)], ids=str)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_over_channels(x: Shape, affine: bool, bias: bool) -> None:
    """The channels of tokens are PyTorch's last axis."""
    module = nn.LayerNorm(6, elementwise_affine=affine, bias=bias)
    op = make("layer_norm", elementwise_affine=affine, bias=bias)

    assert op.shape(x).dims == observed(module, zeros(x))
    assert scalars(op.weights(x)) == parameters(module)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("x", [image(6, 4, 3), Shape(("height", "width", "channels"), (3, 4, 6))], ids=str)
def test_norms_over_trailing_axes(x: Shape, count: int) -> None:
    """The named axes in the tensor's order are PyTorch's normalized_shape, however listed."""
    axes, dims = x.axes[-count:], list(x.dims[-count:])
    layer, rms = nn.LayerNorm(dims), nn.RMSNorm(dims)

    assert make("layer_norm", axis=axes[::-1]).weights(x)["weight"] == tuple(layer.weight.shape)
    assert make("layer_norm", axis=axes).weights(x)["bias"] == tuple(layer.bias.shape)
    assert make("rms_norm", axis=axes).weights(x) == {"weight": tuple(rms.weight.shape)}


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "softmax"])
def test_axis_that_is_not_there_is_refused(name: str) -> None:
    """An axis must be one of the input's."""
    assert predicted(name, image(6, 4), axis="width") == REFUSED


ACTIVATIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "relu": (nn.ReLU, {}),
    "leaky_relu": (nn.LeakyReLU, {"negative_slope": 0.2}),
    "relu6": (nn.ReLU6, {}),
    "elu": (nn.ELU, {"alpha": 2}),
    "selu": (nn.SELU, {}),
    "gelu": (nn.GELU, {"approximate": "tanh"}),
    "silu": (nn.SiLU, {}),
    "hard_swish": (nn.Hardswish, {}),
    "sigmoid": (nn.Sigmoid, {}),
    "hard_sigmoid": (nn.Hardsigmoid, {}),
    "tanh": (nn.Tanh, {}),
    "dropout": (nn.Dropout, {"p": 0.3}),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", SHAPES + TOKENS, ids=str)
def test_elementwise(name: str, x: Shape) -> None:
    """The input's shape comes out, and nothing is learned."""
    kind, values = ACTIVATIONS[name]

    assert predicted(name, x, **values) == observed(kind(**values), zeros(x))
    assert make(name, **values).weights(x) == {}


@pytest.mark.parametrize("slopes", [1, 2, 6])
@pytest.mark.parametrize("x", SHAPES, ids=str)
def test_prelu(x: Shape, slopes: int) -> None:
    """One slope, or one for each channel; any other number is refused."""
    expected = observed(nn.PReLU(slopes), zeros(x, batch=2))

    assert predicted("prelu", x, num_parameters=slopes) == expected
    assert scalars(make("prelu", num_parameters=slopes).weights(x)) == slopes


@pytest.mark.parametrize("name", ["dropout", "drop_path"])
@pytest.mark.parametrize("p", [-0.1, 0, 0.5, 1, 1.5])
def test_probability(name: str, p: float) -> None:
    """A probability lies between 0 and 1, both included."""
    expected = observed(lambda: nn.Dropout(p)(torch.zeros(1, 3)))

    assert predicted(name, vector(3), p=p) == expected


@pytest.mark.parametrize("axis", ["channels", "height", "width"])
def test_softmax(axis: str) -> None:
    """Any axis of the tensor."""
    x = image(6, 4, 3)
    expected = observed(nn.Softmax(dim=1 + x.axes.index(axis)), zeros(x))

    assert predicted("softmax", x, axis=axis) == expected
