"""The profiles against the tools themselves, asked about modules that are built from our graphs.

Needs the tools, in the versions that the profiles describe; each is skipped where it is missing or is
another version. Larger networks and tensors only with `PARAMCALC_ORACLE=all`, as they take minutes: what
the tools printed of the networks stands in `tool_totals.csv`.
"""

from __future__ import annotations

import csv
import importlib.metadata
import os
from textwrap import dedent

import pytest

from paramcalc import ops
from paramcalc.base.errors import Source
from paramcalc.conventions import convention, recounted
from paramcalc.count.report import count
from paramcalc.engine.graph import Applied, Graph, Layer
from paramcalc.language.parse import parse
from paramcalc.model import Model, load
from tests import calls
from tests.oracle.tools import TOOLS, TOTALS, arguments, network, printed, torch

ALL = os.environ.get("PARAMCALC_ORACLE") == "all"
QUICK = ("lenet5-1998", "squeezenet1.1")
QUICK_ELEMENTS = 200_000
TOKENS = "{length: 5, channels: 4}"

# What the examples of the ops leave out: other ranks, layouts and switches.
FURTHER = (
    ("adaptive_avg_pool2d 3", "4x6x9"),
    ("adaptive_avg_pool3d 2", "4x6x6x6"),
    ("avg_pool1d 2", "4x6"),
    ("avg_pool3d 2", "4x6x6x6"),
    ("batch_norm", "8"),
    ("batch_norm", TOKENS),
    ("batch_norm affine=false", "4x5x6"),
    ("batch_norm track_running_stats=false", "4x5x6"),
    ("conv2d 8 3 padding=((0,1),(1,2)) padding_mode=replicate", "4x5x5"),
    ("conv2d 8 3 padding_mode=reflect padding=1", "4x5x5"),
    ("conv_transpose2d 8 3 stride=2 groups=4", "8x5x5"),
    ("conv_transpose2d 8 3 stride=2 padding=1 output_padding=1 bias=false", "4x5x5"),
    ("conv_transpose3d 8 2", "4x3x3x3"),
    ("global_avg_pool", "4x3x4x5"),
    ("global_avg_pool", "4x7"),
    ("global_max_pool", "4x7x7"),
    ("group_norm 2 affine=false", "4x5x6"),
    ("instance_norm", TOKENS),
    ("instance_norm affine=true track_running_stats=true", "4x5x6"),
    ("layer_norm bias=false", "4x5x6"),
    ("layer_norm elementwise_affine=false", TOKENS),
    ("linear 8", "{height: 3, width: 5, channels: 4}"),
    ("linear 8 bias=false", TOKENS),
    ("local_response_norm 3", "8x3x3x3"),
    ("local_response_norm 4", "8x10"),
    ("max_pool1d 3", "4x8"),
    ("max_pool2d 3 stride=2 padding=same", "4x8x8"),
    ("max_pool3d 3", "4x8x8x8"),
    ("prelu 4", "4x5x6"),
    ("rms_norm", "4x5x6"),
    ("self_attention 2 head_dim=8 causal=true", TOKENS),
    ("self_attention 2 qkv_bias=false", TOKENS),
    ("self_attention 2 causal=true", "{height: 3, length: 5, channels: 4}"),
    ("softmax", TOKENS),
    ("upsample 2", "4x8"),
    ("upsample 2 mode=bilinear", "4x8x8"),
    ("upsample 2 mode=linear", "4x8"),
    ("upsample 2 mode=trilinear", "4x3x3x3"),
    ("upsample size=5", "4x3x3x3"),
)

# What no module says, or a tool cannot do; by tool, or of all.
UNWRITTEN = {
    ("identity", ""): "no layer of its own",
    ("conv_transpose2d 4 3 stride=2 padding=same", ""): "PyTorch pads both ends alike",
    ("self_attention 4 kv_heads=2 bias=false", "torchprofile"): "refuses grouped-query attention",
    ("adaptive_avg_pool2d 6", "thop"): "loses 1 to floating point where bins do not divide the input",
}


def cases() -> list[tuple[str, tuple[str, ...]]]:
    """Every example of every op, each once, and the further ones."""
    examples = [(example.call, example.inputs) for op in ops.every().values() for example in op.examples]
    return [*dict.fromkeys(examples), *((call, (shape,)) for call, shape in FURTHER)]


def alone(call: str, inputs: tuple[str, ...]) -> Graph:
    """A graph of one layer, and beside it a small linear one, as some tools need a parameter."""
    shapes = tuple(map(calls.shape, inputs))
    layers = (layer("layer", call, inputs, 0), layer("spare", "linear 1 bias=false", ("1",), len(inputs)))
    named = {f"input_{place}": shape for place, shape in enumerate((*shapes, calls.shape("1")))}
    return Graph("alone", "alone", named, layers, (len(named), len(named) + 1), {}, (), ())


def layer(path: str, call: str, inputs: tuple[str, ...], first: int) -> Layer:
    op, xs = calls.call(call), tuple(map(calls.shape, inputs))
    used = Applied(op, xs, op.shape(*xs), op.weights(*xs), op.buffers(*xs), op.cost(*xs))
    read = tuple(range(first, first + len(xs)))
    return Layer(path, used, read, {}, False, "", Source("", ""), 0, 0)


def ours(name: str, graph: Graph) -> dict[str, int]:
    """The totals under a profile."""
    found = recounted(count(graph), convention(name))
    return {quantity: getattr(found.totals, quantity) for quantity in found.quantities}


def need(name: str) -> None:
    """Skips where the tool is missing, or not of the version that the profile is of."""
    tool = TOOLS[name]
    if tool.installed != tool.version:
        pytest.skip(f"{tool.distribution} {tool.version} is needed, found {tool.installed or 'none'}")


@pytest.mark.parametrize("name", TOOLS)
def test_the_profile_names_the_version(name: str) -> None:
    profile = convention(name).tool

    assert profile is not None
    assert profile.version == TOOLS[name].version


@pytest.mark.parametrize("name", TOOLS)
def test_every_op(name: str) -> None:
    """Each example of each op, alone: what the tool prints is what its profile says."""
    need(name)

    for call, inputs in cases():
        large = sum(calls.shape(x).elements for x in inputs) > QUICK_ELEMENTS
        if (call, "") in UNWRITTEN or (call, name) in UNWRITTEN or (large and not ALL):
            continue
        graph = alone(call, inputs)
        assert printed(name, graph) == ours(name, graph), f"{call} of {inputs}"


# Weights used more than once: by one module that is called again, and by two modules that are tied.
SHARING = {
    "rounds": """
        input: 8x16x16
        layers:
          - refine: {repeat: 4, shared: true, layers: [conv2d channels 3 padding=1, batch_norm, relu]}
    """,
    "towers": """
        inputs: {left: 1x16x16, right: 1x20x20}
        blocks:
          tower: conv2d 4 3, prelu, batch_norm, global_avg_pool, linear 6
        layers:
          - a: tower from left
          - b: tower share=a from right
          - subtract from a b
    """,
    "tied": """
        inputs: {source: {length: 5}, target: {length: 4}}
        layers:
          - words: embedding 9 4 from source
          - encoder: self_attention 2, layer_norm
          - embedding 9 4 share=words from target
          - decoder: self_attention 2 share=encoder/self_attention, layer_norm share=encoder/layer_norm
          - cross_attention 2 from decoder encoder
          - linear 9 bias=false share=words
    """,
}


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("name", TOOLS)
def test_shared_weights(name: str, sharing: str) -> None:
    """A module that is called again has its params once and its work each time; tied modules as the tool has it."""
    need(name)
    graph = Model(
        parse(Source("sharing.yaml", dedent(SHARING[sharing])), lambda used: pytest.fail(used))
    ).graph()

    assert printed(name, graph) == ours(name, graph)


def networks() -> dict[tuple[str, str], dict[str, int]]:
    """What each tool printed about each network of the table."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    with TOTALS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["tool"], row["model"]), {})[row["quantity"]] = int(row["printed"])
    return found


@pytest.mark.parametrize(
    ("name", "model"), [key for key in networks() if key[0] in TOOLS and (ALL or key[1] in QUICK)]
)
def test_the_table_is_what_the_tools_print(name: str, model: str) -> None:
    need(name)

    assert printed(name, load(model).graph()) == networks()[name, model]


def test_attention_is_missed_on_the_cpu_by_the_counter_of_pytorch() -> None:
    """The kernel that runs there is in no table of it; on other devices its products are counted."""
    need("pytorch")
    graph = alone("self_attention 2", (TOKENS,))
    products = 2 * 5 * 5 * 2 * 2  # two products of 5x5 scores, 2 heads of 2 channels

    on_cpu, elsewhere = printed("pytorch", graph, "cpu"), printed("pytorch", graph)

    assert elsewhere["flops"] - on_cpu["flops"] == 2 * products


def test_modules_have_our_shapes_and_params() -> None:
    """The modules that the tools are asked about are the networks of our graphs."""
    for model in QUICK:
        graph = load(model).graph()
        module = network(graph)
        with torch.no_grad():
            output = module(**arguments(graph))
        assert tuple(output.shape[1:]) == graph.shape(graph.outputs[0]).dims
        assert sum(parameter.numel() for parameter in module.parameters()) == count(graph).totals.params


@pytest.mark.parametrize(
    "model", [key[1] for key in networks() if key[0] == "keras" and (ALL or key[1] in QUICK)]
)
def test_keras(model: str) -> None:
    """`model.summary()`, and with TensorFlow as the backend its profiler."""
    keras_graph = pytest.importorskip("tests.oracle.keras_graph", exc_type=ImportError)
    profile = convention("keras").tool
    installed = importlib.metadata.version("keras")
    if profile is None or installed != profile.version:
        pytest.skip(f"another version of Keras, {installed}")

    found = keras_graph.printed(load(model).graph())

    assert found == {name: number for name, number in networks()["keras", model].items() if name in found}
