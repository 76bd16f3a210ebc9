"""Hostile specs end in a clear error within bounded time and memory; large legal ones work.

Each runs the command line as a process of its own, whose processor time and memory are measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.processes import Outcome, check_cheap
from tests.processes import launch as launched

pytest.importorskip("resource", reason="limits of a process are POSIX")

LONGEST_LINE = 700  # of a message

Launch = Callable[..., Outcome]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Runs `paramcalc` in a folder of its own: `launch("count", "a.yaml", stdin=[b"..."])`."""

    def launch(*arguments: str, stdin: Iterable[bytes] = ()) -> Outcome:
        return launched(tmp_path, arguments, stdin)

    return launch


def check_refused(outcome: Outcome, says: str) -> None:
    """Raises unless a process ended in short, printable messages, one of which says something."""
    assert "Traceback" not in outcome.err, outcome.err[-2000:]
    assert says in outcome.err, outcome.err[:2000]
    assert outcome.code == 2
    assert outcome.out == ""
    check_printable(outcome.err)
    assert max(map(len, outcome.err.splitlines())) <= LONGEST_LINE
    assert len(outcome.err) < 20_000
    check_cheap(outcome)


def check_printable(text: str) -> None:
    """Raises where a text holds what a terminal would obey."""
    assert all(char.isprintable() or char == "\n" for char in text), ascii(text[:2000])


def check_counted(outcome: Outcome) -> None:
    """Raises unless a process counted something."""
    assert outcome.code == 0, outcome.err[:2000]
    assert outcome.err == ""
    check_cheap(outcome)


# ---------------------------------------------------------------------------------- single specs


def spec(layers: str, knobs: str = "{}", input: str = "3x32x32", **sections: str) -> str:
    """A spec of these layers, each line indented by 2, and of further sections."""
    more = "".join(f"{key}: {value}\n" for key, value in sections.items())
    return f"input: {input}\nknobs: {knobs}\n{more}layers:\n{layers}\n"


def listed(lines: Iterable[str]) -> str:
    """The entries of a section, or the items of the layers."""
    return "".join(f"\n  {line}" for line in lines)


def nested(item: str, deep: int, inside: str = "relu") -> str:
    """An item inside itself; `{}` in it stands for the list of what is inside."""
    text = f"- {inside}"
    for _ in range(deep):
        text = item.replace("{}", "\n" + "\n".join("    " + line for line in text.splitlines()))
    return "\n".join("  " + line for line in text.splitlines())


def repeated(layers: str, long: str = "[1]") -> str:
    """A hundred thousand rounds of something that sees a knob `a`."""
    return spec(f"  - repeat: 100_000\n    layers: {layers}", knobs=f"{{a: {long}, b: {long}}}")


def bomb() -> str:
    lines = ["a0: &a0 [relu, relu, relu, relu, relu, relu, relu, relu, relu]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\ninput: 3x8x8\nlayers: *a9\n"


def calling_blocks(long: int, times: int, last: str = "relu") -> str:
    """Blocks that each call the next one several times."""
    blocks = [f"b{n}: [{', '.join([f'b{n + 1}'] * times)}]" for n in range(long)]
    return spec("  - b0", blocks=listed([*blocks, f"b{long}: {last}"]))


def deep_blocks() -> str:
    """Blocks in blocks, each with groups in groups."""
    blocks = ""
    for number in range(30):
        groups = nested("- a:{}", 28, f"b{number + 1}").splitlines()
        blocks += f"\n  b{number}:\n" + "\n".join("  " + line for line in groups)
    return spec("  - b0", blocks=f"{blocks}\n  b30: relu")


def knob_chain(first: str, rule: str, long: int = 100) -> str:
    """Knobs that each follow from the one above, whose name stands for `{}`."""
    return spec(
        "  - relu",
        knobs=listed([f"k0: {first}", *(f"k{n + 1}: {rule.replace('{}', f'k{n}')}" for n in range(long))]),
    )


LONG = f"[{', '.join(['1'] * 9_000)}]"
ROWS = "  - table:\n      columns: c\n      layers: relu\n      rows:\n"

YAML: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "alias bomb": (bomb, "anchors are not"),
    "an alias alone": (lambda: "input: 3x8x8\nlayers: *a\n", "aliases are not"),
    "a merge key": (lambda: "input: 3x8x8\nknobs: {<<: {a: 1}}\nlayers: [relu]", "'<<' is not a name"),
    "a tag that runs code": (
        lambda: "input: 3x8x8\nlayers: !!python/object/apply:os.system ['touch here']\n",
        "tags are not",
    ),
    "a tag on a word": (lambda: "input: !!int 3\nlayers: [relu]\n", "tags are not"),
    "50,000 [": (lambda: "layers: " + "[" * 50_000, "nested more than"),
    "50,000 {": (lambda: "layers: " + "{" * 50_000, "nested more than"),
    "50,000 {a:": (lambda: "layers: " + "{a: " * 50_000, "nested more than"),
    "200 [ in a key": (lambda: "layers: {" + "[" * 200 + "]" * 200 + ": 1}", "nested more than"),
    "300 [ in quotes": (lambda: "layers: ['" + "[" * 300 + "', [a[0]]]", "an index cannot be used inside"),
    "500,000 [a": (lambda: "layers: " + "[a" * 500_000, "the closing bracket, is missing"),
    "500,000 a[ in a list": (lambda: "layers: [[" + "a[" * 500_000, "the closing bracket, is missing"),
    "500,000 [a in braces": (lambda: "layers: {" + "a[a" * 500_000 + "]]", "an index cannot be used inside"),
    "50,000 dashes": (lambda: "layers:\n  " + "- " * 50_000 + "relu", "nested more than"),
    "50,000 question marks": (lambda: "? " * 50_000 + "relu", "nested more than"),
    "3,000 indentations": (lambda: "\n".join(" " * n + "a:" for n in range(3_000)), "nested more than"),
    "a second colon after 1 MB of blanks": (
        lambda: f"a:{' ' * 2**20}b:{' ' * 2**20}c d {' ' * 2**20}( e",
        "a second ': ' on one line",
    ),
    "a key of 1 MB": (lambda: "a" * 2**20 + ": 1", "hostile.yaml:1:"),
    "a key of 1 MB in quotes": (lambda: f"? '{'a' * 2**20}'\n: 1\n", "is not a part of a spec"),
    "a quotation of 9 MB that never ends": (lambda: "name: '" + "ab " * 3_000_000, "not closed"),
    "a quotation of lines that never ends": (lambda: "name: '" + "ab\n\n" * 2_000_000, "not closed"),
    "a list of 10 MB that never ends": (lambda: "layers: [" + "relu," * 2_000_000, "at most 500,000"),
    "4 million items": (lambda: "layers:\n" + "- a\n" * 4_000_000, "at most 500,000"),
    "a million knobs": (
        lambda: spec("", knobs=listed(f"k{n}: 1" for n in range(1_000_000))),
        "at most 500,000",
    ),
    "a million rows": (lambda: spec(ROWS + "        - 1\n" * 1_000_000), "at most 500,000"),
    "100,000 rows": (lambda: spec(ROWS + "        - 1\n" * 100_000), "at most 10,000 rows"),
    "100,000 times one key": (lambda: "name: a\n" * 100_000, "appears twice"),
    "100,000 documents": (lambda: "--- a\n" * 100_000, "a second document"),
    "100,000 directives": (
        lambda: "".join(f"%TAG !{n}! tag:{n}\n" for n in range(100_000)),
        "directives are not",
    ),
    "directives behind a document": (lambda: "a: 1\n...\n" + "%TAG !a! b\n" * 9, "directives are not"),
    "a version of YAML": (lambda: "# so\n%YAML 99.9\n---\n" + spec("  - relu"), "directives are not"),
}

TEXTS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "nothing": (lambda: "", "the file is empty"),
    "only comments": (lambda: "# nothing\n" * 1000, "the file is empty"),
    "only blanks": (lambda: "  \n" * 1000, "the file is empty"),
    "only tabs": (lambda: "\t\t\n" * 1000, "a tab"),
    "only a BOM": (lambda: b"\xef\xbb\xbf", "the file is empty"),
    "only a null": (lambda: "~\n", "a spec is a mapping"),
    "only a number": (lambda: "3\n", "a spec is a mapping"),
    "only a list": (lambda: "- relu\n", "a spec is a mapping"),
    "binary": (lambda: bytes(range(256)) * 100, "UTF-8"),
    "zero bytes": (lambda: b"input: 3x8x8\0\nlayers: [relu]\n", "zero bytes"),
    "Latin-1": (lambda: "name: Fran\xe7ois\n".encode("latin-1"), "UTF-8"),
    "UTF-16 with a BOM": (lambda: spec("  - relu").encode("utf-16"), "UTF-8"),
    "UTF-16 without a BOM": (lambda: spec("  - relu").encode("utf-16-le"), "zero bytes"),
    "UTF-16 that might be UTF-8": (lambda: ("名" * 100).encode("utf-16-be"), "a spec is a mapping"),
    "UTF-32": (lambda: spec("  - relu").encode("utf-32"), "UTF-8"),
    "half a character": (lambda: b"name: \xed\xa0\x80\n", "UTF-8"),
    "half a character, escaped": (lambda: 'name: "\\uD800"\n' + spec("  - relu"), "Unicode"),
    "17 MB": (lambda: "# " + "a" * (17 * 2**20), "16 MiB"),
    "100 MB": (lambda: b"# a comment\n" * (100 * 2**20 // 12), "16 MiB"),
    "tabs for indentation": (lambda: "input: 3x8x8\nlayers:\n\t- relu\n", "a tab"),
    "a line of 1 MB": (lambda: spec("  - " + "relu, " * 200_000 + "rellu"), "at most 10,000 characters"),
    "a line of 1 MB with a mistake at its end": (
        lambda: spec(f"  {'- ' * 3}[{'relu, ' * 150_000}rellu]"),
        "a list inside a list",
    ),
    "a list of 1 MB with a mistake at its end": (
        lambda: f"input: 3x8x8\nlayers: [{'relu, ' * 150_000}rellu]",
        "did you mean 'relu'",
    ),
    "a comment of 1 MB behind a mistake": (lambda: spec("  - rellu # " + "a" * 2**20), "did you mean 'relu'"),
    "a word of 9,000 letters": (lambda: spec("  - " + "a" * 9_000), "there is no op or block"),
    "a name of 1,000 letters": (lambda: spec(f"  - {'a' * 1_000}: rellu"), "did you mean 'relu'"),
    "an escape": (lambda: "name: \x1b[2J\n" + spec("  - relu"), "U+001B"),
    "an escape in a key": (lambda: '"\\e[31mred\\e[0m": 1\n', "U+001B"),
    "an escape in a layer's name": (lambda: spec('  - "\\e[2Ja": relu'), "U+001B"),
    "an escape in a line": (lambda: spec('  - "relu \\e[2J"'), "U+001B"),
    "an escape in the name": (lambda: 'name: "\\e[2Ja"\n' + spec("  - relu"), "U+001B"),
    "a carriage return in the name": (lambda: 'name: "a\\rb"\n' + spec("  - relu"), "U+000D"),
    "a line break in the name": (lambda: 'name: "a\\nb"\n' + spec("  - relu"), "one line"),
    "a line break in a key": (lambda: '"a\\nb": 1\n', "'a\\nb' is not a part"),
    "a name that reads backwards": (lambda: "name: a\u202eb\n" + spec("  - relu"), "U+202E"),
    "a name with an 8-bit control": (lambda: "name: a\x9b2Jb\n" + spec("  - relu"), "U+009B"),
}

NUMBERS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "a repeat of 10**9": (lambda: spec("  - repeat: 10**9\n    layers: relu"), "250,000 steps"),
    "a repeat of 10**9 identities": (
        lambda: spec("  - repeat: 10**9\n    layers: identity"),
        "250,000 steps",
    ),
    "a repeat of 10**9 of nothing": (lambda: spec("  - repeat: 10**9\n    layers: []"), "250,000 steps"),
    "a line repeated 10**9 times": (lambda: spec("  - 10**9 * relu"), "250,000 steps"),
    "repeats of 1000 x 1000 x 1000": (lambda: spec(nested("- repeat: 1000\n  layers:{}", 3)), "250,000"),
    "repeats of 1000 x 1000 x 1000 identities": (
        lambda: spec(nested("- repeat: 1000\n  layers:{}", 3, "identity")),
        "250,000",
    ),
    "repeats of 1000 x 1000 x 1000 of nothing": (
        lambda: spec(nested("- repeat: 1000\n  layers:{}", 2, "{repeat: 1000, layers: []}")),
        "250,000",
    ),
    "9**9**9": (lambda: spec("  - conv2d 9**9**9 1"), "at most 512"),
    "2**10000": (lambda: spec("  - conv2d 2**10000 1"), "at most 512"),
    "powers of powers": (lambda: spec("  - conv2d ((2**500)**500)**500 1"), "512 bits"),
    "a product of powers": (lambda: spec("  - conv2d " + "*".join(["2**500"] * 30) + " 1"), "512 bits"),
    "knobs that are squared": (lambda: knob_chain("3", "{}*{}"), "512 bits"),
    "fractions that are squared": (lambda: knob_chain("1/3", "{}*{}"), "512 bits"),
    "20,000 minus signs": (lambda: spec("  - conv2d " + "-" * 20_000 + "1 1"), "at most 10,000 characters"),
    "400 minus signs": (lambda: spec("  - conv2d " + "-" * 400 + "1 1"), "too deeply"),
    "20,000 brackets": (
        lambda: spec(f"  - conv2d {'(' * 20_000}1{')' * 20_000} 1"),
        "at most 10,000 characters",
    ),
    "240 brackets": (lambda: spec(f"  - conv2d {'(' * 240}1{')' * 240} 1"), "hostile.yaml:4:"),
    "240 list brackets": (lambda: spec(f"  - reshape {'[' * 240}1{']' * 240}"), "hostile.yaml:4:"),
    "an expression of 1 MB": (
        lambda: spec("  - conv2d " + "1+" * 2**19 + "1 1"),
        "at most 10,000 characters",
    ),
    "an expression of 9,000 letters": (lambda: spec("  - conv2d " + "1+" * 4_500 + "1 1"), "at most 500"),
    "a number of 5,000 digits": (lambda: spec("  - conv2d " + "9" * 5000 + " 1"), "at most 500"),
    "a number of 400 digits": (lambda: spec("  - conv2d " + "9" * 400 + " 1"), "too large"),
    "sizes of 200 digits": (lambda: spec("  - relu", input="3x" + "9" * 200 + "x" + "9" * 200), "512 bits"),
    "an input of 10**400": (lambda: spec("  - relu", input="3 x 10**400 x 10**400"), "512 bits"),
    "an input of 10**100": (lambda: spec("  - relu", input="3 x 10**100 x 10**100"), "10^15"),
    "1e999999999": (lambda: spec("  - conv2d 1e999999999 1"), "too large"),
    "1e-999999999": (lambda: spec("  - dropout 1e-999999999"), "too small"),
    "channels doubled 10,000 times": (
        lambda: spec("  - repeat: 10_000\n    layers: concat from x x"),
        "10^15",
    ),
    "windows of 10**15": (lambda: spec("  - conv2d 10**15 10**15 padding=10**15\n  - rellu"), "'relu'"),
    "a word times 10**9": (lambda: spec("  - conv2d 'a'*10**9 1"), "numbers only"),
    "a list times 10**9": (lambda: spec("  - reshape [0]*10**9"), "numbers only"),
    "a call of Python": (
        lambda: spec("  - conv2d __import__('os').system('touch\\there') 1"),
        "hostile.yaml:4:",
    ),
    "an attribute of Python": (lambda: spec("  - conv2d ().__class__.__bases__[0] 1"), "sizes"),
    "lists that double": (lambda: knob_chain("(1, 1)", "({}, {})"), "at most 8 deep"),
    "lists that grow": (lambda: knob_chain("[1]", f"[{', '.join(['{}'] * 9)}]"), "at most 10,000 values"),
    "lists 60 deep": (lambda: spec("  - relu", knobs=f"{{a: {'[' * 60}1{']' * 60}}}"), "at most 8 deep"),
    "a list of 100,000": (
        lambda: repeated("{if: i in a, then: relu}", f"[{'1, ' * 99_999}1]"),
        "at most 10,000",
    ),
    "an index of an index of an index": (
        lambda: spec("  - conv2d a" + "[0]" * 160 + " 1"),
        "hostile.yaml:4:",
    ),
    "searched lists": (lambda: repeated("{if: 2 in a, then: relu}", LONG), "2,000,000 steps"),
    "compared lists": (lambda: repeated("{if: a != b, then: relu}", LONG), "2,000,000 steps"),
    "summed lists": (lambda: repeated("{if: sum(a) + max(a) < 0, then: relu}", LONG), "2,000,000 steps"),
    "collected lists": (lambda: repeated("{if: '[a] != [b]', then: relu}", LONG), "2,000,000 steps"),
    "lists for an attribute": (lambda: repeated("permute a", LONG), "must be a word"),
    "long expressions": (lambda: repeated(f"conv2d {'+'.join(['i'] * 50)} 1"), "hostile.yaml:5:"),
    "long expressions that hold": (
        lambda: repeated(f"{{if: {'+'.join(['i'] * 50)} < 0, then: relu}}"),
        "2,000,000 steps",
    ),
}

STRUCTURE: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "a block that calls itself": (lambda: spec("  - b", blocks="{b: [relu, b]}"), "calls itself"),
    "blocks that call each other": (
        lambda: spec("  - b", blocks="{b: [relu, c], c: [relu, b]}"),
        "calls itself",
    ),
    "2**40 calls of a block": (lambda: calling_blocks(39, 2), "250,000 steps"),
    "2**40 calls of a block for nothing": (lambda: calling_blocks(39, 2, "identity"), "250,000 steps"),
    "blocks 1000 deep": (lambda: calling_blocks(1000, 1), "more than 100 deep"),
    "blocks and groups 30 x 30 deep": (deep_blocks, "more than 100 deep"),
    "10,000 parameters": (
        lambda: spec("  - b", blocks=f"\n  ? b {' '.join(f'p{n}' for n in range(10_000))}\n  : relu"),
        "at most 10,000 characters",
    ),
    "parameters that double": (
        lambda: spec(
            "  - b",
            blocks="\n  ? b p0=[1] " + " ".join(f"p{n + 1}=(p{n},p{n})" for n in range(300)) + "\n  : relu",
        ),
        "at most 8 deep",
    ),
    "a path of 20,000 letters": (
        lambda: spec(nested("- " + "a" * 1000 + ":{}", 50, "20_000 * relu")),
        "longer than 1,000 characters",
    ),
    "a sum of 4,900 tensors, often": (
        lambda: spec(f"  - repeat: 10_000\n    layers: add from {'x ' * 4_900}"),
        "more than 256 tensors",
    ),
    "a sum of 200,000 tensors": (
        lambda: spec(f"  - add: {{from: [{'x, ' * 200_000}x]}}"),
        "more than 256 layers",
    ),
    "a sum of 250 tensors, often": (
        lambda: spec(f"  - repeat: 10_000\n    layers: add from {'x ' * 250}"),
        "250,000 steps",
    ),
    "a join of 100,000 branches": (
        lambda: spec("  - add:" + "".join(f"\n      b{n}: relu" for n in range(100_000))),
        "more than 256 branches",
    ),
    "a product of unlike tensors": (
        lambda: spec(f"  - a: conv2d 8 1\n  - b: conv2d 7 1\n  - multiply from {'a ' * 128}{'b ' * 128}"),
        "cannot join",
    ),
    "100,000 outputs": (
        lambda: spec("  - relu", outputs=f"[{'relu, ' * 100_000}relu]"),
        "more than 256 layers",
    ),
    "long lists handed to blocks": (
        lambda: spec("  - repeat: 50_000\n    layers: b a i", knobs=f"{{a: {LONG}}}", blocks="{b p q: relu}"),
        "2,000,000 steps",
    ),
    "from a later layer": (lambda: spec("  - a: relu from b\n  - b: relu from a"), "not an earlier layer"),
    "from itself": (lambda: spec("  - a: relu from a"), "not an earlier layer"),
    "from the group around it": (lambda: spec("  - a:\n      - relu\n      - relu from a"), "not complete"),
    "variants like each other": (
        lambda: spec("  - relu", variants="{a: {like: b}, b: {like: a}}"),
        "circular",
    ),
    "a variant like itself": (lambda: spec("  - relu", variants="{a: {like: a}}"), "circular"),
    "a row of 100,000 variants": (
        lambda: spec(
            "  - relu", variants=listed(["v0: {}", *(f"v{n + 1}: {{like: v{n}}}" for n in range(100_000))])
        ),
        "more than 20 deep",
    ),
    "100,000 variants like one": (
        lambda: spec(
            "  - rellu", variants=listed(["v: {}", *(f"v{n}: {{like: v}}" for n in range(100_000))])
        ),
        "did you mean 'relu'",
    ),
    "100,000 wrong heads": (
        lambda: spec(listed(f"- conv{n} 64 3" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 wrong attributes": (
        lambda: spec(listed(f"- conv2d 64 3 strides={n}" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 wrong names": (
        lambda: spec(listed(f"- {n}: relu" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 wrong lines": (
        lambda: spec(listed(f"- conv2d (w{n} 3" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 wrong references": (
        lambda: spec(listed(f"- relu from l{n}" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 wrong knobs": (
        lambda: spec("  - relu", knobs=listed(f"k{n}: k{n}x" for n in range(100_000))),
        "there may be more",
    ),
    "100,000 layers never read": (
        lambda: spec(listed(f"- l{n}: relu from input" for n in range(100_000))),
        "there may be more",
    ),
    "one mistake 100,000 times": (lambda: repeated("conv2d 64 3 strides=2"), "did you mean 'stride'"),
    "one mistake 100,000 times in a long text": (
        lambda: "# comment\n" * 100_000 + repeated("conv2d 64 3 stride=0"),
        "at least 1",
    ),
    "a mistake among 50,000 names": (
        lambda: spec(listed(f"- layer_{n}: relu" for n in range(50_000)) + "\n  - relu from layr_1"),
        "no earlier layer",
    ),
    "50 mistakes among 50,000 knobs": (
        lambda: spec(
            listed(f"- conv2d konb_{n} 1" for n in range(50)),
            knobs=listed(f"knob_{n}: 1" for n in range(50_000)),
        ),
        "there may be more",
    ),
    "a table of 20,000 columns": (
        lambda: spec(
            f"  - table:\n      columns: [{', '.join(f'c{n}' for n in range(20_000))}]\n"
            "      layers: rellu\n      rows: [1]"
        ),
        "1 cells under 20000 columns",
    ),
    "use of itself": (lambda: "use: hostile\n", "circular"),
    "use of a path": (lambda: "use: ../hostile\n", "no path"),
    "use of an absolute path": (lambda: "use: /etc/hostname\n", "no path"),
    "use of two dots": (lambda: "use: ..\n", "no spec '..'"),
    "use of a name of 300 letters": (lambda: f"use: {'a' * 300}\n", "no spec"),
    "use of a list": (lambda: "use: [resnet]\n", "no path"),
}

SPECS = YAML | TEXTS | NUMBERS | STRUCTURE


@pytest.mark.parametrize("name", SPECS)
def test_hostile_file(name: str, launch: Launch, tmp_path: Path) -> None:
    """A hostile text in a file ends in a clear error, and runs nothing."""
    made, says = SPECS[name]
    text = made()
    (tmp_path / "hostile.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    outcome = launch("count", "hostile.yaml")

    check_refused(outcome, says)
    assert not (tmp_path / "here").exists()


# --------------------------------------------------------------------------------- several files


def test_use_in_a_circle(launch: Launch, tmp_path: Path) -> None:
    """Specs that use each other are refused."""
    for name, used in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"use: {used}\n")

    check_refused(launch("count", "a.yaml"), "a -> b -> c -> a")


def test_use_of_use(launch: Launch, tmp_path: Path) -> None:
    """A long chain of specs that use each other is refused, and not a crash."""
    for number in range(1000):
        (tmp_path / f"s{number}.yaml").write_text(f"use: s{number + 1}\n")
    (tmp_path / "s1000.yaml").write_text(spec("  - relu"))

    check_refused(launch("count", "s0.yaml"), "deep")


def test_use_of_a_link(launch: Launch, tmp_path: Path) -> None:
    """What a link points to outside of the folder is not read, not even for a message."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("password: 12345\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "secret.yaml").symlink_to(outside / "secret.yaml")
    (inside / "a.yaml").write_text("use: secret\n")

    outcome = launch("count", "inside/a.yaml")

    check_refused(outcome, "no spec 'secret'")
    assert "12345" not in outcome.err


def test_use_of_a_huge_file(launch: Launch, tmp_path: Path) -> None:
    """A used spec is read under the same limits."""
    (tmp_path / "a.yaml").write_text("use: huge\n")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(100 * 2**20)

    check_refused(launch("count", "a.yaml"), "16 MiB")


def test_use_of_what_is_no_file(launch: Launch, tmp_path: Path) -> None:
    """A folder, or a pipe that nobody writes to, is no spec to use."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for name in ("pipe", "folder"):
        (tmp_path / "a.yaml").write_text(f"use: {name}\n")

        check_refused(launch("count", "a.yaml"), f"no spec '{name}'")


@pytest.mark.parametrize("command", ["count", "check", "show"])
def test_what_is_no_file(command: str, launch: Launch, tmp_path: Path) -> None:
    """A pipe that nobody writes to, a folder and a device are refused at once."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    paths = ["pipe.yaml", "/dev/zero", "/dev/null", "missing.yaml", "a" * 5000 + ".yaml"]
    if command != "check":  # which takes folders
        paths.append("folder.yaml")
    for path in paths:
        outcome = launch(command, path)

        assert outcome.code == 2, path
        assert "Traceback" not in outcome.err
        check_cheap(outcome)


def test_check_of_a_folder(launch: Launch, tmp_path: Path) -> None:
    """In a folder only files are read, links out of it are not followed, names are shown harmlessly."""
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "pipe.yaml")
    (folder / "device.yaml").symlink_to("/dev/zero")
    (tmp_path / "secret.yaml").write_text("password: 12345\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "\x1b[2J.yaml").write_text("nothing: 1\n")

    outcome = launch("check", "folder")

    assert outcome.code == 2
    assert "12345" not in outcome.err
    check_printable(outcome.err + outcome.out)
    check_cheap(outcome)


# -------------------------------------------------------------------------------- standard input


def endless(chunk: bytes) -> Iterator[bytes]:
    while True:
        yield chunk


@pytest.mark.parametrize("chunk", [b"# a comment\n" * 5000, b"\0" * 60_000, b"- a\n" * 15_000])
def test_endless_standard_input(chunk: bytes, launch: Launch) -> None:
    """Only as much is read as a spec may have."""
    check_refused(launch("count", "-", stdin=endless(chunk)), "16 MiB")


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"{" * 50_000], ids=["nothing", "UTF-16", "braces"])
def test_standard_input(text: bytes, launch: Launch) -> None:
    """Standard input is read under the limits of a file."""
    check_refused(launch("count", "-", stdin=[text]), "<stdin>")


# --------------------------------------------------------------------------------------- options

SETTINGS = {
    "a power of powers": ("width=9**9**9", "512"),
    "50,000 brackets": ("width=" + "[" * 50_000, ""),
    "50,000 brackets that close": ("width=" + "[" * 50_000 + "]" * 50_000, ""),
    "20,000 minus signs": ("width=" + "-" * 20_000 + "1", "at most"),
    "a large exponent": ("width=1e999999999", ""),
    "a number of 5,000 digits": ("width=" + "9" * 5000, ""),
    "a knob of 10,000 letters": ("a" * 10_000 + "=1", "no knob"),
    "no value": ("width=", "not a setting"),
    "nothing": ("", "not a setting"),
    "no knob": ("=1", "not a setting"),
    "an escape": ("width=\x1b[2J", ""),
    "an escape in the name": ("\x1b[2J=1", "no knob"),
    "a pattern of 400 stars": ("*a" * 400 + "b.stride=1", "no layer"),
    "a pattern of 300 double stars": ("**/" * 300 + "b.stride=1", "no layer"),
    "a pattern without end": ("*a" * 1000 + "b.stride=1", "at most 1,000 characters"),
    "a word of Python": ("width=__import__('os')", "no function"),
    "a huge size": ("**.stride=10**400", ""),
    "surrogates": ("width=\udcff", ""),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_hostile_setting(name: str, launch: Launch, tmp_path: Path) -> None:
    """A hostile value of --set ends in a clear error."""
    text, says = SETTINGS[name]
    (tmp_path / "a.yaml").write_text(spec("  - conv1: conv2d width 3", knobs="{width: 8}"))

    check_refused(launch("count", "a.yaml", "--set", text), says)


@pytest.mark.parametrize(
    "sizes",
    [
        "3x" + "9" * 5000 + "x3",
        "3x0x3",
        "3x-1x3",
        "3x3x3x3x3x3",
        "x" * 10_000,
        "other=3x3x3",
        "",
        "=",
        "3x1e9x3",
    ]
    + ["3x10000000000000000x3", "1x1x1", "3x\x1b[2Jx3"],
)
def test_hostile_input(sizes: str, launch: Launch, tmp_path: Path) -> None:
    """A hostile value of --input ends in a clear error."""
    (tmp_path / "a.yaml").write_text(spec("  - conv2d 8 3"))

    check_refused(launch("count", "a.yaml", "--input", sizes), "")


@pytest.mark.parametrize(
    "options",
    [["--replace", "conv2d=" + "relu, " * 3000 + "relu"], ["--replace", "conv2d=" + "[" * 50_000]]
    + [
        ["--replace", "*=conv2d 9**9**9 1"],
        ["--batch", "9" * 5000],
        ["--batch", "-1"],
        ["--columns", "a," * 10_000],
    ]
    + [["--sort", "a" * 10_000], ["--plugin", "missing.py"], ["--output", "/no/such/folder/file"]],
    ids=lambda options: options[0] + options[1][:12],
)
def test_hostile_option(options: list[str], launch: Launch, tmp_path: Path) -> None:
    """A hostile value of another option ends in a clear error, or in what was asked for."""
    (tmp_path / "a.yaml").write_text(spec("  - conv2d 8 3"))

    outcome = launch("count", "a.yaml", *options)

    assert outcome.code in (0, 2)
    assert "Traceback" not in outcome.err
    check_cheap(outcome)


@pytest.mark.parametrize(
    "name", ["a" * 10_000, "\x1b[2J", "..", "resnet-50:" + "a" * 10_000, ":", "a:b:c", ""]
)
def test_hostile_name(name: str, launch: Launch) -> None:
    """What is neither a file nor a bundled model ends in a clear error."""
    check_refused(launch("count", name), "")


# ---------------------------------------------------------------------------------------- claims


def claims(lines: str, layers: str = "  - conv2d 8 3", more: str = "") -> str:
    """A spec called hostile with claims about it."""
    return spec(layers) + more + "claims:\n  hostile:\n" + lines


CLAIMS: dict[str, tuple[Callable[[], str], int, str]] = {
    "1e999999999": (lambda: claims("    - {params: 1e999999999}"), 2, "too large"),
    "a figure of 1 MB": (lambda: claims("    - {params: " + "9" * 2**20 + "}"), 2, "not a number"),
    "a figure of commas": (lambda: claims('    - {params: "' + "1," * 20_000 + '"}'), 2, "not a number"),
    "an escape as a figure": (lambda: claims('    - {params: "\\e[2J"}'), 2, ""),
    "100,000 claims": (lambda: claims("    - {params: 224}\n" * 100_000), 2, "at most"),
    "100,000 wrong claims": (lambda: claims("    - {parms: 224}\n" * 100_000), 2, "did you mean"),
    "9,000 failing claims": (
        lambda: claims("".join(f"    - {{params: {n}}}\n" for n in range(300, 9300))),
        1,
        "",
    ),
    "a pattern of stars": (
        lambda: claims("    - {params: 1, layer: '" + "*a" * 40 + "b'}", f"  - {'a' * 200}: relu"),
        2,
        "no layer",
    ),
    "a pattern of 2,000 stars": (
        lambda: claims("    - {params: 1, layer: '" + "*a" * 2000 + "b'}"),
        2,
        "at most 1,000 characters",
    ),
    "a pattern of 1 MB": (
        lambda: claims("    - {params: 1, layer: '" + "**/" * 350_000 + "b'}"),
        2,
        "at most 1,000 characters",
    ),
    "a pattern of double stars": (
        lambda: claims(
            "    - {params: 1, layer: '" + "**/" * 300 + "b'}", "  - conv2d 8 3\n" + nested("- a:{}", 50)
        ),
        2,
        "no layer",
    ),
    "9,000 patterns over 2,000 layers": (
        lambda: claims(
            "".join(f"    - {{params: 1e9, layer: '**/*{n % 10}*'}}\n" for n in range(9000)),
            "  - 2000 * conv2d 8 3 padding=1",
        ),
        2,
        "too much work",
    ),
    "a list of 100,000 patterns": (
        lambda: claims("    - {params: 224, layer: [" + "'conv*', '*2d', " * 50_000 + "]}"),
        2,
        "too much work",
    ),
    "9,000 inputs of 2,000 layers": (
        lambda: claims(
            "".join(f"    - {{macs: 1e9, input: 3x{n}x64}}\n" for n in range(64, 9064)),
            "  - 2000 * conv2d 8 3 padding=1",
        ),
        2,
        "too much work",
    ),
    "9,000 inputs that fail after 2,000 layers": (
        lambda: claims(
            "".join(f"    - {{macs: 1e9, input: 3x{n}x64}}\n" for n in range(64, 9064)),
            "  - 2000 * conv2d 8 3 padding=1\n  - conv2d 8 65",
        ),
        2,
        "",
    ),
    "100 failing claims about 20,000 layers": (
        lambda: claims(
            "".join(f"    - {{macs: {n}e3}}\n" for n in range(1, 101)), "  - 20_000 * conv2d 8 3 padding=1"
        ),
        1,
        "",
    ),
    "200 patterns over 20,000 layers": (
        lambda: claims("    - {macs: 1, layer: 'c*'}\n" * 200, "  - 20_000 * conv2d 8 3 padding=1"),
        2,
        "too much work",
    ),
    "20 failing claims about 20,000 layers": (
        lambda: claims(
            "".join(f"    - {{macs: {n}e3}}\n" for n in range(1, 21)), "  - 20_000 * conv2d 8 3 padding=1"
        ),
        1,
        "",
    ),
    "the fields of two models in turn": (
        lambda: (
            spec("  - 2000 * conv2d 8 3 padding=1")
            + "variants: {a: {}, b: {}}\nclaims:\n"
            + "".join(f"  {name}:\n" + "    - {field: 1e9, layer: conv2d/9}\n" * 1 for name in ("a", "b"))
        ),
        1,
        "",
    ),
    "9,000 ratios to a bundled model": (
        lambda: claims("    - {params: 1e9, over_model: resnet50-v1}\n" * 9_000),
        1,
        "",
    ),
    "9,000 ratios to models that are not there": (
        lambda: claims("".join(f"    - {{params: 1e9, over_model: resnt{n}}}\n" for n in range(9_000))),
        2,
        "none is bundled",
    ),
    "20,000 variants, all claimed": (
        lambda: (
            spec("  - relu", variants=listed(f"v{n}: {{}}" for n in range(20_000)))
            + "claims:"
            + listed(f"v{n}: []" for n in range(20_000))
        ),
        0,
        "no claims",
    ),
    "20,000 variants, each like the next": (
        lambda: claims(
            "    - {params: 1e9}\n",
            more="variants:"
            + listed(["v0: {}", *(f"v{n}: {{like: v{n + 1}}}" for n in range(1, 20_000)), "v20000: {}"])
            + "\n",
        ),
        2,
        "more than 20 deep",
    ),
    "2,000 variants with a failing claim each": (
        lambda: (
            spec("  - conv2d width 3", knobs="{width: 8}")
            + "variants:\n"
            + "".join(f"  v{n}: {{width: {n + 1}}}\n" for n in range(2000))
            + "claims:\n"
            + "".join(f"  v{n}: [{{params: 1}}]\n" for n in range(2000))
        ),
        1,
        "",
    ),
    "over itself": (lambda: claims("    - {params: 1.0, over_model: hostile}"), 0, ""),
    "over what is not there": (lambda: claims("    - {params: 1.0, over_model: nothing}"), 2, ""),
    "over a path": (lambda: claims("    - {params: 1.0, over_model: ../hostile}"), 2, ""),
    "over each other": (
        lambda: (
            spec("  - relu")
            + "variants: {a: {}, b: {}}\n"
            + "claims:\n  a: [{memory: 1.0, over_model: b}]\n  b: [{memory: 1.0, over_model: a}]\n"
        ),
        0,
        "",
    ),
    "over layers without params": (
        lambda: claims("    - {params: 1.0, over: relu}", "  - conv2d 8 3, relu"),
        2,
        "",
    ),
    "an input of 10^15": (lambda: claims("    - {macs: 1, input: 3x999999999999999x999999999999999}"), 1, ""),
    "an escape in a source": (lambda: claims('    - {params: 224, source: "\\e[2J"}'), 2, ""),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_hostile_claims(name: str, launch: Launch, tmp_path: Path) -> None:
    """Hostile claims end in a clear error, or are checked, within the same bounds."""
    made, code, says = CLAIMS[name]
    (tmp_path / "hostile.yaml").write_text(made())

    outcome = launch("check", "hostile.yaml")

    assert "Traceback" not in outcome.err
    assert outcome.code == code, outcome.err[:2000]
    assert says in outcome.err
    check_printable(outcome.err + outcome.out)
    check_cheap(outcome)


# ------------------------------------------------------------------------------- large, but legal


def written_out(layers: int) -> str:
    lines = (f"  - layer_{n}: conv2d {8 + n % 8} 3 padding=1, relu" for n in range(layers // 2))
    return spec("\n".join(lines))


LEGAL: dict[str, Callable[[], str | bytes]] = {
    "100,000 equal layers": lambda: spec("  - relu\n" * 100_000),
    "100,000 layers": lambda: written_out(100_000),
    "a repeat of 100,000": lambda: spec("  - 100_000 * conv2d 8 3 padding=1"),
    "60 nested groups": lambda: spec(nested("- a:{}", 58)),
    "30 nested repeats": lambda: spec(nested("- repeat: 1\n  layers:{}", 30)),
    "100,000 layers 45 groups deep": lambda: spec(nested("- a:{}", 45, "100_000 * relu")),
    "a table of 10,000 rows": lambda: spec(
        "  - table:\n      columns: c s\n      layers: conv2d c 3 stride=s padding=1\n      rows:\n"
        + "".join(f"        - {8 + n % 8} 1\n" for n in range(10_000))
    ),
    "10,000 blocks called": lambda: spec("  - 10_000 * b 8", blocks="\n  b c: [conv2d c 3 padding=1, relu]"),
    "nothing but identity": lambda: spec("  - identity"),
    "a BOM": lambda: b"\xef\xbb\xbf" + spec("  - relu").encode(),
    "CRLF": lambda: spec("  - conv2d 8 3,\n      relu\n  - relu").replace("\n", "\r\n"),
    "tabs between words": lambda: spec("  - conv2d\t8\t3"),
    "15 MB of comments": lambda: "# a comment\n" * (15 * 2**20 // 12) + spec("  - relu"),
    "a note of 1 MB": lambda: "note: " + "a b " * 2**18 + "\n" + spec("  - relu"),
    "a name in Chinese": lambda: "name: 神经网络\n" + spec("  - relu"),
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name: str, launch: Launch, tmp_path: Path) -> None:
    """What is large or odd but legal is counted."""
    made = LEGAL[name]()
    (tmp_path / "legal.yaml").write_bytes(made if isinstance(made, bytes) else made.encode())

    check_counted(launch("count", "legal.yaml"))


@pytest.mark.parametrize(
    "layers",
    [
        "  - a: relu\n" + "  - add from a x\n" * 40_000,
        "  - a: batch_norm\n" + "  - batch_norm share=a\n" * 20_000,
        "".join(f"  - a{n}: batch_norm\n  - batch_norm share=a{n}\n" for n in range(10_000)),
        "  - a: relu\n  - keep: from a\n"
        + "".join(f"  - g{n}:\n      - a: tanh\n      - add from a keep\n" for n in range(10_000)),
    ],
    ids=["reads of one layer", "uses of one layer's weights", "shared pairs", "hidden names"],
)
def test_expanded_is_linear(layers: str, launch: Launch, tmp_path: Path) -> None:
    """What is read, shared or named again many times is written out in time that grows with the text."""
    (tmp_path / "spec.yaml").write_text(spec(layers, input="4x2x2"), encoding="utf-8")

    outcome = launch("show", "spec.yaml", "--expanded")

    assert outcome.code == 0
    check_cheap(outcome)


@pytest.mark.parametrize(
    ("command", "layers"),
    [
        ("table", "".join(f"  - a{n}: relu\n" for n in range(30_000))),
        (
            "field",
            "".join(f"  - a{n}: relu\n" for n in range(24))
            + "".join(
                f"  - a{n}: add from {' '.join(f'a{before}' for before in range(n - 24, n))}\n"
                for n in range(24, 8_000)
            ),
        ),
    ],
    ids=["table of named layers", "field of many inputs"],
)
def test_questions_are_linear(command: str, layers: str, launch: Launch, tmp_path: Path) -> None:
    """Rows of a table find their place, and what many inputs see alike is found once."""
    (tmp_path / "spec.yaml").write_text(spec(layers, input="4x8x8"), encoding="utf-8")

    outcome = launch(command, "spec.yaml")

    assert outcome.code == 0, outcome.err[:1000]
    check_cheap(outcome)


def test_a_hostile_spec_is_noticed(launch: Launch, tmp_path: Path) -> None:
    """The checks above can fail."""
    (tmp_path / "legal.yaml").write_text(spec("  - relu"))

    with pytest.raises(AssertionError):
        check_refused(launch("count", "legal.yaml"), "")


# ----------------------------------------------------------------------- legal, and mostly not meant

UNREAD: dict[str, Callable[[int], str]] = {
    "knobs": lambda count: spec("  - relu", knobs=listed(f"k{n}: 1" for n in range(count))),
    "blocks": lambda count: spec("  - relu", blocks=listed(f"b{n}: relu" for n in range(count))),
}


@pytest.mark.parametrize("what", ["knobs", "blocks"])
def test_50_000_unread_names(what: str, launch: Launch, tmp_path: Path) -> None:
    """Nobody reads 50,000 remarks: the first fifty are shown, and the others counted."""
    (tmp_path / "a.yaml").write_text(UNREAD[what](50_000))

    counted, checked = launch("count", "a.yaml"), launch("check", "a.yaml")

    assert (counted.code, checked.code) == (0, 0)
    assert counted.err.count("remark: ") == 50
    assert counted.err.endswith("49,950 more remarks\n")
    assert checked.err.count(f"no{'thing reads' if what == 'knobs' else 'thing calls'} the") == 50
    assert "a.yaml: 49,950 more remarks\n" in checked.err
    for outcome in (counted, checked):
        assert len(outcome.err) < 20_000
        check_cheap(outcome)


def test_names_that_nothing_reads_are_found_in_one_pass(launch: Launch, tmp_path: Path) -> None:
    """50,000 blocks whose parameters nothing reads: each with a place of its own."""
    text = spec("  - relu", blocks=listed(f"b{n} p{n}=1: b{(n + 1) % 50_000}" for n in range(50_000)))
    (tmp_path / "a.yaml").write_text(text)

    outcome = launch("check", "a.yaml")

    assert "a.yaml:4:6: block 'b0' never reads its parameter 'p0'" in outcome.err
    assert "49,950 more remarks" in outcome.err
    check_cheap(outcome)


def test_remarks_stand_apart_from_the_data(launch: Launch) -> None:
    """What is legal and mostly not meant is said on stderr; the numbers are what was written."""
    text = b"input: 3x8x8\nknobs: {n: 2}\nlayers: [b: relu, add from b x]\n"

    done = launch("count", "-", "--format", "csv", stdin=[text])
    checked = launch("check", "-", stdin=[text])

    assert (done.code, checked.code) == (0, 0)
    assert "remark" not in done.out
    assert [line for line in done.err.splitlines() if "remark" in line] == [
        "<stdin>:2:9: remark: nothing reads the knob 'n'",
        "<stdin>:3:19: remark: add reads 'b' twice: x is the incoming tensor, which is b",
    ]
    assert "<stdin>:2:9: nothing reads the knob 'n'" in checked.err
