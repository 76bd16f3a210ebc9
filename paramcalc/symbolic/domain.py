"""For which values of the symbols a closed form holds: what is said of one symbol alone, put together."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.judge import Assumption, linear
from paramcalc.symbolic.polynomial import symbol as symbolic


class Domain(NamedTuple):
    """The values of a symbol: the multiples of `step` from `least` to `most`, if there is a largest.

    One that is not `whole` is any fraction greater than 0.
    """

    letter: str
    whole: bool
    least: int
    most: int | None = None
    step: int = 1

    def narrowed(self, assumption: Assumption) -> Domain | None:
        """With an assumption about this symbol alone; None where it is not a bound or a step."""
        kind, value, divisor = assumption
        name, factor = linear(value) or ("", 0)
        if not self.whole or name != self.letter:
            return None
        if kind == "divides" and value == symbolic(name) and isinstance(divisor, int):
            return self._replace(step=divisor)
        if kind not in (">=", "="):
            return None
        edge = Fraction(-value.constant) / factor
        if kind == "=":
            return self._replace(least=floor(edge), most=floor(edge))
        if factor > 0:
            return self._replace(least=max(self.least, ceil(edge)))
        return self._replace(most=floor(edge) if self.most is None else min(self.most, floor(edge)))

    def rounded(self) -> Domain:
        """With a least and a largest value that are multiples of the step."""
        most = None if self.most is None else self.most // self.step * self.step
        return self._replace(least=-(-self.least // self.step) * self.step, most=most)


def domains(
    symbols: Sequence[Symbol], assumptions: Sequence[Assumption]
) -> tuple[tuple[Domain, ...], tuple[Assumption, ...]]:
    """The values of each symbol, and the assumptions that are about more than one, or say something else.

    >>> from paramcalc import load
    >>> closed = load("gpt2-124m").closed(["dim", "L"])
    >>> domains(closed.symbols, closed.assumptions)[0][1]
    Domain(letter='L', whole=True, least=1, most=1024, step=1)
    """
    found = {each.letter: Domain(each.letter, each.whole, each.least) for each in symbols}
    others = []
    for assumption in assumptions:
        narrowed = (domain.narrowed(assumption) for domain in found.values())
        domain = next(filter(None, narrowed), None)
        if domain is None:
            others.append(assumption)
        else:
            found[domain.letter] = domain
    return tuple(domain.rounded() for domain in found.values()), tuple(others)
