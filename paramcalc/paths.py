"""Patterns that address layers by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from paramcalc.errors import Fault, near


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """A pattern as a regular expression over whole paths.

    A plain path means the layer and all below it; `*` is anything within a part, `**` any number
    of parts.

    >>> bool(pattern("conv2_x").fullmatch("conv2_x/0/add")), bool(pattern("*/add").fullmatch("a/b/add"))
    (True, False)
    """
    parts = []
    for part in text.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            parts.append("[^/]*".join(re.escape(piece) for piece in part.split("*")) + "/")
    whole = "".join(parts)
    if text.endswith("**"):
        return re.compile(whole + "[^/]+")
    return re.compile(whole.removesuffix("/") + "(?:/.*)?")


def matching(text: str, paths: Iterable[str]) -> list[str]:
    """The paths that a pattern means; a `Fault` with near misses when there are none."""
    paths = list(paths)
    compiled = pattern(text)
    found = [path for path in paths if compiled.fullmatch(path)]
    if not found:
        groups = {path.rsplit("/", depth)[0] for path in paths for depth in range(path.count("/") + 1)}
        raise Fault(f"no layer matches '{text}'", fix=near(text, sorted(groups)))
    return found
