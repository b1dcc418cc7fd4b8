"""A Redis client whose callers' commands travel together.

redis-py takes a connection, a write and a read for every command, some 0.15 ms of CPU. Here only so many
are under way at once, and what is asked for meanwhile goes next, as one pipeline: nobody waits where little
is asked, and where much is, a command costs a third.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import redis.asyncio

from routing.common.tasks import Background

UNDER_WAY = 2
"""Round trips at once. What is asked for meanwhile waits for one of them to end."""

_Command = tuple[Any, ...]
_Asked = tuple[_Command, dict[str, Any], "asyncio.Future[Any]"]


class Together(redis.asyncio.Redis):
    """For short commands on one event loop. Pipelines, transactions and scripts are redis-py's."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._waiting: list[_Asked] = []
        self.background = Background()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's. What can't be sent fails its caller alone, and who is cancelled takes nobody
        else's command along."""
        if self._under_way >= UNDER_WAY:
            return await self._later(args, options)
        self._set_out()
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        finally:
            self._arrived()

    async def aclose(self, *args: Any, **options: Any) -> None:
        """Wait for what was asked, then close the connections."""
        await self._quiet.wait()
        await super().aclose(*args, **options)

    @cached_property
    def _encoder(self) -> Any:
        return self.get_encoder()  # type: ignore[no-untyped-call] # redis-py

    def _later(self, args: Sequence[Any], options: dict[str, Any]) -> asyncio.Future[Any]:
        command = args[0], *map(self._encoder.encode, args[1:])
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, options, answer))
        return answer

    def _set_out(self) -> None:
        self._under_way += 1
        self._quiet.clear()

    def _arrived(self, trip: asyncio.Task[None] | None = None) -> None:
        self._under_way -= 1
        asked = [one for one in self._waiting if not one[2].done()]
        self._waiting.clear()
        if asked:
            self._send(asked)
        elif not self._under_way:
            self._quiet.set()

    def _send(self, asked: Sequence[_Asked]) -> None:
        self._set_out()
        trip = self.background.start("round trip to Redis", self._travel(asked), finish=True)
        trip.add_done_callback(self._arrived)

    async def _travel(self, asked: Sequence[_Asked]) -> None:
        try:
            answers = await self._answers(asked)
        except asyncio.CancelledError:
            for _, _, future in asked:
                future.cancel()
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, each caller has it raised
            answers = [exc] * len(asked)
        for (_, _, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _answers(self, asked: Sequence[_Asked]) -> list[Any]:
        """A refusal is one command's answer; what is raised concerns them all."""
        if len(asked) == 1:
            command, options, _ = asked[0]
            return [await super().execute_command(*command, **options)]  # type: ignore[no-untyped-call]
        pipe = self.pipeline(transaction=False)
        for command, options, _ in asked:
            pipe.execute_command(*command, **options)
        return await pipe.execute(raise_on_error=False)
