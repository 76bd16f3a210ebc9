"""Replacements of layers or groups from outside the spec, at the paths that their patterns mean."""

from __future__ import annotations

from paramcalc.base.paths import pattern
from paramcalc.engine.scope import Group, Scope
from paramcalc.engine.settings import Swap
from paramcalc.language.spec import Auxiliary, Broken, If, Item


class Replacements:
    """Finds what takes an item's place; `done` counts the places by replacement.

    What a replacement holds is not replaced in turn.
    """

    def __init__(self, swaps: list[Swap]) -> None:
        self.swaps = swaps
        self.done: dict[Swap, int] = {}
        self.inside = False

    def __bool__(self) -> bool:
        return bool(self.swaps)

    def of(self, item: Item, group: Group) -> Swap | None:
        """The replacement of an item of a group; the only item of a group was looked up as the group."""
        if isinstance(item, If | Broken):
            return None
        name = item.branch.name if isinstance(item, Auxiliary) else item.name
        return self.at(group.prefix + name) if name else None

    def at(self, path: str) -> Swap | None:
        """The replacement of what stands at a path: of several that match, the last."""
        if self.inside:
            return None
        return next((swap for swap in self.swaps[::-1] if pattern(swap.layers).fullmatch(path)), None)

    def begin(self, swap: Swap, scope: Scope) -> Scope:
        """The scope of a replacement: it sees what the replaced text saw."""
        self.done[swap] = self.done.get(swap, 0) + 1
        self.inside = True
        return Scope(
            scope.frame._replace(source=swap.source),
            scope.parameters,
            scope.outer,
            scope.group,
            scope.variables,
            scope.loop,
            scope.share,
            scope.frozen,
            scope.auxiliary,
        )

    def end(self) -> None:
        self.inside = False
