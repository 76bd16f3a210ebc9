"""Names while a network is built: groups, open scopes, and what an expression sees at one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault, Problems, Source, near
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Layer
from paramcalc.language.expression import Expression
from paramcalc.language.spec import (
    ALL,
    MOST_INPUTS,
    Chain,
    Join,
    Named,
    Reference,
    Repeat,
    Spec,
    Step,
    Table,
    Written,
    walk,
)
from paramcalc.language.values import Value, Word, collected, extent, is_symbol
from paramcalc.ops.attributes import shown

if TYPE_CHECKING:
    from paramcalc.ops._each import Mixture

MOST_WORK = 2_000_000
MOST_LISTED = 8  # names of layers that a message lists
MOST_CALLS = 8  # that a message shows on the way to a mistake
UNKNOWN = -1  # the value of a layer that could not be elaborated
NOTHING = -2  # no incoming tensor: the spec has several inputs
LATER = "1.."  # the round that stands for all but the first, where the number of rounds is a symbol
NO_TENSOR = "there is no incoming tensor here: the spec has several inputs"
CONCRETE = "do not make the number of rounds a symbol"


class UnknownError(Exception):
    """Something depends on a mistake that has been reported already."""


class Marker:
    """A placeholder for a value that cannot be used."""

    def __init__(self, why: str) -> None:
        self.why = why


MISSING = Shape((), ())  # of an input whose sizes have a mistake
HIDING = Marker("an index that hides another name")
FAILED = Marker("a knob whose value has a mistake")


class Group:
    """A named part of the network while it is built.

    `value` is the output, None until the group is finished; `children` holds groups, and the values
    of single layers. `broken` says that a mistake may have kept names from being defined, `alias`
    that the group is only another name for a tensor that passes, `named` that its name was written in the spec.
    `rounds` are the names of the rounds of a repeat, or rows of a table, so far.
    """

    __slots__ = ("alias", "broken", "children", "named", "path", "prefix", "rounds", "value")

    def __init__(self, path: str, named: bool = True) -> None:
        self.named = named
        self.path = path
        self.prefix = path + "/" if path else ""
        self.children: dict[str, Group | int] = {}
        self.value: int | None = None
        self.broken = False
        self.alias = False
        self.rounds: list[str] | None = None


class Frame(NamedTuple):
    """One call of a block, or the top level: what its text can see besides the knobs.

    `place` is where the call stands in the caller's source, `path` the group that it makes, `entry`
    the value that enters it.
    """

    block: str
    chain: Chain
    source: Source
    inputs: Mapping[str, int]
    caller: Frame | None
    place: int
    path: str
    entry: int = NOTHING


class Choice(NamedTuple):
    """The context of the layers of experts: their mixture, and the value with the scores that choose them."""

    mixture: Mixture
    router: int


class Scope:
    """An open group: names inside resolve outwards, up to the frame.

    `variables` are this scope's own, `loop` the names of those of all scopes of the frame.
    `parameters` are the frame's; equal ones are one object. Within experts there is a `choice`.
    """

    __slots__ = (
        "auxiliary", "choice", "frame", "frozen", "group", "loop", "outer", "parameters", "share", "variables",
    )  # fmt: skip

    def __init__(
        self,
        frame: Frame,
        parameters: Mapping[str, Value],
        outer: Scope | None,
        group: Group,
        variables: Mapping[str, Value],
        loop: frozenset[str],
        share: Group | int | None,
        frozen: bool,
        auxiliary: str,
        choice: Choice | None = None,
    ) -> None:
        self.frame = frame
        self.parameters = parameters
        self.outer = outer
        self.group = group
        self.variables = variables
        self.loop = loop
        self.share = share
        self.frozen = frozen
        self.auxiliary = auxiliary
        self.choice = choice

    def inside(self, group: Group, share: Group | int | None, auxiliary: str) -> Scope:
        """The scope of a group within this one."""
        return Scope(
            self.frame, self.parameters, self, group, {}, self.loop, share, self.frozen, auxiliary, self.choice
        )  # fmt: skip

    def outwards(self) -> Iterator[Scope]:
        """This scope and all around it, up to the frame's."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


class Draft:
    """A graph while it is built: what is known so far of values, layers, knobs, mistakes."""

    def __init__(self, spec: Spec, builder: Builder | None = None) -> None:
        self.spec = spec
        self.builder = builder or Builder()
        self.problems = Problems()
        self.knobs: dict[str, Value] = {}
        self.first = len(spec.inputs)  # the number of the first layer's value
        self.shapes = self.builder.shapes
        self.layers = self.builder.layers
        self.work = 0
        self.names: dict[int, frozenset[str]] = {}

    def charge(self, work: int) -> None:
        """Notes work done on expressions; what takes too much of it is not meant to be read."""
        self.work += work
        if self.work > MOST_WORK:
            raise Fault(f"evaluating the expressions of this spec takes more than {MOST_WORK:,} steps")

    def shape(self, value: int) -> Shape:
        """The shape of a value."""
        if value == NOTHING:
            raise no_tensor()
        if value == UNKNOWN or self.shapes[value] is MISSING:
            raise UnknownError
        return self.shapes[value]

    def layer(self, value: int) -> Layer | None:
        """The layer that gives a value, or None for an input."""
        return self.layers[value - self.first] if value >= self.first else None

    def origin(self, value: int) -> str:
        """Where a value comes from, for messages."""
        layer = self.layer(value)
        if layer is None:
            return f"the input '{[*self.spec.inputs][value]}'"
        source = layer.source
        where = source.name if source.is_option else f"line {source.position(layer.start)[0]}"
        return f"'{layer.path}' ({where})"

    def names_of(self, chain: Chain) -> frozenset[str]:
        """The names of all items of a chain, however deep."""
        known = self.names.get(id(chain))
        if known is None:
            known = self.names[id(chain)] = frozenset(_names(chain))
        return known

    def callable(self, name: str) -> bool:
        """Whether a word is the name of an op or block."""
        return name in self.spec.blocks or ops.find(name) is not None

    def head(self, name: str) -> Word:
        """The name of an op or block as a value, to be compared with such names only."""
        return Word(name, "neither an op nor a block", self.callable, self.heads)

    def heads(self) -> list[str]:
        """All names of ops and blocks."""
        return [*self.spec.blocks, *ops.names()]

    def report(
        self,
        fault: Fault,
        source: Source,
        start: int,
        end: int,
        frame: Frame | None = None,
        operands: tuple[str, ...] = (),
    ) -> None:
        """Notes a mistake, with the operands, and the calls of blocks that led to it."""
        self.problems.add(source, start, end, fault.fact, lambda: fault.notes(operands) + trace(frame))


def trace(frame: Frame | None) -> tuple[str, ...]:
    """The calls that led into a frame, the innermost first."""
    frames: list[Frame] = []
    while frame is not None and frame.caller is not None:
        frames.append(frame)
        frame = frame.caller
    half = MOST_CALLS // 2
    if len(frames) <= MOST_CALLS:
        return tuple(map(_called, frames))
    between = f"... and {len(frames) - 2 * half} calls more ..."
    return (*map(_called, frames[:half]), between, *map(_called, frames[-half:]))


def _called(frame: Frame) -> str:
    """Where a block is called."""
    assert frame.caller is not None
    place = frame.caller.source.place(frame.place)
    return f"in block '{frame.block}', called at {place} for '{frame.path}'"


def no_tensor(outside: bool = False) -> Fault:
    """There is no incoming tensor: outside the layers, or where a spec has several inputs."""
    if outside:
        return Fault("no tensor here", fix="sizes of tensors are defined in layers, blocks and defaults")
    return Fault(NO_TENSOR, fix="name one: from NAME")


class Viewpoint:
    """The names visible to an expression at one place: the scope, and the tensor that enters there.

    Without a scope it sees knobs alone.
    """

    __slots__ = ("draft", "incoming", "scope")

    def __init__(self, draft: Draft, scope: Scope | None, incoming: int) -> None:
        self.draft = draft
        self.scope = scope
        self.incoming = incoming

    # ------------------------------------------------------------- what `expression.Names` asks

    def value(self, name: str) -> Value:
        if name == CHANNELS:
            return self.channels()
        found = self.bound(name)
        if found is None:
            raise self.unknown_name(name)
        return found

    def tensor(self, name: str) -> Shape:
        if name == "x":
            if self.incoming == NOTHING:
                raise no_tensor(outside=self.scope is None)
            return self.seen(self.incoming)
        if self.scope is None:
            raise Fault(f"'{name}' is a layer, and none is visible from here")
        try:
            return self.seen(self.resolve(Reference(((name, ()),), 0, 0)))
        except Fault as fault:
            fault.at = None  # the expression knows where the name stands
            raise

    def seen(self, value: int) -> Shape:
        """The shape of a value as layers here see it: experts get one position at a time."""
        shape = self.draft.shape(value)
        if self.scope is None or self.scope.choice is None:
            return shape
        from paramcalc.ops._each import at_position

        return at_position(shape)

    # ------------------------------------------------------------------------------------ names

    def bound(self, name: str) -> Value:
        """The value of a parameter, loop variable, column or knob; None when there is none."""
        scope = self.scope
        found = None
        if scope is not None:
            if name in scope.loop:
                found = next(outer.variables[name] for outer in scope.outwards() if name in outer.variables)
            else:
                found = scope.parameters.get(name)
        if found is None:
            found = self.draft.knobs.get(name)
        if found is HIDING:
            raise Fault(
                f"'{name}' is the index of this repeat and hides an outer '{name}'",
                fix=f"rename one of them; for a repeat: index: {'s' if name != 's' else 'k'}",
            )
        if found is FAILED:
            raise UnknownError
        return found

    def channels(self) -> Value:
        shape = self.tensor("x")
        if CHANNELS not in shape.axes:
            raise Fault("the incoming tensor has no channels", found=shape.described())
        return shape.channels

    def written(self, written: Written, words: tuple[str, ...] = (), heads: bool = False) -> Value:
        """The value of an expression or a list of them.

        `words` are legal here, and mean themselves before anything else; with `heads`, an
        identifier that is nothing else may name an op or block, or be a word for an attribute.
        Faults carry `at` relative to the owner of the expression.
        """
        if not isinstance(written, Expression):
            values = collected(self.written(item, words, heads) for item in written)
            self.draft.charge(len(values))
            return values
        if written.constant:
            return written.known
        try:
            if written.word and written.text != CHANNELS:
                return self.bare_word(written.text, words, heads)
            return written.evaluate(_Worded(self, words) if words else self, self.draft.charge)
        except Fault as fault:
            start, end = fault.at or (0, len(written.text))
            fault.at = (written.at + start, written.at + end)
            raise

    def bare_word(self, name: str, words: tuple[str, ...], heads: bool) -> Value:
        if name in words:
            return name
        found = self.bound(name)
        if found is not None:
            if type(found) is tuple:
                self.draft.charge(extent(found)[0])
            return found
        if not heads or name in self.draft.spec.knobs:
            raise self.unknown_name(name, words)
        if self.draft.callable(name):
            return self.draft.head(name)
        return name

    def unknown_name(self, name: str, words: tuple[str, ...] = ()) -> Fault:
        known = dict.fromkeys(self.draft.knobs)
        if name == "x":
            return Fault(
                "'x' is the incoming tensor, not a number", fix="write x.height, x.width or channels"
            )
        for scope in self.scope.outwards() if self.scope else ():
            known.update(dict.fromkeys([*scope.variables, *scope.parameters]))
            if name in scope.group.children or name in scope.frame.inputs:
                fix = f"for one of its sizes, write {name}.channels or {name}.height"
                return Fault(f"'{name}' is a layer, not a number", fix=fix)
        if name in self.draft.spec.knobs:
            own = [*self.draft.spec.knobs].index(name) == len(self.draft.knobs)
            fix = "a knob's value cannot use the knob itself" if own else f"move '{name}' above"
            return Fault(
                f"the knob '{name}' is not defined yet: a knob sees only the knobs above it", fix=fix
            )
        if name in AXES:
            fix = f"the {name} of the incoming tensor is x.{name}"
            return Fault(f"'{name}' is not defined here", fix=fix)
        if name.lower() in ("none", "null"):
            return Fault(f"'{name}' is not defined here", fix="leave the argument out")
        if name.lower() in ("yes", "no", "on", "off"):
            return Fault(f"'{name}' is not defined here", fix="write true or false")
        if self.scope is not None and self.draft.callable(name):
            fix = "it is an op or a block: is a comma missing before it?"
            return Fault(f"'{name}' is not defined here", fix=fix)
        expected = f"one of the words {', '.join(words)}, or a value" if words else ""
        listed = f"defined here: {', '.join(known)}" if known and not words else ""
        fix = near(name, [*words, *known, CHANNELS]) or listed
        return Fault(f"'{name}' is not defined here", expected=expected, fix=fix)

    def stood_for(self, written: Written, value: Value) -> str:
        """A remark with the values of an expression's names; '' when there is nothing to say."""
        if not isinstance(written, Expression) or written.constant:
            return ""
        said = []
        for name in written.free:
            bound = self.channels() if name == CHANNELS else self.bound(name)
            origin = f" from {self.draft.origin(self.incoming)}" if name == CHANNELS else ""
            if bound is not None:
                said.append(f"{name} = {shown(bound)}{origin}")
        said += [f"{name} of {self.tensor(name).described()}" for name in written.tensors]
        if written.word and said == [f"{written.text} = {shown(value)}"]:
            return f"the value of {written.text}"
        return f"{written.text} with {', '.join(said)}" if said else ""

    # ------------------------------------------------------------------------------- references

    def resolve(self, reference: Reference, known: bool = True) -> int:
        """The value that a reference means; one that is unknown is none, unless it need not be known."""
        try:
            entry = self.entry(reference)
        except UnknownError:
            entry = UNKNOWN
        if isinstance(entry, Group):
            if entry.value is None and not entry.broken:
                fact = f"'{reference}' is not complete here: 'from' reads earlier layers only"
                raise Fault(fact, at=(reference.start, reference.end))
            entry = UNKNOWN if entry.value is None else entry.value
        if entry == UNKNOWN and known:
            raise UnknownError
        self.check_auxiliary(entry, reference)
        return entry

    def resolved(self, references: Sequence[Reference]) -> list[tuple[str, int]]:
        """The values that references mean, unknown ones too, each with its words: a[0]/out of a[*]/out."""
        found: list[tuple[str, int]] = []
        for reference in references:
            found += [(str(one), self.resolve(one, known=False)) for one in self.rounds(reference)]
            if len(found) > MOST_INPUTS:
                at = (reference.start, reference.end)
                raise Fault(
                    f"more than {MOST_INPUTS} tensors are read here", fix="join them in groups", at=at
                )
        return found

    def rounds(self, reference: Reference) -> Iterator[Reference]:
        """The same reference for each round that [*] means, in order: a/0/out, a/1/out of a[*]/out."""
        if not reference.several:
            yield reference
            return
        parts = reference.parts
        part, place = next(
            (part, place)
            for part, (_, indices) in enumerate(parts)
            for place, index in enumerate(indices)
            if index.text == ALL
        )
        name, indices = parts[part]
        before, after = (*parts[:part], (name, indices[:place])), indices[place + 1 :]
        rest = parts[part + 1 :]
        several = any(index.text == ALL for index in (*after, *(index for _, more in rest for index in more)))
        repeat = reference._replace(parts=before, several=False)
        for number in self.finished(repeat):
            yield from self.rounds(
                reference._replace(parts=(*before, (number, after), *rest), several=several)
            )

    def finished(self, repeat: Reference) -> list[str]:
        """The names of the rounds of a repeat that lie above this place."""
        entry = self.entry(repeat)
        if entry == UNKNOWN or (isinstance(entry, Group) and entry.broken):
            raise UnknownError
        at = (repeat.start, repeat.end)
        if not isinstance(entry, Group) or entry.rounds is None:
            raise Fault(f"'{repeat}' is not a repeat", fix="[*] means all of its rounds", at=at)
        children = entry.children
        finished = [name for name in entry.rounds if _is_finished(children[name])]
        if len(finished) < len(entry.rounds) and entry.rounds[-1] == LATER:
            fact = f"how many rounds of '{repeat}' lie above is a symbol here"
            raise Fault(fact, fix=CONCRETE, at=at)
        return finished

    def check_auxiliary(self, value: int, reference: Reference) -> None:
        layer = self.draft.layer(value) if value >= 0 else None
        inside = self.scope.auxiliary if self.scope else ""
        if layer is not None and layer.auxiliary and layer.auxiliary != inside:
            where = f"lies in the auxiliary branch '{layer.auxiliary}', which exists in training only"
            raise Fault(f"'{reference}' {where}", at=(reference.start, reference.end))

    def entry(self, reference: Reference) -> Group | int:
        """The group or layer that a reference names, looked up outwards and then down."""
        if reference.several:
            fix = "name a round, as in layers[0]; joins read several: concat from layers[*]"
            fact = f"'{reference}' means the layers of several rounds, and one is read here"
            raise Fault(fact, fix=fix, at=(reference.start, reference.end))
        (name, indices), *rest = reference.parts
        if name == "x" and not rest and not indices:
            if self.incoming == NOTHING:
                raise no_tensor()
            return self.incoming
        entry = self.outward(name)
        if entry is None:
            raise self.no_layer(reference, name)
        entry = self.indexed(entry, indices, reference)
        for part, further in rest:
            entry = self.indexed(self.below(entry, part, reference), further, reference)
        return entry

    def outward(self, name: str) -> Group | int | None:
        assert self.scope is not None
        for scope in self.scope.outwards():
            if name in scope.group.children:
                return scope.group.children[name]
        return self.scope.frame.inputs.get(name)

    def below(self, entry: Group | int, part: str, reference: Reference) -> Group | int:
        if isinstance(entry, Group) and part in entry.children:
            return entry.children[part]
        if entry == UNKNOWN or (isinstance(entry, Group) and entry.broken):
            raise UnknownError
        at = (reference.start, reference.end)
        if not isinstance(entry, Group):
            raise Fault(
                f"there is no earlier layer '{reference}'", fix="a layer contains no other layers", at=at
            )
        names = [*entry.children]
        listed = f"'{entry.path}' contains {', '.join(names[:8])}" if names else ""
        fix = near(entry.prefix + part, [entry.prefix + name for name in names]) or listed
        raise Fault(f"there is no earlier layer '{reference}'", fix=fix, at=at)

    def indexed(
        self, entry: Group | int, indices: tuple[Expression, ...], reference: Reference
    ) -> Group | int:
        for index in indices:
            number = self.written(index)
            if isinstance(number, bool) or not isinstance(number, int):
                at = (index.at, index.at + len(index.text))
                if is_symbol(number):
                    fact = f"which round [{index.text}] is depends on a symbol"
                    raise Fault(fact, found=shown(number), fix=CONCRETE, at=at)
                raise Fault("an index must be a whole number", found=shown(number), at=at)
            child = entry.children.get(str(number)) if isinstance(entry, Group) else None
            if child is None:
                raise self.no_round(entry, number, reference)
            entry = child
        return entry

    def no_round(self, entry: Group | int, number: int, reference: Reference) -> Exception:
        if entry == UNKNOWN or (isinstance(entry, Group) and entry.broken):
            return UnknownError()
        names = [name for name in entry.children if name.isdigit()] if isinstance(entry, Group) else []
        if names:
            found = f"{len(names)} round{'s' * (len(names) > 1)} so far, counted from 0"
        else:
            found = "it is not a repeat"
        at = (reference.start, reference.end)
        return Fault(f"there is no round [{number}] in '{reference}'", found=found, at=at)

    def no_layer(self, reference: Reference, name: str) -> Exception:
        assert self.scope is not None
        scopes = [*self.scope.outwards()]
        if any(scope.group.broken for scope in scopes):
            return UnknownError()
        at = (reference.start, reference.end)
        if name in self.draft.names_of(self.scope.frame.chain):
            fix = "'from' reads layers above it, in its own group and the groups around it"
            return Fault(f"'{reference}' is not an earlier layer here", fix=fix, at=at)
        frame = self.scope.frame
        known = [*dict.fromkeys(name for scope in scopes for name in scope.group.children), *frame.inputs]
        fix = near(name, known)
        if frame.caller is not None and not fix:
            fix = f"a block sees only its own layers; to pass one in: {frame.block} ... from x {name}"
        if not fix and 0 < len(known) <= MOST_LISTED:
            fix = f"layers here: {', '.join(known)}"
        return Fault(f"there is no earlier layer '{reference}'", fix=fix, at=at)


def _is_finished(entry: Group | int) -> bool:
    return not isinstance(entry, Group) or entry.value is not None or entry.broken


class _Worded(NamedTuple):
    """The same place for an attribute that takes words, which come before all other names."""

    view: Viewpoint
    words: tuple[str, ...]

    def value(self, name: str) -> Value:
        if name in self.words:
            return name
        if name != CHANNELS and self.view.bound(name) is None:
            raise self.view.unknown_name(name, self.words)
        return self.view.value(name)

    def tensor(self, name: str) -> Shape:
        return self.view.tensor(name)


def _names(chain: Chain) -> Iterator[str]:
    """The names of all items of a chain, however deep, blocks left out."""
    return (item.name for item in walk(chain) if isinstance(item, Step | Named | Join | Repeat | Table))
