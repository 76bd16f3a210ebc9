"""The spec language, construct by construct: what is legal beside what is not, and what it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc.base.errors import Fault, SpecError
from paramcalc.count.report import count
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.lint import remarks
from paramcalc.language.unread import unread
from paramcalc.language.values import FUNCTIONS
from tests.written import calls, edges, graph, paths, spec, wrong

IMAGE = "input: 3x8x8\nlayers:\n"


def on_image(*lines: str) -> str:
    """A spec whose layers are these lines, on an image of 3x8x8."""
    return IMAGE + "".join(f"  {line}\n" for line in lines)


TWO_THINGS = "'N * call' must be alone on its line: with more calls it would be ambiguous"
NO_INPUT = "an input is its sizes separated by x, channels first, or its axes by name"
INDEX = "'index' names the number of the round: this "
DIFFERS = "the weight 'weight' cannot be shared: its shape differs"
NO_NAME = "is not a name: letters, digits and _, not a digit first"
NO_PATH = "'use' names a bundled spec, or a file NAME.yaml beside this one: no path, no ending"

# ---------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- conv2d 64 3", ["conv2d: conv2d 64 3"]),
        ("- conv2d 64 kernel_size=3", ["conv2d: conv2d 64 3"]),
        ("- conv2d 64 3, relu", ["conv2d: conv2d 64 3", "relu: relu"]),
        ("- conv2d  64   3 ,relu", ["conv2d: conv2d 64 3", "relu: relu"]),
        ("- 'conv2d 64 3, relu'", ["conv2d: conv2d 64 3", "relu: relu"]),
        ('- "conv2d 64 3"', ["conv2d: conv2d 64 3"]),
        ("- conv2d min(64*2**3, 512) 3, relu", ["conv2d: conv2d 512 3", "relu: relu"]),
        ("- conv2d 64 (1, 7)", ["conv2d: conv2d 64 1x7"]),
        ("- conv2d 64 1x7", ["conv2d: conv2d 64 1x7"]),
        ("- conv2d 64 3 stride=(2 if 1 < 2 else 1)", ["conv2d: conv2d 64 3 stride=2"]),
        ("- conv2d 64 3 stride=(2 if 1 == 2 else 1)", ["conv2d: conv2d 64 3"]),
        ("- conv2d 64 3 bias=1==2", ["conv2d: conv2d 64 3 bias=false"]),
        ("- relu from x", ["relu: relu"]),
        ("- relu from input", ["relu: relu"]),
        ("- identity, relu, from input, tanh from relu", ["relu: relu", "tanh: tanh"]),
        ("- identity, relu", ["relu: relu"]),
    ],
)
def test_line(line: str, expected: list[str]) -> None:
    """A line is calls with commas between; blanks part arguments, both outside brackets only."""
    assert calls(on_image(line)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "  - conv2d 64 3,\n    relu\n",
        "  - conv2d 64 3\n  - relu\n",
        "  - conv2d 64 3,\n\n    relu\n",
        "  [conv2d 64 3, relu]\n",
        "  conv2d 64 3, relu\n",
        "  - {conv2d: {out_channels: 64, kernel_size: 3}}\n  - {relu: {}}\n",
        "  - conv2d:\n      out_channels: 64\n      kernel_size: [3, 3]\n  - relu\n",
    ],
)
def test_one_chain_in_many_ways(text: str) -> None:
    """A line may go on below after a comma; a list, of lines or of mappings, is the same chain."""
    assert calls(IMAGE + text) == ["conv2d: conv2d 64 3", "relu: relu"]


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("- conv2d 64 3 relu", "'relu' is not defined here"),
        ("- conv2d 64 3,", "nothing after the last comma"),
        ("- conv2d 64 3,, relu", "nothing before this comma"),
        ("- conv2d 64 stride=2 3", "an argument without a name cannot follow one with a name"),
        ("- conv2d 64 64 out_channels=3", "'out_channels' is given twice"),
        ("- conv2d 64 3 stride=2 stride=1", "'stride' is given twice"),
        ("- conv2d 64 3 stride =2", "no spaces around '=' on a line"),
        ("- conv2d 64 3 from", "'from' needs the name of an earlier layer"),
        ("- from input input", "'from' alone passes on one layer"),
        (
            "- 2 * conv2d 64 3, relu",
            "'N * call' must be alone on its line: with more calls it would be ambiguous",
        ),
        (
            "- relu, 2 * conv2d 3 1",
            "'N * call' must be alone on its line: with more calls it would be ambiguous",
        ),
        ("- 64 3", "a line starts with an op or a block, not with '64'"),
        ("- conv-2d 3", "a line starts with an op or a block, not with 'conv-2d'"),
        ("- conv2d 64 [3", "'[' is never closed"),
        ("- conv2d 64 'a", "this quotation mark is not closed"),
        ("- conv2d 64 3 1 1 1 1 true zeros 3 9", "conv2d takes at most 9 arguments"),
        ("- relu 3", "relu takes no arguments"),
    ],
)
def test_line_that_is_none(line: str, fact: str) -> None:
    """What could be read in two ways, or in none, is a mistake."""
    assert wrong(on_image(line)) == fact


# ---------------------------------------------------------------------------------------- items


def test_names_over_lines_and_lists() -> None:
    """A key over a line or a list is a name, whatever it says."""
    text = on_image(
        "- relu: conv2d 4 3", "- conv2d: [relu, relu]", "- encoder: 2 * relu", "- layers: {b: relu}"
    )

    assert calls(text) == [
        "relu: conv2d 4 3",
        "conv2d/relu: relu",
        "conv2d/relu_2: relu",
        "encoder/0: relu",
        "encoder/1: relu",
        "layers/b: relu",
    ]


def test_a_key_over_a_mapping() -> None:
    """It is the call if it is an op or block, unless the mapping is an item; else a name over one item."""
    text = on_image(
        "- conv2d: {out_channels: 4, kernel_size: 3}",
        "- relu: {if: channels == 4, then: sigmoid}",
        "- tanh: {repeat: 2, layers: gelu}",
        "- name: {conv2d: {out_channels: 5, kernel_size: 1}}",
        "- outer: {inner: {relu: {}}}",
    )

    assert calls(text) == [
        "conv2d: conv2d 4 3",
        "relu: sigmoid",
        "tanh/0: gelu",
        "tanh/1: gelu",
        "name: conv2d 5 1",
        "outer/inner: relu",
    ]


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("- wish: {}", "there is no op or block 'wish'"),
        ("- wish: {from: input}", "there is no op or block 'wish'"),
        ("- wish: {alpha: 1}", "there is no op or block 'wish'"),
        ("- a: {wish: {from: input}}", "there is no op or block 'wish'"),
        ("- a: {wish: {beta: 1, from: input}}", "there is no op or block 'wish'"),
        ("- conv2d 4 3: {padding: 1}", "conv2d has arguments both on its line and below it"),
        ("- a: relu\n    b: relu", "an item has one key"),
        ("- a: {b: relu, c: relu}", "there is no op or block 'a'"),
        ("- {}", "an empty item"),
        ("- a:", "'a' is empty"),
        ("- a: ''", "'a' is empty"),
        ("- ''", "an item of the list is empty"),
        ("- [relu]", "a list inside a list"),
        ("- 3: relu", "'3' cannot be the name of a layer"),
        ("- x: relu", "'x' cannot be the name of a layer"),
        ("- channels: relu", "'channels' cannot be the name of a layer"),
        ("- identity: relu", "'identity' cannot be the name of a layer"),
        ("- a/b: relu", "'a/b' cannot be the name of a layer"),
        ("- a.b: relu", "'a.b' cannot be the name of a layer"),
        ("- conv2d 3: relu", "'conv2d 3' cannot be the name of a layer"),
        ("- relu: {a: relu}", "relu takes no arguments"),
        ("- table: relu", "'table' is a word of the language, not the name of a layer"),
        ("- auxiliary: relu", "auxiliary holds one branch with a name"),
    ],
)
def test_item_that_is_none(line: str, fact: str) -> None:
    """Nothing is empty, nothing has two keys, and no unknown op is silently a group."""
    assert wrong(on_image(line)) == fact


def test_nothing_on_purpose() -> None:
    """`identity` and `[]` pass the tensor on; neither makes a layer."""
    text = on_image("- a: identity", "- if: true\n    then: []", "- identity", "- b: []", "- relu from a")

    assert edges(text) == {"relu": ["input"]}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("conv2d 4 3 stride=2", "{conv2d: {out_channels: 4, kernel_size: 3, stride: 2}}"),
        ("conv2d 4 1x3 padding=same", "{conv2d: {out_channels: 4, kernel_size: [1, 3], padding: same}}"),
        (
            "conv2d 2*channels (k if k > 2 else 1)",
            "{conv2d: {out_channels: 2*channels, kernel_size: k if k > 2 else 1}}",
        ),
        ("unit 4", "{unit: {out: 4}}"),
        ("unit 4 k=5 from input", "{unit: {out: 4, k: 5, from: input}}"),
        ("unit frozen=true out=k", "{unit: {frozen: true, out: k}}"),
        ("kind 4 3", "{kind: {out_channels: 4, kernel_size: 3}}"),
        ("held 4", "{held: {out: 4}}"),
        ("act", "{act: {}}"),
        ("add from input input", "{add: {from: [input, input]}}"),
        ("add from input input", "{add: {from: input input}}"),
        ("conv2d 3 1 share=first", "{conv2d: {out_channels: 3, kernel_size: 1, share: first}}"),
        ("conv2d 3 1 share=rounds[0]", "{conv2d: {out_channels: 3, kernel_size: 1, share: 'rounds[0]'}}"),
        ("relu from rounds[k-2]", "{relu: {from: 'rounds[k-2]'}}"),
    ],
)
def test_canonical_form_means_the_same(short: str, long: str) -> None:
    """A call on a line and as a mapping give the same layers, also when a knob holds the head."""
    text = """
        input: 3x8x8
        outputs: [last]
        knobs: {k: 3, kind: conv2d, held: unit, act: relu}
        blocks:
          unit out k=3: conv2d out k, relu
        layers:
          - first: conv2d 3 1
          - rounds: 2 * conv2d 3 1
          - last: identity
          - auxiliary:
              here:
                - FORM
                - tanh
    """
    one, two = (graph(text.replace("FORM", form)) for form in (short, long))

    assert len(one.layers) >= 5
    assert [layer[:6] for layer in one.layers] == [layer[:6] for layer in two.layers]


# ---------------------------------------------------------------------------------------- joins


def test_joins_in_all_forms() -> None:
    """Branches below the call, below `inputs` beside attributes, or layers that `from` names."""
    forms = [
        "concat axis=height: {a: relu, b: identity}",
        "concat: {axis: height, inputs: {a: relu, b: identity}}",
        "concat axis=height: {inputs: {a: relu, b: identity}}",
    ]

    for form in forms:
        assert edges(on_image(f"- {form}")) == {"a": ["input"], "concat": ["a", "input"]}
        assert calls(on_image(f"- {form}"))[1] == "concat: concat axis=height"
    for form in ("add from a input", "{add: {from: [a, input]}}", "{add: {from: a input}}"):
        assert edges(on_image("- a: relu", f"- {form}"))["add"] == ["a", "input"]


def test_branches_of_named_and_unnamed_joins() -> None:
    """Branches hang in the group around an unnamed join, and under a named one, which is the join itself."""
    text = on_image(
        "- add: {main: [conv2d 3 1, relu], skip: identity}",
        "- gate:\n      add: {main: conv2d 3 1, skip: conv2d 3 1}",
        "- after: {add: {from: [gate, gate/main]}}",
    )

    assert edges(text) == {
        "main/conv2d": ["input"],
        "main/relu": ["main/conv2d"],
        "add": ["main/relu", "input"],
        "gate/main": ["add"],
        "gate/skip": ["add"],
        "gate": ["gate/main", "gate/skip"],
        "after": ["gate", "gate/main"],
    }


def test_branches_of_one_name() -> None:
    """Unnamed joins of one group that have a branch of the same name each hang it below themselves."""
    text = on_image(
        "- add: {main: conv2d 3 1, skip: identity}",
        "- add: {main: conv2d 3 1, skip: identity}",
        "- add: {other: relu, skip: identity}",
        "- add from add_2/main x",
    )

    assert edges(text) == {
        "add/main": ["input"],
        "add": ["add/main", "input"],
        "add_2/main": ["add"],
        "add_2": ["add_2/main", "add"],
        "other": ["add_2"],
        "add_3": ["other", "add_2"],
        "add_4": ["add_2/main", "add_3"],
    }
    assert [layer.named for layer in graph(text).layers] == [True, False, True, False, True, False, False]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["- if: 1 < 2", "  then: {add: {a: relu, b: elu}}", "  else: {add: {a: tanh, b: elu}}"], "a b add"),
        (["- {if: 1 < 2, then: [{add: {a: relu, b: elu}}]}", "- add: {a: relu, c: elu}"],
         "add/a add/b add add_2/a add_2/c add_2"),
        (["- g: {repeat: 1, layers: [{add: {a: relu, b: elu}}]}", "- add: {a: relu, c: elu}"],
         "g/0/a g/0/b g/0 a c add"),
        (["- add: {a: relu, skip: identity}", "- add: {b: relu, skip: identity}"], "a add b add_2"),
    ],
)  # fmt: skip
def test_branches_that_may_meet(lines: list[str], expected: str) -> None:
    """Both parts of an `if` never meet, nor do groups; `identity` alone names no layer."""
    assert paths(on_image(*lines)) == expected.split()


def test_a_branch_may_be_an_earlier_layer() -> None:
    """`identity` in a branch is what enters the join; `from` and `identity from` are an earlier layer."""
    text = on_image("- a: relu", "- b: tanh", "- add: {x1: identity, x2: from a, x3: identity from input}")

    assert edges(text)["add"] == ["b", "a", "input"]


def test_op_with_fixed_inputs() -> None:
    """Its inputs are branches of given names, in any order, or layers in the declared order."""
    text = """
        inputs: {a: {length: 5, channels: 8}, b: {length: 7, channels: 8}}
        layers:
          - one: cross_attention 2 from a b
          - two:
              cross_attention 2: {memory: [layer_norm from b], query: layer_norm from a}
          - add from one two
    """

    assert edges(text)["one"] == ["a", "b"]
    assert edges(text)["two"] == ["two/query", "two/memory"]


def test_padding_of_one_axis() -> None:
    """Before and after the only axis: (5 + 3 + 0 - 4) + 1 positions."""
    assert graph("input: 2x5\nlayers: conv1d 4 4 padding=(3, 0)\n").layers[0].output.dims == (4, 5)
    assert calls("input: 2x5\nlayers: conv1d 4 4 padding=((3, 0),)\n") == calls(
        "input: 2x5\nlayers: conv1d 4 4 padding=(3, 0)\n"
    )


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("- add: {a: relu}", "add joins two or more branches"),
        ("- add: {}", "add joins two or more branches"),
        ("- add", "add joins two or more tensors"),
        ("- add from input", "add joins two or more tensors"),
        ("- relu from input input", "relu has one input"),
        (
            "- cross_attention 2: {a: relu, b: relu}",
            "cross_attention needs the branches query and memory, and may have value",
        ),
        ("- add: {a: relu, b: }", "'b' is empty"),
        ("- add: {a: relu, b:}", "a colon without a value or space after it"),
        ("- add: {a: relu, relu, b: relu}", "'relu' has no value: YAML cut the line at the comma"),
        ("- add: {inputs: [relu, relu]}", "the branches of a join are a mapping of names to chains"),
        ("- add from input input: {a: relu, b: relu}", "a join is one call over its branches"),
    ],
)
def test_join_that_is_none(line: str, fact: str) -> None:
    assert wrong(on_image(line)) == fact


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (
            "- concat: [conv2d 16 1, conv2d 32 3 padding=1]",
            "concat joins named branches, and a list is a chain",
        ),
        ("- add:\n      - conv2d 3 1\n      - identity", "add joins named branches, and a list is a chain"),
        ("- multiply: [{relu: {}}, sigmoid]", "multiply joins named branches, and a list is a chain"),
        ("- subtract: [relu, tanh]", "subtract joins named branches, and a list is a chain"),
        ("- concat: conv2d 16 1", "concat joins named branches, and a line is a chain"),
        ("- add: 2 * relu", "add joins named branches, and a line is a chain"),
        ("- add: {repeat: 2, layers: relu}", "add joins named branches, and a line is a chain"),
        ("- body: {concat: [relu, tanh]}", "concat joins named branches, and a list is a chain"),
        (
            "- multiply: {add: [relu, tanh], kept: identity}",
            "add joins named branches, and a list is a chain",
        ),
        ("- auxiliary: {add: [relu, tanh]}", "add joins named branches, and a list is a chain"),
    ],
)
def test_a_list_is_no_join(line: str, fact: str) -> None:
    """The name of a join over a chain would run its parts one after the other, unsaid."""
    assert wrong(on_image(line)) == fact


@pytest.mark.parametrize(
    ("line", "last"),
    [
        ("- concat: [relu, concat from x input]", "concat/concat"),
        ("- add: add from input input", "add"),
        ("- add: [{add: {a: relu, b: tanh}}]", "add"),
        ("- add: 2 * add from x input", "add/1"),
        ("- relu: [tanh, sigmoid]", "relu/sigmoid"),
    ],
)
def test_a_join_may_name_what_calls_it(line: str, last: str) -> None:
    """A group that holds the join itself may have its name."""
    assert paths(on_image(line))[-1] == last


def test_a_block_may_name_a_group() -> None:
    """A block has no branches, so a list under its name can only be a group."""
    text = "input: 3x8x8\nblocks: {two from x y: add from x y}\nlayers: [{two: [relu, two from x input]}]"

    assert paths(text) == ["two/relu", "two/two"]


def test_none_is_the_default_that_says_nothing() -> None:
    """`none` is written where it is an attribute's default, on a line, below it, by default and in a knob."""
    text = """
        input: 3x8x8
        defaults: {avg_pool2d: stride=1}
        layers:
          - max_pool2d 2 stride=none
          - max_pool2d: {kernel_size: 2, stride: none}
          - avg_pool2d 2 stride=none
          - avg_pool2d 1 stride=(none if 1 > 2 else 1)
        """

    assert calls(text, "avg_pool2d.stride=none") == [
        "max_pool2d: max_pool2d 2",
        "max_pool2d_2: max_pool2d 2",
        "avg_pool2d: avg_pool2d 2",
        "avg_pool2d_2: avg_pool2d 1 stride=1",
    ]


# --------------------------------------------------------------------- legal, and mostly not meant


def doubts(text: str) -> list[str]:
    """The remarks on joins that read a tensor twice."""
    return [problem.fact for problem in graph(text).doubts]


@pytest.mark.parametrize(
    ("lines", "remark"),
    [
        (["- b: relu", "- add from b x"], "add reads 'b' twice: x is the incoming tensor, which is b"),
        (["- add from input x"], "add reads 'input' twice: x is the incoming tensor, which is input"),
        (
            ["- b: relu", "- add: {left: identity, right: from b}"],
            "add reads 'b' twice: identity is the incoming tensor, which is b",
        ),
        (
            ["- b: relu", "- subtract: {left: from b, right: from x}"],
            "subtract reads 'b' twice: x is the incoming tensor, which is b",
        ),
        (
            ["- b: relu", "- c: identity", "- tanh", "- add from b c x"],
            "add reads 'b' twice: c is the same tensor",
        ),
        (
            ["- repeat: 3", "  layers:", "    - b: relu", "    - add from b x"],
            "add reads 'b' twice: x is the incoming tensor, which is b",
        ),
    ],
)
def test_a_tensor_read_twice_under_two_names(lines: list[str], remark: str) -> None:
    """It is counted as written, with a remark, once for each place."""
    assert doubts(on_image(*lines)) == [remark]


@pytest.mark.parametrize(
    "lines",
    [
        ["- entry: identity", "- relu", "- add from entry x"],
        ["- b: relu", "- add from b b"],  # the line says plainly what it does
        ["- multiply: {a: identity, b: identity}"],
        ["- first: relu", "- repeat: 3", "  layers: [add from first x]"],  # in the first round only
        ["- relu", "- both: both from x relu"],  # the block cannot know
    ],
)
def test_what_doubles_on_purpose(lines: list[str]) -> None:
    """A name written twice, and a tensor that only happens to be the same, get no remark."""
    assert doubts("blocks: {both from x y: add from x y}\n" + on_image(*lines)) == []


@pytest.mark.parametrize(
    ("declared", "remark"),
    [
        ("32x32x3", ["the input 'input' has 32 channels of 32x3: sizes are channels first"]),
        ("[28, 28, 1]", ["the input 'input' has 28 channels of 28x1: sizes are channels first"]),
        ("3x32x32", []),
        ("3x3x3", []),
        ("1x1x1", []),
        ("64x48x3", []),
        ("512x7x7", []),
        ("{height: 32, width: 32, channels: 3}", []),
        ("{channels: 32, height: 32, width: 3}", []),
    ],
)
def test_a_picture_with_its_colours_last(declared: str, remark: list[str]) -> None:
    """Sizes without names are channels first; one that reads like a picture the other way round is noted."""
    assert doubts(f"input: {declared}\nlayers: [relu]") == remark


def all_remarks(text: str) -> list[str]:
    """All remarks on a spec."""
    one = spec(text)
    return [problem.fact for problem in remarks(one, elaborate(one))]


def on_tokens(*lines: str, head: str = "") -> str:
    return "\n  ".join(["input: {length: 16, channels: 64}", *([head] if head else [])]) + "\n".join(
        ["\nlayers:", *(f"  {line}" for line in lines)]
    )


@pytest.mark.parametrize(
    ("lines", "remark"),
    [
        (
            ["- gate: linear 128, silu", "- up: linear 128", "- multiply from gate up"],
            ["'up' reads 'gate', and multiply reads both"],
        ),
        (
            ["- gate: linear 128", "- up: linear 128", "- sigmoid", "- multiply from gate x"],
            ["'up' reads 'gate', and multiply reads both"],
        ),
        (
            ["- q: linear 64", "- k: linear 32", "- v: linear 32", "- cross_attention 4 from q k"]
            + ["- add: {a: linear 64 from v, b: identity}"],
            ["'k' reads 'q', and cross_attention reads both"],
        ),
        (
            ["- q: linear 64", "- k: linear 64", "- q2: scale 1/8 from q", "- k2: rotary from k"]
            + ["- matmul transpose=true from q2 k2"],
            ["'k' reads 'q', and matmul reads both"],
        ),
        (
            ["- q: layer_norm", "- delta: slice_channels 0 48, linear 64", "- b: slice_channels 0 16"]
            + ["- c: slice_channels 0 16 from q", "- selective_scan from q delta b c"],
            ["'b' reads 'delta', and selective_scan reads both"],
        ),
        (["- gate: linear 128", "- up: linear 128 from gate", "- multiply from gate up"], []),
        (["- gate: linear 128", "- up: linear 128 from input", "- multiply from gate up"], []),
        (["- a: linear 64", "- b: linear 64", "- add from a b"], []),  # a residual connection
        (["- a: linear 64", "- b: linear 64", "- add from a b", "- multiply from a x"], []),
        (["- features: linear 64", "- mask: linear 1, sigmoid", "- multiply from features mask"], []),
        (["- features: layer_norm", "- mask: linear 64", "- multiply from features mask"], []),
        (["- a: linear 64", "- b: linear 64", "- linear 5"], []),
        (["- a: linear 32", "- b: linear 64", "- c: linear 64 from a", "- multiply from b c"], []),
        (["- a: linear 64", "- b: linear 64", "- c: linear 64 from a", "- multiply from b c"], []),
    ],
)
def test_lines_that_were_meant_side_by_side(lines: list[str], remark: list[str]) -> None:
    """A named line that reads the one above, both of which one product reads: gate and up, query and key."""
    assert all_remarks(on_tokens(*lines)) == remark


def test_lines_side_by_side_in_a_block() -> None:
    """In a block and in a group as well; once, however many calls."""
    text = """
    input: {length: 16, channels: 64}
    blocks:
      swiglu hidden:
        - inner:
            - gate: linear hidden, silu
            - up: linear hidden
            - multiply from gate up
        - linear 64
    layers: [swiglu 96, swiglu 32]
    """

    assert all_remarks(text) == ["'up' reads 'gate', and multiply reads both"]


@pytest.mark.parametrize(
    ("declared", "line", "remark"),
    [
        ("3x224x224", "conv2d 3 64 3", ["conv2d has a kernel of 64x64"]),
        ("3x224x224", "conv2d 64 3", []),
        ("3x224x224", "conv2d 3 31 2 padding=15", []),
        ("16x9x9", "conv2d 16 32 3 padding=16", ["conv2d has a kernel of 32x32"]),
        ("16x224x224", "conv2d channels 63 32 groups=channels", []),
        ("16x7x7", "conv2d 16 (1, 9) padding=(0, 4) groups=16", []),
        (
            "{length: 128, channels: 768}",
            "self_attention 768 12",
            ["self_attention has as many heads as channels"],
        ),
        ("{length: 128, channels: 768}", "self_attention 12", []),
        ("{length: 35, channels: 20}", "lstm 20 30", ["lstm has 30 layers"]),
        ("{length: 35, channels: 20}", "lstm 20 8", []),
        ("{length: 35, channels: 20}", "gru 30 9", []),
    ],
)
def test_pytorchs_first_argument(declared: str, line: str, remark: list[str]) -> None:
    """A number that would be the input channels, followed by one that is much too large."""
    assert all_remarks(f"input: {declared}\nlayers:\n  - {line}\n") == remark


@pytest.mark.parametrize(
    ("bias", "remark"),
    [
        ("", ["'linear' shares the weight of an embedding, and has 1,000 biases of its own"]),
        (" bias=true", []),
        (" bias=false", []),
    ],
)
def test_biases_beside_a_shared_weight(bias: str, remark: list[str]) -> None:
    text = "input: {length: 12}\nlayers:\n  - tokens: embedding 1000 64\n  - linear 1000%s share=tokens\n"

    assert all_remarks(text % bias) == remark


@pytest.mark.parametrize(
    ("gates", "remark"),
    [
        ("", ["the router ends in a softmax, and the chosen scores go through another"]),
        (", gates: sum", []),
        (", gates: scores", []),
    ],
)
def test_a_softmax_of_a_softmax(gates: str, remark: list[str]) -> None:
    """Not wrong in its counts, and another network than was meant."""
    text = f"experts: {{mixture: 8, active: 2{gates}, router: [linear mixture, softmax], layers: linear 64}}"

    assert all_remarks(on_tokens(f"- {text}")) == remark
    assert all_remarks(on_tokens(f"- {text.replace(', softmax', '')}")) == []


def test_a_second_head_in_a_group() -> None:
    """Outputs of a group are heads as well."""
    text = "input: 8\noutputs: [h/a, h/b]\nlayers:\n  - relu\n  - h:\n      - a: linear 4\n      - b: linear 4{}\n"

    assert doubts(text.format("")) == ["'h/b' reads 'h/a', and both are outputs"]
    assert doubts(text.format(" from relu")) == []


@pytest.mark.parametrize(
    ("heads", "remark"),
    [
        (["- a: linear 4", "- b: linear 4"], ["'b' reads 'a', and both are outputs"]),
        (["- a: [linear 4, tanh]", "- b: [linear 2, softmax]"], ["'b' reads 'a', and both are outputs"]),
        (["- a: linear 4", "- b: linear 4 from a"], []),
        (["- a: linear 4", "- b: {linear: {out_channels: 4, from: stem}}"], []),
        (["- a: linear 4", "- b: softmax"], []),  # an output and what is made of it
        (["- a: [relu, linear 4]", "- b: [softmax]"], []),
        (["- a: linear 4", "- c: relu", "- b: linear 4"], []),
    ],
)
def test_a_second_head_that_reads_the_first(heads: list[str], remark: list[str]) -> None:
    """Two outputs, one line after the other, that begin with the same op: a remark unless 'from' says so."""
    text = "\n  ".join(["input: 8\noutputs: [a, b]\nlayers:", "- stem: relu", *heads])

    assert doubts(text) == remark


DECODER = """
inputs: {{source: {{length: 10}}, target: {{length: 10}}}}
blocks:
  decoder from x memory:
    - entry: identity
    - {first}
    - repeat: {count}
      layers: linear 4
    - cross_attention 2 from x memory
layers: [s: embedding 10 4 from source, t: embedding 10 4 from target, decoder from t s]
"""


@pytest.mark.parametrize(
    ("first", "count", "remark"),
    [
        (
            "slice length 0 1",
            "x.length",
            ["x is the incoming tensor here: 1 round; with the input of 'decoder' it would be 10"],
        ),
        ("slice length 0 1", "entry.length", []),
        ("linear 4", "x.length", []),  # which of the two is meant makes no difference
        ("slice length 0 1", "2", []),
    ],
)
def test_rounds_counted_by_another_x(first: str, count: str, remark: list[str]) -> None:
    """After the first line of a block, x is no longer what enters it."""
    assert doubts(DECODER.format(first=first, count=count)) == remark


def test_one_line_is_one_mistake() -> None:
    """A layer that nothing reads is told of once, however many rounds and calls it has."""
    rounds = on_image("- repeat: 20", "  layers:", "    - a: relu", "    - tanh", "    - relu from a")
    two = "blocks: {side: [a: relu, tanh, relu from a]}\n" + on_image("- side, side")

    assert wrong(rounds) == (
        "the output of 'repeat/0/tanh' is never read, nor are the outputs of 19 more layers of this line"
    )
    assert wrong(two) == "the output of 'side/tanh' is never read, nor is that of 'side_2/tanh'"


def unread_names(text: str) -> list[str]:
    """The remarks on names that nothing reads."""
    return [problem.fact for problem in unread(spec(text))]


def test_names_that_nothing_reads() -> None:
    """Knobs, blocks and parameters, each with a remark at its place."""
    text = """
        input: 3x8x8
        knobs: {width: 16, wdth: 8}
        blocks:
          conv out dead=1 k=dead k1=1 rest=k1: conv2d out k
          idle a: relu
        layers:
          - conv width
        """

    assert unread_names(text) == [
        "nothing reads the knob 'wdth'",
        "block 'conv' never reads its parameter 'rest'",
        "nothing calls the block 'idle'",
    ]
    assert [problem.source.position(problem.start) for problem in unread(spec(text))] == [
        (3, 20),
        (5, 31),
        (6, 3),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "blocks: {a: relu, b: [a]}\nlayers: [b]",
        "blocks: {a: [a]}\nlayers: [a]",
        "knobs: {n: 2}\nlayers: [n * relu]",
        "knobs: {n: 2}\nlayers: [{repeat: n, layers: relu}]",
        "knobs: {n: 2}\nlayers: [{if: n > 1, then: relu}]",
        "knobs: {n: 2}\nlayers: [{if: 1 > 1, then: conv2d n 1}]",
        "knobs: {n: 2, m: n}\nlayers: [conv2d m 1]",
        "knobs: {n: 2, m: 3}\nvariants: {big: {m: 2*n}}\nlayers: [conv2d m 1]",
        "knobs: {n: 2}\ndefaults: {conv2d: stride=n}\nlayers: [conv2d 8 1]",
        "knobs: {n: 2}\noutputs: ['r[n-1]']\nlayers: [r: 2 * relu]",
        "knobs: {n: 2}\nlayers: [{table: {columns: c, rows: [n, 3], layers: conv2d c 1}}]",
        "knobs: {act: relu}\nlayers: [act]",
        "knobs: {act: two}\nblocks: {two: 'relu, tanh'}\nlayers: [act]",
        "blocks: {one act: act, two: relu}\nlayers: [one two]",
        "blocks: {one: two, two: relu}\nlayers: [one]",
        "blocks: {two: relu}\nlayers: [{table: {columns: b, rows: [two], layers: b}}]",
        "blocks: {two: relu}\nlayers: [{add: {a: [two], b: [{auxiliary: {h: two}}]}}]",
    ],
)
def test_names_that_are_read(text: str) -> None:
    """Wherever a name may stand, it is read there; one variant that does is enough."""
    assert unread_names("input: 3x8x8\n" + text) == []


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (
            "knobs: {hidden: 256}\nblocks: {ffn hidden=128: linear hidden}\nlayers: [ffn]",
            [
                "nothing reads the knob 'hidden': a parameter of the block 'ffn' has its name, and is read instead"
            ],
        ),
        (
            "knobs: {n: 4}\nlayers: [{table: {columns: name n, rows: [a 1, b 2], layers: [n * relu]}}]",
            ["nothing reads the knob 'n': a column of a table has its name, and is read instead"],
        ),
        (
            "knobs: {mixture: 4}\nlayers: [{experts: {mixture: 8, active: 2, router: linear mixture, "
            "layers: linear 64}}]",
            ["nothing reads the knob 'mixture': a number of the experts has its name, and is read instead"],
        ),
        ("knobs: {n: 2}\nblocks: {ffn n=n: linear n}\nlayers: [ffn]", []),  # the default is the knob's value
        ("knobs: {n: 2}\nblocks: {ffn n: linear n}\nlayers: [ffn n]", []),
        ("knobs: {n: 2}\nlayers: [{table: {columns: n, rows: [n, 3], layers: [n * relu]}}]", []),
        ("knobs: {n: 2}\nlayers: [{table: {columns: n, rows: [2, 3], layers: [n * relu]}}, linear n]", []),
    ],
)
def test_a_knob_that_another_name_hides(text: str, remark: list[str]) -> None:
    """Where a parameter or a column has a knob's name, the knob is not read."""
    assert unread_names("input: {length: 4, channels: 8}\n" + text) == remark


def test_bundled_specs_get_no_remarks() -> None:
    """Nothing in them is unread, no join reads one tensor under two names, no line the wrong tensor."""
    specs = {bundled.source.name: bundled for _, bundled in library.bundled_models()}

    assert [problem for one in specs.values() for problem in remarks(one, elaborate(one))] == []


def test_what_a_used_spec_does_not_read_is_its_own_matter(tmp_path: Path) -> None:
    """Layers that are replaced may leave its knobs and blocks unread; the user's own are remarked on."""
    base = "name: base\ninput: 3x8x8\nknobs: {n: 2}\nblocks: {b: relu}\nlayers: [conv2d n 1, b]\n"
    (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
    path = tmp_path / "user.yaml"
    path.write_text("use: base\nknobs: {m: 2}\nlayers: [relu]\n", encoding="utf-8")

    assert [problem.fact for problem in unread(library.read(path))] == ["nothing reads the knob 'm'"]


# ----------------------------------------------------------------------- if, repeat, table, auxiliary


def test_if() -> None:
    """Either arm; `else` may be absent. Names do not depend on which arm is taken."""
    text = """
        input: 3x8x8
        knobs: {deep: false}
        layers:
          - if: deep and channels == 3
            then: conv2d 4 1, relu
            else: relu
          - if: not deep
            then: [conv2d 5 1]
          - relu
    """

    assert calls(text) == ["relu_2: relu", "conv2d_2: conv2d 5 1", "relu_3: relu"]
    assert calls(text, "deep=true") == ["conv2d: conv2d 4 1", "relu: relu", "relu_3: relu"]


def test_the_parts_of_an_if_stand_below_it() -> None:
    """In any order; with a dash of its own, one would be a layer that always runs. A branch has any name."""
    dashed = on_image("- if: channels > 3", "  then: relu", "- else: tanh")

    assert calls(on_image("- {then: relu, if: channels == 3}")) == ["relu: relu"]
    assert paths(on_image("- add: {then: relu, else: tanh}"))[:2] == ["then", "else"]
    assert wrong(dashed) == "'else' belongs to the item that starts with 'if'"


def test_repeat() -> None:
    """Rounds with an index, named or not; none at all is allowed; a count of one has a round 0."""
    text = """
        input: 3x8x8
        knobs: {n: 2}
        layers:
          - a: {repeat: n, layers: [conv2d i+1 1, relu], index: i}
          - repeat: n
            index: turn
            layers: conv2d 2+turn 1
          - b: n * relu
          - n * relu
          - (n - 1) * tanh
          - (n - 2) * tanh
    """

    assert calls(text) == [
        "a/0/conv2d: conv2d 1 1",
        "a/0/relu: relu",
        "a/1/conv2d: conv2d 2 1",
        "a/1/relu: relu",
        "repeat/0: conv2d 2 1",
        "repeat/1: conv2d 3 1",
        "b/0: relu",
        "b/1: relu",
        "relu/0: relu",
        "relu/1: relu",
        "tanh/0: tanh",
    ]


def test_table() -> None:
    """Rows as lines or lists; numbered, or named by the column `name`."""
    text = """
        input: 3x8x8
        knobs: {width: 4}
        layers:
          - numbered:
              table:
                columns: c act
                rows:
                  - width relu
                  - [2*width, gelu]
                layers: conv2d c 1, act
          - named:
              table:
                columns: [name, k]
                rows: [a 1, [b, 3]]
                layers: conv2d 3 k
          - table: {columns: name k, rows: [1x1 1, 3a 3], layers: conv2d 3 k, index: j}
          - table: {columns: k, rows: [1, 3], layers: conv2d k+j 1, index: j}
    """

    assert calls(text) == [
        "numbered/0/conv2d: conv2d 4 1",
        "numbered/0/act: relu",
        "numbered/1/conv2d: conv2d 8 1",
        "numbered/1/act: gelu",
        "named/a: conv2d 3 1",
        "named/b: conv2d 3 3",
        "1x1: conv2d 3 1",
        "3a: conv2d 3 3",
        "table_2/0: conv2d 1 1",
        "table_2/1: conv2d 4 1",
    ]


def test_cells_see_what_stands_there() -> None:
    """A cell is worked out when its row begins, with the tensor that enters there."""
    text = on_image("- table: {columns: c, rows: [2*channels, 2*channels], layers: conv2d c 1}")

    assert calls(text) == ["table/0: conv2d 6 1", "table/1: conv2d 12 1"]


def test_auxiliary() -> None:
    """A side branch: the tensor goes on unchanged, the branch need not be read, and is counted apart."""
    text = on_image("- auxiliary: {head: [flatten, linear 2]}", "- auxiliary: {one: relu}", "- conv2d 4 1")
    network = graph(text)
    report = count(network)

    assert edges(text)["conv2d"] == ["input"]
    assert [layer.auxiliary for layer in network.layers] == ["head", "head", "one", ""]
    assert report.totals.params == 16
    assert report.auxiliary["head"].params == 2 * 192 + 2


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("- {if: true}", "'if' needs 'then'"),
        ("- {if: true, then: relu, otherwise: relu}", "'otherwise' is not a part of 'if'"),
        ("- {if: 1, then: relu}", "a condition must be true or false"),
        ("- {if: , then: relu}", "'if' needs an expression"),
        ("- {repeat: 2}", "'repeat' needs 'layers'"),
        ("- {repeat: 1/2, layers: relu}", "a repeat count must be a whole number"),
        ("- {repeat: -1, layers: relu}", "a repeat count must not be negative"),
        ("- {repeat: true, layers: relu}", "a repeat count must be a whole number"),
        ("- {repeat: 2, layers: relu, index: 3}", INDEX + NO_NAME),
        ("- {repeat: 2, layers: relu, shared: yes}", "'shared' must be true or false"),
        ("- {repeat: 2, layers: relu, times: 3}", "'times' is not a part of 'repeat'"),
        ("- table: {columns: a, rows: [1 2], layers: relu}", "2 cells under 1 columns"),
        ("- table: {columns: a a, rows: [1], layers: a}", "columns are distinct names separated by spaces"),
        ("- table: {columns: x, rows: [1], layers: x}", "columns are distinct names separated by spaces"),
        ("- table: {columns: a, rows: [], layers: relu}", "the rows of a table are a list, each row an item"),
        ("- table: {columns: a, rows: 3, layers: relu}", "the rows of a table are a list, each row an item"),
        ("- table:\n      columns: a b\n      rows:\n        - 1, 2\n      layers: relu",
         "cells are separated by spaces, not commas"),
        ("- table: {columns: name, rows: [1], layers: relu}", "'1' cannot be the name of a layer"),
        ("- table: {columns: name, rows: [a, a], layers: relu}", "the name 'a' is used twice"),
        ("- auxiliary: {a: relu, b: relu}", "auxiliary holds one branch with a name"),
    ],
)  # fmt: skip
def test_keyword_that_is_wrong(line: str, fact: str) -> None:
    assert wrong(on_image(line)) == fact


# --------------------------------------------------------------------------------------- blocks


def test_block() -> None:
    """Arguments by position and by name, defaults that see earlier parameters and what enters."""
    text = """
        input: 3x8x8
        knobs: {width: 4}
        blocks:
          unit out kernel=3 inner=out*width full=channels:
            - conv2d inner kernel padding=kernel//2
            - conv2d full 1
            - conv2d out 1
          "quoted a b=2": conv2d a b
        layers:
          - unit 5
          - again: unit 5 inner=7 kernel=1
          - quoted 3
    """

    assert calls(text) == [
        "unit/conv2d: conv2d 20 3 padding=1",
        "unit/conv2d_2: conv2d 3 1",
        "unit/conv2d_3: conv2d 5 1",
        "again/conv2d: conv2d 7 1",
        "again/conv2d_2: conv2d 5 1",
        "again/conv2d_3: conv2d 5 1",
        "quoted: conv2d 3 2",
    ]


def test_block_with_a_second_tensor() -> None:
    """Further inputs stand in the signature; the call names all of them."""
    text = """
        inputs: {left: 3x8x8, right: 3x8x8}
        blocks:
          mix out from x other:
            - sum: add from x other
            - conv2d out other.channels padding=same
        layers:
          - one: mix 3 from left right
          - two: {mix: {out: 3, from: [right, left]}}
          - three: 2 * mix 3 from one two
    """

    assert wrong(text) == "every round of 'three' reads 'one', and none reads the previous round"
    text = text.replace("three: 2 * ", "three: ")
    assert edges(text)["one/sum"] == ["left", "right"]
    assert edges(text)["two/sum"] == ["right", "left"]
    assert edges(text)["three/sum"] == ["one/conv2d", "two/conv2d"]


def test_named_outputs_of_a_block() -> None:
    """Callers read them below the block's path, under names of their own or the layers'."""
    text = """
        input: 3x8x8
        blocks:
          pyramid n:
            outputs:
              fine: levels[0]/maps
              entry: entry
            layers:
              - entry: relu
              - levels: {repeat: n, layers: [maps: conv2d 3 1, max_pool2d 2]}
          short:
            outputs: [p/fine, end]
            layers: [p: pyramid 2, end: relu]
        layers:
          - pyramid 1
          - pool: global_avg_pool
          - add from pyramid/fine pyramid/entry pool
          - two: short
          - global_avg_pool from add
          - add from two/fine x
          - upsample 4 from two/end
          - add from x add_2
    """

    assert edges(text)["add"] == ["pyramid/levels/0/maps", "pyramid/entry", "pool"]
    assert edges(text)["add_2"] == ["two/p/levels/0/maps", "global_avg_pool"]
    assert edges(text)["upsample"] == ["two/end"]


def test_variables_that_hold_ops_and_blocks() -> None:
    """A parameter, a column or a knob may be called when it holds the name of an op or block."""
    text = """
        input: 3x8x8
        knobs: {block: double, acts: [relu, gelu], kind: {default: plain, choices: [plain, fancy]}}
        blocks:
          single out act: conv2d out 1, act
          double out act: single out act, single out act
        layers:
          - block 4 acts[0]
          - table: {columns: what, rows: [tanh, sigmoid], layers: what}
          - if: block == 'double' and kind == 'plain'
            then: single 3 swish
    """

    assert calls(text) == [
        "block/single/conv2d: conv2d 4 1",
        "block/single/act: relu",
        "block/single_2/conv2d: conv2d 4 1",
        "block/single_2/act: relu",
        "table/0: tanh",
        "table/1: sigmoid",
        "single/conv2d: conv2d 3 1",
        "single/act: silu",
    ]
    assert calls(text, "block=single")[:2] == ["block/conv2d: conv2d 4 1", "block/act: relu"]


@pytest.mark.parametrize(
    ("signature", "call", "fact"),
    [
        ("unit out", "unit", "block 'unit' needs 'out'"),
        ("unit a b c=1", "unit c=2", "block 'unit' needs 'a', 'b'"),
        ("unit out", "unit 3 4", "block 'unit' takes at most 1 argument"),
        ("unit", "unit 3", "block 'unit' takes no arguments"),
        ("unit out", "unit oud=3", "block 'unit' has no parameter 'oud'"),
        ("unit out", "unit 3 out=3", "'out' is given twice"),
        ("unit a=1 b", "unit 1 2", "'b' has no default but follows a parameter that has one"),
        ("unit a a", "unit 1 2", "the parameter 'a' appears twice"),
        ("unit x", "unit 1", "'x' is reserved"),
        ("unit class", "unit 1", "'class' means something in expressions"),
        ("unit min", "unit 1", "'min' means something in expressions"),
        ("relu a", "relu 1", "'relu' is an op: a block needs another name"),
        ("unit from memory", "unit", "a block's inputs start with x, the incoming tensor"),
        ("unit from x m", "unit", "block 'unit' has 2 inputs: x, m"),
        ("unit from x m", "unit from input", "block 'unit' has 2 inputs: x, m"),
        ("unit", "unit from input input", "block 'unit' has 1 input: x"),
        ("unit from x x", "unit from input input", "'x' is reserved"),
        ("unit m from x m", "unit from input input", "the name 'm' appears twice in the signature"),
        ("unit-a", "unit-a", "'unit-a' is not a name: letters, digits and _, not a digit first"),
    ],
)
def test_block_that_is_wrong(signature: str, call: str, fact: str) -> None:
    said = wrong(f"input: 3x8x8\nblocks:\n  {signature}: relu\nlayers:\n  - {call}\n")

    assert said.split("\n")[0] == fact


def test_a_head_has_one_meaning() -> None:
    """What is an op or block, and also a name that holds one, cannot be called; a number does no harm."""
    text = "input: 3x8x8\nknobs: {dropout: 0.5, relu: HELD}\nlayers: dropout dropout, relu\n"

    assert paths(text.replace("HELD", "3")) == ["dropout", "relu"]
    assert wrong(text.replace("HELD", "tanh")) == "'relu' is an op, but also a name that holds 'tanh'"


def test_blocks_are_closed() -> None:
    """A block sees knobs and its parameters, not its caller's layers, inputs or loop variables."""
    text = """
        input: 3x8x8
        blocks:
          peek: BODY
        layers:
          - a: relu
          - repeat: 2
            layers: [peek]
    """

    assert wrong(text.replace("BODY", "conv2d i+1 1")) == "'i' is not defined here"
    assert wrong(text.replace("BODY", "add from x a")) == "there is no earlier layer 'a'"
    assert wrong(text.replace("BODY", "add from x input")) == "there is no earlier layer 'input'"
    assert wrong(text.replace("BODY", "conv2d a.channels 1")) == "there is no earlier layer 'a'"


def test_blocks_do_not_call_themselves() -> None:
    """Neither directly nor by another block."""
    text = "input: 3x8x8\nblocks:\n  a n: b n-1\n  b n: {if: n > 0, then: a n}\nlayers:\n  - a 3\n"

    assert wrong(text) == "block 'a' calls itself"


# ------------------------------------------------------------------------------- what is seen


def test_channels_change_along_the_chain() -> None:
    """`channels` is the tensor's that enters just there; a default in a signature keeps the entry's."""
    text = """
        input: 6x8x8
        blocks:
          squeeze full=channels: global_avg_pool, linear full/2, linear full, linear 2*channels
        layers: squeeze
    """

    assert calls(text) == [
        "squeeze/global_avg_pool: global_avg_pool",
        "squeeze/linear: linear 3",
        "squeeze/linear_2: linear 6",
        "squeeze/linear_3: linear 12",
    ]


def test_sizes_are_dotted() -> None:
    """`x.height`, or `NAME.height` of an earlier layer, seen outwards; a bare name is never a size."""
    text = """
        input: 3x8x6
        knobs: {height: 5}
        layers:
          - a: conv2d x.height x.width-3
          - g:
              - conv2d a.width 1
              - conv2d height 1
    """

    assert calls(text) == ["a: conv2d 8 3", "g/conv2d: conv2d 4 1", "g/conv2d_2: conv2d 5 1"]
    assert wrong(on_image("- conv2d height 1")) == "'height' is not defined here"
    assert wrong(on_image("- a: relu", "- conv2d a 1")) == "'a' is a layer, not a number"
    assert wrong(on_image("- conv2d x 1")) == "'x' is the incoming tensor, not a number"
    assert wrong(on_image("- conv2d x.length 1")) == "x has no length"
    assert wrong(on_image("- conv2d x.size 1")) == "'size' is not an axis"


def test_knobs_see_those_above() -> None:
    """In the order of the text, after overrides are put in."""
    text = """
        input: 3x8x8
        knobs: {width: 2, double: 2*width, quad: 2*double}
        variants: {wide: {width: 10}, wider: {like: wide, quad: width+double}}
        layers: conv2d quad 1
    """

    assert calls(text) == ["conv2d: conv2d 8 1"]
    assert calls(text, variant="wide") == ["conv2d: conv2d 40 1"]
    assert calls(text, variant="wider") == ["conv2d: conv2d 30 1"]
    assert calls(text, "width=3", variant="wider") == ["conv2d: conv2d 9 1"]
    assert calls(text, "quad=width*double") == ["conv2d: conv2d 8 1"]
    for value in ("b", "b+1"):
        assert wrong(f"input: 3x8x8\nknobs: {{a: {value}, b: 1}}\nlayers: relu\n") == (
            "the knob 'b' is not defined yet: a knob sees only the knobs above it"
        )
    for value in ("channels", "x.height"):
        assert wrong(f"input: 3x8x8\nknobs: {{a: {value}}}\nlayers: relu\n") == "no tensor here"


def test_input_and_defaults_see_knobs() -> None:
    """`defaults` see the entering tensor as well."""
    text = """
        input: 2*k x size x size
        knobs: {k: 2, size: 8}
        defaults: {conv2d: groups=channels bias=k==2, max_pool2d: {kernel_size: 2}}
        layers: conv2d 8 3, max_pool2d, conv2d 8 1 groups=2 bias=false
    """

    assert calls(text) == [
        "conv2d: conv2d 8 3 groups=4",
        "max_pool2d: max_pool2d 2",
        "conv2d_2: conv2d 8 1 groups=2 bias=false",
    ]


def test_parameters_and_columns_may_hide_knobs() -> None:
    text = """
        input: 3x8x8
        knobs: {k: 7, c: 9}
        blocks:
          unit k: conv2d c k
        layers:
          - unit 1
          - table: {columns: c, rows: [c, c+1], layers: conv2d c 1}
    """

    assert calls(text) == ["unit: conv2d 9 1", "table/0: conv2d 9 1", "table/1: conv2d 10 1"]


@pytest.mark.parametrize(
    "body",
    [
        "{repeat: 2, layers: 2 * conv2d i+1 1}",
        "{repeat: 2, layers: {repeat: 2, layers: conv2d i+1 1}}",
        "{repeat: 2, index: s, layers: {repeat: 2, index: s, layers: conv2d s+1 1}}",
        "hiding 3",
        "{table: {columns: i, rows: [1], layers: 2 * conv2d i 1}}",
        "{repeat: 2, layers: {table: {columns: i, rows: [1], layers: conv2d i 1}}}",
    ],
)
def test_an_index_that_hides_another_cannot_be_used(body: str) -> None:
    """An inner `i` over an outer one, a parameter or a column: to use it is a mistake, to have it is none."""
    text = f"input: 3x8x8\nblocks:\n  hiding i: 2 * conv2d i 1\nlayers:\n  - a: {body}\n"

    assert "hides an outer" in wrong(text)
    assert paths(text.replace("i+1", "1").replace("s+1", "1").replace("conv2d i 1", "conv2d 1 1"))


def test_open_groups_and_from() -> None:
    """Names resolve outwards through groups, branches, rounds, rows and `if`; only to earlier layers."""
    text = on_image(
        "- a: relu",
        "- g:\n      - h:\n          - relu from a\n          - b: relu\n      - last: add from a h h/b",
        "- r:\n      repeat: 2\n      layers:\n        - c: relu from a\n        - add from c g/h",
        "- if: true\n    then:\n      - add from a r[1]/c r/0/c r[0] g r",
    )

    found = edges(text)

    assert found["g/h/relu"] == ["a"]
    assert found["g/last"] == ["a", "g/h/b", "g/h/b"]
    assert found["r/1/add"] == ["r/1/c", "g/h/b"]
    assert found["add"] == ["a", "r/1/c", "r/0/c", "r/0/add", "g/last", "r/1/add"]


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        (["- a: relu from b", "- b: relu"], "'b' is not an earlier layer here"),
        (["- a: relu from a"], "'a' is not an earlier layer here"),
        (["- g: [relu, relu from g]"], "'g' is not complete here: 'from' reads earlier layers only"),
        (["- relu from nowhere"], "there is no earlier layer 'nowhere'"),
        (["- a: relu", "- relu from a/b"], "there is no earlier layer 'a/b'"),
        (["- a: 2 * relu", "- relu from a[2]"], "there is no round [2] in 'a[2]'"),
        (["- a: relu", "- relu from a[0]"], "there is no round [0] in 'a[0]'"),
        (["- a: 2 * relu", "- relu from a[1/2]"], "an index must be a whole number"),
        (["- a: relu", "- relu from a/"], "'a/' is not the path of a layer"),
        (["- a: relu", "- relu from a[0"], "'[' is never closed"),
        (["- auxiliary: {h: relu}", "- add from input h"],
         "'h' lies in the auxiliary branch 'h', which exists in training only"),
        (["- auxiliary: {h: relu}", "- auxiliary: {g: [relu from h]}"],
         "'h' lies in the auxiliary branch 'h', which exists in training only"),
    ],
)  # fmt: skip
def test_from_that_is_wrong(lines: list[str], fact: str) -> None:
    assert wrong(on_image(*lines)) == fact


def test_indices_of_rounds_within_rounds() -> None:
    """Several indices in a row, and expressions in them."""
    text = on_image(
        "- r: {repeat: 2, index: s, layers: {repeat: 2, layers: [a: conv2d 3 1, relu]}}",
        "- add from r[0][1]/a r[len([1])][0]/a r[1] x",
    )

    assert edges(text)["add"] == ["r/0/1/a", "r/1/0/a", "r/1/1/relu", "r/1/1/relu"]


# ----------------------------------------------------------------------------------------- words


def test_words() -> None:
    """A field for words reads them first; elsewhere a name is a value in scope, then an op, then a word."""
    text = """
        input: 3x8x8
        knobs: {channels2: 1, height: 2, same: 3, option: {default: B, choices: [A, B, C]}}
        blocks:
          unit along: [{concat: {axis: along, inputs: {a: relu, b: identity}}}]
        layers:
          - concat axis=channels: {a: relu, b: identity}
          - concat axis=height: {c: relu, d: identity}
          - conv2d 3 3 padding=same
          - unit width
          - if: option == 'B' and option != 'A' and option in ['B', 'C']
            then: tanh
    """

    assert [call.split(": ")[1] for call in calls(text)] == [
        "relu",
        "concat",
        "relu",
        "concat axis=height",
        "conv2d 3 3 padding=same",
        "relu",
        "concat axis=width",
        "tanh",
    ]


@pytest.mark.parametrize(
    ("condition", "fact"),
    [
        ("option == 'c'", "'c' is not one of A, B, C, so the two are never equal"),
        ("'c' != option", "'c' is not one of A, B, C, so the two are never equal"),
        ("option in ['A', 'd']", None),
        ("option == 3", "a word never equals a number"),
        ("block == 'rellu'", "'rellu' is neither an op nor a block, so the two are never equal"),
        ("block == 'unit'", None),
        ("flag == 1", "a truth value never equals a number"),
        ("flag and 1", "'and' and 'or' join conditions"),
        ("list == 2", "a list never equals a number"),
        ("option < 'B'", "arithmetic takes numbers only"),
    ],
)
def test_words_that_cannot_be_meant(condition: str, fact: str | None) -> None:
    """A word compared with what it can never be is a mistake, not false."""
    text = f"""
        input: 3x8x8
        knobs: {{option: {{default: A, choices: [A, B, C]}}, block: relu, flag: true, list: [1, 2]}}
        blocks:
          unit: relu
        layers:
          - if: "{condition}"
            then: relu
          - relu
    """

    if fact is None:
        assert paths(text)
    else:
        assert wrong(text) == fact


@pytest.mark.parametrize(
    ("knob", "setting", "fact"),
    [
        ("{default: B, choices: [A, B]}", "C", "knob 'k' must be one of A, B"),
        ("{default: B, choices: [A, B]}", "a", "knob 'k' must be one of A, B"),
        ("{default: C, choices: [A, B]}", "A", None),
        ("relu", "tanh", None),
        ("relu", "rellu", "'rellu' is neither a knob above nor an op or block"),
        ("fancy", "relu", None),
    ],
)
def test_setting_of_words(knob: str, setting: str, fact: str | None) -> None:
    """A knob with choices takes one of them; without, it takes the names of ops and blocks."""
    text = f"input: 3x8x8\nknobs: {{k: {knob}}}\nlayers: relu\n"

    if fact is None:
        assert graph(text, f"k={setting}").knobs["k"] == setting
    else:
        assert wrong(text, f"k={setting}") == fact


# --------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.4*32*5", 224),
        ("ceil(1.1*10)", 11),
        ("floor(-7/2)", -4),
        ("round(2.5)", 2),
        ("7//2", 3),
        ("-7//2", -4),
        ("7%4", 3),
        ("2**10", 1024),
        ("4**-1*8", 2),
        ("1e3", 1000),
        ("60_000", 60_000),
        ("2.5e2", 250),
        ("min(3, 4)+max([1, 2])", 5),
        ("abs(-3)", 3),
        ("sum([1, 2, 3])", 6),
        ("len([4, 4])", 2),
        ("divisible(33, 8)", 32),
        ("sqrt(64)", 8),
        ("64/sqrt(2**510/2**508)", 32),
        ("sqrt(9/16)*4", 3),
        ("sqrt(0)", 0),
        ("divisible(44)", 48),
        ("divisible(9, 8)", 16),  # 8 is below 90 % of 9
        ("divisible(20, 18)", 18),  # exactly 90 % of 20
        ("[1, 2, 3][-1]", 3),
        ("[1, 2, 3][-3]", 1),
        ("(1 if [1] == [1, 2] or [1, 2] == [1] else 2)", 2),
        ("(1 if [2, 2] != [2, 2, 2, 2] else 2)", 1),
        ("(5, 6)[0]", 5),
        ("(1 if 3 in (1, 2) else 2)", 2),
        ("(1 if 1 < 2 <= 2 != 3 else 2)", 1),
        ("(1 if not (true and false) or false else 2)", 1),
        ("+5", 5),
    ],
)
def test_numbers_are_exact(expression: str, value: int) -> None:
    """Whole numbers and fractions, never binary floats."""
    assert graph(f"input: 1\nknobs: {{k: '{expression}'}}\nlayers: relu\n").knobs["k"] == value


@pytest.mark.parametrize(
    ("expression", "fact"),
    [
        ("010", "'010' has a leading zero: octal or decimal?"),
        ("1:30", "'1:30' is not a number"),
        ("0x3+1", "'0x3' is neither a number nor a name"),
        ("2w", "'2w' is neither a number nor a name"),
        ("1, 2", "a comma outside brackets"),
        ("1/0", "division by zero"),
        ("2**1000", "an exponent must be a whole number of at most 512"),
        ("64**0.5", "an exponent must be a whole number of at most 512"),
        ("sqrt(63)", "the square root of 63 is no exact number"),
        ("sqrt(-4)", "the square root of -4 is no exact number"),
        ("sqrt(1/2)", "the square root of 0.5 is no exact number"),
        ("sqrt([4])", "sqrt needs numbers"),
        ("9**9**9", "an exponent must be a whole number of at most 512"),
        ("'a'*3", "arithmetic takes numbers only"),
        ("[0]*3", "arithmetic takes numbers only"),
        ("true+1", "arithmetic takes numbers only"),
        ("[1, 2][2]", "index 2 is outside a list of 2"),
        ("[1, 2][-3]", "index -3 is outside a list of 2"),
        ("[1, 2][true]", "an index must be a whole number"),
        ("3[0]", "only a list has an index"),
        ("-'a'", "arithmetic takes numbers only"),
        ("-true", "arithmetic takes numbers only"),
        ("1 < 'a'", "arithmetic takes numbers only"),
        ("1 == 'a'", "a number never equals a word"),
        ("1 in 2", "'in' needs a list on its right"),
        ("1 and true", "'and' and 'or' join conditions"),
        ("not 3", "a condition must be true or false"),
        ("1 if 'a' else 2", "a condition must be true or false"),
        ("abs(())", "abs needs numbers"),
        ("abs('a')", "abs needs numbers"),
        ("round(())", "round needs numbers"),
        ("floor([])", "floor needs numbers"),
        ("ceil([1])", "ceil needs numbers"),
        ("divisible([], 8)", "divisible needs numbers"),
        ("divisible(8, [])", "divisible needs numbers"),
        ("divisible(8, 1/2)", "divisible needs a divisor of at least 1"),
        ("min([])", "min needs numbers, or one list of them"),
        ("max([1], 2)", "max needs numbers, or one list of them"),
        ("max(true, 2)", "max needs numbers, or one list of them"),
        ("sum(3)", "sum needs a list of numbers"),
        ("sum([[1]])", "sum needs a list of numbers"),
        ("len('abc')", "len needs a list"),
        ("[1, 2][0.5]", "an index must be a whole number"),
        ("[1, 2][0:1]", "an index is one number"),
        ("foo(1)", "there is no function 'foo'"),
        ("min()", "min takes at least 1 argument, not 0"),
        ("divisible(8, 0)", "divisible needs a divisor of at least 1"),
        ("len(3)", "len needs a list"),
        ("(lambda: 1)()", "only the built-in functions can be called, without keywords"),
        ("[i for i in [1]]", "a comprehension is not part of the language"),
        ("__import__('os')", "there is no function '__import__'"),
        ("().__class__", "only x and layers have sizes"),
        ("1 if 2", "'1 if 2' is not an expression"),
        ("1 = 2", "'=' is not a comparison"),
        ("1 ^ 2", "'^' (a power is **) is not part of the language"),
        ("None", "None is not part of the language"),
        ("1) + (2", "unbalanced brackets in '1) + (2'"),
    ],
)
def test_expression_that_is_none(expression: str, fact: str) -> None:
    assert wrong(f'input: 1\nknobs: {{k: "{expression}"}}\nlayers: relu\n') == fact


VALUES = (
    "0",
    "1",
    "-3",
    "2.5",
    "1/3",
    "10**40",
    "true",
    "'a'",
    "same",
    "()",
    "[]",
    "[1, 2]",
    "(1, 'a')",
    "[[1]]",
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or")
TEMPLATES = (
    *(f"{name}({{}})" for name in FUNCTIONS),
    *(f"{name}({{}}, {{}})" for name in ("min", "max", "divisible")),
    *(f"({{}} {operator} {{}})" for operator in OPERATORS),
    *(
        "-{}",
        "+{}",
        "(not {})",
        "{}[{}]",
        "({} if {} else {})",
        "[{}, {}]",
        "({} not in {})",
        "({} < {} <= {})",
    ),
)


def filled(template: str, parts: list[str]) -> str:
    """A template with parts in its places; a part may take several of them."""
    for part in parts:
        template = template.replace("{}", part, 1)
    return template.replace("{}", parts[-1])


EXPRESSIONS = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.builds(filled, st.sampled_from(TEMPLATES), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(EXPRESSIONS)
def test_an_expression_has_a_value_or_a_place(expression: str) -> None:
    """Every function and operator takes every value, or says in which part of the text it cannot."""
    try:
        graph(f"input: 1\nknobs: {{same: 2, k: {json.dumps(expression)}}}\nlayers: relu\n")
    except SpecError as error:
        begin = len("knobs: {same: 2, k: ") + 2
        for problem in error.problems:
            row, column = problem.source.position(problem.start)
            assert (row, begin <= column < begin + len(expression)) == (2, True), problem


def test_pairs_with_x() -> None:
    """`0x3` is the pair (0, 3), not a number in base 16."""
    assert graph("input: 1\nknobs: {k: 0x3}\nlayers: relu\n").knobs["k"] == (0, 3)


# --------------------------------------------------------------------------------- names and paths


def test_automatic_names_count_by_text() -> None:
    """Unnamed layers take the head as written, with a number from the second on, in each group anew."""
    text = on_image("- relu, swish, relu", "- g: [relu, relu]", "- relu")

    assert paths(text) == ["relu", "swish", "relu_2", "g/relu", "g/relu_2", "relu_3"]


def test_growing_keeps_the_path() -> None:
    """What named a layer names the group when the layer grows; a chain of one item takes its group's name."""
    assert paths(on_image("- a: relu")) == ["a"]
    assert paths(on_image("- a: relu, relu")) == ["a/relu", "a/relu_2"]
    assert paths(on_image("- a: {b: relu}")) == ["a/b"]
    assert paths(on_image("- a: [{repeat: 1, layers: relu}]")) == ["a/0"]
    assert paths(on_image("- a: {if: true, then: relu}")) == ["a"]
    assert paths(on_image("- a: {if: true, then: [relu, relu]}")) == ["a/relu", "a/relu_2"]
    assert paths(on_image("- a: [{add: {p: relu, q: relu}}]")) == ["a/p", "a/q", "a"]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["- a: relu", "- a: relu"], "a"),
        (["- relu: tanh", "- relu"], "relu"),
        (["- relu", "- relu: tanh"], "relu"),
        (["- relu, relu", "- relu_2: tanh"], "relu_2"),
        (["- a: relu", "- a: [relu, relu]"], "a"),
        (["- a: relu", "- add: {a: relu, b: relu}"], "a"),
        (["- a: relu", "- table: {columns: name, rows: [a], layers: relu}"], "a"),
        (["- a: relu", "- auxiliary: {a: relu}"], "a"),
    ],
)
def test_names_are_unique(lines: list[str], name: str) -> None:
    """A clash is a mistake, never a silent number."""
    assert wrong(on_image(*lines)) == f"the name '{name}' is used twice"


def test_inputs_keep_their_names() -> None:
    """No layer beside an input has the input's name; deeper in a group it may."""
    block = "input: 3\nblocks:\n  b from x m: [m: add from x m]\nlayers: b from input input\n"

    assert wrong(on_image("- input: relu")) == "'input' is the name of an input"
    assert wrong(on_image("- if: true\n    then: {input: relu}")) == "'input' is the name of an input"
    assert wrong(block) == "'m' is the name of an input"
    assert paths(on_image("- a: {input: relu}")) == ["a/input"]


def test_settings_of_layers() -> None:
    """`--set LAYERS.ATTRIBUTE=VALUE` beats the spec and the defaults, and says how many layers it touched."""
    text = """
        input: 3x8x8
        knobs: {k: 3}
        defaults: {conv2d: padding=same}
        layers: [{a: [conv2d 3 1, relu]}, {b: 2 * conv2d 3 k}, conv2d 3 1]
    """

    assert calls(text, "b.kernel_size=k+2")[2:4] == [
        "b/0: conv2d 3 5 padding=same",
        "b/1: conv2d 3 5 padding=same",
    ]
    assert graph(text, "**/conv2d.padding=0").remarks == ("**/conv2d.padding=0 touched 2 layers",)
    assert graph(text, "a.bias=false").remarks == ("a.bias=false touched 1 layer",)
    assert [layer.frozen for layer in graph(text, "b.frozen=true").layers] == [
        False,
        False,
        True,
        True,
        False,
    ]
    with pytest.raises(Fault, match="no layer matches 'c'"):
        graph(text, "c.padding=1")
    with pytest.raises(Fault, match="no layer that matches 'b' has an attribute 'alpha'"):
        graph(text, "b.alpha=1")
    with pytest.raises(Fault, match="there is no knob 'kk'"):
        graph(text, "kk=1")
    assert wrong(text, "b.kernel_size=2/3") == "conv2d: kernel_size must be a whole number"


def test_settings_of_cells() -> None:
    """`--set ROW.COLUMN=VALUE` sets a cell of a table; where there is none it is an attribute."""
    text = """
        input: 3x8x8
        knobs: {k: 3}
        layers:
          - table:
              columns: name stride out act
              rows: [low 1 8 relu, high 1 16 relu]
              layers: [conv2d out 1 stride=stride, act, conv2d out 1]
          - table: {columns: out, rows: [4, 5], layers: conv2d out 1}
    """

    assert calls(text, "high.act=gelu", "low.out=2*k")[1:5] == [
        "low/act: relu",
        "low/conv2d_2: conv2d 6 1",
        "high/conv2d: conv2d 16 1",
        "high/act: gelu",
    ]
    assert calls(text, "*.stride=2")[3:6] == [
        "high/conv2d: conv2d 16 1 stride=2",
        "high/act: relu",
        "high/conv2d_2: conv2d 16 1",
    ]
    assert calls(text, "table_2/1.out=7")[-1] == "table_2/1: conv2d 7 1"
    assert graph(text, "*.stride=2").remarks == ("*.stride=2 touched 2 layers and 2 cells",)
    assert graph(text, "**.out=2").remarks == ("**.out=2 touched 4 cells",)
    assert graph(text, "low.bias=false").remarks == ("low.bias=false touched 2 layers",)
    assert graph(text).cells["high"]["out"] == 16
    with pytest.raises(Fault, match="has an attribute 'outt'") as error:
        graph(text, "low.outt=3")
    assert error.value.fix == "did you mean 'out'?"
    assert wrong(text, "low.out=1/3") == "conv2d: out_channels must be a whole number"


# -------------------------------------------------------------------------------- tensors and inputs


@pytest.mark.parametrize(
    ("declared", "shape"),
    [
        ("784", "784 (channels)"),
        ("1x16000", "1x16000 (channels x length)"),
        ("3x224x112", "3x224x112 (channels x height x width)"),
        ("3x16x112x56", "3x16x112x56 (channels x depth x height x width)"),
        ("3 x size x size/2", "3x32x16 (channels x height x width)"),
        ("'(3, size, size)'", "3x32x32 (channels x height x width)"),
        ("(3, size, size)", "3x32x32 (channels x height x width)"),
        ("[3, size, size/2]", "3x32x16 (channels x height x width)"),
        ("[784]", "784 (channels)"),
        ("{if: size > 9, then: 3x4x5, else: {length: 7}}", "3x4x5 (channels x height x width)"),
        ("{if: size < 9, then: 3x4x5, else: {if: size == 32, then: {length: size}, else: 5}}", "32 (length)"),
        ("{length: 197, channels: 2*size}", "197x64 (length x channels)"),
        ("{length: 1024}", "1024 (length)"),
        ("{height: 4, width: 5, channels: 6}", "4x5x6 (height x width x channels)"),
    ],
)
def test_inputs(declared: str, shape: str) -> None:
    """Channels first, or axes by name in their order."""
    found = graph(f"input: {declared}\nknobs: {{size: 32}}\nlayers: identity\n")

    assert found.inputs["input"].described() == shape


@pytest.mark.parametrize(
    ("declared", "fact"),
    [
        ("3x0x8", "a size of the input must be at least 1"),
        ("3 x size x 1.5", "a size of the input must be a whole number"),
        ("1x2x3x4x5", "an input of 5 sizes needs names for its axes"),
        ("3, 8, 8", "separate sizes with x"),
        ("[[3, 8], 8]", NO_INPUT),
        ("[]", NO_INPUT),
        ("[3, 8x8]", "a size of the input must be a whole number"),
        ("{hight: 3}", "'hight' is not the name of an axis"),
        ("{}", NO_INPUT),
        ("3xsizex8", "'3xsizex8' is neither a number nor a name"),
        ("3 x channels x 8", "no tensor here"),
    ],
)
def test_input_that_is_wrong(declared: str, fact: str) -> None:
    text = f"input: {declared}\nknobs: {{size: 32}}\nlayers: relu\n"

    assert wrong(text) == fact


def test_several_inputs() -> None:
    """There is no incoming tensor then; layers say `from`. Each input must be read."""
    text = "inputs: {left: 3x8x8, right: {length: 4, channels: 3}}\nlayers:\n"

    both = "  - a: flatten from left\n  - b: flatten from right\n  - concat from a b\n"
    assert edges(text + both) == {"a": ["left"], "b": ["right"], "concat": ["a", "b"]}
    assert wrong(text + "  - relu\n") == "there is no incoming tensor here: the spec has several inputs"
    assert wrong(text + "  - relu from left\n") == "the input 'right' is never read"
    assert wrong(text + "  - add: {a: identity, b: relu from left}\n") == (
        "there is no incoming tensor here: the spec has several inputs"
    )
    assert wrong("input: 3\ninputs: {a: 3}\nlayers: relu\n") == "a spec has 'input' or 'inputs', not both"


def test_other_input_sizes() -> None:
    """Sizes from outside replace an input's, axis by axis."""
    text = "input: {length: 4, channels: 8}\nlayers: linear 2\n"

    assert graph(text, inputs={"input": (9, 8)}).layers[0].output.dims == (9, 2)
    with pytest.raises(Fault, match="there is no input 'left'"):
        graph(text, inputs={"left": (9, 8)})
    with pytest.raises(SpecError, match="the input has 2 sizes"):
        graph(text, inputs={"input": (9, 8, 7)})


def test_outputs() -> None:
    """Named outputs replace the end of the chain; whatever else is not read is a mistake."""
    text = on_image("- a: conv2d 4 1", "- b: conv2d 5 1", "- c: conv2d 6 1")

    assert graph("outputs: [a, c]\n" + text).outputs == (1, 3)
    assert graph("outputs: c b\n" + text).outputs == (3, 2)
    assert wrong("outputs: [a, b]\n" + text) == "the output of 'c' is never read"
    assert wrong("outputs: [a, d]\n" + text) == "there is no earlier layer 'd'"
    assert wrong(on_image("- a: relu", "- b: relu from input")) == "the output of 'a' is never read"


def test_a_size_alone_does_not_read_a_layer() -> None:
    """`a.height` looks at the shape, not at the values."""
    assert wrong(on_image("- a: relu", "- conv2d a.height 1 from input")) == "the output of 'a' is never read"


# --------------------------------------------------------------------- share, frozen, variants, use


def test_share() -> None:
    """Weights of equal name and shape, of a layer or a group, path by path; the rest stays one's own."""
    text = """
        inputs: {left: 3x8x8, right: 3x8x8}
        blocks:
          tower: conv2d 4 3, prelu, deeper
          deeper: [c: conv2d 5 1, relu]
        layers:
          - a: tower from left
          - b: tower share=a from right
          - add from a b
          - global_avg_pool
          - d: linear 5 bias=false
          - e: linear 5 share=d
    """
    network = graph(text)
    shared = {layer.path: dict(layer.shared) for layer in network.layers if layer.shared}

    assert shared == {
        "b/conv2d": {"weight": "a/conv2d", "bias": "a/conv2d"},
        "b/prelu": {"weight": "a/prelu"},
        "b/deeper/c": {"weight": "a/deeper/c", "bias": "a/deeper/c"},
        "e": {"weight": "d"},
    }
    assert count(network).totals.params == 3 * 4 * 9 + 4 + 1 + 4 * 5 + 5 + 25 + 5


def test_running_statistics_of_a_layer_used_again_are_its_own() -> None:
    """One layer used twice has one set of them; another op that takes only the weights has its own."""
    network = graph("""
        inputs: {left: 4x8x8, right: 4x8x8}
        layers:
          - a: batch_norm from left
          - b: batch_norm share=a from right
          - c: batch_norm eps=0.5 share=a from right
          - d: batch_norm eps=0.5 share=c from right
          - add from a b c d
    """)

    owners = {layer.path: dict(layer.shared) for layer in network.layers}

    assert owners["b"] == {"weight": "a", "bias": "a", "running_mean": "a", "running_var": "a"}
    assert owners["c"] == {"weight": "a", "bias": "a"}
    assert owners["d"] == {"weight": "a", "bias": "a", "running_mean": "c", "running_var": "c"}
    assert (count(network).totals.params, count(network).totals.buffers) == (4 + 4, 2 * (4 + 4))


def test_share_with_a_group_of_one_layer() -> None:
    """A block, a name or a round that is a single layer is that layer."""
    text = """
        input: 3x8x8
        blocks:
          one: conv2d 3 1
        layers:
          - a: one
          - b: conv2d 3 1 share=a
          - c: one share=b
          - d: 2 * one
          - e: conv2d 3 1 share=d[1]
          - f: one share=d/0
    """
    shared = {layer.path: layer.shared.get("weight") for layer in graph(text).layers}

    assert shared == {"a": None, "b": "a", "c": "a", "d/0": None, "d/1": None, "e": "d/1", "f": "d/0"}


def test_shared_rounds() -> None:
    """With `shared: true` all rounds have the weights of round 0."""
    text = """
        input: {length: 4, channels: 8}
        layers:
          - a:
              repeat: 3
              shared: true
              layers: linear 8, relu
    """

    assert [dict(layer.shared) for layer in graph(text).layers if layer.op.title == "linear"] == [
        {},
        {"weight": "a/0/linear", "bias": "a/0/linear"},
        {"weight": "a/0/linear", "bias": "a/0/linear"},
    ]
    assert count(graph(text)).totals.params == 72


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        (["- a: conv2d 3 1", "- conv2d 4 1 share=a"], DIFFERS),
        (["- a: relu", "- conv2d 4 1 share=a"], "no weight of the same name and shape to share"),
        (["- a: conv2d 3 1", "- relu share=a"], "no weight of the same name and shape to share"),
        (["- a: [conv2d 3 1, relu]", "- conv2d 3 1 share=a"], "'a' is not a single layer to share with"),
        (["- a: identity", "- conv2d 3 1 share=a"], "'a' is not a single layer to share with"),
        (["- conv2d 3 1 share=b"], "there is no earlier layer 'b'"),
        (["- a: [conv2d 3 1, conv2d 3 1 share=a]"], "the group to share with is not complete here"),
        (["- a: relu", "- {relu: {share: a a}}"], "'share' names one layer or group"),
        (["- a: 2 * conv2d 3 3", "- {repeat: 2, shared: true, layers: conv2d 2*channels 1}"], DIFFERS),
        (
            ["- auxiliary: {h: conv2d 3 1}", "- conv2d 3 1 share=h"],
            "the weights of 'h' exist in training only",
        ),
    ],
)
def test_share_that_is_wrong(lines: list[str], fact: str) -> None:
    assert wrong(on_image(*lines)) == fact


def test_sharing_block_without_weights_in_common() -> None:
    text = "input: 3x8x8\nblocks:\n  one: [w: conv2d 3 1, relu]\n  two: [v: conv2d 3 1, relu]\n"

    assert (
        wrong(text + "layers: [{a: one}, b: two share=a]\n")
        == "no weight of the same name and shape to share"
    )


def test_frozen() -> None:
    """On a call of an op or of a block, or as a default: the weights are not trainable."""
    text = """
        input: 3x8x8
        knobs: {fixed: true}
        defaults: {batch_norm: frozen=fixed}
        blocks:
          unit: conv2d 3 1 bias=false, batch_norm
        layers:
          - unit frozen=true
          - unit
          - conv2d 3 1 frozen=not(fixed)
          - {conv2d: {out_channels: 3, kernel_size: 1, frozen: true}}
    """

    assert [layer.frozen for layer in graph(text).layers] == [True, True, False, True, False, True]
    assert count(graph(text)).totals.frozen == 9 + 6 + 6 + 12
    assert wrong(on_image("- conv2d 3 1 frozen=1")) == "frozen must be true or false"


@pytest.mark.parametrize(
    ("variants", "fact"),
    [
        ("{a: {widht: 3}}", "variant 'a' sets 'widht', which is not a knob"),
        ("{a: {like: b}}", "'like' names 'b', but there is no such variant"),
        ("{a: {like: b}, b: {like: a}}", "'like' is circular: a -> b -> a"),
        ("{a: 3}", "variant 'a' must be a mapping of knobs"),
        ("{a: {like: }}", "'like' names another variant"),
        ("{a b: {}}", "'a b' is not a name: letters, digits, _, - and ."),
        ("[a]", "'variants' must be a mapping of names"),
    ],
)
def test_variants_that_are_wrong(variants: str, fact: str) -> None:
    said = wrong(f"input: 3x8x8\nknobs: {{width: 3}}\nvariants: {variants}\nlayers: conv2d width 1\n")

    assert said.split("\n")[0] == fact


def test_unknown_variant() -> None:
    with pytest.raises(Fault, match="there is no variant 'b' in 't'"):
        graph("input: 3\nvariants: {a: {}}\nlayers: relu\n", variant="b")


BASE = """
input: 3 x size x size
knobs: {size: 8, width: 4, twice: 2*width}
variants: {wide: {width: 8}}
defaults: {conv2d: bias=false}
blocks:
  unit out: conv2d out 1, relu
layers:
  - unit twice
  - end: linear 2
claims: {base: [{params: 3}]}
"""


def used(folder: Path, text: str, base: str = BASE) -> Path:
    """A file beside `base.yaml` that may use it."""
    (folder / "base.yaml").write_text(base)
    path = folder / "user.yaml"
    path.write_text(text)
    return path


def calls_of(path: Path, variant: str = "") -> list[str]:
    from paramcalc.count.call import call_text

    return [call_text(layer.op) for layer in elaborate(library.read(path), Settings(variant)).layers]


def test_use(tmp_path: Path) -> None:
    """Another spec's input, knobs, defaults, blocks and layers; its knobs may be set, the rest added to."""
    base = BASE.replace("- end: linear 2", "- global_avg_pool")
    path = used(
        tmp_path, "name: user\nuse: base\nknobs: {width: 5, more: twice+1}\nvariants: {v: {more: 3}}\n", base
    )
    read = library.read(path)

    assert calls_of(path) == ["conv2d 10 1 bias=false", "relu", "global_avg_pool"]
    assert [*read.variants] == ["v"]
    assert read.claims is None
    assert [*read.knobs] == ["size", "width", "twice", "more"]


def test_use_replaces_a_block(tmp_path: Path) -> None:
    """Wherever the used spec calls it; what is called there must fit."""
    base = BASE.replace("  - end: linear 2\n", "")
    text = "use: base\nblocks:\n  unit out k=3: {override: true, layers: conv2d out k}\n"

    assert calls_of(used(tmp_path, text, base)) == ["conv2d 8 3 bias=false"]


def test_use_keeps_the_words_of_a_knob(tmp_path: Path) -> None:
    """A knob that a spec sets anew still holds one of the words of the spec that it uses."""
    base = BASE.replace("knobs: {", "knobs: {kind: {default: relu, choices: [relu, elu]}, ").replace(
        "- unit twice\n  - end: linear 2", "- kind"
    )
    path = used(tmp_path, "use: base\nknobs: {kind: elu}\n", base)

    assert calls_of(path)[0] == "elu"
    assert library.read(path).knobs["kind"].choices == ("relu", "elu")
    with pytest.raises(SpecError, match="knob 'kind' must be one of relu, elu"):
        calls_of(used(tmp_path, "use: base\nknobs: {kind: ello}\n", base))


def test_use_with_other_outputs(tmp_path: Path) -> None:
    """Outputs alone, over the layers of the spec that is used."""
    base = "input: 8\noutputs: [b]\nlayers:\n  - a: linear 4\n  - b: linear 2\n"
    read = library.read(used(tmp_path, "use: base\noutputs: [a, b]\n", base))

    assert [*map(str, read.outputs.references)] == ["a", "b"]
    assert elaborate(read).outputs == (1, 2)


def test_use_replaces_layers_and_input(tmp_path: Path) -> None:
    path = used(
        tmp_path, "use: base\ninput: 6x4x4\nblocks:\n  two out: [unit out, unit out]\nlayers: two width\n"
    )

    assert library.read(path).name == "base"
    assert calls_of(path) == ["conv2d 4 1 bias=false", "relu"] * 2


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("use: base\nblocks:\n  unit: relu\n", "'base' has a block 'unit'"),
        (
            "use: base\nblocks:\n  unot: {override: true, layers: relu}\n",
            "nothing to override: 'base' has no block 'unot'",
        ),
        (
            "use: base\ndefaults: {conv2d: bias=true}\n",
            "'base' has defaults of conv2d, which cannot be redefined",
        ),
        ("use: bass\n", "there is no spec 'bass'"),
        (
            "use: ../base\n",
            "'use' names a bundled spec, or a file NAME.yaml beside this one: no path, no ending",
        ),
        (
            "use: /etc/passwd\n",
            "'use' names a bundled spec, or a file NAME.yaml beside this one: no path, no ending",
        ),
        ("use: user\n", "'use' is circular: user -> user"),
        (
            "use: [base]\n",
            "'use' names a bundled spec, or a file NAME.yaml beside this one: no path, no ending",
        ),
    ],
)
def test_use_that_is_wrong(tmp_path: Path, text: str, fact: str) -> None:
    with pytest.raises(SpecError) as error:
        library.read(used(tmp_path, text))

    assert error.value.problems[0].fact == fact


def test_use_in_a_circle_and_by_a_link(tmp_path: Path) -> None:
    """Cycles over several files end; a link that leaves the folder is not followed."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.yaml").write_text(BASE)
    (inner / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (inner / "a.yaml").write_text("use: b\n")
    (inner / "b.yaml").write_text("use: a\n")
    (inner / "c.yaml").write_text("use: link\n")

    with pytest.raises(SpecError, match="'use' is circular: a -> b -> a"):
        library.read(inner / "a.yaml")
    with pytest.raises(SpecError, match="there is no spec 'link'"):
        library.read(inner / "c.yaml")


def test_use_of_a_bundled_spec() -> None:
    """A text from elsewhere finds bundled specs; errors in their blocks point into their files."""
    text = "use: resnet\nknobs: {width: 32}\n"

    assert count(graph(text)).totals.params == count(graph("use: resnet\n", "width=32")).totals.params
    with pytest.raises(SpecError, match=r"resnet\.yaml:\d+:\d+: "):
        graph("use: resnet\nknobs: {size: 1/3}\n")


# ----------------------------------------------------------------------------------------- YAML


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "the file is empty: a spec has at least 'input' and 'layers'"),
        ("# nothing\n", "the file is empty: a spec has at least 'input' and 'layers'"),
        ("relu\n", "a spec is a mapping: name, input, layers and so on, each followed by a colon"),
        ("- relu\n", "a spec is a mapping: name, input, layers and so on, each followed by a colon"),
        ("input: 3\n", "the spec has no 'layers'"),
        ("layers: relu\n", "the spec has no 'input'"),
        ("input: 3\nlayers: []\n", "'layers' is empty"),
        ("input: 3\nlayer: relu\nlayers: relu\n", "'layer' is not a part of a spec"),
        ("input: 3\ninput: 4\nlayers: relu\n", "the key 'input' appears twice in this mapping"),
        ("input: 3\nlayers: &a relu\n", "anchors are not part of the language"),
        ("input: 3\nlayers: !!str relu\n", "tags are not part of the language"),
        ("input: 3\nlayers: |\n  relu\n", "block scalars (| and >) are not part of the language"),
        ("input: 3\nlayers: relu\n---\ninput: 3\n", "a second document: a file holds one spec"),
        ("input: 3\nlayers: {[a]: relu}\n", "a key must be a word or a line, not a list or mapping"),
        ("input: 3\n\tlayers: relu\n", "a tab in the indentation"),
        ("input: 3\nlayers:\n  - a: b: relu\n", "a second ': ' on one line"),
        ("input: 3\nlayers: [relu\n", "'[' is never closed"),
        ("input: 3\nname: [a]\nlayers: relu\n", "'name' must be a string"),
        (
            'input: 3\nlayers:\n  - "re\\x6cu"\n',
            "a quoted string here may have neither escapes nor line breaks",
        ),
        ("input: 3\nclaims: []\nlayers: relu\n", "'claims' must map models to lists of claims"),
        (
            "input: 3\nknobs: {a: {b: 1}}\nlayers: relu\n",
            "a knob is a value, a list, or {default: value, choices: [words]}",
        ),
        (
            "input: 3\nknobs: {a: {default: 1, choices: [1, 2]}}\nlayers: relu\n",
            "choices are a list of words",
        ),
        ("input: 3\nknobs: {if: 1}\nlayers: relu\n", "'if' means something in expressions"),
        (
            "input: 3\nknobs: {a-b: 1}\nlayers: relu\n",
            "'a-b' is not a name: letters, digits and _, not a digit first",
        ),
        ("input: 3\ndefaults: {conv4d: bias=false}\nlayers: relu\n", "there is no op 'conv4d'"),
        ("input: 3\ndefaults: {conv2d: biass=false}\nlayers: relu\n", "conv2d has no attribute 'biass'"),
        ("input: 3\ndefaults: {conv2d: 3}\nlayers: relu\n", "a default is written key=value"),
        (
            "input: 3\ndefaults: {silu: {}, swish: {}}\nlayers: relu\n",
            "'swish' is silu, which has defaults already",
        ),
    ],
)
def test_text_that_is_no_spec(text: str, fact: str) -> None:
    assert wrong(text).split("\n")[0] == fact


def test_scalars_stay_text() -> None:
    """Numbers that are names or texts stay as they were written."""
    read = spec("name: 1e3\nnote: 010\nsource: 1512.03385\ninput: 3\nlayers: relu\n")

    assert (read.name, read.note) == ("1e3", "010")
    assert read.origin is not None
    assert read.origin[0] == "1512.03385"


def test_byte_order_mark_and_line_ends() -> None:
    """A mark at the start and other line ends change no position."""
    from paramcalc.language import syntax

    for lead, end in ((b"", b"\n"), (b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n"), (b"", b"\r")):
        data = lead + end.join(
            [b"input: 3x8x8", b"# \xf0\x9f\x98\x80 \xc3\xa9", b"layers:", b"  - relu, rellu", b""]
        )
        with pytest.raises(SpecError) as error:
            elaborate(library.from_text(syntax.decode(data, "t.yaml")))
        assert str(error.value).startswith("t.yaml:4:11: there is no op or block 'rellu'")


def test_independent_mistakes_are_reported_together() -> None:
    """Lines, names and shapes in one run, in the order of the text; nothing that follows from a mistake."""
    text = """
        input: 3x8x8
        knobs: {a: 1, c: a}
        layers:
          - one: conv2d 4 3 strid=2
          - relu from one
          - conv2d 4 (3
          - two: conv2d a 3
          - flatten from input
          - linear widht
          - add from one nowhere two
    """

    assert wrong(text).split("\n") == [
        "conv2d has no attribute 'strid'",
        "'(' is never closed",
        "'widht' is not defined here",
    ]
    knobs = text.replace("a: 1, c: a", "a: b + 1, c: a, d: e").replace("conv2d 4 (3", "conv2d 4 3")
    assert wrong(knobs).split("\n") == [
        "'b' is not defined here",
        "'e' is neither a knob above nor an op or block",
        "conv2d has no attribute 'strid'",
        "'widht' is not defined here",
        "there is no earlier layer 'nowhere'",
    ]
