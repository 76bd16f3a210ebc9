"""Names that a user picks from known ones."""

from __future__ import annotations

from collections.abc import Collection

from paramcalc.base.errors import Fault, near


def known(name: str, names: Collection[str], noun: str) -> str:
    """The name itself; `Fault` with near misses, or with all names, where there is none of it."""
    if name not in names:
        fix = (
            near(name, names)
            or f"{noun.rstrip('y')}{'ies' if noun[-1] == 'y' else 's'} are {', '.join(names)}"
        )
        raise Fault(f"there is no {noun} '{name}'", fix=fix)
    return name


def chosen(text: str, names: Collection[str], noun: str) -> tuple[str, ...]:
    """Known names from a list with commas, each once.

    >>> chosen("params, macs,params", ["macs", "params"], "quantity")
    ('params', 'macs')
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(known(part, names, noun) for part in parts if part))
