"""Rules run on sizes of which nothing can be known but by asking: what a symbol would be to them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from paramcalc import ops
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import judge
from paramcalc.ops.base import Cost, Example
from tests import calls

EXAMPLES = [example for kind in ops.every().values() for example in kind.examples]


class Opaque:
    """A size that adds, subtracts and multiplies, and tells its value to the judge alone."""

    def __init__(self, value: Any) -> None:
        self.value: Any = value.value if isinstance(value, Opaque) else value

    def __add__(self, other: Any) -> Opaque:
        return Opaque(self.value + Opaque(other).value)

    def __sub__(self, other: Any) -> Opaque:
        return Opaque(self.value - Opaque(other).value)

    def __rsub__(self, other: Any) -> Opaque:
        return Opaque(Opaque(other).value - self.value)

    def __mul__(self, other: Any) -> Opaque:
        return Opaque(self.value * Opaque(other).value)

    def __pow__(self, other: int) -> Opaque:
        return Opaque(self.value**other)

    def __neg__(self) -> Opaque:
        return Opaque(-self.value)

    __radd__ = __add__
    __rmul__ = __mul__

    def __bool__(self) -> bool:
        raise TypeError("a rule tested a size with 'if' instead of asking")

    def _compared(self, other: Any) -> bool:
        raise TypeError("a rule compared a size instead of asking")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __hash__ = None  # type: ignore[assignment]


class Asked:
    """A judge that knows the values."""

    def zero(self, value: Any) -> bool:
        return bool(Opaque(value).value == 0)

    def nonneg(self, value: Any) -> bool:
        return bool(Opaque(value).value >= 0)

    def divides(self, divisor: Any, number: Any) -> bool:
        return bool(Opaque(number).value % Opaque(divisor).value == 0)

    def floor_divide(self, number: Any, divisor: Any) -> Any:
        return Opaque(Opaque(number).value // Opaque(divisor).value)

    def function(self, name: str, arguments: list[Any]) -> Any:
        return Opaque({"min": min, "max": max}[name](Opaque(one).value for one in arguments))


def known(value: Any) -> Any:
    """The same fact with every size told."""
    if isinstance(value, Opaque):
        return value.value
    if isinstance(value, dict):
        return {name: known(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(known(part) for part in value)
    return value


def veil(dims: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(Opaque(dim) for dim in dims)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.call for example in EXAMPLES])
def test_rules_ask_instead_of_testing(example: Example) -> None:
    """Shapes, weights and costs come out the same for sizes that cannot be compared."""
    op = calls.call(example.call)
    inputs = tuple(calls.shape(text) for text in example.inputs)
    hidden = tuple(Shape(x.axes, veil(x.dims)) for x in inputs)
    sizes = {
        field.name: Opaque(getattr(op, field.name))
        for field in dataclasses.fields(op)  # type: ignore[arg-type]
        if str(field.type).removesuffix(" | None") in ("Size", "Count")
        and getattr(op, field.name) is not None
    }

    token = judge.set(Asked())  # type: ignore[arg-type]
    try:
        veiled = dataclasses.replace(op, **sizes)  # type: ignore[type-var]
        shape, weights = known(veiled.shape(*hidden).dims), known(veiled.weights(*hidden))
        cost = known(tuple(veiled.cost(*hidden)))
    finally:
        judge.reset(token)

    assert shape == op.shape(*inputs).dims
    assert weights == op.weights(*inputs)
    assert Cost(*cost) == op.cost(*inputs)


def test_the_check_can_fail() -> None:
    """A rule that tests a size is found out."""
    for careless in (lambda size: 1 if size else 0, lambda size: size > 3, lambda size: size in (1, 3)):
        with pytest.raises(TypeError):
            careless(Opaque(3))
