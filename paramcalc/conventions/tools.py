"""Profiles of counting programs, which the tests compare exactly with the programs' output.

The network is read as the model written with the modules that `torch.nn` has; sums, products and the
like as operators, matrix products as `torch.matmul`; attention as four `nn.Linear` around
`F.scaled_dot_product_attention`; learned tokens, positions and factors as bare parameters. Evaluation
mode, so without auxiliary heads. Where a tool prints another number for another usual way of writing
the network, that is a profile too: `fvcore:multihead`.
"""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.conventions.rule import Convention, Rules, Term, Tool, replaced, table

# Rules that several programs share, because one was taken from the other.
_ESTIMATED_NORMS = {
    "batch_norm": "(2 if affine else 1) * input if track_running_stats else (5 if affine else 4) * input",
    "group_norm instance_norm": "(5 if affine else 4) * input",
    "layer_norm": "(5 if elementwise_affine else 4) * input",
}
_POOLS = "avg_pool adaptive_avg_pool adaptive_max_pool subsample"
_GLOBAL_POOLS = "global_avg_pool global_max_pool"
_ATTENTION = "self_attention cross_attention window_attention latent_attention"
_NORMED = " + {} * layer_normed"  # of attention's queries and keys; RMS norms are not known to most
_FULL = "projections + products"  # with a window as a mask
_OTHERS = "window_attention latent_attention"
_KNOWN = "projection_weights + layer_norm_weights - idle_weights"
_CALLED = "(projection_weights + norm_weights - idle_weights)"
_LOCAL_NORM = "(channels + size - 1) * positions + 3 * input"  # its average pooling, two products, one sum

_RECURRENT = "lstm gru rnn"
_AS_CELLS = {  # what ptflops makes of a step: its weights without the projection's, and work on the states
    "lstm": "input_positions * (weights - reducing + 10 * cells * out_channels)",
    "gru": "input_positions * (weights + 7 * cells * out_channels)",
    "rnn": "input_positions * (weights + cells * out_channels)",
}
_ATEN_STEPS = "input_positions * (weights - (first_biases if sequences > 1 else 0))"
_CELL_FLOPS = {
    "lstm": "2*macs + input_positions * (added - 2*reducing + 2 * cells * out_channels)",
    "gru": "2*macs + input_positions * (added + cells * out_channels)",
    "rnn": "2*macs + input_positions * (added - cells * out_channels)",
}

_FUNCTIONAL_FLOPS = (
    _ESTIMATED_NORMS
    | _CELL_FLOPS
    | {
        "conv conv_lstm": "2*macs + bias_adds",
        "linear matmul selective_scan": "2*macs",
        "einsum": "2*macs + 1",
        "lp_pool": "input + 2*output",
        "relu prelu elu leaky_relu silu gelu softmax": "input",
        "experts": "exp",
        "max_pool": "padded_input",
        _POOLS: "input",
        _GLOBAL_POOLS: "input if channels_first else 0",
        "local_response_norm": _LOCAL_NORM,
    }
)

# Usual ways of writing a network for which some tools print other numbers.
WRITINGS = {
    "multihead": "attention as nn.MultiheadAttention, its weights returned",
    "encoder-layer": "attention as nn.MultiheadAttention with need_weights=False, as in nn.TransformerEncoderLayer",
    "padding-same": "padding=same as padding='same', not as numbers",
}
_MULTIHEADS = "self_attention cross_attention"
_EVEN_CONV = {
    quantity: {"conv": f"({formula}) * even_positions // positions if padding_same else {formula}"}
    for quantity, formula in (("macs", "macs"), ("flops", "2*macs + bias_adds"))
}


def _either(rules: Rules) -> dict[str, Rules]:
    """The same rules whether `nn.MultiheadAttention` returns its weights or not."""
    return {"multihead": rules, "encoder-layer": rules}


def _hooked(products: int) -> str:
    """The count of `nn.MultiheadAttention` by ptflops: the module's hook has the products once."""
    every = f"input + projections + (bias_adds if bias else output) + {products}*(products + exp)"
    return f"{every} if multihead else projections + bias_adds" + _NORMED.format(1)


def _profile(name: str, says: str, tool: Tool, **rules: Mapping[str, str]) -> Convention:
    return Convention(name, says, {quantity: table(rule) for quantity, rule in rules.items()}, tool=tool)


TOOLS = (
    _profile(
        "torchinfo",
        "mult-adds: scalars of the weights and biases of each module, times positions in convolutions only",
        Tool(
            version="1.8.0",
            source="https://github.com/TylerYep/torchinfo/blob/v1.8.0/torchinfo/layer_info.py",
            sees="leaf modules",
            called={"macs": "mult-adds"},
            quirks=(
                "a bias counts like a weight",
                "a linear layer counts once, regardless of the number of tokens: transformers come out far too low",
                "an expert counts for each token that it is called with",
                "a recurrent layer counts its weights and biases for each step",
                "normalization and embedding count their parameters once",
                "a transposed convolution counts at its output's positions, not at its input's",
                "attention's matrix products, which are not modules, are not counted",
                "a weight shared by two modules counts twice in params; a module called twice counts once",
            ),
            writings=_either({"macs": {_MULTIHEADS: f"0 if multihead else {_CALLED} * sequences"}}),
        ),
        params={"*": "0 if again else weights"},
        trainable={"*": "weights if learned and not again else 0"},
        macs={
            "conv": "0 if tensors > 1 else weights * positions",
            "conv_transpose deform_conv": "weights * positions",
            "conv_lstm": "macs + bias_adds",
            _RECURRENT: "weights * input_positions",
            "linear bilinear embedding prelu": "run_weights",
            "batch_norm group_norm instance_norm layer_norm rms_norm": "run_weights",
            "self_attention cross_attention latent_attention": f"{_CALLED} * sequences",
            "window_attention": "projection_weights * windows",
        },
    ),
    _profile(
        "fvcore",
        "flops: one for each multiply-accumulate, and an estimate for each normalized element",
        Tool(
            version="0.1.5.post20221221",
            source="https://github.com/facebookresearch/fvcore/blob/main/fvcore/nn/jit_handles.py",
            sees="operators of a trace",
            called={"macs": "flops"},
            quirks=(
                "a fused multiply-add is one flop, a bias none",
                "batch normalization counts 2 for each element, layer and group normalization 5",
                "adaptive average pooling of images counts its input, all other pooling nothing",
                "scaled_dot_product_attention, an operator it does not know, counts nothing",
            ),
            writings={
                "multihead": {
                    "macs": {_MULTIHEADS: "macs if multihead else projections" + _NORMED.format(5)}
                },
                "padding-same": {"macs": {"conv": "0 if padding_same else macs"}},
            },
        ),
        params={"*": "params"},
        macs=_ESTIMATED_NORMS
        | {
            "conv conv_lstm conv_transpose linear matmul einsum selective_scan": "macs",
            "grid_sample": "4*output",
            _MULTIHEADS: "projections + 5*layer_normed",
            "latent_attention": "projections",
            "window_attention": "macs if cosine else projections",
            "adaptive_avg_pool": "input if dimensions == 2 else 0",
            "global_avg_pool": "input if channels_first and dimensions == 2 else 0",
            "upsample": "output if mode == 'nearest' and dimensions == 2 else 4 * output if mode == 'bilinear' else 0",
        },
    ),
    _profile(
        "ptflops",
        "MACs: multiply-accumulates, biases, and elements that pooling, normalization and activations touch",
        Tool(
            version="0.7.5",
            source="https://github.com/sovrasov/flops-counter.pytorch/blob/master/ptflops/pytorch_ops.py",
            sees="modules and functional calls (backend pytorch)",
            called={},
            quirks=(
                "modules are hooked and their functional calls as well, so relu, gelu, pooling and "
                "upsampling count twice",
                "the additions of biases count",
                "a step of a recurrent layer counts both its biases and 1 (rnn), 7 (gru) or 10 (lstm) for each "
                "channel of the state; its projection does not count",
                "attention's matrix products are counted only if written as matmul",
                "frozen parameters are not counted",
            ),
            writings={
                "multihead": {"macs": {_MULTIHEADS: _hooked(2)}},
                "encoder-layer": {"macs": {_MULTIHEADS: _hooked(1)}},
            },
            per_image=True,
        ),
        params={"*": "trainable"},
        macs=_AS_CELLS
        | {
            "conv": "0 if tensors > 1 else macs + bias_adds",
            "conv_lstm conv_transpose linear matmul": "macs + bias_adds",
            "selective_scan": "macs",
            "deform_conv": "macs + bias_adds + (25 if tensors > 2 else 24) * window * positions",
            "lp_pool": "input + 2*output",
            _MULTIHEADS: "projections + bias_adds + layer_normed",
            _OTHERS: "projections + bias_adds",
            "batch_norm group_norm instance_norm": "2*input if affine else input",
            "layer_norm": "input",
            "relu prelu elu gelu": "2*input",
            "relu6 leaky_relu silu softmax": "input",
            "experts": "exp",
            "max_pool": "2 * padded_input",
            _POOLS: "2*input",
            _GLOBAL_POOLS: "2*input if channels_first else 0",
            "upsample": "2*output",
            "local_response_norm": _LOCAL_NORM,
        },
    ),
    _profile(
        "ptflops-aten",
        "MACs: multiply-accumulates and biases of the kernels that run",
        Tool(
            version="0.7.5",
            source="https://github.com/sovrasov/flops-counter.pytorch/blob/master/ptflops/aten_ops.py",
            sees="dispatched kernels (backend aten)",
            called={},
            quirks=(
                "the additions of biases count where the kernel makes them",
                "it does not know the fused attention kernel, which runs where values have as many channels "
                "as keys, nor the fused lstm, which PyTorch runs on the CPU unless there is a projection",
                "a first recurrent layer over several sequences adds one bias separately, which does not count",
                "frozen parameters are not counted",
            ),
            writings={
                "multihead": {
                    "macs": {
                        _MULTIHEADS: "(macs if multihead else projections + (products if uneven else 0)) + bias_adds"
                    }
                },
            },
        ),
        params={"*": "trainable"},
        macs={
            "conv conv_lstm conv_transpose linear matmul": "macs + bias_adds",
            "einsum selective_scan": "macs",
            f"{_MULTIHEADS} latent_attention": "projections + bias_adds + (products if uneven else 0)",
            "window_attention": "projections + bias_adds + (products if cosine else 0)",
            "lstm": f"({_ATEN_STEPS}) if projected else 0",
            "gru rnn": _ATEN_STEPS,
        },
    ),
    _profile(
        "thop",
        "MACs: multiply-accumulates without bias, and operations of normalization and average pooling",
        Tool(
            version="0.1.1.post2209072238",
            source="https://github.com/Lyken17/pytorch-OpCounter/blob/master/thop/vision/basic_hooks.py",
            sees="modules of the types it knows",
            called={},
            quirks=(
                "batch and layer normalization count 4 for each element with affine parameters, 2 without",
                "average pooling counts its outputs, adaptive average pooling its inputs as well",
                "adaptive pooling whose bins do not divide the input may count one too few, by floating-point error",
                "a transposed convolution counts at its output's positions, not at its input's",
                "a step of a recurrent layer counts both its biases and 1 (rnn), 7 (gru) or 8 (lstm) for each "
                "channel of the state; an lstm counts as if it had no projection",
                "parameters of other modules (embedding, group normalization) and bare parameters are left out",
                "attention's matrix products, which are not modules, are not counted",
                "a weight shared by two modules counts twice in params; a module called twice counts once",
            ),
            writings=_either(
                {
                    "params": {_MULTIHEADS: f"0 if again or multihead else {_KNOWN}"},
                    "macs": {_MULTIHEADS: "0 if multihead else projections" + _NORMED.format(4)},
                }
            ),
        ),
        params={
            "conv": "0 if again or tensors > 1 else weights",
            "conv_lstm conv_transpose linear batch_norm layer_norm instance_norm prelu": "0 if again else weights",
            _RECURRENT: "0 if again else weights",
            _MULTIHEADS: f"0 if again else {_KNOWN}",
            _OTHERS: "0 if again else projection_weights - idle_weights",
        },
        macs=_AS_CELLS
        | {
            "lstm": "input_positions * (directions * 4 * out_channels * (channels + out_channels)"
            " + (cells - directions) * 4 * out_channels * (directions + 1) * out_channels"
            " + cells * (8 * out_channels) + added)",
            "conv": "0 if tensors > 1 else macs",
            "conv_lstm linear": "macs",
            "conv_transpose": "output * (channels // groups) * window",
            _MULTIHEADS: "projections + 4*layer_normed",
            "window_attention": "projections",
            "latent_attention": "projections - positions * idle_weights",
            "batch_norm instance_norm": "4*input if affine else 2*input",
            "layer_norm": "4*input if elementwise_affine else 2*input",
            "prelu": "input",
            "softmax": "2*input + compare",
            "avg_pool subsample": "output",
            "adaptive_avg_pool": "input + output",
            "global_avg_pool": "input + output if channels_first else 0",
            "upsample": "output if mode == 'nearest' else 5*output if mode == 'linear' "
            "else 11*output if mode == 'bilinear' else 259*output if mode == 'bicubic' else 0",
        },
    ),
    _profile(
        "calflops",
        "FLOPs: 2 for each multiply-accumulate, and elements that other functional calls touch",
        Tool(
            version="0.3.2",
            source="https://github.com/MrYxJ/calculate-flops.pytorch/blob/main/calflops/pytorch_ops.py",
            sees="functional calls",
            called={},
            quirks=(
                "a convolution's bias counts, a linear layer's does not",
                "batch normalization counts 2 for each element, other normalizations 5",
                "scaled_dot_product_attention, a call it does not know, counts nothing",
                "recurrent layers have FLOPs and no MACs; projections do not count",
                "transposed convolution: groups divide twice, and biases are counted where a plain "
                "convolution has its outputs",
                "upsampling counts its input, or, if a size is given, that size without channels",
                "frozen parameters are not counted",
            ),
            writings={
                "multihead": {
                    "flops": {_MULTIHEADS: "2*projections + (exp if multihead else 0)" + _NORMED.format(5)}
                },
                "padding-same": _EVEN_CONV,
            },
        ),
        params={"*": "trainable"},
        macs={
            "conv conv_lstm linear matmul selective_scan": "macs",
            "conv_transpose": "window * channels * (out_channels // groups // groups) * input_positions",
            _ATTENTION: "projections",
        },
        flops=_FUNCTIONAL_FLOPS
        | {
            "conv_transpose": "2 * window * channels * (out_channels // groups // groups) * input_positions"
            " + (out_channels // groups * conv_positions if bias else 0)",
            _MULTIHEADS: "2*projections + 5*layer_normed",
            _OTHERS: "2*projections",
            "upsample": "input if scaled else positions",
        },
    ),
    _profile(
        "deepspeed",
        "FLOPs: 2 for each multiply-accumulate, and elements that other functional calls touch",
        Tool(
            version="0.19.8",
            source="https://github.com/deepspeedai/DeepSpeed/blob/v0.19.8/"
            "deepspeed/profiling/flops_profiler/profiler.py",
            sees="functional calls",
            called={},
            quirks=(
                "a convolution's bias counts, a linear layer's does not",
                "batch normalization counts 2 for each element, other normalizations 5",
                "attention's products count, its softmax does not",
                "recurrent layers have FLOPs and no MACs; projections do not count",
                "upsampling to a given size counts that size without channels",
            ),
            writings={
                "multihead": {
                    "flops": {_MULTIHEADS: f"2*({_FULL}) + (exp if multihead else 0)" + _NORMED.format(5)}
                },
                "padding-same": _EVEN_CONV,
            },
        ),
        params={"*": "params"},
        macs={
            "conv conv_lstm conv_transpose linear matmul selective_scan": "macs",
            _ATTENTION: _FULL,
        },
        flops=_FUNCTIONAL_FLOPS
        | {
            "conv_transpose": "2*macs + bias_adds",
            _MULTIHEADS: f"2*({_FULL}) + 5*layer_normed",
            _OTHERS: f"2*({_FULL})",
            "upsample": "output if scaled else positions",
        },
    ),
    _profile(
        "pytorch",
        "FLOPs: 2 for each multiply-accumulate of convolutions and matrix products, nothing else",
        Tool(
            version="2.13.0",
            source="https://github.com/pytorch/pytorch/blob/v2.13.0/torch/utils/flop_counter.py",
            sees="dispatched kernels (torch.utils.flop_counter.FlopCounterMode)",
            called={},
            quirks=(
                "it does not know the CPU's fused attention kernel, so attention's "
                "products are missed there; the profile is for other devices",
            ),
        ),
        flops={
            f"conv conv_lstm conv_transpose linear matmul einsum selective_scan {_RECURRENT}": "2*macs",
            _ATTENTION: f"2*({_FULL})",
        },
    ),
    _profile(
        "torchprofile",
        "MACs: multiply-accumulates, and one for each output element of some other operators",
        Tool(
            version="0.1.0",
            source="https://github.com/zhijian-liu/torchprofile/blob/master/torchprofile/handlers.py",
            sees="operators of a trace",
            called={},
            quirks=(
                "normalization with affine parameters, average pooling and products count their outputs",
                "a transposed convolution counts at its output's positions, not at its input's",
                "grouped-query attention is refused",
                "an lstm with a projection counts as if its state had the projected size; gru and rnn count nothing",
            ),
            writings={
                "multihead": {
                    "macs": {
                        "self_attention": f"{_FULL} + layer_normed + 2*turned + (input + 4 if multihead else 0)",
                        "cross_attention": f"{_FULL} + layer_normed"
                        " + (input + (4 if tensors == 3 else 6 if bias else 5) if multihead else 0)",
                    },
                },
                "encoder-layer": {
                    "macs": {
                        "self_attention": f"{_FULL} + layer_normed + 2*turned + (4 if multihead else 0)",
                        "cross_attention": f"{_FULL} + layer_normed"
                        " + ((4 if tensors == 3 else 6 if bias else 5) if multihead else 0)",
                    },
                },
                "padding-same": {"macs": {"conv": "0 if padding_same else macs"}},
            },
        ),
        macs={
            "conv linear matmul einsum local_conv": "macs",
            "selective_scan": "macs + 4*exp + input",
            "lp_pool": "3*output",
            "quick_gelu": "2*output",
            "grid_sample": "4*output if mode == 'bilinear' else 0",
            "conv_lstm": "macs + multiply",
            "lstm": "input_positions * 4 * given_on * (directions * (channels + given_on)"
            " + (cells - directions) * (directions + 1) * given_on)",
            "conv_transpose": "output * window"
            " * (out_channels // groups if channels == out_channels else channels)",
            "self_attention": f"{_FULL} + layer_normed + 2*turned",
            "cross_attention": f"{_FULL} + layer_normed",
            "window_attention": f"{_FULL} + (subtract if cosine else 0)",  # the scores are scaled by an operator
            "latent_attention": f"{_FULL} + 2*turned",
            "batch_norm group_norm instance_norm": "output if affine else 0",
            "layer_norm": "output if elementwise_affine else 0",
            "avg_pool adaptive_avg_pool global_avg_pool reduce_mean leaky_relu": "output",
            "multiply rotary experts": "multiply",
            "scale layer_scale": "output",
            "affine": "multiply",
            "subsample": "2*output",
            "local_response_norm": "3*output",
            "upsample": "4*output if mode == 'bilinear' else 0",
        },
    ),
    _profile(
        "keras",
        "params: all that layers store, with running statistics; FLOPs: those of TensorFlow's profiler",
        Tool(
            version="3.15.1",
            source="https://github.com/keras-team/keras/blob/v3.15.1/keras/src/utils/summary_utils.py",
            sees="variables; TensorFlow 2.21.0's profiler (float_operation), nodes of the frozen graph",
            called={
                "params": "Total params",
                "trainable": "Trainable params",
                "frozen": "Non-trainable params",
            },
            quirks=(
                "running means and variances are non-trainable params, and in the total",
                "Keras itself counts no operations; the FLOPs are those of tensorflow/python/profiler/"
                "internal/flops_registry.py",
                "relu, sigmoid, tanh and local response normalization, nodes it does not know, count nothing",
                "a grouped convolution that is not depthwise runs in a function it does not look into",
                "a dilated convolution runs on every d-th position for each offset, with sizes rounded up",
                "three-dimensional pooling and transposed convolution, nodes it does not know, count nothing",
                "attention's products, which Keras writes as einsum, are not counted; its softmax counts 5",
                "attention along one of several axes is einsum throughout: its projections do not count",
                "adaptive pooling, which Keras composes from other ops, counts nothing here",
                "a recurrent layer counts the product with one token, however long the sequence, and no "
                "product with the state",
                "pooling counts its window for each output, batch normalization 2 for each element and 6 "
                "for each channel",
            ),
        ),
        params={"*": "params + buffers"},
        trainable={"*": "trainable"},
        frozen={"*": "params - trainable + buffers"},
        flops={
            "conv": "(2*macs * split_positions // positions"
            " if groups == 1 or (groups == channels and dimensions < 3) else 0) + bias_adds",
            "conv_transpose": "(2 * positions * window * channels * out_channels // strides"
            " if dimensions < 3 else 0) + bias_adds",
            "linear": "2*macs + bias_adds",
            "matmul": "2*macs",
            "lstm": "2*entering + (4*cells*out_channels if bias else 0) + 5*cells*out_channels",
            "gru": "2*entering + (3*cells*out_channels if bias else 0)",
            "rnn": "2*entering + (cells*out_channels if bias else 0)",
            "conv_lstm": "(2*entering + added) * frame",
            "self_attention": "bias_adds + (2*projections + 6*exp + (2 if grouped else 0)"
            " if dimensions == 1 else 5*exp + multiply)",
            "cross_attention": "2*projections + bias_adds + 6*exp",
            "batch_norm": "2*output + 6*channels if affine else 2*output + 5*channels",
            "layer_norm": "(9*output + 4*sqrt if bias else 8*output + 4*sqrt) if elementwise_affine "
            "else 6*output + 5*sqrt",
            "group_norm": "6*output + (3*channels + 4*num_groups if affine else 5*num_groups)",
            "rms_norm": "4*output + 3*sqrt",
            "max_pool avg_pool": "output * window if dimensions < 3 else 0",
            "subsample": "output * window + 2*output",
            "global_avg_pool reduce_mean": "input",
            "softmax": "5*input",
            "gelu": "4*input if approximate == 'none' else 7*input",
            "prelu": "3*input + weights",
            "silu hard_sigmoid quick_gelu": "2*input",
            "hard_swish": "3*input",
            "square mish log power": "input",
            "clip maximum minimum": "compare",
            "divide": "divide",
            "reduce_sum": "add",
            "reduce_norm": "multiply + add",
            "l2_norm": "multiply + add + 3*sqrt + divide",
            "argmax": "compare + (2*input if axis == 'channels' else 0)",
            "unfold": "2 * output * channels * window",
            "add": "add",
            "multiply": "multiply",
            "subtract scale positions layer_scale": "output",
            "affine": "add + multiply",
            "embedding": "2*input",
            "rbf": "operations",
            "upsample": "dimensions if mode == 'nearest' else 0",
        },
    ),
    _profile(
        "netscope",
        "MACC: multiply-accumulates of the Caffe model, its scale layers' included",
        Tool(
            version="070cd6e",
            source="https://github.com/kentanabe/netscope/blob/070cd6ecf9a7653003e79c2ded2b72a4b15ffc33/"
            "src/analyzer.coffee",
            sees="layers of a Caffe prototxt",
            called={"macs": "MACC"},
            quirks=(
                "batch normalization is BatchNorm and Scale in Caffe: the second counts its elements, the "
                "first its mean and variance as params, which come to as many as gamma and beta",
                "local response normalization counts its window for each element, and 2 params",
                "a deconvolution counts at its output's positions divided by the stride, groups ignored, "
                "without params for its bias",
                "the product of two equal shapes (Eltwise in Caffe) is treated as a sum",
                "comparisons, additions, divisions and exponentials have columns of their own",
                "the web page shows three digits; layers that Caffe 1 lacks are refused",
                "dgschwend/netscope, which makes rounding of pooling an option instead of always rounding up",
            ),
        ),
        params={
            "conv linear": "params",
            "conv_transpose": "window * channels * out_channels",
            "batch_norm": "2*channels",
            "local_response_norm": "2",
        },
        macs={
            "conv linear": "macs",
            "conv_transpose": "channels * out_channels * positions * window // strides",
            "batch_norm": "output if affine else 0",
            "local_response_norm": "size * input",
            "multiply": "0 if alike else multiply",
            "affine": "multiply",
            "scale layer_scale subsample": "output",
        },
    ),
)


def _variants(base: Convention, tool: Tool) -> list[Convention]:
    return [
        base._replace(
            name=f"{base.name}:{writing}",
            says=f"{base.says}; {WRITINGS[writing]}",
            terms={**base.terms, **_written(base, others)},
        )
        for writing, others in tool.writings.items()
    ]


def _written(base: Convention, others: Rules) -> dict[str, tuple[Term, ...]]:
    return {quantity: replaced(base.terms[quantity], table(rules)) for quantity, rules in others.items()}


VARIANTS = tuple(each for base in TOOLS if base.tool for each in _variants(base, base.tool))
