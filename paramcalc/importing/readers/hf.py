"""Hugging Face: the `config.json` of a model whose family is known, as a spec."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.base.errors import Error, Fault, Problem, Source, SpecError, near
from paramcalc.importing.readers._text import text_of
from paramcalc.importing.source import SourceNetwork

if TYPE_CHECKING:
    from paramcalc.importing.families.fields import Fields

MEANING = "a configuration of Hugging Face"
EXAMPLE = "config.json"
WIDEST = 110  # columns of a note
MOST_NAMES = 20  # of fields in a remark
_MARKS = (b'"model_type"', b'"architectures"', b'"transformers_version"', b'"hidden_size"')


_LENGTH = r"(?<=[{ ])length: \d+"


class Written(NamedTuple):
    """The text of a spec. `partial` are remarks on what the spec has otherwise than the model."""

    text: str
    remarks: tuple[str, ...]
    partial: tuple[str, ...]


class RoutedError(Fault):
    """A module whose experts are chosen by numbers, which an export does not follow.

    `config` is its configuration as JSON, `params` the number of its learned weights.
    """

    def __init__(self, experts: str, config: Source, params: int) -> None:
        fact = f"{experts} run by numbers that a router computes, which torch.export does not say"
        super().__init__(fact, fix="import its configuration: paramcalc import config.json")
        self.config = config
        self.params = params


def routed(error: RoutedError, inputs: Mapping[str, tuple[int, ...]]) -> Written:
    """The spec of such a module, by its configuration; `Fault` where that has other params than the module."""
    from paramcalc.count.report import totals
    from paramcalc.engine.elaborate import Settings, elaborate
    from paramcalc.engine.library import from_text

    found = spec_of(error.config, inputs)
    params = totals(elaborate(from_text(Source(error.config.name, found.text)), Settings(""))).params
    if params != error.params:
        raise Fault(
            f"{error.fact}, and its configuration has other params",
            expected=f"{error.params:,}",
            found=f"{params:,}",
        )
    said = f"{error.fact}: the spec is that of its configuration; MACs and outputs were not compared"
    return found._replace(remarks=(*found.remarks, said))


def reads(source: str) -> bool:
    if not source.endswith(".json"):
        return False
    try:
        with open(source, "rb") as file:
            head = file.read(1 << 20)
    except OSError:
        return False
    return b'"class_name"' not in head and any(mark in head for mark in _MARKS)


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> SourceNetwork:
    raise Fault(f"{source} is a configuration: it is written as a spec, and has no layers of its own")


def written(source: str, inputs: Mapping[str, tuple[int, ...]]) -> Written:
    """The spec of a configuration."""
    return spec_of(text_of(source), inputs)


def spec_of(text: Source, inputs: Mapping[str, tuple[int, ...]]) -> Written:
    """The spec of a configuration's text."""
    from paramcalc.importing.families import FAMILIES
    from paramcalc.importing.families.fields import Fields
    from paramcalc.importing.families.silent import VALUES

    config = _config(text)
    kind = _known(text, config)
    family = FAMILIES[kind]
    f = Fields(text, config, family.defaults, family.names)
    model = said = _architecture(f, family.classes)
    partial: tuple[str, ...] = ()
    if said not in family.classes:
        model = family.classes[0]
        partial = (f"the model is a {said[:80]}, and the spec is {model}: their last layers differ",)
    lines = family.spec(f, model)
    for name in VALUES:
        f.without(name, 1, 1.0)
    name = _word(str(config.get("_name_or_path") or kind).rpartition("/")[2]) or kind
    note = f"{model}, of the configuration {_word(Path(text.name).name)}"
    if f.left:
        note += f"; without {', '.join(f.left)}"
    spec = "\n".join([f"name: {name}", *_note(note), *_sized(lines, inputs)]) + "\n"
    _check(text, spec)
    return Written(spec, (*f.remarks, *_remarks(f)), partial)


def _note(note: str) -> list[str]:
    if len(note) < WIDEST:
        return [f"note: {note}"]
    return [
        "note:",
        *textwrap.wrap(note, WIDEST, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False),
    ]


def _config(text: Source) -> dict[str, Any]:
    try:
        config = json.loads(text.text)
    except RecursionError:
        raise Fault(f"{text.name} is nested too deeply for a configuration") from None
    except json.JSONDecodeError as error:
        at = min(error.pos, max(0, len(text.text) - 1))
        problem = Problem(
            text, at, at + 1, "this is not JSON", ("the file may be cut off: download it again",)
        )
        raise SpecError([problem]) from None
    except ValueError as error:  # a number of thousands of digits
        raise Fault(f"{text.name} is not a configuration", found=str(error)[:120]) from None
    if not isinstance(config, dict):
        raise Fault(f"{text.name} is not a configuration", expected="an object with model_type")
    return config


def _known(text: Source, config: Mapping[str, Any]) -> str:
    """The family of a configuration."""
    from paramcalc.importing.families import FAMILIES

    kind = config.get("model_type")
    if isinstance(kind, str) and kind in FAMILIES:
        return kind
    known = textwrap.wrap(f"known are {', '.join(sorted(FAMILIES))}", WIDEST, break_on_hyphens=False)
    if kind is None:
        raise SpecError([Problem(text, 0, 1, "this configuration has no model_type", ("add it", *known))])
    named = config.get("architectures")
    model = named[0] if isinstance(named, list) and named else None
    model = model if isinstance(model, str) and model.isidentifier() else "CLASS"
    by_class = f"or import its class, where transformers is installed: paramcalc import transformers:{model}"
    start = max(0, text.text.find('"model_type"'))
    notes = tuple(filter(None, (near(str(kind)[:60], FAMILIES), *known, by_class)))
    fact = f"the model_type {str(kind)[:60]!r} is not known here"
    raise SpecError([Problem(text, start, start + len('"model_type"'), fact, notes)])


def _architecture(f: Fields, classes: tuple[str, ...]) -> str:
    """The class of the model: the first that the configuration names, or the family's usual one."""
    named = f.numbers("architectures") or [classes[0]]
    if not isinstance(named[0], str):
        raise f.wrong("architectures", "does not name a class", f'["{classes[0]}"]', named[0])
    return str(named[0])


def _sized(lines: list[str], inputs: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The lines with the length that a user gives."""
    if not inputs:
        return lines
    name, dims = next(iter(inputs.items()))
    has_length = any(re.search(_LENGTH, line) for line in lines)
    if (
        len(inputs) > 1
        or name not in ("", "input", "input_ids", "length")
        or len(dims) != 1
        or not has_length
    ):
        raise Fault(f"--input {'x'.join(map(str, dims))} does not fit", fix="give the length: --input 4096")
    done = False
    sized = []
    for line in lines:
        new = line if done else re.sub(_LENGTH, f"length: {dims[0]}", line)
        done, line = done or new != line, new
        sized.append(line)
    return sized


def _remarks(f: Fields) -> Iterator[str]:
    if f.left:
        yield f"without {', '.join(f.left)}: that changes values, and no count"
    unknown = sorted(f.unknown())
    if unknown:
        more = f" and {len(unknown) - MOST_NAMES} more" if len(unknown) > MOST_NAMES else ""
        yield f"fields that are not read, and may change the counts: {', '.join(unknown[:MOST_NAMES])}{more}"
    if f.absent:
        yield f"left out, and taken as transformers has it: {', '.join(dict.fromkeys(f.absent))}"


def _check(text: Source, spec: str) -> None:
    """Nothing is printed that cannot be counted."""
    from paramcalc.engine.elaborate import Settings, elaborate
    from paramcalc.engine.library import from_text

    try:
        elaborate(from_text(Source(text.name, spec)), Settings("", (), {}))
    except Error as error:
        said = next(iter(getattr(error, "problems", ())), None)
        fact = said.fact if said is not None else str(error)
        raise Fault(f"{text.name} says sizes that make no network: {fact}") from None


def _word(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-./" else "_" for char in name)
