"""Nodes to chains: lines, names, calls, joins, `if`, `repeat`, `table`, `auxiliary`.

Whether a key over a mapping is a name or a call depends on the ops, the blocks, and the knobs,
parameters and columns that may hold the name of one; so these are known before chains are read.
An item that cannot be read becomes `Broken`, and the rest is read on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from paramcalc import ops
from paramcalc.base.errors import Fault, Problems, Source, near
from paramcalc.language import lines
from paramcalc.language.expression import literal
from paramcalc.language.lines import NAME, CallLine
from paramcalc.language.reader import Reader
from paramcalc.language.spec import (
    MOST_INPUTS,
    Auxiliary,
    Broken,
    Call,
    Chain,
    If,
    Item,
    Join,
    Named,
    Repeat,
    Step,
    Table,
    TableRow,
    Written,
    passes,
    walk,
)
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence
from paramcalc.ops.attributes import attributes
from paramcalc.ops.base import Op

ITEM_KEYWORDS = ("if", "repeat", "table", "auxiliary")
ALWAYS = ("share", "frozen")  # accepted by every op and block
MOST_ROWS = 10_000
PASSES = "write identity if the tensor passes through"
CUT_IN_FLOW = "inside [ ] or { } YAML cuts at every comma: write the line without them, or a size as 1x7"
_COMMENT = re.compile(r"[ \t]+#(?=[^\s#])")
_VALUE = r"-?[\d.]+(e\d+)?|\d+(x\d+)+|true|false|\(.*\)"


Counts: TypeAlias = dict[str, int]  # how often each head has been used in a counts, for automatic names


def automatic(counts: Counts, head: str) -> str:
    """The name of an unnamed item: its head, with a number from the second on, by the order of the text."""
    count = counts[head] = counts.get(head, 0) + 1
    return head if count == 1 else f"{head}_{count}"


def items(line: CallLine, begin: int, counts: Counts) -> tuple[Item, ...]:
    """The items of a line that starts at a place, with automatic names."""
    if line.times is None:
        return tuple(
            [Step(call, begin, automatic(counts, call.head) if call.head else "") for call in line.calls]
        )
    call = line.calls[0]
    body = Chain((Step(call, begin, call.head),), begin)
    return (Repeat(line.times, begin, body, "i", shared=False, name=automatic(counts, call.head)),)


def in_group(chain: Chain) -> Iterator[Item]:
    """The items that name things in a chain's own group: its own, and those of each `if`."""
    for item in chain.items:
        if isinstance(item, If):
            yield from in_group(item.then)
            yield from in_group(item.otherwise)
        else:
            yield item


def names_in(chain: Chain) -> Iterator[tuple[str, int]]:
    """The names that a chain gives in its own group, with their places."""
    for item in in_group(chain):
        if isinstance(item, Auxiliary):
            yield item.branch.name, item.branch.at
        elif isinstance(item, Table) and "name" in item.columns:
            yield from ((row.name, row.at) for row in item.rows)
        elif not isinstance(item, Broken | If):
            yield item.name, item.at + (item.call.start if isinstance(item, Step) else 0)
        if isinstance(item, Join):
            yield from ((branch.name, branch.at) for branch in item.branches)


def heads_in(chain: Chain) -> Iterator[str]:
    """The heads of all calls of a chain, in its groups too; '' for one that only says `from`."""
    return (item.call.head for item in walk(chain) if isinstance(item, Step | Join))


def _branch_names(chain: Chain) -> Counter[str]:
    """How many joins of a group have a branch of that name, where both parts of an `if` never meet."""
    found: Counter[str] = Counter()
    for item in chain.items:
        if isinstance(item, Join):
            found.update(branch.name for branch in item.branches if not passes(branch.chain))
        elif isinstance(item, If):
            found += _branch_names(item.then) | _branch_names(item.otherwise)
    return found


def _with_groups(chain: Chain, names: set[str]) -> Chain:
    """The same with a group of its own for each join that has a branch of one of these names."""

    def grouped(item: Item) -> Item:
        if isinstance(item, If):
            then, otherwise = (_with_groups(part, names) for part in (item.then, item.otherwise))
            return item._replace(then=then, otherwise=otherwise)
        if isinstance(item, Join) and not names.isdisjoint(branch.name for branch in item.branches):
            return Named(item.name, Chain((item,), item.at), item.at, named=False)
        return item

    return chain._replace(items=tuple(map(grouped, chain.items)))


def _parts(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _no_branches(name: str, value: Node) -> tuple[str, str]:
    """What is wrong with a join over a chain without branches, and what to write."""
    kind = "a list" if isinstance(value, Sequence) else "a line"
    if isinstance(value, Scalar) and value.text.startswith("from "):
        return f"{name} joins tensors, and with a colon it would name a layer", f"write {name} {value.text}"
    op = ops.find(name)
    branches = ", ".join(f"{one}: ..." for one in (op and op.inputs) or ("a", "b"))
    fix = f"name each branch, {name}: {{{branches}}}; or give the group another name"
    return f"{name} joins named branches, and {kind} is a chain", fix


def _split_join(head: str, value: Mapping) -> tuple[Node, Mapping]:
    """The branches of a join, and the attributes that stand beside them.

    Branches with names of their own, as those of `add`, are under `inputs` where there are attributes.
    """
    inputs = value.get("inputs")
    op = ops.find(head)
    known = {*attributes(op), *ALWAYS} if op is not None and op.inputs is not None else set()
    beside = [
        (key, node)
        for key, node in value.entries
        if (key.text in known if inputs is None else node is not inputs)
    ]
    branches = tuple(entry for entry in value.entries if entry not in beside)
    return inputs or value._replace(entries=branches), value._replace(entries=tuple(beside))


def _in_flow(text: str, end: int) -> bool:
    """Whether a plain scalar that ends here is inside [ ] or { }."""
    after = re.compile(r"\s*").match(text, end)
    return after is not None and text[after.end() : after.end() + 1] in (",", "]", "}")


PARAMETERS = ("params", "parameters", "args", "arguments")  # of a block, as other languages declare them


def _follows_dash(text: str, start: int) -> bool:
    """Whether a mapping is an item of a list, not what follows a key."""
    return text[:start].rstrip(" ").endswith("-")


class ChainReader(Reader):
    """Reads chains. `blocks` are the names of blocks, `variables` the names that may hold an op's name."""

    def __init__(self, source: Source, problems: Problems) -> None:
        super().__init__(source, problems)
        self.blocks: set[str] = set()
        self.variables: frozenset[str] = frozenset()

    def check_inputs(self, chain: Chain, inputs: Iterable[str]) -> None:
        """No layer beside an input may have the input's name; a call of it is another mistake, said later."""
        names = set(inputs)
        clashes = [(name, at) for name, at in names_in(chain) if name in names]
        called = {*heads_in(chain)} if clashes else set()
        for name, at in clashes:
            if self.callable(name) or name not in called:
                self.fail_at(at, name, f"'{name}' is the name of an input", "give the layer another name")

    def chain(self, node: Node, counts: Counts, owner: Scalar) -> Chain:
        """A line, a list of items, or one item; `owner` is its key."""
        if isinstance(node, Scalar):
            if not node.text.strip():
                self.fail(owner, f"'{owner.text}' is empty", PASSES)
                return Chain((Broken(node.start),), node.start)
            return Chain(self.line(node, counts, owner), node.start)
        if isinstance(node, Mapping):
            return Chain(self.item(node, counts), node.start)
        found: list[Item] = []
        for element in node.items:
            if isinstance(element, Mapping):
                found += self.item(element, counts)
            elif isinstance(element, Sequence):
                self.fail(
                    element, "a list inside a list", "a chain is one list: remove the inner brackets or dash"
                )
                found.append(Broken(element.start))
            elif not element.text.strip():
                self.fail(element, "an item of the list is empty", PASSES)
                found.append(Broken(element.start))
            else:
                found += self.line(element, counts, None)
                if node.flow and type(found[-1]) is Broken:
                    break  # what follows is likely the rest of a line that YAML has cut
        return Chain(tuple(found), node.start)

    def group_chain(self, node: Node, owner: Scalar) -> Chain:
        """The chain of a group of its own. Branches hang beside their unnamed join, below it where
        another join of the group has a branch of the same name.
        """
        chain = self.chain(node, {}, owner)
        names = {name for name, joins in _branch_names(chain).items() if joins > 1}
        return _with_groups(chain, names) if names else chain

    def line(self, node: Scalar, counts: Counts, owner: Scalar | None) -> tuple[Item, ...]:
        text, begin = self.slice(node)
        if self.source.text[node.end : node.end + 1] in (" ", "\t"):
            comment = _COMMENT.match(self.source.text, node.end)
            if comment:
                self.fail_at(
                    comment.end() - 1,
                    "#",
                    "YAML silently drops everything from '#' on",
                    "a comment starts with '# '",
                )
        try:
            return items(lines.read_line(text), begin, counts)
        except Fault as fault:
            if fault.about == "bracket" and _in_flow(self.source.text, node.end):
                fault.fix = CUT_IN_FLOW
            if owner is not None and ops.known(owner.text):
                fault.fix = (
                    fault.fix or f"'{owner.text}:' names a layer; to call the op, write {owner.text} {text}"
                )
            self.fault(fault, begin, begin + len(text), begin)
            return (Broken(begin),)

    def item(self, node: Mapping, counts: Counts) -> tuple[Item, ...]:
        """What a mapping in a chain means, by its key or keys."""
        if not node.entries:
            self.fail(node, "an empty item", PASSES)
            return (Broken(node.start),)
        if node.flow and self.cut_by_comma(node):
            return (Broken(node.start),)
        key, value = node.entries[0]
        if key.text in ("then", "else") and node.get("if") is None:
            fix = "remove its '- ', so that it is part of the 'if:'"
            self.fail(key, f"'{key.text}' belongs to the item that starts with 'if'", fix)
            return (Broken(node.start),)
        if len(node.entries) > 1 or key.text in ITEM_KEYWORDS:
            return self.with_keyword(node, counts)
        if isinstance(value, Mapping):
            return self.over_mapping(key, value, counts)
        return self.named(key, value)

    def with_keyword(self, node: Mapping, counts: Counts) -> tuple[Item, ...]:
        keys = node.keys()
        key, value = node.entries[0]
        if keys in (["repeat"], ["table"]) and isinstance(value, Sequence):
            return self.named(key, value)  # over a list, even these are names
        if "if" in keys:
            return self.condition(node, counts)
        if keys in (["repeat"], ["table"]) and isinstance(value, Scalar) and self.starts_a_call(value):
            fact = f"'{key.text}' is a word of the language, not the name of a layer"
            self.fail(key, fact, "choose another name")
            return (Broken(key.start),)
        if "repeat" in keys:
            return self.repeat(node, counts)
        if len(keys) > 1:
            second, dashed = node.entries[1][0], _follows_dash(self.source.text, node.start)
            fix = (
                "is a '- ' missing before it?"
                if dashed
                else f"write '- ' before {key.text} and each of the others"
            )
            self.fail(second, "an item has one key" if dashed else "layers are the items of a list", fix)
            return (Broken(node.start),)
        return self.table(key, value, counts) if key.text == "table" else self.auxiliary(key, value)

    def cut_by_comma(self, node: Mapping) -> bool:
        """Whether { } holds a key without a value: the second half of a line that YAML has cut."""
        for index, (key, value) in enumerate(node.entries):
            if node.flow and index and isinstance(value, Scalar) and value.empty and value.start <= key.end:
                before = node.entries[index - 1][0].text
                fix = f"inside {{ }} a chain is a list: {before}: [..., {key.text}]"
                self.fail(key, f"'{key.text}' has no value: YAML cut the line at the comma", fix)
                return True
        return False

    def named(self, key: Scalar, value: Node) -> tuple[Item, ...]:
        return (self.group(key, value) or Broken(key.start),)

    def group(self, key: Scalar, value: Node) -> Named | None:
        """A name over a chain; None, and a problem, when the name is unfit for it."""
        if not self.layer_name(key):
            return None
        chain = self.group_chain(value, key)
        if not self.looks_like_a_join(key.text, chain):
            return Named(key.text, chain, key.start)
        fact, fix = _no_branches(key.text, value)
        words = [node.text if isinstance(node, Scalar) else "" for node in _parts(value)]
        if len(words) > 1 and not any(self.callable(word) or not NAME.fullmatch(word) for word in words):
            fix = f"to join layers, write {key.text} from {' '.join(words)}"
        self.fail(key, fact, fix)
        return None

    def looks_like_a_join(self, name: str, chain: Chain) -> bool:
        """Whether a name over a chain is an op with several inputs that the chain itself never calls."""
        return lines.op_joins(name) and name not in heads_in(chain)

    # ------------------------------------------------------------------------- calls and joins

    def over_mapping(self, key: Scalar, value: Mapping, counts: Counts) -> tuple[Item, ...]:
        """A key over a mapping: a call or join if it is an op or block, else a name over one item."""
        head = key.text.split(" ", 1)[0]
        keyword = not set(value.keys()).isdisjoint(ITEM_KEYWORDS)
        if keyword and NAME.fullmatch(key.text):
            return self.named(key, value)
        if ops.known(head) or head in self.blocks:
            return self.call_over_mapping(key, head, value, counts)
        if self.is_item(value) and NAME.fullmatch(key.text):
            return self.named(key, value)
        if head in self.variables or ops.find(head):  # a knob or the like that holds an op, or an alias
            return self.call_over_mapping(key, head, value, counts)
        if self.is_item(value) and " " not in key.text:
            return self.named(key, value)  # which says what is wrong with the name
        times, star, call = key.text.partition(" * ")
        if star:
            fix = f"to repeat more than one call, write repeat: {times}, and layers: [{call}: {{...}}]"
            self.fail(key, "'N * call' must be alone on its line", fix)
            return (Broken(key.start),)
        fix = near(head, [*ops.names(), *self.blocks])
        if not fix and len(value.entries) > 1 and not any(self.is_value(node) for _, node in value.entries):
            branches = ", ".join(f"{name.text}: ..." for name, _ in value.entries)
            fix = f"put branches under a join: {head}: {{add: {{{branches}}}}}"
        fix = fix or "a name holds one item, an op its attributes"
        self.fail(key, f"there is no op or block '{head}'", fix)
        return (Broken(key.start),)

    def callable(self, word: str) -> bool:
        """Whether a word may start a call."""
        return (
            ops.known(word) or word in self.blocks or word in self.variables or word in ("from", "identity")
        )

    def starts_a_call(self, line: Scalar) -> bool:
        """Whether a line starts with the name of an op or block, and not with one that may hold a number."""
        word = re.split(r"[ ,]", line.text)[0]
        return ops.known(word) or word in self.blocks

    def is_item(self, node: Mapping) -> bool:
        """Whether a mapping is one item, and not the attributes of a call."""
        if len(node.entries) != 1:
            return False
        key, value = node.entries[0]
        if key.text in ("from", "inputs", *ALWAYS):
            return False
        return isinstance(value, Mapping) or not self.is_value(value)

    def is_value(self, node: Node) -> bool:
        """Whether a node is surely a value of an attribute, and not a chain."""
        if isinstance(node, Sequence):
            return all(self.is_value(item) for item in node.items)
        return isinstance(node, Scalar) and bool(re.fullmatch(_VALUE, node.text))

    def call_over_mapping(self, key: Scalar, head: str, value: Mapping, counts: Counts) -> tuple[Item, ...]:
        if self.cut_by_comma(value):
            return (Broken(key.start),)
        if head in self.blocks and value.get("inputs") is not None:
            fix = "pass its other inputs with 'from'"
            self.fail(key, f"'{head}' is a block: only ops with several inputs take branches", fix)
            return (Broken(key.start),)
        if head not in self.blocks and (value.get("inputs") is not None or self.holds_branches(head, value)):
            return self.join(key, value, counts)
        if key.text != head:
            fix = "put them all below it, or all on the line"
            self.fail(key, f"{head} has arguments both on its line and below it", fix)
            return (Broken(key.start),)
        begin = key.start + bool(key.quote)
        inner = next((node for _, node in value.entries if isinstance(node, Mapping)), None)
        if inner is not None:
            fix = f"to name a group '{head}', put a list under it: {head}: [...]"
            self.fail(inner, f"{head} is called here, and an argument cannot be a mapping", fix)
            return (Broken(begin),)
        references = self.references(value.get("from"), begin)
        arguments = self.arguments(value, begin, leave=("from",))
        if references is None or arguments is None:
            return (Broken(key.start),)
        names = lines.dependence(head, arguments)
        return (Step(Call(head, arguments, references, 0, len(head), names), begin, automatic(counts, head)),)

    def holds_branches(self, head: str, value: Mapping) -> bool:
        """Whether the mapping below a call holds the branches of a join."""
        op: type[Op] | None = ops.find(head) if ops.known(head) else None
        if op is None:
            return len(value.entries) > 1 and not all(
                key.text in ("from", *ALWAYS) or self.is_value(node) or self.is_word(node)
                for key, node in value.entries
            )
        if op.inputs is not None and len(op.inputs) - op.optional == 1:  # x, and what 'from' adds to it
            return False
        return not value.entries or not {*attributes(op), *ALWAYS, "from"}.issuperset(value.keys())

    def is_word(self, node: Node) -> bool:
        return isinstance(node, Scalar) and not self.callable(re.split(r"[ ,]", node.text)[0])

    def join(self, key: Scalar, value: Mapping, counts: Counts) -> tuple[Item, ...]:
        begin = key.start + bool(key.quote)
        try:
            line = lines.read_line(key.text)
        except Fault as fault:
            self.fault(fault, begin, key.end, begin)
            return (Broken(begin),)
        call = line.calls[0]
        if len(line.calls) > 1 or line.times is not None or call.references:
            self.fail(key, "a join is one call over its branches")
            return (Broken(begin),)
        branches, beside = _split_join(call.head, value)
        if beside.entries:
            more = self.arguments(beside, begin)
            if more is None:
                return (Broken(begin),)
            call = call._replace(arguments=call.arguments + more, names=None)
        if not isinstance(branches, Mapping) or self.cut_by_comma(branches):
            if not isinstance(branches, Mapping):
                self.fail(branches, "the branches of a join are a mapping of names to chains")
            return (Broken(begin),)
        name = automatic(counts, call.head)
        if self.is_strange(call.head, branches):
            return (Broken(begin),)
        read = self.branches(branches)
        return (Broken(begin),) if len(read) < len(branches.entries) else (Join(call, begin, name, read),)

    def is_strange(self, head: str, branches: Mapping) -> bool:
        """Whether a mixture of experts holds what is no part of it; that is reported."""
        op = ops.find(head)
        if op is None or not op.routes:
            return False
        parts = (*attributes(op), *(op.inputs or ()))
        for key, _ in branches.entries:
            if key.text not in parts:
                called = op.elsewhere.get(key.text)
                fix = f"it is called {called} here" if called else near(key.text, parts)
                self.fail(key, f"'{key.text}' is not a part of {head}", fix or f"it has {', '.join(parts)}")
                return True
        return False

    def branches(self, node: Mapping) -> tuple[Named, ...]:
        """The branches whose names are fit."""
        if len(node.entries) > MOST_INPUTS:
            self.fail(node, f"a join has more than {MOST_INPUTS} branches", "join them in groups")
            return ()
        read = [self.group(key, value) for key, value in node.entries]
        return tuple(branch for branch in read if branch is not None)

    # ----------------------------------------------------------------------- if, repeat, table

    def condition(self, node: Mapping, counts: Counts) -> tuple[Item, ...]:
        parts = self.parts(node, "if", required=("if", "then"), optional=("else",))
        if parts is None:
            return (Broken(node.start),)
        keys = {key.text: key for key, _ in node.entries}
        test = self.scalar_expression(parts["if"], "if")
        then = self.chain(parts["then"], counts, keys["then"])
        otherwise = (
            self.chain(parts["else"], counts, keys["else"]) if "else" in parts else Chain((), node.end)
        )
        return (Broken(node.start),) if test is None else (If(test[0], test[1], then, otherwise),)

    def repeat(self, node: Mapping, counts: Counts) -> tuple[Item, ...]:
        parts = self.parts(node, "repeat", required=("repeat", "layers"), optional=("index", "shared"))
        if parts is None:
            return (Broken(node.start),)
        keys = {key.text: key for key, _ in node.entries}
        count = self.scalar_expression(parts["repeat"], "repeat")
        counter = self.counter(parts["index"]) if "index" in parts else "i"
        shared = self.truth(parts.get("shared"), "shared")
        body = self.group_chain(parts["layers"], keys["layers"])
        if count is None:
            return (Broken(node.start),)
        return (Repeat(count[0], count[1], body, counter, shared, automatic(counts, "repeat")),)

    def counter(self, node: Node) -> str:
        why = lines.unfit(node.text) if isinstance(node, Scalar) else "is not a name"
        if why:
            self.fail(node, f"'index' names the number of the round: this {why}")
        return node.text if isinstance(node, Scalar) and not why else "i"

    def table(self, key: Scalar, node: Node, counts: Counts) -> tuple[Item, ...]:
        if not isinstance(node, Mapping):
            fix = "choose another name for the layer: 'table' is a keyword"
            self.fail(key, "a table is a mapping of columns, rows and layers", fix)
            return (Broken(key.start),)
        parts = self.parts(node, "table", required=("columns", "rows", "layers"), optional=("index",))
        if parts is None:
            return (Broken(key.start),)
        keys = {entry.text: entry for entry, _ in node.entries}
        columns = self.columns(parts["columns"])
        rows = self.rows(parts["rows"], columns)
        counter = self.counter(parts["index"]) if "index" in parts else ""
        outer = self.variables
        self.variables = outer | set(columns)
        body = self.group_chain(parts["layers"], keys["layers"])
        self.variables = outer
        name = automatic(counts, "table")
        if not columns or rows is None:
            return (Broken(key.start),)
        return (Table(columns, rows, key.start, body, counter, name),)

    def columns(self, node: Node) -> tuple[str, ...]:
        if isinstance(node, Sequence):
            found = [item.text for item in node.items if isinstance(item, Scalar)]
        else:
            found = node.text.split() if isinstance(node, Scalar) else []
        wrong = next((f"'{word}' {lines.unfit(word)}" for word in found if lines.unfit(word)), "")
        if not wrong and len(set(found)) < len(found):
            wrong = next(f"'{word}' appears twice" for word, count in Counter(found).items() if count > 1)
        if wrong or not found:
            self.fail(node, "columns are distinct names separated by spaces", wrong)
            return ()
        return tuple(found)

    def rows(self, node: Node, columns: tuple[str, ...]) -> tuple[TableRow, ...] | None:
        if not isinstance(node, Sequence) or not node.items:
            self.fail(node, "the rows of a table are a list, each row an item")
            return None
        if len(node.items) > MOST_ROWS:
            self.fail(node, f"a table may have at most {MOST_ROWS:,} rows")
            return None
        read = [self.row(row, columns) for row in node.items]
        found = tuple(row for row in read if row is not None)
        return found if len(found) == len(read) else None

    def row(self, node: Node, columns: tuple[str, ...]) -> TableRow | None:
        cells = self.cells(node)
        if cells is None or not columns:
            return None
        if len(cells) != len(columns):
            fix = "the columns are " + " ".join(columns)
            self.fail(node, f"{len(cells)} cells under {len(columns)} columns", fix)
            return None
        name = ""
        read: list[Written] = []
        for column, cell in zip(columns, cells, strict=True):
            if column == "name" and isinstance(cell, Scalar):
                name = cell.text if self.layer_name(cell) else ""
                value: Written | None = literal(name, cell.start - node.start) if name else None
            else:
                value = self.written(cell, node.start)
            if value is not None:
                read.append(value)
        return TableRow(name, tuple(read), node.start) if len(read) == len(columns) else None

    def cells(self, node: Node) -> tuple[Node, ...] | None:
        """The cells of a row: words separated by spaces, or the items of a list."""
        if isinstance(node, Sequence):
            return node.items
        if not isinstance(node, Scalar) or not node.text.strip():
            self.fail(node, "a row is cells separated by spaces, or a list")
            return None
        text, begin = self.slice(node)
        try:
            tokens = lines.words(text, "cell")
        except Fault as fault:
            self.fault(fault, begin, begin + len(text), begin)
            return None
        return tuple(Scalar(token.text, begin + token.start, begin + token.end, "") for token in tokens)

    def auxiliary(self, key: Scalar, node: Node) -> tuple[Item, ...]:
        if not isinstance(node, Mapping) or len(node.entries) != 1:
            self.fail(key, "auxiliary holds one branch with a name", "write auxiliary: {name: chain}")
            return (Broken(key.start),)
        branch = self.group(*node.entries[0])
        return (Broken(key.start) if branch is None else Auxiliary(branch, key.start),)

    def parts(
        self, node: Mapping, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, Node] | None:
        """The entries of a keyword's mapping by key; None, and a problem, when they do not fit."""
        for key, value in node.entries:
            if key.text not in (*required, *optional):
                fix = near(key.text, (*required, *optional)) or "is a '- ' missing before it?"
                if key.text in PARAMETERS and "override" in optional:
                    names = value.text if isinstance(value, Scalar) else "NAME"
                    fix = f"parameters are part of the block's key: {what} {names}:"
                self.fail(key, f"'{key.text}' is not a part of '{what}'", fix)
                return None
        for name in required:
            if node.get(name) is None:
                fix = f"write {name}: below '{what}:', in the same column"
                self.fail(node.entries[0][0], f"'{what}' needs '{name}'", fix)
                return None
        return {key.text: value for key, value in node.entries}
