"""The same random texts and commands at each run; see `tests/fuzz/`, which draws others and looks for longer."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import agree, look
from tests.fuzz.commands import NAME, commands, known, surface
from tests.fuzz.texts import TEXTS
from tests.processes import ROOT

SEED, TEXTS_OF_A_KIND = 1, 250
TEXT = "input: 4\nknobs: {width: 2}\nlayers:\n  - a: linear width\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Texts lie in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_breaks_a_command(kind: str) -> None:
    """Nothing is found in the first texts from a fixed seed. Another seed: `python -m tests.fuzz --seed S`."""
    limits = ["--seed", str(SEED), "--texts", str(TEXTS_OF_A_KIND), "--seconds", "3600"]
    command = [sys.executable, "-m", "tests.fuzz", kind, *limits]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{kind}: {TEXTS_OF_A_KIND} texts from seed {SEED}, 0 failures\n"


def test_what_breaks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that raises, and one that ends oddly, are found."""

    def broken(arguments: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(look.cli, "run", broken)
    raised = look.failure(TEXT, 1)
    monkeypatch.setattr(look.cli, "run", lambda arguments: 3)
    odd = look.failure(TEXT, 1)

    assert raised is not None
    assert raised.kind == "ZeroDivisionError at test_fuzz.py:broken"
    assert odd is not None
    assert odd.kind == "count: exit code 3"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (agree.Result(0, "a\n ::error::b\n", ""), "prints what a runner obeys"),
        (agree.Result(2, "", "net.yaml:1:1: fact ##[x]\n"), "prints what a runner obeys"),
        (agree.Result(0, "a\u202eb", ""), "prints what nobody sees"),
        (agree.Result(2, "", "oh\n"), "an error without a place"),
        (agree.Result(1, "a", ""), "exit code 1"),
        (agree.Result(0, "", ""), "prints nothing"),
    ],
)
def test_odd_ends_are_noticed(result: agree.Result, said: str) -> None:
    """What a log obeys, what nobody sees, an error without a place, another exit code, silence."""
    assert look.judged(("count", NAME), result) == said
    assert look.judged(("count", NAME), agree.Result(0, "a", "")) == ""


@pytest.mark.parametrize("check", agree.CHECKS, ids=lambda check: check.__name__)
def test_answers_that_differ_are_noticed(check: agree.Check) -> None:
    """A network whose count is said to be another one disagrees with every other answer."""
    text = "input: 4\nknobs: {width: 2}\nlayers:\n  - a: linear width\n"
    Path(NAME).write_text(text, encoding="utf-8")
    counted = agree.json.loads(look.ask("count", NAME, "--format", "json").out)
    agreed = check(counted, look.ask)
    other = text.replace("width: 2", "width: 3") if check.__name__ != "verified" else text
    Path(NAME).write_text(other, encoding="utf-8")

    assert agreed == ""
    if check.__name__ not in ("rows", "verified", "same", "seen", "swept"):
        assert check(counted, look.ask)


def test_every_command_and_option_is_drawn() -> None:
    """In five thousand commands each option comes up that can be tried in one process."""
    Path(NAME).write_text(TEXT, encoding="utf-8")
    about = known(agree.json.loads(look.ask("count", NAME, "--format", "json").out))
    drawn = commands(random.Random(1), about, True)
    words = {
        (command[0], word.split("=")[0]) for command in (next(drawn) for _ in range(5000)) for word in command
    }
    options = {
        (name, each.opts[0])
        for name, those in surface().items()
        for each in those
        if each.opts[0][:2] == "--" and name not in ("lsp", "serve")  # which run until they are stopped
    }
    left = {option for _, option in options - words}

    assert left == {
        "--all",
        "--cluster",
        "--jobs",
        "--threads",
        "--picture",
        "--batch",
        "--input",
        "--set",
        "--replace",
    }
