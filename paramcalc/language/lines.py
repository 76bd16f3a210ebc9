"""The one-line syntax: calls, arguments and references on a plain YAML scalar.

Commas and blanks split only outside brackets. Offsets are relative to the line, so that a line
that stands a thousand times in a spec is read once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.language.expression import MEANT, Expression, literal
from paramcalc.language.expression import parse as parse_expression
from paramcalc.language.spec import ALL, Argument, Call, Parameter, Reference, Written

NAME = re.compile(r"[A-Za-z0-9_-]+")
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
RESERVED = {"x", "channels", "identity", "from"}
LONGEST_LINE = 10_000
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)=(?!=)")
_ARGUMENT = r"[\d(\[.'-]|[A-Za-z_]\w*="
_SIMPLE = re.compile(r"[^()\[\]{}'\"\r\n]*")  # nothing that needs brackets matched
_SPECIAL = re.compile(r"[()\[\]{}'\",\s]")
_PARTNER = {")": "(", "]": "[", "}": "{"}
_BETWEEN_CALLS = {"->", "=>", "|"}  # what other notations have there
_OPERATORS = {
    *_BETWEEN_CALLS,
    "if",
    "else",
    "and",
    "or",
    "not",
    "in",
    "+",
    "-",
    "/",
    "//",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
}


class Token(NamedTuple):
    text: str
    start: int
    end: int


class CallLine(NamedTuple):
    """Calls in a row, or, where `times` is given, one call to be repeated."""

    calls: tuple[Call, ...]
    times: Expression | None


@lru_cache(maxsize=65536)
def read_line(text: str) -> CallLine:
    """The calls of a line; `Fault` with `at` relative to it for what is not one."""
    segments = _segments(text)
    for words in segments:
        for token in words:
            if token.text == "*":
                return _repeated(segments, token)
    try:
        return CallLine(tuple([read_call(words) for words in segments]), None)
    except Fault as fault:
        fault.fix = fault.fix or _comma_fix(segments, fault)
        raise


def _comma_fix(segments: list[list[Token]], fault: Fault) -> str:
    """What to write instead of a comma between the arguments of one call; '' if there is none."""
    for before, words in pairwise(segments):
        if fault.about == "head" and words[0][1:] == fault.at and re.match(_ARGUMENT, words[0].text):
            whole = " ".join(token.text for token in (*before, *words))
            return f"a comma ends a call; separate arguments with spaces: {whole}"
    return ""


def _repeated(segments: list[list[Token]], star: Token) -> CallLine:
    first = segments[0]
    if len(segments) > 1:
        raise Fault(
            "'N * call' must be alone on its line: with more calls it would be ambiguous",
            fix="put the repeat on its own line, or turn the calls into a block",
            at=star[1:],
        )
    if len(first) < 3 or first[1] is not star or first[2].text.isdigit():
        place = first.index(star)
        around = first[max(0, place - 1) : place + 2]
        fix = f"write {''.join(token.text for token in around)}" if len(around) == 3 else ""
        if fix and len(first) == place + 2 and WORD.fullmatch(first[0].text):
            call = " ".join(token.text for token in first[:place])
            fix += f"; to repeat the call, {first[-1].text} * {call}"
        raise Fault("'*' between spaces repeats a call, as in 3 * block 64", fix=fix, at=star[1:])
    _check_spacing(first[0])
    return CallLine((read_call(first[2:]),), read_expression(first[0]))


def read_call(tokens: list[Token]) -> Call:
    """A call: its head, arguments, and references after the word `from`."""
    if len(tokens) == 3 and tokens[1].text == "+":
        fix = f"to add tensors, write add from {tokens[0].text} {tokens[2].text}"
        raise Fault("a space ends an argument, so '+' stands alone", fix=fix, at=tokens[1][1:])
    if len(tokens) > 1 and tokens[1].text == "=":
        from paramcalc.language import foreign

        name = tokens[0].text.removeprefix("self.")
        fix = "an argument is name=value; the name of a layer has a colon: a: relu"
        line = foreign.line(tokens[2].text) if len(tokens) == 3 else ""
        if line:
            fix = f"write {line}" if unfit(name) else f"write {name}: {line}"
        raise Fault("no spaces around '=' on a line", fix=fix, at=tokens[1][1:])
    cut = len(tokens)
    for place, token in enumerate(tokens):
        if token.text == "from":
            cut = min(cut, place)
        elif "=" in token.text or token.text in _OPERATORS:
            _check_spacing(token)
    if cut == len(tokens) - 1:
        raise Fault("'from' needs the name of an earlier layer", at=tokens[cut][1:])
    head = _head(tokens) if cut else ""
    read = tuple([read_argument(token) for token in tokens[1:cut]])
    _check_order(read)
    sources = tuple([_read_source(token) for token in tokens[cut + 1 :]])
    return Call(head, read, sources, tokens[0].start, tokens[-1].end, dependence(head, read))


def dependence(head: str, arguments: Iterable[Argument]) -> frozenset[str] | None:
    """The names that a call depends on, or None when names and the incoming tensor do not decide it."""
    names = {head}
    for argument in arguments:
        if argument.name in ("share", "frozen") or not _gather(argument.value, names):
            return None
    return frozenset(names)


def _gather(value: Written | Reference, names: set[str]) -> bool:
    if isinstance(value, Expression):
        names.update(value.free)
        return all(tensor == "x" for tensor in value.tensors)
    return not isinstance(value, Reference) and all(_gather(item, names) for item in value)


def _read_source(token: Token) -> Reference:
    """A layer named after `from`."""
    if "=" in token.text and _ASSIGNED.match(token.text):
        fact = f"'from' and its layers come last, and '{token.text}' is not a layer"
        raise Fault(fact, fix=f"write {token.text} before 'from'", at=token[1:])
    return read_reference(token)


def _head(tokens: list[Token]) -> str:
    token = tokens[0]
    if WORD.fullmatch(token.text):
        return token.text
    missing = re.match(r"([A-Za-z0-9_-]+):(\S+)", token.text)
    if missing:
        fix = f"add a space after the colon: {missing[1]}: {missing[2]}"
        raise Fault(f"'{token.text}' is not an op or block", fix=fix, at=token[1:])
    fact = f"a line starts with an op or a block, not with '{token.text}'"
    raise Fault(fact, fix=_head_fix(tokens), about="head", at=token[1:])


def _head_fix(tokens: list[Token]) -> str:
    """What to write for a call with parentheses, or a repetition with an x; '' for anything else."""
    called = re.fullmatch(r"([\w.]+)\((.*)\)", tokens[0].text, re.DOTALL)
    if called:
        from paramcalc.language import foreign

        line = foreign.line(tokens[0].text)
        if line:
            return f"write {line}"
        name = called[1].rpartition(".")[2]
        known = foreign.advice(name)
        if known and not ops.known(name):
            return known
        name = name if ops.known(name) or not ops.known(name.lower()) else name.lower()
        given = _blanked(called[2])
        joins = op_joins(name) and all(map(WORD.fullmatch, given))
        return f"write {' '.join([name, *(['from'] if joins else []), *given])}"
    whole = " ".join(token.text for token in tokens)
    repeated = re.fullmatch(r"(\S+?)(?: ?\* ?| [x×] )([A-Za-z_].*)", whole)
    return f"to repeat a call, write {repeated[1]} * {repeated[2]}" if repeated else ""


def op_joins(name: str) -> bool:
    """Whether an op of that very name always has several inputs, or none."""
    op = ops.find(name) if ops.known(name) else None
    return op is not None and (op.inputs is None or len(op.inputs) - op.optional != 1)


def _blanked(arguments: str) -> list[str]:
    """Arguments with commas between, each without blanks around '='."""
    try:
        found = split(arguments) if arguments.strip() else []
    except Fault:
        return ["..."]
    return [re.sub(r"\s*=\s*", "=", token.text) for token in found]


def _check_order(arguments: tuple[Argument, ...]) -> None:
    named = ""
    seen: set[str] = set()
    for argument in arguments:
        if not argument.name and named:
            fix = f"put it before {named}=, or give it a name as well"
            raise Fault(
                "an argument without a name cannot follow one with a name",
                fix=fix,
                at=(argument.start, argument.end),
            )
        if argument.name in seen:
            raise Fault(f"'{argument.name}' is given twice", at=(argument.start, argument.end))
        if argument.name:
            named = argument.name
            seen.add(named)


def read_argument(token: Token) -> Argument:
    """`value` or `name=value`."""
    text, start, end = token
    assigned = _ASSIGNED.match(text) if "=" in text else None
    if assigned is None:
        return Argument("", read_expression(token), start, end)
    value = Token(text[assigned.end() :], start + assigned.end(), end)
    if assigned[1] == "from":
        raise Fault(
            "'from' is a keyword, not an argument", fix=f"put it last: from {value.text}", at=token[1:]
        )
    shares = assigned[1] == "share"
    return Argument(assigned[1], read_share(value) if shares else read_expression(value), start, end)


def read_expression(token: Token) -> Expression:
    """An expression at its place in the line."""
    try:
        return parse_expression(token.text, token.start)
    except Fault as fault:
        start, end = fault.at or (0, len(token.text))
        fault.at = (token.start + start, token.start + end)
        raise


def read_share(token: Token) -> Reference:
    """A path to a layer or group whose weights are shared, or to one weight of a layer: `first/attention.key`."""
    path, _, weight = token.text.rpartition(".")
    if not path or not NAME.fullmatch(weight):
        return read_reference(token)
    cut = token._replace(text=path, end=token.end - len(weight) - 1)
    return read_reference(cut)._replace(end=token.end, weight=weight)


def read_reference(token: Token) -> Reference:
    """A path of names to an earlier layer, each with indices or none: `down[3-i]/features`."""
    parts = []
    for part in _outside_brackets(token, "/"):
        name = part.text.partition("[")[0]
        inner = Token(part.text[len(name) :], part.start + len(name), part.end)
        pieces = _outside_brackets(inner, "]") if inner.text else []
        closed = all(piece.text.startswith("[") for piece in pieces[:-1]) and not (pieces and pieces[-1].text)
        if not NAME.fullmatch(name) or not closed:
            fact = f"'{token.text}' is not the path of a layer"
            raise Fault(fact, expected="names with / between", fix=_path_fix(token.text), at=token[1:])
        indices = [_index(Token(text[1:], start + 1, end)) for text, start, end in pieces[:-1]]
        parts.append((name, tuple(indices)))
    several = "[*]" in token.text
    return Reference(tuple(parts), token.start, token.end, several)


def _index(token: Token) -> Expression:
    """The number of a round, or all of them."""
    return literal(ALL, token.start) if token.text == ALL else read_expression(token)


def _path_fix(text: str) -> str:
    if text.startswith("["):
        return f"separate the layers with spaces: {' '.join(_blanked(text[1:-1]))}"
    if "*" in text:
        return (
            "write a[*]/out for the layer of every round of a repeat, a[i-1]/out for that of the round before"
        )
    bare = text.strip("'\"")
    return f"write it without quotes: {bare}" if bare != text and NAME.fullmatch(bare) else ""


def _outside_brackets(token: Token, separator: str) -> list[Token]:
    """Cuts a text at a separator where no square bracket, or only the one that it closes, is open."""
    found, begin, depth = [], 0, 0
    for place, char in enumerate(token.text):
        depth += (char == "[") - (char == "]")
        if char == separator and depth == 0:
            found.append(Token(token.text[begin:place], token.start + begin, token.start + place))
            begin = place + 1
    return [*found, Token(token.text[begin:], token.start + begin, token.end)]


def read_references(text: str, read: Callable[[Token], Reference] = read_reference) -> tuple[Reference, ...]:
    """Several paths with blanks between."""
    return tuple(read(token) for token in words(text, "path"))


def read_signature(text: str) -> tuple[str, tuple[Parameter, ...], tuple[str, ...]]:
    """Name, parameters and further inputs of a block: `decoder heads=8 from x memory`."""
    tokens = words(text, "parameter")
    called = re.fullmatch(r"(\w+)\((.*)\)", text, re.DOTALL)
    if called and WORD.fullmatch(called[1]):
        fix = f"write {' '.join([called[1], *_blanked(called[2])])}"
        raise Fault("a block's parameters are separated by spaces, without parentheses", fix=fix)
    for token in tokens:
        _check_spacing(token)
    cut = next((i for i, token in enumerate(tokens) if token.text == "from"), len(tokens))
    inputs = tokens[cut + 1 :]
    if cut < len(tokens) and (not inputs or inputs[0].text != "x"):
        fix = "write, for example: from x memory"
        raise Fault("a block's inputs start with x, the incoming tensor", fix=fix, at=tokens[cut][1:])
    parameters: dict[str, Parameter] = {}
    optional = False
    for token in tokens[1:cut]:
        name = token.text.partition("=")[0]
        _check_word(name, token)
        argument = read_argument(token)
        if name in parameters:
            raise Fault(f"the parameter '{name}' appears twice", at=token[1:])
        default = argument.value if argument.name else None
        optional = optional or default is not None
        if default is None and optional:
            raise Fault(f"'{name}' has no default but follows a parameter that has one", at=token[1:])
        assert default is None or isinstance(default, Expression)
        parameters[name] = Parameter(name, default, token.start)
    for token in (tokens[0], *inputs[1:]):
        _check_word(token.text, token)
    names = dict.fromkeys(parameters)
    for token in inputs[1:]:
        if token.text in names:
            raise Fault(f"the name '{token.text}' appears twice in the signature", at=token[1:])
        names[token.text] = None
    return tokens[0].text, tuple(parameters.values()), tuple(names)[len(parameters) :]


def _check_word(name: str, token: Token) -> None:
    why = unfit(name)
    if why:
        raise Fault(f"'{name}' {why}", at=token[1:])


def unfit(name: str) -> str:
    """Why a word cannot name a knob, parameter, column, index or block; '' when it can."""
    if not WORD.fullmatch(name):
        return "is not a name: letters, digits and _, not a digit first"
    if name in RESERVED or name in ("share", "frozen"):
        return "is reserved"
    return "means something in expressions" if name in MEANT else ""


# ------------------------------------------------------------------------------------- splitting


def words(text: str, what: str) -> list[Token]:
    """Cuts a text at blanks outside brackets and quotes. A comma there is a fault."""
    segments = _segments(text)
    if len(segments) > 1:
        comma = segments[0][-1].end if segments[0] else 0
        fact = f"{what}s are separated by spaces, not commas"
        raise Fault(fact, fix="leave out the commas", at=(comma, comma + 1))
    return segments[0]


def split(text: str) -> list[Token]:
    """Cuts a text at commas outside brackets and quotes."""
    return [
        Token(text[tokens[0].start : tokens[-1].end], tokens[0].start, tokens[-1].end)
        for tokens in _segments(text)
    ]


def _segments(text: str) -> list[list[Token]]:
    """Cuts a text at commas, and each piece at blanks, both outside brackets and quotes."""
    if len(text) > LONGEST_LINE:
        raise Fault(f"a line may have at most {LONGEST_LINE:,} characters", at=(0, LONGEST_LINE))
    found, commas = _simple_segments(text) if _SIMPLE.fullmatch(text) else _bracketed_segments(text)
    for number, tokens in enumerate(found):
        if not tokens and commas:
            last = number == len(commas)
            place = commas[-1] if last else commas[number]
            where = "after the last comma" if last else "before this comma"
            raise Fault(f"nothing {where}", at=(place, place + 1))
    if not found[0]:
        raise Fault("this line is empty", at=(0, len(text)))
    return found


def _simple_segments(text: str) -> tuple[list[list[Token]], list[int]]:
    """The segments, and the places of the commas between them, of a text without brackets."""
    found, commas = [], []
    begin = 0
    for piece in text.split(","):
        tokens = []
        place = begin
        for word in piece.split():
            place = text.index(word, place)
            tokens.append(Token(word, place, place + len(word)))
            place += len(word)
        found.append(tokens)
        begin += len(piece) + 1
        commas.append(begin - 1)
    return found, commas[:-1]


def _bracketed_segments(text: str) -> tuple[list[list[Token]], list[int]]:
    """The same of any text."""
    found: list[list[Token]] = [[]]
    commas: list[int] = []
    opened: list[int] = []
    begin, quoted = 0, -1

    def cut(end: int) -> None:
        if end > begin:
            found[-1].append(Token(text[begin:end], begin, end))

    for match in _SPECIAL.finditer(text):
        place, char = match.start(), match[0]
        if quoted >= 0:
            quoted = -1 if char == text[quoted] else quoted
        elif char in "'\"":
            quoted = place
        elif char in "([{":
            opened.append(place)
        elif char in _PARTNER:
            partner = text[opened.pop()] if opened else ""
            if partner != _PARTNER[char]:
                raise _unbalanced(text, place, partner)
        elif char in "\r\n":
            _check_line_break(text, place)
        if opened or quoted >= 0 or char in ")]}'\"":
            continue
        cut(place)
        begin = place + 1
        if char == ",":
            found.append([])
            commas.append(place)
    if quoted >= 0:
        raise Fault("this quotation mark is not closed", at=(quoted, quoted + 1))
    if opened:
        raise _unbalanced(text, opened[-1])
    cut(len(text))
    return found, commas


def _unbalanced(text: str, place: int, opened: str = "") -> Fault:
    char = text[place]
    if char not in _PARTNER:
        fact = f"'{char}' is never closed"
    else:
        fact = f"'{char}' cannot close '{opened}'" if opened else f"'{char}' closes nothing"
    return Fault(fact, about="bracket", at=(place, place + 1))


def _check_line_break(text: str, place: int) -> None:
    before = text[:place].rstrip()
    rest = text[place:].lstrip()
    if before and rest and not before.endswith(",") and text[place - 1] not in "\r\n":
        begin = len(text) - len(rest)
        dashed = "its '- ' is not in the same column as the one above, or the line above has none"
        raise Fault(
            "a line continues on the next line only after a comma",
            fix=dashed
            if rest.startswith("- ")
            else "is a '- ' missing here, or a comma at the end of the previous line?",
            at=(begin, begin + len(re.split(r"[\r\n]", rest)[0])),
        )


def _check_spacing(token: Token) -> None:
    """Refuses what shows that a blank has cut an expression in two."""
    text = token.text
    if (text[0] == "=" and text not in _OPERATORS) or (text[-1] == "=" and text not in _OPERATORS):
        raise Fault("no spaces around '=' on a line", fix="write name=value", at=token[1:])
    if text in _BETWEEN_CALLS:
        fix = "separate calls with commas: conv2d 64 3, relu"
        raise Fault(f"'{text}' is not part of a line", fix=fix, at=token[1:])
    if text in _OPERATORS:
        fix = "put an expression that has spaces in parentheses, or remove the spaces"
        raise Fault(f"a space ends an argument, so '{text}' stands alone", fix=fix, at=token[1:])
