"""Who imports whom: one way from text to print, one home for each package, and what commands load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent / "paramcalc"
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

# The modules, or packages, in which a third-party package may be imported. Those in the second table are
# extras, and missing in a plain installation.
HOMES = {
    "yaml": ("paramcalc.language.syntax",),
    "rich": ("paramcalc.render.table",),
    "typer": ("paramcalc.cli", "paramcalc.commands"),
    "sympy": ("paramcalc.symbolic.to_sympy", "paramcalc.formula.whole", "paramcalc.formula.code"),
    "numpy": ("paramcalc.verify", "paramcalc.sweep", "paramcalc.importing"),
}
EXTRAS = {
    "torch": ("paramcalc.importing.readers",),  # what the user's module is made of: found, never asked for
    "onnxruntime": ("paramcalc.importing.readers",),  # these two run what the user has, for a proof
    "keras": ("paramcalc.importing.readers",),
    "h5py": ("paramcalc.verify.networks",),
    "matplotlib": ("paramcalc.render.plot",),
    "pyarrow": ("paramcalc.sweep.parquet",),
    "fsspec": ("paramcalc.sweep.folder",),
    "distributed": ("paramcalc.sweep.workers",),
    "pygls": ("paramcalc.lsp.server",),
    "lsprotocol": ("paramcalc.lsp.server",),
}

# A folder may import from those of the stages before its own, and from itself.
STAGES = (
    ("base", "version"),
    ("render",),
    ("ops",),
    ("language",),
    ("engine",),
    ("count",),
    ("symbolic",),
    ("conventions", "field", "compare", "memory"),
    ("",),  # every other folder is a question
    ("model",),
    ("magic",),
    ("paramcalc",),
    ("testing", "report", "lsp"),
    ("serve",),
    ("commands",),
    ("cli",),
    ("__main__",),
)

# What a run of each of these may have loaded when it is done.
HEAVY = {"numpy", "sympy", "torch", *EXTRAS}
LIGHT_COMMANDS = (
    ("count", "lenet5-1998"),
    ("count", "lenet5-1998", "--format", "json"),
    ("compare", "lenet5-1998", "lenet5-ng"),
    ("check", "specs/lenet5-1998.yaml"),
    ("explain", "lenet5-1998", "C1"),
    ("field", "lenet5-1998", "S4"),
    ("memory", "lenet5-1998", "--device", "t4"),
    ("table", "vgg"),
    ("formula", "lenet5-ng", "--in", "h"),
    ("solve", "lenet5-ng", "--vary", "conv1.out_channels", "--until", "params <= 1e5"),
    ("figure", "lenet5-1998"),
    ("list",),
    ("ops", "conv2d"),
    ("schema",),
)


class Import(NamedTuple):
    """One import: `late` inside a function or a try."""

    name: str
    late: bool


def imports(text: str) -> list[Import]:
    """Every import of a module, late ones and those for the type checker too, by the full name."""
    return list(_imports(ast.parse(text), False))


def _imports(node: ast.AST, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try)
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are written in full"
            yield from (Import(f"{child.module}.{alias.name}", late) for alias in child.names)
        yield from _imports(child, inside)


def home(name: str) -> str:
    """The module of this package that an imported name lives in."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def folder(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def stage(module: str) -> int:
    """The place of a module on the way from text to print."""
    places = {name: place for place, names in enumerate(STAGES) for name in names}
    return places.get(folder(module), places[""])


def needs(module: str, text: str) -> set[str]:
    """The other modules of this package that a module imports."""
    return {home(one.name) for one in imports(text) if one.name.partition(".")[0] == "paramcalc"} - {module}


def astray(module: str, text: str) -> list[str]:
    """What a module imports and must not: what comes after it or stands beside it, and others' drawings."""
    return [
        other
        for other in sorted(needs(module, text))
        if folder(other) != folder(module)
        and (
            stage(other) >= stage(module)
            or (other.endswith(".draw") and stage(module) < stage("paramcalc.report"))
        )
    ]


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """The modules that wait for each other; none when there is an order."""
    left = {module: set(wanted) for module, wanted in edges.items()}
    while True:
        asked = set().union(*left.values())
        kept = {module: wanted & left.keys() for module, wanted in left.items() if wanted & left.keys()}
        kept = {module: wanted for module, wanted in kept.items() if module in asked}
        if kept == left:
            return sorted(left)
        left = kept


@pytest.mark.parametrize("module", MODULES)
def test_third_party_packages_have_homes(module: str) -> None:
    """Only the modules of the table import a third-party package."""
    for one in imports(MODULES[module].read_text(encoding="utf-8")):
        package = one.name.partition(".")[0]
        if package == "paramcalc" or package in sys.stdlib_module_names:
            continue
        homes = HOMES | EXTRAS
        assert package in homes, f"{module} imports {package}, which is not a dependency"
        assert within(module, homes[package]), f"{module} imports {package}; its home is {homes[package]}"
        if package in EXTRAS:
            assert one.late, f"{module} needs {package}, an extra, to be imported at all"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    """No module imports from a later stage, or the drawing of another folder, be it late or for types."""
    assert astray(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_no_module_waits_for_itself() -> None:
    """No imports form a circle."""
    assert circle({module: needs(module, path.read_text("utf-8")) for module, path in MODULES.items()}) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("paramcalc.base.sizes", "from paramcalc.ops import find"),
        ("paramcalc.engine.graph", "def run(self):\n    from paramcalc.verify.run import run"),
        ("paramcalc.verify.run", "if TYPE_CHECKING:\n    from paramcalc.model import Model"),
        ("paramcalc.verify.run", "from paramcalc.check.check import check"),
        ("paramcalc.explain.explain", "from paramcalc.count import draw"),
    ],
)
def test_the_order_can_be_violated(module: str, text: str) -> None:
    """A later stage, late or for types, a neighbour and a drawing are seen."""
    assert astray(module, text) != []


def test_circles_are_seen() -> None:
    """Two modules that import each other have no order."""
    edges = {"free": set(), "one": {"two"}, "two": {"one", "free"}, "after": {"one"}}

    assert circle(edges) == ["one", "two"]
    assert circle({"free": set(), "after": {"free"}}) == []


def loaded(*arguments: str, code: str = "from paramcalc.cli import run; run(sys.argv[1:])") -> set[str]:
    """The heavy packages that a run in a fresh process has imported."""
    program = (
        "import contextlib, io, sys\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    {code}\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("arguments", LIGHT_COMMANDS, ids=" ".join)
def test_numeric_commands_load_no_heavy_package(arguments: tuple[str, ...]) -> None:
    """Counting needs neither sympy nor numpy; formulas do not need sympy either."""
    assert loaded(*arguments) == set()


def test_the_check_can_fail() -> None:
    """What does load a heavy package is noticed."""
    asked = "import paramcalc; paramcalc.load('lenet5-ng').formula('macs').sympy()"

    assert "sympy" in loaded(code=asked)
    assert "numpy" in loaded("verify", "lenet5-1998")
