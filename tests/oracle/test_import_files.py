"""Files of ONNX and Keras as specs: params, multiply-accumulates, and the outputs of their own runtimes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Run

os.environ.setdefault("KERAS_BACKEND", "torch")

RANDOM = np.random.default_rng(0)


def proven(run: Run, path: Path) -> None:
    """The import is proven, and so is the spec that it writes, with the file's weights by the map."""
    spec, names = path.with_suffix(".yaml"), path.with_suffix(".json")

    found = run("import", str(path), "--prove", "--map", str(names), "-o", str(spec))

    assert "proven: outputs differ by" in found.err, found.err + found.out
    assert found.code == 0
    assert run("check", str(spec)).code == 0
    again = run("verify", str(spec), "--weights", str(path), "--map", str(names))
    assert again.code == 0, again.err
    assert "found by name" in again.err


# ------------------------------------------------------------------------------------------ Keras


def images(layers: Any) -> Any:
    """Convolutions of all kinds, norms without a scale or a centre, joins, a hard swish written out."""
    x = entering = layers.Input((12, 10, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", strides=2)(x)
    x = layers.BatchNormalization(scale=False)(x)
    side = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    side = layers.BatchNormalization(center=False)(side)
    side = layers.SeparableConv2D(8, (1, 3), padding="same", activation="elu")(side)
    x = layers.Add()([x, side])
    x = layers.Conv2DTranspose(6, 2, strides=2)(x)
    x = layers.GroupNormalization(3)(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Concatenate()([x, layers.Conv2D(4, 1, groups=2)(x)])
    x = layers.Dense(5, activation="gelu")(x)
    x = layers.MaxPooling2D(2)(x)
    return entering, layers.Dense(3)(layers.Flatten()(x))


def sequences(layers: Any) -> Any:
    """Recurrent layers in both directions, attention, norms."""
    x = entering = layers.Input((7, 6), name="sequence")
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.GRU(6, return_sequences=True)(x)
    x = layers.GRU(6, return_sequences=True, reset_after=False)(x)
    x = layers.Conv1D(6, 3, padding="causal")(x)
    attended = layers.MultiHeadAttention(2, 5, value_dim=3)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    x = layers.SimpleRNN(5, return_sequences=True)(x)
    return entering, layers.LSTM(3)(x)


def tokens(layers: Any) -> Any:
    x = entering = layers.Input((9,), dtype="int32", name="ids")
    x = layers.Embedding(20, 8)(x)
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(x)
    return entering, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x))


@pytest.mark.parametrize("build", [images, sequences, tokens])
def test_a_network_of_keras_is_proven(run: Run, tmp_path: Path, build: Callable[[Any], Any]) -> None:
    keras = pytest.importorskip("keras")
    pytest.importorskip("h5py")
    model = keras.Model(*build(keras.layers))
    for one in model.weights:
        one.assign(np.abs(RANDOM.standard_normal(one.shape)) + 0.1 if "variance" in one.path else
                   RANDOM.standard_normal(one.shape) * 0.4)  # fmt: skip
    path = tmp_path / "network.keras"
    model.save(path)

    proven(run, path)


def test_a_weight_that_a_map_takes_wrongly_is_noticed(run: Run, tmp_path: Path) -> None:
    """A map with two weights exchanged gives other outputs than the file's, and one of another size is refused."""
    keras = pytest.importorskip("keras")
    pytest.importorskip("h5py")
    layers = keras.layers
    x = layers.Input((4,))
    model = keras.Model(x, layers.Dense(4)(layers.Dense(4)(x)))
    path, spec, names = (tmp_path / name for name in ("network.keras", "spec.yaml", "map.json"))
    model.save(path)
    run("import", str(path), "--map", str(names), "-o", str(spec))
    given = RANDOM.standard_normal((1, 4)).astype("f4")
    np.save(tmp_path / "x.npy", given)
    np.save(tmp_path / "y.npy", np.asarray(model.predict(given, verbose=0)))
    ask = [
        "verify",
        str(spec),
        "--weights",
        str(path),
        "--map",
        str(names),
        "--input",
        str(tmp_path / "x.npy"),
    ]
    ask += ["--expect", str(tmp_path / "y.npy")]
    assert run(*ask).code == 0

    document = json.loads(names.read_text())
    one, two = (name for name in document["weights"] if name.endswith("/weight"))
    weights = document["weights"]
    weights[one], weights[two] = weights[two], weights[one]
    names.write_text(json.dumps(document))
    assert run(*ask).code == 1

    weights[one] = weights[one].replace(".T", "[0:2]")
    names.write_text(json.dumps(document))
    found = run(*ask)
    assert found.code == 2
    assert "does not fit" in found.err


# ------------------------------------------------------------------------------------------- ONNX


class Graph:
    """A graph of ONNX as it is built: weights are random, nodes are named by their number."""

    def __init__(self, **inputs: tuple[int, ...]) -> None:
        self.onnx = pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        self.inputs, self.nodes, self.weights = inputs, [], []  # type: ignore[var-annotated]

    def weight(self, *dims: int, name: str = "", low: float = -0.4) -> str:
        name = name or f"w{len(self.weights)}"
        numbers = (RANDOM.random(dims) * (0.4 - low) + low).astype("f4")
        self.weights.append(self.onnx.numpy_helper.from_array(numbers, name))
        return name

    def numbers(self, values: Any) -> str:
        name = f"n{len(self.weights)}"
        self.weights.append(self.onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *reads: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}{'abc'[place]}" for place in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, [*reads], names, **attributes))
        return names[0] if outputs == 1 else names

    def save(self, path: Path, *outputs: str, outside: bool = False) -> Path:
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        given = [helper.make_tensor_value_info(name, kind, dims) for name, dims in self.inputs.items()]
        found = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "toy", given, found, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        self.onnx.save(model, path, save_as_external_data=outside, size_threshold=0, location="toy.data")
        return path


def convolutions(outside: bool, path: Path) -> Path:
    g = Graph(image=(1, 3, 12, 10))
    x = g.node("Conv", "image", g.weight(8, 3, 3, 3), g.weight(8), pads=[1, 1, 1, 1], strides=[2, 2])
    norm = [g.weight(8), g.weight(8), g.weight(8), g.weight(8, low=0.1)]
    x = g.node("Relu", g.node("BatchNormalization", x, *norm, epsilon=1e-3))
    y = g.node("Conv", x, g.weight(8, 4, 3, 3), group=2, auto_pad="SAME_UPPER")
    y = g.node("HardSigmoid", g.node("Add", y, g.weight(1, 8, 1, 1)), alpha=0.2, beta=0.5)
    x = g.node("Add", x, y)
    x = g.node("ConvTranspose", x, g.weight(8, 5, 2, 2), g.weight(5), strides=[2, 2])
    x = g.node("Add", g.node("Mul", x, g.numbers(np.float32(1.5))), g.numbers(np.float32(-0.25)))
    x = g.node("Clip", x, g.numbers(np.float32(-0.3)), g.numbers(np.float32(0.8)))
    x = g.node("Flatten", g.node("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0]))
    x = g.node("Gemm", x, g.weight(150, 7), g.weight(7))
    return g.save(path, g.node("Softmax", x), outside=outside)


@pytest.mark.parametrize("outside", [False, True])
def test_convolutions_of_onnx_are_proven(run: Run, tmp_path: Path, outside: bool) -> None:
    """With the weights in the file, and in one beside it."""
    proven(run, convolutions(outside, tmp_path / "network.onnx"))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("ends", [False, True])
def test_recurrent_layers_of_onnx_are_proven(
    run: Run, tmp_path: Path, kind: str, direction: str, ends: bool
) -> None:
    """All steps, or what each direction ends with."""
    g = Graph(tokens=(1, 5, 6))
    gates, ways = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 1 + (direction == "bidirectional")
    x = g.node("Transpose", "tokens", perm=[1, 0, 2])
    weights = [g.weight(ways, gates * 4, 6), g.weight(ways, gates * 4, 4), g.weight(ways, 2 * gates * 4)]
    every, last = g.node(kind, x, *weights, outputs=2, hidden_size=4, direction=direction)
    if ends:
        y = g.node("Reshape", g.node("Transpose", last, perm=[1, 0, 2]), g.numbers([1, ways * 4]))
    else:
        y = g.node("Transpose", every, perm=[2, 0, 1, 3])
        y = g.node("MatMul", g.node("Reshape", y, g.numbers([1, 5, ways * 4])), g.weight(ways * 4, 3))
        y = g.node("LayerNormalization", g.node("Add", y, g.weight(3)), g.weight(3), g.weight(3))

    proven(run, g.save(tmp_path / "network.onnx", y))


def test_what_is_filled_with_one_number_is_not_compared(run: Run, tmp_path: Path) -> None:
    """Files that were published without their weights have no outputs to speak of; that is said, and no failure."""
    g = Graph(x=(1, 6))
    w = g.node("ConstantOfShape", g.numbers([6, 4]))
    path = g.save(tmp_path / "network.onnx", g.node("MatMul", "x", w))

    found = run("import", str(path), "--prove")

    assert found.code == 0
    assert "outputs not compared: 1 weights of the file are filled with one number each" in found.err
    assert "params: 24" in found.out
    assert "macs: 24" in found.out


def test_a_signal_with_a_state_is_proven(run: Run, tmp_path: Path) -> None:
    """As silero-vad: samples padded by reflection, a fixed basis of sines, a cell that is handed on, an If of sizes."""
    g = Graph(signal=(1, 24), h=(1, 1, 4), c=(1, 1, 4))
    x = g.node("Unsqueeze", g.node("Pad", "signal", g.numbers([0, 4, 0, 4]), mode="reflect"), g.numbers([1]))
    x = g.node("Conv", x, g.weight(6, 1, 8, name="stft.basis_buffer"), strides=[8])
    x = g.node("Transpose", g.node("Sqrt", g.node("Mul", x, x)), perm=[2, 0, 1])
    weights = [g.weight(1, 16, 6), g.weight(1, 16, 4), g.weight(1, 32)]
    every, last, cell = g.node("LSTM", x, *weights, "", "h", "c", outputs=3, hidden_size=4)
    helper = g.onnx.helper
    branches = {
        name: helper.make_graph([helper.make_node(kind, [every], [f"{name}y"])], name, [],
                                [helper.make_tensor_value_info(f"{name}y", 1, None)])
        for name, kind in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }  # fmt: skip
    four = g.node("Equal", g.node("Size", every), g.numbers(4 * 4))
    y = g.node("If", four, **branches)

    path = g.save(tmp_path / "network.onnx", y, last, cell)

    proven(run, path)
    text = path.with_suffix(".yaml").read_text()
    assert "relu" in text and "tanh" not in text
    assert "learned=false" in text
