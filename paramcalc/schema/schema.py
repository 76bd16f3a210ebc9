"""A JSON Schema of spec files, for editors: keys, ops and attributes as one types.

It is looser than the language, which reads lines and expressions that a schema cannot: what the
schema refuses is wrong, what it accepts may still be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paramcalc import ops
from paramcalc.base.shape import AXES
from paramcalc.language.parse import KEYS
from paramcalc.ops.attributes import Attribute, attributes
from paramcalc.ops.base import Op

DRAFT = "https://json-schema.org/draft/2020-12/schema"

VERSION = "1"  # of the language: a text that one version accepts is accepted by the next
ID = f"urn:paramcalc:spec:{VERSION}"

_TEXT = {"type": ["string", "number"]}
_EXPRESSION = {"type": ["string", "number", "boolean"]}
_CHAIN = {"$ref": "#/$defs/chain"}
_VALUE = {"$ref": "#/$defs/value"}
_BUDGETS = {"type": "array", "items": {"$ref": "#/$defs/budget"}}
DESCRIPTIONS = {
    "name": "the spec's name, and that of its model when it has no variants",
    "source": "where the network was published: a string, or title, authors, year, arxiv",
    "topic": "the kind of network, under which `paramcalc list` shows it: mobile, super-resolution",
    "note": "remarks for readers",
    "use": "another spec (bundled, or NAME.yaml beside this one) whose blocks and layers this one takes",
    "input": "sizes such as 3x224x224 (channels first), or a mapping of axes: {length: 197, channels: 768}",
    "inputs": "several inputs by name",
    "outputs": "the layers whose values are the outputs; the last layer unless given",
    "knobs": "settings of the whole spec by name: a value, a list, or {default, choices}",
    "variants": "models by name: the knobs that each sets; `like` starts from another one",
    "defaults": "default attributes of each op",
    "blocks": "groups with arguments: 'name parameter other=default from x memory': chain",
    "layers": "the layers",
    "claims": "the numbers that sources print, by model",
    "budgets": "limits that counts must keep: a list for every model, or lists by model",
}


def schema(claimed: Iterable[str], budgeted: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The schema as data, ready for JSON.

    A claim has one of the quantities of that name; a budget one of `quantities`, and any of `fields`.
    """
    return {
        "$schema": DRAFT,
        "$id": ID,
        "version": VERSION,
        "title": "paramcalc spec",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {**_section(key), "description": DESCRIPTIONS[key]} for key in KEYS},
        "$defs": _definitions(claimed) | {"budget": _budget(budgeted)},
    }


def _section(key: str) -> dict[str, Any]:
    named = {"type": "object", "additionalProperties": _VALUE}
    sections: dict[str, dict[str, Any]] = {
        "source": {"type": ["string", "number", "object", "array"]},
        "input": {"$ref": "#/$defs/input"},
        "inputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/input"}},
        "outputs": {"type": ["string", "array"], "items": {"type": "string"}},
        "knobs": named,
        "variants": {"type": "object", "additionalProperties": named},
        "defaults": {
            "type": "object",
            "properties": {name: _defaults(op) for name, op in ops.every().items()},
        },
        "blocks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/block"}},
        "layers": _CHAIN,
        "claims": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"$ref": "#/$defs/claim"}},
        },
        "budgets": {
            "anyOf": [_BUDGETS, {"type": "object", "additionalProperties": _BUDGETS}],
        },
    }
    return sections.get(key, _TEXT)


def _definitions(claimed: Iterable[str]) -> dict[str, Any]:
    return {
        "value": {"type": ["string", "number", "boolean", "array", "object"]},
        "input": {
            "anyOf": [
                _TEXT,
                {"type": "array", "items": _EXPRESSION, "minItems": 1},
                {"type": "object", "propertyNames": {"enum": list(AXES)}},
                {
                    "type": "object",
                    "required": ["if", "then", "else"],
                    "properties": {
                        "if": _EXPRESSION,
                        "then": {"$ref": "#/$defs/input"},
                        "else": {"$ref": "#/$defs/input"},
                    },
                    "additionalProperties": False,
                },
            ]
        },
        "chain": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/item"}]}},
                {"$ref": "#/$defs/item"},
            ]
        },
        "block": {
            "if": {"type": "object", "required": ["layers"], "not": {"required": ["repeat"]}},
            "then": {
                "properties": {
                    "layers": _CHAIN,
                    "outputs": {"type": ["string", "array", "object"]},
                    "override": {"type": "boolean"},
                },
                "additionalProperties": False,
            },
            "else": _CHAIN,
        },
        "item": {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "if": _EXPRESSION,
                "then": _CHAIN,
                "else": _CHAIN,
                "repeat": _EXPRESSION,
                "layers": _CHAIN,
                "index": {"type": "string"},
                "shared": {"type": "boolean"},
                "table": {"$ref": "#/$defs/table"},
                "auxiliary": {"type": "object", "minProperties": 1, "maxProperties": 1},
                **{name: _call(op) for name, op in ops.every().items()},
            },
        },
        "table": {
            "type": "object",
            "required": ["columns", "rows", "layers"],
            "additionalProperties": False,
            "properties": {
                "columns": {"type": ["string", "array"]},
                "rows": {"type": "array", "items": {"type": ["string", "number", "array"]}},
                "layers": _CHAIN,
                "index": {"type": "string"},
            },
        },
        "claim": {"type": "object", "anyOf": [{"required": [name]} for name in claimed]},
    }


def _budget(budgeted: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    limit = {"type": "string", "pattern": r"^\s*(<=?|>=?)\s*[0-9]"}
    quantities = [*budgeted["quantities"]]
    return {
        "type": "object",
        "properties": dict.fromkeys(quantities, limit) | dict.fromkeys(budgeted["fields"], _VALUE),
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in quantities],
    }


def _call(op: type[Op]) -> dict[str, Any]:
    """An op as a key: a layer's name over a line or list, or the call over its attributes."""
    documented: dict[str, Any] = {"description": (op.__doc__ or "").split("\n", 1)[0]}
    if op.inputs is None or len(op.inputs) - op.optional > 1:
        return documented  # branches have names of their own
    values = {attribute.name: _attribute(attribute) for attribute in attributes(op).values()}
    extra: dict[str, Any] = {"from": {"type": ["string", "array"]}} if op.inputs else {}
    extra |= {"share": _TEXT, "frozen": _EXPRESSION}
    keywords = dict.fromkeys(("if", "then", "else", "repeat", "layers", "index", "shared", "table"), _VALUE)
    return {
        **documented,
        "type": ["string", "array", "object"],
        "properties": values | extra | keywords,
        "additionalProperties": False,
    }


def _defaults(op: type[Op]) -> dict[str, Any]:
    values = {attribute.name: _attribute(attribute) for attribute in attributes(op).values()}
    return {"type": ["string", "object"], "properties": values, "additionalProperties": False}


def _attribute(attribute: Attribute) -> dict[str, Any]:
    """The value of an attribute: any value may be an expression, so only lists have a type."""
    lists = attribute.kind not in ("Size", "Count", "Int", "Number", "Flag", "Part", "Word")
    types = ["string", "number", "boolean", *(["array"] if lists else [])]
    return {"type": types} if attribute.required else {"type": types, "default": attribute.default}
