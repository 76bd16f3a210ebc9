"""Where specs come from: files, standard input, and the bundled models."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import ASK, Fault, Problem, Source, SpecError, near
from paramcalc.engine import index
from paramcalc.language import syntax
from paramcalc.language.parse import parse
from paramcalc.language.spec import Spec

STDIN = "-"
MODEL = "model"  # what a fault is about where a name means no network
DEEPEST_USE = 10
FEW = 8  # models that a message names
IMPORTED = "'paramcalc import config.json' (or a .onnx file ...) writes the spec of another"
ENDINGS = (".yaml", ".yml")
_PART = re.compile(r"""(?:^|[{,])\s*["']?(?:layers|use)["']?\s*:""", re.MULTILINE)
_MODEL = re.compile(r"[A-Za-z0-9_.-]+")


Sibling: TypeAlias = Callable[[str], Source | None]  # the text of a spec beside another, by name


class Found(NamedTuple):
    """A spec and the requested variant; '' for the defaults of its knobs."""

    spec: Spec
    variant: str


def find(name: str) -> Found:
    """The spec that a path, `-` or a bundled model's name means; `PATH:VARIANT` picks a variant.

    Raises `Fault` when there is none, `SpecError` when it cannot be read.
    """
    if "://" in name:
        raise Fault(
            f"{name}: specs are read from files only", fix="download it, or pipe it into: paramcalc count -"
        )
    path, _, variant = name.rpartition(":") if ":" in name and not _is_file(name) else (name, "", "")
    if path == STDIN:
        return Found(_read_stdin(variant), variant)
    if not _looks_like_path(path) and _is_file(f"{path}.yaml") and _named(path) is None:
        path = f"{path}.yaml"  # rather than a model that only sounds like it
    if "/" in path and not path.endswith(ENDINGS) and not os.path.lexists(path):
        with suppress(Fault):  # ViT-B/16 is a name, though it looks like a path
            return bundled(path.replace("/", "-"), variant)
    if _looks_like_path(path):
        if leads_out(Path(path)):  # a message would show what is written there
            target = Path(path).resolve()
            raise Fault(f"{path}: a link to outside its folder", fix=f"name the file itself: {target}")
        return Found(read(Path(path), variant), variant)
    return bundled(path, variant)


def read(path: Path, variant: str = "") -> Spec:
    """The spec in a file; a `use` in it is looked up beside the file, then among the bundled ones."""
    source = source_of(path)
    return _parse(source, lambda name: _used(name, beside(path.parent), (path.stem,)), variant)


def from_text(
    source: Source, variant: str = "", sibling: Sibling = lambda name: None, stem: str = ""
) -> Spec:
    """The spec in a text that is no file.

    A `use` in it finds bundled specs, and before them what `sibling` has by a name: the text of a spec beside it,
    in a tree of git. `stem` is the name that the text itself would have there.
    """
    return _parse(source, lambda name: _used(name, sibling, (stem,) if stem else ()), variant)


def source_of(path: Path) -> Source:
    """The text of a file, and of nothing else: to open a pipe may wait for ever, a device may have no end."""
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "a pipe or a device"
            raise Fault(f"{path}: {what}, not a file", fix="- reads a spec from standard input")
        return syntax.read_file(path)
    except FileNotFoundError as error:
        raise Fault(f"{path}: {error.strerror}", fix=_instead(path)) from None
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None


def _instead(path: Path) -> str:
    """What may be meant by a path without a file: a bundled model, or a file beside it."""
    name = path.name.removesuffix(path.suffix) if path.suffix in ENDINGS else path.name
    known = index.entries(bundled_folder())
    models = index.called(name, known) or index.beginning(name, known)
    if 0 < len(models) <= FEW:
        return f"did you mean the bundled model{'s' * (len(models) > 1)} {' or '.join(map(repr, models))}?"
    with suppress(OSError):
        return near(path.name, [file.name for file in files(path.parent)])
    return "" if path.suffix in ENDINGS else IMPORTED


def _parse(source: Source, resolve: Callable[[str], Spec], variant: str = "") -> Spec:
    """The spec of a text. If some lines of it cannot be read, the others are elaborated all the same,
    so that what is wrong with those is said in the same run.
    """
    try:
        return parse(source, resolve)
    except SpecError as error:
        if error.partial is None:
            raise
        from paramcalc.engine.elaborate import Settings, elaborate

        later: tuple[Problem, ...] = ()
        try:
            elaborate(error.partial, Settings(variant if variant in error.partial.variants else ""))
        except SpecError as more:
            later = more.problems
        except Fault:
            pass
        raise SpecError(sorted({*error.problems, *later}, key=lambda problem: problem.start)) from None


def looks_like_a_spec(text: str | Path) -> bool:
    """Whether a text, or that of a file, has the parts of a spec: YAML files of other kinds lie beside them."""
    if isinstance(text, Path):
        try:
            with text.open("rb") as file:
                text = file.read(syntax.LONGEST_TEXT).decode("utf-8", "replace")
        except OSError:
            return False
    return _PART.search(text) is not None


def bundled_folder() -> Path:
    """The folder of the bundled specs: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def bundled_files() -> list[Path]:
    return sorted(bundled_folder().glob("*.yaml"))


def leads_out(path: Path) -> bool:
    """Whether a file is a link to one in another folder; an installation may be made of links."""
    if not path.is_symlink() or path.parent.resolve() == bundled_folder().resolve():
        return False
    return path.resolve().parent != path.parent.resolve()


def files(folder: Path) -> list[Path]:
    """The spec files in a folder."""
    return sorted(file for file in folder.iterdir() if file.suffix in ENDINGS and file.is_file())


def models(spec: Spec) -> list[str]:
    """The names of a spec's models: its variants, or its own name when it has none."""
    return list(spec.variants) or [spec.name]


def bundled_models() -> Iterator[tuple[str, Spec]]:
    """Every bundled model with its spec; aliases included."""
    for path in bundled_files():
        spec = _cached(path)
        for name in models(spec):
            yield name, spec


def same_settings(spec: Spec, name: str) -> str:
    """The model of an alias (a variant that is `like` another and nothing else)."""
    variant = spec.variants.get(name)
    while variant is not None and variant.like and not variant.settings:
        name = variant.like
        variant = spec.variants.get(name)
    return name


@lru_cache(maxsize=256)
def _cached(path: Path) -> Spec:
    return read(path)


def _looks_like_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.endswith(ENDINGS) or _is_file(name)


def _is_file(name: str | Path) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long a name, or one with a zero byte
        return False


def _read_stdin(variant: str) -> Spec:
    source = syntax.decode(sys.stdin.buffer.read(syntax.LONGEST_TEXT + 1), "<stdin>")
    return from_text(source, variant)


def _alike(one: str, other: str) -> int:
    """How many letters two words begin with in common."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


@lru_cache(maxsize=256)
def bundled(name: str, variant: str = "") -> Found:
    """A model by its name, or by what people call it: VGG16 for vgg-16."""
    models = index.entries(bundled_folder()) if _named(name) is None else ()
    same = index.called(name, models) if models else [name]
    spec = _named(same[0]) if len(same) == 1 else None
    if spec is not None:
        return Found(spec, variant or (same[0] if same[0] in spec.variants else ""))
    few = same or index.beginning(name, models) or index.called(name.rpartition(".")[2], models)
    names = sorted({other for entry in models for other in (entry.model, *entry.aliases, entry.spec)})
    asked = ASK.format(" or ".join(f"'{one}'" for one in few)) if 0 < len(few) <= FEW else near(name, names)
    fix = asked or f"'paramcalc list' shows the bundled models; {IMPORTED}"
    if "=" in name:
        fix = f"a setting is written --set {name}"
    raise Fault(f"there is no file and no bundled model '{name}'", fix=fix, about=MODEL)


@lru_cache(maxsize=256)
def _named(name: str) -> Spec | None:
    """The bundled spec that has a model of exactly this name, or is called so.

    Only files whose text holds the name are read, the likeliest first.
    """
    if not _MODEL.fullmatch(name):
        return None
    mention = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    for path in sorted(bundled_files(), key=lambda path: _alike(path.stem, name), reverse=True):
        if mention.search(path.read_text(encoding="utf-8")):
            spec = _cached(path)
            if name in spec.variants or name == spec.name:
                return spec
    return None


def _used(name: str, sibling: Sibling, users: tuple[str, ...]) -> Spec:
    """The spec that `use: NAME` means: one beside the user, else a bundled one."""
    if name in users:
        raise Fault(f"'use' is circular: {' -> '.join([*users, name])}")
    if len(users) > DEEPEST_USE:
        raise Fault(f"specs use specs more than {DEEPEST_USE} deep: {' -> '.join(users)}")
    source = sibling(name)
    if source is None:
        sibling = beside(bundled_folder())
        source = sibling(name)
    if source is None:
        names = {file.stem for file in bundled_files()}
        raise Fault(f"there is no spec '{name}'", fix=near(name, sorted(names)))
    return parse(source, lambda other: _used(other, sibling, (*users, name)))


def beside(folder: Path) -> Sibling:
    """Specs in a folder by name."""

    def sibling(name: str) -> Source | None:
        path = folder / f"{name}.yaml"
        return source_of(path) if _is_file(path) and path.parent == folder and not leads_out(path) else None

    return sibling
