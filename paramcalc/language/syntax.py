"""YAML text to nodes with positions. The only module that imports yaml.

Events are read rather than objects: every scalar stays text (`no` is not False, `010` not 8), marks
give the place of each node, and aliases, anchors and tags, which the language leaves out, are
seen and refused. The stack is explicit, so that deep nesting is an error and not a crash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from paramcalc.base.errors import Problem, Problems, Source, SpecError, visible

LONGEST_TEXT = 16 * 2**20
MOST_NODES = 500_000
DEEPEST_NESTING = 128
_TOO_DEEP = f"nested more than {DEEPEST_NESTING} levels deep"
LONGEST_QUOTED = 200  # of a line that a message writes anew
_READ_AHEAD = 2048  # at most 1,024 characters, and a token: a key has no more
_QUOTED = r"'[^']*'|\"[^\"]*\""
ALIAS_FIX = "use a block; a pattern that starts with * needs quotes"
# what a terminal obeys, and what turns the order of the letters round it: a message would lie
_UNSEEN = "\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
# patterns that most texts never need are left to be compiled on use
_HIDDEN = f"[{_UNSEEN}]"
_ESCAPED = f"[\x00-\x08\x0b-\x1f\x7f{_UNSEEN}\ud800-\udfff]"  # YAML refuses these unless escaped
_DIRECTIVE = r"(?:^|[\r\n])(%)"

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the C reader is ten times as fast


class Scalar(NamedTuple):
    """A text; `quote` is its quotation mark, or '' when it is plain."""

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
    name = visible(str(path))
    with path.open("rb") as file:
        return decode(file.read(LONGEST_TEXT + 1), name)


def decode(data: bytes, name: str) -> Source:
    """Text from bytes; `SpecError` when they are too many or not UTF-8."""
    if len(data) > LONGEST_TEXT:
        raise _error(Source(name, ""), 0, 0, f"a spec may have at most {LONGEST_TEXT // 2**20} MiB of text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fact = f"not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}"
        raise _error(Source(name, ""), 0, 0, fact, "save the file as UTF-8") from None
    if "\0" in text:
        raise _error(Source(name, ""), 0, 0, "not text: it contains zero bytes")
    source = Source(name, text)
    hidden = None if text.isascii() else re.search(_HIDDEN, text)
    if hidden:
        raise _error(source, hidden.start(), hidden.end(), _hidden(hidden[0]))
    directive = re.search(_DIRECTIVE, text) if "%" in text else None
    if directive:  # libyaml compares each with all before it
        raise _error(source, directive.start(1), directive.end(), "directives are not part of the language")
    return source


def parse(source: Source, problems: Problems | None = None) -> Node:
    """The node tree of a text; `SpecError` for what is not YAML or not part of the language.

    A key that appears twice is added to the problems, and the rest is read on; without problems to add
    to, it is an error like the rest.
    """
    found = Problems() if problems is None else problems
    builder = _Builder(source, found)
    try:
        root = builder.build()
        if problems is None and found:
            raise SpecError(found.in_order())
        return root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        index = min(mark.index if mark else 0, len(source.text))
        context = error.context_mark.index if error.context_mark else index
        builder.check_ahead(index)
        raise _yaml_error(source, index, context, str(error.problem or error.context or "not YAML")) from None
    except yaml.reader.ReaderError as error:
        raise _error(source, 0, 0, f"not text: character U+{error.character:04X} is not allowed") from None
    except yaml.YAMLError as error:
        raise _error(source, 0, 0, f"not YAML: {error}") from None


class _Builder:
    """Events to nodes, with an explicit stack of open collections."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.nodes = 0
        self.opened: list[tuple[list[Node], Any]] = []  # the collections that are not closed yet

    def build(self) -> Node:
        """The one root node. The loop is flat because it runs for every word of a spec."""
        top: list[Node] = []
        children = top
        opened = self.opened
        word, sequence, mapping = yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent
        next_event = _Loader(self.source.text).get_event
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is word:
                style = event.style
                if style or event.anchor or event.tag is not None:
                    self.check_scalar(event)
                children.append(
                    Scalar(event.value, event.start_mark.index, event.end_mark.index, style or "")
                )
            elif kind is sequence or kind is mapping:
                self.check_start(event, len(opened))
                opened.append((children, event))
                children = []
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                inside = children
                children, start = opened.pop()
                children.append(self.collection(start, event.end_mark.index, inside))
            elif kind is yaml.AliasEvent:
                raise self.error(event, "aliases are not part of the language", ALIAS_FIX)
            elif kind is yaml.DocumentStartEvent and top:
                raise self.error(event, "a second document: a file holds one spec")
            if len(children) > MOST_NODES:
                raise self.too_many(event)
        if not top or (isinstance(top[0], Scalar) and not top[0].text):
            raise _error(self.source, 0, 0, "the file is empty: a spec has at least 'input' and 'layers'")
        return top[0]

    def check_scalar(self, event: Any) -> None:
        if event.anchor or event.tag is not None:
            raise self.marked(event)
        if event.style in ("|", ">"):
            raise self.error(
                event, "block scalars (| and >) are not part of the language", "write it on one line"
            )
        hidden = None if event.value.isprintable() else re.search(_ESCAPED, event.value)
        if hidden:
            raise self.error(event, _hidden(hidden[0]))

    def too_many(self, event: Any) -> SpecError:
        return self.error(event, f"a spec may have at most {MOST_NODES:,} words and values")

    def check_start(self, event: Any, depth: int) -> None:
        if event.anchor or event.tag is not None:
            raise self.marked(event)
        if depth >= DEEPEST_NESTING:
            raise self.error(event, _TOO_DEEP, "use a block")

    def check_ahead(self, index: int) -> None:
        """Refuses nesting that is too deep where the reader stopped at `index`, ahead of its events."""
        begin = max(0, index - _READ_AHEAD)
        if self.opened:
            innermost = self.opened[-1][1]
            begin = max(begin, innermost.start_mark.index + bool(innermost.flow_style))
        ahead = re.sub(_QUOTED, lambda quoted: " " * len(quoted[0]), self.source.text[begin:index])
        depth = len(self.opened)
        for bracket in re.finditer(r"[\[\]{}]", ahead):
            depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, len(self.opened))
            if depth > DEEPEST_NESTING:
                place = begin + bracket.start()
                raise _error(self.source, place, place + 1, _TOO_DEEP, "use a block")

    def collection(self, event: Any, end: int, children: list[Node]) -> Node:
        self.nodes += len(children)
        if self.nodes > MOST_NODES:
            raise self.too_many(event)
        start, flow = event.start_mark.index, bool(event.flow_style)
        if type(event) is yaml.SequenceStartEvent:
            return Sequence(tuple(children), start, end, flow)
        if len(children) == 2 and type(children[0]) is Scalar:  # by far the most: an item with its key
            return Mapping(((children[0], children[1]),), start, end, flow)
        return Mapping(tuple(self.entries(children)), start, end, flow)

    def entries(self, children: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        """Keys with their values; a key that appears twice is a mistake."""
        seen: set[str] = set()
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                fact = "a key must be a word or a line, not a list or mapping"
                raise _error(self.source, key.start, key.end, fact)
            if key.text in seen:
                fact = f"the key '{key.text}' appears twice in this mapping"
                self.problems.add(self.source, key.start, key.end, fact)
            seen.add(key.text)
            yield key, value

    def marked(self, event: Any) -> SpecError:
        if event.anchor:
            return self.error(event, "anchors are not part of the language", "use a block")
        return self.error(event, "tags are not part of the language")

    def error(self, event: Any, fact: str, fix: str = "") -> SpecError:
        start = event.start_mark.index
        return _error(self.source, start, max(start + 1, event.end_mark.index), fact, fix)


def _hidden(char: str) -> str:
    return f"the control character U+{ord(char):04X} is not part of the language"


def _error(source: Source, start: int, end: int, fact: str, fix: str = "") -> SpecError:
    return SpecError([Problem(source, start, end, fact, (fix,) if fix else ())])


def _column(text: str, index: int) -> int:
    return index - text.rfind("\n", 0, index)


def _yaml_error(source: Source, index: int, context: int, problem: str) -> SpecError:
    """A reader's complaint in the words of the language, at the place where it can be mended."""
    text = source.text
    begin = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    line = text[begin : end if end >= 0 else len(text)]
    if "alias" in problem or "alphabetic or numeric" in problem:
        fix = "a pattern that starts with * needs quotes; aliases are not part of the language: use a block"
        star = line.find("*")
        index = begin + star if star >= 0 else index
        return _error(source, index, index + 1, "an unquoted value cannot start with '*'", fix)
    index_in_flow = re.search(r"(?<=\w)\[[^\[\]]*\]", line) if "expected ',' or" in problem else None
    if index_in_flow and re.search(r"[\[{]", line[: index_in_flow.start()]):
        place = begin + index_in_flow.start()
        fix = "write the line without them"
        fact = "an index cannot be used inside [ ] or { }"
        return _error(source, place, place + len(index_in_flow[0]), fact, fix)
    if "unexpected ':'" in problem:
        fix = "write key: value, with a space after the colon"
        return _error(source, index, index + 1, "a colon without a value or space after it", fix)
    if "expected ',' or" in problem and "\n" in text[context:index]:
        return _error(source, context, context + 1, f"'{text[context]}' is never closed")
    if "expected ',' or" in problem:
        return _error(source, index, index + 1, "a comma, or the closing bracket, is missing before this")
    if "expected node content" in problem:
        return _error(source, index, index + 1, "a value is missing before this")
    if (
        "expected key" in problem
        and text.startswith("- ", index)
        and _column(text, context) == _column(text, index)
    ):
        return _error(source, context, context + 1, "a '- ' is missing here: the items below have one")
    if "expected key" in problem or "expected '-' indicator" in problem:
        fix = "items of a list, and keys of a mapping, must start in the same column"
        return _error(source, index, index + 1, "the indentation matches no line above", fix)
    if "could not find expected ':'" in problem:
        fix = "write key: value; or is a '- ' missing before it?"
        return _error(source, context, context + 1, "missing colon after a key", fix)
    if "end of stream" in problem and text[context : context + 1] in ("'", '"'):
        return _error(source, context, context + 1, "this quotation mark is not closed")
    if "tab character" in problem or ("cannot start any token" in problem and "\t" in line):
        index = begin + max(0, line.find("\t"))
        return _error(source, index, index + 1, "a tab in the indentation", "indent with spaces")
    if "mapping values are not allowed" in problem:
        fix = _named_inside(line) or "quote the value, or put what follows the colon on its own lines"
        return _error(source, index, index + 1, "a second ': ' on one line", fix)
    if "cannot start any token" in problem:
        return _error(
            source,
            index,
            index + 1,
            f"an unquoted value cannot start with '{text[index]}'",
            "put it in quotes",
        )
    return _error(source, index, index + 1, f"not YAML: {problem}")


def _named_inside(line: str) -> str:
    """What to write for a name below a key on one line, as in `then: a: relu`; '' for anything else."""
    from paramcalc import ops

    joined = re.match(r"\s*- (?:[\w-]+: +)?([\w.()+/-]+) \* (\w+):? *\{", line[:LONGEST_QUOTED])
    if joined:
        times, join = joined.groups()
        return f"to repeat more than one call, write repeat: {times}, and layers: [{join}: {{...}}]"
    found = re.fullmatch(r"\s*(?:- )?([\w-]+): +([\w-]+): +([\w=., -]+)", line[:LONGEST_QUOTED])
    if not found or len(line) > LONGEST_QUOTED:
        return ""
    key, name, chain = (part.strip() for part in found.groups())
    if ops.known(name):
        return f"write {key}: {name} {chain}"
    return f"write {key}: {{{name}: {f'[{chain}]' if ',' in chain else chain}}}"
