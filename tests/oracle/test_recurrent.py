"""Recurrent layers against PyTorch and Keras: shapes, parameters by name, and values; nested loops for the rest."""

from __future__ import annotations

import os
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from paramcalc.base.errors import Fault
from paramcalc.ops.base import Op
from paramcalc.verify.tools import Tools
from tests import calls

torch = pytest.importorskip("torch")
nn = torch.nn

BATCH, LENGTH, CHANNELS, SIZE = 2, 5, 3, 4
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
FLAGS = (False, True)


def text(value: Any) -> str:
    return str(value).lower()


def drawn(op: Op, inputs: tuple[str, ...], dtype: str) -> tuple[list[Any], dict[str, Any]]:
    """Random inputs for a batch, and random weights."""
    random = np.random.default_rng(0)
    shapes = [calls.shape(one) for one in inputs]
    arrays = [random.normal(size=(BATCH, *x.dims)).astype(dtype) for x in shapes]
    return arrays, {
        name: random.normal(size=dims).astype(dtype) for name, dims in op.weights(*shapes).items()
    }


def run(op: Op, inputs: tuple[str, ...], arrays: list[Any], weights: dict[str, Any]) -> Any:
    """The op's output; its shape and its multiplications are held against the rules."""
    tools, shapes = Tools(), [calls.shape(one) for one in inputs]
    y = tools.apply(op, shapes, arrays, weights)

    assert y.shape == (BATCH, *op.shape(*shapes).dims)
    assert tools.multiplications == BATCH * op.cost(*shapes).macs
    return y


def tokens(length: int, channels: int) -> str:
    return f"{{length: {length}, channels: {channels}}}"


def module_of(name: str, **values: Any) -> Any:
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[name]
    return kind(CHANNELS, SIZE, batch_first=True, **values)


KINDS = [
    *(("lstm", {"proj_size": size}, f"projection={size}" if size else "") for size in (0, 2)),
    ("gru", {}, ""),
    *(("rnn", {"nonlinearity": name}, f"activation={name}") for name in ("tanh", "relu")),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "values", "more"), KINDS)
def test_as_pytorch(name: str, values: dict[str, Any], more: str, dtype: str) -> None:
    """All layers, directions and biases, with and without first states: a state_dict of the same names fits."""
    for layers, both, bias, last, given in product((1, 2, 3), FLAGS, FLAGS, FLAGS, FLAGS):
        call = f"{name} {SIZE} num_layers={layers} bidirectional={text(both)} bias={text(bias)} last={text(last)}"
        op = calls.call(f"{call} {more}")
        module = module_of(name, num_layers=layers, bidirectional=both, bias=bias, **values)
        rows, states = layers * (1 + both), []
        if given:
            sizes = (values.get("proj_size") or SIZE, *([SIZE] if name == "lstm" else []))
            states = [f"{size}" if rows == 1 else tokens(rows, size) for size in sizes]
        inputs = (tokens(LENGTH, CHANNELS), *states)
        arrays, weights = drawn(op, inputs, dtype)

        module.to(getattr(torch, dtype)).load_state_dict(
            {key: torch.from_numpy(w) for key, w in weights.items()}
        )
        first = [torch.from_numpy(a.reshape(BATCH, rows, -1)).swapaxes(0, 1).contiguous() for a in arrays[1:]]
        with torch.no_grad():
            y, ended = module(
                torch.from_numpy(arrays[0]), (tuple(first) if len(first) > 1 else first[0]) if first else None
            )
        if last:
            ended = ended[0] if name == "lstm" else ended
            y = torch.cat([*ended[-1 - both :]], -1)
        close(run(op, inputs, arrays, weights), y.numpy(), dtype)


def close(got: Any, expected: Any, dtype: str) -> None:
    assert got.dtype == expected.dtype == dtype
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= TOLERANCE[dtype] * max(1, np.abs(expected).max())


@pytest.mark.parametrize(("name", "values", "more"), KINDS)
def test_params_of_pytorch(name: str, values: dict[str, Any], more: str) -> None:
    """The number of scalars of larger modules."""
    for channels, size, layers, both in product((1, 16, 300), (7, 512), (1, 4), FLAGS):
        op = calls.call(f"{name} {size} num_layers={layers} bidirectional={text(both)} {more}")
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[name]
        module = kind(channels, size, layers, bidirectional=both, device="meta", **values)
        params = sum(prod(dims) for dims in op.weights(calls.shape(tokens(9, channels))).values())
        assert params == sum(weight.numel() for weight in module.parameters())


def test_sequences_beside_each_other() -> None:
    """Axes before the length hold sequences that do not see each other: the rows of an image, the parts of DPRNN."""
    rows = "{height: 3, length: 5, channels: 3}"
    for call in ("lstm 4 bidirectional=true num_layers=2", "gru 4 last=true"):
        op = calls.call(call)
        (x,), weights = drawn(op, (rows,), "float64")
        y = run(op, (rows,), [x], weights)
        each = [Tools().apply(op, [calls.shape(tokens(5, 3))], [x[:, row]], weights) for row in range(3)]
        assert np.abs(y - np.stack(each, 1)).max() < 1e-12
    with pytest.raises(Fault, match="belongs to one sequence"):
        calls.call("gru 4").shape(calls.shape(rows), calls.shape("4"))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("biases", [1, 2])
def test_gru_of_the_paper(biases: int) -> None:
    """Cho et al. 2014, step by step: r times the state before the product."""
    op = calls.call(f"gru {SIZE} reset_after=false biases={biases}")
    (x,), weights = drawn(op, (tokens(LENGTH, CHANNELS),), "float64")
    w, u = (np.split(weights[f"weight_{part}_l0"], 3) for part in ("ih", "hh"))
    b = np.split(weights["bias_ih_l0"] + weights.get("bias_hh_l0", 0), 3)
    h, found = np.zeros((BATCH, SIZE)), []
    for step in range(LENGTH):
        t = x[:, step]
        r = sigmoid(t @ w[0].T + h @ u[0].T + b[0])
        z = sigmoid(t @ w[1].T + h @ u[1].T + b[1])
        n = np.tanh(t @ w[2].T + (r * h) @ u[2].T + b[2])
        h = z * h + (1 - z) * n
        found.append(h)

    close(run(op, (tokens(LENGTH, CHANNELS),), [x], weights), np.stack(found, 1), "float64")


def test_lstm_with_peepholes() -> None:
    """Gers et al. 2002: i and f see the old cell, o the new one."""
    op = calls.call(f"lstm {SIZE} peephole=true biases=1")
    (x,), weights = drawn(op, (tokens(LENGTH, CHANNELS),), "float64")
    w, u, b = (np.split(weights[name], 4) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"))
    p = weights["peephole_l0"]
    h = c = np.zeros((BATCH, SIZE))
    found = []
    for step in range(LENGTH):
        i, f, g, o = (x[:, step] @ w[k].T + h @ u[k].T + b[k] for k in range(4))
        c_new = sigmoid(f + p[1] * c) * c + sigmoid(i + p[0] * c) * np.tanh(g)
        h = sigmoid(o + p[2] * c_new) * np.tanh(c_new)
        c = c_new
        found.append(h)

    close(run(op, (tokens(LENGTH, CHANNELS),), [x], weights), np.stack(found, 1), "float64")


@pytest.fixture(scope="module")
def layers() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras").layers


KERAS_CASES = [
    ("lstm 8 biases=1", "LSTM", {"units": 8}, (7, 3)),
    ("lstm 8 bias=false", "LSTM", {"units": 8, "use_bias": False}, (7, 3)),
    ("gru 8", "GRU", {"units": 8}, (7, 3)),
    ("gru 8 reset_after=false biases=1", "GRU", {"units": 8, "reset_after": False}, (7, 3)),
    ("rnn 8 biases=1", "SimpleRNN", {"units": 8}, (7, 3)),
]


@pytest.mark.parametrize(("call", "name", "values", "sizes"), KERAS_CASES)
def test_params_of_keras(
    layers: Any, call: str, name: str, values: dict[str, Any], sizes: tuple[int, ...]
) -> None:
    """Keras has one bias where PyTorch has two, but in GRU with reset_after."""
    for both, last in product(FLAGS, FLAGS):
        layer = getattr(layers, name)(**values, return_sequences=not last)
        layer = layers.Bidirectional(layer) if both else layer
        shape = calls.shape(tokens(*sizes))
        op = calls.call(f"{call} bidirectional={text(both)} last={text(last)}")
        output = layer.compute_output_shape((None, *sizes))
        layer.build((None, *sizes))
        assert output[1:] == op.shape(shape).dims
        assert layer.count_params() == sum(prod(dims) for dims in op.weights(shape).values())


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "call", ["3", "2 stride=2", "3x2 padding=same bias=false", "3 dilation=2 padding=same"]
)
def test_convolutional_lstm(call: str, dtype: str) -> None:
    """Step by step with PyTorch's convolutions; the state's keeps its size, the odd zero at the far end."""
    for last in FLAGS:
        op: Any = calls.call(f"conv_lstm2d {SIZE} {call} last={text(last)}")
        entering = "{length: 3, channels: 2, height: 7, width: 8}"
        (x,), weights = drawn(op, (entering,), dtype)
        tensors = {name: torch.from_numpy(w) for name, w in weights.items()}
        frames, found = torch.from_numpy(x), []
        ends = [end for one in reversed(op.windows(calls.shape(entering))) for end in (one.before, one.after)]
        around = [end for k in reversed(op.kernel_size) for end in ((k - 1) // 2, k // 2)]
        h = c = None
        for step in range(3):
            padded = nn.functional.pad(frames[:, step], ends)
            every = nn.functional.conv2d(
                padded, tensors["weight_ih"], tensors.get("bias"), op.stride, 0, op.dilation
            )
            if h is not None:
                every = every + nn.functional.conv2d(nn.functional.pad(h, around), tensors["weight_hh"])
            i, f, g, o = every.chunk(4, 1)
            c = torch.sigmoid(i) * torch.tanh(g) + (0 if c is None else torch.sigmoid(f) * c)
            h = torch.sigmoid(o) * torch.tanh(c)
            found.append(h)
        expected = h if last else torch.stack(found, 1)
        close(run(op, (entering,), [x], weights), expected.numpy(), dtype)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolutional_lstm_of_keras(layers: Any, padding: str) -> None:
    """Shapes, params and, with its kernels turned, values."""
    layer = layers.ConvLSTM2D(5, (3, 2), padding=padding, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 7, 2)).astype("float32")
    y = np.asarray(layer(x).detach() if hasattr(layer(x), "detach") else layer(x))
    op = calls.call(f"conv_lstm2d 5 3x2 padding={padding}")
    entering = "{length: 3, channels: 2, height: 6, width: 7}"
    ih, hh, bias = (np.asarray(w) for w in layer.get_weights())
    weights = {"weight_ih": ih.transpose(3, 2, 0, 1), "weight_hh": hh.transpose(3, 2, 0, 1), "bias": bias}

    assert layer.count_params() == sum(prod(d) for d in op.weights(calls.shape(entering)).values())
    got = run(op, (entering,), [np.ascontiguousarray(x.transpose(0, 1, 4, 2, 3))], weights)
    close(got, y.transpose(0, 1, 4, 2, 3), "float32")
