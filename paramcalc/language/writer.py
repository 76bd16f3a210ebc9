"""The normal form of a spec's text: what a person wrote, evenly spaced and indented, with every comment.

Lines stay lines, and flow mappings stay flow mappings: whether a chain is one line or three says
something. What is even is the space: two columns for each level, one space after a colon or comma, none
inside brackets. Rows and columns of tables, which are aligned by hand, keep their spaces.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from paramcalc.base.errors import Source
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence, parse

STEP = 2
ALIGNED = ("rows", "columns")  # keys whose words are aligned by hand
CALLS = ("layers", "blocks")  # keys that hold lines of calls
Edit = tuple[int, int, str]


def formatted(source: Source) -> str:
    """The normal form of a text; `SpecError` where it is no YAML. To format twice changes nothing more.

    >>> print(formatted(Source("a", "layers:\\n- conv2d 64 3 ,relu #stem\\n")), end="")
    layers:
      - conv2d 64 3, relu  # stem
    """
    root = parse(source)
    text = _Formatter(source.text, root).text()
    after = parse(Source(source.name, text))
    assert _words(after) == _words(root), "formatting must not change what is written"
    return text


def shape_text(shape: Shape) -> str:
    """An input as a spec declares it.

    >>> shape_text(Shape(("length", "channels"), (16, 64)))
    '{length: 16, channels: 64}'
    """
    if shape.axes in ((CHANNELS,), *((CHANNELS, *space) for space in SPACE.values())):
        return str(shape)
    pairs = (f"{axis}: {dim}" for axis, dim in zip(shape.axes, shape.dims, strict=True))
    return "{" + ", ".join(pairs) + "}"


class _Formatter:
    """Finds the column of every line, and what changes within the lines."""

    def __init__(self, text: str, root: Node) -> None:
        self.raw = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        root = parse(Source("", self.raw)) if "\r" in text else root
        self.starts = [0, *(place + 1 for place, sign in enumerate(self.raw) if sign == "\n")]
        self.columns: dict[int, int] = {}  # of the first thing on a line
        self.behind: dict[
            int, int
        ] = {}  # a line that continues, by the offset of the bracket it is aligned to
        self.edits: list[Edit] = []
        self.scalars: list[tuple[int, int]] = []
        self.walk(root, 0, ())

    def line(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1

    def first_on_line(self, place: int) -> bool:
        return not self.raw[self.starts[self.line(place)] : place].strip(" ")

    def put(self, place: int, column: int) -> None:
        """Says where a line begins, if this is the first thing on it."""
        if self.first_on_line(place):
            self.columns.setdefault(self.line(place), column)

    # -------------------------------------------------------------------------------------- nodes

    def walk(self, node: Node, column: int, keys: tuple[str, ...]) -> None:
        """A node whose own lines begin at a column, below some keys."""
        if isinstance(node, Scalar):
            self.scalar(node, column, keys)
        elif node.flow:
            self.put(node.start, column)
            self.flow(node, keys)
        elif isinstance(node, Mapping):
            for key, value in node.entries:
                self.put(key.start, column)
                self.scalar(key, column, keys)
                self.gap(key.end, value)
                self.walk(value, column + STEP, (*keys, key.text))
        else:
            for item in node.items:
                dash = self.dash(item)
                self.put(dash, column)
                if self.line(dash) == self.line(item.start) and not (keys and keys[-1] in ALIGNED):
                    self.edits.append((dash + 1, item.start, " "))
                self.walk(item, column + STEP, keys)

    def dash(self, item: Node) -> int:
        """Where the dash before an item is: comments may stand between."""
        place = item.start - 1
        while place >= 0:
            begin = self.starts[self.line(place)]
            part = self.raw[begin : place + 1]
            code = part.split(" #", 1)[0] if not part.lstrip().startswith("#") else ""
            found = code.rstrip().rfind("-")
            if found >= 0 and code.rstrip().endswith("-"):
                return begin + found
            place = begin - 1
        return item.start

    def scalar(self, node: Scalar, column: int, keys: tuple[str, ...]) -> None:
        if node.end > node.start:
            self.scalars.append((node.start, node.end))
        self.put(node.start, column)
        first, last = self.line(node.start), self.line(max(node.start, node.end - 1))
        for line in range(first + 1, last + 1):
            self.columns.setdefault(line, column)
        calls = any(key in CALLS for key in keys) and not any(key in ALIGNED for key in keys)
        if calls and not node.quote:
            self.edits += _spaced(self.raw[node.start : node.end], node.start)

    def gap(self, end: int, value: Node) -> None:
        """One space after a colon, where the value is on the same line."""
        colon = self.raw.find(":", end)
        if colon < 0:
            return
        if colon > end:
            self.edits.append((end, colon, ""))
        if value.end > value.start and self.line(value.start) == self.line(colon):
            self.edits.append((colon + 1, value.start, " "))

    def flow(self, node: Sequence | Mapping, keys: tuple[str, ...]) -> None:
        """A list or mapping in brackets: lines that go on are aligned behind the bracket."""
        bare = self.raw[node.start] not in "[{"  # one pair in a list: [a: b]
        place = node.start + (not bare)
        for line in range(self.line(node.start) + 1, self.line(node.end - 1) + 1):
            self.behind.setdefault(line, node.start)
        parts: list[tuple[Node, Node]] = (
            list(node.entries) if isinstance(node, Mapping) else [(item, item) for item in node.items]
        )
        for number, (key, value) in enumerate(parts):
            if number or not bare:
                self.between(place, key.start, "" if number == 0 else ", ")
            if isinstance(node, Mapping):
                self.scalars.append((key.start, key.end))
                if value.end > value.start:
                    self.gap(key.end, value)
                    self.inner(value, (*keys, key.text if isinstance(key, Scalar) else ""))
                place = max(key.end, value.end)
            else:
                self.inner(value, keys)
                place = value.end
        if not bare:
            self.between(place, node.end - 1, "")

    def inner(self, node: Node, keys: tuple[str, ...]) -> None:
        if isinstance(node, Scalar):
            self.scalars.append((node.start, node.end))
        else:
            self.flow(node, keys)

    def between(self, start: int, end: int, text: str) -> None:
        """The space between two parts in brackets, if there is no line break in it."""
        gap = self.raw[start:end]
        if "\n" not in gap and set(gap) <= {" ", ","} and ("," in gap) == ("," in text):
            self.edits.append((start, end, text))

    # -------------------------------------------------------------------------------------- lines

    def text(self) -> str:
        lines: list[str] = []
        self.edits.sort()
        columns = self.all_columns()
        blank = False
        for number, begin in enumerate(self.starts):
            end = self.starts[number + 1] - 1 if number + 1 < len(self.starts) else len(self.raw)
            raw = self.raw[begin:end]
            if not raw.strip():
                blank = bool(lines)
                continue
            if blank:
                lines.append("")
                blank = False
            lines.append(self.written(begin, end, columns[number]))
        return "\n".join(lines) + "\n"

    def all_columns(self) -> list[int]:
        """The column of each line; a comment alone on its line begins where the next line does."""
        found: list[int] = []
        for number in range(len(self.starts)):
            if number in self.behind and number not in self.columns:
                opened = self.behind[number]
                line = self.line(opened)
                found.append(self.new_column(opened, found[line]) + 1)
            else:
                found.append(self.columns.get(number, -1))
        for number in range(len(found) - 1, -1, -1):
            if found[number] < 0:
                found[number] = found[number + 1] if number + 1 < len(found) else 0
        return found

    def new_column(self, place: int, column: int) -> int:
        """Where on its line a place is after the edits."""
        begin = self.starts[self.line(place)]
        begin += len(self.raw[begin:place]) - len(self.raw[begin:place].lstrip(" "))
        return column + len(self.edited(begin, place))

    def edited(self, begin: int, end: int) -> str:
        parts: list[str] = []
        place = begin
        for start, stop, text in self.edits_in(begin, end):
            parts += [self.raw[place:start], text]
            place = stop
        return "".join([*parts, self.raw[place:end]])

    def edits_in(self, begin: int, end: int) -> Iterator[Edit]:
        at = bisect_right(self.edits, (begin - 1, len(self.raw), ""))
        while at < len(self.edits) and self.edits[at][1] <= end:
            yield self.edits[at]
            at += 1

    def written(self, begin: int, end: int, column: int) -> str:
        """A line with its comment, which keeps its column if it can."""
        comment = self.comment(begin, end)
        stop = end if comment is None else comment
        start = begin + len(self.raw[begin:stop]) - len(self.raw[begin:stop].lstrip(" \t"))
        code = " " * column + self.edited(start, stop).rstrip(" \t") if start < stop else ""
        if comment is None:
            return code
        said = self.raw[comment + 1 : end].rstrip()
        said = f"# {said}" if said and said[0] not in " #!" else f"#{said}"
        if not code:
            return " " * column + said
        return code + " " * max(2, comment - begin - len(code)) + said

    def comment(self, begin: int, end: int) -> int | None:
        """Where the comment of a line starts."""
        at = bisect_right(self.sorted_scalars, (begin, len(self.raw)))
        place = self.raw.find("#", begin, end)
        while place >= 0:
            before = self.raw[place - 1] if place > begin else " "
            spans = self.sorted_scalars[max(0, at - 1) : at + 1000]
            if before in " \t" and not any(start <= place < stop for start, stop in spans):
                return place
            place = self.raw.find("#", place + 1, end)
        return None

    @property
    def sorted_scalars(self) -> list[tuple[int, int]]:
        if not getattr(self, "_sorted", None):
            self._sorted = sorted(self.scalars)
        return self._sorted


def _spaced(text: str, at: int) -> Iterator[Edit]:
    """One space after the commas of a line of calls and none before, outside brackets.

    Several spaces between words may align them with those of other lines, and stay.
    """
    depth = 0
    quote = ""
    for found in re.finditer(r"[\[({]|[\])}]|['\"]| *, *(?=\S)", text):
        sign = found[0]
        if sign in "'\"":
            quote = "" if quote == sign else quote or sign
        elif quote:
            continue
        elif sign in "[({":
            depth += 1
        elif sign in "])}":
            depth -= 1
        elif not depth and sign != ", ":
            yield at + found.start(), at + found.end(), ", "


def _words(node: Node) -> Any:
    """What a tree says, without where it says it, nor how its words are spaced."""
    if isinstance(node, Scalar):
        return node.quote, re.sub(
            r"\s*,\s*", ",", re.sub(r"\s+", " ", node.text)
        ) if not node.quote else node.text
    if isinstance(node, Sequence):
        return node.flow, tuple(map(_words, node.items))
    return node.flow, tuple((_words(key), _words(value)) for key, value in node.entries)
