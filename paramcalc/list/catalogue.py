"""The bundled models with their totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paramcalc.base.sizes import Size
from paramcalc.count.report import totals
from paramcalc.engine import library
from paramcalc.engine.elaborate import Known, Settings, elaborate
from paramcalc.language.spec import Spec
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence


class Listed(NamedTuple):
    """One model as its spec has it; aliases are names of the same network."""

    model: str
    aliases: tuple[str, ...]
    spec: Spec
    source: str


class Entry(NamedTuple):
    """One model with its counts."""

    model: str
    aliases: tuple[str, ...]
    spec: str
    params: Size
    macs: Size
    input: str
    source: str


def names() -> dict[str, tuple[Spec, list[str]]]:
    """Every bundled model with its spec and its aliases, in the order of files and variants."""
    found: dict[str, tuple[Spec, list[str]]] = {}
    for name, spec in library.bundled_models():
        model = library.same_settings(spec, name)
        aliases = found.setdefault(model, (spec, []))[1]
        if name != model:
            aliases.append(name)
    return found


def listed(wanted: str = "") -> list[Listed]:
    """The models whose name, alias, spec or source holds the wanted text."""
    found = []
    for model, (spec, aliases) in names().items():
        source = published(spec.origin)
        text = " ".join([model, *aliases, spec.name, source]).lower()
        if all(part in text for part in wanted.lower().split()):
            found.append(Listed(model, tuple(aliases), spec, source))
    return found


def entries(found: Iterable[Listed]) -> Iterator[Entry]:
    """Models with their counts, each as soon as it is counted."""
    known = Known({}, {})
    for model, aliases, spec, source in found:
        graph = elaborate(spec, Settings(model if model in spec.variants else ""), known)
        counts = totals(graph)
        shapes = ", ".join(str(shape) for shape in graph.inputs.values())
        yield Entry(model, aliases, spec.name, counts.params, counts.macs, shapes, source)


def published(origin: Node | None) -> str:
    """A spec's source in one line: first author and year, or the text as it stands.

    A source is a text, or a mapping with some of authors (with commas between), title, year.
    """
    if isinstance(origin, Scalar):
        return origin.text
    if isinstance(origin, Sequence):
        return "; ".join(published(item) for item in origin.items)
    if not isinstance(origin, Mapping):
        return ""
    parts = {key.text: value.text for key, value in origin.entries if isinstance(value, Scalar)}
    authors = parts.get("authors", parts.get("title", "")).split(",")
    first = authors[0] + (" et al." if len(authors) > 2 else "".join(f" and{name}" for name in authors[1:]))
    return ", ".join([first, *(parts[key] for key in ("year",) if key in parts)])
