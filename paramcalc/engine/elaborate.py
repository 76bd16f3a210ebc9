"""A spec and its settings to a graph: knobs, blocks and repeats resolved, every shape inferred.

Layers are elaborated in the order of the text, each when its inputs' shapes are known: one pass.
A layer with a mistake gives an unknown value; what reads that value is checked as far as names go
and otherwise left alone, so that each mistake is reported once and independent ones together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from paramcalc.base.errors import Fault, Problem, Source, SpecError, in_order
from paramcalc.base.shape import Shape
from paramcalc.engine.builder import Builder, sharing
from paramcalc.engine.calls import Calls, Known, Share, Use
from paramcalc.engine.graph import Applied, BlockCall, Graph, Layer
from paramcalc.engine.heads import Heads, branch_inputs, call_inputs
from paramcalc.engine.lint import (
    Doubled,
    LastRound,
    Rounds,
    channels_last,
    counted_by_another_x,
    heads_in_a_row,
    read_twice,
)
from paramcalc.engine.replace import Replacements
from paramcalc.engine.scope import (
    HIDING,
    MISSING,
    NOTHING,
    UNKNOWN,
    Choice,
    Draft,
    Frame,
    Group,
    Scope,
    UnknownError,
    Viewpoint,
)
from paramcalc.engine.settings import (
    Change,
    Decode,
    Replacement,
    Setting,
    Settings,
    set_inputs,
    set_knobs,
    settings_remarks,
)
from paramcalc.engine.sharing import below, owner
from paramcalc.language.expression import Expression
from paramcalc.language.spec import (
    Auxiliary,
    Block,
    Broken,
    Call,
    Chain,
    If,
    Item,
    Join,
    Named,
    Repeat,
    Spec,
    Step,
    Table,
    TableRow,
    passes,
)
from paramcalc.language.values import Value, truth
from paramcalc.ops.attributes import shown
from paramcalc.ops.base import Op

if TYPE_CHECKING:
    from paramcalc.ops.experts import Experts

__all__ = [
    "UNKNOWN",
    "Change",
    "Decode",
    "Elaborator",
    "Group",
    "Known",
    "Replacement",
    "Scope",
    "Setting",
    "Settings",
    "elaborate",
]

MOST_STEPS = 250_000
BLOCK_STEPS = 2  # what the call of a block takes beyond a step
DEEPEST = 100
LONGEST_PATH = 1_000
TOO_MANY_STEPS = f"the network takes more than {MOST_STEPS:,} steps to build"
_UNSHARED: Mapping[str, str] = {}
_NO_VARIABLES: frozenset[str] = frozenset()


def elaborate(spec: Spec, settings: Settings = Settings(), known: Known | None = None) -> Graph:
    """The graph of a spec under the given settings. Several graphs are quicker with one `known`.

    Raises `SpecError` with every mistake found, or `Fault` when the settings themselves do not fit.
    A mistake caused by the settings is reported at the setting.
    """
    elaborator = Elaborator(spec, settings, known)
    try:
        return elaborator.run()
    except SpecError:
        problems = elaborator.draft.problems
        if not problems or (not settings.changes and not settings.inputs):
            raise
        from paramcalc.engine.blame_settings import blame_settings

        said = blame_settings(problems.as_found(), settings, lambda other: _mistakes(spec, other))
    raise SpecError(in_order(said))


def _mistakes(spec: Spec, settings: Settings) -> list[Problem]:
    """What is wrong with a spec under settings; settings that do not fit it are not its mistake."""
    elaborator = Elaborator(spec, settings)
    try:
        elaborator.run()
    except (SpecError, Fault):
        return elaborator.draft.problems.as_found()
    return []


class Elaborator:
    """Builds the graph of a spec, in one pass over its text.

    `rounds` and `checked_count` are what changes where the number of rounds is a symbol.
    """

    def __init__(self, spec: Spec, settings: Settings, known: Known | None = None) -> None:
        self.spec = spec
        self.settings = settings
        self.replacements = Replacements([one for one in settings.changes if isinstance(one, Replacement)])
        built, applied = known or Known({}, {})
        self.builder = Builder(applied)
        self.draft = Draft(spec, self.builder)
        changes = [change for change in settings.changes if isinstance(change, Change)]
        self.calls = Calls(self.draft, changes, built)
        self.heads = Heads(self.draft)
        self.unreadable = False  # some item is, so that what it reads is not known
        self.steps = 0
        self.depth = 0
        self.inside: set[str] = set()  # the blocks that are being called
        self.shared_weights = 0
        self.doubled: list[Doubled] = []
        self.remarks: list[Problem] = []
        self.repeated_from: dict[tuple[str, int], Rounds] = {}
        self.ends: dict[tuple[str, int], LastRound] = {}
        self.automatic: set[str] = set()  # the paths of groups whose names nobody wrote
        self.table_cells: dict[str, Mapping[str, Value]] = {}  # of rows, by their paths
        self.called: dict[str, BlockCall] = {}  # blocks by the paths of the groups that call them

    # ----------------------------------------------------------------------------- the whole

    def run(self) -> Graph:
        """The network, or that of one more token, if the settings ask for it."""
        wanted = [change for change in self.settings.changes if isinstance(change, Decode)]
        if not wanted:
            return self.all_tokens()
        from paramcalc.engine.decode import decoded

        return decoded(self.all_tokens(), wanted[-1])

    def all_tokens(self) -> Graph:
        draft = self.draft
        set_knobs(draft, self.settings)
        inputs = set_inputs(draft, self.settings)
        numbers = {name: number for number, name in enumerate(self.spec.inputs)}
        frame = Frame("", self.spec.layers, self.spec.layers_source, numbers, None, 0, "")
        root = Scope(frame, {}, None, Group(""), {}, _NO_VARIABLES, None, frozen=False, auxiliary="")
        incoming = 0 if len(numbers) == 1 else NOTHING
        last = self.chain(self.spec.layers, root, incoming, inherits=False)
        outputs = self.outputs(root, last)
        if not draft.problems and not self.unreadable and MISSING not in draft.shapes[: draft.first]:
            for problem in self.builder.check(outputs):
                from paramcalc.engine.blame import explain_unread  # what words faults comes when there is one

                chains = self.chains_of(problem.source)
                draft.problems.add(*explain_unread(problem, self.repeated_from, self.ends, chains))
        if draft.problems:
            raise SpecError(draft.problems.in_order())
        touched = settings_remarks(
            draft.layers, self.table_cells, self.settings, self.replacements.done, self.calls.touched
        )
        return self.builder.graph(outputs, self.spec.name)._replace(
            model=self.settings.variant or self.spec.name,
            inputs=inputs,
            knobs=draft.knobs,
            settings=tuple(str(one) for one in self.settings.changes if not isinstance(one, Decode)),
            remarks=touched,
            automatic=frozenset(self.automatic),
            calls=self.called,
            cells=self.table_cells,
            doubts=(
                *channels_last(self.spec, inputs),
                *heads_in_a_row(self.spec),
                *read_twice(self.doubled, draft.layers),
                *dict.fromkeys(self.remarks),
            ),
        )

    def chains_of(self, source: Source) -> list[Chain]:
        """The chains in a text: those of its blocks, and its layers."""
        blocks = [block.chain for block in self.spec.blocks.values() if block.source == source]
        return [*blocks, *([self.spec.layers] if self.spec.layers_source == source else [])]

    def outputs(self, root: Scope, last: int) -> tuple[int, ...]:
        """The outputs of the network: the spec's `outputs`, or the end of its chain."""
        references, source = self.spec.outputs
        if not references:
            return (last,)
        view = Viewpoint(self.draft, root, NOTHING)
        found = []
        for reference in references:
            try:
                found += [view.resolve(one) for one in view.rounds(reference)]
            except Fault as fault:
                self.draft.report(fault, source, *(fault.at or (reference.start, reference.end)))
            except UnknownError:
                pass
        return tuple(found)

    # ---------------------------------------------------------------------------------- chains

    def chain(self, chain: Chain, scope: Scope, value: int, inherits: bool) -> int:
        """The value at the end of a chain.

        With `inherits`, the chain is all that its group holds: then a single item takes the group's
        own name.
        """
        own = inherits and len(chain.items) == 1
        self.depth += 1
        if self.depth > DEEPEST:
            self.stop(f"groups and blocks are nested more than {DEEPEST} deep", "", scope, chain.at)
        if len(scope.group.path) > LONGEST_PATH:
            fact = f"the path is longer than {LONGEST_PATH:,} characters"
            self.stop(fact, "use shorter names", scope, chain.at)
        for item in chain.items:
            self.steps += 1
            if self.steps > MOST_STEPS:
                self.stop(TOO_MANY_STEPS, "lower a count", scope, item.at)
            other = self.replacements.of(item, scope.group) if self.replacements and not own else None
            if other is not None:
                value = self.replaced(other, item, scope, value)
            elif type(item) is Step:
                value = self.step(item, scope, value, own)
            else:
                value = _HANDLERS[type(item)](self, item, scope, value, own)
        self.depth -= 1
        return value

    def stop(self, fact: str, fix: str, scope: Scope, at: int) -> None:
        """Ends the elaboration at a limit."""
        self.draft.report(Fault(fact, fix=fix), scope.frame.source, at, at + 1, scope.frame)
        raise SpecError(self.draft.problems.in_order())

    def step(self, item: Step, scope: Scope, value: int, own: bool) -> int:
        """One call: of a block, of an op, or only `from`."""
        call = item.call
        draft = self.draft
        try:
            if value >= 0 and not call.references:
                applied = self.calls.recall(call, scope, draft.shapes[value])
                if applied is not None:
                    return self.add(applied, (value,), item, scope, own)
            if not call.head:
                return self.passed_on(call, scope, value)
            op, block = self.heads.find(call.head, Viewpoint(draft, scope, value))
            if block is not None:
                return self.call_block(block, item, scope, value, own)
            assert op is not None
            if op.routes:
                fix = f"write them below it: {op.name}: {{mixture: 8, active: 2, router: ..., layers: ...}}"
                raise Fault(f"{op.name} needs its {' and '.join(op.inputs or ())}", fix=fix, about="call")
            inputs = call_inputs(op, call, Viewpoint(draft, scope, value))
            if op.passes or (op.inputs is None and len(inputs) == 1):  # a join of one round passes it on
                self.calls.use(op, call, Viewpoint(draft, scope, inputs[0]), "")
                return inputs[0]
            return self.layer(op, item, inputs, scope, value, own)
        except Fault as fault:
            self.report_call(fault, call, item.at, scope, value)
        except UnknownError:
            pass
        if call.head and not own:
            scope.group.children.setdefault(item.name, UNKNOWN)
        return UNKNOWN

    def passed_on(self, call: Call, scope: Scope, value: int) -> int:
        references = call.references
        if len(references) > 1 or references[0].several:
            fix = f"name an op before it: concat from {' '.join(map(str, references))}"
            raise Fault("'from' alone passes on one layer", fix=fix, about="call")
        return Viewpoint(self.draft, scope, value).resolve(call.references[0])

    def layer(
        self, op: type[Op], item: Step | Join, inputs: tuple[int, ...], scope: Scope, value: int, own: bool
    ) -> int:
        """A layer: builds the op, infers its output, notes its weights; the number of its value.

        Of an op that reads nothing, `channels` and `x` are those of the tensor just there, `value`.
        """
        call = item.call
        path = scope.group.path if own else scope.group.prefix + item.name
        use = self.calls.use(op, call, Viewpoint(self.draft, scope, inputs[0] if inputs else value), path)
        return self.used(use, item, inputs, scope, value, own)

    def used(
        self, use: Use, item: Step | Join, inputs: tuple[int, ...], scope: Scope, value: int, own: bool
    ) -> int:
        """The layer of an op that a call wants, on the values that it reads."""
        call = item.call
        shapes = tuple(map(self.draft.shape, inputs))
        applied = self.applied(use.op, call, shapes, Viewpoint(self.draft, scope, value))
        if len(inputs) > 1:
            self.steps += len(inputs) - 1
            if len({*inputs}) < len(inputs):
                self.doubled.append(Doubled(item, len(self.draft.layers), scope.frame))
        if use.share is None and not use.frozen and len(inputs) == 1 and not call.references:
            self.calls.remember(call, scope, shapes[0], applied)
        return self.add(applied, inputs, item, scope, own, use.share, use.frozen)

    def applied(self, op: Op, call: Call, shapes: tuple[Shape, ...], view: Viewpoint) -> Applied:
        """The op on what a call reads; within experts, that of each of them."""
        choice = view.scope.choice if view.scope is not None else None
        return self.builder.apply(op, shapes, choice.mixture if choice is not None else None)

    def add(
        self,
        applied: Applied,
        inputs: tuple[int, ...],
        item: Step | Join,
        scope: Scope,
        own: bool,
        share: Share | None = None,
        frozen: bool = False,
    ) -> int:
        """Adds a layer to the network; the number of its value."""
        group = scope.group
        if own:
            path = group.path
        else:
            if item.name in group.children:
                raise self.twice(item.name, group)
            path = group.prefix + item.name
        shared, again = _UNSHARED, ""
        if share is not None or scope.share is not None:
            shared, again = self.shared(applied, share, scope, item.name, own)
        if not own:
            group.children[item.name] = len(self.draft.shapes)
        call = item.call
        return self.builder.append(
            Layer(
                path,
                applied,
                inputs,
                shared,
                scope.frozen or frozen,
                scope.auxiliary,
                scope.frame.source,
                item.at + call.start,
                item.at + call.end,
                again,
                group.named if own else type(item) is Step and item.named,
                scope.choice.router if scope.choice else None,
            )
        )

    def shared(
        self, applied: Applied, share: Share | None, scope: Scope, name: str, own: bool
    ) -> tuple[Mapping[str, str], str]:
        """The weights that a layer takes from another, by its own `share` or that of a group that holds it,
        and the layer that it is another use of."""
        if share is not None:
            target: Group | int | None = share.target
        else:
            target = scope.share if own else below(scope.share, name)
        if target is None:
            return _UNSHARED, ""
        strict = share is not None
        layer = owner(self.draft, target, strict)
        if layer is None:
            return _UNSHARED, ""
        found, again = sharing(applied, layer, scope.auxiliary, strict, share.weight if share else "")
        self.shared_weights += len(found)
        return found, again

    def twice(self, name: str, group: Group) -> Fault:
        where = f" in '{group.path}'" if group.path else ""
        return Fault(
            f"the name '{name}' is used twice{where}", fix="give one of them another name", about="name"
        )

    def free(self, scope: Scope, name: str, at: int) -> bool:
        """Whether a name is still free in the group; if not, that is reported."""
        if name not in scope.group.children:
            return True
        self.clash(Named(name, Chain((), at), at), scope)
        return False

    def clash(self, item: Named, scope: Scope, fix: str = "give one of them another name") -> int:
        """Reports a name that is used twice."""
        name, at = item.name, item.at
        source = scope.frame.source
        end = at + len(name) if source.text.startswith(name, at) else at + 1
        fault = self.twice(name, scope.group)
        fault.fix = fix
        self.draft.report(fault, source, at, end, scope.frame)
        return UNKNOWN

    # -------------------------------------------------------------------------- names and groups

    def named(self, item: Named, scope: Scope, value: int, own: bool) -> int:
        """A name over a chain: over one call of an op it is the layer's name, else a group's."""
        only = item.chain.items[0] if len(item.chain.items) == 1 else None
        if type(only) is not Step or only.call.head in self.spec.blocks:
            return self.grouped(item, scope, value)
        if not self.free(scope, item.name, item.at):
            return UNKNOWN
        result = self.step(Step(only.call, only.at, item.name, named=True), scope, value, own=False)
        if item.name not in scope.group.children:  # the tensor only passes: the name is another for it
            scope.group.children[item.name] = self.alias(scope.group.prefix + item.name, result)
        return result

    def grouped(self, item: Named, scope: Scope, value: int, auxiliary: bool = False) -> int:
        """A chain that makes a group of its own below the present one."""
        if not self.free(scope, item.name, item.at):
            return UNKNOWN
        group = scope.group.children[item.name] = Group(scope.group.prefix + item.name, item.named)
        branch = scope.auxiliary or (group.path if auxiliary else "")
        inner = scope.inside(group, below(scope.share, item.name), branch)
        group.value = self.chain(item.chain, inner, value, inherits=True)
        return group.value

    # --------------------------------------------------------------------------------- joins

    def join(self, item: Join, scope: Scope, value: int, own: bool) -> int:
        call = item.call
        if self.heads.routes(call.head, Viewpoint(self.draft, scope, value)):
            return self.experts(item, scope, value, own)
        branches = {branch.name: self.branch(branch, scope, value) for branch in item.branches}
        try:
            op, _ = self.heads.find(call.head, Viewpoint(self.draft, scope, value))
            if op is None:
                raise Fault(
                    f"'{call.head}' is a block: only ops with several inputs take branches", about="head"
                )
            inputs = branch_inputs(op, branches)
            if UNKNOWN not in inputs:
                return self.layer(op, item, inputs, scope, value, own)
        except Fault as fault:
            self.report_call(fault, call, item.at, scope, value, branches)
        except UnknownError:
            pass
        if not own:
            scope.group.children.setdefault(item.name, UNKNOWN)
        return UNKNOWN

    def experts(self, item: Join, scope: Scope, value: int, own: bool) -> int:
        """A mixture of experts: its router, the layers of all experts in one, and the sum of what they give.

        All are in a group of their own. The branches see the numbers of experts as `mixture` and `active`.
        """
        call = item.call
        group = self.opened(item.name, item.at, scope, own)
        if group is None:
            return UNKNOWN
        branches: dict[str, int] = {}
        try:
            result = self.mixed(item, scope.inside(group, None, scope.auxiliary), scope, value, branches)
        except Fault as fault:
            self.report_call(fault, call, item.at, scope, value, branches or None)
            result = UNKNOWN
        except UnknownError:
            result = UNKNOWN
        group.broken = group.broken or result == UNKNOWN
        group.value = result
        return result

    def mixed(self, item: Join, inner: Scope, scope: Scope, value: int, found: dict[str, int]) -> int:
        """The value of a mixture in its own scope; the values of its branches are added to those found."""
        call, view = item.call, Viewpoint(self.draft, scope, value)
        op, _ = self.heads.find(call.head, view)
        assert op is not None
        if scope.choice is not None:
            raise Fault(f"{op.name} within {op.name}: an expert cannot choose others", about="head")
        branch_inputs(op, {branch.name: 0 for branch in item.branches})  # by name only
        use = self.calls.use(op, call, view, inner.group.path)
        own = inner.group is scope.group
        above = scope.share if own else below(scope.share, item.name)
        inner.share = above if use.share is None else use.share.every_weight()
        shared = self.shared_weights
        inner.frozen = inner.frozen or use.frozen
        experts = cast("Experts", use.op)
        inner.variables = {"mixture": experts.mixture, "active": experts.active}
        inner.loop = inner.loop.union(inner.variables)
        router, layers = (next(one for one in item.branches if one.name == name) for name in op.inputs or ())
        if passes(layers.chain):
            fix = "write what one expert does, for example layers: linear channels"
            raise Fault("the experts have no layers", fix=fix, about="head")
        found[router.name] = self.branch(router, inner, value)
        scores = self.draft.shape(found[router.name])
        inner.choice = Choice(experts.mix(scores), found[router.name])
        found[layers.name] = self.branch(layers, inner, value)
        inner.choice = None
        if found[layers.name] == UNKNOWN:
            return UNKNOWN
        if use.share is not None and self.shared_weights == shared:
            raise Fault("no weight of the same name and shape to share", about="share")
        return self.used(Use(use.op, None, False), item, tuple(found.values()), inner, value, own=True)

    def branch(self, branch: Named, scope: Scope, value: int) -> int:
        """The value of a branch; one that only passes the tensor on holds no layer and no name."""
        other = self.replacements.of(branch, scope.group) if self.replacements else None
        if other is not None:
            return self.replaced(other, branch, scope, value)
        if branch.name in scope.group.children:
            fix = "give the branch another name, or name the join"
            return self.clash(branch, scope, fix)
        return value if passes(branch.chain) else self.named(branch, scope, value, own=False)

    # ---------------------------------------------------------------- if, repeat, table, auxiliary

    def report_call(
        self,
        fault: Fault,
        call: Call,
        at: int,
        scope: Scope,
        value: int,
        branches: Mapping[str, int] | None = None,
    ) -> None:
        from paramcalc.engine.blame import report_call

        report_call(self.draft, fault, call, at, scope, value, branches)

    def report_expression(self, fault: Fault, expression: Expression, at: int, scope: Scope) -> None:
        from paramcalc.engine.blame import report_expression

        report_expression(self.draft, fault, expression, at, scope)

    def condition(self, item: If, scope: Scope, value: int, own: bool) -> int:
        expression = item.condition
        try:
            holds = self.holds(expression, Viewpoint(self.draft, scope, value))
        except Fault as fault:
            self.report_expression(fault, expression, item.at, scope)
        except UnknownError:
            pass
        else:
            return self.chain(item.then if holds else item.otherwise, scope, value, own)
        scope.group.broken = True
        return UNKNOWN

    def holds(self, condition: Expression, view: Viewpoint) -> bool:
        value = view.written(condition)
        try:
            return truth(value)
        except Fault as fault:
            fault.fix = f"write a comparison: {condition.text} == {shown(value)}"
            raise

    def repeat(self, item: Repeat, scope: Scope, value: int, own: bool) -> int:
        group = self.opened(item.name, item.at, scope, own)
        if group is None:
            return UNKNOWN
        share = scope.share if own else below(scope.share, item.name)
        group.rounds = group.rounds or []
        result = UNKNOWN
        try:
            count = self.checked_count(Viewpoint(self.draft, scope, value).written(item.times))
            if scope.frame.block and "x" in item.times.tensors:
                self.remarks += counted_by_another_x(item, Viewpoint(self.draft, scope, value), count)
            result = self.rounds(item, scope, group, share, count, value)
        except Fault as fault:
            self.report_expression(fault, item.times, item.at, scope)
        except UnknownError:
            pass
        group.broken = group.broken or result == UNKNOWN
        group.value = result
        return result

    def rounds(
        self, item: Repeat, scope: Scope, group: Group, share: Group | int | None, count: int, value: int
    ) -> int:
        """All rounds of a repeat, one after the other."""
        for index in range(count):
            value = self.repeated(item, scope, group, share, index, str(index), value)
            if value == UNKNOWN:
                return UNKNOWN  # every further round would fail on it
        only = item.body.items[0] if len(item.body.items) == 1 else None
        layer = self.draft.layer(value)
        if type(only) is Step and only.call.references and layer is not None:
            rounds = Rounds(only.call, only.at, scope, group.path)
            self.repeated_from[layer.source.name, layer.start] = rounds
        if count > 1 and layer is not None:
            self.ends[layer.source.name, layer.start] = LastRound(group.path, item.counter, count - 1)
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
        variables = {item.counter: HIDING if self.hides(item.counter, scope) else index}
        target = group.children["0"] if item.shared and name != "0" else below(share, name)
        return self.round(item.body, scope, group, name, variables, target, value)

    def checked_count(self, count: Value) -> int:
        """A number of rounds, if it is one."""
        if isinstance(count, bool) or not isinstance(count, int):
            raise Fault("a repeat count must be a whole number", found=shown(count))
        if count < 0:
            raise Fault("a repeat count must not be negative", found=str(count))
        if self.steps + count > MOST_STEPS:
            raise Fault(TOO_MANY_STEPS, found=f"a repeat count of {count:,}")
        self.steps += count
        return count

    def opened(self, name: str, at: int, scope: Scope, own: bool) -> Group | None:
        """The group of a repeat or table: a new one below the present, or that one itself."""
        if own:
            return scope.group
        return self.unnamed(name, scope) if self.free(scope, name, at) else None

    def unnamed(self, name: str, scope: Scope) -> Group:
        """A new group under an automatic name."""
        group = scope.group.children[name] = Group(scope.group.prefix + name, named=False)
        self.automatic.add(group.path)
        return group

    def hides(self, name: str, scope: Scope, knobs: bool = True) -> bool:
        """Whether an index or column of that name hides another name."""
        return name in scope.loop or name in scope.parameters or (knobs and name in self.draft.knobs)

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
        group = parent.children[name] = Group(parent.prefix + name, named=not name[0].isdigit())
        if parent.rounds is None:
            parent.rounds = []
        parent.rounds.append(name)
        inner = Scope(
            scope.frame,
            scope.parameters,
            scope,
            group,
            variables,
            scope.loop.union(variables),
            share,
            scope.frozen,
            scope.auxiliary,
            scope.choice,
        )
        other = self.replacements.at(group.path) if self.replacements else None
        if other is None:
            group.value = self.chain(body, inner, value, inherits=True)
        else:
            group.value = self.chain(other.chain, self.replacements.begin(other, inner), value, inherits=True)
            self.replacements.end()
        return group.value

    def table(self, item: Table, scope: Scope, value: int, own: bool) -> int:
        named = "name" in item.columns
        group = self.opened(item.name, item.at, scope, own or named)
        if group is None:
            return UNKNOWN
        share = scope.share if group is scope.group else below(scope.share, item.name)
        for number, row in enumerate(item.rows):
            name = row.name or str(number)
            cells = self.cells(item, row, number, group.prefix + name, scope, value)
            if cells is None or not self.free(scope.inside(group, None, ""), name, row.at):
                group.broken, value = True, UNKNOWN
                continue
            value = self.round(item.body, scope, group, name, cells, below(share, name), value)
        if group is not scope.group or own:
            group.value = value
        return value

    def cells(
        self, item: Table, row: TableRow, number: int, path: str, scope: Scope, value: int
    ) -> dict[str, Value] | None:
        """The values of a row's cells by column; None, and a problem, when one has none."""
        view = Viewpoint(self.draft, scope, value)
        cells: dict[str, Value] = {}
        try:
            for column, cell in zip(item.columns, row.cells, strict=True):
                hiding = self.hides(column, scope, knobs=False)
                cells[column] = HIDING if hiding else view.written(cell, heads=True)
            if self.calls.changes:
                self.calls.put_cells(path, cells, view)
        except Fault as fault:
            start, end = fault.at or (0, 1)
            self.draft.report(fault, scope.frame.source, row.at + start, row.at + end, scope.frame)
            return None
        except UnknownError:
            return None
        self.table_cells[path] = dict(cells)
        if item.counter:
            cells[item.counter] = HIDING if self.hides(item.counter, scope) else number
        return cells

    def auxiliary(self, item: Auxiliary, scope: Scope, value: int, own: bool) -> int:
        branch = item.branch
        self.grouped(branch, scope, value, auxiliary=True)
        return value

    def broken(self, item: Broken, scope: Scope, value: int, own: bool) -> int:
        scope.group.broken = self.unreadable = True
        return UNKNOWN

    # --------------------------------------------------------------------------------- blocks

    def call_block(self, block: Block, item: Step, scope: Scope, value: int, own: bool) -> int:
        call = item.call
        self.steps += BLOCK_STEPS
        if block.name in self.inside:
            fix = "blocks cannot be recursive: use a repeat"
            raise Fault(f"block '{block.name}' calls itself", fix=fix, about="head")
        incoming, inputs = self.calls.block_inputs(block, call, Viewpoint(self.draft, scope, value))
        group = self.opened_block(item.name, scope, own)
        frame = Frame(
            block.name,
            block.chain,
            block.source,
            inputs,
            scope.frame,
            item.at + call.start,
            group.path,
            incoming,
        )
        inner = Scope(
            frame,
            _NO_PARAMETERS,
            None,
            group,
            {},
            _NO_VARIABLES,
            None,
            scope.frozen,
            scope.auxiliary,
            scope.choice,
        )
        inner.share = scope.share if own else below(scope.share, item.name)
        try:
            strict = self.calls.enter(block, call, scope, inner, incoming)
        except (Fault, UnknownError):
            group.broken = True
            raise
        if group.path not in self.called:
            self.called[group.path] = self.calls.block_call(block, call, inner.parameters)
        before = self.shared_weights
        self.inside.add(block.name)
        group.value = self.chain(block.chain, inner, incoming, inherits=True)
        self.inside.remove(block.name)
        if block.outputs:
            self.block_outputs(block, inner, group.value)
        if strict and self.shared_weights == before and group.value != UNKNOWN:
            raise Fault("no weight of the same name and shape to share", about="share")
        return group.value

    def block_outputs(self, block: Block, scope: Scope, value: int) -> None:
        """Gives names to layers of a block that its callers read."""
        group, view = scope.group, Viewpoint(self.draft, scope, value)
        for name, reference in block.outputs:
            try:
                result = view.resolve(reference, known=False)
                inside = group.children.get(name, result)
                if result != (inside.value if isinstance(inside, Group) else inside):
                    fact = f"the output '{name}' has the name of another layer of the block"
                    raise Fault(fact, fix="give one of them another name")
            except Fault as fault:
                start, end = fault.at or (reference.start, reference.end)
                self.draft.report(fault, block.source, block.at + start, block.at + end, scope.frame)
                result = UNKNOWN
            except UnknownError:
                result = UNKNOWN
            if name not in group.children:
                group.children[name] = self.alias(group.prefix + name, result)

    def alias(self, path: str, value: int) -> Group:
        """Another name for a tensor."""
        group = Group(path)
        group.value, group.broken, group.alias = value, value == UNKNOWN, True
        return group

    def opened_block(self, name: str, scope: Scope, own: bool) -> Group:
        if own:
            return scope.group
        if name in scope.group.children:
            raise self.twice(name, scope.group)
        return self.unnamed(name, scope)

    # ------------------------------------------------------------------------------ replacements

    def replaced(self, replacement: Replacement, item: Item, scope: Scope, value: int) -> int:
        """The value of what takes an item's place, under the item's name."""
        inner = self.replacements.begin(replacement, scope)
        if isinstance(item, Auxiliary):
            branch = Named(item.branch.name, replacement.chain, 0)
            result = self.auxiliary(Auxiliary(branch, 0), inner, value, own=False)
        else:
            assert not isinstance(item, If | Broken)
            result = self.named(Named(item.name, replacement.chain, 0), inner, value, own=False)
        self.replacements.end()
        return result


_NO_PARAMETERS: Mapping[str, Value] = {}

_HANDLERS: dict[type, Any] = {
    Named: Elaborator.named,
    Join: Elaborator.join,
    If: Elaborator.condition,
    Repeat: Elaborator.repeat,
    Table: Elaborator.table,
    Auxiliary: Elaborator.auxiliary,
    Broken: Elaborator.broken,
}
