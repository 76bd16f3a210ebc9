"""The README and the documents show the program's real output."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from pathlib import Path

import pytest

from paramcalc.cli import commands, function
from tests import errata
from tests.conftest import Run
from tests.documents import ROOT, check, shown, write_files
from tests.repositories import repository

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if shown(path)], ids=lambda path: path.name)
def test_shown_output_is_real(
    document: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every command in a console block prints what the block shows."""
    write_files(document, tmp_path)
    monkeypatch.chdir(tmp_path)

    check(document, run, request.config.getoption("--refresh"))


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if ">>> " in path.read_text("utf-8")], ids=lambda path: path.name
)
def test_shown_python_is_real(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python session gives what it shows."""
    write_files(document, tmp_path)
    monkeypatch.chdir(tmp_path)

    failed, tried = doctest.testfile(str(document), module_relative=False)

    assert failed == 0
    assert tried == document.read_text("utf-8").count(">>> ")


DRAWN = re.compile(r"^\$ (paramcalc figure .* -o (\S+\.svg))$", re.MULTILINE)
SHOWN = re.compile(r"!\[[^\]]+\]\(figures/([^)]+)\)")


@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if "](figures/" in path.read_text("utf-8")],
    ids=lambda path: path.name,
)
def test_pictures_are_those_of_the_commands(
    document: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every picture is shown after the command that makes it, and is the same to the byte."""
    text = document.read_text("utf-8")
    write_files(document, tmp_path)
    monkeypatch.chdir(tmp_path)

    assert [name for _, name in DRAWN.findall(text)] == SHOWN.findall(text)
    for command, name in DRAWN.findall(text):
        assert run(*shlex.split(command)[1:]).code == 0
        kept = ROOT / "docs" / "figures" / name
        if request.config.getoption("--refresh"):
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes((tmp_path / name).read_bytes())
        assert kept.read_bytes() == (tmp_path / name).read_bytes(), f"{name} is stale: pytest --refresh"


def test_no_picture_is_left_over() -> None:
    """Every file of docs/figures is shown somewhere."""
    shown_somewhere = {name for document in DOCUMENTS for name in SHOWN.findall(document.read_text("utf-8"))}

    assert {path.name for path in (ROOT / "docs" / "figures").iterdir()} == shown_somewhere


def test_a_wrong_output_is_noticed(tmp_path: Path, run: Run) -> None:
    """The check above can fail."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ paramcalc list lenet5-1998\nnonsense\n```\n")

    with pytest.raises(AssertionError):
        check(page, run)


@pytest.mark.parametrize("command", commands())
def test_the_examples_in_the_help_run(
    command: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command has one at least, of itself, and it works as it is written."""
    folder = repository(tmp_path).folder
    shutil.copytree(Path(__file__).parent / "models", folder, dirs_exist_ok=True)
    (folder / "net.yaml").write_text("input: 3\nlayers:\n  - relu\n")
    monkeypatch.chdir(folder)
    docstring = function(command).__doc__
    examples = re.findall(r"Example: (paramcalc .*)", docstring)

    assert examples
    for example in examples:
        assert shlex.split(example)[:2] == ["paramcalc", command]
        if command == "serve":  # it runs until it is stopped: tests/test_serve.py
            continue
        assert run(*shlex.split(example)[1:]).code == 0


def test_the_readme_is_short() -> None:
    """It is for the first minute; what takes longer is in docs/."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_links_lead_somewhere() -> None:
    """Files that documents link to exist."""
    for document in (*DOCUMENTS, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)", document.read_text("utf-8")):
            assert (document.parent / target).is_file(), f"{document.name} links to {target}"


def test_the_errata_are_those_of_the_claims() -> None:
    assert errata.PAGE.read_text(encoding="utf-8") == errata.page(), "python -m tests.errata"
