"""An op on one line, as a spec would call it."""

from __future__ import annotations

from functools import lru_cache

from paramcalc.ops.attributes import attributes, shown
from paramcalc.ops.base import Op


@lru_cache(maxsize=4096)
def call_text(op: Op) -> str:
    """An op as a spec would write it: required attributes by position, others where they differ.

    >>> from paramcalc.ops import find
    >>> from paramcalc.ops.attributes import build
    >>> call_text(build(find("conv2d"), {"out_channels": 64, "kernel_size": 3, "padding": 1}))
    'conv2d 64 3 padding=1'
    """
    parts = [op.title]
    for name, attribute in attributes(type(op)).items():
        value = getattr(op, name)
        if attribute.required or value != attribute.convert(type(op), attribute.default):
            text = _short(attribute.shortest(type(op), value))
            parts.append(text if attribute.required else f"{name}={text}")
    return " ".join(parts)


def _short(value: object) -> str:
    """An attribute's value on a line: sizes with x between, a long list of lists by its length.

    >>> _short((3, 5)), _short(((0, 1), 2)), _short(((1, 0),)), _short((-1, 64))
    ('3x5', '((0,1),2)', '((1,0),)', '(-1,64)')
    """
    if not isinstance(value, tuple):
        return value if isinstance(value, str) else shown(value)
    if 1 < len(value) <= 3 and all(_is_count(item) for item in value):
        return "x".join(map(str, value))
    if len(value) > 3 and all(isinstance(item, tuple) for item in value):
        return f"({len(value)} lists)"
    return _bracketed(value)


def _is_count(value: object) -> bool:
    """Whether digits alone say it."""
    return isinstance(value, int) and value >= 0


def _bracketed(value: tuple[object, ...]) -> str:
    items = [_bracketed(item) if isinstance(item, tuple) else _short(item) for item in value]
    return f"({','.join(items)}{',' if len(items) == 1 else ''})"
