"""Messages for the person at the terminal, apart from the data."""

from __future__ import annotations

import re
import shutil
import sys

from paramcalc.render.escape import harmless

_QUOTED = re.compile(r" *[0-9]* \|")  # a line of the spec, or the caret below it


def say(text: str) -> None:
    """Writes a message to standard error; on a terminal long lines go on below, but for those of a spec."""
    lines = harmless(text).split("\n")
    if sys.stderr.isatty():
        from paramcalc.render.grid import hanging

        width = shutil.get_terminal_size().columns
        lines = [line if _QUOTED.match(line) else hanging(line, width) for line in lines]
    sys.stderr.write("\n".join(lines) + "\n")
