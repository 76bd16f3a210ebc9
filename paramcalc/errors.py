"""What goes wrong in a spec, and how it is shown.

A rule states a bare fact (`Fault`) and knows nothing of files. The reader and the elaborator add
the place (`Problem`), and all problems of one run travel together (`SpecError`). Only the command
line prints them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

WIDEST_LINE = 120


class Fault(Exception):
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

    def notes(self) -> tuple[str, ...]:
        """The remarks below the caret: expected, found, fix."""
        labelled = (("expected: ", self.expected), ("found: ", self.found), ("", self.fix))
        return tuple(label + text for label, text in labelled if text)


class Source(NamedTuple):
    """A text and the name under which messages speak of it."""

    name: str
    text: str

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character index."""
        before = self.text[:index]
        return before.count("\n") + 1, index - before.rfind("\n")

    def line(self, number: int) -> str:
        """The text of a line, numbered from 1, without its end."""
        lines = self.text.split("\n", number)
        return lines[number - 1].rstrip("\r") if number <= len(lines) else ""


class Problem(NamedTuple):
    """One mistake with its place.

    `start` and `end` are character indices into `source.text`; notes are shown below the caret.
    """

    source: Source
    start: int
    end: int
    fact: str
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """The message as it is printed: place and fact, the line with a caret, the notes.

        >>> print(Problem(Source("toy.yaml", "name: a b"), 8, 9, "blank in a name").render())
        toy.yaml:1:9: blank in a name
          |
        1 | name: a b
          |         ^
        """
        row, column = self.source.position(self.start)
        head = f"{self.source.name}:{row}:{column}: {self.fact}"
        line, first = _window(self.source.line(row).replace("\t", " "), column - 1)
        length = max(1, min(self.end - self.start, len(line) - first))
        gutter = " " * len(str(row))
        parts = [head]
        if line.strip():
            caret = " " * first + "^" * length
            parts += [f"{gutter} |", f"{row} | {line}", f"{gutter} | {caret}"]
        parts += [f"{gutter} = {note}" for note in self.notes]
        return "\n".join(parts)


class SpecError(Exception):
    """Every mistake that one reading of a spec found, in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(problem.render() for problem in self.problems))


def near(word: str, candidates: Iterable[str], how: str = "did you mean {}?") -> str:
    """A remark that names the candidates closest to a misspelt word, or nothing.

    >>> near("strides", ["stride", "padding"])
    "did you mean 'stride'?"
    """
    import difflib

    matches = difflib.get_close_matches(word, [*candidates], n=3, cutoff=0.6)
    return how.format(" or ".join(f"'{match}'" for match in matches)) if matches else ""


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around a column, and the column's place in it."""
    if len(line) <= WIDEST_LINE:
        return line, column
    begin = max(0, min(column - WIDEST_LINE // 2, len(line) - WIDEST_LINE))
    return line[begin : begin + WIDEST_LINE], column - begin
