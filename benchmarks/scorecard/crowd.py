"""The people, on an event loop and in a thread of their own: the main thread is busy killing."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp

from benchmarks.scorecard.ledger import Ledger
from benchmarks.scorecard.person import SILENCE_SECONDS, Person

FINISH_SECONDS = 100.0
"""For the last answers: longer than a person waits before giving up."""


class Crowd:
    """``tokens`` are the people's access tokens by the primary keys of their accounts."""

    def __init__(self, url: str, tokens: dict[int, str], *, seed: int) -> None:
        self.ledger = Ledger()
        self._url, self._tokens, self._seed = url, tokens, seed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="people", daemon=True)
        self._enough = asyncio.Event()
        self._people: list[Person] = []
        self._going: list[Any] = []

    def start(self) -> None:
        """Everybody begins to ask."""
        self._thread.start()
        self._run(self._gather())
        self._going = [
            asyncio.run_coroutine_threadsafe(person.go_on(self._enough), self._loop)
            for person in self._people
        ]

    def finish(self) -> None:
        """Nobody asks any more; wait for the last answers, also those that were left."""
        self._loop.call_soon_threadsafe(self._enough.set)
        for going in self._going:
            going.result(FINISH_SECONDS)
        self._run(self._come_back())

    def close(self) -> None:
        """Everybody goes home."""
        if self._thread.is_alive():
            self._run(self._leave())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    async def _gather(self) -> None:
        for number, (user, token) in enumerate(self._tokens.items()):
            http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                headers={"Authorization": f"Bearer {token}"},
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=5, sock_read=SILENCE_SECONDS
                ),
                read_bufsize=2**20,
            )
            dice = random.Random(f"{self._seed}-{number}")
            self._people.append(Person(number, user, self._url, http, self.ledger, dice))

    async def _come_back(self) -> None:
        by_user = {person.user: person for person in self._people}
        left = [each for each in self.ledger.asked if each.message and not each.ended]
        for some in _in_groups(left, 16):
            await asyncio.gather(*(by_user[each.user].finish(each) for each in some))

    async def _leave(self) -> None:
        self._enough.set()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for person in self._people:
            await person.http.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(FINISH_SECONDS)


def _in_groups(asked: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [asked[at : at + size] for at in range(0, len(asked), size)]
