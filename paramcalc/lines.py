"""The one-line syntax: calls, arguments and references on a plain YAML scalar.

Commas and blanks split only outside brackets. Offsets are relative to the line, so that a line
that stands a thousand times in a spec is read once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from paramcalc.errors import Fault
from paramcalc.expression import Expression, literal
from paramcalc.expression import parse as parse_expression
from paramcalc.spec import Argument, Call, Parameter, Reference

NAME = re.compile(r"[A-Za-z0-9_-]+")
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
RESERVED = {"x", "channels", "identity", "from"}
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)=(?!=)")
_OPENING, _CLOSING = "([{", ")]}"


class Token(NamedTuple):
    text: str
    start: int
    end: int


class Line(NamedTuple):
    """Calls in a row, or, where `count` is given, one call to be repeated."""

    calls: tuple[Call, ...]
    count: Expression | None


@lru_cache(maxsize=65536)
def read_line(text: str) -> Line:
    """The calls of a line; `Fault` with `at` relative to it for what is not one."""
    segments = split(text, ",")
    tokens = [split(segment.text, " ", segment.start) for segment in segments]
    for segment, words in zip(segments, tokens, strict=True):
        if not words:
            raise Fault("there is nothing between two commas, or after the last", at=(segment.start, segment.end))
        _check_equals(words)
    if any(token.text == "*" for words in tokens for token in words):
        return _repeated(tokens)
    return Line(tuple(read_call(words) for words in tokens), None)


def _repeated(tokens: list[list[Token]]) -> Line:
    first = tokens[0]
    star = next((token for words in tokens for token in words if token.text == "*"), first[0])
    if len(tokens) > 1:
        raise Fault(
            "'N * call' stands alone on its line: with more calls it could mean two things",
            fix="put the repetition on a line of its own, or make a block of the calls",
            at=(star.start, star.end),
        )
    if len(first) < 3 or first[1] is not star:
        fix = f"write {first[0].text}*{first[2].text}, without blanks" if len(first) > 2 and first[1] is star else ""
        raise Fault(
            "'*' between blanks repeats a call, as in 3 * block 64",
            fix=fix or "a product is written without blanks",
            at=(star.start, star.end),
        )
    return Line((read_call(first[2:]),), read_expression(first[0]))


def read_call(tokens: list[Token]) -> Call:
    """A call: its head, arguments, and references after the word `from`."""
    cut = next((i for i, token in enumerate(tokens) if token.text == "from"), len(tokens))
    head, arguments, references = "", tokens[:cut], tokens[cut + 1 :]
    if cut < len(tokens) and not references:
        raise Fault("'from' needs the name of an earlier layer", at=tokens[cut][1:])
    if arguments:
        head = _head(arguments[0])
    read = tuple(read_argument(token) for token in arguments[1:])
    _check_order(read)
    return Call(
        head,
        read,
        tuple(read_reference(token) for token in references),
        tokens[0].start,
        tokens[-1].end,
        all(isinstance(item.value, Expression) and item.value.constant for item in read),
    )


def _head(token: Token) -> str:
    if WORD.fullmatch(token.text):
        return token.text
    missing = re.match(r"([A-Za-z0-9_-]+):(\S+)", token.text)
    if missing:
        fix = f"a blank is missing after the colon: {missing[1]}: {missing[2]}"
        raise Fault(f"'{token.text}' is not an op or block", fix=fix, at=token[1:])
    raise Fault(f"a line starts with an op or a block, not '{token.text}'", at=token[1:])


def _check_order(arguments: tuple[Argument, ...]) -> None:
    named = False
    seen: set[str] = set()
    for argument in arguments:
        at = (argument.start, argument.end)
        if not argument.name and named:
            raise Fault("a positional argument cannot follow one with a name", at=at)
        if argument.name in seen:
            raise Fault(f"'{argument.name}' is given twice", at=at)
        named = named or bool(argument.name)
        if argument.name:
            seen.add(argument.name)


def read_argument(token: Token) -> Argument:
    """`value` or `name=value`."""
    assigned = _ASSIGNED.match(token.text)
    name = assigned[1] if assigned else ""
    begin = token.start + (assigned.end() if assigned else 0)
    value = Token(token.text[begin - token.start :], begin, token.end)
    read = literal(value.text, begin) if name == "share" else read_expression(value)
    return Argument(name, read, token.start, token.end)


def read_expression(token: Token) -> Expression:
    """An expression at its place in the line."""
    try:
        return parse_expression(token.text, token.start)
    except Fault as fault:
        start, end = fault.at or (0, len(token.text))
        fault.at = (token.start + start, token.start + end)
        raise


def read_reference(token: Token) -> Reference:
    """A path of names to an earlier layer, each with an index or none."""
    parts = []
    for part in split(token.text, "/", token.start):
        name, bracket, index = part.text.partition("[")
        if not NAME.fullmatch(name) or (bracket and not index.endswith("]")):
            raise Fault(f"'{token.text}' is not the path of a layer", at=token[1:])
        begin = part.start + len(name) + 1
        inner = read_expression(Token(index[:-1], begin, part.end - 1)) if bracket else None
        parts.append((name, inner))
    return Reference(tuple(parts), token.start, token.end)


def read_signature(text: str) -> tuple[str, tuple[Parameter, ...], tuple[str, ...]]:
    """Name, parameters and further inputs of a block: `decoder heads=8 from x memory`."""
    tokens = split(text, " ")
    _check_equals(tokens)
    cut = next((i for i, token in enumerate(tokens) if token.text == "from"), len(tokens))
    inputs = tokens[cut + 1 :]
    if cut < len(tokens) and (not inputs or inputs[0].text != "x"):
        raise Fault("a block's inputs start with x, the incoming tensor: from x memory", at=tokens[cut][1:])
    parameters: list[Parameter] = []
    for token in tokens[1:cut]:
        argument = read_argument(token)
        name = argument.name or token.text
        _check_word(name, token)
        if any(other.name == name for other in parameters):
            raise Fault(f"the parameter '{name}' stands twice", at=token[1:])
        if parameters and parameters[-1].default is not None and not argument.name:
            raise Fault(f"'{name}' has no default but follows one that has", at=token[1:])
        default = argument.value if argument.name else None
        assert default is None or isinstance(default, Expression)
        parameters.append(Parameter(name, default))
    for token in (tokens[0], *inputs[1:]):
        _check_word(token.text, token)
    return tokens[0].text, tuple(parameters), tuple(token.text for token in inputs[1:])


def _check_word(name: str, token: Token) -> None:
    if not WORD.fullmatch(name) or name in RESERVED:
        why = "is reserved" if name in RESERVED else "is not a name: letters, digits and _"
        raise Fault(f"'{name}' {why}", at=token[1:])


def split(text: str, separator: str, offset: int = 0) -> list[Token]:
    """Cuts a text at a separator outside brackets and quotes; blanks never yield empty tokens."""
    tokens: list[Token] = []
    begin, depth = 0, []
    quote = ""
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPENING:
            depth.append(place)
        elif char in _CLOSING:
            if not depth or _OPENING.index(text[depth.pop()]) != _CLOSING.index(char):
                raise _unbalanced(text, place, offset)
        elif char in "\r\n":
            _check_line_break(text, place, offset)
        if depth or quote:
            continue
        if char == separator or (separator == " " and char in "\r\n\t"):
            tokens.append(_trimmed(text, begin, place, offset))
            begin = place + 1
    if depth:
        raise _unbalanced(text, depth[-1], offset)
    if quote:
        raise Fault("a quotation mark is not closed", at=(offset, offset + len(text)))
    tokens.append(_trimmed(text, begin, len(text), offset))
    return [token for token in tokens if token.text] if separator == " " else tokens


def _trimmed(text: str, begin: int, end: int, offset: int) -> Token:
    piece = text[begin:end]
    begin += len(piece) - len(piece.lstrip())
    stripped = piece.strip()
    return Token(stripped, offset + begin, offset + begin + len(stripped))


def _unbalanced(text: str, place: int, offset: int) -> Fault:
    return Fault(
        f"unbalanced '{text[place]}'",
        fix="inside [ ] or { } YAML cuts at every comma: write the line without them, or a size as 1x7",
        at=(offset + place, offset + place + 1),
    )


def _check_line_break(text: str, place: int, offset: int) -> None:
    before = text[:place].rstrip()
    if before and not before.endswith(","):
        rest = text[place:].lstrip()
        begin = offset + len(text) - len(rest)
        raise Fault(
            "a line goes on only after a comma",
            fix="is a '- ' missing, or a comma at the end of the line before?",
            at=(begin, begin + max(1, len(rest.split("\n", 1)[0]))),
        )


def _check_equals(tokens: list[Token]) -> None:
    for token in tokens:
        text = token.text
        if text == "=" or text.startswith("=") or (text.endswith("=") and not text.endswith("==")):
            raise Fault("there is no blank around '=' in a line", fix="write name=value", at=token[1:])
        if text in ("if", "else", "and", "or", "not", "in", "+", "-", "/", "//", "==", "!=", "<", ">", "<=", ">="):
            raise Fault(
                f"a blank ends an argument: '{text}' stands alone",
                fix="put an expression with blanks into parentheses, or write it without blanks",
                at=token[1:],
            )
