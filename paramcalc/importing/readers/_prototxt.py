"""The text form of protocol buffers: a message is named fields, each of which may come again.

Which fields there are is the reader's matter: nothing here knows Caffe. Places are kept, so that a
message about a value can point at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import Problem, Source, SpecError

DEEPEST = 64
MOST_TOKENS = 2_000_000
_TOKEN = re.compile(
    r"""(?P<blank>[\s;,]+|\#[^\n]*)
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<number>[-+]?(?:\d[\w.]*(?:(?<=[eE])[-+]\d+)?|\.\d[\w.]*|inf\b|nan\b))
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>:\[\]])""",
    re.VERBOSE,
)
_CLOSED_BY = {"{": "}", "<": ">", "[": "]"}


class Scalar(NamedTuple):
    """A value as it is written, without its quotes."""

    text: str
    start: int
    end: int


class Message(NamedTuple):
    """Fields in the order of the text; a name may come several times."""

    fields: tuple[tuple[str, Scalar | Message], ...]
    start: int
    end: int

    def all(self, name: str) -> list[Scalar | Message]:
        return [value for field, value in self.fields if field == name]

    def messages(self, *names: str) -> list[Message]:
        return [value for field, value in self.fields if field in names and isinstance(value, Message)]

    def scalars(self, *names: str) -> list[Scalar]:
        return [value for field, value in self.fields if field in names and isinstance(value, Scalar)]

    def message(self, name: str) -> Message:
        """The message of that name, merged where it comes several times; an empty one if it never does."""
        found = self.messages(name)
        fields = tuple(field for message in found for field in message.fields)
        return Message(fields, *(found[0][1:] if found else self[1:]))

    def text(self, name: str, default: str = "") -> str:
        """The last value of that name, which is the one that counts."""
        found = self.scalars(name)
        return found[-1].text if found else default


Value: TypeAlias = Scalar | Message


def parse(source: Source) -> Message:
    """The whole text as one message.

    >>> net = parse(Source("net.prototxt", 'name: "toy" layer { pad: 1 pad: 2 }'))
    >>> net.text("name"), [pad.text for pad in net.message("layer").scalars("pad")]
    ('toy', ['1', '2'])
    """
    stack: list[tuple[list[tuple[str, Value]], str, str, int]] = []
    fields: list[tuple[str, Value]] = []
    tokens = _tokens(source)
    closing, name, begin = "", "", 0
    for kind, text, start, end in tokens:
        if kind == "mark" and text == closing:
            message = Message(tuple(fields), begin, end)
            fields, closing, name, begin = stack.pop()
            fields.append((name, message))
            continue
        if kind not in ("word", "mark") or (kind == "mark" and text != "["):
            raise _wrong(source, start, end, f"a field was expected here, not '{text}'")
        if text == "[":
            raise _wrong(source, start, end, "extensions in brackets are not read")
        name = text
        for value in _values(source, tokens, start, end):
            if isinstance(value, Scalar):
                fields.append((name, value))
                continue
            if len(stack) >= DEEPEST:
                raise _wrong(source, start, end, f"messages are nested more than {DEEPEST} deep")
            stack.append((fields, closing, name, begin))
            fields, closing, begin = [], _CLOSED_BY[value[0]], value[1]
    if stack:
        raise _wrong(source, begin, begin + 1, "this message is never closed: the file may be cut off")
    return Message(tuple(fields), 0, len(source.text))


def _values(
    source: Source, tokens: Iterator[tuple[str, str, int, int]], start: int, end: int
) -> Iterator[Scalar | tuple[str, int]]:
    """What follows a field's name: values, or the bracket and place where a message begins."""
    colon = listed = False
    for kind, text, first, last in tokens:
        if kind != "mark" and (colon or listed):
            yield Scalar(text[1:-1] if kind == "text" else text, first, last)
            if not listed:
                return
        elif text in ("{", "<") and not listed:
            yield text, first
            return
        elif text == ":" and not colon:
            colon = True
        elif text == "[" and colon and not listed:
            listed = True
        elif text == "]" and listed:
            return
        else:
            raise _wrong(source, first, last, f"a value was expected here, not '{text}'")
    raise _wrong(source, start, end, "this field has no value: the file may be cut off")


def _tokens(source: Source) -> Iterator[tuple[str, str, int, int]]:
    place, count = 0, 0
    text = source.text
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            open_quote = text[place] in "'\""
            fact = "this text is never closed" if open_quote else "this is not text of a protocol buffer"
            raise _wrong(source, place, place + 1, fact)
        if found.lastgroup != "blank":
            count += 1
            if count > MOST_TOKENS:
                raise _wrong(source, place, place + 1, f"the file has more than {MOST_TOKENS:,} words")
            yield found.lastgroup or "", found[0], place, found.end()
        place = found.end()


def _wrong(source: Source, start: int, end: int, fact: str) -> SpecError:
    return SpecError([Problem(source, start, end, fact)])
