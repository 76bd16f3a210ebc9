"""A progress bar for long runs, on a terminal only."""

from __future__ import annotations

from time import monotonic
from typing import TextIO

from paramcalc.base.errors import visible

BAR = 24  # characters
EVERY = 0.1  # seconds between drawings
LONGEST = 78  # characters, so that it stays on one line


UNITS = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))
TELLING_SECONDS, TELLING_SHARE = 2.0, 0.05  # of time and work, until what is left can be told from them


class Progress:
    """A bar that is drawn over itself, and gone when it is closed; nothing if `out` is no terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out if out.isatty() else None
        self._label, self._done = "", 0
        self._work, self._worked, self._least = 0, 0, 0.0
        self._begun = self._drawn = monotonic()

    def begin(self, label: str, total: int, work: int, seconds: float) -> None:
        """Begins the work of a label: the number of steps, the total work, and its least `seconds` if not 0."""
        self._label, self._done = label, 0
        self._work, self._worked, self._least = work, 0, seconds
        self._begun = monotonic()
        if seconds:
            self._draw(total, self._left())

    def step(self, label: str, total: int, name: str, work: int = 0) -> None:
        """One more of `total` steps of what the label says is done, the one of that name, with its work."""
        if label != self._label:
            self.begin(label, total, 0, 0)
        self._done += 1
        self._worked += work
        if monotonic() - self._drawn >= EVERY:
            self._draw(total, f"{self._left()}{name}")

    def _left(self) -> str:
        """The time left, once it can be estimated: the first layers may be much slower than the rest."""
        if not self._work:
            return ""
        spent, done = monotonic() - self._begun, self._worked / self._work
        if spent > TELLING_SECONDS and done > TELLING_SHARE:
            return f"{lasting(spent * (1 - done) / done)} left "
        return f"at least {lasting(self._least * (1 - done))} left " if self._least else ""

    def _draw(self, total: int, text: str) -> None:
        if self._out is None:
            return
        self._drawn = monotonic()
        full = BAR * self._worked // self._work if self._work else BAR * self._done // total
        bar = "#" * full + "-" * (BAR - full)
        self._out.write("\r\x1b[K" + visible(f"[{bar}] {self._label} {self._done}/{total} {text}")[:LONGEST])
        self._out.flush()

    def close(self) -> None:
        """Takes the bar away."""
        if self._out is not None:
            self._out.write("\r\x1b[K")
            self._out.flush()


def lasting(seconds: float) -> str:
    """A time in its largest unit, and in the next one where that says more.

    >>> lasting(12.3), lasting(75), lasting(5000), lasting(10**6)
    ('12 s', '1 min 15 s', '1 h 23 min', '11 days')
    """
    count = round(seconds)
    place = next((place for place, (_, size) in enumerate(UNITS) if count >= size), len(UNITS) - 1)
    unit, size = UNITS[place]
    whole, rest = divmod(count, size)
    text = f"{whole:,} {unit}{'s' * (unit == 'day' and whole != 1)}"
    if not rest or whole >= 10 or place == len(UNITS) - 1:
        return text
    below, size = UNITS[place + 1]
    return f"{text} {rest // size} {below}" if rest >= size else text
