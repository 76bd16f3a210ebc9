"""Networks whose sizes are symbols: counts as exact formulas.

`close` elaborates a spec with symbols in place of knobs and input sizes. The same elaborator and the
same rules of ops run as for numbers; only the sizes are polynomials, and a judge answers what is
asked about them.
"""

from __future__ import annotations

from paramcalc.symbolic.assumption import Assumption
from paramcalc.symbolic.closed import Closed, Formula, close
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.polynomial import Polynomial, evaluate, symbol

__all__ = ["Assumption", "Closed", "Formula", "Polynomial", "Symbol", "close", "evaluate", "symbol"]
