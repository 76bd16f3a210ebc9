"""timm's networks with their own weights give timm's outputs.

A list of a network's arrays in the order in which a spec's layers read them says which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from paramcalc import load
from paramcalc.verify.run import run
from paramcalc.verify.weights import owned

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

TOLERANCE = 1e-5  # of the largest output, in single precision
Arrays = dict[str, Any]
NORM = ("weight", "bias", "running_mean", "running_var")


def both(a: Arrays, *modules: str) -> Iterator[Any]:
    """Weight and bias of modules."""
    return (a[f"{module}.{name}"] for module in modules for name in ("weight", "bias"))


def normed(a: Arrays, module: str, first: str = "linear.weight", norm: str = "bn") -> Iterator[Any]:
    """A weight without bias, and the batch norm behind it."""
    yield a[f"{module}.{first}"]
    yield from (a[f"{module}.{norm}.{name}"] for name in NORM)


def numbered(a: Arrays, path: str, inside: str) -> Iterator[str]:
    """The modules `path` with 0, 1, 2 ... in place of {} that have `inside`."""
    for number in count():
        if f"{path.format(number)}.{inside}" not in a:
            return
        yield path.format(number)


def attention(a: Arrays, module: str) -> Iterator[Any]:
    """Projections as one matrix, and biases of queries and values alone."""
    yield from np.split(a[f"{module}.qkv.weight"], 3)
    yield from (a[f"{module}.{name}"] for name in ("proj.weight", "q_bias", "v_bias", "proj.bias"))


def swin_v2(a: Arrays) -> Iterator[Any]:
    yield from both(a, "patch_embed.proj", "patch_embed.norm")
    for stage in numbered(a, "layers.{}", "blocks.0.norm1.weight"):
        if f"{stage}.downsample.norm.weight" in a:  # each channel with the corners of a square, row by row
            merging = a[f"{stage}.downsample.reduction.weight"]
            yield merging.reshape(len(merging), 2, 2, -1).transpose(0, 3, 2, 1)
            yield from both(a, f"{stage}.downsample.norm")
        for block in numbered(a, stage + ".blocks.{}", "norm1.weight"):
            yield from both(a, f"{block}.attn.cpb_mlp.0")
            yield a[f"{block}.attn.cpb_mlp.2.weight"]
            yield from attention(a, f"{block}.attn")
            yield a[f"{block}.attn.logit_scale"]
            yield from both(a, f"{block}.norm1", f"{block}.mlp.fc1", f"{block}.mlp.fc2", f"{block}.norm2")
    yield from both(a, "norm", "head.fc")


def beit(a: Arrays) -> Iterator[Any]:
    yield from both(a, "patch_embed.proj")
    yield a["cls_token"]
    for block in numbered(a, "blocks.{}", "norm1.weight"):
        yield from both(a, f"{block}.norm1")
        yield a[f"{block}.attn.relative_position_bias_table"]
        yield from attention(a, f"{block}.attn")
        yield a[f"{block}.gamma_1"]
        yield from both(a, f"{block}.norm2", f"{block}.mlp.fc1", f"{block}.mlp.fc2")
        yield a[f"{block}.gamma_2"]
    yield from both(a, "fc_norm", "head")


def xcit(a: Arrays) -> Iterator[Any]:
    for place in range(0, 8, 2):
        yield from normed(a, f"patch_embed.proj.{place}", "0.weight", "1")
    yield from both(a, "pos_embed.token_projection")
    for block in numbered(a, "blocks.{}", "norm1.weight"):
        yield from both(a, f"{block}.norm1")
        thirds = (np.split(a[f"{block}.attn.qkv.{name}"], 3) for name in ("weight", "bias"))
        for pair in zip(*thirds, strict=True):
            yield from pair
        yield a[f"{block}.attn.temperature"]
        yield from both(a, f"{block}.attn.proj")
        yield a[f"{block}.gamma1"]
        yield from both(a, f"{block}.norm3", f"{block}.local_mp.conv1")
        yield from (a[f"{block}.local_mp.bn.{name}"] for name in NORM)
        yield from both(a, f"{block}.local_mp.conv2")
        yield a[f"{block}.gamma3"]
        yield from both(a, f"{block}.norm2", f"{block}.mlp.fc1", f"{block}.mlp.fc2")
        yield a[f"{block}.gamma2"]
    yield a["cls_token"]
    for block in numbered(a, "cls_attn_blocks.{}", "norm1.weight"):
        yield from both(a, f"{block}.norm1")
        for name in ("weight", "bias"):
            yield from (a[f"{block}.attn.{part}.{name}"] for part in ("q", "k", "v", "proj"))
        yield a[f"{block}.gamma1"]
        yield from both(a, f"{block}.norm2", f"{block}.mlp.fc1", f"{block}.mlp.fc2")
        yield a[f"{block}.gamma2"]
    yield from both(a, "norm", "head")


def levit(a: Arrays) -> Iterator[Any]:
    def mlp(module: str) -> Iterator[Any]:
        yield from normed(a, f"{module}.ln1")
        yield from normed(a, f"{module}.ln2")

    for number in range(1, 5):
        yield from normed(a, f"stem.conv{number}")
    for stage in numbered(a, "stages.{}", "blocks.0.attn.qkv.linear.weight"):
        down = f"{stage}.downsample.attn_downsample"
        if f"{down}.kv.linear.weight" in a:
            yield from normed(a, f"{down}.kv")
            yield from normed(a, f"{down}.q.ln")
            yield a[f"{down}.attention_biases"].T
            yield from normed(a, f"{down}.proj.ln")
            yield from mlp(f"{stage}.downsample.mlp")
        for block in numbered(a, stage + ".blocks.{}", "attn.qkv.linear.weight"):
            yield from normed(a, f"{block}.attn.qkv")
            yield a[f"{block}.attn.attention_biases"].T
            yield from normed(a, f"{block}.attn.proj.ln")
            yield from mlp(f"{block}.mlp")
    for head in ("head", "head_dist"):
        yield from (a[f"{head}.bn.{name}"] for name in NORM)
        yield from both(a, f"{head}.linear")


NETWORKS: dict[str, tuple[str, Callable[[Arrays], Iterator[Any]]]] = {
    "swin-v2-tiny": ("swinv2_tiny_window8_256", swin_v2),
    "swin-v2-base-192-to-256": ("swinv2_base_window12to16_192to256", swin_v2),
    "beit-base": ("beit_base_patch16_224", beit),
    "xcit-nano-12-p16": ("xcit_nano_12_p16_224", xcit),
    "xcit-tiny-12-p16": ("xcit_tiny_12_p16_224", xcit),
    "levit-128s": ("levit_128s", levit),
    "levit-256": ("levit_256", levit),
}


def made(name: str) -> Any:
    """The network with weights as training leaves them: nothing zero, nothing one."""
    torch.manual_seed(0)
    network = timm.create_model(name).eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d | torch.nn.LayerNorm):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    for key, weight in network.named_parameters():
        if not weight.any() or "gamma" in key or "temperature" in key:
            torch.nn.init.normal_(weight, std=0.3)
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_as_timm(name: str) -> None:
    """The same numbers from the same weights."""
    theirs, listed = NETWORKS[name]
    network, graph = made(theirs), load(name).graph()
    arrays = listed({key: tensor.numpy() for key, tensor in network.state_dict().items()})
    weights = {
        f"{path}/{weight}": np.ascontiguousarray(array).reshape(dims)
        for ((path, weight), dims), array in zip(owned(graph).items(), arrays, strict=True)
    }
    x = np.random.default_rng(0).standard_normal((1, *graph.inputs["input"].dims)).astype("float32")

    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    (found,) = run(graph, x, weights).values()

    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
