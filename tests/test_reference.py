"""The commands `list` and `ops`: what there is to count, and to build with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from paramcalc import load, ops
from paramcalc.base.errors import Fault
from paramcalc.engine import index, library
from paramcalc.list import catalogue
from tests.conftest import Run

ROOT = Path(__file__).parent.parent


def test_the_recorded_models_are_what_is_counted() -> None:
    """`list` reads one file: every line of it is what counting all models gives; else `python -m paramcalc.list`."""
    assert [*catalogue.recounted()] == [*catalogue.bundled()]


def test_list_counts_as_count_does() -> None:
    """Every model has the totals that the library gives for it alone, without training-only heads, though models
    share work when they are recorded.
    """
    entries = catalogue.bundled()
    heads = [one for one in entries if one.model in ("googlenet", "googlenet-torchvision", "inception-v3")]

    assert len(heads) == 3
    for entry in [*entries[::7], *heads]:
        totals = load(entry.model).count().totals
        assert (entry.params, entry.macs) == (totals.params, totals.macs), entry.model


def test_a_folder_of_wrong_specs_is_a_line_each(run: Run, tmp_path: Path) -> None:
    """`check` shows each in full; columns that are empty for all are left out."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("input: 3\nlayers: [fooo]\n")
    (tmp_path / "right.yaml").write_text("input: 3\nlayers: [relu]\n")
    found = run("list", tmp_path)

    assert [line.split() for line in found.out.splitlines()][:1] == [["model", "params", "MACs", "input"]]
    assert found.err == (
        f"{tmp_path}/a.yaml:2:10: there is no op or block 'fooo'\n"
        f"{tmp_path}/b.yaml:2:10: there is no op or block 'fooo'\n"
        f"paramcalc: 2 specs cannot be read\n  = 'paramcalc check {tmp_path}' shows each in full\n"
    )
    assert found.code == 2


def test_list_counts_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of `list` does not grow with what the specs hold, only with the lines of one file."""
    monkeypatch.setattr(catalogue, "elaborate", None)
    monkeypatch.setattr(library, "_cached", None)

    models = json.loads(run("list", "gpt2", "--format", "json").out)["models"]

    assert [model["params"] for model in models] == [124439808, 354823168, 774030080, 1557611200]
    assert models[0]["aliases"] == ["gpt2", "gpt2-small"]


def test_the_recorded_models_are_in_the_wheel() -> None:
    """They lie in the folder of the specs, all of which is packed."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]

    assert packed["force-include"] == {
        "specs": "paramcalc/specs",
        "pytest_paramcalc.py": "pytest_paramcalc.py",
    }
    assert (ROOT / "specs" / index.FILE).is_file()


def test_list_of_a_folder(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of a folder of specs, counted, named as `count` takes them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "one.yaml").write_text("name: one\ninput: 3x4x4\nlayers: [conv2d 2 1]\n")
    (tmp_path / "nets" / "two.yml").write_text(
        "name: two\nsource: Ann, 2026\ntopic: toys\ninput: 5\nknobs: {out: 3}\n"
        "variants: {small: {}, tiny: {out: 1}, s: {like: small}}\nlayers: [linear out]\n"
    )
    (tmp_path / "nets" / "notes.txt").write_text("nothing to count")

    result = run("list", "nets", "--format", "csv")

    assert result.code == 0
    assert result.out.splitlines() == [
        "model,aliases,spec,params,macs,input,source,topic,year",
        "nets/one.yaml,,one,8,96,3x4x4,,,",
        'nets/two.yml:small,s,two,18,15,5,"Ann, 2026",toys,',
        'nets/two.yml:tiny,,two,6,5,5,"Ann, 2026",toys,',
    ]
    assert run("count", "nets/two.yml:tiny", "--format", "csv").code == 0


def test_list_groups_models_by_topic(run: Run) -> None:
    """Every bundled model stands under the topic that its spec names, the oldest first."""
    lines = run("list").out.splitlines()
    entries = catalogue.bundled()

    heads = [line for line in lines[2:] if line and line[0].isalpha()]
    assert all(entry.topic for entry in entries)
    assert set(heads) == {entry.topic for entry in entries}
    assert heads[0] == "classic" and lines[lines.index("classic") + 1].split()[:2] == ["lenet5-1998", "1998"]
    assert sum(line.startswith("  ") for line in lines) == len(entries)


def test_list_of_a_topic_in_an_order(run: Run) -> None:
    """A word of the topic picks; params and MACs put the largest first, years the oldest."""
    by = {
        order: [line.split(",")[0] for line in run(*words).out.splitlines()[1:]]
        for order in ("params", "macs", "year")
        for words in [("list", "--topic", "Transformer", "--sort", order, "--format", "csv")]
    }

    assert (by["params"][0], by["macs"][0]) == ("deepseek-v3", "qwen2-72b")  # of 32,768 tokens
    years = [one.year for name in by["year"] for one in catalogue.bundled() if one.model == name]
    assert years == sorted(years) and years[0] == 2017  # the Transformer
    assert sorted(by["params"]) == sorted(by["macs"]) == sorted(by["year"])
    assert {"gpt2-124m", "vit-b16", "swin-tiny"} < set(by["year"])
    refused = run("list", "--topic", "moble")
    assert (refused.code, refused.err) == (
        2,
        "paramcalc: no model has the topic 'moble'\n  = did you mean 'mobile'?\n",
    )


def test_a_miss_names_what_is_near(run: Run) -> None:
    """A misspelt model, and a folder that is none."""
    assert (
        run("list", "densnet-121").err
        == "no bundled model matches 'densnet-121': did you mean 'densenet-121' or 'densenet121' or 'densenet-201'?\n"
    )
    assert run("list", "nowhere/").code == 2


def test_list_of_models_that_meet_a_condition(run: Run, tmp_path: Path) -> None:
    """Numbers as claims take them; FLOPs are two a multiplication; no year meets no condition about one."""
    models = json.loads(run("list", "--format", "json").out)["models"]
    condition = "2*macs == flops and flops < 0.6G and params <= 5M and year > 2016"

    listed = json.loads(run("list", "--where", condition, "--format", "json").out)["models"]

    assert [one["model"] for one in listed] == [
        one["model"]
        for one in models
        if one["macs"] < 300_000_000 and one["params"] <= 5_000_000 and (one["year"] or 0) > 2016
    ]
    assert 0 < len(listed) < len(models)
    (tmp_path / "small.yaml").write_text("input: 3\nlayers: [linear 2]\n", encoding="utf-8")
    assert "small.yaml" in run("list", tmp_path, "--where", "params == 8").out
    assert run("list", "--where", "params < 0").err == "no bundled model matches 'params < 0'\n"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("macs < 1G or", "--where: 'macs < 1G or' is not an expression"),
        ("params", "--where: a condition is true or false"),
        ("latency < 3", "--where: there is no quantity 'latency'"),
        ("x.height < 3", "--where: 'x' has no sizes here"),
    ],
)
def test_conditions_that_are_none(condition: str, said: str, run: Run) -> None:
    result = run("list", "--where", condition)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        f"paramcalc: {said}\n  = expected: such as macs < 1G and params < 5M, of params, macs, flops and year\n"
    )


def test_list_of_a_folder_with_a_bad_spec(tmp_path: Path, run: Run) -> None:
    """The others are listed; what is wrong is said, and in the exit code."""
    (tmp_path / "bad.yaml").write_text("input: 3\nlayers: [rellu]\n")
    (tmp_path / "good.yaml").write_text("input: 3\nlayers: [linear 2]\n")

    result = run("list", tmp_path)

    assert result.code == 2
    assert f"{tmp_path}/good.yaml" in result.out
    assert "bad.yaml:2:10: there is no op or block 'rellu'" in result.err


# As torchvision, timm, Keras, Hugging Face, papers and people call networks.
NAMES = {
    "alexnet": "alexnet-2012", "AlexNet": "alexnet-2012", "lenet5": "lenet5-1998", "LeNet-5": "lenet5-1998",
    "vgg11": "vgg11-a", "vgg13": "vgg13-b", "vgg16": "vgg16-d", "VGG-16": "vgg16-d", "VGG16": "vgg16-d",
    "vgg_16": "vgg16-d", "VGG 19": "vgg19-e", "vgg19": "vgg19-e", "vgg16_bn": "vgg16-d-bn", "vgg19_bn": "vgg19-e-bn",
    "googlenet": "googlenet", "GoogLeNet": "googlenet", "inception_v3": "inception-v3", "InceptionV3": "inception-v3",
    "inception_v4": "inception-v4", "InceptionResNetV2": "inception-resnet-v2", "Xception": "xception",
    "resnet18": "resnet18-optB", "resnet34": "resnet34-optB", "resnet50": "resnet50-v1.5", "ResNet50": "resnet50-v1.5",
    "ResNet-50": "resnet50-v1.5", "resnet101": "resnet101-v1.5", "resnet152": "resnet152-v1.5", "plain34": "plain34",
    "resnext50_32x4d": "resnext50-32x4d", "resnext101_32x8d": "resnext101-32x8d",
    "resnext101_64x4d": "resnext101-64x4d", "wide_resnet50_2": "wrn-50-2-bottleneck", "WRN-28-10": "wrn-28-10",
    "seresnet50": "se-resnet50", "SE-ResNet-50": "se-resnet50", "seresnext50_32x4d": "se-resnext50-32x4d",
    "SENet154": "senet154", "densenet121": "densenet121", "DenseNet-121": "densenet121",
    "densenet161": "densenet161-k48", "densenet169": "densenet169", "DenseNet201": "densenet201",
    "squeezenet1_0": "squeezenet1.0", "squeezenet1_1": "squeezenet1.1", "SqueezeNet 1.1": "squeezenet1.1",
    "mobilenet_v1": "mobilenet-v1", "mobilenetv2_100": "mobilenet-v2-1.0",
    "mobilenet_v3_large": "mobilenet-v3-large-1.0",
    "MobileNetV3Small": "mobilenet-v3-small-1.0", "mobilenetv3_large_100": "mobilenet-v3-large-1.0",
    "shufflenet_v2_x1_0": "shufflenet-v2-x1.0", "mnasnet1_0": "mnasnet-b1", "mnasnet_a1": "mnasnet-a1",
    "efficientnet_b0": "efficientnet-b0", "EfficientNetB7": "efficientnet-b7", "regnetx_002": "regnetx-002",
    "regnety_040": "regnety-040", "convnext_tiny": "convnext-tiny", "ConvNeXtBase": "convnext-base",
    "vit_b_16": "vit-b16", "vit_l_32": "vit-l32", "vit_h_14": "vit-h14", "ViT-B16": "vit-b16",
    "vit_base_patch16_224": "vit-b16", "vit-large-patch16-224": "vit-l16", "swin_t": "swin-tiny", "swin_b": "swin-base",
    "swin_tiny_patch4_window7_224": "swin-tiny", "mixer_b16_224": "mixer-b16", "gpt2": "gpt2-124m", "GPT2": "gpt2-124m",
    "gpt2-medium": "gpt2-355m", "gpt2-xl": "gpt2-1558m", "bert-base-uncased": "bert-base", "BERT-Large": "bert-large",
    "Llama-2-7b": "llama2-7b", "Llama-3-70B": "llama3-70b", "Llama-3.1-405B": "llama3.1-405b",
    "LLaMA2-13B": "llama2-13b",
}  # fmt: skip


@pytest.mark.parametrize(("name", "model"), [*NAMES.items()])
def test_names_that_people_type(name: str, model: str) -> None:
    """Case and separators do not matter, and the names of frameworks are known."""
    found = library.find(name)

    assert library.same_settings(found.spec, found.variant or found.spec.name) == model


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("ResNet", "resnet"),
        ("mobilenet_v2", "mobilenet-v2"),
        ("U-Net", "unet"),
        ("wide_resnet", "wide-resnet"),
    ],
)
def test_families_that_people_type(name: str, spec: str) -> None:
    """The name of a family is its network with the knobs as they are written."""
    found = library.find(name)

    assert (found.spec.name, found.variant) == (spec, "")


@pytest.mark.parametrize(
    ("name", "few"),
    [
        ("lenet", "did you mean 'lenet5-1998' or 'lenet5-ng'?"),
        ("MNASNet_A", "did you mean 'mnasnet-a1' or 'mnasnet-a1-0.5' or "),
        ("gpt2-1", "did you mean 'gpt2-124m' or 'gpt2-1558m'?"),
        ("resnet-51", "did you mean 'resnet-50' or "),
        ("---", "'paramcalc list' shows the bundled models"),
    ],
)
def test_names_that_could_be_several(name: str, few: str) -> None:
    """What is not clear is not guessed: the few models that begin so, or those spelt alike, are named."""
    with pytest.raises(Fault, match=re.escape(f"no bundled model '{name}'")) as raised:
        library.find(name)

    assert few in raised.value.notes()[0]


def test_no_two_models_sound_alike() -> None:
    """Else neither could be asked for without its separators."""
    models = catalogue.bundled()

    for entry in models:
        for name in (entry.model, *entry.aliases):
            assert len(index.called(name, models)) == 1, name


def test_a_spec_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vgg16.yaml in the folder is meant by vgg16, which is no model's exact name; vgg-16 is a model."""
    monkeypatch.chdir(tmp_path)
    for name in ("vgg16", "vgg-16"):
        (tmp_path / f"{name}.yaml").write_text(
            "name: mine\ninput: 3\nvariants: {small: {}}\nlayers: [linear 2]\n"
        )

    assert library.find("vgg16").spec.name == "mine"
    assert library.find("vgg16:small").variant == "small"
    assert library.find("vgg-16").spec.name == "vgg"
    assert library.find("VGG-19").spec.name == "vgg"


@pytest.mark.parametrize("columns", [None, 80, 120])
def test_ops_fit_the_width(run: Run, columns: int | None) -> None:
    """All ops are there, no line is wider than the terminal, or than 100 columns in a pipe."""
    out = run("ops", columns=columns).out
    flat = " ".join(out.split())

    assert max(map(len, out.splitlines())) <= (columns or 100)
    for name in ops.every():
        assert name in flat
    assert "conv2d out_channels kernel_size ..." in out


def test_ops_in_markdown_have_whole_calls(run: Run) -> None:
    """Nothing is wrapped or left out where a document is written."""
    assert "conv2d out_channels kernel_size [stride=1]" in run("ops", "--format", "markdown").out


def test_an_installation_may_be_made_of_links(tmp_path: Path) -> None:
    """Some installers link the files of a package to a store: bundled specs are read all the same."""
    for folder in ("paramcalc", "specs"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix in (".py", ".yaml", ".csv"):
                link = tmp_path / file.relative_to(ROOT)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
    (tmp_path / "mine.yaml").write_text("use: lenet5-ng\nlayers: [conv2d 4 3]\n")

    for arguments in (["count", "resnet-50"], ["check", "lenet5-1998"], ["count", "mine.yaml"]):
        done = subprocess.run(
            [sys.executable, "-m", "paramcalc", *arguments], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
