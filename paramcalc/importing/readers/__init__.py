"""The readers, one file for each kind of source, found by asking each whether a source is its own.

A reader is a module of this folder with

    MEANING = "an ONNX file"                 what it reads, for messages and help
    EXAMPLE = "model.onnx"                   a source as one would write it

    def reads(source: str) -> bool           whether this looks like a source of this kind: its ending, or
                                             its first bytes; no error and no heavy import, whatever it is
    def read(source: str, inputs: Inputs) -> SourceNetwork

Readers are asked in alphabetical order of their files; there is no list to edit. `read` raises `Fault`
for all that a user can do something about: a missing package with the extra that brings it, a file
that is cut off, sizes that must be given by `--input`. What else the package needs is imported in it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from paramcalc.base.errors import Fault
from paramcalc.importing.source import SourceNetwork

# Sizes that a user gives, by the name of the input; '' is the only one. Without the batch.
Inputs = Mapping[str, tuple[int, ...]]


class Reading(Protocol):
    MEANING: str
    EXAMPLE: str

    def reads(self, source: str) -> bool: ...

    def read(self, source: str, inputs: Inputs) -> SourceNetwork: ...


class Written(Protocol):
    """A spec as text, with remarks, and what is partial in it."""

    @property
    def text(self) -> str: ...

    @property
    def remarks(self) -> tuple[str, ...]: ...

    @property
    def partial(self) -> tuple[str, ...]: ...


@runtime_checkable
class SpecReader(Protocol):
    """A reader of sources that are settings of a bundled spec, which it writes itself."""

    def written(self, source: str, inputs: Inputs) -> Written: ...


@lru_cache(maxsize=1)
def readers() -> tuple[Reading, ...]:
    """All of them, in the order in which they are asked."""
    return tuple(_found())


def _found() -> Iterator[Reading]:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            yield importlib.import_module(f"{__name__}.{path.stem}")


def reader(source: str) -> Reading:
    """The reader of a source.

    >>> import pytest
    >>> with pytest.raises(Fault, match="not a network that can be imported"):
    ...     reader("model.xyz")
    """
    for one in readers():
        if one.reads(source):
            return one
    kinds = "; ".join(f"{one.MEANING}: {one.EXAMPLE}" for one in readers())
    raise Fault(f"'{source}' is not a network that can be imported", fix=kinds)
