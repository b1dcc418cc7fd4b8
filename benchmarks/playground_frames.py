"""``python -m benchmarks.playground_frames``: frames a second while the playground shows 10,000 tokens.

The page's own modules run in a headless Chromium; an answer with prose, lists, tables and code grows by some
tokens a frame. Compared with an idle page of the same run: the machine's noise is in both. Exit code 1 where fewer
frames come than allowed.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import os
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import django
from playwright.sync_api import sync_playwright

STATIC = Path(__file__).parents[1] / "assistant_site" / "static"
TOKENS, TOKENS_A_FRAME = 10_000, 4
# Four a frame are 240 a second: no provider writes faster.
ALLOWED = 0.9
"""Least frames, as a share of those of the idle page."""

CATALOG = """
window.gettext = (text) => text;
window.ngettext = (one, more, count) => (count === 1 ? one : more);
window.interpolate = (text, values) => text.replace(/%\\((\\w+)\\)s/g, (_, name) => values[name]);
"""
"""The page's catalog of texts, in English."""
CONTEXT = {"page_language": "en", "password_sign_in": True, "catalog": "/catalog.js"}

MEASURE = """async ([tokens, each]) => {
  const { AnswerCard } = await import("/static/playground/cards.js");
  const frames = async (count, act) => {
    const began = performance.now();
    for (let at = 0; at < count; at += 1) {
      act(at);
      await new Promise(requestAnimationFrame);
    }
    return (1000 * count) / (performance.now() - began);
  };
  const parts = ["The ", "river ", "runs ", "on. ", "It ", "turns.\\n\\n", "- one\\n", "- two\\n\\n",
    "| A | B |\\n| - | - |\\n| 1 | 2 |\\n\\n", "```python\\nprint(1)\\n```\\n\\n"];
  document.getElementById("desk").hidden = false;
  const idle = await frames(120, () => {});
  const card = new AnswerCard({});
  document.getElementById("messages").append(card.element);
  const busy = await frames(tokens / each, () => {
    for (let at = 0; at < each; at += 1) card.append(parts[Math.floor(Math.random() * parts.length)]);
  });
  return { idle, busy };
}"""


class Files(BaseHTTPRequestHandler):
    """The page and its files, and nobody who is signed in."""

    page = b""

    def do_GET(self) -> None:
        """The page, or one of its files."""
        path = self.path.partition("?")[0]
        file = STATIC / path.removeprefix("/static/")
        if path.startswith("/static/") and file.is_file():
            self._answer(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "text/plain")
        elif path == CONTEXT["catalog"]:
            self._answer(CATALOG.encode(), "text/javascript")
        else:
            self._answer(self.page, "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """There is no session."""
        self.send_response(204)
        self.end_headers()

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def measured(tokens: int) -> dict[str, float]:
    """Frames a second, ``idle`` and ``busy``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.get_by_label("User name").wait_for()
            found: dict[str, float] = page.evaluate(MEASURE, [tokens, TOKENS_A_FRAME])
            browser.close()
    finally:
        server.shutdown()
    return found


def main(arguments: list[str]) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    django.setup()
    from django.template.loader import render_to_string  # noqa: PLC0415 - after the setup

    Files.page = render_to_string("playground.html", CONTEXT).encode()
    found = measured(parser.parse_args(arguments).tokens)
    share = found["busy"] / found["idle"]
    print(
        json.dumps(
            {**{name: round(value, 1) for name, value in found.items()}, "share": round(share, 3)}
        )
    )
    return 0 if share >= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
