"""The command line: `python -m tests.fuzz [mutants networks expressions] --seconds N --seed S`.

Without `--seed` each run draws its own; the same seed, `--texts` and code give the same texts and commands.
"""

from __future__ import annotations

import argparse
import random
import shlex
import sys

from tests.fuzz.look import look
from tests.fuzz.texts import TEXTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Random texts and commands.")
    parser.add_argument("kinds", nargs="*", default=list(TEXTS), help=", ".join(TEXTS))
    parser.add_argument("--seconds", type=float, default=60, help="how long to look, all kinds together")
    parser.add_argument("--texts", type=int, default=None, help="how many texts of each kind, at most")
    parser.add_argument(
        "--seed", type=int, default=None, help="where chance begins; drawn anew if not given, and printed"
    )
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    worst = 0
    for kind in chosen.kinds:
        tried, failures = look(kind, seed, chosen.seconds / len(chosen.kinds), chosen.texts)
        print(f"{kind}: {tried} texts from seed {seed}, {len(failures)} failures", flush=True)
        for found in failures:
            print(f"\n=== {found.kind}: paramcalc {shlex.join(found.command)}\n{found.text}---\n{found.says}")
        worst = max(worst, bool(failures))
    return worst


if __name__ == "__main__":
    sys.exit(main())
