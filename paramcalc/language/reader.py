"""The reader behind every part of a spec's grammar: values with their places, names, and mistakes.

Every independent mistake is collected, so that one run reports them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from paramcalc import ops
from paramcalc.base.errors import Fault, Problems, Source
from paramcalc.language import lines
from paramcalc.language.expression import Expression
from paramcalc.language.lines import NAME, RESERVED, Token
from paramcalc.language.spec import MOST_INPUTS, Argument, Reference, Written
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence
from paramcalc.language.values import MOST_ELEMENTS

_KEYS_BELOW = {
    "repeat": "write repeat: 3, and layers: below it; or 3 * and one call",
    "for": "a repetition is written repeat: 3, and layers: below it; or 3 * and one call",
    "if": "write if: and the condition, and then: below it",
}
TRUE_FALSE = {"true": True, "false": False}


class Reader:
    """Reads scalars as expressions, references and names, and notes what is wrong with them."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems

    # ----------------------------------------------------------------------------------- values

    def slice(self, node: Scalar) -> tuple[str, int]:
        """The text of a scalar as written in the file, so that offsets are positions."""
        if not node.quote:
            return self.source.text[node.start : node.end], node.start
        begin = node.start + 1
        text = self.source.text[begin : node.end - 1]
        if text != node.text:
            self.fail(node, "a quoted string here may have neither escapes nor line breaks")
            return node.text, begin
        return text, begin

    def expression(self, text: str, begin: int, base: int) -> Expression | None:
        try:
            return lines.read_expression(Token(text, begin - base, begin - base + len(text)))
        except Fault as fault:
            self.fault(fault, begin, begin + len(text), base)
            return None

    def written(self, node: Node, base: int) -> Written | None:
        """An expression, or a list of them; offsets are relative to `base`."""
        if isinstance(node, Sequence):
            if len(node.items) > MOST_ELEMENTS:
                self.fail(node, f"a list may hold at most {MOST_ELEMENTS:,} values")
                return None
            items = [self.written(item, base) for item in node.items]
            read = tuple(item for item in items if item is not None)
            return read if len(read) == len(items) else None
        if isinstance(node, Mapping):
            self.fail(node, "expected a value, not a mapping")
            return None
        if not node.text.strip():
            self.fail(node, "a value is missing here")
            return None
        text, begin = self.slice(node)
        return self.expression(text, begin, base)

    def scalar_expression(self, node: Node, what: str) -> tuple[Expression, int] | None:
        """An expression in a place of its own, and that place."""
        if not isinstance(node, Scalar) or not node.text.strip():
            self.fail(node, f"'{what}' needs an expression")
            return None
        text, begin = self.slice(node)
        read = self.expression(text, begin, begin)
        return None if read is None else (read, begin)

    def truth(self, node: Node | None, what: str) -> bool:
        """True or false; an absent node is false."""
        if node is None:
            return False
        if isinstance(node, Scalar) and node.text in TRUE_FALSE:
            return TRUE_FALSE[node.text]
        self.fail(node, f"'{what}' must be true or false")
        return False

    def arguments(self, node: Mapping, base: int, leave: tuple[str, ...] = ()) -> tuple[Argument, ...] | None:
        """The entries of a mapping as arguments with names; None when one cannot be read."""
        found: list[Argument] = []
        entries = [(key, value) for key, value in node.entries if key.text not in leave]
        for key, value in entries:
            if key.text == "share":
                shared = self.references(value, base, lines.read_share)
                if shared and len(shared) > 1:
                    self.fail(value, "'share' names one layer or group")
                read: Written | Reference | None = shared[0] if shared and len(shared) == 1 else None
            else:
                read = self.written(value, base)
            if read is not None:
                found.append(Argument(key.text, read, key.start - base, value.end - base))
        return tuple(found) if len(found) == len(entries) else None

    def references(
        self, node: Node | None, base: int, read: Callable[[Token], Reference] = lines.read_reference
    ) -> tuple[Reference, ...] | None:
        """Paths of layers, blanks between, or a list of them; None when there is a mistake."""
        if node is None:
            return ()
        found: list[Reference] = []
        if isinstance(node, Sequence) and len(node.items) > MOST_INPUTS:
            self.fail(node, f"more than {MOST_INPUTS} layers are named here", "join them in groups")
            return None
        for scalar in node.items if isinstance(node, Sequence) else [node]:
            if not isinstance(scalar, Scalar) or not scalar.text.strip():
                self.fail(scalar, "expected the name of an earlier layer")
                return None
            text, begin = self.slice(scalar)
            try:
                found += [move(reference, begin - base) for reference in lines.read_references(text, read)]
            except Fault as fault:
                self.fault(fault, begin, begin + len(text), begin)
                return None
        return tuple(found)

    # ------------------------------------------------------------------------------------ names

    def layer_name(self, key: Scalar) -> bool:
        """Whether a key can name a layer; if not, that is reported."""
        name = key.text
        if NAME.fullmatch(name) and not name.isdigit() and name not in RESERVED:
            return True
        if name.isdigit():
            fix = "a name is not a bare number: add a letter"
        elif name in RESERVED:
            fix = "this word is reserved"
        elif " " in name and name.split(" ", 1)[0] in _KEYS_BELOW:
            fix = _KEYS_BELOW[name.split(" ", 1)[0]]
        elif " " in name and ops.known(name.split(" ", 1)[0]):
            fix = "a call with arguments takes no colon"
        else:
            other = _plain(name)
            fix = "names may use the letters a to z, digits, _ and -" + (
                f": write '{other}'" if other else ""
            )
        self.fail(key, f"'{name}' cannot be the name of a layer", fix)
        return False

    def word(self, key: Scalar) -> bool:
        """Whether a key can name a knob or an input; if not, that is reported."""
        why = lines.unfit(key.text)
        if why:
            self.fail(key, f"'{key.text}' {why}", "choose another name")
        return not why

    # --------------------------------------------------------------------------------- mistakes

    def fail(self, node: Node, fact: str, fix: str = "", whole: bool = False) -> None:
        end = node.start + 1 if whole or not isinstance(node, Scalar) else node.end
        self.problems.add(self.source, node.start, end, fact, (fix,) if fix else ())

    def fail_at(self, start: int, text: str, fact: str, fix: str = "") -> None:
        self.problems.add(self.source, start, start + len(text), fact, (fix,) if fix else ())

    def fault(self, fault: Fault, start: int, end: int, base: int | None = None) -> None:
        """Turns a bare fact into a problem; `base` is what its offsets are relative to."""
        if fault.at is not None and base is not None:
            start, end = base + fault.at[0], base + fault.at[1]
        self.problems.add(self.source, start, end, fault.fact, fault.notes())


def move(reference: Reference, distance: int) -> Reference:
    """The same reference with all offsets moved."""
    parts = tuple(
        (name, tuple(index._replace(at=index.at + distance) for index in indices))
        for name, indices in reference.parts
    )
    return reference._replace(parts=parts, start=reference.start + distance, end=reference.end + distance)


def shift(written: Written, distance: int) -> Written:
    """The same value with all offsets moved."""
    if isinstance(written, Expression):
        return written._replace(at=written.at + distance)
    return tuple(shift(item, distance) for item in written)


def _plain(name: str) -> str:
    """What is left of a name in letters a to z; nothing where nothing is.

    >>> _plain("größe"), _plain("conv.1"), _plain("卷积")
    ('grosse', 'conv_1', '')
    """
    import unicodedata

    letters = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    found = re.sub(r"[^A-Za-z0-9_-]+", "_", bare).strip("_")
    return "" if found.isdigit() or found in RESERVED else found
