"""Patterns that address layers by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from paramcalc.base.errors import Fault, near

LONGEST = 1_000
FEW = 8  # names that a message lists


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """A pattern as a regular expression over whole paths.

    A plain path means the layer and all below it; `*` is anything within a part, `**` any number
    of parts.

    >>> bool(pattern("conv2_x").fullmatch("conv2_x/0/add")), bool(pattern("*/add").fullmatch("a/b/add"))
    (True, False)
    """
    if len(text) > LONGEST:
        raise Fault(f"a pattern may have at most {LONGEST:,} characters", found=f"{len(text):,}")
    sections: list[list[str]] = [[]]
    for part in text.split("/"):
        if part == "**":
            sections.append([])
        else:
            sections[-1].append(_part(part) + "/")
    first, *middle = ["".join(parts) for parts in sections]
    if not middle:
        return re.compile(_open(first))
    *middle, last = middle
    found = "".join(f"(?>(?:[^/]+/)*?{section})" for section in middle)
    return re.compile(f"{first}{found}(?:[^/]+/)*{_open(last)}")


def _part(text: str) -> str:
    """One part of a path. The text between two stars is matched where it first occurs (an atomic
    group), which loses no match and keeps the time linear in the number of stars.
    """
    first, *rest = [re.escape(piece) for piece in text.split("*")]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + "[^/]*" + last


def _open(parts: str) -> str:
    """The end of a pattern: the layer that it names and all below it."""
    return parts.removesuffix("/") + "(?:/.*)?" if parts else "[^/]+"


def _outermost(paths: list[str]) -> str:
    """The names to choose from, up to a limit."""
    names = list(dict.fromkeys(path.partition("/")[0] for path in paths))
    more = f", ... ({len(names):,})" if len(names) > FEW else ""
    return f"layers and blocks are {', '.join(names[:FEW])}{more}" if names else ""


def matching(text: str, paths: Iterable[str]) -> list[str]:
    """The paths that a pattern means; a `Fault` with near misses when there are none."""
    paths = list(paths)
    compiled = pattern(text)
    found = [path for path in paths if compiled.fullmatch(path)]
    if not found:
        groups = {path.rsplit("/", depth)[0] for path in paths for depth in range(path.count("/") + 1)}
        deeper = f"**/{text}"
        if "=" in text:
            fix = f"a setting is written --set {text}"
        elif any(map(pattern(deeper).fullmatch, paths)):
            fix = f"layers inside of blocks are '{deeper}'"
        else:
            fix = near(text, sorted(groups)) or _outermost(paths)
        raise Fault(f"no layer matches '{text}'", fix=fix)
    return found
