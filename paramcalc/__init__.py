"""paramcalc: what a neural network costs, exactly, from one readable spec.

>>> import paramcalc
>>> paramcalc.load("resnet-50").count().totals.params
25557032
"""

from __future__ import annotations

import paramcalc.compare  # noqa: F401  the folder first, so that importing it later leaves the function its name
from paramcalc.base import start  # noqa: F401  first, as an interrupt may come at any time
from paramcalc.model import Model, compare, load
from paramcalc.version import __version__

__all__ = ["Model", "__version__", "compare", "load"]
