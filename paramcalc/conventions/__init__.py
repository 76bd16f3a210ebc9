"""Definitions of params, MACs and FLOPs by sources and tools, as data.

Ops report facts; a convention says which of them are added up, and for which ops. No other package
knows what a convention counts, and a further one is a further entry.
"""

from __future__ import annotations

from paramcalc.base.errors import Fault, near
from paramcalc.conventions.account import Known, counted, profiled, recounted
from paramcalc.conventions.papers import OWN, PAPERS
from paramcalc.conventions.rule import Convention
from paramcalc.conventions.tools import TOOLS, VARIANTS

CONVENTIONS = {convention.name: convention for convention in (*PAPERS, *TOOLS, *VARIANTS)}


def convention(name: str) -> Convention:
    """The convention of that name; `Fault` with near misses when there is none."""
    if name not in CONVENTIONS:
        known = (each.name for each in (*PAPERS, *TOOLS))
        fix = near(name, CONVENTIONS) or "conventions are " + ", ".join(known)
        raise Fault(f"there is no convention '{name}'", fix=fix)
    return CONVENTIONS[name]


__all__ = [
    "CONVENTIONS",
    "OWN",
    "PAPERS",
    "TOOLS",
    "VARIANTS",
    "Convention",
    "Known",
    "convention",
    "counted",
    "profiled",
    "recounted",
]
