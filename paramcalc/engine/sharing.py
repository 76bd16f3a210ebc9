"""Which layer a layer shares its weights with: found by name, below a layer or group that is shared."""

from __future__ import annotations

from paramcalc.base.errors import Fault
from paramcalc.engine.graph import Layer
from paramcalc.engine.scope import UNKNOWN, Draft, Group, UnknownError


def below(share: Group | int | None, name: str) -> Group | int | None:
    """The part of a shared group that has a name, or None."""
    return share.children.get(name) if isinstance(share, Group) else None


def owner(draft: Draft, target: Group | int, strict: bool) -> Layer | None:
    """The one layer that a group or value is; where the layer itself asks for it (`strict`), there must be one."""
    value = target.value if isinstance(target, Group) else target
    if value == UNKNOWN or (isinstance(target, Group) and target.broken):
        raise UnknownError
    if value is None:
        raise Fault("the group to share with is not complete here", about="share")
    layer = draft.layer(value) if value >= 0 else None
    if isinstance(target, Group) and layer is not None and not target.alias and layer.path != target.path:
        layer = None
    if layer is None and strict:
        what = f"'{target.path}'" if isinstance(target, Group) else "this"
        raise Fault(
            f"{what} is not a single layer to share with", fix="name a layer inside it", about="share:"
        )
    return layer
