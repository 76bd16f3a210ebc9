"""Expressions: exact arithmetic on numbers, words, tuples and sizes of tensors.

Text is parsed by the standard library's `ast` and accepted only node by node from an allow-list;
nothing is ever handed to `eval`. Numbers are whole or exact fractions, never binary floats, and
symbols pass through the same operators.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from paramcalc.errors import Fault, near
from paramcalc.ops.attributes import shown
from paramcalc.shape import AXES, Shape
from paramcalc.sizes import at_least, floor_divide, judge, same

Value: TypeAlias = Any  # int, Fraction, bool, str, a tuple of these, or a symbolic expression

LONGEST = 500
MOST_BITS = 512
TRUTH = {"true": True, "false": False}
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_PRODUCT = re.compile(r"\d+(?:x\d+)+")


class Scope(Protocol):
    """What the names of an expression stand for, at one place."""

    def value(self, name: str) -> Value:
        """The value of a name; `Fault` when nothing has that name."""

    def tensor(self, name: str) -> Shape:
        """The shape of `x` or of an earlier layer; `Fault` when there is none."""


class Choice(str):
    """A word together with the words that may stand in its place."""

    __slots__ = ("choices",)
    choices: tuple[str, ...]

    def __new__(cls, text: str, choices: tuple[str, ...]) -> Choice:
        self = super().__new__(cls, text)
        self.choices = choices
        return self


class Expression(NamedTuple):
    """A parsed expression; `at` is its offset from the place its owner stands at."""

    text: str
    at: int
    tree: ast.expr
    constant: bool
    word: bool  # the whole text is one bare identifier

    def evaluate(self, scope: Scope) -> Value:
        """The value; `Fault` with `at` relative to the text when there is none."""
        return _evaluate(self.tree, scope)

    def names(self) -> list[str]:
        """The names it mentions, in order, each once."""
        found = [node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        return list(dict.fromkeys(name for name in found if name not in FUNCTIONS))


def parse(text: str, at: int = 0) -> Expression:
    """Reads an expression; `Fault` with `at` relative to the text for what is not one.

    >>> parse("3x224x224").evaluate(None)
    (3, 224, 224)
    >>> parse("ceil(1.1*10)").evaluate(None)
    11
    """
    if len(text) > LONGEST:
        raise Fault(f"an expression may have at most {LONGEST} characters", at=(0, LONGEST))
    if _PRODUCT.fullmatch(text):
        sizes = [ast.Constant(int(part)) for part in text.split("x")]
        return Expression(text, at, ast.Tuple(sizes, ast.Load()), constant=True, word=False)
    tree = _parse_python(text)
    constant = True
    for node in ast.walk(tree):
        _allow(node, text)
        constant = constant and not _free(node)
    return Expression(text, at, tree, constant, isinstance(tree, ast.Name))


def _free(node: ast.AST) -> bool:
    """Whether a node's value depends on where the expression stands."""
    return isinstance(node, ast.Name) and node.id not in TRUTH and node.id not in FUNCTIONS


def literal(text: str, at: int = 0) -> Expression:
    """A text that stands for itself, such as a path or the name of a table's row."""
    return Expression(text, at, ast.Constant(text), constant=True, word=False)


def _parse_python(text: str) -> ast.expr:
    padded = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    lead = len(padded) - len(padded.lstrip(" "))
    try:
        tree = ast.parse("(" + padded + ")", mode="eval").body
    except SyntaxError as error:
        raise _syntax_fault(text, error) from None
    except (MemoryError, RecursionError, ValueError):
        raise Fault("the expression is nested too deeply", at=(0, len(text))) from None
    if not padded.strip() or not padded.isascii():
        strange = next((i for i, c in enumerate(padded) if not c.isascii()), None)
        if strange is not None:
            fix = "write x between sizes" if padded[strange] == "×" else ""
            raise Fault(f"'{padded[strange]}' is not part of an expression", at=(strange, strange + 1), fix=fix)
        raise Fault("an expression is missing", at=(0, lead))
    return tree


def _syntax_fault(text: str, error: SyntaxError) -> Fault:
    place = max(0, min((error.offset or 1) - 2, len(text) - 1))
    zeros = re.search(r"(?<![\w.])0+\d+", text)
    if zeros:
        return Fault(
            f"'{zeros[0]}' has a leading zero: octal or decimal?",
            fix=f"write {int(zeros[0])}",
            at=zeros.span(),
        )
    if re.fullmatch(r"\d+(:\d+)+", text):
        return Fault(f"'{text}' is not a number", at=(0, len(text)))
    for opening, closing in ("()", "[]"):
        if text.count(opening) != text.count(closing):
            return Fault(f"unbalanced '{opening}' in '{text}'", at=(0, len(text)))
    strange = re.search(r"[^\x00-\x7f]", text)
    if strange:
        fix = "write x between sizes" if strange[0] == "×" else ""
        return Fault(f"'{strange[0]}' is not part of an expression", at=strange.span(), fix=fix)
    return Fault(f"'{text}' is not an expression", at=(place, place + 1))


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
    if not isinstance(node, _ALLOWED) or isinstance(node, _REFUSED_OPERATORS):
        raise Fault(f"'{text}': {_spoken(node)} is not part of the language", at=span)
    if isinstance(node, ast.Constant):
        _allow_constant(node, text)
    elif isinstance(node, ast.Call):
        _allow_call(node)
    elif isinstance(node, ast.Attribute):
        if not isinstance(node.value, ast.Name):
            raise Fault("only a layer's name or x has sizes", at=span)
        if node.attr not in AXES:
            fix = near(node.attr, AXES)
            raise Fault(f"'{node.attr}' is not the name of an axis", expected=", ".join(AXES), fix=fix, at=span)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice | ast.Tuple):
        raise Fault("an index is one number", at=span)


def _allow_constant(node: ast.Constant, text: str) -> None:
    """Replaces a float by the exact number that is written, and refuses other kinds."""
    value = node.value
    if isinstance(value, float):
        written = text[node.col_offset - 1 : (node.end_col_offset or 0) - 1]
        node.value = _exact(written, _span(node))
    elif value is None or value is Ellipsis or isinstance(value, bytes | complex):
        raise Fault(f"{value!r} is not part of the language", at=_span(node))
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise Fault("the number is too large", at=_span(node))


def _exact(written: str, span: tuple[int, int]) -> Any:
    from fractions import Fraction

    mantissa, _, exponent = written.lower().replace("_", "").partition("e")
    if exponent and abs(int(exponent)) > 100:
        raise Fault(f"'{written}' is too large or too small", at=span)
    return _whole(Fraction(mantissa) * Fraction(10) ** int(exponent or 0))


def _allow_call(node: ast.Call) -> None:
    span = _span(node)
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise Fault("only the built-in functions can be called, without keywords", at=span)
    function = FUNCTIONS.get(node.func.id)
    if function is None:
        fix = near(node.func.id, FUNCTIONS) or "functions are " + ", ".join(FUNCTIONS)
        raise Fault(f"there is no function '{node.func.id}'", fix=fix, at=span)
    if not function.least <= len(node.args) <= function.most:
        wanted = str(function.least) if function.least == function.most else f"at least {function.least}"
        fact = f"{node.func.id} takes {wanted} argument{'s' * (wanted != '1')}, not {len(node.args)}"
        raise Fault(fact, at=span)


def _spoken(node: ast.AST) -> str:
    names = {
        "Lambda": "a function", "ListComp": "a comprehension", "GeneratorExp": "a comprehension",
        "Slice": "a slice", "JoinedStr": "a format string", "Starred": "'*'", "NamedExpr": "':='",
        "Dict": "a mapping", "Set": "a set", "Pow": "'**'", "BitXor": "'^'", "MatMult": "'@'",
    }  # fmt: skip
    kind = type(node).__name__
    return names.get(kind, f"this ({kind})")


def _span(node: ast.AST) -> tuple[int, int] | None:
    """Place of a node in the text, which was parsed inside one extra parenthesis."""
    start, end = getattr(node, "col_offset", None), getattr(node, "end_col_offset", None)
    return None if start is None or end is None else (start - 1, end - 1)


# ------------------------------------------------------------------------------------- evaluation


def _evaluate(node: ast.expr, scope: Scope) -> Value:
    try:
        return _RULES[type(node)](node, scope)
    except Fault as fault:
        if fault.at is None:
            fault.at = _span(node)
        raise


def _constant(node: ast.Constant, scope: Scope) -> Value:
    return node.value


def _name(node: ast.Name, scope: Scope) -> Value:
    truth = TRUTH.get(node.id)
    return scope.value(node.id) if truth is None else truth


def _attribute(node: ast.Attribute, scope: Scope) -> Value:
    assert isinstance(node.value, ast.Name)
    shape = scope.tensor(node.value.id)
    if node.attr not in shape.axes:
        raise Fault(f"{node.value.id} has no {node.attr}", found=f"{node.value.id} is {shape.described()}")
    return shape.size(node.attr)


def _sequence(node: ast.Tuple | ast.List, scope: Scope) -> Value:
    return tuple(_evaluate(item, scope) for item in node.elts)


def _index(node: ast.Subscript, scope: Scope) -> Value:
    values, index = _evaluate(node.value, scope), _evaluate(node.slice, scope)
    if not isinstance(values, tuple):
        raise Fault("only a list has an index", found=shown(values))
    if isinstance(index, bool) or not isinstance(index, int):
        raise Fault("an index must be a whole number", found=shown(index))
    if not -len(values) <= index < len(values):
        raise Fault(f"index {index} is outside a list of {len(values)}", found=shown(values))
    return values[index]


def _conditional(node: ast.IfExp, scope: Scope) -> Value:
    return _evaluate(node.body if truth(_evaluate(node.test, scope)) else node.orelse, scope)


def _boolean(node: ast.BoolOp, scope: Scope) -> Value:
    stops = isinstance(node.op, ast.Or)
    for item in node.values:
        if truth(_evaluate(item, scope)) is stops:
            return stops
    return not stops


def _unary(node: ast.UnaryOp, scope: Scope) -> Value:
    value = _evaluate(node.operand, scope)
    if isinstance(node.op, ast.Not):
        return not truth(value)
    _numbers(value)
    return -value if isinstance(node.op, ast.USub) else value


def _binary(node: ast.BinOp, scope: Scope) -> Value:
    one, two = _evaluate(node.left, scope), _evaluate(node.right, scope)
    _numbers(one, two)
    return bounded(_OPERATORS[type(node.op)](one, two))


def _compare(node: ast.Compare, scope: Scope) -> Value:
    left = _evaluate(node.left, scope)
    for operator, item in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(item, scope)
        if not _holds(operator, left, right):
            return False
        left = right
    return True


def _call(node: ast.Call, scope: Scope) -> Value:
    assert isinstance(node.func, ast.Name)
    arguments = [_evaluate(item, scope) for item in node.args]
    name = node.func.id
    if name != "len":
        flat = [part for item in arguments for part in (item if isinstance(item, tuple) else (item,))]
        _numbers(*flat)
        if not all(_plain(item) for item in flat):
            return judge.get().function(name, flat)
    return bounded(FUNCTIONS[name].apply(*arguments))


_RULES: dict[type, Callable[[Any, Scope], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Subscript: _index,
    ast.IfExp: _conditional,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.Call: _call,
}


def truth(value: Value) -> bool:
    """The value of a condition, which must be true or false."""
    if not isinstance(value, bool):
        raise Fault("a condition must be true or false", found=shown(value))
    return value


def bounded(value: Value) -> Value:
    """The value itself, unless it is a number too large to be meant."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise Fault(f"the number has more than {MOST_BITS} bits")
    return value


def _plain(value: Value) -> bool:
    """Whether a number is a number, and not a symbolic expression."""
    return isinstance(value, int) or type(value).__module__ == "fractions"


def _numbers(*values: Value) -> None:
    for value in values:
        if isinstance(value, bool | str | tuple):
            raise Fault("arithmetic takes numbers only", found=shown(value))


def _whole(value: Any) -> Any:
    """A fraction with denominator 1 as the whole number that it is."""
    return value.numerator if getattr(value, "denominator", 0) == 1 else value


def divide(one: Value, two: Value) -> Value:
    """Exact division: whole where it comes out whole, else a fraction."""
    if isinstance(one, int) and isinstance(two, int):
        if two and one % two == 0:
            return one // two
        from fractions import Fraction

        return Fraction(one, _divisor(two))
    return _whole(one / _divisor(two))


def _floor(one: Value, two: Value) -> Value:
    if _plain(one) and _plain(two):
        return one // _divisor(two)
    return floor_divide(one, two)


def _remainder(one: Value, two: Value) -> Value:
    return one - two * _floor(one, two)


def _power(one: Value, two: Value) -> Value:
    if not isinstance(two, int) or abs(two) > MOST_BITS:
        raise Fault(f"an exponent must be a whole number of at most {MOST_BITS}", found=shown(two))
    if _plain(one):
        size = max(abs(one.numerator).bit_length(), one.denominator.bit_length())
        if size > 1 and size * abs(two) > 2 * MOST_BITS:
            raise Fault(f"the power has more than {MOST_BITS} bits")
        if two < 0:
            return divide(1, one**-two)
    return _whole(one**two)


def _divisor(value: Value) -> Value:
    if _plain(value) and value == 0:
        raise Fault("division by zero")
    return value


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda one, two: _whole(one + two),
    ast.Sub: lambda one, two: _whole(one - two),
    ast.Mult: lambda one, two: _whole(one * two),
    ast.Div: divide,
    ast.FloorDiv: _floor,
    ast.Mod: _remainder,
    ast.Pow: _power,
}


def _holds(operator: ast.cmpop, one: Value, two: Value) -> bool:
    if isinstance(operator, ast.In | ast.NotIn):
        if not isinstance(two, tuple):
            raise Fault("'in' needs a list on its right", found=shown(two))
        return any(_equal(one, item) for item in two) is isinstance(operator, ast.In)
    if isinstance(operator, ast.Eq):
        return _equal(one, two)
    if isinstance(operator, ast.NotEq):
        return not _equal(one, two)
    _numbers(one, two)
    if isinstance(operator, ast.GtE):
        return _reaches(one, two)
    if isinstance(operator, ast.LtE):
        return _reaches(two, one)
    if isinstance(operator, ast.Gt):
        return not _reaches(two, one)
    return not _reaches(one, two)


def _reaches(one: Value, two: Value) -> bool:
    """Whether `one >= two`."""
    return bool(one >= two) if _plain(one) and _plain(two) else at_least(one, two)


def _equal(one: Value, two: Value) -> bool:
    for word, other in ((one, two), (two, one)):
        if isinstance(word, Choice) and isinstance(other, str) and other not in word.choices:
            raise Fault(
                f"'{other}' is never the value here",
                expected=", ".join(word.choices),
                fix=near(other, word.choices),
            )
    symbolic = [value for value in (one, two) if not isinstance(value, bool | str | tuple) and not _plain(value)]
    if symbolic and not any(isinstance(value, bool | str | tuple) for value in (one, two)):
        return same(one, two)
    if isinstance(one, str) is not isinstance(two, str):
        raise Fault("a word never equals a number", found=f"{shown(one)} and {shown(two)}")
    return bool(one == two)


# -------------------------------------------------------------------------------------- functions


class Function(NamedTuple):
    apply: Callable[..., Any]
    least: int
    most: int


def divisible(value: Value, divisor: Value) -> Value:
    """The nearest multiple of `divisor`, at least one, and not below 90 % of the value.

    Source: TensorFlow's `make_divisible`, used by MobileNet v2 and its successors.
    """
    if not isinstance(divisor, int) or divisor < 1:
        raise Fault("divisible needs a divisor of at least 1", found=shown(divisor))
    nearest = max(divisor, _floor(value + divide(divisor, 2), divisor) * divisor)
    return nearest + divisor if 10 * nearest < 9 * value else nearest


def _length(value: Value) -> int:
    if not isinstance(value, tuple):
        raise Fault("len needs a list", found=shown(value))
    return len(value)


def _sum(value: Value) -> Value:
    if not isinstance(value, tuple):
        raise Fault("sum needs a list", found=shown(value))
    result = 0
    for item in value:
        result = result + item
    return _whole(result)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Value) -> Value:
        items = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
        if not items or any(isinstance(item, tuple) for item in items):
            raise Fault("min and max need numbers, or one list of them")
        return choose(items)

    return apply


FUNCTIONS: dict[str, Function] = {
    "min": Function(_extreme(min), 1, 100),
    "max": Function(_extreme(max), 1, 100),
    "abs": Function(abs, 1, 1),
    "sum": Function(_sum, 1, 1),
    "len": Function(_length, 1, 1),
    "floor": Function(lambda value: value // 1, 1, 1),
    "ceil": Function(lambda value: -(-value // 1), 1, 1),
    "round": Function(lambda value: value if isinstance(value, int) else round(value), 1, 1),
    "divisible": Function(lambda value, divisor=8: divisible(value, divisor), 1, 2),
}
