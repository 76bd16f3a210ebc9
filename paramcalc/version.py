"""The version of paramcalc."""

__version__ = "0.1.0"
