"""Every figure of the lecture notes that the project began with is answered by one command, as printed there."""

from __future__ import annotations

import pytest

from tests.conftest import Run

ROWS = [
    # output sizes: (input + 2 padding - filter)/stride + 1
    ("explain alexnet-ng conv1", "floor((227 + 2*0 - 11)/4) + 1 = 55"),
    ("explain resnet-18 pool1", "floor((112 + 2*1 - 3)/2) + 1 = 56"),
    # LeNet-5 of 1998: C1, S2, S4, C5, F6, all
    ("count lenet5-1998 --depth 1 --columns params", "156|12|1,516|32|48,120|10,164|60,000"),
    # LeNet-5 as taught
    ("count lenet5-ng --depth 1 --columns output", "28 x 28|14 x 14|10 x 10|5 x 5|400|120|84|10"),
    # AlexNet as taught, and its two towers of 48
    (
        "count alexnet-ng --depth 1 --columns output",
        "55 x 55|27 x 27|256 x 27 x 27|13 x 13|384|256 x 6 x 6|9216|4096|1000",
    ),
    ("explain alexnet-2012 conv2", "groups=2"),
    ("check alexnet-2012", "rounds to 6e7"),
    ("count alexnet-2012 --columns params --convention weights-only --depth 1", "884,736|37,748,736"),
    # VGG-16 and -19
    (
        "count vgg-16 --depth 1 --columns output,params",
        "224 x 224|112 x 112|56 x 56|28 x 28|14 x 14|7 x 7|138,357,544",
    ),
    ("count vgg-19", "143,667,240"),
    # 3x3 twice against 5x5
    ("field two-3x3-vs-5x5", "128 x 112 x 112 5 1"),
    ("field one-5x5", "128 x 112 x 112 5 1"),
    ("compare two-3x3-taps one-5x5-taps --convention weights-only", "18|25"),
    ("compare two-3x3-vs-5x5 one-5x5 --convention weights-only", "294,912|409,600|38.9|%"),
    # a layer, whose padding and stride change no weight
    ("count conv-3x3-128-64 --convention weights-only", "73,728"),
    ("count conv-3x3-128-64 --convention weights-only --set conv.stride=2 --set conv.padding=0", "73,728"),
    # 1x1 convolutions
    ("count conv-1x1-28x28x192-to-32", "32 x 28 x 28|6,176|4,816,896"),
    ("count conv-1x1-6x6x32", "6 x 6"),
    # the Inception module: 64 + 128 + 32 + 32 maps
    (
        "count inception-module-28x28x192 --columns output",
        "64 x 28 x 28|128 x 28 x 28|32 x 28 x 28|256 x 28 x 28",
    ),
    ("compare bottleneck-28x28-192-32-direct bottleneck-28x28-192-32", "120,422,400|12,443,648"),
    # the bottleneck: memory and multiplications
    ("explain bottleneck-14x14-480-48-direct", "112,896,000|585,456"),
    ("explain bottleneck-14x14-480-48", "5,268,480|39,488"),
    # GoogLeNet
    ("check googlenet", "erratum|4M"),
    ("compare alexnet-2012 vgg-19 googlenet", "60,965,224|143,667,240|6,998,552"),
    ("count bottleneck-128-32-128", "32 x 14 x 14"),
    # ResNet's table
    ("check resnet", "rounds to 1.8e9|rounds to 3.6e9|truncates to 3.8e9|rounds to 7.6e9|11.3e9"),
    ("compare plain20-cifar plain56-cifar", "269,722|853,018"),
    ("count residual-block-128x128x64", "64 x 128 x 128"),
    ("compare shortcut-projection shortcut-zeros", "32,768|0"),
    ("count resnet-50 --depth 1 --columns output", "64 x 112 x 112|2048 x 7 x 7"),
    # DenseNet's table
    ("compare densenet121 densenet169 densenet201 densenet264", "7,978,856|14,149,480|20,013,928|33,337,704"),
    ("count transition-56x56x256", "batch_norm|conv2d 128 1|avg_pool2d 2"),
    # SENet, without attention and with it
    ("compare resnet50-v1 se-resnet50", "3,857,973,248|3,860,488,192"),
    ("compare vgg-16 se-vgg16 --rows", "15,470,264,320|15,470,490,624"),
    ("compare bn-inception se-bn-inception --rows", "2,018,851,840|2,033,239,424"),
    ("compare inception-resnet-v2 se-inception-resnet-v2 --rows", "13,155,794,016|13,164,990,944"),
    # super-resolution: 20 convolutions; 8 dense blocks with above 1,000 maps
    ("compare vdsr srdensenet-all", "20|665,921|2,659,585"),
    ("count srdensenet-all --columns output --depth 1", "1152 x 32 x 32"),
    # deeper, with fewer params
    (
        "compare lenet5-1998 alexnet-2012 vgg-16 googlenet resnet-152 densenet-264 --rows",
        "60,000|60,965,224|138,357,544|6,998,552|60,192,808|33,337,704",
    ),
]


@pytest.mark.parametrize(("command", "figures"), ROWS, ids=[command for command, _ in ROWS])
def test_one_command_answers(command: str, figures: str, run: Run) -> None:
    """The figures are in its output, one after the other."""
    found = run(*command.split(), columns=400)
    text, at = " ".join(found.out.split()), 0

    assert found.code == 0
    for figure in figures.split("|"):
        at = text.find(figure, at)
        assert at >= 0, figure
