"""Every op, as the registry lists it: documented, with examples that hold."""

from __future__ import annotations

from math import prod

import pytest

from paramcalc import ops
from paramcalc.ops.base import Example, Op
from tests import calls

EXAMPLES = [(name, example) for name, kind in ops.every().items() for example in kind.examples]
KINDS_OF_WORK = {
    "add", "subtract", "multiply", "divide", "compare", "exp", "log", "sqrt", "power", "tanh", "erf",
}  # fmt: skip


@pytest.mark.parametrize("kind", ops.every().values(), ids=lambda kind: kind.name)
def test_op_is_documented(kind: type[Op]) -> None:
    """Every op says what it does, and shows at least one call."""
    assert kind.__doc__
    assert kind.__doc__.strip().split("\n")[0].endswith((".", ":"))
    assert kind.examples
    assert all(example.call.split()[0] in (kind.name, *family(kind)) for example in kind.examples)


def family(kind: type[Op]) -> list[str]:
    """The names of all members of the op's family."""
    stem = kind.name.removesuffix(f"{kind.rank}d")
    return [f"{stem}{rank}d" for rank in kind.ranks]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_example(name: str, example: Example) -> None:
    """Every example gives the output, parameters and multiply-accumulates that it states."""
    op = calls.call(example.call)
    inputs = tuple(calls.shape(text) for text in example.inputs)
    weights, cost = op.weights(*inputs), op.cost(*inputs)

    assert str(op.shape(*inputs)) == example.output
    assert sum(prod(dims) for dims in weights.values()) == example.params
    assert cost.macs == example.macs


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example.call for _, example in EXAMPLES])
def test_facts_are_exact_and_of_known_kinds(name: str, example: Example) -> None:
    """All facts are whole numbers, work is of the documented kinds, and named weights exist."""
    op = calls.call(example.call)
    inputs = tuple(calls.shape(text) for text in example.inputs)
    cost = op.cost(*inputs)

    assert KINDS_OF_WORK.issuperset(cost.operations)
    assert all(type(fact) is int and fact >= 0 for fact in (*cost[:2], *cost.operations.values()))
    assert set(op.weights(*inputs)) >= op.frozen
    assert not set(op.weights(*inputs)) & set(op.buffers(*inputs))


def test_lenet_connections() -> None:
    """The sub-sampling and output layers of LeNet-5 have the connections its paper states."""
    stated = {
        "6x28x28": ("subsample 2", 5_880),
        "16x10x10": ("subsample 2", 2_000),
        "84": ("rbf 10", 840),
        "1x32x32": ("conv2d 6 5", 122_304),
        "16x5x5": ("conv2d 120 5", 48_120),
    }

    for entering, (call, connections) in stated.items():
        assert calls.call(call).cost(calls.shape(entering)).connections == connections


def test_family_is_found_by_member_name() -> None:
    """A member of a family is found by its name, also before anything else was asked for."""
    found = ops.find("max_pool2d")

    assert found is not None
    assert found.rank == 2
    assert ops.find("swish") is ops.find("silu")
    assert ops.find("max_pool4d") is None
    assert ops.find("../base") is None
