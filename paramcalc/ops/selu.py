"""Scaled exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Elementwise, Example


@dataclass(frozen=True)
class Selu(Elementwise):
    """scale * x where x is positive, scale * alpha * (exp(x) - 1) elsewhere.

    alpha = 1.6732632423543772 and scale = 1.0507009873554805 keep zero mean and unit variance
    (Klambauer et al. 2017, equation 14). The work is that of the negative side.
    """

    per_element = {"compare": 1, "exp": 1, "subtract": 1, "multiply": 1}
    examples = (Example("selu", ("64x56x56",), "64x56x56"),)
