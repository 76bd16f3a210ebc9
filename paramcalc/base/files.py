"""Output files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from paramcalc.base.errors import Fault


def is_stream(output: Path) -> bool:
    """Whether a name is that of a pipe or a device, or of a link to one.

    These are written to as they are: to replace /dev/null by a file would harm every other program.
    """
    return output.exists() and not output.is_file()


def target(output: Path) -> Path:
    """The file that a name means: a link goes on pointing to it when it is replaced."""
    return Path(os.path.realpath(output))


@contextlib.contextmanager
def whole(output: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under its name once complete, or not at all."""
    try:
        if is_stream(output):
            with open(output, "wb") as file:
                yield file
            return
        replaced = target(output)
        name = replaced.with_name(f".{replaced.name}.{os.urandom(8).hex()}")  # known before the file is there
        try:
            with open(name, "xb", opener=_private) as file:
                yield file
            os.chmod(name, _mode(replaced))
            os.replace(name, replaced)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise Fault(f"{output}: {error.strerror or error}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _mode(replaced: Path) -> int:
    """The permissions of a file: as before, or those of any new file."""
    if replaced.exists():
        return replaced.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
