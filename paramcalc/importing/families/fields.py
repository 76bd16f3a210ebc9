"""The fields of a configuration, read as the numbers and words that they must be.

A field that is left out, or null, has the default of the family's class in transformers. Fields that nobody
asked for are named in the end, as they may change the counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from paramcalc.base.errors import Problem, Source, SpecError
from paramcalc.importing.families.silent import SILENT

LARGEST = 2**40
LONGEST = 80  # characters of a value that a message shows

Config = Mapping[str, Any]


class Fields:
    """A configuration, with the defaults of its class; `names` are what it calls fields that others call otherwise."""

    def __init__(
        self,
        source: Source,
        config: Config,
        defaults: Config,
        names: Mapping[str, str] | None = None,
        within: str = "",
    ) -> None:
        self.source, self.config, self.defaults = source, config, defaults
        self.names, self.within = dict(names or {}), within
        self.asked: set[str] = set()
        self.absent: list[str] = []  # sizes for which a default was taken
        self.left: list[str] = []  # fields that change values and no count, and are not in the spec
        self.remarks: list[str] = []

    # ----------------------------------------------------------------------------- kinds of values

    def size(self, name: str) -> int:
        """A whole number of at least 1."""
        return self._whole(name, 1)

    def count(self, name: str) -> int:
        """A whole number of at least 0."""
        return self._whole(name, 0)

    def size_or(self, name: str, otherwise: int) -> int:
        """A size that follows from others where it is left out."""
        return otherwise if self.value(name) is None else self.size(name)

    def number(self, name: str) -> float:
        """A number above 0, such as an epsilon."""
        value = self._given(name)
        if not _is_number(value):
            raise self.wrong(name, "is not a number", "a number above 0", value)
        if not isfinite(value) or not 0 < value < LARGEST:
            raise self.wrong(name, f"cannot be {_shown(value)}", "a number above 0")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.value(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(name, "is not a flag", "true or false", value)
        return value

    def word(self, name: str, choices: Mapping[str, str]) -> str:
        """What a word of the configuration is here."""
        value = self._given(name)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(
                name, f"is {_shown(value)}, which has no counterpart here", ", ".join(dict.fromkeys(choices))
            )
        return choices[value]

    def numbers(self, name: str) -> list[Any]:
        """A list; empty if it is left out."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.wrong(name, "is not a list", "a list", value)
        return [*value]

    def only(self, **allowed: Any) -> None:
        """Fields whose only value a spec can say; null is as good."""
        for name, one in allowed.items():
            value = self.value(name)
            if value is not None and value != one:
                raise self.wrong(name, f"is {_shown(value)}, which the spec cannot say", _shown(one))

    def inside(self, name: str, defaults: Config) -> Fields:
        """The fields of a configuration inside of this one."""
        inner = self.value(name)
        inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            raise self.wrong(name, "is not a configuration", "an object", inner)
        found = Fields(self.source, inner, defaults, within=f"{self.within}{name}.")
        found.absent, found.left, found.remarks = self.absent, self.left, self.remarks
        return found

    # ------------------------------------------------------------------------------ what is there

    def value(self, name: str) -> Any:
        """A field's own value or its default, whatever it is."""
        name = self._own(name)
        self.asked.add(name)
        value = self.config.get(name)
        return self.defaults.get(self.names.get(name, name)) if value is None else value

    def _own(self, name: str) -> str:
        """What this configuration calls a field: many families take the usual name too."""
        other = self.names.get(name, name)
        return name if other not in self.config and name in self.config else other

    def ignore(self, *names: str) -> None:
        """Fields that say again what others say, or what every model of the family has."""
        self.asked.update(names)

    def without(self, name: str, *usual: Any) -> None:
        """A field that changes values and no count, and that the spec has not: said unless it is as usual."""
        value = self.value(name)
        if value not in (None, False, *usual):
            self.left.append(f"{self.within}{name}")

    def _whole(self, name: str, least: int) -> int:
        value = self._given(name)
        if self.config.get(self._own(name)) is None:
            self.absent.append(f"{self.within}{self._own(name)}")
        expected = f"a whole number of at least {least}"
        if not _is_number(value):
            raise self.wrong(name, "is not a number", expected, value)
        if not isfinite(value) or value != int(value) or not least <= value < LARGEST:
            expected += ", below 2^40" if value >= LARGEST else ""
            raise self.wrong(name, f"cannot be {_shown(value)}", expected)
        return int(value)

    def _given(self, name: str) -> Any:
        value = self.value(name)
        if value is None:
            raise self.wrong(name, "is not given", "a value: the class has no default for it")
        return value

    def wrong(self, name: str, fact: str, expected: str, found: Any = None) -> SpecError:
        """A mistake in a field, with its place in the text."""
        name = self._own(name)
        notes = [f"expected: {expected}"] + (
            [f"found: {_shown(found, quoted=True)}"] if found is not None else []
        )
        start, end = self._place(name)
        return SpecError([Problem(self.source, start, end, f"{self.within}{name} {fact}", tuple(notes))])

    def _place(self, name: str) -> tuple[int, int]:
        """Where the text has a field; that of the whole, where a field is left out."""
        text, start = self.source.text, 0
        for key in [*self.within.split(".")[:-1], name]:
            found = re.compile(rf'"{re.escape(key)}"\s*:').search(text, start)
            if found is None:
                return (0, 1) if start == 0 else (start, start + 1)
            start, end = found.start(), found.start() + len(key) + 2
        return start, end

    def unknown(self) -> Iterator[str]:
        """Fields that nobody asked for."""
        for name, value in self.config.items():
            if (
                name not in self.asked
                and name not in SILENT
                and not name.startswith("_")
                and value not in (None, False, [], {})
            ):
                yield f"{self.within}{name}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any, quoted: bool = False) -> str:
    """A value in a message, as JSON has it, and not longer than a line; a word by itself without quotation marks."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of more than {int(value.bit_length() * 0.3)} digits"
    text = value if isinstance(value, str) and not quoted else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
