"""The JSON Schema: it accepts every bundled spec and refuses a misspelt key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcalc.engine import library
from paramcalc.language.parse import KEYS
from tests.conftest import Run

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture
def validator(run: Run) -> Any:
    schema = json.loads(run("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", library.bundled_files(), ids=lambda path: path.stem)
def test_bundled_specs_are_valid(path: Any, validator: Any) -> None:
    """What the language reads, the schema accepts."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "document",
    [
        {"layer": ["relu"]},
        {"input": 8, "layers": [{"conv2d": {"out_channels": 4, "kernal_size": 3}}]},
        {"input": 8, "layers": [{"table": {"columns": "a", "rows": []}}]},
        {"input": {"widht": 3}, "layers": ["relu"]},
        {"input": 8, "layers": ["relu"], "defaults": {"conv2d": {"bais": False}}},
        {"input": 8, "layers": ["b"], "blocks": {"b": {"layers": ["relu"], "output": {"a": "relu"}}}},
        {"input": 8, "layers": ["b"], "blocks": {"b": {"layers": ["relu"], "override": "yes"}}},
        {"input": 8, "layers": ["relu"], "budgets": [{"parms": "<= 5"}]},
        {"input": 8, "layers": ["relu"], "budgets": {"net": [{"params": "5M"}]}},
    ],
)
def test_mistakes_are_refused(document: Any, validator: Any) -> None:
    """Misspelt keys, attributes and axes; a table without its layers."""
    assert list(validator.iter_errors(document))


def test_blocks_are_accepted(validator: Any) -> None:
    """As a chain, as one item, in long form."""
    repeat = {"repeat": 2, "layers": "relu"}
    for block in ("relu", ["relu"], repeat, {"layers": repeat, "outputs": {"a": "x"}, "override": True}):
        assert list(validator.iter_errors({"input": 8, "layers": ["b"], "blocks": {"b": block}})) == []


def test_budgets_are_accepted(validator: Any) -> None:
    """For every model, and by model."""
    budget = {"macs": "<= 300M", "layer": "head", "batch": 8, "input": "3x8x8", "note": "a phone"}
    for budgets in ([budget], {"net": [budget, {"peak_memory": "<= 1 GB", "train": "adam"}]}):
        assert list(validator.iter_errors({"input": 8, "layers": ["relu"], "budgets": budgets})) == []


def test_the_schema_has_a_name_and_a_version(run: Run) -> None:
    schema = json.loads(run("schema").out)

    assert schema["$id"] == f"urn:paramcalc:spec:{schema['version']}"


def test_every_part_of_a_spec_is_described(run: Run) -> None:
    """The schema speaks of each key that the reader knows."""
    properties = json.loads(run("schema").out)["properties"]

    assert set(properties) == set(KEYS)
    assert all(entry["description"] for entry in properties.values())


def test_written_specs_name_their_schema(run: Run, tmp_path: Path) -> None:
    """Where there is one, beside the file or above it within the repository; once, and not on the terminal."""
    (tmp_path / "specs").mkdir()
    (tmp_path / ".git").mkdir()
    target = tmp_path / "specs" / "lenet.yaml"
    plain = run("show", "lenet5-1998").out
    run("show", "lenet5-1998", "--output", str(target))
    without = target.read_text("utf-8")
    run("schema", "--output", str(tmp_path / "paramcalc.schema.json"))
    run("show", "lenet5-1998", "--output", str(target))
    written = target.read_text("utf-8")
    run("show", str(target), "--expanded", "--output", str(tmp_path / "expanded.yaml"))
    run("show", str(target), "--output", str(tmp_path / "specs" / "again.yaml"))

    modeline = "# yaml-language-server: $schema=../paramcalc.schema.json\n"
    assert without == plain == run("show", "lenet5-1998").out
    assert written == modeline + plain
    assert (tmp_path / "expanded.yaml").read_text("utf-8").startswith(modeline.replace("../", ""))
    assert (tmp_path / "specs" / "again.yaml").read_text("utf-8") == written
    assert run("check", str(target)).code == 0
    target.write_text(plain, "utf-8")
    run("format", str(target))
    assert target.read_text("utf-8").startswith(modeline)
    assert run("format", "--check", str(target)).code == 0


def test_a_schema_outside_of_the_repository_is_not_meant(run: Run, tmp_path: Path) -> None:
    (tmp_path / "paramcalc.schema.json").write_text("{}")
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    run("show", "lenet5-1998", "--output", str(tmp_path / "repo" / "net.yaml"))

    assert "schema" not in (tmp_path / "repo" / "net.yaml").read_text("utf-8").splitlines()[0]
