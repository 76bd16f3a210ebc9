"""`solve`: every answer against counting at all values around it, and what is said of how it was found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from paramcalc.base.errors import Fault, SpecError
from paramcalc.count.report import Counts
from paramcalc.count.vary import Axis, Space, axis
from paramcalc.engine.elaborate import Elaborator
from paramcalc.model import load
from paramcalc.solve import Solution, bounds, line
from paramcalc.symbolic.pieces import Pieces
from tests.conftest import Run

Met = Callable[[Counts], bool]


class Question(NamedTuple):
    """What is asked, the same constraint as a function, and the values that brute force counts at."""

    model: str
    vary: str
    until: str
    met: Met
    around: range
    step: int = 1
    most: str = ""
    least: str = ""


QUESTIONS = [
    Question("resnet-50", "width", "params <= 5e6", lambda c: c.params <= 5_000_000, range(1, 60)),
    Question("resnet-50", "width", "params <= 5e6", lambda c: c.params <= 5e6, range(8, 100, 8), step=8),
    Question("resnet-50", "width", "params >= 40e6", lambda c: c.params >= 40_000_000, range(60, 100)),
    Question("resnet-50", "width", "macs < 1e9", lambda c: c.macs < 10**9, range(1, 60)),
    Question("resnet-50", "width", "5e6 <= params <= 6e6", lambda c: 5e6 <= c.params <= 6e6, range(1, 60)),
    Question("resnet-50", "width=1:40", "params > 1e6", lambda c: c.params > 1e6, range(1, 41), most="macs"),
    Question("resnet-50", "width=1:40", "params > 1e6", lambda c: c.params > 1e6, range(1, 41), least="macs"),
    Question("resnet-50", "input", "macs <= 1e9", lambda c: c.macs <= 10**9, range(64, 140)),
    Question("resnet-50", "size", "macs <= 2.5e9", lambda c: c.macs <= 25e8, range(32, 385, 32), step=32),
    Question("resnet-50", "depths[2]", "params <= 60e6", lambda c: c.params <= 60e6, range(1, 60)),
    Question("resnet-50", "depths[0]=0:9", "macs <= 5e9", lambda c: c.macs <= 5e9, range(10)),
    Question("resnext50-32x4d", "groups=1:80", "params <= 26e6", lambda c: c.params <= 26e6, range(1, 81)),
    Question("resnext50-32x4d", "group_width", "params <= 26e6", lambda c: c.params <= 26e6, range(1, 12)),
    Question("bottleneck-14x14-480-48", "via", "macs <= 1e7", lambda c: c.macs <= 10**7, range(1, 60)),
    Question("bottleneck-128-32-128", "via=0:9", "macs < 9e7", lambda c: c.macs < 9e7,
             range(10), least="macs"),
    Question("densenet-121", "growth", "params <= 10e6", lambda c: c.params <= 10_000_000, range(1, 60)),
    Question("gpt2-124m", "dim", "params <= 50e6", lambda c: c.params <= 50_000_000, range(396, 480)),
    Question("vit-b16", "layers", "macs <= 10e9", lambda c: c.macs <= 10**10, range(1, 20)),
    Question("lenet5-ng", "input", "params <= 200000", lambda c: c.params <= 200_000, range(1, 80)),
    Question("resnet-50", "batch", "activations <= 1e9", lambda c: c.activations <= 1e9, range(1, 60)),
    Question("resnet-50", "width", "macs <= 160*params", lambda c: c.macs <= 160 * c.params, range(1, 200)),
    Question("vgg-16", "input=1:80", "params == 37694248", lambda c: c.params == 37694248, range(1, 81)),
    Question("resnet20-cifar", "depths[0]", "2*params <= 1e6", lambda c: 2 * c.params <= 10**6, range(1, 60)),
]  # fmt: skip


def ask(question: Question) -> Solution:
    return load(question.model).solve(
        question.vary,
        until=question.until,
        step=question.step,
        most=question.most,
        least=question.least,
    )


def counted(question: Question) -> dict[int, Counts]:
    """The counts at all values around the answer at which there is a network."""
    name = question.vary.partition("=")[0]
    model = load(question.model)
    found = {}
    for value in question.around:
        space = Space(model.spec, model.variant, [Axis(name, (value,))])
        try:
            found[value] = space.count((value,)).totals
        except (SpecError, Fault):
            continue
    return found


@pytest.mark.parametrize(
    "question", QUESTIONS, ids=lambda q: f"{q.model} {q.vary} {q.until} {q.most}{q.least}"
)
def test_brute_force_confirms_the_answer(question: Question) -> None:
    """No other value around is better, and the neighbours shown are the next networks there are."""
    networks = counted(question)
    meeting = [value for value, counts in networks.items() if question.met(counts)]
    goal = question.most or question.least
    upper = "<" in question.until or "==" in question.until
    if goal:
        best = (max if question.most else min)(meeting, key=lambda value: getattr(networks[value], goal))
    else:
        best = max(meeting) if upper else min(meeting)

    (answer,) = ask(question).answers

    assert answer.point.values == (best,)
    assert answer.point.counts == networks[best]
    for neighbour, others in (
        (answer.below, [value for value in networks if value < best]),
        (answer.above, [value for value in networks if value > best]),
    ):
        shown = None if neighbour is None else (neighbour.values[0], neighbour.counts, neighbour.meets)
        if others:
            nearest = max(others) if max(others) < best else min(others)
            assert shown == (nearest, networks[nearest], question.met(networks[nearest]))


def test_the_boundary_is_sharp() -> None:
    """Of the two questions that the manual shows: one value meets the constraint, the next does not."""
    (answer,) = ask(QUESTIONS[0]).answers

    assert answer.above is not None
    assert answer.point.meets
    assert not answer.above.meets
    assert (answer.point.counts.params, answer.above.counts.params) == (4_727_826, 5_064_175)


def test_search_and_formula_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying every value gives the same runs as the closed form."""
    by_formula = load("resnet-50").solve("width=1:200", until="3e6 <= params <= 30e6").lines[0]
    monkeypatch.setattr(line, "_by_formula", lambda walk, bounds: None)

    by_trying = load("resnet-50").solve("width=1:200", until="3e6 <= params <= 30e6").lines[0]

    assert by_formula.piece is not None
    assert (by_trying.piece, by_trying.tried) == (None, 200)
    assert by_trying.runs == by_formula.runs


# ----------------------------------------------------------------------- where it is not monotone


def test_several_runs() -> None:
    """Where the 1x1 that narrows appears, the multiplications fall and then rise again."""
    solution = load("bottleneck-14x14-480-48").solve("via=0:400", until="macs <= 112896000")

    (found,) = solution.lines
    assert found.piece is None
    assert [(run.first, run.last) for run in found.runs] == [(0, 342)]  # via = 0 is exactly the bound
    assert solution.answers[0].point.values == (342,)


def test_runs_with_gaps(run: Run) -> None:
    """A bound that the direct convolution exceeds and the narrow ones meet: no value 0, then 1 to 30."""
    shown = run("solve", "bottleneck-14x14-480-48", "--vary", "via=0:100", "--until", "macs <= 1e7")
    two = run(
        "solve", "bottleneck-14x14-480-48", "--vary", "via=0:100",
        "--until", "params >= 100000",
    )  # fmt: skip

    assert "via: searched 0 to 100\n" in shown.out
    assert "constraints are met at via 0 to 0, 60 to 100" in two.out


def test_values_without_a_network_are_skipped_and_said(run: Run) -> None:
    """Twelve heads must divide the dimension: of 1 to 1024 that leaves 85."""
    shown = run("solve", "gpt2-124m", "--vary", "dim", "--until", "params <= 50e6")

    assert "dim: searched 1 to 1024; larger values not tried\n" in shown.out
    assert "939 of 1,024 values give no network, e.g. 1: self_attention: 1 channels do not" in shown.out


def test_no_end_and_no_answer(run: Run) -> None:
    """Both are said, and neither is success."""
    endless = run("solve", "resnet-50", "--vary", "size", "--until", "params <= 30e6")
    always = run("solve", "lenet5-ng", "--vary", "conv1.out_channels", "--until", "params/macs <= 1")
    nothing = run("solve", "resnet-50", "--vary", "width", "--until", "params <= 1000")

    assert (endless.code, always.code, nothing.code) == (1, 1, 1)
    assert "there is no largest conv1.out_channels" in always.out
    assert "there is no largest size" in endless.out
    assert "nothing meets the constraints" in nothing.out


# -------------------------------------------------------------------------------- two settings


def test_two_settings_by_brute_force() -> None:
    """All pairs of which neither can be larger alone, and the pair with the most params."""
    model = load("resnet-50")
    space = Space(model.spec, model.variant, [axis("width=1:60"), axis("size=64:224:32")])
    macs = {(w, s): space.count((w, s)).totals.macs for w in range(1, 61) for s in range(64, 225, 32)}
    fits = {pair for pair, value in macs.items() if value <= 10**9}
    outermost = {
        (w, s)
        for w, s in fits
        if not any(other != (w, s) and other[0] >= w and other[1] >= s for other in fits)
    }

    pairs = model.solve("width=1:60", "size=64:224:32", until="macs <= 1e9")
    best = model.solve("width=1:60", "size=64:224:32", until="macs <= 1e9", most="params")

    assert {answer.point.values for answer in pairs.answers} == outermost
    assert best.answers[0].point.counts.params == max(space.count(pair).totals.params for pair in outermost)


def test_two_settings_one_of_them_without_end() -> None:
    """The first setting ends where its values are too large with the smallest of the second."""
    solution = load("resnet-50").solve("width", "input=160:320:32", until="macs <= 1e9")

    widths = [answer.point.values[0] for answer in solution.answers]
    assert (min(widths), max(widths)) == (21, 44)
    assert load("resnet-50").count(width=44, inputs={"input": (3, 160, 160)}).totals.macs <= 10**9
    assert load("resnet-50").count(width=45, inputs={"input": (3, 160, 160)}).totals.macs > 10**9


# ------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize(
    ("model", "axes", "most"),
    [
        ("resnet-50", ["width=1:200", "input=33:320"], 1),
        ("resnet-50", ["width=8:128:8", "depths=[2,2,2,2],[3,4,6,3],[3,8,36,3],[1,0,1,0]"], 2),
        ("resnet-50", ["option=A,B,C", "block=basic,bottleneck,plain", "width=8:64", "batch=1:8"], 9),
        ("resnext50-32x4d", ["width=32:256:4", "groups=1,2,4,8,16,32", "size=200:300"], 4),
        ("vgg-16", ["depth=11,13,16,19", "size=1:300"], 4),
        ("vit-b16", ["dim=768:1024:32", "layers=1:24", "heads=4,8,12,16", "size=160:320:8"], 3),
        ("densenet-121", ["growth=8:48", "depths=[6,12,24,16],[6,12,32,32]", "size=33:300"], 1),
        ("mobilenet-v2", ["multiplier=0.35,0.5,1,1.4", "size=33:300"], 1),
        ("efficientnet-b0", ["width=1.0,1.1,1.2", "depth=1.0,1.2", "size=64:300"], 1),
        ("googlenet", ["input=100:300"], 1),
        ("lenet5-1998", ["C1.kernel_size=3,5", "input=28:40"], 3),
        ("swin-tiny", ["dim=24:120:3", "size=112:336:28"], 4),
    ],
)
def test_pieces_count_everywhere(model: str, axes: list[str], most: int) -> None:
    """At random points the closed forms give what counting gives, and refuse what counting refuses.

    They do so from few pieces, each of which speaks of more than one point.
    """
    import random

    loaded = load(model)
    space = Space(loaded.spec, loaded.variant, [axis(text) for text in axes])
    pieces = Pieces(space)
    chosen = random.Random(model)
    for _ in range(25):
        values = [chosen.choice(each.values) for each in space.axes]
        piece = pieces.at(values)
        try:
            exact = space.count(values).totals
        except (SpecError, Fault):
            assert piece.reason
            continue
        assert not piece.reason
        assert piece.counts(pieces.letters(values)) == exact
    found = [piece for several in pieces.found.values() for piece in several]
    assert len(found) <= most
    assert all(piece.closed for piece in found)


# ------------------------------------------------------------------------------ the command line


def test_json_contract(run: Run) -> None:
    """Exact counts of the answer and of both neighbours."""
    shown = run("solve", "resnet-50", "--vary", "width", "--until", "params <= 5e6", "--format", "json")

    solution = json.loads(shown.out)
    assert solution["schema"] == "paramcalc/solve/1"
    assert (solution["vary"], solution["until"]) == (["width"], ["params <= 5e6"])
    (answer,) = solution["answers"]
    assert answer["answer"]["values"] == {"width": 26}
    assert answer["answer"]["counts"]["params"] == 4_727_826
    assert (answer["below"]["values"]["width"], answer["below"]["meets"]) == (25, True)
    assert (answer["above"]["values"]["width"], answer["above"]["meets"]) == (27, False)


@pytest.mark.parametrize("format", ["table", "csv", "markdown", "latex", "html"])
def test_formats(run: Run, format: str) -> None:
    shown = run("solve", "resnet-50", "--vary", "width", "--until", "params <= 5e6", "--format", format)

    assert shown.code == 0
    assert "4727826" in shown.out.replace(",", "").replace("{}", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary", "with", "--until", "params <= 1e6"], "did you mean 'width'"),
        (["--vary", "width", "--until", "param <= 1e6"], "did you mean 'params'"),
        (["--vary", "width", "--until", "params"], "is not a constraint"),
        (["--vary", "width", "--until", "5 <= 6"], "does not compare numbers of the network"),
        (["--vary", "width", "--until", "params <= [1]"], "does not compare numbers of the network"),
        (["--vary", "width", "--until", "params <= 1e6", "--max", "mac"], "did you mean 'macs'"),
        (["--vary", "depths", "--until", "params <= 1e6"], "one entry of it can be: depths[0]"),
        (["--vary", "width=8,wide", "--until", "params <= 1e6"], "'width' needs numbers"),
        (["--vary", "width=0.5:2", "--until", "params <= 1e6"], "of fractions has no step"),
        (["--vary", "width=8:4:0.5", "--until", "params <= 1e6"], "the lower end comes first: 4:8"),
        (["--vary", "width", "--set", "width=8", "--until", "params <= 1e6"], "'width' varies, and is set"),
        (["--vary", "width", "--until", "params <= 5Mo"], "'5Mo' is neither a number nor a name"),
        (["--vary", "width", "--until", "params <= 5,000"], "such as params <= 5e6 or params <= 5M, with <="),
        (["--vary", "conv1.kernel", "--until", "params <= 1e6"], "has an attribute 'kernel'"),
        (["--vary", "conv9_x.groups=1:3", "--until", "params <= 1e6"], "did you mean 'conv5_x'"),
        (["--vary", "depths[7]", "--until", "params <= 1e6"], "has no entry [7]"),
        (["--vary", "option", "--until", "params <= 1e6"], "must hold a number"),
        (["--vary", "width=1:5:0", "--until", "params <= 1e6"], "a step of 0"),
        (
            ["--vary", "width", "--vary", "size", "--vary", "batch", "--until", "params <= 1"],
            "one setting or two",
        ),
        (["--vary", "width", "--vary", "width", "--until", "params <= 1"], "varies twice"),
        (
            ["--vary", "width", "--vary", "size", "--until", "params <= 1e99"],
            "would have to be tried one by one",
        ),
    ],
)
def test_misuse_is_explained(run: Run, arguments: list[str], said: str) -> None:
    shown = run("solve", "resnet-50", *arguments)

    assert shown.code == 2
    assert said in shown.err


@pytest.mark.parametrize(
    ("vary", "until", "best"),
    [
        ("multiplier=0.1:1:0.05", "params <= 2.4M", "0.5"),  # 1,331,592; 2,585,560 at 0.75
        ("multiplier=1,0.25,0.75,0.5", "params <= 2.4M", "0.5"),
        ("multiplier=1/4:1:1/4", "params >= 2.4M", "0.75"),
        ("multiplier=0.25:1:0.25", "params <= 3Mi", "0.75"),
    ],
)
def test_fractions_and_units(run: Run, vary: str, until: str, best: str) -> None:
    """Howard et al. (2017) list 0.5, 1.3, 2.6 and 4.2 million parameters for multipliers 0.25, 0.5, 0.75 and 1."""
    solution = json.loads(
        run("solve", "mobilenet-v1", "--vary", vary, "--until", until, "--format", "json").out
    )

    assert [answer["answer"]["values"] for answer in solution["answers"]] == [{"multiplier": best}]
    assert solution["until"] == [until]


def test_names_are_checked_before_anything_is_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt attribute was refused after all values had been tried: 1,500 elaborations."""
    elaborated = []
    original = Elaborator.run
    monkeypatch.setattr(Elaborator, "run", lambda self: elaborated.append(self) or original(self))

    shown = run("solve", "resnet-50", "--vary", "conv1.kernel", "--until", "params <= 1e6")

    assert shown.code == 2
    assert len(elaborated) <= 2


def test_a_network_at_one_value_alone_is_found(tmp_path: Path) -> None:
    """Above 16 params only width 50 has 11 * 50 = 550; all others add a second layer of 1,000 maps."""
    path = tmp_path / "one.yaml"
    path.write_text(
        "input: 10\nknobs: {width: 8}\n"
        "layers: [linear width, {if: width == 50, then: relu, else: linear 1000}]\n"
    )

    solution = load(str(path)).solve("width=1:100", until="params <= 900")

    assert [answer.point.values for answer in solution.answers] == [(50,)]


def test_a_quantity_below_the_line_does_not_rise(tmp_path: Path) -> None:
    """w + 160000/w <= 900 from w = 244 to 656: the roots of w^2 - 900 w + 160000 are 243.8 and 656.2."""
    path = tmp_path / "falls.yaml"
    path.write_text("input: 1\nknobs: {width: 8}\nlayers: [linear width bias=false]\n")
    model = load(str(path))

    largest = model.solve("width=1:2000", until="params + 160000/params <= 900")
    smallest = model.solve("width=1:2000", until="params + 160000/params <= 900", least="params")

    assert [answer.point.values for answer in largest.answers] == [(656,)]
    assert [answer.point.values for answer in smallest.answers] == [(244,)]


def test_heads_for_training_do_not_hinder_the_closed_form() -> None:
    """GoogLeNet's two heads are no part of the totals: one closed form speaks of all input sizes."""
    (line_,) = load("googlenet").solve("input=100:2000", until="macs <= 1e9").lines

    assert line_.piece is not None
    assert line_.tried == 0


@pytest.mark.parametrize(
    ("constraint", "failed"),
    [
        ("params < 5e6", "params >= 5e6"),
        ("params <= 5e6", "params > 5e6"),
        ("params > 5e6", "params <= 5e6"),
        ("params >= 5e6", "params < 5e6"),
    ],
)
def test_what_fails_next_to_the_answer_is_said(run: Run, constraint: str, failed: str) -> None:
    """The opposite of what was asked, equality on the other side."""
    shown = run("solve", "resnet-50", "--vary", "width", "--until", constraint)

    assert f"not met: {failed}\n" in shown.out


@pytest.mark.parametrize(
    ("constraint", "title"),
    [
        ("params <= 5e6", "largest width with params <= 5e6"),
        ("params < 5e6", "largest width with params < 5e6"),
        ("params >= 5e6", "smallest width with params >= 5e6"),
        ("params > 5e6", "smallest width with params > 5e6"),
        ("params == 25557032", "largest width with params == 25557032"),
        ("5e6 >= params", "largest width with params <= 5e6"),
        ("4e6 < params <= 5e6", "largest width with params > 4e6 and params <= 5e6"),
    ],
)
def test_titles_read_as_sentences(run: Run, constraint: str, title: str) -> None:
    """Quantities stand on the left, and an equation is one constraint."""
    shown = run("solve", "resnet-50", "--vary", "width", "--until", constraint)

    assert shown.code == 0
    assert shown.out.splitlines()[0] == f"resnet-50: {title}"


def test_titles_with_a_goal(run: Run) -> None:
    shown = run("solve", "resnet-50", "--vary", "width", "--until", "macs <= 1e9", "--max", "params")

    assert shown.out.splitlines()[0] == "resnet-50: width with the most params where macs <= 1e9"


def test_which_side_a_quantity_stands_on_does_not_matter() -> None:
    for one, other in (("5e6 >= params", "params <= 5e6"), ("1e9 < macs", "macs > 1e9")):
        turned, straight = (load("resnet-50").solve("width", until=text) for text in (one, other))

        assert turned.answers == straight.answers


@pytest.mark.parametrize(
    ("until", "widths"),
    [
        (["params == 25557033"], [64, 65]),
        (["params < 100"], [1]),
        (["params > 1e9"], [80]),
        (["params <= 5e6", "macs >= 1e9"], [26, 32]),
        (["params == 5e6", "macs < 1e9"], [26, 27]),
    ],
)
@pytest.mark.parametrize("by_trying", [False, True])
def test_what_comes_nearest(
    until: list[str], widths: list[int], by_trying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read off a list of all widths: 26 has 4.73 M params, 27 has 5.06 M, 31 0.99 G macs, 32 1.05 G."""
    if by_trying:
        monkeypatch.setattr(line, "_by_formula", lambda walk, bounds: None)

    solution = load("resnet-50").solve("width=1:80", until=until)

    assert not solution.answers
    assert [point.values[0] for point in solution.nearest] == widths


def test_what_comes_nearest_is_shown(run: Run) -> None:
    """In the table with what fails, in JSON and in CSV; of two settings too."""
    command = ("solve", "resnet-50", "--vary", "width=1:80", "--until", "params == 25557033")

    table, two = run(*command), run(*command, "--vary", "input=160:224:32")
    document = json.loads(run(*command, "--format", "json").out)
    rows = run(*command, "--format", "csv").out.splitlines()

    assert (table.code, two.code) == (1, 1)
    assert "not met: params < 25557033" in table.out
    assert "not met: params > 25557033" in table.out
    assert "nothing meets the constraints; the nearest are shown" in table.out
    assert two.out.count("not met") == 2
    assert document["until"] == ["params == 25557033"]
    assert [point["values"]["width"] for point in document["nearest"]] == [64, 65]
    assert [row.split(",")[:2] for row in rows[1:]] == [["nearest", "64"], ["nearest", "65"]]


def test_what_does_not_vary_is_said(run: Run) -> None:
    """No closed form that rises or falls is claimed of a number."""
    shown = run("solve", "resnet-50", "--vary", "input", "--until", "params < 100")

    assert "params = 25,557,032 whatever input is" in shown.out
    assert "monotonic" not in shown.out


def test_a_closed_form_too_long_to_read_is_told_by_its_length(run: Run, tmp_path: Path) -> None:
    """Each quantity by itself: what can be read is shown."""
    path = tmp_path / "halved.yaml"
    path.write_text(
        "name: halved\ninput: 3 x size x size\nknobs: {size: 64}\nlayers: [4 * conv2d 8 3 stride=2 padding=1]\n"
    )

    printed = run("solve", path, "--vary", "size", "--until", "macs <= 5e6", "--until", "params <= 1e7").out

    assert re.search(
        r"^macs = a closed form of \d+ characters, not shown, params = 1976, size = \w+: "
        r"monotonic in size, found by bisection$",
        printed,
        re.MULTILINE,
    ), printed


def test_several_constraints_must_all_be_met() -> None:
    both = bounds("params <= 5e6") + bounds("macs <= 5e8")

    solution = load("resnet-50").solve("width", until=["params <= 5e6", "macs <= 5e8"])

    (answer,) = solution.answers
    assert answer.above is not None
    assert all(bound.holds(answer.point.counts) for bound in both)
    assert [bound.holds(answer.above.counts) for bound in both] == [True, False]
