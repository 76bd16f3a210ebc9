"""Explanations: the lecture's lines word for word, and every op's formula worth what its rule counts."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest

from paramcalc import load, ops
from paramcalc.base.errors import Fault
from paramcalc.conventions import CONVENTIONS, convention, recounted
from paramcalc.count.report import count_layer
from paramcalc.engine.graph import Applied
from paramcalc.explain import equations as solved
from paramcalc.explain.draw import PLAIN, document, equation, formula, text
from paramcalc.explain.equations import Equation, equations
from paramcalc.explain.explain import QUANTITIES, Explanation, explain, quantities
from paramcalc.ops.base import Example
from tests import calls
from tests.conftest import Run

EXAMPLES = [example for kind in ops.every().values() for example in kind.examples]


def applied(call: str, *inputs: str) -> Applied:
    """An op on inputs, as the elaborator would have it."""
    return calls.alone(call, *inputs).layers[0].applied


def explained(call: str, *inputs: str) -> tuple[Explanation, dict[str, Equation]]:
    """The explanation of one application, and its equations by name."""
    found = applied(call, *inputs)
    numbers, _, lines = equations(found)
    each = Explanation(("layer",), call, found.inputs, found.output, numbers, {}, tuple(lines), (), ())
    return each, {line.name: line for line in lines}


def shown(call: str, *inputs: str) -> dict[str, str]:
    """The equations of one application as they are printed."""
    each, lines = explained(call, *inputs)
    return {name: equation(line, each) for name, line in lines.items()}


# ------------------------------------------------------------------------------- as a lecture writes it


@pytest.mark.parametrize(
    ("call", "inputs", "name", "line"),
    [
        ("conv2d 6 5", ["1x32x32"], "params", "(k_h*k_w*C_in + 1)*C_out = (5*5*1 + 1)*6 = 156"),
        (
            "conv2d 6 5",
            ["1x32x32"],
            "H_out",
            "floor((H + 2*p - k_h)/s) + 1 = floor((32 + 2*0 - 5)/1) + 1 = 28",
        ),
        (
            "conv2d 48 5 padding=2",
            ["480x14x14"],
            "macs",
            "(H_out*W_out*C_out) * (k_h*k_w*C_in) = (14*14*48) * (5*5*480) = 112,896,000",
        ),
        (
            "conv2d 48 5 padding=2",
            ["480x14x14"],
            "memory",
            "(k_h*k_w*C_in + 1)*C_out + H_out*W_out*C_out = (5*5*480 + 1)*48 + 14*14*48 = 585,456",
        ),
        ("conv2d 8 3 stride=2 padding=same", ["4x15x15"], "W_out", "ceil(W/s) = ceil(15/2) = 8"),
        (
            "conv1d 8 3 dilation=2",
            ["4x16"],
            "L_out",
            "floor((L + 2*p - d*(k - 1) - 1)/s) + 1 = floor((16 + 2*0 - 2*(3 - 1) - 1)/1) + 1 = 12",
        ),
        (
            "conv2d 4 3 padding=((0, 1), (2, 3))",
            ["3x8x8"],
            "H_out",
            "floor((H + p_top + p_bottom - k_h)/s) + 1 = floor((8 + 0 + 1 - 3)/1) + 1 = 7",
        ),
        (
            "conv2d 256 3 padding=1 groups=32",
            ["256x14x14"],
            "params",
            "(k_h*k_w*C_in/g + 1)*C_out = (3*3*256/32 + 1)*256 = 18,688",
        ),
        ("batch_norm", ["64x8x8"], "params", "2*C = 2*64 = 128"),
        ("linear 84", ["120"], "params", "(C_in + 1)*C_out = (120 + 1)*84 = 10,164"),
        ("linear 84", ["120"], "macs", "C_in*C_out = 120*84 = 10,080"),
        (
            "max_pool2d 2",
            ["64x224x224"],
            "H_out",
            "floor((H + 2*p - k_h)/k_h) + 1 = floor((224 + 2*0 - 2)/2) + 1 = 112",
        ),
        (
            "max_pool2d 3 stride=2 ceil_mode=true",
            ["96x54x54"],
            "H_out",
            "ceil((H + 2*p - k_h)/s) + 1 = ceil((54 + 2*0 - 3)/2) + 1 = 27",
        ),
        ("concat", ["64x28x28", "128x28x28"], "C_out", "C_1 + C_2 = 64 + 128 = 192"),
        ("global_avg_pool", ["2048x7x7"], "activations", "C = 2,048"),
        (
            "self_attention 12",
            ["{length: 197, channels: 768}"],
            "macs",
            "4*L*C^2 + 2*L^2*C = 4*197*768^2 + 2*197^2*768 = 524,391,936",
        ),
        (
            "conv_transpose2d 4 3 stride=2 padding=1",
            ["8x5x5"],
            "macs",
            "(H*W*C_in) * (k_h*k_w*C_out) = (5*5*8) * (3*3*4) = 7,200",
        ),
    ],
)
def test_line(call: str, inputs: list[str], name: str, line: str) -> None:
    """The formula in the field's symbols, the same with numbers, the value."""
    assert shown(call, *inputs)[name] == line


# ------------------------------------------------------------------------------------------- every op


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.call for example in EXAMPLES])
def test_formulas_are_worth_what_the_rules_count(example: Example) -> None:
    """Every op's every example: the value of each formula is what the integer run counts."""
    (layer,) = calls.alone(example.call, *example.inputs).layers
    counts = count_layer(layer, batch=1)

    _, lines = explained(example.call, *example.inputs)

    for name in QUANTITIES:
        if name in ("output", "operations"):
            continue
        assert (lines[name].value if name in lines else 0) == getattr(counts, name), name
    operations = {line.name: line.value for line in lines.values() if line.quantity == "operations"}
    assert operations.pop("operations", 0) == sum(operations.values())
    assert operations == {kind: number for kind, number in layer.applied.cost.operations.items() if number}
    letters = {"H_out": "height", "W_out": "width", "L_out": "length", "D_out": "depth", "C_out": "channels"}
    for name, line in lines.items():
        if line.quantity == "output":
            assert line.value == layer.output.size(letters[name])


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.call for example in EXAMPLES])
def test_printed_numbers_have_the_printed_value(example: Example) -> None:
    """What is printed with the numbers in place is arithmetic, and comes out at the value."""
    each, lines = explained(example.call, *example.inputs)

    for line in lines.values():
        assert arithmetic(formula(line, each, PLAIN, names=False), {}) == line.value
        names = {name.replace("'", "_"): number for name, number in each.numbers.items()}
        assert arithmetic(formula(line, each, PLAIN, names=True), names) == line.value


def arithmetic(written: str, names: dict[str, Any]) -> Any:
    """The value of a printed formula."""
    python = re.sub(
        r"(?<![\w.])(\d+)(?![\w.])", r"Fraction(\1)", written.replace("^", "**").replace("'", "_")
    )
    python = re.sub(r"\*\*Fraction\((\d+)\)", r"**\1", python)
    fractions = {name: Fraction(number) for name, number in names.items()}
    return eval(
        python, {"floor": floor, "ceil": ceil, "Fraction": Fraction, "min": min, "max": max, **fractions}
    )


# -------------------------------------------------------------------------------------- whole networks


def test_totals_are_those_of_count() -> None:
    """The totals of a whole network are what `count` prints."""
    for name in ("lenet5-1998", "resnet-50", "gpt2-124m", "googlenet"):
        report = load(name).count()
        found = explain(report)
        totals = {total.quantity: total for total in found.totals}
        for quantity in ("params", "macs", "activations", "memory"):
            assert totals[quantity].value == getattr(report.totals, quantity)
            assert sum(times * value for times, value in totals[quantity].addends) == totals[quantity].value


def test_alike_layers_are_explained_once() -> None:
    """Layers with equal shapes and weights share one explanation, and count as often as they occur."""
    found = explain(load("resnet-50").count(), ["**/batch_norm"])

    assert sum(len(each.paths) for each in found.explanations) == 1 + 16 + 4  # stem, blocks, projections
    assert len(found.explanations) < 21


def test_shared_weights_are_said_and_not_counted() -> None:
    """GPT-2's last layer uses the table of the first."""
    found = explain(load("gpt2-124m").count(), ["logits"])
    (each,) = found.explanations

    assert "params" not in {line.name for line in each.lines}
    assert each.remarks == ("weight is shared with 'tokens' and counted there",)


def test_command_prints_lines(run: Run) -> None:
    """The command line gives the same lines."""
    result = run("explain", "lenet5-1998", "C1", "--quantity", "output,params")

    assert result.code == 0
    assert result.out.splitlines() == [
        "lenet5-1998, input 1x32x32",
        "",
        "C1: conv2d 6 5, 1x32x32 -> 6x28x28",
        "  H_out  = floor((H + 2*p - k_h)/s) + 1 = floor((32 + 2*0 - 5)/1) + 1 = 28",
        "  W_out  = floor((W + 2*p - k_w)/s) + 1 = floor((32 + 2*0 - 5)/1) + 1 = 28",
        "  params = (k_h*k_w*C_in + 1)*C_out = (5*5*1 + 1)*6 = 156",
        "",
        "H, W, C_in: height, width, channels of the input; p: padding; k_h, k_w: kernel_size, height, width;",
        "s: stride; C_out: out_channels",
    ]


@pytest.mark.parametrize(
    ("call", "x", "lines"),
    [
        (
            "conv2d 4 3",
            "3x8x8",
            [
                "  operations  = H_out*W_out*C_out = 6*6*4 = 144",
                "    additions = H_out*W_out*C_out = 6*6*4 = 144",
            ],
        ),
        (
            "batch_norm",
            "4x6x6",
            [
                "  operations        = 2*H*W*C = 2*6*6*4 = 288",
                "    multiplications = H*W*C = 6*6*4 = 144",
                "    additions       = H*W*C = 6*6*4 = 144",
            ],
        ),
        (
            "softmax",
            "{channels: 10}",
            [
                "  operations     = 5*C - 2 = 5*10 - 2 = 48",
                "    comparisons  = C - 1 = 10 - 1 = 9",
                "    subtractions = C = 10",
                "    exponentials = C = 10",
                "    additions    = C - 1 = 10 - 1 = 9",
                "    divisions    = C = 10",
            ],
        ),
        ("conv2d 4 3 bias=false", "3x8x8", ["  no operations other than macs"]),
    ],
)
def test_operations_are_counted_by_nouns(
    run: Run, tmp_path: Path, call: str, x: str, lines: list[str]
) -> None:
    """All of them, then each kind; what they are is said once, below."""
    spec = tmp_path / "one.yaml"
    spec.write_text(f"name: one\ninput: {x}\nlayers:\n  - layer: {call}\n")

    said = run("explain", str(spec), "--quantity", "operations").out.splitlines()

    assert said[3 : said.index("", 2)] == lines
    assert said[-2].startswith("operations: for one sample in inference, apart from multiply-accumulates")


def test_attention_adds_up() -> None:
    """A sum of 3 scores is 2 additions: 12 * 3 * 2 of them, and 4 * 3 * 768 biases."""
    found = load("bert-base").count(inputs={"words": (3,), "sentences": (3,)})

    explained = text(explain(found, ["encoders/0/attention"], ("operations",)))

    # 4 projections of 3 tokens with 768 biases; 12 heads of 3 rows of 3 scores; 3 x 768 scaled queries
    assert "additions       = 4*L*C + L^2*heads - L*heads = 4*3*768 + 3^2*12 - 3*12 = 9,288" in explained
    assert "multiplications = L*C = 3*768 = 2,304" in explained
    assert "exponentials    = L^2*heads = 3^2*12 = 108" in explained


def test_what_a_layer_does_not_have_is_said(run: Run) -> None:
    shown = run("explain", "resnet-50", "conv1/relu", "--quantity", "params,macs").out

    assert "  no params and no macs\n" in shown


def test_sizes_from_the_command_line(run: Run) -> None:
    """Settings and inputs are those of the network explained."""
    result = run("explain", "resnet-50", "fc", "--set", "width=96", "--quantity", "params")

    assert "(3072 + 1)*1000 = 3,073,000" in result.out


def test_unknown_names_have_near_misses(run: Run) -> None:
    """A misspelt layer, quantity or convention is an error."""
    with pytest.raises(Fault, match="no layer matches 'C11'"):
        explain(load("lenet5-1998").count(), ["C11"])
    with pytest.raises(Fault, match="no quantity 'parms'") as raised:
        quantities("parms")
    assert "params" in raised.value.fix
    assert run("explain", "lenet5-1998", "--why", "torchinf").code == 2


# ----------------------------------------------------------------------------------------------- forms


def test_markdown_and_latex(run: Run) -> None:
    """The same equations as a list, and aligned."""
    markdown = run("explain", "lenet5-1998", "C1", "--quantity", "params", "--format", "markdown").out
    latex = run("explain", "lenet5-1998", "C1", "--quantity", "output,params", "--format", "latex").out

    assert "- params: `(k_h*k_w*C_in + 1)*C_out = (5*5*1 + 1)*6 = 156`" in markdown
    assert r"\text{params} &= (k_{h} \cdot k_{w} \cdot C_{\mathrm{in}} + 1) \cdot C_{\mathrm{out}}" in latex
    assert r"\left\lfloor \frac{H + 2 \cdot p - k_{h}}{s} \right\rfloor + 1" in latex


def test_a_convention_is_told_of_the_quantities_asked_for(run: Run) -> None:
    """--quantity macs: nothing of flops; without --quantity all that the convention is about."""
    asked = run("explain", "lenet5-1998", "C1", "--quantity", "macs", "--why", "with-biases").out
    usual = run("explain", "lenet5-1998", "C1", "--why", "with-biases").out

    assert "with-biases macs = " in asked
    assert "flops" not in asked
    assert "with-biases flops = " in usual


def test_json_document(run: Run) -> None:
    """The contract: paths, symbols, and for each equation formula, numbers, value."""
    found = json.loads(run("explain", "lenet5-1998", "C1", "--format", "json").out)
    (layer,) = found["layers"]
    by_name = {each["name"]: each for each in layer["equations"]}

    assert found["schema"] == "paramcalc/explain/1"
    assert layer["symbols"]["C_out"] == 6
    assert by_name["params"]["formula"] == "(k_h*k_w*C_in + 1)*C_out"
    assert by_name["params"]["numbers"] == "(5*5*1 + 1)*6"
    assert by_name["params"]["value"] == 156
    assert document(explain(load("lenet5-1998").count(), ["C1"])) == found


# ----------------------------------------------------------------------------------- other conventions


@pytest.mark.parametrize("name", CONVENTIONS)
def test_reasons_add_up_to_the_convention(name: str) -> None:
    """What a convention makes of each layer sums to its total, and each sum says how it differs from ours."""
    report = load("resnet-50").count()
    theirs = recounted(report, convention(name)).totals
    found = explain(report, why=convention(name))

    for reason in found.differences:
        assert reason.theirs == getattr(theirs, reason.quantity)
        assert reason.ours == getattr(report.totals, reason.quantity)


def test_layers_that_differ_in_numbers_share_their_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules run once for all odd sizes of a window of stride 2 and once where a question has another answer."""
    runs = []
    original = solved._run
    monkeypatch.setattr(solved, "_run", lambda *arguments: runs.append(arguments) or original(*arguments))
    solved._forms.cache_clear()

    lines = [
        shown("conv2d 48 5 stride=2 padding=same", f"{channels}x{size}x{size}")
        for channels, size in ((3, 31), (7, 63), (11, 101), (5, 127))
    ]

    assert len(runs) == 1
    assert [each["H_out"] for each in lines[1:3]] == [
        "ceil(H/s) = ceil(63/2) = 32",
        "ceil(H/s) = ceil(101/2) = 51",
    ]
    assert lines[2]["params"] == "(k_h*k_w*C_in + 1)*C_out = (5*5*11 + 1)*48 = 13,248"


def test_why_speaks_of_what_is_asked_for(run: Run) -> None:
    """Asked for macs, a convention's flops are left out; asked for nothing, all that it changes is said."""
    macs = run("explain", "lenet5-1998", "C1", "S2", "--quantity", "macs", "--why", "with-biases").out
    every = run("explain", "lenet5-1998", "C1", "S2", "--why", "with-biases").out

    assert "with-biases macs = macs + add = 117600 + 4704 = 122,304" in macs
    assert "flops" not in macs
    assert "with-biases flops = " in every


def test_why_is_printed(run: Run) -> None:
    """The convention's own name for its number, its formula, and the difference."""
    printed = text(explain(load("lenet5-1998").count(), ["C1", "S2"], why=convention("with-biases")))

    assert "  with-biases macs = macs + add = 117600 + 4704 = 122,304, 4,704 more than ours" in printed
    assert printed.endswith(f"\n\nwith-biases: {convention('with-biases').says}\n")


def test_the_legend_has_each_symbol_once(run: Run) -> None:
    """Symbols that occur, and no others, with the attribute or axis that they stand for."""
    out = run("explain", "lenet5-1998", "C1", "S2", columns=80).out
    *_, legend = out.split("\n\n")

    assert legend.replace("\n", " ").strip().split("; ") == [
        "H_out, W_out: height, width of the output",
        "H, W, C_in: height, width, channels of the input",
        "p: padding",
        "k_h, k_w: kernel_size, height, width",
        "C: channels of the input and the output",
        "s: stride",
        "C_out: out_channels",
    ]
    assert max(map(len, legend.splitlines())) <= 80


@pytest.mark.parametrize(
    "model", ["lenet5-1998", "unet", "swin-tiny", "gpt2", "googlenet", "shufflenet-v1-g3"]
)
def test_every_symbol_of_an_equation_has_a_meaning(run: Run, model: str) -> None:
    """JSON: the symbols of all equations are in the legend, and the legend has no other."""
    found = json.loads(run("explain", model, "--format", "json").out)

    formulas = [line["formula"] for layer in found["layers"] for line in layer["equations"]]
    used = {word for one in formulas for word in re.findall(r"[A-Za-z_]\w*'*", one)}
    assert used - {"floor", "ceil", "max", "min"} == set(found["legend"])
    assert all(found["legend"].values())


def test_no_symbols_no_legend(run: Run) -> None:
    """A layer without equations has nothing to explain."""
    assert run("explain", "vgg-16", "conv1_1/relu", "--quantity", "params").out.endswith("no params\n")


def test_weights_and_biases_apart(run: Run) -> None:
    """What exams ask: LeNet-5's C1 has 6 kernels of 5 x 5 and 6 biases, F6 84 x 120 weights and 84 biases."""
    out = run("explain", "lenet5-1998", "C1", "F6", "--quantity", "kernels,biases").out

    assert "kernels = k_h*k_w*C_in*C_out = 5*5*1*6 = 150" in out
    assert "biases  = C_out = 6" in out
    assert "kernels = 150 + 10080 = 10,230" in out
    assert "biases  = 6 + 84 = 90" in out
