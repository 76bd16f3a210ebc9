"""The classic networks as PyTorch modules, written by hand from their papers.

Modules are registered in the order in which they run, so that the order of a `state_dict` is that of
the layers. What has no weights is a function.
"""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Tensor = torch.Tensor
Module = torch.nn.Module

LENET_TABLE = [
    [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5], [0, 1, 2, 3], [1, 2, 3, 4],
    [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5], [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5],
    [0, 1, 2, 3, 4, 5],
]  # fmt: skip


class Subsample(Module):
    """LeNet-5's S layers: the sum of 2 x 2, times a coefficient and plus a bias for each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(maps))
        self.bias = nn.Parameter(torch.rand(maps))

    def forward(self, x: Tensor) -> Tensor:
        sums = 4 * F.avg_pool2d(x, 2)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]


class Connected(Module):
    """LeNet-5's layer C3: each map reads some of the six below; the 60 kernel planes in order."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(60, 5, 5) / 10)
        self.bias = nn.Parameter(torch.randn(16) / 10)

    def forward(self, x: Tensor) -> Tensor:
        kernel = x.new_zeros(16, 6, 5, 5)
        planes = iter(self.weight)
        for output, inputs in enumerate(LENET_TABLE):
            for channel in inputs:
                kernel[output, channel] = next(planes)
        return F.conv2d(x, kernel, self.bias)


class LeNet5(Module):
    """LeCun et al. 1998."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsample(6)
        self.c3 = Connected()
        self.s4 = Subsample(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.register_buffer("codes", torch.sign(torch.randn(10, 84)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.s2(self.c1(x).tanh()).tanh()
        x = self.s4(self.c3(x).tanh()).tanh()
        x = self.f6(self.c5(x).tanh().flatten(1)).tanh()
        return ((x[:, None] - self.codes) ** 2).sum(-1)


class AlexNet(Module):
    """Krizhevsky et al. 2012: two towers, response normalization with the sum of 5 maps times 1e-4."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, classes)

    def forward(self, x: Tensor) -> Tensor:
        norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
        x = F.max_pool2d(norm(F.relu(self.conv1(x))), 3, 2)
        x = F.max_pool2d(norm(F.relu(self.conv2(x))), 3, 2)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = F.max_pool2d(x, 3, 2).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class VGG16(Module):
    """Simonyan and Zisserman 2014, configuration D."""

    def __init__(self, classes: int, positions: int = 49) -> None:
        super().__init__()
        parts: list[Any] = []
        channels = 3
        for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
            parts += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            channels = width or channels
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential(
            nn.Linear(512 * positions, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class Inception(Module):
    """GoogLeNet's module: 1x1, reduced 3x3, reduced 5x5, and pooling with a projection."""

    def __init__(self, channels: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, a, 1)
        self.three = nn.Sequential(
            nn.Conv2d(channels, b, 1), nn.ReLU(), nn.Conv2d(b, c, 3, padding=1), nn.ReLU()
        )
        self.five = nn.Sequential(
            nn.Conv2d(channels, d, 1), nn.ReLU(), nn.Conv2d(d, e, 5, padding=2), nn.ReLU()
        )
        self.pool = nn.Conv2d(channels, f, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([F.relu(self.one(x)), self.three(x), self.five(x), F.relu(self.pool(pooled))], 1)


class Classifier(Module):
    """GoogLeNet's auxiliary head; `side` is that of the map that it reads."""

    def __init__(self, channels: int, classes: int, side: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 128, 1)
        self.fc = nn.Linear(128 * ((side - 5) // 3 + 1) ** 2, 1024)
        self.out = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(F.avg_pool2d(x, 5, 3))).flatten(1)
        return self.out(F.relu(self.fc(x)))


class GoogLeNet(Module):
    """Szegedy et al. 2014 with both auxiliary heads; `side` is that of the maps of stage 4."""

    def __init__(self, classes: int, side: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.conv2 = nn.Conv2d(64, 64, 1)
        self.conv3 = nn.Conv2d(64, 192, 3, padding=1)
        self.inception_3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception_3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception_4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.aux_4a = Classifier(512, classes, side)
        self.inception_4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception_4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception_4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.aux_4d = Classifier(528, classes, side)
        self.inception_4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception_5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception_5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        norm = nn.LocalResponseNorm(5)
        x = norm(self.pool(F.relu(self.conv1(x))))
        x = self.pool(norm(F.relu(self.conv3(F.relu(self.conv2(x))))))
        x = self.pool(self.inception_3b(self.inception_3a(x)))
        x = self.inception_4a(x)
        first = self.aux_4a(x)
        x = self.inception_4d(self.inception_4c(self.inception_4b(x)))
        second = self.aux_4d(x)
        x = self.inception_5b(self.inception_5a(self.pool(self.inception_4e(x))))
        return self.fc(x.mean((2, 3))), first, second

    def pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, ceil_mode=True)


class Bottleneck(Module):
    """ResNet's: 1x1, 3x3 with the stride, 1x1, and a projection where the shape changes."""

    def __init__(self, channels: int, mid: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, mid, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3 = nn.Conv2d(mid, 4 * mid, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * mid)
        self.downsample = None
        if stride > 1 or channels != 4 * mid:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * mid, 1, stride, bias=False), nn.BatchNorm2d(4 * mid)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(Module):
    """He et al. 2015, with the stride on the 3x3."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        blocks, channels = [], 64
        for stage, depth in enumerate((3, 4, 6, 3)):
            for place in range(depth):
                mid = 64 * 2**stage
                blocks.append(Bottleneck(channels, mid, 2 if stage and not place else 1))
                channels = 4 * mid
        self.layers = nn.Sequential(*blocks)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layers(x).mean((2, 3)))


class DenseLayer(Module):
    """Batch normalization before each convolution; 32 new maps beside all that came before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)


class DenseNet121(Module):
    """Huang et al. 2016."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        parts: list[Any] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        ]  # fmt: skip
        channels = 64
        for stage, depth in enumerate((6, 12, 24, 16)):
            if stage:
                parts += [
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                    nn.Conv2d(channels, channels // 2, 1, bias=False),
                ]
                parts += [nn.AvgPool2d(2)]
                channels //= 2
            for _ in range(depth):
                parts.append(DenseLayer(channels))
                channels += 32
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU())
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))
