// Compiles what answers load of paramcalc and of Python's library, in both archives of a site: `node compile.mjs SITE`. The
// browser's Python spends most of its start on that otherwise. It is the same Python, so nothing is compiled anew.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadPyodide } from "pyodide";

const COMPILED = `
import sys
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, compile
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

sys.dont_write_bytecode = True
LIBRARY, MODULES = Path("/library"), Path("/modules")
sys.path.insert(0, str(MODULES))
from paramcalc.serve.answer import PARTS, answer

answer("input: 4\\nlayers: [linear 2]\\nclaims: [{params: 10}]", {"parts": [*PARTS]})
used = {getattr(module, "__file__", None) or "" for module in sys.modules.values()}
for path in sorted(MODULES.rglob("*.py")):
    if str(path) in used or path.parent.name == "ops":
        compile(path, cache_from_source(path), path.relative_to(MODULES), True, -1, PycInvalidationMode.UNCHECKED_HASH)
archive = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"
for path in sorted(LIBRARY.rglob("*.py")):
    shown = f"{archive}/{path.relative_to(LIBRARY)}"
    if shown in used:
        compile(path, f"{path}c", shown, True, -1, PycInvalidationMode.UNCHECKED_HASH)
        path.unlink()

def packed(folder, target):
    with ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.writestr(ZipInfo(str(path.relative_to(folder))), path.read_bytes(), ZIP_DEFLATED)

packed(LIBRARY, "/library.zip")
packed(MODULES, "/modules.zip")
`;

const site = process.argv[2], archives = { library: "python_stdlib.zip", modules: "paramcalc.zip" };
const python = await loadPyodide();
for (const [folder, name] of Object.entries(archives))
  python.unpackArchive(new Uint8Array(readFileSync(join(site, name))), "zip", { extractDir: `/${folder}` });
python.runPython(COMPILED);
for (const [folder, name] of Object.entries(archives))
  writeFileSync(join(site, name), python.FS.readFile(`/${folder}.zip`));
