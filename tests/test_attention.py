"""Attention by nested loops over its definition, for attributes in any combination."""

from __future__ import annotations

from functools import cache
from math import cos, exp, inf, log, sin, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc.count.report import count
from paramcalc.memory.memory import memory
from paramcalc.model import parse
from paramcalc.ops.base import Op
from paramcalc.show.expanded import expanded
from paramcalc.symbolic import Closed
from paramcalc.verify.tools import Tools
from tests import calls
from tests.attention_networks import DEEPSEEK_V2_LITE, MISTRAL_7B, PUBLISHED, T5_SMALL
from tests.written import graph

BATCH = 2


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes of self_attention that fit together."""
    kv_heads = draw(st.integers(1, 2))
    heads = kv_heads * draw(st.integers(1, 2))
    head_dim = 2 * draw(st.integers(1, 2))
    found: dict[str, Any] = {"heads": heads, "head_dim": head_dim, "kv_heads": kv_heads}
    found["value_dim"] = draw(st.sampled_from(["none", 1, 3]))
    found["causal"] = draw(st.booleans())
    found["position_bias"] = draw(st.sampled_from(["none", 4, 7]))
    found["rotary"] = draw(st.sampled_from([False, True, 2]))
    found["qk_norm"] = draw(st.sampled_from(["none", "rms", "layer", "rms_all"]))
    found["bias"], found["key_bias"] = draw(st.booleans()), draw(st.booleans())
    if found["causal"]:
        found["window"] = draw(st.sampled_from(["none", 1, 2, 4, 9]))
        found["past"] = draw(st.integers(0, 4))
    return found


def call(values: dict[str, Any]) -> str:
    named = (f"{name}={str(value).lower()}" for name, value in values.items() if name != "heads")
    return " ".join(["self_attention", str(values["heads"]), *named])


def drawn(op: Op, length: int, channels: int) -> tuple[Any, dict[str, Any]]:
    random = np.random.default_rng(length)
    weights = op.weights(calls.shape(f"{{length: {length}, channels: {channels}}}"))
    arrays = {name: random.normal(size=dims) for name, dims in weights.items()}
    return random.normal(size=(BATCH, length, channels)), arrays


def run(op: Op, x: Any, weights: dict[str, Any], cache: dict[str, Any] | None = None) -> Any:
    """The op's output; its multiplications are those that it counts."""
    tools, shape = Tools(), calls.shape(f"{{length: {x.shape[1]}, channels: {x.shape[2]}}}")
    tools.cache = cache
    y = tools.apply(op, [shape], [x], weights)
    assert tools.multiplications == len(x) * op.cost(shape).macs
    return y


def by_loops(values: dict[str, Any], x: Any, weights: dict[str, Any]) -> Any:
    """One sample, length x channels, without cached tokens."""
    heads, groups, dim = values["heads"], values["kv_heads"], values["head_dim"]
    rows = {name: [project(weights, name, token) for token in x] for name in ("query", "key", "value")}
    if values["qk_norm"] == "rms_all":
        for name in ("query", "key"):
            rows[name] = [over_all(row, weights[f"{name}_norm"]) for row in rows[name]]
    wide = len(rows["value"][0]) // groups
    out = []
    for place in range(len(x)):
        mixed: list[float] = []
        for head in range(heads):
            group = head // (heads // groups)
            query = prepared(values, weights, "query", rows["query"][place][head * dim :][:dim], place)
            scores = []
            for other in range(len(x)):
                key = prepared(values, weights, "key", rows["key"][other][group * dim :][:dim], other)
                score = sum(a * b for a, b in zip(query, key, strict=True)) / sqrt(dim)
                scores.append(score + bias(values, weights, head, other - place))
            shares = [exp(score) for score in scores]
            value = [rows["value"][other][group * wide :][:wide] for other in range(len(x))]
            mixed += [
                sum(share * one[channel] for share, one in zip(shares, value, strict=True)) / sum(shares)
                for channel in range(wide)
            ]
        out.append(project(weights, "out", mixed))
    return np.array(out)


def project(weights: dict[str, Any], name: str, token: Any) -> list[float]:
    found = [sum(w * v for w, v in zip(row, token, strict=True)) for row in weights[name]]
    return [a + b for a, b in zip(found, weights.get(f"{name}_bias", [0.0] * len(found)), strict=True)]


def over_all(row: list[float], scale: Any) -> list[float]:
    """The queries or keys of all heads of a position, normalized at once."""
    root = sqrt(sum(one**2 for one in row) / len(row) + 2.0**-52)
    return [one / root * w for one, w in zip(row, scale, strict=True)]


def prepared(
    values: dict[str, Any], weights: dict[str, Any], name: str, vector: list[float], place: int
) -> list[float]:
    """A query or key of one head, normalized and turned."""
    if values["qk_norm"] in ("rms", "layer"):
        layer = values["qk_norm"] == "layer"
        mean = sum(vector) / len(vector) if layer else 0.0
        power = sum((one - mean) ** 2 for one in vector) / len(vector)
        root = sqrt(power + (1e-5 if layer else 2.0**-52))
        vector = [(one - mean) / root * w for one, w in zip(vector, weights[f"{name}_norm"], strict=True)]
        if layer:
            vector = [one + b for one, b in zip(vector, weights[f"{name}_norm_bias"], strict=True)]
    rotary = {True: len(vector), False: 0}.get(values["rotary"], values["rotary"])
    turned = list(vector)
    for first in range(rotary // 2):
        angle, second = place / 10_000 ** (2 * first / rotary), first + rotary // 2
        turned[first] = vector[first] * cos(angle) - vector[second] * sin(angle)
        turned[second] = vector[second] * cos(angle) + vector[first] * sin(angle)
    return turned


def bias(values: dict[str, Any], weights: dict[str, Any], head: int, distance: int) -> float:
    """What is added to the score of a key so many positions after the query."""
    if values["causal"] and (distance > 0 or (values["window"] != "none" and distance <= -values["window"])):
        return -inf
    buckets = values["position_bias"]
    if buckets == "none":
        return 0.0
    start = 0
    if not values["causal"]:
        buckets //= 2
        start = buckets * (distance > 0)
    back, near = abs(distance), buckets // 2
    if back >= near:  # from T5: logarithmic up to 128
        back = min(near + int(log(back / near) / log(128 / near) * (buckets - near)), buckets - 1)
    return float(weights["position_bias"][start + back, head])


@given(attributes(), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_by_nested_loops(values: dict[str, Any], length: int) -> None:
    """Any combination gives what the definition gives, all tokens at once or some after others."""
    past = values.get("past", 0)
    x, weights = drawn(calls.call(call(values)), past + length, 6)
    expected = np.array([by_loops(values, one, weights) for one in x])
    cache: dict[str, Any] = {}

    np.testing.assert_allclose(run(calls.call(call(values | {"past": 0})), x, weights), expected, atol=1e-9)
    if past:
        run(calls.call(call(values | {"past": 0})), x[:, :past], weights, cache)
        got = run(calls.call(call(values)), x[:, past:], weights, cache)
        np.testing.assert_allclose(got, expected[:, past:], atol=1e-9)


def test_t5_shares_the_first_distances() -> None:
    """Layers of their own, one table of distances; the canonical form says the same."""
    text = """
        input: {length: 16, channels: 8}
        layers:
          - first: self_attention 2 bias=false position_bias=4
          - second: self_attention 2 bias=false position_bias=4 share=first.position_bias
          - third: {self_attention: {heads: 2, bias: false, position_bias: 4, share: second.position_bias}}
    """
    network = graph(text)

    assert [dict(layer.shared) for layer in network.layers] == [
        {},
        {"position_bias": "first"},
        {"position_bias": "first"},
    ]
    assert [layer.again for layer in network.layers] == ["", "", ""]
    assert count(network).params == 3 * 4 * 64 + 4 * 2
    assert "share: first.position_bias" in expanded(network)
    again = graph(expanded(network))
    assert [dict(layer.shared) for layer in again.layers] == [dict(layer.shared) for layer in network.layers]


CLOSED = """
input: {length: length, channels: heads*dim}
knobs: {length: 24, heads: 4, dim: 6, groups: 2, window: 8, rank: 5, mixed: 3}
layers:
  - self_attention heads kv_heads=groups causal=true window=window rotary=true qk_norm=layer
  - self_attention heads value_dim=mixed position_bias=8 key_bias=false
  - latent_attention heads kv_rank=rank nope_dim=dim rope_dim=4 value_dim=mixed q_rank=rank causal=true
  - rotary heads=heads
"""


@cache
def closed() -> Closed:
    return parse(CLOSED).closed(["length=L", "heads=h", "groups=g", "window=w", "rank=r"])


@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 4), st.integers(1, 50), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_closed_forms(length: int, times: int, groups: int, window: int, rank: int) -> None:
    """In the length and the heads, in groups, windows and ranks: what is counted, on both sides of the window."""
    point = {"length": length, "heads": times * groups, "groups": groups, "window": window, "rank": rank}
    counted = parse(CLOSED).count(**point)
    values = dict(zip("Lhgwr", point.values(), strict=True))

    for quantity in ("params", "macs", "connections", "biases", "kernels"):
        formula = closed().formula(quantity)
        assert formula.admits(**values)
        assert formula.at(**values) == getattr(counted, quantity)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_totals(name: str) -> None:
    """The parameters that their authors' checkpoints have."""
    text, params = PUBLISHED[name]

    assert parse(text).count().params == params


def test_one_more_token_of_mistral() -> None:
    """After 8,191 tokens: each matrix once, and 4,096 keys and values of the window in each of 32 layers."""
    matrices = 7_241_732_096 - 32_000 * 4_096 - 65 * 4_096

    assert parse(MISTRAL_7B).count(decode=8_191).macs == matrices + 32 * 2 * 4_096 * 4_096
    assert memory(parse(MISTRAL_7B).graph(decode=8_191)).cache == {"keys and values": 32 * 4_096 * 2 * 1_024}


def test_one_more_token_of_deepseek() -> None:
    """After 4,095 tokens: 6 of 64 experts, and products with latents of 512 + 64; 576 elements a token and layer."""
    idle = 26 * (64 - 6) * 3 * 2_048 * 1_408
    norms = 27 * (2 * 2_048 + 512) + 2_048
    matrices = 15_706_484_224 - 102_400 * 2_048 - norms - idle
    products = 27 * 4_096 * 16 * (512 + 64 + 512)

    assert parse(DEEPSEEK_V2_LITE).count(decode=4_095).macs == matrices + products
    assert memory(parse(DEEPSEEK_V2_LITE).graph(decode=4_095)).cache == {"latents": 27 * 4_096 * 576}


def test_one_more_token_of_t5() -> None:
    """After 100 tokens: six layers without the projections of the memory, whose 512 positions are read."""
    layer = 4 * 512 * 512 + 101 * 2 * 512 + 2 * 512 * 512 + 512 * 2 * 512 + 2 * 512 * 2_048

    assert parse(T5_SMALL).count(decode="target=100").macs == 6 * layer + 512 * 32_128


@pytest.mark.parametrize(
    ("line", "inner"),
    [
        # 3 tokens of 2 heads: 3 + 2 channels compared and 5 summed; latents of 4 + 2
        (
            "latent_attention 2 4 3 2 5",
            {"queries": 30, "scores": 18, "latents": 18, "keys": 30, "values": 30, "weighted": 30},
        ),
        (
            "latent_attention 2 4 3 2 5 absorbed=true",
            {"queries": 30, "scores": 18, "latents": 18, "absorbed": 24, "summed": 24, "weighted": 30},
        ),
        # keys and values of 2 and 3 channels in one group; two positions of the window
        (
            "self_attention 4 kv_heads=1 value_dim=3 causal=true window=2",
            {"queries": 24, "keys": 6, "values": 9, "scores": 24, "weighted": 36},
        ),
    ],
)
def test_what_is_computed_on_the_way(line: str, inner: dict[str, int]) -> None:
    """By hand, for 3 tokens of 8 channels."""
    assert calls.call(line).inner(calls.shape("{length: 3, channels: 8}")) == inner
