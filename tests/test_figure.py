"""Figures: what boxes and bars show, labels that keep clear of each other, and files that programs read."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from paramcalc import load, parse
from paramcalc.figure.draw import STYLES
from paramcalc.render.canvas import KINDS, PLAIN, Box, Label, Line, Picture, colour, text_width
from paramcalc.render.svg import svg
from paramcalc.render.tikz import tikz
from tests.conftest import Run

NETWORKS = (
    "lenet5-1998", "alexnet", "vgg-16", "googlenet", "resnet-50", "densenet-121", "unet", "vit-b-16", "senet",
    "mobilenet-v2", "srdensenet-all", "llama", "mixtral-8x7b", "deepseek-v3", "detr-resnet50", "convlstm",
    "stable-diffusion-1.5", "yolov8n", "t5-base", "shufflenet-v2", "swin-t", "rnnsearch",
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"
# Names of layers are letters and digits; a network's may hold anything, and a file's even more.
HOSTILE = """\
name: '<script>alert(1)</script> & " %_#$~^{} \\ é'
input: 3x8x8
layers:
  - conv2d 4 3
  - flatten, linear 3
"""


@cache
def picture(network: str, style: str) -> Picture:
    return STYLES[style](load(network).count())


def texts(drawn: Picture) -> list[str]:
    return [label.text for label in drawn.labels]


# ------------------------------------------------------------------------------------------- labels


def overlap(one: Box, two: Box) -> bool:
    return (
        min(one.right, two.right) - max(one.x, two.x) > 0.5
        and min(one.bottom, two.bottom) - max(one.y, two.y) > 0.5
    )


def measured(label: Label) -> Box:
    """The room of a label as matplotlib's own measure of DejaVu Sans has it."""
    textpath = pytest.importorskip("matplotlib.textpath")
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", weight="bold" if label.bold else "normal", size=label.size)
    width, height, descent = textpath.TextToPath().get_text_width_height_descent(label.text, font, False)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return Box(left, label.y - height + descent, width, height)


def crosses(line: Line, box: Box) -> bool:
    """Whether a line that runs along the axes passes a box."""
    pieces = zip(line.points, line.points[1:], strict=False)
    return not line.fill and any(
        overlap(Box(min(x0, x1) - 0.6, min(y0, y1) - 0.6, abs(x1 - x0) + 1.2, abs(y1 - y0) + 1.2), box)
        for (x0, y0), (x1, y1) in pieces
    )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("network", NETWORKS)
def test_labels_keep_clear(network: str, style: str) -> None:
    """No label touches another, leaves the page, or lies half on a box; none is crossed by a line in front of it."""
    drawn = picture(network, style)
    areas = [(label, measured(label)) for label in drawn.labels]

    for label, area in areas:
        assert area.width <= text_width(label.text, label.size, label.bold) + 0.5, label
        assert area.x >= 0 and area.right <= drawn.width and area.y >= 0 and area.bottom <= drawn.height, (
            label
        )
    for (one, first), (two, second) in combinations(areas, 2):
        assert not overlap(first, second), (one, two)
    for label, area in areas:
        behind = True
        for shape in reversed(drawn.shapes):
            if shape is label:
                behind = False
            if isinstance(shape, Line):
                hidden = any(isinstance(one, Box) and one.fill and inside(area, one) for one in drawn.shapes)
                assert hidden or not crosses(shape, area), (label, shape)
            if isinstance(shape, Box) and overlap(shape, area):
                assert not behind and inside(area, shape), (label, shape)


def inside(area: Box, box: Box) -> bool:
    return (
        box.x - 0.5 <= area.x
        and area.right <= box.right + 0.5
        and box.y - 0.5 <= area.y
        and area.bottom <= box.bottom + 1.5
    )


def test_a_collision_is_seen() -> None:
    """The check above can fail."""
    one, two = Label(0, 10, "abcdef"), Label(20, 12, "ghijkl")

    assert overlap(measured(one), measured(two))
    assert crosses(Line(((10, 0), (10, 20))), measured(one))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_labels_can_be_read(theme: str) -> None:
    """Text has the contrast that WCAG asks for, 4.5 : 1, on the page, on frames, and on the colours of boxes."""

    def light(role: str) -> float:
        value = colour(role, theme)  # type: ignore[arg-type]
        parts = [int(value[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [(text, ground) for text in ("ink", "faint") for ground in ("paper", "frame")]
    pairs += [("on", kind) for kind in KINDS]
    for text, ground in pairs:
        low, high = sorted((light(text), light(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
    assert PLAIN["light"].keys() == PLAIN["dark"].keys()


# ------------------------------------------------------------------------------------- what they show


def fronts(drawn: Picture, kind: str) -> list[Box]:
    """The front faces of boxes, legends left out."""
    return [
        shape
        for shape in drawn.shapes
        if isinstance(shape, Box) and shape.fill == kind and shape.height != 10
    ]


def test_boxes_are_as_high_as_the_resolution() -> None:
    """VGG-16: 13 convolutions; heights as the square root of 224, 112, 56, 28, 14."""
    boxes = fronts(picture("vgg-16", "blocks"), "conv")

    assert len(boxes) == 13
    sides = [224] * 2 + [112] * 2 + [56] * 3 + [28] * 3 + [14] * 3
    for box, side in zip(boxes, sides, strict=True):
        assert box.height / boxes[0].height == pytest.approx((side / 224) ** 0.5)
    assert boxes[0].width < boxes[2].width < boxes[4].width
    assert len(fronts(picture("vgg-16", "blocks"), "pool")) == 5


def test_labels_of_boxes_say_name_call_and_sizes() -> None:
    found = texts(picture("resnet-50", "blocks"))

    assert found[found.index("conv3_x") : found.index("conv3_x") + 3] == [
        "conv3_x",
        "4 × bottleneck",
        "512×28×28",
    ]
    assert "25.6 M params · 4.09 G MACs · input 3×224×224" in found


def test_skips_run_over_the_boxes() -> None:
    """U-Net: four lines from the way down to the way up; a chain has none."""

    def skips(network: str) -> int:
        lines = (
            shape for shape in picture(network, "blocks").shapes if isinstance(shape, Line) and shape.arrow
        )
        return sum(len(line.points) == 4 for line in lines)

    assert skips("unet") == 4
    assert skips("vgg-16") == 0


def test_training_branches_are_not_drawn() -> None:
    """GoogLeNet's two auxiliary classifiers are no part of the network that is counted."""
    for style in STYLES:
        assert not [
            text for text in texts(picture("googlenet", style)) if "aux" in text or "1024 × 4" in text
        ]


def test_the_graph_draws_blocks_once() -> None:
    """ResNet-50 has 16 bottlenecks: two kinds, one with a projection, drawn once each, and called with their number."""
    found = texts(picture("resnet-50", "graph"))

    assert found.count("bottleneck") == 2
    for call in ("2 × bottleneck 64", "3 × bottleneck 128", "5 × bottleneck 256", "2 × bottleneck 512"):
        assert call in found
    assert found.count("add") == 2
    assert picture("resnet-50", "graph").height < 900
    assert "dense_block3: 24 × dense_layer" in texts(picture("densenet-121", "graph"))


def test_the_graph_has_a_line_for_each_skip() -> None:
    """A residual block: the line beside the branch ends at the join, from the right."""
    model = parse(
        "{input: 8x6x6, layers: [add: {main: 'conv2d 8 3 padding=1, relu, conv2d 8 3 padding=1', skip: identity}]}"
    )
    drawn = STYLES["graph"](model.count())
    join = next(shape for shape in drawn.shapes if isinstance(shape, Box) and shape.fill == "join")

    lines = [shape for shape in drawn.shapes if isinstance(shape, Line)]
    assert [line for line in lines if line.arrow and line.points[-1][0] == pytest.approx(join.right + 1)]


def test_bars_are_as_long_as_the_shares() -> None:
    """AlexNet's fc6 holds 9216 * 4096 + 4096 = 37,752,832 of 60,965,224 params; bars add up to 100 %."""
    drawn = picture("alexnet", "cost")
    bars = [
        shape for shape in drawn.shapes if isinstance(shape, Box) and shape.fill in KINDS and not shape.stroke
    ]
    params = [bar for bar in bars if bar.x < 250]

    fc6 = max(params, key=lambda bar: bar.width)
    assert fc6.fill == "linear"
    assert fc6.width / sum(bar.width for bar in params) == pytest.approx(37_752_832 / 60_965_224, rel=1e-6)
    assert "37.8 M · 62 %" in texts(drawn)
    assert {"params: 61.0 M", "MACs: 724 M", "activations: 1.93 M"} <= set(texts(drawn))


def test_no_stage_has_two_bars() -> None:
    """A round upwards of U-Net is an up-convolution and two convolutions: 9,176,576 params in the first, by hand."""
    found = texts(picture("unet", "cost"))

    assert found.count("up/0") == 1
    assert "9.18 M · 30 %" in found


def test_token_ids_say_that_they_are(run: Run) -> None:
    """A length without channels is so many tokens, in the heading and under the input's box."""
    assert "4096 tokens" in texts(picture("mixtral-8x7b", "blocks"))
    assert texts(picture("mixtral-8x7b", "cost"))[1].endswith(" · 4096 tokens")
    assert texts(picture("t5-base", "graph"))[1].endswith(" · source 512 tokens, target 512 tokens")
    assert "512 tokens" in texts(picture("t5-base", "graph"))


def test_names_that_groups_share_come_with_their_groups() -> None:
    """ShuffleNet has `down` and `rest` in three stages; ResNet's names are each of one group."""
    for style in ("blocks", "cost"):
        shown = texts(picture("shufflenet-v2", style))
        assert {f"stage{stage}/{part}" for stage in (2, 3, 4) for part in ("down", "rest")} <= {*shown}
        assert not {"down", "rest"} & {*shown}
        assert {"conv2_x", "conv3_x"} <= {*texts(picture("resnet-50", style))}


def test_rounds_that_differ_in_a_number_alone_are_drawn_once() -> None:
    """DeepSeek-V3: decoders are called with the number of their round; 3 are dense, 58 have experts."""
    found = texts(picture("deepseek-v3", "graph"))
    assert [text for text in found if "decoder" in text and "×" in text and "→" not in text] == [
        "3 × decoder",
        "58 × decoder",
    ]
    assert "6 × encode" in texts(picture("detr-resnet50", "blocks"))
    assert "11 × others" in texts(picture("t5-base", "blocks"))


def test_what_reads_nothing_has_no_line_into_it() -> None:
    """A learned array that is added: a line from the input to the sum, none to the array."""
    model = parse("{input: 4, layers: [slots: parameter 4, sum: add from input slots]}")
    drawn = STYLES["graph"](model.count())
    slots = next(shape for shape in drawn.shapes if isinstance(shape, Box) and shape.fill == "embedding")
    ends = [shape.points[-1] for shape in drawn.shapes if isinstance(shape, Line) and shape.arrow]
    assert not [end for end in ends if slots.x <= end[0] <= slots.right and abs(end[1] - slots.y) < 3]


def test_the_last_line_leaves_the_last_layer() -> None:
    """YOLOv8's last output is made above others: the arrow out begins under its box, not beneath the picture."""
    drawn = picture("yolov8n", "graph")
    label = next(
        shape for shape in drawn.shapes if isinstance(shape, Label) and shape.text == "scores: concat"
    )
    begins = [shape.points[0] for shape in drawn.shapes if isinstance(shape, Line) and shape.arrow]
    assert [begin for begin in begins if abs(begin[0] - label.x) < 1 and 0 < begin[1] - label.y < 8]


def test_changes_are_drawn(run: Run) -> None:
    """The options that change a network change its picture."""
    found = run("figure", "resnet-50", "--set", "width=96", "--input", "3x288x288").out

    assert "55.9 M params" in found
    assert "input 3×288×288" in found


# ------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("style", STYLES)
def test_svg_is_text_that_parses(style: str) -> None:
    """Colours are attributes, for editors; the dark theme is a rule of style, for viewers; no script, no reference."""
    text = svg(picture("resnet-50", style))
    root = ElementTree.fromstring(text)

    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert {label.text for label in root.iter(f"{SVG}text")} == set(texts(picture("resnet-50", style)))
    assert all(label.get("fill") for label in root.iter(f"{SVG}text"))
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme" not in svg(picture("resnet-50", style), "dark")


@pytest.mark.parametrize("style", STYLES)
def test_names_stay_text(style: str) -> None:
    """Markup, quotes and marks that turn text around are shown, in SVG and in TeX."""
    drawn = STYLES[style](parse(HOSTILE).count())
    turned = STYLES[style](parse("{input: 8, layers: [linear 3]}", name="\u202egnp.exe").count())
    root = ElementTree.fromstring(svg(drawn))

    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg", "title", "style", "rect", "polyline", "polygon", "text",
    }  # fmt: skip
    shown = "".join(node.text or "" for node in root.iter(f"{SVG}text"))
    assert "<script>alert(1)</script>" in shown
    assert "\u202e" not in svg(turned) + tikz(turned)
    assert r"\%\_\#\$\textasciitilde{}\textasciicircum{}\{\}" in tikz(drawn)


COORDINATES = r"\(-?[0-9.]+,-?[0-9.]+\)"
COMMANDS = (
    r"%.*",
    r"\\begin\{tikzpicture\}\[x=0\.75bp, y=-0\.75bp, line width=0\.75bp, inner sep=0pt,",
    r"  font=\\sffamily\\fontsize\{10bp\}\{10bp\}\\selectfont\]",
    r"\\definecolor\{paramcalc-[a-z-]+\}\{HTML\}\{[0-9A-F]{6}\}",
    rf"\\useasboundingbox {COORDINATES} rectangle {COORDINATES};",
    rf"\\fill\[paramcalc-paper\] {COORDINATES} rectangle {COORDINATES};",
    rf"\\path\[[a-z0-9=, .-]+\] {COORDINATES} rectangle {COORDINATES};",
    rf"\\path\[[a-z0-9=, .-]+\] {COORDINATES}( -- {COORDINATES})+( -- cycle)?;",
    rf"\\node\[anchor=base( west| east)?, text=paramcalc-[a-z]+, scale=[0-9.]+\] at {COORDINATES} \{{.*\}};",
    r"\\end\{tikzpicture\}",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("style", STYLES)
def test_tikz_is_what_is_meant(style: str, theme: str) -> None:
    """Every line is one of ten forms, and every colour in use is defined."""
    text = tikz(picture("unet", style), theme)  # type: ignore[arg-type]

    for line in text.splitlines():
        assert any(re.fullmatch(form, line) for form in COMMANDS), line
    used = set(re.findall(r"(?:=|\[)(paramcalc-[a-z-]+)", text))
    assert used <= set(re.findall(r"definecolor\{([a-z-]+)\}", text))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_tikz_compiles(tmp_path: Path) -> None:
    """All styles of some networks, and of one with every special character, in one document."""
    models = [load(name) for name in ("resnet-50", "unet", "llama")] + [parse(HOSTILE)]
    pages = []
    for number, (model, style) in enumerate((model, style) for model in models for style in STYLES):
        (tmp_path / f"{number}.tex").write_text(tikz(STYLES[style](model.count())), encoding="utf-8")
        pages.append(rf"\noindent\resizebox{{\linewidth}}{{!}}{{\input{{{number}}}}}\newpage")
    text = "\n".join([r"\documentclass{article}\usepackage{tikz}\begin{document}", *pages, r"\end{document}"])
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")

    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(("form", "begin"), [("pdf", b"%PDF-"), ("png", b"\x89PNG\r\n\x1a\n")])
def test_bytes(run: Run, tmp_path: Path, form: str, begin: bytes) -> None:
    """A PDF and a PNG begin as such, are the same each time, and are not printed."""
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"one.{form}", tmp_path / f"two.{form}"
    for path in (first, second):
        assert run("figure", "lenet5-1998", "-o", str(path)).code == 0

    assert first.read_bytes().startswith(begin)
    assert first.read_bytes() == second.read_bytes()
    if form == "pdf":
        assert b"/FontFile2" in first.read_bytes()  # embedded, as publishers ask
    refused = run("figure", "lenet5-1998", "--format", form)
    assert refused.code == 2
    assert f"write it to a file: -o FILE.{form}" in refused.err


def test_the_ending_says_the_format(run: Run, tmp_path: Path) -> None:
    assert run("figure", "lenet5-1998", "-o", str(tmp_path / "a.tex")).code == 0
    assert (tmp_path / "a.tex").read_text().startswith("% lenet5-1998\n")
    refused = run("figure", "lenet5-1998", "-o", str(tmp_path / "a.jpg"))
    assert refused.code == 2
    assert "it writes svg (.svg), latex (.tex), pdf (.pdf), png (.png)" in refused.err
