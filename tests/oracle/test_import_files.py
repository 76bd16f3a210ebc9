"""Files of ONNX and Keras as specs: params, multiply-accumulates, and outputs, which are those of their own runtimes."""

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
    ask = ["verify", str(spec), "--weights", str(path), "--map", str(names), "--input", str(tmp_path / "x.npy")]
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
