"""Calls and names of PyTorch and Keras: the line that stands for each, counted."""

from __future__ import annotations

import pytest

from paramcalc import ops
from paramcalc.count.report import count
from paramcalc.language.foreign import advice, line
from tests.written import graph, wrong

IMAGE, SERIES, VECTOR, TOKENS, IDS = "4x8x8", "4x6", "4", "{length: 6, channels: 4}", "{length: 6}"

# params by hand: weights, and biases or factors
PYTORCH = [
    ("Conv2d(4, 16, 3)", IMAGE, "conv2d 16 3", 4 * 16 * 9 + 16),
    ("nn.Conv2d(4, 16, 3, 2, 1)", IMAGE, "conv2d 16 3 stride=2 padding=1", 4 * 16 * 9 + 16),
    ("torch.nn.Conv2d(in_channels=4, out_channels=8, kernel_size=(3, 5), padding='same', bias=False)",
     IMAGE, "conv2d 8 (3, 5) padding=same bias=false", 4 * 8 * 15),
    ("nn.Conv2d(4, 8, 3, groups=4, padding_mode='reflect', padding=1, device=None)",
     IMAGE, "conv2d 8 3 groups=4 padding_mode=reflect padding=1", 8 * 9 + 8),
    ("nn.Conv1d(4, 8, 3, dilation=2)", SERIES, "conv1d 8 3 dilation=2", 4 * 8 * 3 + 8),
    ("nn.ConvTranspose2d(4, 8, 2, stride=2)", IMAGE, "conv_transpose2d 8 2 stride=2", 4 * 8 * 4 + 8),
    ("Linear(4, 120)", VECTOR, "linear 120", 4 * 120 + 120),
    ("nn.Linear(in_features=4, out_features=10, bias=False)", VECTOR, "linear 10 bias=false", 40),
    ("BatchNorm2d(4)", IMAGE, "batch_norm", 8),
    ("nn.BatchNorm2d(4, affine=False)", IMAGE, "batch_norm affine=false", 0),
    ("nn.InstanceNorm2d(4, affine=True)", IMAGE, "instance_norm affine=true", 8),
    ("nn.GroupNorm(2, 4)", IMAGE, "group_norm 2", 8),
    ("nn.LayerNorm(4, eps=1e-6)", TOKENS, "layer_norm eps=1e-06", 8),
    ("nn.LocalResponseNorm(5)", IMAGE, "local_response_norm 5", 0),
    ("nn.Embedding(1000, 64)", IDS, "embedding 1000 64", 64_000),
    ("nn.MultiheadAttention(4, 2, batch_first=True)", TOKENS, "self_attention 2", 4 * (4 * 4 + 4)),
    ("nn.MaxPool2d(2)", IMAGE, "max_pool2d 2", 0),
    ("nn.MaxPool2d(3, 2, ceil_mode=True)", IMAGE, "max_pool2d 3 stride=2 ceil_mode=true", 0),
    ("nn.AvgPool2d(kernel_size=2, count_include_pad=False)", IMAGE, "avg_pool2d 2 count_include_pad=false", 0),
    ("nn.AdaptiveAvgPool2d((1, 1))", IMAGE, "adaptive_avg_pool2d (1, 1)", 0),
    ("nn.ReLU(inplace=True)", IMAGE, "relu", 0),
    ("nn.PReLU(4)", IMAGE, "prelu num_parameters=4", 4),
    ("nn.Softmax(dim=1)", IMAGE, "softmax", 0),
    ("nn.Hardswish()", IMAGE, "hard_swish", 0),
    ("nn.Hardtanh()", IMAGE, "clip -1 high=1", 0),
    ("nn.Hardtanh(0, max_val=20)", IMAGE, "clip 0 high=20", 0),
    ("nn.LPPool2d(2, 3, stride=2)", IMAGE, "lp_pool2d 2 3 stride=2", 0),
    ("nn.Unfold(3, padding=1)", IMAGE, "unfold2d 3 padding=1", 0),
    ("nn.Dropout2d(0.2)", IMAGE, "dropout p=0.2", 0),
    ("nn.Flatten()", IMAGE, "flatten", 0),
    ("nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)",
     IMAGE, "upsample scale=2 mode=bilinear align_corners=true", 0),
    ("nn.PixelShuffle(2)", IMAGE, "pixel_shuffle 2", 0),
    ("nn.ZeroPad2d((1, 2, 3, 4))", IMAGE, "pad ((3, 4), (1, 2))", 0),
    ("nn.ReflectionPad2d(1)", IMAGE, "pad 1 mode=reflect", 0),
]  # fmt: skip

KERAS = [
    ("keras.layers.Conv2D(32, (3, 3), strides=2, padding='same', activation='relu', use_bias=False)",
     IMAGE, "conv2d 32 (3, 3) stride=2 padding=same bias=false, relu", 4 * 32 * 9),
    ("layers.Conv2D(8, 3, data_format='channels_last', kernel_initializer='he_normal')",
     IMAGE, "conv2d 8 3", 4 * 8 * 9 + 8),
    ("Conv1D(8, 3, padding='valid', dilation_rate=2)", SERIES, "conv1d 8 3 dilation=2", 4 * 8 * 3 + 8),
    ("LocallyConnected1D(8, 3, strides=2)", SERIES, "local_conv1d 8 3 stride=2", 2 * (8 * 4 * 3 + 8)),
    ("Conv2DTranspose(8, 2, strides=2)", IMAGE, "conv_transpose2d 8 2 stride=2", 4 * 8 * 4 + 8),
    ("DepthwiseConv2D(3, depth_multiplier=2, padding='same')",
     IMAGE, "conv2d channels*2 3 groups=channels padding=same", 8 * 9 + 8),
    ("tf.keras.layers.Dense(10, tf.nn.softmax)", VECTOR, "linear 10, softmax", 50),
    ("layers.Dense(units=10, activation='swish', input_shape=(4,))", VECTOR, "linear 10, silu", 50),
    ("layers.Dense(10)(x)", VECTOR, "linear 10", 50),
    ("layers.BatchNormalization()", IMAGE, "batch_norm", 8),
    ("layers.LayerNormalization(epsilon=0.001)", TOKENS, "layer_norm eps=0.001", 8),
    ("layers.MaxPooling2D()", IMAGE, "max_pool2d 2", 0),
    ("layers.MaxPooling2D((3, 3), strides=(2, 2), padding='same')",
     IMAGE, "max_pool2d (3, 3) stride=(2, 2) padding=same", 0),
    ("layers.AveragePooling2D(pool_size=4)", IMAGE, "avg_pool2d 4", 0),
    ("layers.GlobalAveragePooling2D()", IMAGE, "global_avg_pool", 0),
    ("layers.Activation('relu')", IMAGE, "relu", 0),
    ("layers.LeakyReLU(alpha=0.2)", IMAGE, "leaky_relu negative_slope=0.2", 0),
    ("layers.Dropout(rate=0.2, name='drop')", IMAGE, "dropout p=0.2", 0),
    ("layers.Embedding(input_dim=100, output_dim=8)", IDS, "embedding 100 8", 800),
    ("layers.MultiHeadAttention(num_heads=2, key_dim=3)", TOKENS, "self_attention 2 head_dim=3", 18 * 5 + 28),
    ("layers.ZeroPadding2D(((0, 1), (0, 1)))", IMAGE, "pad ((0, 1), (0, 1))", 0),
    ("layers.UpSampling2D(2, interpolation='bilinear')", IMAGE, "upsample scale=2 mode=bilinear", 0),
]  # fmt: skip

FUNCTIONS = [
    ("F.relu(x)", IMAGE, "relu", 0),
    ("F.max_pool2d(x, 2)", IMAGE, "max_pool2d 2", 0),
    ("F.adaptive_avg_pool2d(x, 1)", IMAGE, "adaptive_avg_pool2d 1", 0),
    ("F.log_softmax(x, dim=1)", IMAGE, "softmax", 0),
    ("F.dropout(x, p=0.2, training=self.training)", IMAGE, "dropout p=0.2", 0),
    ("torch.flatten(x, 1)", IMAGE, "flatten", 0),
    ("torch.cat([input, input], dim=1)", IMAGE, "concat from input input", 0),
    ("layers.Add()([input, input])", IMAGE, "add from input input", 0),
    # each direction of a layer has G*h*(c + h) weights and G*h biases, once or twice
    ("nn.LSTM(4, 8)", TOKENS, "lstm 8", 32 * 12 + 64),
    (
        "nn.LSTM(4, 8, 2, batch_first=True, dropout=0.5, bidirectional=True)",
        TOKENS,
        "lstm 8 num_layers=2 bidirectional=true",
        2 * (32 * 12 + 64) + 2 * (32 * 24 + 64),
    ),
    ("nn.LSTM(input_size=4, hidden_size=8, proj_size=2)", TOKENS, "lstm 8 projection=2", 32 * 6 + 64 + 16),
    ("nn.LSTM(4, 8, proj_size=0)", TOKENS, "lstm 8", 32 * 12 + 64),
    ("nn.GRU(4, 8, bias=False)", TOKENS, "gru 8 bias=false", 24 * 12),
    ("nn.RNN(4, 8, 1, 'relu')", TOKENS, "rnn 8 activation=relu", 8 * 12 + 16),
    ("keras.layers.LSTM(8)", TOKENS, "lstm 8 biases=1 last=true", 32 * 12 + 32),
    ("layers.LSTM(8, return_sequences=True, use_bias=False)", TOKENS, "lstm 8 bias=false", 32 * 12),
    ("layers.GRU(8, reset_after=False)", TOKENS, "gru 8 reset_after=false last=true biases=1", 24 * 12 + 24),
    (
        "layers.Bidirectional(layers.GRU(8, return_sequences=True))",
        TOKENS,
        "gru 8 bidirectional=true",
        2 * (24 * 12 + 48),
    ),
    (
        "layers.ConvLSTM2D(8, 3, padding='same', return_sequences=True)",
        "{length: 2, channels: 4, height: 5, width: 5}",
        "conv_lstm2d 8 3 padding=same",
        32 * (12 * 9 + 1),
    ),
    (
        "layers.SimpleRNN(8, activation='relu')",
        TOKENS,
        "rnn 8 biases=1 activation=relu last=true",
        8 * 12 + 8,
    ),
    ("nn.Conv2d(8, kernel_size=3)", IMAGE, "conv2d 8 3", 4 * 8 * 9 + 8),  # the input's channels left out
]


@pytest.mark.parametrize(("call", "input", "expected", "params"), [*PYTORCH, *KERAS, *FUNCTIONS])
def test_calls_of_others(call: str, input: str, expected: str, params: int) -> None:
    """A pasted call is answered with the line that counts the same."""
    written = line(call)

    assert written == expected
    assert count(graph(f"input: {input}\nlayers: {written}\n")).totals.params == params


@pytest.mark.parametrize(
    "call",
    [
        "nn.LSTMCell(4, 8)",
        "layers.LSTM(8, activation='relu')",
        "layers.GRU(8, recurrent_activation='hard_sigmoid')",
        "layers.Bidirectional(layers.GRU(8), merge_mode='sum')",
        "layers.Bidirectional(layers.Dense(8))",
        "nn.LayerNorm([4, 8, 8])",
        "layers.BatchNormalization(scale=False)",
        "layers.Conv1D(8, 3, padding='causal')",
        "layers.Dense(10, activation=my_function(2))",
        "torch.cat([a, b], dim=2)",
        "F.conv2d(x, weight)",
        "F.max_pool2d(F.relu(x), 2)",
        "nn.Conv2d(*sizes)",
        "nn.Conv2d(4, 8, 3, unknown=1)",
        "nn.Conv2d(4, 8, 3, 1, 0, 1, 1, True, 'zeros', 5)",
        "f(" * 200 + ")" * 200,
        "Conv2d(" + "1, " * 5000 + ")",
    ],
)
def test_calls_that_no_line_stands_for(call: str) -> None:
    """Better no line than one that counts something else."""
    assert line(call) == ""


NAMES = """
lstmcell dense fc lrn mean sum transpose view cat split bn mul conv avgpool maxpool multi_head_attention squeeze
Conv2d BatchNorm2d LazyLinear MaxPool2d Hardtanh GLU LSTMCell TransformerEncoderLayer MultiheadAttention Unflatten
Conv2D Conv2DTranspose SeparableConv2D MaxPooling2D GlobalAvgPool2D Concatenate Average ConvLSTM2D SimpleRNN Cropping2D
scaled_dot_product_attention log_softmax interpolate RotaryEmbedding rope MLA MultiHeadLatentAttention
sliding_window_attention
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", NAMES)
def test_names_of_others(name: str) -> None:
    """Each is answered with an op of ours, or that there is none."""
    said = advice(name)
    words = said.removeprefix("write ").replace(",", "").replace(":", "").split()

    assert said.startswith(f"there is no op for {name}") or ops.known(words[0])
    assert wrong(f"input: 4x8x8\nlayers: {name} 5\n") == f"there is no op or block '{name}'"


@pytest.mark.parametrize(("call", "input", "expected", "params"), PYTORCH)
def test_pytorch_counts_the_same(call: str, input: str, expected: str, params: int) -> None:
    """The expected params are PyTorch's."""
    torch = pytest.importorskip("torch")

    module = eval(call if "nn." in call else f"nn.{call}", {"torch": torch, "nn": torch.nn})

    assert sum(weight.numel() for weight in module.parameters()) == params


@pytest.mark.parametrize("module", ["torch.nn", "keras.layers"])
def test_every_layer_of_others_has_an_answer(module: str) -> None:
    """All layers that are networks' parts: preprocessing, losses and containers apart."""
    names = vars(pytest.importorskip(module))
    apart = ("Loss", "Random", "Lookup", "Wrapper", "Base", "Parameter", "Mix", "Layer", "Buffer", "Options")
    known = [name for name in names if name[0].isupper() and isinstance(names[name], type)]
    wanted = [name for name in known if not any(part in name for part in apart)]

    silent = [name for name in wanted if not advice(name) and not ops.known(name)]

    assert len(wanted) > 90
    assert {*silent} <= UNANSWERED


UNANSWERED = {
    *("Container", "DataParallel", "Module", "ModuleDict"),
    *(
        "AugMix",
        "AutoContrast",
        "CategoryEncoding",
        "CutMix",
        "Discretization",
        "Equalization",
        "InputSpec",
        "Hashing",
        "ContrastLimitedAdaptiveHistogramEqualization",
    ),
    *(
        "HashedCrossing",
        "MaxNumBoundingBoxes",
        "Pipeline",
        "RandAugment",
        "Solarization",
        "TextVectorization",
    ),
}
