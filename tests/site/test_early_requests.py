"""Requests that come while LiteLLM is still being imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from benchmarks.stage.site import Site
from tests.live_site import LiveSite, Person
from tests.processes import site_process
from tests.ui_stream.conftest import said

HELD = """\
import importlib, sys
with open({gate!r}) as gate:  # until the other side opens it
    gate.read()
sys.path.remove({folder!r})
del sys.modules["litellm"]
importlib.invalidate_caches()
importlib.import_module("litellm")
"""
STORED = "How do I reset my password?"


class HeldWorker:
    """A process of the service whose LiteLLM is imported when ``close`` is called: a package of the same
    name, first on its path, waits for that."""

    def __init__(self, folder: Path) -> None:
        self._gate, packages = folder / "gate", folder / "packages"
        os.mkfifo(self._gate)
        (packages / "litellm").mkdir(parents=True)
        told = HELD.format(gate=str(self._gate), folder=str(packages))
        (packages / "litellm" / "__init__.py").write_text(told)
        self.site: Site = site_process(folder, PYTHONPATH=str(packages))
        self.site.start(booted=False)
        self._held = True

    def close(self) -> None:
        """Let it import LiteLLM."""
        if self._held:
            self._held = False
            self._gate.open("w").close()

    def end(self) -> None:
        self.close()
        self.site.end()

    def client(self, person: Person) -> httpx.Client:
        """The same person's client of this process."""
        headers = {
            "Authorization": person.http.headers["Authorization"],
            "Accept": "application/json",
        }
        return httpx.Client(base_url=self.site.url, headers=headers, timeout=120)


@pytest.fixture
def held(site: LiveSite, tmp_path: Path) -> Iterator[HeldWorker]:
    """One that holds it back."""
    worker = HeldWorker(tmp_path)
    yield worker
    worker.end()


@pytest.mark.timeout(240)
def test_stored_answers_are_served_before_litellm_is_loaded(
    site: LiveSite, held: HeldWorker
) -> None:
    person = site.person()
    stored = person.ask(STORED)["content"]
    with held.client(person) as http, ThreadPoolExecutor(3) as waiting, closing(held):
        ready = waiting.submit(http.get, "/readyz")
        models = waiting.submit(http.get, "/v1/models")
        new = waiting.submit(
            http.post, "/api/v1/messages/", json={"content": "What do herons eat?"}
        )
        native = [
            http.post("/api/v1/messages/", json={"content": content}).json()
            for content in (STORED, "How can I reset my password?")
        ]
        asked = {"model": "assistant", "messages": [{"role": "user", "content": STORED}]}
        openai = http.post("/v1/chat/completions", json=asked)
        chat = http.post("/api/chat", json={"id": "early", "messages": [said(STORED)]})
        pages = [http.get(path).status_code for path in ("/", "/healthz", "/metrics", "/admin/")]

        assert [answer["cache"]["outcome"] for answer in native] == ["exact", "semantic"]
        assert {answer["content"] for answer in native} == {stored}
        assert openai.headers["x-assistant-cache"] == "exact"
        assert openai.json()["choices"][0]["message"]["content"] == stored
        assert '"source":"cache"' in chat.text
        assert pages == [200, 200, 200, 302]
        assert not any(each.done() for each in (ready, models, new))

        held.close()
        assert ready.result().status_code == 200
        assert models.result().json()["data"][0]["id"] == "assistant"
        answer = new.result().json()
        assert (answer["status"], answer["decision"]["source"]) == ("complete", "classifier")


@pytest.mark.services
@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        (
            "from assistant_site import prepare; prepare.set_up_without_pages()",
            ("langgraph", "langsmith", "litellm", "numpy", "redisvl", "onnxruntime"),
        ),
        (
            "import assistant_site.launcher.supervisor, assistant_site.settings",
            ("redis", "django.http", "django.db.models"),
        ),
    ],
    ids=["the preparation of the database", "the launcher"],
)
def test_what_comes_before_the_server_loads_no_more_than_it_needs(
    program: str, heavy: tuple[str, ...]
) -> None:
    program += f"; import sys; print([name for name in {heavy} if name in sys.modules])"
    told = {**os.environ, "DJANGO_SETTINGS_MODULE": "assistant_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=told, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
