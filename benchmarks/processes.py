"""Whole processes, timed in turn so that a machine that drifts does not favour one of them."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Timing(NamedTuple):
    """Wall seconds of all runs, and the largest memory of one, in MiB."""

    seconds: tuple[float, ...]
    memory: float

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def compiled() -> None:
    """Compiles the package's modules, as an installation does."""
    compileall.compile_dir(str(Path(__file__).parent.parent / "paramcalc"), quiet=2)


def timed(commands: Mapping[str, Sequence[str]], rounds: int = 15) -> dict[str, Timing]:
    """Runs Python with each command's arguments, in turn, after one round that is not counted."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    memory = dict.fromkeys(commands, 0.0)
    for number in range(rounds + 1):
        for name, arguments in commands.items():
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            taken = time.perf_counter() - start
            if process.returncode:
                raise SystemExit(f"{name} failed with {process.returncode}")
            if number:
                seconds[name].append(taken)
                memory[name] = max(memory[name], usage.ru_maxrss / 1024)
    return {name: Timing(tuple(times), memory[name]) for name, times in seconds.items()}


def show(timings: Mapping[str, Timing], against: str) -> None:
    """Prints every command with its ratio to one of them, run by run: the median of the ratios."""
    base = timings[against]
    for name, timing in timings.items():
        ratio = statistics.median(one / two for one, two in zip(timing.seconds, base.seconds, strict=True))
        print(
            f"{name:34} {1000 * timing.median:8.0f} ms (least {1000 * timing.least:.0f}) {timing.memory:7.0f} MiB"
            f"   {ratio:6.2f} x {against}"
        )


__all__ = ["Timing", "compiled", "show", "timed"]
