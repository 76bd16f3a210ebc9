"""Forward passes of linear, layout, joining and attention ops against PyTorch and nested loops."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest

from paramcalc.verify.tools import Tools
from tests import calls

torch = pytest.importorskip("torch")
F = torch.nn.functional

BATCH = 3
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
Arrays = dict[str, Any]


def tokens(length: int, channels: int) -> str:
    return f"{{length: {length}, channels: {channels}}}"


def last(height: int, width: int, channels: int) -> str:
    return f"{{height: {height}, width: {width}, channels: {channels}}}"


def drawn(call: str, inputs: tuple[str, ...], dtype: str) -> tuple[list[Any], Arrays]:
    """Random inputs for a batch, and random weights."""
    random = np.random.default_rng(0)
    op, shapes = calls.call(call), [calls.shape(text) for text in inputs]
    arrays = [random.normal(size=(BATCH, *x.dims)).astype(dtype) for x in shapes]
    weights = {name: random.normal(size=dims).astype(dtype) for name, dims in op.weights(*shapes).items()}
    return arrays, weights


def run(call: str, inputs: tuple[str, ...], arrays: list[Any], weights: Arrays, **options: Any) -> Any:
    """The op's output; its shape and its multiplications are held against the rules."""
    op, shapes, tools = calls.call(call), [calls.shape(text) for text in inputs], Tools()
    tools.batch = BATCH
    y = tools.apply(op, shapes, arrays, weights, **options)

    assert y.shape == (BATCH, *op.shape(*shapes).dims)
    assert tools.multiplications == BATCH * op.cost(*shapes).macs
    return y


def check_equal(got: Any, expected: Any, dtype: str) -> None:
    """Equal within the tolerance, relative to the greatest value."""
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype == dtype
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()


Reference = Callable[..., Any]
CASES: list[tuple[str, tuple[str, ...], Reference]] = [
    *(
        (f"linear {out} bias={bias}", (entering,), lambda w, x: F.linear(x, w["weight"], w.get("bias")))
        for out, bias, entering in product(
            (1, 5), ("true", "false"), ("7", "1", tokens(1, 3), tokens(9, 7), last(2, 3, 5))
        )
    ),
    ("linear 84", ("120x1x1",), lambda w, x: F.linear(x.flatten(1), w["weight"], w["bias"])),
    *(
        (
            f"bilinear {out} bias={bias}",
            inputs,
            lambda w, x, y: F.bilinear(x, y, w["weight"], w.get("bias")),
        )
        for out, bias, inputs in product(
            (1, 5), ("true", "false"), (("3", "4"), ("1", "1"), (tokens(6, 3), tokens(6, 2)))
        )
    ),
    ("flatten", ("3x4x5",), lambda w, x: x.flatten(1)),
    ("flatten", (tokens(4, 3),), lambda w, x: x.flatten(1)),
    ("reshape (2, -1, 5)", ("6x10",), lambda w, x: x.reshape(BATCH, 2, 6, 5)),
    ("permute (width, channels, height)", ("2x3x4",), lambda w, x: x.permute(0, 3, 1, 2)),
    ("permute (channels, length)", (tokens(5, 3),), lambda w, x: x.mT),
    ("to_tokens", ("5x3x4",), lambda w, x: x.flatten(2).mT),
    ("to_tokens", (last(3, 4, 5),), lambda w, x: x.flatten(1, 2)),
    ("channels_last", ("2x3x4x5",), lambda w, x: x.movedim(1, -1)),
    ("channels_first", (last(3, 4, 5),), lambda w, x: x.movedim(-1, 1)),
    ("slice height 1 3", (last(5, 2, 3),), lambda w, x: x[:, 1:3]),
    ("slice width 2", ("2x3x5",), lambda w, x: x[..., 2:]),
    ("slice_channels 1 4", ("5x2x2",), lambda w, x: x[:, 1:4]),
    ("slice_channels 2", (tokens(3, 5),), lambda w, x: x[..., 2:]),
    *(
        (f"pad ((1, 2), (0, 1)) mode={mode}", ("2x3x4",), lambda w, x, m=name: F.pad(x, (0, 1, 1, 2), m))
        for mode, name in (
            ("zeros", "constant"),
            ("reflect", "reflect"),
            ("replicate", "replicate"),
            ("circular", "circular"),
        )
    ),
    ("pad 1", (last(2, 3, 4),), lambda w, x: F.pad(x, (0, 0, 1, 1, 1, 1))),
    ("crop ((1, 0), (0, 2))", ("2x3x4",), lambda w, x: x[:, :, 1:, :-2]),
    ("crop 1", (last(3, 4, 2),), lambda w, x: x[:, 1:-1, 1:-1]),
    ("center_crop 3 2", ("2x6x6",), lambda w, x: x[:, :, 1:4, 2:4]),
    ("pad_channels 5", ("2x3x4",), lambda w, x: F.pad(x, (0, 0, 0, 0, 0, 3))),
    ("pad_channels 5", (tokens(3, 2),), lambda w, x: F.pad(x, (0, 3))),
    ("channel_shuffle 2", ("6x3x2",), lambda w, x: F.channel_shuffle(x, 2)),
    ("channel_shuffle 3", (tokens(4, 12),), lambda w, x: F.channel_shuffle(x.mT, 3).mT),
    *(
        (f"{name} {factor}", (entering,), lambda w, x, f=function, n=factor: f(x, n))
        for name, function, factor, entering in (
            ("pixel_shuffle", F.pixel_shuffle, 1, "3x2x2"),
            ("pixel_shuffle", F.pixel_shuffle, 3, "18x2x5"),
            ("pixel_unshuffle", F.pixel_unshuffle, 3, "2x6x3"),
            ("pixel_unshuffle", F.pixel_unshuffle, 2, "1x2x2"),
        )
    ),
    (
        "pixel_unshuffle 2",
        (last(4, 6, 3),),
        lambda w, x: F.pixel_unshuffle(x.movedim(-1, 1), 2).movedim(1, -1),
    ),
    ("pixel_shuffle 2", (last(2, 3, 8),), lambda w, x: F.pixel_shuffle(x.movedim(-1, 1), 2).movedim(1, -1)),
    ("positions", (tokens(5, 3),), lambda w, x: x + w["weight"]),
    ("positions 9", (tokens(5, 3),), lambda w, x: x + w["weight"][:5]),
    ("class_token", (tokens(5, 3),), lambda w, x: torch.cat([w["weight"].expand(BATCH, 1, 3), x], 1)),
    ("layer_scale", (tokens(5, 3),), lambda w, x: x * w["weight"]),
    ("layer_scale", ("3x4x5",), lambda w, x: x * w["weight"][:, None, None]),
    ("affine", (tokens(5, 3),), lambda w, x: x * w["weight"] + w["bias"]),
    ("affine", ("3x4x5",), lambda w, x: x * w["weight"][:, None, None] + w["bias"][:, None, None]),
    ("affine scale=false", ("3x4x5",), lambda w, x: x + w["bias"][:, None, None]),
    ("affine", ("3",), lambda w, x: x * w["weight"] + w["bias"]),
    ("identity", ("3x4x5",), lambda w, x: x),
    ("scale 0.1", ("3x4x5",), lambda w, x: x * 0.1),
    ("add", ("3x4x5",) * 4, lambda w, *xs: xs[0] + xs[1] + xs[2] + xs[3]),
    ("add", ("3x4x5", "3"), lambda w, x, y: x + y[:, :, None, None]),
    ("add", ("3x1x5", "3x4x5", "3"), lambda w, x, y, z: x + y + z[:, :, None, None]),
    ("add", (last(1, 1, 3), last(4, 5, 3)), lambda w, x, y: x + y),
    ("add", ("1", tokens(4, 3)), lambda w, x, y: x[:, None] + y),
    ("subtract", ("7", "7"), lambda w, x, y: x - y),
    ("subtract", ("3", "3x4x5"), lambda w, x, y: x[:, :, None, None] - y),
    ("subtract", ("3x4x5", "1x4x1"), lambda w, x, y: x - y),
    ("parameter 3x4x5", (), lambda w: w["weight"].expand(BATCH, 3, 4, 5)),
    ("parameter length=4 channels=3", (), lambda w: w["weight"].expand(BATCH, 4, 3)),
    ("multiply", ("3x4x5", "3x4x5"), lambda w, x, y: x * y),
    ("multiply", ("3", "3x4x5"), lambda w, x, y: x[:, :, None, None] * y),
    ("multiply", ("3x4x5", "1x4x5"), lambda w, x, y: x * y),
    ("multiply", ("1x4x1", "3x4x5"), lambda w, x, y: x * y),
    ("multiply", ("1", "3x4x5"), lambda w, x, y: x[:, :, None, None] * y),
    ("multiply", ("3x1x5", "3x4x5", "3"), lambda w, x, y, z: x * y * z[:, :, None, None]),
    ("multiply", (last(4, 5, 3), "3"), lambda w, x, y: x * y[:, None, None]),
    ("matmul", (tokens(4, 3), tokens(3, 5)), lambda w, x, y: x @ y),
    ("matmul transpose=true", (tokens(4, 3), tokens(5, 3)), lambda w, x, y: x @ y.mT),
    ("matmul", ("2x3x4", "2x4x5"), lambda w, x, y: x @ y),
    ("matmul transpose=true", ("2x3x4", "2x5x4"), lambda w, x, y: x @ y.mT),
    ("reduce_mean", ("3x4x5",), lambda w, x: x.mean(1, keepdim=True)),
    ("reduce_mean", (tokens(4, 3),), lambda w, x: x.mean(2, keepdim=True)),
    ("reduce_mean width", ("3x4x5",), lambda w, x: x.mean(3, keepdim=True)),
    ("reduce_max", ("3x4x5",), lambda w, x: x.amax(1, keepdim=True)),
    ("reduce_max length", (tokens(4, 3),), lambda w, x: x.amax(1, keepdim=True)),
    ("concat", ("3x4x5", "1x4x5", "2x4x5"), lambda w, *xs: torch.cat(xs, 1)),
    ("concat axis=width", ("3x4x5", "3x4x1"), lambda w, *xs: torch.cat(xs, 3)),
    ("concat", (tokens(4, 3), tokens(4, 2)), lambda w, *xs: torch.cat(xs, 2)),
]


def interpolation() -> list[tuple[str, tuple[str, ...], Reference]]:
    """Upsampling by every mode, scale and size that fits, one-pixel images included."""
    cases: list[tuple[str, tuple[str, ...], Reference]] = []
    fitting = {"linear": "2x5", "bilinear": "2x3x5", "trilinear": "1x2x3x4"}
    for (mode, entering), align in product(fitting.items(), (False, True)):
        rank = len(entering.split("x")) - 1
        single = "x".join(["2"] + ["1"] * rank)
        sizes = (7, 2, 5)[:rank]
        for text, arguments, x in (
            ("3", {"scale_factor": 3.0}, entering),
            (f"size={sizes}".replace(",)", ")"), {"size": sizes}, entering),
            ("size=1", {"size": (1,) * rank}, entering),
            ("size=4", {"size": (4,) * rank}, single),
        ):
            interpolated = {"mode": mode, "align_corners": align, **arguments}
            cases.append(
                (
                    f"upsample {text} mode={mode} align_corners={str(align).lower()}",
                    (x,),
                    lambda w, x, a=interpolated: F.interpolate(x, **a),
                )
            )
            if not align:
                cases.append((f"upsample {text}", (x,), lambda w, x, a=arguments: F.interpolate(x, **a)))
    return cases


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("call", "inputs", "reference"),
    [*CASES, *interpolation()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_forward(call: str, inputs: tuple[str, ...], reference: Reference, dtype: str) -> None:
    """Equal to PyTorch; inputs and weights are left as they were, unless they may be overwritten."""
    arrays, weights = drawn(call, inputs, dtype)
    kept = [array.copy() for array in (*arrays, *weights.values())]
    expected = reference(
        {name: torch.from_numpy(array) for name, array in weights.items()}, *map(torch.from_numpy, arrays)
    ).numpy()

    check_equal(run(call, inputs, arrays, weights), expected, dtype)
    for before, after in zip(kept, (*arrays, *weights.values()), strict=True):
        assert np.array_equal(before, after)
    expected = expected.copy()
    check_equal(run(call, inputs, arrays, weights, spare=arrays), expected, dtype)


@pytest.mark.parametrize("length", [1, 7])
def test_embedding(length: int) -> None:
    """Rows of the table by whole numbers."""
    random = np.random.default_rng(0)
    ids, table = random.integers(0, 11, size=(BATCH, length)), random.normal(size=(11, 3))

    got = run("embedding 11 3", (f"{{length: {length}}}",), [ids], {"weight": table})

    check_equal(got, F.embedding(torch.from_numpy(ids), torch.from_numpy(table)).numpy(), "float64")


def as_torch(weights: Arrays, memory: int) -> Arrays:
    """The weights under the names of torch.nn.MultiheadAttention."""
    given = {name: torch.from_numpy(array) for name, array in weights.items()}
    inner = ("query", "key", "value")
    state = {"out_proj.weight": given["out"]}
    if memory == given["query"].shape[1]:
        state["in_proj_weight"] = torch.cat([given[name] for name in inner])
    else:
        state |= {f"{name[0]}_proj_weight": given[name] for name in inner}
    if "out_bias" in given:
        state["in_proj_bias"] = torch.cat([given[f"{name}_bias"] for name in inner])
        state["out_proj.bias"] = given["out_bias"]
    return state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("length", "channels", "heads"), [(1, 1, 1), (1, 6, 3), (5, 6, 2), (9, 8, 8)])
def test_self_attention(length: int, channels: int, heads: int, causal: bool, bias: bool, dtype: str) -> None:
    """Equal to torch.nn.MultiheadAttention with the same weights."""
    call = f"self_attention {heads} bias={str(bias).lower()} causal={str(causal).lower()}"
    inputs = (tokens(length, channels),)
    (x,), weights = drawn(call, inputs, dtype)
    module = torch.nn.MultiheadAttention(channels, heads, bias=bias, batch_first=True)
    module.to(getattr(torch, dtype)).load_state_dict(as_torch(weights, channels))
    mask = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None

    entering = torch.from_numpy(x)
    expected = module(entering, entering, entering, attn_mask=mask)[0].detach().numpy()

    check_equal(run(call, inputs, [x], weights), expected, dtype)


@pytest.mark.parametrize("causal", [True, False])
def test_sequences_do_not_see_each_other(causal: bool) -> None:
    """Attention over the last axis but the channels is that of each sequence by itself."""
    call = f"self_attention 2 causal={str(causal).lower()}"
    side, alone = "{height: 3, length: 5, channels: 6}", tokens(5, 6)
    (x,), weights = drawn(call, (side,), "float64")

    together = run(call, (side,), [x], weights)

    for place in range(3):
        check_equal(together[:, place], run(call, (alone,), [x[:, place].copy()], weights), "float64")


def test_windows_without_biases() -> None:
    """Without the table scores are as with one of zeros; no product is saved."""
    inputs = (last(5, 4, 4),)
    (x,), weights = drawn("window_attention 2 2 shift=1", inputs, "float64")
    weights["relative_position"][:] = 0
    expected = run("window_attention 2 2 shift=1", inputs, [x], weights)
    del weights["relative_position"]

    check_equal(
        run("window_attention 2 2 shift=1 relative_bias=false", inputs, [x], weights), expected, "float64"
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("asking", "attended", "memory"), [(1, 1, 1), (3, 5, 7), (5, 1, 6), (4, 4, 6)])
def test_cross_attention(asking: int, attended: int, memory: int, dtype: str) -> None:
    """Equal to torch.nn.MultiheadAttention with keys and values of their own width."""
    for bias in (True, False):
        call = f"cross_attention 2 bias={str(bias).lower()}"
        inputs = (tokens(asking, 6), tokens(attended, memory))
        arrays, weights = drawn(call, inputs, dtype)
        module = torch.nn.MultiheadAttention(6, 2, bias=bias, kdim=memory, vdim=memory, batch_first=True)
        module.to(getattr(torch, dtype)).load_state_dict(as_torch(weights, memory))

        query, keys = map(torch.from_numpy, arrays)
        expected = module(query, keys, keys)[0].detach().numpy()

        check_equal(run(call, inputs, arrays, weights), expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("asking", "attended", "keys", "values"), [(3, 5, 7, 4), (1, 1, 6, 6), (4, 2, 6, 3)])
def test_cross_attention_with_values(asking: int, attended: int, keys: int, values: int, dtype: str) -> None:
    """Equal to torch.nn.MultiheadAttention where keys and values are two tensors."""
    for bias in (True, False):
        call = f"cross_attention 2 bias={str(bias).lower()}"
        inputs = (tokens(asking, 6), tokens(attended, keys), tokens(attended, values))
        arrays, weights = drawn(call, inputs, dtype)
        module = torch.nn.MultiheadAttention(6, 2, bias=bias, kdim=keys, vdim=values, batch_first=True)
        memory = 6 if keys == values == 6 else 0
        module.to(getattr(torch, dtype)).load_state_dict(as_torch(weights, memory))

        expected = module(*map(torch.from_numpy, arrays))[0].detach().numpy()

        check_equal(run(call, inputs, arrays, weights), expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 1), (4, 2), (6, 3), (2, 2)])
def test_grouped_query_attention(heads: int, kv_heads: int, dtype: str) -> None:
    """Equal to PyTorch's scaled_dot_product_attention, where neighbouring heads share keys."""
    call = f"self_attention {heads} kv_heads={kv_heads} head_dim=5 bias=false causal=true"
    inputs = (tokens(7, 12),)
    (x,), weights = drawn(call, inputs, dtype)

    entering = torch.from_numpy(x)
    query, key, value = (
        F.linear(entering, torch.from_numpy(weights[name])).unflatten(-1, (-1, 5)).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    expected = F.linear(mixed.transpose(1, 2).flatten(2), torch.from_numpy(weights["out"])).numpy()

    check_equal(run(call, inputs, [x], weights), expected, dtype)


def test_self_attention_by_nested_loops() -> None:
    """Each output of a tiny causal attention with two heads, from the definition."""
    length, channels, heads, dim = 3, 4, 2, 2
    call, inputs = "self_attention 2 bias=false causal=true", (tokens(length, channels),)
    (x,), weights = drawn(call, inputs, "float64")

    def projection(name: str, vector: Any) -> list[float]:
        return [sum(w * v for w, v in zip(row, vector, strict=True)) for row in weights[name]]

    expected = np.zeros(x.shape)
    for sample, position in product(range(BATCH), range(length)):
        mixed = []
        for head in range(heads):
            part = slice(head * dim, (head + 1) * dim)
            query = projection("query", x[sample, position])[part]
            keys = [projection("key", x[sample, other])[part] for other in range(position + 1)]
            scores = [exp(sum(q * k for q, k in zip(query, key, strict=True)) / sqrt(dim)) for key in keys]
            values = [projection("value", x[sample, other])[part] for other in range(position + 1)]
            for index in range(dim):
                weighted = sum(s * value[index] for s, value in zip(scores, values, strict=True))
                mixed.append(weighted / sum(scores))
        expected[sample, position] = projection("out", mixed)

    check_equal(run(call, inputs, [x], weights), expected, "float64")


@pytest.mark.parametrize(
    ("size", "shift"), [((4, 4), 0), ((4, 6), 1), ((5, 4), 1), ((5, 3), 0), ((2, 6), 1), ((1, 1), 1)]
)
def test_window_attention_by_nested_loops(size: tuple[int, int], shift: int) -> None:
    """Each position attends to those of its window, after the shift, that are its real neighbours."""
    window, heads, channels, dim = 2, 2, 4, 2
    call, inputs = f"window_attention {heads} {window} shift={shift}", (last(*size, channels),)
    (x,), weights = drawn(call, inputs, "float64")
    full = [-(-side // window) * window for side in size]
    shifts = [shift if side > window else 0 for side in full]
    padded = np.zeros((BATCH, *full, channels))
    padded[:, : size[0], : size[1]] = x

    def projection(name: str, vector: Any) -> Any:
        return weights[name] @ vector + weights[f"{name}_bias"]

    def place(at: int, axis: int) -> tuple[int, int, bool]:
        """Window, position in it, and whether the shift brought it around the edge."""
        moved = (at - shifts[axis]) % full[axis]
        return moved // window, moved % window, at < shifts[axis]

    expected = np.zeros(x.shape)
    for sample, row, column in product(range(BATCH), range(size[0]), range(size[1])):
        here = place(row, 0), place(column, 1)
        mixed = []
        for head in range(heads):
            part = slice(head * dim, (head + 1) * dim)
            query = projection("query", padded[sample, row, column])[part]
            top, bottom = np.zeros(dim), 0.0
            for other in product(range(full[0]), range(full[1])):
                there = place(other[0], 0), place(other[1], 1)
                if any(a[0] != b[0] or a[2] != b[2] for a, b in zip(here, there, strict=True)):
                    continue
                y, x_ = (a[1] - b[1] + window - 1 for a, b in zip(here, there, strict=True))
                bias = weights["relative_position"][y * (2 * window - 1) + x_, head]
                vector = padded[sample, other[0], other[1]]
                score = exp(query @ projection("key", vector)[part] / sqrt(dim) + bias)
                top, bottom = top + score * projection("value", vector)[part], bottom + score
            mixed.append(top / bottom)
        expected[sample, row, column] = projection("out", np.concatenate(mixed))

    check_equal(run(call, inputs, [x], weights), expected, "float64")


def test_bilinear_by_nested_loops() -> None:
    """Each output is the weighted sum of all products of a left and a right channel."""
    inputs = ("2", "3")
    (left, right), weights = drawn("bilinear 4", inputs, "float64")

    expected = np.zeros((BATCH, 4))
    for n, o, i, j in product(range(BATCH), range(4), range(2), range(3)):
        expected[n, o] += left[n, i] * weights["weight"][o, i, j] * right[n, j]
    expected += weights["bias"]

    check_equal(run("bilinear 4", inputs, [left, right], weights), expected, "float64")
