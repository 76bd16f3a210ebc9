"""Nodes that amount to one layer are one node: what sources write out, before any op is looked for."""

from __future__ import annotations

from collections.abc import Callable

from paramcalc.importing.attention import attentions
from paramcalc.importing.joins import grown
from paramcalc.importing.pointwise import written_out
from paramcalc.importing.source import SourceNetwork

# in this order: each finds what those before it have made
PATTERNS: tuple[Callable[[SourceNetwork], SourceNetwork], ...] = (written_out, attentions, grown)


def rewritten(source: SourceNetwork) -> SourceNetwork:
    """A source with each pattern as one node."""
    for pattern in PATTERNS:
        source = pattern(source)
    return source
