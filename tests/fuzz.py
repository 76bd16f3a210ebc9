"""Random texts through all commands: mutants of the bundled specs, generated networks, random expressions.

`python -m tests.fuzz --seconds 3600` looks for an hour and prints what it finds, each with the smallest text
that still shows it and the line that runs it again. `tests/test_fuzz.py` looks for a minute.

What must hold of every text and every command: no exception leaves the command line; the exit code is 0, or 2
with a place in the text, or 1 from a command that judges; a text that counts counts the same when it is
expanded; no run takes more than two seconds or half a gigabyte.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, process_time
from types import FrameType
from typing import Any, NamedTuple

from paramcalc import cli, ops
from paramcalc.engine.library import bundled_files
from tests.processes import MARGIN, MOST_MEGABYTES, MOST_SECONDS

NAME = "fuzz.yaml"
PLACE = re.compile(r"^(\S+|--\w+ .*):\d+:\d+: \S|^--\w+ .*: \S", re.MULTILINE)
COUNTED = ("params", "macs", "activations", "memory")
LARGEST_RUN = 3_000_000  # MACs and elements of a network that is also verified
JUDGES = ("check", "verify", "solve")  # solve: nothing meets the constraints
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("explain", NAME),
    ("check", NAME),
    ("check", NAME, "--format", "github"),
    ("formula", NAME),
    ("field", NAME),
    ("memory", NAME, "--train", "adam", "--batch", "3"),
    ("conventions", NAME),
    ("table", NAME),
    ("compare", NAME, NAME, "--format", "markdown"),
    ("count", NAME, "--sort", "macs", "--format", "csv"),
    ("count", NAME, "--batch", "2", "--columns", "op,input,output,params,field", "--format", "html"),
    ("solve", NAME, "--vary", "batch=1:4", "--until", "params <= 20000"),
    ("sweep", NAME, "width=1:3"),
)


class Result(NamedTuple):
    """What one run of the command line gave."""

    code: int
    out: str
    err: str
    seconds: float


class Failure(NamedTuple):
    """A text, the command that fails on it, and how; `kind` is equal for failures of one cause."""

    text: str
    command: tuple[str, ...]
    kind: str
    says: str


class _Overtime(BaseException):
    """Raised by the alarm, past everything that catches exceptions."""


def run(command: tuple[str, ...]) -> Result | Failure:
    """One command in this process, in the folder where the text lies."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    begin = process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS * MARGIN)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
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
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Result(code, *texts, process_time() - begin)


def judged(command: tuple[str, ...], result: Result) -> str:
    """What is wrong with the way a run ended; '' for nothing."""
    if "Traceback" in result.err:
        return "prints a traceback"
    if result.code == 2:
        asked = result.err.startswith("paramcalc: ") and command[0] in ("solve", "sweep", "formula", "table")
        return "" if asked or PLACE.search(result.err) else "an error without a place"
    if result.code not in (0, 1) or (result.code == 1 and command[0] not in JUDGES):
        return f"exit code {result.code}"
    return "" if result.out or command[0] in JUDGES else "prints nothing"


def failure(text: str) -> Failure | None:
    """The first thing that goes wrong when the text is run through all commands."""
    Path(NAME).write_text(text, encoding="utf-8")

    def tried(command: tuple[str, ...]) -> Result | Failure:
        result = run(command)
        if isinstance(result, Failure):
            return result._replace(text=text)
        wrong = judged(command, result)
        return Failure(text, command, f"{command[0]}: {wrong}", result.err[-2000:]) if wrong else result

    first = tried(("count", NAME, "--format", "json"))
    if isinstance(first, Failure):
        return first
    if first.code:
        return None
    counted = json.loads(first.out)
    for command in COMMANDS:
        result = tried(command)
        if isinstance(result, Failure):
            return result
    return _expanded(text, counted, tried) or _verified(text, counted, tried)


Tried = Callable[[tuple[str, ...]], Result | Failure]


def _expanded(text: str, counted: dict[str, Any], tried: Tried) -> Failure | None:
    """The text that `show --expanded` prints counts the same."""
    command = ("show", NAME, "--expanded")
    shown = tried(command)
    if isinstance(shown, Failure) or shown.code:
        return shown if isinstance(shown, Failure) else None
    Path("expanded.yaml").write_text(shown.out, encoding="utf-8")
    again = tried(("count", "expanded.yaml", "--format", "json"))
    if isinstance(again, Failure):
        return again._replace(text=text, says=again.says + shown.out)
    totals = json.loads(again.out)["totals"] if again.code == 0 else {}
    wrong = [name for name in COUNTED if totals.get(name) != counted["totals"].get(name)]
    return Failure(text, command, f"expanded counts another {wrong}", again.err) if wrong else None


def _verified(text: str, counted: dict[str, Any], tried: Tried) -> Failure | None:
    """A network that is small enough runs, and does what is counted."""
    totals = counted["totals"]
    if max(totals["macs"], totals["memory"]) > LARGEST_RUN or len(counted["layers"]) > 60:
        return None
    result = tried(("verify", NAME))
    if isinstance(result, Failure):
        return result
    return (
        Failure(text, ("verify", NAME), "verify disagrees", result.out[-2000:]) if result.code == 1 else None
    )


# Texts ----------------------------------------------------------------------------------------------------------------

WORD = re.compile(r"[\w.*/+-]+|[^\w\s]|\n|[ ]+")
ODD = (
    "0",
    "-1",
    "1",
    "2",
    "3",
    "1/3",
    "0.5",
    "1e9",
    "18446744073709551616",
    "true",
    "[]",
    "[1, 2]",
    "()",
    "''",
    "x",
)
ODD += (
    "channels",
    "x.length",
    "null",
    "~",
    "!!str",
    "&a",
    "*a",
    ":",
    "-",
    "{",
    "}",
    "[",
    "]",
    "#",
    "|",
    "é",
    "\u202e",
)


def mutants(chance: random.Random) -> Iterator[str]:
    """Bundled specs with some words changed, lines moved, and numbers made odd."""
    texts = [path.read_text(encoding="utf-8") for path in bundled_files()]
    texts = [text for text in texts if len(text) < 12_000]
    pool = sorted({word for text in texts for word in WORD.findall(text)})
    while True:
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            text = chance.choice((_word, _word, _number, _line))(chance, text, pool)
        yield text


def _word(chance: random.Random, text: str, pool: list[str]) -> str:
    words = WORD.findall(text)
    place = chance.randrange(len(words))
    words[place : place + chance.choice((0, 1, 1, 2))] = [
        chance.choice((chance.choice(pool), chance.choice(ODD)))
    ]
    return "".join(words)


def _number(chance: random.Random, text: str, pool: list[str]) -> str:
    numbers = list(re.finditer(r"\b\d+\b", text))
    if not numbers:
        return text
    one = chance.choice(numbers)
    return text[: one.start()] + chance.choice(ODD) + text[one.end() :]


def _line(chance: random.Random, text: str, pool: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    place, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(other, lines[place])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            lines[place] = "  " + lines[place] if chance.random() < 0.5 else lines[place].replace("  ", "", 1)
    return "".join(lines)


INPUTS = ("3x16x16", "4x9x7", "1x1x1", "8", "6x12", "2x5x6x4", "{length: 6, channels: 8}", "{length: 7}")
INPUTS += ("{channels: 3, height: 9}",)


def networks(chance: random.Random) -> Iterator[str]:
    """Networks of all ops, with blocks, repeats, joins, knobs, shared and frozen layers."""
    examples = [example.call for op in ops.every().values() for example in op.examples]
    while True:
        lines = [
            f"input: {chance.choice(INPUTS)}",
            f"knobs: {{width: {chance.choice((1, 2, 4, 8))}}}",
            "blocks:",
        ]
        lines += (
            ["  unit out=width:"] + [f"    - {line}" for line in _calls(chance, examples, 2)] + ["layers:"]
        )
        lines += _items(chance, examples, "  ", 2)
        yield "\n".join(lines) + "\n"


def _calls(chance: random.Random, examples: list[str], most: int) -> list[str]:
    calls = []
    for _ in range(chance.randint(1, most)):
        call = chance.choice(
            (
                chance.choice(examples),
                "conv2d width 3 padding=1",
                "linear width",
                "relu",
                "conv2d width 3 stride=2",
            )
        )
        if chance.random() < 0.2:
            call = re.sub(
                r"\b\d+\b", lambda found: chance.choice((*ODD[:7], "width", found[0])), call, count=1
            )
        calls.append(call)
    return calls


def _items(chance: random.Random, examples: list[str], indent: str, depth: int) -> list[str]:
    lines: list[str] = []
    names: list[str] = []
    for number in range(chance.randint(1, 4)):
        name = f"n{number}"
        kind = chance.randrange(9 if depth else 4)
        inside = indent + "    "
        call = chance.choice(
            (", ".join(_calls(chance, examples, 3)), f"unit {chance.choice(('', '3', 'out=2*width'))}")
        )
        if kind == 0 and names:
            lines.append(
                f"{indent}- {name}: {chance.choice(('add', 'concat', 'multiply'))} from {' '.join(names[-2:])}"
            )
        elif kind <= 3:
            shared = f" share={chance.choice(names)}" if names and chance.random() < 0.1 else ""
            frozen = " frozen=true" if chance.random() < 0.1 else ""
            lines.append(f"{indent}- {name}: {call}{shared}{frozen}")
        elif kind == 4:
            lines.append(f"{indent}- {name}: {chance.choice(('0', '1', '3', 'width'))} * {call}")
        elif kind == 5:
            lines += [f"{indent}- {name}:", f"{inside}repeat: {chance.randint(0, 3)}", f"{inside}layers:"]
            lines += _items(chance, examples, inside + "  ", depth - 1)
        elif kind == 6:
            lines += [f"{indent}- {chance.choice(('add', 'concat', 'multiply'))}:", f"{inside}main:"]
            lines += [*_items(chance, examples, inside + "  ", depth - 1), f"{inside}skip: identity"]
        elif kind == 7:
            lines += [f"{indent}- auxiliary:", f"{inside}{name}:"]
            lines += _items(chance, examples, inside + "  ", depth - 1)
        else:
            lines += [f"{indent}- {name}:", *_items(chance, examples, inside, depth - 1)]
        names.append(name)
    return lines


FUNCTIONS = (
    "abs",
    "min",
    "max",
    "round",
    "floor",
    "ceil",
    "len",
    "sum",
    "divisible",
    "sqrt",
    "log2",
    "range",
)
LEAVES = (*ODD[:14], "width", "depth", "word", "flag", "sizes", "channels", "i", "x.height", "nothing")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "and", "or", "in")


def expressions(chance: random.Random) -> Iterator[str]:
    """One line with a random expression at each place that takes one."""
    while True:
        value = _expression(chance, 3)
        place = chance.choice(
            ("- linear {}", "- conv2d 4 3 padding={}", "- a: {{repeat: {}, layers: relu}}", "- conv2d 4 {}",
             "- {{if: '{}', then: relu, else: tanh}}", "- unit {}", "- relu\n  - dropout {}", "- {} * relu")
        )  # fmt: skip
        yield (
            "input: 4x9x9\nknobs: {width: 6, depth: 2, word: same, flag: true, sizes: [1, 2, 3]}\n"
            f"blocks:\n  unit n: linear n\nlayers:\n  {place.format(value)}\n"
        )


def _expression(chance: random.Random, depth: int) -> str:
    if not depth or chance.random() < 0.2:
        return chance.choice(LEAVES)
    one, two, three = (_expression(chance, depth - 1) for _ in range(3))
    shapes = (
        f"{one} {chance.choice(OPERATORS)} {two}",
        f"({one})",
        f"{chance.choice(FUNCTIONS)}({', '.join((one, two, three)[: chance.randrange(4)])})",
        f"{one} if {two} else {three}",
        f"[{one}, {two}]",
        f"{one}[{two}]",
        f"-{one}",
        f"not {one}",
    )
    return chance.choice(shapes)


TEXTS = {"mutants": mutants, "networks": networks, "expressions": expressions}


# Looking -------------------------------------------------------------------------------------------------------------


def smallest(found: Failure, seconds: float = 20.0) -> Failure:
    """The failure with as few lines of its text as still show it."""
    until = monotonic() + seconds
    lines, step = found.text.splitlines(keepends=True), 8
    while step and monotonic() < until:
        place = 0
        while place < len(lines) and monotonic() < until:
            fewer = "".join(lines[:place] + lines[place + step :])
            other = failure(fewer)
            if other is not None and other.kind == found.kind:
                lines, found = fewer.splitlines(keepends=True), other
            else:
                place += step
        step //= 2
    return found


def _overtime(signal: int, frame: FrameType | None) -> None:
    raise _Overtime


def look(kind: str, seed: int, seconds: float) -> tuple[int, list[Failure]]:
    """How many texts of a kind were tried in some seconds, and one failure of each cause."""
    signal.signal(signal.SIGVTALRM, _overtime)
    os.environ.pop("COLUMNS", None)
    failures: dict[str, Failure] = {}
    tried = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        until = monotonic() + seconds
        for text in TEXTS[kind](random.Random(seed)):
            if monotonic() > until:
                break
            tried += 1
            found = failure(text)
            if found is not None and found.kind not in failures:
                failures[found.kind] = smallest(found)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if megabytes > MOST_MEGABYTES:
        failures["memory"] = Failure("", (kind,), "memory", f"{megabytes:.0f} MB at most")
    return tried, [*failures.values()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", default=list(TEXTS), help=", ".join(TEXTS))
    parser.add_argument("--seconds", type=float, default=60, help="how long to look, all kinds together")
    parser.add_argument("--seed", type=int, default=None, help="where chance begins; printed")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    worst = 0
    for kind in chosen.kinds:
        tried, failures = look(kind, seed, chosen.seconds / len(chosen.kinds))
        print(f"{kind}: {tried} texts from seed {seed}, {len(failures)} failures", flush=True)
        for found in failures:
            print(f"\n=== {found.kind}: paramcalc {' '.join(found.command)}\n{found.text}---\n{found.says}")
        worst = max(worst, bool(failures))
    return worst


if __name__ == "__main__":
    sys.exit(main())
