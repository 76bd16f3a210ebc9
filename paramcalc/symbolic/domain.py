"""Which values a symbol may have."""

from __future__ import annotations

from typing import NamedTuple


class Domain(NamedTuple):
    """The values of a symbol: the multiples of `step` from `least` to `most`, if there is a largest.

    One that is not `whole` is any fraction greater than 0.

    >>> from paramcalc import load
    >>> load("gpt2-124m").closed(["dim", "L"]).domains[1]
    Domain(letter='L', whole=True, least=1, most=1024, step=1)
    """

    letter: str
    whole: bool
    least: int
    most: int | None = None
    step: int = 1
