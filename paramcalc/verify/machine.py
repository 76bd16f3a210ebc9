"""What this machine has: memory that is free, and how fast it multiplies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from paramcalc.verify.tools import Tools
from paramcalc.verify.weights import FLOATS

SIDE = 1024  # of the matrices that are multiplied to see how fast it goes
TRIES = 3
GROUPS = Path("/sys/fs/cgroup")
# Of the two versions of control groups: limit, what is used, and what of that is a mere cache, by its name
# in memory.stat.
GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> int | None:
    """Bytes that this process may still take; None where the system does not tell.

    The least of what the system has free, swap included, what the container may still have, and what
    a limit of the process (`ulimit -v`) leaves.
    """
    known = [left for left in (_of_system(), _of_process(), *_of_groups()) if left is not None]
    return max(0, min(known)) if known else None


def _of_system() -> int | None:
    """Free memory on Linux; elsewhere all that there is."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return 1024 * (kibibytes["MemAvailable"] + kibibytes.get("SwapFree", 0))
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_process() -> int | None:
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return limit - pages * resource.getpagesize()
    except (ImportError, OSError, ValueError, IndexError):
        return None


def _of_groups() -> Iterator[int]:
    """What is left to each control group that this process belongs to, as far as it can be seen."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds in ("", "memory"):
            base = GROUPS / kinds
            for folder in {base, base / path.lstrip("/")}:
                yield from _of_group(folder)


def _of_group(folder: Path) -> Iterator[int]:
    for limit, used, cache in GROUP_FILES:
        try:
            most = (folder / limit).read_text().strip()
            stored = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            if most != "max":
                yield int(most) - int((folder / used).read_text()) + int(stored.get(cache, 0))
        except (OSError, ValueError):
            continue


def speed(threads: int, dtype: str) -> float:
    """Multiply-accumulates in a second, in a product of matrices that stay in the cache.

    No layer is faster, and those with few channels or large outputs are slower.
    """
    tools = Tools(threads)
    matrix = np.ones((SIDE, SIDE), FLOATS[dtype])
    times = []
    for _ in range(TRIES):
        start = perf_counter()
        tools.matmul(matrix, matrix)
        times.append(perf_counter() - start)
    return float(SIDE**3 / min(times))
