"""Names that a spec defines and never reads: knobs, blocks, parameters of blocks.

Only names are looked at, nothing is elaborated: what one variant alone reads is read. What belongs
to a spec that is taken over by `use` is its own matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from paramcalc.base.errors import Problem
from paramcalc.language.expression import Expression
from paramcalc.language.spec import (
    Auxiliary,
    Block,
    Chain,
    If,
    Join,
    Named,
    Reference,
    Repeat,
    Spec,
    Step,
    Table,
    Written,
)

EXPERTS = ("mixture", "active")  # what the branches of experts see under these names


def unread(spec: Spec) -> tuple[Problem, ...]:
    """A remark on each knob and block of the spec's own text, and each parameter, that nothing reads."""
    knobs = {name: knob for name, knob in spec.knobs.items() if knob.source == spec.source}
    blocks = {name: block for name, block in spec.blocks.items() if block.source == spec.source}
    if not knobs and not blocks:
        return ()
    hiding: dict[str, str] = {}
    within = {name: frozenset(_in_block(block, {})) for name, block in spec.blocks.items()}
    outer = [_in_block(block, hiding, sees_knobs=True) for block in spec.blocks.values()]
    outside = {*_outside_blocks(spec, hiding)}
    readers = Counter(name for names in (outside, *within.values()) for name in names)
    read = outside.union(*outer)
    found = []
    for name, knob in knobs.items():
        if name not in read:
            by = f": {hiding[name]} has its name, and is read instead" if name in hiding else ""
            fact = f"nothing reads the knob '{name}'{by}"
            found.append(Problem(spec.source, knob.at, knob.at + len(name), fact))
    for name, block in blocks.items():
        if readers[name] == (name in within[name]):  # at most by itself
            fact = f"nothing calls the block '{name}'"
            found.append(Problem(spec.source, block.at, block.at + len(name), fact))
            continue
        for parameter in block.parameters:
            if parameter.name not in within[name]:
                begin = block.at + parameter.at
                fact = f"block '{name}' never reads its parameter '{parameter.name}'"
                found.append(Problem(spec.source, begin, begin + len(parameter.name), fact))
    return tuple(found)


def read_names(spec: Spec) -> set[str]:
    """The names that anything in a spec mentions."""
    blocks = (_in_block(block, {}) for block in spec.blocks.values())
    return {*_outside_blocks(spec, {})}.union(*blocks)


def _outside_blocks(spec: Spec, hiding: dict[str, str]) -> Iterator[str]:
    """The names that everything but the blocks mentions."""
    for knob in spec.knobs.values():
        yield from _in_values([knob.value])
        yield from knob.choices
    for variant in spec.variants.values():
        yield from _in_values(setting.value for setting in variant.settings)
    for one in spec.inputs.values():
        yield from _in_values(one.conditions())
        for each in one.alternatives():
            yield from _in_values([each.sizes, *(axis.value for axis in each.axes)])
    for defaults in spec.defaults.values():
        yield from _in_values(setting.value for setting in defaults.settings)
    yield from _in_values(spec.outputs.references)
    yield from _in_chain(spec.layers, hiding)


def _in_block(block: Block, hiding: dict[str, str], sees_knobs: bool = False) -> Iterator[str]:
    """The names that a block mentions; those of knobs only, where it `sees_knobs`: they are hidden by parameters.

    What hides a name is added to `hiding`.
    """
    hidden: set[str] = set()
    for parameter in block.parameters:
        yield from (name for name in _in_values([parameter.default]) if name not in hidden)
        if sees_knobs:
            hidden.add(parameter.name)
    for name in (*_in_chain(block.chain, hiding), *_in_values(reference for _, reference in block.outputs)):
        if name in hidden:
            hiding.setdefault(name, f"a parameter of the block '{block.name}'")
        else:
            yield name


def _in_values(values: Iterable[Written | Reference | None]) -> Iterator[str]:
    """The names of values that expressions, lists of them, and the indices of references mention."""
    for value in values:
        if isinstance(value, Expression):
            yield from value.free
        elif isinstance(value, Reference):
            for _, indices in value.parts:
                yield from _in_values(indices)
        elif value is not None:
            yield from _in_values(value)


def _in_chain(chain: Chain, hiding: dict[str, str]) -> Iterator[str]:
    """The names that a chain mentions and does not define; what hides a name is added to `hiding`."""
    for item in chain.items:
        if isinstance(item, Table):
            yield from _in_values([row.cells for row in item.rows])
            columns = {item.counter, *item.columns}
            yield from _unhidden(item.body, columns, hiding, "a column of a table")
        elif isinstance(item, Repeat):
            yield from _in_values([item.times])
            yield from _in_chain(item.body, hiding)
        elif isinstance(item, If):
            yield from item.condition.free
            yield from _in_chain(item.then, hiding)
            yield from _in_chain(item.otherwise, hiding)
        elif isinstance(item, Step | Join):
            yield item.call.head
            yield from _in_values([argument.value for argument in item.call.arguments])
            yield from _in_values(item.call.references)
            own = set(EXPERTS) if isinstance(item, Join) and item.call.head == "experts" else set()
            for branch in item.branches if isinstance(item, Join) else ():
                yield from _unhidden(branch.chain, own, hiding, "a number of the experts")
        elif isinstance(item, Named):
            yield from _in_chain(item.chain, hiding)
        elif isinstance(item, Auxiliary):
            yield from _in_chain(item.branch.chain, hiding)


def _unhidden(chain: Chain, hidden: set[str], hiding: dict[str, str], by: str) -> Iterator[str]:
    """The names that a chain mentions, without names that mean something else in it."""
    for name in _in_chain(chain, hiding):
        if name in hidden:
            hiding.setdefault(name, by)
        else:
            yield name
