"""Settings that most layers of an op share: a spec says them once, in front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from paramcalc import ops
from paramcalc.importing.blocks import Text
from paramcalc.importing.tree import Leaf
from paramcalc.ops.attributes import attributes


def same(value: Any, other: Any) -> bool:
    return (type(value) is type(other) and bool(value == other)) or (
        not isinstance(value, str | bool | tuple)
        and not isinstance(other, str | bool | tuple)
        and value == other
    )


def defaults(leaves: Sequence[Leaf]) -> dict[str, dict[str, Any]]:
    """The settings that most layers of an op have and that are not the op's own defaults."""
    found: dict[str, dict[str, Any]] = {}
    by_head: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        by_head.setdefault(leaf.head, []).append(leaf)
    for head, lot in by_head.items():
        made = ops.find(head)
        if made is None or len(lot) < 2:
            continue
        for name, attribute in attributes(made).items():
            if attribute.required or name not in ("bias", "eps", "affine", "causal", "approximate"):
                continue
            own = attribute.shortest(made, attribute.convert(made, attribute.default))
            values = [leaf.given[name] for leaf in lot if not isinstance(leaf.given[name], Text)]
            if not values:
                continue
            (_, count), *_ = Counter(map(repr, values)).most_common(1)
            value = next(
                one for one in values if repr(one) == Counter(map(repr, values)).most_common(1)[0][0]
            )
            if not same(value, own) and count > sum(same(one, own) for one in values) + 1:
                found.setdefault(head, {})[name] = value
    return found
