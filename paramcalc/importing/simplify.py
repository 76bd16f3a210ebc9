"""Groups that say nothing are gone: wrappers of one thing, short lines under a name that repeats the op."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.importing.blocks import worth
from paramcalc.importing.tree import Auxiliary, Group, Item, Join, Leaf
from paramcalc.importing.words import is_generic


def simplified(items: Sequence[Item]) -> list[Item]:
    """The items without needless groups."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Join):
            for branch in item.branches:
                branch.items = simplified(branch.items)
            found.append(item)
        elif isinstance(item, Auxiliary):
            item.items = simplified(item.items)
            found.append(item)
        elif isinstance(item, Group):
            item.items = simplified(item.items)
            found += _group(item)
        else:
            found.append(item)
    return found


def _group(group: Group) -> list[Item]:
    if len(group.items) == 1:
        (only,) = group.items
        if isinstance(only, Leaf):
            only.name = group.name if not is_generic(group.name) else only.name
            return [only]
        if isinstance(only, Group):  # a wrapper: the outer name, unless it is a number
            if not group.name.isdigit() or only.name.isdigit():
                only.name = group.name
            return [only]
    if not worth(group) and (is_generic(group.name) or not group.name):
        return group.items
    return [group]
