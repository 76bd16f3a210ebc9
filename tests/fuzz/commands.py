"""Random commands: every command that there is, each option now and then, with values that fit the text or do not.

Which commands and options exist, and what an option chooses from, is read off the command line itself: one that is
new is tried without a change here, with values of any kind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import typer

from paramcalc import cli, conventions
from paramcalc.commands._common import ENDINGS
from paramcalc.count.report import QUANTITIES

NAME, OTHER = "fuzz.yaml", "other.yaml"
LEFT_OUT = {"--help", "--all", "--cluster", "--jobs", "--threads", "--picture"}
_HOSTILE = """= x , ** [ ( -1 1e400 nan 1/0 ::error::y ##[error]c \u202ed \x1b[31m \udcff é=ü ../x <b>
    __import__ 9**9**9 {} ~"""
_SIZES = "8 3x16x16 1x1x1 4x9x7 0x0 3x224x224 input=3x8x8 2x5x6x4"
_CALLS = "relu|identity|linear 3|conv2d 4 3 padding=1|conv2d 2 1, relu|unit|batch_norm|flatten"
HOSTILE = ("", "a\n::error::b", "9" * 40, *_HOSTILE.split())
NUMBERS = (*"01237", "-1", "x", "1000000", "9" * 20)
SIZES, CALLS = ("{length: 7}", "3 x s x s", *_SIZES.split()), _CALLS.split("|")
SMALL_ONLY = ("--batch", "--input", "--set", "--replace")  # what makes a network larger than the text's own


class Known(NamedTuple):
    """What a network has, by name: options are about this."""

    layers: tuple[str, ...]
    knobs: tuple[str, ...]
    attributes: tuple[str, ...]
    inputs: tuple[str, ...]


NOTHING = Known(("a",), (), (), ("input",))


def known(counted: dict[str, Any]) -> Known:
    """The names of a network from the JSON of its count."""
    layers = counted["layers"]
    attributes = {f"{one['path']}.{name}" for one in layers[:9] for name in one["attributes"]}
    paths = (*dict.fromkeys(chain.from_iterable(_prefixes(one["path"]) for one in layers[:20])), "*", "**")
    return Known(paths, (*counted["knobs"],), (*sorted(attributes),), (*counted["input"],))


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


@cache
def surface() -> dict[str, list[Any]]:
    """The parameters of every command."""
    group: Any = typer.main.get_command(cli.application([]))
    return {name: command.params for name, command in group.commands.items()}


def commands(chance: random.Random, about: Known, small: bool) -> Iterator[tuple[str, ...]]:
    """Commands without end; those that run the network only where it is small."""
    names = [name for name in surface() if name not in ("lsp", "serve") and (small or name != "verify")]
    while True:
        name = chance.choice(names)
        words: list[str] = [name]
        for parameter in surface()[name]:
            words += _argument(chance, about, name, parameter)
        yield tuple(words)


def _argument(chance: random.Random, about: Known, command: str, parameter: Any) -> list[str]:
    """The words that give one parameter, most often none."""
    if parameter.param_type_name == "argument":
        return _positional(chance, about, command, parameter.name)
    option = parameter.opts[0]
    wanted = 0.95 if (command, option) in (("solve", "--vary"), ("solve", "--until")) else 0.12
    if chance.random() > wanted or option in LEFT_OUT or (command == "verify" and option in SMALL_ONLY):
        return []
    if parameter.is_flag:
        return [option]
    choices = getattr(parameter.type, "choices", None)
    times = chance.choice((1, 1, 2)) if parameter.multiple else 1
    return [f"{option}={_value(chance, about, option, choices)}" for _ in range(times)]


def _positional(chance: random.Random, about: Known, command: str, name: str) -> list[str]:
    match name:
        case "spec":
            return [NAME]
        case "specs" if command == "verify":
            return [NAME]
        case "specs":
            return [NAME, *chance.choice(((), (NAME,), (OTHER,), (OTHER, NAME)))]
        case "axes":
            return [_axis(chance, about) for _ in range(chance.choice((1, 1, 2)))]
        case "layers" | "layer":
            return [chance.choice(about.layers)] if chance.random() < 0.4 else []
        case _:
            return (
                [chance.choice((".", "x", "conv2d", "resnet", *HOSTILE[2:]))] if chance.random() < 0.7 else []
            )


def _value(chance: random.Random, about: Known, option: str, choices: Any) -> str:
    """The value of an option, one time in eight one that nobody expects."""
    if chance.random() < 0.12:
        return chance.choice(HOSTILE)
    if choices:
        return str(chance.choice(list(choices)))
    quantities = ",".join(chance.sample([*QUANTITIES], chance.choice((1, 1, 3))))
    layer, knob = chance.choice(about.layers), chance.choice((*about.knobs, "width"))
    number = chance.choice(NUMBERS)
    match option:
        case "--set" | "--versus":
            name = chance.choice((knob, knob, *about.attributes[:4], f"{layer}.out_channels", "input"))
            return f"{name}={chance.choice((number, 'true', '[1, 2]', '1/2', 'width', *HOSTILE))}"
        case "--input":
            return chance.choice((*SIZES, f"{chance.choice(about.inputs)}={chance.choice(SIZES)}"))
        case "--replace":
            return f"{layer}={chance.choice((*CALLS, *HOSTILE))}"
        case "--output":
            ending = chance.choice([*chain.from_iterable(ENDINGS.values()), ".pdf", ""])
            return f"{chance.choice(('out', 'none/out', 'a b', '::x'))}{ending}"
        case "--columns":
            return f"{quantities},{chance.choice(('op', 'output,field,jump', 'share', 'weights,start'))}"
        case "--sort" | "--quantity" | "--max" | "--min" | "--pareto" | "--in":
            return chance.choice((quantities, quantities.split(",")[0], knob, "H,W", "h,batch", "all"))
        case "--convention" | "--why":
            return chance.choice([*conventions.CONVENTIONS])
        case "--vary":
            return _axis(chance, about)
        case "--until":
            sign = chance.choice(("<=", ">=", "==", "<", "!="))
            return (
                f"{quantities.split(',')[0]} {sign} {chance.choice((number, '20K', '1e5', '0.3M', 'params'))}"
            )
        case "--train":
            return chance.choice(("sgd", "momentum", "adam", "adamw", "lion"))
        case "--device":
            return chance.choice(("t4", "v100", "a100-40gb", "h100", "tpu-v4", "a100"))
        case "--plugin":
            return "plugin.py"
        case "--at" | "--from":
            return chance.choice(("0,0", "1,1", "0", number, f"{number},{number}"))
        case _:
            return chance.choice((*NUMBERS, layer, "all", *HOSTILE))


def _axis(chance: random.Random, about: Known) -> str:
    name = chance.choice((*about.knobs, *about.knobs, "width", "input", "batch", *about.attributes[:3]))
    values = (
        "1:4",
        "2:9:3",
        "1,2,3",
        "0.25,0.5,1",
        "0:1:1/4",
        "4:1",
        "1:3:0",
        "8",
        "x",
        "true,false",
        *HOSTILE,
    )
    return chance.choice((f"{name}={chance.choice(values)}", f"{name}=1:3", f"{name}=1:3"))
