"""One more token after others: what it costs, what the caches hold, and that it comes out right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paramcalc import ops
from paramcalc.base.errors import SpecError
from paramcalc.engine import plugins
from paramcalc.engine.decode import decoded
from paramcalc.engine.settings import Decode
from paramcalc.memory.memory import Plan, memory
from paramcalc.model import change, load, parse
from paramcalc.ops.base import one_token
from paramcalc.verify.decode import generate, whole
from tests import calls
from tests.conftest import Run

# Every kind of layer that generates: windows, latents, positions of all kinds, states, causal convolutions.
MIXED = """
input: {length: 512}
layers:
  - embedding 50 16
  - positions 600
  - add:
      own: [rms_norm, self_attention 4 kv_heads=2 head_dim=6 qk_norm=rms causal=true window=5 rotary=4]
      skip: identity
  - add:
      own: [layer_norm, latent_attention 2 kv_rank=6 nope_dim=4 rope_dim=2 value_dim=5 causal=true]
      skip: identity
  - add: {token: identity, position: parameter length=x.length channels=channels}
  - rotary heads=2
  - cumsum length
  - lstm 12 num_layers=2 projection=8
  - channels_first
  - conv1d 6 3 dilation=2 padding=(4, 0)
  - channels_last
  - self_attention 2 qk_norm=layer value_dim=4 causal=true position_bias=8
  - outputs: gru 5
  - gru 4 last=true
  - linear 3
"""
SEQUENCES = """
inputs: {source: {length: 9, channels: 4}, target: {length: 12}}
outputs: [logits, last]
layers:
  - encoder: self_attention 2 from source
  - first: lstm 8 last=true from source
  - words: embedding 20 8 from target
  - decoder: 2 * layer from x encoder
  - state: gru 8 from decoder first
  - logits: linear 20
  - last: slice length 11 from logits
blocks:
  layer from x memory:
    - add: {own: [layer_norm, self_attention 2 causal=true], skip: identity}
    - add: {other: cross_attention 2 qk_norm=rms value_dim=3 from x memory, skip: identity}
"""
MAMBA = """
input: {length: 64}
layers:
  - embedding 20 4
  - add: {mamba: mamba 8 3, skip: identity}
  - linear 20
blocks:
  mamba inner state:
    - entry: rms_norm
    - gate: linear inner bias=false, silu
    - linear inner bias=false from entry
    - channels_first, conv1d inner 4 groups=inner padding=(3, 0), channels_last
    - tokens: silu
    - delta: linear inner, softplus
    - b: linear state bias=false from tokens
    - c: linear state bias=false from tokens
    - scan: selective_scan from tokens delta b c
    - multiply from scan gate
    - linear 4 bias=false
"""
CONTEXT = """
inputs: {source: {length: 9, channels: 4}, target: {length: 12, channels: 4}}
layers:
  - encoder: linear 4 from source
  - state: gru 4 last=true from target
  - mixed: add from encoder state
  - tanh, linear 1
  - softmax length
  - multiply from x encoder
  - global_avg_pool
"""
VIDEO = """
input: {length: 7, channels: 2, height: 5, width: 6}
layers:
  - conv_lstm2d 3 3 padding=same
  - conv_lstm2d 2 2 last=true
  - relu
  - conv2d 1 1
"""


def step(text: str, decode: int | str) -> dict[str, int]:
    """The multiply-accumulates of each layer that has any, by path."""
    return {row.path: row.macs for row in parse(text).count(decode=decode).rows if row.macs}


def test_llama() -> None:
    """Llama 2 7B at 4,095 cached tokens: one for each weight, and the products with all of them."""
    weights = 6_738_415_616 - 32_000 * 4_096 - 65 * 4_096  # without the table and the norms
    products = 32 * 2 * 4_096 * 4_096  # layers, QK^T and AV, tokens with the new one, channels

    assert load("llama2-7b").count(decode=4_095).macs == weights + products == 7_680_819_200


def test_all_rules_by_hand() -> None:
    """Each layer of a network after 100 tokens; the position of the token is in a table of 512."""
    assert step(MIXED, 100) == {
        # query, key, value, out; 5 positions of the window, 4 heads that compare 6 and sum 6
        "add/own/self_attention": 16 * (24 + 12 + 12 + 24) + 5 * 4 * 12,
        # q, kv_a, kv_b once for queries and sums, o; 101 latents, 2 heads that compare 6 + 2 and sum 6
        "add_2/own/latent_attention": 16 * 12 + 16 * 8 + 6 * 18 + 10 * 16 + 101 * 2 * 14,
        # 4 gates that read 16 and 8, then 8 and 8; each projected to 8
        "lstm": 4 * 12 * (16 + 8) + 12 * 8 + 4 * 12 * (8 + 8) + 12 * 8,
        "conv1d": 6 * 8 * 3,
        "self_attention": 6 * (6 + 6 + 8 + 8) + 101 * 2 * (3 + 4),
        "outputs": 3 * 5 * (6 + 5),
        "gru": 3 * 4 * (5 + 4),
        "linear": 12,
    }


def test_what_was_there_before_does_nothing() -> None:
    """Encoder and first state take no work; keys and values of the memory are there; the rest is one token."""
    assert step(SEQUENCES, "target=5") == {
        "decoder/0/own/self_attention": 4 * 64 + 6 * 2 * 8,
        # query and out; 9 positions, 2 heads that compare 4 and sum 3
        "decoder/0/other": 64 + 8 * 6 + 9 * 2 * 7,
        "decoder/1/own/self_attention": 4 * 64 + 6 * 2 * 8,
        "decoder/1/other": 64 + 8 * 6 + 9 * 2 * 7,
        "state": 3 * 8 * 16,
        "logits": 160,
    }
    whole_network, one = parse(SEQUENCES).count(), parse(SEQUENCES).count(decode="target=5")
    assert one.params == whole_network.params
    assert [row.counts.activations for row in one.rows if row.path in ("encoder", "first")] == [0, 0]


def test_what_is_computed_anew_is_computed_whole() -> None:
    """A state that is added to every position of an encoder: all nine are computed for each token."""
    assert step(CONTEXT, "target=5") == {"state": 3 * 4 * 8, "linear": 9 * 4}


@pytest.mark.parametrize("past", [0, 1, 4, 5, 100, 511])
def test_the_closed_form_in_the_past(past: int) -> None:
    """It is what is counted, below the window and above it."""
    closed = parse(MIXED).closed(decode=7)

    for quantity in ("params", "macs", "connections", "activations"):
        counted = getattr(parse(MIXED).count(decode=past), quantity)
        assert closed.formula(quantity).at(P=past) == counted
    assert closed.formula("macs").admits(P=past)


def test_the_table_of_positions_bounds_the_past() -> None:
    assert not parse(MIXED).closed(decode=7).formula("macs").admits(P=512)
    with pytest.raises(SpecError, match="add has no position for the token"):
        parse(MIXED).count(decode=512)


def test_closed_form_in_heads_and_past() -> None:
    """Other symbols beside the past."""
    closed = load("llama2-7b").closed(["past", "layers"], decode=10)

    assert closed.formula("macs").at(P=4_095, n=32) == 7_680_819_200
    assert closed.formula("macs").at(P=0, n=1) == load("llama2-7b").count(decode=0, layers=1).macs


def cache(text: str, decode: int | str) -> dict[str, int]:
    return dict(memory(parse(text).graph(decode=decode)).cache)


@pytest.mark.parametrize(
    ("layer", "elements"),
    [
        ("self_attention 4 causal=true", {"keys and values": 11 * 2 * 16}),
        ("self_attention 4 kv_heads=1 causal=true", {"keys and values": 11 * 2 * 4}),
        ("self_attention 4 value_dim=1 causal=true", {"keys and values": 11 * (16 + 4)}),
        ("self_attention 4 causal=true window=3", {"keys and values": 3 * 2 * 16}),
        ("latent_attention 4 512 128 64 128 causal=true", {"latents": 11 * 576}),
        ("lstm 5 num_layers=2", {"states": 2 * (5 + 5)}),
        ("lstm 5 projection=3", {"states": 3 + 5}),
        ("gru 5", {"states": 5}),
        ("linear 3", {}),
    ],
)
def test_caches(layer: str, elements: dict[str, int]) -> None:
    """After 10 tokens and the new one, by hand; DeepSeek-V2-Lite's 576 elements for each token."""
    text = f"{{input: {{length: 64, channels: 16}}, layers: ['{layer}']}}"

    assert cache(text, 10) == elements


def test_caches_of_convolutions_and_of_a_memory() -> None:
    conv = "input: {channels: 3, length: 40}\nlayers:\n  - conv1d 4 5 dilation=3 padding=(12, 0)"

    assert cache(conv, 10) == {"inputs of convolutions": 3 * 12}
    assert cache(MAMBA, 10) == {"inputs of convolutions": 8 * 3, "states": 8 * 3}
    assert cache(VIDEO, 10) == {"states": 2 * 3 * 30 + 2 * 2 * 20}
    # 6 tokens and 9 positions of the memory in each of 2 layers, and the state
    assert cache(SEQUENCES, "target=5") == {"keys and values": 2 * (6 * 16 + 9 * 2 * 7), "states": 8}


def test_a_step_reads_its_weights_and_its_cache() -> None:
    """Bytes moved by one layer in bfloat16: token in and out, weights, keys and values."""
    graph = load("llama3-8b").graph(decode=1_000)
    work = {one.layer.path: one for one in memory(graph, Plan(dtype="bfloat16", weights="bfloat16")).work}
    attention = work["decoders/0/attention/self_attention"]

    assert attention.traffic == 2 * (2 * 4_096 + 4_096 * (4_096 + 1_024 + 1_024 + 4_096) + 1_001 * 2 * 1_024)


@pytest.mark.parametrize(
    ("text", "decode"),
    [
        (MIXED, Decode(13)),
        (MIXED, Decode(0)),
        (MIXED.replace("value_dim=5", "value_dim=5 absorbed=false"), Decode(13)),
        (SEQUENCES, Decode(11, "target")),
        (VIDEO, Decode(6)),
        (MAMBA, Decode(9)),
        (CONTEXT, Decode(5, "target")),
    ],
)
def test_token_by_token_gives_what_all_at_once_give(text: str, decode: Decode) -> None:
    """Outputs of every token, and what each layer of the last did, are as counted."""
    model = parse(text)
    graph = model.graph(inputs=whole(model.graph(), decode))
    run = generate(graph, decode)

    assert run.disagreements == ()
    assert run.agrees
    assert run.apart < 1e-5
    assert run.macs == model.count((decode,), whole(model.graph(), decode)).macs


CARELESS = '''
from __future__ import annotations
from dataclasses import dataclass
from paramcalc.ops.base import Elementwise, Example

@dataclass(frozen=True)
class Before(Elementwise):
    """The token before, without a cache: a step does not have it."""
    examples = (Example("before", ("{length: 3, channels: 2}",), "3x2"),)

    def forward(self, tools, x):
        return tools.concatenate([0 * x[:, :1], x[:, :-1]], 1)
'''


def test_a_wrong_step_is_noticed(tmp_path: Path) -> None:
    """An op that says that it looks at one position, and looks at another."""
    (tmp_path / "before.py").write_text(CARELESS)
    plugins.load(tmp_path / "before.py")
    text = "{input: {length: 4, channels: 2}, layers: [before, linear 3]}"

    run = generate(parse(text).graph(), Decode(3))

    found = [(one.layer, one.what) for one in run.disagreements]
    assert found == [("linear", f"token {number}") for number in (2, 3, 4)]


SEQUENTIAL = [
    (example.call, example.inputs)
    for kind in ops.every().values()
    for example in kind.examples
    if any("length" in calls.shape(text).axes for text in example.inputs)
]


@pytest.mark.parametrize(("call", "inputs"), SEQUENTIAL, ids=[call for call, _ in SEQUENTIAL])
def test_a_step_has_the_weights_of_its_layer(call: str, inputs: tuple[str, ...]) -> None:
    """Of every op that goes on by one token: its step has the same weights, and no more work than all tokens."""
    graph = calls.alone(call, *inputs)
    name = next(name for name, shape in graph.inputs.items() if "length" in shape.axes)
    try:
        step = decoded(graph, Decode(graph.inputs[name].size("length") - 1, name))
    except SpecError:
        return  # of which kinds: test_layers_that_cannot_go_on

    (before,), (after,) = graph.layers, step.layers
    assert after.applied.weights == before.applied.weights
    assert after.applied.buffers == before.applied.buffers
    assert after.output == one_token(before.output)
    if "absorbed" not in str(after.op):
        assert after.applied.cost.macs <= before.applied.cost.macs


@pytest.mark.parametrize(
    ("absorbed", "macs"),
    [
        # by hand, as of one token after 3: 8*2*5 + 8*6 + 8*2*5 for q, kv_a and o; then either kv_b in the query and the
        # sum, 2*4*(3 + 5), and 2 heads * 4 tokens * (4 + 2 + 4), or kv_b on 4 latents, 4*64, and 2*4*(3 + 2 + 5)
        ("", 80 + 48 + 80 + 64 + 80),
        (" absorbed=true", 80 + 48 + 80 + 64 + 80),
        (" absorbed=false", 80 + 48 + 80 + 256 + 80),
    ],
)
def test_latents_expanded_again(absorbed: str, macs: int) -> None:
    """`absorbed` decides how a step is computed, from the spec and from outside."""
    line = "latent_attention 2 4 3 2 5 causal=true"
    text = f"{{input: {{length: 4, channels: 8}}, layers: [{line}{absorbed}]}}"
    plain = f"{{input: {{length: 4, channels: 8}}, layers: [a: {line}]}}"

    assert parse(text).count(decode=3).totals.macs == macs
    if absorbed:
        assert parse(plain).count([change(f"a.{absorbed.strip()}")], decode=3).totals.macs == macs


def test_caches_are_a_quantity(run: Run) -> None:
    """Mixtral keeps keys and values of 8 heads of 128 channels in 32 layers: 65,536 elements a token."""
    counted = load("mixtral-8x7b").count(decode=4095)
    form = run("formula", "mixtral-8x7b", "--decode", "4095", "--in", "past", "--quantity", "memory,cache")
    alone = run("formula", "mixtral-8x7b", "--decode", "4095", "--in", "past", "--quantity", "memory")
    said = run("count", "mixtral-8x7b", "--decode", "4095")

    assert counted.totals.cache == 4_096 * 65_536 == memory(counted.graph).cached
    assert load("mixtral-8x7b").count().totals.cache == 0
    assert "cache  = 65536 P + 65536\n" in form.out
    assert "memory: params and outputs; the quantity cache counts the caches\n" in alone.out
    assert "caches: 268,435,456 elements, 1,073,741,824 bytes as float32\n" in said.out


def test_positions_keep_their_table() -> None:
    text = "{input: {length: 64, channels: 4}, layers: [positions, self_attention 2 causal=true]}"

    assert parse(text).count(decode=63).rows[0].params == 256
    with pytest.raises(SpecError, match="the input is longer than the table"):
        parse(text).count(decode=64)


def wrong(layers: str, sizes: str = "{length: 8, channels: 4}") -> str:
    with pytest.raises(SpecError) as error:
        parse(f"input: {sizes}\nlayers:\n  - {layers}\n").count(decode=4)
    return str(error.value)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("self_attention 2", "each token sees the later ones"),
        ("latent_attention 2 4 2 2 2", "each token sees the later ones"),
        ("lstm 3 bidirectional=true", "it reads the sequence backwards as well"),
        ("global_avg_pool", "it reads other positions of the length"),
        ("flatten", "it reads other positions of the length"),
        ("slice length 0 1", "it reads other positions of the length"),
        ("class_token", "it reads other positions of the length"),
        ("softmax length", "it reads other positions of the length"),
        ("window_attention 2 2", "needs height x width x channels"),
        ("cross_attention 2 from x x", "it reads other positions of the length"),
        ("channels_first, conv1d 3 3 padding=1", "it is not causal"),
        ("channels_first, conv1d 3 3 padding=(2, 0) stride=2", "it is not causal"),
        ("channels_first, conv1d 3 3 padding=(2, 0) padding_mode=replicate", "it is not causal"),
        ("channels_first, max_pool1d 3", "it reads other positions of the length"),
        ("channels_first, group_norm 2", "it reads other positions of the length"),
    ],
)
def test_layers_that_cannot_go_on(layers: str, said: str) -> None:
    """Each is said at its place."""
    assert said in wrong(layers)
    assert "<text>:3:" in wrong(layers)


def test_every_layer_is_said_once() -> None:
    """All that are wrong, in one run; a layer in a repeat once."""
    text = (
        "input: {length: 8, channels: 4}\nlayers:\n  - 3 * self_attention 2\n  - gru 4 bidirectional=true\n"
    )
    with pytest.raises(SpecError) as error:
        parse(text).count(decode=4)

    assert len(error.value.problems) == 2


TOKENS = "{input: {length: 8, channels: 4}, layers: [self_attention 2 causal=true]}"


def test_count(run: Run) -> None:
    """The title and a note say what the numbers are of."""
    done = run("count", "-", "--decode", "1,000", "--format", "json", stdin=TOKENS)
    table = run("count", "-", "--decode", "1000", stdin=TOKENS)

    assert json.loads(done.out)["settings"] == ["decode=1000"]
    assert json.loads(done.out)["totals"]["macs"] == 4 * 16 + 2 * 1_001 * 4
    assert "<stdin>, decode=1000" in table.out
    assert "decode=1000: the work of one more token, with 1000 before it in the caches" in table.out


def test_other_commands(run: Run) -> None:
    """Both networks of a comparison take a step; what is solved for is one as well; explain shows a step's sizes."""
    compared = run("compare", "llama2-7b", "llama3-8b", "--decode", "4095", "--rows", "--format", "csv")
    solved = run(
        "solve", "llama2-7b", "--vary", "layers", "--decode", "4095", "--until", "macs <= 7680819200"
    )
    explained = run("explain", "-", "--decode", "9", stdin=TOKENS)

    assert "7680819200" in compared.out
    assert str(load("llama3-8b").count(decode=4_095).macs) in compared.out
    assert "32   7,680,819,200" in solved.out
    assert "past" in explained.out


def test_rows(run: Run, tmp_path: Path) -> None:
    """A note says what the rows are of; a network of a folder that has no tokens is named, the others counted."""
    (tmp_path / "tokens.yaml").write_text(TOKENS)
    (tmp_path / "image.yaml").write_text("{input: 3x8x8, layers: [conv2d 4 3]}")

    done = run("count", str(tmp_path), "--decode", "9")

    assert done.code == 2
    assert "tokens" in done.out
    assert "decode=9: the work of one more token, with 9 before it in the caches" in done.out
    assert "image" in done.err.splitlines()[0]
    assert "one more token needs an input with a length" in done.err


def test_memory_lists_caches(run: Run) -> None:
    mixed = json.loads(run("memory", "-", "--decode", "9", "--format", "json", stdin=MIXED).out)

    assert mixed["cache"] == {
        "keys and values": 5 * 2 * 12 + 10 * 2 * (3 + 4),
        "latents": 10 * 8,
        "states": 2 * (8 + 12) + 5 + 4 + 16,  # the last is a running sum
        "inputs of convolutions": 4 * 8,
    }
    assert mixed["cached"] == sum(mixed["cache"].values())


def test_verify(run: Run) -> None:
    done = run("verify", "-", "--decode", "12", "--no-times", stdin=MIXED)

    assert done.code == 0, done.err
    assert "decode=12" in done.out
    assert "outputs differ from those of all 13 tokens at once by" in done.out


@pytest.mark.parametrize(
    ("arguments", "spec", "said"),
    [
        (("count", "-", "--decode", "many"), TOKENS, "'many' is not a number of tokens"),
        (("count", "-", "--decode", "-1"), TOKENS, "'-1' is not a number of tokens"),
        (("count", "-", "--decode", "=4"), TOKENS, "'=4' is not a number of tokens"),
        (("count", "-", "--decode", "5"), SEQUENCES, "write --decode target=5"),
        (("count", "-", "--decode", "words=5"), SEQUENCES, "there is no input 'words' to decode"),
        (("count", "lenet5-1998", "--decode", "5"), "", "one more token needs an input with a length"),
        (("memory", "-", "--decode", "5", "--train", "adam"), TOKENS, "training computes all tokens at once"),
        (
            ("verify", "-", "--decode", "5", "--save-output", "y.npy"),
            TOKENS,
            "--decode compares tokens one by one",
        ),
        (("compare", "llama2-7b", "--decode", "5"), "", "a comparison needs two networks"),
    ],
)
def test_refusals(run: Run, arguments: tuple[str, ...], spec: str, said: str) -> None:
    done = run(*arguments, stdin=spec)

    assert done.code == 2
    assert said in done.err
