"""Specs that differ from a commit's: the models that they touch, and the change in each one's cost.

A spec is touched when its own text differs, or that of a spec that it takes over by `use`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, Problem, Source, SpecError, visible
from paramcalc.base.printed import read
from paramcalc.compare.diff import Diff, DiffLine, compare
from paramcalc.count.report import Report, count, known_quantity
from paramcalc.diff.git import Change, Repository
from paramcalc.engine import library
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.language import syntax
from paramcalc.language.spec import Spec
from paramcalc.render import notebook

ADDED, REMOVED, RENAMED, CHANGED, SAME = "added", "removed", "renamed", "changed", "same"
MAIN = ("params", "macs", "activations")
MOST_MODELS = 1_000  # before and after
MOST_LAYERS = 2_000_000  # of all models, before and after
MOST_PAIRS = 50_000_000  # of a layer before and one after, which may have to be compared
EXPECTED = "such as 'params > +1%' or 'macs > +10M'"
_USE = re.compile(r"""(?:^|[{,])\s*["']?use["']?\s*:\s*["']?([\w.-]+)""", re.MULTILINE)
_Report: TypeAlias = Callable[[dict[Problem, None]], object]  # what becomes of problems
_LIMIT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([+-])\s*(.+?)\s*")


class Limit(NamedTuple):
    """A condition that fails a change: `params > +1%`. The amount is a share of what was, or a number."""

    quantity: str
    sign: str
    amount: Fraction
    share: bool
    text: str

    def met(self, before: int, after: int) -> bool:
        """Whether a change meets the condition."""
        difference = Fraction(after - before)
        amount = self.amount * before if self.share else self.amount
        met = {
            "<=": difference <= amount, "<": difference < amount,
            ">=": difference >= amount, ">": difference > amount,
        }  # fmt: skip
        return met[self.sign]


class ModelChange(NamedTuple):
    """A model before and after; None where there was none, or is none.

    `path` is that of its spec, relative to the working folder, `was` the earlier one if it is renamed. `failed` are the
    limits that the change meets.
    """

    path: str
    was: str
    name: str
    before: Report | None
    after: Report | None
    diff: Diff | None
    failed: tuple[Limit, ...] = ()

    def __repr__(self) -> str:
        return f"<ModelChange {visible(self.name)}: {self.status}>"

    @property
    def status(self) -> str:
        if self.before is None or self.after is None:
            return ADDED if self.before is None else REMOVED
        if self.diff is not None:
            return CHANGED
        return RENAMED if self.was or self.before.graph.model != self.after.graph.model else SAME

    def total(self, quantity: str) -> tuple[int, int]:
        """Before and after; 0 where there is no model."""
        return (
            int(getattr(self.before.totals, quantity)) if self.before else 0,
            int(getattr(self.after.totals, quantity)) if self.after else 0,
        )

    def made_by(self) -> list[DiffLine]:
        """The layers that made the difference, those of the largest share in a total first."""
        if self.diff is None:
            return []
        lines = [(_weight(line, self), line) for line in self.diff.layers() if any(line.changes)]
        return [line for _, line in sorted(lines, key=lambda pair: -pair[0])]

    @property
    def line(self) -> int:
        """The line of the spec's text that made most of the difference; the first where it is in another text."""
        changed = next((line.paths[1] for line in self.made_by() if line.paths[1]), "")
        for row in self.after.rows if self.after else ():
            if row.path == changed and row.layer.source.name == self.path:
                return row.layer.source.position(row.layer.start)[0]
        return 1


class Result(NamedTuple):
    """The cost of changed specs against a base. `problems` are the reasons why specs could not be read."""

    base: str
    specs: int
    models: tuple[ModelChange, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Result: {len(self.models)} models against {visible(self.base)}>"

    def having(self, *statuses: str) -> list[ModelChange]:
        return [model for model in self.models if model.status in statuses]

    @property
    def failed(self) -> list[ModelChange]:
        return [model for model in self.models if model.failed]

    @property
    def exit_code(self) -> int:
        """0; 1 where a limit is met; 2 where a spec cannot be read."""
        return 2 if self.problems else 1 if self.failed else 0

    def to_dict(self) -> dict[str, Any]:
        """The result of `paramcalc diff --format json`, as Python values."""
        return notebook.document(self)


def limit(text: str) -> Limit:
    """A limit of --fail-if.

    >>> limit("params > +1%").amount, limit("macs>=-2K").amount
    (Fraction(1, 100), Fraction(-2000, 1))
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        fix = "the total itself is limited by a budget in the spec" if re.search(r"[<>]", text) else ""
        raise Fault(f"'{text}' is not a limit of a change", expected=EXPECTED, fix=fix)
    try:
        figure = read(found[4])
    except Fault as fault:
        raise Fault(f"'{text}' is not a limit of a change: {fault.fact}", expected=EXPECTED) from None
    amount = figure.value if found[3] == "+" else -figure.value
    return Limit(known_quantity(found[1]), found[2], amount, figure.percentage, text.strip())


def diff(
    base: str, paths: Sequence[str] = (), limits: Sequence[Limit] = (), folder: Path | None = None
) -> Result:
    """The models that differ between the merge base with a commit and the working tree."""
    repository = Repository(folder or Path.cwd())
    commit = repository.commit(base)
    parted = repository.parted(commit)
    remarks = (
        [] if parted else [f"{base} has no commit in common with this branch here: compared with it as it is"]
    )
    comparison = _Comparison(repository, base, parted or commit, limits)
    touched = comparison.touched([comparison.known(path, _inside(repository, path)) for path in paths])
    models = [model for change in touched for model in comparison.models(change)]
    remarks += comparison.remarks
    return Result(base, len(touched), tuple(models), tuple(comparison.problems), tuple(remarks))


def _inside(repository: Repository, path: str) -> str:
    """A path of the command line, from the top of the repository; '' for all of it."""
    whole = Path(os.path.abspath(repository.folder / path))
    top = repository.top
    if not whole.is_relative_to(top) and not whole.resolve().is_relative_to(top.resolve()):
        raise Fault(f"{path}: outside of the repository {top}")
    inside = (
        whole.relative_to(top) if whole.is_relative_to(top) else whole.resolve().relative_to(top.resolve())
    )
    return "" if inside == Path() else inside.as_posix()


class _Comparison:
    def __init__(self, repository: Repository, base: str, commit: str, limits: Sequence[Limit]) -> None:
        self.repository, self.base, self.commit, self.limits = repository, base, commit, limits
        self.there = repository.files(commit)
        self.problems: dict[Problem, None] = {}
        self.remarks: list[str] = []
        self.counted = self.layers = self.pairs = 0

    # ------------------------------------------------------------------------- which specs

    def known(self, path: str, inside: str) -> str:
        """The path inside the repository; a fault where nothing is there, nor was."""
        here = not inside or (self.repository.top / inside).exists()
        if here or any(_below(each, [inside]) for each in self.there):
            return inside
        fix = ""
        if self.repository.has(path):
            fix = f"'{path}' is a commit: write --base {path}"
        elif "." not in path and "/" not in path:
            fix = "of two networks: paramcalc compare A B"
        raise Fault(f"{path}: there is no such file or folder, here or in {self.base}", fix=fix)

    def touched(self, paths: Sequence[str]) -> list[Change]:
        """The specs below the paths that differ, or use one that does, in the order of their paths."""
        changes = self.repository.changes(self.commit, self.there)
        found = {(change.old, change.new): change for change in changes if self.is_spec(change)}
        changed = {path for change in changes for path in change if path}
        names = {change.new for change in changes}
        folders = {PurePosixPath(path).parent for path in changed}
        users = [path for path in self.repository.here() if PurePosixPath(path).parent in folders]
        uses = {path: _used(path, self.text_here(path)) for path in users}
        for path in users:
            if path not in names and _leads_to(path, uses, changed):
                found[path, path] = Change(path if path in self.there else None, path)
        wanted = (change for change in found.values() if any(_below(path, paths) for path in change if path))
        return sorted(wanted, key=lambda change: change.new or change.old or "")

    def is_spec(self, change: Change) -> bool:
        """Whether a YAML file is a spec, before or after: workflows and the like lie beside them."""
        texts = [
            self.text_here(change.new) if change.new else "",
            self.text_there(change.old) if change.old else "",
        ]
        return any(map(library.looks_like_a_spec, texts))

    def text_here(self, path: str) -> str:
        try:
            with (self.repository.top / path).open("rb") as file:
                return file.read(syntax.LONGEST_TEXT).decode("utf-8", "replace")
        except OSError:
            return ""

    def text_there(self, path: str) -> str:
        return self.repository.text(self.there[path]).decode("utf-8", "replace") if path in self.there else ""

    # ------------------------------------------------------------------------- their models

    def models(self, change: Change) -> Iterator[ModelChange]:
        """The models of a spec before and after, by name; a spec of one model has that one."""
        after = self.tried(change.new, self.spec_here, self.problems.update) if change.new else None
        if change.new and after is None:
            return
        before = self.tried(change.old, self.spec_there, self.not_read_there) if change.old else None
        where = self.shown(change.new or change.old or "")
        was = self.shown(change.old) if change.old and change.new and change.old != change.new else ""
        for old, new in _pairs(before, after):
            if self.counted >= MOST_MODELS or self.layers >= MOST_LAYERS or self.pairs >= MOST_PAIRS:
                self.remark(
                    f"more than {MOST_MODELS:,} models, or too many layers: the others are not compared"
                )
                return
            one = self.count(before, old, self.not_read_there) if before and old else None
            two = self.count(after, new, self.problems.update) if after and new else None
            if new and two is None:
                return
            if one or two:
                yield self.compared(where, was, one, two)

    def compared(self, path: str, was: str, before: Report | None, after: Report | None) -> ModelChange:
        name = (after or before).graph.model  # type: ignore[union-attr]
        found = None
        if before is not None and after is not None:
            self.pairs += len(before.rows) * len(after.rows)
            aligned = compare(before, after)
            different = before.totals != after.totals or any(any(line.changes) for line in aligned.layers())
            found = aligned if different else None
        model = ModelChange(path, was, name, before, after, found)
        if before is None or after is None:
            return model
        failed = tuple(limit for limit in self.limits if limit.met(*model.total(limit.quantity)))
        return model._replace(failed=failed)

    def tried(self, path: str, spec: Callable[[str], Spec], report: _Report) -> Spec | None:
        """The spec of a path; None, and problems, where it cannot be read."""
        try:
            return spec(path)
        except SpecError as error:
            report(dict.fromkeys(error.problems))
        except Fault as fault:
            report({Problem(Source(self.shown(path), ""), 0, 0, fault.fact, fault.notes()): None})
        return None

    def count(self, spec: Spec, name: str, report: _Report) -> Report | None:
        """A model of a spec; None, and problems, where it makes no network."""
        try:
            found = count(elaborate(spec, Settings(name if name in spec.variants else "")))
        except SpecError as error:
            report(dict.fromkeys(error.problems))
            return None
        except Fault as fault:
            report({Problem(spec.source._replace(text=""), 0, 0, fault.fact, fault.notes()): None})
            return None
        self.counted += 1
        self.layers += len(found.rows)
        return found

    def spec_here(self, path: str) -> Spec:
        whole = self.repository.top / path
        try:
            source = syntax.read_file(whole)._replace(name=self.shown(path))
        except OSError as error:
            raise Fault(error.strerror or str(error)) from None
        return library.from_text(source, "", library.beside(whole.parent), whole.stem)

    def spec_there(self, path: str) -> Spec:
        folder = PurePosixPath(path).parent

        def sibling(name: str) -> Source | None:
            beside = str(folder / f"{name}.yaml")
            return self.source_there(beside) if beside in self.there and "/" not in name else None

        return library.from_text(self.source_there(path), "", sibling, PurePosixPath(path).stem)

    def source_there(self, path: str) -> Source:
        return syntax.decode(self.repository.text(self.there[path]), f"{self.base}:./{self.shown(path)}")

    def not_read_there(self, problems: dict[Problem, None]) -> None:
        first = next(iter(problems))
        place = first.source.place(first.start) if first.source.text else first.source.name
        self.remark(f"{place}: {first.fact}: its models count as added")

    def remark(self, text: str) -> None:
        self.remarks += [] if text in self.remarks else [text]

    def shown(self, path: str) -> str:
        """A path as somebody in the working folder writes it."""
        whole = self.repository.top / path
        return Path(os.path.relpath(whole, self.repository.folder.resolve())).as_posix()


def _pairs(before: Spec | None, after: Spec | None) -> list[tuple[str, str]]:
    """The names of models before and after, '' for none; the same under another name is not another model."""
    old, new = (
        dict.fromkeys(library.same_settings(spec, name) for name in library.models(spec)) if spec else {}
        for spec in (before, after)
    )
    if len(old) == len(new) == 1:  # whatever it is called: it may be by its file
        return [(next(iter(old)), next(iter(new)))]
    return [
        (name if name in old else "", name if name in new else "") for name in dict.fromkeys([*old, *new])
    ]


def _below(path: str, paths: Sequence[str]) -> bool:
    return not paths or any(not one or path == one or path.startswith(f"{one}/") for one in paths)


def _used(path: str, text: str) -> str:
    """The path of the file that a spec may take over by `use`."""
    found = _USE.search(text)
    return str(PurePosixPath(path).parent / f"{found[1]}.yaml") if found else ""


def _leads_to(path: str, uses: dict[str, str], changed: set[str]) -> bool:
    """Whether a spec uses one that changed, directly or by others."""
    seen = {path}
    while (path := uses.get(path, "")) and path not in seen:
        if path in changed:
            return True
        seen.add(path)
    return False


def _weight(line: DiffLine, model: ModelChange) -> Fraction:
    """The largest share that a layer has in the difference of a total."""
    shares = [Fraction(0)]
    for name in MAIN:
        one, two = (int(getattr(counts, name)) if counts else 0 for counts in line.counts)
        scale = max(*model.total(name), 1)
        shares.append(Fraction(abs(two - one), scale))
    return max(shares)
