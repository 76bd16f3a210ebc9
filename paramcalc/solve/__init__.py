"""The inverse what-if: which width, depth, input or grouping meets a budget.

>>> from paramcalc import load
>>> solution = load("resnet-50").solve("width", until="params <= 5e6")
>>> [(point.values, point.counts.params) for point in (solution.answers[0].point, solution.answers[0].above)]
[((26,), 4727826), ((27,), 5064175)]
"""

from __future__ import annotations

from paramcalc.solve.answer import Answer, Goal, Point, Solution, goal, setting, solve
from paramcalc.solve.bounds import Constraint, bounds

__all__ = ["Answer", "Constraint", "Goal", "Point", "Solution", "bounds", "goal", "setting", "solve"]
