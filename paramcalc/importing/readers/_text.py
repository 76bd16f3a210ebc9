"""A text file that a reader reads: no longer than a network needs, and text."""

from __future__ import annotations

from pathlib import Path

from paramcalc.base.errors import Fault, Source

LONGEST = 16 * 2**20


def text_of(path: str, longest: int = LONGEST) -> Source:
    """The text of a file; `Fault` where it is missing, too long, or no text."""
    try:
        with open(path, "rb") as file:
            data = file.read(longest + 1)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    if len(data) > longest:
        raise Fault(f"{path} is longer than {longest // 2**20} MiB, which no description of a network is")
    try:
        return Source(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Fault(f"{path} is not text", found=f"byte {error.start} is 0x{data[error.start]:02x}") from None


def stem(path: str) -> str:
    """The name that a network without a name takes from its file."""
    return Path(path).name.partition(".")[0] or "network"
