"""What documents show as output is what the program prints.

A console block holds commands, each after `$ `, and their output. A line `...` stands for lines left
out. A yaml block whose first line is `# NAME.yaml` is a file that the commands can read.
`pytest --refresh` writes the real output of blocks without `...` into the documents.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.conftest import Run
from tests.repositories import ENVIRONMENT

ROOT = Path(__file__).parent.parent
_FILE = re.compile(r"```yaml\n# ([a-z0-9-]+\.yaml)\n(.*?)```", re.DOTALL)
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
WIDTH = 100
SHELL = ("git ", "sed ")  # commands that a document needs on the way


class Shown(NamedTuple):
    """A command as a document shows it, with the output it shows."""

    command: str
    output: str


def shown(document: Path) -> list[Shown]:
    """The commands of a document's console blocks that tests run, with what they print."""
    found = []
    for block in _BLOCK.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith(("paramcalc ", *SHELL)):
                found.append(Shown(command, output))
    return found


def write_files(document: Path, folder: Path) -> None:
    """Writes the specs that a document names into a folder, beside networks of other programs."""
    shutil.copytree(ROOT / "tests" / "models", folder, dirs_exist_ok=True)
    for name, text in _FILE.findall(document.read_text(encoding="utf-8")):
        (folder / name).write_text(text, encoding="utf-8")


def real(command: str, run: Run) -> str:
    """What a command really prints, without the blanks at the ends of lines."""
    if command.startswith(SHELL):
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=True, env=ENVIRONMENT, timeout=60
        )
        return done.stdout
    result = run(*shlex.split(command)[1:], columns=WIDTH)
    return "".join(f"{line.rstrip()}\n" for line in (result.out + result.err).splitlines())


def check(document: Path, run: Run, refresh: bool = False) -> None:
    """Raises where a document shows something else than the program prints."""
    commands = shown(document)
    assert commands, f"{document} shows no command"
    for command, output in commands:
        printed = real(command, run)
        if refresh and "...\n" not in output:
            text = document.read_text(encoding="utf-8")
            document.write_text(
                text.replace(f"$ {command}\n{output}", f"$ {command}\n{printed}"), encoding="utf-8"
            )
            continue
        wanted = "".join(f"{line.rstrip()}\n" for line in output.splitlines())
        pattern = ".*".join(re.escape(piece) for piece in re.split(r"^\.\.\.\n", wanted, flags=re.MULTILINE))
        assert re.fullmatch(pattern, printed, re.DOTALL), f"{document.name}: {command}\n{printed}"
