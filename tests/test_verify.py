"""Networks really run, and do what is counted; where a rule is wrong, the layer is named."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from paramcalc import load, ops
from paramcalc.base.errors import Fault
from paramcalc.engine import library
from paramcalc.engine.graph import Graph
from paramcalc.model import Model
from paramcalc.render import progress
from tests.conftest import Run

np = pytest.importorskip("numpy")
compare = pytest.importorskip("paramcalc.verify.compare")
efforts = pytest.importorskip("paramcalc.verify.effort")
running = pytest.importorskip("paramcalc.verify.run")
weighing = pytest.importorskip("paramcalc.verify.weights")

MOST_MACS = 2 * 10**9  # of a network that is run here; `paramcalc verify --all` runs the rest

SMALL = """
input: 3x20x20
layers:
  - first: conv2d 8 3 stride=2, batch_norm, relu
  - both:
      add:
        main: conv2d 8 3 padding=1 groups=2, tanh
        skip: identity
  - auxiliary: {side: [global_avg_pool, linear 4]}
  - pool: max_pool2d 2
  - flatten
  - one: linear 6
  - two: linear 6
  - again: linear 6 share=two
"""
TIED = """
input: {length: 5}
layers:
  - tokens: embedding 11 8
  - self_attention 2 causal=true
  - logits: linear 11 bias=false share=tokens
"""
TWINS = """
inputs: {left: 3x8x8, right: 3x8x8}
blocks:
  tower: [conv: conv2d 4 3, norm: batch_norm]
layers:
  - a: tower from left
  - b: tower share=a from right
  - add from a b
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(tmp_path, SMALL)


def written(folder: Path, text: str, name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name}\n{text}")
    return path


def graph_of(path: Path) -> Graph:
    return load(str(path)).graph()


def said(graph: Graph, **settings: Any) -> set[tuple[str, str]]:
    """Which layers disagree in what."""
    run = compare.verify(graph, compare.RunSettings(**settings))
    return {(found.layer, found.what) for found in run.disagreements}


def drawn(graph: Graph, seed: int = 0, dtype: str = "float32") -> dict[str, Any]:
    """Random weights by path and name."""
    supply = weighing.DrawnWeights(graph, dtype, seed, keep=True)
    running.run(graph, None, supply, dtype=dtype, activations=["**"])
    return {"/".join(key): array for key, array in supply.kept.items()}


# ------------------------------------------------------------------------------- networks as counted


def affordable() -> Iterator[tuple[str, Model]]:
    """Of each bundled spec, the first model that is small enough."""
    for path in library.bundled_files():
        spec = library.read(path)
        for name in library.models(spec):
            model = Model(spec, name if name in spec.variants else "")
            if model.count().totals.macs <= MOST_MACS:
                yield name, model
                break


@pytest.mark.parametrize("model", [pytest.param(model, id=name) for name, model in affordable()])
def test_bundled_network_does_what_is_counted(model: Model) -> None:
    """Every layer's shape, sizes, multiplications, live values and reads of weights are as counted."""
    run = compare.verify(model.graph())

    assert run.disagreements == ()
    assert run.macs == sum(row.counts.macs for row in run.report.rows)


@pytest.mark.parametrize("text", [SMALL, TIED], ids=["small", "tied"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_and_types(text: str, dtype: str, tmp_path: Path) -> None:
    """Nothing disagrees for several samples and either type."""
    graph = graph_of(written(tmp_path, text))

    assert said(graph, batch=3, dtype=dtype) == set()


@pytest.mark.parametrize(
    "layers",
    [
        "- 1000 * conv2d 4 3 padding=1",
        "- 500 * conv2d 4 3 padding=1, relu",
        "- {repeat: 500, layers: [residual]}",
    ],
    ids=["linear", "relu", "residual"],
)
def test_numbers_stay_finite(layers: str, tmp_path: Path) -> None:
    """Through 1000 layers random weights give numbers of ordinary size."""
    text = "input: 4x6x6\nblocks:\n  residual:\n    - add: {a: [conv2d 4 3 padding=1, relu], b: identity}\n"
    if "relu" in layers:
        layers = "- {repeat: 500, layers: [conv2d 4 3 padding=1, relu]}"
    graph = graph_of(written(tmp_path, f"{text}layers:\n  {layers}\n"))
    (y,) = running.run(graph).values()

    assert len(graph.layers) >= 1000
    assert 1e-3 < np.abs(y).max() < 1e6


# ---------------------------------------------------------------------------- the check can fail


def rule(op: str, name: str) -> tuple[type, Callable[..., Any]]:
    kind = ops.find(op)
    assert kind is not None
    return kind, getattr(kind, name)


def test_wrong_shape_rule_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooling that is thought to leave one position more is named, and no layer after it."""
    kind, old = rule("max_pool2d", "shape")
    monkeypatch.setattr(kind, "shape", lambda op, x: old(op, x).with_space((5, 5)))

    assert said(graph_of(small)) == {("pool", "output shape")}


@pytest.mark.parametrize("wrong", ["channels", "kernel", "rows", "bias"])
def test_wrong_weight_shape_is_noticed(wrong: str, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of another shape than the layer works with are noticed, and no layer after it is blamed."""
    kind, old = rule("conv2d", "weights")
    shapes = {
        "channels": {"weight": (8, 5, 3, 3)},
        "kernel": {"weight": (8, 4, 3, 4)},
        "rows": {"weight": (10, 4, 3, 3)},
        "bias": {"bias": (9,)},
    }

    def broken(op: Any, *inputs: Any) -> Any:
        return old(op, *inputs) | (shapes[wrong] if op.groups == 2 else {})

    monkeypatch.setattr(kind, "weights", broken)

    assert {layer for layer, _ in said(graph_of(small))} == {"both/main/conv2d"}


def test_wrong_buffer_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running statistics of another size than is counted are seen, with nothing else about the layer."""
    arrays = weighing.DrawnWeights.arrays

    def longer(supply: Any, layer: Any, inputs: Any) -> Any:
        made = arrays(supply, layer, inputs)
        return made | {name: made[name][None] for name in layer.applied.buffers}

    def twice(supply: Any, layer: Any, inputs: Any) -> Any:
        made = arrays(supply, layer, inputs)
        return made | {name: np.stack([made[name]] * 2) for name in layer.applied.buffers}

    kind, old = rule("batch_norm", "forward")

    def first(op: Any, tools: Any, x: Any, running_mean: Any, running_var: Any, **weights: Any) -> Any:
        return old(op, tools, x, running_mean=running_mean[0], running_var=running_var[0], **weights)

    monkeypatch.setattr(kind, "forward", first)
    monkeypatch.setattr(weighing.DrawnWeights, "arrays", longer)
    assert said(graph_of(small)) == set()
    monkeypatch.setattr(weighing.DrawnWeights, "arrays", twice)
    assert said(graph_of(small)) == {("first/batch_norm", "buffers")}


def test_failing_forward_pass_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix that is thought to have other columns cannot be multiplied; the run goes on behind it."""
    kind, old = rule("linear", "weights")
    monkeypatch.setattr(
        kind, "weights", lambda op, x: old(op, x) | {"weight": (op.out_channels, x.channels + 1)}
    )
    graph = graph_of(small)

    assert said(graph) == {
        (layer.path, "forward pass") for layer in graph.layers if layer.op.title == "linear"
    }


def test_wrong_cost_rule_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One multiplication too many is seen."""
    kind, old = rule("linear", "cost")

    def dearer(op: Any, *inputs: Any) -> Any:
        cost = old(op, *inputs)
        return cost._replace(macs=cost.macs + (inputs[0].channels > 6))

    monkeypatch.setattr(kind, "cost", dearer)

    assert said(graph_of(small)) == {("one", "MACs"), ("side/linear", "MACs")}


def test_unread_weight_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias that is declared and never added is seen."""
    kind, old = rule("batch_norm", "forward")

    def forgetful(op: Any, tools: Any, x: Any, bias: Any, **weights: Any) -> Any:
        return old(op, tools, x, **weights)

    monkeypatch.setattr(kind, "forward", forgetful)

    assert said(graph_of(small)) == {("first/batch_norm", "use of bias")}


def test_undeclared_use_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that wants a weight which it does not declare cannot run."""
    kind, _ = rule("tanh", "forward")
    monkeypatch.setattr(kind, "forward", lambda op, tools, x, weight: x * weight)

    assert {what for _, what in said(graph_of(small))} == {"forward pass"}


def test_shared_weight_that_is_not_one_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that gets a copy of what it should share is named."""
    arrays = weighing.DrawnWeights.arrays

    def copied(supply: Any, layer: Any, inputs: Any) -> Any:
        return {name: array.copy() for name, array in arrays(supply, layer, inputs).items()}

    monkeypatch.setattr(weighing.DrawnWeights, "arrays", copied)

    assert said(graph_of(small)) == {("again", "use of weight"), ("again", "use of bias")}


def test_wrong_number_type_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result in another precision is seen."""
    kind, old = rule("tanh", "forward")
    monkeypatch.setattr(kind, "forward", lambda op, tools, x: old(op, tools, x).astype("float64"))
    (path,) = (layer.path for layer in graph_of(small).layers if layer.op.title == "tanh")

    assert (path, "output type") in said(graph_of(small))


def test_what_is_no_number_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN in the middle of the network ends up in its outputs, where it is seen."""
    kind, _ = rule("tanh", "forward")
    monkeypatch.setattr(kind, "forward", lambda op, tools, x: x * np.float32("nan"))

    assert said(graph_of(small)) == {("again", "output values"), ("side/linear", "output values")}


def test_wrong_liveness_is_noticed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is thought to be freed too early is seen."""
    from paramcalc.count import liveness

    old = liveness.run

    def forgetful(*arguments: Any, **options: Any) -> Any:
        found = old(*arguments, **options)
        return found._replace(moments=tuple(moment._replace(values=1) for moment in found.moments))

    monkeypatch.setattr(liveness, "run", forgetful)

    assert ("pool", "live activations") in said(graph_of(small))


def test_exit_code_and_line(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disagreement is a line with the layer's name, and exit code 1."""
    kind, old = rule("max_pool2d", "shape")
    monkeypatch.setattr(kind, "shape", lambda op, x: old(op, x).with_space((5, 5)))

    result = run("verify", small)

    assert result.code == 1
    assert "DISAGREES pool: output shape: expected 1x8x5x5, found 1x8x4x4\n" in result.out
    assert "NO" in result.out


@pytest.mark.parametrize("options", [(), ("--depth", 1), ("--depth", 9)])
def test_a_disagreeing_layer_is_named_in_the_table(
    options: tuple[Any, ...], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its line stands for a block, or for several equal blocks."""
    spec = written(
        tmp_path,
        "input: 3x20x20\nblocks: {part: [conv2d 3 1, max_pool2d 3 padding=1 stride=1]}\n"
        "layers:\n  - stage:\n      - 4 * part\n",
        "deep",
    )
    kind, old = rule("max_pool2d", "cost")
    monkeypatch.setattr(kind, "cost", lambda op, x: old(op, x)._replace(macs=1))

    result = run("verify", spec, "--no-times", *options, columns=120)

    table, _, after = result.out.partition("4 of 8 layers")
    assert result.code == 1
    assert re.search(r"NO(: stage/0/max_pool2d and 3 more)?$", table, re.MULTILINE)
    assert "max_pool2d" in table
    assert [line.split(":")[0] for line in after.splitlines() if "DISAGREES" in line] == [
        f"DISAGREES stage/{place}/max_pool2d" for place in range(4)
    ]


def test_unused_weight_is_not_called_read(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remark on weights says what disagrees, and that all is read otherwise."""
    kind, old = rule("linear", "forward")
    monkeypatch.setattr(kind, "forward", lambda op, tools, x, weight, bias=None: old(op, tools, x, weight))

    result = run("verify", small)

    assert "weights or buffers are not used as declared (below)" in result.out
    assert "DISAGREES one: use of bias: expected read, found never read" in result.out


# ------------------------------------------------------------------------------ before a run starts


def test_large_work_is_announced(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much, the least time by a measured rate, and what takes less; nothing for small work."""
    quiet = run("verify", small)
    monkeypatch.setattr(efforts, "LARGE", 1)
    monkeypatch.setattr(efforts, "speed", lambda dtype: 100.0)

    result = run("verify", small)

    # At 9 x 9 positions 3*8*9 and, in groups, 4*8*9; side 8*4; one 4*4*8 * 6; two and again 6*6 each.
    macs = 81 * (216 + 288) + 32 + 768 + 36 + 36
    assert quiet.err == ""
    assert result.err.startswith(f"{small}: {macs:,} MACs take at least {progress.lasting(macs / 100)} here")
    assert "a smaller --input takes less" in result.err
    assert f"{4 * macs:,} MACs take" in run("verify", small, "--batch", 4).err
    assert f"; --batch 1 takes {macs:,}," in run("verify", small, "--batch", 4).err


def test_the_measured_rate_is_one_of_this_machine() -> None:
    """A product takes some time, and no machine makes 10^15 a second in NumPy."""
    assert 1e6 < efforts.speed("float32") < 1e15


@pytest.mark.parametrize("free", [10_000, 40_000])
def test_too_little_memory_is_refused(
    free: int, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the numbers, before anything is allocated: input 300 + output 800 elements, 24 + 8 scalars."""
    spec = written(tmp_path, "input: 3x10x10\nlayers: [conv2d 8 1, relu]\n")
    monkeypatch.setattr(efforts, "free_memory", lambda: free)

    result = run("verify", spec, "--batch", 12)

    assert (result.code, result.out) == (2, "")
    assert "there is not enough memory to run this network" in result.err
    assert (
        "at least 52,928 bytes, in conv2d: 52,800 for inputs and outputs of layers, 128 for its" in result.err
    )
    assert f"found: {free:,} bytes free" in result.err
    assert f"try a batch of {(free - 128) // 4400} or less" in result.err
    assert run("verify", spec, "--batch", (free - 128) // 4400).code == 0


def test_a_sample_that_does_not_fit(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input of 12 TB is refused with its size; of several networks, the others are verified."""
    monkeypatch.setattr(efforts, "free_memory", lambda: 2**40)
    spec = written(tmp_path, "input: 3x1000000x1000000\nlayers: [conv2d 64 3, relu]\n", "huge")

    result = run("verify", spec, "lenet5-1998")

    assert result.code == 2
    assert f"{spec}: there is not enough memory to run this network" in result.err
    assert "not even one sample fits" in result.err
    assert "1 of 1 networks match their counts" in result.out


def test_free_memory_is_that_of_this_machine() -> None:
    """At least a megabyte, at most all that there is."""
    free = efforts.free_memory()
    assert free is None or 2**20 < free < 2**60


# ------------------------------------------------------------------------------- running as a library


def test_named_activations_are_those_of_the_run(small: Path) -> None:
    """Memory is written over only where nobody reads on: keeping everything changes no number."""
    graph = graph_of(small)
    everything = running.run(graph, activations=["**"])

    (output,) = running.run(graph).values()
    two = running.run(graph, activations=["first", "side/linear"])

    assert np.array_equal(output, everything["again"])
    assert [*everything] == ["again", *(layer.path for layer in graph.layers if layer.path != "again")]
    assert [*two] == ["again", "first/conv2d", "first/batch_norm", "first/relu", "side/linear"]
    assert all(np.array_equal(array, everything[name]) for name, array in two.items())


def test_given_arrays_are_not_changed(small: Path) -> None:
    """The user's inputs and weights are as before."""
    graph = graph_of(small)
    weights, inputs = drawn(graph), weighing.drawn_inputs(graph, 2)
    before = [array.copy() for array in (*weights.values(), *inputs.values())]

    running.run(graph, inputs, weights)

    after = [*weights.values(), *inputs.values()]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_output_never_lies_in_a_weight(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an op makes of a weight alone is a copy, which layers behind it may write over."""
    kind, _ = rule("linear", "forward")
    monkeypatch.setattr(kind, "forward", lambda op, tools, x, weight, bias: bias[None])
    graph = graph_of(small)
    weights = {name: np.ones(dims) for name, dims in shapes_of(graph).items()}

    (output,) = running.run(graph, None, weights, dtype="float64").values()

    assert not any(np.shares_memory(output, weight) for weight in weights.values())


def shapes_of(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {"/".join(key): dims for key, dims in weighing.owned(graph).items()}


def test_seed_decides_everything(small: Path) -> None:
    """The same seed gives the same numbers, another one others."""
    graph = graph_of(small)
    runs = {seed: running.run(graph, seed=seed)["again"] for seed in (0, 1)}

    assert np.array_equal(running.run(graph, seed=0)["again"], runs[0])
    assert not np.allclose(runs[0], runs[1])


def test_ids_are_drawn_for_the_smallest_table(tmp_path: Path) -> None:
    """Ids that two tables are read with are rows of both; every row may come up."""
    text = "input: {length: 500}\nlayers:\n  - large: embedding 90 4\n  - small: embedding 7 4 from input\n"
    graph = graph_of(written(tmp_path, f"{text}  - add from large small\n"))
    drawn_ids = [weighing.drawn_inputs(graph, seed=seed)["input"] for seed in range(5)]

    assert {*np.unique(drawn_ids)} == {*range(7)}
    assert all(said(graph, seed=seed) == set() for seed in range(5))


def test_ids_that_layers_move_are_drawn_for_the_tables_behind(tmp_path: Path) -> None:
    """A table of 3 rows behind a slice: ids for the larger table alone would not be rows of it."""
    text = "input: {length: 40}\nlayers:\n  - large: embedding 90 4\n  - slice length 0 40 from input"
    graph = graph_of(
        written(tmp_path, f"{text}, permute (length,)\n  - small: embedding 3 4\n  - add from large small\n")
    )

    assert {*np.unique(weighing.drawn_inputs(graph)["input"])} == {0, 1, 2}
    assert said(graph) == set()


@pytest.mark.parametrize(
    ("size", "call"),
    [("{length: 8}", "slice length 0 4"), ("{length: 8}", "reshape (2, 4) axes=(length, width)"),
     ("{height: 4, width: 2}", "permute (width, height)"), ("{length: 8}", "concat axis=length from input input")],
)  # fmt: skip
def test_moved_ids_are_whole_numbers(tmp_path: Path, size: str, call: str) -> None:
    """A tensor without channels holds token ids, before a layer and behind it."""
    graph = graph_of(written(tmp_path, f"input: {size}\nlayers:\n  - {call}\n"))

    assert said(graph) == set()


def test_one_sample_without_the_axis_of_the_batch(small: Path) -> None:
    """It is a batch of one."""
    x = np.random.default_rng(0).standard_normal((3, 20, 20)).astype("f4")
    graph = graph_of(small)

    assert np.array_equal(running.run(graph, x)["again"], running.run(graph, x[None])["again"])


def test_precisions_agree(small: Path) -> None:
    """Single and double precision start from the same numbers."""
    graph = graph_of(small)

    single, double = (running.run(graph, dtype=dtype)["again"] for dtype in ("float32", "float64"))

    assert np.allclose(single, double, rtol=1e-4, atol=1e-5)


def test_shared_weights_are_one_array(tmp_path: Path) -> None:
    """Logits by the table of tokens: they change with it, and the table is drawn once."""
    graph = graph_of(written(tmp_path, TIED))
    weights = drawn(graph)
    changed = weights | {"tokens/weight": 2 * weights["tokens/weight"]}

    one, other = (running.run(graph, None, arrays)["logits"] for arrays in (weights, changed))

    assert [name for name in weights if name.endswith("/weight")] == ["tokens/weight"]
    assert not np.allclose(one, other)


def test_a_layer_used_twice_runs_as_one_module(tmp_path: Path) -> None:
    """The state of PyTorch's module fits, running statistics once; so does its output."""
    torch = pytest.importorskip("torch")
    tower = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    torch.nn.init.normal_(tower[1].running_mean)
    names = ("conv/weight", "conv/bias", "norm/weight", "norm/bias", "norm/running_mean", "norm/running_var")
    state = [array.numpy() for array in tower.state_dict().values() if array.ndim]
    inputs = {name: torch.randn(1, 3, 8, 8) for name in ("left", "right")}

    y = running.run(
        graph_of(written(tmp_path, TWINS)),
        {name: x.numpy() for name, x in inputs.items()},
        dict(zip([f"a/{name}" for name in names], state, strict=True)),
    )["add"]

    with torch.inference_mode():
        assert np.allclose(y, tower(inputs["left"]) + tower(inputs["right"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((1, 3, 21, 20), "f4"), "the array for 'input' has the wrong shape"),
        (np.full((1, 3, 20, 20), np.nan, "f4"), r"not finite \(NaN or infinity\) as float32: 1,200"),
        (np.full((1, 3, 20, 20), 1e300), r"not finite \(NaN or infinity\) as float32: 1,200"),
        (np.zeros((1, 3, 20, 20), "c8"), "wrong type"),
        (np.zeros((0, 3, 20, 20), "f4"), "no common batch"),
        ({"inputs": np.zeros((1, 3, 20, 20))}, "there is no input 'inputs'"),
        ({}, "the input 'input' is missing"),
    ],
)
def test_wrong_inputs_are_refused(inputs: Any, message: str, small: Path) -> None:
    """What is not the network's input is refused with the reason."""
    with pytest.raises(Fault, match=message):
        running.run(graph_of(small), inputs)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("one/weight", None, "1 weight missing: one/weight"),
        ("three/weight", np.zeros(3), "1 array that no layer reads: three/weight"),
        ("one/bias", np.zeros(7), "one/bias has the wrong shape"),
        ("one/bias", np.zeros(6, int), "one/bias has the wrong type"),
        (
            "one/bias",
            np.array([0, 1, np.nan, np.inf, 0, 0]),
            r"one/bias has values that are not finite .* as float32: 2",
        ),
        ("one/bias", np.full(6, 1e300), "as float32: 6"),
    ],
)
def test_wrong_weights_are_refused(name: str, array: Any, message: str, small: Path) -> None:
    """Weights that are missing, of another network, or no numbers are refused by name."""
    graph = graph_of(small)
    weights = drawn(graph)
    weights[name] = array
    if array is None:
        del weights[name]

    with pytest.raises(Fault, match=message):
        running.run(graph, None, weights)


EARLY_HEAD = """
input: 3x8x8
layers:
  - a: conv2d 4 3
  - b: conv2d 4 3
  - c: conv2d 4 1
  - auxiliary: {head: conv2d 2 1 from a}
  - d: conv2d 4 1
"""


def test_what_a_head_reads_stays_alive_for_it(tmp_path: Path) -> None:
    """With heads the tensor that one reads is alive until then, without them until its last other reader."""
    graph = graph_of(written(tmp_path, EARLY_HEAD))
    a, b = 4 * 6 * 6, 4 * 4 * 4  # c and d are as large as b

    with_heads, without = (compare.verify(graph, auxiliary=heads) for heads in (True, False))

    assert with_heads.agrees
    assert [layer.live for layer in with_heads.layers] == [192 + a, a + b, a + b + b, a + b + 2 * 36, b + b]
    assert without.agrees
    assert [layer.live for layer in without.layers] == [192 + a, a + b, b + b, b + b]


# --------------------------------------------------------------------------------- the command line


def test_table_leaves_out_what_does_not_matter(run: Run) -> None:
    """Layers with weights have lines, the rest one line; --depth shows them all; sums are there."""
    result = run("verify", "lenet5-1998", "--no-times", columns=120)
    deep = run("verify", "lenet5-1998", "--no-times", "--depth", 2, columns=120)

    assert result.code == 0
    assert "7 more layers" in result.out
    assert "13 of 13 layers match their counts" in result.out
    assert [line.split()[0] for line in result.out.splitlines()[3:9]] == ["C1", "S2", "C3", "S4", "C5", "F6"]
    assert "tanh_4" in deep.out
    assert " ms " not in result.out
    assert " ms " in run("verify", "lenet5-1998", columns=120).out
    assert run("verify", "lenet5-1998", "--no-times", columns=120) == result


def test_json_is_a_contract(run: Run) -> None:
    """All that was found, layer by layer, with the settings of the run."""
    result = run("verify", "googlenet", "--format", "json", "--batch", 2, "--seed", 5, "--dtype", "float64")
    document = json.loads(result.out)
    (network,) = document["networks"]
    totals = load("googlenet").count(batch=2).with_auxiliary

    assert document["schema"] == "paramcalc/verify/1"
    assert network["agrees"] is True
    assert (network["batch"], network["seed"], network["dtype"]) == (2, 5, "float64")
    assert network["totals"]["params"] == totals.params
    assert network["totals"]["macs"] == totals.macs == sum(layer["macs"] for layer in network["layers"])
    assert network["layers"][0]["output"] == [2, 64, 112, 112]
    assert network["alive"]["bytes"] > 0
    assert network["disagreements"] == []


def test_several_networks(small: Path, run: Run) -> None:
    """One line each; a folder means every model of every spec in it, but none that is too large."""
    written(
        small.parent,
        "input: 3x8x8\nvariants: {thin: {}, wide: {w: 9}}\nknobs: {w: 2}\nlayers: [conv2d w 3]\n",
        "k",
    )

    result = run("verify", small.parent, "lenet5-1998", "--up-to", "10000")

    lines = [line.split()[0] for line in result.out.splitlines()[2:]]
    assert result.code == 0
    assert lines == ["thin", "wide", "lenet5-1998", "3"]
    assert "skipped, larger than --up-to: small" in result.err
    assert run("verify", small.parent, "--up-to", "10").code == 2


def test_unreadable_spec_does_not_stop_the_others(tmp_path: Path, run: Run) -> None:
    """It is said, the rest is verified, and the exit code is 2."""
    broken = written(tmp_path, "input: 3x4x4\nlayers: [conv2d 2 9]\n", "broken")

    result = run("verify", "lenet5-1998", broken)

    assert result.code == 2
    assert "nothing remains of the height" in result.err
    assert "1 of 1 networks match their counts" in result.out
    assert run("verify", broken).code == 2
    assert run("verify", tmp_path, written(tmp_path, SMALL), "--up-to", "1").code == 2
    assert run("verify", "lenet5-1999").code == 2
    assert run("verify").code == 2


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("dots", [False, True])
def test_real_weights_by_name(suffix: str, dots: bool, small: Path, run: Run) -> None:
    """Weights from a file give the output that the same arrays give in the library."""
    graph = graph_of(small)
    weights, x = drawn(graph, seed=7), weighing.drawn_inputs(graph, 2)["input"]
    file = saved(
        small.with_suffix(suffix), {k.replace("/", ".") if dots else k: w for k, w in weights.items()}
    )
    np.save(small.with_name("x.npy"), x)
    output = small.with_name("y.npy")

    result = run(
        "verify", small, "--weights", file, "--input", small.with_name("x.npy"), "--save-output", output
    )

    assert result.code == 0
    assert "arrays found by name" in result.err
    assert np.array_equal(np.load(output), running.run(graph, x, weights)["again"])


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    """The arrays in a file of the kind that its name says."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        pytest.importorskip("safetensors.numpy").save_file(arrays, path)
    return path


def test_real_weights_by_order(small: Path, run: Run) -> None:
    """Other names: the n-th array of a name and shape is the n-th such weight; strangers are reported."""
    weights = drawn(graph_of(small))
    named = {
        f"layer{place}.{key.rpartition('/')[2]}": array for place, (key, array) in enumerate(weights.items())
    }
    file = saved(small.with_suffix(".safetensors"), named | {"steps": np.array(3)})
    outputs = [small.with_name(name) for name in ("by_name.npy", "by_order.npy")]

    run("verify", small, "--weights", saved(small.with_suffix(".npz"), weights), "--save-output", outputs[0])
    result = run("verify", small, "--weights", file, "--save-output", outputs[1])

    assert result.code == 0
    assert "found by order and shape" in result.err
    assert "1 array not used: steps" in result.err
    assert np.array_equal(*map(np.load, outputs))


def test_weights_that_do_not_fit_are_reported_together(small: Path, run: Run) -> None:
    """Missing, misshapen and extra arrays in one message, and nothing is run."""
    weights = drawn(graph_of(small))
    del weights["two/bias"]
    weights |= {"one/weight": np.zeros((6, 99), "f4"), "head": np.zeros(2, "f4")}

    result = run("verify", small, "--weights", saved(small.with_suffix(".npz"), weights))

    assert result.code == 2
    assert result.out == ""
    assert "does not hold the weights of small: 1 missing, 1 misshapen" in result.err
    assert "expected: two/bias 6\n" in result.err
    assert "one/weight 6x99, not 6x128; 1 array not used: head 2" in result.err


def test_auxiliary_branches_may_have_no_weights(small: Path, run: Run) -> None:
    """A checkpoint for inference has no heads of training: they are left out, and that is said."""
    weights = {key: array for key, array in drawn(graph_of(small)).items() if not key.startswith("side")}

    result = run("verify", small, "--weights", saved(small.with_suffix(".npz"), weights), columns=100)

    assert result.code == 0
    assert "not run, without weights: side" in result.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"one/bias": np.array([1, np.nan, 0, 0, 0, 0], "f4")},
            "one/bias has values that are not finite (NaN or infinity) as float32: 1",
        ),
        ({"one/bias": np.zeros(6, int)}, "one/bias has the wrong type"),
        ({"one/bias": np.array(["a"] * 6)}, "one/bias has the wrong type"),
        (b"PK not a zip", "cannot be read as a .npz file"),
        (b"", "cannot be read as a .npz file"),
    ],
)
def test_bad_weight_files(content: Any, message: str, small: Path, run: Run) -> None:
    """NaN, whole numbers, words, and files that are something else."""
    file = small.with_suffix(".npz")
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        saved(file, drawn(graph_of(small)) | content)

    result = run("verify", small, "--weights", file)

    assert (result.code, result.out) == (2, "")
    assert message in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "missing.npy"), "missing.npy: No such file or directory"),
        (("--weights", "missing.npz"), "missing.npz: No such file or directory"),
        (("--weights", "weights.h5"), "arrays are read from .npz, .safetensors, .onnx and .keras files"),
        (("--weights", "x.safetensors"), "cannot be read as a .safetensors file"),
        (("--save-output", "no/such/y.npy"), "No such file or directory"),
        (("--input", "x.npy"), "the wrong shape"),
        (("--input", "3x2x2"), "nothing remains of the height"),
        (("--up-to", "50%"), "--up-to: '50%' is a percentage of nothing"),
        (("--up-to", "3x"), "--up-to: '3x' is not a number\n  = expected: a number such as 64e6"),
        (("lenet5-1998", "--save-output", "y.npy"), "files belong to one network"),
    ],
)
def test_bad_arguments(
    arguments: tuple[str, ...], message: str, small: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clear message, exit code 2, and no file."""
    monkeypatch.chdir(small.parent)
    np.save("x.npy", np.zeros((2, 2)))
    Path("x.safetensors").write_bytes(b"nonsense")

    result = run("verify", small, *arguments)

    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not Path("y.npy").exists()


def test_saved_activations_are_those_of_the_run(small: Path, run: Run) -> None:
    """Every layer's output by its path, though memory is written over during the run."""
    file = small.with_name("all.npz")
    graph = graph_of(small)

    result = run("verify", small, "--save-activations", file)

    expected = running.run(graph, activations=["**"])
    with np.load(file) as archive:
        assert result.code == 0
        assert {*archive.files} == {layer.path for layer in graph.layers}
        assert all(np.array_equal(archive[name], array) for name, array in expected.items())


def test_bfloat16_is_read(small: Path, run: Run) -> None:
    """A checkpoint of upper halves of float32 gives what the float32 numbers with empty lower halves give."""
    pytest.importorskip("safetensors")
    cut = {name: array.view("u4") & 0xFFFF0000 for name, array in drawn(graph_of(small)).items()}
    halves = {name: ("BF16", (bits >> 16).astype("<u2")) for name, bits in cut.items()}
    whole = {name: bits.view("f4") for name, bits in cut.items()}
    outputs = [small.with_name(name) for name in ("halves.npy", "whole.npy")]

    for file, output in zip(
        (tensors(small, halves), saved(small.with_suffix(".npz"), whole)), outputs, strict=True
    ):
        assert run("verify", small, "--weights", file, "--save-output", output).code == 0

    assert np.array_equal(*map(np.load, outputs))


def test_types_that_numpy_lacks(small: Path, run: Run) -> None:
    """A checkpoint in 8-bit numbers is refused, naming the array and its type."""
    arrays = {name: ("F32", array) for name, array in drawn(graph_of(small)).items()}
    file = tensors(small, arrays | {"one/bias": ("F8_E4M3", np.zeros(6, "u1"))})

    result = run("verify", small, "--weights", file)

    assert result.code == 2
    assert "the weight one/bias has the wrong type\n" in result.err
    assert "  = found: F8_E4M3\n" in result.err


def tensors(beside: Path, arrays: dict[str, tuple[str, Any]]) -> Path:
    """A .safetensors file written by hand: the type that the file names, and the bits."""
    header, data = {}, b""
    for name, (kind, bits) in arrays.items():
        place = [len(data), len(data) + bits.nbytes]
        header[name] = {"dtype": kind, "shape": list(bits.shape), "data_offsets": place}
        data += bits.tobytes()
    text = json.dumps(header).encode()
    file = beside.with_suffix(".safetensors")
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return file


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond a size, which a program meets as it meets a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("option", ["--save-output", "--save-activations"])
def test_full_disk(option: str, small: Path, run: Run) -> None:
    """Nothing half-written, the file named, exit code 2."""
    file = small.with_name("kept.npz")

    with full_disk(100):
        result = run("verify", small, option, file)

    assert (result.code, result.out) == (2, "")
    assert f"{file}: File too large" in result.err
    assert [*small.parent.iterdir()] == [small]


def test_interrupt(small: Path) -> None:
    """Ctrl-C in the middle of a run: a word, exit code 130, nothing half-written."""
    file = small.with_name("all.npz")
    command = [
        sys.executable,
        "-m",
        "paramcalc",
        "verify",
        "vgg-19",
        "--batch",
        "8",
        "--save-activations",
        str(file),
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the suite may run without
    )
    while len([*small.parent.iterdir()]) == 1 and process.poll() is None:
        sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert out == b""
    assert b"interrupted; nothing was written" in err
    assert b"Traceback" not in err
    assert [*small.parent.iterdir()] == [small]


def test_plugin(tmp_path: Path, run: Run) -> None:
    """An op of the user's own is verified as any other."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from dataclasses import dataclass\n"
        "from paramcalc.ops.base import Elementwise\n\n"
        "@dataclass(frozen=True)\n"
        "class Negated(Elementwise):\n"
        "    '''-x.'''\n\n"
        "    def forward(self, tools, x):\n"
        "        return -x\n"
    )
    spec = written(tmp_path, "input: 3x4x4\nlayers: [conv2d 2 3, negated]\n")

    assert run("verify", spec, "--plugin", plugin).code == 0


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar on one line that grows and goes away; nothing in a file or pipe."""
    monkeypatch.setattr(progress, "EVERY", 0)
    outs = Terminal(), StringIO()

    for out in outs:
        bar = progress.Progress(out)
        for name in ("conv1", "a" * 200):
            bar.step("net", 2, name)
        bar.close()

    drawn = outs[0].getvalue().split("\r\x1b[K")
    assert drawn[1] == "[############------------] net 1/2 conv1"
    assert drawn[2].startswith("[########################] net 2/2 aaa")
    assert len(drawn[2]) < 80
    assert drawn[3:] == [""]
    assert outs[1].getvalue() == ""


def test_progress_tells_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """By work done: first at least what was estimated, then what the time spent says."""
    clock = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: clock[0])
    bar = progress.Progress(out := Terminal())

    bar.begin("net", 3, 1000, 90)
    for seconds, work, name in ((30, 10, "thin"), (80, 240, "wide"), (1, 750, "last")):
        clock[0] += seconds
        bar.step("net", 3, name, work)

    assert out.getvalue().split("\r\x1b[K")[1:] == [
        "[------------------------] net 0/3 at least 1 min 30 s left ",
        "[------------------------] net 1/3 at least 1 min 29 s left thin",
        "[######------------------] net 2/3 5 min 30 s left wide",
        "[########################] net 3/3 0 s left last",
    ]


def test_overflow_is_told_once(tmp_path: Path, run: Run, recwarn: pytest.WarningsRecorder) -> None:
    """Numbers that overflow are a line of the result, and no warnings besides."""
    spec = written(tmp_path, "input: 64x200x200\nlayers:\n  - a: conv2d 64 1\n  - gelu\n  - layer_norm\n")
    weights = drawn(graph_of(spec))
    weights["a/weight"] *= np.float32(1e38)

    result = run("verify", spec, "--weights", saved(spec.with_suffix(".npz"), weights))

    assert result.code == 1
    assert "DISAGREES layer_norm: output values: expected finite" in result.out
    assert not [*recwarn]
