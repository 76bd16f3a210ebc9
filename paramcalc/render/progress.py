"""A progress bar for long runs, on a terminal only."""

from __future__ import annotations

from time import monotonic
from typing import TextIO

BAR = 24  # characters
EVERY = 0.1  # seconds between drawings
LONGEST = 78  # characters, so that it stays on one line


class Progress:
    """A bar that is drawn over itself, and gone when it is closed; nothing if `out` is no terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out if out.isatty() else None
        self._label, self._done = "", 0
        self._drawn = monotonic()

    def step(self, label: str, total: int, name: str) -> None:
        """One more of `total` steps of what the label says is done, the one of that name."""
        self._done = self._done + 1 if label == self._label else 1
        self._label = label
        if self._out is None or monotonic() - self._drawn < EVERY:
            return
        self._drawn = monotonic()
        full = BAR * self._done // total
        bar = "#" * full + "-" * (BAR - full)
        self._out.write("\r\x1b[K" + f"[{bar}] {label} {self._done}/{total} {name}"[:LONGEST])
        self._out.flush()

    def close(self) -> None:
        """Takes the bar away."""
        if self._out is not None:
            self._out.write("\r\x1b[K")
            self._out.flush()
