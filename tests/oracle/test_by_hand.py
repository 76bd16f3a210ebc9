"""Networks that no library has: params and MACs of bundled specs against PyTorch modules written by hand.

On the meta device, so that no weights are made; MACs are those that PyTorch's own counter sees, of one sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from paramcalc import load

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.oracle import diffusion, generation, signals, weights  # noqa: E402

NETWORKS = generation.NETWORKS | diffusion.NETWORKS | signals.NETWORKS


def tensor(shape: Any) -> Any:
    dtype = torch.float if "channels" in shape.axes else torch.long
    return torch.empty(1, *shape.dims, device="meta", dtype=dtype)


@pytest.mark.parametrize("name", NETWORKS)
def test_params_and_macs(name: str) -> None:
    report = load(name).count()
    with torch.device("meta"):
        module = NETWORKS[name]().eval()
    params = sum(one.numel() for one in module.parameters())
    module.requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(*(tensor(shape) for shape in report.graph.inputs.values()))

    assert report.totals.params == params
    assert report.totals.macs == counter.get_total_flops() // 2
    last = output[-1] if isinstance(output, tuple) else output
    assert tuple(report.graph.layers[-1].output.dims) == tuple(last.shape[1:])


class Case(NamedTuple):
    """Sizes of inputs and knobs, as small as the module allows, and how its weights are put in the spec's order."""

    sizes: dict[str, tuple[int, ...]] | None = None
    knobs: Mapping[str, Any] = {}
    within: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}


def sized(*dims: int, **more: Any) -> Case:
    return Case({"input": dims}, **more)


ATTENTION = {
    rf"\.{one}\.weight$": f".{name}"
    for one, name in (("q", "query"), ("k", "key"), ("v", "value"), ("out", "out"))
}
ATTENTION |= {pattern.replace("weight", "bias"): f"{name}_bias" for pattern, name in ATTENTION.items()}
RUN = {
    "srcnn-9-5-5": sized(1, 24, 20),
    "edsr-baseline-x2": sized(3, 8, 10),
    "edsr-baseline-x4": sized(3, 8, 10),
    "rcan-x2": sized(3, 8, 10),
    "srgan-generator": sized(3, 8, 10),
    "srgan-discriminator": Case(),
    "esrgan": sized(3, 8, 8),
    "dcgan-generator": Case(),
    "dcgan-tutorial-generator": Case(),
    "dcgan-tutorial-discriminator": Case(),
    "eegnet-8-2": Case(),
    "pointnet-vanilla": sized(40, 3),
    "siamese-omniglot": Case(),
    "nerf": Case(),
    "tcn": Case(),
    "c3d-ucf101": Case(),
    "ddpm-cifar10": Case(
        {"image": (3, 16, 16), "time": (128,)},
        within=("time", "norm1", "conv1", "norm2", "conv2", "shortcut"),
        rename=ATTENTION,
    ),
    "dit-s-8": Case(
        within=("time", "label", "embed", "places", "numbers", "qkv", "out", "mlp"),
        rename={r"\.out\.weight$": ".out", r"\.out\.bias$": ".out_bias"},
    ),
    "vq-vae": Case(knobs={"size": 16}, within=("down", "before", "narrow", "codes", "wide", "after", "up")),
    "wavenet": sized(
        256,
        50,
        within=("filters", "gates", "skips", "residuals"),
        rename={r"(filters|gates|skips|residuals)\.(\d+)": r"layers.\2.\1"},
    ),
    "zaremba-small": sized(4, rename={r"\.x\.weight": ".weight_ih", r"\.h\.weight": ".weight_hh"}),
    "convlstm": Case(knobs={"frames": 3, "size": 6}),
}


@pytest.mark.parametrize("name", RUN)
def test_outputs(name: str) -> None:
    """The same arrays give the same numbers, in double precision."""
    case = RUN[name]
    torch.manual_seed(0)
    module = weights.trained(NETWORKS[name](), "float64")
    for one in module.parameters():
        if one.numel() > max(one.shape, default=1):
            torch.nn.init.normal_(one, std=0.05)
    graph = load(name).graph(inputs=case.sizes, **case.knobs)
    inputs = weights.inputs_of(graph, "float64")
    with torch.inference_mode():
        expected = module(*(torch.from_numpy(one) for one in inputs.values()))

    found = weights.by_order(graph, weights.arrays_of(module), case.within, case.rename)

    weights.check(graph, found, inputs, expected if isinstance(expected, tuple) else [expected])
