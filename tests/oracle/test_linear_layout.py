"""Linear, layout and joining ops against PyTorch: shapes, parameters, and which inputs are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product
from math import prod
from typing import Any

import pytest

from paramcalc.base.errors import Fault
from tests import calls

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

BATCH = 2
Dims = tuple[int, ...]


def predicted(call: str, *inputs: str) -> Dims | None:
    """The output sizes that the op states, or None where it refuses the inputs."""
    try:
        return calls.call(call).shape(*map(calls.shape, inputs)).dims
    except Fault:
        return None


def real(function: Callable[..., Any], *inputs: str) -> Dims | None:
    """The output sizes that PyTorch gives for a batch, or None where it raises or nothing is left."""
    try:
        output = function(*(torch.ones(BATCH, *calls.shape(text).dims) for text in inputs))
    except (RuntimeError, ValueError, IndexError, NotImplementedError):
        return None
    return tuple(output.shape[1:]) if output.numel() else None


def params(call: str, *inputs: str) -> int:
    return sum(prod(dims) for dims in calls.call(call).weights(*map(calls.shape, inputs)).values())


def learned(module: Any) -> int:
    return sum(weight.numel() for weight in module.parameters())


def flag(value: bool) -> str:
    return str(value).lower()


def check(cases: Iterator[tuple[str, tuple[str, ...], Callable[..., Any]]], refused: bool = True) -> None:
    """Every case agrees, and the table holds legal cases beside illegal ones."""
    outcomes = []
    for call, inputs, function in cases:
        expected = real(function, *inputs)
        assert predicted(call, *inputs) == expected, (call, inputs)
        outcomes.append(expected is None)
    assert not all(outcomes) and any(outcomes) == refused


@pytest.mark.parametrize("leading", ["", "length: 1, ", "length: 9, ", "height: 2, width: 1, "])
@pytest.mark.parametrize(("channels", "out", "bias"), [*product((1, 7, 12), (1, 5), (True, False))])
def test_linear(leading: str, channels: int, out: int, bias: bool) -> None:
    """Any axes before the channels are kept."""
    entering, call = f"{{{leading}channels: {channels}}}", f"linear {out} bias={flag(bias)}"
    module = nn.Linear(channels, out, bias=bias)

    assert predicted(call, entering) == real(module, entering)
    assert params(call, entering) == learned(module)


@pytest.mark.parametrize(
    ("entering", "fix"),
    [
        ("512x7x7", "add flatten before it, or use conv2d 10 1"),
        ("512x7", "add flatten before it, or use conv1d 10 1"),
        ("2x1x7x1", "add flatten before it, or use conv3d 10 1"),
        ("{height: 2, channels: 3, width: 4}", "bring the channels to the end with permute"),
    ],
)
def test_linear_needs_channels_last(entering: str, fix: str) -> None:
    """PyTorch would read the last axis whatever it is; here it must be the channels."""
    with pytest.raises(Fault, match="works on the last axis") as caught:
        calls.call("linear 10").shape(calls.shape(entering))

    assert caught.value.fix == fix


@pytest.mark.parametrize("entering", ["120x1", "120x1x1", "120x1x1x1"])
def test_linear_takes_one_position_as_a_vector(entering: str) -> None:
    """Flattening first would change nothing, so it is not asked for."""
    assert predicted("linear 84", entering) == real(lambda x: nn.Linear(120, 84)(x.flatten(1)), entering)


def test_bilinear() -> None:
    """Both inputs keep their leading axes, which must agree."""
    for left, right, out, bias in product((1, 3), (1, 4), (1, 5), (True, False)):
        module = nn.Bilinear(left, right, out, bias=bias)
        call = f"bilinear {out} bias={flag(bias)}"
        for one, other in product((1, 3), repeat=2):
            inputs = (f"{{length: {one}, channels: {left}}}", f"{{length: {other}, channels: {right}}}")
            assert predicted(call, *inputs) == real(module, *inputs)
        assert params(call, str(left), str(right)) == learned(module)


@pytest.mark.parametrize("entering", ["5", "1x1", "3x4", "3x5x7", "2x3x4x5", "{length: 7, channels: 3}"])
def test_flatten(entering: str) -> None:
    """All axes become one."""
    assert predicted("flatten", entering) == real(nn.Flatten(), entering)


def test_reshape() -> None:
    """Sizes must hold the elements; one may be left open."""
    values = (-2, -1, 0, 1, 2, 3, 4, 5, 6, 12)
    check(
        (f"reshape ({one}, {other})", (entering,), lambda x, sizes=(one, other): x.reshape(BATCH, *sizes))
        for one, other in product(values, repeat=2)
        for entering in ("12", "3x4", "2x3x2")
    )


def test_permute() -> None:
    """Each axis must be named once."""
    axes = ("channels", "depth", "height", "width")
    orders = [*permutations(axes), *product(axes[:3], repeat=4), axes[:2]]
    check(
        (
            f"permute ({', '.join(order)})",
            ("2x3x4x5",),
            lambda x, order=order: x.permute(0, *(1 + axes.index(axis) for axis in order)),
        )
        for order in orders
    )


@pytest.mark.parametrize("entering", ["3x5", "3x1x1", "3x4x5", "2x3x4x5"])
def test_channels_last_and_back(entering: str) -> None:
    """The channels move to the end, and channels_first undoes it."""
    x = calls.shape(entering)
    moved = calls.call("channels_last").shape(x)

    assert moved.dims == real(lambda x: x.movedim(1, -1), entering)
    assert calls.call("channels_first").shape(moved) == x


@pytest.mark.parametrize("entering", ["3x5", "768x14x14", "3x1x1", "2x3x4x5"])
def test_to_tokens(entering: str) -> None:
    """The patch embedding of vision transformers: flatten(2).transpose(1, 2)."""
    assert predicted("to_tokens", entering) == real(lambda x: x.flatten(2).transpose(1, 2), entering)


def test_slice() -> None:
    """A range must lie inside the axis; an empty one is refused."""
    bounds = [*product(range(7), range(1, 8))]
    check(
        (f"slice height {start} {stop}", ("2x5x3",), lambda x, a=start, b=stop: x.narrow(2, a, b - a))
        for start, stop in bounds
    )
    check(
        (f"slice_channels {start} {stop}", ("5x3",), lambda x, a=start, b=stop: x.narrow(1, a, b - a))
        for start, stop in bounds
    )
    assert predicted("slice height 2", "2x5x3") == real(lambda x: x[:, :, 2:], "2x5x3")


@pytest.mark.parametrize(
    ("mode", "name"),
    [("zeros", "constant"), ("reflect", "reflect"), ("replicate", "replicate"), ("circular", "circular")],
)
def test_pad(mode: str, name: str) -> None:
    """Axes in the tensor's order, where F.pad starts with the last."""
    cases = (
        (
            f"pad (({a}, {b}), ({c}, 1)) mode={mode}",
            (entering,),
            lambda x, ends=(c, 1, a, b): F.pad(x, ends, mode=name),
        )
        for a, b, c in product(range(4), repeat=3)
        for entering in ("2x1x1", "2x3x2", "1x4x5")
    )
    check(cases, refused=mode in ("reflect", "circular"))
    assert predicted(f"pad 1 mode={mode}", "2x3x4x5") == real(
        lambda x: F.pad(x, (1,) * 6, mode=name), "2x3x4x5"
    )
    assert predicted(f"pad 2 mode={mode}", "2x3") == real(lambda x: F.pad(x, (2, 2), mode=name), "2x3")


def test_crop() -> None:
    """Amounts are negative padding; something must be left."""
    check(
        (
            f"crop (({a}, {b}), {c})",
            (entering,),
            lambda x, ends=(c, c, a, b): F.pad(x, [-amount for amount in ends]),
        )
        for a, b, c in product(range(4), repeat=3)
        for entering in ("2x1x1", "2x3x2", "1x4x7")
    )


def test_center_crop() -> None:
    """The crops of U-Net's figure 1, by hand."""
    assert predicted("center_crop 56 56", "512x64x64") == (512, 56, 56)
    assert predicted("center_crop 392 392", "64x568x568") == (64, 392, 392)
    assert predicted("center_crop 64 65", "512x64x64") is None
    assert predicted("center_crop length=3", "2x8") == (2, 3)
    assert predicted("center_crop 3", "2x8") is None
    assert predicted("center_crop 2 3 4", "1x5x5x5") == (1, 4, 2, 3)


@pytest.mark.parametrize("entering", ["3", "3x5", "3x4x4", "{length: 7, channels: 3}"])
@pytest.mark.parametrize("out", [3, 4, 9])
def test_pad_channels(entering: str, out: int) -> None:
    """Channels of zeros are appended, wherever the axis stands."""
    axis = calls.shape(entering).axes.index("channels") + 1

    def appended(x: Any) -> Any:
        shape = [*x.shape]
        shape[axis] = out - 3
        return torch.cat([x, torch.zeros(shape)], axis)

    assert predicted(f"pad_channels {out}", entering) == real(appended, entering)
    assert predicted("pad_channels 2", entering) is None


def test_channel_shuffle() -> None:
    """The channels must divide into the groups."""
    check(
        (f"channel_shuffle {groups}", (f"{channels}{space}",), nn.ChannelShuffle(groups))
        for groups, channels, space in product((1, 2, 3, 4), (1, 4, 6), ("", "x5", "x1x1", "x3x2"))
    )


def test_pixel_shuffle_and_back() -> None:
    """Channels, or height and width, must divide by the factor."""
    sizes = [(entering,) for entering in ("1x1x1", "4x3x5", "8x2x4", "9x3x6", "18x6x3", "3x6x6")]
    for name, module in (("pixel_shuffle", nn.PixelShuffle), ("pixel_unshuffle", nn.PixelUnshuffle)):
        check((f"{name} {factor}", inputs, module(factor)) for factor, inputs in product((1, 2, 3), sizes))


@pytest.mark.parametrize("entering", ["2x1", "2x5", "2x1x1", "3x4x7", "1x2x3x4"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "bilinear", "trilinear"])
@pytest.mark.parametrize("align", [False, True])
def test_upsample(entering: str, mode: str, align: bool) -> None:
    """Scale or size, for all axes or one each, in the modes that fit the number of axes."""
    corners = None if mode == "nearest" and not align else align
    targets: list[tuple[str, dict[str, Any]]] = [
        ("3", {"scale_factor": 3}),
        ("size=6", {"size": 6}),
        ("(2, 3)", {"scale_factor": (2, 3)}),
        ("size=(7, 3, 2)", {"size": (7, 3, 2)}),
    ]
    for target, arguments in targets:
        expected = real(
            lambda x, a=arguments: F.interpolate(x, mode=mode, align_corners=corners, **a), entering
        )
        assert predicted(f"upsample {target} mode={mode} align_corners={flag(align)}", entering) == expected


def test_upsample_needs_one_target() -> None:
    """PyTorch refuses both and neither as well."""
    with pytest.raises(ValueError, match="only one of size or scale_factor"):
        F.interpolate(torch.ones(1, 1, 4), size=3, scale_factor=2)
    assert predicted("upsample", "1x4") is None
    assert predicted("upsample 2 size=3", "1x4") is None


@pytest.mark.parametrize(("vocabulary", "dim", "length"), [(1, 1, 1), (11, 3, 7), (50257, 16, 5)])
def test_embedding(vocabulary: int, dim: int, length: int) -> None:
    """Ids have no channels; the output gains them."""
    module, entering = nn.Embedding(vocabulary, dim), f"{{length: {length}}}"
    call = f"embedding {vocabulary} {dim}"

    assert predicted(call, entering) == real(lambda ids: module(ids.long() * 0), entering)
    assert params(call, entering) == learned(module)
    assert predicted(call, f"{{length: {length}, channels: 3}}") is None


def test_learned_tokens() -> None:
    """Positions and the class token of ViT-B/16 at 224: 197 x 768 and 768 parameters."""
    assert params("positions", "{length: 197, channels: 768}") == 151_296
    assert params("class_token", "{length: 196, channels: 768}") == 768
    assert predicted("class_token", "{length: 1, channels: 3}") == (2, 3)
    assert predicted("positions 5", "{length: 5, channels: 3}") == (5, 3)
    assert predicted("positions 5", "{length: 6, channels: 3}") is None
    assert predicted("positions", "3x14x14") is None


def test_concat() -> None:
    """All axes but one must agree."""
    shapes = ("1x4x4", "3x4x4", "3x4x5", "2x2x4")
    for axis, name in enumerate(("channels", "height"), start=1):
        check(
            (f"concat axis={name}", inputs, lambda *xs, axis=axis: torch.cat(xs, axis))
            for inputs in product(shapes, repeat=2)
        )
    assert predicted("concat", "1x4x4", "3x4x4", "2x4x4") == (6, 4, 4)
    assert predicted("concat", "3x4", "3x4x4") is None
    assert predicted("concat axis=height", "3x4", "3x4") is None


@pytest.mark.parametrize("call", ["add", "multiply", "subtract"])
def test_smaller_tensors_spread(call: str) -> None:
    """Channels alone, or size 1 along any axis, reach the full shape, which one input must have."""
    whole = "3x4x5"

    def joined(small: Any, x: Any) -> Any:
        return small.reshape(*small.shape, *[1] * (x.ndim - small.ndim)) + x

    for small in ("3", "3x1x1", "3x4x5", "3x4x1", "3x1x5", "1", "1x4x5", "1x1x5", "1x1x1"):
        expected = real(joined, small, whole)
        assert predicted(call, small, whole) == predicted(call, whole, small) == expected
        assert call == "subtract" or predicted(call, small, whole, "3") == expected
    for small in ("2", "4x4x5", "3x4x4", "3x5", "4x1x1"):
        assert predicted(call, small, whole) is None
    for one, other in (("3x4x1", "3x1x5"), ("3", "1x4x5")):
        assert predicted(call, one, other) is None
        assert call == "subtract" or predicted(call, one, other, whole) == (3, 4, 5)


@pytest.mark.parametrize("call", ["add", "multiply", "subtract"])
def test_no_size_spreads_but_one(call: str) -> None:
    """Over all pairs of small shapes: PyTorch's answer, if it is one of the inputs, else a refusal."""
    shapes = ["x".join(map(str, dims)) for dims in product((1, 2, 3), repeat=3)]
    for one, other in product(shapes, repeat=2):
        expected = real(lambda x, y: x + y, one, other)
        wanted = expected if expected in (calls.shape(one).dims, calls.shape(other).dims) else None
        assert predicted(call, one, other) == wanted


def test_faults_name_both_inputs() -> None:
    """A join that cannot be done shows the operands that disagree."""
    with pytest.raises(Fault) as caught:
        calls.call("multiply").shape(*map(calls.shape, ("8", "8x4x4", "8x5x5")))

    assert caught.value.found == (
        "input 2 is 8x4x4 (channels x height x width), input 3 is 8x5x5 (channels x height x width)"
    )
    assert caught.value.about == "inputs:2,3"
