"""``python -m benchmarks.screenshots``: the pictures of README and docs, taken of a demo of its own.

A ``make run`` in a temporary data folder is filled by ``manage.py demo``; then a headless Chromium looks at the
playground and at pages of the admin, light, dark and on a phone. ``--url`` and ``--password`` name a running
site with a demo instead. The pictures have few colours, so that all of them are less than 2 MB.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from assistant_site.launcher import processes

ROOT = Path(__file__).parents[1]
INTO = ROOT / "docs" / "images"
WIDE, PHONE = (1440, 900), (390, 844)
VIEWS = {"": (WIDE, "light"), "-dark": (WIDE, "dark"), "-phone": (PHONE, "light")}
"""Endings of the files' names, with the window in CSS pixels and the theme."""
PAGES = {
    "start": "",
    "admin": "routing/rule/",
    "charts": "conversations/modelperformance/charts/",
    "versions": "routing/rulesetversion/",
    "reviews": "conversations/answerreview/",
}
"""Pages of the admin by the names of their pictures."""
QUESTION = "Write a Python function that merges two sorted lists."
START_SECONDS, PATIENCE_MS = 600, 120_000
COLOURS, MOST_BYTES = 128, 2_000_000


def main() -> None:
    """Take all pictures; exit code 1 where they are too large together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running site with a demo, in place of one of its own")
    parser.add_argument("--password", default="", help="of its user admin")
    options = parser.parse_args()
    if options.url:
        take_all(options.url, options.password)
    else:
        password = secrets.token_urlsafe(12)
        with tempfile.TemporaryDirectory() as folder, demo_site(Path(folder), password) as url:
            take_all(url, password)
    size = sum(file.stat().st_size for file in INTO.glob("*.png"))
    sys.stdout.write(f"{size:,} bytes in {INTO}\n")
    if size > MOST_BYTES:
        sys.exit(f"These are more than {MOST_BYTES:,} bytes.")


@contextmanager
def own_site(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The address of a ``make run`` of its own, which ends with the block. ``environment`` has its PORT."""
    url = f"http://127.0.0.1:{environment['PORT']}"
    with (folder / "site.log").open("wb") as log:
        command = [sys.executable, "-m", "assistant_site.launcher", "run"]
        site = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _await(site, url)
            yield url
        finally:
            site.send_signal(signal.SIGINT)
            site.wait(60)


def environment_of(folder: Path, password: str) -> dict[str, str]:
    """The environment of such a site and of the commands beside it."""
    told = {"PORT": str(processes.free_port()), "ASSISTANT_DATA_DIR": str(folder / "data")}
    return {**os.environ, **told, "ASSISTANT_ADMIN_PASSWORD": password}


@contextmanager
def demo_site(folder: Path, password: str) -> Iterator[str]:
    """The address of a site with 30 days of history."""
    environment = environment_of(folder, password)
    with own_site(environment, folder) as url:
        demo = [sys.executable, "manage.py", "demo"]
        subprocess.run(demo, cwd=ROOT, env=environment, check=True)
        yield url


def _await(site: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and site.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=START_SECONDS).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    sys.exit("The site did not start.")


def take_all(url: str, password: str) -> None:
    """A picture of each page in each view."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser_path:
        sys.exit("There is no Chromium (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        for ending, (size, theme) in VIEWS.items():
            page = _tab(browser, url, size, theme)
            _playground(page, password)
            _keep(page, f"playground{ending}")
            _enter(page, password)
            for name, path in PAGES.items():
                page.goto(f"/admin/{path}")
                _keep(page, f"{name}{ending}")
            page.context.close()
        browser.close()


def _tab(browser: Browser, url: str, size: tuple[int, int], theme: str) -> Page:
    context = browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def _playground(page: Page, password: str) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#prompt").fill(QUESTION)
    page.keyboard.press("Enter")
    page.locator(".theirs").get_by_role("button", name="Good").wait_for()


def _enter(page: Page, password: str) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")


def _keep(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        few = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(INTO / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
