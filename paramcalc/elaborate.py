"""A spec and its settings to a graph: knobs, blocks and repeats resolved, every shape inferred.

Layers are elaborated in the order of the text, each when its inputs' shapes are known: one pass.
A layer with a mistake gives an unknown value; what reads that value is checked as far as names go
and otherwise left alone, so that each mistake is reported once and independent ones together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from paramcalc import lines, ops
from paramcalc.errors import Fault, Problem, Source, SpecError, near
from paramcalc.expression import Choice, Expression, Value, truth
from paramcalc.graph import Applied, Graph, Layer
from paramcalc.ops.attributes import Attribute, attributes, build, shown, size
from paramcalc.ops.base import Op
from paramcalc.paths import pattern
from paramcalc.shape import CHANNELS, SPACE, Shape
from paramcalc.spec import (
    Argument,
    Auxiliary,
    Block,
    Call,
    Chain,
    If,
    Input,
    Item,
    Join,
    Named,
    Reference,
    Repeat,
    Row,
    Spec,
    Step,
    Table,
    Written,
)

MOST_STEPS = 250_000
MOST_BLOCKS_DEEP = 40
LARGEST_SIZE = 10**15
UNKNOWN = -1  # the value of a layer that could not be elaborated
NOTHING = -2  # no incoming tensor: the spec has several inputs

Words: TypeAlias = tuple[str, ...]


class Change(NamedTuple):
    """A setting from outside the spec: a knob, or an attribute of the layers that match.

    `layers` is '' for a knob.
    """

    layers: str
    name: str
    value: Written | Value
    source: Source

    def __str__(self) -> str:
        value = _as_written(self.value)
        return f"{self.layers}.{self.name}={value}" if self.layers else f"{self.name}={value}"


class Swap(NamedTuple):
    """A line from outside the spec that takes the place of the items that match, under their names."""

    layers: str
    chain: Chain
    source: Source

    def __str__(self) -> str:
        return f"{self.layers}='{self.source.text}'"


class Settings(NamedTuple):
    """What to elaborate: a variant (or '' for the knobs' defaults), changes, other inputs."""

    variant: str = ""
    changes: tuple[Change | Swap, ...] = ()
    inputs: Mapping[str, tuple[Any, ...]] = {}


def elaborate(spec: Spec, settings: Settings = Settings()) -> Graph:
    """The graph of a spec under the given settings.

    Raises `SpecError` with every mistake found, or `Fault` when the settings themselves do not fit.
    """
    return Elaborator(spec, settings).run()


class _UnknownValue(Exception):
    """Something depends on a layer whose mistake has been reported already."""


class _Hidden:
    """An index that hides another of the same name, and so cannot be used."""


class Group:
    """A named part of the network while it is built.

    `value` is the output, None until the group is finished; `children` holds groups, and the values
    of single layers.
    """

    __slots__ = ("children", "path", "value")

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[str, Group | int] = {}
        self.value: int | None = None

    def inner(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class Frame(NamedTuple):
    """One call of a block, or the top level: what its text can see besides the knobs."""

    block: str
    source: Source
    parameters: Mapping[str, Value]
    inputs: Mapping[str, int]
    caller: tuple[Frame, int, int, str] | None  # the caller's frame, the call's span, the group's path
    depth: int


class Scope(NamedTuple):
    """An open group: names inside resolve outwards, up to the frame."""

    frame: Frame
    outer: Scope | None
    group: Group
    variables: Mapping[str, Value]
    share: Group | int | None
    frozen: bool
    auxiliary: str


class _Env:
    """What an expression sees at one place: the scope, and the tensor that enters there."""

    __slots__ = ("elaborator", "scope", "value_number")

    def __init__(self, elaborator: Elaborator, scope: Scope | None, value_number: int) -> None:
        self.elaborator = elaborator
        self.scope = scope
        self.value_number = value_number

    def value(self, name: str) -> Value:
        if name == CHANNELS:
            return self.channels()
        found = self.bound(name)
        if isinstance(found, _Hidden):
            raise Fault(f"'{name}' hides an outer '{name}'", fix=f"give the outer one a name: index: {name}_outer")
        if found is None:
            raise self.elaborator.unknown_name(name, self.scope)
        return found

    def bound(self, name: str) -> Value:
        """The value of a parameter, loop variable, column or knob; None when there is none."""
        scope = self.scope
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            if scope.outer is None and name in scope.frame.parameters:
                return scope.frame.parameters[name]
            scope = scope.outer
        return self.elaborator.knobs.get(name)

    def channels(self) -> Value:
        shape = self.tensor("x")
        if CHANNELS not in shape.axes:
            raise Fault("the incoming tensor has no channels", found=shape.described())
        return shape.channels

    def tensor(self, name: str) -> Shape:
        if name == "x":
            if self.value_number == NOTHING:
                raise Fault("there is no incoming tensor here: the spec has several inputs", fix="say 'from' first")
            return self.elaborator.shape_of(self.value_number)
        if self.scope is None:
            raise self.elaborator.unknown_name(name, None)
        reference = Reference(((name, None),), 0, 0)
        return self.elaborator.shape_of(self.elaborator.resolve(reference, self))


class _Worded(NamedTuple):
    """The same place for an attribute that takes words, which come before all other names."""

    env: _Env
    words: Words

    def value(self, name: str) -> Value:
        return name if name in self.words else self.env.value(name)

    def tensor(self, name: str) -> Shape:
        return self.env.tensor(name)


class Elaborator:
    """Builds the graph of a spec, in one pass over its text.

    `rounds` and `checked_count` are what changes where the number of rounds is a symbol.
    """

    def __init__(self, spec: Spec, settings: Settings) -> None:
        self.spec = spec
        self.settings = settings
        self.changes = [change for change in settings.changes if isinstance(change, Change)]
        self.swaps = [swap for swap in settings.changes if isinstance(swap, Swap)]
        self.found: dict[tuple[Source, int, int, str], Problem] = {}
        self.knobs: dict[str, Value] = {}
        self.shapes: list[Shape] = []
        self.read: set[int] = set()
        self.layers: list[Layer] = []
        self.steps = 0
        self.touched: dict[Change | Swap, int] = {}
        self.built: dict[Any, Op] = {}
        self.applied: dict[Any, Applied] = {}
        self.shared_weights = 0
        self.swapping = False  # inside a replacement

    @property
    def problems(self) -> list[Problem]:
        return sorted(self.found.values(), key=lambda problem: (problem.source.name, problem.start))

    # ----------------------------------------------------------------------------- the whole

    def run(self) -> Graph:
        self.set_knobs()
        inputs = self.set_inputs()
        if self.found:
            raise SpecError(self.problems)
        self.shapes = list(inputs.values())
        numbers = {name: number for number, name in enumerate(inputs)}
        frame = Frame("", self.spec.layers_source, {}, numbers, None, 0)
        root = Scope(frame, None, Group(""), {}, None, frozen=False, auxiliary="")
        incoming = 0 if len(inputs) == 1 else NOTHING
        last = self.chain(self.spec.layers, root, incoming, inherits=False)
        outputs = self.outputs(root, last)
        if not self.found:
            self.check_read(outputs, len(inputs))
        if self.found:
            raise SpecError(self.problems)
        return Graph(
            spec=self.spec.name,
            model=self.settings.variant or self.spec.name,
            inputs=inputs,
            layers=tuple(self.layers),
            outputs=outputs,
            knobs=self.knobs,
            settings=tuple(str(change) for change in self.settings.changes),
            remarks=self.remarks(),
            blocks=tuple(self.spec.blocks),
        )

    def remarks(self) -> tuple[str, ...]:
        """What the settings of single layers touched; a fault when one touched nothing."""
        said = []
        for change in self.settings.changes:
            if not change.layers:
                continue
            count = self.touched.get(change, 0)
            if not count:
                raise self.untouched(change)
            done, what = ("replaced", "place") if isinstance(change, Swap) else ("touched", "layer")
            said.append(f"{change} {done} {count} {what}{'s' * (count != 1)}")
        return tuple(said)

    def untouched(self, change: Change | Swap) -> Fault:
        paths = [layer.path for layer in self.layers]
        if isinstance(change, Change) and any(pattern(change.layers).fullmatch(path) for path in paths):
            return Fault(f"no layer of '{change.layers}' has an attribute '{change.name}'")
        return Fault(f"no layer matches '{change.layers}'", fix=near(change.layers, paths))

    def outputs(self, root: Scope, last: int) -> tuple[int, ...]:
        if not self.spec.outputs:
            return (last,)
        env = _Env(self, root, NOTHING)
        found = []
        for reference in self.spec.outputs:
            try:
                found.append(self.resolve(reference, env))
            except Fault as fault:
                self.report(fault, self.spec.source, reference.start, reference.end)
            except _UnknownValue:
                pass
        return tuple(found)

    def check_read(self, outputs: tuple[int, ...], inputs: int) -> None:
        """Every layer's output is read, is an output, or lies in an auxiliary branch."""
        for number in range(inputs):
            if number not in self.read and number not in outputs:
                name = [*self.spec.inputs][number]
                declared = self.spec.inputs[name]
                self.report(Fault(f"the input '{name}' is never read"), declared.source, declared.at, declared.at + 1)
        for number, layer in enumerate(self.layers, start=inputs):
            if number not in self.read and number not in outputs and not layer.auxiliary:
                fix = "read it by 'from', add it to 'outputs', or put it under 'auxiliary'"
                fault = Fault(f"the output of '{layer.path}' is never read", fix=fix)
                self.report(fault, layer.source, layer.start, layer.end)

    # ------------------------------------------------------------------------ knobs and inputs

    def set_knobs(self) -> None:
        given = self.given()
        env = _Env(self, None, NOTHING)
        for name, knob in self.spec.knobs.items():
            value, source, at = given.get(name, (knob.value, knob.source, knob.at))
            try:
                found = self.written(value, env, knob.choices) if _is_written(value) else value
                self.knobs[name] = self.checked_knob(name, found, knob.choices)
            except Fault as fault:
                start, end = fault.at or (0, len(name))
                self.report(fault, source, at + start, at + end)

    def given(self) -> dict[str, tuple[Any, Source, int]]:
        """Values from the variant and the settings: (value, source, place), by knob."""
        given: dict[str, tuple[Any, Source, int]] = {}
        for variant in self.variant_chain():
            for setting in variant.settings:
                if setting.name not in self.spec.knobs:
                    fix = near(setting.name, self.spec.knobs)
                    fault = Fault(f"variant '{variant.name}' sets '{setting.name}', which is not a knob", fix=fix)
                    self.report(fault, self.spec.source, variant.at + setting.start, variant.at + setting.end)
                given[setting.name] = (setting.value, self.spec.source, variant.at)
        for change in self.changes:
            if change.layers:
                continue
            if change.name not in self.spec.knobs:
                fix = near(change.name, self.spec.knobs) or "knobs are " + ", ".join(self.spec.knobs or ["none"])
                raise Fault(f"there is no knob '{change.name}' in '{self.spec.name}'", fix=fix)
            given[change.name] = (change.value, change.source, 0)
        return given

    def variant_chain(self) -> list[Any]:
        """The variant and those it is like, the farthest first."""
        name, chain = self.settings.variant, []
        if name == self.spec.name and name not in self.spec.variants:
            name = ""
        while name:
            if name not in self.spec.variants:
                fix = near(name, self.spec.variants) or "variants are " + ", ".join(self.spec.variants)
                raise Fault(f"there is no variant '{name}' in '{self.spec.name}'", fix=fix)
            chain.append(self.spec.variants[name])
            name = chain[-1].like
        return chain[::-1]

    def checked_knob(self, name: str, value: Value, choices: tuple[str, ...]) -> Value:
        if choices:
            if value not in choices:
                fix = near(str(value), choices)
                raise Fault(f"knob '{name}' must be one of {', '.join(choices)}", found=shown(value), fix=fix)
            return Choice(value, choices)
        if isinstance(value, str) and not self.callable(value):
            known = [*self.spec.blocks, *ops.names(), *self.knobs]
            fix = near(value, known) or f"a knob that holds a word says {{default: {value}, choices: [...]}}"
            raise Fault(f"'{value}' is neither a knob above, nor an op or block", fix=fix)
        return value

    def set_inputs(self) -> dict[str, Shape]:
        unknown = [name for name in self.settings.inputs if name not in self.spec.inputs]
        if unknown:
            raise Fault(f"there is no input '{unknown[0]}'", fix="inputs are " + ", ".join(self.spec.inputs))
        inputs = {}
        for name, declared in self.spec.inputs.items():
            try:
                inputs[name] = self.input_shape(declared, self.settings.inputs.get(name))
            except Fault as fault:
                start, end = fault.at or (0, 1)
                self.report(fault, declared.source, declared.at + start, declared.at + end)
        return inputs

    def input_shape(self, declared: Input, other: tuple[Any, ...] | None) -> Shape:
        env = _Env(self, None, NOTHING)
        axes = tuple(argument.name for argument in declared.axes)
        if declared.sizes is not None:
            value = self.written(declared.sizes, env)
            sizes = value if isinstance(value, tuple) else (value,)
            axes = _channels_first(len(sizes))
        else:
            sizes = tuple(self.written(argument.value, env) for argument in declared.axes)
        if other is not None:
            if len(other) != len(axes):
                wanted = " x ".join(axes)
                raise Fault(f"an input of {len(other)} sizes is given where {wanted} is declared", found=f"{other}")
            sizes = other
        for value in sizes:
            try:
                size(Op, value)
            except Fault as fault:
                raise Fault(f"a size of the input {fault.fact}", found=shown(value)) from None
        return Shape(axes, sizes)

    # ---------------------------------------------------------------------------------- chains

    def chain(self, chain: Chain, scope: Scope, value: int, inherits: bool) -> int:
        """The value at the end of a chain.

        With `inherits`, the chain is all that its group holds: then a single item takes the group's
        own name.
        """
        own = inherits and len(chain.items) == 1
        for item in chain.items:
            self.steps += 1
            if self.steps > MOST_STEPS:
                self.give_up(scope, item.at)
            swap = None if own or not self.swaps else self.swap_of(item, scope)
            if swap is not None:
                value = self.swapped(swap, item, scope, value)
            elif type(item) is Step:
                value = self.step(item, scope, value, own)
            else:
                value = _HANDLERS[type(item)](self, item, scope, value, own)
        return value

    def swap_of(self, item: Item, scope: Scope) -> Swap | None:
        """The replacement of an item; one that is its group's only item was looked up as the group."""
        name = "" if isinstance(item, If) else item.branch.name if isinstance(item, Auxiliary) else item.name
        return self.swap_at(scope.group.inner(name)) if name else None

    def swap_at(self, path: str) -> Swap | None:
        """The replacement of what stands at a path; what a replacement holds is not replaced in turn."""
        if self.swapping:
            return None
        return next((swap for swap in self.swaps[::-1] if pattern(swap.layers).fullmatch(path)), None)

    def swapped(self, swap: Swap, item: Item, scope: Scope, value: int) -> int:
        """The value of what takes an item's place, under the item's name."""
        inner = self.begin(swap, scope)
        if isinstance(item, Auxiliary):
            branch = Named(item.branch.name, swap.chain, 0)
            result = self.auxiliary(Auxiliary(branch, 0), inner, value, own=False)
        else:
            assert not isinstance(item, If)
            result = self.named(Named(item.name, swap.chain, 0), inner, value, own=False)
        self.swapping = False
        return result

    def begin(self, swap: Swap, scope: Scope) -> Scope:
        """The scope of a replacement: it sees what the replaced text saw."""
        self.touched[swap] = self.touched.get(swap, 0) + 1
        self.swapping = True
        return scope._replace(frame=scope.frame._replace(source=swap.source))

    def give_up(self, scope: Scope, at: int) -> None:
        fault = Fault(f"the network has more than {MOST_STEPS:,} layers", fix="lower a repeat count")
        self.report(fault, scope.frame.source, at, at + 1)
        raise SpecError(self.problems)

    def step(self, item: Step, scope: Scope, value: int, own: bool) -> int:
        """One call: of a block, of an op, or only `from`."""
        call = item.call
        try:
            if not call.head:
                return self.passed_on(call, scope, value)
            op, block = self.head(call.head, scope, value)
            if block is not None:
                return self.call_block(block, item, scope, value, own)
            assert op is not None
            inputs = self.call_inputs(op, call, scope, value)
            if op.passes:
                result = inputs[0]
            else:
                result = self.apply(op, call, item.at, inputs, scope, value, item.name, own)
            if not own:
                self.define(scope.group, item.name, result)
            return result
        except Fault as fault:
            self.report_call(fault, call, item.at, scope, value)
        except _UnknownValue:
            pass
        if call.head and not own:
            scope.group.children.setdefault(item.name, UNKNOWN)
        return UNKNOWN

    def passed_on(self, call: Call, scope: Scope, value: int) -> int:
        if len(call.references) > 1:
            raise Fault("only an op or block with several inputs reads several layers")
        return self.resolve(call.references[0], _Env(self, scope, value))

    def head(self, name: str, scope: Scope, value: int) -> tuple[type[Op] | None, Block | None]:
        """The op or block that a head names, directly or through a parameter, column or knob."""
        block = self.spec.blocks.get(name)
        if block is not None:
            return None, block
        if ops.known(name):
            return ops.find(name), None
        bound = _Env(self, scope, value).bound(name)
        if isinstance(bound, str):
            found = self.spec.blocks.get(bound)
            op = None if found else ops.find(bound)
            if found or op:
                return op, found
            raise Fault(f"'{name}' holds '{bound}', which is neither an op nor a block", at=None)
        op = ops.find(name)
        if op is None:
            candidates = [*self.spec.blocks, *ops.names()]
            raise Fault(f"there is no op or block '{name}'", fix=near(name, candidates), about="head")
        return op, None

    def callable(self, name: str) -> bool:
        """Whether a word is the name of an op or block."""
        return name in self.spec.blocks or ops.find(name) is not None

    def call_inputs(self, op: type[Op], call: Call, scope: Scope, value: int) -> tuple[int, ...]:
        """The values that a call of an op reads."""
        env = _Env(self, scope, value)
        if call.references:
            inputs = tuple(self.resolve(reference, env) for reference in call.references)
        elif value == NOTHING:
            raise Fault("there is no incoming tensor here: the spec has several inputs", fix="say 'from' first")
        else:
            inputs = (value,)
        if op.inputs is None:
            if len(inputs) < 2:
                fix = f"write its branches below it, or: {op.name} from a b"
                raise Fault(f"{op.name} joins two or more tensors", found="one", fix=fix)
        elif len(inputs) != len(op.inputs):
            wanted = f"{len(op.inputs)} inputs ({', '.join(op.inputs)})"
            raise Fault(f"{op.name} has {wanted}", found=str(len(inputs)))
        return inputs

    def named(self, item: Named, scope: Scope, value: int, own: bool) -> int:
        chain = item.chain
        if len(chain.items) == 1 and type(chain.items[0]) is Step and chain.items[0].call.head not in self.spec.blocks:
            step = chain.items[0]._replace(name=item.name)
            if own or self.free(scope, item.name, item.at):
                return self.step_named(step, scope, value)
            return UNKNOWN
        return self.grouped(chain, scope, value, item.name, item.at)

    def step_named(self, step: Step, scope: Scope, value: int) -> int:
        """A single call under a name: its op takes the name; a block found by a variable opens a group."""
        result = self.step(step, scope, value, own=False)
        if not step.call.head:
            scope.group.children[step.name] = result
        return result

    def grouped(
        self, chain: Chain, scope: Scope, value: int, name: str, at: int, auxiliary: bool = False
    ) -> int:
        """A chain that makes a group of its own below the present one."""
        if not self.free(scope, name, at):
            return UNKNOWN
        group = Group(scope.group.inner(name))
        scope.group.children[name] = group
        branch = scope.auxiliary or (group.path if auxiliary else "")
        inner = Scope(scope.frame, scope, group, {}, _below(scope.share, name), scope.frozen, branch)
        group.value = self.chain(chain, inner, value, inherits=True)
        return group.value

    def free(self, scope: Scope, name: str, at: int) -> bool:
        """Whether a name is still free in the group; if not, that is reported."""
        if name not in scope.group.children:
            return True
        where = f" of '{scope.group.path}'" if scope.group.path else ""
        fault = Fault(f"the name '{name}' stands twice in the group{where}", fix="give one of them another name")
        self.report(fault, scope.frame.source, at, at + len(name), self.trace(scope.frame))
        return False

    def define(self, group: Group, name: str, value: int) -> None:
        if name in group.children:
            raise Fault(f"the name '{name}' stands twice in its group", fix="give the layer a name of its own")
        group.children[name] = value

    # --------------------------------------------------------------------------------- joins

    def join(self, item: Join, scope: Scope, value: int, own: bool) -> int:
        call = item.call
        branches = {branch.name: self.branch(branch, scope, value) for branch in item.branches}
        try:
            op, block = self.head(call.head, scope, value)
            if op is None or block is not None:
                raise Fault(f"'{call.head}' is a block: branches belong to an op with several inputs")
            inputs = self.branch_inputs(op, branches)
            result = self.apply(op, call, item.at, inputs, scope, value, item.name, own)
            if not own:
                self.define(scope.group, item.name, result)
            return result
        except Fault as fault:
            self.report_call(fault, call, item.at, scope, value, tuple(branches))
        except _UnknownValue:
            pass
        return UNKNOWN

    def branch(self, branch: Named, scope: Scope, value: int) -> int:
        """The value of a branch; one that only passes the tensor on holds no layer and no name."""
        swap = self.swap_of(branch, scope) if self.swaps else None
        if swap is not None:
            return self.swapped(swap, branch, scope, value)
        items = branch.chain.items
        passes = not items or (len(items) == 1 and type(items[0]) is Step and items[0].call.head == "identity")
        return value if passes else self.named(branch, scope, value, own=False)

    def branch_inputs(self, op: type[Op], branches: Mapping[str, int]) -> tuple[int, ...]:
        if op.inputs == ("x",):
            raise Fault(f"{op.name} has one input and so no branches", fix="put the chain before it")
        if op.inputs is None:
            if len(branches) < 2:
                raise Fault(f"{op.name} joins two or more branches", found=str(len(branches)))
            return tuple(branches.values())
        if set(branches) != set(op.inputs):
            raise Fault(f"{op.name} needs the branches {', '.join(op.inputs)}", found=", ".join(branches))
        return tuple(branches[name] for name in op.inputs)

    # ---------------------------------------------------------------- if, repeat, table, auxiliary

    def condition(self, item: If, scope: Scope, value: int, own: bool) -> int:
        expression = item.condition
        try:
            holds = truth(expression.evaluate(_Env(self, scope, value)))
        except Fault as fault:
            self.report_expression(fault, expression, item.at, scope)
            return UNKNOWN
        except _UnknownValue:
            return UNKNOWN
        return self.chain(item.then if holds else item.otherwise, scope, value, own)

    def repeat(self, item: Repeat, scope: Scope, value: int, own: bool) -> int:
        try:
            count = self.repeat_count(item, scope, value)
        except Fault as fault:
            self.report_expression(fault, item.count, item.at, scope)
            return UNKNOWN
        except _UnknownValue:
            return UNKNOWN
        at = item.at or item.count.at
        group = scope.group
        if not own:
            if not self.free(scope, item.name, at):
                return UNKNOWN
            group = Group(scope.group.inner(item.name))
            scope.group.children[item.name] = group
        share = scope.share if own else _below(scope.share, item.name)
        try:
            group.value = self.rounds(item, scope, group, share, count, value)
        except Fault as fault:
            self.report(fault, scope.frame.source, at, at + 1, self.trace(scope.frame))
            return UNKNOWN
        return group.value

    def rounds(
        self, item: Repeat, scope: Scope, group: Group, share: Group | int | None, count: int, value: int
    ) -> int:
        """All rounds of a repeat, one after the other."""
        for index in range(count):
            value = self.repeated(item, scope, group, share, index, str(index), value)
        return value

    def repeated(
        self,
        item: Repeat,
        scope: Scope,
        group: Group,
        share: Group | int | None,
        index: int,
        name: str,
        value: int,
    ) -> int:
        """One round of a repeat."""
        variables = {item.index: _Hidden() if self.hides(item.index, scope) else index}
        target = group.children["0"] if item.shared and name != "0" else _below(share, name)
        return self.round(item.body, scope, group, name, variables, target, value)

    def repeat_count(self, item: Repeat, scope: Scope, value: int) -> int:
        return self.checked_count(item.count.evaluate(_Env(self, scope, value)))

    def checked_count(self, count: Value) -> int:
        """A number of rounds, if it is one."""
        if isinstance(count, bool) or not isinstance(count, int):
            raise Fault("a repeat count must be a whole number", found=shown(count))
        if count < 0:
            raise Fault("a repeat count must not be negative", found=str(count))
        if self.steps + count > MOST_STEPS:
            raise Fault(f"a network has at most {MOST_STEPS:,} layers", found=f"a repeat count of {count:,}")
        self.steps += count
        return count

    def hides(self, name: str, scope: Scope) -> bool:
        outer: Scope | None = scope
        while outer is not None:
            if name in outer.variables:
                return True
            outer = outer.outer
        return False

    def round(
        self,
        body: Chain,
        scope: Scope,
        parent: Group,
        name: str,
        variables: Mapping[str, Value],
        share: Group | int | None,
        value: int,
    ) -> int:
        """One round of a repeat, or one row of a table."""
        group = Group(parent.inner(name))
        if name in parent.children:
            raise Fault(f"the name '{name}' stands twice in its group")
        parent.children[name] = group
        inner = Scope(scope.frame, scope, group, variables, share, scope.frozen, scope.auxiliary)
        swap = self.swap_at(group.path) if self.swaps else None
        if swap is not None:
            body, inner = swap.chain, self.begin(swap, inner)
        group.value = self.chain(body, inner, value, inherits=True)
        self.swapping = self.swapping and swap is None
        return group.value

    def table(self, item: Table, scope: Scope, value: int, own: bool) -> int:
        named = "name" in item.columns
        group = scope.group
        if not own and not named:
            if not self.free(scope, item.name, item.at):
                return UNKNOWN
            group = Group(scope.group.inner(item.name))
            scope.group.children[item.name] = group
        share = scope.share if group is scope.group else _below(scope.share, item.name)
        for number, row in enumerate(item.rows):
            try:
                cells = self.cells(item, row, scope, value)
            except Fault as fault:
                start, end = fault.at or (0, 1)
                self.report(fault, scope.frame.source, row.at + start, row.at + end, self.trace(scope.frame))
                return UNKNOWN
            except _UnknownValue:
                return UNKNOWN
            if item.index:
                cells[item.index] = _Hidden() if self.hides(item.index, scope) else number
            name = str(cells["name"]) if named else str(number)
            if not self.free(scope._replace(group=group), name, row.at):
                return UNKNOWN
            value = self.round(item.body, scope, group, name, cells, _below(share, name), value)
        if group is not scope.group or own:
            group.value = value
        return value

    def cells(self, item: Table, row: Row, scope: Scope, value: int) -> dict[str, Value]:
        env = _Env(self, scope, value)
        return {
            column: self.written(cell, env, heads=True)
            for column, cell in zip(item.columns, row.cells, strict=True)
        }

    def auxiliary(self, item: Auxiliary, scope: Scope, value: int, own: bool) -> int:
        self.grouped(item.branch.chain, scope, value, item.branch.name, item.branch.at, auxiliary=True)
        return value

    # --------------------------------------------------------------------------------- blocks

    def call_block(self, block: Block, item: Step, scope: Scope, value: int, own: bool) -> int:
        call = item.call
        self.check_depth(block, scope.frame)
        env = _Env(self, scope, value)
        incoming, inputs = self.block_inputs(block, call, env)
        given, share, frozen = self.block_arguments(block, call, env)
        group = scope.group
        if not own:
            group = Group(scope.group.inner(item.name))
            self.define_group(scope.group, item.name, group)
        caller = (scope.frame, item.at + call.start, item.at + call.end, group.path)
        target = share if share is not None else (scope.share if own else _below(scope.share, item.name))
        frame = Frame(block.name, block.source, {}, inputs, caller, scope.frame.depth + 1)
        inner = Scope(frame, None, group, {}, target, scope.frozen or frozen, scope.auxiliary)
        inner = inner._replace(frame=frame._replace(parameters=self.parameters(block, given, inner, incoming, call)))
        before = self.shared_weights
        group.value = self.chain(block.chain, inner, incoming, inherits=True)
        if share is not None and self.shared_weights == before and group.value != UNKNOWN:
            raise Fault("nothing of equal name and shape to share", about="share")
        return group.value

    def define_group(self, parent: Group, name: str, group: Group) -> None:
        if name in parent.children:
            raise Fault(f"the name '{name}' stands twice in its group", fix="give the layer a name of its own")
        parent.children[name] = group

    def check_depth(self, block: Block, frame: Frame) -> None:
        outer: Frame | None = frame
        while outer is not None:
            if outer.block == block.name:
                raise Fault(f"block '{block.name}' calls itself", fix="a structure is finite: use a repeat")
            outer = outer.caller[0] if outer.caller else None
        if frame.depth >= MOST_BLOCKS_DEEP:
            raise Fault(f"blocks call blocks more than {MOST_BLOCKS_DEEP} deep")

    def block_inputs(self, block: Block, call: Call, env: _Env) -> tuple[int, dict[str, int]]:
        values = [self.resolve(reference, env) for reference in call.references]
        wanted = 1 + len(block.inputs)
        if not values and not block.inputs:
            values = [env.value_number]
        if len(values) != wanted:
            names = ", ".join(("x", *block.inputs))
            fix = f"write: {block.name} ... from {' '.join(('x', *block.inputs))}"
            raise Fault(f"block '{block.name}' has {wanted} input{'s' * (wanted > 1)} ({names})",
                        found=str(len(values)), fix=fix)  # fmt: skip
        return values[0], dict(zip(block.inputs, values[1:], strict=True))

    def block_arguments(
        self, block: Block, call: Call, env: _Env
    ) -> tuple[dict[str, Value], Group | int | None, bool]:
        """Values by parameter, the group to share weights with, and whether they are frozen."""
        names = [parameter.name for parameter in block.parameters]
        given: dict[str, Value] = {}
        share: Group | int | None = None
        frozen = False
        for place, argument in enumerate(call.arguments):
            name = argument.name or (names[place] if place < len(names) else "")
            if name == "share":
                share = self.share_target(argument, env)
            elif name == "frozen":
                frozen = self.flag(argument, env)
            elif name not in names:
                raise self.too_many(block, argument, names)
            elif name in given:
                raise Fault(f"'{name}' is given twice", at=(argument.start, argument.end))
            else:
                given[name] = self.argument(argument, env, heads=True)
        return given, share, frozen

    def too_many(self, block: Block, argument: Argument, names: list[str]) -> Fault:
        at = (argument.start, argument.end)
        if argument.name:
            fix = near(argument.name, names) or self.listed(block, names)
            return Fault(f"block '{block.name}' has no parameter '{argument.name}'", fix=fix, at=at)
        return Fault(f"block '{block.name}' takes {len(names)} arguments", fix=self.listed(block, names), at=at)

    def listed(self, block: Block, names: list[str]) -> str:
        return f"its parameters are {', '.join(names)}" if names else "it has no parameters"

    def parameters(
        self, block: Block, given: dict[str, Value], scope: Scope, incoming: int, call: Call
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for parameter in block.parameters:
            if parameter.name in given:
                values[parameter.name] = given[parameter.name]
                continue
            if parameter.default is None:
                fix = self.listed(block, [other.name for other in block.parameters])
                raise Fault(f"block '{block.name}' needs '{parameter.name}'", fix=fix)
            inner = scope._replace(frame=scope.frame._replace(parameters=values))
            env = _Env(self, inner, incoming)
            try:
                values[parameter.name] = self.written(parameter.default, env, heads=True)
            except Fault as fault:
                start, end = fault.at or (0, 1)
                self.report(fault, block.source, block.at + start, block.at + end, self.trace(scope.frame))
                raise _UnknownValue from None
        return values

    # ------------------------------------------------------------------------------------- ops

    def apply(
        self,
        op: type[Op],
        call: Call,
        at: int,
        inputs: tuple[int, ...],
        scope: Scope,
        value: int,
        name: str,
        own: bool,
    ) -> int:
        """A layer: builds the op, infers its output, notes its weights; the number of its value."""
        path = scope.group.path if own else scope.group.inner(name)
        env = _Env(self, scope, value if not call.references else inputs[0])
        built, share, frozen = self.build(op, call, env, path)
        if UNKNOWN in inputs:
            raise _UnknownValue
        applied = self.apply_op(built, inputs)
        self.read.update(inputs)
        if share is None and scope.share is not None:
            share = scope.share if own else _below(scope.share, name)
            shared = self.sharing(applied, share, strict=False) if share is not None else {}
        else:
            shared = self.sharing(applied, share, strict=True) if share is not None else {}
        self.layers.append(
            Layer(
                path,
                applied,
                inputs,
                shared,
                scope.frozen or frozen,
                scope.auxiliary,
                scope.frame.source,
                at + call.start,
                at + call.end,
            )
        )
        self.shapes.append(applied.output)
        return len(self.shapes) - 1

    def apply_op(self, op: Op, inputs: tuple[int, ...]) -> Applied:
        shapes = tuple(self.shapes[number] for number in inputs)
        key = (id(op), shapes)
        applied = self.applied.get(key)
        if applied is None:
            output = op.shape(*shapes)
            for dim in output.dims:
                if isinstance(dim, int) and dim > LARGEST_SIZE:
                    raise Fault(f"{op.title} gives a size above 10^15", found=str(output))
            applied = Applied(op, shapes, output, op.weights(*shapes), op.buffers(*shapes), op.cost(*shapes))
            self.applied[key] = applied
        return applied

    def build(self, op: type[Op], call: Call, env: _Env, path: str) -> tuple[Op, Group | int | None, bool]:
        """The op of a call, cached by its attributes; with the sharing and freezing it asks for."""
        if call.constant and not self.settings.changes and op.name not in self.spec.defaults:
            built = self.built.get(id(call))
            if built is not None:
                return built, None, False
        given, share, frozen = self.op_arguments(op, call, env)
        self.put_defaults(op, given, env)
        self.put_changes(op, given, env, path)
        key = (op, tuple(given.items()))
        built = self.built.get(key)
        if built is None:
            built = self.built[key] = build(op, given)
        if call.constant and share is None and not frozen:
            self.built[id(call)] = built
        return built, share, frozen

    def op_arguments(
        self, op: type[Op], call: Call, env: _Env
    ) -> tuple[dict[str, Value], Group | int | None, bool]:
        known = attributes(op)
        names = list(known)
        given: dict[str, Value] = {}
        share: Group | int | None = None
        frozen = False
        for place, argument in enumerate(call.arguments):
            name = argument.name or (names[place] if place < len(names) else "")
            at = (argument.start, argument.end)
            if name == "share":
                share = self.share_target(argument, env)
            elif name == "frozen":
                frozen = self.flag(argument, env)
            elif not name:
                fix = f"its attributes are {', '.join(names)}" if names else ""
                raise Fault(f"{op.name} takes {len(names) or 'no'} arguments", fix=fix, at=at)
            elif name in given:
                raise Fault(f"'{name}' is given twice", at=at)
            elif name not in known:
                fix = near(name, known) or (f"its attributes are {', '.join(names)}" if names else "it has none")
                raise Fault(f"{op.name} has no attribute '{name}'", fix=fix, at=(at[0], at[0] + len(name)))
            else:
                given[name] = self.attribute(op, known[name], argument, env)
        return given, share, frozen

    def attribute(self, op: type[Op], attribute: Attribute, argument: Argument, env: _Env) -> Value:
        """The value given to an attribute, checked; faults point at the argument."""
        value = self.argument(argument, env, attribute.words)
        try:
            attribute.convert(op, value)
        except Fault as fault:
            fault.at = (argument.start, argument.end)
            fault.fix = fault.fix or self.stood_for(argument.value, value, env)
            raise
        return value

    def stood_for(self, written: Written, value: Value, env: _Env) -> str:
        """What the names of an expression stood for, as a remark."""
        if not isinstance(written, Expression):
            return ""
        known = [(name, env.bound(name)) for name in written.names()]
        said = [f"{name} = {shown(bound)}" for name, bound in known if bound is not None and name != written.text]
        if CHANNELS in written.names() and written.text != CHANNELS:
            said.append(f"channels = {env.channels()}")
        return f"{written.text} is {shown(value)} with {', '.join(said)}" if said else ""

    def put_defaults(self, op: type[Op], given: dict[str, Value], env: _Env) -> None:
        defaults = self.spec.defaults.get(op.name)
        if defaults is None:
            return
        outside = _Env(self, None, env.value_number)
        for argument in defaults.arguments:
            if argument.name in given:
                continue
            try:
                words = attributes(op)[argument.name].words
                given[argument.name] = self.written(argument.value, outside, words)
            except Fault as fault:
                start, end = fault.at or (argument.start, argument.end)
                self.report(fault, defaults.source, defaults.at + start, defaults.at + end)
                raise _UnknownValue from None

    def put_changes(self, op: type[Op], given: dict[str, Value], env: _Env, path: str) -> None:
        for change in self.changes:
            if not change.layers or change.name not in attributes(op):
                continue
            if pattern(change.layers).fullmatch(path):
                words = attributes(op)[change.name].words
                value = change.value
                given[change.name] = self.written(value, env, words) if _is_written(value) else value
                self.touched[change] = self.touched.get(change, 0) + 1

    # ------------------------------------------------------------------------------------ sharing

    def share_target(self, argument: Argument, env: _Env) -> Group | int:
        assert isinstance(argument.value, Expression)
        text = argument.value.text
        begin = argument.value.at
        reference = lines.read_reference(lines.Token(text, begin, begin + len(text)))
        return self.entry(reference, env)

    def sharing(self, applied: Applied, target: Group | int, strict: bool) -> dict[str, str]:
        """Owner paths of the weights taken from the target, which is a layer here."""
        number = target.value if isinstance(target, Group) else target
        first = len(self.spec.inputs)
        if number is None or number == UNKNOWN:
            raise _UnknownValue
        other = self.layers[number - first] if number >= first else None
        theirs = other.applied.weights if other else {}
        shared = {}
        for name, dims in applied.weights.items():
            if name in theirs and other is not None:
                if theirs[name] != dims:
                    raise Fault(
                        f"the weight '{name}' cannot be shared: its shape differs",
                        expected=_sizes(theirs[name]) + f", as in '{other.path}'",
                        found=_sizes(dims),
                        about="share",
                    )
                shared[name] = other.shared.get(name, other.path)
        if strict and not shared:
            names = ", ".join(theirs) or "none"
            raise Fault("nothing of equal name and shape to share", found=f"weights there: {names}", about="share")
        self.shared_weights += len(shared)
        return shared

    def flag(self, argument: Argument, env: _Env) -> bool:
        value = self.argument(argument, env)
        if not isinstance(value, bool):
            at = (argument.start, argument.end)
            raise Fault(f"{argument.name} must be true or false", found=shown(value), at=at)
        return value

    # --------------------------------------------------------------------- values and references

    def argument(self, argument: Argument, env: _Env, words: Words = (), heads: bool = False) -> Value:
        return self.written(argument.value, env, words, heads)

    def written(self, written: Written, env: _Env, words: Words = (), heads: bool = False) -> Value:
        """The value of an expression or a list of them.

        `words` are legal here, and what they say before anything else; `heads`: an identifier that
        is nothing else may be the name of an op or block, or a word for one of its attributes.
        Faults carry `at` relative to the owner of the expression.
        """
        if not isinstance(written, Expression):
            return tuple(self.written(item, env, words, heads) for item in written)
        if written.word and written.text not in ("true", "false", CHANNELS):
            return self.bare_word(written, env, words, heads)
        try:
            return written.evaluate(_Worded(env, words) if words else env)
        except Fault as fault:
            start, end = fault.at or (0, len(written.text))
            fault.at = (written.at + start, written.at + end)
            raise

    def bare_word(self, written: Expression, env: _Env, words: Words, heads: bool) -> Value:
        name = written.text
        if name in words:
            return name
        bound = env.bound(name)
        at = (written.at, written.at + len(name))
        if isinstance(bound, _Hidden):
            raise Fault(f"'{name}' hides an outer '{name}'", fix="give the outer one a name: index: s", at=at)
        if bound is not None:
            return bound
        if words or heads or env.scope is None or self.callable(name):
            return name
        fault = self.unknown_name(name, env.scope)
        fault.at = at
        raise fault

    def unknown_name(self, name: str, scope: Scope | None) -> Fault:
        known: dict[str, None] = dict.fromkeys(self.knobs)
        outer = scope
        while outer is not None:
            known.update(dict.fromkeys([*outer.variables, *outer.frame.parameters]))
            if name in outer.group.children:
                fix = f"for a size of it write {name}.channels or {name}.height"
                return Fault(f"'{name}' is a layer, not a number", fix=fix)
            outer = outer.outer
        if name in self.spec.knobs and scope is None:
            return Fault(f"the knob '{name}' stands below: a knob sees only the knobs above it")
        listed = f"known here: {', '.join(known)}" if known else "the spec has no knobs"
        return Fault(f"'{name}' has no value here", fix=near(name, [*known, CHANNELS]) or listed)

    def resolve(self, reference: Reference, env: _Env) -> int:
        """The value that a reference means."""
        entry = self.entry(reference, env)
        if isinstance(entry, Group):
            if entry.value is None:
                fault = Fault(f"'{reference}' is not finished here: 'from' reads earlier layers only")
                fault.at = (reference.start, reference.end)
                raise fault
            entry = entry.value
        if entry == UNKNOWN:
            raise _UnknownValue
        self.read.add(entry)
        return entry

    def entry(self, reference: Reference, env: _Env) -> Group | int:
        """The group or layer that a reference names, looked up outwards and then down."""
        (name, index), *rest = reference.parts
        at = (reference.start, reference.end)
        if name == "x" and not rest and index is None:
            if env.value_number == NOTHING:
                raise Fault("there is no incoming tensor here: the spec has several inputs", at=at)
            return env.value_number
        entry = self.outward(name, env)
        if entry is None:
            raise self.no_layer(str(reference), name, env, at)
        entry = self.indexed(entry, index, env, at)
        for part, place in rest:
            if not isinstance(entry, Group) or part not in entry.children:
                names = list(entry.children) if isinstance(entry, Group) else []
                raise Fault(f"there is no earlier layer '{reference}'", fix=near(part, names), at=at)
            entry = self.indexed(entry.children[part], place, env, at)
        return entry

    def indexed(self, entry: Group | int, index: Expression | None, env: _Env, at: tuple[int, int]) -> Group | int:
        if index is None:
            return entry
        try:
            number = index.evaluate(env)
        except Fault as fault:
            start, end = fault.at or (0, len(index.text))
            fault.at = (index.at + start, index.at + end)
            raise
        child = entry.children.get(str(number)) if isinstance(entry, Group) else None
        if child is None:
            size = len(entry.children) if isinstance(entry, Group) else 0
            raise Fault(f"there is no round [{number}]", found=f"{size} so far, counted from 0", at=at)
        return child

    def outward(self, name: str, env: _Env) -> Group | int | None:
        scope = env.scope
        while scope is not None:
            if name in scope.group.children:
                return scope.group.children[name]
            if scope.outer is None:
                return scope.frame.inputs.get(name)
            scope = scope.outer
        return None

    def no_layer(self, text: str, name: str, env: _Env, at: tuple[int, int]) -> Fault:
        names: list[str] = []
        scope = env.scope
        while scope is not None:
            names += [*scope.group.children, *scope.frame.inputs]
            scope = scope.outer
        fix = near(name, names)
        if env.scope is not None and env.scope.frame.block and not fix:
            fix = "a block sees only its own layers: pass the tensor in, block ... from x other"
        return Fault(f"there is no earlier layer '{text}'", fix=fix, at=at)

    def shape_of(self, value: int) -> Shape:
        if value == UNKNOWN:
            raise _UnknownValue
        return self.shapes[value]

    # ----------------------------------------------------------------------------------- problems

    def report(
        self, fault: Fault, source: Source, start: int, end: int, notes: tuple[str, ...] = ()
    ) -> None:
        problem = Problem(source, start, end, fault.fact, fault.notes() + notes)
        self.found.setdefault((source, start, end, fault.fact), problem)  # once, however often it is repeated

    def report_expression(self, fault: Fault, expression: Expression, at: int, scope: Scope) -> None:
        start, end = fault.at or (0, len(expression.text))
        base = at + expression.at
        self.report(fault, scope.frame.source, base + start, base + end, self.trace(scope.frame))

    def report_call(
        self, fault: Fault, call: Call, at: int, scope: Scope, value: int, branches: tuple[str, ...] = ()
    ) -> None:
        """A fault of one call: at the argument it is about, with the operands and where they come from."""
        start, end = fault.at or self.span(fault, call)
        notes = self.operands(fault, scope, value, branches) if fault.at is None else ()
        self.report(fault, scope.frame.source, at + start, at + end, notes + self.trace(scope.frame))

    def span(self, fault: Fault, call: Call) -> tuple[int, int]:
        for argument in call.arguments:
            if fault.about and argument.name == fault.about:
                return argument.start, argument.end
        if fault.about == "head":
            return call.start, call.start + len(call.head)
        return call.start, call.end

    def operands(self, fault: Fault, scope: Scope, value: int, branches: tuple[str, ...]) -> tuple[str, ...]:
        """Where the tensors of a fault come from."""
        if branches:
            found = []
            for name in branches:
                entry = scope.group.children.get(name)
                number = entry.value if isinstance(entry, Group) else entry
                if number is not None and number >= 0:
                    found.append(f"branch {name}: {self.shapes[number].described()}, from {self.origin(number)}")
            return tuple(found)
        if value < 0 or fault.about == "head":
            return ()
        return (f"the incoming tensor is {self.shapes[value].described()}, from {self.origin(value)}",)

    def origin(self, value: int) -> str:
        first = len(self.spec.inputs)
        if value < first:
            return f"the input '{[*self.spec.inputs][value]}'"
        layer = self.layers[value - first]
        row, _ = layer.source.position(layer.start)
        return f"'{layer.path}' (line {row})"

    def trace(self, frame: Frame) -> tuple[str, ...]:
        """The calls that led here, the innermost first."""
        said = []
        while frame.caller is not None:
            outer, start, _, path = frame.caller
            row, column = outer.source.position(start)
            said.append(f"in block '{frame.block}', called at {outer.source.name}:{row}:{column} for '{path}'")
            frame = outer
        return tuple(said)


_HANDLERS: dict[type, Any] = {
    Named: Elaborator.named,
    Join: Elaborator.join,
    If: Elaborator.condition,
    Repeat: Elaborator.repeat,
    Table: Elaborator.table,
    Auxiliary: Elaborator.auxiliary,
}


def _below(share: Group | int | None, name: str) -> Group | int | None:
    """The part of a shared group that answers to a name, or None."""
    return share.children.get(name) if isinstance(share, Group) else None


def _as_written(value: Any) -> str:
    """An expression, a list of them, or a value, as a spec would write it."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, tuple):
        return f"[{', '.join(_as_written(item) for item in value)}]"
    return shown(value)


def _is_written(value: Any) -> bool:
    return isinstance(value, Expression) or (
        isinstance(value, tuple) and bool(value) and all(_is_written(item) for item in value)
    )


def _channels_first(count: int) -> tuple[str, ...]:
    if not 1 <= count <= 4:
        raise Fault(f"an input of {count} sizes needs named axes", fix="{length: 197, channels: 768}")
    return (CHANNELS, *SPACE[count - 1]) if count > 1 else (CHANNELS,)


def _sizes(dims: tuple[Any, ...]) -> str:
    return "x".join(str(dim) for dim in dims)
