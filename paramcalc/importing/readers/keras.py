"""Keras: a `.keras` file, or the text of `model.to_json()`, of version 2 or 3, read without Keras.

Keras has the channels last. Images come in channels first, as convolutions here want them; sequences
stay as they are, and where a layer needs the other order, it is given it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from zipfile import BadZipFile, ZipFile

from paramcalc.base.errors import Fault, Source
from paramcalc.importing.readers._keras import KINDS
from paramcalc.importing.readers._keras.proof import proof
from paramcalc.importing.readers._keras.state import Reading
from paramcalc.importing.readers._text import stem, text_of
from paramcalc.importing.source import SourceNetwork

MEANING = "a network of Keras"
EXAMPLE = "model.keras"
LARGEST = 128 * 2**20  # of JSON: room for half a million layers
MOST_RATIO = 200  # of a file in an archive to what it takes there


def reads(source: str) -> bool:
    if source.endswith(".keras"):
        return True
    if not source.endswith(".json"):
        return False
    try:
        with open(source, "rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return b'"class_name"' in head and b'"model_type"' not in head


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> SourceNetwork:
    text = _packed(source) if source.endswith(".keras") else text_of(source, LARGEST)
    try:
        model = json.loads(text.text)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{source} is not JSON: it may be cut off", found=str(error)[:200]) from None
    if not isinstance(model, dict) or not isinstance(model.get("config"), dict | list):
        raise Fault(
            f"{source} is not a network of Keras", expected="class_name and config, as model.to_json() has"
        )
    reader = Reading(text._replace(text=""), inputs, KINDS)
    try:
        outputs = reader.network(model)
    except Fault as fault:
        fault.fact = f"{source}: {fault.fact}"
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise Fault(
            f"{source}: {reader.here or 'the network'} is not as Keras writes it",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from None
    config = model["config"]
    name = config.get("name") if isinstance(config, dict) else ""
    found = reader.layers.source(str(name or stem(source)), f"{PurePath(source).name}, of Keras", outputs)
    if not source.endswith(".keras"):
        return found
    shapes = [reader.layers.shapes[value] for value in outputs.values()]
    return found._replace(proof=partial(proof, source, found.inputs, shapes))


def _packed(path: str) -> Source:
    """The config.json inside a `.keras` file, which is an archive."""
    try:
        with ZipFile(path) as archive:
            entry = archive.getinfo("config.json")
            if entry.file_size > LARGEST or entry.file_size > MOST_RATIO * max(entry.compress_size, 1024):
                raise Fault(
                    f"{path}: its config.json unpacks to {entry.file_size:,} bytes, which no network needs"
                )
            with archive.open(entry) as file:
                data = file.read(LARGEST + 1)  # whatever the entry says
            if len(data) > LARGEST:
                raise Fault(f"{path}: its config.json unpacks to more than it says")
            return Source(path, data.decode("utf-8"))
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    except KeyError:
        raise Fault(f"{path} has no config.json: it is not a file of Keras 3") from None
    except (BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError) as error:
        raise Fault(f"{path} is not a .keras file, or is cut off", found=str(error)) from None
