"""The exported PyTorch source is run: op by op against recorded numbers, network by network against NumPy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from paramcalc import Model, load, parse
from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.count.report import count
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import bundled_models
from paramcalc.export.pytorch import pytorch, weight_names
from paramcalc.verify.run import run
from paramcalc.verify.weights import DrawnWeights
from tests.forward import Case, cases, same, summed

torch = pytest.importorskip("torch")
FlopCounterMode = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode


def module(graph: Graph, text: str = "") -> Any:
    """The network that the exported source defines last."""
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text or pytorch(graph), "exported", "exec"), space)
    classes = [one for one in space.values() if isinstance(one, type) and one.__module__ == "exported"]
    return classes[-1]().eval()


def filled(graph: Graph, arrays: dict[str, Any]) -> Any:
    """The same with these weights, by the names that the export says they have."""
    net = module(graph)
    names = weight_names(graph)
    state = {names[name]: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    missing, extra = net.load_state_dict(state, strict=False)
    assert not extra
    tied = {names[path] for path in names} - {*state}
    counted = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert tied == set() and all(net.get_parameter(name) is not None for name in counted)
    return net


def ran(net: Any, inputs: list[Any]) -> list[Any]:
    with torch.no_grad():
        y = net(*map(torch.from_numpy, inputs))
    return [one.detach().numpy() for one in (y if isinstance(y, tuple) else [y])]


def refused(graph: Graph) -> str:
    """Why a network has no counterpart in PyTorch, or ''."""
    try:
        pytorch(graph)
    except Fault as fault:
        return str(fault)
    return ""


# PyTorch has these ops only in part, or not at all: the message that says so.
REFUSED = {
    "avg_pool": "pads both ends",
    "conv": "without bias",
    "deform_conv": "no counterpart",
    "experts": "channels before positions",
    "fold": "for images",
    "gru": "two biases|reset gate",
    "local_conv": "no counterpart",
    "lstm": "two biases|peepholes",
    "rnn": "two biases",
    "conv_lstm": "pads both ends",
    "layer_norm": "over the last axes",
    "rms_norm": "over the last axes",
    "self_attention": "cached tokens",
    "unfold": "for images",
    "cross_attention": "cached tokens",
    "latent_attention": "cached tokens",
}


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.call} on {case.inputs}")
def test_each_op_gives_the_recorded_numbers(case: Case) -> None:
    op, shapes = case.use()
    net = Builder()
    values = [net.input(f"in{place}", shape) for place, shape in enumerate(shapes)]
    graph = net.build([net.add(op, values, "layer")])
    inputs, weights = case.arrays()
    if why := refused(graph):
        known = REFUSED.get(op.title.removesuffix(f"{op.rank}d"), "^$")
        assert re.search(f"{known}|has no counterpart in PyTorch here", why)
        return
    made = filled(graph, {f"layer/{name}": array for name, array in weights.items()}).double()
    (y,) = ran(made, inputs)
    if not inputs:
        y = np.repeat(y, 2, 0)
    assert same(summed(y), case.sums)


NETWORKS = {
    "lenet5-1998": {},
    "resnet-18": {"input": (3, 64, 64)},
    "googlenet": {"input": (3, 96, 96)},
    "densenet-121": {"input": (3, 64, 64)},
    "mobilenet-v3-small": {"input": (3, 64, 64)},
    "efficientnet-b0": {"input": (3, 64, 64)},
    "shufflenet-v2-x1.0": {"input": (3, 64, 64)},
    "swin-t": {"input": (3, 96, 96)},
    "unet": {"input": (1, 188, 188)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_it_gives_in_numpy(name: str) -> None:
    graph = load(name).graph((), NETWORKS[name])
    supply = DrawnWeights(graph, keep=True)
    generator = np.random.default_rng(3)
    inputs = [
        generator.standard_normal((1, *shape.dims)).astype("float32") for shape in graph.inputs.values()
    ]
    (ours,) = run(graph, dict(zip(graph.inputs, inputs, strict=True)), supply).values()
    arrays = {"/".join(key): array for key, array in supply.kept.items()}
    (theirs,) = ran(filled(graph, {name: arrays[name] for name in weight_names(graph)}), inputs)
    assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())


EXPERTS = """
input: {length: 6, channels: 8}
blocks:
  swiglu hidden:
    - multiply: {gate: [linear hidden, silu], up: linear hidden}
    - linear 8
layers:
  - add:
      routed: {experts: {mixture: 4, active: 2, gates: sum, router: [linear mixture, sigmoid], layers: swiglu 12}}
      shared: swiglu 16
  - more:
      repeat: 2
      layers:
        - add:
            moe:
              - rms_norm
              - experts: {mixture: 8, active: 3, router: linear mixture bias=false, layers: linear 8 bias=false}
            skip: identity
  - experts: {mixture: 3, active: 1, gates: scores, router: [linear mixture, softmax], layers: linear 5}
"""


def test_experts_give_and_count_what_they_do_here() -> None:
    """Each position meets the active ones, in PyTorch too; the counter of PyTorch sees as many multiplications."""
    graph = parse(EXPERTS).graph()
    supply = DrawnWeights(graph, keep=True)
    x = np.random.default_rng(3).standard_normal((2, 6, 8)).astype("float32")
    (ours,) = run(graph, {"input": x}, supply).values()
    arrays = {"/".join(key): array for key, array in supply.kept.items()}
    net = filled(graph, {name: arrays[name] for name in weight_names(graph)})

    with FlopCounterMode(display=False) as counter:
        (theirs,) = ran(net, [x])

    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    counted = count(graph, batch=2).totals
    assert counter.get_total_flops() == 2 * counted.macs
    assert sum(one.numel() for one in net.parameters()) == counted.params


def test_weights_that_layers_share_are_one() -> None:
    graph = load("gpt2").graph((), {}, layers=2, dim=48, heads=4, vocabulary=50)
    net = module(graph)
    assert net.logits.weight is net.tokens.weight
    assert (
        sum(one.numel() for one in net.parameters()) == 2400 + 1024 * 48 + 2 * (12 * 48 * 48 + 13 * 48) + 96
    )


def test_a_layer_used_again_is_the_same_module_and_frozen_weights_stay() -> None:
    text = """
        inputs: {left: 1x28x28, right: 1x28x28}
        blocks: {tower: "conv2d 8 3, relu, flatten, linear 16"}
        layers: [{a: tower from left}, {b: tower share=a from right}, subtract from a b, linear 1 frozen=true]
    """
    net = module(parse(text).graph())
    assert net.b.conv2d is net.a.conv2d
    assert sum(one.numel() for one in net.parameters()) == 86_641
    assert sum(one.numel() for one in net.parameters() if one.requires_grad) == 86_624


def test_source_reads_like_the_network() -> None:
    """Groups are classes, equal rounds a loop, growing rounds a range, numbers that differ parameters."""
    resnet = pytorch(load("resnet-50").graph())
    assert "Bottleneck(64, 64, 1, 256)" in resnet
    assert "*(Bottleneck2(512, 128) for _ in range(3))" in resnet
    assert len(resnet.splitlines()) < 110
    assert "*(DenseLayer(n) for n in range(512, 1024, 32))" in pytorch(load("densenet-121").graph())
    assert "Inception(192, 64, 96, 128, 16, 32, 32)" in pytorch(load("googlenet").graph())


OTHERWISE = {  # one bias in a recurrent layer, the reset gate before the product, computed kernels of an image
    "deepsleepnet", "zaremba-small", "zaremba-medium", "zaremba-large", "rnnsearch",
    "resnet18-blur", "resnet50-blur", "resnet50-d-blur", "resnet101-d-blur",
}  # fmt: skip


def test_every_bundled_model_counts_the_same_as_its_source() -> None:
    """Without numbers in memory and without branches of training; what PyTorch has otherwise is refused."""
    wrong, refused = [], set()
    for name, spec in bundled_models():
        graph = Model(spec, name).graph()
        try:
            with torch.device("meta"):
                net = module(graph)
        except Fault:
            refused.add(name)
            continue
        with torch.device("meta"):
            inputs = [torch.zeros(1, *x.dims, dtype=kind(x)) for x in graph.inputs.values()]
            found = net(*inputs)
        shapes = [tuple(one.shape[1:]) for one in (found if isinstance(found, tuple) else [found])]
        params = sum(one.numel() for one in net.parameters())
        if params != count(graph).params or shapes != [graph.shape(value).dims for value in graph.outputs]:
            wrong.append((name, params, shapes))
    assert not wrong
    assert refused == OTHERWISE


def kind(x: Shape) -> Any:
    return torch.float32 if CHANNELS in x.axes else torch.int64
