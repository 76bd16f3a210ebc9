"""The bundled models as one file has them: names, totals, sources. `python -m paramcalc.list` writes it anew.

A test holds it equal to the counts of all models. Whoever only wants to know what there is reads no spec.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.sizes import Size

FILE = "models.csv"


class Entry(NamedTuple):
    """A model with its counts; aliases are other names of the same network. `spec` is its family's name.

    `year` is when it was published, None where its source says none.
    """

    model: str
    aliases: tuple[str, ...]
    spec: str
    params: Size
    macs: Size
    input: str
    source: str
    topic: str = ""
    year: int | None = None


@lru_cache(maxsize=1)
def entries(folder: Path) -> tuple[Entry, ...]:
    """All models of the folder of bundled specs."""
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        return tuple(map(_entry, list(csv.reader(file))[1:]))


def _entry(cells: list[str]) -> Entry:
    model, aliases, spec, params, macs, sizes, source, topic, year = cells
    names = tuple(aliases.split())
    return Entry(
        model, names, spec, int(params), int(macs), sizes, source, topic, int(year) if year else None
    )


def called(name: str, models: tuple[Entry, ...]) -> list[str]:
    """The models with that name, ignoring case and separators; else the family.

    >>> models = (Entry("vgg16-d", ("vgg-16",), "vgg", 0, 0, "", ""), Entry("vgg16-d-bn", (), "vgg", 0, 0, "", ""))
    >>> called("VGG_16", models), called("vgg16.d.BN", models), called("VGG", models)
    (['vgg-16'], ['vgg16-d-bn'], ['vgg'])
    """
    wanted = _letters(name)
    names = {other: entry.model for entry in models for other in (entry.model, *entry.aliases)}
    same = {model: other for other, model in names.items() if _letters(other) == wanted}
    return [*same.values()] or [*dict.fromkeys(one.spec for one in models if _letters(one.spec) == wanted)]


def beginning(name: str, models: tuple[Entry, ...]) -> list[str]:
    """The models with a name that begins with that text, ignoring case and separators."""
    wanted = _letters(name)
    return [
        entry.model
        for entry in models
        if wanted and any(_letters(other).startswith(wanted) for other in (entry.model, *entry.aliases))
    ]


def _letters(name: str) -> str:
    """A name without case and separators."""
    return "".join(char for char in name.lower() if char.isalnum())
