"""Calls: from written arguments to an op with all that its rules say, or to a block's parameters.

Each call is worked out once for each set of parameters and each incoming shape, as long as nothing
else decides it; so a network of equal blocks costs little more than one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, near, related
from paramcalc.base.paths import pattern
from paramcalc.base.shape import Shape
from paramcalc.engine.graph import Applied, BlockCall
from paramcalc.engine.scope import MISSING, Draft, Group, Scope, UnknownError, Viewpoint
from paramcalc.engine.settings import Change, Touched, is_written
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Argument, Block, Call, Reference, Setting, Written
from paramcalc.language.values import Value, exact, extent
from paramcalc.ops.attributes import attributes, build, listed, shown
from paramcalc.ops.base import Op

# The ids of a call, of the parameters around it and of the shape that enters. What is kept under such
# a key keeps the shape as well, so that no other can take over its id.
_Key: TypeAlias = tuple[int, int, int]

# What a call gives by name, the layer or group to share weights with, and whether these are frozen.
Given: TypeAlias = tuple[dict[str, Value], "Share | None", bool]


class Share(NamedTuple):
    """The layer or group whose weights a call shares, and the one weight that it means, or ''."""

    target: Group | int
    weight: str

    def every_weight(self) -> Group | int:
        """The layer whose weights are all shared; a group cannot be meant."""
        if self.weight:
            fact = f"a group shares all weights of another, not only '{self.weight}'"
            raise Fault(fact, fix="share that weight in the line of the layer", about="share")
        return self.target


class Use(NamedTuple):
    """An op as a call wants it, with the sharing and freezing that the call asks for."""

    op: Op
    share: Share | None
    frozen: bool


class Known(NamedTuple):
    """Ops by their attributes, and what they come to on inputs. It holds in every network."""

    built: dict[Any, Op]
    applied: dict[Any, Applied]


class Calls:
    """Works out calls, and remembers what it has worked out; `built` are ops that other networks have."""

    def __init__(self, draft: Draft, changes: list[Change], built: dict[Any, Op]) -> None:
        self.draft = draft
        self.changes = [change for change in changes if change.layers]
        self.touched: dict[Change, Touched] = {}
        self.built = built
        self.settled: dict[_Key, tuple[Applied, Shape]] = {}
        self.parameters: dict[Any, Mapping[str, Value]] = {}
        self.entered: dict[_Key, tuple[Mapping[str, Value], Shape]] = {}
        self.written: dict[tuple[int, int], BlockCall] = {}  # parameters live as long as `parameters`

    # ----------------------------------------------------------------------------- remembering

    def recall(self, call: Call, scope: Scope, shape: Shape) -> Applied | None:
        """The earlier result of this call, where it cannot differ now."""
        known = self.settled.get((id(call), id(scope.parameters), id(shape)))
        if (
            known is None
            or scope.choice is not None
            or (scope.loop and not scope.loop.isdisjoint(call.names or ()))
        ):
            return None
        return known[0]

    def remember(self, call: Call, scope: Scope, shape: Shape, applied: Applied) -> None:
        if self.settles(call, scope) and not self.changes:
            self.settled[id(call), id(scope.parameters), id(shape)] = applied, shape

    def settles(self, call: Call, scope: Scope) -> bool:
        """Whether the parameters and the incoming shape decide a call; experts see other shapes."""
        return call.names is not None and scope.choice is None and scope.loop.isdisjoint(call.names)

    # ------------------------------------------------------------------------------------- ops

    def use(self, op: type[Op], call: Call, view: Viewpoint, path: str) -> Use:
        """The op of a call, one object for equal ones."""
        given, share, frozen = self.op_arguments(op, call, view)
        if op.name in self.draft.spec.defaults:
            frozen = self.put_defaults(op, given, view) or frozen
        if self.changes:
            frozen = self.put_changes(op, given, view, path, frozen)
        key = (op, tuple(given), tuple([exact(value) for value in given.values()]))
        built = self.built.get(key)
        if built is None:
            try:
                built = build(op, given)
                built.check()
                self.built[key] = built
            except Fault as fault:
                self.explain(fault, op, call, given, view)
                raise
        return Use(built, share, frozen)

    def op_arguments(self, op: type[Op], call: Call, view: Viewpoint) -> Given:
        """The values that a call gives to an op's attributes."""
        known = attributes(op)

        def read(name: str, written: Written) -> Value:
            value = view.written(written, known[name].legal_words)
            if isinstance(value, tuple):
                self.draft.charge(extent(value)[0])
            return value

        return self.arguments(call, [*known], view, read, lambda one: self.unknown_attribute(op, one, view))

    def arguments(
        self,
        call: Call,
        names: list[str],
        view: Viewpoint,
        read: Callable[[str, Written], Value],
        unknown: Callable[[Argument], Fault],
    ) -> Given:
        """The values that a call gives to names, by place or by name; `unknown` explains any other name."""
        given: dict[str, Value] = {}
        share: Share | None = None
        frozen = False
        for place, argument in enumerate(call.arguments):
            name = argument.name or (names[place] if place < len(names) else "")
            if isinstance(argument.value, Reference):
                share = Share(view.entry(argument.value), argument.value.weight)
            elif name == "frozen":
                frozen = self.flag(argument, view)
            elif name not in names:
                raise unknown(argument)
            elif name in given:
                raise Fault(f"'{name}' is given twice", at=(argument.start, argument.end))
            else:
                given[name] = read(name, argument.value)
        return given, share, frozen

    def unknown_attribute(self, op: type[Op], argument: Argument, view: Viewpoint) -> Fault:
        names = [*attributes(op)]
        name = argument.name
        from paramcalc.language import foreign  # only here: what is wrong is known by now

        if not names:
            return Fault(f"{op.name} takes no arguments", at=(argument.start, argument.end))
        if not name:
            fact = f"{op.name} takes at most {len(names)} argument{'s' * (len(names) != 1)}"
            return Fault(fact, fix=listed(names), at=(argument.start, argument.end))
        value = argument.value
        if isinstance(value, Expression) and value.word and self.draft.callable(value.text):
            fix = f"separate calls with a comma: {op.name} ..., {value.text}"
        elif name in op.elsewhere:
            fix = f"it is called {op.elsewhere[name]} here"
        elif name in ("dim", "axis") and "axis" in names:
            axes = _named_axes(
                value.known if isinstance(value, Expression) and value.constant else None, view
            )
            fix = f"it is called axis here, and axes have names{axes and f': axis={axes}'}"
        else:
            fix = (
                foreign.attribute(op.name, name) or near(name, names) or related(name, names) or listed(names)
            )
        at = (argument.start, argument.start + len(name))
        return Fault(f"{op.name} has no attribute '{name}'", fix=fix, at=at)

    def flag(self, argument: Argument | Setting, view: Viewpoint) -> bool:
        assert not isinstance(argument.value, Reference)
        value = view.written(argument.value)
        if not isinstance(value, bool):
            at = (argument.start, argument.end)
            raise Fault(f"{argument.name} must be true or false", found=shown(value), at=at)
        return value

    def explain(
        self, fault: Fault, op: type[Op], call: Call, given: Mapping[str, Value], view: Viewpoint
    ) -> None:
        """Points an attribute's fault at the argument, and says what its names stood for."""
        names = [*attributes(op)]
        fault.about = fault.about or "call"
        for place, argument in enumerate(call.arguments):
            name = argument.name or names[place]
            if name == fault.about and not isinstance(argument.value, Reference):
                fault.at = (argument.start, argument.end)
                stood = view.stood_for(argument.value, given[name])
                fault.found = ": ".join(part for part in (fault.found, stood) if part)
                value = given[name]
                if isinstance(value, str) and not fault.fix:
                    fault.fix = near(value, self.draft.knobs)
                if name in ("axis", "axes") and not fault.fix:
                    axes = _named_axes(value, view)
                    fault.fix = axes and f"axes have names: write {name}={axes}"
                return

    # -------------------------------------------------------------------- defaults and changes

    def put_defaults(self, op: type[Op], given: dict[str, Value], view: Viewpoint) -> bool:
        """Adds the spec's defaults of an op where the call says nothing; whether they freeze it."""
        defaults = self.draft.spec.defaults[op.name]
        outside = Viewpoint(self.draft, None, view.incoming)
        frozen = False
        for setting in defaults.settings:
            if setting.name in given:
                continue
            try:
                if setting.name == "frozen":
                    frozen = self.flag(setting, outside)
                else:
                    attribute = attributes(op)[setting.name]
                    value = outside.written(setting.value, attribute.legal_words)
                    attribute.convert(op, value)
                    given[setting.name] = value
            except Fault as fault:
                start, end = fault.at or (setting.start, setting.end)
                self.draft.report(fault, defaults.source, defaults.at + start, defaults.at + end)
                raise UnknownError from None
        return frozen

    def put_changes(
        self, op: type[Op], given: dict[str, Value], view: Viewpoint, path: str, frozen: bool
    ) -> bool:
        """Puts in the changes from outside that match the path; whether the layer is frozen then."""
        known = attributes(op)
        for change in self.changes:
            freezes = change.name == "frozen"
            if (change.name not in known and not freezes) or not pattern(change.layers).fullmatch(path):
                continue
            before = self.touched.get(change, Touched())
            if any(path.startswith(f"{row}/") or path == row for row in before.rows):
                continue  # what it sets there is a cell
            try:
                words = () if freezes else known[change.name].legal_words
                value = view.written(change.value, words) if is_written(change.value) else change.value
                if freezes and not isinstance(value, bool):
                    raise Fault("frozen must be true or false", found=shown(value))
                if freezes:
                    frozen = bool(value)
                else:
                    known[change.name].convert(op, value)
                    given[change.name] = value
            except Fault as fault:
                if not fault.about:  # no value at all
                    fault.expected = fault.expected or (
                        "true or false" if freezes else known[change.name].meaning
                    )
                self.report_change(fault, change, path)
                raise UnknownError from None
            self.touched[change] = before._replace(layers=before.layers + 1)
        return frozen

    def put_cells(self, path: str, cells: dict[str, Value], view: Viewpoint) -> None:
        """Puts changes from outside into the cells of a table's row."""
        for change in self.changes:
            if (
                change.name not in cells
                or change.name == "name"
                or not pattern(change.layers).fullmatch(path)
            ):
                continue
            try:
                cells[change.name] = (
                    view.written(change.value, heads=True) if is_written(change.value) else change.value
                )
            except Fault as fault:
                self.report_change(fault, change, path)
                raise UnknownError from None
            before = self.touched.get(change, Touched())
            self.touched[change] = before._replace(rows=(*before.rows, path))

    def report_change(self, fault: Fault, change: Change, path: str) -> None:
        whole = (0, len(change.source.text))
        if isinstance(change.value, Expression):
            whole = (change.value.at, change.value.at + len(change.value.text))
        start, end = fault.at or whole
        fault.fix = "; ".join(part for part in (fault.fix, f"for the layer '{path}'") if part)
        self.draft.report(fault, change.source, start, end)

    # ----------------------------------------------------------------------------------- blocks

    def enter(self, block: Block, call: Call, scope: Scope, inner: Scope, incoming: int) -> bool:
        """Puts parameters, sharing and freezing into a block's scope; whether sharing is a must."""
        shape = self.draft.shapes[incoming] if incoming >= 0 else MISSING
        key = (id(call), id(scope.parameters), id(shape))
        known, _ = self.entered.get(key, (None, None))
        if known is not None and self.settles(call, scope):
            inner.parameters = known
            return False
        given, share, frozen = self.block_arguments(block, call, Viewpoint(self.draft, scope, incoming))
        inner.parameters = self.with_defaults(block, given, Viewpoint(self.draft, inner, incoming))
        inner.frozen = scope.frozen or frozen
        if share is not None:
            inner.share = share.every_weight()
        elif self.settles(call, scope):
            self.entered[key] = inner.parameters, shape
        return share is not None

    def block_call(self, block: Block, call: Call, parameters: Mapping[str, Value]) -> BlockCall:
        """The arguments of a call of a block: the values by place, and those by name."""
        key = id(call), id(parameters)
        known = self.written.get(key)
        if known is None:
            places = sum(not one.name and not isinstance(one.value, Reference) for one in call.arguments)
            values = [*parameters.values()][:places]
            named = ((one.name, parameters[one.name]) for one in call.arguments if one.name in parameters)
            known = self.written[key] = BlockCall(block.name, tuple(values), tuple(named))
        return known

    def block_inputs(self, block: Block, call: Call, view: Viewpoint) -> tuple[int, dict[str, int]]:
        """The tensor that enters a block, and its further inputs by name."""
        if not call.references and not block.inputs:
            return view.incoming, {}
        values = [value for _, value in view.resolved(call.references)]
        wanted = 1 + len(block.inputs)
        if len(values) != wanted:
            names = ", ".join(("x", *block.inputs))
            fix = f"write {block.name} ... from {' '.join(('x', *block.inputs))}"
            fact = f"block '{block.name}' has {wanted} input{'s' * (wanted > 1)}: {names}"
            found = f"'from' names {len(values) or 'none'}"
            raise Fault(fact, found=found, fix=fix, about="call")
        return values[0], dict(zip(block.inputs, values[1:], strict=True))

    def block_arguments(self, block: Block, call: Call, view: Viewpoint) -> Given:
        """The values that a call gives to a block's parameters."""
        names = [parameter.name for parameter in block.parameters]
        given, share, frozen = self.arguments(
            call,
            names,
            view,
            lambda name, written: view.written(written, heads=True),
            lambda one: self.unknown_parameter(block, one, names),
        )
        missing = [p.name for p in block.parameters if p.default is None and p.name not in given]
        if missing:
            fact = f"block '{block.name}' needs {', '.join(repr(name) for name in missing)}"
            raise Fault(fact, fix=self.listed(names), about="call")
        return given, share, frozen

    def unknown_parameter(self, block: Block, argument: Argument, names: list[str]) -> Fault:
        at = (argument.start, argument.end)
        if argument.name:
            fix = near(argument.name, names) or self.listed(names)
            return Fault(f"block '{block.name}' has no parameter '{argument.name}'", fix=fix, at=at)
        many = f"at most {len(names)}" if names else "no"
        fact = f"block '{block.name}' takes {many} argument{'s' * (len(names) != 1)}"
        return Fault(fact, fix=self.listed(names) if names else "", at=at)

    def listed(self, names: list[str]) -> str:
        return f"its parameters are {', '.join(names)}" if names else "it has no parameters"

    def with_defaults(
        self, block: Block, given: Mapping[str, Value], entry: Viewpoint
    ) -> Mapping[str, Value]:
        """All parameters of a block, one object for equal ones. `entry` sees what enters the block."""
        values: dict[str, Value] = {}
        assert entry.scope is not None
        entry.scope.parameters = values
        for name, default, _ in block.parameters:
            if name in given:
                values[name] = given[name]
                continue
            assert default is not None
            try:
                values[name] = entry.written(default, heads=True)
            except Fault as fault:
                start, end = fault.at or (default.at, default.at + len(default.text))
                frame = entry.scope.frame
                self.draft.report(fault, block.source, block.at + start, block.at + end, frame)
                raise UnknownError from None
        key = (block.name, tuple([exact(value) for value in values.values()]))
        return self.parameters.setdefault(key, values)


def _named_axes(value: Value | None, view: Viewpoint) -> str:
    """The names of axes that are given by number, as PyTorch counts them, after the batch; '' if they are not."""
    numbers = value if isinstance(value, tuple) else (value,)
    axes = view.draft.shapes[view.incoming].axes if view.incoming >= 0 else ()
    legal = [one for one in numbers if type(one) is int and one and -len(axes) <= one <= len(axes)]
    if len(legal) < len(numbers):
        return ""
    names = [axes[one if one < 0 else one - 1] for one in legal]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
