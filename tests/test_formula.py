"""Closed forms of whole networks: the figures known, `count` at every admissible point, and print."""

from __future__ import annotations

import ctypes
import json
import random
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from paramcalc import Model, load, parse
from paramcalc.base.errors import Fault, SpecError
from paramcalc.count.report import Counts
from paramcalc.engine.library import bundled_files, models, read
from paramcalc.formula.draw import code, text
from paramcalc.formula.formula import formulas, quantities
from paramcalc.symbolic import Closed, evaluate
from tests.conftest import Run
from tests.processes import check_cheap, launch

SPECS = bundled_files()

# ---------------------------------------------------------------------------------- known closed forms


@pytest.mark.parametrize(
    ("model", "symbols", "quantity", "form"),
    [
        ("resnet-50", ["width", "h"], "params", "5724 w^2 + 32977 w + 1000"),
        ("resnet-50", ["width", "h"], "macs", "h^2 (19776 w^2 + 37632 w) + 32000 w"),
        ("resnet-50", ["width", "h"], "flops", "h^2 (39552 w^2 + 75264 w) + 64000 w"),
        ("gpt2-124m", ["dim", "vocabulary"], "params", "144 d^2 + d v + 1182 d"),
        ("resnet20-cifar", ["depths"], "params", "97216 n - 21926"),
        ("two-3x3-vs-5x5", ["width", "h"], "macs", "18 h^2 w^2"),
        ("one-5x5-taps", ["width", "h"], "macs", "25 h^2 w^2"),
        ("bottleneck-14x14-480-48", ["out", "kernel"], "params", "16 o k^2 + o + 7696"),
        ("vgg16-d", ["classes"], "params", "4097 c + 134260544"),
        ("mobilenet-v1", ["multiplier"], "params", "3139584 m^2 + 1091392 m + 1000"),
        ("densenet-cifar-L40-k12", ["depths"], "params", "6660 n^2 + 4956 n + 1210"),
    ],
)
def test_closed_form(model: str, symbols: list[str], quantity: str, form: str) -> None:
    """Networks whose formulas are known by hand or from the literature."""
    assert str(load(model).formula(quantity, symbols)) == form


def test_cifar_resnets_of_any_depth() -> None:
    """One closed form in n gives the parameters of all networks with 6n + 2 layers that He et al. list."""
    form = load("resnet20-cifar").formula("params", ["depths", "width"])

    for n, layers in ((3, 20), (5, 32), (7, 44), (9, 56), (18, 110), (200, 1202)):
        assert form.at(n=n) == load(f"resnet{layers}-cifar").count().totals.params
        assert form.at(n=n, w=24) == load(f"resnet{layers}-cifar").count(width=24).totals.params


def test_densenets_of_any_depth_and_growth() -> None:
    """Rounds that add a constant number of channels have sums of powers of their number."""
    closed = load("densenet121").closed(["depths", "growth", "h"])

    for name, depths, growth in (
        ("densenet169", (6, 12, 32, 32), 32),
        ("densenet264", (6, 12, 64, 48), 32),
        ("densenet161-k48", (6, 12, 36, 24), 48),
    ):
        point = {**dict(zip(("n1", "n2", "n3", "n4"), depths, strict=True)), "k": growth}
        expected = load(name).count().totals
        assert [closed.formula(name).at(**point) for name in Counts._fields] == [*expected]


def test_batch_is_a_symbol_like_any() -> None:
    """Work and outputs grow with the batch, weights do not."""
    closed = load("resnet-50").closed(["batch"])

    assert str(closed.formula("params")) == "25557032"
    assert str(closed.formula("macs")) == "4089184256 b"
    assert closed.formula("memory").at(b=8) == load("resnet-50").count(batch=8).totals.memory


def test_formula_of_layers() -> None:
    """Patterns pick layers, those of training-only branches too."""
    assert str(load("resnet-50").formula("macs", ["width", "h"], ["fc"])) == "32000 w"
    assert str(load("googlenet").formula("params", ["classes"], ["aux_4a"])) == "1025 c + 2163840"


# ------------------------------------------------------------------------------- all bundled networks


def chosen_models() -> list[str]:
    """The first and the last model of each bundled spec."""
    named = [(path, models(read(path))) for path in SPECS]
    return [f"{path}:{name}" for path, names in named for name in dict.fromkeys((names[0], names[-1]))]


def admissible(closed: Closed, seed: str, wanted: int) -> Iterator[dict[str, Any]]:
    """Random points at which a network's formulas hold; the default point if no other is met."""
    draw = random.Random(zlib.crc32(seed.encode()))
    form, found = closed.formula("params"), 0
    for _ in range(400):
        point = {symbol.letter: near(symbol.default, symbol.whole, draw) for symbol in closed.symbols}
        if form.admits(**point):
            yield point
            found += 1
        if found == wanted:
            return
    yield form.point({})


def near(default: Any, whole: bool, draw: random.Random) -> Any:
    """A value not far from a default: one more or less, half or twice as much; a fraction for a fraction."""
    if not whole:
        return Fraction(draw.randint(1, 48), 16)
    return max(
        0, draw.choice((default, default // 2, 2 * default, 3 * default, default + draw.randint(-3, 5)))
    )


def check_points(model: Model, closed: Closed, seed: str, wanted: int) -> None:
    """Raises where a formula gives something else than `count` does."""
    for point in admissible(closed, seed, wanted):
        knobs, inputs = closed.numbers(point)
        expected = model.count(inputs=inputs, **knobs).totals
        got = Counts(*(closed.formula(name).at(**point) for name in Counts._fields))
        assert got == expected, point
        assert all(type(value) is int for value in got)


@pytest.mark.parametrize("name", chosen_models(), ids=lambda name: name.rpartition(":")[2])
def test_formulas_are_counts(name: str) -> None:
    """For every bundled spec: the usual symbols with numbers put in give exactly what `count` gives."""
    model = load(name)

    check_points(model, model.closed(), name, 2)


REFUSED = {  # knobs that make structure, and what a symbol in their place is told
    "an exponent cannot depend on a symbol": (
        "conv-tasnet X, conv-tasnet R, dla levels, stylegan2 levels, tcn levels, unet depth, wavenet cycles, "
        "wavenet dilations"
    ),
    "cannot be a symbol": (
        "coatnet biases, cspnet inner, lenet5-1998 table_1, maxvit-rw biases, mobileone gated, "
        "gcvit steps, stable-diffusion depths, sdxl depths, swin-v2 trained"
    ),
    "depends on a symbol": "ddpm units, stable-diffusion units, sdxl units",
    "number of rounds a symbol": (
        "davit depths, edgenext depths, edgenext parts, focalnet levels, gcvit depths, gemma-2 layers, hrnet modules, "
        "mobileone branches, rcan factor, repvgg depths, repvit depths, res2net scale, rnnsearch words, swin depths, "
        "swin-v2 depths, vovnet blocks"
    ),
    "is a probability": "lstm-lm p",  # as are the next two, at the points that are tried
    "divisor of at least 1": "rexnet multiple, sknet divisor",
    "eps must be below 1": "vit eps, bert eps, mixtral eps",
}
SAID = {knob: said for said, knobs in REFUSED.items() for knob in knobs.split(", ")}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_knob_can_be_a_symbol(path: Path) -> None:
    """All numbers among the knobs of every bundled spec, each on its own, but those that make structure."""
    model = load(f"{path}:{models(read(path))[0]}")
    for knob, value in model.graph().knobs.items():
        if isinstance(value, bool | str):
            continue
        name = f"{path.stem} {knob}"
        if name in SAID:
            with pytest.raises((Fault, SpecError), match=SAID[name]):
                check_points(model, model.closed([knob]), name, 1)
        else:
            check_points(model, model.closed([knob]), name, 1)


LINES = (
    "conv2d {width} {kernel} stride={stride} padding={padding}",
    "conv2d {width} {kernel} stride={stride} padding=same dilation=2",
    "max_pool2d {kernel} stride={stride} padding={padding} ceil_mode=true",
    "avg_pool2d {kernel} stride={stride}",
    "adaptive_avg_pool2d {kernel}",
    "conv_transpose2d 4 {kernel} stride={stride}",
    "upsample 2",
    "concat: {{a: [conv2d w 1], b: identity}}",
    "multiply: {{gate: [global_avg_pool, linear channels//2+1, linear channels], maps: identity}}",
    "repeat: n\n    layers: conv2d channels 3 padding=1, batch_norm",
    "repeat: n\n    layers: [concat: {{a: [conv2d k 3 padding=1], b: identity}}]",
    "if: x.height > 6\n    then: max_pool2d 2\n    else: relu",
    "g{stride}{padding}{kernel}:\n"
    "      - m: {{repeat: n, layers: [side: conv2d k 1, conv2d channels 3 padding=1]}}\n"
    "      - concat from x m[*]/side",
    "a{stride}{padding}{kernel}:\n      - e: relu\n      - m: {{repeat: n, layers: conv2d channels 1}}\n"
    "      - add from e m[*]",
)
WIDTHS = ("w", "2*w", "w//2+1", "divisible(w*3/2)", "max(w, 5)", "ceil(w/3)")
SYMBOLS = (["H", "W"], ["w", "H"], ["n", "k"], ["w", "n", "k", "H", "W"])


def random_network(draw: random.Random) -> str:
    """A spec of a few layers with sizes that need not fit well."""
    layers = [
        f"  - {draw.choice(LINES)}".format(
            width=draw.choice(WIDTHS),
            kernel=kernel,
            stride=draw.randint(1, 4),
            padding=draw.randint(0, kernel // 2),
        )
        for kernel in (draw.randint(1, 5) for _ in range(draw.randint(1, 5)))
    ]
    knobs = f"{{w: {draw.randint(2, 20)}, n: {draw.randint(1, 4)}, k: {draw.randint(1, 6)}}}"
    sizes = f"3x{draw.randint(9, 70)}x{draw.randint(9, 70)}"
    return "\n".join(
        ["name: random", f"input: {sizes}", f"knobs: {knobs}", "layers:", *layers, "  - relu", ""]
    )


@pytest.mark.parametrize("seed", range(8))
def test_formulas_of_random_networks_are_counts(seed: int, tmp_path: Path) -> None:
    """Wherever the assumptions hold the network exists, and counts what the formula says."""
    draw, path, tried = random.Random(seed), tmp_path / "random.yaml", 0
    for number in range(30):
        path.write_text(random_network(draw))
        model = load(str(path))
        try:
            model.graph()
        except SpecError:
            continue  # a window does not fit
        check_points(model, model.closed(draw.choice(SYMBOLS)), f"{seed} {number}", 3)
        tried += 1

    assert tried > 5


def test_rounds_without_layers() -> None:
    """An open repeat of nothing adds nothing, to the longest path neither."""
    text = (
        "input: 3x9x9\nknobs: {n: 8}\nlayers: [{repeat: n, layers: {repeat: 0, layers: relu}}, conv2d 3 1]\n"
    )
    closed = parse(text).closed(["n"])

    assert closed.formula("depth").value == 1
    assert closed.formula("params").value == 12


def test_cells_of_tables_are_symbols() -> None:
    """MobileNetV2's fourth stage in its number of blocks and their width: what `count` says there."""
    model = load("mobilenet-v2")
    closed = model.closed(["stages/3.n", "stages/3.c=w"])

    assert [symbol.stands_for for symbol in closed.symbols] == [("stages/3.n",), ("stages/3.c",)]
    for depth, width in ((1, 8), (4, 64), (6, 100)):
        counts = model.count(**{"stages/3.n": depth, "stages/3.c": width}).totals
        point = {"n": depth, "w": width}
        assert closed.formula("params").at(**point) == counts.params
        assert closed.formula("macs").at(**point) == counts.macs
    with pytest.raises(Fault, match=r"there is no knob and no axis") as error:
        model.closed(["stages/3.nn"])
    assert error.value.fix.startswith("did you mean 'stages/3.n'")


# --------------------------------------------------------------------------------------------- print


def test_command_prints_the_closed_form(run: Run) -> None:
    """The line that the documents promise, with what it means and where it holds."""
    result = run("formula", "resnet-50", "--in", "width,h", "--quantity", "params,macs")

    assert result.code == 0
    assert result.out.splitlines() == [
        "resnet-50, input 3 x 32 h x 32 h: w = width, size = H = W = 32 h",
        "",
        "params = 5724 w^2 + 32977 w + 1000",
        "macs   = h^2 (19776 w^2 + 37632 w) + 32000 w",
        "",
        "for whole w, h >= 1",
        "at w = 64, h = 7: params 25,557,032; macs 4,089,184,256",
    ]


def test_assumptions_are_printed(run: Run) -> None:
    """What decided without proof is said: of one symbol alone with its values, else by itself."""
    gpt, unet, efficient = (
        run("formula", model, "--in", symbols, "--quantity", "macs").out
        for model, symbols in (("gpt2-124m", "dim,L"), ("unet", "h"), ("efficientnet-b0", "width"))
    )

    assert "\nfor d = 12, 24, 36, ...; whole L from 1 to 1024\n" in gpt
    assert "\nfor whole h >= 11\n" in unet
    assert "\nfor w > 0\nassuming divisible(32 w, 8) != divisible(16 w, 8), " in efficient
    assert "assuming" not in gpt + unet


@pytest.mark.parametrize(
    ("model", "symbols"),
    [
        ("gpt2-124m", ["dim", "L"]),
        ("unet", ["width", "h"]),
        ("se-shufflenet-v1-g3", ["width", "h"]),
        ("inception-v3", ["h"]),
        ("resnext50-32x4d", ["width"]),
    ],
)
def test_domains_say_what_the_assumptions_say(model: str, symbols: list[str]) -> None:
    """A point is in all domains, and meets the other assumptions, exactly when it meets all assumptions."""
    closed = load(model).closed(symbols)
    form = closed.formula("params")

    for value in range(1, 1200):
        for domain in closed.domains:
            inside = value in range(domain.least, (domain.most or 10**9) + 1) and value % domain.step == 0
            point = {**form.point({}), domain.letter: value}
            rest = all(assumption.holds(point) for assumption in closed.others)
            assert form.admits(**point) == (inside and rest)


def test_a_size_without_alternative_stays_a_number(run: Run) -> None:
    """LeNet-5's linear layer needs maps of one element, which 32 x 32 alone gives: 28 and 36 are refused."""
    square, sides = run("formula", "lenet5-1998"), run("formula", "lenet5-1998", "--in", "H,W,batch")
    document = json.loads(run("formula", "lenet5-1998", "--format", "json").out)

    assert "lenet5-1998, input 1 x 32 x 32\n" in square.out
    assert "macs        = 325680\n" in square.out
    assert "only H = W = 32 is legal: linear works on the last axis" in square.out
    assert "only H = 32 and W = 32 are legal: " in sides.out
    assert "macs        = 325680 b\n" in sides.out
    assert document["symbols"] == []
    assert [(each["stands_for"], each["value"]) for each in document["fixed"]] == [(["H", "W"], 32)]
    for size, fact in ((28, "nothing remains of the height"), (36, "linear works on the last axis")):
        with pytest.raises(SpecError, match=fact):
            load("lenet5-1998").count(inputs={"input": (1, size, size)})


def test_a_way_that_one_value_takes_is_no_law(run: Run, tmp_path: Path) -> None:
    """Where other values have other networks, the formula says that it holds for the one alone."""
    spec = tmp_path / "toy.yaml"
    spec.write_text(
        "name: toy\ninput: 3x8x8\nknobs: {width: 16}\nlayers:\n"
        "  - conv2d width 3\n  - {if: width == 16, then: conv2d 8 1, else: conv2d 4 1}\n"
    )

    result = run("formula", str(spec))

    assert "for w = 16 alone; whole h >= 3\n" in result.out
    assert "legal" not in result.out


def test_a_quantity_named_twice_is_given_once(run: Run) -> None:
    """Alike in explanations, which would add it up twice."""
    formula = run("formula", "resnet-50", "--quantity", "params,params").out
    explained = run("explain", "resnet-50", "conv1", "--quantity", "params,params").out

    assert formula.count("params = 5724") == 1
    assert explained.count("9,536") == 1


def test_letters_of_a_plane_that_is_no_square(run: Run) -> None:
    """No symbol stands for a multiple of itself, and none for two sizes of one axis."""
    wide = run("formula", "resnet-50", "--input", "3x224x256", "--quantity", "macs")
    twice = run("formula", "resnet-50", "--in", "h,H")

    assert wide.out.startswith("resnet-50, input 3 x 32 h x 32 y: w = width, H = 32 h, W = 32 y\n")
    assert "for whole w, h, y >= 1\n" in wide.out
    assert twice.code == 2
    assert "the height of 'input' has two symbols" in twice.err


SEVERAL = """name: several
inputs: {left_eye: 3x32x32, right: 3x32x32, far: 8x16x16}
layers:
  - near: conv2d 8 3 padding=1 stride=2 from left_eye
  - other: conv2d 8 3 padding=1 stride=2 share=near from right
  - far_: conv2d 8 3 padding=1 stride=2 from far
outputs: [near, other, far_]
"""


def test_inputs_of_different_sizes_have_symbols_of_their_own(run: Run, tmp_path: Path) -> None:
    """Those of one size have one together; each can be asked for by its input's name."""
    path = tmp_path / "several.yaml"
    path.write_text(SEVERAL)
    closed = load(str(path)).closed()

    assert str(closed.formula("macs")) == "432 h_left_eye^2 + 576 h_far^2"  # 2 * 8 * 3 * 9, 8 * 8 * 9
    check_points(load(str(path)), closed, "several", 5)
    for names, form in (
        (["right.h", "far.h"], "216 h_right^2 + 576 h_far^2 + 55296"),
        (["far.W=s", "far.H"], "576 s h_far + 110592"),
        (["h=s"], "432 s_left_eye^2 + 576 s_far^2"),
    ):
        assert str(load(str(path)).formula("macs", names)) == form
    printed = run("formula", path, "--quantity", "macs", "--format", "latex").out
    assert r"576 h_{\mathrm{far}}^{2} + 432 h_{\mathrm{left\_eye}}^{2}" in printed
    assert "left_eye.H = left_eye.W = right.H = right.W = 2 h_left_eye" in printed
    scope: dict[str, Any] = {}
    exec(run("formula", path, "--quantity", "macs", "--format", "python").out, scope)
    assert scope["macs"](h_far=9) == 432 * 16**2 + 576 * 9**2
    wrong = run("formula", path, "--in", "rigth.h").err
    assert "did you mean 'right.h'" in wrong


SIZED = """name: sized
input: {sizes}
knobs: {{size: 32, width: 8}}
layers: [conv2d width 3 padding=1 stride=2, relu, "upsample size=(size, size)"]
"""


@pytest.mark.parametrize(
    ("sizes", "symbols", "letter", "meaning"),
    [
        ("3 x size x size", None, "h", "size = H = W = 2 h"),
        ("3 x size x size", ["h=s"], "s", "size = H = W = 2 s"),
        ("{channels: 3, height: size, width: size}", None, "h", "size = H = W = 2 h"),
        ("3 x 2*size x 2*size", None, "s", "s = size"),
        ("3 x size x 48", ["size"], "s", "size = 2 s"),
    ],
)
def test_an_input_size_that_is_a_knob_is_that_knob(
    sizes: str, symbols: list[str] | None, letter: str, meaning: str, tmp_path: Path, run: Run
) -> None:
    """The formula is in the knob, wherever it is read: setting it gives what the formula says."""
    path = tmp_path / "sized.yaml"
    path.write_text(SIZED.format(sizes=sizes))
    model = load(str(path))
    closed = model.closed(symbols)
    form = closed.formula("activations")
    (symbol,) = (each for each in closed.symbols if each.letter == letter)

    for place in range(1, 60):
        size = symbol.scale * place + symbol.offset
        assert form.at(**{letter: place}) == model.count(size=size).totals.activations
    printed = run("formula", path, *([] if symbols is None else ["--in", ",".join(symbols)])).out
    assert meaning in printed.partition("\n")[0]


def test_a_knob_and_an_input_size_that_are_one_have_one_symbol(tmp_path: Path, run: Run) -> None:
    """Sides of their own leave the knob as it is; an input given other sizes is no longer the knob."""
    path = tmp_path / "sized.yaml"
    path.write_text(SIZED.format(sizes="3 x size x size"))
    model = load(str(path))

    for symbols in (["h", "size"], ["size", "h"]):
        with pytest.raises(Fault, match="the knob 'size' has two symbols"):
            model.closed(symbols)
    assert str(model.formula("activations", ["H", "W"])) == "16 h w + 8192"
    said = "--input changes the size of the input only; knob size stays 32 (--set size=64 changes both)\n"
    for command in ("count", "formula"):
        assert run(command, path, "--input", "3x64x64").err == said
        assert run(command, path, "--input", "3x32x32").err == ""
        assert run(command, path, "--set", "size=64").err == ""
        assert run(command, path, "--input", "3x64x48").err == said.partition(" (")[0] + "\n"
        assert run(command, "resnet-50", "--input", "3x64x64").err == ""  # where the input alone reads it
    apart = model.closed(["h"], inputs={"input": (3, 64, 64)}).formula("activations")
    for half in (1, 7, 50):
        counted = model.count(inputs={"input": (3, 2 * half, 2 * half)})
        assert apart.at(h=half) == counted.totals.activations


def test_a_knob_that_makes_structure_is_left_apart_from_the_input_size(tmp_path: Path) -> None:
    """Where no closed form is in the knob, there is one in the input's size, as `--input` changes it."""
    path = tmp_path / "structure.yaml"
    path.write_text(
        "name: structure\ninput: 3 x size x size\nknobs: {size: 32, depth: size//8}\n"
        "layers: [{repeat: depth, layers: conv2d 8*2**i 1}]\n"
    )
    model = load(str(path))

    form = model.formula("macs")

    for size in (5, 32, 77):
        assert form.at(h=size) == model.count(inputs={"input": (3, size, size)}).totals.macs
    with pytest.raises(SpecError, match="an exponent cannot depend on a symbol"):
        model.formula("macs", ["size"])


def test_a_knob_that_is_nothing_may_stay_nothing(run: Run, tmp_path: Path) -> None:
    """A knob of 0 is a symbol from 0 on: with none of it, the layer has 8 maps and 80 params."""
    path = tmp_path / "extra.yaml"
    path.write_text("input: 9\nknobs: {extra: 0}\nlayers: [linear 8+extra]\n")

    printed = run("formula", path, "--in", "extra", "--quantity", "params").out

    assert "params = 10 e + 80\n" in printed
    assert "\nfor whole e >= 0\n" in printed


def test_layers_are_not_summed_up(run: Run) -> None:
    """Below a line for each layer stand the network's own values, and not the counts of its last layer."""
    layers = run("formula", "resnet-50", "conv1", "--per", "layer").out
    blocks = run("formula", "resnet-50", "--per", "block", "--quantity", "params").out

    assert layers.endswith("for whole w, h >= 1\nthe network itself has w = 64, h = 7\n")
    assert blocks.endswith("at w = 64, h = 7, total: params 25,557,032\n")


@pytest.mark.parametrize("form", ["text", "latex", "python", "c", "javascript", "json"])
def test_no_layers_have_no_formulas(run: Run, tmp_path: Path, form: str) -> None:
    """A repeat of no rounds has nothing to give a formula of for each layer; its sums are 0."""
    path = tmp_path / "net.yaml"
    path.write_text("input: {length: 6, channels: 8}\nlayers: 0 * relu\n")

    each = run("formula", str(path), "--per", "layer", "--format", form)

    assert (each.code, each.out) == (2, "")
    assert "'net' has no layers" in each.err
    assert run("formula", str(path), "--format", form).code == 0


def test_what_is_too_wide_is_told_quantity_by_quantity(run: Run) -> None:
    """Side by side where there is room; else below each other, no line is wider than 52 and all is there."""
    arguments = ("formula", "resnet-50", "--per", "block", "--quantity", "params,macs,memory")
    wide, narrow = run(*arguments, columns=200).out, run(*arguments, columns=52).out

    assert wide == run(*arguments).out
    assert max(map(len, narrow.splitlines())) <= 52
    assert "\nparams\n  conv1            149 w\n" in narrow
    assert "\nmacs\n  conv1            37632 h^2 w\n" in narrow
    assert narrow.split("memory\n")[1].startswith("  conv1            768 h^2 w + 149 w\n")
    assert "  total            11976 h^2 w + 5724 w^2 + 33009 w\n                   + 2000\n" in narrow
    assert {*narrow.split()} == {*wide.split()}


def test_python_form_says_what_cannot_vary(run: Run) -> None:
    printed = run("formula", "lenet5-1998", "--format", "python").out

    assert printed.splitlines()[1].startswith("# only H = W = 32 is legal: ")


def test_what_is_subtracted_has_one_sign(run: Run) -> None:
    """Sums of sizes and of what is subtracted stand in brackets."""
    result = run("formula", "unet", "--quantity", "activations")

    assert result.out.startswith(
        "unet, input 1 x (16 h + 12) x (16 h + 12): w = width, size = H = W = 16 h + 12\n"
    )
    assert "h^2 (5944 w + 512) - h (78352 w + 11008) + 400632 w + 59168\n" in result.out


def test_a_width_that_is_rounded_is_no_symbol_unless_asked_for(run: Run) -> None:
    assert "macs        = 7834848 h^2 + 1907200\n" in run("formula", "efficientnet-b0").out


@pytest.mark.parametrize(
    ("model", "symbols", "point"),
    [
        ("resnet-50", "width,h,batch", {"w": 96, "h": 9, "b": 4}),
        ("gpt2-124m", "dim,L,layers", {"d": 24, "L": 100, "n": 3}),
        ("densenet-cifar-L40-k12", "depths,growth", {"n": 7, "k": 5}),
        ("densenet121", "depths,growth", {"n1": 3, "n2": 2, "n3": 5, "n4": 1, "k": 5}),
        ("mobilenet-v2-1.0", "multiplier", {"m": Fraction(3, 4)}),
        ("efficientnet-b0", "width,depth", {"w": Fraction(7, 5), "n": Fraction(9, 5)}),
        ("mobilenet-v1", "multiplier", {"m": Fraction(5, 8)}),
    ],
)
@pytest.mark.parametrize("per", ["total", "block", "layer"])
def test_python_form_computes_the_same(model: str, symbols: str, point: dict[str, Any], per: Any) -> None:
    """The generated module runs on its own and sums to the formula's values."""
    closed = load(model).closed(symbols.split(","))
    module: dict[str, Any] = {}

    exec(code(formulas(closed, per=per), "python"), module)

    for name in ("params", "macs", "activations", "memory"):
        value = module[name](**point)
        if per == "block":
            assert value.pop("total") == sum(value.values())
        total = value if per == "total" else sum(value.values())
        assert total == closed.formula(name).at(**point)
        assert type(total) is int


def test_python_form_refuses_what_it_does_not_hold_for() -> None:
    """Values outside the assumptions raise instead of giving a wrong number."""
    module: dict[str, Any] = {}
    exec(code(formulas(load("gpt2-124m").closed(["dim"])), "python"), module)

    with pytest.raises(ValueError, match="12 divides d"):
        module["params"](d=100)
    with pytest.raises(ValueError, match="d must be at least 1"):
        module["params"](d=0)


FUNCTIONS = """name: functions
input: 3 x H x W
knobs: {H: 29, W: 40, a: 20, b: 7, f: 12}
layers:
  - conv2d divisible(a*3/2) 3 stride=2 padding=1
  - conv2d max(a, 2*b, b+f) 3 stride=4 bias=false
  - conv2d round(a/4 + b/8)+1 1
  - conv2d ceil(a/3) 1
  - conv2d min(a, 7*b/2, 40)//1 1
  - conv2d f 1
  - conv2d 6 1 groups=3
  - max_pool2d 2 ceil_mode=true
"""
Call = Callable[..., Any]


class Refused(Exception):
    """The code says that a formula does not hold."""


def in_python(written: str, names: Sequence[str], folder: Path) -> dict[str, Call]:
    module: dict[str, Any] = {}
    exec(written, module)

    def called(name: str) -> Call:
        def call(**point: int) -> int:
            try:
                return module[name](**point)  # type: ignore[no-any-return]
            except ValueError as error:
                raise Refused from error

        return call

    return {name: called(name) for name in names}


def in_c(written: str, names: Sequence[str], folder: Path) -> dict[str, Call]:
    """The functions compiled; -1 is an error as in the other languages."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library = folder / "formula.c", folder / "formula.so"
    source.write_text(written)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-ftrapv", "-Wall", "-Werror", "-o", library, source], check=True
    )
    functions = ctypes.CDLL(str(library))

    def called(name: str) -> Call:
        function = getattr(functions, name)
        function.restype = ctypes.c_int64

        def call(**point: int) -> int:
            value = function(*(ctypes.c_int64(size) for size in point.values()))
            if value == -1:
                raise Refused
            return int(value)

        return call

    return {name: called(name) for name in names}


def in_javascript(written: str, names: Sequence[str], folder: Path) -> dict[str, Call]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    (folder / "formula.mjs").write_text(written)

    def called(name: str) -> Call:
        def call(**point: int) -> int:
            program = (
                f"import {{{name}}} from './formula.mjs';\n"
                f"console.log({name}({', '.join(f'{size}n' for size in point.values())}).toString());\n"
            )
            done = subprocess.run(
                [node, "--input-type=module", "-e", program], cwd=folder, capture_output=True, text=True
            )
            if done.returncode:
                assert "RangeError" in done.stderr, done.stderr
                raise Refused
            return int(done.stdout)

        return call

    return {name: called(name) for name in names}


@pytest.mark.parametrize(
    ("language", "functions", "tried"),
    [("python", in_python, 60), ("c", in_c, 60), ("javascript", in_javascript, 8)],
)
def test_code_computes_what_is_counted(
    language: str, functions: Callable[..., dict[str, Call]], tried: int, tmp_path: Path
) -> None:
    """Floors, ceilings, extremes and multiples: wherever an assumption fails the code refuses, else it is exact."""
    path = tmp_path / "functions.yaml"
    path.write_text(FUNCTIONS)
    model = load(str(path))
    closed = model.closed(["H", "W", "a", "b", "f"])
    names = ("params", "macs", "activations")
    called = functions(code(formulas(closed, names), language), names, tmp_path)
    draw = random.Random(5)
    admitted = 0
    for _ in range(tried):
        point = {"H": draw.randint(1, 6), "W": draw.randint(1, 6), "a": draw.randint(1, 70)}
        point |= {"b": draw.randint(3, 50), "f": draw.choice((3, 6, 9, 36, 7))}
        if not closed.formula("macs").admits(**point):
            with pytest.raises(Refused):
                called["macs"](**point)
            continue
        knobs, _ = closed.numbers(point)
        expected = model.count(**knobs).totals
        assert [called[name](**point) for name in names] == [getattr(expected, name) for name in names]
        admitted += 1

    assert tried / 3 < admitted < tried


def test_c_refuses_what_exceeds_64_bits(tmp_path: Path) -> None:
    """Up to the values that the first lines name nothing wraps around (-ftrapv would end it), one more is refused."""
    closed = load("resnet-50").closed(["width", "h"])
    written = code(formulas(closed, ("macs",)), "c")
    found = re.search(r"exact for w <= ([\d,]+), h <= ([\d,]+);", written)
    assert found is not None
    w, h = (int(digits.replace(",", "")) for digits in found.groups())
    macs = in_c(written, ["macs"], tmp_path)["macs"]

    value = 19776 * h**2 * w**2 + 37632 * h**2 * w + 32000 * w  # the closed form of test_closed_form

    assert macs(w=w, h=h) == value < 2**63
    assert 19776 * (2 * h) ** 2 * (2 * w) ** 2 > 2**63  # no needlessly small limit
    for beyond in ({"w": w + 1, "h": 1}, {"w": 1, "h": h + 1}):
        with pytest.raises(Refused):
            macs(**beyond)


def test_javascript_has_whole_numbers_of_any_size(tmp_path: Path) -> None:
    written = code(formulas(load("resnet-50").closed(["width", "h"]), ("params",)), "javascript")

    params = in_javascript(written, ["params"], tmp_path)["params"]

    assert params(w=10**15, h=1) == 5724 * 10**30 + 32977 * 10**15 + 1000


def test_only_python_has_fractions(run: Run) -> None:
    """A multiplier of 0.75 is exact in Python's fractions; doubles would round."""
    for language in ("c", "javascript"):
        refused = run("formula", "mobilenet-v1", "--in", "multiplier", "--format", language)

        assert refused.code == 2
        assert "'multiplier' may be a fraction" in refused.err


def test_code_has_the_values_of_all_blocks(tmp_path: Path) -> None:
    """In C as an array, in JavaScript by path."""
    found = formulas(load("vgg-16").closed(["h"]), ("macs",), per="block")
    written = code(found, "c")
    expected = [value for entry in found.entries if (value := evaluate(entry.counts.macs, {"h": 3}))]
    in_c(written, ["macs"], tmp_path)
    values = (ctypes.c_int64 * len(found.entries))()

    assert ctypes.CDLL(str(tmp_path / "formula.so")).macs(ctypes.c_int64(3), values) == 0
    assert [value for value in values if value] == expected
    assert f"// values[{len(values) - 1}]: total.\n" in written
    assert '"total": ' in code(found, "javascript")


def latex_value(written: str, point: dict[str, int]) -> Fraction:
    """The value of a printed formula, read without sympy."""
    text = re.sub(r"\^\{(\d+)\}", r"**\1", written)
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    for tex, plain in (
        (r"\left\lfloor", " floor("),
        (r"\right\rfloor", ")"),
        (r"\left\lceil", " ceil("),
        (r"\right\rceil", ")"),
        (r"\left(", "("),
        (r"\right)", ")"),
        ("{", "("),
        ("}", ")"),
    ):
        text = text.replace(tex, plain)
    text = re.sub(r"(?<=[\w)]) +(?=[\w(])", "*", text).replace("floor*", "floor").replace("ceil*", "ceil")
    text = re.sub(r"(?<![\w*])(\d+)", r"Fraction(\1)", text)
    numbers = {name: Fraction(value) for name, value in point.items()}
    return eval(text, {"floor": floor, "ceil": ceil, "Fraction": Fraction, **numbers})  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "symbols"),
    [
        ("resnet-50", ["width", "h"]),
        ("densenet-cifar-L40-k12", ["depths", "growth"]),
        ("alexnet-2012", ["border=b"]),
    ],
)
def test_latex_says_the_same(model: str, symbols: list[str]) -> None:
    """What is set is worth what is counted, with fractions and floors."""
    closed = load(model).closed(symbols)
    for name in ("params", "macs", "activations"):
        form = closed.formula(name)
        for point in admissible(closed, model, 3):
            assert latex_value(form._repr_latex_().strip("$"), point) == form.at(**point)


@pytest.mark.parametrize("number", range(4))
def test_floors_inside_floors_end(number: int, tmp_path: Path) -> None:
    """Sizes rounded round after round: each was printed anew for a sort key at every level, without an end."""
    line = (
        "conv2d 8 3 stride=4 padding=1",
        "conv2d (channels*channels+channels)//7+1 1",
        "conv2d max((channels+1)*3//2, min(channels*2//3, 90)) 1",
        "upsample size=(x.height*3//2, x.width*2//3+1)",
    )[number]
    (tmp_path / "nested.yaml").write_text(
        f"input: 3x224x224\nknobs: {{w: 5}}\nlayers:\n  - conv2d w 1\n  - repeat: 16\n    layers: {line}\n"
    )
    for form in ("text", "json", "latex", "python", "javascript"):
        outcome = launch(tmp_path, ["formula", "nested.yaml", "--format", form])

        check_cheap(outcome)
        assert outcome.code == 0, outcome.err
        assert len(outcome.out) < 100_000
    names = ("params", "macs")
    closed = load(str(tmp_path / "nested.yaml")).closed()
    called = in_python(code(formulas(closed, names), "python"), names, tmp_path)
    for width, size in ((5, 300), (9, 128)):
        point = {
            symbol.letter: width if symbol.letter == "w" else (size - symbol.offset) // symbol.scale
            for symbol in closed.symbols
        }
        if not closed.formula("macs").admits(**point):
            continue
        knobs, inputs = closed.numbers(point)
        expected = load(str(tmp_path / "nested.yaml")).count(inputs=inputs, **knobs).totals
        assert [called[name](**point) for name in names] == [expected.params, expected.macs]


def test_what_is_too_long_is_left_out(run: Run, tmp_path: Path) -> None:
    """The closed form of 30 rounds of w (w + 1) // 7 would have 2^30 characters; its values are exact."""
    path = tmp_path / "long.yaml"
    path.write_text(
        "input: 3x8x8\nknobs: {w: 2}\nlayers: [conv2d w 1, 12 * conv2d (channels*channels+channels)//7+1 1]\n"
    )

    printed = run("formula", path, "--in", "w", "--quantity", "params").out
    document = json.loads(run("formula", path, "--in", "w", "--quantity", "params", "--format", "json").out)

    assert re.search(r"^params = a closed form of about [\d,]+ characters, not shown$", printed, re.MULTILINE)
    assert document["formulas"][0]["text"] is None
    assert document["formulas"][0]["default"] == load(str(path)).count().totals.params


def test_floors_of_floors_are_one(tmp_path: Path) -> None:
    """Two halvings of 2 h + 1 by valid windows of 2 are floor(h/2), and its square is what is counted."""
    path = tmp_path / "halves.yaml"
    path.write_text(
        "input: 1x3x3\nlayers: [max_pool2d 1 stride=2, max_pool2d 1 stride=2, max_pool2d 1 stride=2]\n"
    )
    form = load(str(path)).formula("activations", ["h"])

    assert str(form).count("floor") <= 4
    assert "floor(floor" not in str(form)
    for h in range(1, 60):
        size = load(str(path)).closed(["h"]).symbols[0]
        side = size.scale * h + size.offset
        halves = [-(-side // 2), -(-side // 4), -(-side // 8)]  # positions 0, 2, 4 ... of each
        assert form.at(h=h) == sum(each**2 for each in halves)


def test_an_input_with_a_height_alone(run: Run, tmp_path: Path) -> None:
    """linear from 8 to 3: 27 params, 24 multiplications a row."""
    path = tmp_path / "rows.yaml"
    path.write_text("input: {height: 4, channels: 8}\nlayers: [linear 3]\n")

    printed = run("formula", path)

    assert printed.code == 0
    assert "params      = 27\n" in printed.out
    assert "macs        = 24 h\n" in printed.out
    assert "h = H\n" in printed.out


def test_a_name_cannot_become_code() -> None:
    """The generated module holds a spec's name in a comment, out of which no text leads."""
    spec = load("lenet5-ng").spec._replace(name='x"""\nraise SystemExit\n"""\u2028#')
    written = code(formulas(Model(spec).closed(["h"]), ("params",)), "python")

    module: dict[str, Any] = {}
    exec(written, module)
    assert module["params"]() == load("lenet5-ng").count().totals.params


def test_json_terms_add_up(run: Run) -> None:
    """The JSON document's terms are the formula."""
    result = run("formula", "resnet-50", "--in", "width,h", "--format", "json")
    found = json.loads(result.out)

    assert found["schema"] == "paramcalc/formula/1"
    assert [symbol["letter"] for symbol in found["symbols"]] == ["w", "h"]
    for entry in found["formulas"]:
        terms = (
            term["coefficient"] * 64 ** term["powers"].get("w", 0) * 7 ** term["powers"].get("h", 0)
            for term in entry["terms"]
        )
        assert sum(terms) == entry["default"]


def test_latex_form(run: Run) -> None:
    """Aligned equations."""
    result = run("formula", "resnet-50", "--in", "width,h", "--quantity", "params", "--format", "latex")

    assert "\\text{params} &= 5724 w^{2} + 32977 w + 1000" in result.out
    assert load("resnet-50").formula("params", ["width"])._repr_latex_() == "$5724 w^{2} + 32977 w + 1000$"


def test_sympy_expression() -> None:
    """The library hands a formula on to sympy."""
    form = load("resnet-50").formula("macs", ["width", "h"]).sympy()
    w, h = sorted(form.free_symbols, key=str, reverse=True)

    assert form.subs({w: 64, h: 7}) == 4_089_184_256
    assert form.as_poly(w, h).coeff_monomial(w**2 * h**2) == 19776


def test_layers_of_open_repeats_say_for_which_rounds_they_stand() -> None:
    """Rounds from the second on are one line."""
    found = text(
        formulas(load("densenet-cifar-L40-k12").closed(["depths"]), ("params",), ["dense*"], "layer")
    )

    assert "i = 1 ... n - 1" in found


def test_unknown_quantity_has_near_misses() -> None:
    """A misspelt quantity is an error."""
    with pytest.raises(Fault, match="no quantity 'mac'") as raised:
        quantities("params,mac")
    assert "macs" in raised.value.fix
    with pytest.raises(Fault, match="no quantity"):
        load("resnet-50").formula("mac")
    with pytest.raises(Fault, match="no symbol 'x'"):
        load("resnet-50").formula("macs").at(x=1)


def test_a_family_with_aligned_corners() -> None:
    """Ends that meet make odd steps between positions, and no other family: pooling by 4 takes multiples of 4."""
    text = """
    input: 3x24x24
    layers:
      - entry: conv2d 4 3 padding=1
      - max_pool2d 2
      - half: conv2d 4 3 padding=1
      - max_pool2d 2
      - up: upsample 2 mode=bilinear align_corners=true
      - concat from half up
      - up2: upsample 2 mode=bilinear align_corners=true
      - concat from entry up2
    """
    closed = parse(dedent(text)).closed(["h"])

    assert [str(symbol.value) for symbol in closed.symbols] == ["4 h"]
    # 3 and 4 channels to 4 by 3x3, at 16 and 4 positions of h^2
    assert str(closed.formula("macs")) == f"{16 * 3 * 4 * 9 + 4 * 4 * 4 * 9} h^2"


def test_knobs_that_are_called_as_axes(run: Run, tmp_path: Path) -> None:
    """A knob's letter is not that of an axis of the input, and each symbol is listed once."""
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "input: 3x32x32\nknobs: {h: 16, L: 5, batch: 2}\nlayers: [conv2d h 3, conv2d L*batch 3]\n",
        encoding="utf-8",
    )

    assert run("formula", str(spec), "--in", "h,L").out.startswith("net, input 3 x 32 x 32: h, L\n")
    assert "symbols can be h, L, batch, H, W, C\n" in run("formula", str(spec), "--in", "zzz").err


def test_a_power_of_the_rounds() -> None:
    """The number of rounds cannot be a symbol where a round's number is an exponent; the mistake says so."""
    text = "input: 3x8x8\nknobs: {depth: 3}\nlayers:\n  - repeat: depth\n    layers: conv2d 4*2**i 1\n"

    with pytest.raises(SpecError) as error:
        parse(text).closed(["depth"])
    assert "an exponent cannot depend on a symbol" in str(error.value)
    assert "do not make 'i' a symbol, nor the number of rounds that it counts" in str(error.value)
