"""YAML text to nodes with positions. The only module that imports yaml.

Events are read rather than objects: every scalar stays text (`no` is not False, `010` not 8), marks
give the place of each node, and aliases, anchors and tags, which the language leaves out, are
seen and refused. The stack is explicit, so that deep nesting is an error and not a crash.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from paramcalc.errors import Problem, Source, SpecError

LONGEST_TEXT = 16 * 2**20
DEEPEST_NESTING = 64

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the C reader is ten times as fast


class Scalar(NamedTuple):
    """A text; `quote` is the mark it stands in, or '' when it is plain."""

    text: str
    start: int
    end: int
    quote: str

    @property
    def empty(self) -> bool:
        """Whether nothing at all is written here (YAML's null)."""
        return self.start == self.end


class Sequence(NamedTuple):
    items: tuple[Node, ...]
    start: int
    end: int
    flow: bool


class Mapping(NamedTuple):
    entries: tuple[tuple[Scalar, Node], ...]
    start: int
    end: int
    flow: bool

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)

    def keys(self) -> list[str]:
        return [key.text for key, _ in self.entries]


Node: TypeAlias = Scalar | Sequence | Mapping


def read_file(path: Path) -> Source:
    """The text of a spec file; `SpecError` when it is too long or not UTF-8, OSError as usual."""
    name = str(path)
    with path.open("rb") as file:
        return decode(file.read(LONGEST_TEXT + 1), name)


def decode(data: bytes, name: str) -> Source:
    """Text from bytes; `SpecError` when they are too many or not UTF-8."""
    if len(data) > LONGEST_TEXT:
        raise _error(Source(name, ""), 0, 0, f"a spec may have at most {LONGEST_TEXT // 2**20} MiB of text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fact = f"not a text in UTF-8: byte {error.start} is 0x{data[error.start]:02x}"
        raise _error(Source(name, ""), 0, 0, fact, "save the file as UTF-8") from None
    if "\0" in text:
        raise _error(Source(name, ""), 0, 0, "not a text: it holds zero bytes")
    return Source(name, text)


def parse(source: Source) -> Node:
    """The node tree of a text; `SpecError` for what is not YAML or not part of the language."""
    try:
        return _Builder(source).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        index = min(mark.index if mark else 0, len(source.text))
        raise _yaml_error(source, index, str(error.problem or error.context or "not YAML")) from None
    except yaml.reader.ReaderError as error:
        raise _error(source, 0, 0, f"not a text: character U+{error.character:04X} is not allowed") from None
    except yaml.YAMLError as error:
        raise _error(source, 0, 0, f"not YAML: {error}") from None


class _Builder:
    """Events to nodes, with an explicit stack of open collections."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.open: list[tuple[bool, int, bool, list[Node]]] = []
        self.root: Node | None = None

    def build(self) -> Node:
        handlers = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.begin,
            yaml.SequenceStartEvent: self.begin,
            yaml.MappingEndEvent: self.finish,
            yaml.SequenceEndEvent: self.finish,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in yaml.parse(self.text, Loader=_Loader):
            handler: Any = handlers.get(type(event))
            if handler is not None:
                handler(event)
        if self.root is None or (isinstance(self.root, Scalar) and not self.root.text):
            raise _error(self.source, 0, 0, "the text is empty: a spec has at least 'input' and 'layers'")
        return self.root

    def scalar(self, event: Any) -> None:
        self.refuse_anchor(event, tagged=event.tag is not None)
        start, end = event.start_mark.index, event.end_mark.index
        if event.style in ("|", ">"):
            raise self.error(event, "block texts (| and >) are not part of the language", "write one line")
        self.add(Scalar(event.value, start, end, event.style or ""))

    def begin(self, event: Any) -> None:
        self.refuse_anchor(event, tagged=event.tag is not None)
        if len(self.open) >= DEEPEST_NESTING:
            raise self.error(event, f"nested more than {DEEPEST_NESTING} levels deep", "use a block")
        mapping = isinstance(event, yaml.MappingStartEvent)
        self.open.append((mapping, event.start_mark.index, bool(event.flow_style), []))

    def finish(self, event: Any) -> None:
        mapping, start, flow, children = self.open.pop()
        end = event.end_mark.index
        if not mapping:
            self.add(Sequence(tuple(children), start, end, flow))
            return
        entries = []
        seen: set[str] = set()
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise _error(self.source, key.start, key.end, "a key must be a word or a line, not a collection")
            if key.text in seen:
                fact = f"the key '{key.text}' stands twice in one mapping"
                raise _error(self.source, key.start, key.end, fact)
            seen.add(key.text)
            entries.append((key, value))
        self.add(Mapping(tuple(entries), start, end, flow))

    def add(self, node: Node) -> None:
        if self.open:
            self.open[-1][3].append(node)
        else:
            self.root = node

    def alias(self, event: Any) -> None:
        raise self.error(
            event,
            "aliases are not part of the language",
            "use a block; a pattern that starts with * needs quotes",
        )

    def document(self, event: Any) -> None:
        if self.root is not None:
            raise self.error(event, "a second document: a file holds one spec")

    def refuse_anchor(self, event: Any, tagged: bool) -> None:
        if event.anchor:
            raise self.error(event, "anchors are not part of the language", "use a block")
        if tagged:
            raise self.error(event, "tags are not part of the language")

    def error(self, event: Any, fact: str, fix: str = "") -> SpecError:
        start = event.start_mark.index
        return _error(self.source, start, max(start + 1, event.end_mark.index), fact, fix)


def _error(source: Source, start: int, end: int, fact: str, fix: str = "") -> SpecError:
    return SpecError([Problem(source, start, end, fact, (fix,) if fix else ())])


def _yaml_error(source: Source, index: int, problem: str) -> SpecError:
    """A reader's complaint in the words of the language, at the place where it can be mended."""
    text = source.text
    begin = text.rfind("\n", 0, index) + 1
    line = text[begin : text.find("\n", index) if "\n" in text[index:] else len(text)]
    if "alias" in problem or "alphabetic or numeric" in problem:
        fix = "a pattern that starts with * needs quotes; aliases are not part of the language: use a block"
        star = line.find("*")
        index = begin + star if star >= 0 else index
        return _error(source, index, index + 1, "'*' cannot start a plain text", fix)
    indexed = re.search(r"[\[{][^\]]*\w(\[[^\]]*\])", line)
    if "expected ',' or" in problem and indexed:
        place = begin + indexed.start(1)
        fix = "write the line without them"
        fact = "an index cannot stand inside [ ] or { }"
        return _error(source, place, place + len(indexed[1]), fact, fix)
    if "cannot start any token" in problem and "\t" in line:
        return _error(source, index, index + 1, "a tab in the indentation", "indent with blanks")
    if "mapping values are not allowed" in problem:
        fix = "quote the text, or put what follows the colon on lines of its own"
        return _error(source, index, index + 1, "a second ': ' on one line", fix)
    return _error(source, index, index + 1, f"not YAML: {problem}")
