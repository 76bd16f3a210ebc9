"""Completions at a place: parts of a spec, ops, blocks, attributes, knobs, layers, claims' fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.check import budgets, reader
from paramcalc.conventions import CONVENTIONS
from paramcalc.count.report import BITS
from paramcalc.engine import index, library
from paramcalc.language import lines
from paramcalc.language.parse import KEYS
from paramcalc.language.spec import Block
from paramcalc.lsp.analysis import Analysis
from paramcalc.lsp.place import Place
from paramcalc.memory.memory import OPTIMIZERS
from paramcalc.ops.attributes import attributes
from paramcalc.reference.draw import signature, summary
from paramcalc.schema.schema import DESCRIPTIONS

MOST = 200
ITEMS = {"repeat": "repeat: ", "if": "if: ", "table": "table:", "auxiliary": "auxiliary: "}
OPERATOR, CLASS, FIELD, VALUE, WORD, NAME = "operator", "class", "field", "value", "keyword", "variable"


class Completion(NamedTuple):
    """A text for the word at the cursor; `detail` and `says` tell what it is."""

    text: str
    kind: str
    detail: str = ""
    says: str = ""


def complete(place: Place, analysis: Analysis | None) -> list[Completion]:
    """Completions of the word at the cursor, at most `MOST`; layers and knobs are those of the last good text."""
    prefix = place.word.rpartition("=")[2] if "=" in place.word else place.word
    prefix = prefix.strip("\"'")
    found = (one for one in _offered(place, analysis) if one.text.startswith(prefix))
    unique = {one.text: one for one in reversed([*found])}
    return sorted(unique.values(), key=lambda one: (one.kind == NAME, one.text))[:MOST]


def _offered(place: Place, analysis: Analysis | None) -> Iterator[Completion]:
    match place.section:
        case "":
            yield from (Completion(key, WORD, "", DESCRIPTIONS[key]) for key in KEYS)
        case "layers" | "blocks":
            yield from _chain(place, analysis)
        case "claims" | "budgets":
            yield from _entries(place, analysis)
        case "use":
            stems = [path.stem for path in library.bundled_files()]
            yield from (Completion(stem, CLASS, "bundled spec") for stem in stems)
        case "variants":
            if place.keys[-1:] == ("like",):
                yield from _models(analysis)
            else:
                yield Completion("like", WORD)
                yield from _knobs(analysis)
        case "outputs":
            yield from _layers(analysis, place.word)
        case "defaults":
            yield from _attributes(place.keys[-1]) if place.keys else _heads(place, analysis)
        case "input" | "inputs":
            yield from _knobs(analysis)


def _chain(place: Place, analysis: Analysis | None) -> Iterator[Completion]:
    """In a line of layers: a head, then its arguments, then the layers that it reads."""
    key = place.keys[-1] if place.keys else ""
    head, *rest = place.words
    if key in ("from", "share") or "from" in rest[:-1] or place.word.startswith("share="):
        yield from [Completion("x", WORD, "the incoming tensor")] if key != "share" else ()
        yield from _layers(analysis, place.word.rpartition("=")[2])
    elif key in ("if", "repeat"):
        yield from _values(place, analysis)
    elif not rest:
        yield from _heads(place, analysis)
    elif "=" in place.word:
        yield from _of_attribute(head, place.word.partition("=")[0])
        yield from _values(place, analysis)
    else:
        yield from _attributes(head, given={word.partition("=")[0] for word in rest[:-1]})
        yield from _parameters(analysis.spec.blocks.get(head) if analysis and analysis.spec else None)
        yield from _values(place, analysis)
        yield Completion("from", WORD, "the layers that are read")


def _heads(place: Place, analysis: Analysis | None) -> Iterator[Completion]:
    for name, op in ops.every().items():
        yield Completion(name, OPERATOR, signature(op), summary(op))
    for name, block in (analysis.spec.blocks if analysis and analysis.spec else {}).items():
        yield Completion(name, CLASS, signature_of(block), "a block")
    yield Completion("identity", WORD, "the tensor passes through")
    if place.item:
        yield from (Completion(text, WORD) for text in ITEMS.values())


def signature_of(block: Block) -> str:
    parts = [f"{one.name}={one.default.text}" if one.default else one.name for one in block.parameters]
    return " ".join([block.name, *parts, *(["from", *block.inputs] if block.inputs else [])])


def _attributes(head: str, given: Iterable[str] = ()) -> Iterator[Completion]:
    op = ops.find(head) if head.isidentifier() else None
    for attribute in attributes(op).values() if op else ():
        if attribute.name not in given:
            detail = (
                attribute.kind if attribute.required else f"{attribute.kind}, default {attribute.default}"
            )
            yield Completion(f"{attribute.name}=", FIELD, detail)


def _of_attribute(head: str, name: str) -> Iterator[Completion]:
    op = ops.find(head) if head.isidentifier() else None
    attribute = attributes(op).get(name) if op else None
    if attribute is not None and attribute.kind == "Flag":
        yield from (Completion(word, VALUE) for word in ("true", "false"))
    elif attribute is not None and isinstance(attribute.default, str):
        yield Completion(attribute.default, VALUE, "default")


def _parameters(block: Block | None) -> Iterator[Completion]:
    for parameter in block.parameters if block else ():
        yield Completion(f"{parameter.name}=", FIELD, f"of {block.name}" if block else "")


def _values(place: Place, analysis: Analysis | None) -> Iterator[Completion]:
    """Names that stand for values: knobs, and the parameters of the block around."""
    yield from _knobs(analysis)
    try:
        _, parameters, _ = lines.read_signature(place.block) if place.block else ("", (), ())
    except Fault:
        parameters = ()
    yield from (Completion(one.name, NAME, "parameter") for one in parameters)


def _knobs(analysis: Analysis | None) -> Iterator[Completion]:
    values = analysis.report.graph.knobs if analysis and analysis.report else {}
    for name in analysis.spec.knobs if analysis and analysis.spec else ():
        yield Completion(name, NAME, f"knob, {values[name]}" if name in values else "knob")


def _models(analysis: Analysis | None) -> Iterator[Completion]:
    spec = analysis.spec if analysis else None
    yield from (Completion(name, CLASS, "model") for name in ((spec.name, *spec.variants) if spec else ()))


def _layers(analysis: Analysis | None, word: str) -> Iterator[Completion]:
    """Layers and groups, level by level, up to a limit."""
    above = word.rpartition("/")[0]
    depth, found = word.count("/") + 1, dict[str, None]()
    for row in analysis.report.rows if analysis and analysis.report else ():
        path = "/".join(row.path.split("/")[:depth])
        if path.startswith(word) and path.startswith(above):
            found[path] = None
            if len(found) >= MOST:
                break
    yield from (Completion(path, NAME, "layer") for path in found)


def _entries(place: Place, analysis: Analysis | None) -> Iterator[Completion]:
    """A claim or budget: a quantity, its fields, and what fields hold."""
    claims = place.section == "claims"
    field = place.keys[-1] if place.keys else ""
    if field in ("layer", "over"):
        yield from _layers(analysis, place.word.strip("\"'"))
    elif field == "convention":
        yield from (Completion(name, VALUE, one.says) for name, one in CONVENTIONS.items())
    elif field == "over_model":
        yield from _models(analysis)
        yield from (Completion(one.model, CLASS) for one in index.entries(library.bundled_folder()))
    elif field in ("train", "dtype"):
        yield from (Completion(name, VALUE) for name in (OPTIMIZERS if field == "train" else BITS))
    elif "{" in place.before or "-" in place.before:
        fields = (*reader.CLAIMED, *reader.FIELDS) if claims else (*budgets.BUDGETED, *budgets.FIELDS)
        yield from (Completion(f"{name}: ", FIELD) for name in fields)
    else:
        yield from _models(analysis)
