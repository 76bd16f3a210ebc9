"""Completion, asked for as shells ask: through the environment, and by a real bash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "paramcalc"
HEAVY = ("numpy", "sympy", "rich")

# What is typed, the last word incomplete, and what must be offered, what must not.
CASES = [
    ("paramcalc co", "compare conventions count", "check"),
    ("paramcalc count resnet-5", "resnet-50", "resnet-101"),
    ("paramcalc count vgg", "vgg vgg16-d vgg-16", "resnet-50"),
    ("paramcalc compare resnet-50 resnet-1", "resnet-101 resnet-18", "resnet-50"),
    ("paramcalc count resnet-50 --set w", "width=", "size="),
    ("paramcalc count mobilenet-v2 --set stages/3.", "stages/3.t= stages/3.c=", "stages/4.t="),
    ("paramcalc solve resnet-50 --vary ", "width size", "width="),
    ("paramcalc sweep resnet-50 wi", "width=", "size="),
    ("paramcalc explain resnet-50 conv", "conv1 conv2_x", "fc"),
    ("paramcalc explain resnet-50 conv2_x", "conv2_x conv2_x/0 conv2_x/2", "conv2_x/0/main"),
    ("paramcalc explain resnet-50 conv2_x/0/m", "conv2_x/0/main", "conv2_x/0/add"),
    ("paramcalc field resnet-50 fc", "fc", "conv1"),
    ("paramcalc count resnet-50 --columns params,ma", "params,macs", "params,params"),
    ("paramcalc compare vgg-16 vgg-19 --columns ch", "change", "params"),
    ("paramcalc count resnet-50 --convention torch", "torchinfo", "fvcore"),
    ("paramcalc explain resnet-50 --quantity kernels,b", "kernels,biases kernels,buffers", "kernels,params"),
    ("paramcalc memory resnet-50 --device a100", "a100-40gb a100-80gb", "t4"),
    ("paramcalc memory resnet-50 --train ad", "adam adamw", "sgd"),
    ("paramcalc table resnet --variants resnet-18,resnet-3", "resnet-18,resnet-34", "resnet-18"),
    ("paramcalc ops conv2", "conv2d", "conv1d"),
    ("paramcalc list --topic m", "mobile", "classic"),
    ("paramcalc count resnet-50 --form", "--format", "--set"),
    ("paramcalc count resnet-50 --format j", "json", "csv"),
]


def ask(**environment: str) -> subprocess.CompletedProcess[str]:
    """What the program answers to a shell, with the modules that it has loaded on stderr."""
    asked = {**os.environ, **environment, "PYTHONPROFILEIMPORTTIME": "1"}
    return subprocess.run(
        [COMMAND],
        env=asked,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def bash(line: str) -> subprocess.CompletedProcess[str]:
    last = len(line.split(" ")) - 1
    return ask(_PARAMCALC_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(last))


@pytest.mark.parametrize(("line", "offered", "absent"), CASES, ids=[case[0] for case in CASES])
def test_bash(line: str, offered: str, absent: str) -> None:
    """Each name that fits is a line; NumPy, sympy and Rich are not loaded for it."""
    answer = bash(line)
    lines = answer.stdout.split()

    assert set(offered.split()) <= set(lines)
    assert absent not in lines
    loaded = set(re.findall(r"\| +(\w+)$", answer.stderr, re.MULTILINE))
    assert "typer" in loaded and loaded.isdisjoint(HEAVY)


def test_zsh() -> None:
    """The same for zsh, in the words of its own protocol."""
    shown = ask(_PARAMCALC_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="paramcalc count resnet-5").stdout
    knobs = ask(
        _PARAMCALC_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="paramcalc solve vgg-16 --vary "
    ).stdout

    assert '"resnet-50"' in shown and "resnet-101" not in shown
    assert '"size"' in knobs


def test_what_cannot_be_read_completes_to_nothing(tmp_path: Path) -> None:
    """A spec with mistakes, or none: no message, no traceback, and the shell completes files."""
    (tmp_path / "bad.yaml").write_text("layers: [rellu]\n")

    for spec in (f"{tmp_path}/bad.yaml", f"{tmp_path}/absent.yaml", "no-such-model"):
        for option in ("explain {} c", "count {} --set w", "table {} --variants a"):
            answer = bash(f"paramcalc {option.format(spec)}")
            assert answer.stdout.strip() == "", answer.stdout
            assert "Traceback" not in answer.stderr and "there is no" not in answer.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_a_real_bash_completes() -> None:
    """The script that the program hands out, sourced by a bash, fills in a model and a layer."""
    script = """
        eval "$(_PARAMCALC_COMPLETE=source_bash paramcalc)"
        function=$(complete -p paramcalc | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        for line in "paramcalc count resnet-15" "paramcalc explain lenet-5 C"; do
            COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
            $function paramcalc
            echo "${COMPREPLY[@]}"
        done
    """
    path = f"{COMMAND.parent}:{os.environ['PATH']}"

    found = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.splitlines() == ["resnet-152", "C1 C3 C5"]
