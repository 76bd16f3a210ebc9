"""Mistakes in a spec, and how they are shown.

A rule states a bare fact (`Fault`) and knows nothing of files. The reader and the elaborator add
the place (`Problem`), and all problems of one run travel together (`SpecError`). Only the command
line prints them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import Any, NamedTuple

WIDEST_LINE = 120
LONGEST_NAME = 160  # shown before a line that is cut
LONGEST_FACT = 400
MOST_CANDIDATES = 400
ASK = "did you mean {}?"
SHORTEST_PART = 3  # of a name that makes two names alike
MOST_PROBLEMS = 50
_PIECE = 2**14  # characters between two places whose lines are remembered


_NAMED = r"[\s{\[-]*[^\s:#]+:(?=\s)"  # what a line starts with, if that is a name


class Error(Exception):
    """The exception for a wrong network, setting or file; its text holds the fix."""


class Fault(Error):
    """A bare fact about one layer or expression: what is wrong, and what would be right.

    `about` names the attribute or input at fault, so that whoever knows the place can point at it.
    `at` is the (start, end) of the fault inside the text of the expression, when there is one.
    """

    def __init__(
        self,
        fact: str,
        *,
        expected: str = "",
        found: str = "",
        fix: str = "",
        about: str = "",
        at: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.expected = expected
        self.found = found
        self.fix = fix
        self.about = about
        self.at = at

    def __str__(self) -> str:
        return "\n".join([printable(self.fact), *(f"  = {printable(note)}" for note in self.notes())])

    def notes(self, operands: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The remarks below the caret: expected, found, where the operands come from, the fix."""
        found = [
            label + text for label, text in (("expected: ", self.expected), ("found: ", self.found)) if text
        ]
        return (*found, *operands, self.fix) if self.fix else (*found, *operands)


class Source(NamedTuple):
    """A text and its name in messages."""

    name: str
    text: str

    def __repr__(self) -> str:
        return f"<Source {visible(self.name)}>"

    @property
    def is_option(self) -> bool:
        """Whether a source's name is a command-line option, such as `--set`."""
        return self.name.startswith("--")

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character index."""
        piece = index // _PIECE
        row = _line_ends(self.text)[piece] + _count_line_ends(self.text, piece * _PIECE, index)
        return row + 1, self.line_at(index)[1] + 1

    def line_at(self, index: int) -> tuple[str, int]:
        """The line that holds a character, without its end, and the character's place in it."""
        begin = max(self.text.rfind("\n", 0, index), self.text.rfind("\r", 0, index)) + 1
        end = re.compile(r"[\r\n]").search(self.text, index)
        return self.text[begin : end.start() if end else len(self.text)], index - begin

    def place(self, index: int) -> str:
        """`file:line:column` of a character; an option of the command line is a place by itself."""
        if self.is_option:
            return f"{self.name} {_window(self.text, 0)[0]}"
        row, column = self.position(index)
        return f"{self.name}:{row}:{column}"


@lru_cache(maxsize=4)
def _line_ends(text: str) -> tuple[int, ...]:
    """How many lines end before each piece of a text, so that many places are found in one pass."""
    pieces = range(0, len(text), _PIECE)
    return tuple(accumulate((_count_line_ends(text, at, at + _PIECE) for at in pieces), initial=0))


def _count_line_ends(text: str, start: int, end: int) -> int:
    """How many of a part's characters end a line; of a pair \\r\\n it is the second."""
    pairs = text.count("\r\n", start, end + 1)
    return text.count("\n", start, end) + text.count("\r", start, end) - pairs


class Problem(NamedTuple):
    """One mistake with its place.

    `start` and `end` are character indices into `source.text`; notes are shown below the caret.
    """

    source: Source
    start: int
    end: int
    fact: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Problem {self.source.place(self.start)}: {printable(self.fact)}>"

    def render(self) -> str:
        """The message as it is printed: place and fact, the line with a caret, the notes.

        >>> print(Problem(Source("toy.yaml", "name: a b"), 8, 9, "blank in a name").render())
        toy.yaml:1:9: blank in a name
          |
        1 | name: a b
          |         ^
        """
        row, _ = self.source.position(self.start)
        parts = [f"{self.source.place(self.start)}: {printable(self.fact)}"]
        line, first = _window(*self.source.line_at(self.start))
        gutter = " " * len(str(row))
        if line.strip():
            marked = line[first : first + max(1, self.end - self.start)]
            caret = " " * _columns(line[:first]) + "^" * max(1, _columns(marked))
            parts += [f"{gutter} |", f"{row} | {line}", f"{gutter} | {caret}"]
        parts += [f"{gutter} = {printable(note)}" for note in self.notes]
        return "\n".join(parts)


class SpecError(Error):
    """Every mistake that one reading of a spec found, in the order of the text.

    `partial` is the spec with unreadable items marked as such, when the rest of it makes sense.
    """

    def __init__(self, problems: Iterable[Problem], partial: Any = None) -> None:
        self.problems = tuple(problems)
        self.partial = partial
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = [problem.render() for problem in self.problems[:MOST_PROBLEMS]]
        if len(self.problems) >= MOST_PROBLEMS:
            shown.append(f"These are the first {MOST_PROBLEMS}; there may be more.")
        return "\n\n".join(shown)


class Problems:
    """Mistakes as they are found, each kept once however often it is repeated.

    When there are too many to be read, the reading ends at once with those found so far.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str], Problem] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        source: Source,
        start: int,
        end: int,
        fact: str,
        notes: Callable[[], tuple[str, ...]] | tuple[str, ...] = (),
    ) -> None:
        """Keeps a mistake. Notes that are costly to write are given as a function."""
        key = (source.name, start, end, fact)
        if key in self._found:
            return
        self._found[key] = Problem(source, start, end, fact, notes() if callable(notes) else notes)
        if len(self._found) >= MOST_PROBLEMS:
            raise SpecError(self.in_order())

    def as_found(self) -> list[Problem]:
        return [*self._found.values()]

    def in_order(self) -> list[Problem]:
        return in_order(self._found.values())


def first_of(remarks: Sequence[Problem]) -> tuple[Sequence[Problem], str]:
    """The first remarks, and a line that counts the rest, '' for none."""
    rest = len(remarks) - MOST_PROBLEMS
    return remarks[:MOST_PROBLEMS], f"{rest:,} more remark{'s' * (rest > 1)}" if rest > 0 else ""


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order of the text."""
    return sorted(problems, key=lambda problem: (problem.source.name, problem.start))


def near(word: str, candidates: Iterable[str], how: str = ASK) -> str:
    """A remark that names the candidates closest to a misspelt word, or nothing.

    >>> near("strides", ["stride", "padding"])
    "did you mean 'stride'?"
    """
    if len(word) > 80:
        return ""
    alike = [name for name in candidates if abs(len(name) - len(word)) <= len(word) / 2 + 1]
    first = word[:1].lower()  # names that begin alike are compared first, as only so many are
    likely = (name for same in (True, False) for name in alike if (name[:1].lower() == first) is same)
    listed = dict.fromkeys(islice(likely, MOST_CANDIDATES))
    matches = [name for name in listed if name.lower() == word.lower()]
    if not matches:
        import difflib

        matches = difflib.get_close_matches(word, listed, n=3, cutoff=0.6)
    return _asked(matches, how)


def related(word: str, candidates: Iterable[str]) -> str:
    """A remark that names the candidates that begin like a word, or share a part of it, or nothing.

    >>> related("kernel", ["kernel_size", "stride"]), related("out_features", ["out_channels"])
    ("did you mean 'kernel_size'?", "did you mean 'out_channels'?")
    """
    parts = {part for part in word.split("_") if len(part) >= SHORTEST_PART}
    matches = [
        name
        for name in islice(candidates, MOST_CANDIDATES)
        if not parts.isdisjoint(name.split("_")) or any(map(name.startswith, parts))
    ]
    return _asked(matches, ASK)


def _asked(matches: list[str], how: str) -> str:
    return how.format(" or ".join(f"'{match}'" for match in matches)) if matches else ""


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around a column, after the name that it starts with, and the column's place in it."""
    begin = 0
    if len(line) > WIDEST_LINE:
        begin = max(0, min(column - WIDEST_LINE // 2, len(line) - WIDEST_LINE))
    end = begin + WIDEST_LINE
    named = re.match(_NAMED, line[:LONGEST_NAME]) if begin else None
    cut = f"{named[0]} ... " if named and named.end() < begin else ""
    begin = 0 if named and not cut else begin
    shown = "".join(char if char.isprintable() else " " for char in cut + line[begin:end])
    return shown, len(cut) + column - begin


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    widths = {"W": 2, "F": 2}
    return sum(
        0 if unicodedata.combining(char) else widths.get(unicodedata.east_asian_width(char), 1)
        for char in text
    )


def printable(text: str) -> str:
    """A message without control characters, which a spec could hide in a name, and not endless."""
    if len(text) > LONGEST_FACT:
        text = f"{text[: LONGEST_FACT // 2]} ... {text[-LONGEST_FACT // 4 :]}"
    return visible(text)


def visible(text: str) -> str:
    """A text with its control characters, which a terminal would obey, written out.

    >>> visible("red\\x1b[31m")
    'red\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
