"""Mixtures of experts: counts against nested loops, and every question that is asked about them."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from paramcalc import compare, load, parse
from paramcalc.base.errors import SpecError
from paramcalc.memory.memory import Plan, memory
from paramcalc.model import change
from paramcalc.show.expanded import expanded
from paramcalc.verify.run import run as run_graph
from tests.conftest import Run

SMALL = """
name: small
knobs: {stored: 4, active: 2, hidden: 5, length: 7}
input: {length: length, channels: 6}
layers:
  - moe:
      experts:
        mixture: stored
        active: active
        router: linear mixture bias=false
        layers:
          - multiply: {gate: [linear hidden, silu], up: linear hidden}
          - linear 6
  - head: linear 3
"""


def test_known_answers() -> None:
    """Mixtral 8x7B: all params, those that a token meets, and its multiplications at 4,096 tokens."""
    totals = load("mixtral-8x7b").count().totals

    assert totals.params == 46_702_792_704
    assert totals.active_params == 12_879_925_248
    assert totals.macs == 56_616_258_895_872


def test_weights_have_the_experts_in_front() -> None:
    """One row for a layer of all experts, its outputs those of the active ones."""
    rows = {row.path: row for row in load("mixtral-8x7b").count().rows}
    up = rows["decoders/0/mlp/mixture/layers/up"]

    assert up.weights == {"weight": (8, 14_336, 4_096)}
    assert up.output.dims == (4_096, 2, 14_336)
    assert up.layer.output.axes == ("length", "experts", "channels")


def looped(stored: int, active: int, hidden: int, length: int) -> dict[str, int]:
    """Params and multiplications of `SMALL`, weight by weight and token by token."""
    sizes = ((hidden, 6), (hidden, 6), (6, hidden))
    found = dict.fromkeys(("params", "active_params", "macs"), 0)
    for expert in range(stored):
        for rows, columns in sizes:
            for _ in range(rows):
                found["params"] += columns + 1
                found["active_params"] += columns + 1 if expert < active else 0
    for quantity in ("params", "active_params"):
        found[quantity] += stored * 6 + 3 * 7
    for _token in range(length):
        found["macs"] += stored * 6 + 3 * 6
        for _chosen in range(active):
            for rows, columns in sizes:
                found["macs"] += rows * columns
    return found


@pytest.mark.parametrize(
    ("stored", "active", "hidden", "length"), [(4, 2, 5, 7), (1, 1, 3, 2), (6, 6, 1, 1), (9, 3, 8, 10)]
)
def test_counts_and_closed_form(stored: int, active: int, hidden: int, length: int) -> None:
    """Numbers, and one formula in all four, are what a nested loop counts."""
    point = {"stored": stored, "active": active, "hidden": hidden, "length": length}
    expected = looped(**point)
    model = parse(SMALL)
    totals = model.count(**point).totals
    closed = model.closed(["stored", "active", "hidden", "length"])
    letters = {
        symbol.letter: point[name] for symbol in closed.symbols for name in point if name in symbol.stands_for
    }

    assert {name: getattr(totals, name) for name in expected} == expected
    assert {name: closed.formula(name).at(**letters) for name in expected} == expected
    assert closed.formula("params").admits(**letters)


def test_no_more_active_than_stored_in_symbols() -> None:
    """The formula says where it holds."""
    closed = parse(SMALL).closed(["stored", "active"])
    formula = closed.formula("macs")
    stored, active = (symbol.letter for symbol in closed.symbols)

    assert formula.admits(**{stored: 3, active: 3})
    assert not formula.admits(**{stored: 3, active: 4})


def test_values_of_a_nested_loop() -> None:
    """Each token: scores, the best two, a softmax over their scores, and these two experts."""
    chance = np.random.default_rng(0)
    graph = parse(SMALL).graph()
    weights = {
        f"{layer.path}/{name}": chance.standard_normal(dims)
        for layer in graph.layers
        for name, dims in layer.applied.weights.items()
    }
    x = chance.standard_normal((3, 7, 6))

    found = run_graph(graph, x, weights, dtype="float64", activations=["moe"])["moe"]

    assert np.allclose(found, [[token_by_loops(token, weights) for token in sample] for sample in x])


def token_by_loops(x: Any, weights: dict[str, Any]) -> Any:
    def through(layer: str, expert: int, value: Any) -> Any:
        return (
            weights[f"moe/layers/{layer}/weight"][expert] @ value
            + weights[f"moe/layers/{layer}/bias"][expert]
        )

    scores = weights["moe/router/weight"] @ x
    best = sorted(range(4), key=lambda expert: -scores[expert])[:2]
    shares = np.exp([scores[expert] for expert in best])
    result = np.zeros(6)
    for expert, share in zip(best, shares / shares.sum(), strict=True):
        gate = through("gate/linear", expert, x)
        hidden = gate / (1 + np.exp(-gate)) * through("up", expert, x)
        result += share * through("linear", expert, hidden)
    return result


def test_an_inner_value_alone() -> None:
    """What experts compute on the way can be asked for, though nothing else needs the router then."""
    graph = parse(
        SMALL.replace("layers:\n  - moe", "outputs: [moe/layers/up, head]\nlayers:\n  - moe")
    ).graph()
    found = run_graph(graph)

    assert found["moe/layers/up"].shape == (1, 7, 2, 5)


@pytest.mark.parametrize(
    "spec",
    [
        SMALL,
        SMALL.replace(
            "router: linear mixture bias=false", "router: [linear 9, relu, linear mixture, sigmoid]"
        ),
        SMALL.replace("active: active", "active: active\n        gates: sum"),
        SMALL.replace("hidden: 5", "hidden: 6").replace("- linear 6", "- add: {a: linear 6, skip: identity}"),
        SMALL.replace("- linear 6", "- {repeat: 2, layers: [linear 6, layer_norm, dropout]}"),
        SMALL.replace(
            "- linear 6", "- bias: parameter 5\n          - add from multiply bias\n          - linear 6"
        ),
        SMALL.replace("- linear 6", "- batch_norm, prelu 5, linear 6"),
        # experts of an image, chosen at each pixel by a convolution
        """
        input: 4x3x5
        layers:
          - experts: {mixture: 3, active: 2, router: conv2d mixture 1, layers: [linear 8, gelu, linear 4]}
          - conv2d 2 3
        """,
        # a vector is one position; experts that read a tensor without positions
        """
        inputs: {main: 6, side: 6}
        layers:
          - from main
          - experts:
              mixture: 5
              active: 3
              router: linear mixture
              layers: [multiply from x side, linear 4]
        """,
        # a mixture in a block, in a repeat, beside a shared expert
        """
        input: {length: 5, channels: 4}
        blocks:
          expert: [linear 6, gelu, linear 4]
          mixed:
            - add:
                routed: {experts: {mixture: 3, active: 1, router: linear mixture, layers: expert}}
                shared: expert
        layers: [2 * mixed]
        """,
        # two of them in one group
        """
        input: {length: 5, channels: 4}
        layers:
          - experts: {mixture: 2, active: 1, router: linear 2, layers: linear 4}
          - experts: {mixture: 3, active: 2, router: linear 3, layers: linear 4}
        """,
    ],
)
def test_runs_as_counted(spec: str, run: Run) -> None:
    """Shapes, params and multiplications of a run are those counted; the expanded spec is the same network."""
    text = dedent(spec)
    verified = run("verify", "-", "--batch", "3", stdin=text)
    again = parse(expanded(parse(text).graph()))

    assert verified.code == 0, verified.out
    assert again.count().totals == parse(text).count().totals
    assert run("verify", "-", stdin=expanded(parse(text).graph())).code == 0
    assert run("explain", "-", stdin=text).code == 0
    assert run("field", "-", stdin=text).code == 0
    assert run("conventions", "-", stdin=text).code == 0
    assert run("table", "-", stdin=text).code == 0


def test_two_mixtures_in_a_group_have_groups_of_their_own() -> None:
    text = """
input: {length: 5, channels: 4}
layers:
  - experts: {mixture: 2, active: 1, router: linear 2, layers: linear 4}
  - experts: {mixture: 3, active: 2, router: linear 3, layers: linear 4}
"""
    paths = [row.path for row in parse(text).count().rows]

    assert paths == [
        "experts/router", "experts/layers", "experts",
        "experts_2/router", "experts_2/layers", "experts_2",
    ]  # fmt: skip


def test_memory_stores_all_and_reads_what_is_chosen() -> None:
    """All experts are stored; a single token reads the weights of its two, many tokens those of all four."""
    graph = parse(SMALL).graph()
    one = parse(SMALL).graph(length=1)
    each = 5 * 6 + 5

    weights = {line.name: line.elements for line in memory(graph).lines}["weights"]
    traffic = {work.layer.path: work.traffic for work in memory(one).work}
    more = {work.layer.path: work.traffic for work in memory(graph, Plan(batch=2)).work}

    assert weights == looped(4, 2, 5, 7)["params"]
    assert traffic["moe/layers/up"] == 4 * (2 * each + 6 + 2 * 5)
    assert more["moe/layers/up"] == 4 * (4 * each + 2 * 7 * (6 + 2 * 5))


def test_settings_reach_inside() -> None:
    """Attributes of the mixture and of what its experts do, by path."""
    model = parse(SMALL)

    assert model.count([change("moe.active=3")]).totals.macs == looped(4, 3, 5, 7)["macs"]
    assert model.count([change("moe/layers/**.bias=false")]).totals.params == (
        looped(4, 2, 5, 7)["params"] - 4 * (5 + 5 + 6)
    )


def test_shared_and_frozen() -> None:
    """A mixture that shares another's weights has none of its own; a frozen one is not trained."""
    text = """
input: {length: 5, channels: 4}
layers:
  - a: {experts: {mixture: 3, active: 2, router: linear 3, layers: [linear 8, relu, linear 4]}}
  - b: {experts: {mixture: 3, active: 1, share: a, router: linear 3, layers: [linear 8, relu, linear 4]}}
  - c: {experts: {mixture: 2, active: 1, frozen: true, router: linear 2, layers: linear 4}}
"""
    report = parse(text).count()
    own = 3 * 5 + 3 * (8 * 5 + 4 * 9)

    assert report.totals.params == own + 2 * 5 + 2 * 4 * 5
    assert report.totals.trainable == own
    assert report.totals.macs == 5 * (2 * 12 + 8 + (2 + 1) * 64 + 16)


def test_explained(run: Run) -> None:
    """The equations name both numbers of experts."""
    out = run("explain", "-", "moe/layers/up", "--quantity", "params,active_params,macs", stdin=SMALL).out

    assert "params        = (C_in + 1)*C_out*mixture = (6 + 1)*5*4 = 140" in out
    assert "active_params = (C_in + 1)*C_out*active = (6 + 1)*5*2 = 70" in out
    assert "macs          = (L*C_out*active) * C_in = (7*5*2) * 6 = 420" in out


def test_said_below_the_table(run: Run) -> None:
    """What a token meets is said where it is less than all, and only there."""
    assert looped(4, 2, 5, 7)["active_params"] == 257
    assert "; 257 active for one token\n" in run("count", "-", stdin=SMALL).out
    assert "active for one token" not in run("count", "resnet-50").out


def test_json(run: Run) -> None:
    """The quantity is in totals and layers, and a layer of experts says which scores choose them."""
    document = json.loads(run("count", "-", "--format", "json", stdin=SMALL).out)
    layers = {layer["path"]: layer for layer in document["layers"]}

    assert document["totals"]["active_params"] == 257
    assert layers["moe/layers/up"]["active_params"] == 70
    assert layers["moe/layers/up"]["weights"] == {"weight": [4, 5, 6], "bias": [4, 5]}
    assert layers["moe/layers/up"]["experts"] == {"mixture": 4, "active": 2, "router": "moe/router"}
    assert "experts" not in layers["head"]


def test_claimed_solved_and_compared(run: Run) -> None:
    """Claims, `solve`, `sweep` and `compare` know the quantity."""
    claims = (
        f"{SMALL}claims:\n  small: [{{active_params: 257}}, {{active_params: 70, layer: moe/layers/up}}]\n"
    )
    solved = run("solve", "-", "--vary", "stored", "--until", "active_params <= 500", stdin=SMALL).out
    swept = run("sweep", "-", "active=1:3", "--quantity", "active_params", "--format", "csv", stdin=SMALL).out
    difference = compare(parse(SMALL), parse(SMALL.replace("active: 2", "active: 3")))

    assert run("check", "-", stdin=claims).code == 0
    assert (
        "stored = 44\n" in solved or " 44 " in solved
    )  # 233 besides the router, which has 6 for each expert
    assert swept.splitlines()[1:] == ["1,151", "2,257", "3,363"]
    assert [totals.active_params for totals in difference.totals] == [257, 363]


def test_what_a_knob_cannot_break() -> None:
    """A setting that makes more experts active than stored is refused, and the setting is named."""
    with pytest.raises(SpecError, match="more experts are active than stored"):
        parse(SMALL).count(active=5)


def test_drawn_weights_keep_numbers_at_unit_size() -> None:
    """Each expert has weights that suit what enters it, however many there are."""
    graph = parse(SMALL).graph(length=200, hidden=300)
    up = run_graph(graph, activations=["moe/layers/up"])["moe/layers/up"]

    assert 0.5 < up.std() < 2


def test_other_names(run: Run) -> None:
    """What others call it is answered."""
    err = run("count", "-", stdin="input: 8\nlayers: [moe 8 2]\n").err

    assert "experts, with mixture, active, router and layers below it" in err
