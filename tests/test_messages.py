"""Messages about wrong specs and claims, word for word.

Each file in `messages/` holds cases: a title, a spec, the whole message. To write the messages anew
after a change of words: `REFRESH=1 python -m pytest tests/test_messages.py`; then read them aloud.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from paramcalc import ops
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.check.check import check_spec
from paramcalc.check.draw import excess, failure
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.importing.readers import hf
from paramcalc.model import change, replacement, sizes, token

FOLDER = Path(__file__).parent / "messages"
OPS = Path(ops.__file__).parent
OPTION = re.compile(r"^# (--\w+) (.+)$", re.MULTILINE)


class Case(NamedTuple):
    """One wrong spec. Comments `# --set NAME=VALUE`, `# --replace ...`, `# --decode ...` are from outside."""

    title: str
    spec: str
    message: str


def read(path: Path) -> list[Case]:
    """The cases of a file."""
    found = []
    for text in path.read_text(encoding="utf-8").split("=== ")[1:]:
        title, _, rest = text.partition("\n")
        spec, _, message = rest.partition("\n-----\n")
        found.append(Case(title, spec + "\n", message.strip("\n")))
    return found


def written(cases: list[Case]) -> str:
    """The text of a file with these cases."""
    return "\n".join(f"=== {case.title}\n{case.spec}-----\n{case.message}\n" for case in cases)


def said(spec: str) -> str:
    """What is said about a spec."""
    if spec.startswith(("{", "[")):
        return said_of_configuration(spec)
    try:
        options = OPTION.findall(spec)
        readers = {"--set": change, "--replace": replacement, "--decode": token}
        changes = tuple(readers[name](text) for name, text in options if name in readers)
        inputs = dict(sizes(text) for name, text in options if name == "--input")
        read = library.from_text(Source("net.yaml", spec))
        elaborate(read, Settings("", changes, inputs))
        if read.claims or read.budgets:
            found = check_spec(read)
            return (
                "\n\n".join(
                    [
                        *(one.message for one in found.mistakes),
                        *map(failure, found.failed),
                        *map(excess, found.exceeded),
                    ]
                )
                or "nothing"
            )
    except SpecError as error:
        return str(error).replace(f"{library.bundled_folder()}/", "specs/")
    except Fault as fault:
        return str(fault)
    return "nothing"


def said_of_configuration(text: str) -> str:
    """What an import says about a configuration of Hugging Face."""
    try:
        found = hf.spec_of(Source("config.json", text), {})
    except (SpecError, Fault) as error:
        return str(error)
    return "\n".join([*found.remarks, *found.partial]) or "nothing"


FILES = sorted(FOLDER.glob("*.txt"))
if os.environ.get("REFRESH"):
    for path in FILES:
        path.write_text(
            written([case._replace(message=said(case.spec)) for case in read(path)]), encoding="utf-8"
        )
CASES = [(path.stem, case) for path in FILES for case in read(path)]


@pytest.mark.parametrize(
    "case", [case for _, case in CASES], ids=[f"{stem}: {case.title}" for stem, case in CASES]
)
def test_message(case: Case) -> None:
    """The message is the one on file."""
    assert said(case.spec) == case.message


def test_there_are_enough() -> None:
    """At least sixty wrong specs, each with something to say."""
    assert len(CASES) >= 60
    assert all(case.message != "nothing" for _, case in CASES)


def test_every_message_has_a_place() -> None:
    """Each problem shows the line and a caret under it."""
    for _, case in CASES:
        if case.message.startswith(("net.yaml:", "config.json:")):
            for problem in case.message.split("\n\n"):
                assert re.match(r"\S+:\d+:\d+: \S", problem), problem
                assert re.search(r"^ *\| +\^+$", problem, re.MULTILINE), problem


def test_every_fault_of_an_op_has_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever an op refuses its inputs or attributes, a case here says in which words."""
    raised: set[tuple[str, int]] = set()
    real = Fault.__init__

    def noted(fault: Fault, *arguments: object, **named: object) -> None:
        caller = sys._getframe(1)
        raised.add((caller.f_code.co_filename, caller.f_lineno))
        real(fault, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Fault, "__init__", noted)
    for _, case in CASES:
        said(case.spec)

    assert [
        f"{path.name}:{node.lineno}"
        for path in sorted(OPS.glob("*.py"))
        if path.name != "attributes.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        if ast.unparse(node.exc.func) == "Fault"
        if not any(
            file == str(path) and line in range(node.lineno, node.end_lineno + 1) for file, line in raised
        )
    ] == []
