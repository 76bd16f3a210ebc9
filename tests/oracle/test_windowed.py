"""Convolution and pooling give PyTorch's shapes and parameters, and errors where it has them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from paramcalc.base.shape import Shape, image, tokens, vector
from paramcalc.ops._window import same_padding
from tests.oracle.torch_cases import REFUSED, make, observed, parameters, predicted, scalars

torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional

RANKS = (1, 2, 3)
SAMPLES = 300


def sampled(seed: str, rank: int, **choices: Any) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """Small input spaces and settings; a range gives one number an axis, a list one for all."""
    pick = random.Random(f"{seed} {rank}")
    for _ in range(SAMPLES):
        space = tuple(pick.choice((1, 2, 3, 5, 7, 8, 12)) for _ in range(rank))
        yield (
            space,
            {
                name: [pick.choice(values) for _ in range(rank)]
                if isinstance(values, range)
                else pick.choice(values)
                for name, values in choices.items()
            },
        )


def built(kind: Any, channels: int, values: dict[str, Any], x: Any) -> Any:
    """What a PyTorch layer, made here so that its refusal is seen too, gives for `x`."""
    return kind(channels, **values)(x)


def agreement(outcomes: list[Any]) -> None:
    """Both legal and illegal cases must have come up, or the sampling tests nothing."""
    refused = sum(outcome == REFUSED for outcome in outcomes)
    assert 0.02 <= refused / len(outcomes) <= 0.9


@pytest.mark.parametrize("rank", RANKS)
def test_conv(rank: int) -> None:
    """Any kernel, stride, padding, dilation, grouping and padding mode: shape and parameters."""
    outcomes = []
    for space, values in sampled(
        "conv",
        rank,
        out_channels=[1, 2, 4, 6],
        kernel_size=range(1, 5),
        stride=range(1, 4),
        padding=range(4),
        dilation=range(1, 4),
        groups=[1, 1, 2, 3],
        bias=[True, False],
        padding_mode=["zeros", "zeros", "reflect", "replicate", "circular"],
    ):
        channels = random.Random(str(values)).choice((2, 4, 6))
        x = image(channels, *space)
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
        expected = observed(built, kind, channels, values, torch.zeros(1, channels, *space))

        assert predicted(f"conv{rank}d", x, **values) == expected, (space, values)
        outcomes.append(expected)
        if expected != REFUSED:
            weights = make(f"conv{rank}d", **values).weights(x)
            assert scalars(weights) == parameters(kind(channels, **values))
    agreement(outcomes)


@pytest.mark.parametrize("rank", RANKS)
def test_conv_transpose(rank: int) -> None:
    """Any kernel, stride, padding, output padding, dilation and grouping: shape and parameters."""
    outcomes = []
    for space, values in sampled(
        "transpose",
        rank,
        out_channels=[1, 2, 4],
        kernel_size=range(1, 5),
        stride=range(1, 4),
        padding=range(3),
        output_padding=[0, 0, 1, 2],
        groups=[1, 1, 2],
        bias=[True, False],
        dilation=range(1, 4),
    ):
        x = image(4, *space)
        kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[rank - 1]
        expected = observed(built, kind, 4, values, torch.zeros(1, 4, *space))

        assert predicted(f"conv_transpose{rank}d", x, **values) == expected, (space, values)
        outcomes.append(expected)
        if expected != REFUSED:
            weights = make(f"conv_transpose{rank}d", **values).weights(x)
            assert scalars(weights) == parameters(kind(4, **values))
            assert weights["weight"] == tuple(kind(4, **values).weight.shape)
    agreement(outcomes)


@pytest.mark.parametrize("rank", RANKS)
def test_max_pool(rank: int) -> None:
    """Any window, stride, padding, dilation and rounding."""
    outcomes = []
    for space, values in sampled(
        "max",
        rank,
        kernel_size=range(1, 5),
        stride=range(1, 5),
        padding=range(3),
        dilation=range(1, 3),
        ceil_mode=[True, False],
    ):
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
        expected = observed(pool, torch.zeros(1, 2, *space), **values)

        assert predicted(f"max_pool{rank}d", image(2, *space), **values) == expected, (space, values)
        outcomes.append(expected)
    agreement(outcomes)


@pytest.mark.parametrize("rank", RANKS)
def test_avg_pool(rank: int) -> None:
    """Any window, stride, padding and rounding.

    Left out: a window above the input's size in 3-D. There PyTorch refuses what it accepts, thanks
    to the padding, in 1-D and 2-D.
    """
    outcomes = []
    for space, values in sampled(
        "avg",
        rank,
        kernel_size=range(1, 5),
        stride=range(1, 5),
        padding=range(3),
        ceil_mode=[True, False],
        count_include_pad=[True, False],
    ):
        if rank == 3 and any(
            size < kernel for size, kernel in zip(space, values["kernel_size"], strict=True)
        ):
            continue
        pool = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]
        expected = observed(pool, torch.zeros(1, 2, *space), **values)

        assert predicted(f"avg_pool{rank}d", image(2, *space), **values) == expected, (space, values)
        outcomes.append(expected)
    agreement(outcomes)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pool_stride_is_the_window_unless_given(name: str) -> None:
    """Without a stride, windows lie side by side."""
    x = torch.zeros(1, 2, 11, 9)
    expected = observed(getattr(functional, name), x, (3, 2), padding=1)

    assert predicted(name, image(2, 11, 9), kernel_size=[3, 2], padding=1) == expected


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("rank", RANKS)
def test_adaptive_pool(kind: str, rank: int) -> None:
    """Any output size, above the input's too."""
    for space, values in sampled(f"adaptive {kind}", rank, output_size=range(1, 10)):
        name = f"adaptive_{kind}_pool{rank}d"
        expected = observed(getattr(functional, name), torch.zeros(1, 3, *space), **values)

        assert predicted(name, image(3, *space), **values) == expected


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 12])
@pytest.mark.parametrize("bins", [1, 2, 3, 4, 6, 7, 9])
def test_adaptive_pool_reads_what_gradients_reach(size: int, bins: int) -> None:
    """Values read = non-zero entries of the derivative of all outputs by all inputs."""
    derivative = torch.autograd.functional.jacobian(
        lambda x: functional.adaptive_avg_pool1d(x, bins), torch.zeros(1, 1, size)
    )
    op = make("adaptive_avg_pool1d", output_size=bins)

    assert op.cost(image(1, size)).connections == int((derivative != 0).sum())


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("x", [image(4, 7), image(4, 1, 1), image(4, 5, 3), image(4, 2, 3, 4), tokens(6, 4)])
def test_global_pool(kind: str, x: Shape) -> None:
    """One number a channel, wherever the channels stand."""
    channel = x.axes.index("channels") + 1
    axes = [axis for axis in range(1, len(x.axes) + 1) if axis != channel]
    reduce = torch.mean if kind == "avg" else torch.amax
    expected = observed(reduce, torch.zeros(1, *x.dims), dim=axes)

    assert predicted(f"global_{kind}_pool", x) == expected


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_local_response_norm(size: int, rank: int) -> None:
    """Any window over the channels, wider than them too."""
    space = (3, 1, 2)[:rank]
    expected = observed(nn.LocalResponseNorm(size), torch.zeros(1, 4, *space))

    assert predicted("local_response_norm", image(4, *space), size=size) == expected


def test_wants_space() -> None:
    """A vector has nothing to pool or to normalize over, as in PyTorch."""
    assert observed(nn.LocalResponseNorm(5), torch.zeros(1, 4)) == REFUSED
    assert predicted("local_response_norm", vector(4), size=5) == REFUSED
    assert predicted("global_avg_pool", vector(4)) == REFUSED


@pytest.mark.parametrize("space", [(28, 28), (10, 10), (5, 7), (1, 4)])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_subsample_pools_like_an_average(kernel: int, space: tuple[int, int]) -> None:
    """LeNet-5's sub-sampling has an average pool's shape, and two weights a map."""
    x = image(6, *space)
    expected = observed(functional.avg_pool2d, torch.zeros(1, 6, *space), kernel)

    assert predicted("subsample", x, kernel_size=kernel) == expected
    assert scalars(make("subsample", kernel_size=kernel).weights(x)) == 12


def test_rbf() -> None:
    """One distance for each code; space must be flattened first, unless there is only one place."""
    expected = observed(torch.cdist, torch.zeros(1, 84), torch.zeros(10, 84))

    assert predicted("rbf", vector(84), out_channels=10) == expected
    assert predicted("rbf", image(84, 1, 1), out_channels=10) == expected
    assert predicted("rbf", image(84, 2, 1), out_channels=10) == REFUSED


@pytest.mark.parametrize("rank", RANKS)
def test_asymmetric_padding(rank: int) -> None:
    """A pair for each axis pads before and after, like F.pad, which names the last axis first."""
    pick = random.Random(rank)
    for _ in range(100):
        space = [pick.randint(1, 8) for _ in range(rank)]
        ends = [(pick.randint(0, 3), pick.randint(0, 3)) for _ in range(rank)]
        stride = pick.randint(1, 3)
        flat = [amount for pair in reversed(ends) for amount in pair]
        padded = functional.pad(torch.zeros(1, 2, *space), flat)
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
        expected = observed(kind(2, 3, 3, stride=stride), padded)

        given = predicted(
            f"conv{rank}d", image(2, *space), out_channels=3, kernel_size=3, stride=stride, padding=ends
        )

        assert given == expected, (space, ends, stride)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_at_stride_one_is_pytorchs(kernel: int, dilation: int) -> None:
    """At stride 1 `same` keeps the size, as PyTorch's `same` does."""
    values = {"out_channels": 2, "kernel_size": kernel, "dilation": dilation, "padding": "same"}
    for size in (1, 4, 9):
        expected = observed(nn.Conv1d(1, **values), torch.zeros(1, 1, size))

        assert predicted("conv1d", image(1, size), **values) == expected


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),  # MobileNet's first layer
        (224, 7, 2, (2, 3)),
        (225, 3, 2, (1, 1)),
        (112, 5, 2, (1, 2)),
        (7, 5, 1, (2, 2)),
        (7, 2, 1, (0, 1)),
        (7, 1, 2, (0, 0)),
        (8, 2, 3, (0, 0)),  # 8 = 2, a gap of 1, 2, a gap of 1, 2
        (7, 2, 3, (0, 1)),
    ],
)
def test_same_pads_the_far_end_more(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    """TensorFlow's padding, worked out by hand from ceil(size / stride) windows."""
    assert same_padding(size, kernel, stride, 1) == expected


@pytest.mark.parametrize("name", ["conv1d", "max_pool1d", "avg_pool1d"])
def test_same_gives_one_position_for_each_stride_begun(name: str) -> None:
    """Positions are those of range(0, size, stride), also where the stride exceeds the window."""
    more = {"out_channels": 1} if name == "conv1d" else {}
    for size in range(1, 12):
        for kernel in range(1, 6):
            for stride in range(1, 6):
                given = predicted(
                    name, image(1, size), kernel_size=kernel, stride=stride, padding="same", **more
                )

                assert given == (1, len(range(0, size, stride)))


def test_transposed_same_multiplies_the_size() -> None:
    """With `same` a transposed convolution gives size * stride, as in TensorFlow."""
    for kernel in range(1, 6):
        for stride in range(1, 6):
            values = {"out_channels": 1, "kernel_size": kernel, "stride": stride, "padding": "same"}

            assert predicted("conv_transpose1d", image(1, 7), **values) == (1, 7 * stride)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_multiplications_are_pytorchs(name: str) -> None:
    """PyTorch's own counter, which has two FLOPs for each multiply-accumulate, agrees."""
    from torch.utils.flop_counter import FlopCounterMode

    for space, values in sampled(
        name,
        2,
        out_channels=[2, 4],
        kernel_size=range(1, 4),
        stride=range(1, 3),
        padding=range(2),
        dilation=range(1, 3),
        groups=[1, 2],
    ):
        if predicted(name, image(4, *space), **values) == REFUSED:
            continue
        module = (nn.Conv2d if name == "conv2d" else nn.ConvTranspose2d)(4, **values)
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 4, *space))

        assert 2 * make(name, **values).cost(image(4, *space)).macs == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "x"),
    [("conv2d", image(3, 8)), ("conv2d", vector(3)), ("conv1d", tokens(8, 3)), ("conv3d", image(3, 8, 8))],
)
def test_wrong_number_of_axes_is_refused(name: str, x: Shape) -> None:
    """A convolution wants channels first and exactly its own number of axes."""
    assert predicted(name, x, out_channels=1, kernel_size=1) == REFUSED
