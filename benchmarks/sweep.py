"""How many points a second a sweep counts on one core: `python -m benchmarks.sweep`.

Budget: at least 20 million points a second where 64 bits hold all counts; writing has none. Timed is
processor time, so that a busy machine does not count; the best of several rounds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from paramcalc.count.report import QUANTITIES
from paramcalc.model import load
from paramcalc.sweep import Sweep

BUDGET = 20e6  # points a second
ROUNDS = 5
GRID = ("width=32:1031", "size=160:1159")  # a million points
USUAL = ("params", "macs")


def main() -> None:
    every = tuple(QUANTITIES)
    evaluated = {
        "params and macs, a grid": load("resnet-50").sweep(*GRID, quantities=USUAL),
        "all quantities, a grid": load("resnet-50").sweep(*GRID, quantities=every),
        "params and macs, a sample": load("resnet-50").sweep(*GRID, quantities=USUAL, sample=10**6),
        "beyond 64 bits, a grid": load("resnet-50").sweep(
            "width=10000032:10001031", "size=160:1159", quantities=USUAL
        ),
        "three structures": load("resnet-50").sweep(
            "depths=[2,2,2,2],[3,4,6,3],[3,8,36,3]", "width=32:365", "size=160:1159", quantities=USUAL
        ),
    }
    for name, swept in evaluated.items():
        show(name, swept, evaluate, budget=BUDGET if "beyond" not in name else 0)
    for form in ("csv", "parquet"):
        show(f"written as {form}", evaluated["params and macs, a grid"], written(form))


def evaluate(swept: Sweep) -> None:
    for _ in swept.blocks():
        pass


def written(form: str) -> Callable[[Sweep], None]:
    """Writes the rows into a file of this form."""

    def write(swept: Sweep) -> None:
        with tempfile.TemporaryDirectory() as folder:
            swept.write(Path(folder) / f"rows.{form}")

    return write


def show(name: str, swept: Sweep, work: Callable[[Sweep], None], budget: float = 0) -> None:
    """Prints the rate of the best round, and what it is of the budget where there is one."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work(swept)
        seconds.append(time.process_time() - begin)
    rate = swept.order.rows / min(seconds)
    share = f", {rate / budget:5.2f} x the budget" if budget else ""
    print(f"{name:28} {rate / 1e6:6.1f} million points a second{share}")


if __name__ == "__main__":
    main()
