"""Shared weights: which of a layer's weights belong to another layer."""

from __future__ import annotations

from paramcalc.base.errors import Fault
from paramcalc.base.sizes import Size, same
from paramcalc.engine.graph import Applied, Layer
from paramcalc.engine.scope import UNKNOWN, Group, Network, UnknownError


def below(share: Group | int | None, name: str) -> Group | int | None:
    """The part of a shared group that answers to a name, or None."""
    return share.children.get(name) if isinstance(share, Group) else None


def taken(
    network: Network, applied: Applied, target: Group | int, inside: str, strict: bool
) -> dict[str, str]:
    """The owner's path for each weight that a layer takes from the target.

    Weights of equal name and shape are taken; equal names with other shapes are a fault. When the
    layer itself asks for it (`strict`), the target must be one layer and have something in common.
    """
    owner = _layer(network, target)
    if owner is None:
        if strict:
            what = f"'{target.path}'" if isinstance(target, Group) else "this"
            raise Fault(
                f"{what} is not one layer to share with", fix="name the layer below it", about="share:"
            )
        return {}
    shared = {}
    theirs = owner.applied.weights
    for name, dims in applied.weights.items():
        if name not in theirs:
            continue
        if not _alike(theirs[name], dims):
            expected = f"{_sizes(theirs[name])}, as in '{owner.path}'"
            fact = f"the weight '{name}' cannot be shared: its shape differs"
            raise Fault(fact, expected=expected, found=_sizes(dims), about="share")
        shared[name] = owner.shared.get(name, owner.path)
    if strict and not shared:
        found = f"'{owner.path}' has {', '.join(theirs) or 'no weights'}"
        raise Fault("nothing of equal name and shape to share", found=found, about="share")
    if shared and owner.auxiliary and not inside:
        fact = f"the weights of '{owner.path}' exist in training only"
        raise Fault(fact, fix="let the auxiliary branch share those of the other", about="share")
    return shared


def used_again(network: Network, applied: Applied, target: Group | int) -> str:
    """The path of the layer that a sharing layer is another use of, if its op is the same; or ''."""
    owner = _layer(network, target)
    if owner is None or owner.applied.op != applied.op:
        return ""
    return owner.again or owner.path


def _layer(network: Network, target: Group | int) -> Layer | None:
    """The one layer that a group or value is, or None."""
    value = target.value if isinstance(target, Group) else target
    if value == UNKNOWN or (isinstance(target, Group) and target.broken):
        raise UnknownError
    if value is None:
        raise Fault("the group to share with is not finished here", about="share")
    layer = network.layer(value) if value >= 0 else None
    if isinstance(target, Group) and layer is not None and not target.alias and layer.path != target.path:
        return None
    return layer


def _alike(one: tuple[Size, ...], two: tuple[Size, ...]) -> bool:
    return len(one) == len(two) and all(map(same, one, two))


def _sizes(dims: tuple[Size, ...]) -> str:
    return "x".join(str(dim) for dim in dims)
