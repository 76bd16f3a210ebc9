"""docs/language.md: every example counts to what it says, every trap gets its answer, every limit is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paramcalc.base import errors
from paramcalc.base.errors import Source, SpecError
from paramcalc.check import reader as claims
from paramcalc.count.report import Counts, count
from paramcalc.engine import elaborate, library, scope, settings
from paramcalc.language import chains, expression, lines, spec, syntax, values
from paramcalc.language.parse import DEEPEST_LIKE, KEYS
from tests.documents import ROOT, write_files

DOCUMENT = ROOT / "docs" / "language.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n# ([a-z-]+\.yaml)\n(.*?)```", TEXT, re.DOTALL)
TRAPS = re.findall(
    r"^\| `(.*?)` \| (.*) \| (.*) \|$", TEXT[TEXT.index("## Traps") : TEXT.index("## Limits")], re.M
)
STATED = re.compile(r"([\d,]+) (params|active params|MACs|trainable)")


def counted(path: Path) -> Counts:
    """The totals of the spec in a file."""
    return count(elaborate.elaborate(library.read(path))).totals


def check_totals(text: str, totals: Counts) -> None:
    """Raises unless the last line of an example states totals, and they are these."""
    last = text.rstrip().splitlines()[-1]
    stated = {
        word.lower().replace(" ", "_"): int(number.replace(",", "")) for number, word in STATED.findall(last)
    }
    assert last.startswith("# ")
    assert stated
    assert stated == {name: getattr(totals, name) for name in stated}


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examples_count_to_what_they_say(name: str, text: str, tmp_path: Path) -> None:
    """Each is a whole spec, and its last line has its totals."""
    write_files(DOCUMENT, tmp_path)

    check_totals(text, counted(tmp_path / name))


def test_a_wrong_total_is_noticed(tmp_path: Path) -> None:
    """The check above can fail."""
    name, text = EXAMPLES[0]
    write_files(DOCUMENT, tmp_path)

    with pytest.raises(AssertionError):
        check_totals(text.replace("7,850", "7,851"), counted(tmp_path / name))


def test_every_yaml_block_is_an_example() -> None:
    """None is left out for want of a name, and no name appears twice."""
    assert len(EXAMPLES) == TEXT.count("```yaml")
    assert len({name for name, _ in EXAMPLES}) == len(EXAMPLES)


def test_every_construct_has_an_example() -> None:
    """Parts of a spec, items, functions: each stands in some example."""
    words = {*re.findall(r"[A-Za-z_]+", "\n".join(text for _, text in EXAMPLES))}
    constructs = {*KEYS, *chains.ITEM_KEYWORDS, *values.FUNCTIONS} - {
        "source",
        "topic",
        "note",
    }  # texts without effect
    constructs |= {
        "like",
        "default",
        "choices",
        "index",
        "shared",
        "share",
        "frozen",
        "inputs",
        "else",
        "columns",
    }

    assert constructs - words == set()


@pytest.mark.parametrize(("written", "fact", "fix"), TRAPS, ids=[written for written, *_ in TRAPS])
def test_traps_get_their_answer(written: str, fact: str, fix: str) -> None:
    """The first mistake that is reported is the one that the table names, with its remedy."""
    item = written.replace(" ⏎ ", "\n    ")
    head = "input: 3x32x32\nknobs: {width: 16, widths: [16, 32]}\n"
    text = f"{head}layers:\n  - tanh\n  - first: conv2d 16 3\n  - {item}\n"

    with pytest.raises(SpecError) as error:
        elaborate.elaborate(library.from_text(Source("trap.yaml", text)))

    first = error.value.problems[0]
    assert first.fact == fact.replace("\\*", "*")
    assert first.notes[-1] == fix.replace("\\*", "*")


def test_there_are_traps() -> None:
    """The table above was found."""
    assert len(TRAPS) >= 20


def test_limits_are_those_of_the_program() -> None:
    """The figures of the last table, in its order."""
    numbers = re.findall(
        r"\d[\d,]*(?:\^\d+)?",
        "\n".join(re.findall(r"^\| .*? \| (.*) \|$", TEXT[TEXT.index("## Limits") :], re.M)),
    )
    expected = [
        syntax.LONGEST_TEXT // 2**20, syntax.MOST_NODES, syntax.DEEPEST_NESTING,
        lines.LONGEST_LINE, expression.LONGEST,
        values.MOST_BITS, "10^15",
        values.MOST_ELEMENTS, values.MOST_LEVELS,
        chains.MOST_ROWS,
        spec.MOST_INPUTS,
        elaborate.MOST_STEPS, elaborate.DEEPEST, elaborate.LONGEST_PATH,
        scope.MOST_WORK,
        library.DEEPEST_USE, DEEPEST_LIKE,
        claims.MOST_CLAIMS,
        errors.MOST_PROBLEMS,
    ]  # fmt: skip

    assert numbers == [number if isinstance(number, str) else f"{number:,}" for number in expected]
    assert settings.LARGEST_SIZE == 10**15
