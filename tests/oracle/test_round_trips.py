"""There and back: bundled models as source of PyTorch and imported again; others' models imported and written again.

Bundled models run on the meta device, and count the same. Not among them: models whose table of positions is
longer than their input (`bert-base-128`), and windows of attention, which PyTorch has as a mask over the full
product (`gemma2-2b`).
"""

from __future__ import annotations

import numpy as np
import pytest

import paramcalc
from paramcalc import load
from paramcalc.base.origins import origin
from paramcalc.base.shape import CHANNELS
from paramcalc.count.report import count
from paramcalc.export.pytorch import weight_names
from paramcalc.importing.network import imported
from paramcalc.importing.readers import reader
from paramcalc.model import parse
from paramcalc.verify.mapping import part
from paramcalc.verify.run import share_apart
from paramcalc.verify.weights import drawn_inputs
from tests.oracle.test_export_torch import module, ran, torch

NAMES = """
    alexnet-2012 alexnet alexnet-ng alexnet-owt-torchvision alexnet-owt bert-base bert-large bert-base-uncased
    bert-large-uncased bn-inception bn-inception-608 bn-inception-separable bottleneck-14x14-480-48
    bottleneck-14x14-480-48-direct bottleneck-28x28-192-32 bottleneck-28x28-192-32-direct bottleneck-128-32-128
    bottleneck-128-32-128-direct clip-vit-b32 clip-vit-b16 clip-vit-l14 conv-1x1-28x28x192-to-32 conv-3x3-128-64
    convmixer-1536-20 convmixer-768-32 convmixer-1024-20 convnext-v2-atto convnext-v2-femto convnext-v2-pico
    convnext-v2-nano convnext-v2-tiny convnext-v2-small convnext-v2-base convnext-v2-large convnext-v2-huge
    convnext-tiny convnext-small convnext-base convnext-large convnext-xlarge convnext-atto convnext-femto
    convnext-pico convnext-nano convnext-xxlarge deit-ti deit-s deit-b deit-b-384 deit-ti-distilled
    deit-s-distilled deit-b-distilled deit-b-384-distilled deit3-s deit3-m deit3-b deit3-l deit3-h deit3-s-384
    deit3-b-384 deit3-l-384 densenet121 densenet169 densenet161-k48 densenet-121 densenet-161 densenet-169
    densenet-bc-cifar-L100-k12 densenet-bc-cifar-L190-k40 densenet-cifar-L40-k12 densenet-cifar-L100-k12
    densenet-cifar-L100-k24 dpn68 dpn92 dpn98 dpn107 dpn131 efficientnet-v2-s efficientnet-v2-b0
    efficientnet-v2-b1 efficientnet-v2-b2 efficientnet-v2-b3 efficientnet-v2-s-300 efficientnet-b0
    efficientnet-b1 efficientnet-b2 efficientnet-b3 efficientnet-b4 efficientnet-b5 efficientnet-b6
    bert-base-128 dcgan-generator dcgan-tutorial-generator dcgan-tutorial-discriminator ddpm-cifar10 ddpm-256
    dit-s-2 dit-s-4 dit-s-8 dit-b-2 dit-b-4 dit-b-8 dit-l-2 dit-l-4 dit-l-8 dit-xl-2 dit-xl-4 dit-xl-8
    dit-xl-2-512 edsr-x2 edsr-x3 edsr-x4 edsr-baseline-x2 edsr-baseline-x3 edsr-baseline-x4 fcn-alexnet
    fcn-googlenet fcn-vgg16 fcn-vgg16-32s fcn-vgg16-16s fcn-vgg16-8s
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_spec_to_torch_to_spec_counts_the_same(name: str) -> None:
    graph = load(name).graph()
    with torch.device("meta"):
        net = module(graph)
        inputs = [
            torch.zeros(1, *x.dims, dtype=torch.float32 if CHANNELS in x.axes else torch.int64)
            for x in graph.inputs.values()
        ]
    again, ours = paramcalc.from_torch(net, *inputs).count(), count(graph)
    assert (again.params, again.macs) == (ours.params, ours.macs)


THEIRS = """
    torchvision.models:resnet18 torchvision.models:squeezenet1_1 torchvision.models:mobilenet_v3_small
    torchvision.models:shufflenet_v2_x0_5 torchvision.models:mnasnet0_5 torchvision.models:regnet_y_400mf
    torchvision.models:efficientnet_b0 torchvision.models:densenet121 torchvision.models:swin_t
    timm:vit_tiny_patch16_224 timm:convnext_atto timm:ghostnet_050 timm:levit_128s timm:resmlp_12_224
    timm:edgenext_xx_small timm:xcit_nano_12_p8_224 timm:pvt_v2_b0 timm:poolformer_s12 timm:tinynet_e
    timm:mobilevit_xxs timm:efficientvit_m0 timm:lcnet_050
"""


@pytest.mark.parametrize("name", THEIRS.split())
def test_torch_to_spec_to_torch_has_the_weights_and_the_output(name: str) -> None:
    """The written module takes every weight of the source by the map, and gives the same output."""
    pytest.importorskip(name.partition(":")[0].partition(".")[0])
    found = imported(reader(name).read(name, {}))
    assert found.source.proof is not None
    proof, graph = found.source.proof(), parse(found.text).graph()
    assert proof.arrays is not None and proof.run is not None
    net, names = module(graph), weight_names(graph)
    sizes = net.state_dict()
    state = {}
    for path, text in found.weight_names().items():
        taken = origin(text)
        array = torch.from_numpy(np.asarray(part(proof.arrays(taken.name), taken)))
        state[names[path]] = array.reshape(sizes[names[path]].shape).to(sizes[names[path]].dtype)

    missing, extra = net.load_state_dict(state, strict=False)
    inputs = drawn_inputs(graph)
    pairs = zip(ran(net, [*inputs.values()]), proof.run(inputs), strict=True)

    assert extra == []
    assert [one for one in missing if not one.endswith("num_batches_tracked")] == []
    assert sum(one.numel() for one in net.parameters()) == proof.params
    assert max(share_apart(ours.reshape(theirs.shape), theirs) for ours, theirs in pairs) < 1e-4
