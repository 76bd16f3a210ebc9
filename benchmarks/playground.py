"""What somebody waits for on the page with an editor: `python -m benchmarks.playground`, with Chromium and npm.

Budget, medians: the playground's first table from an empty cache 4 s; from a key to the laid-out table 150 ms.
Of a spec of 10,000 layers: the time to its table, and the longest wait of the page itself while somebody types.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from playground import build

NETWORKS = ("lenet5-1998", "resnet", "llama")
STARTS, KEYS = 5, 21
WATCH = """() => {
    window.waits = [];
    let pressed = 0;
    addEventListener("keydown", () => { pressed = performance.now(); }, true);
    new MutationObserver(() => {
        document.body.offsetHeight;
        if (pressed) waits.push(performance.now() - pressed);
        pressed = 0;
    }).observe(document.querySelector("#table tbody"), { childList: true });
}"""

LAYERS = 10_000
DROP = """text => {
    const data = new DataTransfer();
    data.items.add(new File([text], "large.yaml"));
    document.querySelector(".cm-content").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""
FRAMES = """() => {
    window.longest = 0;
    let last = performance.now();
    const frame = now => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        site = Path(folder) / "site"
        build.install()
        build.build(site)
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        files = [sys.executable, "-m", "http.server", "-d", str(site), "--bind", "127.0.0.1", "8351"]
        served = [sys.executable, "-m", "paramcalc", "serve", "--port", "0"]
        with subprocess.Popen(files, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(1)
            measure(chromium, "playground", "http://127.0.0.1:8351/")
            process.terminate()
        with subprocess.Popen(served, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            assert server.stdout is not None
            measure(chromium, "serve", server.stdout.readline().strip())
            server.terminate()
        chromium.close()


def measure(chromium: Any, name: str, address: str) -> None:
    print(f"{name}: first table {statistics.median(first(chromium, address) for _ in range(STARTS)):.2f} s")
    page = chromium.new_page()
    page.goto(address)
    page.wait_for_selector("#totals b")
    page.evaluate(WATCH)
    for network in NETWORKS:
        page.locator("#file").select_option(f"{network}.yaml")
        page.wait_for_timeout(3000)
        page.evaluate("waits.length = 0")
        page.locator(".cm-content").click()
        page.keyboard.press("Control+End")
        for _ in range(KEYS):
            page.keyboard.press("Enter")
            page.wait_for_timeout(500)
        waits = page.evaluate("waits")
        print(f"  {network:12} key to table {statistics.median(waits):5.0f} ms")
    large(page)
    page.close()


def large(page: Any) -> None:
    """A spec of 10,000 layers: dropped, then typed in."""
    layers = "".join(f"  - c{place}: conv2d 8 3 padding=1\n" for place in range(LAYERS))
    start = time.perf_counter()
    page.evaluate(DROP, f"input: 8x8x8\nlayers:\n{layers}")
    page.wait_for_function("document.querySelector('#totals b').textContent === '5,840,000'")
    seconds = time.perf_counter() - start
    page.evaluate(FRAMES)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  - conv2d 8 1", delay=80)
    page.wait_for_timeout(2000)
    print(
        f"  {LAYERS:,} layers: table {seconds:.2f} s, longest wait {page.evaluate('longest'):.0f} ms while typing"
    )


def first(chromium: Any, address: str) -> float:
    """Seconds to the first table, with nothing in the cache."""
    context = chromium.new_context()
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#totals b")
    seconds = time.perf_counter() - start
    context.close()
    return seconds


if __name__ == "__main__":
    main()
