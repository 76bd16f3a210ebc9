"""The rule of receptive fields against an experiment on whole networks: NaN goes in, and comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paramcalc import load
from paramcalc.engine.graph import Graph
from tests import fields as experiment


def written(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(f"name: small\n{text}")
    return path


def measured(name: str, pattern: str) -> list[Any]:
    model = load(name)
    return experiment.measured(lambda sizes: model.graph(inputs=sizes), [pattern])


@pytest.mark.parametrize(
    ("model", "layer", "size", "jump", "start"),
    [
        ("alexnet", "pool5", 195, 32, -64),
        ("vgg-16", "pool5", 212, 32, -90),
        ("resnet-50", "conv5_x", 427, 32, -213),
        ("lenet5-1998", "S4", 16, 4, 0),
    ],
)
def test_published_fields_come_out(model: str, layer: str, size: int, jump: int, start: int) -> None:
    """The fields of the literature (Araujo et al. 2019), measured; the rule gives the same."""
    found = measured(model, layer)

    assert [field.axis for field in found] == ["height", "width"]
    for field in found:
        assert (field.seen.size, field.seen.jump, field.seen.start) == (size, jump, start)
        assert field.agrees
        assert not field.whole


def test_fields_by_hand(tmp_path: Path) -> None:
    """Two windows along one axis: 3 wide every 2, then 2 wide with one left out; and the other axis."""
    text = "input: 2x40x30\nlayers:\n  - a: conv2d 3 3x1 stride=2x1 padding=1x0\n  - b: conv2d 2 2x5 dilation=2x1\n"
    model = load(str(written(tmp_path, text)))

    height, width = experiment.measured(lambda sizes: model.graph(inputs=sizes), ["b"])

    assert height.seen[2:4] == (2, -1)
    assert height.seen.size == 3 + 2 * 2
    assert width.seen[2:4] == (1, 0)
    assert width.seen.size == 5


@pytest.mark.parametrize("factor", [2, 3])
def test_uneven_steps_are_no_jump(factor: int, tmp_path: Path) -> None:
    """Behind an upsampling a position sees what its neighbour sees, or moves on by all at once."""
    text = f"input: 2x8x8\nlayers: [conv2d 2 4 stride=2 padding=1, upsample {factor}]\n"
    model = load(str(written(tmp_path, text)))

    for field in experiment.measured(lambda sizes: model.graph(inputs=sizes), ["*"]):
        assert field.agrees
        assert field.seen.size == 4
        assert field.seen.jump == (None if field.layer == "upsample" else 2)


def test_everything_sees_everything_behind_a_global_layer() -> None:
    """A pooling of all positions, or attention among all, sees the whole input at any size."""
    for field in [*measured("resnet-18", "fc"), *measured("bert-base", "encoders/0")]:
        assert field.whole
        assert field.agrees
        assert field.seen.jump is None


def test_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that has the field begin elsewhere is contradicted by the measurement."""
    monkeypatch.setattr(experiment, "region", lambda *_: {"input": {"height": (0, 1), "width": (0, 1)}})

    assert not any(field.agrees for field in measured("lenet5-1998", "S4"))


def test_wrong_composition_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A composed field one position wider than what is seen is contradicted, jump and start being right."""
    exact = experiment.fields

    def wider(graph: Graph) -> Any:
        found = exact(graph)
        return found._replace(layers=tuple(tuple(map(_wider, layer)) for layer in found.layers))

    monkeypatch.setattr(experiment, "fields", wider)

    assert not any(field.agrees for field in measured("lenet5-1998", "S4"))


def _wider(field: Any) -> Any:
    last = field.reach.last
    moved = last._replace(values=tuple(value + 1 for value in last.values))
    return field._replace(reach=field.reach._replace(last=moved))


def test_positions_that_see_nothing(tmp_path: Path) -> None:
    """Around the only position that sees anything, and that all, there is padding."""
    model = load(str(written(tmp_path, "input: 1x8x8\nlayers: [global_avg_pool, reshape 1x1x1, pad 1]\n")))

    for field in experiment.measured(lambda sizes: model.graph(inputs=sizes), ["pad"]):
        assert field.agrees
        assert field.whole
        assert not field.seen.every


def test_pooled_fields(tmp_path: Path) -> None:
    """Behind one bin every position sees everything; behind two a field is cut by the input's ends."""
    text = """input: 3x16x16
layers:
  - before: conv2d 4 3 padding=1
  - half: [adaptive_avg_pool2d 2, upsample size=16]
  - all: [adaptive_avg_pool2d 1, upsample size=16]
"""
    model = load(str(written(tmp_path, text)))

    for layer, every, span in (("all", True, (0, 15)), ("half", False, (7, 15))):
        for field in experiment.measured(lambda sizes: model.graph(inputs=sizes), [layer]):
            assert field.agrees
            assert field.cut
            assert (field.seen.first, field.seen.last, field.seen.every) == (*span, every)
