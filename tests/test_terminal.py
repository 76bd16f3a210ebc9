"""What a person sees: every command in a real terminal of three widths."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import sys
import termios
from collections.abc import Iterator

import pytest

from paramcalc.render import grid
from tests.conftest import Run

WIDTHS = (80, 120, 200)
SEEN = (
    "count resnet-50",
    "count googlenet --depth all",
    "count llama3.1-405b",
    "count alexnet --by op",
    "count lenet5-ng alexnet vgg-16 googlenet resnet-50 densenet-121",
    "count resnet-18 --columns op,input,output,weights,params,kernels,buffers,macs,flops,connections,activations",
    "count resnet-50 --convention fvcore",
    "compare resnet-50 --set width=96",
    "compare resnet-18 resnet-34 resnet-50",
    "compare lenet5-ng vgg-16 googlenet",
    "check specs",
    "check specs/vgg.yaml",
    "explain resnet-50 conv1",
    "table resnet",
    "verify lenet5-1998",
    "conventions",
    "conventions resnet-50",
    "field resnet-50",
    "memory resnet-50 --train adam --batch 32 --device a100-40gb",
    "memory resnet-18 --layers",
    "sweep resnet-50 width=32:96:16 size=224,288 --pareto params,+macs",
    "solve resnet-50 --vary width --until 'params <= 20M'",
    "formula resnet-50",
    "list",
    "list vgg",
    "ops",
    "ops conv2d",
)
MISTAKES = (
    "sweep resnet-50 --set width=96",
    "count nothing-like-it",
    "count gpt2 --convention nosuch",
)


def terminal(command: str, width: int) -> list[str]:
    """The lines that a command writes to a terminal of 24 lines, without colours."""
    child, end = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm-256color"}  # readline sets COLUMNS behind os.environ
        environment.pop("COLUMNS", None)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        words = [sys.executable, "-m", "paramcalc", *shlex.split(command)]
        os.execve(sys.executable, words, environment)
    parts = []
    try:
        while part := os.read(end, 1 << 16):
            parts.append(part)
    except OSError:  # what reading gives when the other side is closed
        pass
    os.waitpid(child, 0)
    os.close(end)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(parts).decode())
    return [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").splitlines()]


@pytest.mark.parametrize("command", SEEN)
def test_nothing_is_cut_in_a_terminal(command: str) -> None:
    """No line is wider than the terminal, which would break it anywhere; every number is whole at each width."""
    seen = {width: terminal(command, width) for width in WIDTHS}

    for width, lines in seen.items():
        assert lines, command
        assert max(len(line) for line in lines if " " in line.strip()) <= width  # but for an address
        assert not [line for line in lines if re.search(r"(?<!/)…|\d,\d{1,2}$|(?<![\d\]}]),\d{3}\b", line)]


@pytest.mark.parametrize("command", MISTAKES)
def test_messages_wrap_at_words(command: str) -> None:
    """Lines of a message fit into each terminal, and say the same in all; those of the spec stay as they are."""
    seen = {width: terminal(command, width) for width in WIDTHS}

    for width, lines in seen.items():
        assert [line for line in lines if len(line) > width and not re.match(" *[0-9]* [|]", line)] == []
    assert len({" ".join(" ".join(lines).split()) for lines in seen.values()}) == 1
    assert len(seen[80]) > len(seen[200])


def test_an_op_is_always_shown() -> None:
    """The column that says what a layer is, in its short form if need be."""
    for command in (
        "count llama3.1-405b",
        "field resnet-50",
        "verify resnet-18",
        "memory resnet-18 --layers",
    ):
        for width in WIDTHS:
            assert any(" op " in line for line in terminal(command, width) if line.startswith("layer ")), (
                command
            )


def test_remarks_have_at_most_three_lines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below every table at 80 columns."""
    notes: list[str] = []
    drawn = grid._drawn

    def record(table: grid.Grid, width: int | None, unicode: bool) -> Iterator[grid.Styled]:
        notes.extend(table.notes)
        return drawn(table, width, unicode)

    monkeypatch.setattr(grid, "_drawn", record)
    for command in SEEN:
        run(*shlex.split(command), columns=80)

    assert len(notes) > 30
    assert [note for note in notes if len(grid.wrapped(note, 80)) > 3] == []
