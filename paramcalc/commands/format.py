"""paramcalc format: specs evenly spaced and indented, with their comments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import emit, remark


def format(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specs, or folders of specs.")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; name the files that would change, and exit with 1."),
    ] = False,
) -> None:
    """Bring the text of specs into its normal form: indentation, spaces, places of comments.

    Lines, order, names, comments, and spaces that align a table are kept.
    A file is replaced whole or not at all.

    Example: paramcalc format --check .
    """
    from paramcalc.engine.library import files, source_of
    from paramcalc.language.writer import formatted
    from paramcalc.schema.modeline import with_modeline

    found = [file for path in paths for file in (files(path) if path.is_dir() else [path])]
    if not found:
        raise Fault(f"there is no spec in {', '.join(map(str, paths))}")
    changed = 0
    for path in found:
        source = source_of(path)
        text = with_modeline(formatted(source), path)
        if text == source.text:
            continue
        changed += 1
        if check:
            emit(f"{path}\n", None)
        else:
            emit(text, path)
    if check:
        remark(f"{changed} of {len(found)} specs would change")
    elif changed:
        remark(f"{changed} of {len(found)} specs changed")
    raise typer.Exit(1 if check and changed else 0)
