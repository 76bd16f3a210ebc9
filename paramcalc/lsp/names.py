"""Where a name is defined, what else means the same, and a new name for all of them; what a text consists of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.engine import library
from paramcalc.language import lines, syntax
from paramcalc.language.lines import NAME
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence
from paramcalc.lsp import words as roles
from paramcalc.lsp.analysis import Analysis, analyse
from paramcalc.lsp.words import Word, words

MOST_CHILDREN = 500


class Spot(NamedTuple):
    """A place in a file."""

    path: str
    start: int
    end: int
    text: str = ""  # of the file, where it is not the one that was asked about


class Symbol(NamedTuple):
    """A named part of a text, and the parts in it."""

    name: str
    kind: str
    start: int
    end: int
    name_end: int
    children: tuple[Symbol, ...] = ()


def at(source: Source, offset: int) -> Word | None:
    """The word that a cursor is on, or right behind."""
    return next((word for word in words(source) if word.start <= offset <= word.end), None)


def definition(analysis: Analysis, offset: int, sibling: library.Sibling) -> Spot | None:
    """Where the word at a place is defined: here, or in the spec that is used."""
    source = analysis.source
    found = words(source)
    word = next((one for one in found if one.start <= offset <= one.end), None)
    if word is None:
        return None
    if word.role == "use":
        path = _used_path(source, word.text, sibling)
        return Spot(str(path), 0, 0) if path else None
    for one in _definitions(word, found, offset):
        return Spot(source.name, one.start, one.end)
    spec = analysis.spec
    block = spec.blocks.get(word.text) if spec and word.role == roles.HEAD else None
    knob = spec.knobs.get(word.text) if spec and word.role == roles.VALUE else None
    for there in (block, knob):
        if there is not None and there.source != source:
            return Spot(there.source.name, there.at, there.at + len(word.text), there.source.text)
    return None


def _used_path(source: Source, name: str, sibling: library.Sibling) -> Path | None:
    beside = Path(source.name).parent / f"{name}.yaml"
    if sibling(name) is not None:
        return beside
    bundled = library.bundled_folder() / f"{name}.yaml"
    return bundled if bundled.is_file() else None


def _definitions(word: Word, found: list[Word], offset: int) -> Iterator[Word]:
    """The words that define what a word means, the likeliest first."""
    kinds = {
        roles.HEAD: (roles.BLOCK, roles.KNOB),
        roles.VALUE: (roles.PARAMETER, roles.KNOB),
        roles.ATTRIBUTE: (roles.PARAMETER,),
        roles.REFERENCE: (roles.LAYER, roles.INPUT),
        roles.MODEL: (roles.VARIANT,),
    }
    if word.role in roles.DEFINES:
        yield word
    for kind in kinds.get(word.role, ()):
        same = [one for one in found if one.role == kind and one.text == word.text]
        if kind == roles.PARAMETER:
            scope = word.head if word.role == roles.ATTRIBUTE else word.block
            same = [one for one in same if one.block == scope]
        if kind == roles.LAYER:  # the last one before, in the same block
            same = [one for one in same if one.block == word.block]
            same = [one for one in reversed(same) if one.start < offset] or same
        yield from same


def occurrences(source: Source, offset: int, everywhere: bool = False) -> list[Word]:
    """All words with the meaning of the one at a place; for layers with `everywhere` all of that name."""
    found = words(source)
    word = next((one for one in found if one.start <= offset <= one.end), None)
    if word is None:
        return []
    defined = next(_definitions(word, found, offset), None)
    if defined is None:
        return []
    name, role = defined.text, defined.role
    same = [one for one in found if one.text == name]
    if role == roles.LAYER:
        reads = [one for one in same if one.role == roles.REFERENCE]
        return sorted(
            [*(one for one in same if one.role == roles.LAYER and (everywhere or one == defined)), *reads]
        )
    if role == roles.PARAMETER:
        inside = (roles.PARAMETER, roles.VALUE, roles.HEAD)
        called = [one for one in same if one.role == roles.ATTRIBUTE and one.head == defined.head != ""]
        return sorted({*called, *(one for one in same if one.role in inside and one.block == defined.block)})
    if role == roles.KNOB:
        hiding = {one.block for one in found if one.role == roles.PARAMETER and one.text == name}
        read = [one for one in same if one.role in (roles.VALUE, roles.HEAD)]
        return [one for one in same if one.role == roles.KNOB] + [
            one for one in read if not one.block or one.block not in hiding
        ]
    meant = {
        roles.BLOCK: (roles.BLOCK, roles.HEAD),
        roles.VARIANT: (roles.VARIANT, roles.MODEL),
        roles.INPUT: (roles.INPUT, roles.REFERENCE),
    }
    return [one for one in same if one.role in meant[role]]


def rename(analysis: Analysis, offset: int, name: str, sibling: library.Sibling) -> list[Word]:
    """The words to write anew; `Fault` where the text would then mean something else, or nothing."""
    if analysis.report is None:
        raise Fault("mend the mistakes of this spec first: what a name means is not certain")
    found = occurrences(analysis.source, offset)
    if not found:
        raise Fault("nothing here has a name of this spec")
    role = next((word.role for word in found if word.role in roles.DEFINES), "")
    fit = NAME.fullmatch(name.replace(".", "-") if role == roles.VARIANT else name)
    why = "" if role in (roles.LAYER, roles.VARIANT) else lines.unfit(name)
    if not fit or why:
        raise Fault(f"'{name}' {why or 'is not a name'}")
    for chosen in (found, occurrences(analysis.source, offset, everywhere=True)):
        after = analyse(renamed(analysis.text, chosen, name), Path(analysis.source.name), sibling)
        if _same(analysis, after):
            return chosen
    raise Fault(f"with the name '{name}' the spec would mean something else")


def renamed(text: str, chosen: list[Word], name: str) -> str:
    """A text with words written anew."""
    for word in sorted(chosen, key=lambda word: word.start, reverse=True):
        text = text[: word.start] + name + text[word.end :]
    return text


def _same(one: Analysis, two: Analysis) -> bool:
    """Whether two texts make the same network, and as much is wrong with both."""
    if one.report is None or two.report is None or len(one.findings) != len(two.findings):
        return False
    rows = zip(one.report.rows, two.report.rows, strict=False)
    same = (
        len(one.report.rows) == len(two.report.rows) and one.report.graph.outputs == two.report.graph.outputs
    )
    return same and all(
        (a.op, a.counts, a.output, a.layer.inputs) == (b.op, b.counts, b.output, b.layer.inputs)
        for a, b in rows
    )


# ------------------------------------------------------------------------------------- symbols


def symbols(source: Source) -> list[Symbol]:
    """The sections of a text, and the names in them."""
    try:
        root = syntax.parse(source)
    except SpecError:
        return []
    entries = root.entries if isinstance(root, Mapping) else ()
    return [_section(key, value) for key, value in entries]


_KINDS = {
    "inputs": "variable", "knobs": "variable", "variants": "class", "defaults": "variable", "blocks": "function",
    "layers": "field", "claims": "class", "budgets": "class",
}  # fmt: skip


def _section(key: Scalar, value: Node) -> Symbol:
    kind = _KINDS.get(key.text, "")
    children = _named(value, kind, deep=kind in ("function", "field")) if kind else ()
    return Symbol(key.text or "-", "section", key.start, max(value.end, key.end), key.end, tuple(children))


def _named(node: Node, kind: str, deep: bool) -> Iterator[Symbol]:
    """The names in a node, and where it is a chain those below them."""
    parts = node.items if isinstance(node, Sequence) else (node,)
    entries = (entry for part in parts if isinstance(part, Mapping) for entry in part.entries)
    for key, value in islice(entries, MOST_CHILDREN):
        children = tuple(_named(value, "field", deep)) if deep else ()
        yield Symbol(key.text or "-", kind, key.start, max(value.end, key.end), key.end, children)
