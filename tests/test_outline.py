"""The lines of a table: their sums hold at every depth, folded or not."""

from __future__ import annotations

import pytest

from paramcalc import load
from paramcalc.count.outline import OutlineLine, outline
from paramcalc.count.report import Counts, Report, count
from tests import written
from tests.conftest import Run

MODELS = ["lenet5-1998", "googlenet", "resnet-50", "densenet-121", "vgg-16", "resnet110-cifar"]


def children(lines: list[OutlineLine], place: int) -> list[OutlineLine]:
    below = []
    for line in lines[place + 1 :]:
        if line.depth <= lines[place].depth:
            break
        if line.depth == lines[place].depth + 1:
            below.append(line)
    return below


def check_sums(lines: list[OutlineLine], report: Report) -> None:
    """Every line is `times` the sum of the lines right below it; the top lines add up to the total."""
    for place, line in enumerate(lines):
        below = children(lines, place)
        if below:
            inside = [sum(values) for values in zip(*(child.counts for child in below), strict=True)]
            assert list(line.counts) == [line.times * value for value in inside], line.path
    top = [line.counts for line in lines if line.depth == 0 and not line.auxiliary]
    assert Counts(*(sum(values) for values in zip(*top, strict=True))) == report.totals


SHARED = """
input: 4x8x8
layers:
  - first: {repeat: 4, shared: true, layers: [conv2d 4 3 padding=1, batch_norm]}
  - second: {repeat: 3, layers: [conv2d 4 3 padding=1, batch_norm]}
"""


def reported(model: str) -> Report:
    return count(written.graph(SHARED)) if model == "shared" else load(model).count()


@pytest.mark.parametrize("model", [*MODELS, "shared"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3, 99])
@pytest.mark.parametrize("fold", [True, False])
def test_sums_hold_at_every_depth(model: str, depth: int | None, fold: bool) -> None:
    """Folding and depth never lose or double a count."""
    report = reported(model)

    check_sums(outline(report, depth, fold), report)


def test_rounds_that_share_are_not_like_the_first() -> None:
    """The first round owns the weights, 4*4*9 + 4 and 2*4; the others own none and are folded together."""
    lines = outline(reported("shared"), 2)

    assert [(line.path, line.times, line.counts.params) for line in lines] == [
        ("first", 1, 156), ("first/0", 1, 156), ("first/1", 3, 0), ("second", 1, 468), ("second/0", 3, 468),
    ]  # fmt: skip


def test_a_folded_line_ends_with_its_last_layer(run: Run) -> None:
    """So the receptive fields of ResNet-50's stages are those after their last blocks (Araujo et al. 2019)."""
    lines = [line for line in outline(load("resnet-50").count(), 2) if line.times > 1]
    shown = run("count", "resnet-50", "--columns", "field", "--depth", "2").out

    assert [line.last for line in lines] == [
        f"conv{n}_x/{last}/relu" for n, last in ((2, 2), (3, 3), (4, 5), (5, 2))
    ]
    assert [line.split()[-1] for line in shown.splitlines() if line.strip().startswith("1-")] == [
        "35", "91", "267", "427",
    ]  # fmt: skip


def test_a_wrong_sum_is_noticed() -> None:
    """The check above can fail."""
    report = load("resnet-50").count()
    lines = outline(report, 2)
    lines[3] = lines[3]._replace(counts=lines[3].counts._replace(params=lines[3].counts.params + 1))

    with pytest.raises(AssertionError):
        check_sums(lines, report)


def test_equal_blocks_fold_to_one_line() -> None:
    """conv4_x of ResNet-50 has a first block and five equal ones."""
    lines = outline(load("resnet-50").count(), 2)

    folded = [(line.path, line.name, line.times) for line in lines if line.path.startswith("conv4_x/")]

    assert folded == [("conv4_x/0", "0", 1), ("conv4_x/1", "1-5", 5)]


def test_blocks_that_differ_do_not_fold() -> None:
    """The layers of a dense block grow, so no two are equal."""
    lines = outline(load("densenet-121").count(), 4)

    assert all(line.times == 1 for line in lines)


def test_every_layer_is_shown_at_full_depth() -> None:
    """Unfolded at full depth each layer has a line of its own, also the ends of joins."""
    report = load("googlenet").count()

    lines = outline(report, 99, fold=False)

    shown = {line.path for line in lines if line.call}
    assert shown == {row.path for row in report.rows}


def test_the_usual_depth_fits_a_screen() -> None:
    """Without a depth the table is as deep as it can be within 40 lines."""
    for model in MODELS:
        report = load(model).count()
        lines = outline(report)
        deeper = outline(report, max(line.depth for line in lines) + 2)
        assert len(lines) <= 40
        assert len(deeper) > 40 or deeper == lines


@pytest.mark.parametrize(("extra", "lines"), [(0, 40), (1, 8)])
def test_exactly_forty_lines_fit(extra: int, lines: int) -> None:
    """Eight groups of four layers take 40 lines; with one layer more only the groups are shown."""
    groups = [f"- g{n}: [relu, tanh, relu, {'tanh, tanh' if n < extra else 'tanh'}]" for n in range(8)]
    report = count(written.graph("\n  ".join(["input: 4\nlayers:", *groups])))

    assert len(outline(report)) == lines


def test_a_repeat_is_called_as_all_its_rounds_are() -> None:
    """By the block and what all give it; by nothing where one round is something else."""
    text = """
input: 4x8x8
blocks:
  unit out: [conv2d out 3 padding=1, relu]
layers:
  - mixed: {repeat: 2, layers: [{if: i == 0, then: unit 4, else: [conv2d 4 1, relu]}]}
  - growing: {repeat: 2, layers: [unit 4*(i+1)]}
  - equal: {repeat: 2, layers: [unit 8]}
"""
    lines = outline(count(written.graph(text)), 1)

    assert [(line.block, line.brief) for line in lines] == [
        ("", ""), ("2 * unit", "2 * unit"), ("2 * unit 8", "2 * unit 8"),
    ]  # fmt: skip
