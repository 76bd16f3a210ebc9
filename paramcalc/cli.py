"""The command line: finds the command, runs it, turns errors into messages and exit codes.

Exit codes: 0 fine, 1 a claim or a verification failed, 2 a usage, spec or file error.
"""

from __future__ import annotations

import importlib
import keyword
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer
from typer.core import TyperCommand

from paramcalc.base.errors import Fault, SpecError, printable
from paramcalc.base.start import INTERRUPTED
from paramcalc.render.message import say

if TYPE_CHECKING:
    from io import TextIOWrapper

HELP = "What a neural network costs: exact counts from a readable spec."
COMPLETING = "_PARAMCALC_COMPLETE"  # set by the shell that asks for completions
UsageError = cast(
    "type[Exception]", typer.BadParameter.__mro__[1]
)  # the framework's, from whichever package this release has it


def main() -> None:
    """Runs the command line and exits without finalising the interpreter, which would take a tenth of a count."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what `paramcalc/__init__.py` has set until now
    _prepare_streams()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs a command; the exit code. Errors become messages on standard error."""
    try:
        code = _invoked(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except SpecError as error:
        return fail(f"{error}\n\n{_counted(len(error.problems))}")
    except Fault as fault:
        return fail(f"paramcalc: {fault}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return 1
    except OSError as error:  # a full disk, say; files that cannot be opened are faults by now
        _discard_output()
        return fail(f"paramcalc: {printable(str(error.filename or 'output'))}: {error.strerror or error}")
    return code


def _invoked(arguments: list[str]) -> int:
    """The exit code of a command; what the framework refuses becomes a `Fault` in our words."""
    names = commands()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in names:
        from paramcalc.commands import _usage

        raise _usage.unknown_command(arguments, names)
    bare = not arguments and COMPLETING not in os.environ
    try:
        code = application(arguments)(
            ["--help"] if bare else arguments, prog_name="paramcalc", standalone_mode=False
        )
    except UsageError as error:
        from paramcalc.commands import _usage

        raise _usage.refused(error, arguments, _every_command) from None
    except typer.Abort:
        return INTERRUPTED
    return 2 if bare else code if isinstance(code, int) else 0


class Command(TyperCommand):
    """A command that says which of its arguments are too many, and where they belong."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            from paramcalc.commands import _usage

            raise _usage.surplus(self, rest, ctx.params)
        return rest


def _every_command() -> dict[str, Any]:
    return dict(typer.main.get_command(application([])).commands)  # type: ignore[attr-defined]


def application(arguments: list[str]) -> typer.Typer:
    """The Typer application. Only the command that the arguments name is imported, if they name one."""
    app = typer.Typer(
        help=HELP,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    names = commands()
    named = next(iter(arguments), "")
    if completing := COMPLETING in os.environ:
        from paramcalc.commands import _complete

        named = next(iter(_complete.words()[1:-1]), "")
    for name in [named] if named in names else names:
        command = function(name)
        if completing:
            _complete.attach(command)
        app.command(name, cls=Command)(command)
    return app


def commands() -> list[str]:
    """The names of all commands: one module each."""
    folder = Path(__file__).parent / "commands"
    return sorted(path.stem.rstrip("_") for path in folder.glob("*.py") if not path.stem.startswith("_"))


def function(name: str) -> Any:
    """The function of a command, in the module of its name; that of `import`, a word of Python, has a `_` more."""
    word = name.replace("-", "_") + "_" * keyword.iskeyword(name)
    return getattr(importlib.import_module(f"paramcalc.commands.{word}"), word)


def fail(message: str) -> int:
    """Prints a message for a person; the exit code of a usage, spec or file error."""
    say(message)
    return 2


def _prepare_streams() -> None:
    """Streams that can be written to, whatever the environment says.

    A stream that whoever started the program has closed is None. A character that an encoding lacks is
    written as an escape. A width that is no number of columns is none.
    """
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("r")  # for reading: output that goes nowhere is an error
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        cast("TextIOWrapper", stream).reconfigure(errors="backslashreplace")
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[0-9]{1,5}", os.environ.get(name, "")):
            os.environ.pop(name, None)


def _nowhere(mode: str) -> TextIO:
    return cast("TextIO", open(os.devnull, mode))


def _discard_output() -> None:
    """Lets what is still buffered for standard output go nowhere, as it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(wanted: bool) -> None:
    if wanted:
        from paramcalc.version import __version__

        print(f"paramcalc {__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def _counted(problems: int) -> str:
    return f"{problems} problem{'s' * (problems != 1)} found."
