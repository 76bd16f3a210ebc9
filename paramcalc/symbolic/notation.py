"""Sums in print: plain, as a lecture writes them, and for LaTeX as `explain` sets them.

All terms stand side by side, but for the powers of the leading symbols, which are taken out, as in
`h^2 (19776 w^2 + 37632 w) + 32000 w`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paramcalc.symbolic.terms import GROUP, Atom, Monomial, Number, Sum, Value, degree, times

LONGEST = 5_000  # characters of a closed form that is shown
DEEPEST = 40  # roundings one inside another that are shown
COUNTED = 1_000_000_000  # characters: how much longer it is does not matter


class Notation(NamedTuple):
    """How powers, products, quotients and functions are written.

    `by_name` puts terms in the symbols' order, what is subtracted last; else higher degrees come first.
    """

    product: str
    power: Callable[[str, int], str]
    quotient: Callable[[str, str], str]
    floor: Callable[[str, str], str]
    ceil: Callable[[str, str], str]
    function: Callable[[str, Sequence[str]], str]
    symbol: Callable[[str], str] = str
    bracket: Callable[[str], str] = "({})".format
    by_name: bool = False

    # --------------------------------------------------------------------------------- sums

    def sum(self, value: Value, leading: Sequence[str] = (), order: Sequence[str] = ()) -> str:
        """A value; factors come in the order given, leading symbols first."""
        if not isinstance(value, Sum):
            return self.term(value, (), order)
        return joined(self.parts(value, tuple(leading), (*leading, *order)))

    def parts(self, value: Sum, leading: tuple[str, ...], order: Sequence[str]) -> list[str]:
        """The summands, each with its sign."""
        present = [name for name in leading if any(degree(monomial, name) for monomial in value.terms)]
        if not present:
            place = _place_by_name if self.by_name else _place_by_degree
            terms = sorted(value.terms.items(), key=lambda term: place(term, order))
            return [self.term(coefficient, monomial, order) for monomial, coefficient in terms]
        name, rest = present[0], tuple(present[1:])
        parts: list[str] = []
        for exponent, share in shares(value, name):
            if exponent == 0:
                parts += self.parts(share, rest, order)
            elif len(share.terms) == 1:
                ((monomial, coefficient),) = share.terms.items()
                parts.append(self.term(coefficient, times(monomial, ((Atom.of(name), exponent),)), order))
            else:
                power = self.powered(self.symbol(name), exponent)
                parts.append(self.factored(power, self.parts(share, rest, order)))
        return parts

    def factored(self, power: str, inner: list[str]) -> str:
        """A power times a sum; the sign in front of it where all summands are subtracted."""
        sign = ""
        if all(part.startswith("-") for part in inner):
            sign, inner = "-", [part[1:] for part in inner]
        whole = f"({joined(inner)})" if len(inner) > 1 else inner[0]
        return f"{sign}{power}{self.product}{whole}"

    # --------------------------------------------------------------------------------- terms

    def term(self, coefficient: Number, monomial: Monomial, order: Sequence[str] = ()) -> str:
        """A number times powers, over what has negative exponents."""
        ordered = sorted(monomial, key=lambda power: _factor_place(power[0], order))
        powers = [(self.atom(atom, order), exponent) for atom, exponent in ordered]
        above = [self.powered(base, exponent) for base, exponent in powers if exponent > 0]
        below = [self.powered(base, -exponent) for base, exponent in powers if exponent < 0]
        top = -coefficient.numerator if coefficient < 0 else coefficient.numerator
        if top != 1 or not above:
            above = [str(top), *above]
        if coefficient.denominator != 1:
            below = [str(coefficient.denominator), *below]
        text = self.product.join(above)
        if below:
            bottom = self.product.join(below)
            text = self.quotient(text, bottom if len(below) == 1 else self.bracket(bottom))
        return f"-{text}" if coefficient < 0 else text

    def powered(self, base: str, exponent: int) -> str:
        return base if exponent == 1 else self.power(base, exponent)

    def atom(self, atom: Atom, order: Sequence[str] = ()) -> str:
        """A symbol, or a function of its arguments."""
        if not atom.arguments:
            return self.symbol(atom.name)
        if atom.name == GROUP:
            return f"({self.sum(atom.arguments[0], (), order)})"
        if atom.name == "floor":
            return self.floor(*self.rounded(atom, order))
        if atom.name == "ceil":
            return self.ceil(*self.rounded(atom, order))
        return self.function(atom.name, [self.argument(argument, order) for argument in atom.arguments])

    def rounded(self, atom: Atom, order: Sequence[str]) -> tuple[str, str]:
        """What is rounded: above the line and below it."""
        number, divisor = atom.arguments
        if divisor == 1:
            return self.sum(number, (), order), ""
        return self.top(number, order), self.bottom(divisor, order)

    def argument(self, value: Any, order: Sequence[str]) -> str:
        """An argument of a function, which need not be whole."""
        below = value.denominator
        if below == 1:
            return self.sum(value, (), order)
        return self.quotient(self.top(value.numerator, order), str(below))

    def top(self, value: Value, order: Sequence[str]) -> str:
        """A value above a line: in brackets where it is a sum."""
        text = self.sum(value, (), order)
        return self.bracket(text) if isinstance(value, Sum) and len(value.terms) > 1 else text

    def bottom(self, value: Value, order: Sequence[str]) -> str:
        """A value below a line: in brackets where it is a sum or a product."""
        text = self.sum(value, (), order)
        if not isinstance(value, Sum):
            return text
        (monomial, coefficient), *others = value.terms.items()
        single = not others and len(monomial) == 1 and coefficient == 1
        return text if single else self.bracket(text)


def joined(parts: Sequence[str]) -> str:
    """Summands with their signs between them.

    >>> joined(["a", "-b", "c"])
    'a - b + c'
    """
    text = "".join(f" - {part[1:]}" if part.startswith("-") else f" + {part}" for part in parts)
    return f"-{text[3:]}" if text.startswith(" - ") else text[3:]


def shares(value: Sum, name: str) -> list[tuple[int, Sum]]:
    """The powers of a symbol, the highest first, each with what it is multiplied by."""
    found: dict[int, dict[Monomial, Number]] = {}
    for monomial, coefficient in value.terms.items():
        rest = tuple((atom, exponent) for atom, exponent in monomial if atom.name != name or atom.arguments)
        found.setdefault(degree(monomial, name), {})[rest] = coefficient
    return [(exponent, Sum(found[exponent])) for exponent in sorted(found, reverse=True)]


def _place_by_degree(term: tuple[Monomial, Number], order: Sequence[str]) -> tuple[Any, ...]:
    """The place of a term in a sum: the highest degree first, then by the symbols' order."""
    monomial = term[0]
    whole = sum(exponent for _, exponent in monomial)
    names = [_factor_place(atom, order) for atom, _ in monomial]
    return (-whole, [-degree(monomial, name) for name in order], sorted(names))


def _place_by_name(term: tuple[Monomial, Number], order: Sequence[str]) -> tuple[Any, ...]:
    """The place of a term in a sum: by the symbols' order, what is subtracted behind, numbers last."""
    monomial, coefficient = term
    return (not monomial, coefficient < 0, sorted(_factor_place(atom, order) for atom, _ in monomial))


def _factor_place(atom: Atom, order: Sequence[str]) -> tuple[int, tuple[Any, ...]]:
    """The place of a factor in a product: symbols in their order, functions last."""
    return order.index(atom.name) if atom.name in order else len(order), atom.key


def _over(top: str, bottom: str) -> str:
    return f"{top}/{bottom}" if bottom else top


def _frac(top: str, bottom: str) -> str:
    return rf"\frac{{{top}}}{{{bottom}}}" if bottom else top


def _latex_function(name: str, arguments: Sequence[str]) -> str:
    listed = ", ".join(arguments)
    return rf"\operatorname{{{name}}}\left({listed}\right)"


def latex_symbol(name: str) -> str:
    """A name as LaTeX sets it: what follows an underscore or is a number at the end, below the line.

    >>> print(latex_symbol("k_h"), latex_symbol("n2"), latex_symbol("heads"), latex_symbol("L_left_ear"))
    k_{h} n_{2} \\mathrm{heads} L_{\\mathrm{left\\_ear}}
    """
    head, _, tail = name.partition("_")
    if not tail and head[-1:].isdigit():
        head, tail = head.rstrip("0123456789"), head[len(head.rstrip("0123456789")) :]
    head = head if len(head) == 1 else rf"\mathrm{{{head}}}"
    if not tail:
        return head
    tail = tail.replace("_", r"\_")
    return f"{head}_{{{tail}}}" if len(tail) == 1 or tail.isdigit() else rf"{head}_{{\mathrm{{{tail}}}}}"


PLAIN = Notation(
    product=" ",
    power="{}^{}".format,
    quotient="{}/{}".format,
    floor=lambda top, bottom: f"floor({_over(top, bottom)})",
    ceil=lambda top, bottom: f"ceil({_over(top, bottom)})",
    function=lambda name, arguments: f"{name}({', '.join(arguments)})",
)


def readable(value: Value) -> bool:
    """Whether a value can be written down: roundings inside roundings soon grow longer than any book."""
    return not isinstance(value, Sum) or (value.length <= LONGEST and value.depth <= DEEPEST)


def shown(value: Value, leading: Sequence[str] = (), order: Sequence[str] = ()) -> str:
    """A value in plain print, or how long that would be."""
    return PLAIN.sum(value, leading, order) if readable(value) else left_out(value)


def left_out(value: Any) -> str:
    """The replacement for a closed form that is too long to read."""
    length = f"about {value.length:,}" if value.length < COUNTED else f"more than {COUNTED:,}"
    return f"a closed form of {length} characters, not shown"


LECTURE = PLAIN._replace(product="*", by_name=True)
LATEX = Notation(
    product=" ",
    power=lambda base, exponent: f"{base}^{{{exponent}}}",
    quotient=lambda top, bottom: rf"\frac{{{top}}}{{{bottom}}}",
    floor=lambda top, bottom: rf"\left\lfloor {_frac(top, bottom)} \right\rfloor",
    ceil=lambda top, bottom: rf"\left\lceil {_frac(top, bottom)} \right\rceil",
    function=_latex_function,
    symbol=latex_symbol,
    bracket=str,
)
