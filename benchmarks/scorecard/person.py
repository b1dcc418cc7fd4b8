"""One person who asks, listens, loses the connection, comes back, reloads the page, and stops."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from benchmarks.scorecard.ledger import LEFT, Asked, Heard, Ledger

SILENCE_SECONDS = 25.0
"""The site sends a keep-alive every 10 s: whoever hears nothing for so long tries again."""
GIVE_UP_SECONDS = 75.0
"""Without an end after that the question counts as lost."""
TOPICS = ("a ferry in the fog", "two clocks", "the oldest tree", "a map of rain", "salt")
TASKS = (
    "Write a poem about {}.",
    "Tell me something about {}.",
    "Prove step by step something about {}.",
)
MODELS = ("gpt", "gpt-mini", "claude-sonnet", None)
"""Named ones skip classification; without a name the classifier is asked."""
MANNERS = ("listens", "listens", "reloads", "reloads from the start", "leaves", "stops")
LOST = (aiohttp.ClientError, TimeoutError, ConnectionError)


class _Left(Exception):
    """The person closed the page."""


class _Reloaded(Exception):
    """The person loads the page again."""


@dataclass
class Person:
    """One signed-in account, on connections that are not reused: each may meet another worker."""

    number: int
    user: int
    url: str
    http: aiohttp.ClientSession
    ledger: Ledger
    dice: random.Random

    async def go_on(self, until: asyncio.Event) -> None:
        """Ask one question after the other, some of them as follow-ups."""
        conversation = ""
        while not until.is_set():
            asked = await self.ask(conversation)
            keeps = asked.ended and self.dice.random() < 0.4
            conversation = asked.conversation if keeps else ""
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), self.dice.uniform(0.05, 0.5))

    async def ask(self, conversation: str) -> Asked:
        """Ask once, however often that takes, and listen to the end unless the manner is another."""
        asked = Asked(
            tag=f"q{self.number}-{len(self.ledger.asked)}",
            key=str(uuid4()),
            user=self.user,
            manner=self.dice.choice(MANNERS),
        )
        self.ledger.asked.append(asked)
        path = f"/api/v1/conversations/{conversation}/messages/" if conversation else None
        body = self._question(asked.tag)
        with suppress(_Left):
            await self._until_ended(asked, path or "/api/v1/messages/", body)
        return asked

    async def finish(self, asked: Asked) -> None:
        """Come back to an answer that was left, and hear the rest."""
        asked.manner += ", came back"
        await self._until_ended(asked, "", {})

    def _question(self, tag: str) -> dict[str, Any]:
        words = self.dice.choice(TASKS).format(self.dice.choice(TOPICS))
        model = self.dice.choice(MODELS)
        return {"content": f"[{tag}] {words}"} | ({"model": model} if model else {})

    async def _until_ended(self, asked: Asked, path: str, body: dict[str, Any]) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not asked.ended and time.monotonic() < deadline:
            try:
                await self._listen(asked, path, body)
            except _Reloaded:
                continue
            except LOST:
                pass  # nobody listens there just now
            if not asked.ended:
                await asyncio.sleep(self.dice.uniform(0.1, 0.4))

    async def _listen(self, asked: Asked, path: str, body: dict[str, Any]) -> None:
        """One connection: the question (again, under its key), or its stream from where it broke."""
        if asked.message:
            url = f"{self.url}/api/v1/messages/{asked.message}/stream/"
            request = self.http.get(url, headers={"Last-Event-ID": str(asked.last)})
        else:
            headers = {"Idempotency-Key": asked.key, "Accept": "text/event-stream"}
            request = self.http.post(self.url + path, json=body, headers=headers)
        async with request as response:
            if response.status != 200:
                await self._refused(asked, response)
                return
            asked.accepted = True
            try:
                await self._hear_out(asked, response)
            except LOST:
                asked.cuts.append(time.time())

    async def _hear_out(self, asked: Asked, response: aiohttp.ClientResponse) -> None:
        async with aclosing(events(response)) as heard:
            async for event in heard:
                asked.hear(event)
                await self._behave(asked)
        if not asked.ended:
            raise ConnectionResetError("it was closed before the end")

    async def _refused(self, asked: Asked, response: aiohttp.ClientResponse) -> None:
        problem = await response.json(content_type=None)
        asked.refusals.append(response.status)
        if response.status not in {409, 429, 503}:
            asked.wrong.append(f"HTTP {response.status} {problem.get('code')}")
        await asyncio.sleep(min(1.0, float(response.headers.get("Retry-After", 0.2))))

    async def _behave(self, asked: Asked) -> None:
        """What this person does at a random place of the answer, once."""
        if asked.manner == "listens" or asked.ended or self.dice.random() > 0.06:
            return
        manner, asked.manner = asked.manner, "listens"
        match manner:
            case "stops":
                await self._stop(asked)
            case "leaves":
                asked.manner = LEFT
                raise _Left
            case _:
                if manner == "reloads from the start":
                    await self._reread(asked)
                raise _Reloaded

    async def _stop(self, asked: Asked) -> None:
        with suppress(*LOST):
            url = f"{self.url}/api/v1/messages/{asked.message}/stop/"
            async with self.http.post(url) as response:
                asked.stopped = response.status == 200

    async def _reread(self, asked: Asked) -> None:
        """A second tab that reads from the first event: it must be told the same."""
        url = f"{self.url}/api/v1/messages/{asked.message}/stream/"
        with suppress(*LOST):
            async with self.http.get(url) as response, aclosing(events(response)) as heard:
                async for event in heard:
                    asked.hear(event)
                    if event.id >= asked.last:
                        return


async def events(response: aiohttp.ClientResponse) -> AsyncGenerator[Heard, None]:
    """The events of a stream as they come; comments are left out."""
    fields: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "id" in fields:
                yield Heard(int(fields["id"]), fields["event"], fields["data"])
            fields = {}
