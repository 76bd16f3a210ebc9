"""What many layers cost: `python -m benchmarks.layers`.

Budget: time and memory linear in the layers, at most 15 microseconds a layer for 100,000 layers, for
a chain written out line by line as for a residual net of repeats. Reading, elaboration and counting
together, in one process; the processes' start is taken off.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.processes import compiled

MIB = 1024  # kibibytes


def chain(layers: int) -> str:
    """A chain of convolutions and activations, each on a line of its own."""
    pair = "  - conv2d 16 3 padding=1\n  - relu\n"
    return "input: 16x32x32\nlayers:\n" + pair * (layers // 2)


def residual(layers: int) -> str:
    """Blocks of five layers with a shortcut, by one repeat."""
    branches = "{main: [conv2d 16 3 padding=1, batch_norm, relu], skip: identity}"
    block = f"blocks:\n  unit:\n    - add: {branches}\n    - relu\n"
    return f"input: 16x32x32\n{block}layers:\n  - {layers // 5} * unit\n"


SPECS: dict[str, Callable[[int], str]] = {"chain, written out": chain, "residual, by repeat": residual}


def measure(kind: str, layers: int) -> tuple[float, float]:
    """Processor seconds and MiB that reading, elaborating and counting take, in a process of their own."""
    run = [sys.executable, "-m", "benchmarks.layers", kind, str(layers)]
    seconds, memory = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(memory)


def worker(kind: str, layers: int) -> None:
    from paramcalc.base.errors import Source
    from paramcalc.count.report import count
    from paramcalc.engine.elaborate import elaborate
    from paramcalc.language.parse import parse

    def nothing(name: str) -> None:
        raise AssertionError(name)

    count(elaborate(parse(Source("warm", SPECS[kind](10)), nothing)))  # type: ignore[arg-type]
    text = SPECS[kind](layers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    report = count(elaborate(parse(Source("spec", text), nothing)))  # type: ignore[arg-type]
    seconds = time.process_time() - start
    assert len(report.rows) in (layers, layers // 5 * 5)
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MIB)


def main() -> None:
    compiled()
    for kind in SPECS:
        for layers in (12_500, 25_000, 50_000, 100_000):
            runs = [measure(kind, layers) for _ in range(3)]
            seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
            print(
                f"{kind:22} {layers:8,} layers {1e6 * seconds / layers:6.1f} microseconds"
                f" {1024 * memory / layers:6.2f} KiB a layer"
            )


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else worker(sys.argv[1], int(sys.argv[2]))
