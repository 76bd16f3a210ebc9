"""Small faults put into the code, one at a time: which of them do the tests not see?

`python -m tests.mutants 200 'paramcalc.ops.*' 'paramcalc.count.*'` draws 200 mutants of these modules at random,
runs on each the tests that reach its function, and prints those that survive as diffs. It needs `pip install
mutmut`, and works on copies in `mutants/`; what is mutated at all, and which tests judge, stands in
`pyproject.toml`. A survivor is either a test that is missing or a change that changes nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
SURVIVED, NO_TESTS = 0, 33  # what mutmut writes for a mutant in place of the exit code of a failed test run


def mutmut(*arguments: str) -> str:
    """What mutmut prints."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


def results() -> Iterator[tuple[str, int | None]]:
    """Every mutant by name, and the exit code of its test run, if it had one."""
    for path in sorted((ROOT / "mutants").rglob("*.meta")):
        yield from json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("number", type=int, help="how many mutants to draw")
    parser.add_argument(
        "modules", nargs="*", default=["*"], help="patterns of modules, such as 'paramcalc.ops.*'"
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    mutmut(
        "run", "nothing is called so"
    )  # makes the mutants, and finds out which test reaches which function
    known = [name for name, _ in results() if any(fnmatch(name, f"{one}*") for one in chosen.modules)]
    drawn = random.Random(chosen.seed).sample(known, min(chosen.number, len(known)))
    mutmut("run", *drawn)
    codes = {name: code for name, code in results() if name in set(drawn)}
    for name, code in codes.items():
        if code in (SURVIVED, NO_TESTS, None):
            print(f"=== {name}: {'no test reaches it' if code == NO_TESTS else 'survived'}")
            print(mutmut("show", name))
    seen = Counter(code not in (SURVIVED, NO_TESTS, None) for code in codes.values())
    print(
        f"{len(drawn)} of {len(known)} mutants from seed {chosen.seed}: {seen[True]} seen, {seen[False]} not"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
