"""Fixtures shared by the tests."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from paramcalc import cli


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
        monkeypatch.setattr(sys, "argv", ["paramcalc", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        if columns is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
        finally:
            gc.enable()  # which the command line turns off for its short life
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh", action="store_true", help="write the program's real output into the documents")
