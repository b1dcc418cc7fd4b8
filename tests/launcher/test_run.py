"""``make run`` from its start to its end, in a data folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant_site.launcher import processes
from assistant_site.launcher.install import ROOT

# What a shell, a JSON string and bash's history would each like to have for itself
PASSWORD = 'it\'s a "pass" \\ word!'
START_SECONDS = 240
BARE = (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
    *("REDIS_URL", "DATABASE_URL", "SECRET_KEY", "ASSISTANT_ADMIN_PASSWORD"),
)

pytestmark = pytest.mark.live


class Run:
    """One launcher and what it said until it served."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        told = {**dict.fromkeys(BARE, ""), "ASSISTANT_DATA_DIR": str(data_dir), **variables}
        with (data_dir / "server.log").open("ab") as log:
            self.process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, "-m", "assistant_site.launcher.supervisor"],
                cwd=ROOT,
                env=os.environ | told,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def until(self, words: str) -> str:
        """Everything it says up to the line that has these words in it."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said = f"{said}{line}"
            if words in line:
                return said
        raise AssertionError(f"it ended without {words!r}: {said}\n{self.log}")

    @property
    def log(self) -> str:
        return (self.data_dir / "server.log").read_text()

    def pid(self, name: str) -> int:
        folder = "redis" if name == "redis" else "run"
        return int((self.data_dir / folder / f"{name}.pid").read_text())

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit code and its last words."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Run]]:
    """Runs to be ended whatever happens to the test."""
    runs: list[Run] = []
    yield runs
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)
        if run.process.stdout is not None:
            run.process.stdout.close()


def pasted(said: str) -> str:
    """The answer to the line that it offers for pasting, in an interactive shell."""
    (line,) = [line for line in said.splitlines() if line.startswith("curl ")]
    done = subprocess.run(
        ["bash", "-c", f"set -o history -o histexpand\n{line}\n"],
        stdout=subprocess.PIPE,
        timeout=60,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.timeout(2 * START_SECONDS)
def test_it_serves_answers_leaves_nothing_behind_and_keeps_everything(
    tmp_path: Path, started: list[Run]
) -> None:
    """One data folder, two runs of it: each start takes seconds."""
    port = processes.free_port()
    one_of_two = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": ""}
    first = Run(tmp_path, PORT=str(port), ASSISTANT_DEMO_PASSWORD=PASSWORD, **one_of_two)
    started.append(first)
    said = first.until("curl ")

    assert "Created the user admin with the password" in said
    assert "Created the user demo" not in said  # its password was given
    assert f"http://127.0.0.1:{port}/admin/" in said
    assert "SIMULATED" in said
    assert "Look at: LANGFUSE_PUBLIC_KEY is set without LANGFUSE_SECRET_KEY" in said
    answers(first, said)
    token = api(said, "/api/v1/auth/token/", {"username": "demo", "password": PASSWORD})["access"]
    made = api(said, "/api/v1/conversations/", {"title": "kept"}, token)

    refused = Run(tmp_path, PORT="0")
    started.append(refused)
    assert refused.process.wait(60) == 1
    assert "running already" in first.log  # both write it
    ends(first, signal.SIGINT)

    second = Run(tmp_path, PORT="0")
    started.append(second)
    said = second.until("curl ")

    assert "Created the user" not in said
    assert "PUT-THE-DEMO-PASSWORD-HERE" in said
    kept = api(said, f"/api/v1/conversations/{made['id']}/", None, token)  # the key is kept too
    assert kept["title"] == "kept"
    ends(second, signal.SIGTERM)


def answers(run: Run, said: str) -> None:
    """It answers the line for pasting and the commands of a second shell, and starts a stand-in anew."""
    answer = pasted(said)
    assert "event: token" in answer, run.log
    assert "event: done" in answer
    assert '"model":"simulated/' in answer.replace(" ", "")

    asked = [sys.executable, "manage.py", "decide", "Write a short poem about the sea."]
    told = {**os.environ, **dict.fromkeys(BARE, ""), "ASSISTANT_DATA_DIR": str(run.data_dir)}
    decided = subprocess.run(asked, cwd=ROOT, env=told, capture_output=True, text=True, check=True)
    assert "simulated/" in decided.stdout  # a second shell finds the stand-ins as the server does
    assert decided.stderr == ""

    os.kill(run.pid("simulator-anthropic"), signal.SIGKILL)
    run.until("simulator-anthropic ended (signal 9)")
    assert "event: done" in pasted(said)


def ends(run: Run, number: signal.Signals) -> None:
    """It ends all that it started."""
    children = [run.pid(name) for name in ("redis", "simulator-openai", "server")]
    code, last_words = run.end(number)
    assert (code, last_words.split()[-1]) == (0, "Ended.")
    assert [processes.command_line(pid) for pid in children] == ["", "", ""]
    assert "Traceback" not in run.log


@pytest.mark.timeout(60)
def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path, started: list[Run]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        run = Run(tmp_path, PORT=str(other.getsockname()[1]))
        started.append(run)

        assert run.process.wait(60) == 1

    assert "is taken" in run.log
    assert not (tmp_path / "redis").exists()


@pytest.mark.timeout(START_SECONDS)
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PROMPT_MAX_CHARS", "many", "PROMPT_MAX_CHARS must be a whole number"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must be an address of a Redis"),
        ("DATABASE_URL", "sqlite:///{damaged}", "file is not a database"),
        ("ASSISTANT_DATA_DIR", "{damaged}/below", "ASSISTANT_DATA_DIR"),
    ],
)
def test_a_site_that_cannot_start_says_why_in_a_line(
    tmp_path: Path, started: list[Run], name: str, value: str, expected: str
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_text("no database" * 100)
    run = Run(tmp_path, **{"PORT": "0", name: value.format(damaged=damaged)})
    started.append(run)

    assert run.process.wait(START_SECONDS) == 1
    assert expected in run.log
    assert "Traceback" not in run.log
    assert list(tmp_path.rglob("*.pid")) == []


def api(said: str, path: str, body: dict[str, str] | None, token: str = "") -> dict[str, Any]:
    """One JSON call to the site that said where it is."""
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
    assert found
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    content = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, content, headers)
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    assert response.status < 300, answer
    return answer
