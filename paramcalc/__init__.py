"""paramcalc: what a neural network costs, exactly, from one readable spec.

>>> import paramcalc
>>> paramcalc.load("resnet-50").count().params
25557032
"""

from __future__ import annotations

import paramcalc.compare  # noqa: F401  the folder first, so that importing it later leaves the function its name
from paramcalc.base import start  # noqa: F401  first, as an interrupt may come at any time
from paramcalc.base.errors import Error, Fault, SpecError
from paramcalc.count.report import Counts, Report, Row
from paramcalc.model import Model, change, compare, from_torch, load, parse, replacement
from paramcalc.version import __version__


def load_ipython_extension(shell: object) -> None:
    """The hook of `%load_ext paramcalc`: adds the cell magic `%%paramcalc`."""
    from paramcalc import magic

    magic.load(shell)


__all__ = [
    "Counts",
    "Error",
    "Fault",
    "Model",
    "Report",
    "Row",
    "SpecError",
    "__version__",
    "change",
    "compare",
    "from_torch",
    "load",
    "parse",
    "replacement",
]
