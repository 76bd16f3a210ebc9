"""Printed figures: what their digits say, and whether an exact number meets them.

Nothing here is ever a binary float: a figure is a fraction with the place of its last digit.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from paramcalc.base.errors import Fault

LONGEST = 40
LARGEST_EXPONENT = 30
SCALES = {
    "": Fraction(1),
    "%": Fraction(1, 100),
    "K": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "B": Fraction(10**9),
    "T": Fraction(10**12),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
}
EXAMPLES = "60000, 25.6e6, 138M, 112Ki, 18%"
BINARY = {"K": "Ki", "M": "Mi", "G": "Gi", "B": "Gi", "e3": "Ki", "e6": "Mi", "e9": "Gi"}
_WHOLE = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*"
_FIGURE = re.compile(rf"({_WHOLE})(\.[0-9]+)?(?:e([0-9]+)|(%|Ki|Mi|Gi|K|M|G|B|T))?")
_NUMBER = re.compile(rf"(?<![0-9.,_])({_WHOLE})(\.[0-9]+)?(?![0-9]|[.,_][0-9])(?:\s?(%))?")
_WITH_UNIT = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:Ki|Mi|Gi|K|M|G|B|T)(?!\w)")


class Comparison(StrEnum):
    """How an exact number compares with a printed one."""

    EXACT = "exact"
    ROUNDS = "rounds to"
    TRUNCATES = "truncates to"
    OFF = "off"


class Figure(NamedTuple):
    """A printed number: its text, its value, and one unit of its last printed digit.

    A whole number written out has no unit (0): it claims to be exact.
    """

    text: str
    value: Fraction
    unit: Fraction

    def compared(self, number: Fraction) -> Comparison:
        """Whether a number is the figure, or gives it by rounding, or by dropping digits.

        Both neighbours of a half count as its rounding, since sources do either. Dropping digits is
        recognised where at least two remain: 5.7 that is printed as 5 is wrong.

        >>> read("3.8e9").compared(Fraction(3_857_973_248)).value
        'truncates to'
        >>> read("25.6M").compared(Fraction(25_557_032)).value
        'rounds to'
        """
        difference = number - self.value
        if difference == 0:
            return Comparison.EXACT
        if abs(difference) * 2 <= self.unit:
            return Comparison.ROUNDS
        if 0 < difference < self.unit <= self.value / 10:
            return Comparison.TRUNCATES
        return Comparison.OFF

    @property
    def interval(self) -> Fraction:
        """The width of the interval of numbers that meet the figure, by rounding or by dropping digits."""
        if not self.unit:
            return Fraction(1)
        return self.unit * Fraction(3, 2) if self.unit <= self.value / 10 else self.unit

    @property
    def digits(self) -> int:
        """How many digits are printed, zeros before the others left out.

        >>> read("0.27e6").digits, read("60,000").digits
        (2, 5)
        """
        found = _FIGURE.fullmatch(self.text)
        printed = "".join(found.groups(default="")[:2]) if found else self.text
        return len(re.sub("[^0-9]", "", printed).lstrip("0")) or 1

    @property
    def percentage(self) -> bool:
        return self.text.endswith("%")

    def binary(self) -> Figure | None:
        """The same digits with K, M or G as powers of 1024; None where they have no such reading.

        >>> read("112K").binary().text
        '112Ki'
        """
        found = re.fullmatch(r"(.*?)(K|M|G|B|e3|e6|e9)", self.text)
        return read(found[1] + BINARY[found[2]]) if found else None


def read(text: str, ratio: bool = False) -> Figure:
    """The figure that a text holds; `Fault` for what is none.

    Underscores, and commas between groups of three, are allowed. A ratio is never exact, so that
    its last digit is always one that may be rounded.

    >>> read("25.6e6").value, read("25.6e6").unit
    (Fraction(25600000, 1), Fraction(100000, 1))
    >>> read("60_000").unit, read("12", ratio=True).unit
    (Fraction(0, 1), Fraction(1, 1))
    """
    found = _FIGURE.fullmatch(text)
    if found is None or len(text) > LONGEST:
        raise Fault(f"'{text[:LONGEST]}' is not a number", expected=f"digits as printed: {EXAMPLES}")
    whole, decimals, exponent, suffix = found[1], found[2] or "", found[3], found[4] or ""
    if len(whole) > 1 and whole.startswith("0"):
        raise Fault(f"'{text}' has a leading zero")
    if exponent and int(exponent) > LARGEST_EXPONENT:
        raise Fault(f"'{text}' is too large", expected=f"an exponent of at most {LARGEST_EXPONENT}")
    scale = Fraction(10 ** int(exponent)) if exponent else SCALES[suffix]
    unit = scale / 10 ** max(len(decimals) - 1, 0)
    exact = not (ratio or decimals or exponent or suffix)
    return Figure(text, _plain(whole, decimals) * scale, Fraction(0) if exact else unit)


def without_units(text: str) -> str:
    """A text with the units of its numbers multiplied out.

    >>> without_units("macs < 2.4K and params < 5e6")
    'macs < 2400 and params < 5e6'
    """
    return _WITH_UNIT.sub(lambda found: str(read(found[0]).value), text)


def mentions(text: str, number: Fraction) -> bool:
    """Whether a text gives a number: a whole one by all its digits, another by at least three.

    >>> mentions("7*7*3*64 = 9,408; not 2.7K", Fraction(9408))
    True
    >>> mentions("reduced to 27.8 %", Fraction(40960, 147456))
    True
    """
    return any(_gives(found, number) for found in _NUMBER.finditer(text))


def nearest(text: str, number: Fraction, other: Figure) -> str:
    """The number in a text that comes nearest to one, as it is written; numbers that meet a figure are passed over.

    >>> nearest("7*7*3*64 = 9,408; 2.7K is wrong", Fraction(9472), read("2.7K"))
    '9,408'
    """
    values = {found[0]: _value(found) for found in _NUMBER.finditer(text)}
    found = [said for said, value in values.items() if other.compared(value) is Comparison.OFF]
    return min(found, key=lambda said: abs(values[said] - number), default="")


def _value(found: re.Match[str]) -> Fraction:
    return _plain(found[1], found[2] or "") * SCALES[found[3] or ""]


def _gives(found: re.Match[str], number: Fraction) -> bool:
    whole, decimals, percent = found[1], found[2] or "", found[3] or ""
    scale = SCALES[percent]
    value = _value(found)
    if value == number:
        return True
    digits = (whole + decimals).translate(str.maketrans("", "", ",_.")).lstrip("0")
    if number.denominator == 1 or len(digits) < 3:
        return False
    unit = scale / 10 ** max(len(decimals) - 1, 0)
    return Figure("", value, unit).compared(number) is not Comparison.OFF


def _plain(whole: str, decimals: str) -> Fraction:
    return Fraction(whole.replace(",", "").replace("_", "") + decimals)


def decimal(value: Fraction, places: int) -> str:
    """A number with this many decimals, rounded exactly.

    >>> decimal(Fraction(-1, 8), 2), decimal(Fraction(5), 0)
    ('-0.12', '5')
    """
    scaled = round(value * 10**places)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    sign = "-" if scaled < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def written_out(value: Fraction) -> str:
    """A number with a finite decimal expansion, whole digits grouped.

    >>> written_out(Fraction(5, 2)), written_out(Fraction(50_000))
    ('2.5', '50,000')
    """
    if value.denominator == 1:
        return f"{value.numerator:,}"
    places = next(n for n in range(1, 2 * LARGEST_EXPONENT) if (value * 10**n).denominator == 1)
    return decimal(value, places)


def significant(value: Fraction, digits: int) -> str:
    """A number with at least this many significant digits; whole digits are never rounded away.

    >>> significant(Fraction(1, 700), 2), significant(Fraction(12345), 2)
    ('0.0014', '12345')
    """
    places = 0
    while value and abs(value) * 10**places < 10 ** (digits - 1) and places < LARGEST_EXPONENT:
        places += 1
    return decimal(value, places)


def signed(share: Fraction) -> str:
    """A share as a percentage with its sign.

    >>> signed(Fraction(-1, 90))
    '-1.1'
    """
    return ("+" if share > 0 else "") + significant(100 * share, 2)


def grouped(value: Fraction) -> str:
    """A number in full: whole with separators, else four significant digits.

    >>> grouped(Fraction(25_557_032)), grouped(Fraction(25, 18))
    ('25,557,032', '1.389')
    """
    return f"{value.numerator:,}" if value.denominator == 1 else significant(value, 4)
