"""Small faults put into the code, one at a time: which of them do the tests not see?

`python -m tests.mutants 200 'paramcalc/ops/*' 'paramcalc/count/*'` draws 200 mutants of these files at random, runs the
tests of their area (`TESTS`) on each, and prints those that survive. A survivor is a missing test or a change that
changes nothing. All happens in a copy, in `mutants/`; there a process imports the mutated module in place of the real
one. Tests that start processes would see the real one, and are skipped.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import numpy  # noqa: F401 (loaded once for all that are forked)
import pytest
import rich.console  # noqa: F401
import sympy  # noqa: F401
import typer  # noqa: F401
import yaml  # noqa: F401

HERE = Path(__file__).parent.parent
LOGS = HERE / "mutants"
ROOT = LOGS / "tree"  # the copy: whoever works on the files does not disturb a run
COPIED = ("paramcalc", "specs", "tests", "docs", "benchmarks")
TESTS = {  # who judges a mutant of a folder; the quickest to find a fault come first
    "ops": (
        "ops",
        "forward",
        "recurrent",
        "messages",
        "opaque_sizes",
        "field",
        "memory",
        "attention",
        "decode",
    ),
    "engine": ("decode", "messages", "language", "expanded"),
    "count": ("count", "outline", "memory", "reference", "claims", "drawings"),
    "memory": ("memory",),
    "check": ("claims", "messages", "check"),
    "conventions": ("conventions",),
}
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
CPU_SECONDS = 400  # a mutant that takes longer is seen: several times what the slowest area takes
MEMORY_BYTES = 6 << 30


class Mutant(NamedTuple):
    """A file with one change, by its number among those of the file."""

    path: Path
    number: int


class Change(NamedTuple):
    """What to put in place of a node: a field of its parent, or one item of it."""

    parent: ast.AST
    field: str
    place: int | None
    new: ast.AST

    @property
    def old(self) -> ast.AST:
        held = getattr(self.parent, self.field)
        return held if self.place is None else held[self.place]

    def apply(self) -> tuple[str, str]:
        """Makes the change; the text before and after."""
        old = self.old
        if self.place is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.place] = self.new
        return ast.unparse(old), ast.unparse(self.new)


def changes(parent: ast.AST) -> Iterator[Change]:
    """All single changes below a node, in an order that is always the same."""
    for field, held in ast.iter_fields(parent):
        for place, node in enumerate(held if isinstance(held, list) else [held]):
            if field not in ("annotation", "returns", "decorator_list") and isinstance(node, ast.AST):
                at = place if isinstance(held, list) else None
                yield from (Change(parent, field, at, new) for new in variants(parent, node))
                yield from () if _judges(node) else changes(node)


def _judges(node: ast.AST) -> bool:
    """An op's examples are tests themselves."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "Example"


def variants(parent: ast.AST, node: Any) -> Iterator[ast.AST]:
    """What may stand in place of a node: a boundary, a neighbour, another branch, nothing."""
    match node:
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int()):
            yield ast.Constant(node.value + 1)
        case ast.Constant(value=str()) if not isinstance(parent, ast.Expr):
            yield ast.Constant(node.value + "?")
        case ast.Compare(ops=[operator]) if type(operator) in OPERATORS:
            yield ast.Compare(node.left, [OPERATORS[type(operator)]()], node.comparators)
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in OPERATORS:
            yield ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)
        case ast.BoolOp():
            yield ast.BoolOp(OPERATORS[type(node.op)](), node.values)
            yield from node.values
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.If():
            yield from (ast.If(ast.Constant(value), node.body, node.orelse) for value in (True, False))
        case ast.Call():
            yield from calls(node)
        case ast.comprehension() if node.ifs:
            for place in range(len(node.ifs)):
                rest = node.ifs[:place] + node.ifs[place + 1 :]
                yield ast.comprehension(node.target, node.iter, rest, node.is_async)
        case ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def calls(node: ast.Call) -> Iterator[ast.AST]:
    """A call with its opposite, or without one of its arguments."""
    if isinstance(node.func, ast.Name) and node.func.id in OPPOSITES:
        yield ast.Call(ast.Name(OPPOSITES[node.func.id], ast.Load()), node.args, node.keywords)
    if isinstance(node.func, ast.Name) and node.func.id in ("sorted", "reversed"):
        yield ast.Call(ast.Name("list", ast.Load()), node.args[:1], [])
    for place in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:place] + node.keywords[place + 1 :])
    if len(node.args) > 1:
        yield ast.Call(node.func, node.args[:-1], node.keywords)


class Import(MetaPathFinder, SourceFileLoader):
    """Gives one module from other code than its file has."""

    def __init__(self, path: Path, code: CodeType) -> None:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        super().__init__(name.removesuffix(".__init__"), str(path))
        self.code = code

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return spec_from_file_location(self.name, self.path, loader=self) if fullname == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def mutated(mutant: Mutant) -> tuple[ast.Module, str]:
    """The tree of a mutant, and what was changed where."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    change = list(changes(tree))[mutant.number]
    line = next((node.lineno for node in (change.old, change.parent) if hasattr(node, "lineno")), 0)
    before, after = (" ".join(text.split()) for text in change.apply())
    return ast.fix_missing_locations(tree), f"{mutant.path.relative_to(ROOT)}:{line}: {before}  ->  {after}"


def copied() -> None:
    """Makes the copy."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in COPIED:
        shutil.copytree(HERE / name, ROOT / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*HERE.glob("*.md"), *HERE.glob("*.t*")]:
        shutil.copy(path, ROOT)


def area(path: Path) -> str:
    """The folder of the package that a file is in."""
    return path.relative_to(ROOT / "paramcalc").parts[0]


def judged(path: Path, tree: ast.Module, log: Path) -> int:
    """Starts a process that runs the tests of an area, and the file's doctests, on another tree of the file."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(ROOT)
        sys.path.insert(0, str(ROOT))
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        subprocess.Popen.__init__ = _no_process  # type: ignore[method-assign]
        sys.meta_path.insert(0, Import(path, compile(tree, str(path), "exec", dont_inherit=True)))
        tests = [f"tests/test_{name}.py" for name in TESTS[area(path)]]
        # plain, as else pytest would import a file among its arguments itself, from the source
        code = pytest.main(["-x", "-p", "no:cacheprovider", "--assert=plain", str(path), *tests])
    finally:
        os._exit(int(code))


def _no_process(*_: object, **__: object) -> None:
    pytest.skip("starts a process, which would import the module as it is")


def judge(mutants: list[Mutant], jobs: int) -> Iterator[tuple[str, str]]:
    """For each mutant, in the order in which they end: what was changed, and which test saw it ('' for none)."""
    waiting, running = list(enumerate(mutants)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            number, mutant = waiting.pop(0)
            tree, change = mutated(mutant)
            log = LOGS / f"{number}.log"
            running[judged(mutant.path, tree, log)] = change, log
        child, status = os.wait()
        change, log = running.pop(child)
        yield change, _why(log) if status else ""


def check(areas: set[str]) -> None:
    """Nothing is seen by tests that fail anyway, and what cannot even be imported is seen."""
    for name in areas:
        path = ROOT / "paramcalc" / name / "__init__.py"
        log = LOGS / "clean.log"
        if name not in TESTS:
            sys.exit(f"no tests are named for {name}: add them to TESTS")
        for text, seen in ((path.read_text(encoding="utf-8"), False), ("raise ImportError", True)):
            _, status = os.waitpid(judged(path, ast.parse(text), log), 0)
            if bool(status) is not seen:
                sys.exit(
                    f"the tests of {name} {'see nothing' if seen else 'fail without a mutant'}: {_why(log)}"
                )


def _why(log: Path) -> str:
    lines = ["no output", *log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("number", type=int, help="how many mutants to draw")
    parser.add_argument("files", nargs="+", help="patterns of files, such as 'paramcalc/ops/*'")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    copied()
    known = [
        Mutant(path, number)
        for path in sorted((ROOT / "paramcalc").rglob("*.py"))
        if any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in chosen.files)
        for number in range(len(list(changes(ast.parse(path.read_text(encoding="utf-8"))))))
    ]
    drawn = random.Random(chosen.seed).sample(known, min(chosen.number, len(known)))
    check({area(mutant.path) for mutant in drawn})
    seen = 0
    for change, by in judge(drawn, chosen.jobs):
        seen += bool(by)
        print(f"seen: {change}  ({by})" if by else f"SURVIVED: {change}", flush=True)
    print(f"{seen} of {len(drawn)} seen; drawn from {len(known)} with seed {chosen.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
