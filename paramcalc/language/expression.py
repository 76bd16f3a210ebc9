"""Expressions: exact arithmetic on numbers, words, lists and sizes of tensors.

Text is parsed by the standard library's `ast` and accepted only node by node from an allow-list;
nothing is ever handed to `eval`. The operators and functions are defined in `values`.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

from paramcalc.base.errors import Fault, near, visible
from paramcalc.base.shape import AXES, Shape
from paramcalc.language.values import (
    FUNCTIONS,
    MOST_BITS,
    Value,
    arithmetic,
    bounded,
    call,
    collected,
    contains,
    divide,
    equal,
    extent,
    floor,
    indexed,
    power,
    reaches,
    remainder,
    truth,
    whole,
)
from paramcalc.ops.attributes import shown

__all__ = ["FUNCTIONS", "MEANT", "TRUTH", "Expression", "Names", "Value", "divide", "literal", "parse"]

LONGEST = 500
DEEPEST = 60
TRUTH = {"true": True, "false": False}
MEANT = frozenset(
    {*TRUTH, *FUNCTIONS, *keyword.kwlist}
)  # words that no knob or parameter may have as its name
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")
_PRODUCT = re.compile(r"\d+(?:x\d+)+")
_TEMPLATE = r"(?:\$\{{0,2}|\{{1,2}) ?(\w+) ?\}{0,2}"  # a name as templates have it
_NUMBER = r"(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?![\w.])"
# what Python's reader warns about or takes for letters: a backslash, 2w, 0x3, what is not ASCII
_DOUBTFUL = re.compile(r"[\\]|\d[\w.]*[A-Za-z_.]")
_ODD = rf"\\|[^\x00-\x7f]|(?<![\w.])(?!{_NUMBER})\.?\d[\w.]*"


Meter: TypeAlias = Callable[[int], None]


class Names(Protocol):
    """The meaning of names in an expression, at one place."""

    def value(self, name: str) -> Value:
        """The value of a name; `Fault` when nothing has that name."""

    def tensor(self, name: str) -> Shape:
        """The shape of `x` or of an earlier layer; `Fault` when there is none."""


class Expression(NamedTuple):
    """A parsed expression; `at` is its offset from the place of its owner.

    `constant` says that it mentions no name, and then `known` is its value; else `tree` gives it.
    `word` says that the whole text is one bare identifier. `free` are the names of values, `tensors`
    those of layers whose sizes it mentions, each once. `work` is the number of steps of evaluation.
    """

    text: str
    at: int
    tree: ast.expr
    constant: bool
    known: Value
    word: bool
    free: tuple[str, ...]
    tensors: tuple[str, ...]
    work: int

    def __repr__(self) -> str:
        return f"<Expression {visible(self.text)}>"

    def evaluate(self, names: Names, meter: Meter | None = None) -> Value:
        """The value; `Fault` with `at` relative to the text when there is none.

        The meter counts the values that are looked at, and may stop the evaluation.
        """
        if self.constant:
            return self.known
        meter = meter or _unmetered
        meter(self.work)
        return _evaluate(self.tree, names, meter)

    def names(self) -> list[str]:
        """The names of values that it mentions, each once."""
        return [*self.free]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its text, to be read again."""
        return (literal if self.constant and self.known == self.text else parse), (self.text, self.at)


def parse(text: str, at: int = 0) -> Expression:
    """Reads an expression; `Fault` with `at` relative to the text for what is not one.

    >>> parse("3x224x224").evaluate(None)
    (3, 224, 224)
    >>> parse("ceil(1.1*10)").evaluate(None)
    11
    """
    read = _read(text)
    return read if at == 0 else Expression(text, at, *read[2:])


def literal(text: str, at: int = 0) -> Expression:
    """A literal text, such as the name of a table's row."""
    return _known(text, text, at)


def _known(text: str, value: Value, at: int = 0) -> Expression:
    tree = ast.Constant(text)  # what it says does not matter: the value is known
    return Expression(text, at, tree, True, value, False, (), (), 1)


@lru_cache(maxsize=65536)
def _read(text: str) -> Expression:
    if _INTEGER.fullmatch(text):
        return _known(text, int(text))
    if len(text) > LONGEST:
        raise Fault(f"an expression may have at most {LONGEST} characters", at=(0, LONGEST))
    if _PRODUCT.fullmatch(text):
        return _known(text, tuple(bounded(int(part)) for part in text.split("x")))
    if _IDENTIFIER.fullmatch(text) and text not in MEANT:
        name = ast.Name(text, ast.Load(), col_offset=1, end_col_offset=len(text) + 1)
        return Expression(text, 0, name, False, None, True, (text,), (), 1)
    return _general(text)


def _general(text: str) -> Expression:
    tree = _parse_python(text)
    nodes = [*ast.walk(tree)]
    for node in nodes:
        _allow(node, text)
    _check_depth(tree)
    tensors = [
        node.value.id
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    names = [node for node in nodes if isinstance(node, ast.Name) and id(node) not in called | owners]
    free = [node.id for node in names if node.id not in TRUTH]
    constant, known = not free and not tensors, None
    if constant:
        try:
            known = _evaluate(tree, _NOTHING, _unmetered)
        except Fault:
            constant = False  # to be said where it is used
    once = tuple(dict.fromkeys(free)), tuple(dict.fromkeys(tensors))
    return Expression(text, 0, tree, constant, known, False, *once, len(nodes))


def _parse_python(text: str) -> ast.expr:
    padded = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    if not padded.strip():
        raise Fault("an expression is missing", at=(0, len(text)))
    odd = re.search(_ODD, padded) if _DOUBTFUL.search(padded) or not padded.isascii() else None
    if odd:
        raise _odd(odd)
    try:
        tree = ast.parse("(" + padded + ")", mode="eval").body
    except (SyntaxError, ValueError) as error:
        if "too many nested" in str(error):
            raise Fault("the expression is nested too deeply", at=(0, len(text))) from None
        raise _syntax_fault(text, getattr(error, "offset", None)) from None
    except (MemoryError, RecursionError):
        raise Fault("the expression is nested too deeply", at=(0, len(text))) from None
    if not _balanced(text) or (isinstance(tree, ast.Tuple) and tree.col_offset == 0):
        raise _unwrapped(text)
    return tree


def _odd(odd: re.Match[str]) -> Fault:
    """The fault for characters that no expression has."""
    if odd[0][-1].isascii() and odd[0] != "\\":
        fix = "a product needs a *, as in 2*width; sizes are 3x224x224, or 3 x size x size"
        return Fault(f"'{odd[0]}' is neither a number nor a name", fix=fix, at=odd.span())
    fix = "write x between sizes, * in a product" if odd[0] == "×" else ""
    return Fault(f"'{odd[0]}' is not part of an expression", fix=fix, at=odd.span())


def _unwrapped(text: str) -> Fault:
    if not _balanced(text):
        return Fault(f"unbalanced brackets in '{text}'", at=(0, len(text)))
    return Fault("a comma outside brackets", fix="a list is written [1, 2], a pair (1, 2)", at=(0, len(text)))


def _balanced(text: str) -> bool:
    """Whether every bracket outside quotes has its partner."""
    pairs = {")": "(", "]": "[", "}": "{"}
    opened: list[str] = []
    for char in re.sub(r"'[^']*'|\"[^\"]*\"", "", text):
        if char in "([{":
            opened.append(char)
        elif char in pairs and (not opened or opened.pop() != pairs[char]):
            return False
    return not opened


def _syntax_fault(text: str, offset: int | None) -> Fault:
    zeros = re.search(r"(?<![\w.])0+[0-9]+", text)
    if zeros:
        fact = f"'{zeros[0]}' has a leading zero: octal or decimal?"
        return Fault(fact, fix=f"write {int(zeros[0])}", at=zeros.span())
    if not _balanced(text):
        return _unwrapped(text)
    if re.fullmatch(r"\d+(:\d+)+", text):
        return Fault(f"'{text}' is not a number", at=(0, len(text)))
    if text.endswith(";"):
        fix = "separate calls with commas, or put them on lines of their own"
        return Fault("';' is not part of a line", fix=fix, at=(len(text) - 1, len(text)))
    named = re.fullmatch(_TEMPLATE, text)
    if named:
        return Fault(
            f"'{text}' is not an expression", fix=f"write the name alone: {named[1]}", at=(0, len(text))
        )
    single = re.search(r"(?<![=!<>])=(?!=)", text)
    if single:
        return Fault("'=' is not a comparison", fix="write == to compare", at=single.span())
    place = max(0, min((offset or 1) - 2, len(text) - 1))
    return Fault(f"'{text}' is not an expression", at=(place, place + 1) if offset else (0, len(text)))


def _check_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise Fault("the expression is nested too deeply", at=(0, tree.end_col_offset or 1))


class _Nothing:
    """A place where no name has a value."""

    def value(self, name: str) -> Value:
        raise Fault(f"'{name}' is not defined here")

    def tensor(self, name: str) -> Shape:
        raise Fault(f"there is no tensor '{name}' here")


_NOTHING = _Nothing()


def _unmetered(work: int) -> None:
    pass


# ------------------------------------------------------------------------------------- allow-list

_ALLOWED = (
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)
_REFUSED_OPERATORS = (
    ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.MatMult, ast.Invert, ast.Is, ast.IsNot,
)  # fmt: skip


def _allow(node: ast.AST, text: str) -> None:
    """Lets a node pass, or raises the `Fault` that it is not part of the language."""
    span = _span(node)
    operator = getattr(node, "op", None) or next(iter(getattr(node, "ops", ())), None)
    refused = node if not isinstance(node, _ALLOWED) else operator
    if not isinstance(node, _ALLOWED) or isinstance(operator, _REFUSED_OPERATORS):
        named = re.fullmatch(_TEMPLATE, text)
        fix = f"write the name alone: {named[1]}" if named else ""
        raise Fault(f"{_spoken(refused)} is not part of the language", fix=fix, at=span or (0, len(text)))
    if isinstance(node, ast.Constant):
        _allow_constant(node, text)
    elif isinstance(node, ast.Call):
        _allow_call(node)
    elif isinstance(node, ast.Attribute):
        _allow_attribute(node)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice | ast.Tuple):
        raise Fault("an index is one number", at=span)


def _allow_attribute(node: ast.Attribute) -> None:
    if not isinstance(node.value, ast.Name):
        raise Fault("only x and layers have sizes", expected="NAME.height", at=_span(node))
    if node.attr not in AXES:
        fix = near(node.attr, AXES)
        raise Fault(f"'{node.attr}' is not an axis", expected=", ".join(AXES), fix=fix, at=_span(node))


def _allow_constant(node: ast.Constant, text: str) -> None:
    """Replaces a float by the exact number that is written, and refuses other kinds."""
    value = node.value
    if isinstance(value, float):
        written = text[node.col_offset - 1 : (node.end_col_offset or 0) - 1]
        node.value = _exact(written, _span(node))
    elif value is None or value is Ellipsis or isinstance(value, bytes | complex):
        fix = "leave the argument out, or write none where that is its default" if value is None else ""
        raise Fault(f"{value!r} is not part of the language", fix=fix, at=_span(node))
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise Fault("the number is too large", at=_span(node))


def _exact(written: str, span: tuple[int, int] | None) -> Any:
    from fractions import Fraction

    mantissa, _, exponent = written.lower().replace("_", "").partition("e")
    if exponent and abs(int(exponent)) > 100:
        raise Fault(f"'{written}' is too large or too small", at=span)
    return whole(Fraction(mantissa) * Fraction(10) ** int(exponent or 0))


def _allow_call(node: ast.Call) -> None:
    span = _span(node)
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise Fault("only the built-in functions can be called, without keywords", at=span)
    function = FUNCTIONS.get(node.func.id)
    if function is None:
        fix = near(node.func.id, FUNCTIONS) or "functions are " + ", ".join(FUNCTIONS)
        raise Fault(f"there is no function '{node.func.id}'", fix=fix, at=span)
    if not function.least <= len(node.args) <= function.most:
        wanted = {1: "1 argument", 2: "1 or 2 arguments"}.get(function.most, "at least 1 argument")
        raise Fault(f"{node.func.id} takes {wanted}, not {len(node.args)}", at=span)


def _spoken(node: ast.AST | None) -> str:
    names = {
        "Lambda": "a function", "ListComp": "a comprehension", "GeneratorExp": "a comprehension",
        "Slice": "a slice", "JoinedStr": "a format string", "Starred": "'*'", "NamedExpr": "':='",
        "Dict": "a mapping", "Set": "a set", "BitXor": "'^' (a power is **)", "MatMult": "'@'",
        "BitAnd": "'&'", "BitOr": "'|'", "LShift": "'<<'", "RShift": "'>>'", "Invert": "'~'",
        "Is": "'is'", "IsNot": "'is not'", "SetComp": "a comprehension", "DictComp": "a comprehension",
    }  # fmt: skip
    kind = type(node).__name__
    return names.get(kind, f"this ({kind})")


def _span(node: ast.AST) -> tuple[int, int] | None:
    """Place of a node in the text, which was parsed inside one extra parenthesis."""
    start, end = getattr(node, "col_offset", None), getattr(node, "end_col_offset", None)
    return None if start is None or end is None else (start - 1, end - 1)


# ------------------------------------------------------------------------------------- evaluation


def _evaluate(node: ast.expr, names: Names, meter: Meter) -> Value:
    """The value of a node; a fault says which part of the text it is about."""
    try:
        match node:
            case ast.Name(name):
                return TRUTH[name] if name in TRUTH else names.value(name)
            case ast.Constant(known):
                return known
            case ast.BinOp(left, operator, right):
                one, two = _evaluate(left, names, meter), _evaluate(right, names, meter)
                return arithmetic(_ARITHMETIC[type(operator)], one, two)
            case ast.Compare():
                return _compared(node, names, meter)
            case ast.IfExp(test, body, otherwise):
                holds = truth(_evaluate(test, names, meter))
                return _evaluate(body if holds else otherwise, names, meter)
            case ast.Attribute(ast.Name(owner), axis):
                return _size(names.tensor(owner), owner, axis)
            case ast.Call(ast.Name(function), arguments):
                given = [_evaluate(argument, names, meter) for argument in arguments]
                meter(sum(len(argument) for argument in given if isinstance(argument, tuple)))
                return call(function, given)
            case ast.Subscript(sequence, place):
                return indexed(_evaluate(sequence, names, meter), _evaluate(place, names, meter))
            case ast.Tuple(items) | ast.List(items):
                values = collected([_evaluate(item, names, meter) for item in items])
                meter(extent(values)[0])
                return values
            case ast.BoolOp(operator, items):
                stops = isinstance(operator, ast.Or)
                found = any(_condition(item, names, meter) is stops for item in items)
                return stops if found else not stops
            case ast.UnaryOp(ast.Not(), operand):
                return not truth(_evaluate(operand, names, meter))
            case ast.UnaryOp(operator, operand):
                return arithmetic(_ARITHMETIC[type(operator)], 0, _evaluate(operand, names, meter))
    except Fault as fault:
        if fault.at is None:
            fault.at = _span(node)
        raise
    raise AssertionError(f"{node} was allowed")


def _size(shape: Shape, owner: str, axis: str) -> Value:
    if axis not in shape.axes:
        raise Fault(f"{owner} has no {axis}", found=f"{owner} is {shape.described()}")
    return shape.size(axis)


def _condition(node: ast.expr, names: Names, meter: Meter) -> bool:
    value = _evaluate(node, names, meter)
    if not isinstance(value, bool):
        raise Fault("'and' and 'or' join conditions", found=shown(value), at=_span(node))
    return value


def _compared(node: ast.Compare, names: Names, meter: Meter) -> bool:
    """Whether a chain of comparisons holds; what follows the first that fails is not evaluated."""
    left = _evaluate(node.left, names, meter)
    for operator, part in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(part, names, meter)
        if isinstance(right, tuple):
            meter(extent(right)[0])
        if not _COMPARISONS[type(operator)](left, right):
            return False
        left = right
    return True


_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda one, two: whole(one + two),
    ast.Sub: lambda one, two: whole(one - two),
    ast.Mult: lambda one, two: whole(one * two),
    ast.Div: divide,
    ast.FloorDiv: floor,
    ast.Mod: remainder,
    ast.Pow: power,
    ast.UAdd: lambda zero, value: value,
    ast.USub: lambda zero, value: -value,
}

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: equal,
    ast.NotEq: lambda one, two: not equal(one, two),
    ast.GtE: reaches,
    ast.LtE: lambda one, two: reaches(two, one),
    ast.Gt: lambda one, two: not reaches(two, one),
    ast.Lt: lambda one, two: not reaches(one, two),
    ast.In: lambda one, two: contains(two, one),
    ast.NotIn: lambda one, two: not contains(two, one),
}
