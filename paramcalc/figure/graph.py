"""The structure of a network: its chain, and beside it each block once, with joins and skips as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import eq
from typing import NamedTuple

from paramcalc.base.shape import Shape
from paramcalc.count.call import brief_block
from paramcalc.count.outline import Node, tree
from paramcalc.count.report import Report, Row
from paramcalc.figure.blocks import joined
from paramcalc.figure.kinds import entering, is_body, kind_of, said, sizes, times
from paramcalc.figure.legend import EDGE, heading, legend
from paramcalc.render.canvas import Box, Label, Picture, moved, rail, shortened, text_width
from paramcalc.render.canvas import Shape as Drawn

TEXT, SMALL, TITLE = 9.5, 8.5, 11.0
STRIP = 17.0  # height of one op
PAD = 9.0  # inside of frames
GAP, BUS, TRUNK = 13.0, 6.0, 9.0  # between ranks, between lines across, between lines downwards
NOTED = 19.0  # of a gap with sizes beside its line
SIDE = 18.0  # between neighbours in a rank
WIDEST = 220.0  # of one op
FEW = 12  # ops of a block that is drawn where it is called
APART = 30.0  # between the chain and the blocks
MOST_PANELS = 12


class Laid(NamedTuple):
    """Something drawn from (0, 0) on; `axis` is where it is entered from above, and left below."""

    width: float
    height: float
    axis: float
    shapes: tuple[Drawn, ...]


NOTHING = Laid(0, 0, 0, ())


class _Item(NamedTuple):
    """An item at one place of a level: the values that it has and reads, and its look."""

    own: frozenset[int]
    reads: tuple[int, ...]
    output: Shape
    strips: tuple[tuple[str, str], ...]  # text and kind of each op; none for a frame
    laid: Laid | None = None
    title: str = ""
    inside: Laid = NOTHING


class _Level(NamedTuple):
    """The items of a group with their ranks, the lines between them, and the value that enters."""

    items: list[_Item]
    ranks: list[int]
    entering: int


def graph(report: Report) -> Picture:
    """The picture: the chain on the left, then the blocks in columns about as tall."""
    return _Graph(report).picture()


class _Graph:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.first = len(report.graph.inputs)
        self.of = {row.path: self.first + place for place, row in enumerate(report.rows)}
        self.calls = report.graph.calls
        self.panels: dict[object, tuple[str, Node]] = {}
        self.kinds: list[str] = []
        self.readers: dict[int, int] = {}
        for row in report.rows:
            for value in row.layer.inputs:
                self.readers[value] = self.readers.get(value, 0) + 1

    # --------------------------------------------------------------------------------------------- the picture

    def picture(self) -> Picture:
        top, head = heading(self.report)
        chain = self.level("", tree(self.report), ends=True)
        blocks: list[Laid] = []
        drawn = 0
        while drawn < min(len(self.panels), MOST_PANELS):  # a block's drawing may call for others
            path, node = [*self.panels.values()][drawn]
            blocks.append(self.panel(path, node))
            drawn += 1
        shapes: list[Drawn] = [*head, *moved(chain.shapes, EDGE, top)]
        right, bottom = EDGE + chain.width, top + chain.height
        tallest = max([chain.height, *(block.height for block in blocks)])
        x, y, wide = right + APART, top, 0.0
        for block in blocks:
            if y > top and y + block.height > top + tallest:
                x, y, wide = x + wide + APART * 0.6, top, 0.0
            shapes += moved(block.shapes, x, y)
            y += block.height + 16
            wide = max(wide, block.width)
            right, bottom = max(right, x + block.width), max(bottom, y - 16)
        width = max(right, *(label.area.right for label in head)) + EDGE
        below, height = legend(self.kinds, bottom + 14, width)
        return Picture(head[0].text, width, height, (*shapes, *below))

    def panel(self, path: str, node: Node) -> Laid:
        """A block in a frame under its name, with an example of what enters and leaves it."""
        items = self.items(path, node)
        inside = self.level(path, node, ends=True, inner=items)
        name = self.calls[path].block
        value = self.entering(items)
        begin = f"{sizes(self.report.graph.shape(value))} → " if value >= 0 else ""
        example = f"{path}: {begin}{sizes(self.rows(node)[-1].output)}"
        limit = max(inside.width, text_width(name, TITLE, True), min(text_width(example, SMALL), 260.0))
        example = shortened(example, SMALL, limit)
        width = max(limit, text_width(example, SMALL)) + 2 * PAD
        height = inside.height + 46
        left = (width - inside.width) / 2
        return Laid(
            width,
            height,
            left + inside.axis,
            (
                Box(0, 0, width, height, "frame", "rule", 5),
                Label(PAD, 16, shortened(name, TITLE, width - 2 * PAD, True), TITLE, bold=True),
                Label(PAD, 29, example, SMALL, colour="faint"),
                *moved(inside.shapes, left, 38),
            ),
        )

    # ----------------------------------------------------------------------------------------------- the items

    def rows(self, node: Node) -> list[Row]:
        return [row for row in node.rows() if not row.layer.auxiliary]

    def items(self, path: str, node: Node) -> list[_Item]:
        """The children of a group, equal neighbours in one, and what follows a layer joined to it."""
        found: list[_Item] = []
        last: tuple[object, ...] = ()
        run: list[tuple[str, Node]] = []
        for name, child in node.children.items():
            if not self.rows(child):
                continue
            here = f"{path}/{name}" if path else name
            kinds = self.likenesses(here, child) if name.isdigit() or here in self.calls else ()
            if any(map(eq, kinds, last)):
                run.append((here, child))
                continue
            self.add(found, run)
            run, last = [(here, child)], kinds
        self.add(found, run)
        if node.row is not None and not node.row.layer.auxiliary and node.children:
            found.append(self.leaf("", [node.row]))
        return found

    def likenesses(self, path: str, node: Node) -> tuple[object, ...]:
        """What rounds that are drawn once may have in common: call and ops; or block, ops, attributes and sizes."""
        call = self.calls.get(path)
        skeleton = self.skeleton(path, node)
        whole = [(said(row), row.output) for row in self.rows(node)]
        return (brief_block(call) if call else "", skeleton), (call.block if call else "", skeleton, whole)

    def skeleton(self, path: str, node: Node) -> object:
        return tuple((row.path[len(path) :], row.op) for row in self.rows(node))

    def add(self, found: list[_Item], run: list[tuple[str, Node]]) -> None:
        """The item of a run of equal groups, or of one; as a strip of the last where it only follows that."""
        if not run:
            return
        item = self.item(run)
        last = found[-1] if found else None
        alone = last is not None and item.reads and set(item.reads) <= last.own
        if (
            last is not None
            and alone
            and len(last.strips) == len(last.own)
            and item.strips
            and len(item.own) == 1
            and not is_body(self.report.rows[min(item.own) - self.first])
            and self.readers[max(last.own)] == 1
            and kind_of(self.report.rows[min(item.own) - self.first]) != "join"
        ):
            found[-1] = last._replace(
                own=last.own | item.own, strips=last.strips + item.strips, output=item.output
            )
            return
        found.append(item)

    def item(self, run: list[tuple[str, Node]]) -> _Item:
        path, node = run[0]
        rows = [row for _, each in run for row in self.rows(each)]
        call = self.calls.get(path)
        names = [one.rpartition("/")[2] for one, each in (run[0], run[-1]) if each.named]
        name = "" if not names or names[0].isdigit() else joined(names[0], names[-1])
        known = dict(self.panels)
        inner = [] if not node.children else self.items(path, node)
        number = f"{len(run)} × " if len(run) > 1 else ""
        if not node.children:
            return self.leaf(name, rows, number)
        if len(inner) == 1 and inner[0].strips:  # a chain of ops, or one repeat
            (text, kind), *others = inner[0].strips
            text = f"{number}{text}"
            text = f"{name}: {text}" if name else text
            return self.made(rows, ((text, kind), *others))
        if call is not None and (self.panelled(path, node) or number):
            self.panels = known  # what is in the block is met again where the block is drawn
            self.panels.setdefault((call.block, self.skeleton(path, node)), (path, node))
            briefs = {times(brief_block(self.calls[one])) for one, _ in run}
            brief = briefs.pop()
            text = f"{number}{call.block if briefs or len(brief) > 24 else brief}"
            main = max(rows, key=lambda row: (row.macs, row.params))
            return self.made(rows, ((f"{name}: {text}" if name else text, kind_of(main)),))
        if len(inner) == 1 and inner[0].laid and inner[0].title and not number:  # rounds of a repeat
            title = f"{name}: {inner[0].title}" if name else inner[0].title
            return self.made(rows, (), self.frame(title, inner[0].inside), title, inner[0].inside)
        title = f"{number}{name or (call.block if call else '')}"
        title = f"{len(run)} rounds, the first" if title == number and number else title
        inside = self.level(path, node, inner=inner)
        return self.made(rows, (), self.frame(title, inside), title, inside)

    def panelled(self, path: str, node: Node) -> bool:
        """Whether a block is drawn apart: one with a name of its own, unless it is small and inside of another."""
        deep = any(path.startswith(f"{outer}/") for outer in self.calls if outer != path)
        return not deep or node.layers > FEW

    def leaf(self, name: str, rows: list[Row], number: str = "") -> _Item:
        text = f"{number}{said(rows[0])}"
        shown = f"{name}: {text}" if name and name != rows[0].op else text
        return self.made(rows, ((shown, kind_of(rows[0])),))

    def made(
        self,
        rows: list[Row],
        strips: tuple[tuple[str, str], ...],
        laid: Laid | None = None,
        title: str = "",
        inside: Laid = NOTHING,
    ) -> _Item:
        own = frozenset(self.of[row.path] for row in rows)
        read = dict.fromkeys(value for row in rows for value in row.layer.inputs if value not in own)
        return _Item(own, tuple(read), rows[-1].output, strips, laid, title, inside)

    # ------------------------------------------------------------------------------------------------- drawing

    def frame(self, title: str, inside: Laid) -> Laid:
        """A group around what is in it."""
        head = 15.0 if title else 0.0
        title = shortened(title, SMALL, max(inside.width, 160.0), True)
        width = max(inside.width, text_width(title, SMALL, True)) + 2 * PAD
        left = (width - inside.width) / 2
        shapes: list[Drawn] = [Box(0, 0, width, inside.height + head + 2 * PAD, "", "rule", 4)]
        if title:
            shapes.append(Label(PAD, 13, title, SMALL, "start", "faint", True))
        shapes += moved(inside.shapes, left, head + PAD)
        return Laid(width, inside.height + head + 2 * PAD, left + inside.axis, tuple(shapes))

    def strips(self, item: _Item) -> Laid:
        """Ops on each other, each in the colour of its kind."""
        texts = [shortened(text, TEXT, WIDEST) for text, _ in item.strips]
        width = max(*(text_width(text, TEXT) for text in texts), 30.0) + 14
        shapes: list[Drawn] = []
        several = " × " in texts[0][:12] or " × " in texts[0].partition(": ")[2][:12]
        if several:  # a stack of them
            height = STRIP * len(texts)
            shapes.append(
                Box(3, 3, width, height, f"{item.strips[0][1]}.top", f"{item.strips[0][1]}.side", 3)
            )
        for place, (text, (_, kind)) in enumerate(zip(texts, item.strips, strict=True)):
            self.kinds.append(kind)
            y = STRIP * place
            shapes.append(Box(0, y, width, STRIP, kind, f"{kind}.side", 3))
            shapes.append(Label(width / 2, y + 12, text, TEXT, "middle", "on"))
        return Laid(width + 3 * several, STRIP * len(texts) + 3 * several, width / 2, tuple(shapes))

    def level(self, path: str, node: Node, ends: bool = False, inner: list[_Item] | None = None) -> Laid:
        """A group as ranks from top to bottom; with `ends`, the sizes of what enters and leaves."""
        items = self.items(path, node) if inner is None else inner
        ranks = self.ranked(items)
        return _Drawing(self, _Level(items, ranks, self.entering(items)), ends).laid()

    def entering(self, items: list[_Item]) -> int:
        """The value from outside that most items read, the first of several; -1 if there is none."""
        own = {value for item in items for value in item.own}
        read = Counter(value for item in items for value in item.reads if value not in own)
        return max(read, key=lambda value: read[value], default=-1)

    def ranked(self, items: list[_Item]) -> list[int]:
        made = {value: place for place, item in enumerate(items) for value in item.own}
        ranks: list[int] = []
        for place, item in enumerate(items):
            before = (made.get(value, place) for value in item.reads)
            ranks.append(max((ranks[other] + 1 for other in before if other < place), default=0))
        return ranks


class _Drawing:
    """One level: where its items are, and the lines between them."""

    def __init__(self, whole: _Graph, level: _Level, ends: bool) -> None:
        self.whole = whole
        self.level = level
        self.ends = ends
        self.items = level.items
        self.looks = [item.laid or whole.strips(item) for item in level.items]
        self.rows = max(level.ranks) + 1
        self.inside: list[list[int]] = [[] for _ in range(self.rows)]
        for place, rank in enumerate(level.ranks):
            self.inside[rank].append(place)
        self.edges = self.connected()
        self.targets: dict[int, list[int]] = {}
        self.near: list[list[tuple[int, int]]] = [
            [] for _ in range(self.rows)
        ]  # edges that begin or end above a rank
        for source, target in self.edges:
            self.targets.setdefault(source, []).append(target)
            for number in {self.rank(source) + 1, self.rank(target)}:
                self.near[number].append((source, target))
        self.entered = {target for _, target in self.edges}

    def connected(self) -> list[tuple[int, int]]:
        """The items that read each item; -1 is the value that enters the level."""
        made = {value: place for place, item in enumerate(self.items) for value in item.own}
        found = []
        for place, item in enumerate(self.items):
            sources = sorted({made[value] for value in item.reads if made.get(value, place) < place})
            found += [(other, place) for other in sources]
            if self.level.entering in item.reads:
                found.append((-1, place))
        return found

    def rank(self, place: int) -> int:
        return self.level.ranks[place] if place >= 0 else -1

    def laid(self) -> Laid:
        centres = self.centres()
        halves = [
            max(
                [centres[place] - self.looks[place].axis + self.looks[place].width for place in row]
                + [self.looks[place].axis - centres[place] for place in row]
            )
            for row in self.inside
        ]
        gaps, notes = self.gaps()
        sides = [
            max(half, 10 + text_width(notes[number], SMALL)) if number in notes else half
            for number, half in enumerate(halves)
        ]
        trunks = self.trunks(sides)
        tops, y = [], 0.0
        for number, row in enumerate(self.inside):
            y += gaps[number]
            tops.append(y)
            y += max(self.looks[place].height for place in row)
        bottom = y
        shapes: list[Drawn] = []
        shapes += self.lines(centres, trunks, gaps, tops)
        for place, look in enumerate(self.looks):
            shapes += moved(look.shapes, centres[place] - look.axis, tops[self.rank(place)])
        shapes += self.notes(notes, centres, tops, gaps)
        if self.ends:
            last = self.items[-1]
            at, rank = centres[len(self.items) - 1], self.rank(len(self.items) - 1)
            look = self.looks[-1]
            below = any(
                abs(centres[place] - at) < self.looks[place].width / 2 + 4
                for row in self.inside[rank + 1 :]
                for place in row
            )
            begin = bottom if below else tops[rank] + look.height
            shapes.append(rail((at, begin), (at, bottom + NOTED), arrow=True))
            shapes.append(Label(at + 6, bottom + 13, sizes(last.output), SMALL, colour="faint"))
            bottom += NOTED
        left = min(
            [-half for half in halves] + [label.area.x for label in shapes if isinstance(label, Label)]
        )
        right = max(
            [*halves, *trunks.values()] + [label.area.right for label in shapes if isinstance(label, Label)]
        )
        return Laid(right - left, bottom, -left, tuple(moved(shapes, -left, 0)))

    def centres(self) -> list[float]:
        """Where each item is entered, the middle of a rank above that of others."""
        centres = [0.0] * len(self.items)
        for row in self.inside:
            if len(row) == 1:
                continue
            width = sum(self.looks[place].width for place in row) + SIDE * (len(row) - 1)
            x = -width / 2
            for place in row:
                centres[place] = x + self.looks[place].axis
                x += self.looks[place].width + SIDE
        return centres

    def trunks(self, halves: list[float]) -> dict[int, float]:
        """For each source that is read further down, the x of a line beside what it passes."""
        spans: dict[int, int] = {}
        for source, target in self.edges:
            if self.rank(target) - self.rank(source) > 1:
                spans[source] = max(spans.get(source, 0), self.rank(target))
        found: dict[int, float] = {}
        for source in sorted(spans, key=lambda one: spans[one] - self.rank(one)):
            begin, end = self.rank(source) + 1, spans[source]
            x = max(halves[begin : end + 1]) + TRUNK
            for other, taken in found.items():
                if self.rank(other) + 1 <= end and spans[other] >= begin:
                    x = max(x, taken + TRUNK)
            found[source] = x
        return found

    def crossing(self, number: int) -> list[int]:
        """The sources whose lines run across above a rank, each at a height of its own."""
        found = []
        for source, target in self.near[number]:
            across = self.rank(source) + 1 == number and (
                self.rank(target) > number or len(self.inside[number]) > 1 or self.fan(source) > 1
            )
            late = self.rank(target) == number and self.rank(target) - self.rank(source) > 1
            if across or (late and not self.beside(target)):
                found.append(source)
        return list(dict.fromkeys(found))

    def fan(self, source: int) -> int:
        """How many are in the rank of a source."""
        return len(self.inside[self.rank(source)]) if source >= 0 else 1

    def beside(self, target: int) -> bool:
        """Whether a line from the right reaches an item without crossing others."""
        return self.inside[self.rank(target)][-1] == target and bool(self.items[target].strips)

    def gaps(self) -> tuple[list[float], dict[int, str]]:
        """The room above each rank, and the sizes that are written there."""
        gaps, notes = [], {}
        shown = ""
        for number in range(self.rows):
            sources = self.crossing(number)
            across = len({*self.heights(number, sources, 0).values()})
            room = GAP + BUS * across
            straight = [edge for edge in self.near[number] if self.rank(edge[1]) == number]
            if len(straight) == 1 and (not sources or number == 0):
                source = straight[0][0]
                text = self.entering() if source < 0 else sizes(self.items[source].output)
                if text and text != shown and (source >= 0 or self.ends):
                    notes[number] = text
                    room = NOTED + BUS * across
                    shown = text
            gaps.append(room if number or self.ends or sources else 0.0)
        if self.ends and 0 not in notes and self.entering():
            notes[0] = self.entering()
            gaps[0] += NOTED - GAP + 4
        return gaps, notes

    def entering(self) -> str:
        value, graph = self.level.entering, self.whole.report.graph
        return (
            ""
            if value < 0
            else entering(graph.shape(value))
            if value < len(graph.inputs)
            else sizes(graph.shape(value))
        )

    def notes(
        self, notes: dict[int, str], centres: list[float], tops: list[float], gaps: list[float]
    ) -> Iterable[Drawn]:
        for number, text in notes.items():
            place = self.inside[number][0]
            top = tops[number] - gaps[number]
            at = centres[place] if len(self.inside[number]) == 1 else 0.0
            yield Label(at + 6, top + (11 if number == 0 else 13), text, SMALL, colour="faint")

    def lines(
        self, centres: list[float], trunks: dict[int, float], gaps: list[float], tops: list[float]
    ) -> Iterable[Drawn]:
        for number in range(self.rows):
            sources = self.crossing(number)
            heights = self.heights(number, sources, tops[number])
            yield from self.above(number, heights, centres, trunks, tops)

    def heights(self, number: int, sources: list[int], top: float) -> dict[int, float]:
        """Where the line of each source runs across above a rank; lines that only join an item share a track."""
        passing = [source for source in sources if not self.joins(source, number)]
        joining = [source for source in sources if self.joins(source, number)]
        places = {source: place + bool(joining) for place, source in enumerate(reversed(passing))}
        return {source: top - 7 - BUS * places.get(source, 0) for source in sources}

    def joins(self, source: int, number: int) -> bool:
        """Whether all that a source is read by is the one item of the rank below it."""
        alone = len(self.inside[number]) == 1 and len(self.targets[source]) == 1
        return alone and self.rank(source) + 1 == number

    def above(
        self,
        number: int,
        heights: dict[int, float],
        centres: list[float],
        trunks: dict[int, float],
        tops: list[float],
    ) -> Iterable[Drawn]:
        """The lines in the gap above a rank: to its items, and to the lines that pass it."""
        for source, x in trunks.items():
            if self.rank(source) + 1 == number:
                begin, y = self.start(source, centres, tops)
                last = max(self.targets[source])
                end = self.end(source, last, tops)
                yield rail((begin, y), (begin, heights[source]), (x, heights[source]), (x, end))
        for place in self.inside[number]:
            if place not in self.entered and self.items[place].reads:  # from outside of the group
                x, y = centres[place], tops[number]
                yield rail((x, y - GAP), (x, y - 1), arrow=True, dashed=True)
        for source, target in self.near[number]:
            if self.rank(target) != number:
                continue
            top, at = tops[number] - 1, centres[target]
            if self.rank(source) + 1 == number:
                if not tops[number]:
                    continue
                begin, y = self.start(source, centres, tops)
                bend = heights.get(source, top)
                yield rail((begin, y), (begin, bend), (at, bend), (at, top), arrow=True)
            elif self.beside(target):
                look = self.looks[target]
                y = tops[number] + STRIP / 2
                yield rail((trunks[source], y), (at - look.axis + look.width + 1, y), arrow=True)
            else:
                y = heights[source]
                yield rail((trunks[source], y), (at + 4, y), (at + 4, top), arrow=True)

    def start(self, source: int, centres: list[float], tops: list[float]) -> tuple[float, float]:
        """Where a line leaves a source: below it."""
        if source < 0:
            return 0.0, 0.0
        look = self.looks[source]
        return centres[source], tops[self.rank(source)] + look.height

    def end(self, source: int, last: int, tops: list[float]) -> float:
        """How far down the line beside the ranks goes."""
        number = self.rank(last)
        if self.beside(last):
            return tops[number] + STRIP / 2
        return self.heights(number, self.crossing(number), tops[number])[source]
