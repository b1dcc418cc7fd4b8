"""Intake: a valid prompt is stored and its run is started, in the order of its conversation.

Prompts of one conversation queue up: each waits for the answer before it, instead of being refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from uuid import UUID
from weakref import WeakValueDictionary

from django.utils import timezone

from conversations.db.access import in_database, written
from conversations.domain.errors import ConversationBusy, LimitReached, NotFound
from conversations.engine.ports import Rules
from conversations.engine.types import Turn
from conversations.runs.admission import Admission, as_admitted
from conversations.runs.recovery import end_abandoned
from conversations.runs.registry import RunRegistry
from conversations.storage.turns import NewTurn, StartedTurn, answer_begin, claimed_answer
from conversations.usage.reservation import Reservation
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release


@dataclass(slots=True)
class HeldReservation:
    """A reservation that was made before its prompt is stored. The task that stores it takes it."""

    reservation: Reservation | None

    def take(self) -> Reservation | None:
        """The reservation, once."""
        taken, self.reservation = self.reservation, None
        return taken


class Intake:
    """Stores prompts and starts their runs. A prompt waits for a busy conversation for at most
    ``queue_seconds``, behind those that came to this worker before it; 0 turns the queue off."""

    def __init__(
        self, runs: RunRegistry, admission: Admission, rules: Rules, *, queue_seconds: float
    ) -> None:
        self._runs, self._rules, self._seconds = runs, rules, queue_seconds
        self._admission = admission
        self._queues: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def reserving(self, new: NewTurn) -> AsyncIterator[HeldReservation]:
        """Reserve for a prompt in front of changes that it makes on its way to ``start``. Given back at
        the end of the block, unless a run has it. Raises ``LimitReached``.

        Nothing is reserved for a request that was answered before: its answer costs nothing.
        """
        held = HeldReservation(None)
        try:
            held.reservation = await self._admission.chat(_asked(new))
        except LimitReached:
            if not await _answered_before(new):
                raise
        try:
            yield held
        finally:
            if left := held.take():
                await self._admission.reservations.release(left)

    async def start(
        self, new: NewTurn, held: HeldReservation | None = None, *, wait: float = 0.0
    ) -> StartedTurn:
        """Begin to answer. Cancelled while it waits in the queue, it has begun nothing. ``held`` is of
        the same prompt. ``wait``: seconds in the queue, where ``queue_seconds`` is less.

        Raises ``ConversationBusy`` after these, ``NotFound``, ``IdempotencyKeyReused``,
        ``TokenNotValid``, ``LimitReached``, and Django's errors when the database does not answer.
        """
        if new.response:
            return await self._branching(new)
        seconds = max(self._seconds, wait)
        if new.conversation is None or not seconds:
            return await self._detached(new, held)
        deadline = asyncio.get_running_loop().time() + seconds
        queue = self._queues.setdefault(new.conversation, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await queue.acquire()
        except TimeoutError:
            return await self._detached(new, held)
        try:
            return await self._when_free(new, deadline, held)
        finally:
            queue.release()

    async def _branching(self, new: NewTurn) -> StartedTurn:
        """Begin in the conversation, or in a new one where another answer is being written in it: the
        chat that the caller sends does not need the other's end."""
        try:
            return await self._detached(new)
        except ConversationBusy:
            return await self._detached(replace(new, conversation=None))

    async def _when_free(
        self, new: NewTurn, deadline: float, held: HeldReservation | None
    ) -> StartedTurn:
        while True:
            try:
                return await self._detached(new, held)
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

    async def _detached(self, new: NewTurn, held: HeldReservation | None = None) -> StartedTurn:
        # The rows and the run belong together: a client that leaves between the two must not leave an
        # answer behind that no run writes. So both are done by a task of the process, and only the
        # waiting for it ends with the request.
        taken = held.take() if held else None
        return await asyncio.shield(self._runs.detach(self._store_and_start(new, taken)))

    async def _store_and_start(self, new: NewTurn, reservation: Reservation | None) -> StartedTurn:
        try:
            reservation = reservation or await self._admission.chat(_asked(new))
        except LimitReached:
            # A request that is sent again gets its answer also where that has spent the last of a limit.
            if earlier := await _answered_before(new):
                return earlier
            raise
        try:
            return await self._store_and_run(new, reservation)
        except BaseException:
            if reservation:
                await self._admission.reservations.release(reservation)
            raise

    async def _store_and_run(self, new: NewTurn, reservation: Reservation | None) -> StartedTurn:
        started, release = await self._stored_with_rules(new)
        if not started.replayed:
            turn = as_admitted(_turn(new, started, release), reservation)
            self._runs.start(turn, reservation)
        elif reservation:
            await self._admission.reservations.release(reservation)
        return started

    async def _stored_with_rules(self, new: NewTurn) -> tuple[StartedTurn, Release | None]:
        """The rows, and the rules that the request was checked against, or today's; ``None`` where there
        are none: the run reports that."""
        if new.release:
            return await self._store(new), new.release
        # Redis reads the rules while the database writes the rows.
        reading = asyncio.create_task(self._rules_in_force(new.user), name="rules in force")
        try:
            started = await self._store(new)
        finally:
            release = await reading
        return started, release

    async def _store(self, new: NewTurn) -> StartedTurn:
        try:
            return await written(answer_begin, new)
        except ConversationBusy as busy:
            # The running answer may belong to a worker that died: then it ends here, and this one begins.
            if not await end_abandoned(self._runs.log, busy.running):
                raise
            return await written(answer_begin, new)

    async def _rules_in_force(self, user: int) -> Release | None:
        with suppress(RulesUnavailable):
            return await self._rules.for_person(user)
        return None


async def _answered_before(new: NewTurn) -> StartedTurn | None:
    return await in_database(claimed_answer, new.user, new.claim) if new.claim else None


def _asked(new: NewTurn) -> Turn:
    """The turn before it is stored, as far as its worst case depends on it."""
    first = new.conversation is None or new.response is not None
    unstored = StartedTurn(new.answer, new.answer, new.answer, timezone.now(), first)
    return _turn(new, unstored, new.release)


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
        session=new.session,
        notes=new.notes,
        language=new.language,
    )
