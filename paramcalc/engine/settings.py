"""Settings that are resolved before the layers: the variant, the knobs, the inputs, changes from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault, Source, near, visible
from paramcalc.base.paths import matching, pattern
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.base.sizes import Size
from paramcalc.engine.builder import LARGEST_SIZE, Place
from paramcalc.engine.graph import Layer
from paramcalc.engine.scope import FAILED, MISSING, NOTHING, Draft, UnknownError, Viewpoint
from paramcalc.language.expression import Expression
from paramcalc.language.spec import Chain, Input, Knob, Named, Spec, Variant, Written, walk
from paramcalc.language.values import Value, Word, truth
from paramcalc.ops.attributes import attributes, shown, size
from paramcalc.ops.base import Op


class Change(NamedTuple):
    """A setting from outside the spec: a knob, or an attribute of the layers that match.

    `layers` is '' for a knob. Offsets of a written value are relative to the source's text.
    """

    layers: str
    name: str
    value: Written | Value
    source: Source

    def __repr__(self) -> str:
        return f"<Change {visible(str(self))}>"

    def __str__(self) -> str:
        value = _as_written(self.value)
        return f"{self.layers}.{self.name}={value}" if self.layers else f"{self.name}={value}"


class Replacement(NamedTuple):
    """A line from outside the spec that takes the place of the items that match, under their names."""

    layers: str
    chain: Chain
    source: Source

    def __repr__(self) -> str:
        return f"<Replacement {visible(str(self))}>"

    def __str__(self) -> str:
        return f"{self.layers}='{self.source.text[self.chain.at :]}'"


class Decode(NamedTuple):
    """One more token in the place of a sequence, after `past` others, at the input of that name, or the only one."""

    past: Size
    input: str = ""
    source: Source = Source("--decode", "")

    def __str__(self) -> str:
        return f"decode {self.input}={self.past}" if self.input else f"decode={self.past}"

    @property
    def layers(self) -> str:
        return ""

    @property
    def said(self) -> str:
        """The note below a table that explains its numbers."""
        return f"{self}: the work of one more token, with {self.past} before it in the caches"


Setting: TypeAlias = Change | Replacement | Decode


class Settings(NamedTuple):
    """What to elaborate: a variant (or '' for the knobs' defaults), changes, other inputs."""

    variant: str = ""
    changes: tuple[Setting, ...] = ()
    inputs: Mapping[str, tuple[Any, ...]] = {}


def _as_written(value: Any) -> str:
    """An expression, a list of them, or a value, as a spec would write it."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, tuple):
        return f"[{', '.join(_as_written(item) for item in value)}]"
    return shown(value)


def is_written(value: Any) -> bool:
    """Whether a value is still text of a spec, to be evaluated."""
    if isinstance(value, tuple) and not isinstance(value, Expression):
        return bool(value) and all(is_written(item) for item in value)
    return isinstance(value, Expression)


# ---------------------------------------------------------------------------------------- knobs


class _Given(NamedTuple):
    """A value for a knob, and its place."""

    value: Written | Value
    source: Source
    at: int
    span: tuple[int, int] | None = None  # of the value from there on, where it is known


def set_knobs(draft: Draft, settings: Settings) -> None:
    """Gives every knob its value, in the order of the text; overrides are put in first."""
    given = _overrides(draft.spec, settings)
    view = Viewpoint(draft, None, NOTHING)
    for name, knob in draft.spec.knobs.items():
        value, source, at, whole = given.get(name, _Given(knob.value, knob.source, knob.at))
        if value is None:
            draft.knobs[name] = FAILED
            continue
        try:
            found = view.written(value, knob.choices, heads=True) if is_written(value) else value
            draft.knobs[name] = _checked(draft, knob, found)
        except Fault as fault:
            span = (
                fault.at or (value.at, value.at + len(value.text))
                if isinstance(value, Expression)
                else fault.at
            )
            start, end = span or whole or (0, len(name))
            draft.report(fault, source, at + start, at + end)
        except UnknownError:
            pass
        draft.knobs.setdefault(name, FAILED)


def _overrides(spec: Spec, settings: Settings) -> dict[str, _Given]:
    """Values from the variant and then from outside, by knob."""
    given: dict[str, _Given] = {}
    for variant in variant_chain(spec, settings.variant):
        for setting in variant.settings:
            given[setting.name] = _Given(setting.value, spec.source, variant.at)
    for change in settings.changes:
        if not isinstance(change, Change) or change.layers:
            continue
        _check_knob(spec, change)
        text = change.source.text
        given[change.name] = _Given(change.value, change.source, 0, (text.find("=") + 1, len(text)))
    return given


def _check_knob(spec: Spec, change: Change) -> None:
    """A `Fault` where there is no such knob; who names a layer means an attribute of it."""
    name = change.name
    if name not in spec.knobs and any(
        isinstance(item, Named) and item.name == name for item in walk(spec.layers)
    ):
        fix = f"write {name}.ATTRIBUTE={_as_written(change.value)}; 'paramcalc ops OP' shows the attributes of an op"
        raise Fault(f"'{name}' is a layer or group of '{spec.name}', not a knob", fix=fix)
    known(name, spec.knobs, "knob", spec.name)


def variant_chain(spec: Spec, name: str) -> list[Variant]:
    """The variant of that name and those it is like, the farthest first."""
    if name == spec.name and name not in spec.variants:
        return []
    chain: list[Variant] = []
    while name:
        chain.append(spec.variants[_variant(spec, name)])
        name = chain[-1].like
    return chain[::-1]


def _variant(spec: Spec, name: str) -> str:
    if "=" in name:
        raise Fault(f"there is no variant '{name}'", fix=f"a setting is written --set {name}")
    if not spec.variants:
        raise Fault(f"there is no variant '{name}': '{spec.name}' has no variants", fix="leave it out")
    return known(name, spec.variants, "variant", spec.name)


def _checked(draft: Draft, knob: Knob, value: Value) -> Value:
    """The value of a knob, if its words are among the choices, or else name ops or blocks."""
    if isinstance(value, tuple):
        return tuple(_checked(draft, knob, item) for item in value)
    if knob.choices:
        if not isinstance(value, str) or value not in knob.choices:
            listed = ", ".join(knob.choices)
            fix = near(str(value), knob.choices)
            raise Fault(f"knob '{knob.name}' must be one of {listed}", found=shown(value), fix=fix)
        return Word(
            value, f"not one of {', '.join(knob.choices)}", knob.choices.__contains__, lambda: knob.choices
        )
    if not isinstance(value, str):
        return value
    if not draft.callable(value):
        fix = near(value, [*draft.knobs, *draft.heads()])
        if value.lower() in ("yes", "no", "on", "off"):
            fix = "write true or false"
        fix = fix or f"write a knob that holds a word as {{default: {value}, choices: [...]}}"
        raise Fault(f"'{value}' is neither a knob above nor an op or block", fix=fix)
    return draft.head(value)


# --------------------------------------------------------------------------------------- inputs


def set_inputs(draft: Draft, settings: Settings) -> dict[str, Shape]:
    """The shapes of all inputs; one with a mistake has an unknown value and no shape."""
    declared = draft.spec.inputs
    for name in settings.inputs:
        known(name, declared, "input", draft.spec.name)
    shapes: dict[str, Shape] = {}
    for name, one in declared.items():
        try:
            one = _decided(draft, one)
            if one.sizes is None and not one.axes:
                raise UnknownError
            shape = _input_shape(draft, one)
            shapes[name] = _resized(draft, name, shape, settings.inputs.get(name))
        except Fault as fault:
            start, end = fault.at or (0, 1)
            draft.report(fault, one.source, one.at + start, one.at + end)
        except UnknownError:
            pass
        width = len(one.sizes.text) if isinstance(one.sizes, Expression) else 1
        draft.builder.input(name, shapes.get(name, MISSING), Place(one.source, one.at, one.at + width))
    return shapes


def input_option(name: str, sizes: tuple[Any, ...]) -> Source:
    """Other sizes of an input as the command line takes them."""
    text = "x".join(str(one) for one in sizes)
    return Source("--input", text if name == "input" else f"{name}={text}")


def _complete(shape: Shape, other: tuple[Any, ...]) -> str:
    """Sizes without the channels, or one for a square, in full."""
    space = len(shape.axes) - 1
    if shape.axes[:1] != (CHANNELS,) or len(other) not in (1, space) or other[0] == shape.channels:
        return ""
    return f"write {Shape(shape.axes, (shape.channels, *(other if len(other) == space else other * space)))}"


def _resized(draft: Draft, name: str, shape: Shape, other: tuple[Any, ...] | None) -> Shape:
    """The declared shape of an input with other sizes; a fault of those is shown in the option."""
    if other is None:
        return shape
    try:
        if len(other) != len(shape.axes):
            fact = f"the input has {len(shape.axes)} sizes: {' x '.join(shape.axes)}"
            expected = f"{len(shape.axes)} sizes, such as {shape}"
            fix = _complete(shape, other)
            if len(other) == len(shape.axes) + 1 and shape.axes[0] == CHANNELS and other[1] == shape.dims[0]:
                rest = "x".join(map(str, other[1:]))
                fix = f"leave out the batch: {rest}, and --batch {other[0]}"
            raise Fault(fact, expected=expected, found=f"{len(other)}", fix=fix)
        return Shape(shape.axes, tuple(_input_size(one) for one in other))
    except Fault as fault:
        source = input_option(name, other)
        draft.report(fault, source, source.text.find("=") + 1, len(source.text))
        raise UnknownError from None


def _decided(draft: Draft, declared: Input) -> Input:
    """Of inputs that conditions choose from, the one that they choose."""
    one = declared
    while one.choice is not None:
        test = one.choice
        try:
            value = Viewpoint(draft, None, NOTHING).written(test.condition)
            one = test.then if truth(value) else test.otherwise
        except Fault as fault:
            start, end = fault.at or (0, len(test.condition.text))
            fault.at = (test.at + start - declared.at, test.at + end - declared.at)
            raise
    return one


def _input_shape(draft: Draft, declared: Input) -> Shape:
    view = Viewpoint(draft, None, NOTHING)
    written = tuple(axis.value for axis in declared.axes)
    if isinstance(declared.sizes, tuple) and not isinstance(declared.sizes, Expression):
        written = declared.sizes
    if declared.sizes is None or written:
        sizes = tuple(_written_size(view, one) for one in written)
    else:
        value = view.written(declared.sizes)
        sizes = value if isinstance(value, tuple) else (value,)
    axes = tuple(axis.name for axis in declared.axes) or _channels_first(len(sizes))
    return Shape(axes, tuple(_input_size(one) for one in sizes))


def _written_size(view: Viewpoint, written: Written) -> Size:
    """One size of an input; a fault points at it."""
    value = view.written(written)
    try:
        return _input_size(value)
    except Fault as fault:
        fault.found = ": ".join(part for part in (fault.found, view.stood_for(written, value)) if part)
        if isinstance(written, Expression) and isinstance(value, tuple) and "x" in written.text:
            fault.fix = "put spaces around every x, or around none"
        if isinstance(written, Expression):
            fault.at = (written.at, written.at + len(written.text))
        raise


def _input_size(value: Value) -> Size:
    try:
        whole = size(Op, value)
    except Fault as fault:
        raise Fault(f"a size of the input {fault.fact}", found=shown(value)) from None
    if isinstance(whole, int) and whole > LARGEST_SIZE:
        raise Fault("a size of the input is above 10^15", found=shown(value))
    return whole


def _channels_first(count: int) -> tuple[str, ...]:
    if not 1 <= count <= 4:
        raise Fault(f"an input of {count} sizes needs names for its axes", fix="{length: 197, channels: 768}")
    return (CHANNELS, *SPACE[count - 1]) if count > 1 else (CHANNELS,)


# -------------------------------------------------------------------------------- what they touched


class Touched(NamedTuple):
    """How many layers a change has touched, and the table rows in which it has set a cell."""

    layers: int = 0
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = ((self.layers, "layer"), (len(self.rows), "cell"))
        return " and ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts if count)


def settings_remarks(
    layers: Sequence[Layer],
    cells: Mapping[str, Mapping[str, Value]],
    settings: Settings,
    replaced: Mapping[Replacement, int],
    touched: Mapping[Change, Touched],
) -> tuple[str, ...]:
    """What the settings of single layers and cells touched; a fault when one touched nothing."""
    said = []
    for change in settings.changes:
        if isinstance(change, Decode) or not change.layers:
            continue
        if isinstance(change, Replacement):
            count = replaced.get(change, 0)
            done = f"replaced {count} place{'s' * (count != 1)}" if count else ""
        else:
            done = f"touched {touched[change]}" if change in touched else ""
        if not done:
            raise _untouched(layers, cells, change)
        said.append(f"{change} {done}")
    return tuple(said)


def _untouched(
    layers: Sequence[Layer], cells: Mapping[str, Mapping[str, Value]], change: Change | Replacement
) -> Fault:
    """The fault that a setting of layers reached none."""
    found = {*matching(change.layers, (layer.path for layer in layers))}
    if isinstance(change, Replacement):
        fix = "another --replace overrides it: the last one wins"
        return Fault(f"'{change.layers}' matches nothing that is still to be replaced", fix=fix)
    kinds = {type(layer.op) for layer in layers if layer.path in found}
    names = sorted({attribute for kind in kinds for attribute in attributes(kind)})
    rows = (row for path, row in cells.items() if pattern(change.layers).fullmatch(path))
    columns = [*dict.fromkeys(column for row in rows for column in row if column != "name")]
    listed = f"their attributes: {', '.join(names) or 'none'}"
    listed += f"; columns of the table: {', '.join(columns)}" if columns else ""
    fix = near(change.name, [*columns, *names]) or listed
    return Fault(f"no layer that matches '{change.layers}' has an attribute '{change.name}'", fix=fix)
