"""The comment by which editors find the JSON Schema of a spec: a file `paramcalc.schema.json` beside it, or above."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

NAME = "paramcalc.schema.json"
MOST_LEVELS = 20
_MARK = "yaml-language-server: $schema="


def with_modeline(text: str, path: Path) -> str:
    """The text of a spec for a file; with the comment where there is a schema and the text has none.

    To get the schema, write it once: `paramcalc schema --output paramcalc.schema.json`.
    """
    if _MARK in text:
        return text
    folder = path.absolute().parent
    for above in islice((folder, *folder.parents), MOST_LEVELS):
        if (above / NAME).is_file():
            return f"# {_MARK}{Path(os.path.relpath(above / NAME, folder)).as_posix()}\n{text}"
        if (above / ".git").exists():
            break
    return text
