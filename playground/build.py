"""Builds the playground, a static site in which Python runs in the browser: `python playground/build.py`.

It takes Node's packages by the lock file, PyYAML from this Python, and paramcalc from this checkout.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGE = ROOT / "paramcalc" / "serve" / "page"
REPORT = ROOT / "paramcalc" / "report"
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
# The page may ask its own site only, and run nothing that a spec says.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "worker-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
LEFT_OUT = ("verify", "sweep", "commands", "solve")  # of paramcalc: what the page does not ask


def install() -> None:
    """Node's packages, and the editor made of them."""
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    subprocess.run(["npm", "run", "--silent", "editor"], cwd=HERE, check=True)


def build(site: Path) -> None:
    """The site, of packages that are installed."""
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    for name in ("app.css", "app.js", "editor.js"):
        shutil.copy(PAGE / name, site)
    charset = '<meta charset="utf-8">\n'
    page = (PAGE / "index.html").read_text("utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    (site / "index.html").write_text(page.replace(charset, charset + policy), "utf-8")
    for name in ("page.css", "page.js"):
        shutil.copy(REPORT / name, site)
    for name in ("main.js", "worker.js"):
        shutil.copy(HERE / name, site)
    for name in PYODIDE:
        shutil.copy(HERE / "node_modules" / "pyodide" / name, site)
    (site / "paramcalc.zip").write_bytes(python())
    subprocess.run(["node", HERE / "compile.mjs", site], check=True)


def python() -> bytes:
    """paramcalc with its specs, PyYAML without its compiled part, and what imports need of NumPy."""
    library = Path(yaml.__file__).parent
    found = {f"yaml/{path.name}": path for path in library.glob("*.py")} | {"numpy.py": HERE / "arrays.py"}
    for path in [*(ROOT / "paramcalc").rglob("*"), *(ROOT / "specs").iterdir()]:
        inside = path.relative_to(ROOT)
        kept = path.is_file() and path.suffix != ".pyc" and inside.parts[1] not in LEFT_OUT
        if kept and path.parent != PAGE:
            name = inside if inside.parts[0] == "paramcalc" else Path("paramcalc") / inside
            found[name.as_posix()] = path
    data = io.BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as archive:
        for name, path in sorted(found.items()):
            archive.writestr(ZipInfo(name), path.read_bytes(), ZIP_DEFLATED)
    return data.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "site", help="the folder of the site")
    output = parser.parse_args().output
    install()
    build(output)
