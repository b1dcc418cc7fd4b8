"""A server process with two workers, and clients in processes of their own.

Each function of a script is a scenario and makes its own assertions. Only ``make test-clients`` collects
them: it says in CLIENTS_HOME where the clients are installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from benchmarks.stage.site import Site
from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite
from tests.processes import site_process

HERE = Path(__file__).parent
collect_ignore_glob = [] if "CLIENTS_HOME" in os.environ else ["test_*.py"]
SECONDS = 150


def scenarios(script: str) -> list[str]:
    """The public functions of a script, in order."""
    text = (HERE / script).read_text()
    return re.findall(r"^(?:async def|def|export async function) ([a-z]\w*)\(", text, re.MULTILINE)


@dataclass(frozen=True)
class Clients:
    """Where the clients are, and the server with its log."""

    home: Path
    site: Site
    log: Path

    def python(self, environment: str, script: str, scenario: str, **told: str) -> None:
        """Run a scenario in one of the Python environments; it must end well."""
        python = self.home / environment / "bin" / "python"
        self._run([str(python), str(HERE / "python" / script), scenario], told)

    def node(self, script: str, scenario: str, **told: str) -> None:
        """Run a scenario by Node, beside its packages."""
        folder = self.home / "node"
        for each in (HERE / "node").glob("*.m?s"):
            shutil.copy(each, folder)
        run = f"import * as all from './{script}'; await all.{scenario}(); process.exit(0);"
        node = folder / "node_modules" / "node" / "bin" / "node"
        self._run([str(node), "--input-type=module", "-e", run], told, cwd=folder)

    def requests(self, path: str) -> list[dict[str, Any]]:
        """What the server has logged of requests to this path."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]
        return [each for each in lines if each.get("event") == "request" and each["path"] == path]

    def _run(self, command: list[str], told: dict[str, str], cwd: Path | None = None) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "ASSISTANT_URL": self.site.url,
            "FAULTS": (HERE / "faults.json").read_text(),
            **told,
        }
        done = subprocess.run(
            command,
            cwd=cwd or self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-4_000:]}\n{done.stderr[-6_000:]}"


@pytest.fixture(scope="session")
def _served(
    _running_site: LiveSite,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("clients")
    with django_db_blocker.unblock():
        _running_site.publish_defaults()
    # Scenarios of failures must not shut the models of those after them away.
    told = {"LOG_FORMAT": "json", "CIRCUIT_FAILURES": "1000", "SIGN_IN_RATE": "1000/minute"}
    process = site_process(folder, workers=2, **told)
    process.start()
    try:
        yield Clients(Path(os.environ["CLIENTS_HOME"]).absolute(), process, folder / "site.log")
    finally:
        process.end()


@pytest.fixture
def clients(_served: Clients, site: LiveSite) -> Clients:
    """The clients, with clean providers behind the server."""
    return _served


@pytest.fixture
def key(site: LiveSite) -> str:
    """The key of a new person."""
    return new_key(site)


@pytest.fixture
def narrow_key(site: LiveSite) -> str:
    """A key that opens pictures alone."""
    return new_key(site, scopes=["images"])


def new_key(site: LiveSite, **fields: Any) -> str:
    """A key with these fields."""
    user = site.user()
    chosen = {"name": "client", "scopes": ["chat", "images", "embeddings", "conversations"]}
    _, key = key_create(owner=user.pk, by=user.pk, **{**chosen, **fields})
    return key
