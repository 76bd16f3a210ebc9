"""Networks of video, sound, points and sequences as PyTorch modules, written by hand from papers and published code.

Recurrent layers are loops over their steps, so that PyTorch's counter sees each product.
"""

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
    """x, or what `shortcut` makes of it, and what `inner` makes of it."""

    def __init__(self, inner: Module, shortcut: Module | None = None) -> None:
        super().__init__()
        self.inner, self.shortcut = inner, shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.inner(x)


class Concat(Module):
    def __init__(self, *branches: Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Call(Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow pads."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(kernel: tuple[int, ...], stride: tuple[int, ...]) -> Module:
    def pad(x: Tensor) -> Tensor:
        sizes = zip(x.shape[2:], kernel, stride, strict=True)
        return F.pad(x, [zero for size in reversed(list(sizes)) for zero in same(*size)])

    return Call(pad)


def c3d(classes: int) -> Module:
    parts: list[Module] = []
    maps = 3
    for out, pool in ((64, 1), (128, 2), (256, 0), (256, 2), (512, 0), (512, 2), (512, 0), (512, 3)):
        parts += [nn.Conv3d(maps, out, 3, padding=1), nn.ReLU()]
        kinds = {1: nn.MaxPool3d((1, 2, 2)), 2: nn.MaxPool3d(2), 3: nn.MaxPool3d(2, padding=(0, 1, 1))}
        parts += [kinds[pool]] if pool else []
        maps = out
    dense = [nn.Linear(8192, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes)]
    return nn.Sequential(*parts, nn.Flatten(), *dense)


def i3d(colors: int) -> Module:
    def conv(entering: int, out: int, kernel: int = 1, stride: int = 1) -> Module:
        return nn.Sequential(
            pad_same((kernel,) * 3, (stride,) * 3),
            nn.Conv3d(entering, out, kernel, stride, bias=False),
            nn.BatchNorm3d(out, 1e-3),
            nn.ReLU(),
        )

    def pool(kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Module:
        return nn.Sequential(pad_same(kernel, stride), nn.MaxPool3d(kernel, stride))

    def mixed(entering: int, a: int, b: int, b1: int, c: int, c1: int, d: int) -> Module:
        return Concat(
            conv(entering, a),
            nn.Sequential(conv(entering, b), conv(b, b1, 3)),
            nn.Sequential(conv(entering, c), conv(c, c1, 3)),
            nn.Sequential(pool((3, 3, 3), (1, 1, 1)), conv(entering, d)),
        )

    wide = pool((1, 3, 3), (1, 2, 2))
    return nn.Sequential(
        conv(colors, 64, 7, 2), wide, conv(64, 64), conv(64, 192, 3), wide,
        mixed(192, 64, 96, 128, 16, 32, 32), mixed(256, 128, 128, 192, 32, 96, 64),
        pool((3, 3, 3), (2, 2, 2)),
        mixed(480, 192, 96, 208, 16, 48, 64), mixed(512, 160, 112, 224, 24, 64, 64),
        mixed(512, 128, 128, 256, 24, 64, 64), mixed(512, 112, 144, 288, 32, 64, 64),
        mixed(528, 256, 160, 320, 32, 128, 128),
        pool((2, 2, 2), (2, 2, 2)),
        mixed(832, 256, 160, 320, 32, 128, 128), mixed(832, 384, 192, 384, 48, 128, 128),
        nn.AvgPool3d((2, 7, 7), 1), nn.Conv3d(1024, 400, 1), Call(lambda x: x.mean((2, 3, 4))),
    )  # fmt: skip


class WaveNet(Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(256, 32, 2)
        self.by = [2**i for i in range(10)] * 5
        self.filters, self.gates = (
            nn.ModuleList([nn.Conv1d(32, 32, 2, dilation=by) for by in self.by]) for _ in range(2)
        )
        self.skips = nn.ModuleList([nn.Conv1d(32, 512, 1) for _ in self.by])
        self.residuals = nn.ModuleList([nn.Conv1d(32, 32, 1) for _ in self.by[:-1]])
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(512, 512, 1), nn.ReLU(), nn.Conv1d(512, 256, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(F.pad(x, (1, 0)))
        total = 0
        for i, by in enumerate(self.by):
            padded = F.pad(x, (by, 0))
            y = self.filters[i](padded).tanh() * self.gates[i](padded).sigmoid()
            total = total + self.skips[i](y)
            if i < len(self.residuals):
                x = x + self.residuals[i](y)
        return self.last(total)


class ConvTasNet(Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, 512, 16, 8, bias=False)
        self.decoder = nn.ConvTranspose1d(512, 1, 16, 8, bias=False)
        self.entry = nn.Sequential(nn.GroupNorm(1, 512, 1e-8), nn.Conv1d(512, 128, 1))
        self.hidden = nn.ModuleList([self.block(2 ** (i % 8)) for i in range(24)])
        self.skips = nn.ModuleList([nn.Conv1d(512, 128, 1) for _ in range(24)])
        self.residuals = nn.ModuleList([nn.Conv1d(512, 128, 1) for _ in range(23)])
        self.masks = nn.Sequential(nn.PReLU(), nn.Conv1d(128, 1024, 1), nn.Sigmoid())

    @staticmethod
    def block(by: int) -> Module:
        return nn.Sequential(
            nn.Conv1d(128, 512, 1),
            nn.PReLU(),
            nn.GroupNorm(1, 512, 1e-8),
            nn.Conv1d(512, 512, 3, groups=512, dilation=by, padding=by),
            nn.PReLU(),
            nn.GroupNorm(1, 512, 1e-8),
        )

    def forward(self, sound: Tensor) -> Tensor:
        code = self.encoder(sound).relu()
        x, total = self.entry(code), 0
        for i, hidden in enumerate(self.hidden):
            y = hidden(x)
            total = total + self.skips[i](y)
            if i < 23:
                x = x + self.residuals[i](y)
        masks = self.masks(total).unflatten(1, (2, 512))
        return self.decoder((masks * code[:, None]).flatten(0, 1)).unflatten(0, (-1, 2))[:, :, 0]


def tcn() -> Module:
    def unit(entering: int, by: int) -> Module:
        def conv(maps: int) -> list[Module]:
            return [Call(lambda x: F.pad(x, (6 * by, 0))), nn.Conv1d(maps, 25, 7, dilation=by)]

        inner = nn.Sequential(*conv(entering), nn.ReLU(), *conv(25), nn.ReLU())
        return Sum(inner, nn.Conv1d(entering, 25, 1) if entering != 25 else None)

    units = [part for i in range(8) for part in (unit(25 if i else 1, 2**i), nn.ReLU())]
    return nn.Sequential(*units, Call(lambda x: x[..., -1]), nn.Linear(25, 10))


def eegnet(f1: int) -> Module:
    f2 = 2 * f1

    def conv(entering: int, out: int, kernel: int, groups: int) -> list[Module]:
        return [
            pad_same((1, kernel), (1, 1)),
            nn.Conv2d(entering, out, (1, kernel), groups=groups, bias=False),
        ]

    return nn.Sequential(
        *conv(1, f1, 64, 1), nn.BatchNorm2d(f1, 1e-3),
        nn.Conv2d(f1, f2, (64, 1), groups=f1, bias=False), nn.BatchNorm2d(f2, 1e-3), nn.ELU(),
        nn.AvgPool2d((1, 4)),
        *conv(f2, f2, 16, f2), nn.Conv2d(f2, f2, 1, bias=False), nn.BatchNorm2d(f2, 1e-3), nn.ELU(),
        nn.AvgPool2d((1, 8)), nn.Flatten(), nn.Linear(4 * f2, 4), nn.Softmax(1),
    )  # fmt: skip


class Transform(Module):
    """PointNet's, of points as columns."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.features = shared(size, 64, 128, 1024)
        self.head = nn.Sequential(*dense(1024, 512, 256), nn.Linear(256, size**2))

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.head(self.features(x).amax(2)).view(len(x), x.shape[1], x.shape[1])
        return (x.transpose(1, 2) @ matrix).transpose(1, 2)


def shared(*maps: int) -> Module:
    pairs = pairwise(maps)
    return nn.Sequential(
        *(part for a, b in pairs for part in (nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU()))
    )


def dense(*maps: int) -> list[Module]:
    pairs = pairwise(maps)
    return [part for a, b in pairs for part in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())]


def pointnet(transforms: bool) -> Module:
    first, second = ([Transform(3)], [Transform(64)]) if transforms else ([], [])
    return nn.Sequential(
        Call(lambda x: x.transpose(1, 2)), *first, shared(3, 64, 64), *second, shared(64, 64, 128, 1024),
        Call(lambda x: x.amax(2)), *dense(1024, 512, 256), nn.Linear(256, 40),
    )  # fmt: skip


class NeRF(Module):
    def __init__(self) -> None:
        super().__init__()
        sizes = [63, 256, 256, 256, 256, 256 + 63, 256, 256]
        self.layers = nn.ModuleList([nn.Linear(size, 256) for size in sizes])
        self.density, self.feature = nn.Linear(256, 1), nn.Linear(256, 256)
        self.color = nn.Sequential(nn.Linear(256 + 27, 128), nn.ReLU(), nn.Linear(128, 3), nn.Sigmoid())

    def forward(self, place: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        x = place
        for i, layer in enumerate(self.layers):
            x = layer(torch.cat([place, x], 1) if i == 5 else x).relu()
        return self.density(x).relu(), self.color(torch.cat([self.feature(x), direction], 1))


class Siamese(Module):
    def __init__(self) -> None:
        super().__init__()
        parts: list[Module] = []
        maps = 1
        for out, kernel in ((64, 10), (128, 7), (128, 4)):
            parts += [nn.Conv2d(maps, out, kernel), nn.ReLU(), nn.MaxPool2d(2)]
            maps = out
        ends = [nn.Conv2d(128, 256, 4), nn.ReLU(), nn.Flatten(), nn.Linear(9216, 4096), nn.Sigmoid()]
        self.twin, self.last = nn.Sequential(*parts, *ends), nn.Linear(4096, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.last((self.twin(left) - self.twin(right)).abs()).sigmoid()


class LSTM(Module):
    """One direction, one bias, peepholes if wanted."""

    def __init__(self, entering: int, width: int, peephole: bool = False) -> None:
        super().__init__()
        self.x, self.h = nn.Linear(entering, 4 * width), nn.Linear(width, 4 * width, bias=False)
        self.peep = nn.Parameter(torch.empty(3, width)) if peephole else None

    def forward(self, x: Tensor, back: bool = False) -> Tensor:
        h = c = x.new_zeros(len(x), self.h.in_features)
        steps = []
        for t in reversed(range(x.shape[1])) if back else range(x.shape[1]):
            i, f, g, o = (self.x(x[:, t]) + self.h(h)).chunk(4, -1)
            if self.peep is not None:
                i, f = i + self.peep[0] * c, f + self.peep[1] * c
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            o = o + self.peep[2] * c if self.peep is not None else o
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps[::-1] if back else steps, 1)


def zaremba(width: int) -> Module:
    return nn.Sequential(
        nn.Embedding(10000, width), LSTM(width, width), LSTM(width, width), nn.Linear(width, 10000)
    )


class ConvLSTM(Module):
    def __init__(self, entering: int) -> None:
        super().__init__()
        self.x = nn.Conv2d(entering, 160, 3, padding=1)
        self.h = nn.Conv2d(40, 160, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(40, 1e-3)

    def forward(self, x: Tensor) -> Tensor:  # batch, frames, channels, height, width
        h = c = x.new_zeros(len(x), 40, *x.shape[3:])
        steps = []
        for t in range(x.shape[1]):
            i, f, g, o = (self.x(x[:, t]) + self.h(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(self.norm(h))
        return torch.stack(steps, 1)


def convlstm() -> Module:
    return nn.Sequential(
        *(ConvLSTM(maps) for maps in (1, 40, 40, 40)),
        Call(lambda x: x.transpose(1, 2)), nn.Conv3d(40, 1, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip


class DeepSleepNet(Module):
    def __init__(self) -> None:
        super().__init__()

        def conv(entering: int, out: int, kernel: int, stride: int = 1) -> Module:
            bare = nn.Conv1d(entering, out, kernel, stride, bias=False)
            return nn.Sequential(pad_same((kernel,), (stride,)), bare, nn.BatchNorm1d(out, 1e-3), nn.ReLU())

        def pool(size: int) -> Module:
            return nn.Sequential(pad_same((size,), (size,)), nn.MaxPool1d(size))

        def branch(kernel: int, stride: int, pools: tuple[int, int], small: int) -> Module:
            convs = (conv(128 if i else 64, 128, small) for i in range(3))
            return nn.Sequential(
                conv(1, 64, kernel, stride), pool(pools[0]), *convs, pool(pools[1]), nn.Flatten()
            )

        self.features = Concat(branch(50, 6, (8, 4), 8), branch(400, 50, (4, 2), 6))
        self.ways = nn.ModuleList([LSTM(size, 512, True) for size in (3072, 3072, 1024, 1024)])
        self.shortcut, self.norm = nn.Linear(3072, 1024, bias=False), nn.BatchNorm1d(1024, 1e-3)
        self.last = nn.Linear(1024, 5)

    def forward(self, x: Tensor) -> Tensor:  # batch, 1, epochs, samples
        x = self.features(x.permute(0, 2, 1, 3).flatten(0, 1)).unflatten(0, (-1, 25))
        short = self.norm(self.shortcut(x).transpose(1, 2)).transpose(1, 2).relu()
        for i in (0, 2):
            x = torch.cat([self.ways[i](x), self.ways[i + 1](x, back=True)], 2)
        return self.last(x + short)


class GRU(Module):
    """One step, as Cho et al. wrote it: the reset gate before the product."""

    def __init__(self, entering: int, width: int) -> None:
        super().__init__()
        self.x = nn.Linear(entering, 3 * width, bias=False)
        self.h, self.n = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        r, z, n = self.x(x).chunk(3, -1)
        more_r, more_z = self.h(h).chunk(2, -1)
        z = (z + more_z).sigmoid()
        return (1 - z) * (n + self.n((r + more_r).sigmoid() * h)).tanh() + z * h


class RNNsearch(Module):
    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(30000, 620), nn.Embedding(30000, 620)
        self.ahead, self.back = GRU(620, 1000), GRU(620, 1000)
        self.start, self.keys = nn.Linear(1000, 1000, bias=False), nn.Linear(2000, 1000, bias=False)
        self.ask, self.score = nn.Linear(1000, 1000, bias=False), nn.Linear(1000, 1, bias=False)
        self.next = GRU(2620, 1000)
        self.deep = nn.ModuleList([nn.Linear(size, 1000, bias=False) for size in (1000, 620, 2000)])
        self.last = nn.Linear(500, 30000, bias=False)

    def states(self, x: Tensor) -> Tensor:
        ahead, back = [], []
        h = g = x.new_zeros(len(x), 1000)
        for t in range(x.shape[1]):
            h, g = self.ahead(x[:, t], h), self.back(x[:, -1 - t], g)
            ahead.append(h)
            back.append(g)
        return torch.cat([torch.stack(ahead, 1), torch.stack(back[::-1], 1)], 2)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        states = self.states(self.source(source))
        keys, words = self.keys(states), self.target(target)
        h = self.start(states[:, 0, 1000:]).tanh()
        scores = []
        for t in range(words.shape[1]):
            weights = self.score((keys + self.ask(h)[:, None]).tanh()).softmax(1)
            context = (weights.transpose(1, 2) @ states)[:, 0]
            deep = self.deep[0](h) + self.deep[1](words[:, t]) + self.deep[2](context)
            left, right = deep.chunk(2, -1)
            scores.append(self.last(torch.maximum(left, right)))
            if t < words.shape[1] - 1:
                h = self.next(torch.cat([words[:, t], context], 1), h)
        return torch.stack(scores, 1)


NETWORKS: dict[str, Callable[[], Any]] = {
    "c3d": lambda: c3d(487),
    "c3d-ucf101": lambda: c3d(101),
    "i3d-rgb": lambda: i3d(3),
    "i3d-flow": lambda: i3d(2),
    "wavenet": WaveNet,
    "conv-tasnet": ConvTasNet,
    "tcn": tcn,
    "eegnet-8-2": lambda: eegnet(8),
    "eegnet-4-2": lambda: eegnet(4),
    "pointnet": lambda: pointnet(True),
    "pointnet-vanilla": lambda: pointnet(False),
    "nerf": NeRF,
    "siamese-omniglot": Siamese,
    "zaremba-small": lambda: zaremba(200),
    "zaremba-medium": lambda: zaremba(650),
    "zaremba-large": lambda: zaremba(1500),
    "convlstm": convlstm,
    "deepsleepnet": DeepSleepNet,
    "rnnsearch": RNNsearch,
}
