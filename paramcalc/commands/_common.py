"""What commands share: options that change a network, and output in a format to a terminal or a file."""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints

import typer

from paramcalc.base.errors import Fault, first_of
from paramcalc.engine.elaborate import Setting
from paramcalc.render.escape import harmless
from paramcalc.render.grid import Grid, Styled, hanging, layout
from paramcalc.render.message import say

if TYPE_CHECKING:
    from paramcalc.count.report import Report
    from paramcalc.engine.graph import Graph
    from paramcalc.language.spec import Spec
    from paramcalc.model import Model
    from paramcalc.render.forms import Drawing

# The formats of output, and how the names of files in them end.
ENDINGS = {
    "table": (".txt",),
    "text": (".txt",),
    "json": (".json",),
    "csv": (".csv",),
    "markdown": (".md", ".markdown"),
    "latex": (".tex",),
    "html": (".html", ".htm"),
    "svg": (".svg",),
    "pdf": (".pdf",),
    "png": (".png",),
    "python": (".py",),
    "c": (".c",),
    "javascript": (".mjs", ".js"),
    "junit": (".xml",),
    "yaml": (".yaml", ".yml"),
    "github": (".log",),
    "pytorch": (".py",),
    "keras": (".py",),
    "onnx": (".onnx",),
    "mermaid": (".mmd", ".mermaid"),
    "dot": (".dot", ".gv"),
    "gitlab": (".json",),
}
TABLE = ("table", "json", "csv", "markdown", "latex", "html")  # the formats of what has rows, too

SpecArgument = Annotated[
    str,
    typer.Argument(metavar="SPEC", help="A bundled model, a path, PATH:VARIANT, or - for standard input."),
]
BatchOption = Annotated[
    int, typer.Option("--batch", min=1, help="Samples in a batch; work and outputs grow with it.")
]
ConventionOption = Annotated[
    str,
    typer.Option("--convention", metavar="NAME", help="Count as this tool or paper does, such as torchinfo."),
]
UnfoldOption = Annotated[bool, typer.Option("--unfold", help="Show identical blocks one by one.")]
RowsOption = Annotated[
    bool, typer.Option("--rows", help="Print a row for each network, and for each variant of a family.")
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Load ops from this Python file (which is executed)."),
]


SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a knob, an attribute of layers (LAYERS.ATTRIBUTE), or a cell of a table (ROW.COLUMN).",
    ),
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace", metavar="LAYERS='CALL ...'", help="Replace layers or blocks with another line."
    ),
]
DecodeOption = Annotated[
    str,
    typer.Option(
        "--decode",
        metavar="[INPUT=]TOKENS",
        help="Count one more token after so many, with cached keys and values, instead of a sequence.",
    ),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="[NAME=]SIZES", help="Use other input sizes, such as 3x288x288."),
]


def _depth(text: str) -> int:
    """A number of levels, or all of them."""
    if text == "all":
        from paramcalc.count.outline import FULL_DEPTH

        return FULL_DEPTH
    if not text.isdecimal() or not int(text):
        raise Fault(f"--depth cannot be '{text}'", fix="write a number of levels, from 1, or all")
    return int(text)


DepthOption = Annotated[
    int | None,
    typer.Option("--depth", metavar="N|all", parser=_depth, help="Show the tree of blocks to this depth."),
]


# ------------------------------------------------------------------- options that make one argument


def _bundle(
    name: str, options: Mapping[str, Any], make: Callable[..., Any], defaults: Mapping[str, Any] = {}
) -> Callable[..., Any]:
    """A decorator: the parameter of that name is made from options, which come last on the command line."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            own = {option: given.pop(option) for option in options}
            command(**given, **{name: make(**own)})

        signature = inspect.signature(command, eval_str=True)
        keyword = inspect.Parameter.KEYWORD_ONLY
        kept = [each.replace(kind=keyword) for each in signature.parameters.values() if each.name != name]
        kept += [
            inspect.Parameter(option, keyword, default=defaults.get(option), annotation=annotation)
            for option, annotation in options.items()
        ]
        shown: Any = functools.update_wrapper(run, command)
        del shown.__wrapped__
        shown.__signature__ = signature.replace(parameters=kept)
        shown.__annotations__ = {each.name: each.annotation for each in kept}
        return run

    return decorate


def option_group(name: str, kind: Any) -> Callable[..., Any]:
    """A decorator: the parameter of that name is a named tuple of this kind, and each of its fields an option."""
    return _bundle(name, get_type_hints(kind, include_extras=True), kind, kind._field_defaults)


class Changes(NamedTuple):
    """What is changed in a network, as `Model.count` and others take it."""

    changes: tuple[Setting, ...]
    inputs: dict[str, Any]


CHANGES = {"sets": SetOption, "replaced": ReplaceOption, "plugins": PluginOption}


def network_options(command: Callable[..., None]) -> Any:
    """Adds the options which change a network; they make the parameter `changed`."""
    return _bundle("changed", {"inputs": InputOption, **CHANGES}, settings)(command)


def decode_options(command: Callable[..., None]) -> Any:
    """The same and --decode, for a command that counts."""
    return _bundle("changed", {"inputs": InputOption, **CHANGES, "decode": DecodeOption}, settings)(command)


def change_options(command: Callable[..., None]) -> Any:
    """The same without --input, for a command that has its own."""
    return _bundle("changed", CHANGES, settings)(command)


def settings(
    sets: list[str] | None = None,
    inputs: list[str] | None = None,
    plugins: list[Path] | None = None,
    replaced: list[str] | None = None,
    decode: str | None = None,
) -> Changes:
    """Changes and input sizes from the options' texts, after loading the plugins."""
    from paramcalc.model import change, replacement, sizes, token

    load_plugins(plugins)
    changes = [change(text) for text in sets or ()]
    swaps = [replacement(text) for text in replaced or ()]
    shapes = [sizes(text) for text in inputs or ()]
    _once("--set", [text.split("=")[0].strip() for text in sets or ()])
    _once("--input", [name for name, _ in shapes])
    steps = [token(decode)] if decode else []
    return Changes((*changes, *swaps, *steps), dict(shapes))


def _once(option: str, names: list[str]) -> None:
    """Two values for one name contradict each other, and which is meant cannot be known."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise Fault(f"{option} gives '{twice}' twice", fix="give it one value")


def network(name: str, command: str, *layers: str) -> Model:
    """The model of a command that takes layers too: where no network has that name, a layer may have been meant."""
    from paramcalc.engine.library import MODEL
    from paramcalc.model import load

    try:
        return load(name)
    except Fault as fault:
        if fault.about == MODEL and not layers:
            where = f"layers follow the network: paramcalc {command} SPEC {name}"
            fault.fix = f"{fault.fix}; {where}" if fault.fix.endswith("?") else where
        raise


def load_plugins(paths: list[Path] | None) -> None:
    """Adds the ops of the Python files that the user names."""
    if paths:
        from paramcalc.engine.plugins import load

        for path in paths:
            load(path)


def under(convention: str, report: Report) -> Report:
    """The report with the numbers of a convention, if one is named."""
    if not convention:
        return report
    from paramcalc import conventions

    return conventions.recounted(report, conventions.convention(convention))


# ------------------------------------------------------------------------------------------- output


class Output(NamedTuple):
    """Where a command writes, and in which format."""

    format: str
    path: Path | None

    def show(self, forms: Mapping[str, Callable[[], Drawing]], after: str = "") -> None:
        """Draws the form of the format; formats that are not listed are made from the table.

        `after` is printed below a table that is shown as text.
        """
        drawn = forms.get(self.format, forms.get("table", _nothing))()
        if self.format == "table" and isinstance(drawn, Grid):
            self.text(layout(drawn, self.width, self.unicode), after)
        elif self.format == "yaml" and self.path is not None:
            from paramcalc.schema.modeline import with_modeline

            emit(with_modeline(str(drawn), self.path), self.path)  # the text of a spec as it is
        else:
            from paramcalc.render.forms import written  # only for documents: most runs show a table

            if isinstance(drawn, str) and self.format in ("table", "text"):
                drawn = hanging(drawn, self.width)
            emit(written(drawn, self.format), self.path)

    def text(self, lines: Iterable[Styled], after: str = "") -> None:
        """Writes lines, on a terminal each as soon as it is there, in its colours; then a text below them.

        Rich, which takes as long to import as a network to count, paints on terminals only.
        """
        after = hanging(after, self.width)
        if self.path is None and (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
            from paramcalc.render import table

            table.paint(lines, table.console())
            emit(harmless(after), None)
        else:
            emit("".join(f"{line.text}\n" for line in lines) + harmless(after), self.path)

    @property
    def width(self) -> int | None:
        """The width to fit a text into: of the terminal, or COLUMNS; None for as wide as it likes."""
        if self.path is not None:
            return None
        if sys.stdout.isatty():
            return shutil.get_terminal_size().columns
        return int(os.environ.get("COLUMNS") or 0) or None

    @property
    def unicode(self) -> bool:
        """Whether any character can be written: always to a file, to the terminal if it is set up so."""
        return self.path is not None or "utf" in (sys.stdout.encoding or "").lower()


def _nothing() -> Drawing:
    raise AssertionError("a command has a drawing for each of its formats")


def output_options(*formats: str, option: str = "--format") -> Callable[..., Any]:
    """A decorator that adds --output, and --format where there is more than one; they make `output`."""
    chosen = typer.Option(
        option,
        help=f"Output format; by default that of the --output ending, else {formats[0]}.",
        show_default=False,
    )
    options: dict[str, Any] = {"format": Annotated[Literal[formats] | None, chosen]}
    options["path"] = Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of the terminal."),
    ]
    if len(formats) == 1:
        options.pop("format")

    def make(path: Path | None, format: str | None = None) -> Output:
        return Output(format_of(path, format, formats), path)

    return _bundle("output", options, make)


def format_of(path: Path | None, format: str | None, formats: tuple[str, ...]) -> str:
    """The requested format, or that of the file's ending; `Fault` where they contradict each other."""
    ending = path.suffix.lower() if path is not None else ""
    fitting = [name for name in formats if ending in ENDINGS[name]]
    forms = ", ".join(f"{name} ({ENDINGS[name][0]})" for name in formats)
    if format is None:
        if ending and not fitting:
            raise Fault(f"{path}: this command does not write {ending}", fix=f"it writes {forms}")
        return fitting[0] if fitting else formats[0]
    if format not in fitting and any(ending in endings for endings in ENDINGS.values()):
        raise Fault(f"{path}: a name in {ending} for the format {format}", fix=f"the formats are {forms}")
    return format


def emit(text: str, path: Path | None) -> None:
    """Prints a text, or writes it to a file that appears whole or not at all."""
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    from paramcalc.base.files import whole

    with whole(path) as file:
        file.write(text.encode("utf-8"))


def doubts(spec: Spec, graph: Graph | None = None, resized: bool = True) -> None:
    """Remarks on legal input that is probably a mistake: names that nothing reads, tensors read twice, and where
    inputs were `resized`, knobs apart.
    """
    from paramcalc.engine.lint import knobs_left_behind, remarks
    from paramcalc.language.unread import unread

    shown, rest = first_of(remarks(spec, graph) if graph else unread(spec))
    for problem in shown:
        remark(problem._replace(fact=f"remark: {problem.fact}").render() + "\n")
    if rest:
        remark(rest)
    for text in knobs_left_behind(spec, graph) if graph and resized else ():
        remark(text)


def remark(text: str) -> None:
    """A remark for the person at the terminal, apart from the data."""
    say(text)
