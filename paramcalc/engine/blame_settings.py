"""Mistakes in settings from outside a spec: reported at the setting, not at the line of the spec that it affects.

Which setting it is, is found by trying: they are put in one after the other, until the spec, which is
right without them, no longer makes a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from paramcalc.base.errors import Problem, Source
from paramcalc.engine.settings import Settings, input_option


def blame_settings(
    problems: list[Problem], settings: Settings, attempt: Callable[[Settings], list[Problem]]
) -> list[Problem]:
    """The problems of a spec under settings, with problems that a setting causes blamed on that setting.

    `attempt` gives the problems under other settings. All come in the order in which they are found.
    """
    own = [problem for problem in problems if problem.source in _sources(settings)]
    if len(own) == len(problems) or attempt(Settings(settings.variant)):
        return problems
    before: list[Source] = []
    for option in _options(settings):
        found = problems if option.upto == settings else attempt(option.upto)
        inside = [problem for problem in found if problem not in own]
        if inside:
            needed = before if before and not attempt(option.alone) else []
            return [*own, _moved(inside, option.source, needed)]
        before.append(option.source)
    return problems


class _Option(NamedTuple):
    """A setting as its user wrote it, all settings up to it, and nothing but it."""

    source: Source
    upto: Settings
    alone: Settings


def _options(settings: Settings) -> Iterator[_Option]:
    bare = Settings(settings.variant)
    for place, change in enumerate(settings.changes, start=1):
        source = change.source if change.source.text else Source(change.source.name, str(change))
        upto = bare._replace(changes=settings.changes[:place])
        yield _Option(source, upto, bare._replace(changes=(change,)))
    inputs = [*settings.inputs.items()]
    for place, (name, sizes) in enumerate(inputs, start=1):
        upto = settings._replace(inputs=dict(inputs[:place]))
        yield _Option(input_option(name, sizes), upto, bare._replace(inputs={name: sizes}))


def _sources(settings: Settings) -> set[Source]:
    """The texts in which a mistake of a setting itself is shown."""
    return {
        *(change.source for change in settings.changes),
        *(input_option(name, sizes) for name, sizes in settings.inputs.items()),
    }


def _moved(problems: list[Problem], source: Source, needed: list[Source]) -> Problem:
    """The first of the problems, shown at a setting's value, with its place in the spec.

    `needed` are the settings without which this one does no harm.
    """
    first, *further = problems
    line, _ = first.source.line_at(first.start)
    notes = [f"at {first.source.place(first.start)}: {line.strip().removeprefix('- ')}"]
    if further:
        notes.append(f"and at {len(further)} more place{'s' * (len(further) > 1)}")
    if needed:
        notes.append(f"together with {', '.join(other.place(0) for other in needed)}")
    start = source.text.find("=") + 1
    return Problem(source, start, len(source.text), first.fact, (*notes, *first.notes))
