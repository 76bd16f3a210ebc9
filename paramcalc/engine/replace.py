"""Replacements of layers or groups from outside the spec, at the paths that their patterns mean."""

from __future__ import annotations

from paramcalc.base.paths import pattern
from paramcalc.engine.scope import Group, Scope
from paramcalc.engine.settings import Replacement
from paramcalc.language.spec import Auxiliary, Broken, If, Item


class Replacements:
    """Finds what takes an item's place; `done` counts the places by replacement.

    What a replacement holds is not replaced in turn.
    """

    def __init__(self, replacements: list[Replacement]) -> None:
        self.all = replacements
        self.done: dict[Replacement, int] = {}
        self.inside = False

    def __bool__(self) -> bool:
        return bool(self.all)

    def of(self, item: Item, group: Group) -> Replacement | None:
        """The replacement of an item of a group; the only item of a group was looked up as the group."""
        if isinstance(item, If | Broken):
            return None
        name = item.branch.name if isinstance(item, Auxiliary) else item.name
        return self.at(group.prefix + name) if name else None

    def at(self, path: str) -> Replacement | None:
        """The replacement at a path: the last that matches."""
        if self.inside:
            return None
        return next((one for one in self.all[::-1] if pattern(one.layers).fullmatch(path)), None)

    def begin(self, replacement: Replacement, scope: Scope) -> Scope:
        """The scope of a replacement: it sees what the replaced text saw."""
        self.done[replacement] = self.done.get(replacement, 0) + 1
        self.inside = True
        return Scope(
            scope.frame._replace(source=replacement.source),
            scope.parameters,
            scope.outer,
            scope.group,
            scope.variables,
            scope.loop,
            scope.share,
            scope.frozen,
            scope.auxiliary,
            scope.choice,
        )

    def end(self) -> None:
        self.inside = False
