"""Detectors and segmenters give the outputs of torchvision, timm, transformers, or a module by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from paramcalc import load
from paramcalc.engine.graph import Graph
from paramcalc.verify.checkpoint import match
from paramcalc.verify.files import in_memory
from paramcalc.verify.run import run
from paramcalc.verify.weights import GivenWeights

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")
nn, F = torch.nn, torch.nn.functional
Module = torch.nn.Module

TOLERANCE = 1e-4  # of the largest output, in single precision
SEGMENTERS = {
    "deeplabv3-resnet50": "deeplabv3_resnet50",
    "deeplabv3-mobilenet-v3-large": "deeplabv3_mobilenet_v3_large",
    "fcn-resnet50": "fcn_resnet50",
    "lraspp-mobilenet-v3-large": "lraspp_mobilenet_v3_large",
}
NEW = {"weights": None, "weights_backbone": None}


def trained(network: Any) -> Any:
    """With weights as training leaves them: nothing zero, nothing one."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
    for weight in network.parameters():
        if not weight.any():
            nn.init.normal_(weight, std=0.3)
    return network.eval()


def image(*sizes: int) -> Any:
    return torch.randn((1, 3, *sizes), generator=torch.Generator().manual_seed(0))


def outputs(graph: Graph, network: Any, inputs: Any) -> list[Any]:
    """Ours, as the spec lists them, with the weights of theirs, found by order and shape."""
    state = network.state_dict()
    order = [
        one for key in state for one in (key.replace(".k_proj.", ".q_proj."), key)
    ]  # DETR has keys first
    found = match(graph, in_memory({key: state[key].numpy() for key in order}), "theirs")
    assert {key.rpartition(".")[2] for key in found.extra} <= {"num_batches_tracked"}
    return [*run(graph, inputs, GivenWeights(graph, found.read(), auxiliary=found.auxiliary)).values()]


def check_close(found: Any, expected: Any) -> None:
    assert found.shape == tuple(expected.shape)
    assert np.abs(found - expected.numpy()).max() <= TOLERANCE * np.abs(expected.numpy()).max()


@pytest.mark.parametrize("name", SEGMENTERS)
def test_torchvisions_segmenters(name: str) -> None:
    network = trained(getattr(torchvision.models.segmentation, SEGMENTERS[name])(**NEW))
    x = image(97, 97)
    with torch.inference_mode():
        expected = network(x)["out"]

    (found,) = outputs(load(name).graph(size=97), network, x.numpy())

    check_close(found, expected)


@pytest.mark.parametrize(
    ("name", "theirs", "size", "classes"),
    [
        ("ssd300", "ssd300_vgg16", 300, 21),
        ("retinanet-resnet50-torchvision", "retinanet_resnet50_fpn", 128, 91),
    ],
)
def test_torchvisions_dense_detectors(name: str, theirs: str, size: int, classes: int) -> None:
    """Boxes and scores in its order, before the boxes are decoded."""
    network = trained(getattr(torchvision.models.detection, theirs)(num_classes=classes, **NEW))
    x = image(size, size)
    with torch.inference_mode():
        expected = network.head([*network.backbone(x).values()])

    found = outputs(load(name).graph(size=size), network, x.numpy())

    for ours in found:
        part = "bbox_regression" if ours.shape[1] == 4 else "cls_logits"
        check_close(ours, expected[part].transpose(1, 2))


def places(box: list[float], side: float) -> Any:
    """Where RoIAlign samples a box, 14 x 14 places, as grid_sample names them."""
    steps = (torch.arange(14) + 0.5) / 14
    x, y = (box[low] + steps * (box[low + 2] - box[low]) for low in (0, 1))
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    stride = 128 / side
    return (2 * torch.stack((columns, rows), 2) / stride + 1) / side - 1


def test_torchvisions_faster_rcnn() -> None:
    """Objects and boxes of the proposals, and of regions on each level, with RoIAlign as grids."""
    network = trained(torchvision.models.detection.fasterrcnn_resnet50_fpn(**NEW))
    boxes = [
        [8.0, 12.0, 60.0, 50.0],
        [20.0, 8.0, 90.0, 100.0],
        [16.0, 16.0, 110.0, 90.0],
        [32.0, 32.0, 96.0, 80.0],
    ]
    x = image(128, 128)
    with torch.inference_mode():
        maps = [*network.backbone(x).values()]
        objects, deltas = network.rpn.head(maps)
        regions = [
            torchvision.ops.roi_align(one, [torch.tensor([box])], 7, one.shape[-1] / 128, 2)
            for one, box in zip(maps, boxes, strict=False)
        ]
        scores, decoded = network.roi_heads.box_predictor(network.roi_heads.box_head(torch.cat(regions)))
    grids = {}
    for level in range(4):
        grid = torch.full((4, 14, 14, 2), 9.0)  # outside
        grid[level] = places(boxes[level], maps[level].shape[-1])
        grids[f"grid{level + 2}"] = grid.reshape(1, 56, 14, 2).numpy()

    found = outputs(
        load("faster-rcnn-resnet50").graph(size=128, regions=4), network, {"image": x.numpy(), **grids}
    )

    proposed = [torch.cat(pair, 1) for pair in zip(objects, deltas, strict=True)]
    for ours, theirs in zip(found, [*proposed, scores[None], decoded[None]], strict=True):
        check_close(ours, theirs)


def test_timms_hrnet() -> None:
    network = trained(timm.create_model("hrnet_w18_small"))
    x = image(64, 96)
    with torch.inference_mode():
        expected = network(x)

    (found,) = outputs(load("hrnet-w18-small").graph(height=64, width=96), network, x.numpy())

    check_close(found, expected)


def test_transformers_detr() -> None:
    backbone = transformers.ResNetConfig(out_features=["stage4"])
    config = transformers.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        num_labels=91,
        encoder_layers=2,
        decoder_layers=2,
    )
    network = trained(transformers.DetrForObjectDetection(config))
    positions = []
    network.model.encoder.register_forward_pre_hook(
        lambda _, args, kept: positions.append(kept["spatial_position_embeddings"]), with_kwargs=True
    )
    x = image(96, 128)
    with torch.inference_mode():
        expected = network(x, pixel_mask=torch.ones(1, 96, 128, dtype=torch.long))

    scores, boxes = outputs(
        load("detr-resnet50").graph(height=96, length=128, depth=2),
        network,
        {"image": x.numpy(), "positions": positions[0].numpy()},
    )

    check_close(scores, expected.logits)
    check_close(boxes, expected.pred_boxes)


# ----------------------------------------------------------------------------------------- by hand


class Conv(nn.Sequential):
    """Convolution, norm and SiLU, as in Ultralytics' code."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1) -> None:
        conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(out, eps=1e-3), nn.SiLU())


class C2f(Module):
    def __init__(self, channels: int, out: int, depth: int, skip: bool = False) -> None:
        super().__init__()
        half = out // 2
        self.skip, self.first = skip, Conv(channels, out, 1)
        self.units = nn.ModuleList(nn.Sequential(Conv(half, half), Conv(half, half)) for _ in range(depth))
        self.last = Conv((2 + depth) * half, out, 1)

    def forward(self, x: Any) -> Any:
        parts = [*self.first(x).chunk(2, 1)]
        for unit in self.units:
            parts.append(unit(parts[-1]) + (parts[-1] if self.skip else 0))
        return self.last(torch.cat(parts, 1))


class Pools(Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.last = Conv(channels, channels // 2, 1), Conv(2 * channels, channels, 1)

    def forward(self, x: Any) -> Any:
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.last(torch.cat(parts, 1))


class YOLOv8n(Module):
    """yolov8.yaml of Ultralytics with depth 0.33 and width 0.25: boxes and scores before they are decoded."""

    def __init__(self, classes: int = 80) -> None:
        super().__init__()
        self.p3 = nn.Sequential(
            Conv(3, 16, 3, 2),
            Conv(16, 32, 3, 2),
            C2f(32, 32, 1, True),
            Conv(32, 64, 3, 2),
            C2f(64, 64, 2, True),
        )
        self.p4 = nn.Sequential(Conv(64, 128, 3, 2), C2f(128, 128, 2, True))
        self.p5 = nn.Sequential(Conv(128, 256, 3, 2), C2f(256, 256, 1, True), Pools(256))
        self.n4, self.n3 = C2f(384, 128, 1), C2f(192, 64, 1)
        self.down3, self.m4 = Conv(64, 64, 3, 2), C2f(192, 128, 1)
        self.down4, self.m5 = Conv(128, 128, 3, 2), C2f(384, 256, 1)
        widths = (64, 128, 256)
        self.boxes = nn.ModuleList(
            nn.Sequential(Conv(c, 64), Conv(64, 64), nn.Conv2d(64, 64, 1)) for c in widths
        )
        self.mean = nn.Conv2d(16, 1, 1, bias=False).requires_grad_(False)
        self.scores = nn.ModuleList(
            nn.Sequential(Conv(c, 80), Conv(80, 80), nn.Conv2d(80, classes, 1)) for c in widths
        )

    def forward(self, x: Any) -> tuple[Any, Any]:
        p3 = self.p3(x)
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        n4 = self.n4(torch.cat((F.interpolate(p5, scale_factor=2), p4), 1))
        n3 = self.n3(torch.cat((F.interpolate(n4, scale_factor=2), p3), 1))
        m4 = self.m4(torch.cat((self.down3(n3), n4), 1))
        m5 = self.m5(torch.cat((self.down4(m4), p5), 1))
        maps = (n3, m4, m5)
        bins = torch.cat([head(one).flatten(2) for head, one in zip(self.boxes, maps, strict=True)], 2)
        scores = torch.cat([head(one).flatten(2) for head, one in zip(self.scores, maps, strict=True)], 2)
        return self.mean(bins.unflatten(1, (4, 16)).transpose(1, 2).softmax(1)), scores


class PSPNet50(Module):
    """Zhao et al. 2016 as in their PyTorch code, without the auxiliary head."""

    def __init__(self, classes: int = 150) -> None:
        super().__init__()
        body = torchvision.models.resnet50(weights=None)
        first = body.layer1[0]
        first.conv1 = nn.Conv2d(128, 64, 1, bias=False)
        first.downsample[0] = nn.Conv2d(128, 256, 1, bias=False)
        for stage, rate in ((body.layer3, 2), (body.layer4, 4)):
            for part in stage.modules():
                if isinstance(part, nn.Conv2d):
                    part.stride = (1, 1)
                    if part.kernel_size == (3, 3):
                        part.dilation = part.padding = (rate, rate)
        self.stem = nn.Sequential(
            self.conv(3, 64, 3, 2), self.conv(64, 64, 3), self.conv(64, 128, 3), nn.MaxPool2d(3, 2, 1)
        )
        self.body = nn.Sequential(body.layer1, body.layer2, body.layer3, body.layer4)
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), self.conv(2048, 512, 1)) for bins in (1, 2, 3, 6)
        )
        self.head = nn.Sequential(self.conv(4096, 512, 3), nn.Conv2d(512, classes, 1))

    @staticmethod
    def conv(channels: int, out: int, kernel: int, stride: int = 1) -> Any:
        conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, x: Any) -> Any:
        def wide(one: Any, size: Any) -> Any:
            return F.interpolate(one, size, mode="bilinear", align_corners=True)

        y = self.body(self.stem(x))
        y = torch.cat([y, *(wide(pool(y), y.shape[2:]) for pool in self.pools)], 1)
        return wide(self.head(y), x.shape[2:])


class SegNet(Module):
    """Badrinarayanan et al. 2015: VGG-16 down, and up again with the places of its maxima."""

    def __init__(self, classes: int = 11) -> None:
        super().__init__()
        down = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))
        up = ((512, 512, 512, 512), (512, 512, 512, 256), (256, 256, 256, 128), (128, 128, 64), (64, 64))
        self.down, self.up = (nn.ModuleList(self.chain(widths) for widths in part) for part in (down, up))
        self.last = nn.Conv2d(64, classes, 3, padding=1)

    @staticmethod
    def chain(widths: tuple[int, ...]) -> Any:
        layers = [(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in pairwise(widths)]
        return nn.Sequential(*(part for layer in layers for part in layer))

    def forward(self, x: Any) -> Any:
        before = []
        for chain in self.down:
            features = chain(x)
            x, places = F.max_pool2d(features, 2, ceil_mode=True, return_indices=True)
            before.append((places, features.shape[2:]))
        for chain, (places, size) in zip(self.up, reversed(before), strict=True):
            x = chain(F.max_unpool2d(x, places, 2, output_size=size))
        return self.last(x)


@pytest.mark.parametrize(
    ("name", "make", "knobs", "sizes"),
    [
        ("yolov8n", YOLOv8n, {"size": 96}, (96, 96)),
        ("pspnet50", PSPNet50, {"size": 65}, (65, 65)),
        ("segnet", SegNet, {"height": 45, "width": 60}, (45, 60)),
    ],
)
def test_by_hand(name: str, make: Any, knobs: dict[str, Any], sizes: tuple[int, int]) -> None:
    network, x = trained(make()), image(*sizes)
    with torch.inference_mode():
        expected = network(x)

    found = outputs(load(name).graph(**knobs), network, x.numpy())

    assert load(name).count().totals.params == sum(one.numel() for one in network.parameters())
    for ours, theirs in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        check_close(ours, theirs)
