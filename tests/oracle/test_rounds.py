"""Networks that read all rounds of a repeat give the numbers of PyTorch modules written by hand from their papers.

DenseNet as its figure draws it, WaveNet's sum of skips, YOLOv8's C2f, Res2Net's split: modules are registered
in the order in which they run, and weights are found by order and shape.
"""

from __future__ import annotations

from typing import Any

import pytest

from paramcalc.base.errors import Source
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.library import from_text
from paramcalc.symbolic.closed import close
from paramcalc.verify.files import in_memory

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
checkpoint = pytest.importorskip("paramcalc.verify.checkpoint")
run = pytest.importorskip("paramcalc.verify.run").run
nn, F = torch.nn, torch.nn.functional
Tensor, Module = torch.Tensor, torch.nn.Module

DENSE = """
input: 8x9x9
knobs: {n: 4, k: 6}
layers:
  - entry: identity
  - layers:
      repeat: n
      layers:
        - seen: concat from entry layers[*]/new
        - new: batch_norm, relu, conv2d 4*k 1 bias=false, batch_norm, relu, conv2d k 3 padding=1 bias=false
  - concat from entry layers[*]/new
  - global_avg_pool, linear 5
"""
WAVENET = """
input: 1x40
knobs: {n: 5, c: 6, s: 7}
layers:
  - causal: conv1d c 2 padding=(1, 0)
  - layers:
      repeat: n
      layers:
        - entry: identity
        - gated:
            multiply:
              filter: conv1d c 2 dilation=2**i padding=(2**i, 0), tanh
              gate: conv1d c 2 dilation=2**i padding=(2**i, 0), sigmoid
        - skip: conv1d s 1
        - if: i < n-1
          then:
            - residual: conv1d c 1 from gated
            - add from entry residual
  - add from layers[*]/skip
  - relu, conv1d s 1, relu, conv1d 9 1
"""
C2F = """
input: 12x8x8
knobs: {n: 3, c: 16}
blocks:
  conv out k=1: conv2d out k padding=k//2 bias=false, batch_norm, silu
  bottleneck: conv channels 3, conv channels 3
layers:
  - both: conv c
  - half: slice channels c/2
  - m: {repeat: n, layers: [add: {skip: identity, main: bottleneck}]}
  - concat from both m[*]
  - conv c
"""
RES2NET = """
input: 20x8x8
knobs: {scale: 4, width: 6}
blocks:
  conv out k=1: conv2d out k padding=k//2 bias=false, batch_norm
layers:
  - entry: identity
  - wide: conv scale*width, relu
  - kept: slice channels (scale-1)*width
  - parts:
      repeat: scale-1
      layers:
        - slice channels i*width (i+1)*width from wide
        - if: i > 0
          then: add from x parts[i-1]
        - conv width 3
        - relu
  - concat from parts[*] kept
  - conv 20
  - add from x entry
  - relu
"""


class Dense(Module):
    """Huang et al. 2017, figure 1: each layer reads all that came before it."""

    def __init__(self, n: int, k: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(8 + number * k), nn.ReLU(), nn.Conv2d(8 + number * k, 4 * k, 1, bias=False),
                nn.BatchNorm2d(4 * k), nn.ReLU(), nn.Conv2d(4 * k, k, 3, padding=1, bias=False),
            )
            for number in range(n)
        )  # fmt: skip
        self.classifier = nn.Linear(8 + n * k, 5)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.layers:
            seen.append(layer(torch.cat(seen, 1)))
        return self.classifier(torch.cat(seen, 1).mean((2, 3)))


class WaveNet(Module):
    """van den Oord et al. 2016, figure 4; the last layer has no residual, which nothing would read."""

    def __init__(self, n: int, c: int, s: int) -> None:
        super().__init__()
        self.causal = nn.Conv1d(1, c, 2)
        self.layers = nn.ModuleList()
        for number in range(n):
            parts = [nn.Conv1d(c, c, 2, dilation=2**number) for _ in range(2)]
            parts += [nn.Conv1d(c, s, 1), *([nn.Conv1d(c, c, 1)] if number < n - 1 else [])]
            self.layers.append(nn.ModuleList(parts))
        self.end = nn.Sequential(nn.ReLU(), nn.Conv1d(s, s, 1), nn.ReLU(), nn.Conv1d(s, 9, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.causal(F.pad(x, (1, 0)))
        total = torch.zeros(())
        for number, (filters, gate, skip, *residual) in enumerate(self.layers):
            padded = F.pad(x, (2**number, 0))
            gated = filters(padded).tanh() * gate(padded).sigmoid()
            total = total + skip(gated)
            x = x + residual[0](gated) if residual else x
        return self.end(total)


def convolved(channels: int, out: int, k: int = 1, *more: Module) -> Module:
    return nn.Sequential(nn.Conv2d(channels, out, k, padding=k // 2, bias=False), nn.BatchNorm2d(out), *more)


class C2f(Module):
    """YOLOv8's block, as `ultralytics/nn/modules/block.py` has it."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        self.first = convolved(12, c, 1, nn.SiLU())
        half = c // 2
        self.m = nn.ModuleList(
            nn.Sequential(convolved(half, half, 3, nn.SiLU()), convolved(half, half, 3, nn.SiLU()))
            for _ in range(n)
        )
        self.last = convolved(c + n * half, c, 1, nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        parts = [*self.first(x).chunk(2, 1)]
        for one in self.m:
            parts.append(parts[-1] + one(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Res2Net(Module):
    """Gao et al. 2019, figure 2b, in the order of their code: the last split is kept as it is."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.wide = convolved(20, scale * width)
        self.parts = nn.ModuleList(convolved(width, width, 3) for _ in range(scale - 1))
        self.last = convolved(scale * width, 20)

    def forward(self, x: Tensor) -> Tensor:
        *splits, kept = self.wide(x).relu().split(self.width, 1)
        done: list[Tensor] = []
        for part, split in zip(self.parts, splits, strict=True):
            done.append(part(split + done[-1] if done else split).relu())
        return (self.last(torch.cat([*done, kept], 1)) + x).relu()


NETWORKS = {
    "DenseNet": (DENSE, lambda: Dense(4, 6)),
    "WaveNet": (WAVENET, lambda: WaveNet(5, 6, 7)),
    "C2f": (C2F, lambda: C2f(3, 16)),
    "Res2Net": (RES2NET, lambda: Res2Net(4, 6)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_as_pytorch(name: str) -> None:
    """The same arrays in the same order, the same outputs."""
    text, make = NETWORKS[name]
    torch.manual_seed(0)
    module: Any = make().double().eval()
    graph = elaborate(from_text(Source("net.yaml", text)))
    arrays = in_memory({key: tensor.numpy() for key, tensor in module.state_dict().items()})
    match = checkpoint.match(graph, arrays, "the module")
    x = np.random.default_rng(0).standard_normal((2, *graph.shape(0).dims))
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    (found,) = run(graph, x, match.read(), dtype="float64").values()

    assert all(key.endswith("num_batches_tracked") for key in match.extra)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize(("depth", "width"), [(1, 8), (2, 20), (7, 64)])
def test_a_formula_as_pytorch(depth: int, width: int) -> None:
    """The closed form of C2f in the number of rounds and the width gives PyTorch's numbers of params."""
    closed = close(from_text(Source("net.yaml", C2F)), symbols=["n", "c"])
    letters = {one.stands_for[0]: one for one in closed.symbols}
    values = {
        letters[knob].letter: (value - letters[knob].offset) // letters[knob].scale
        for knob, value in {"n": depth, "c": width}.items()
    }

    expected = sum(weight.numel() for weight in C2f(depth, width).parameters())
    assert closed.formula("params").at(**values) == expected


T5 = """
input: {length: 64}
knobs: {d: 512, ff: 2048, heads: 8, layers: 6}
defaults: {linear: bias=false, self_attention: bias=false head_dim=64 position_bias=32}
layers:
  - embedding 32128 d
  - blocks:
      repeat: layers
      layers:
        - add:
            attention:
              - rms_norm
              - if: i == 0
                then: self_attention heads
                else: self_attention heads share=blocks[0]/attention/self_attention.position_bias
            skip: identity
        - add: {ff: [rms_norm, linear ff, relu, linear d], skip: identity}
  - rms_norm
"""


def test_one_weight_of_all_rounds() -> None:
    """T5's encoder, whose blocks share the distances of the first: transformers' T5EncoderModel, t5-small."""
    closed = close(from_text(Source("net.yaml", T5)), symbols=["layers"])
    per_layer = 4 * 512 * 512 + 2 * 512 * 2048 + 2 * 512

    assert closed.formula("params").at() == 35_330_816
    assert closed.formula("params").at(n=12) == 35_330_816 + 6 * per_layer
