"""What differs from round to round of a repeat, as an expression of the number of the round."""

from __future__ import annotations

from collections.abc import Sequence


def period(flags: Sequence[bool]) -> str:
    """When something is so, over the rounds of a repeat: an expression of `i`; '' if no simple one says it.

    >>> period([True] * 4), period([False, True] * 3), period([False, False, True, True])
    ('true', 'i%2 == 1', 'i >= 2')
    """
    rounds = range(len(flags))
    if len({*flags}) < 2:
        return str(bool(flags and flags[0])).lower()
    for start in rounds[1:]:
        for words, found in ((f"i >= {start}", True), (f"i < {start}", False)):
            if [*flags] == [(i >= start) is found for i in rounds]:
                return words
    for size in range(2, 17):
        for sign, found in (("==", True), ("!=", False)):
            for rest in range(size):
                if [*flags] == [(i % size == rest) is found for i in rounds]:
                    return f"i%{size} {sign} {rest}"
    return ""
