"""Lets the tests import the checkout, whether or not `cpr` is installed; a real browser."""

import os
import shutil
import signal
from pathlib import Path

import pytest

import cpr

ROOT = Path(__file__).resolve().parent.parent
BROWSER_FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --disable-quic"
)
# The least contrast of text against what is painted behind it, and the text that has it.
CONTRAST = """() => {
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    ink.clearRect(0, 0, 1, 1);
    ink.fillStyle = color;
    ink.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const color = rgba(getComputedStyle(node).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, behind(node.parentElement));
  };
  const light = (color) => {
    const [r, g, b] = color.map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let worst = { ratio: 99 }, seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const text = over(rgba(node instanceof SVGElement ? style.fill : style.color), ground);
    const [low, high] = [light(text), light(ground)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    seen += 1;
    if (ratio < worst.ratio) worst = { ratio, text: walker.currentNode.data, tag: node.outerHTML };
  }
  return { ...worst, seen };
}"""

# A checkout keeps cpr.predictors and cpr.packager in root folders of their own
# (setup.py maps them); `python -m pytest` puts the checkout first on sys.path.
if Path(cpr.__file__).parent.parent == ROOT:
    for folder in (ROOT, ROOT / "packaging"):
        if str(folder) not in cpr.__path__:
            cpr.__path__.append(str(folder))

# A shell starts its background jobs with Ctrl-C ignored, and children inherit
# that: what is tested is a command that can be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser():
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    program = next(filter(None, found), None)
    if program is None:
        reason = "Chromium is not installed (Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("CPR_NO_SKIP") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # One a module: while it is open, the thread's event loop counts as running.
        started = playwright.chromium.launch(executable_path=program, args=BROWSER_FLAGS.split())
        yield started
        started.close()


@pytest.fixture(scope="session")
def contrast():
    """Measures the least contrast of a page's text against what is painted behind it."""
    return lambda page: page.evaluate(CONTRAST)
