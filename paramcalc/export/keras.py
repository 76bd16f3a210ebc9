"""A network as source of Keras, in its functional style: groups are functions, repeats loops, layers named by path."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS
from paramcalc.count.report import Report
from paramcalc.engine.graph import Graph
from paramcalc.export.classes import Form, Forms, Part, identifier, unique
from paramcalc.export.keras_layers import last, use
from paramcalc.export.pytorch import INDENT, folded, type_of
from paramcalc.export.tree import tree

MODULES = Path(__file__).with_name("keras_modules.txt")


def document(report: Report) -> str:
    """The source, with a first line that says what it is."""
    sizes = " and ".join("x".join(map(str, last(shape))) for shape in report.graph.inputs.values())
    name = re.sub(r"[^\w.-]", "_", report.graph.model)
    totals = f"{report.params:,} params, {report.macs:,} MACs for an input of {sizes}"
    return keras(report.graph, f"{name}, written by paramcalc: {totals}, channels last.")


def keras(graph: Graph, head: str = "") -> str:
    """The text of a module whose function `network` makes the model."""
    return _Writer(graph).text(head)


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        for layer in graph.layers:
            if layer.shared and not layer.auxiliary and layer.applied.weights:
                raise Fault(f"{layer.path}: shared weights have no counterpart in Keras here")
            try:
                use(layer.applied)
            except Fault as fault:
                if layer.auxiliary:
                    continue
                fault.fact = f"{layer.path}: {fault.fact}"
                raise
        self.forms = Forms(tree(graph), use)
        taken = {"network", "keras", "layers", "ops", *_texts()}
        for form in self.forms.all:
            words = [word for word in form.group.path.split("/") if not word.isdecimal()]
            name = form.group.block or "_".join(words[-2:]) or "network"
            form.name = unique(identifier(name), taken if form is not self.forms.root else set())

    def text(self, head: str) -> str:
        body = "\n\n\n".join("\n".join(self.function(form)) for form in self.forms.all)
        texts = _texts()
        wanted = [name for name in texts if re.search(rf"\b{name}\(", body)]
        wanted = [
            name for name in texts if name in wanted or any(f"({name})" in texts[one] for one in wanted)
        ]
        whole = "\n\n\n".join([*(texts[name] for name in wanted), body])
        lines = [f'"""{head}"""', ""] if head else []
        used = [name for name in ("layers", "ops") if re.search(rf"\b{name}\.", whole)]
        lines += ["import keras", f"from keras import {', '.join(used)}" if used else ""]
        return "\n".join(lines).rstrip() + f"\n\n\n{whole}\n"

    def function(self, form: Form) -> Iterator[str]:
        is_root = form is self.forms.root
        taken = {"name", "layers", "ops", "keras", *(one.name for one in self.forms.all)}
        inputs = []
        for place, value in enumerate(form.group.inputs):
            words = [word for word in self.graph.name(value).split("/") if not word.isdecimal()]
            inputs.append(unique("x" if place == 0 or not words else identifier(words[-1]), taken))
        given = [f"{name}: {type_of(form, place)}" for name, place in form.parameters]
        taken |= {name for name, _ in form.parameters}
        if is_root:
            yield "def network() -> keras.Model:"
            for name, (title, shape) in zip(inputs, self.graph.inputs.items(), strict=True):
                kind = "" if CHANNELS in shape.axes else ', dtype="int32"'
                yield f'{INDENT}{name} = keras.Input({last(shape)!r}, name="{title}"{kind})'
            yield f"{INDENT}inputs = [{', '.join(inputs)}]"
            taken.add("inputs")
        else:
            yield from folded(f"def {form.name}({', '.join([*inputs, *given, 'name: str'])}):")
        names: dict[tuple[int, int], str] = {(-1, place): name for place, name in enumerate(inputs)}
        reads = {read: number for number, part in enumerate(form.parts) for read in part.reads}
        reads |= dict.fromkeys(form.results, len(form.parts))
        values, number = form.values(), 0
        for run in self.runs(form, values):
            count = len(run)
            if count > 1:
                x = names[run[0].reads[0]]
                yield f"{INDENT}for index in range({f'{number}, {number + count}' if number else count}):"
                free = reads[run[0].reads[0]] == number
                target = x if free else unique("x", taken)
                if not free:
                    yield f"{INDENT * 2}{target} = {x} if index == {number} else {target}"
                given_others = [names[read] for read in run[0].reads[1:]]
                for line in self.calls(run[0], [target, *given_others], target, values, "index", is_root):
                    yield from (INDENT * 2 + text for text in folded(line))
                names[number + count - 1, 0] = target
                number += count
                continue
            (part,) = run
            read = [names[one] for one in part.reads]
            free_names = [name for one, name in zip(part.reads, read, strict=True) if reads[one] == number]
            taken -= {*free_names}
            targets = []
            for place in range(part.gives):
                reused = "x" if "x" not in taken else free_names[0] if free_names and part.gives == 1 else ""
                own = f"x_{part.name}" if part.name.isdecimal() else part.name
                targets.append(unique(reused or identifier(own), taken))
                names[number, place], free_names = targets[-1], []
            for line in self.calls(part, read, ", ".join(targets), values, part.name, is_root):
                yield from (INDENT + text for text in folded(line))
            number += 1
        results = ", ".join(names[one] for one in form.results)
        yield f"{INDENT}return {f'keras.Model(inputs, [{results}])' if is_root else results}"

    def runs(self, form: Form, values: Sequence[str]) -> Iterator[list[Part]]:
        """Parts one by one; rounds that are made alike, and read one another, together."""
        if not form.group.numbered:
            yield from ([part] for part in form.parts)
            return

        def made(pair: tuple[int, Part]) -> object:
            number, part = pair
            before = (number - 1, 0) if number else (-1, 0)
            is_next = (
                part.reads[:1] == (before,)
                and part.gives == 1
                and all(one[0] == -1 for one in part.reads[1:])
            )
            own = tuple(values[part.first : part.first + part.size])
            return (id(part.what) if isinstance(part.what, Form) else part.what.steps and "leaf", own, part.reads[1:],
                    is_next or number)  # fmt: skip

        for _, run in groupby(enumerate(form.parts), made):
            yield [part for _, part in run]

    def calls(
        self, part: Part, read: list[str], target: str, values: Sequence[str], word: str, is_root: bool
    ) -> Iterator[str]:
        """The statements that a part is: a call of its function, or of each of its layers."""
        own = list(values[part.first : part.first + part.size])
        loop = word == "index"
        name = f'"{word}"' if is_root and not loop else 'f"{name}_{index}"' if loop else f'f"{{name}}_{word}"'
        name = 'f"{index}"' if is_root and loop else name
        if isinstance(part.what, Form):
            given = [own[place] for _, place in part.what.parameters]
            yield f"{target} = {part.what.name}({', '.join([*read, *given, f'name={name}'])})"
            return
        if part.what.expression:
            found = part.what.expression.format(*read, all=", ".join(read))
            if found != target:
                yield f"{target} = {found}"
            return
        text = read[0] if len(read) == 1 else f"[{', '.join(read)}]"
        for step in part.what.steps:
            texts, own = own[: len(step.arguments)], own[len(step.arguments) :]
            shown = [
                one
                if not isinstance(argument.default, int | float | str | tuple | None)
                else f"{argument.name}={one}"
                for argument, one in zip(step.arguments, texts, strict=True)
                if one != repr(argument.default)
            ]
            called = f'{name[:-1]}_{step.word}"' if step.word else name
            yield f"{target} = {step.kind}({', '.join([*shown, f'name={called}'])})({text})"
            text = target


def _texts() -> dict[str, str]:
    """The classes and functions of `keras_modules.txt` by name."""
    text = MODULES.read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {node.name: ast.get_source_segment(text, node) or "" for node in found}
