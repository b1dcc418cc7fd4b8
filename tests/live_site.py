"""The whole service, answering on a loopback port from a thread of the test process."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import httpx
import uvicorn
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import RefreshToken

from assistant_site.http.protocol import SiteProtocol
from assistant_site.simulator import Simulator
from conversations.bootstrap import container
from routing.common.redis.clients import sync_client
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuit_states import CircuitAdmin
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.default_rules import seed_defaults
from routing.publishing.selectors import release_number

T = TypeVar("T")
_numbers = itertools.count(1)
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Event:
    """One server-sent event as a client sees it."""

    id: int
    name: str
    data: Any


@dataclass
class Person:
    """A signed-in client of the API."""

    user: User
    http: httpx.Client
    events: list[Event] = field(default_factory=list)

    def ask(self, content: str, *, conversation: str | None = None, **body: Any) -> dict[str, Any]:
        """Ask and return the message object."""
        response = self.post_prompt(content, conversation=conversation, **body)
        assert response.status_code == 200, response.text
        return cast("dict[str, Any]", response.json())

    def post_prompt(
        self,
        content: str,
        *,
        conversation: str | None = None,
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        """Ask and return the whole response."""
        return self.http.post(
            messages_path(conversation),
            json={"content": content, **body},
            headers={"Accept": accept, **(headers or {})},
        )

    def stream(self, content: str, *, conversation: str | None = None, **body: Any) -> list[Event]:
        """Ask for a stream and read it to its end."""
        response = self.post_prompt(
            content, conversation=conversation, accept="text/event-stream", **body
        )
        assert response.status_code == 200, response.text
        return events_of(response.text)

    @contextmanager
    def streaming(
        self, content: str, *, conversation: str | None = None, **body: Any
    ) -> Iterator[tuple[httpx.Response, Iterator[Event]]]:
        """Ask for a stream and read it as it comes."""
        with self.http.stream(
            "POST",
            messages_path(conversation),
            json={"content": content, **body},
            headers={"Accept": "text/event-stream"},
        ) as response:
            yield response, live_events(response)

    def open_conversation(self, title: str = "") -> str:
        """A new conversation's id."""
        response = self.http.post("/api/v1/conversations/", json={"title": title})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])


def messages_path(conversation: str | None) -> str:
    """Where to post a prompt."""
    return (
        f"/api/v1/conversations/{conversation}/messages/" if conversation else "/api/v1/messages/"
    )


def events_of(text: str) -> list[Event]:
    """The events of a whole stream's text."""
    return [_event(frame) for frame in text.split("\n\n") if frame and not frame.startswith(":")]


def live_events(response: httpx.Response) -> Iterator[Event]:
    """Events as they arrive."""
    frame: list[str] = []
    for line in response.iter_lines():
        if line:
            frame.append(line)
        elif frame:
            if not frame[0].startswith(":"):
                yield _event("\n".join(frame))
            frame.clear()


def _event(frame: str) -> Event:
    fields = dict(line.split(": ", 1) for line in frame.split("\n"))
    assert set(fields) == {"id", "event", "data"}, frame
    return Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))


def text_of(events: list[Event]) -> str:
    """The tokens since the last reset, joined."""
    pieces: list[str] = []
    for event in events:
        if event.name == "reset":
            pieces.clear()
        elif event.name == "token":
            pieces.append(event.data["text"])
    return "".join(pieces)


def _rules_now() -> list[Any]:
    """The number of the release and the rows that make the draft, as they are stored."""
    rows = [list(table.objects.values_list()) for table in (Rule, RoutingSettings, LLMModel)]
    return [release_number(), *rows]


class LiveSite:
    """The service on ``url``, its simulated providers, and people to use it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        config = uvicorn.Config(
            "assistant_site.asgi:application",
            host="127.0.0.1",
            port=0,
            lifespan="on",
            log_config=None,
            access_log=False,
            http=SiteProtocol,
            ws="none",
            forwarded_allow_ips="",
            loop="asyncio",
            timeout_graceful_shutdown=3,
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, name="live site")
        self._clients: list[httpx.Client] = []
        self._seeded: list[Any] = []

    @property
    def url(self) -> str:
        """Root, without a trailing slash."""
        host, port = self.server.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Serve; returns when it does."""
        self._thread.start()
        while not self.server.started:
            self._thread.join(0.02)
            assert self._thread.is_alive(), "the server ended at its start"
        # It boots while it serves: a test must not build a second container meanwhile.
        httpx.get(f"{self.url}/readyz", timeout=240)
        self.run(self._checked())

    def close(self) -> None:
        """Stop serving."""
        for client in self._clients:
            client.close()
        self.server.should_exit = True
        self._thread.join()

    def close_clients(self) -> None:
        """End the connections of one test's people."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def publish_defaults(self) -> None:
        """Bring the published rules back to the seeds, whatever another test left of them."""
        if self._seeded == _rules_now():
            return
        Rule.objects.all().delete()
        RoutingSettings.objects.all().delete()
        LLMModel.objects.all().delete()
        seed_defaults()
        self._seeded = _rules_now()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where the service runs."""
        return self.server.servers[0].get_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something of the service's own, where it runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=15)

    @contextmanager
    def composed_with(self, **changed: Any) -> Iterator[None]:
        """The service composed anew with other settings, in the block."""
        before = {name: getattr(settings, name) for name in changed}
        self._compose(changed)
        try:
            yield
        finally:
            self._compose(before)

    def _compose(self, changed: dict[str, Any]) -> None:
        for name, value in changed.items():
            setattr(settings, name, value)
        self.run(self._recompose())

    @staticmethod
    async def _recompose() -> None:
        old = container()
        container.cache_clear()
        container().start_workers()
        await LiveSite._checked()
        await old.aclose()

    @staticmethod
    async def _checked() -> None:
        # The check that begins with the site must neither meet nor miss what a test scripts.
        await container().provider_checks.checked.wait()

    def close_circuits(self) -> None:
        """Forget what failed before, whichever test had it fail."""
        container().circuits.forget()
        container().metrics.recent_failures.forget()
        with sync_client(settings.REDIS_URL) as client, suppress(CircuitsUnavailable):
            CircuitAdmin(client, prefix=settings.REDIS_PREFIX).reset()

    def await_redis(self) -> None:
        """Wait until the service has noticed that Redis is back: its breaker lets one probe a second through."""
        http, deadline = self.client(), time.monotonic() + 10
        while time.monotonic() < deadline:
            if http.get("/readyz").json()["checks"]["redis"]["state"] == "ok":
                return
        raise AssertionError("Redis is back, but the service has not noticed")

    def client(self, **headers: str) -> httpx.Client:
        """An HTTP client of nobody."""
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def user(self, **fields: Any) -> User:
        """A new account with ``PASSWORD``."""
        return User.objects.create_user(f"person{next(_numbers)}", password=PASSWORD, **fields)

    def person(self, user: User | None = None) -> Person:
        """Somebody signed in."""
        user = user or self.user()
        access = str(RefreshToken.for_user(user).access_token)
        return Person(user, self.client(Authorization=f"Bearer {access}"))
