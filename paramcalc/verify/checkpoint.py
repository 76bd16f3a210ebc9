"""Which array of a file is which weight of a graph: by names, and where these say nothing, by order.

>>> _words("trunk_output.block1.block1-0.proj.0.weight")
['trunkoutput', 'block1', 'block1', '0', 'proj', '0', 'weight']
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.engine.graph import Graph
from paramcalc.verify.stored import Dims, Stored
from paramcalc.verify.weights import Array, Key, check_real, counted, listed, owned, shown

Wanted: TypeAlias = Mapping[Key, Dims]

ATTENTION = re.compile(r"(?:(?P<module>.+)[./])?(?P<part>in_proj_|qkv[./]|(?:q|k|v|o|out)_proj[./]|"
                       r"(?:query|key|value|proj)[./])(?P<kind>weight|bias)")  # fmt: skip
PROJECTIONS = {"q": "query", "k": "key", "v": "value", "o": "out", "out": "out", "proj": "out"}
SHORTCUTS = {"downsample", "proj", "projection", "shortcut", "skip"}  # one thing by several names


class WeightMatch(NamedTuple):
    """A file's arrays by the graph's weights.

    `by_name` are as many, the others were found by order; `doubtful` are names that nothing but order
    tells apart, `extra` arrays that no layer reads. `auxiliary` is False when the file has not all weights
    of the auxiliary branches, which then cannot be run.
    """

    arrays: dict[Key, Stored]
    shapes: Wanted
    by_name: int
    doubtful: tuple[str, ...]
    extra: tuple[str, ...]
    auxiliary: bool

    def read(self) -> dict[str, Array]:
        """The arrays under the names of the weights; axes of length 1 may have come or gone."""
        for key, stored in self.arrays.items():
            check_real("/".join(key), stored.dtype, stored.is_real)
        return {"/".join(key): stored.read().reshape(self.shapes[key]) for key, stored in self.arrays.items()}

    def remarks(self, source: str) -> tuple[str, ...]:
        """How the arrays were found, what is not certain, and what was not used."""
        ordered = len(self.arrays) - self.by_name
        how = f"{self.by_name} by name, {ordered} by order and shape"
        if not ordered or not self.by_name:
            how = "by order and shape" if ordered else "by name"
        remarks = [f"{source}: {counted(self.arrays, 'array')} found {how}"]
        if self.doubtful:
            remarks.append(
                f"{source}: {len(self.doubtful)} of them are matched by order alone among others of the same shape: "
                f"{listed(self.doubtful, 2)}; to check, pass --input and --expect FILE.npy with the outputs for it"
            )
        if self.extra:
            remarks.append(f"{source}: {counted(self.extra, 'array')} not used: {listed(self.extra)}")
        return tuple(remarks)


def match(graph: Graph, arrays: Sequence[Stored], source: str) -> WeightMatch:
    """The arrays that a graph's weights and buffers mean; `Fault` with all that do not fit.

    First by name: path and name of the weight, whatever separates their words, and whatever module all
    of the file is in. Then by order: arrays of one kind and shape, as `weight` and 64x3x3x3, are taken in the
    order of the layers, apart by words that both sides use for some of them; what then remains of a shape
    is taken in order. The weights of auxiliary branches may be missing.
    """
    wanted = owned(graph)
    branches = {layer.path for layer in graph.layers if layer.auxiliary}
    offered = [*_unpack(arrays)] if any(kind == "query" for _, kind in wanted) else [*arrays]
    faults = []
    for auxiliary in (True, False) if branches else (True,):
        keys = {key: dims for key, dims in wanted.items() if auxiliary or key[0] not in branches}
        named, wrong = _by_name(keys, offered)
        ordered, doubtful = _by_order(keys, offered, {**named, **wrong})
        pairs = named | ordered
        if len(pairs) == len(keys):
            taken = {_origin(one.name) for one in pairs.values()}
            extra = tuple(one.name for one in arrays if one.name not in taken)
            in_order = {key: pairs[key] for key in keys}
            return WeightMatch(in_order, wanted, len(named), tuple(doubtful), extra, auxiliary)
        faults.append((len(keys) - len(pairs), _misfit(source, graph, keys, arrays, pairs, wrong)))
    raise min(faults, key=lambda fault: fault[0])[1]


def _unpack(arrays: Sequence[Stored]) -> Iterator[Stored]:
    """The projections of attention under the names that they have here, one array each.

    PyTorch packs query, key and value into one: `in_proj_weight`, or `qkv.weight` in Swin.
    """
    names = {one.name for one in arrays}
    for one in arrays:
        match = ATTENTION.fullmatch(one.name)
        if match is None or (match["part"][:-1] == "proj" and f"{match['module']}.qkv.weight" not in names):
            yield one
            continue
        part, end = match["part"].strip("._/"), "_bias" if match["kind"] == "bias" else ""
        if part in ("in_proj", "qkv"):
            rows = one.shape[0] // 3 if one.shape else 0
            for place, name in enumerate(("query", "key", "value")):
                yield one.rows(
                    f"{match['module']}.{name}{end} of {one.name}", place * rows, (place + 1) * rows
                )
        else:
            name = PROJECTIONS.get(part.removesuffix("_proj"), part)
            yield one._replace(name=f"{match['module']}.{name}{end} of {one.name}")


def _origin(name: str) -> str:
    return name.rpartition(" of ")[2]


def _by_name(keys: Wanted, arrays: Sequence[Stored]) -> tuple[dict[Key, Stored], dict[Key, Stored]]:
    """The arrays with the names of weights, and among them those of another shape."""
    kinds = {_plain(kind) for _, kind in keys}
    words = [_words(one.name) + ["weight"] * (_words(one.name)[-1] not in kinds) for one in arrays]
    common = 0
    while words and all(len(some) > common + 2 and some[common] == words[0][common] for some in words):
        common += 1
    by_name: dict[str, Stored] = {}
    for start in (0, common):
        for some, one in zip(words, arrays, strict=True):
            by_name.setdefault("".join(some[start:]), one)
    named = {key: by_name.get("".join(_words("/".join(key)))) for key in keys}
    fitting = {key: one for key, one in named.items() if one and _bare(one.shape) == _bare(keys[key])}
    return fitting, {key: one for key, one in named.items() if one and key not in fitting}


def _by_order(
    keys: Wanted, arrays: Sequence[Stored], named: Mapping[Key, Stored]
) -> tuple[dict[Key, Stored], list[str]]:
    """The arrays for keys without a named one, and the names of those that only order tells apart."""
    used = {one.name for one in named.values()}
    left = [key for key in keys if key not in named]
    kinds = {_plain(kind) for _, kind in keys}
    pairs: dict[Key, Stored] = {}
    doubtful: list[str] = []
    for with_kind in (True, False):
        theirs: dict[tuple[str, Dims], list[Stored]] = defaultdict(list)
        for one in arrays:
            last = _words(one.name)[-1]
            if one.name not in used and one.is_real:
                kind = (last if last in kinds else "weight") if with_kind else ""
                theirs[kind, _bare(one.shape)].append(one)
        ours: dict[tuple[str, Dims], list[Key]] = defaultdict(list)
        for key in left:
            ours[_plain(key[1]) if with_kind else "", _bare(keys[key])].append(key)
        for group, members in ours.items():
            for key, one, certain in _pair(members, theirs.get(group, [])):
                pairs[key] = one
                used.add(one.name)
                doubtful += [] if certain else [one.name]
        left = [key for key in left if key not in pairs]
    return pairs, doubtful


def _pair(keys: Sequence[Key], arrays: Sequence[Stored]) -> Iterator[tuple[Key, Stored, bool]]:
    """Weights and arrays in the order of both, and whether something else tells them apart as well.

    Words that are in as many names of one side as of the other part both, if all parts are then as large.
    """
    ours, theirs = [_telling(key[0]) for key in keys], [_telling(one.name) for one in arrays]
    counts, others = (Counter(word for words in side for word in words) for side in (ours, theirs))
    common = {word for word, count in counts.items() if count == others[word]}
    marks, their_marks = ([frozenset(words & common) for words in side] for side in (ours, theirs))
    sizes = Counter(marks)
    if sizes != Counter(their_marks):
        marks = their_marks = [frozenset()] * max(len(keys), len(arrays))
        sizes = Counter(marks)
    waiting: dict[frozenset[str], deque[Stored]] = defaultdict(deque)
    for mark, one in zip(their_marks, arrays, strict=False):
        waiting[mark].append(one)
    for mark, key in zip(marks, keys, strict=False):
        if waiting[mark]:
            yield key, waiting[mark].popleft(), sizes[mark] == 1


def _telling(name: str) -> set[str]:
    """The words of a name without numbers, which are counted differently everywhere."""
    return {"shortcut" if word in SHORTCUTS else word for word in _words(name) if not word.isdigit()}


def _words(name: str) -> list[str]:
    """What separators part, in small letters; the name in the file of something unpacked is left out."""
    return re.split(r"[./-]", _plain(name.partition(" of ")[0]))


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _bare(dims: Dims) -> Dims:
    """A shape without its axes of length 1: the kernel of a 1x1 convolution is the weight of a linear."""
    return tuple(size for size in dims if size != 1)


def _misfit(
    source: str,
    graph: Graph,
    keys: Wanted,
    arrays: Iterable[Stored],
    pairs: Mapping[Key, Stored],
    wrong: Mapping[Key, Stored],
) -> Fault:
    absent = [key for key in keys if key not in pairs and key not in wrong]
    missing = [f"{'/'.join(key)} {shown(keys[key])}" for key in absent]
    misshapen = [f"{'/'.join(key)} {shown(one.shape)}, not {shown(keys[key])}" for key, one in wrong.items()]
    taken = {_origin(one.name) for one in (*pairs.values(), *wrong.values())}
    extra = [f"{one.name} {shown(one.shape)}" for one in arrays if one.name not in taken]
    what = [
        f"{len(names)} {word}" for names, word in ((missing, "missing"), (misshapen, "misshapen")) if names
    ]
    unused = [f"{counted(extra, 'array')} not used: {listed(extra)}"] if extra else []
    return Fault(
        f"{source} does not hold the weights of {graph.model}: {', '.join(what)}",
        expected=listed(missing),
        found="; ".join([*([listed(misshapen)] if misshapen else []), *unused]),
    )
