"""Who imports whom: one way from text to print, one home for each package, and what commands load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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
    "sympy": ("paramcalc.symbolic.face",),
    "numpy": ("paramcalc.verify", "paramcalc.sweep"),
}
EXTRAS = {
    "safetensors": ("paramcalc.verify.checkpoint",),
    "matplotlib": ("paramcalc.sweep.picture",),
    "pyarrow": ("paramcalc.sweep.parquet",),
    "distributed": ("paramcalc.sweep.workers",),
}

# Each folder may import from those of its own stage and of the stages before it.
STAGES = (
    ("base", "render"),
    ("ops",),
    ("language",),
    ("engine",),
    ("count", "field", "conventions"),
    ("symbolic",),
    ("explain", "formula", "compare", "solve", "sweep", "check", "memory", "table", "list", "show", "schema")
    + ("reference", "verify", "model", ""),
    ("commands", "cli", "__main__"),
)
QUESTIONS = 6
# What nouns do for whoever asks them, by means of a later stage that they import only then: show themselves
# in a notebook, run themselves.
ON_REQUEST = (
    ("paramcalc.count", "paramcalc.render"),
    ("paramcalc.engine.graph", "paramcalc.verify"),
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
    ("list",),
    ("ops", "conv2d"),
    ("schema",),
)


class Import(NamedTuple):
    """One import: `late` inside a function or a try, `typing` only for the type checker."""

    name: str
    late: bool
    typing: bool


def imports(path: Path) -> list[Import]:
    """Every import of a module, by the full name of what is imported."""
    return list(_imports(ast.parse(path.read_text(encoding="utf-8")), False, False))


def _imports(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try)
        types = typing or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, late, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are written in full"
            yield from (Import(f"{child.module}.{alias.name}", late, typing) for alias in child.names)
        yield from _imports(child, inside, types)


def home(name: str) -> str:
    """The module of this package that an imported name lives in."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def stage(module: str) -> int:
    """The place of a module on the way from text to print."""
    part = module.removeprefix("paramcalc").strip(".").split(".")[0]
    return next((place for place, names in enumerate(STAGES) if part in names), QUESTIONS)


@pytest.mark.parametrize("module", MODULES)
def test_third_party_packages_have_homes(module: str) -> None:
    """Only the modules of the table import a third-party package."""
    for one in imports(MODULES[module]):
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
    """No module imports from a later stage, but for what nouns do on request."""
    for one in imports(MODULES[module]):
        if one.typing or not one.name.startswith("paramcalc."):
            continue
        target = home(one.name)
        if target == "paramcalc" or stage(target) <= stage(module):
            continue
        asked = any(within(module, (noun,)) and within(target, (doer,)) for noun, doer in ON_REQUEST)
        assert asked, f"{module} imports {target}, which comes after it"
        assert one.late, f"{module} imports {target} before it is asked to"


def test_no_module_waits_for_itself() -> None:
    """The imports that run when modules are loaded form no circle."""
    needs = {
        module: {
            home(one.name) for one in imports(path) if one.name.startswith("paramcalc.") and not one.late
        }
        for module, path in MODULES.items()
    }
    typed = {
        module: {home(one.name) for one in imports(path) if one.name.startswith("paramcalc.") and one.typing}
        for module, path in MODULES.items()
    }
    left = {module: needs[module] - typed[module] - {module} for module in MODULES}
    while left:
        free = [module for module, wanted in left.items() if not wanted & left.keys()]
        assert free, f"a circle among {', '.join(left)}"
        for module in free:
            del left[module]


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
