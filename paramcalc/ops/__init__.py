"""The ops, one class in one file each, found by the file's name.

`conv2d` lives in `conv.py`, as the two-dimensional member of the family `conv`; `relu` in
`relu.py`. Adding a file adds an op; there is no list to edit. A file is imported when a spec first
names its op, so that a small spec does not pay for the whole package.
"""

from __future__ import annotations

import importlib
import os
import re
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from paramcalc.ops.base import Op

ENTRY_POINTS = "paramcalc.ops"
LONGEST = 60  # letters of a name; file systems have a limit too
_SHARED = {"__init__", "base", "attributes"}
_FAMILY = re.compile(r"(.+)([123])d")
_found: dict[str, type[Op]] = {}
_loaded: set[str] = set()
_complete = False


def find(name: str) -> type[Op] | None:
    """The op of that name or alias, or None."""
    if not known(name) and name.isidentifier():
        _load_all()
    return _found.get(name)


def known(name: str) -> bool:
    """Whether an op has that very name; aliases are not looked up, so that at most one file is read."""
    stem = None if name in _found else _stem(name)
    if stem is not None:
        _load(stem)
    return name in _found


def every() -> dict[str, type[Op]]:
    """All ops by name, aliases left out, in alphabetical order."""
    _load_all()
    return {name: op for name, op in sorted(_found.items()) if name == op.name}


def names() -> list[str]:
    """All names that `find` knows, aliases included."""
    _load_all()
    return sorted(_found)


def register(module: ModuleType) -> list[type[Op]]:
    """Adds the ops that a module defines; returns them.

    An op's name is its class attribute `name`, or else its class's name in snake case. A family
    with `ranks` gives one op for each of them.
    """
    added: list[type[Op]] = []
    for value in list(vars(module).values()):
        own = isinstance(value, type) and issubclass(value, Op) and value.__module__ == module.__name__
        if own and not value.__name__.startswith("_"):
            added += _members(value)
    for op in added:
        for name in (op.name, *op.aliases):
            _found[name] = op
    return added


def _members(op: type[Op]) -> list[type[Op]]:
    name = op.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", op.__name__).lower()
    if not op.ranks:
        op.name = name
        return [op]
    return [
        type(f"{op.__name__}{rank}d", (op,), {"name": f"{name}{rank}d", "rank": rank, "__doc__": op.__doc__})
        for rank in op.ranks
    ]


@lru_cache(maxsize=1024)
def _stem(name: str) -> str | None:
    """The file, without its ending, in which an op of that name lives."""
    family = _FAMILY.fullmatch(name)
    stem = family[1] if family else name
    home = stem.isidentifier() and len(stem) <= LONGEST and not stem.startswith("_") and stem not in _SHARED
    return stem if home and f"{stem}.py" in _files() else None


@lru_cache(maxsize=1)
def _files() -> frozenset[str]:
    return frozenset(os.listdir(_folder()))


def _load(stem: str) -> None:
    """Imports a file once: a second registration would give its families new classes."""
    if stem not in _loaded:
        _loaded.add(stem)
        register(importlib.import_module(f"{__name__}.{stem}"))


def _load_all() -> None:
    """Imports every op: this package's, and those of installed distributions."""
    from importlib.metadata import entry_points

    global _complete
    if _complete:
        return
    for path in sorted(_folder().glob("*.py")):
        if path.stem not in _SHARED and not path.stem.startswith("_"):
            _load(path.stem)
    for point in entry_points(group=ENTRY_POINTS):
        register(point.load())
    _complete = True


def _folder() -> Path:
    return Path(__file__).parent
