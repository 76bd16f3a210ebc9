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
from paramcalc.engine.graph import Graph
from paramcalc.language.parse import parse
from paramcalc.model import Model, load
from tests import calls
from tests.oracle.tools import TOOLS, TOTALS, arguments, network, of_case, printed, torch
from tests.tool_cases import TOKENS, Case, alone, figures

ALL = os.environ.get("PARAMCALC_ORACLE") == "all"
QUICK = ("lenet5-1998", "squeezenet1.1")
QUICK_ELEMENTS = 200_000

# Examples of ops that no module says, or a tool cannot do; by tool, or of all.
UNWRITTEN = {
    ("identity", ""): "no layer of its own",
    ("conv_transpose2d 4 3 stride=2 padding=same", ""): "PyTorch pads both ends alike",
    ("conv_lstm2d 2 2x3 stride=2 bias=false last=true", ""): "PyTorch pads both ends alike",
    ("self_attention 4 kv_heads=2 bias=false", "torchprofile"): "refuses grouped-query attention",
    ("adaptive_avg_pool2d 6", "thop"): "loses 1 to floating point where bins do not divide the input",
}


def examples() -> list[Case]:
    """Every example of every op, each once."""
    found = (Case(example.call, example.inputs) for op in ops.every().values() for example in op.examples)
    return [*dict.fromkeys(found)]


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
def test_every_example(name: str) -> None:
    """Each example of each op, alone: what the tool prints is what its profile says."""
    need(name)

    for case in examples():
        large = sum(calls.shape(x).elements for x in case.inputs) > QUICK_ELEMENTS
        if (case.call, "") in UNWRITTEN or (case.call, name) in UNWRITTEN or (large and not ALL):
            continue
        assert of_case(name, case) == ours(name, alone(case)), case


@pytest.mark.parametrize("name", TOOLS)
def test_the_table_of_ops_is_what_the_tools_print(name: str) -> None:
    """Of a part of the table, and of all of it with `PARAMCALC_ORACLE=all`."""
    need(name)

    for row in [row for row in figures() if row.tool == name][:: 1 if ALL else 10]:
        assert of_case(name, row.case) == row.printed, row


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


MIXTURE = """
input: {length: 6, channels: 8}
layers:
  - moe:
      experts:
        mixture: 4
        active: 2
        router: linear mixture bias=false
        layers:
          - multiply: {gate: [linear 12, silu], up: linear 12}
          - linear 8
  - linear 3
"""


@pytest.mark.parametrize("name", TOOLS)
def test_a_network_with_experts(name: str) -> None:
    """A module for each layer of each expert, called with the tokens that chose it."""
    need(name)
    graph = Model(parse(Source("mixture.yaml", MIXTURE), lambda used: pytest.fail(used))).graph()

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
    graph = alone(Case("self_attention 2", (TOKENS,)))
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
