"""Modules of torchvision, timm and transformers as specs: params, MACs, outputs, and how they read."""

from __future__ import annotations

import csv
from math import prod
from pathlib import Path

import pytest

from paramcalc.base.errors import Fault, Source
from paramcalc.importing.constants import macs_of
from paramcalc.importing.network import Imported, checked, imported
from paramcalc.language.writer import formatted
from paramcalc.model import from_torch, parse
from tests.conftest import Run
from tests.oracle import imports

torch = pytest.importorskip("torch")
vision = pytest.importorskip("torchvision")

from paramcalc.importing.readers import reader  # noqa: E402 only where there is a torch
from paramcalc.importing.readers import torch as torch_reader  # noqa: E402
from paramcalc.importing.readers._torch_proof import counted  # noqa: E402

nn = torch.nn


def brought(name: str) -> Imported:
    if name.startswith(("timm:", "transformers:")):
        pytest.importorskip(name.partition(":")[0])
    return imported(reader(name).read(name, {}))


def of_module(found: Imported) -> int:
    """The params of the module itself."""
    return sum(prod(one.dims) for one in found.source.weights.values() if one.learned and not one.tied)


# at most so many lines: what a person would write
LINES = {
    "torchvision.models:resnet50": 45,
    "torchvision.models:googlenet": 40,
    "torchvision.models:densenet121": 60,
    "torchvision.models:vgg16": 30,
    "torchvision.models:mobilenet_v3_small": 60,
    "torchvision.models:swin_t": 60,
    "torchvision.models:vit_b_16": 35,
    "torchvision.models:convnext_tiny": 45,
    "transformers:LlamaForCausalLM": 30,
    "transformers:GPT2LMHeadModel": 30,
}


@pytest.mark.parametrize("name", LINES)
def test_a_spec_is_as_short_as_a_person_writes_it(name: str) -> None:
    """Short, whole, in the normal form, and read again it is the network of the source, edge by edge."""
    found = brought(name)
    report = parse(found.text).count()

    assert not found.missing
    assert checked(found) == ""
    assert found.text.count("\n") <= LINES[name]
    assert "_b2" not in found.text
    assert formatted(Source("", found.text)) == found.text
    assert report.with_auxiliary.params == of_module(found)


# params as torchvision's documentation and the configurations' publishers print them
PUBLISHED = {
    "torchvision.models:resnet18": 11_689_512,
    "torchvision.models:swin_t": 28_288_354,
    "torchvision.models:vit_b_16": 86_567_656,
    "torchvision.models:efficientnet_b0": 5_288_548,
    "torchvision.models:regnet_y_400mf": 4_344_144,
    "torchvision.models:shufflenet_v2_x1_0": 2_278_604,
    "torchvision.models:mnasnet1_0": 4_383_312,
    "transformers:LlamaForCausalLM": 6_738_415_616,
    "transformers:GPT2LMHeadModel": 124_439_808,
    "transformers:BertModel": 109_482_240,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_params_are_published_ones(name: str) -> None:
    assert parse(brought(name).text).count().params == PUBLISHED[name]


@pytest.mark.parametrize(
    "name",
    [
        "torchvision.models:resnet18",
        "torchvision.models:swin_t",
        "timm:vit_tiny_patch16_224",
        "timm:convnext_atto",
    ],
)
def test_it_is_proven(run: Run, tmp_path: Path, name: str) -> None:
    """Params, MACs and outputs are the module's; the numbers become claims, and these hold."""
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    path = tmp_path / "spec.yaml"
    found = run("import", name, "--prove", "-o", str(path))

    assert found.code == 0
    assert "proven: outputs differ by" in found.err
    assert "macs: " in path.read_text()
    assert run("check", str(path)).code == 0


def test_what_was_measured_is_what_is_found() -> None:
    """The recorded table has the counts of today, and the page shows it."""
    with imports.RECORDED.open(encoding="utf-8") as file:
        recorded = {row["model"]: row for row in csv.DictReader(file)}
    name = "torchvision.models:squeezenet1_1"

    measured = imports.measured(name)

    assert {key: str(value) for key, value in measured.items()} == recorded[name]
    assert "".join(imports.table(recorded.values())) in imports.PAGE.read_text(encoding="utf-8")


def test_all_models_are_exact() -> None:
    """Torchvision's classifiers and one model of each family of timm."""
    rows = imports.rows()
    classifiers = [row for row in rows if row["model"].startswith("torchvision")]
    families = [row for row in rows if row["model"].startswith("timm")]

    assert len(classifiers) == 80
    assert len(families) == 98
    assert all(map(imports.exact, classifiers))
    assert all(map(imports.exact, families))


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (
            lambda: vision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None),
            (3, 520, 520),
        ),
        (
            lambda: (
                vision.models.detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None).backbone
            ),
            (3, 800, 800),
        ),
        (
            lambda: (
                vision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).backbone
            ),
            (3, 800, 800),
        ),
    ],
    ids=["deeplabv3", "retinanet", "fasterrcnn"],
)
def test_parts_that_are_read_from_elsewhere(make: object, sizes: tuple[int, ...]) -> None:
    """Segmentation and detection: several outputs, layers that read those of other groups."""
    with torch.device("meta"):
        module = make().eval()  # type: ignore[operator]
    image = torch.zeros((1, *sizes), device="meta")
    source = torch_reader.from_module(module, [image], {}, "net", "a test")
    found = imported(source)
    report = parse(found.text).count()

    assert not found.missing
    assert report.params == of_module(found)
    assert report.macs == counted(module, {}, [image])
    assert checked(found) == ""


# ------------------------------------------------------------------------------------ small modules


class Tied(nn.Module):  # type: ignore[misc,name-defined]
    """One layer called twice, and a table used again as a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 8)
        self.inner = nn.Linear(8, 8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.table.weight

    def forward(self, ids: object) -> object:
        return self.head(self.inner(torch.relu(self.inner(self.table(ids)))))


def test_shared_weights_count_once() -> None:
    model = from_torch(Tied(), torch.zeros(1, 4, dtype=torch.int64))

    assert model.count().params == 10 * 8 + 8 * 8 + 8
    assert model.count().macs == 4 * (2 * 8 * 8 + 8 * 10)


class Odd(nn.Module):  # type: ignore[misc,name-defined]
    """Between two layers, an operation that no op is."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(8, 8)
        self.after = nn.Linear(8, 4)

    def forward(self, x: object) -> object:
        return self.after(torch.special.bessel_j0(self.before(x)))


def test_what_has_no_counterpart_is_named_and_the_rest_is_counted() -> None:
    with pytest.warns(UserWarning, match="special_bessel_j0.*has no counterpart"):
        model = from_torch(Odd(), torch.zeros(1, 8))

    assert model.count().params == 8 * 8 + 8 + 8 * 4 + 4


class Branching(nn.Module):  # type: ignore[misc,name-defined]
    """Does one thing or another by the numbers that it reads."""

    def forward(self, x: object) -> object:
        return torch.relu(x) if x.mean() > 0 else x  # type: ignore[attr-defined]


def test_control_flow_by_numbers_is_refused() -> None:
    with pytest.raises(Fault, match=r"torch\.export cannot export this module") as caught:
        from_torch(Branching(), torch.zeros(1, 8))
    assert "control flow depends on numbers" in caught.value.fix


@pytest.mark.parametrize(
    ("source", "fact", "fix"),
    [
        ("no_such_package:net", "no Python package 'no_such_package'", "pip install no_such_package"),
        ("torchvision.models:resnet19", "has no 'resnet19'", "resnet18"),
        ("torch.nn:Linear", "cannot be called without arguments", ""),
        ("torch.nn:ReLU", "sizes of the inputs of torch.nn:ReLU are not known", "--input 3x224x224"),
        ("torchvision.models:list_models", "gives no module", ""),
    ],
)
def test_sources_that_are_none(run: Run, source: str, fact: str, fix: str) -> None:
    """Exit code 2, the fact, the fix; nothing is written."""
    found = run("import", source)

    assert found.code == 2
    assert found.out == ""
    assert fact in found.err
    assert fix in found.err


def test_macs_of_tables_are_not_a_runs() -> None:
    """What a module computes of its weights alone is prepared once; PyTorch's counter sees it in every run."""

    class Table(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 5)
            self.register_buffer("places", torch.ones(7, 3))

        def forward(self, x: object) -> object:
            return x + self.fc(self.places).mean()

    source = torch_reader.from_module(Table(), [torch.zeros(1, 4)], {}, "table", "a test")
    found = imported(source)

    assert macs_of(source, reached=False) == 7 * 3 * 5
    assert parse(found.text).count().macs == 0
    assert parse(found.text).count().params == 3 * 5 + 5
