"""The command line as a process of its own, whose processor time and memory are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from time import process_time
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 2.0  # of processor time, on a machine of the usual speed
# A shared machine can be slower for a while than `slowness` sees. What has no end still fails by far.
MARGIN = 1.0 if os.environ.get("PARAMCALC_STRICT") else 5.0
USUAL_SECONDS = 0.15  # that `_small_objects` takes there
MOST_MEGABYTES = 500
# Small, so that its own memory is not taken for that of the process which it turns into.
LAUNCHER = """
import json, os, resource, signal, sys
report, *command = sys.argv[1:]
child = os.fork()
if not child:
    signal.alarm(100)
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    os.execv(command[0], command)
_, status, usage = os.wait4(child, 0)
seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
with open(report, "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), seconds, megabytes], file)
"""


class Outcome(NamedTuple):
    """What a process left: exit code, output, and what it cost."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float


def launch(folder: Path, arguments: Iterable[str], stdin: Iterable[bytes] = ()) -> Outcome:
    """Runs `paramcalc` with arguments in a folder, under limits that end what has no end."""
    out, err, report = (folder / f".{name}" for name in ("out", "err", "report"))
    command = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(report)]
    command += [sys.executable, "-m", "paramcalc", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr
        )
        feeder = threading.Thread(target=_feed, args=(process, stdin))
        feeder.start()
        process.wait(timeout=120)
        feeder.join()
    code, seconds, megabytes = json.loads(report.read_text())
    return Outcome(code, out.read_text("utf-8"), err.read_text("utf-8"), seconds, megabytes)


def _feed(process: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> None:
    """Writes to a process until it has had enough."""
    assert process.stdin is not None
    try:
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.close()
    except BrokenPipeError:
        pass


def check_cheap(outcome: Outcome) -> None:
    """Raises unless a process stayed within time and memory."""
    if outcome.seconds >= MOST_SECONDS:
        allowed = MOST_SECONDS * MARGIN * slowness()
        assert outcome.seconds < allowed, f"{outcome.seconds:.2f} s of {allowed:.2f} s: {outcome.err[:500]}"
    assert outcome.megabytes < MOST_MEGABYTES, f"{outcome.megabytes:.0f} MB: {outcome.err[:500]}"


def slowness() -> float:
    """How many times slower this machine is now than usual, other work on it included; at least 1."""
    return max(1.0, min(_small_objects() for _ in range(3)) / USUAL_SECONDS)


def _small_objects() -> float:
    """Processor time to make small objects, which is most of what reading a spec does."""
    begin = process_time()
    made = [(str(number), {number: number}, [number]) for number in range(200_000)]
    assert made
    return process_time() - begin
