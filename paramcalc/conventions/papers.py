"""Definitions of params, MACs and FLOPs in papers and tables."""

from __future__ import annotations

from paramcalc.conventions.rule import Convention, Term, table
from paramcalc.count.report import QUANTITIES

CONVOLUTIONS = ("conv", "conv_transpose")
NORMALIZATIONS = (
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "l2_norm", "local_response_norm", "rms_norm",
)  # fmt: skip
POOLINGS = (
    "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool",
    "global_avg_pool", "lp_pool", "reduce_max", "reduce_mean", "reduce_min", "reduce_norm", "reduce_sum", "subsample",
)  # fmt: skip
ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid",
    "hard_swish", "tanh", "softmax", "softplus", "mish", "abs", "square", "exp",
    "clip", "cos", "erf", "log", "power", "quick_gelu", "sin", "sqrt",
)  # fmt: skip
_ALL_POOLINGS = " ".join(POOLINGS)
_ALL_NORMALIZATIONS = " ".join(NORMALIZATIONS)
_ELEMENTWISE = " ".join((*NORMALIZATIONS, *POOLINGS, *ACTIVATIONS, "add", "multiply"))

OWN = Convention(
    "paramcalc",
    "as in the table of count",
    {
        quantity: (Term(quantity),) for quantity in QUANTITIES if quantity != "depth"
    },  # which no layer has alone
)

PAPERS = (
    OWN,
    Convention(
        "weights-only",
        "kernels of convolution, linear and attention layers, without biases and normalization",
        {"params": table({"*": "kernels"})},
    ),
    Convention(
        "without-biases",
        "all learned parameters except the biases of convolution, linear and attention layers",
        {"params": table({"*": "params - biases"})},
    ),
    Convention(
        "without-normalization",
        "all learned parameters except the scales and offsets of normalization, which some sources store as buffers",
        {"params": table({"*": "params", _ALL_NORMALIZATIONS: "0 - params"})},
    ),
    Convention(
        "with-frozen",
        "also scalars that training does not change",
        {"params": table({"*": "trainable + frozen"})},
    ),
    Convention(
        "with-running-statistics",
        "also the running means and variances of normalization",
        {"params": table({"*": "params + buffers"})},
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
        {"activations": table({"*": "contraction_activations"})},
    ),
    Convention(
        "with-biases",
        "one more for each bias addition",
        {
            quantity: table({"*": quantity, "conv conv_transpose linear": "add"})
            for quantity in ("macs", "flops")
        },
    ),
    Convention(
        "resnet",
        "one more for each element of a shortcut sum",
        {"macs": table({"*": "macs", "add": "add"})},
    ),
    Convention(
        "with-normalization",
        "also one multiply-accumulate for each normalized element",
        {
            "macs": table({"*": "macs", _ALL_NORMALIZATIONS: "activations"}),
            "flops": table({"*": "flops", _ALL_NORMALIZATIONS: "2*activations"}),
        },
    ),
    Convention(
        "with-normalization-and-pooling",
        "also one for each output element of normalization and pooling",
        {
            quantity: table({"*": quantity, f"{_ALL_NORMALIZATIONS} {_ALL_POOLINGS}": "activations"})
            for quantity in ("macs", "flops")
        },
    ),
    Convention(
        "elementwise",
        "also one for each output element of normalization, pooling, activations and sums",
        {quantity: table({"*": quantity, _ELEMENTWISE: "activations"}) for quantity in ("macs", "flops")},
    ),
    Convention(
        "all-operations",
        "also every addition, comparison, division and function call outside multiply-accumulates",
        {"flops": table({"*": "flops + operations"})},
    ),
)
