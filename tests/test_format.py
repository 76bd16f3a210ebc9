"""The normal form of a spec's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramcalc.base.errors import Source
from paramcalc.engine.library import bundled_files
from paramcalc.language.writer import formatted
from tests.conftest import Run


def normal(text: str) -> str:
    return formatted(Source("<text>", text))


CASES = {
    "indentation": ("layers:\n- relu\n- a:\n    - relu\n", "layers:\n  - relu\n  - a:\n      - relu\n"),
    "commas": ("layers:\n  - relu ,relu,relu\n", "layers:\n  - relu, relu, relu\n"),
    "colons": ("input :   3x8x8\nlayers:  relu\n", "input: 3x8x8\nlayers: relu\n"),
    "flow": (
        "defaults: { conv2d : bias=false ,relu:  a=1 }\n",
        "defaults: {conv2d: bias=false, relu: a=1}\n",
    ),
    "comments": (
        "#top\nlayers:\n    # of the next\n  - relu #here\n",
        "# top\nlayers:\n  # of the next\n  - relu  # here\n",
    ),
    "column of a comment": ("layers:\n- relu        # far\n", "layers:\n  - relu      # far\n"),
    "a # that is none": ('note: "a # b"\nlayers: relu\n', 'note: "a # b"\nlayers: relu\n'),
    "lines that go on": ("layers:\n- relu,\n         relu\n", "layers:\n  - relu,\n    relu\n"),
    "a bracket that goes on": (
        "claims:\n  a:\n  - {params: 1,\n   source: x}\n",
        "claims:\n  a:\n    - {params: 1,\n       source: x}\n",
    ),
    "rows keep their spaces": (
        "layers:\n- table:\n    columns: a   b\n    rows:\n    -   1   2\n    layers: relu\n",
        "layers:\n  - table:\n      columns: a   b\n      rows:\n        -   1   2\n      layers: relu\n",
    ),
    "one blank line": ("\n\ninput: 1\n\n\n\nlayers: relu\n\n", "input: 1\n\nlayers: relu\n"),
    "pairs in a list": ("layers: [add: {a: relu , b: relu}]\n", "layers: [add: {a: relu, b: relu}]\n"),
    "windows": ("input: 1\r\nlayers: relu\r\n", "input: 1\nlayers: relu\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_text_has_one_form(case: str) -> None:
    """The same words, evenly spaced; once more changes nothing."""
    written, expected = CASES[case]

    assert normal(written) == expected
    assert normal(expected) == expected


@pytest.mark.parametrize("path", bundled_files(), ids=lambda path: path.stem)
def test_bundled_specs_are_stable(path: Path) -> None:
    """Almost all are in their normal form; all are after one pass."""
    text = path.read_text("utf-8")
    once = normal(text)

    assert normal(once) == once
    assert abs(len(once) - len(text)) < 0.02 * len(text)


def test_files_are_changed_whole(run: Run, tmp_path: Path) -> None:
    """--check names what would change and leaves it; without it the file changes, and is then left alone."""
    path = tmp_path / "a.yaml"
    path.write_text("input: 8\nlayers:\n- relu ,relu # c\n")
    before = path.read_text()

    checked = run("format", "--check", str(path))
    assert (checked.code, checked.out, path.read_text()) == (1, f"{path}\n", before)

    assert run("format", str(path)).code == 0
    assert path.read_text() == "input: 8\nlayers:\n  - relu, relu  # c\n"
    assert run("format", "--check", str(tmp_path)).code == 0


def test_what_is_no_spec_is_left(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [1\n")

    found = run("format", str(path))

    assert found.code == 2
    assert path.read_text() == "a: [1\n"


def test_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    """It is missed as in any command, with the file that may be meant."""
    (tmp_path / "network.yaml").write_text("input: 8\nlayers: relu\n")

    result = run("format", str(tmp_path / "netwrok.yaml"))

    assert result.code == 2
    assert "netwrok.yaml: No such file or directory" in result.err
    assert "did you mean 'network.yaml'?" in result.err
