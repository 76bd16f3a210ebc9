"""What `count resnet-50` and `check` cost as whole processes: `python -m benchmarks.count`.

Budget: at most 1.5 x the bare imports of typer, rich and yaml; `check` on all bundled specs under
5 s. `import torch` alone, where it is installed, is a lower bound for any tool that needs it.
"""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.processes import compiled, show, timed

BARE = "import typer, rich, yaml"
TABLE = "import typer, rich.console, rich.table, yaml"


def main() -> None:
    compiled()
    commands = {
        "bare imports": ["-c", BARE],
        "imports that a table needs": ["-c", TABLE],
        "count resnet-50": ["-m", "paramcalc", "count", "resnet-50"],
        "count resnet-50 --format json": ["-m", "paramcalc", "count", "resnet-50", "--format", "json"],
    }
    show(timed(commands), "bare imports")
    slow = {"count resnet-50": commands["count resnet-50"], "check": ["-m", "paramcalc", "check"]}
    if find_spec("torch"):
        slow["import torch"] = ["-c", "import torch"]
    show(timed(slow, rounds=3), "count resnet-50")


if __name__ == "__main__":
    main()
