"""paramcalc: what a neural network costs, exactly, from one readable spec.

>>> import paramcalc
>>> paramcalc.load("resnet-50").count().totals.params
25557032
"""

from __future__ import annotations

from paramcalc.model import Model, compare, load

__all__ = ["Model", "__version__", "compare", "load"]
__version__ = "0.1.0"
