"""What `formula` costs: `python -m benchmarks.formula`.

Budget: `formula resnet-50` at most 1 x the import of sympy, as whole processes, and 2 x in the formats that sympy
prints; for networks of more and more layers a time that grows as the number of layers.
"""

from __future__ import annotations

import time

from benchmarks.processes import compiled, show, timed
from paramcalc.model import change, load

LARGE = ("densenet264", "resnet1202-cifar", "inception-resnet-v2")
ROUNDS = (50, 100, 200, 400, 800)


def main() -> None:
    compiled()
    commands = {"import sympy": ["-c", "import sympy"]}
    commands |= {f"formula {name}": ["-m", "paramcalc", "formula", name] for name in ("resnet-50", *LARGE)}
    for form in ("latex", "python", "c", "javascript"):
        commands[f"formula resnet-50 --format {form}"] = [
            "-m",
            "paramcalc",
            "formula",
            "resnet-50",
            "--format",
            form,
        ]
    show(timed(commands, rounds=5), "import sympy")
    for rounds in ROUNDS:
        layers, seconds = grown(rounds)
        print(
            f"{layers:8,} layers {1000 * seconds:8.0f} ms {1e6 * seconds / layers:8.1f} microseconds a layer"
        )


def grown(rounds: int) -> tuple[int, float]:
    """Layers of a residual network with so many blocks a stage, and the seconds that its formulas take."""
    model = load("resnet20-cifar")
    depths = (change(f"depths=[{rounds}, {rounds}, {rounds}]"),)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        closed = model.closed(["width", "h"], depths)
        seconds.append(time.perf_counter() - start)
    return len(closed.rows), min(seconds)


if __name__ == "__main__":
    main()
