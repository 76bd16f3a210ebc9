"""How long an editor waits for a keystroke in a spec of 10,000 lines: until it has completions, and until diagnostics.

python -m benchmarks.lsp
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from tests.editors import Client

LINES = 10_000
KEYS = 40
BUDGET = 100  # milliseconds


def spec(lines: int) -> str:
    """A convolution and an activation a line; every hundredth reads an earlier layer too."""
    body = [
        f"  - c{place}: conv2d 16 3 padding=1, relu"
        if place % 100
        else f"  - a{place}: add from c{place - 1} c{place - 2}"
        for place in range(3, lines - 1)
    ]
    return (
        "\n".join(
            [
                "input: 3x32x32",
                "layers:",
                "  - c1: conv2d 16 3 padding=1",
                "  - c2: conv2d 16 3 padding=1",
                *body,
            ]
        )
        + "\n"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Client(Path(folder)) as client:
        begin = time.perf_counter()
        assert client.open("net.yaml", spec(LINES)) == []
        print(f"opened {LINES:,} lines, with diagnostics: {1000 * (time.perf_counter() - begin):.0f} ms")
        waits, typed = [], "  - mine: conv2d 16 3 padding=1"
        line = LINES // 2
        client.type("net.yaml", line, 0, "\n")
        for place in range(KEYS):
            char = typed[place % len(typed)]
            begin = time.perf_counter()
            client.type("net.yaml", line, place % len(typed), char)
            client.at("net.yaml", "completion", line, place % len(typed) + 1)
            waits.append(1000 * (time.perf_counter() - begin))
            time.sleep(0.08)
        median, most = statistics.median(waits), max(waits)
        print(f"a keystroke, answered by completions: median {median:.0f} ms, at most {most:.0f} ms")
        begin = time.perf_counter()
        client.type("net.yaml", line, 0, "#")
        client.wrong("net.yaml")
        print(f"a keystroke, then diagnostics: {1000 * (time.perf_counter() - begin):.0f} ms")
        begin = time.perf_counter()
        hints = client.about("net.yaml", "inlayHint", line, line + 60)
        print(f"{len(hints)} hints of what is on the screen: {1000 * (time.perf_counter() - begin):.0f} ms")
        print(f"budget: {BUDGET} ms a keystroke: {'kept' if max(waits) <= BUDGET else 'not kept'}")


if __name__ == "__main__":
    main()
