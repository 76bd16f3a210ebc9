"""What a source calls params, MACs or FLOPs, as data.

Ops report facts; a convention says which of them are added up, and for which ops. No other module
knows what a convention counts, and a further one is a further entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from paramcalc.report import QUANTITIES, Counts, Row
from paramcalc.sizes import Size, total

CONVOLUTIONS = ("conv", "conv_transpose")
BIASED = (*CONVOLUTIONS, "linear")
NORMALIZATIONS = (
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
)  # fmt: skip
POOLINGS = (
    "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool",
    "global_avg_pool", "subsample",
)  # fmt: skip
ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid",
    "hard_swish", "tanh", "softmax",
)  # fmt: skip


class Term(NamedTuple):
    """`times` a fact of each layer whose op is of one of the families; of every layer when there are none.

    A fact is a quantity of `Counts`, a kind of operation of `Cost`, or a name in `FACTS`. `conv2d` is
    of the family `conv`.
    """

    fact: str
    families: tuple[str, ...] = ()
    times: int = 1

    def of(self, row: Row) -> Size:
        return self.times * fact(row, self.fact) if self.counts(row) else 0

    def counts(self, row: Row) -> bool:
        return not self.families or family(row) in self.families


class Convention(NamedTuple):
    """A way of counting: the terms of each quantity that it is about, and what that means in words.

    `auxiliary` includes the branches that exist in training only in what is said of the whole network.
    """

    name: str
    says: str
    terms: Mapping[str, tuple[Term, ...]]
    auxiliary: bool = False


def amount(rows: Iterable[Row], quantity: str, convention: Convention) -> Size:
    """A quantity of some layers, counted for one sample, under a convention that is about it."""
    terms = convention.terms[quantity]
    return total(term.of(row) for row in rows for term in terms)


def fact(row: Row, name: str) -> Size:
    """One number about a layer; see `Term`."""
    if name in Counts._fields:
        return getattr(row.counts, name)  # type: ignore[no-any-return]
    if name in FACTS:
        return FACTS[name](row)
    return row.layer.applied.cost.operations.get(name, 0)


def family(row: Row) -> str:
    """The op's name without its number of dimensions."""
    op = row.layer.op
    return op.title.removesuffix(f"{op.rank}d")


def _biases(row: Row) -> Size:
    applied = row.layer.applied
    contracts = any(name in applied.op.contracting for name in applied.weights)
    return row.counts.params - row.counts.kernels if contracts else 0


FACTS: dict[str, Callable[[Row], Size]] = {
    "biases": _biases,  # params of contractions that are added, not multiplied
    "operations": lambda row: total(row.layer.applied.cost.operations.values()),
}

OWN = Convention(
    "paramcalc",
    "as the table of counts has it",
    {quantity: (Term(quantity),) for quantity in QUANTITIES},
)

CONVENTIONS = {
    convention.name: convention
    for convention in (
        OWN,
        Convention(
            "weights-only",
            "kernels of convolution, linear and attention layers, without biases and normalization",
            {"params": (Term("kernels"),)},
        ),
        Convention(
            "without-biases",
            "everything learned but the biases of convolution, linear and attention layers",
            {"params": (Term("params"), Term("biases", times=-1))},
        ),
        Convention(
            "with-frozen",
            "also scalars that training does not change",
            {"params": (Term("trainable"), Term("frozen"))},
        ),
        Convention(
            "with-running-statistics",
            "also the running means and variances of normalization",
            {"params": (Term("params"), Term("buffers"))},
        ),
        Convention(
            "with-auxiliary",
            "also the heads that exist in training only",
            OWN.terms,
            auxiliary=True,
        ),
        Convention(
            "conv-only",
            "convolutions only, no fully connected layers",
            {quantity: (Term(quantity, CONVOLUTIONS),) for quantity in ("params", "macs", "flops")},
        ),
        Convention(
            "contractions",
            "outputs of convolution, linear and attention layers only",
            {"activations": (Term("contraction_activations"),)},
        ),
        Convention(
            "with-biases",
            "one more for each addition of a bias",
            {quantity: (Term(quantity), Term("add", BIASED)) for quantity in ("macs", "flops")},
        ),
        Convention(
            "resnet",
            "one more for each element of a shortcut's sum",
            {"macs": (Term("macs"), Term("add", ("add",)))},
        ),
        Convention(
            "with-normalization",
            "also one multiply-accumulate for each element that is normalized",
            {
                "macs": (Term("macs"), Term("activations", NORMALIZATIONS)),
                "flops": (Term("flops"), Term("activations", NORMALIZATIONS, 2)),
            },
        ),
        Convention(
            "with-normalization-and-pooling",
            "also one for each element that normalization and pooling put out",
            {
                quantity: (Term(quantity), Term("activations", NORMALIZATIONS + POOLINGS))
                for quantity in ("macs", "flops")
            },
        ),
        Convention(
            "elementwise",
            "also one for each element that normalization, pooling, activations and sums put out",
            {
                quantity: (
                    Term(quantity),
                    Term("activations", (*NORMALIZATIONS, *POOLINGS, *ACTIVATIONS, "add", "multiply")),
                )
                for quantity in ("macs", "flops")
            },
        ),
        Convention(
            "all-operations",
            "also every addition, comparison, division and function call outside multiply-accumulates",
            {"flops": (Term("flops"), Term("operations"))},
        ),
    )
}
