"""Diffusion networks as PyTorch modules, written by hand after their published code: skips are on a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Tensor = torch.Tensor
Module = torch.nn.Module


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Of tokens, by plain products."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    scores = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
    return (scores @ v).transpose(1, 2).flatten(2)


class Unit(Module):
    def __init__(self, entering: int, leaving: int, time: int, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(32, entering, eps)
        self.conv1 = nn.Conv2d(entering, leaving, 3, padding=1)
        self.time = nn.Linear(time, leaving)
        self.norm2 = nn.GroupNorm(32, leaving, eps)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, padding=1)
        self.shortcut = nn.Conv2d(entering, leaving, 1) if entering != leaving else nn.Identity()

    def forward(self, x: Tensor, time: Tensor, text: Tensor | None) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(y)))


class Attention(Module):
    """DDPM's: one head, of 1x1 convolutions."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, maps, 1e-6)
        self.q, self.k, self.v, self.out = (nn.Conv2d(maps, maps, 1) for _ in range(4))

    def forward(self, x: Tensor, time: Tensor, text: Tensor | None) -> Tensor:
        y = self.norm(x)
        q, k, v = (part(y).flatten(2) for part in (self.q, self.k, self.v))
        scores = (q.transpose(1, 2) @ k / x.shape[1] ** 0.5).softmax(-1)
        return x + self.out((v @ scores.transpose(1, 2)).view_as(x))


class Heads(Module):
    """Stable Diffusion's: no biases but the last."""

    def __init__(self, maps: int, memory: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(maps, maps, bias=False)
        self.k, self.v = (nn.Linear(memory, maps, bias=False) for _ in range(2))
        self.out = nn.Linear(maps, maps)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return self.out(attend(self.q(x), self.k(memory), self.v(memory), self.heads))


class Attending(Module):
    """To the image itself, to the text, and a gated network of each position."""

    def __init__(self, maps: int, text: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(maps) for _ in range(3)])
        self.itself, self.other = Heads(maps, maps, heads), Heads(maps, text, heads)
        self.wide, self.narrow = nn.Linear(maps, 8 * maps), nn.Linear(4 * maps, maps)

    def forward(self, y: Tensor, text: Tensor) -> Tensor:
        z = self.norms[0](y)
        y = y + self.itself(z, z)
        y = y + self.other(self.norms[1](y), text)
        value, gate = self.wide(self.norms[2](y)).chunk(2, -1)
        return y + self.narrow(value * F.gelu(gate))


class Transformer(Module):
    def __init__(self, maps: int, text: int, heads: int, depth: int = 1) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, maps, 1e-6)
        self.enter, self.leave = nn.Conv2d(maps, maps, 1), nn.Conv2d(maps, maps, 1)
        self.units = nn.ModuleList([Attending(maps, text, heads) for _ in range(depth)])

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        y = self.enter(self.norm(x)).flatten(2).transpose(1, 2)
        for unit in self.units:
            y = unit(y, text)
        return x + self.leave(y.transpose(1, 2).view_as(x))


class Down(Module):
    def __init__(self, maps: int, same: bool) -> None:
        super().__init__()
        self.same = same
        self.conv = nn.Conv2d(maps, maps, 3, 2, padding=1 if same else 0)

    def forward(self, x: Tensor, time: Tensor, text: Tensor | None) -> Tensor:
        return self.conv(x if self.same else F.pad(x, (0, 1, 0, 1)))


class Up(Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(maps, maps, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, text: Tensor | None) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2))


class UNet(Module):
    def __init__(
        self,
        colors: int,
        width: int,
        multiples: list[int],
        attends: dict[int, Callable[[int], Module]],
        middle: Callable[[int], Module],
        eps: float,
        same: bool,
    ) -> None:
        super().__init__()
        time = 4 * width

        def level(entering: int, leaving: int, place: int) -> Module:
            more = [attends[place](leaving)] if place in attends else []
            return nn.ModuleList([Unit(entering, leaving, time, eps), *more])

        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv2d(colors, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        maps, skips = width, [width]
        for place, multiple in enumerate(multiples):
            for _ in range(2):
                self.down.append(level(maps, multiple * width, place))
                maps = multiple * width
                skips.append(maps)
            if place < len(multiples) - 1:
                self.down.append(nn.ModuleList([Down(maps, same)]))
                skips.append(maps)
        self.middle = nn.ModuleList([Unit(maps, maps, time, eps), middle(maps), Unit(maps, maps, time, eps)])
        for place, multiple in reversed(list(enumerate(multiples))):
            for _ in range(3):
                self.up.append(level(maps + skips.pop(), multiple * width, place))
                maps = multiple * width
            if place:
                self.up.append(nn.ModuleList([Up(maps)]))
        self.last = nn.Sequential(
            nn.GroupNorm(32, maps, eps), nn.SiLU(), nn.Conv2d(maps, colors, 3, padding=1)
        )

    def forward(
        self, x: Tensor, time: Tensor, text: Tensor | None = None, picture: Tensor | None = None
    ) -> Tensor:
        time = self.time(time)
        if picture is not None:
            time = time + picture
        x = self.first(x)
        skips = [x]
        for level in self.down:
            for part in level:
                x = part(x, time, text)
            skips.append(x)
        for part in self.middle:
            x = part(x, time, text)
        for level in self.up:
            if isinstance(level[0], Unit):
                x = torch.cat([x, skips.pop()], 1)
            for part in level:
                x = part(x, time, text)
        return self.last(x)


def ddpm(multiples: list[int], place: int) -> Module:
    return UNet(3, 128, multiples, {place: Attention}, Attention, 1e-6, same=False)


def stable_diffusion(heads: list[int], text: int) -> Module:
    attends = {place: lambda maps, place=place: Transformer(maps, text, heads[place]) for place in range(3)}
    return UNet(
        4, 320, [1, 2, 4, 4], attends, lambda maps: Transformer(maps, text, heads[3]), 1e-5, same=True
    )


class SDXL(Module):
    """The base model: no attention at the full resolution, and a second embedding beside that of the step."""

    def __init__(self) -> None:
        super().__init__()
        attends = {
            place: lambda maps, heads=heads, depth=depth: Transformer(maps, 2048, heads, depth)
            for place, heads, depth in ((1, 10, 2), (2, 20, 10))
        }
        self.picture = nn.Sequential(nn.Linear(2816, 1280), nn.SiLU(), nn.Linear(1280, 1280))
        self.network = UNet(4, 320, [1, 2, 4], attends, attends[2], 1e-5, same=True)

    def forward(self, x: Tensor, time: Tensor, text: Tensor, pooled: Tensor) -> Tensor:
        return self.network(x, time, text, self.picture(pooled))


class DiTBlock(Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim, 1e-6, elementwise_affine=False)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU("tanh"), nn.Linear(4 * dim, dim))
        self.numbers = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        parts = self.numbers(condition)[:, None].chunk(6, -1)
        y = self.norm(x) * (1 + parts[1]) + parts[0]
        x = x + parts[2] * self.out(attend(*self.qkv(y).chunk(3, -1), self.heads))
        return x + parts[5] * self.mlp(self.norm(x) * (1 + parts[4]) + parts[3])


class DiT(Module):
    def __init__(self, depth: int, dim: int, heads: int, patch: int, size: int = 32) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Conv2d(4, dim, patch, patch)
        self.places = nn.Parameter(torch.empty(1, (size // patch) ** 2, dim))
        self.time = nn.Sequential(nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.label = nn.Embedding(1001, dim)
        self.blocks = nn.ModuleList([DiTBlock(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, 1e-6, elementwise_affine=False)
        self.numbers = nn.Sequential(nn.SiLU(), nn.Linear(dim, 2 * dim))
        self.last = nn.Linear(dim, patch * patch * 8)

    def forward(self, x: Tensor, time: Tensor, label: Tensor) -> Tensor:
        size = x.shape[-1] // self.patch
        x = self.embed(x).flatten(2).transpose(1, 2) + self.places
        condition = self.time(time) + self.label(label[:, 0])
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.numbers(condition)[:, None].chunk(2, -1)
        x = self.last(self.norm(x) * (1 + scale) + shift)
        x = x.view(-1, size, size, self.patch, self.patch, 8)
        return torch.einsum("nhwpqc->nchpwq", x).reshape(-1, 8, size * self.patch, size * self.patch)


class VQVAE(Module):
    def __init__(self) -> None:
        super().__init__()

        def unit() -> Module:
            return nn.Sequential(
                nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 1)
            )

        self.down = nn.Sequential(nn.Conv2d(3, 256, 4, 2, 1), nn.ReLU(), nn.Conv2d(256, 256, 4, 2, 1))
        self.narrow, self.wide = nn.Conv2d(256, 64, 1), nn.Conv2d(64, 256, 3, padding=1)
        self.codes = nn.Parameter(torch.empty(512, 64))
        self.before, self.after = (nn.ModuleList([unit(), unit()]) for _ in range(2))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(256, 256, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(256, 3, 4, 2, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        for unit in self.before:
            x = x + unit(x)
        z = self.narrow(F.relu(x)).permute(0, 2, 3, 1)
        distances = (self.codes**2).sum(1) - 2 * z.flatten(0, 2) @ self.codes.T
        nearest = self.codes[distances.argmin(1)].view_as(z)
        x = self.wide(nearest.permute(0, 3, 1, 2))
        for unit in self.after:
            x = x + unit(x)
        return self.up(F.relu(x))


SIZES = {"s": (12, 384, 6), "b": (12, 768, 12), "l": (24, 1024, 16), "xl": (28, 1152, 16)}

NETWORKS: dict[str, Callable[[], Any]] = {
    "ddpm-cifar10": lambda: ddpm([1, 2, 2, 2], 1),
    "ddpm-256": lambda: ddpm([1, 1, 2, 2, 4, 4], 4),
    "stable-diffusion-1.5": lambda: stable_diffusion([8, 8, 8, 8], 768),
    "stable-diffusion-2.1": lambda: stable_diffusion([5, 10, 20, 20], 1024),
    "sdxl": SDXL,
    **{
        f"dit-{name}-{patch}": lambda sizes=sizes, patch=patch: DiT(*sizes, patch)
        for name, sizes in SIZES.items()
        for patch in (2, 4, 8)
    },
    "dit-xl-2-512": lambda: DiT(*SIZES["xl"], 2, 64),
    "vq-vae": VQVAE,
}
