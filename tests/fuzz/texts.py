"""Random texts: mutants of the bundled specs, networks of all ops, expressions at every place that takes one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from paramcalc import ops
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.count.report import QUANTITIES
from paramcalc.engine.elaborate import Settings, elaborate
from paramcalc.engine.library import bundled_files, from_text

WORD = re.compile(r"[\w.*/+-]+|[^\w\s]|\n|[ ]+")
_ODD = (
    "0 -1 1 2 3 1/3 0.5 1e9 18446744073709551616 true [] () '' x [1,2] channels x.length null ~ !!str &a *a"
)
ODD = (*_ODD.split(), *":-{}[]#|é\u202e", "##[error]x", "::error::x")
# Names as they stand in a text. A runner of GitHub, a terminal, HTML or Markdown may take them for more.
NAMES = (
    "'::error::x'",
    '"a\\n::stop-commands::x"',
    "'##[error]x'",
    "'<b>x</b>'",
    "'a|b`c'",
    "größe",
)
NAMES += ("'x:y'", "'='", "'=1+1'", "' '", "'a/b'", "'*'", "'\\textbf{x}'", "layers")


def mutants(chance: random.Random) -> Iterator[str]:
    """Bundled specs with some words changed, lines moved, and numbers made odd; claims and variants too."""
    texts = [path.read_text(encoding="utf-8") for path in bundled_files()]
    texts = [text for text in texts if len(text) < 12_000]
    pool = sorted({word for text in texts for word in WORD.findall(text)})
    while True:
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            text = chance.choice((_word, _word, _number, _line))(chance, text, pool)
        yield text


def _word(chance: random.Random, text: str, pool: list[str]) -> str:
    words = WORD.findall(text)
    place = chance.randrange(len(words))
    other = chance.choice((chance.choice(pool), chance.choice(ODD), chance.choice(NAMES)))
    words[place : place + chance.choice((0, 1, 1, 2))] = [other]
    return "".join(words)


def _number(chance: random.Random, text: str, pool: list[str]) -> str:
    numbers = list(re.finditer(r"\b\d+\b", text))
    if not numbers:
        return text
    one = chance.choice(numbers)
    return text[: one.start()] + chance.choice(ODD) + text[one.end() :]


def _line(chance: random.Random, text: str, pool: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    place, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(other, lines[place])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            lines[place] = "  " + lines[place] if chance.random() < 0.5 else lines[place].replace("  ", "", 1)
    return "".join(lines)


INPUTS = ("3x16x16", "4x9x7", "1x1x1", "8", "6x12", "2x5x6x4", "{length: 6, channels: 8}", "{length: 7}")
INPUTS += ("{channels: 3, height: 9}", "width x 8 x 8", "3 x size x size")


def networks(chance: random.Random) -> Iterator[str]:
    """Networks of all ops: blocks, repeats, joins, knobs, variants, claims, shared and frozen layers."""
    examples = [example.call for op in ops.every().values() for example in op.examples]
    while True:
        lines = [*_head(chance), "blocks:", "  unit out=width:"]
        long = chance.random() < 0.2
        lines += (
            [f"    outputs: {chance.choice(('{end: x}', 'relu', '[linear, x]'))}", "    layers:"]
            if long
            else []
        )
        lines += [f"    {'  ' * long}- {line}" for line in _calls(chance, examples, 2)]
        lines += ["layers:", *_items(chance, examples, "  ", 2), *_claims(chance)]
        text = "\n".join(lines) + "\n"
        yield text if chance.random() < 0.2 else _mended(text)


def _mended(text: str) -> str:
    """The text without the lines that are wrong, where that makes a network soon."""
    for _ in range(12):
        try:
            elaborate(from_text(Source("fuzz.yaml", text)), Settings())
            break
        except SpecError as error:
            start = error.problems[0].start
            text = text[: text.rfind("\n", 0, start) + 1] + text[text.find("\n", start) + 1 :]
        except Fault:
            break
    return text


def _head(chance: random.Random) -> list[str]:
    """Everything before the blocks."""
    name = chance.choice(NAMES)
    odd = chance.random() < 0.3
    lines = [f"name: {name}", f"source: {chance.choice(NAMES)}"] if odd else []
    other = chance.choice((*"bcd" * 9, *NAMES))
    inputs = f"inputs: {{input: {chance.choice(INPUTS)}, {other}: {chance.choice(INPUTS)}}}"
    lines.append(inputs if chance.random() < 0.1 else f"input: {chance.choice(INPUTS)}")
    size = f"{chance.choice(NAMES)}: 3" if chance.random() < 0.03 else "size: 12"
    lines.append(f"knobs: {{width: {chance.choice((1, 2, 4, 8))}, {size}}}")
    if chance.random() < 0.4:
        lines += ["variants:", f"  a: {{width: {chance.choice((2, 3, 'x', 0))}}}"]
        lines += [f"  {chance.choice((*NAMES, *'bcd' * 9))}: {{like: a, size: {chance.choice((8, 12, -1))}}}"]
    return lines + (["use: lenet5-1998"] if chance.random() < 0.02 else [])


def _claims(chance: random.Random) -> list[str]:
    """Figures that are mostly not met, and verdicts that do not fit them."""
    lines = ["claims:"]
    for about in chance.sample(("fuzz", "a", "b", *NAMES), chance.randrange(4)):
        figure = chance.choice(
            ("0", "1.2K", "3M", "5e3", "1e400", "-1", "x", "'<= 20K'", "12.50", "[1, 2]", "1Ki")
        )
        more = chance.choice(
            ("", f", source: {chance.choice(NAMES)}", f", unresolved: {chance.choice(NAMES)}")
        )
        more += chance.choice(
            ("", "", ", within: 5%", f", layer: {chance.choice(('n0', *NAMES))}", ", batch: 2")
        )
        lines.append(f"  {about}: [{{{chance.choice((*QUANTITIES, 'output', 'depth'))}: {figure}{more}}}]")
    return lines if len(lines) > 1 else []


def _calls(chance: random.Random, examples: list[str], most: int) -> list[str]:
    usual = ("conv2d width 3 padding=1", "linear width", "relu", "conv2d width 3 stride=2")
    calls = []
    for _ in range(chance.randint(1, most)):
        call = chance.choice((chance.choice(examples), *usual))
        if chance.random() < 0.2:
            odd = chance.choice((*ODD[:7], "width"))
            call = re.sub(r"\b\d+\b", odd, call, count=1)
        calls.append(call)
    return calls


def _items(chance: random.Random, examples: list[str], indent: str, depth: int) -> list[str]:
    lines: list[str] = []
    names: list[str] = []
    for number in range(chance.randint(1, 4)):
        name = chance.choice(NAMES) if chance.random() < 0.03 else f"n{number}"
        kind = chance.randrange(10 if depth else 4)
        inside = indent + "    "
        call = f"unit {chance.choice(('', '3', 'out=2*width'))}"
        call = chance.choice((", ".join(_calls(chance, examples, 3)), call))
        if kind == 0 and names:
            join = chance.choice(("add", "concat", "multiply", "matmul"))
            lines.append(f"{indent}- {name}: {join} from {' '.join(names[-2:])}")
        elif kind <= 3:
            shared = f" share={chance.choice(names)}" if names and chance.random() < 0.1 else ""
            frozen = " frozen=true" if chance.random() < 0.1 else ""
            lines.append(f"{indent}- {name}: {call}{shared}{frozen}")
        elif kind == 4:
            lines.append(f"{indent}- {name}: {chance.choice(('0', '1', '3', 'width'))} * {call}")
        elif kind == 5:
            lines += [f"{indent}- {name}:", f"{inside}repeat: {chance.choice((0, 1, 2, 3, 'width'))}"]
            lines += [f"{inside}layers:", *_items(chance, examples, inside + "  ", depth - 1)]
            if chance.random() < 0.4:
                read = chance.choice((f"{name}[*]", f"{name}[*]", f"x {name}[*]", f"{name}[*]/n0 {name}[*]"))
                lines.append(f"{indent}- {chance.choice(('add', 'concat', 'concat', 'matmul'))} from {read}")
        elif kind == 6:
            lines += [f"{indent}- {chance.choice(('add', 'concat', 'multiply'))}:", f"{inside}main:"]
            lines += [*_items(chance, examples, inside + "  ", depth - 1), f"{inside}skip: identity"]
        elif kind == 7:
            lines += [f"{indent}- auxiliary:", f"{inside}{name}:"]
            lines += _items(chance, examples, inside + "  ", depth - 1)
        elif kind == 8:
            stored, active = chance.choice(("1", "3", "width")), chance.choice(("1", "1", "2", "width"))
            lines += [f"{indent}- {name}:", f"{inside}experts:", f"{inside}  mixture: {stored}"]
            lines += [
                f"{inside}  active: {active}",
                f"{inside}  router: linear mixture",
                f"{inside}  layers:",
            ]
            lines += _items(chance, examples, inside + "    ", depth - 1)
        else:
            lines += [f"{indent}- {name}:", *_items(chance, examples, inside, depth - 1)]
        names.append(name)
    return lines


_FUNCTIONS = "abs min max round floor ceil len sum divisible sqrt log2 range"
_OPERATORS = "+ - * / // % ** == != < >= and or in"
FUNCTIONS, OPERATORS = _FUNCTIONS.split(), _OPERATORS.split()
LEAVES = (
    *ODD[:8],
    *ODD[9:14],
    *"1234",
    "width",
    "width",
    "depth",
    "depth",
    "word",
    "flag",
    "sizes",
    "channels",
    "i",
    "x.height",
    "nothing",
)
PLACES = ("- linear {}", "- conv2d 4 3 padding={}", "- a: {{repeat: {}, layers: relu}}", "- conv2d 4 {}")
PLACES += ("- {{if: '{}', then: relu, else: tanh}}", "- unit {}", "- relu\n  - dropout {}", "- {} * relu")


def expressions(chance: random.Random) -> Iterator[str]:
    """One line with a random expression at each place that takes one."""
    while True:
        value, knob = _expression(chance, 3), chance.choice(("2", "2", "width // 2", _expression(chance, 1)))
        value = value if chance.random() < 0.3 else f"({value})"
        place = chance.choice(PLACES).format(value)
        yield (
            f'input: 4x9x9\nknobs: {{width: 6, depth: "{knob}", word: relu, flag: true, sizes: [1, 2, 3]}}\n'
            f"blocks:\n  unit n: linear n\nlayers:\n  {place}\n"
        )


def _expression(chance: random.Random, depth: int) -> str:
    if not depth or chance.random() < 0.2:
        return chance.choice(LEAVES)
    one, two, three = (_expression(chance, depth - 1) for _ in range(3))
    shapes = (
        f"{one} {chance.choice(OPERATORS)} {two}",
        f"({one})",
        f"{chance.choice(FUNCTIONS)}({', '.join((one, two, three)[: chance.randrange(4)])})",
        f"{one} if {two} else {three}",
        f"[{one}, {two}]",
        f"{one}[{two}]",
        f"-{one}",
        f"not {one}",
    )
    return chance.choice(shapes)


TEXTS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "mutants": mutants,
    "networks": networks,
    "expressions": expressions,
}
