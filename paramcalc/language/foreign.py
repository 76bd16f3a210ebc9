"""Calls and names of PyTorch and Keras, and what to write for them.

Imported only to mend a line that cannot be read. A row of a table, which goes on where it is indented:
their names, our op, their parameters in order. `theirs:ours` is a parameter with another name here,
`theirs:` one that says nothing here, `theirs:!` one that has no counterpart unless it is true, `theirs:tanh`
and `theirs:sigmoid` unless it is that word;
`ours=value` holds where nothing is given. `#` is 1, 2 or 3.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from paramcalc import ops
from paramcalc.ops.attributes import attributes

LONGEST = 500  # of a call that is translated
MOST_NAMES = 8  # of tensors in a translated join

_PYTORCH = """
Conv#d = conv#d in_channels: out_channels kernel_size stride padding dilation groups bias padding_mode
LazyConv#d = conv#d out_channels kernel_size stride padding dilation groups bias padding_mode
ConvTranspose#d = conv_transpose#d in_channels: out_channels kernel_size stride padding output_padding groups bias
  dilation
LazyConvTranspose#d = conv_transpose#d out_channels kernel_size stride padding output_padding groups bias
  dilation
Linear = linear in_features: out_features:out_channels bias
LazyLinear = linear out_features:out_channels bias
Bilinear = bilinear in1_features: in2_features: out_features:out_channels bias
BatchNorm#d SyncBatchNorm = batch_norm num_features: eps momentum affine track_running_stats
LazyBatchNorm#d = batch_norm eps momentum affine track_running_stats
InstanceNorm#d = instance_norm num_features: eps momentum affine track_running_stats
LazyInstanceNorm#d = instance_norm eps momentum affine track_running_stats
GroupNorm = group_norm num_groups num_channels: eps affine
LayerNorm = layer_norm normalized_shape:normalized eps elementwise_affine bias
RMSNorm = rms_norm normalized_shape:normalized eps elementwise_affine
DeformConv2d = deform_conv2d in_channels: out_channels kernel_size stride padding dilation groups bias
LocalResponseNorm = local_response_norm size alpha beta k
MaxPool#d = max_pool#d kernel_size stride padding dilation return_indices: ceil_mode
AvgPool#d = avg_pool#d kernel_size stride padding ceil_mode count_include_pad
AdaptiveAvgPool#d = adaptive_avg_pool#d output_size
AdaptiveMaxPool#d = adaptive_max_pool#d output_size return_indices:
LPPool#d = lp_pool#d norm_type kernel_size stride ceil_mode
Unfold = unfold2d kernel_size dilation padding stride
Fold = fold2d output_size kernel_size dilation padding stride
ReLU = relu
ReLU6 = relu6
ELU = elu alpha
SELU = selu
GELU = gelu approximate
SiLU = silu
Mish = mish
Sigmoid = sigmoid
Tanh = tanh
LeakyReLU = leaky_relu negative_slope
PReLU = prelu num_parameters init
Hardsigmoid = hard_sigmoid
Hardtanh = clip min_val:low max_val:high low=-1 high=1
Hardswish = hard_swish
Softplus = softplus beta threshold
Softmax LogSoftmax Softmax2d = softmax dim:
Dropout Dropout#d AlphaDropout FeatureAlphaDropout = dropout p
StochasticDepth DropPath = drop_path p mode:
Flatten = flatten start_dim: end_dim:
Identity = identity
Embedding = embedding num_embeddings:vocabulary embedding_dim:dim padding_idx:
LSTM = lstm input_size: hidden_size:out_channels num_layers bias batch_first: dropout: bidirectional
  proj_size:projection
GRU = gru input_size: hidden_size:out_channels num_layers bias batch_first: dropout: bidirectional
RNN = rnn input_size: hidden_size:out_channels num_layers nonlinearity:activation bias batch_first: dropout:
  bidirectional
MultiheadAttention = self_attention embed_dim: num_heads:heads dropout: bias
Upsample = upsample size scale_factor:scale mode align_corners
UpsamplingNearest2d = upsample size scale_factor:scale
UpsamplingBilinear2d = upsample size scale_factor:scale mode=bilinear align_corners=true
PixelShuffle = pixel_shuffle upscale_factor:factor
PixelUnshuffle = pixel_unshuffle downscale_factor:factor
ChannelShuffle = channel_shuffle groups
ZeroPad#d = pad padding
ReflectionPad#d = pad padding mode=reflect
ReplicationPad#d = pad padding mode=replicate
CircularPad#d = pad padding mode=circular
"""

_KERAS = """
Conv#D Convolution#D = conv#d filters:out_channels kernel_size strides:stride padding
  data_format: dilation_rate:dilation groups activation use_bias:bias
Conv#DTranspose Convolution#DTranspose = conv_transpose#d filters:out_channels kernel_size strides:stride padding
  data_format: dilation_rate:dilation activation use_bias:bias
DepthwiseConv1D = conv1d kernel_size strides:stride padding
  depth_multiplier:multiplier data_format: dilation_rate:dilation activation use_bias:bias multiplier=1 groups=channels
DepthwiseConv2D = conv2d kernel_size strides:stride padding
  depth_multiplier:multiplier data_format: dilation_rate:dilation activation use_bias:bias multiplier=1 groups=channels
Dense = linear units:out_channels activation use_bias:bias
BatchNormalization = batch_norm axis: momentum: epsilon:eps center:! scale:!
LayerNormalization = layer_norm axis: epsilon:eps center:! scale:!
GroupNormalization = group_norm groups:num_groups axis: epsilon:eps center:! scale:!
RMSNormalization = rms_norm axis: epsilon:eps
MaxPooling#D MaxPool#D = max_pool#d pool_size:kernel_size strides:stride padding data_format: kernel_size=2
AveragePooling#D AvgPool#D = avg_pool#d pool_size:kernel_size strides:stride padding data_format: kernel_size=2
AdaptiveAveragePooling#D = adaptive_avg_pool#d output_size data_format:
AdaptiveMaxPooling#D = adaptive_max_pool#d output_size data_format:
GlobalAveragePooling#D GlobalAvgPool#D = global_avg_pool data_format:
LocallyConnected#D = local_conv#d filters:out_channels kernel_size strides:stride padding data_format: activation
  use_bias:bias
GlobalMaxPooling#D GlobalMaxPool#D = global_max_pool data_format:
Activation = identity activation
ReLU = relu
ELU = elu alpha
LeakyReLU = leaky_relu negative_slope alpha:negative_slope
Softmax = softmax axis:
Dropout SpatialDropout#D AlphaDropout = dropout rate:p
Flatten = flatten data_format:
Identity = identity
Embedding = embedding input_dim:vocabulary output_dim:dim
LSTM = lstm units:out_channels activation:tanh recurrent_activation:sigmoid use_bias:bias
  return_sequences:sequences dropout: recurrent_dropout: implementation: unroll: sequences=false biases=1
GRU = gru units:out_channels activation:tanh recurrent_activation:sigmoid use_bias:bias
  return_sequences:sequences reset_after dropout: recurrent_dropout: implementation: unroll: sequences=false
SimpleRNN = rnn units:out_channels activation:nonlinearity use_bias:bias
  return_sequences:sequences dropout: recurrent_dropout: unroll: sequences=false biases=1
ConvLSTM2D = conv_lstm2d filters:out_channels kernel_size strides:stride padding data_format:
  dilation_rate:dilation activation:tanh recurrent_activation:sigmoid use_bias:bias
  return_sequences:sequences dropout: recurrent_dropout: sequences=false
MultiHeadAttention = self_attention num_heads:heads key_dim:head_dim use_bias:bias dropout:
UpSampling#D = upsample size:scale data_format: interpolation:mode scale=2
ZeroPadding#D = pad padding data_format: padding=1
"""

# names of joins, and the op that joins
_JOINS = {
    "add": "add", "cat": "concat", "concat": "concat", "concatenate": "concat", "mul": "multiply",
    "multiply": "multiply", "sub": "subtract", "subtract": "subtract", "matmul": "matmul", "bmm": "matmul",
    "mm": "matmul", "dot": "matmul", "div": "divide", "divide": "divide", "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip

_INFERRED = "leave it out: it is inferred from the input"
_MIXTURE = "experts, with mixture, active, router and layers below it"
_SINES = (
    "add: {token: identity, sines: parameter length=x.length channels=channels learned=false}; "
    "for an image, sine_positions"
)
_FIXED = "parameter SIZES learned=false, for fixed numbers, which are not params"
_GATED = "multiply: {{gate: [linear HIDDEN, {}], up: linear HIDDEN}}, then linear OUT, as a block"
_LATENT = "latent_attention HEADS KV_RANK NOPE_DIM ROPE_DIM VALUE_DIM"

# other names, and what to write
_WORDS = {
    "dense": "linear OUT", "fc": "linear OUT", "fullyconnected": "linear OUT", "innerproduct": "linear OUT",
    "conv": "conv2d OUT KERNEL", "convolution": "conv2d OUT KERNEL", "deconv": "conv_transpose2d OUT KERNEL",
    "depthwiseconv": "conv2d channels KERNEL groups=channels", "depthwise": "conv2d channels KERNEL groups=channels",
    "dwconv": "conv2d channels KERNEL groups=channels", "pointwiseconv": "conv2d OUT 1",
    "separableconv#d": "conv#d channels KERNEL groups=channels bias=false, conv#d OUT 1",
    "separableconvolution#d": "conv#d channels KERNEL groups=channels bias=false, conv#d OUT 1",
    "separableconv": "conv2d channels KERNEL groups=channels bias=false, conv2d OUT 1",
    "moe": _MIXTURE, "mixtureofexperts": _MIXTURE, "sparsemoe": _MIXTURE, "sparsemoeblock": _MIXTURE,
    "bn": "batch_norm", "batchnorm": "batch_norm", "ln": "layer_norm", "gn": "group_norm GROUPS",
    "lrn": "local_response_norm SIZE", "crossmaplrn2d": "local_response_norm SIZE",
    "maxpool": "max_pool2d KERNEL", "pool": "max_pool2d KERNEL", "maxpooling": "max_pool2d KERNEL",
    "avgpool": "avg_pool2d KERNEL", "averagepool": "avg_pool2d KERNEL", "averagepooling": "avg_pool2d KERNEL",
    "gap": "global_avg_pool", "globalpool": "global_avg_pool", "globalaveragepool": "global_avg_pool",
    "mean": "reduce_mean AXIS, or global_avg_pool for all positions", "max": "reduce_max AXIS, or global_max_pool",
    "amax": "reduce_max AXIS, or global_max_pool", "amin": "reduce_min AXIS", "min": "reduce_min AXIS",
    "sum": "reduce_sum AXIS; add from a b adds tensors element by element",
    "norm": "reduce_norm AXIS, or l2_norm", "vectornorm": "reduce_norm AXIS", "unitnormalization": "l2_norm",
    "normalize": "l2_norm",
    "clamp": "clip LOW HIGH", "pow": "power EXPONENT", "neg": "scale -1", "quickgelu": "quick_gelu",
    "maxunpool": "max_unpool2d KERNEL from VALUES FEATURES",
    "gridsample": "grid_sample from IMAGE GRID", "topk": "top_k K AXIS", "takealongdim": "gather AXIS from VALUES IDS",
    "indexselect": "gather AXIS from VALUES IDS", "stack": "stack_as AXIS from a b", "repeat": "tile AXIS TIMES",
    "expand": "tile AXIS TIMES; sums and products spread an axis of size 1 by themselves", "im2col": "unfold2d KERNEL",
    "col2im": "fold2d SIZE KERNEL", "einsumdense": "einsum 'qc,kc->qk' from LEFT RIGHT, or linear",
    "mamba": "selective_scan from TOKENS DELTA B C; the bundled mamba has the block around it",
    "average": "add from a b, then scale 1/2", "transpose": "permute AXES", "swapaxes": "permute AXES",
    "view": "reshape SIZES", "unflatten": "reshape SIZES", "squeeze": "reshape SIZES", "unsqueeze": "reshape SIZES",
    "rearrange": "reshape SIZES, or permute AXES", "repeatvector": "upsample SCALE on an axis of size 1",
    "split": "slice AXIS START STOP, once for each part", "chunk": "slice AXIS START STOP, once for each part",
    "narrow": "slice AXIS START STOP", "cropping#d": "crop AMOUNTS", "cropping": "crop AMOUNTS",
    "centercrop": "center_crop HEIGHT WIDTH",
    "interpolate": "upsample SCALE", "resize": "upsample size=SIZE", "resizing": "upsample size=SIZE",
    "upsamplenearest": "upsample SCALE", "upsamplebilinear": "upsample SCALE mode=bilinear",
    "padding": "pad AMOUNTS", "constantpad#d": "pad AMOUNTS", "mha": "self_attention HEADS",
    "attention": "self_attention HEADS", "selfattention": "self_attention HEADS",
    "multiheadattention": "self_attention HEADS, or cross_attention HEADS from QUERY MEMORY",
    "multiheadattentionforward": "self_attention HEADS, or cross_attention HEADS from QUERY MEMORY",
    "scaleddotproductattention": "self_attention HEADS, which has its projections too",
    "groupqueryattention": "self_attention HEADS kv_heads=N",
    "groupedqueryattention": "self_attention HEADS kv_heads=N",
    "multiheadlatentattention": _LATENT, "mla": _LATENT, "rotaryembedding": "rotary", "rope": "rotary",
    "slidingwindowattention": "self_attention HEADS causal=true window=N",
    "positionalencoding": f"positions, which are learned; or {_SINES}", "sinusoidalpositions": _SINES,
    "sinusoidalpositionembedding": _SINES, "sinusoidalpositionalembedding": _SINES,
    "sinusoidalpositionalencoding": _SINES, "sinepositionencoding": _SINES, "sinusoidal": _SINES, "sines": _SINES,
    "constant": _FIXED, "constants": _FIXED, "buffer": _FIXED, "zeros": _FIXED, "ones": _FIXED, "full": _FIXED,
    "zeroslike": "scale 0", "swiglu": _GATED.format("silu"), "geglu": _GATED.format("gelu"),
    "reglu": _GATED.format("relu"), "residual": "add: {main: ..., skip: identity}",
    "activation": "its name: relu, gelu, silu",
    "positionembedding": "positions", "clstoken": "class_token",
    "rescaling": "scale FACTOR", "inputlayer": "input: SIZES, above the layers",
    "input": "input: SIZES, above the layers", "sequential": "a list of lines, or a block",
    "modulelist": "a list of lines, or a block",
    "stochasticdepth": "drop_path P", "hsigmoid": "hard_sigmoid", "hswish": "hard_swish", "exponential": "exp",
    "bidirectional": "lstm SIZE bidirectional=true",
    "timedistributed": "the layer itself: linear and norms work on each position",
}  # fmt: skip

_BETWEEN = "it has no dropout between its layers: write N * layer, where layer is a block: dropout P, {}"
_OWN = "write it as a call of its own, after a comma"

# attributes that other programs have, by name, and what to write
_ATTRIBUTES = {
    "tie": "share=LAYER takes the weights of a layer", "tied": "share=LAYER takes the weights of a layer",
    "weight": "share=LAYER takes the weights of a layer", "tie_weights": "share=LAYER takes the weights of a layer",
    "embed_dim": _INFERRED, "d_model": _INFERRED, "input_size": _INFERRED, "num_features": _INFERRED,
    "activation": _OWN, "act": _OWN, "dropout": _OWN, "inplace": "leave it out", "batch_first": "leave it out",
}  # fmt: skip

# what PyTorch and Keras have, and paramcalc has not
_NONE = set(
    """
    lstmcell grucell rnncell simplernncell convlstm1d convlstm3d stackedrnncells rnnbase
    celu glu hardshrink logsigmoid rrelu softmin softshrink softsign tanhshrink threshold
    maxunpool#d fractionalmaxpool#d embeddingbag cosinesimilarity pairwisedistance
    affinegrid gumbelsoftmax onehot transformer transformerencoder transformerdecoder
    transformerencoderlayer transformerdecoderlayer additiveattention masking lambda
    spectralnormalization gaussiannoise gaussiandropout convtbc
    roialign roipool
    melspectrogram stftspectrogram reversibleembedding activityregularization normalization
    """.split()  # noqa: SIM905
)

_IGNORED = re.compile(
    r"name|dtype|device|inplace|trainable|(?:batch_)?input_shape|training|batch_first|.*_(?:initializer|regularizer|constraint)"
)
_ACTIVATIONS = {
    "swish": "silu",
    "exponential": "exp",
    "log_softmax": "softmax",
    "linear": "",
    "hard_silu": "hard_swish",
}
_ONLY = {"tanh", "sigmoid"}  # what gates have, and nothing else
_CHANNELS = {"1", "-1", "3"}  # the axis of the channels, there and in Keras
_RECURRENT = {"lstm", "gru", "rnn", "conv_lstm2d"}
_FUNCTIONAL = {"F", "functional", "torch", "tf", "keras", "activations", "ops", "np", "K"}


class _Call(NamedTuple):
    """How one of their layers is written here: the op, parameters by their names, values where none is given."""

    op: str
    parameters: dict[str, str]
    fixed: dict[str, str]


class _NoCounterpartError(Exception):
    """A value without a counterpart here."""


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, _Call], dict[str, _Call]]:
    """The calls of PyTorch and of Keras by name."""
    return dict(_read(_PYTORCH)), dict(_read(_KERAS))


def _read(table: str) -> Iterator[tuple[str, _Call]]:
    for row in re.split(r"\n(?! )", table.strip()):
        left, _, right = row.partition(" = ")
        for rank in "123":
            op, *words = right.replace("#", rank).split()
            fixed = dict(word.split("=") for word in words if "=" in word)
            given = [word.partition(":") for word in words if "=" not in word]
            parameters = {theirs: ours if colon else theirs for theirs, colon, ours in given}
            for name in left.replace("#", rank).split():
                yield name, _Call(op, parameters, fixed)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def advice(name: str) -> str:
    """What to write for a name that is no op here; '' for one that neither PyTorch nor Keras has.

    >>> advice("fc"), advice("BatchNorm2d")
    ('write linear OUT', 'write batch_norm')
    """
    plain = _plain(name)
    generic = re.sub(r"[123](?=d)", "#", plain)
    for word in (plain, generic):
        if word in _NONE:
            return f"there is no op for {name}: compose it from other ops in a block, or write a plugin"
        if word in _WORDS:
            rank = re.search(r"[123](?=d)", plain)
            line = _WORDS[word].replace("#", rank[0] if rank else "2")
            return f"write {line}"
    if plain in _JOINS:
        return f"write {_JOINS[plain]} from a b, or {_JOINS[plain]}: over its branches"
    for table in _tables():
        for theirs, call in table.items():
            if _plain(theirs) == plain:
                return f"write {_usage(call.op)}"
    return f"write {_usage(name.lower())}" if ops.known(name.lower()) else ""


def attribute(op: str, name: str) -> str:
    """What to write for an attribute that an op has elsewhere; '' where nothing is known.

    >>> attribute("linear", "tie")
    'share=LAYER takes the weights of a layer'
    """
    if name == "dropout" and op in _RECURRENT:
        return _BETWEEN.format(f"{op} OUT")
    return _ATTRIBUTES.get(name, _INFERRED if name.startswith("in_") else "")


def without_input(op: str, arguments: list[str]) -> str:
    """The line for a call whose arguments are in PyTorch's order, the input channels first; '' if there is none.

    >>> without_input("conv2d", ["3", "64", "3"]), without_input("layer_norm", ["768"])
    ('conv2d 64 3', 'layer_norm')
    """
    for theirs, call in _tables()[0].items():
        first = next(iter(call.parameters), "")
        if (
            call.op == op
            and call.parameters.get(first) in ("", "normalized")
            and first not in ("dim", "start_dim")
        ):
            try:
                written = ast.parse(f"{theirs}({', '.join(arguments)})", mode="eval").body
                assert isinstance(written, ast.Call)
                return _translated(call, written.args, written.keywords)
            except (SyntaxError, _NoCounterpartError):
                return ""
    return ""


def _usage(name: str) -> str:
    """An op with what it must be given: `conv2d OUT_CHANNELS KERNEL_SIZE`."""
    op = ops.find(name)
    required = [one.upper() for one, attribute in attributes(op).items() if attribute.required] if op else []
    return " ".join([name, *required])


def line(text: str) -> str:
    """The equivalent line for a call of PyTorch or Keras; '' if there is none.

    >>> line("nn.Conv2d(3, 16, 3, padding=1)"), line("Dense(10, activation='softmax')")
    ('conv2d 16 3 padding=1', 'linear 10, softmax')
    >>> line("F.relu(x)")
    'relu'
    """
    if len(text) > LONGEST:
        return ""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        return _line(call) if isinstance(call, ast.Call) else ""
    except (SyntaxError, ValueError, MemoryError, RecursionError, _NoCounterpartError):
        return ""


def _line(call: ast.Call) -> str:
    if isinstance(call.func, ast.Call) and not call.func.keywords:  # Add()([a, b]), Dense(3)(x)
        inner, outer = call.func, call
        return _join(_name(inner)[-1], outer) or _line(inner)
    *prefix, name = _name(call)
    if name == "Bidirectional":
        return _both_directions(call)
    joined = _join(name, call)
    if joined:
        return joined
    for found, functional in _candidates(prefix, name):
        arguments = call.args[1:] if functional else call.args
        if functional and not (call.args and isinstance(call.args[0], ast.Name)):
            continue
        for one in (found, _without_input(found)):
            try:
                return _translated(one, arguments, call.keywords)
            except _NoCounterpartError:
                continue
    return ""


def _without_input(found: _Call) -> _Call:
    """The same for somebody who left out the input's channels, which come first where they are given."""
    first = next(iter(found.parameters), "")
    rest = {theirs: ours for theirs, ours in found.parameters.items() if theirs != first}
    return found._replace(parameters=rest) if first and not found.parameters[first] else found


def _name(call: ast.Call) -> list[str]:
    """The dotted name that is called, in parts."""
    parts: list[str] = []
    node = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise _NoCounterpartError
    return [node.id, *reversed(parts)]


def _candidates(prefix: list[str], name: str) -> Iterator[tuple[_Call, bool]]:
    """What a name may mean, and whether the first argument is the tensor."""
    torch, keras = _tables()
    tables = (keras, torch) if {"keras", "layers", "tf"} & {*prefix} else (torch, keras)
    yield from ((table[name], False) for table in tables if name in table)
    if prefix and name.islower() and _FUNCTIONAL & {*prefix}:
        plain = _plain(name)
        for theirs, call in torch.items():  # a layer with weights is no function of the tensor alone
            if _plain(theirs) == plain and not {
                "in_channels",
                "in_features",
                "num_features",
                "input_size",
            } & {*call.parameters}:
                yield call, True


def _join(name: str, call: ast.Call) -> str:
    """`concat from a b` for a join of tensors with names, along the channels if along an axis."""
    arguments = call.args
    op = _JOINS.get(_plain(name), "")
    listed = arguments[0].elts if arguments and isinstance(arguments[0], ast.List | ast.Tuple) else arguments
    tensors = [node.id for node in listed if isinstance(node, ast.Name)]
    axes = [*(arguments[1:] if listed is not arguments else []), *(one.value for one in call.keywords)]
    along = all(ast.unparse(axis) in _CHANNELS for axis in axes)
    if not op or not along or not 2 <= len(tensors) <= MOST_NAMES or len(tensors) < len(listed):
        return ""
    return f"{op} from {' '.join(tensors)}"


def _translated(found: _Call, arguments: list[ast.expr], keywords: list[ast.keyword]) -> str:
    if len(arguments) > len(found.parameters):
        raise _NoCounterpartError
    given = [
        *zip(found.parameters, arguments, strict=False),
        *((one.arg or "", one.value) for one in keywords),
    ]
    values = dict(found.fixed)
    after = ""
    for theirs, node in given:
        ours = found.parameters.get(theirs)
        if ours is None and not _IGNORED.fullmatch(theirs):
            raise _NoCounterpartError
        if ours in _ONLY:
            if not (isinstance(node, ast.Constant) and node.value == ours):
                raise _NoCounterpartError
        elif ours == "nonlinearity":
            values["activation"] = _value(node)
        elif theirs == "activation":
            after = _activation(node)
        elif ours == "normalized":
            if isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1:
                raise _NoCounterpartError
        elif ours == "!":
            if not (isinstance(node, ast.Constant) and node.value is True):
                raise _NoCounterpartError
        elif ours and not (isinstance(node, ast.Constant) and node.value is None):
            values[ours] = _padding(node) if ours == "padding" and found.op == "pad" else _value(node)
    if "multiplier" in values:
        times = values.pop("multiplier")
        values["out_channels"] = "channels" if times == "1" else f"channels*{times}"
    _mend_recurrent(found.op, values)
    padding = values.get("padding", "")
    if padding == "valid":
        del values["padding"]
    elif padding.isalpha() and padding != "same":
        raise _NoCounterpartError
    calls = [_written(found.op, values), after]
    return ", ".join(call for call in calls if call and (call != "identity" or not after))


def _mend_recurrent(name: str, values: dict[str, str]) -> None:
    """Keras gives the last step unless asked for all, and has one bias but where two are needed."""
    if name not in _RECURRENT:
        return
    if values.pop("sequences", "true") == "false":
        values["last"] = "true"
    if values.get("projection") == "0":
        del values["projection"]
    if name == "gru" and values.get("reset_after") == "false":
        values["biases"] = "1"
    if values.get("bias") == "false":
        values.pop("biases", None)


def _both_directions(call: ast.Call) -> str:
    """`Bidirectional(LSTM(32))` of Keras; '' where the directions are not put one behind the other."""
    merged = [one for one in call.keywords if one.arg == "merge_mode"]
    inner = call.args[0] if call.args else None
    one_way = _line(inner) if isinstance(inner, ast.Call) else ""
    if len(call.keywords) > len(merged) or any(ast.unparse(one.value) != "'concat'" for one in merged):
        return ""
    return f"{one_way} bidirectional=true" if one_way.startswith(("lstm ", "gru ", "rnn ")) else ""


def _written(name: str, values: dict[str, str]) -> str:
    """A call with what it must be given by position, and the rest where it is not the default."""
    op = ops.find(name)
    known = attributes(op) if op else {}
    required = [attribute for attribute in known if known[attribute].required]
    if not {*required} <= {*values} or not {*values} <= {*known}:
        raise _NoCounterpartError
    rest = [
        f"{attribute}={value}"
        for attribute, value in values.items()
        if attribute not in required and value != _shown_default(known[attribute].default)
    ]
    return " ".join([name, *(values[attribute] for attribute in required), *rest])


def _shown_default(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _activation(node: ast.expr) -> str:
    """The call of an activation that is given by name, or as a function; '' for none."""
    name = node.value if isinstance(node, ast.Constant) else _value(node)
    ours = "" if name is None else _ACTIVATIONS.get(str(name), str(name))
    op = ops.find(ours) if ours and ops.known(ours) else None
    if ours and (op is None or any(attribute.required for attribute in attributes(op).values())):
        raise _NoCounterpartError
    return ours


def _value(node: ast.expr) -> str:
    """A value as a line has it."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return str(node.value).lower()
        if isinstance(node.value, int | float | str):
            return str(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return f"({', '.join(map(_value, node.elts))})"
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):  # self.width
        return node.attr
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return ast.unparse(node).replace(" ", "").replace("self.", "")
    raise _NoCounterpartError


def _padding(node: ast.expr) -> str:
    """Padding as the op `pad` has it: pairs for each axis, where PyTorch has the last axis first."""
    if (
        isinstance(node, ast.Tuple)
        and len(node.elts) in (4, 6)
        and all(isinstance(one, ast.Constant) for one in node.elts)
    ):
        values = [*map(_value, node.elts)]
        pairs = [f"({values[at]}, {values[at + 1]})" for at in range(len(values) - 2, -1, -2)]
        return f"({', '.join(pairs)})"
    return _value(node)
