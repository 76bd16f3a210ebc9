"""torchvision's networks with their own weights, found in the state_dict, give torchvision's outputs."""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc import load
from paramcalc.verify.checkpoint import match as match_arrays
from paramcalc.verify.files import in_memory
from paramcalc.verify.run import run
from paramcalc.verify.weights import GivenWeights

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision.models")

TOLERANCE = 1e-4  # of the largest output, in single precision
NETWORKS = {
    "alexnet-owt-torchvision": "alexnet",
    "convnext-tiny": "convnext_tiny",
    "densenet-121": "densenet121",
    "efficientnet-b0": "efficientnet_b0",
    "googlenet-torchvision": "googlenet",
    "inception-v3": "inception_v3",
    "mnasnet-b1": "mnasnet1_0",
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "mobilenet-v3-small": "mobilenet_v3_small",
    "regnetx-004-torchvision": "regnet_x_400mf",
    "regnetx-016": "regnet_x_1_6gf",
    "regnety-004": "regnet_y_400mf",
    "regnety-008-torchvision": "regnet_y_800mf",
    "resnet-18": "resnet18",
    "resnet-50": "resnet50",
    "resnext50-32x4d": "resnext50_32x4d",
    "shufflenet-v2-x1.0": "shufflenet_v2_x1_0",
    "squeezenet1.0": "squeezenet1_0",
    "squeezenet1.1": "squeezenet1_1",
    "swin-tiny": "swin_t",
    "swin-v2-t": "swin_v2_t",
    "vgg-16": "vgg16",
    "vgg19-e-bn": "vgg19_bn",
    "vit-b32": "vit_b_32",
    "wrn-50-2-bottleneck": "wide_resnet50_2",
}
WITH_HEADS = ("googlenet", "inception_v3")


def made(name: str, heads: bool) -> Any:
    """The network with weights as training leaves them: nothing zero, nothing one."""
    torch.manual_seed(0)
    options = {"init_weights": False, "aux_logits": heads} if name in WITH_HEADS else {}
    network = getattr(models, name)(weights=None, **options).eval()
    norms = (torch.nn.BatchNorm2d, torch.nn.LayerNorm)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, norms):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    for key, weight in network.named_parameters():
        if not weight.any() or "layer_scale" in key:
            torch.nn.init.normal_(weight, std=0.3)
    return network


def place_in_v2(key: str) -> tuple[str, int]:
    """Where a block of Swin V2 uses a weight; all else stays in its order."""
    names = key.split(".")
    order = ("attn", "norm1", "mlp", "norm2")
    place = next((order.index(name) for name in names if name in order), -1)
    return ".".join(names[: 3 if place >= 0 else 2]), place


def arrays_of(network: Any) -> dict[str, Any]:
    """The state_dict; Swin's merging concatenates the corners of a square, each with all channels.

    Here, as in `pixel_unshuffle`, each channel has its four corners, row by row. In a block of Swin V2 norms come
    after what they normalize, and the keys have a bias that is set to zero when it runs.
    """
    arrays = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    if any("logit_scale" in key for key in arrays):
        arrays = {key: arrays[key] for key in sorted(arrays, key=place_in_v2)}
    for key, array in [*arrays.items()] if isinstance(network, models.SwinTransformer) else ():
        if key.endswith("qkv.bias") and key.replace("qkv.bias", "logit_scale") in arrays:
            array[len(array) // 3 : len(array) // 3 * 2] = 0
        merging, _, part = key.rpartition(".")[0].rpartition(".")
        reduction = arrays.get(f"{merging}.reduction.weight")
        if part in ("reduction", "norm") and reduction is not None and array.shape[-1] == reduction.shape[-1]:
            squares = array.reshape(-1, 2, 2, array.shape[-1] // 4)  # N x column x row x channel
            arrays[key] = np.ascontiguousarray(squares.transpose(0, 3, 2, 1)).reshape(array.shape)
    return arrays


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_as_torchvision(name: str, heads: bool) -> None:
    """As many params, and the same numbers; auxiliary heads may be in the file or not."""
    theirs = NETWORKS[name]
    if heads and theirs not in WITH_HEADS:
        pytest.skip("it has no heads")
    network, graph = made(theirs, heads), load(name).graph()
    match = match_arrays(graph, in_memory(arrays_of(network)), theirs)
    x = np.random.default_rng(0).standard_normal((1, *graph.inputs["input"].dims)).astype("float32")

    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    (found,) = run(graph, x, GivenWeights(graph, match.read(), auxiliary=match.auxiliary)).values()

    assert match.auxiliary == heads or theirs not in WITH_HEADS
    assert {key.rpartition(".")[2] for key in match.extra} <= {
        "num_batches_tracked",
        "relative_coords_table",
        "relative_position_index",
    }
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
