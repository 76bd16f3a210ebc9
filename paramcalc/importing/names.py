"""Names for groups, blocks, branches and parameters, from those of the author's modules and classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from paramcalc import ops
from paramcalc.importing.words import CONTAINERS, is_generic
from paramcalc.language import lines
from paramcalc.language.chains import ITEM_KEYWORDS

if TYPE_CHECKING:
    from paramcalc.importing.tree import Group, Leaf


def tidy(name: str) -> str:
    """A name as the language takes it; '' where nothing of it is left."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", name.partition("@")[0]).strip("_-")
    if not name or name[0].isdigit() or lines.unfit(name):
        return ""
    return f"{name}_" if name in ITEM_KEYWORDS else name


def snake(name: str) -> str:
    """`ConvNeXtBlock` as convnext_block, `CNBlock` as cn_block.

    >>> [snake(one) for one in ("BasicBlock", "CNBlock", "SEModule", "Bottle2neck", "LlamaDecoderLayer")]
    ['basic_block', 'cn_block', 'se_module', 'bottle2neck', 'llama_decoder_layer']
    """
    name = name.strip("_").replace("NeXt", "next")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def numberless(name: str) -> str:
    """A name without the number that it has among others, or the kernel that it says.

    >>> [numberless(one) for one in ("inception_3a", "fire2", "squeeze1x1", "layer", "conv2d", "res4f")]
    ['inception', 'fire', 'squeeze', 'layer', 'conv2d', 'res']
    """
    found = re.fullmatch(r"([A-Za-z_]*[A-Za-z]{3}|res)_?\d+([a-z]?|x\d+)", name)
    return found[1].rstrip("_") if found and ops.find(name) is None else name


def block_name(group: Group, taken: Collection[str], before: Sequence[Group] = ()) -> str:
    """The name of the block that groups like this one are: their class, or what it is of the class around it.

    Of several blocks of one class, a word says what this one has and the others have not.
    """
    names = []
    if group.kind not in CONTAINERS:
        names.append(snake(group.kind))
    own = [part for part in reversed(group.path.split(".")) if not part.isdigit()]
    if own and group.parent and is_generic(own[0]):
        names.append(snake(group.parent))
    names += own
    names = [numberless(name) for name in map(tidy, names)]
    names = [name for name in names if name and ops.find(name) is None]
    name = names[0] if names else "group"
    if name not in taken:
        return name
    others = {word for one in before for word in words(one)}
    ours = [word for word in words(group) if word not in others]
    candidates = [f"residual_{name}"] if "add" in ours else []
    candidates += [f"{name}_{word}" for word in ours if tidy(word)]
    candidates += [] if ours else [f"plain_{name}"]
    candidates += [f"{name}_{letter}" for letter in "bcdefghijklmnopqrstuvwyz"]
    return next(
        (one for one in candidates if one not in taken and ops.find(one) is None), unique(name, taken)
    )


def words(group: Group) -> list[str]:
    """What a group consists of, in words: its joins, its named parts, its ops."""
    from paramcalc.importing.tree import Group as Named
    from paramcalc.importing.tree import Join, Leaf

    found: dict[str, None] = {}
    waiting: list[Any] = [*reversed(group.items)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Leaf):
            found[item.head] = None
        elif isinstance(item, Join):
            found[item.call.head] = None
            waiting += [inner for branch in reversed(item.branches) for inner in reversed(branch.items)]
        else:
            if isinstance(item, Named) and tidy(item.name) and not is_generic(item.name):
                found[tidy(item.name)] = None
            waiting += reversed(item.items)
    return [*found]


def unique(name: str, *taken: Collection[str]) -> str:
    """The name, or with the lowest number with which none of the collections has it."""
    found, number = name, 2
    while any(found in one for one in taken):
        found, number = f"{name}_{number}", number + 1
    return found


_SHORT = {"kernel_size": "kernel", "num_groups": "groups", "negative_slope": "slope"}


def parameter_name(leaf: Leaf, argument: str, taken: Collection[str], output: bool) -> str:
    """The name of a parameter, after what it is given to."""
    own = tidy(leaf.name)
    if argument == "out_channels":
        word = numberless(own)
        fit = bool(own) and not is_generic(own) and ops.find(word) is None
        hint = leaf.hint if not fit else ""
        wanted = [unique(hint, taken)] if hint else ["out"] if output else []
        wanted += [word] if fit else []
        wanted += ["width", "hidden", "inner"]
    else:
        wanted = [_SHORT.get(argument, argument)]
        wanted += [f"{own}_{_SHORT.get(argument, argument)}"] if own else []
    for name in wanted:
        if name not in taken and not lines.unfit(name) and ops.find(name) is None:
            return name
    return unique(wanted[-1], taken)


def branch_name(item_names: list[str], head: str) -> str:
    for name in item_names:
        if tidy(name) and not is_generic(name):
            return tidy(name)
    return head


def shown(value: Any, inside: bool = False) -> str:
    """A value as a line has it, or as a pair inside of a list has it, where 1x2 is no pair.

    >>> shown((3, 5)), shown(((1, 2), (1, 2)))
    ('3x5', '((1, 2), (1, 2))')
    """
    from paramcalc.ops.attributes import shown as written

    if isinstance(value, str):
        return f"'{value}'" if "->" in value else str(value)
    if isinstance(value, tuple):
        if not inside and len(value) > 1 and all(type(one) is int and one > 0 for one in value):
            return "x".join(map(str, value))
        return "(" + ", ".join(shown(one, True) for one in value) + ("," if len(value) == 1 else "") + ")"
    if value is None:
        return "none"
    if type(value).__module__ == "fractions":
        return _number(value)
    return written(value)


def _number(value: Any) -> str:
    digits = f"{float(value):.12g}"
    text = re.sub(r"e([+-])0*", lambda found: "e" + found[1].replace("+", ""), digits)
    return text if type(value)(text) == value else f"({value.numerator}/{value.denominator})"
