"""Several networks from the words of a command line: models, families, folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Fault, Problem, Source, SpecError
from paramcalc.commands._common import Changes, Output, under
from paramcalc.count.report import Report
from paramcalc.engine import library
from paramcalc.engine.settings import Decode
from paramcalc.model import Model, load


class Counted(NamedTuple):
    """Reports by the names that tell them apart, and what is wrong with the others."""

    reports: list[tuple[str, Report]]
    problems: list[Problem]


def counted(texts: Sequence[str], variants: bool, changed: Changes, batch: int, convention: str) -> Counted:
    """The networks that words mean: a model, with `variants` all of a family, all in a folder."""
    found = Counted([], [])
    for text in texts:
        folder = Path(text).is_dir()
        for name, model in _in_folder(Path(text), found.problems) if folder else _models(text, variants):
            try:
                found.reports.append((name, under(convention, model.count(*changed, batch))))
            except SpecError as error:
                if not folder and not variants:
                    raise
                found.problems.extend(error.problems)
            except Fault as fault:
                if not folder and not variants:
                    raise
                found.problems.append(Problem(Source(name, ""), 0, 0, fault.fact, tuple(fault.notes())))
    if not found.reports:
        if found.problems:
            raise SpecError(found.problems)
        raise Fault(f"{texts[0]}: no specs in this folder", fix="the names of specs end in .yaml")
    return found


def steps(changed: Changes) -> tuple[str, ...]:
    """The note that rows count one more token, if they do."""
    return tuple(change.said for change in changed.changes if isinstance(change, Decode))


def by_name(reports: Sequence[Report]) -> Counted:
    """Reports by model, settings and, where these are the same, inputs."""
    from paramcalc.rows.rows import names

    return Counted([*zip(names(reports), reports, strict=True)], [])


def show(
    found: Counted,
    output: Output,
    columns: str,
    sort: str,
    dtype: str = "float32",
    said: tuple[str, ...] = (),
) -> None:
    """Draws a row for each network, then raises what is wrong with the others."""
    from paramcalc.rows import draw
    from paramcalc.rows.rows import rows

    table = rows(found.reports)
    table = table.sort(sort) if sort else table
    chosen = draw.columns(columns, table)
    output.show(
        {
            "table": lambda: draw.grid(table, chosen, said),
            "csv": lambda: draw.rows(table),
            "json": lambda: draw.document(table, dtype),
        }
    )
    if found.problems:
        raise SpecError(dict.fromkeys(found.problems))


def _models(text: str, variants: bool) -> Iterator[tuple[str, Model]]:
    model = load(text)
    if model.variant or not variants:
        yield text, model
        return
    for name in _each(model):
        yield name, Model(model.spec, name if name in model.spec.variants else "")


def _in_folder(folder: Path, problems: list[Problem]) -> Iterator[tuple[str, Model]]:
    for file in library.files(folder):
        if library.leads_out(file):
            continue
        try:
            model = Model(library.read(file))
        except SpecError as error:
            problems.extend(error.problems)
            continue
        for name in _each(model):
            written = name in model.spec.variants
            yield name if written else file.stem, Model(model.spec, name if written else "")


def _each(model: Model) -> list[str]:
    """The models of a spec, each once, under the last of its names, which is the one in use."""
    names = {library.same_settings(model.spec, name): name for name in library.models(model.spec)}
    return [*names.values()]
