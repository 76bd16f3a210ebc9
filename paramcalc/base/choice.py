"""Names that a user picks from known ones."""

from __future__ import annotations

from collections.abc import Collection

from paramcalc.base.errors import Fault, near


def known(name: str, names: Collection[str], noun: str, within: str = "") -> str:
    """The name, if it is known `within` a spec; else a `Fault` with near misses, or with all names."""
    if name not in names:
        plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
        every = f"{plural} are {', '.join(names)}" if names else f"it has no {plural}"
        place = f" in '{within}'" if within else ""
        raise Fault(f"there is no {noun} '{name}'{place}", fix=near(name, names) or every)
    return name


def chosen(text: str, names: Collection[str], noun: str) -> tuple[str, ...]:
    """Known names from a list with commas, each once.

    >>> chosen("params, macs,params", ["macs", "params"], "quantity")
    ('params', 'macs')
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(known(part, names, noun) for part in parts if part))
