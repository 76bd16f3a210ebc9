"""Fixtures shared by the tests."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from paramcalc import cli, ops
from paramcalc.engine import plugins

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before anything imports NumPy: a test has one processor


class Result(NamedTuple):
    """What a run of the command line gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: `run("count", "lenet5-1998", columns=80)`."""

    def run(*arguments: str, stdin: str = "", columns: int | None = None) -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        if columns is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(autouse=True)
def no_plugins_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that adds ops by a plugin leaves the others, and their processes, without them."""
    ops.every()
    monkeypatch.setattr(ops, "_found", dict(ops._found))
    yield
    for name in [name for name in sys.modules if name.startswith(plugins.PREFIX)]:
        del sys.modules[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--refresh", action="store_true", help="write the program's real output into the documents"
    )
