"""`%load_ext paramcalc`, then `%%paramcalc` above a spec in a cell of a notebook."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from paramcalc.base.errors import Error, Fault
from paramcalc.count.report import Report
from paramcalc.model import change, parse


def load(shell: Any) -> None:
    """Gives a shell of IPython the cell magic."""

    def paramcalc(line: str, cell: str) -> Report | None:
        """Counts the spec in the cell: `%%paramcalc [NAME] [KNOB=VALUE ...]`; NAME becomes the model."""
        try:
            return _counted(shell, line, cell)
        except Error as error:
            print(error, file=sys.stderr)
            return None

    shell.register_magic_function(paramcalc, "cell", "paramcalc")


def _counted(shell: Any, line: str, cell: str) -> Report:
    words = shlex.split(line)
    names = [word for word in words if "=" not in word]
    if len(names) > 1 or not all(name.isidentifier() for name in names):
        raise Fault(f"'{line}' is not NAME KNOB=VALUE ...", expected="such as %%paramcalc net width=64")
    model = parse(cell, name="<cell>")
    report = model.count([change(word) for word in words if "=" in word])
    shell.user_ns.update(dict.fromkeys(names, model))
    return report
