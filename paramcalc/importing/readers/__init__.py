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
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from paramcalc.base.errors import Fault, near
from paramcalc.importing.source import SourceNetwork

# Sizes that a user gives, by the name of the input; '' is the only one. Without the batch.
Inputs = Mapping[str, tuple[int, ...]]


WEIGHTS = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".safetensors", ".npz", ".h5", ".caffemodel", ".weights")


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
    fact, fix = f"'{source}' is not a network that can be imported", ""
    if Path(source).is_dir():
        fact = f"{source} is a folder, not a network that can be imported"
    elif source.endswith(WEIGHTS):
        fix = "it holds weights, not layers: name the module that they are for, as in torchvision.models:resnet18"
    elif source.endswith(".json"):
        fact = f"{source} is no network of Keras and no configuration of Hugging Face"
        fix = "expected class_name and config, as model.to_json() writes, or model_type"
    raise Fault(fact, fix=fix or "; ".join(f"{one.MEANING}: {one.EXAMPLE}" for one in readers()))


def check_names(sizes: Mapping[str, tuple[int, ...]], names: Sequence[str]) -> None:
    """Given sizes belong to inputs; `Fault` for any other name."""
    words = (re.sub(r"[^\w-]", "_", name) for name in names)
    known = {*names, *words, "", *(["input"] if len(names) == 1 else [])}
    wrong = next((name for name in sizes if name not in known), None)
    if wrong is not None:
        raise Fault(f"there is no input '{wrong}'", expected=", ".join(names), fix=near(wrong, names))
