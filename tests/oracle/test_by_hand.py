"""Networks that no library has: params and MACs of bundled specs against PyTorch modules written by hand.

On the meta device, so that no weights are made; MACs are those that PyTorch's own counter sees, of one sample.
"""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc import load
from paramcalc.verify import checkpoint
from paramcalc.verify.files import in_memory
from paramcalc.verify.run import run

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.oracle import diffusion, generation, signals  # noqa: E402

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
    assert tuple(report.graph.layers[-1].output.dims) == tuple(output.shape[1:])


# Those small enough to run, whose modules have their weights in the spec's order, with sizes of the inputs
RUN = {
    "srcnn-9-5-5": {"input": (1, 24, 20)},
    "edsr-baseline-x2": {"input": (3, 8, 10)},
    "edsr-baseline-x4": {"input": (3, 8, 10)},
    "rcan-x2": {"input": (3, 8, 10)},
    "srgan-generator": {"input": (3, 8, 10)},
    "srgan-discriminator": {},
    "esrgan": {"input": (3, 8, 8)},
    "dcgan-generator": {},
    "dcgan-tutorial-generator": {},
    "dcgan-tutorial-discriminator": {},
    "eegnet-8-2": {},
    "pointnet-vanilla": {"input": (40, 3)},
    "siamese-omniglot": {},
    "nerf": {},
    "tcn": {},
    "c3d-ucf101": {},
}


@pytest.mark.parametrize("name", RUN)
def test_outputs(name: str) -> None:
    """The same arrays give the same numbers, in double precision."""
    torch.manual_seed(0)
    module = NETWORKS[name]().double().eval()
    for one in module.parameters():
        torch.nn.init.normal_(one, std=0.05)
    graph = load(name).graph(inputs=RUN[name] or None)
    arrays = in_memory({key: one.numpy() for key, one in module.state_dict().items()})
    weights = checkpoint.match(graph, arrays, "the module").read()
    tensors = {
        key: torch.randn(2, *shape.dims, dtype=torch.double)
        if "channels" in shape.axes
        else torch.randint(0, 9, (2, *shape.dims))
        for key, shape in graph.inputs.items()
    }
    with torch.no_grad():
        expected = module(*tensors.values()).numpy()

    found = run(graph, {key: one.numpy() for key, one in tensors.items()}, weights, dtype="float64")
    output = list(found.values())[-1]

    assert output.shape == expected.shape
    assert abs(output - expected).max() <= 1e-9 * abs(expected).max()
