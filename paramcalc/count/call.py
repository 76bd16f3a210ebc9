"""An op, or a block, on one line as a spec would call it."""

from __future__ import annotations

from functools import lru_cache

from paramcalc.engine.graph import BlockCall
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
            least = attribute.shortest(type(op), value)
            pair = attribute.kind == "Padding" and op.rank == 1 and isinstance(least, tuple)
            text = _bracketed(least) if pair else _short(least)
            parts.append(text if attribute.required else f"{name}={text}")
    return " ".join(parts)


@lru_cache(maxsize=4096)
def brief_text(op: Op) -> str:
    """An op as a narrow table has it: its window, channels, stride, groups; of others what a call must say.

    >>> from paramcalc.ops import find
    >>> from paramcalc.ops.attributes import build
    >>> brief_text(build(find("conv2d"), {"out_channels": 64, "kernel_size": 3, "stride": 2, "padding": 1}))
    'conv 3x3, 64 /2'
    """
    kernel = getattr(op, "kernel_size", None)
    if not isinstance(kernel, tuple):
        required = {name: one for name, one in attributes(type(op)).items() if one.required}
        values = (_short(one.shortest(type(op), getattr(op, name))) for name, one in required.items())
        return " ".join([op.title, *values])
    out, stride, groups = (getattr(op, name, None) for name in ("out_channels", "stride", "groups"))
    parts = [op.title.removesuffix(f"{op.rank}d"), "x".join(map(str, kernel)) + ("," if out else "")]
    parts += [str(out)] if out else []
    if stride and set(stride) != {1}:
        parts.append(f"/{'x'.join(map(str, stride if len({*stride}) > 1 else stride[:1]))}")
    return " ".join([*parts, *([f"groups={groups}"] if groups and groups != 1 else [])])


def block_text(call: BlockCall) -> str:
    """A call of a block as a spec would write it.

    >>> block_text(BlockCall("bottleneck", (64,), (("stride", 2),)))
    'bottleneck 64 stride=2'
    """
    return " ".join([placed_text(call), *(f"{name}={_short(value)}" for name, value in call.named)])


def placed_text(call: BlockCall) -> str:
    """The block with its positional arguments."""
    return " ".join([call.block, *map(_short, call.placed)])


def brief_block(call: BlockCall) -> str:
    """A call of a block as a narrow table has it.

    >>> brief_block(BlockCall("bottleneck", (64,), (("stride", 2), ("bias", False))))
    'bottleneck 64 /2'
    """
    strides = (value for name, value in call.named if name == "stride" and value != 1)
    return " ".join([placed_text(call), *(f"/{_short(value)}" for value in strides)])


def _short(value: object) -> str:
    """An attribute's value on a line: sizes with x between, a long list of lists by its length.

    >>> _short((3, 5)), _short(((0, 1), 2)), _short(((1, 0),)), _short((-1, 64))
    ('3x5', '((0,1),2)', '((1,0),)', '(-1,64)')
    """
    if not isinstance(value, tuple):
        return value if isinstance(value, str) and value.isidentifier() else shown(value)
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
