"""What `count resnet-50` and `check` cost as whole processes: `python -m benchmarks.count`.

Budget: at most 1.5 x the bare imports of typer, rich and yaml; `check` on all bundled specs under
5 s. torchinfo, where it and torchvision are installed, takes at least 30 x as long on the same network and 20 x the
memory.
"""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.processes import compiled, show, timed

BARE = "import typer, rich, yaml"
TABLE = "import typer, rich.console, rich.table, yaml"
TORCHINFO = """
from torchinfo import summary
from torchvision.models import resnet50
print(summary(resnet50(), (1, 3, 224, 224)))
"""


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
    if find_spec("torchinfo") and find_spec("torchvision"):
        slow["torchinfo of resnet-50"] = ["-c", TORCHINFO]
    show(timed(slow, rounds=3), "count resnet-50")


if __name__ == "__main__":
    main()
