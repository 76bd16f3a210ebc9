"""A sweep's file, chunk by chunk: what a killed run has finished is found again, and the file appears whole.

Beside `FILE` stands the folder `FILE.parts` until the file is done: one file for each chunk, its summary,
and what the sweep is. As every chunk is the same to the byte however often it is computed, so is the
file that is put together from them. Pipes and devices are given the rows in order.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from paramcalc.base.errors import Fault
from paramcalc.base.files import target
from paramcalc.sweep.job import NOTHING, Chunk, Job, Summary
from paramcalc.sweep.rows import header
from paramcalc.sweep.workers import Results, Workers

Step = Callable[[str, int, str], None]  # of what, how many there are to do, and of what kind


def unseen(what: str, total: int, kind: str) -> None:
    """Progress that nobody looks at."""


def write(job: Job, output: Path, workers: Workers, step: Step) -> Summary:
    """Computes the chunks that are not there yet, and puts the file together."""
    folder = parts(output)
    try:
        _begin(job, folder)
        missing = [number for number in range(job.chunks) if not _summary(folder, number).exists()]
        for number, chunk in workers(job, missing):
            _keep(folder, number, chunk, job.form)
            step("chunks", len(missing), f"of {job.order.rows:,} rows")
        summary = NOTHING
        for number in range(job.chunks):
            summary = summary.joined(Summary.read(json.loads(_summary(folder, number).read_text())))
        if summary.rows:
            _assemble(job, folder, target(output), summary)
        shutil.rmtree(folder)
    except OSError as error:
        raise Fault(f"{error.filename or output}: {error.strerror or error}") from None
    return summary.checked(job)


def pour(job: Job, file: BinaryIO, workers: Workers, step: Step) -> Summary:
    """Writes the rows as CSV, in order; nothing where there are none."""
    summary = NOTHING
    for chunk in _in_order(workers(job, range(job.chunks))):
        if chunk.summary.rows and not summary.rows:
            file.write(header(job.names))
        file.write(chunk.data)
        summary = summary.joined(chunk.summary)
        step("chunks", job.chunks, f"of {job.order.rows:,} rows")
    file.flush()
    return summary.checked(job)


def _in_order(results: Results) -> Iterator[Chunk]:
    """Chunks by number, each when those before it are there."""
    early: dict[int, Chunk] = {}
    due = 0
    for number, chunk in results:
        early[number] = chunk
        while due in early:
            yield early.pop(due)
            due += 1


def finished(job: Job, output: Path) -> int:
    """How many chunks an earlier run has left."""
    folder = parts(output)
    return sum(_summary(folder, number).exists() for number in range(job.chunks)) if folder.is_dir() else 0


def _begin(job: Job, folder: Path) -> None:
    """The folder of the parts; a `Fault` where it holds those of another sweep."""
    described = json.loads(json.dumps(job.described()))
    label = folder / "sweep.json"
    if label.exists():
        found = json.loads(label.read_text())
        differing = [name for name in described if found.get(name) != described[name]]
        if differing:
            raise Fault(
                f"{folder} holds the parts of another sweep: other {', '.join(differing)}",
                fix="finish that one, remove the folder, or write to another file",
            )
        return
    folder.mkdir(parents=False, exist_ok=True)
    _put(label, (json.dumps(described, indent=2) + "\n").encode())


def _keep(folder: Path, number: int, chunk: Chunk, form: str) -> None:
    """Writes a chunk; it counts as done when its summary is there, which is written last."""
    _put(_rows(folder, number, form), chunk.data)
    _put(_summary(folder, number), (json.dumps(chunk.summary.document()) + "\n").encode())


def _put(path: Path, data: bytes) -> None:
    """Writes a file that appears whole or not at all."""
    beside = path.with_name(path.name + ".new")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def _assemble(job: Job, folder: Path, output: Path, summary: Summary) -> None:
    whole = folder / "whole"
    pieces = [_rows(folder, number, job.form) for number in range(job.chunks)]
    if job.form == "parquet":
        from paramcalc.sweep.parquet import assemble

        assemble(pieces, whole, job.quantities, {name: value for name, (value, _) in summary.most.items()})
    else:
        with open(whole, "wb") as file:
            file.write(header(job.names))
            for piece in pieces:
                with open(piece, "rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)
    os.replace(whole, output)


def parts(output: Path) -> Path:
    """The folder of what is finished, beside the file itself where the name is that of a link."""
    file = target(output)
    return file.with_name(file.name + ".parts")


def _rows(folder: Path, number: int, form: str) -> Path:
    return folder / f"{number:08}.{form}"


def _summary(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.json"
