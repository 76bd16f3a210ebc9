"""The lines of a table: their sums hold at every depth, folded or not."""

from __future__ import annotations

import pytest

from paramcalc import load
from paramcalc.count.outline import Line, outline
from paramcalc.count.report import Counts, Report

MODELS = ["lenet5-1998", "googlenet", "resnet-50", "densenet-121", "vgg-16", "resnet110-cifar"]


def children(lines: list[Line], place: int) -> list[Line]:
    below = []
    for line in lines[place + 1 :]:
        if line.depth <= lines[place].depth:
            break
        if line.depth == lines[place].depth + 1:
            below.append(line)
    return below


def check_sums(lines: list[Line], report: Report) -> None:
    """Every line is `times` the sum of the lines right below it; the top lines add up to the total."""
    for place, line in enumerate(lines):
        below = children(lines, place)
        if below:
            inside = [sum(values) for values in zip(*(child.counts for child in below), strict=True)]
            assert list(line.counts) == [line.times * value for value in inside], line.path
    top = [line.counts for line in lines if line.depth == 0 and not line.auxiliary]
    assert Counts(*(sum(values) for values in zip(*top, strict=True))) == report.totals


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("depth", [None, 1, 2, 3, 99])
@pytest.mark.parametrize("fold", [True, False])
def test_sums_hold_at_every_depth(model: str, depth: int | None, fold: bool) -> None:
    """Folding and depth never lose or double a count."""
    report = load(model).count()

    check_sums(outline(report, depth, fold), report)


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
        assert len(outline(load(model).count())) <= 40
