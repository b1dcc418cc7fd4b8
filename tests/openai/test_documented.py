"""The examples of docs/clients.md, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conversations.domain.api_keys import DEFAULT_SCOPES
from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


# Generated clients, before it, have tests of their own: tests/clients.
EXAMPLES = re.findall(
    r"```python\n(.*?)```", PAGE.read_text().partition("## OpenAI's API")[2], re.DOTALL
)


SAID = {"chat": "rivers", "images": "lighthouse", "embeddings": "384", "responses": "name"}
"""A word of each example's output, in the order of the page."""


@pytest.mark.parametrize(
    ("code", "said"), list(zip(EXAMPLES, SAID.values(), strict=True)), ids=SAID
)
def test_the_python_examples_run(site: LiveSite, code: str, said: str) -> None:
    user = site.user()
    _, key = key_create(owner=user.pk, by=user.pk, name="docs", scopes=DEFAULT_SCOPES)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ASSISTANT_URL": site.url, "ASSISTANT_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert said in done.stdout
