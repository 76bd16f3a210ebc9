"""The first wrong guess of each command is answered with the right one.

A line of the table: what people type who know other tools, and what the message must offer.
"""

from __future__ import annotations

import shlex

import pytest

from paramcalc.cli import commands
from tests.conftest import Run

GUESSES = {
    # commands
    "params resnet-50": "try paramcalc count resnet-50",
    "flops resnet-50": "try paramcalc count resnet-50",
    "summary resnet-50": "try paramcalc count resnet-50",
    "info": "try paramcalc count SPEC",
    "diff resnet-50 resnet-101": "of two networks: paramcalc compare A B",
    "latex resnet-50": "try paramcalc count resnet-50 --format latex",
    "resnet-50 --depth 1": "try paramcalc count resnet-50 --depth 1",
    "receptive-field vgg-16": "try paramcalc field vgg-16",
    "counts resnet-50": "did you mean 'count'?",
    "help explain": "try paramcalc explain --help",
    "version": "try paramcalc --version",
    "models": "try paramcalc list",
    "frobnicate": "commands are check, compare, conventions, count",
    # options
    "count resnet-50 --json": "write --format json",
    "count resnet-50 --csv": "write --format csv",
    "count resnet-50 -f json": "write --format json",
    "count resnet-50 --format md": "write --format markdown",
    "count resnet-50 --format tex": "write --format latex",
    "count resnet-50 --format jsn": "did you mean 'json'?",
    "show resnet-50 --json": "try paramcalc count SPEC --format json",
    "formula resnet-50 --latex": "write --format latex",
    "--json count resnet-50": "write --format json",
    "--set width=96 count resnet-50": "try paramcalc count resnet-50 --set width=96",
    "--jsno": "options follow a command",
    "count resnet-50 --input-size 3,224,224": "write --input 3x224x224",
    "count resnet-50 --input-size '(3, 224, 224)'": "write --input 3x224x224",
    "count resnet-50 --batch-size 8": "write --batch 8",
    "count resnet-50 --layers": "write --unfold",
    "count resnet-50 --width 96": "'width' is a knob: write --set width=96",
    "count resnet-50 --width=96": "'width' is a knob: write --set width=96",
    "sweep resnet-50 --width 32:64": "write width=32:64 after the SPEC",
    "sweep resnet-50 --vary width=32:64": "write width=32:64 after the SPEC",
    "solve resnet-50 --width 32:64": "write --vary width=32:64",
    "solve resnet-50 --max-params 5M": "write --until 'params <= 5M'",
    "count resnet-50 --device t4": "memory has --device",
    "count resnet-50 --colums params": "did you mean '--columns'?",
    "count resnet-50 --verbose": "'paramcalc count --help' lists its options",
    "explain resnet-50 --layer conv1": "try paramcalc explain resnet-50 conv1",
    "memory resnet-50 --optimizer adam": "write --train adam",
    "verify resnet-50 --checkpoint x.npz": "write --weights x.npz",
    "table resnet --models resnet-18": "write --variants resnet-18",
    "schema --format yaml": "it has one format",
    # values
    "count resnet-50 --input 3,224,224": "write 3x224x224",
    "count resnet-50 --input 224": "write 3x224x224",
    "count resnet-50 --input 288x288": "write 3x288x288",
    "count resnet-50 --set width": "write width=VALUE",
    "count resnet-50 --set widht=96": "did you mean 'width'?",
    "count resnet-50 --set conv1.out_chanels=96": "did you mean 'out_channels'?",
    "count resnet-50 --columns FLOPs": "did you mean 'flops'?",
    "count resnet-50 --columns parms": "did you mean 'params'?",
    "count resnet-50 --sort MACs": "did you mean 'macs'?",
    "count resnet-50 --convention torch": "did you mean 'pytorch'?",
    "count resnet-50 --depth deep": "write a number of levels, from 1, or all",
    "count resnet-50 --batch 0": "write a whole number from 1",
    "count resnet-50 --batch many": "write a whole number from 1",
    "count resnet-50 --dtype fp16": "write --dtype float16",
    "count resnet-50 --top": "--top TOP: Show only the N largest layers.",
    "count resnet-50 --unfold=yes": "write --unfold alone",
    "count resnet-50 -o x.png": "markdown (.md), latex (.tex)",
    "count resnet-50 --format json -o x.csv": "json (.json), csv (.csv)",
    "memory resnet-50 --train Adam": "did you mean 'adam'?",
    "memory resnet-50 --device A100": "did you mean 'a100-40gb' or 'a100-80gb'?",
    "verify resnet-50 --weights x.pth": "safetensors.torch.save_file",
    "formula resnet-50 --quantity flop": "did you mean 'flops'?",
    # networks and layers
    "count": "try paramcalc count resnet-50",
    "compare": "try paramcalc compare resnet-50 --set width=96",
    "compare resnet-50": "name another SPEC, or say what to change: --set width=96",
    "verify": "name a spec",
    "sweep resnet-50": "try paramcalc sweep resnet-50 width=32:128:8",
    "solve resnet-50 --vary width": "try paramcalc solve resnet-50 --vary width --until 'params <= 5e6'",
    "count resnet50.yaml": "did you mean the bundled model 'resnet-50'?",
    "count lenet.yaml": "did you mean the bundled models 'lenet5-1998' or 'lenet5-ng'?",
    "count microsoft/resnet-50": "did you mean the bundled model 'resnet-50'?",
    "count torchvision.models.resnet50": "did you mean 'resnet-50'?",
    "count restnet-50": "did you mean 'resnet-50'",
    "count https://example.org/net.yaml": "paramcalc count -",
    "count resnet-50:width=96": "a setting is written --set width=96",
    "count resnet-50 width=96": "a setting is written --set width=96",
    "compare resnet-50 width=96": "a setting is written --set width=96",
    "show resnet-50 conv1": "try paramcalc explain resnet-50 conv1",
    "memory resnet-50 vgg-16": "try paramcalc compare resnet-50 vgg-16",
    "conventions resnet-50 fvcore": "try paramcalc count resnet-50 --convention fvcore",
    "explain conv1": "layers follow the network: paramcalc explain SPEC conv1",
    "explain resnet-50 Conv1": "did you mean 'conv1'?",
    "explain resnet-50 width=96": "a setting is written --set width=96",
    "field resnet-50 conv5": "did you mean 'conv5_x'",
    "ops Conv2d": "write conv2d OUT_CHANNELS KERNEL_SIZE",
    "ops fc": "write linear OUT",
}


@pytest.mark.parametrize(("guess", "offer"), GUESSES.items(), ids=GUESSES)
def test_guess(guess: str, offer: str, run: Run) -> None:
    """Exit code 2, nothing on stdout, and one short message of ours with the fix, whatever the terminal's width."""
    result = run(*shlex.split(guess), columns=40)

    assert (result.code, result.out) == (2, "")
    assert offer in result.err
    assert result.err.startswith(("paramcalc: ", "--input "))
    assert len(result.err.splitlines()) <= 9
    assert not {"╭", "│", "Usage:", "Traceback"} & {*result.err, *result.err.split()}


def test_what_is_offered_works(run: Run) -> None:
    """A command line that a message offers whole runs."""
    for guess, offer in GUESSES.items():
        if offer.startswith("try paramcalc ") and "SPEC" not in offer:
            offered = run(*shlex.split(guess)).err.partition("try ")[2].strip()
            assert run(*shlex.split(offered)[1:]).code == 0, offered


@pytest.mark.parametrize("command", commands())
def test_every_command_names_its_own_options(command: str, run: Run) -> None:
    """A misspelt option of any command is answered in our words."""
    result = run(command, "--hlep")

    assert result.code == 2
    assert result.err == f"paramcalc: {command} has no option '--hlep'\n  = did you mean '--help'?\n"


def test_no_arguments_show_the_help(run: Run) -> None:
    """The program alone says what it can do, and that nothing was asked."""
    result = run()

    assert result.code == 2
    assert all(command in result.out for command in commands())


def test_a_name_with_a_slash_is_that_of_a_model(run: Run) -> None:
    """As papers write it, where no file has it."""
    assert run("count", "ViT-B/16", "--format", "json").out == run("count", "vit-b16", "--format", "json").out
