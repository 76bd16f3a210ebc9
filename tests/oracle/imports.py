"""What imports of other people's models give: python -m tests.oracle.imports [NAME...] measures, and writes the table.

Each model is exported on the meta device and counted; `tests/imports.csv` has what was found, beside the
params of the module and half of what PyTorch's counter sees. docs/import.md shows it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
RECORDED = ROOT / "tests" / "imports.csv"
PAGE = ROOT / "docs" / "import.md"
FIELDS = ("model", "lines", "params", "params_of_module", "macs", "macs_of_counter", "missing")
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"

TRANSFORMERS = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "Gemma2ForCausalLM",
    "Phi3ForCausalLM",
    "Olmo2ForCausalLM",
    "GPT2LMHeadModel",
    "BertModel",
    "ViTModel",
    "CLIPVisionModel",
    "CLIPModel",
    "T5Model",
    "WhisperModel",
    "MixtralForCausalLM",
    "DeepseekV3ForCausalLM",
)


def measured(name: str) -> dict[str, Any]:
    """One model: what the spec counts, and what the module says."""
    from paramcalc import parse
    from paramcalc.importing.constants import folded_macs
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import torch as reader
    from paramcalc.importing.readers._torch_proof import counted

    source = reader.read(name, {})
    found = imported(source)
    report = parse(found.text).count()
    module = reader.on_meta(reader.factory(name), name)
    seen = counted(module, reader.arguments(module, {}, name))
    params = sum(prod(one.dims) for one in source.weights.values() if one.learned and not one.tied)
    return {
        "model": name,
        "lines": found.text.count("\n"),
        "params": report.with_auxiliary.params,
        "params_of_module": params,
        "macs": report.macs,
        "macs_of_counter": "" if seen is None else seen - folded_macs(source),
        "missing": " ".join(dict.fromkeys(getattr(one.node.call, "name", "") for one in found.net.missing)),
    }


def names() -> list[str]:
    """All of torchvision's classifiers, the smallest model of each family of timm, and transformers by class."""
    import torchvision.models

    with RECORDED.open(encoding="utf-8") as file:
        timm = [row["model"] for row in csv.DictReader(file) if row["model"].startswith("timm:")]
    vision = [f"torchvision.models:{name}" for name in torchvision.models.list_models(torchvision.models)]
    return [*vision, *timm, *(f"transformers:{name}" for name in TRANSFORMERS)]


def rows() -> list[dict[str, str]]:
    with RECORDED.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def exact(row: dict[str, str]) -> bool:
    """Whether params and MACs are the module's, as far as its counter says anything."""
    macs = row["macs_of_counter"] in ("", row["macs"])
    return bool(row["params"]) and row["params"] == row["params_of_module"] and macs and not row["missing"]


def table(found: Iterable[dict[str, str]]) -> Iterator[str]:
    """The lines of the table: how many of each library are exact, and what the others lack."""
    by_library: dict[str, list[dict[str, str]]] = {}
    for row in found:
        by_library.setdefault(row["model"].partition(":")[0], []).append(row)
    yield "| library | models | exact | of them in at most 60 lines |\n|---|---:|---:|---:|\n"
    for library, lot in by_library.items():
        good = [row for row in lot if exact(row)]
        short = sum(int(row["lines"]) <= 60 for row in good)
        yield f"| {library} | {len(lot)} | {len(good)} | {short} |\n"
    yield "\n| not exact | params off | MACs off | without counterpart |\n|---|---:|---:|---|\n"
    for row in (row for lot in by_library.values() for row in lot if not exact(row)):
        params = int(row["params"] or 0) - int(row["params_of_module"] or 0)
        macs = int(row["macs"] or 0) - int(row["macs_of_counter"]) if row["macs_of_counter"] else 0
        yield f"| {row['model']} | {params:,} | {macs:,} | {row['missing']} |\n"


def write_page() -> None:
    """The table between its marks in the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "".join(table(rows())) + END + after, encoding="utf-8")


def main(wanted: list[str]) -> None:
    known = {row["model"]: row for row in rows()} if RECORDED.exists() else {}
    for name in wanted or names():
        try:
            known[name] = measured(name)
        except Exception as error:  # what others' code raises ends one row, not the table
            print(f"{name}: {error}", file=sys.stderr)
            known.setdefault(name, dict.fromkeys(FIELDS, "") | {"model": name, "missing": "export"})
        print(known[name], flush=True)
        with RECORDED.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(known.values())
    write_page()


if __name__ == "__main__":
    main(sys.argv[1:])
