"""The depth of networks: numbers in names, ways of different lengths, numbers of rounds that are symbols."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from paramcalc import parse
from paramcalc.base.errors import Fault
from tests.conftest import Run


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("- repeat: n\n    layers: [linear 8, relu, linear 8]\n  - linear 2", lambda n, m: 2 * n + 1),
        # a shortcut of another length, which the longer way outruns
        (
            "- repeat: n\n    layers:\n      - add: {main: [linear 8, relu, linear 8], skip: linear 8}",
            lambda n, m: 2 * n,
        ),
        # two towers side by side: the deeper one, which depends on both numbers
        (
            "- add:\n      a: {repeat: n, layers: linear 8}\n      b: {repeat: m, layers: [linear 8, linear 8]}",
            lambda n, m: max(n, 2 * m),
        ),
        # one inside the other, and as many as the outer number says
        (
            "- repeat: n\n    index: outer\n    layers:\n      - inner: {repeat: m, layers: linear 8}\n"
            "      - linear 8",
            lambda n, m: n * (m + 1),
        ),
        # an encoder that the first round of a decoder reads, and all others
        (
            "- memory: {repeat: n, layers: linear 8}\n  - short: linear 8 from input\n"
            "  - repeat: m\n    layers:\n      - own: linear 8\n      - add from own memory\n      - linear 8",
            lambda n, m: max(1 + 2 * m, n + 1 + 2 * (m - 1)),
        ),
        # rounds that are read one by one further on
        (
            "- body: {repeat: n, layers: [skip: linear 8, linear 8]}\n  - concat from body body[*]/skip\n  - linear 2",
            lambda n, m: 2 * n + 1,
        ),
    ],
)
def test_depth_in_symbols(body: str, expected: Callable[[int, int], int]) -> None:
    """One formula for all numbers of rounds gives what the count of each network does."""
    knobs = f"knobs: {{n: 3, m: 2}}\ninput: 8\nlayers:\n  {body}\n"
    model = parse(knobs)
    wanted = [name for name in "nm" if f"repeat: {name}" in body]
    closed = model.closed(wanted)
    formula = closed.formula("depth")

    for n, m in product((1, 2, 3, 7), (1, 2, 5)):
        point = {"n": n, "m": m}
        letters = {each.letter: point[each.stands_for[0]] for each in closed.symbols}
        assert model.count(**point).totals.depth == expected(n, m), (n, m)
        assert formula.at(**letters) == expected(n, m), (n, m, str(formula))


def test_depth_without_a_closed_form() -> None:
    """Where a later round may be entered by a longer way, nothing is claimed; parts have no formula either."""
    text = """
knobs: {n: 3, m: 2}
input: 8
layers:
  - memory: {repeat: m, layers: linear 8}
  - body:
      repeat: n
      layers:
        - if: i == 0
          then: linear 8 from input
          else:
            - own: linear 8
            - add from own memory
"""
    model = parse(text)

    assert model.formula("params", symbols=["n", "m"]) is not None
    with pytest.raises(Fault, match="depends on the rounds of a repeat"):
        model.formula("depth", symbols=["n", "m"])
    with pytest.raises(Fault, match="of a part has no closed form"):
        model.closed(["n"]).formula("depth", ["body"])


def test_depth_of_parts() -> None:
    """A layer on the longest path counts itself, one beside it nothing; blocks add up, as in all columns."""
    text = """
input: 8
layers:
  - stem: linear 8
  - block:
      - add:
          main: [linear 8, relu, linear 8]
          skip: linear 8
  - 2 * linear 8
"""
    rows = {row.path: row.depth for row in parse(text).count().rows}

    assert rows == {
        "stem": 1, "block/main/linear": 1, "block/main/relu": 0, "block/main/linear_2": 1, "block/skip": 0,
        "block": 0, "linear/0": 1, "linear/1": 1,
    }  # fmt: skip


def test_depth_is_claimed_and_shown(run: Run) -> None:
    """A claim, a column and a constraint like any quantity; under a convention it is the same number."""
    claims = "name: net\ninput: 8\nlayers: [a: linear 8, b: 2 * linear 8]\nclaims:\n"
    claims += "  net: [{depth: 3}, {depth: 2, layer: b}]\n"
    rows = run("count", "vgg-16", "resnet-50", "--columns", "depth", "--convention", "thop").out

    assert run("check", "-", stdin=claims).code == 0
    assert run("check", "-", stdin=claims.replace("depth: 3", "depth: 4")).code == 1
    assert [line.split()[-1] for line in rows.splitlines()[2:4]] == ["16", "50"]
    assert "depths[2] = n3" in run("solve", "resnet-50", "--vary", "depths[2]", "--until", "depth <= 101").out
