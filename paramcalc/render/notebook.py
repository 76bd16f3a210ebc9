"""Display of nouns in notebooks, by Rich and as JSON, through the `draw` module in their own folder.

A drawing needs its noun, so the noun knows its drawing by place alone, and finds it when somebody looks.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, TypeVar, cast

Noun = TypeVar("Noun")


def drawing(noun: object) -> Any:
    """The module `draw` beside the module of a noun."""
    return importlib.import_module(f"{vars(sys.modules[type(noun).__module__])['__package__']}.draw")


def rich(noun: object) -> Any:
    """The Rich form of a noun."""
    from paramcalc.render import table

    return table.Drawn(drawing(noun).grid(noun))


def html(noun: object) -> str:
    """The HTML of a noun in a notebook: the table, below the pictures of the networks that it is about."""
    from paramcalc.render import forms

    networks = getattr(noun, "reports", ())
    pictures = importlib.import_module("paramcalc.figure.draw").pictures(networks) if networks else ""
    return pictures + forms.html(drawing(noun).grid(noun))


def document(noun: object, *settings: Any) -> dict[str, Any]:
    """The JSON of a noun, as its command prints it."""
    return cast("dict[str, Any]", drawing(noun).document(noun, *settings))


def json(noun: object, *settings: Any) -> str:
    """The text of that JSON."""
    from paramcalc.render import forms

    return forms.written(document(noun, *settings), "json")


def records(noun: object) -> list[dict[str, Any]]:
    """The rows of a noun's CSV, each with the names of its columns."""
    rows = drawing(noun).rows(noun)
    return [dict(zip(rows.header, row, strict=True)) for row in rows.rows]


def shows_itself(cls: type[Noun]) -> type[Noun]:
    """A class whose objects are shown by the `grid` of the drawing beside it."""
    cls.__rich__ = rich  # type: ignore[attr-defined]
    cls._repr_html_ = html  # type: ignore[attr-defined]
    return cls
