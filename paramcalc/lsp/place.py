"""Where in a text a cursor stands, read off the lines alone: while somebody types, a text is seldom YAML."""

from __future__ import annotations

import re
from typing import NamedTuple

_SECTION = re.compile(r"^([A-Za-z_]\w*)\s*:", re.MULTILINE)
_ITEM = re.compile(r"\s*(?:- +)*")
_KEYS = re.compile(r"(?:[\w.*/-]+|\"[^\"]*\"):(?:\s+|$)")
_LONGEST = 2_000  # characters before a cursor that are looked at


class Place(NamedTuple):
    """`section` is the key of the top level, '' where one begins. `before` is the line up to the cursor.

    `keys` are those of the line before the cursor, `words` those of the call that it is in, the last one incomplete;
    `item` says that nothing else is on the line yet. `block` is the signature around the cursor.
    """

    section: str
    before: str
    keys: tuple[str, ...]
    words: tuple[str, ...]
    item: bool
    block: str

    @property
    def word(self) -> str:
        return self.words[-1]


def place(text: str, offset: int) -> Place:
    """The place of a cursor."""
    begin = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    before = text[max(begin, offset - _LONGEST) : offset]
    section, at = "", 0
    if before[:1] in (" ", "\t", "-") or _SECTION.match(before):
        for found in _SECTION.finditer(text, 0, offset):
            section, at = found[1], found.end()
    rest = before[len(_ITEM.match(before)[0]) :]  # type: ignore[index]  # it matches anything
    if at > begin:
        rest = before[at - begin :].lstrip()
    keys: list[str] = []
    rest = _keyless(rest, keys)
    flow = _inside(rest)
    while flow != (inner := _inside(_keyless(flow, keys))):
        flow = inner
    words = tuple(re.split(r"\s+", flow))
    words = words[2:] if len(words) > 2 and words[1] == "*" else words
    item = flow == rest and not keys and len(words) == 1
    return Place(
        section, before, tuple(keys), words, item, _block(text, at, offset) if section == "blocks" else ""
    )


def _keyless(text: str, keys: list[str]) -> str:
    """A text without the keys that it begins with, which are added to others."""
    while (found := _KEYS.match(text)) is not None:
        keys.append(found[0].rstrip().rstrip(":").strip('"'))
        text = text[found.end() :]
    return text


def _inside(text: str) -> str:
    """What follows the last comma, or bracket that is still open, of a text."""
    depth, begin = 0, 0
    for index in range(len(text) - 1, -1, -1):
        char = text[index]
        if char in ")]}":
            depth += 1
        elif char in "([{":
            if depth == 0:
                if char == "(":
                    continue  # of an expression: its commas are not those of the line
                begin = index + 1
                break
            depth -= 1
        elif char == "," and depth == 0 and not _in_parentheses(text, index):
            begin = index + 1
            break
    return text[begin:].lstrip()


def _in_parentheses(text: str, index: int) -> bool:
    return text.count("(", 0, index) > text.count(")", 0, index)


def _block(text: str, begin: int, offset: int) -> str:
    """The signature of the block that a cursor is in: the last line of the smallest indentation."""
    lines = [
        line for line in text[begin:offset].splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        return ""
    depth = min(len(line) - len(line.lstrip()) for line in lines)
    signatures = [line for line in lines if len(line) - len(line.lstrip()) == depth]
    return signatures[-1].strip().partition(":")[0].strip("'\"")
