"""Networks of torchvision and timm with their own weights give the outputs of torchvision and timm.

Inputs are as small as the networks allow. Where a module lists its weights in another order than that of
the layers, the patterns of `within` give that of each block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from paramcalc import load
from tests.oracle import weights

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")


class Case(NamedTuple):
    """The source's name, the size of the image, the options of its module, and how its weights are found."""

    source: str
    size: int = 64
    options: Mapping[str, Any] = {}
    within: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}
    dtype: str = "float64"


def sized(source: str, size: int = 64, **more: Any) -> Case:
    """A transformer, which learns positions of an image."""
    option = "image_size" if source.startswith("torchvision") else "img_size"
    return Case(source, size, {option: size}, **more)


PARALLEL = ("conv_kxk", "conv_1x1", "conv_scale", "identity")
CASES = {
    "alexnet-owt-torchvision": Case("torchvision:alexnet", 224, dtype="float32"),
    "vgg11-a": Case("torchvision:vgg11", 224, dtype="float32"),
    "vgg11-a-bn": Case("torchvision:vgg11_bn", 224, dtype="float32"),
    "resnet-18": Case("torchvision:resnet18"),
    "resnet-50": Case("torchvision:resnet50"),
    "resnext50-32x4d": Case("torchvision:resnext50_32x4d"),
    "wrn-50-2-bottleneck": Case("torchvision:wide_resnet50_2"),
    "densenet-121": Case("torchvision:densenet121"),
    "googlenet-torchvision": Case("torchvision:googlenet", 224, dtype="float32"),
    "inception-v3": Case("torchvision:inception_v3", 299, dtype="float32"),
    "squeezenet1.0": Case("torchvision:squeezenet1_0"),
    "squeezenet1.1": Case("torchvision:squeezenet1_1"),
    "mobilenet-v2": Case("torchvision:mobilenet_v2"),
    "mobilenet-v3-large": Case("torchvision:mobilenet_v3_large"),
    "mobilenet-v3-small": Case("torchvision:mobilenet_v3_small"),
    "mnasnet-b1-0.5": Case("torchvision:mnasnet0_5"),
    "shufflenet-v2-x0.5": Case("torchvision:shufflenet_v2_x0_5"),
    "shufflenet-v2-x1.0": Case("torchvision:shufflenet_v2_x1_0"),
    "efficientnet-b0": Case("timm:tf_efficientnet_b0"),
    "regnetx-004-torchvision": Case("torchvision:regnet_x_400mf"),
    "regnety-004": Case("torchvision:regnet_y_400mf"),
    "convnext-tiny": Case("torchvision:convnext_tiny"),
    "vit-b32": sized("torchvision:vit_b_32"),
    "efficientnet-v2-b0": Case("timm:tf_efficientnetv2_b0"),
    "clip-image-xs16": sized("timm:vit_xsmall_patch16_clip_224"),
    "convmixer-1024-20": Case("timm:convmixer_1024_20_ks9_p14", 56),
    "convnext-v2-atto": Case("timm:convnextv2_atto", dtype="float32"),
    "darknet17": Case("timm:darknet17"),
    "deit-ti": sized("timm:deit_tiny_patch16_224"),
    "dla-x-46-c": Case("timm:dla46x_c"),
    "dpn68": Case("timm:dpn68", within=("c1x1_a", "c3x3_b", "c1x1_c", "c1x1_w")),
    "fastvit-t8": Case(
        "timm:fastvit_t8",
        within=(*PARALLEL, "mixer", "norm", "token_mixer", "mlp", "layer_scale", "se"),
        rename={r"\.conv\.weight$": ".kernel.weight"},
    ),
    "ghostnet-050": Case("timm:ghostnet_050"),
    "gmlp-ti16": Case("timm:gmlp_ti16_224", 224),
    "hrnet-w18-small": Case("timm:hrnet_w18_small"),
    "mixer-s32": Case("timm:mixer_s32_224", 224),
    "mixnet-s": Case("timm:mixnet_s"),
    "mobilenet-v4-conv-s-035": Case("timm:mobilenetv4_conv_small_035"),
    "mobileone-s1": Case("timm:mobileone_s1", within=PARALLEL),
    "mobilevit-xxs": Case("timm:mobilevit_xxs"),
    "mobilevit-v2-050": Case("timm:mobilevitv2_050"),
    "pit-ti": sized("timm:pit_ti_224", within=("fc", "conv")),
    "cait-xxs24": sized(
        "timm:cait_xxs24_224",
        within=("norm1", "attn", "qkv", "proj_l", "proj_w", "proj", "gamma_1", "norm2", "mlp", "gamma_2"),
        rename={
            "^cls_token": "class.weight",
            r"(blocks_token_only\.\d+\.attn)\.proj": r"\1.out_proj",
            r"(blocks_token_only\.\d+\.attn)\.([qkv])\.": r"\1.\2_proj.",
        },
    ),
    "caformer-s18": Case(
        "timm:caformer_s18",
        rename={r"act(\d?)\.scale": r"act\1.rate.weight", r"act(\d?)\.bias": r"act\1.shift.weight"},
    ),
    "repghostnet-050": Case(
        "timm:repghostnet_050",
        within=(
            "ghost1",
            "conv_dw",
            "bn_dw",
            "se",
            "ghost2",
            "shortcut",
            "primary_conv",
            "cheap_operation",
            "fusion_bn",
        ),
    ),
    "repvgg-a0": Case("timm:repvgg_a0", within=PARALLEL),
    "res2net50-48w-2s": Case("timm:res2net50_48w_2s"),
    "resmlp-s12": Case(
        "timm:resmlp_12_224",
        224,
        within=("norm1", "linear_tokens", "ls1", "norm2", "mlp_channels", "ls2"),
        rename={r"alpha$": "weight", r"beta$": "bias"},
    ),
    "resnest14": Case("timm:resnest14d", rename={r"conv2\.": "splits."}),
    "skresnet18": Case("timm:skresnet18"),
    "starnet-s1": Case("timm:starnet_s1"),
    "vovnet-19b-slim-dw": Case("timm:ese_vovnet19b_slim_dw"),
    "xception": Case("timm:legacy_xception", 96, within=("rep", "skip", "skipbn")),
    "se-resnet50": Case("timm:legacy_seresnet50"),
    "inception-resnet-v2": Case("timm:inception_resnet_v2", 128),
    "resnet18-d": Case("timm:resnet18d"),
    "resnet18-v2": Case("timm:resnetv2_18"),
    "tinynet-e": Case("timm:tinynet_e"),
    "vit-wee16-reg1": sized("timm:vit_wee_patch16_reg1_gap_256", rename={"^reg_token": "registers.weight"}),
    "efficientnet-lite0": Case("timm:tf_efficientnet_lite0"),
    "cspresnet50": Case("timm:cspresnet50"),
}


def made(case: Case) -> Any:
    torch.manual_seed(0)
    library, _, name = case.source.partition(":")
    if library == "timm":
        return timm.create_model(name, **case.options)
    more = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, **case.options, **more)


def parted(arrays: weights.Arrays) -> weights.Arrays:
    """Queries, keys and values one by one, as layers of CaiT that are no attention here."""
    found = {}
    for key, array in arrays.items():
        parts = weights.np.split(array, 3) if ".qkv." in key else [array]
        for one, part in zip("qkv", parts, strict=False):
            found[key.replace(".qkv.", f".qkv.{one}.")] = part
    return found


@pytest.mark.parametrize("model", CASES)
def test_outputs(model: str) -> None:
    """The same numbers, in double precision."""
    case = CASES[model]
    network = weights.trained(made(case), case.dtype)
    graph = load(model).graph(inputs={"input": (3, case.size, case.size)})
    inputs = weights.inputs_of(graph, case.dtype)
    with torch.inference_mode():
        expected = network(torch.from_numpy(inputs["input"]))

    arrays = weights.arrays_of(network)
    if model.startswith("cait"):
        arrays = parted(arrays)
    found = weights.by_order(graph, arrays, case.within, case.rename)

    weights.check(graph, found, inputs, [expected])


@pytest.mark.parametrize("heads", [False, True])
def test_auxiliary_heads_may_be_in_the_file(heads: bool) -> None:
    """Whether GoogLeNet's heads, which exist in training only, have their weights in the file or not."""
    torch.manual_seed(0)
    network = torchvision.models.googlenet(init_weights=False, aux_logits=heads)

    found = weights.by_order(load("googlenet-torchvision").graph(), weights.arrays_of(network))

    assert found.auxiliary == heads
    assert {key.rpartition(".")[2] for key in found.extra} <= {"num_batches_tracked"}
