"""Measurements of the budgets, as ratios within one run: `python -m benchmarks.count`."""
