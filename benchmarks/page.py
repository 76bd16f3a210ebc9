"""What a page of `report` costs: `python -m benchmarks.page`, with a Chromium and Playwright.

Budget: the page of resnet-50 at most 40 KB, and 16 ms from a turned knob to the laid-out page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

NETWORKS = ("resnet-50", "densenet-121", "llama")
MEASURED = """open => {
    const [network] = page(JSON.parse(document.getElementById("data").textContent)), times = [];
    if (open) network.lines().filter(line => line.group).forEach(line => network.open.add(line.key));
    const [, name, , least, , step] = network.state.knobs[0];
    for (let round = 0; round < 60; round++) {
        network.values[name] = BigInt(least) + BigInt(step) * BigInt(round % 10 + 2);
        const start = performance.now();
        network.draw();
        document.body.offsetHeight;
        times.push(performance.now() - start);
    }
    return times.sort((one, two) => one - two)[30];
}"""


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for name in NETWORKS:
            path = Path(folder) / f"{name}.html"
            subprocess.run([sys.executable, "-m", "paramcalc", "report", name, "-o", path], check=True)
            page = chromium.new_page()
            page.goto(path.as_uri())
            closed, opened = (page.evaluate(MEASURED, every) for every in (False, True))
            size = path.stat().st_size / 1000
            print(f"{name:14} {size:6.1f} KB, redraw {closed:5.1f} ms, {opened:5.1f} ms with all groups open")
        chromium.close()


if __name__ == "__main__":
    main()
