"""Runs texts through commands, and makes what fails small."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import resource
import signal
import tempfile
import traceback
from itertools import islice
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import NamedTuple

from paramcalc import cli
from tests.fuzz.agree import CHECKS, Result, small
from tests.fuzz.commands import NAME, NOTHING, OTHER, commands, known
from tests.fuzz.texts import TEXTS
from tests.processes import MARGIN, MOST_MEGABYTES, MOST_SECONDS

DRAWN = 8  # commands for each text
PLACE = re.compile(r"^(\S+|--\w+ .*):\d+:\d+: \S|^--\w+ .*: \S", re.MULTILINE)
JUDGES = ("check", "verify", "solve")  # exit code 1: something is not met
DISAGREES = "disagrees: "
OBEYED = re.compile(r"^\s*::|##\[", re.MULTILINE)  # by a runner of GitHub, in any log
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
OURS = re.compile(r"^(::(error|warning|notice) .*|::(group|endgroup)::.*)$", re.MULTILINE)
PLUGIN = """
from dataclasses import dataclass
from paramcalc.ops.base import Elementwise, Example
@dataclass(frozen=True)
class Cube(Elementwise):
    per_element = {"multiply": 2}
    examples = (Example("cube", ("64x28x28",), "64x28x28"),)
    def forward(self, tools, x):
        return x * x * x
"""


class Failure(NamedTuple):
    """A text, the command that fails on it, and how; `kind` is equal for failures of one cause."""

    text: str
    command: tuple[str, ...]
    kind: str
    says: str


class Broken(Exception):
    """A run that went wrong, with the `Failure`."""


class _Overtime(BaseException):
    """Raised by the alarm, past everything that catches exceptions."""


def run(command: tuple[str, ...]) -> Result | Failure:
    """One command in this process, in the folder where the text lies."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2)]
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS * MARGIN)
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            code = cli.run(list(command))
    except _Overtime:
        place = traceback.format_exc().strip().splitlines()
        return Failure("", command, f"{command[0]} takes too long", "\n".join(place[-9:]))
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.name}"
        return Failure("", command, kind, traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    for stream in streams:
        stream.flush()
    return Result(code, *(stream.buffer.getvalue().decode() for stream in streams))  # type: ignore[attr-defined]


def judged(command: tuple[str, ...], result: Result) -> str:
    """What is wrong with the way a run ended; '' for nothing."""
    name, options = command[0], [word for word in command if word.startswith("-")]
    shown = (
        OURS.sub("", result.out)
        if any("github" in word or ".log" in word for word in options)
        else result.out
    )
    if "Traceback" in result.err:
        return "prints a traceback"
    if OBEYED.search(shown) or OBEYED.search(result.err):
        return "prints what a runner obeys"
    if UNSEEN.search(result.out) or UNSEEN.search(result.err):
        return "prints what nobody sees"
    if result.code == 2:
        asked = options or name in (
            "solve",
            "sweep",
            "formula",
            "table",
            "list",
            "ops",
            "field",
            "explain",
            "compare",
            "diff",
            "format",
            "import",
            "export",
        )
        return (
            "" if PLACE.search(result.err) or (asked and result.err.strip()) else "an error without a place"
        )
    if result.code not in (0, 1) or (result.code == 1 and name not in JUDGES):
        return f"exit code {result.code}"
    if "--format=json" in options and result.code == 0 and result.out:
        with contextlib.suppress(ValueError):
            json.loads(result.out)
            return ""
        return "prints no JSON"
    written = any(word.startswith(("--output", "--save")) for word in options)
    return "" if result.out or written or name in (*JUDGES, "format", "list", "show") else "prints nothing"


def ask(*command: str) -> Result:
    """One command that must end as a command may; raises `Broken`."""
    result = run(command)
    if isinstance(result, Failure):
        raise Broken(result)
    wrong = judged(command, result)
    if wrong:
        raise Broken(Failure("", command, f"{command[0]}: {wrong}", result.err[-2000:] + result.out[:2000]))
    return result


def failure(text: str, seed: int, before: Failure | None = None) -> Failure | None:
    """The first thing that goes wrong when a text is checked, and commands drawn from a seed are run on it.

    With the failure of a text before, only what failed there.
    """
    Path(NAME).write_text(text, encoding="utf-8")
    try:
        if before and not before.kind.startswith(DISAGREES):
            ask(*before.command)
            return None
        first = ask("count", NAME, "--format", "json")
        chance = random.Random(seed)
        if first.code:
            if not before and chance.random() < 0.2:
                ask(*next(commands(chance, NOTHING, True)))
            return None
        counted = json.loads(first.out)
        for check in CHECKS:
            wrong = check(counted, ask)
            if wrong:
                return Failure(text, ("count", NAME), DISAGREES + check.__name__, f"{check.__doc__}\n{wrong}")
        for command in islice(commands(chance, known(counted), small(counted)), 0 if before else DRAWN):
            ask(*command)
    except Broken as broken:
        return broken.args[0]._replace(text=text)  # type: ignore[no-any-return]
    return None


def smallest(found: Failure, seconds: float = 20.0) -> Failure:
    """The failure with as few lines of its text, and words of its command, as still show it."""
    until = monotonic() + seconds

    def still(text: str, command: tuple[str, ...]) -> bool:
        other = failure(text, 0, found._replace(command=command))
        return other is not None and other.kind == found.kind

    lines, words, step = found.text.splitlines(keepends=True), found.command, 8
    for word in words[2:]:
        fewer = tuple(each for each in words if each != word)
        words = fewer if not found.kind.startswith(DISAGREES) and still(found.text, fewer) else words
    while step and monotonic() < until:
        place = 0
        while place < len(lines) and monotonic() < until:
            shorter = lines[:place] + lines[place + step :]
            if still("".join(shorter), words):
                lines = shorter
            else:
                place += step
        step //= 2
    return found._replace(text="".join(lines), command=words)


def _overtime(signal: int, frame: FrameType | None) -> None:
    raise _Overtime


def look(kind: str, seed: int, seconds: float, texts: int | None = None) -> tuple[int, list[Failure]]:
    """How many texts of a kind were tried in some seconds, `texts` at most, and one failure of each cause."""
    signal.signal(signal.SIGVTALRM, _overtime)
    os.environ.pop("COLUMNS", None)
    failures: dict[str, Failure] = {}
    tried = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("plugin.py").write_text(PLUGIN, encoding="utf-8")
        Path(OTHER).write_text("input: 8\nlayers:\n  - linear 5\n", encoding="utf-8")
        until = monotonic() + seconds
        for text in islice(TEXTS[kind](random.Random(seed)), texts):
            if monotonic() > until:
                break
            tried += 1
            found = failure(text, seed + tried)
            if found is not None and found.kind not in failures:
                failures[found.kind] = smallest(found)
            Path(NAME).replace(OTHER)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if megabytes > MOST_MEGABYTES:
        failures["memory"] = Failure("", (kind,), "memory", f"{megabytes:.0f} MB at most")
    return tried, [*failures.values()]
