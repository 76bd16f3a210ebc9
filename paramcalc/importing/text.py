"""Items and blocks as the text of a spec: names where they are needed, calls on lines, runs as repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from paramcalc import ops
from paramcalc.base.shape import Shape
from paramcalc.importing.blocks import MAIN, Block
from paramcalc.importing.defaults import defaults, same
from paramcalc.importing.names import branch_name, shown, snake, tidy, unique
from paramcalc.importing.rounds import period
from paramcalc.importing.tree import Auxiliary, Group, Item, Join, Leaf, Optional, leaves, value_of
from paramcalc.importing.words import CONTAINERS, is_generic
from paramcalc.language.writer import shape_text
from paramcalc.ops.attributes import attributes

WIDTH = 100
LONGEST_PERIODIC = 200  # rounds in which two values may alternate
INDENT = "  "
EMPTY = frozenset({"model", "transformer", "base_model", "backbone", "net", "module"})  # names of the whole


@dataclass
class Scope:
    """The names in one group: those given, and the values that they mean."""

    taken: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)  # of branches of joins without a name
    values: dict[int, str] = field(default_factory=dict)  # a value, by its path from here
    numbers: dict[str, int] = field(default_factory=dict)  # up to which names with a number are taken

    def has(self, name: str) -> bool:
        return name in self.taken or name in self.labels

    def free(self, name: str, blocks: Collection[str] = ()) -> str:
        """The name, or with the lowest number with which it is free here, and is no block's."""
        found, number = name, self.numbers.get(name, 2)
        while self.has(found) or found in blocks:
            found, number = f"{name}_{number}", number + 1
        self.numbers[name] = max(2, number - 1)  # names are only added: no lower number is free again
        return found


def spec_text(
    name: str,
    note: str,
    inputs: Mapping[str, Shape],
    outputs: Sequence[int],
    items: list[Item],
    blocks: list[Block],
    claims: Sequence[str] = (),
) -> str:
    """The text of a whole spec."""
    return _Text(inputs, items, blocks).spec(name, note, outputs, claims)


class _Text:
    def __init__(self, inputs: Mapping[str, Shape], items: list[Item], blocks: list[Block]) -> None:
        self.inputs = inputs
        self.items = items
        self.blocks = {block.name: block for block in blocks}
        bodies = [items, *(block.body for block in blocks)]
        self.defaults = defaults([leaf for body in bodies for leaf in calls(body)])
        self.referenced: set[int] = set()
        self.labels: set[str] = set()  # of all branches so far
        self.label = ""  # of the branch that is being written

    def spec(self, name: str, note: str, outputs: Sequence[int], claims: Sequence[str]) -> str:
        names = dict(enumerate(self.inputs))
        lines = [f"name: {name}"] + ([f"note: {note}"] if note else [])
        lines += self.input_lines()
        end = value_of(self.items[-1]) if self.items else 0
        needed = set(outputs) if tuple(outputs) != (end,) else set()
        for block in self.blocks.values():
            self.mark(block.body, entering(block.body))
        self.mark(self.items, 0 if len(self.inputs) == 1 else None)
        self.referenced |= needed
        scopes = [Scope(set(self.inputs), values=names)]
        block_lines: list[str] = []
        for block in self.blocks.values():
            block_lines += self.block(block)
        body = self.chain(self.items, 0 if len(self.inputs) == 1 else None, scopes, INDENT)
        if needed:
            refs = ", ".join(self.reference(value, scopes) for value in outputs)
            lines.append(f"outputs: [{refs}]")
        if self.defaults:
            given = ", ".join(
                f"{op}: {' '.join(f'{key}={shown(value)}' for key, value in settings.items())}"
                for op, settings in self.defaults.items()
            )
            lines.append(f"defaults: {{{given}}}")
        if block_lines:
            lines += ["blocks:", *block_lines]
        lines += ["layers:", *body] if body else ["layers: identity"]
        lines += claims
        return "\n".join(lines) + "\n"

    def input_lines(self) -> list[str]:
        if [*self.inputs] == ["input"]:
            return [f"input: {shape_text(self.inputs['input'])}"]
        return ["inputs:", *(f"{INDENT}{name}: {shape_text(shape)}" for name, shape in self.inputs.items())]

    # -------------------------------------------------------------------------------- references

    def mark(self, items: Sequence[Item], current: int | None) -> int | None:
        """Finds the values that something reads though they do not stand before it."""
        for item in items:
            if isinstance(item, Leaf):
                if item.reads != (current,):
                    self.referenced.update(
                        item.reads if item.reads[:1] != (current,) or len(item.reads) > 1 else ()
                    )
                if item.share is not None:
                    self.referenced.add(item.share)
                current = item.value
            elif isinstance(item, Join):
                if item.start != current:
                    self.referenced.add(item.start)
                for branch in item.branches:
                    end = self.mark(branch.items, item.start)
                    if end != branch.value:
                        self.referenced.add(branch.value)
                current = item.value
            elif isinstance(item, Auxiliary):
                self.mark(item.items, item.start)
            else:
                current = self.mark(item.items, current)
        return current

    def reference(self, value: int, scopes: Sequence[Scope]) -> str:
        for scope in reversed(scopes):
            if value in scope.values:
                return scope.values[value]
        raise KeyError(value)

    def reads(self, leaf: Leaf, current: int | None, scopes: Sequence[Scope]) -> str:
        """The `from` of a call, where it reads something else than what stands before it."""
        text = ""
        if leaf.share is not None:
            text += f" share={self.reference(leaf.share, scopes)}{leaf.shared and f'.{leaf.shared}'}"
        if not leaf.reads or leaf.reads == (current,):
            return text
        return (
            text
            + " from "
            + " ".join("x" if value == current else self.reference(value, scopes) for value in leaf.reads)
        )

    # ------------------------------------------------------------------------------------ blocks

    def block(self, block: Block) -> list[str]:
        start = entering(block.body)
        outer = [value for value in outer_values(block.body) if value != start]
        names = dict(zip(outer, block.inputs, strict=False))
        signature = [block.name]
        for parameter in block.parameters:
            signature.append(
                f"{parameter.name}={self.written(parameter.default)}"
                if parameter.has_default
                else parameter.name
            )
        if block.captured:
            signature.append(f"{block.captured}=channels")
        if names:
            signature += ["from x", *names.values()]
        scopes = [Scope({*names.values()}, values=dict(names))]
        entry = []
        if start is not None and read_again(block.body, start):
            scopes[0].taken.add("entry")
            scopes[0].values[start] = "entry"
            entry = [f"{INDENT * 2}- entry: identity"]
        body = entry + self.chain(block.body, start, scopes, INDENT * 2)
        head = f"{INDENT}{' '.join(signature)}:"
        if len(body) == 1 and body[0].startswith(f"{INDENT * 2}- ") and not is_mapping(body[0]):
            line = body[0][len(INDENT * 2) + 2 :]
            if len(head) + len(line) + 1 <= WIDTH:
                return [f"{head} {line}"]
        return [head, *body]

    # ------------------------------------------------------------------------------------- chains

    def chain(
        self, items: Sequence[Item], current: int | None, scopes: list[Scope], indent: str
    ) -> list[str]:
        """The lines of a chain, each an item of a list."""
        lines: list[str] = []
        line: list[str] = []
        full = False  # whether the line has a call that begins one, or ends it

        def close() -> None:
            nonlocal line, full
            if line:
                lines.append(f"{indent}- {', '.join(line)}")
            line, full = [], False

        items = [*items]
        scopes[-1].taken.update(
            item.head for item in items if isinstance(item, Leaf) and item.head in self.blocks
        )
        place = 0
        while place < len(items):
            item = items[place]
            run = self.run(items, place, current)
            if run is not None:
                close()
                count, text = run
                lines.append(f"{indent}- {text}")
                current = value_of(items[place + count - 1])
                place += count
                continue
            if isinstance(item, Leaf):
                text = self.call(item) + self.reads(item, current, scopes)
                name = self.leaf_name(item, scopes)
                alone = bool(name) or " from " in text
                heavy = item.head in MAIN or item.head in self.blocks
                if alone or (heavy and full) or too_long(indent, line, text):
                    close()
                if name:
                    scopes[-1].taken.add(name)
                    scopes[-1].values[item.value] = name
                    lines.append(f"{indent}- {name}: {text}")
                else:
                    line.append(text)
                    full = full or heavy
                    if item.head in self.blocks:
                        close()
                current = item.value
            elif isinstance(item, Join):
                close()
                if item.start != current:
                    lines.append(f"{indent}- from {self.reference(item.start, scopes)}")
                lines += self.join(item, scopes, indent)
                current = item.value
            elif isinstance(item, Auxiliary):
                close()
                inner = Scope()
                name = scopes[-1].free(tidy(item.name) or "head")
                self.label = name
                body = self.chain(
                    unwrapped(item.items, name), item.start, [*scopes, inner], indent + INDENT * 3
                )
                scopes[-1].taken.add(name)
                flow = self.flow("auxiliary", [(name, body)])
                if flow:
                    lines.append(f"{indent}- {flow}")
                    place += 1
                    continue
                lines.append(f"{indent}- auxiliary:")
                lines += self.valued(f"{indent}{INDENT * 2}{name}:", body, indent + INDENT * 3)
            elif isinstance(item, Optional):
                close()
                body = self.chain(item.items, current, scopes, indent + INDENT * 3)
                lines.append(f"{indent}- if: {item.flag}")
                lines += self.valued(f"{indent}  then:", body, indent + INDENT * 3)
                current = value_of(item)
            else:
                close()
                lines += self.group(item, current, scopes, indent)
                current = item.value
            place += 1
        close()
        return lines

    def leaf_name(self, leaf: Leaf, scopes: list[Scope]) -> str:
        """The name of a layer that needs one, or that its author gave a good one."""
        own = tidy(leaf.name)
        fit = own and ops.find(own) is None and own != leaf.head
        if leaf.value in self.referenced:
            name = own if fit else tidy(leaf.head) + "_out"
            return scopes[-1].free(name, self.blocks)
        if own == self.label:
            return ""
        if leaf.head in self.blocks and fit and not is_generic(own):
            return scopes[-1].free(own)
        if leaf.head in MAIN and fit and not is_generic(own) and not scopes[-1].has(own):
            return own
        return ""

    def group(self, group: Group, current: int | None, scopes: list[Scope], indent: str) -> list[str]:
        name = self.group_name(group)
        if not name:
            return self.chain(group.items, current, scopes, indent)
        inner = Scope()
        lines = self.chain(group.items, current, [*scopes, inner], indent + INDENT * 2)
        name = scopes[-1].free(name)
        scopes[-1].taken.add(name)
        for value, path in inner.values.items():
            scopes[-1].values.setdefault(value, f"{name}/{path}")
        scopes[-1].values[group.value] = name
        return self.valued(f"{indent}- {name}:", lines, indent + INDENT * 2)

    def group_name(self, group: Group) -> str:
        """The name of a group: the author's, or else that of its class; '' where both say nothing."""
        names = [tidy(group.name)] if not group.name.isdigit() else []
        word = tidy(snake(group.kind)) if group.kind not in CONTAINERS else ""
        names += [word] if word not in self.blocks else []
        return next((name for name in names if name and ops.find(name) is None and name not in EMPTY), "")

    def valued(self, head: str, lines: list[str], indent: str) -> list[str]:
        """A key and its chain, on one line if that is a single line."""
        if len(lines) == 1 and lines[0].startswith(f"{indent}- ") and not is_mapping(lines[0]):
            text = lines[0][len(indent) + 2 :]
            if len(head) + 1 + len(text) <= WIDTH:
                return [f"{head} {text}"]
        return [head, *lines]

    def join(self, join: Join, scopes: list[Scope], indent: str) -> list[str]:
        """A join with its branches."""
        names = self.branch_names(join, scopes)
        name = ""
        head = self.call(join.call)
        if join.value in self.referenced:
            own = tidy(join.call.name)
            name = own if own and ops.find(own) is None else f"{tidy(join.call.head)}_out"
            name = scopes[-1].free(name)
            scopes[-1].taken.add(name)
            scopes[-1].values[join.value] = name
        pad = INDENT * (4 if name else 2)
        written: list[tuple[str, list[str]]] = []
        for label, branch in zip(names, join.branches, strict=True):
            inner = Scope()
            self.label = label
            body = self.chain(
                unwrapped(branch.items, label), join.start, [*scopes, inner], indent + pad + INDENT
            )
            for value, path in inner.values.items():
                scopes[-1].values.setdefault(value, f"{label}/{path}")
            if not branch.items:
                body = [f"{indent}{pad}{INDENT}- identity"]
            written.append((label, body))
        flow = self.flow(head, written)
        if flow and not name and len(indent) + 2 + len(flow) <= WIDTH:
            return [f"{indent}- {flow}"]
        lines = [f"{indent}- {name}:", f"{indent}{INDENT * 2}- {head}:"] if name else [f"{indent}- {head}:"]
        for label, body in written:
            lines += self.valued(f"{indent}{pad}{label}:", body, indent + pad + INDENT)
        return lines

    def flow(self, head: str, branches: list[tuple[str, list[str]]]) -> str:
        """A join on one line, where its branches are short and have no brackets."""
        parts = []
        for label, body in branches:
            if len(body) != 1:
                return ""
            text = body[0].strip().removeprefix("- ")
            if is_mapping(body[0]) or any(sign in text for sign in "()[]{}:*"):
                return ""
            parts.append(f"{label}: [{text}]" if "," in text else f"{label}: {text}")
        if sum(len(part) for part in parts) > 70:
            return ""
        return f"{head}: {{{', '.join(parts)}}}"

    def branch_names(self, join: Join, scopes: list[Scope]) -> list[str]:
        made = ops.find(join.call.head)
        if made is not None and made.inputs is not None:
            return [*made.inputs][: len(join.branches)]
        names: list[str] = []
        taken: set[str] = set()
        for branch in join.branches:
            if not branch.items:
                name = {"add": "skip", "concat": "kept"}.get(join.call.head, "features")
            else:
                groups = [item.name for item in branch.items if isinstance(item, Group)]
                called = [
                    item.name or item.head
                    for item in branch.items
                    if isinstance(item, Leaf) and (item.head in self.blocks)
                ]
                singles = [item.name for item in branch.items if isinstance(item, Leaf) and item.head in MAIN]
                attending = [
                    item.head for item in branch.items if isinstance(item, Leaf) and "attention" in item.head
                ]
                named = [
                    item.name for item in branch.items if isinstance(item, Leaf) and "attention" in item.head
                ]
                candidates = [one for one in [*groups, *called, *named] if tidy(one) and not is_generic(one)]
                candidates = [one for one in candidates if ops.find(one) is None] or ["attention"] * bool(
                    attending
                )
                if not candidates and len(singles) == 1:
                    candidates = [one for one in singles if not is_generic(one)]
                last = branch.items[-1]
                gate = join.call.head == "multiply" and isinstance(last, Leaf) and "sigmoid" in last.head
                name = (
                    "gate"
                    if gate
                    else branch_name(candidates, "main" if join.call.head == "add" else "branch")
                )
            deep = any(leaf.value in self.referenced for leaf in calls(branch.items))
            crowd = (taken, scopes[-1].taken, self.labels if deep else ())
            name = unique(name if ops.find(name) is None else "main", *crowd)
            taken.add(name)
            names.append(name)
        if join.call.head == "add" and names == ["main", "main_2"]:
            sizes = [len([*leaves(branch.items)]) for branch in join.branches]
            names = ["main", "shortcut"] if sizes[0] >= sizes[1] else ["shortcut", "main"]
            taken = {*names}
        self.labels |= taken
        scopes[-1].labels |= taken
        return names

    # -------------------------------------------------------------------------------------- calls

    def call(self, leaf: Leaf) -> str:
        """A call with its arguments, without what it reads."""
        if leaf.head in self.blocks:
            return self.block_call(leaf, {name: self.written(value) for name, value in leaf.given.items()})
        made = ops.find(leaf.head)
        assert made is not None
        known = attributes(made)
        settings = self.defaults.get(leaf.head, {})
        words = [leaf.head]
        placed = True
        optional = not any(attribute.required for attribute in known.values())
        for number, (name, attribute) in enumerate(known.items()):
            value = leaf.given.get(name)
            default = settings.get(name, None if attribute.required else
                                   attribute.shortest(made, attribute.convert(made, attribute.default)))  # fmt: skip
            if not attribute.required and same(value, default):
                placed = False
                continue
            positional = placed and (
                attribute.required
                or name == "stop"
                or (optional and number == 0 and not isinstance(value, bool))
            )
            text = self.written(value)
            words.append(text if positional else f"{name}={text}")
            placed = positional
        return " ".join(words)

    def block_call(self, leaf: Leaf, given: Mapping[str, str]) -> str:
        block = self.blocks[leaf.head]
        words = [leaf.head]
        for parameter in block.parameters:
            text = given[parameter.name]
            if parameter.has_default and text == self.written(parameter.default):
                continue
            words.append(f"{parameter.name}={text}" if parameter.has_default else text)
        return " ".join(words)

    def written(self, value: Any) -> str:
        text = shown(value)
        return f"({text})" if " " in text and not text.startswith("(") else text

    # --------------------------------------------------------------------------------------- runs

    def run(self, items: Sequence[Item], place: int, current: int | None) -> tuple[int, str] | None:
        """How many calls from a place on are one repeated call, and the call; None where it is one alone."""
        first = items[place]
        if not isinstance(first, Leaf) or first.head not in self.blocks:
            return None
        lot: list[Leaf] = []
        for item in items[place:]:
            numbered = isinstance(item, Leaf) and (not tidy(item.name) or item.name == "")
            if not isinstance(item, Leaf) or item.head != first.head or item.reads != (current,):
                break
            if (
                item.share is not None
                or item.value in self.referenced
                or not (numbered or alike_names(item, first))
            ):
                if not (item.value in self.referenced and not lot):
                    break
                break
            lot.append(item)
            current = item.value
        columns: dict[str, str] = {}
        while len(lot) > 1:
            columns = {}
            for name in first.given:
                pattern = self.pattern([leaf.given[name] for leaf in lot])
                if pattern is None:
                    break
                columns[name] = pattern
            if (
                len(columns) == len(first.given)
                and sum("i" in varied(text) for text in columns.values()) <= 2
            ):
                return len(lot), f"{len(lot)} * {self.block_call(first, columns)}"
            lot.pop()
        return None

    def pattern(self, column: list[Any]) -> str | None:
        """What to write for the values of an argument in the rounds of a repeat; None if there is no rule."""
        texts = [self.written(value) for value in column]
        if len(set(texts)) == 1:
            return texts[0]
        flags = all(isinstance(value, bool) for value in column)
        texts = ["'none'" if text == "none" else text for text in texts]  # the word, inside of an expression
        if len(set(texts[1:])) == 1 and len(texts) > 1:
            if flags:
                return "(i == 0)" if column[0] else "(i > 0)"
            return f"({texts[0]} if i == 0 else {texts[1]})"
        if len(column) > 3 and len(set(texts[::2])) == len(set(texts[1::2])) == 1:
            if flags:
                return f"(i % 2 == {0 if column[0] else 1})"
            return f"({texts[0]} if i % 2 == 0 else {texts[1]})"
        counts = Counter(texts)
        if len(counts) == 2 and min(counts.values()) > 1 and len(texts) <= LONGEST_PERIODIC:
            one, other = counts
            when = period([text == one for text in texts])
            return f"({one} if {when} else {other})" if "%" in when else None
        if len(column) > 3 and all(type(value) is int for value in column):
            steps = {two - one for one, two in pairwise(column)}
            if len(steps) == 1:
                return f"{texts[0]}+{steps.pop()}*i" if column[1] > column[0] else None
        return None


def varied(text: str) -> str:
    return "i" if re.search(r"(?<=[ (])i[ %]|\*i$", text) else ""


def alike_names(one: Leaf, two: Leaf) -> bool:
    """Whether names differ by their numbers only: denselayer1, denselayer2."""
    bare = [re.sub(r"\d+[a-z]?$", "", leaf.name) for leaf in (one, two)]
    return (bare[0] == bare[1] and one.name != two.name) or one is two


def calls(items: Sequence[Item]) -> Iterator[Leaf]:
    """The calls as they are written, blocks not entered."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        elif isinstance(item, Join):
            for branch in item.branches:
                yield from calls(branch.items)
            yield item.call
        else:
            yield from calls(item.items)


def entering(items: Sequence[Item]) -> int | None:
    """The value that a chain starts from."""
    first = items[0]
    if isinstance(first, Leaf):
        return first.reads[0] if first.reads else None
    return first.start if isinstance(first, Join) else entering(first.items)


def read_again(items: Sequence[Item], start: int) -> bool:
    """Whether a chain reads the tensor that enters it further down, by name."""

    def walk(items: Sequence[Item], current: int | None) -> tuple[bool, int | None]:
        for item in items:
            if isinstance(item, Leaf):
                if item.reads != (current,) and any(
                    value == start and value != current for value in item.reads
                ):
                    return True, current
            elif isinstance(item, Join):
                if item.start == start != current:
                    return True, current
                for branch in item.branches:
                    found, _ = walk(branch.items, item.start)
                    if found:
                        return True, current
            else:
                found, _ = walk(item.items, current)
                if found:
                    return True, current
            current = value_of(item)
        return False, current

    return walk(items, start)[0]


def outer_values(items: Sequence[Item]) -> list[int]:
    inner = {leaf.value for leaf in leaves(items)} | {leaf.value for leaf in calls(items)}
    found: dict[int, None] = {}
    for leaf in calls(items):
        for value in leaf.reads:
            if value not in inner:
                found[value] = None
    return [*found]


def unwrapped(items: list[Item], label: str) -> list[Item]:
    """The items of a branch without a group that has the branch's own name."""
    if len(items) == 1 and isinstance(items[0], Group):
        return items[0].items
    return [
        inner
        for item in items
        for inner in (item.items if isinstance(item, Group) and tidy(item.name) == label else [item])
    ]


def too_long(indent: str, line: list[str], text: str) -> bool:
    return len(indent) + 2 + sum(len(one) + 2 for one in line) + len(text) > WIDTH


def is_mapping(line: str) -> bool:
    """Whether a line of a list is a key over something."""
    text = line.strip().removeprefix("- ")
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == ":" and not depth and (place + 1 == len(text) or text[place + 1] == " "):
            return True
    return False
