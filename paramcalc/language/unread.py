"""What a spec gives a name to and never reads: knobs, blocks, parameters of blocks.

Only names are looked at, nothing is elaborated: what one variant alone reads is read. What belongs
to a spec that is taken over by `use` is its own matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from paramcalc.base.errors import Problem
from paramcalc.language.expression import Expression
from paramcalc.language.spec import (
    Block,
    Chain,
    If,
    Join,
    Reference,
    Repeat,
    Spec,
    Step,
    Table,
    Written,
    walk,
)


def unread(spec: Spec) -> tuple[Problem, ...]:
    """A remark on each knob and block of the spec's own text, and each parameter, that nothing reads."""
    knobs = {name: knob for name, knob in spec.knobs.items() if knob.source == spec.source}
    blocks = {name: block for name, block in spec.blocks.items() if block.source == spec.source}
    if not knobs and not blocks:
        return ()
    within = {name: frozenset(_in_block(block)) for name, block in spec.blocks.items()}
    readers = Counter(name for names in ({*_outside_blocks(spec)}, *within.values()) for name in names)
    found = []
    for name, knob in knobs.items():
        if not readers[name]:
            found.append(
                Problem(spec.source, knob.at, knob.at + len(name), f"nothing reads the knob '{name}'")
            )
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
    return {*_outside_blocks(spec)}.union(*map(_in_block, spec.blocks.values()))


def _outside_blocks(spec: Spec) -> Iterator[str]:
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
    yield from _in_chain(spec.layers)


def _in_block(block: Block) -> Iterator[str]:
    yield from _in_values(parameter.default for parameter in block.parameters)
    yield from _in_chain(block.chain)
    yield from _in_values(reference for _, reference in block.outputs)


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


def _in_chain(chain: Chain) -> Iterator[str]:
    for item in walk(chain):
        if isinstance(item, Step | Join):
            call = item.call
            yield call.head
            yield from _in_values([argument.value for argument in call.arguments])
            yield from _in_values(call.references)
        elif isinstance(item, If):
            yield from item.condition.free
        elif isinstance(item, Repeat):
            yield from _in_values([item.times])
        elif isinstance(item, Table):
            yield from _in_values([row.cells for row in item.rows])
