"""Memory: held against sets of live tensors, runs, sums by hand and published figures."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from paramcalc import load
from paramcalc.base.errors import Fault, SpecError
from paramcalc.count.liveness import Moment, run
from paramcalc.count.report import BITS, QUANTITIES
from paramcalc.engine.graph import Graph
from paramcalc.memory import devices, draw
from paramcalc.memory.memory import OPTIMIZERS, Memory, Plan, bound, memory
from tests.conftest import Run as Command

MODELS = [
    "lenet5-1998",
    "alexnet",
    "googlenet",
    "resnet-50",
    "densenet-121",
    "unet",
    "mobilenet-v2",
    "vit-b16",
]


def graph(tmp_path: Path, text: str) -> Graph:
    path = tmp_path / "toy.yaml"
    path.write_text(text)
    return load(str(path)).graph()


CHAIN = """
name: chain
input: 1x4x4
layers:
  - a: conv2d 2 3 padding=1     # 16 in, 32 out
  - b: relu                     # 32
  - c: conv2d 1 4               # 1
"""
FORK = """
name: fork
input: 1x4x4
layers:
  - a: conv2d 2 1               # 32, read by b and by the sum
  - add: {b: [conv2d 8 1, relu, conv2d 2 1], skip: identity}
  - c: conv2d 1 4               # 1
"""

# ------------------------------------------------------------------------------------- liveness


def test_a_chain_by_hand(tmp_path: Path) -> None:
    """A layer's input and output are alive while it runs, and nothing else in a chain."""
    moments = run(graph(tmp_path, CHAIN)).moments

    assert [moment.values for moment in moments] == [16 + 32, 32 + 32, 32 + 1]


def test_a_fork_by_hand(tmp_path: Path) -> None:
    """A value waits for its last reader: `a` lives through the whole branch."""
    moments = run(graph(tmp_path, FORK)).moments

    assert [moment.values for moment in moments] == [
        16 + 32,
        32 + 128,
        32 + 128 + 128,
        32 + 128 + 32,
        32 + 32 + 32,
        32 + 1,
    ]


def test_in_place(tmp_path: Path) -> None:
    """An activation that is its input's last reader adds nothing."""
    moments = run(graph(tmp_path, FORK), inplace=True).moments

    assert [moment.values for moment in moments] == [48, 160, 160, 192, 96, 33]


def test_in_place_spares_what_others_read(tmp_path: Path) -> None:
    """The input, an output, and a value that is read later are not written over."""
    layers = "  - a: relu\n  - b: relu\n  - c: relu\n  - d: add from b c\n"
    text = f"name: t\ninput: 8\noutputs: b d\nlayers:\n{layers}"

    plain, inplace = (run(graph(tmp_path, text), inplace=flag).moments for flag in (False, True))

    assert [moment.values for moment in plain] == [16, 16, 16, 24]
    assert [moment.values for moment in inplace] == [16, 8, 16, 24]


@pytest.mark.parametrize("model", MODELS)
def test_forward_is_the_set_of_live_tensors(model: str) -> None:
    """At each layer: whatever is there already and is still to be read, and the output."""
    network = load(model).graph()
    layers = [layer for layer in network.layers if not layer.auxiliary]
    values = {id(layer): len(network.inputs) + place for place, layer in enumerate(network.layers)}

    for moment, (place, layer) in zip(run(network).moments, enumerate(layers), strict=True):
        there = {*range(len(network.inputs)), *(values[id(before)] for before in layers[:place])}
        wanted = {value for later in layers[place:] for value in later.inputs} | {*network.outputs}
        alive = (there & wanted) | {values[id(layer)]}
        assert moment.values == sum(network.shape(value).elements for value in alive), moment.layer


@pytest.mark.parametrize("model", ["lenet5-1998", "googlenet", "resnet-18", "mobilenet-v2", "vit-b32"])
def test_a_real_run_has_as_much_alive(model: str) -> None:
    """While each layer of a NumPy run is at work, just so many elements are alive."""
    from paramcalc.verify.compare import verify

    network = load(model).graph()
    ran = verify(network, auxiliary=False)

    moments = run(network).moments
    assert [(moment.layer, moment.values) for moment in moments] == [
        (each.path, each.live) for each in ran.layers
    ]
    assert max(moment.values for moment in moments) == ran.peak.elements


# ------------------------------------------------------------------------------------- training


def test_training_a_chain_by_hand(tmp_path: Path) -> None:
    """Everything is kept; the gradients of a layer's output and input are alive together."""
    moments = run(graph(tmp_path, CHAIN), training=True).moments

    assert [(moment.layer, moment.values, moment.gradients) for moment in moments] == [
        ("a", 16 + 32, 0),
        ("b", 16 + 32 + 32, 0),
        ("c", 16 + 32 + 32 + 1, 0),
        ("c", 16 + 32 + 32 + 1, 1 + 32),
        ("b", 16 + 32 + 32, 32 + 32),
        ("a", 16 + 32, 32),
    ]


def test_a_gradient_waits_for_all_branches(tmp_path: Path) -> None:
    """The gradient of a value that two layers read lives from the later one to the layer that gave it."""
    moments = run(graph(tmp_path, FORK), training=True).moments

    backward = {moment.layer: moment.gradients for moment in moments if moment.backward}
    assert backward["add"] == 32 + 32 + 32  # its own, the branch's, and that of `a`
    assert backward["b/relu"] == 128 + 128 + 32
    assert backward["a"] == 32


def test_checkpoints_by_hand(tmp_path: Path) -> None:
    """Inside a checkpointed group nothing is kept, until the backward pass computes it again."""
    text = """
name: groups
input: 1x4x4
layers:
  - one: conv2d 4 1, relu, conv2d 2 1       # 64, 64, 32
  - two: conv2d 4 1, relu, conv2d 2 1       # 64, 64, 32
"""
    found = run(graph(tmp_path, text), training=True, checkpoints="*")

    assert [moment.values for moment in found.moments] == [
        16 + 64, 16 + 64 + 64, 16 + 64 + 32,
        16 + 32 + 64, 16 + 32 + 64 + 64, 16 + 32 + 64 + 32,
        16 + 32 + 64 + 64 + 32, 16 + 32 + 64 + 64, 16 + 32 + 64,
        16 + 64 + 64 + 32, 16 + 64 + 64, 16 + 64,
    ]  # fmt: skip
    assert len(found.repeated) == 6


@pytest.mark.parametrize("model", ["googlenet", "resnet-50", "densenet-121", "gpt2-124m"])
def test_training_keeps_all_outputs(model: str) -> None:
    """When the forward pass is done, the inputs and all outputs are there, auxiliary ones too."""
    network = load(model).graph()
    kept = [*network.inputs.values(), *(layer.output for layer in network.layers)]

    forward = [moment for moment in run(network, training=True).moments if not moment.backward]

    assert forward[-1].values == sum(shape.elements for shape in kept)


SEVEN = """
name: seven
input: 128
defaults: {linear: bias=false}
layers: [linear 1, linear 2, linear 4, linear 8, linear 16, linear 32, linear 64]
"""


def test_equal_parts_by_hand(tmp_path: Path) -> None:
    """Seven layers in three parts: two, two, three. The outputs 2 and 8 leave their parts and are kept; a part's other
    outputs are there again while the backward pass is in it. All layers run twice.
    """
    network = graph(tmp_path, SEVEN)

    moments = run(network, training=True, checkpoints="3").moments
    less = memory(network, Plan(optimizer="sgd", checkpoints="3"))
    plain = memory(network, Plan(optimizer="sgd"))

    assert [moment.values for moment in moments[:7]] == [
        128 + 1, 128 + 1 + 2, 128 + 2 + 4, 128 + 2 + 4 + 8,
        128 + 2 + 8 + 16, 128 + 2 + 8 + 16 + 32, 128 + 2 + 8 + 32 + 64,
    ]  # fmt: skip
    assert [moment.values for moment in moments[7:]] == [
        128 + 2 + 8 + 16 + 32 + 64, 128 + 2 + 8 + 16 + 32, 128 + 2 + 8 + 16,
        128 + 2 + 4 + 8, 128 + 2 + 4, 128 + 1 + 2, 128 + 1,
    ]  # fmt: skip
    assert less.recomputed == 128 * 1 + 1 * 2 + 2 * 4 + 4 * 8 + 8 * 16 + 16 * 32 + 32 * 64
    assert plain.recomputed == 0
    assert plain.peak.elements - less.peak.elements == 1 + 4  # what the parts before the last one dropped


# --------------------------------------------------------------------------- lines and their total


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan(batch=3, dtype="float16", weights="int8", inplace=True),
        Plan(optimizer="adam", batch=2),
        Plan(optimizer="momentum", dtype="bfloat16", weights="bfloat16", mixed=True, checkpoints="3"),
    ],
    ids=["inference", "int8", "adam", "mixed"],
)
def test_the_total_is_the_sum_of_the_lines(model: str, plan: Plan) -> None:
    """Each line is elements times the size of its type, and the lines add up."""
    found = memory(load(model).graph(), plan)

    assert found.bytes == sum(line.elements * BITS[line.dtype] // 8 for line in found.lines)
    assert elements(found, "activations") == found.peak.values
    assert len({line.name for line in found.lines}) == len(found.lines)


def elements(found: Memory, name: str) -> int:
    return next((line.elements for line in found.lines if line.name == name), 0)


def test_training_in_int8_has_a_remark(run: Command) -> None:
    """It is counted as asked; no framework holds gradients so."""
    assert "int8 holds no gradients" in run("memory", "lenet5-ng", "--train", "adam", "--dtype", "int8").out
    assert "int8 holds" not in run("memory", "lenet5-ng", "--dtype", "int8").out


def test_weights_are_stored_once(tmp_path: Path) -> None:
    """Shared weights count once, weights that are fixed by design too; buffers apart, in float32."""
    lenet = memory(load("lenet5-1998").graph())
    gpt = memory(load("gpt2-124m").graph())
    resnet = memory(load("resnet-50").graph(), Plan(dtype="float16", weights="float16"))

    assert elements(lenet, "weights") == 60_000 + 840
    assert elements(gpt, "weights") == 124_439_808
    assert [(line.elements, line.dtype) for line in resnet.lines if line.name == "buffers"] == [
        (53_120, "float32")
    ]


@pytest.mark.parametrize(
    ("optimizer", "dtype", "mixed", "each"),
    [
        ("sgd", "float32", False, 8), ("momentum", "float32", False, 12), ("adam", "float32", False, 16),
        ("adamw", "float32", False, 16), ("adam", "float16", True, 16), ("momentum", "float16", True, 12),
        ("adam", "bfloat16", False, 8), ("momentum", "bfloat16", False, 6),
    ],
)  # fmt: skip
def test_bytes_for_each_weight_in_training(optimizer: str, dtype: str, mixed: bool, each: int) -> None:
    """Weight, gradient and states: 16 bytes with Adam, also mixed (Rajbhandari et al. 2020, section 3.1); half of
    that where all of them have 16 bits.
    """
    found = memory(
        load("gpt2-1558m").graph(), Plan(optimizer=optimizer, dtype=dtype, weights=dtype, mixed=mixed)
    )

    states = [line for line in found.lines if "activations" not in line.name and "inside" not in line.name]
    assert sum(line.bytes for line in states) == each * 1_557_611_200


def test_keys_and_values() -> None:
    """Llama 3 8B keeps 32 layers x 2 x 8 heads x 128 channels a token: 128 KiB in bfloat16."""
    plan = Plan(dtype="bfloat16", weights="bfloat16")

    llama3 = memory(load("llama3-8b").graph(inputs={"input": (1,)}), plan)
    gpt2 = memory(load("gpt2-124m").graph(), Plan())

    assert next(line.bytes for line in llama3.lines if line.name == "keys and values") == 128 * 1024
    assert gpt2.cached == 2 * 12 * 1024 * 768
    assert memory(load("vit-b16").graph()).cached == 0


@pytest.mark.parametrize("batch", [1, 4])
def test_keys_and_values_of_a_batch(run: Command, batch: int) -> None:
    """GPT-2 keeps 12 layers x 2 x 768 channels for each of 1,024 tokens of each sample; the remark is of one sample."""
    result = run("memory", "gpt2-124m", "--batch", batch, "--format", "json")
    text = run("memory", "gpt2-124m", "--batch", batch).out

    document = json.loads(result.out)
    assert document["cached"] == batch * 18_874_368
    assert [line["bytes"] for line in document["lines"] if line["name"] == "keys and values"] == [
        batch * 72 * 2**20
    ]
    assert "keys and values: 18,874,368 elements for a sample of 1024 (length)\n" in text


def test_all_outputs_in_training_are_those_of_the_heads_too() -> None:
    """GoogLeNet's outputs as float32: 39,793,248 bytes with its two heads, 39,644,960 without."""
    network = load("googlenet").graph()

    assert 4 * memory(network, Plan(optimizer="sgd")).activations == 39_793_248
    assert 4 * memory(network).activations == 39_644_960


@pytest.mark.parametrize(
    "text", ["name: t\ninput: 3x8x8\nlayers: [identity]\n", "name: t\ninput: 8\nlayers: [0 * abs]\n"]
)
@pytest.mark.parametrize(
    "options", [(), ("--train", "adam"), ("--layers", "--device", "t4"), ("--format", "json")]
)
def test_a_network_without_layers_needs_nothing(
    tmp_path: Path, run: Command, text: str, options: tuple[str, ...]
) -> None:
    """No layer runs, so nothing is alive: 0, in every drawing."""
    path = tmp_path / "none.yaml"
    path.write_text(text)

    result = run("memory", path, *options)

    assert (result.code, result.err) == (0, "")
    if options == ():
        assert "peak live activations: 0 elements; all outputs together: 0 elements, 0 bytes\n" in result.out
    if "json" in options:
        document = json.loads(result.out)
        assert (document["total_bytes"], document["peak"]["elements"], document["layers"]) == (0, 0, [])


def test_a_network_without_weights_stores_none(tmp_path: Path, run: Command) -> None:
    """Activations are not taken for weights where there is no line of weights."""
    path = tmp_path / "relu.yaml"
    path.write_text("name: t\ninput: 8\nlayers: [relu]\n")

    assert (
        "weights: 0 bytes as float32, 0 bytes as bfloat16, 0 bytes as int8, 0 bytes as int4\n"
        in run("memory", path).out
    )
    assert set(json.loads(run("memory", path, "--format", "json").out)["weights_bytes"].values()) == {0}


@pytest.mark.parametrize(
    ("dtype", "weights", "traffic"),
    [("int4", 8, 8 + 4 * 8), ("nf4", 8, 8 + 4 * 8), ("fp8", 15, 15 + 4 * 8), ("float8", 15, 15 + 4 * 8)],
)
def test_weights_of_a_few_bits(tmp_path: Path, run: Command, dtype: str, weights: int, traffic: int) -> None:
    """15 weights of 4 bits are 60 bits, 8 bytes; activations keep their type. Llama 2 7B: 6,738,415,616 halves."""
    path = tmp_path / "t.yaml"
    path.write_text("name: t\ninput: 5\nlayers: [linear 3 bias=false]\n")
    options = ("--weights", dtype, "--format", "json")

    document = json.loads(run("memory", path, *options).out)

    assert [(line["name"], line["bytes"]) for line in document["lines"]] == [
        ("weights", weights),
        ("activations", 32),
    ]
    assert document["layers"][0]["traffic"] == traffic
    assert document["weights_bytes"]["int4"] == 8
    if dtype == "int4":
        llama = json.loads(run("memory", "llama2-7b", *options).out)
        assert llama["lines"][0]["bytes"] == 3_369_207_808


def test_inside_attention_by_hand(tmp_path: Path) -> None:
    """Queries, keys, values, scores and their weighted sum; fused attention never stores the scores."""
    text = "name: t\ninput: {length: 5, channels: 8}\nlayers: [self_attention 4 kv_heads=2]\n"
    network = graph(tmp_path, text)

    assert run(network).moments == (Moment("self_attention", False, 80, 5 * (8 + 4 + 4 + 8) + 4 * 25),)
    assert run(network, fused=True).moments[0].inner == 5 * (8 + 4 + 4 + 8)


def test_an_auxiliary_head_is_there_in_training_only() -> None:
    """GoogLeNet's two heads hold 6,379,728 weights and are not run at inference."""
    network = load("googlenet").graph()
    inference, training = memory(network), memory(network, Plan(optimizer="sgd"))

    assert elements(training, "weights") - elements(inference, "weights") == 13_378_280 - 6_998_552
    assert not any(work.layer.auxiliary for work in inference.work)


# ----------------------------------------------------------------------------- work and its bounds


def test_work_by_hand(tmp_path: Path) -> None:
    """A convolution of 3x3 from 1 to 2 maps of 4x4, and its activation, in bytes and operations."""
    conv, relu, last = memory(graph(tmp_path, CHAIN)).work

    assert conv.operations == 2 * 16 * 9 * 2 + 32  # the bias is 32 additions
    assert conv.traffic == 4 * (16 + (9 + 1) * 2 + 32)
    assert (relu.operations, relu.traffic) == (32, 4 * 64)
    assert relu.intensity == Fraction(1, 8)
    assert last.operations == 2 * 32 + 1


def test_a_table_is_read_row_by_row() -> None:
    """An embedding moves the rows that it looks up, not the table."""
    work = {item.layer.path: item for item in memory(load("gpt2-124m").graph()).work}

    assert work["tokens"].traffic == 4 * (1024 + 1024 * 768 + 1024 * 768)
    assert work["logits"].traffic == 4 * (1024 * 768 + 50257 * 768 + 1024 * 50257)


def test_least_time_by_hand(tmp_path: Path) -> None:
    """The slower of computing and moving for each layer; layers that only move values cost nothing."""
    (tmp_path / "device.yaml").write_text("slow: {bandwidth: 100, peak: {float32: 1000}}\n")
    slow = devices.find(str(tmp_path / "device.yaml"))
    text = "name: t\ninput: 4\nlayers: [linear 5 bias=false, reshape 5x1, relu]\n"

    times = bound(memory(graph(tmp_path, text)), slow)

    assert times.layers == (Fraction(4 * (4 + 20 + 5), 100), 0, Fraction(4 * 10, 100))
    assert times.total == Fraction(156, 100)
    assert times.fused == Fraction(4 * (4 + 20 + 5), 100)


def test_shared_weights_are_moved_once(tmp_path: Path) -> None:
    """Twelve rounds of one 4x4 matrix: 16 weights, 4 inputs and 4 outputs, if nothing else is moved."""
    (tmp_path / "device.yaml").write_text("slow: {bandwidth: 100, peak: {float32: 1e12}}\n")
    layers = "  - {repeat: 12, shared: true, layers: linear 4 bias=false}\n"

    times = bound(
        memory(graph(tmp_path, f"name: t\ninput: 4\nlayers:\n{layers}")),
        devices.find(str(tmp_path / "device.yaml")),
    )

    assert times.fused == Fraction(4 * (16 + 4 + 4), 100)
    assert times.total == 12 * times.fused


def test_compute_bound(tmp_path: Path) -> None:
    """Where computing takes longer than moving, it is the bound."""
    (tmp_path / "device.yaml").write_text("thin: {bandwidth: 1e12, peak: {float32: 40}}\n")

    times = bound(memory(graph(tmp_path, CHAIN)), devices.find(str(tmp_path / "device.yaml")))

    assert times.layers[0] == Fraction(2 * 16 * 9 * 2 + 32, 40)
    assert times.fused == times.total


@pytest.mark.parametrize("name", ["t4", "v100", "a100-40gb", "a100-80gb", "h100", "tpu-v3", "tpu-v4"])
def test_bundled_devices(name: str) -> None:
    """Each has a source, a memory, and a rate of known types."""
    device = devices.find(name)

    assert device.source
    assert device.memory
    assert set(device.peak) <= set(BITS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu: {bandwidth: 1e9}", "the device 'gpu' has no peak"),
        ("gpu: {bandwith: 1e9, peak: {float32: 1}}", "did you mean 'bandwidth'?"),
        ("gpu: {bandwidth: fast, peak: {float32: 1}}", "'fast' is not a number"),
        ("gpu: {bandwidth: 0, peak: {float32: 1}}", "must be more than 0"),
        ("gpu: {bandwidth: 1, peak: {float23: 1}}", "there is no element type 'float23'"),
        ("gpu: {bandwidth: 1, peak: 5}", "'peak' gives a rate for each type"),
        ("gpu: 5", "'gpu' must be described by a mapping"),
        ("- gpu", "a file of devices is a mapping of names"),
    ],
)
def test_mistakes_in_a_device(tmp_path: Path, text: str, message: str) -> None:
    """A file that does not describe a device says where and why."""
    path = tmp_path / "device.yaml"
    path.write_text(text)

    with pytest.raises(SpecError, match=message.replace("?", r"\?")):
        devices.find(str(path))


def test_one_device_of_several(tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    path.write_text("one: {bandwidth: 1, peak: {int8: 1}}\ntwo: {bandwidth: 2, peak: {int8: 1}}\n")

    assert devices.find(f"{path}:two").bandwidth == 2
    with pytest.raises(Fault, match="describes several devices"):
        devices.find(str(path))
    with pytest.raises(Fault, match="no peak rate of one is known for float32"):
        devices.find(f"{path}:one").rate("float32")


def test_the_document_defines_every_quantity_and_line() -> None:
    """Each quantity, each line of memory and each state of an optimizer stands in docs/counting.md."""
    text = (Path(__file__).parent.parent / "docs" / "counting.md").read_text(encoding="utf-8")
    defined = {
        cell.strip()
        for line in text.splitlines()
        if line.startswith("| ")
        for cell in line.split("|")[1].split(";")
    }
    plans = [
        Plan(),
        *(Plan(optimizer=name, dtype="float16", weights="float16", mixed=True) for name in OPTIMIZERS),
    ]
    lines = {line.name for plan in plans for line in memory(load("gpt2-124m").graph(), plan).lines}

    assert {f"`{name}`" for name in QUANTITIES} <= defined
    assert lines | {"buffers"} <= defined


# --------------------------------------------------------------------------------- the command line


def test_table(run: Command) -> None:
    """The lines, their total, when most is alive."""
    result = run("memory", "resnet-50")

    assert result.code == 0
    assert [line.split()[:2] for line in result.out.splitlines()[3:6]] == [
        ["weights", "25,557,032"], ["buffers", "53,120"], ["activations", "2,408,448"],
    ]  # fmt: skip
    assert "peak live activations: 2,408,448 elements (conv2_x/0/shortcut/batch_norm); all" in result.out


def test_memory_has_one_sense(run: Command) -> None:
    """The lecture's sum, LeNet-5's 60,840 scalars and 16,178 outputs, is called by what is added up."""
    found = run("count", "lenet5-1998", "--columns", "memory").out

    assert "params + outputs: 77,018 elements" in found
    assert "params + outputs: 77,018 elements\n" in run("memory", "lenet5-1998").out
    assert found.splitlines()[1].split() == ["layer", "params", "+", "outputs"]


def test_one_name_for_what_is_live(run: Command) -> None:
    """The column of the table has the name of the JSON and CSV field."""
    table = run("memory", "lenet5-1998", "--layers").out
    header = run("memory", "lenet5-1998", "--layers", "--format", "csv").out.splitlines()[0]

    assert table.splitlines()[1].split()[3] == "live"
    assert "\nlive: elements alive while the layer runs" in table
    assert header.split(",")[3] == "live"


def test_json(run: Command) -> None:
    """The contract: plan, lines, total, peak, layers, and the device with its bounds."""
    result = run("memory", "lenet5-ng", "--format", "json", "--device", "t4", "--batch", "2")

    document = json.loads(result.out)
    assert document["schema"] == "paramcalc/memory/1"
    assert document["total_bytes"] == sum(line["bytes"] for line in document["lines"])
    assert document["plan"]["batch"] == 2
    assert document["layers"][0]["path"] == "conv1/conv2d"
    assert document["device"]["seconds_layer_by_layer"] >= document["device"]["seconds_fused"] > 0


@pytest.mark.parametrize("format", ["csv", "markdown", "latex", "html"])
def test_formats(run: Command, format: str) -> None:
    """Every format holds the layers or the lines."""
    result = run("memory", "lenet5-ng", "--layers", "--format", format)

    assert result.code == 0
    assert "conv1" in result.out


@pytest.mark.parametrize(
    ("dtype", "said"), [("float32", "does not fit in 14.9 GiB"), ("float16", "fits in 14.9 GiB")]
)
def test_the_device_is_too_small(run: Command, dtype: str, said: str) -> None:
    """The 6,738,415,616 weights of Llama 7B fit into 16 GB with 2 bytes each, and do not with 4."""
    assert f" GiB {said}\n" in run("memory", "llama1-7b", "--dtype", dtype, "--device", "t4").out


@pytest.mark.parametrize(("size", "said"), [(28, "fits in"), (27, "does not fit in")])
def test_a_memory_that_is_exactly_full(tmp_path: Path, run: Command, size: int, said: str) -> None:
    """3 weights, 3 inputs and an output of 4 bytes each are 28 bytes."""
    (tmp_path / "device.yaml").write_text(f"toy: {{memory: {size}, bandwidth: 1, peak: {{float32: 1}}}}\n")
    (tmp_path / "t.yaml").write_text("name: t\ninput: 3\nlayers: [linear 1 bias=false]\n")

    out = run("memory", tmp_path / "t.yaml", "--device", tmp_path / "device.yaml").out

    assert f"28 bytes {said} {size} bytes" in out


def test_dtype_is_the_type_of_weights_too(run: Command) -> None:
    """VGG-16's 138,357,544 weights and its largest pair of outputs, 2 bytes each."""
    document = json.loads(run("memory", "vgg-16", "--dtype", "float16", "--format", "json").out)

    assert document["lines"][0] == {
        "name": "weights", "elements": 138_357_544, "dtype": "float16", "bytes": 276_715_088,
    }  # fmt: skip
    assert document["total_bytes"] == 276_715_088 + 2 * 2 * 64 * 224 * 224


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (Fraction(1), "1.00 s"),
        (Fraction(1, 10**3), "1.00 ms"),
        (Fraction(1, 10**6), "1.00 us"),
        (Fraction(1, 10**9), "1.00 ns"),
    ],
)
def test_a_time_of_exactly_one_unit(time: Fraction, text: str) -> None:
    """The largest unit that leaves a whole part, 1 included."""
    assert draw.seconds(time) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train", "adma"), "did you mean 'adam'"),
        (("--mixed",), "mixed precision is training with activations of half precision"),
        (("--mixed", "--train", "adam"), "mixed precision is training with activations of half precision"),
        (("--checkpoint", "*"), "checkpoints are for training"),
        (("--train", "sgd", "--checkpoint", "conv9/*"), "no layer matches 'conv9/*'"),
        (("--train", "sgd", "--checkpoint", "**/0"), "names each part"),
        (("--train", "sgd", "--checkpoint", "100"), "there are not that many layers"),
        (("--device", "a100"), "did you mean 'a100-40gb' or 'a100-80gb'?"),
        (("--device", "A100"), "did you mean 'a100-40gb' or 'a100-80gb'?"),
        (("--train", "adam", "--weights", "int4"), "weights in int4 are for inference"),
        (("--device", "abacus"), "there is no device 'abacus'"),
        (("--device", "t4", "--dtype", "bfloat16"), "no peak rate of t4 is known for bfloat16"),
    ],
)
def test_mistakes(run: Command, arguments: tuple[str, ...], message: str) -> None:
    """Options that do not fit are errors that say why."""
    result = run("memory", "lenet5-ng", *arguments)

    assert result.code == 2
    assert message in result.err


def test_keys_and_values_name_the_inputs_where_there_are_several(tmp_path: Path, run: Command) -> None:
    """Two lengths side by side would not say which is which."""
    path = tmp_path / "two.yaml"
    path.write_text(
        "name: two\ninputs: {source: {length: 5, channels: 8}, target: {length: 3, channels: 8}}\nlayers:\n"
        "  - decoded: self_attention 4 causal=true from target\n  - cross_attention 4 from decoded source\n"
    )

    said = run("memory", path).out
    alone = run("memory", "gpt2-124m").out

    assert "for a sample of source 5x8 (length x channels), target 3x8 (length x channels)\n" in said
    assert "for a sample of 1024 (length)\n" in alone
