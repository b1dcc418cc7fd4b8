"""The example of docs/clients.md, as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def test_the_python_example_runs(site: LiveSite) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    user = site.user()
    _, key = key_create(owner=user.pk, by=user.pk, name="docs", scopes=["chat"])
    done = subprocess.run(
        [sys.executable, "-c", code[0]],
        env={"ASSISTANT_URL": site.url, "ASSISTANT_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "rivers" in done.stdout
