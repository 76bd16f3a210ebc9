"""What imports of other people's models give: python -m tests.oracle.imports [NAME...] measures, and writes the tables.

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

FILES = ROOT / "tests" / "imports_files.csv"
FILE_FIELDS = ("file", "lines", "params", "macs", "known_params", "known_macs", "missing")
BEGIN_FILES, END_FILES = "<!-- files -->\n", "<!-- end of files -->\n"
# What their authors, papers or frameworks say of published files: params, MACs.
KNOWN: dict[str, tuple[int, int | None]] = {
    "bvlc_alexnet_deploy.prototxt": (60_965_224, 724_406_816),
    "bvlc_googlenet_deploy.prototxt": (6_998_552, None),
    "bvlc_googlenet_train_val.prototxt": (6_998_552, None),
    "vgg-16.prototxt": (138_357_544, 15_470_264_320),
    "nin.prototxt": (7_595_176, None),
    "ResNet-50-deploy.prototxt": (25_557_096, 3_857_973_248),
    "squeezenet.prototxt": (1_248_424, None),
    "SSD300.prototxt": (26_285_486, None),
    "lenet.prototxt": (431_080, 2_293_000),
    "mnist_siamese_train_test.prototxt": (431_102, 2 * 2_293_020),
    "yolov3.cfg": (61_949_149, 70_345_950_208),
    "resnet50.keras": (25_583_592, None),
    "mobilenetv2.keras": (3_504_872, None),
    "efficientnetb0.keras": (5_288_548, None),
    "densenet121.keras": (7_978_856, None),
    "light_bvlc_alexnet.onnx": (60_965_224, None),
    "light_inception_v1.onnx": (6_998_552, None),
    "light_vgg19.onnx": (143_667_240, 19_632_062_464),
    "light_resnet50.onnx": (25_557_032, 4_089_184_256),
    "light_densenet121.onnx": (7_978_856, 2_834_161_664),
    "light_squeezenet.onnx": (1_235_496, None),
}
SIZES = {
    "nin.prototxt": (3, 224, 224), "mnist_siamese_train_test.prototxt": (2, 28, 28),
    "ch_PP-OCRv4_det_infer.onnx": (3, 224, 224), "ch_PP-OCRv4_rec_infer.onnx": (3, 48, 320),
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": (3, 48, 192),
}  # fmt: skip

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
)


def measured(name: str) -> dict[str, Any]:
    """One model: what the spec counts, and what the module says."""
    from paramcalc import parse
    from paramcalc.importing.constants import macs_at, macs_of
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import torch as reader
    from paramcalc.importing.readers._torch_proof import counted

    source = reader.read(name, {})
    found = imported(source)
    report = parse(found.text).count()
    module = reader.on_meta(reader.factory(name), name)
    given = reader.arguments(module, {}, name)
    seen = counted(module, given)
    if seen is None:
        seen = counted(reader.exported(module, (), given).module(), given)
    params = sum(prod(one.dims) for one in source.weights.values() if one.learned and not one.tied)
    return {
        "model": name,
        "lines": found.text.count("\n"),
        "params": report.with_auxiliary.params,
        "params_of_module": params,
        "macs": report.macs,
        "macs_of_counter": ""
        if seen is None
        else seen - macs_of(source, reached=False) + macs_at(source, found.net.computed),
        "missing": " ".join(dict.fromkeys(getattr(one.node.call, "name", "") for one in found.net.missing)),
    }


def measured_file(path: Path) -> dict[str, Any]:
    """A file of Caffe, Darknet, Keras or ONNX: what the spec counts, beside what is known of it."""
    from paramcalc import parse
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import reader

    sizes = SIZES.get(path.name)
    found = imported(reader(str(path)).read(str(path), {"": sizes} if sizes else {}))
    report = parse(found.text).count()
    params, macs = KNOWN.get(path.name, ("", None))
    return {
        "file": path.name,
        "lines": found.text.count("\n"),
        "params": report.params,
        "macs": report.macs,
        "known_params": params,
        "known_macs": "" if macs is None else macs,
        "missing": " ".join(dict.fromkeys(getattr(one.node.call, "name", "") for one in found.net.missing)),
    }


def file_rows() -> list[dict[str, str]]:
    with FILES.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def file_table(found: Iterable[dict[str, str]]) -> Iterator[str]:
    """A line for each file; numbers that are known from elsewhere, and met, have a mark."""
    yield "| file | lines | params | MACs | without counterpart |\n|---|---:|---:|---:|---|\n"
    for row in found:
        params, macs = (_checked(row[name], row[f"known_{name}"]) for name in ("params", "macs"))
        yield f"| {row['file']} | {row['lines']} | {params} | {macs} | {row['missing']} |\n"


def _checked(number: str, known: str) -> str:
    mark = "" if not known else " =" if known == number else f" (known: {int(known):,})"
    return f"{int(number):,}{mark}"


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
    others = [row for lot in by_library.values() for row in lot if not exact(row)]
    if others:
        yield "\n| not exact | params off | MACs off | without counterpart |\n|---|---:|---:|---|\n"
    for row in others:
        params = int(row["params"] or 0) - int(row["params_of_module"] or 0)
        macs = int(row["macs"] or 0) - int(row["macs_of_counter"]) if row["macs_of_counter"] else 0
        yield f"| {row['model']} | {params:,} | {macs:,} | {row['missing']} |\n"


def write_page() -> None:
    """The table between its marks in the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    page = before + BEGIN + "".join(table(rows())) + END + after
    before, _, rest = page.partition(BEGIN_FILES)
    _, _, after = rest.partition(END_FILES)
    PAGE.write_text(
        before + BEGIN_FILES + "".join(file_table(file_rows())) + END_FILES + after, encoding="utf-8"
    )


def main(wanted: list[str]) -> None:
    files = [Path(name) for name in wanted if Path(name).is_file()]
    wanted = [name for name in wanted if not Path(name).is_file()]
    if files:
        every = {row["file"]: row for row in file_rows()} if FILES.exists() else {}
        every |= {path.name: measured_file(path) for path in files}
        with FILES.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FILE_FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(every.values())
    if files and not wanted:
        write_page()
        return
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
