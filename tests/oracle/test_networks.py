"""Whole networks with the same weights give PyTorch's and ONNX Runtime's numbers.

The PyTorch modules are written by hand from the papers. Their weights are found by order and shape,
as those of any checkpoint; inputs are as small as the networks allow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from paramcalc import load
from paramcalc.engine.graph import Graph
from paramcalc.verify.files import in_memory

np = pytest.importorskip("numpy")
checkpoint = pytest.importorskip("paramcalc.verify.checkpoint")
run = pytest.importorskip("paramcalc.verify.run").run

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
CLASSES = 10
SIZES = {
    "lenet5-1998": 32,
    "alexnet": 227,
    "vgg-16": 64,
    "googlenet": 160,
    "resnet-50": 64,
    "densenet-121": 64,
}


def graph_of(name: str) -> Graph:
    channels = 1 if name == "lenet5-1998" else 3
    knobs = {} if name == "lenet5-1998" else {"classes": CLASSES}
    return load(name).graph(inputs={"input": (channels, SIZES[name], SIZES[name])}, **knobs)


def image(graph: Graph, dtype: str) -> Any:
    shape = graph.inputs["input"]
    return np.random.default_rng(0).standard_normal((2, *shape.dims)).astype(dtype)


def check_close(found: Any, expected: Any) -> None:
    """Equal within the tolerance of the type, relative to the largest number."""
    tolerance = TOLERANCE[str(found.dtype)]
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


# ----------------------------------------------------------------------------------------- PyTorch


def modules() -> dict[str, Callable[[], Any]]:
    from tests.oracle import networks

    return {
        "lenet5-1998": networks.LeNet5,
        "alexnet": partial(networks.AlexNet, CLASSES),
        "vgg-16": partial(networks.VGG16, CLASSES, positions=4),
        "googlenet": partial(networks.GoogLeNet, CLASSES, side=10),
        "resnet-50": partial(networks.ResNet50, CLASSES),
        "densenet-121": partial(networks.DenseNet121, CLASSES),
    }


def trained(make: Callable[[], Any], dtype: str) -> Any:
    """A module in evaluation mode with statistics as training leaves them."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = make().to(getattr(torch, dtype)).eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.uniform_(part.bias, -0.2, 0.2)
    return module


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", SIZES)
def test_as_pytorch(name: str, dtype: str) -> None:
    """The hand-written module and the spec are one network: same arrays, same outputs."""
    torch = pytest.importorskip("torch")
    graph = graph_of(name)
    module = trained(modules()[name], dtype)
    arrays = in_memory({key: tensor.numpy() for key, tensor in module.state_dict().items()})
    match = checkpoint.match(graph, arrays, "the module")
    x = image(graph, dtype)
    with torch.no_grad():
        expected = module(torch.from_numpy(x))
    expected = expected if isinstance(expected, tuple) else (expected,)

    heads = [*dict.fromkeys(layer.auxiliary for layer in graph.layers if layer.auxiliary)]
    found = run(graph, x, match.read(), dtype=dtype, activations=[f"{head}/linear_2" for head in heads])

    assert all(key.endswith("num_batches_tracked") for key in match.extra)
    assert len(found) == len(expected)
    for one, other in zip(found.values(), expected, strict=True):
        check_close(one, other.numpy())


# ------------------------------------------------------------------------------------ ONNX Runtime


def onnx_window(op: Any, x: Any) -> dict[str, Any]:
    each = op.windows(x)
    return {
        "kernel_shape": [one.kernel for one in each],
        "strides": [one.stride for one in each],
        "pads": [*(one.before for one in each), *(one.after for one in each)],
    }


def convolution(op: Any, x: Any) -> tuple[str, dict[str, Any]]:
    return "Conv", {**onnx_window(op, x), "group": op.groups, "dilations": list(op.dilation)}


def average(op: Any, x: Any) -> tuple[str, dict[str, Any]]:
    return "AveragePool", {**onnx_window(op, x), "ceil_mode": int(op.ceil_mode), "count_include_pad": 1}


def response(op: Any, x: Any) -> tuple[str, dict[str, Any]]:
    return "LRN", {"size": op.size, "alpha": float(op.alpha), "beta": float(op.beta), "bias": float(op.k)}


OPERATORS: dict[str, Callable[[Any, Any], tuple[str, dict[str, Any]]]] = {
    "conv2d": convolution,
    "max_pool2d": lambda op, x: ("MaxPool", {**onnx_window(op, x), "ceil_mode": int(op.ceil_mode)}),
    "avg_pool2d": average,
    "local_response_norm": response,
    "batch_norm": lambda op, x: ("BatchNormalization", {"epsilon": float(op.eps)}),
    "linear": lambda op, x: ("Gemm", {"transB": 1}),
    "relu": lambda op, x: ("Relu", {}),
    "add": lambda op, x: ("Sum", {}),
    "concat": lambda op, x: ("Concat", {"axis": 1}),
    "flatten": lambda op, x: ("Flatten", {}),
    "dropout": lambda op, x: ("Identity", {}),
}


def onnx_model(graph: Graph, arrays: dict[str, Any]) -> bytes:
    """The graph as an ONNX model, one operator a layer, but two for global pooling to a vector."""
    helper = pytest.importorskip("onnx.helper")
    from onnx import TensorProto, numpy_helper

    nodes, kept = [], []
    for layer in graph.layers:
        inputs = [graph.name(value) for value in layer.inputs]
        names = [f"{layer.path}/{name}" for name in (*layer.applied.weights, *layer.applied.buffers)]
        kept += [numpy_helper.from_array(arrays[name], name) for name in names]
        if layer.op.title == "global_avg_pool":
            nodes.append(helper.make_node("GlobalAveragePool", inputs, [f"{layer.path}/pooled"]))
            nodes.append(helper.make_node("Flatten", [f"{layer.path}/pooled"], [layer.path]))
            continue
        kind, attributes = OPERATORS[layer.op.title](layer.op, layer.applied.inputs[0])
        nodes.append(helper.make_node(kind, [*inputs, *names], [layer.path], **attributes))
    batch = ["N", *graph.inputs["input"].dims]
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, batch)
    given = [helper.make_tensor_value_info(graph.name(v), TensorProto.FLOAT, None) for v in graph.outputs]
    whole = helper.make_graph(nodes, graph.model, [taken], given, kept)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    return model.SerializeToString()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", [name for name in SIZES if name != "lenet5-1998"])
def test_as_onnx_runtime(name: str) -> None:
    """The same layers with the same weights give the same outputs in ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    from paramcalc.verify.weights import DrawnWeights

    graph = graph_of(name)
    x = image(graph, "float32")
    drawn = DrawnWeights(graph, seed=1, keep=True)
    run(graph, x, drawn, activations=["**"])
    arrays = {"/".join(key): array for key, array in drawn.kept.items()}
    session = runtime.InferenceSession(onnx_model(graph, arrays), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"input": x})

    (found,) = run(graph, x, arrays).values()

    check_close(found, expected)
