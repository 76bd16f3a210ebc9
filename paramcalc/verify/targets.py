"""Which networks to verify: those named, or every model of the specs in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Fault, SpecError
from paramcalc.engine import library
from paramcalc.model import Model


class Target(NamedTuple):
    """A name with the model that it means, or with why there is none. `folder`: one of many."""

    name: str
    model: Model | None
    folder: bool = False
    problem: Fault | SpecError | None = None


def targets(names: Iterable[str]) -> Iterator[Target]:
    """The models that names mean: bundled ones, paths, `PATH:VARIANT`, `-`, and folders of specs.

    Of the specs in a folder every model is meant, once under each name that is not an alias.
    """
    for name in names:
        if name and Path(name).is_dir():  # no name at all would be taken for the working folder
            yield from _inside(Path(name))
            continue
        try:
            yield Target(name, Model(*library.find(name)))
        except (Fault, SpecError) as problem:
            yield Target(name, None, problem=problem)


def _inside(folder: Path) -> Iterator[Target]:
    files = library.files(folder)
    if not files:
        fault = Fault(f"{folder}: no spec in this folder", fix="a spec's name ends in .yaml")
        yield Target(str(folder), None, problem=fault)
    for file in files:
        try:
            spec = library.read(file)
        except (Fault, SpecError) as problem:
            yield Target(str(file), None, folder=True, problem=problem)
            continue
        for name in library.models(spec):
            if library.same_settings(spec, name) == name:
                yield Target(name, Model(spec, name if name in spec.variants else ""), folder=True)
