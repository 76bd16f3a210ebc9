"""Modules of torchvision as specs: params, what is read of them, how many lines they take."""

from __future__ import annotations

from math import prod

import pytest

from paramcalc.importing.network import Imported, checked, imported

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from paramcalc.importing.readers import reader  # noqa: E402 only where there is a torch


def brought(name: str) -> Imported:
    return imported(reader(name).read(name, {}))


def learned(found: Imported) -> int:
    """The params of the module itself."""
    return sum(
        prod(weight.dims) for weight in found.source.weights.values() if weight.learned and not weight.tied
    )


# params of torchvision's documentation, and at most so many lines
LINES = [
    ("resnet18", 11_689_512, 35),
    ("resnet50", 25_557_032, 45),
    ("densenet121", 7_978_856, 60),
    ("vgg16", 138_357_544, 30),
    ("mobilenet_v3_small", 2_542_856, 60),
    ("convnext_tiny", 28_589_128, 45),
]


@pytest.mark.parametrize(("name", "params", "lines"), LINES)
def test_a_spec_is_as_short_as_a_person_writes_it(name: str, params: int, lines: int) -> None:
    found = brought(f"torchvision.models:{name}")

    assert learned(found) == params
    assert not found.missing
    assert checked(found) == ""
    assert found.text.count("\n") <= lines
