"""``python -m benchmarks.long_threads``: how long the playground takes to open a long conversation.

A ``make run`` of its own has a conversation of 20 messages and one of 500, of prose, lists, tables and code. A headless
Chromium opens them in turn, and the medians of the same run are compared. Exit code 1 where the long one takes
too long: it shows its last page of 50.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import django
from playwright.sync_api import Page, sync_playwright

from benchmarks.screenshots import environment_of, own_site

FEW, MANY, ROUNDS = 20, 500, 9
ALLOWED = 4.0
"""The most that the long one may take, as a multiple: two and a half times as many cards, and some rest."""
MOST_MS = 1000.0
ANSWER = (
    "Answer {number}. The *river* runs on.\n\n- one\n- two\n  - three\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\n"
    "```python\nprint({number})\n```\n"
)
OPEN = """([id, last]) => new Promise((done) => {
  const began = performance.now();
  const messages = document.getElementById("messages");
  const seen = new MutationObserver(() => {
    if (!messages.lastElementChild?.textContent.includes(last)) return;
    seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  });
  seen.observe(messages, { childList: true, subtree: true });
  location.hash = id;
})"""


def fill(messages: int) -> str:
    """The id of a new conversation of so many messages."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - after Django

    from conversations.models import Conversation, Message  # noqa: PLC0415

    owner = User.objects.get(username="admin")
    thread = Conversation.objects.create(owner=owner, title=f"{messages} messages")
    said = {"conversation": thread, "status": "complete"}
    for number in range(messages // 2):
        prompt = Message.objects.create(role="user", content=f"Question {number}?", **said)
        content = ANSWER.format(number=number)
        Message.objects.create(role="assistant", content=content, answers=prompt, **said)
    return str(thread.pk)


def measured(page: Page, threads: dict[int, str]) -> dict[int, float]:
    """Milliseconds from the choice of a conversation to the picture of its last message, medians."""
    took: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(ROUNDS):
        for count, thread in threads.items():
            took[count].append(page.evaluate(OPEN, [thread, f"Answer {count // 2 - 1}."]))
    # The first of each fetches parts of the page.
    return {count: statistics.median(times[1:]) for count, times in took.items()}


def opened(url: str, password: str, threads: dict[int, str]) -> dict[int, float]:
    """The same, in a browser that is signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.locator("#desk").wait_for()
        found = measured(page, threads)
        browser.close()
    return found


def main() -> int:
    """Measure and print; the exit code."""
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_of(Path(folder), password)
        with own_site(environment, Path(folder)) as url:
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="assistant_site.settings")
            django.setup()
            found = opened(url, password, {count: fill(count) for count in (FEW, MANY)})
    ratio = found[MANY] / found[FEW]
    told = {f"{count}_ms": round(ms, 1) for count, ms in found.items()}
    sys.stdout.write(json.dumps({**told, "ratio": round(ratio, 2)}) + "\n")
    return 0 if ratio <= ALLOWED and found[MANY] < MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
