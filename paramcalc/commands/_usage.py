"""Messages for an invalid command line, with the one that was probably meant.

Loaded only where the framework of the command line refuses something; none of its own words are shown.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault, SpecError, near
from paramcalc.commands._common import ENDINGS

Commands = Mapping[str, Any]  # the framework's commands by their names

# What people call our commands.
COMMANDS = {
    word: command
    for command, words in {
        "count": "params parameters flops macs summary info stats profile calculate calc size analyze layers cost",
        "compare": "diff cmp versus vs delta",
        "explain": "why how derive",
        "formula": "formulas symbolic closed-form",
        "field": "receptive-field receptive rf",
        "memory": "mem ram vram train footprint",
        "verify": "run test forward infer prove",
        "check": "validate lint claims",
        "show": "cat print view spec source expand",
        "sweep": "grid scan search",
        "solve": "find fit optimize optimise budget",
        "list": "ls models zoo",
        "ops": "op operations",
        "table": "family",
        "conventions": "convention tools",
    }.items()
    for word in words.split()
}

# What people call our options; the first of them that the command has is meant.
OPTIONS = {
    word: options.split()
    for words, options in {
        "input-size input-shape input-dims inputs shape size image-size img-size resolution i": "--input",
        "batch-size bs b n": "--batch",
        "out out-file save file to": "--output",
        "level levels max-depth": "--depth",
        "layers all full expand no-fold": "--unfold",
        "column cols col fields show": "--columns --quantity",
        "quantities metric metrics what": "--quantity --columns",
        "sort-by order order-by by": "--sort",
        "tool as like style backend framework": "--convention --why",
        "knob knobs param define override D": "--set",
        "precision type data-type": "--dtype",
        "optimizer optim training": "--train",
        "gpu hardware": "--device",
        "checkpointing": "--checkpoint",
        "weight checkpoint state-dict": "--weights",
        "limit head max-rows": "--top",
        "constraint target subject-to where": "--until",
        "range over": "--vary",
        "variant models": "--variants",
        "in-terms-of symbols": "--in",
        "expected reference": "--expect",
    }.items()
    for word in words.split()
}
LAYERS = ("layer", "layers", "name", "filter", "only", "select")
FEW = 3  # commands that a message names
GENERAL = ("all", "from", "in", "at")  # these mean something else in each command
FORMATS = ("f", "fmt", "output-format", "to-format", "as-format")

# What people call our values, and the endings of files, each of which means its first format.
VALUES = {
    "fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32", "single": "float32",
    "fp64": "float64", "double": "float64", "bf16": "bfloat16", "f16": "float16", "f32": "float32",
    "fp8": "float8",
    "txt": "table", "plain": "table", "md": "markdown", "gfm": "markdown", "js": "javascript", "py": "python",
    **{ending[1:]: form for form, endings in reversed(ENDINGS.items()) for ending in endings if ending != ".txt"},
}  # fmt: skip


def unknown_command(words: Sequence[str], names: Collection[str]) -> Fault:
    """The message for an unknown command, with the line that was probably meant."""
    word, rest = words[0], words[1:]
    form = VALUES.get(word.lower(), word.lower())
    if word == "help":
        fix = _try(*rest[:1], "--help")
    elif word == "version":
        fix = _try("--version")
    elif form in ENDINGS:
        fix = _try("count", *(rest or ["SPEC"]), "--format", form)
    elif word.lower() in COMMANDS:
        fix = _try(COMMANDS[word.lower()], *(rest or ["SPEC"] * (COMMANDS[word.lower()] != "list")))
    elif near(word, names):
        fix = near(word, names)
    elif _network(word):
        fix = _try("count", *words)
    else:
        fix = f"commands are {', '.join(names)}"
    return Fault(f"there is no command '{word}'", fix=fix)


def refused(error: Any, words: Sequence[str], commands: Callable[[], Commands]) -> Fault:
    """The message for a command line that Typer refuses."""
    every = commands()
    name = next((word for word in words if word in every), "")
    kind = type(error).__name__
    param = getattr(error, "param", None)
    if kind == "NoSuchOption":
        return _no_option(error.option_name, name, words, every)
    if kind == "BadOptionUsage" and name:
        return _bad_usage(error.option_name, every[name])
    if kind == "MissingParameter" and param is not None and name:
        return _missing(param, every[name])
    if kind == "BadParameter" and param is not None:
        return _bad_value(param, words) or Fault(error.format_message())
    return Fault(error.format_message())


def surplus(command: Any, extra: Sequence[str], given: Mapping[str, Any]) -> Fault:
    """The message for surplus arguments, which says where they belong."""
    word, options = extra[0], _options(command)
    takes = [_metavar(param) for param in command.params if param.param_type_name == "argument"]
    spec = given.get("spec") or "SPEC"
    if "=" in word and "--set" in options:
        fix = f"write --set {shlex.quote(word)}"
    elif word in _conventions():
        fix = _try("count", spec, "--convention", word)
    elif _network(word):
        fix = _try("compare", spec, *extra)
    elif takes:
        fix = _try("explain", spec, *extra)
    else:
        fix = _options_of(command.name)
    what = f"takes only {' '.join(takes)}" if takes else "takes no arguments"
    return Fault(f"{command.name} {what}: '{word}' is one too many", fix=fix)


# ------------------------------------------------------------------------------------------- options


def _no_option(option: str, name: str, words: Sequence[str], every: Commands) -> Fault:
    if not name:
        fix = near(option, ["--help", "--version"]) or f"options follow a command: {', '.join(every)}"
        return Fault(f"there is no option '{option}' without a command", fix=fix)
    value = _value(words, option)
    if option in _options(every[name]):
        here = words.index(name)
        fix = f"options follow the command: {_try(*words[here:], *words[:here])}"
        return Fault(f"{option} before the command", fix=fix)
    fix = _meant(option.lstrip("-"), value, name, words, every)
    return Fault(f"{name} has no option '{option}'", fix=fix)


def _meant(word: str, value: str, name: str, words: Sequence[str], every: Commands) -> str:
    """The option that was probably meant, as it is written."""
    command = every[name]
    options = _options(command)
    form = VALUES.get(value, value) if word in FORMATS else VALUES.get(word, word)
    if form in ENDINGS or word in (*FORMATS, "format"):
        return _format(form, command, every)
    if word in LAYERS and _takes_layers(command):
        return f"layers follow the network: {_try(name, _model(words), value or 'LAYER')}"
    target = next((option for option in OPTIONS.get(word, ()) if option in options), "")
    if target:
        return f"write {_written(options[target], target, value)}"
    if name == "sweep" and word in ("vary", "range", "over", "axis"):
        return f"write {value or 'NAME=VALUES'} after the SPEC"
    if (knob := word.replace("-", "_")) in _knobs(words):
        return f"'{knob}' is a knob: {_setting(command, knob, value)}"
    if (of := re.fullmatch(r"max-(\w+)", word)) and "--until" in options:
        return f"write --until '{of[1]} <= {value or 'NUMBER'}'"
    alike = re.sub(
        r"'(?=\w)", "'--", near(word, ["help", *(one[2:] for one in options if one.startswith("--"))])
    )
    owners = [other for other, one in every.items() if f"--{word}" in _options(one)]
    if 0 < len(owners) <= FEW and word not in GENERAL:
        return f"{', '.join(owners)} {'has' if len(owners) == 1 else 'have'} --{word}"
    return alike or _options_of(name)


def _setting(command: Any, knob: str, value: str) -> str:
    """How a command takes a value of a knob."""
    options = _options(command)
    if command.name == "sweep":
        return f"write {knob}={value or 'VALUES'} after the SPEC"
    if "--vary" in options:
        return f"write --vary {knob}{f'={value}' if ':' in value else ''}"
    return f"write --set {knob}={value or 'VALUE'}"


def _written(param: Any, option: str, value: str) -> str:
    """An option with its value."""
    if getattr(param, "is_flag", False):
        return option
    if option == "--input" and re.fullmatch(r"[\[(]?\d+(\D+\d+)*[\])]?", value):
        return f"--input {'x'.join(re.findall('[0-9]+', value))}"
    value = VALUES.get(value, value) if _choices(param) else value
    return f"{option} {value or _metavar(param)}"


def _format(form: str, command: Any, every: Commands) -> str:
    param = _options(command).get("--format")
    choices = _choices(param) if param is not None else ()
    if form in choices:
        return f"write --format {form}"
    if choices:
        return f"its formats are {', '.join(choices)}"
    shown = [
        name
        for name in ("count", "explain", "formula")
        if form in _choices(_options(every[name])["--format"])
    ]
    return f"it has one format: {_try(shown[0], 'SPEC', '--format', form)}" if shown else "it has one format"


def _bad_usage(option: str, command: Any) -> Fault:
    """An option without its value, or a flag with one."""
    param = _options(command)[option]
    if param.is_flag:
        return Fault(f"{option} takes no value", fix=f"write {option} alone")
    return Fault(f"{option} needs a value", fix=f"{option} {_metavar(param)}: {param.help}")


def _missing(param: Any, command: Any) -> Fault:
    if param.param_type_name == "option":
        names = f"{param.opts[0]} {_metavar(param)}"
        fact = f"{command.name} needs {param.opts[0]}"
    else:
        names = _metavar(param)
        fact = f"{command.name} needs {names}"
    example = re.search(r"Example: (paramcalc .*)", command.help or "")
    return Fault(fact, expected=f"{names}: {param.help}", fix=f"try {example[1].strip()}" if example else "")


def _bad_value(param: Any, words: Sequence[str]) -> Fault | None:
    """The message for a value that is not one of an option's choices, or not a number."""
    option, value = next(
        ((option, found) for option in param.opts if (found := _value(words, option))), (param.opts[0], "")
    )
    choices = _choices(param)
    if choices:
        meant = VALUES.get(value.lower(), "")
        fix = f"write {option} {meant}" if meant in choices else near(value, choices)
        return Fault(f"{option} cannot be '{value}'", fix=fix or f"write one of {', '.join(choices)}")
    lowest = getattr(param.type, "min", None)
    if lowest is not None:
        return Fault(f"{option} cannot be '{value}'", fix=f"write a whole number from {lowest}")
    return None


# --------------------------------------------------------------------------------------------- facts


def _try(*words: str) -> str:
    return f"try {shlex.join(['paramcalc', *words])}"


def _options(command: Any) -> dict[str, Any]:
    """The options of a command by their names."""
    own = [param for param in command.params if param.param_type_name == "option"]
    return {name: param for param in own for name in (*param.opts, *param.secondary_opts)}


def _choices(param: Any) -> tuple[str, ...]:
    return tuple(str(choice) for choice in getattr(param.type, "choices", ()))


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _takes_layers(command: Any) -> bool:
    """Whether layers follow the SPEC of a command."""
    return any(param.param_type_name == "argument" and param.name in LAYERS for param in command.params)


def _options_of(name: str) -> str:
    return f"'paramcalc {name} --help' lists its options"


def _value(words: Sequence[str], option: str) -> str:
    """The value of an option on the command line."""
    for place, word in enumerate(words):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option:
            return next(
                (after for after in words[place + 1 : place + 2] if not re.match("-[^0-9]", after)), ""
            )
        if len(option) == 2 and option[0] == "-" and word.startswith(option):
            return word[2:]
    return ""


def _network(word: str) -> Any:
    """The spec that a word means, or None."""
    from paramcalc.engine import library

    try:
        return library.find(word).spec
    except (Fault, SpecError):
        return None


def _model(words: Sequence[str]) -> str:
    """The network that a command line names."""
    return next((word for word in words[1:] if word[:1] != "-" and _network(word)), "SPEC")


def _knobs(words: Sequence[str]) -> Collection[str]:
    spec = _network(_model(words))
    return spec.knobs.keys() if spec else ()


def _conventions() -> Collection[str]:
    from paramcalc.conventions import CONVENTIONS

    return CONVENTIONS
