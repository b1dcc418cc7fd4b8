"""Codex, OpenAI's coding agent, without its window (``codex exec``): it asks, runs the tool that the model
calls, and asks again with the result."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Clients, new_key
from tests.live_site import LiveSite

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
SECONDS = 120
SETTINGS = """\
model = "{model}"
model_provider = "site"

[model_providers.site]
name = "Assistant"
base_url = "{url}/v1"
env_key = "ASSISTANT_KEY"
wire_api = "responses"
stream_max_retries = 0
request_max_retries = 0
"""


def run(
    clients: Clients, key: str, folder: Path, prompt: str, *, model: str = "assistant"
) -> tuple[int, list[Any]]:
    """The exit code of one run of Codex, and what it tells."""
    (folder / "config.toml").write_text(SETTINGS.format(model=model, url=clients.site.url))
    codex = clients.home / "node" / "node_modules" / ".bin" / "codex"
    options = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    homes = {"HOME": str(folder), "CODEX_HOME": str(folder)}
    done = subprocess.run(
        [str(codex), "exec", *options, prompt],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "ASSISTANT_KEY": key, **homes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert told, done.stderr[-6_000:]
    return done.returncode, told


@pytest.fixture
def lenient_key(site: LiveSite) -> str:
    """A key that drops tools of other types."""
    return new_key(site, lenient=True)


@pytest.mark.parametrize("model", ["assistant", "claude-sonnet"])
def test_a_tool_and_an_answer(
    clients: Clients, site: LiveSite, lenient_key: str, tmp_path: Path, model: str
) -> None:
    prompt = "What are rivers made of?"
    code, told = run(clients, lenient_key, tmp_path, prompt, model=model)

    assert code == 0
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    # The simulator calls the first tool, and answers with its result.
    assert "The tool's result is" in items[-1]["text"]
    assert told[-1]["type"] == "turn.completed"
    assert told[-1]["usage"]["output_tokens"] > 0
    asked = [request for request in site.simulator.requests if request.call == "chat"]
    assert [request.body["messages"][-1]["role"] for request in asked] == [
        "user",
        "user" if model == "claude-sonnet" else "tool",
    ]


def test_half_an_answer_is_none(clients: Clients, lenient_key: str, tmp_path: Path) -> None:
    fault = "[[simulate tokens=20 cut_after=4 cut=close]]"
    code, told = run(clients, lenient_key, tmp_path, f"Tell me about rivers. {fault}")

    assert code != 0
    assert told[-1]["type"] == "turn.failed"
