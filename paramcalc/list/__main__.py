"""Counts the bundled models anew and writes them down: `python -m paramcalc.list`."""

from __future__ import annotations

from paramcalc.base.files import whole
from paramcalc.engine import index, library
from paramcalc.list import catalogue, draw
from paramcalc.render.forms import comma_separated

if __name__ == "__main__":
    with whole(library.bundled_folder() / index.FILE) as file:
        file.write(comma_separated(draw.rows(catalogue.recounted())).encode("utf-8"))
