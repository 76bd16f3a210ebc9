"""A module held against a spec: modules made here, which run as PyTorch's do, and PyTorch's own if installed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paramcalc.base.errors import Fault, SpecError
from paramcalc.testing import assert_spec

NET = """\
name: net
input: 3x8x8
knobs: {w: 4}
layers:
  - conv: conv2d w 3 padding=1
  - norm: batch_norm
  - add:
      main: conv2d w 3 padding=1 bias=false
      skip: conv2d w 1
  - pool: global_avg_pool
  - head: linear 10
"""


class Tensor:
    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def numel(self) -> int:
        return math.prod(self.shape)


class Hook:
    def __init__(self, hooks: list[Any], one: Any) -> None:
        self.remove = lambda: hooks.remove(one)
        hooks.append(one)


class Module:
    """As `torch.nn.Module`: parts by name, parameters, hooks; `forward` gets the module and its input."""

    def __init__(self, forward: Callable[..., Any], *params: Tensor, **parts: Module) -> None:
        self.forward, self.params, self.parts, self.training = forward, params, parts, True
        self.before: list[Any] = []
        self.after: list[Any] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        for hook in self.before:
            hook(self, given)
        output = self.forward(self, *given, **named)
        for hook in self.after:
            hook(self, given, output)
        return output

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, part in self.parts.items():
            yield from part.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self, recurse: bool) -> Iterator[tuple[str, Tensor]]:
        assert not recurse
        return ((str(place), one) for place, one in enumerate(self.params))

    def register_forward_pre_hook(self, hook: Any) -> Hook:
        return Hook(self.before, hook)

    def register_forward_hook(self, hook: Any) -> Hook:
        return Hook(self.after, hook)

    def eval(self) -> None:
        for _, module in self.named_modules():
            module.training = False


def conv(inputs: int, outputs: int, kernel: int, bias: bool = True) -> Module:
    weights = [Tensor(outputs, inputs, kernel, kernel), *([Tensor(outputs)] if bias else [])]
    return Module(lambda _, x: Tensor(x.shape[0], outputs, *x.shape[2:]), *weights)


def linear(inputs: int, outputs: int) -> Module:
    return Module(lambda _, x: Tensor(*x.shape[:-1], outputs), Tensor(outputs, inputs), Tensor(outputs))


def norm(channels: int) -> Module:
    return Module(lambda _, x: x, Tensor(channels), Tensor(channels))


def forward(self: Module, x: Tensor) -> Tensor:
    """The skip runs before the main branch, as nothing says that it must not."""
    y = self.parts["norm"](self.parts["stem"](x))
    self.parts["shortcut"](y)
    y = self.parts["main"](y)
    return self.parts["head"](Tensor(*y.shape[:2]))


def network(w: int = 4, **other: Module) -> Module:
    parts = {
        "stem": conv(3, w, 3),
        "norm": norm(w),
        "main": conv(w, w, 3, bias=False),
        "shortcut": conv(w, w, 1),
        "head": linear(w, 10),
    }
    return Module(forward, **(parts | other))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET, "utf-8")
    return path


def said(module: Module, spec: Path, inputs: Any = None, **knobs: Any) -> list[str]:
    """The lines of the message."""
    with pytest.raises(AssertionError) as raised:
        assert_spec(module, spec, inputs or Tensor(2, 3, 8, 8), **knobs)
    return str(raised.value).replace(str(spec), "net.yaml").splitlines()


def test_the_same_network(spec: Path) -> None:
    """Whatever its layers are called, in any order of branches, at any size and batch; hooks and modes are undone."""
    module = network()

    assert_spec(module, spec, Tensor(2, 3, 8, 8))
    assert_spec(module, str(spec), (Tensor(1, 3, 16, 24),))
    assert_spec(network(6), spec, {"x": Tensor(5, 3, 8, 8)}, w=6)
    assert all(one.training and not one.before and not one.after for _, one in module.named_modules())


def test_the_first_layer_that_differs_is_named(spec: Path) -> None:
    """3*3*3*4 + 4 params against 5*5*3*4 + 4, with both places."""
    assert said(network(stem=conv(3, 4, 5)), spec) == [
        "the module and 'net' differ first at layer 'conv'",
        "  spec    conv: conv2d 4 3 padding=1: 112 params, output 4x8x8 (net.yaml:5:11)",
        "  module  stem (Module): 304 params, output 4x8x8",
        "  in all  spec 334 params in 5 layers, module 526 in 5; without counterpart: 1 and 1",
    ]


def test_a_bias_too_few_or_too_many(spec: Path) -> None:
    assert said(network(stem=conv(3, 4, 3, bias=False)), spec)[3] == (
        "  maybe   the module's has no bias: write bias=false"
    )
    assert said(network(main=conv(4, 4, 3)), spec)[3] == "  maybe   the module's has a bias"


def test_a_shape_alone_differs(spec: Path) -> None:
    """As many params, and a stride that the spec does not have."""
    strided = conv(3, 4, 3)
    strided.forward = lambda _, x: Tensor(x.shape[0], 4, x.shape[2] // 2, x.shape[3] // 2)

    found = said(network(stem=strided), spec)

    assert found[1:3] == [
        "  spec    conv: conv2d 4 3 padding=1: 112 params, output 4x8x8 (net.yaml:5:11)",
        "  module  stem (Module): 112 params, output 4x4x4",
    ]


def test_layers_without_a_counterpart(spec: Path) -> None:
    module = network(norm=Module(lambda _, x: x))
    assert said(module, spec)[:3] == [
        "the module and 'net' differ first at layer 'norm'",
        "  spec    norm: batch_norm: 8 params, output 4x8x8 (net.yaml:6:11)",
        "  module  has no such layer",
    ]
    double = Module(lambda self, x: self.parts["two"](self.parts["one"](x)), one=norm(4), two=norm(4))
    assert said(network(norm=double), spec)[:3] == [
        "the module and 'net' differ first at module 'norm.two'",
        "  spec    has no such layer",
        "  module  norm.two (Module): 8 params, output 4x8x8",
    ]


def test_another_output(spec: Path) -> None:
    """Of layers without parameters, which are not compared one by one."""
    module = network()
    module.forward = lambda self, x: Tensor(*forward(self, x).shape, 3)

    assert said(module, spec) == ["the module gives 10x3, 'net' 10"]


def test_attention_that_reads_its_projections(tmp_path: Path) -> None:
    """As `nn.MultiheadAttention` does: 3*6*6 + 3*6 params of its own, 6*6 + 6 of a part that is never called."""
    path = tmp_path / "attention.yaml"
    path.write_text("input: {length: 5, channels: 6}\nlayers: [self_attention 2, linear 3]\n", "utf-8")
    packed = [Tensor(18, 6), Tensor(18)]
    attention = Module(lambda _, x: (x, None), *packed, out_proj=linear(6, 6))
    whole = Module(
        lambda self, x: self.parts["head"](self.parts["mha"](x)[0]), mha=attention, head=linear(6, 3)
    )

    assert_spec(whole, path, Tensor(2, 5, 6))
    split = {name: linear(6, 6) for name in "qkvo"}
    apart = Module(lambda self, x: [part(x) for part in self.parts.values()][-1], **split)
    whole = Module(lambda self, x: self.parts["head"](self.parts["mha"](x)), mha=apart, head=linear(6, 3))
    assert_spec(whole, path, Tensor(2, 5, 6))


def test_parameters_beside_layers(tmp_path: Path) -> None:
    """A class token and positions belong to the module that holds the layers."""
    path = tmp_path / "vit.yaml"
    text = "input: {length: 5, channels: 6}\nlayers: [class_token, positions, linear 3]\n"
    path.write_text(text, "utf-8")
    tokens = lambda self, x: self.parts["head"](Tensor(x.shape[0], 6, 6))  # noqa: E731
    module = Module(tokens, Tensor(1, 1, 6), Tensor(1, 6, 6), head=linear(6, 3))

    assert_spec(module, path, Tensor(2, 5, 6))


def test_shared_and_repeated_layers_count_once(tmp_path: Path) -> None:
    path = tmp_path / "shared.yaml"
    path.write_text("input: 6\nlayers:\n  - repeat: 3\n    shared: true\n    layers: linear 6\n", "utf-8")
    one = linear(6, 6)
    module = Module(lambda self, x: self.parts["b"](self.parts["a"](self.parts["a"](x))), a=one, b=one)

    assert_spec(module, path, Tensor(2, 6))


def test_a_branch_of_training_may_be_there_or_not(tmp_path: Path) -> None:
    path = tmp_path / "aux.yaml"
    path.write_text("input: 6\nlayers: [linear 5, auxiliary: {aux: linear 2}, linear 3]\n", "utf-8")
    run = lambda self, x: self.parts["b"](self.parts["a"](x))  # noqa: E731

    assert_spec(Module(run, a=linear(6, 5), b=linear(5, 3)), path, Tensor(2, 6))
    assert_spec(Module(run, a=linear(6, 5), aux=linear(5, 2), b=linear(5, 3)), path, Tensor(2, 6))
    with pytest.raises(AssertionError, match=r"aux \(Module\): 24 params, which never runs"):
        assert_spec(Module(run, a=linear(6, 5), aux=linear(5, 4), b=linear(5, 3)), path, Tensor(2, 6))


def test_what_does_not_fit_is_said(spec: Path) -> None:
    with pytest.raises(Fault, match="'net' has 1 inputs, and 2 tensors are given"):
        assert_spec(network(), spec, (Tensor(1, 3, 8, 8), Tensor(1, 3, 8, 8)))
    with pytest.raises(Fault, match="the inputs are not tensors"):
        assert_spec(network(), spec, "3x8x8")
    with pytest.raises((SpecError, Fault)):
        assert_spec(network(), spec, Tensor(1, 3))


def test_modules_of_pytorch() -> None:
    """torchvision's networks have the layers of their papers' specs; its GoogLeNet alone has normalization."""
    torch, models = pytest.importorskip("torch"), pytest.importorskip("torchvision.models")
    image = torch.zeros(2, 3, 224, 224)

    for module, name in (
        (models.resnet18(), "resnet-18"),
        (models.mobilenet_v2(), "mobilenet-v2"),
        (models.squeezenet1_1(), "squeezenet-1.1"),
        (models.swin_t(), "swin-t"),
        (models.vit_b_16(), "vit-b-16"),
    ):
        assert_spec(module, name, image)
    with pytest.raises(AssertionError, match="the module's has no bias: write bias=false"):
        assert_spec(models.googlenet(init_weights=False), "googlenet", image)
