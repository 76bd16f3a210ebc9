"""Models with their totals: the bundled ones as they are recorded, those of a folder counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from paramcalc.base.errors import Fault, Problem, SpecError, near
from paramcalc.count.report import totals
from paramcalc.engine import library
from paramcalc.engine.elaborate import Known, Settings, elaborate
from paramcalc.engine.index import Entry, entries
from paramcalc.language.spec import Spec
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence

LAST_YEAR = 10_000  # of what has none


def matching(wanted: str, models: Iterable[Entry]) -> list[Entry]:
    """The models whose name, alias, spec, topic or source holds each word of a text."""
    words = wanted.lower().split()
    return [one for one in models if all(word in _text(one) for word in words)]


def about(topic: str, models: Iterable[Entry]) -> list[Entry]:
    """The models of the topics that hold a word; `Fault` with the topics where there are none."""
    models = list(models)
    found = [one for one in models if topic.lower() in one.topic.lower()]
    if not found:
        topics = [*dict.fromkeys(one.topic for one in models if one.topic)]
        fix = near(topic, topics) or f"topics are {', '.join(topics)}"
        raise Fault(
            f"no model has the topic '{topic}'", fix=fix if topics else "a spec says its topic: mobile"
        )
    return found


def ordered(by: str, models: Iterable[Entry]) -> list[Entry]:
    """Models by params or MACs, the largest first, or by year, the oldest first and those without one last."""
    if by == "year":
        return sorted(models, key=lambda one: one.year or LAST_YEAR)
    return sorted(models, key=lambda one: -int(getattr(one, by)))


def by_topic(models: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Models under their topics, in both the oldest first."""
    topics: dict[str, list[Entry]] = {}
    for one in ordered("year", models):
        topics.setdefault(one.topic, []).append(one)
    return topics


def year(origin: Node | None) -> int | None:
    """The year that a spec's source states, the first of several sources."""
    if isinstance(origin, Sequence):
        return next(filter(None, map(year, origin.items)), None)
    if not isinstance(origin, Mapping):
        return None
    found = next((value for key, value in origin.entries if key.text == "year"), None)
    return int(found.text) if isinstance(found, Scalar) and re.fullmatch("[0-9]{4}", found.text) else None


def near_miss(wanted: str, models: Iterable[Entry]) -> str:
    """A remark that lists the models or families with a similar name."""
    names = (name for one in models for name in (one.spec, *one.aliases, one.model))
    return near(wanted.lower(), sorted(set(names)))


def _text(entry: Entry) -> str:
    return " ".join((entry.model, *entry.aliases, entry.spec, entry.topic, entry.source)).lower()


def bundled() -> tuple[Entry, ...]:
    """Every bundled model, in the order of files and variants."""
    return entries(library.bundled_folder())


def recounted() -> Iterator[Entry]:
    """The same, counted anew."""
    known = Known({}, {})
    for path in library.bundled_files():
        yield from counted(library.read(path), known)


def folder(path: Path) -> tuple[list[Entry], list[Problem]]:
    """The models of the specs in a folder, named as commands take them, and what is wrong with the others."""
    found: list[Entry] = []
    problems: list[Problem] = []
    known = Known({}, {})
    for file in library.files(path):
        if file.resolve().parent != path.resolve():
            continue  # a link to outside the folder
        try:
            spec = library.read(file)
            for entry in counted(spec, known):
                name = f"{file}:{entry.model}" if entry.model in spec.variants else str(file)
                found.append(entry._replace(model=name))
        except SpecError as error:
            problems += error.problems
    return found, problems


def counted(spec: Spec, known: Known) -> Iterator[Entry]:
    """The models of a spec in the order of its variants; `known` remembers equal layers of several specs."""
    models: dict[str, list[str]] = {}
    for name in library.models(spec):
        models.setdefault(library.same_settings(spec, name), []).append(name)
    for model, names in models.items():
        aliases = tuple(name for name in names if name != model)
        graph = elaborate(spec, Settings(model if model in spec.variants else ""), known)
        counts = totals(graph)
        shapes = ", ".join(str(shape) for shape in graph.inputs.values())
        yield Entry(
            model,
            aliases,
            spec.name,
            counts.params,
            counts.macs,
            shapes,
            published(spec.origin),
            spec.topic,
            year(spec.origin),
        )


def published(origin: Node | None) -> str:
    """A spec's source in one line: first author and year, or the text as written.

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
