"""The op or block that a call names, and the tensors that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from paramcalc import ops
from paramcalc.base.errors import Fault, near
from paramcalc.engine.scope import NOTHING, Draft, Group, UnknownError, Viewpoint, no_tensor
from paramcalc.language.expression import Expression
from paramcalc.language.spec import MOST_INPUTS, Argument, Block, Call
from paramcalc.language.values import Value
from paramcalc.ops.attributes import shown
from paramcalc.ops.base import Op

NO_HEAD = "paramcalc ops lists the ops; the name of a layer has a colon after it"
Head: TypeAlias = tuple[type[Op] | None, Block | None]  # one of the two


class Heads:
    """Finds the op or block that a head names, directly or through a parameter, column or knob."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.known: dict[str, Head] = {}

    def find(self, name: str, view: Viewpoint) -> Head:
        bound = view.bound(name)
        known = self.known.get(name)
        if known is not None and bound is None:
            return known
        block = self.draft.spec.blocks.get(name)
        op = ops.find(name) if block is None and ops.known(name) else None
        if block is None and op is None:
            if bound is not None:
                return self.held(name, bound)
            op = ops.find(name)
            if op is None:
                from paramcalc.language import foreign

                fix = (
                    _instead(name, view) or foreign.advice(name) or near(name, self.draft.heads()) or NO_HEAD
                )
                raise Fault(f"there is no op or block '{name}'", fix=fix, about="head")
        elif isinstance(bound, str):
            fact = f"'{name}' is {'an op' if op else 'a block'}, but also a name that holds '{bound}'"
            raise Fault(fact, fix="rename the knob, parameter or column", about="head")
        self.known[name] = op, block
        return op, block

    def routes(self, name: str, view: Viewpoint) -> bool:
        """Whether a head names an op whose branches are a router and what it chooses."""
        try:
            op, _ = self.find(name, view)
        except (Fault, UnknownError):
            return False
        return op is not None and op.routes

    def held(self, name: str, value: Value) -> Head:
        """The op or block that a variable names."""
        block = self.draft.spec.blocks.get(value) if isinstance(value, str) else None
        op = ops.find(value) if isinstance(value, str) and block is None else None
        if op is None and block is None:
            fact = f"'{name}' is called, but holds neither an op nor a block"
            fix = near(value, self.draft.heads()) if isinstance(value, str) else ""
            raise Fault(fact, found=shown(value), fix=fix, about="head")
        return op, block


def _instead(name: str, view: Viewpoint) -> str:
    """What to write instead of the name of a tensor in place of a call; '' if it names none."""
    if name == "x":
        return "identity passes the tensor on"
    if view.scope is not None and view.outward(name) is not None:
        return f"it is a layer: write from {name} (several: from {name} b)"
    return ""


def call_inputs(op: type[Op], call: Call, view: Viewpoint) -> tuple[int, ...]:
    """The values that a call of an op reads, as many as the op has inputs."""
    if len(call.references) > MOST_INPUTS:
        raise Fault(f"{op.name} reads more than {MOST_INPUTS} tensors", fix="join them in groups")
    if op.inputs == () and not call.references:
        return ()
    if call.references:
        inputs = tuple([value for _, value in view.resolved(call.references)])
    elif view.incoming == NOTHING:
        raise no_tensor()
    else:
        inputs = (view.incoming,)
    if op.inputs is None:
        if len(inputs) == 1 and any(reference.several for reference in call.references):
            return inputs
        if len(inputs) < 2:
            words = [word for argument in call.arguments if (word := _word(argument))]
            tensors = " ".join(words) if len(words) > 1 else "a b"
            fix = f"write its branches below it, or name the layers on its line: {op.name} from {tensors}"
            fact = f"{op.name} joins two or more tensors"
            here = next((word for word in words if _is_incoming(word, view)), "")
            if here and "x" in words:
                fix = f"x is the incoming tensor, which is '{here}': write {op.name} from {here} NAME"
            if not inputs:
                raise Fault(fact, found=f"none: the repeat of {call.references[0]} has no rounds")
            raise Fault(fact, found="one", fix=fix)
    elif not op.inputs:
        raise Fault(f"{op.name} reads no tensor", fix="leave the 'from' out")
    elif not len(op.inputs) - op.optional <= len(inputs) <= len(op.inputs):
        several = len(op.inputs) > 1
        fix = "" if several else f"join them first: concat from {' '.join(map(str, call.references))}"
        raise Fault(f"{op.name} has {_wanted(op.inputs, op.optional)}", found=str(len(inputs)), fix=fix)
    return inputs


def _wanted(names: tuple[str, ...], optional: int) -> str:
    """How many inputs an op has, in words."""
    if len(names) == 1:
        return "one input"
    least = len(names) - optional
    if not optional:
        return f"{least} inputs, {' and '.join(names)}"
    return f"{least} to {len(names)} inputs, {', '.join(names[:least])} and if given {' and '.join(names[least:])}"


def _is_incoming(word: str, view: Viewpoint) -> bool:
    """Whether a word names the tensor just there."""
    entry = view.outward(word) if view.scope is not None else None
    return entry is not None and (entry.value if isinstance(entry, Group) else entry) == view.incoming


def _word(argument: Argument) -> str:
    """The text of an argument that is one bare word without a name; '' for any other."""
    value = argument.value
    return value.text if not argument.name and isinstance(value, Expression) and value.word else ""


def branch_inputs(op: type[Op], branches: Mapping[str, int]) -> tuple[int, ...]:
    """The values that a join reads, in the order of the op's inputs."""
    if NOTHING in branches.values():
        raise no_tensor()
    if op.inputs in ((), ("x",)):
        fix = "put the chain before it" if op.inputs else ""
        fact = f"{op.name} has {'one' if op.inputs else 'no'} input, so it takes no branches"
        raise Fault(fact, fix=fix, about="head")
    if op.inputs is None:
        if len(branches) < 2:
            raise Fault(f"{op.name} joins two or more branches", found=str(len(branches)), about="head")
        return tuple(branches.values())
    given = [name for name in op.inputs if name in branches]
    needed = len(op.inputs) - op.optional
    if len(given) != len(branches) or given != [*op.inputs[: max(len(given), needed)]]:
        found = ", ".join(branches) or "none"
        wanted = f"the branches {' and '.join(op.inputs[:needed])}"
        wanted += f", and may have {' and '.join(op.inputs[needed:])}" if op.optional else ""
        raise Fault(f"{op.name} needs {wanted}", found=found, about="head")
    return tuple(branches[name] for name in given)
