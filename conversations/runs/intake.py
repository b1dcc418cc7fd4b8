"""Intake: a valid prompt is stored and its run is started, in the order of its conversation.

Prompts of one conversation queue up: each waits for the answer before it, instead of being refused.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from uuid import UUID
from weakref import WeakValueDictionary

from conversations.db.access import written
from conversations.domain.errors import ConversationBusy, NotFound
from conversations.engine.ports import Rules
from conversations.engine.types import Turn
from conversations.runs.recovery import end_abandoned
from conversations.runs.registry import RunRegistry
from conversations.storage.turns import NewTurn, StartedTurn, answer_begin
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release


class Intake:
    """Stores prompts and starts their runs. A prompt waits for a busy conversation for at most
    ``queue_seconds``, behind those that came to this worker before it; 0 turns the queue off."""

    def __init__(self, runs: RunRegistry, rules: Rules, *, queue_seconds: float) -> None:
        self._runs, self._rules, self._seconds = runs, rules, queue_seconds
        self._queues: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def start(self, new: NewTurn) -> StartedTurn:
        """Begin to answer. Cancelled while it waits in the queue, it has begun nothing.

        Raises ``ConversationBusy`` after ``queue_seconds``, ``NotFound``, ``IdempotencyKeyReused``,
        ``TokenNotValid``, and Django's errors when the database does not answer.
        """
        if new.response:
            return await self._branching(new)
        if new.conversation is None or not self._seconds:
            return await self._detached(new)
        deadline = asyncio.get_running_loop().time() + self._seconds
        queue = self._queues.setdefault(new.conversation, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await queue.acquire()
        except TimeoutError:
            return await self._detached(new)
        try:
            return await self._when_free(new, deadline)
        finally:
            queue.release()

    async def _branching(self, new: NewTurn) -> StartedTurn:
        """Begin in the conversation, or in a new one where another answer is being written in it: the
        chat that the caller sends does not need the other's end."""
        try:
            return await self._detached(new)
        except ConversationBusy:
            return await self._detached(replace(new, conversation=None))

    async def _when_free(self, new: NewTurn, deadline: float) -> StartedTurn:
        while True:
            try:
                return await self._detached(new)
            except ConversationBusy as busy:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                with suppress(TimeoutError, NotFound):
                    async with asyncio.timeout_at(deadline):
                        await self._ended(new.user, busy.running)

    async def _ended(self, user: int, message: UUID) -> None:
        """Wait for the end of an answer, whichever worker writes it."""
        events = self._runs.follow(user=user, message=message, origin="")
        async with aclosing(events):
            async for _ in events:
                pass

    async def _detached(self, new: NewTurn) -> StartedTurn:
        # The rows and the run belong together: a client that leaves between the two must not leave an
        # answer behind that no run writes. So both are done by a task of the process, and only the
        # waiting for it ends with the request.
        return await asyncio.shield(self._runs.detach(self._store_and_start(new)))

    async def _store_and_start(self, new: NewTurn) -> StartedTurn:
        # Redis reads the rules while the database writes the rows.
        reading = asyncio.create_task(self._rules_in_force(new), name="rules in force")
        try:
            started = await self._store(new)
        finally:
            release = await reading
        if not started.replayed:
            self._runs.start(_turn(new, started, release))
        return started

    async def _store(self, new: NewTurn) -> StartedTurn:
        try:
            return await written(answer_begin, new)
        except ConversationBusy as busy:
            # The running answer may belong to a worker that died: then it ends here, and this one begins.
            if not await end_abandoned(self._runs.log, busy.running):
                raise
            return await written(answer_begin, new)

    async def _rules_in_force(self, new: NewTurn) -> Release | None:
        """The rules that the request was checked against, or today's; ``None`` where there are none:
        the run reports that."""
        if new.release:
            return new.release
        with suppress(RulesUnavailable):
            return await self._rules.current()
        return None


def _turn(new: NewTurn, started: StartedTurn, release: Release | None) -> Turn:
    chat = new.response.chat if new.response else new.chat
    return Turn(
        user=new.user,
        conversation=started.conversation,
        message=started.message,
        user_message=started.user_message,
        prompt=new.content,
        first=started.first or chat is not None,
        trace_id=new.trace_id,
        requested_model=new.requested_model or None,
        origin=new.site,
        request_id=new.request_id,
        release=release,
        begun=started.at,
        fresh=bool((new.rewind and new.rewind.keeps_prompt) or (new.branch and new.branch.fresh)),
        chat=chat,
        key=new.key,
        end_user=new.end_user,
        language=new.language,
    )
