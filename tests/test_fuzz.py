"""Random texts for a minute; see `tests/fuzz.py`, which looks for longer."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests import fuzz
from tests.processes import ROOT

SECONDS = 20


@pytest.mark.parametrize("kind", fuzz.TEXTS)
def test_no_text_breaks_a_command(kind: str) -> None:
    """Nothing is found in some seconds, from another seed at each run; the seed is printed with what is found."""
    seed = random.SystemRandom().randrange(10**6)
    command = [sys.executable, "-m", "tests.fuzz", kind, "--seconds", str(SECONDS), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"from seed {seed}, 0 failures" in done.stdout


def test_what_breaks_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A command that raises, one that ends oddly, and a text that expands to another network are found."""
    monkeypatch.chdir(str(tmp_path))
    text = "input: 4\nlayers:\n  - linear 3\n"
    assert fuzz.failure(text) is None

    def broken(arguments: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz.cli, "run", broken)
    raised = fuzz.failure(text)
    monkeypatch.setattr(fuzz.cli, "run", lambda arguments: 3)
    odd = fuzz.failure(text)

    assert raised is not None
    assert raised.kind == "ZeroDivisionError at test_fuzz.py:broken"
    assert odd is not None
    assert odd.kind == "count: exit code 3"


def test_an_expansion_that_counts_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The expanded text is compared by its own counts."""
    monkeypatch.chdir(str(tmp_path))
    counted = {"totals": {"params": 15, "macs": 12, "activations": 3, "memory": 19}}
    shown = fuzz.Result(0, "input: 4\nlayers:\n  - linear 3\n", "", 0.0)

    def tried(command: tuple[str, ...]) -> fuzz.Result | fuzz.Failure:
        return shown if command[0] == "show" else fuzz.run(command)

    found = fuzz._expanded("", counted, tried)

    assert found is not None
    assert found.kind == "expanded counts another ['memory']"
