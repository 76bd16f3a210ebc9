"""Closed forms of a network's totals."""
