"""The files that a server may show: a folder of specs, one spec with those that it uses, or the bundled ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Error, Fault, Source
from paramcalc.engine import library

WELCOME = "lenet5-1998"


class Named(NamedTuple):
    """The files that may be read, by the name that the page knows, and the one that is shown first."""

    files: Mapping[str, Path]
    first: str
    variant: str = ""

    def written(self) -> dict[str, str]:
        """The files, as JSON has them."""
        return {name: str(path.absolute()) for name, path in self.files.items()}

    @classmethod
    def of(cls, written: Mapping[str, str]) -> Named:
        return cls({name: Path(path) for name, path in written.items()}, "")

    def text(self, name: str) -> str | None:
        """The text of a file, if it is one of these and still where it was: a link may have been put in its place."""
        path = self.files.get(name)
        if path is None or library.leads_out(path):
            return None
        return library.source_of(path).text

    def sibling(self, name: str) -> Source | None:
        """A spec that another uses, if it is one of these."""
        text = self.text(f"{name}.yaml")
        return None if text is None else Source(str(self.files[f"{name}.yaml"]), text)


def named(spec: str) -> Named:
    """The files that SPEC or FOLDER names; `Fault` where they cannot be read. A spec may have mistakes."""
    bundled = {path.name: path for path in library.bundled_files()}
    if not spec:
        return Named(bundled, f"{WELCOME}.yaml")
    folder = Path(spec)
    if folder.is_dir():
        found = {path.name: path for path in library.files(folder) if not library.leads_out(path)}
        if not found:
            raise Fault(f"{folder} holds no spec", fix="name a folder that holds .yaml files")
        return Named(found, next(iter(found)))
    name, _, variant = spec.rpartition(":") if ":" in spec and not folder.exists() else (spec, "", "")
    path = Path(name)
    if path.suffix not in library.ENDINGS and not path.exists():
        found_spec, variant = library.bundled(name, variant)
        return Named(bundled, Path(found_spec.layers_source.name).name, variant)
    library.source_of(path)
    if library.leads_out(path):
        library.find(spec)  # refuses it
    return Named({path.name: path, **_used(path)}, path.name, variant)


def _used(path: Path) -> dict[str, Path]:
    """The specs beside one that it uses, and that these use."""
    found: dict[str, Path] = {}
    beside = library.beside(path.parent)

    def sibling(name: str) -> Source | None:
        source = beside(name)
        if source is not None:
            found[f"{name}.yaml"] = path.parent / f"{name}.yaml"
        return source

    with suppress(Error):
        library.from_text(library.source_of(path), "", sibling, path.stem)
    return found
