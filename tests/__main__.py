"""Everything that must hold before a change lands: `python -m tests`.

Format, lint, strict types, the tests, and all bundled specs against what their sources print.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STEPS = (
    ("format", ("-m", "ruff", "format", "--check", ".")),
    ("lint", ("-m", "ruff", "check", ".")),
    ("types", ("-m", "mypy")),
    ("tests", ("-m", "pytest", "-n", "auto")),
    ("claims", ("-m", "paramcalc", "check", "specs")),
)


def main() -> int:
    """Runs all steps, even after one failed; the number of those that failed."""
    root = Path(__file__).parent.parent
    failed = []
    for name, arguments in STEPS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, *arguments], cwd=root).returncode:
            failed.append(name)
    print(f"== failed: {', '.join(failed)}" if failed else "== all passed", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
