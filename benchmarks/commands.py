"""What every command costs on n and on 4n layers: `python -m benchmarks.commands [COMMAND...]`.

Budget: each command is linear in the layers on each of these networks: 4 x the layers take at most 5 x the processor
time and 5 x the memory, the start of the process taken off. A cell is the ratio of seconds, the seconds and the MiB
of the larger network; `!` marks what is beyond the budget.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import compiled

HEAD = "input: 8x16x16\nknobs: {width: 8}\n"
BUDGET = 5.0  # times as much for 4 times the layers
SMALL = 200  # layers, for the start of the process
NOTICED = 0.2  # seconds; less is noise
LIMIT = 120  # seconds for one run


def listed(lines: list[str]) -> str:
    return "".join(f"  - {line}\n" for line in lines)


def chain(n: int) -> str:
    """Named layers, one behind the other."""
    return HEAD + "layers:\n" + listed([f"a{place}: conv2d width 3 padding=1" for place in range(n)])


def automatic(n: int) -> str:
    """The same without names."""
    return HEAD + "layers:\n" + listed(["conv2d width 3 padding=1", "relu"] * (n // 2))


def groups(n: int) -> str:
    """Called blocks of five layers, each with a name."""
    block = "blocks:\n  unit: [conv2d width 3 padding=1, batch_norm, relu, conv2d width 1, relu]\n"
    return HEAD + block + "layers:\n" + listed([f"b{place}: unit" for place in range(n // 5)])


def residual(n: int) -> str:
    """Rounds of a block with a shortcut."""
    branches = "{main: [conv2d width 3 padding=1, batch_norm, relu], skip: identity}"
    block = f"blocks:\n  unit:\n    - add: {branches}\n    - relu\n"
    return HEAD + block + f"layers:\n  - {n // 5} * unit\n"


def sums(n: int) -> str:
    """Layers that read the two before them."""
    lines = [
        "a0: relu",
        "a1: relu",
        *(f"a{place}: add from a{place - 1} a{place - 2}" for place in range(2, n)),
    ]
    return HEAD + "layers:\n" + listed(lines)


def grouped(n: int) -> str:
    """The same in one group."""
    lines = ["a0: conv2d width 1", "a1: conv2d width 1"]
    lines += [f"a{place}: add from a{place - 1} a{place - 2}" for place in range(2, n)]
    return HEAD + "layers:\n  - body:\n" + "".join(f"      - {line}\n" for line in lines)


def several(n: int) -> str:
    """Layers that read the eight before them."""
    lines = [f"a{place}: relu" for place in range(8)]
    for place in range(8, n):
        lines.append(f"a{place}: add from {' '.join(f'a{before}' for before in range(place - 8, place))}")
    return HEAD + "layers:\n" + listed(lines)


def distinct(n: int) -> str:
    """Layers of as many sizes: each reads a join of all before it."""
    lines = ["b0: conv2d width 1"]
    for place in range(1, n // 2):
        lines += [f"a{place}: conv2d {place} 1", f"b{place}: concat from b{place - 1} a{place}"]
    return HEAD + "layers:\n" + listed(lines)


def wide(n: int) -> str:
    """Joins of 200 branches."""
    joins = []
    for join in range(n // 200):
        branches = "".join(f"      b{place}: conv2d width 1\n" for place in range(199))
        joins.append(f"  - j{join}:\n    - concat:\n{branches.replace('      ', '        ')}")
    return f"{HEAD}layers:\n" + "".join(joins)


def fan(n: int) -> str:
    """Many layers that read one, joined 100 at a time."""
    lines = ["stem: relu"]
    for place in range(n // 100):
        names = [f"a{place}_{number}" for number in range(99)]
        lines += [
            *(f"{name}: conv2d width 1 from stem" for name in names),
            f"j{place}: add from {' '.join(names)}",
        ]

    ends = [f"j{place}" for place in range(n // 100)]
    return f"{HEAD}outputs: [{', '.join(ends)}]\nlayers:\n" + listed(lines)


def outputs(n: int) -> str:
    """A chain with the most outputs that there may be."""
    names = [f"a{place}" for place in range(n)]
    lines = [f"{name}: conv2d width 1" for name in names]
    return f"{HEAD}outputs: [{', '.join(names[:: n // 100])}, {names[-1]}]\nlayers:\n" + listed(lines)


def nested(n: int) -> str:
    """Blocks in blocks, 50 deep, each with a share of the layers."""
    own = max(n // 50, 1)
    blocks = [f"  b{deep}: [{own} * relu, b{deep + 1}]\n" for deep in range(49)] + [
        f"  b49: [{own} * relu]\n"
    ]
    return f"{HEAD}blocks:\n{''.join(blocks)}layers:\n  - conv2d width 1\n  - b0\n"


def shared(n: int) -> str:
    """Rounds that share their weights."""
    return (
        HEAD
        + f"layers:\n  - repeat: {n // 2}\n    shared: true\n    layers: [conv2d width 3 padding=1, relu]\n"
    )


def dense(n: int) -> str:
    """Blocks of 10 layers that each read all before them in the block."""
    rounds = "repeat: 10\n      layers:\n        - concat: {new: conv2d width 3 padding=1, old: identity}"
    block = f"blocks:\n  unit:\n    - conv2d width 1\n    - {rounds}\n"
    return HEAD + block + f"layers:\n  - {n // 31} * unit\n"


SPECS: dict[str, Callable[[int], str]] = {
    make.__name__: make
    for make in (
        chain,
        automatic,
        groups,
        residual,
        sums,
        grouped,
        several,
        distinct,
        wide,
        fan,
        outputs,
        nested,
        shared,
        dense,
    )
}
COMMANDS: dict[str, list[str]] = {
    "count": ["count", "SPEC"],
    "count all": ["count", "SPEC", "--depth", "all", "--unfold"],
    "count json": ["count", "SPEC", "--format", "json"],
    "explain": ["explain", "SPEC"],
    "compare": ["compare", "SPEC", "--input", "8x12x12"],
    "compare all": ["compare", "SPEC", "--input", "8x12x12", "--depth", "all", "--unfold"],
    "compare json": ["compare", "SPEC", "--input", "8x12x12", "--format", "json"],
    "check": ["check", "SPEC"],
    "formula": ["formula", "SPEC"],
    "solve": ["solve", "SPEC", "--vary", "width", "--until", "params <= 1e8"],
    "sweep": ["sweep", "SPEC", "width=4:40:4", "--format", "csv"],
    "field": ["field", "SPEC"],
    "field all": ["field", "SPEC", "--depth", "all", "--unfold"],
    "field json": ["field", "SPEC", "--format", "json"],
    "memory": ["memory", "SPEC"],
    "memory train": ["memory", "SPEC", "--train", "adam", "--checkpoint", "7", "--inplace"],
    "memory layers": ["memory", "SPEC", "--layers", "--device", "t4"],
    "conventions": ["conventions", "SPEC"],
    "table": ["table", "SPEC"],
    "show": ["show", "SPEC"],
    "show expanded": ["show", "SPEC", "--expanded"],
    "verify": ["verify", "SPEC"],
}


def measured(arguments: list[str]) -> tuple[float, float]:
    """Processor seconds and MiB of one run of the command line; no number where it failed or took too long."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = ["timeout", str(LIMIT), sys.executable, "-m", "paramcalc", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        first = (said.strip() or f"exit {process.returncode}").splitlines()[0]
        raise RuntimeError(f"more than {LIMIT} s" if process.returncode == 124 else first[:100])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(command: str, kind: str, n: int, folder: Path) -> None:
    """Prints what one command costs on one kind of network."""
    found = []
    for size in (SMALL, n, 4 * n):
        path = folder / f"{kind}.yaml"
        path.write_text(SPECS[kind](size))
        try:
            found.append(measured([str(path) if one == "SPEC" else one for one in COMMANDS[command]]))
        except RuntimeError as error:
            print(f"{command:14} {kind:10} {size:8,} layers: {error}", flush=True)
            return
    (start, base), (small, less), (large, more) = found
    seconds, memory = large - start, more - base
    times = seconds / max(small - start, NOTICED / 4)
    growth = memory / max(less - base, 4.0)
    marks = "!" * (times > BUDGET and seconds > NOTICED) + "M" * (growth > BUDGET)
    print(f"{command:14} {kind:10} {times:5.1f} x {seconds:7.2f} s {memory:7.0f} MiB  {marks}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", default=[*COMMANDS])
    parser.add_argument("--kinds", default=",".join(SPECS), help="with commas between them")
    parser.add_argument("--layers", type=int, default=10_000, help="of the smaller network")
    given = parser.parse_args()
    compiled()
    with tempfile.TemporaryDirectory() as folder:
        for command in given.commands:
            for kind in given.kinds.split(","):
                row(command, kind, given.layers, Path(folder))


if __name__ == "__main__":
    main()
