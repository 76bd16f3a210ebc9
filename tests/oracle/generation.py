"""Networks of restoration and generation as PyTorch modules, written by hand from their papers and published code."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Tensor = torch.Tensor
Module = torch.nn.Module


class Sum(Module):
    """x + weight * inner(x)."""

    def __init__(self, *inner: Module, weight: float = 1.0) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight * self.inner(x)


class Gate(Module):
    """x times what `inner` finds in its mean."""

    def __init__(self, *inner: Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.inner(x.mean((2, 3), keepdim=True))


def conv(entering: int, leaving: int, kernel: int = 3) -> Module:
    return nn.Conv2d(entering, leaving, kernel, padding=kernel // 2)


def mean_shift() -> Module:
    return nn.Conv2d(3, 3, 1).requires_grad_(False)


def enlarge(maps: int, factor: int) -> list[Module]:
    factors = {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[factor]
    return [part for by in factors for part in (conv(maps, by * by * maps), nn.PixelShuffle(by))]


def srcnn(first: int, second: int, third: int) -> Module:
    return nn.Sequential(conv(1, 64, first), nn.ReLU(), conv(64, 32, second), nn.ReLU(), conv(32, 1, third))


def edsr(blocks: int, maps: int, factor: int) -> Module:
    units = [
        Sum(conv(maps, maps), nn.ReLU(), conv(maps, maps), weight=1 if maps == 64 else 0.1)
        for _ in range(blocks)
    ]
    return nn.Sequential(
        mean_shift(),
        conv(3, maps),
        Sum(*units, conv(maps, maps)),
        *enlarge(maps, factor),
        conv(maps, 3),
        mean_shift(),
    )


def rcan(factor: int) -> Module:
    def unit() -> Module:
        gate = Gate(nn.Conv2d(64, 4, 1), nn.ReLU(), nn.Conv2d(4, 64, 1), nn.Sigmoid())
        return Sum(conv(64, 64), nn.ReLU(), conv(64, 64), gate)

    groups = [Sum(*(unit() for _ in range(20)), conv(64, 64)) for _ in range(10)]
    return nn.Sequential(
        mean_shift(),
        conv(3, 64),
        Sum(*groups, conv(64, 64)),
        *enlarge(64, factor),
        conv(64, 3),
        mean_shift(),
    )


def srgan_generator() -> Module:
    def unit() -> Module:
        return Sum(conv(64, 64), nn.BatchNorm2d(64), nn.PReLU(), conv(64, 64), nn.BatchNorm2d(64))

    up = [part for _ in range(2) for part in (conv(64, 256), nn.PixelShuffle(2), nn.PReLU())]
    return nn.Sequential(
        conv(3, 64, 9),
        nn.PReLU(),
        Sum(*(unit() for _ in range(16)), conv(64, 64), nn.BatchNorm2d(64)),
        *up,
        conv(64, 3, 9),
    )


def srgan_discriminator() -> Module:
    parts: list[Module] = [conv(3, 64), nn.LeakyReLU(0.2)]
    maps = 64
    for out, stride in ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)):
        parts += [nn.Conv2d(maps, out, 3, stride, 1), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
        maps = out
    ends = [nn.Flatten(), nn.Linear(512 * 6 * 6, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1), nn.Sigmoid()]
    return nn.Sequential(*parts, *ends)


class Dense(Module):
    """ESRGAN's dense block: the fifth convolution ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([conv(64 + 32 * i, 32 if i < 4 else 64) for i in range(5)])

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for one in self.convs[:4]:
            seen.append(F.leaky_relu(one(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.convs[4](torch.cat(seen, 1))


def esrgan() -> Module:
    units = [Sum(Dense(), Dense(), Dense(), weight=0.2) for _ in range(23)]
    up = [part for _ in range(2) for part in (nn.Upsample(scale_factor=2), conv(64, 64), nn.LeakyReLU(0.2))]
    return nn.Sequential(
        conv(3, 64), Sum(*units, conv(64, 64)), *up, conv(64, 64), nn.LeakyReLU(0.2), conv(64, 3)
    )


class Unflatten(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1, 4, 4)


def dcgan_generator() -> Module:
    parts: list[Module] = [nn.Linear(100, 16 * 1024), Unflatten(), nn.BatchNorm2d(1024), nn.ReLU()]
    for maps in (1024, 512, 256):
        parts += [
            nn.ConvTranspose2d(maps, maps // 2, 5, 2, 2, output_padding=1),
            nn.BatchNorm2d(maps // 2),
            nn.ReLU(),
        ]
    return nn.Sequential(*parts, nn.ConvTranspose2d(128, 3, 5, 2, 2, output_padding=1), nn.Tanh())


def dcgan_tutorial_generator() -> Module:
    parts: list[Module] = [nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU()]
    for maps in (512, 256, 128):
        up = nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1, bias=False)
        parts += [up, nn.BatchNorm2d(maps // 2), nn.ReLU()]
    return nn.Sequential(*parts, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_tutorial_discriminator() -> Module:
    parts: list[Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for maps in (64, 128, 256):
        down = nn.Conv2d(maps, 2 * maps, 4, 2, 1, bias=False)
        parts += [down, nn.BatchNorm2d(2 * maps), nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts, nn.Conv2d(512, 1, 4, bias=False), nn.Sigmoid())


class Styled(Module):
    """A layer of StyleGAN2, in its form for training: styles before the convolution, lengths after it."""

    def __init__(self, entering: int, out: int, kernel: int, up: bool = False) -> None:
        super().__init__()
        self.styles, self.up = nn.Linear(512, entering), up
        self.weight = nn.Parameter(torch.empty(out, entering, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(out))
        self.strength = nn.Parameter(torch.empty(())) if kernel == 3 else None

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        styles = self.styles(style)
        x = x * styles[:, :, None, None]
        if self.strength is None:
            return F.conv2d(x, self.weight, self.bias)
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            taps = [F.pad(x, (1, 1, 1, 1))]
            for axis in (2, 3):  # the filter 1, 3, 3, 1 along each axis, without its gain
                (y,) = taps
                size = y.shape[axis] - 3
                parts = [y.narrow(axis, at, size) for at in range(4)]
                taps = [(parts[0] + 3 * parts[1] + 3 * parts[2] + parts[3]) / 4]
            (x,) = taps
        else:
            x = F.conv2d(x, self.weight, padding=1)
        lengths = styles.square() @ self.weight.square().sum((2, 3)).T
        x = x * lengths.rsqrt()[:, :, None, None]
        x = x + self.strength * noise[:, :, : x.shape[2], : x.shape[3]] + self.bias[:, None, None]
        return F.leaky_relu(x, 0.2) * 2**0.5


class StyleGAN2(Module):
    def __init__(self, levels: int) -> None:
        super().__init__()
        maps = [min(32768 // (4 * 2**level), 512) for level in range(levels + 1)]
        pairs = list(pairwise(maps))
        self.mapping = nn.ModuleList([nn.Linear(512, 512) for _ in range(8)])
        self.constant = nn.Parameter(torch.empty(1, 512, 4, 4))
        self.wide = nn.ModuleList([Styled(a, b, 3, up=True) for a, b in pairs])
        self.same = nn.ModuleList([Styled(a, a, 3) for a in maps])
        self.colors = nn.ModuleList([Styled(a, 3, 1) for a in maps])

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        style = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            style = F.leaky_relu(layer(style), 0.2) * 2**0.5
        x = self.same[0](self.constant, style, noise)
        image = self.colors[0](x, style, noise)
        for wide, same, color in zip(self.wide, self.same[1:], self.colors[1:], strict=True):
            x = same(wide(x, style, noise), style, noise)
            image = F.interpolate(image, scale_factor=2) + color(
                x, style, noise
            )  # its filter has no products
        return image


NETWORKS: dict[str, Callable[[], Any]] = {
    "srcnn-9-5-5": lambda: srcnn(9, 5, 5),
    "srcnn-9-3-5": lambda: srcnn(9, 3, 5),
    "srcnn-9-1-5": lambda: srcnn(9, 1, 5),
    **{f"edsr-x{by}": lambda by=by: edsr(32, 256, by) for by in (2, 3, 4)},
    **{f"edsr-baseline-x{by}": lambda by=by: edsr(16, 64, by) for by in (2, 3, 4)},
    **{f"rcan-x{by}": lambda by=by: rcan(by) for by in (2, 3, 4, 8)},
    "srgan-generator": srgan_generator,
    "srgan-discriminator": srgan_discriminator,
    "esrgan": esrgan,
    **{f"stylegan2-{4 * 2**by}": lambda by=by: StyleGAN2(by) for by in (6, 7, 8)},
    "dcgan-generator": dcgan_generator,
    "dcgan-tutorial-generator": dcgan_tutorial_generator,
    "dcgan-tutorial-discriminator": dcgan_tutorial_discriminator,
}
