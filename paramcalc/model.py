"""The library's front door: a spec with a variant, to be counted under any settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paramcalc.base.errors import Fault, Problem, Source, SpecError, visible
from paramcalc.count.report import Report, count
from paramcalc.engine import library
from paramcalc.engine.elaborate import Change, Decode, Replacement, Setting, Settings, elaborate
from paramcalc.engine.graph import Graph
from paramcalc.language import expression
from paramcalc.language.chains import items
from paramcalc.language.expression import Expression
from paramcalc.language.lines import Token, read_expression, read_line, split
from paramcalc.language.spec import Chain, Spec, Written
from paramcalc.render import notebook

if TYPE_CHECKING:
    from paramcalc.check.check import Result
    from paramcalc.compare.diff import Diff
    from paramcalc.count.vary import Axis, Space
    from paramcalc.explain.explain import Explained
    from paramcalc.solve import Solution
    from paramcalc.sweep import Sweep
    from paramcalc.symbolic import Closed, Formula


class Model:
    """A network: a spec and one of its variants.

    >>> load("resnet-50").count(width=96).totals.params
    55919176
    """

    def __init__(self, spec: Spec, variant: str = "") -> None:
        self.spec = spec
        self.variant = variant

    def __repr__(self) -> str:
        return f"<Model {visible(self.name)}>"

    @property
    def name(self) -> str:
        return self.variant or self.spec.name

    def graph(
        self,
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        decode: int | str | None = None,
        **knobs: Any,
    ) -> Graph:
        """The network with every shape known.

        `knobs` are values of the spec's knobs: numbers, words, lists; `**{"stage6.depth": 4}` is a cell of a
        table. `inputs` gives other sizes by input name, in the order of the declared axes. `decode` makes it
        the network of one more token, after so many, or `target=4096` for one of several inputs.
        """
        source = Source("<arguments>", "")
        given: tuple[Setting, ...] = tuple(
            Change(row, knob, _value(value), source)
            for name, value in knobs.items()
            for row, _, knob in [name.rpartition(".")]
        )
        if decode is not None:
            given = (*given, token(str(decode)))
        return elaborate(self.spec, Settings(self.variant, (*changes, *given), inputs or {}))

    def count(
        self,
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        batch: int = 1,
        convention: str = "",
        decode: int | str | None = None,
        **knobs: Any,
    ) -> Report:
        """Exact counts of every layer and their totals, for a batch of samples.

        `convention` names a tool or a paper whose counts they are to be: `torchinfo`, `fvcore`. `decode`
        counts one more token after so many, instead of a sequence.

        >>> load("llama2-7b").count(decode=4095).macs
        7680819200
        """
        report = count(self.graph(changes, inputs, decode, **knobs), batch)
        if not convention:
            return report
        from paramcalc import conventions

        return conventions.recounted(report, conventions.convention(convention))

    def check(self) -> Result:
        """The claims of the spec, or of the variant that was asked for, held against the exact counts.

        >>> result = load("lenet5-1998").check()
        >>> result, result.failed
        (<Result: 17 claims, 0 failed>, ())
        """
        from paramcalc.check.check import check_spec

        return check_spec(self.spec, self.variant)

    def explain(self, *layers: str, quantities: Sequence[str] = (), why: str = "") -> Explained:
        """Formulas of the layers that patterns mean, or of all, with numbers in place and their values.

        `why` names a convention; the explanation then shows what it adds to these counts or leaves out.

        >>> print(load("lenet5-1998").explain("C1", quantities=["params"]))
        lenet5-1998, input 1x32x32
        <BLANKLINE>
        C1: conv2d 6 5, 1x32x32 -> 6x28x28
          params = (k_h*k_w*C_in + 1)*C_out = (5*5*1 + 1)*6 = 156
        <BLANKLINE>
        k_h, k_w: kernel_size, height, width; C_in: channels of the input; C_out: out_channels
        <BLANKLINE>
        """
        from paramcalc.conventions import convention
        from paramcalc.explain import explain

        chosen = explain.quantities(",".join(quantities))
        return explain.explain(self.count(), layers, chosen, convention(why) if why else None)

    def closed(
        self,
        symbols: Sequence[str] | None = None,
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        decode: int | str | None = None,
    ) -> Closed:
        """The network counted in symbols: of knobs, of input axes (`H`, `W`, `L`), of the `batch`.

        `h` is the height and width of a square. Without `symbols`, the width and the input's space; with
        `decode`, the number of tokens before the new one, `past`.

        >>> print(load("llama2-7b").closed(decode=4096).formula("macs"))
        262144 P + 6607339520
        """
        from paramcalc.symbolic import close

        step = () if decode is None else (token(str(decode)),)
        return close(self.spec, self.variant, symbols, (*changes, *step), inputs)

    def formula(
        self, quantity: str, symbols: Sequence[str] | None = None, layers: Sequence[str] = ()
    ) -> Formula:
        """A quantity of the network, or of some layers, in closed form; see `closed`.

        >>> print(load("resnet-50").formula("macs", ["width", "h"]))
        h^2 (19776 w^2 + 37632 w) + 32000 w
        """
        return self.closed(symbols).formula(quantity, layers)

    def space(
        self,
        axes: Sequence[Axis],
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        batch: int = 1,
    ) -> Space:
        """The networks that this one becomes while some settings vary."""
        from paramcalc.count.vary import Space

        return Space(self.spec, self.variant, axes, tuple(changes), inputs, batch)

    def solve(
        self,
        *vary: str,
        until: str | Sequence[str],
        most: str = "",
        least: str = "",
        step: int = 1,
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        batch: int = 1,
    ) -> Solution:
        """The values of one or two settings that meet constraints: the largest, or the best for a quantity.

        >>> solution = load("resnet-50").solve("width", until="params <= 5e6", step=8)
        >>> solution.answers[0].point.values, solution.answers[0].above.values
        ((24,), (32,))
        """
        from paramcalc import solve

        texts = [until] if isinstance(until, str) else until
        bounds = [bound for text in texts for bound in solve.bounds(text)]
        space = self.space([solve.setting(text, step) for text in vary], changes, inputs, batch)
        return solve.solve(space, bounds, solve.goal(most, least))

    def sweep(
        self,
        *vary: str,
        quantities: Sequence[str] = ("params", "macs"),
        sample: int | None = None,
        seed: int = 0,
        pareto: str = "",
        changes: Sequence[Setting] = (),
        inputs: dict[str, Any] | None = None,
        batch: int = 1,
    ) -> Sweep:
        """Counts over a grid of settings, such as `width=32:128:8`, or a random sample of it."""
        from paramcalc.count.vary import axis
        from paramcalc.sweep import sweep

        space = self.space([axis(text) for text in vary], changes, inputs, batch)
        return sweep(space, quantities, sample, seed, pareto)

    def run(self, inputs: Any = None, weights: Any = None, **settings: Any) -> dict[str, Any]:
        """The outputs by name of the network run in NumPy; see `paramcalc.verify.run.run`.

        >>> load("lenet5-1998").run(batch=2)["OUTPUT"].shape
        (2, 10)
        """
        from paramcalc.verify.run import run  # only who runs a network waits for NumPy

        return run(self.graph(), inputs, weights, **settings)

    def __rich__(self) -> Any:
        return self.count()

    def _repr_html_(self) -> str:
        return notebook.html(self.count())


def compare(*networks: Model | Report) -> Diff:
    """Two or more networks side by side, aligned block by block; the first is the base.

    A model stands for its counts under its own settings.

    >>> compare(load("resnet-50"), load("resnet-50").count(width=96)).sentence(1, ["params"])
    '2.19 x as many params (55,919,176 instead of 25,557,032), same output 1000'
    """
    from paramcalc.compare import diff

    return diff.compare(*(network.count() if isinstance(network, Model) else network for network in networks))


def load(name: str) -> Model:
    """A model by the name of a bundled one, by `PATH` or `PATH:VARIANT`, or `-` for standard input.

    Raises an `Error` when it cannot be read: its text has the place, the fact and the fix.
    """
    return Model(*library.find(name))


def parse(text: str, variant: str = "", name: str = "<text>") -> Model:
    """A model from the text of its spec; messages call the text by the name.

    >>> parse("{input: 1x28x28, layers: [flatten, linear 10]}").count().params
    7850
    """
    return Model(library.from_text(Source(name, text), variant), variant)


def from_torch(module: Any, *inputs: Any, **named: Any) -> Model:
    """A PyTorch module as a model, traced with these inputs; its text is `model.spec.source.text`.

    An operation without a counterpart causes a warning: the counts are then partial.
    """
    import warnings

    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import hf, torch

    name = type(module).__name__
    try:
        source = torch.from_module(module, inputs, named, name, f"{name}, by torch.export")
    except hf.RoutedError as error:
        ids = next(iter([*inputs, *named.values()]), None)
        length = {} if ids is None else {"": tuple(ids.shape[1:])}
        return parse(hf.routed(error, length).text, name=name)
    found = imported(source)
    for text in found.missing:
        warnings.warn(text, stacklevel=2)
    return parse(found.text, name=name)


def change(text: str) -> Change:
    """A setting as written on the command line: `width=96` or `conv3.kernel_size=5`."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name or not value.strip():
        fix = f"write {name}=VALUE" if name and not value.strip() else ""
        raise Fault(f"'{text}' is not a setting", expected="KNOB=VALUE, or LAYERS.ATTRIBUTE=VALUE", fix=fix)
    layers, _, attribute = name.rpartition(".")
    source = Source("--set", text)
    value = value.strip()
    try:
        written = _written(Token(value, text.rindex(value), len(text.rstrip())))
    except Fault as fault:
        raise _located(fault, source) from None
    return Change(layers, attribute, written, source)


def token(text: str) -> Decode:
    """One more token as the command line has it: `4096`, after so many, or `target=4096` for one of several inputs."""
    name, equals, count = text.rpartition("=")
    digits = count.strip().replace(",", "").replace("_", "")
    if not digits.isdecimal() or (equals and not name.strip()):
        fix = "write the number of tokens before the new one, such as 4096, or INPUT=4096"
        raise Fault(f"'{text}' is not a number of tokens", fix=fix)
    return Decode(int(digits), name.strip(), Source("--decode", text))


def replacement(text: str) -> Replacement:
    """A line in place of layers or blocks as the command line has it: `**/relu*=gelu`."""
    layers, equals, line = text.partition("=")
    if not equals or not layers.strip() or not line.strip():
        raise Fault(f"'{text}' is not a replacement", expected="LAYERS='conv2d 64 3 padding=1'")
    source = Source("--replace", text.rstrip())
    begin = len(text) - len(line.lstrip())
    try:
        return Replacement(
            layers.strip(), Chain(items(read_line(source.text[begin:]), begin, {}), begin), source
        )
    except Fault as fault:
        raise _located(fault, source, begin) from None


def _located(fault: Fault, source: Source, begin: int = 0) -> SpecError:
    start, end = fault.at or (0, len(source.text) - begin)
    return SpecError([Problem(source, begin + start, begin + end, fault.fact, fault.notes())])


def sizes(text: str) -> tuple[str, tuple[int, ...]]:
    """An input's sizes as written on the command line: `3x288x288` or `left=1x28x28`."""
    name, equals, dims = text.rpartition("=")
    try:
        found = tuple(int(part) for part in dims.lower().replace("×", "x").split("x"))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        numbers = re.findall("[0-9]+", dims) if re.fullmatch(r"[0-9,;: ()\[\]]+", dims) else []
        fix = f"write {'x'.join(numbers)}" if numbers else ""
        if re.fullmatch(r"\{.*\}", dims.strip()):  # axes by name, as in a spec
            sizes = "x".join(re.findall("[0-9]+", dims))
            fix = f"give the sizes in the order of the input's axes, without names: {name + equals}{sizes}"
        raise Fault(f"'{dims}' is not the size of an input", expected="sizes such as 3x224x224", fix=fix)
    return (name if equals else "input"), found


def _written(token: Token) -> Written:
    """An expression, or a list of them in brackets, which may hold words."""
    text, start, _ = token
    if text.startswith("[") and text.endswith("]"):
        begin = start + 1
        inner = split(text[1:-1]) if text[1:-1].strip() else []
        return tuple(_written(Token(one.text, begin + one.start, begin + one.end)) for one in inner)
    return read_expression(token)


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return expression.parse(repr(value)).known
    return tuple(_value(item) for item in value) if isinstance(value, list | tuple) else value


__all__ = ["Expression", "Model", "change", "compare", "load", "parse", "replacement", "sizes"]
