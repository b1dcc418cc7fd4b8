"""The desk's questions, for callers that are not async: pages, commands, checks, background work.

Every way of trying the rules comes through here to ``routing.domain.rules.decide``. Each call composes a desk in
the loop it runs in and closes it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from conversations.evaluation.cache_preview import NOBODY, CacheWord, peek
from conversations.evaluation.rule_sets import Side, draft_side, live_side
from routing.domain.decide import Outcome
from routing.domain.guard import GuardReport
from routing.domain.llm import ChatMessage
from routing.domain.rules import RuleSet
from routing.guard.validation import validate_prompt

AT_ONCE = 6
"""Prompts that are decided at the same time, so that bulk work leaves the providers' limits to people."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt to be decided by ``rules``, after ``history``."""

    prompt: str
    rules: RuleSet
    history: tuple[ChatMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What one side says to a prompt; ``outcome`` and ``cache`` are ``None`` where it has no rules."""

    side: Side
    outcome: Outcome | None = None
    cache: CacheWord | None = None


@dataclass(frozen=True, slots=True)
class PromptTrial:
    """A prompt before the draft and the live rules. ``guard`` is the same for both; ``None`` where
    neither side has rules."""

    prompt: str
    draft: Tried
    live: Tried

    @property
    def guard(self) -> GuardReport | None:
        """What the guard says to the prompt."""
        outcome = self.draft.outcome or self.live.outcome
        return outcome.guard if outcome else None

    @property
    def differs(self) -> bool:
        """Whether both decide, and not the same."""
        draft, live = self.draft.outcome, self.live.outcome
        return bool(draft and live) and _deed(draft) != _deed(live)


def try_prompt(prompt: str, *, user: int = NOBODY) -> PromptTrial:
    """Decide ``prompt`` by both rule sets, beside each other; no answer is made. Raises
    ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    draft, live = async_to_sync(_try_sides)(prompt, (draft_side(), live_side()), user)
    return PromptTrial(prompt, draft, live)


def decide_all(
    questions: Sequence[Question],
    told: Callable[[int, Outcome], None] = lambda *_: None,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
) -> list[Outcome]:
    """The outcomes in the questions' order. ``told`` hears of each with its place as it is there.

    A thread of its own gives the server's ``loop``: LiteLLM keeps one background task a process, and
    drops it, pending, whenever it is called from another loop than before.
    """
    if not questions:
        return []
    if loop is not None and loop.is_running():
        return asyncio.run_coroutine_threadsafe(_decide_all(questions, told), loop).result()
    return async_to_sync(_decide_all)(questions, told)


def serving_loop() -> asyncio.AbstractEventLoop:
    """The loop that serves the request of this thread; one that has ended already, without one."""
    return async_to_sync(_running_loop)()


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def _try_sides(prompt: str, sides: Sequence[Side], user: int) -> list[Tried]:
    async with bootstrap.evaluation_container() as desk:
        return await asyncio.gather(*(_try_side(desk, prompt, side, user) for side in sides))


async def _try_side(
    desk: bootstrap.EvaluationContainer, prompt: str, side: Side, user: int
) -> Tried:
    if side.rules is None:
        return Tried(side)
    outcome, word = await asyncio.gather(
        desk.decider.decide(prompt, side.rules), peek(desk, prompt, side.rules, user)
    )
    return Tried(side, outcome, word)


async def _decide_all(
    questions: Sequence[Question], told: Callable[[int, Outcome], None]
) -> list[Outcome]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(desk: bootstrap.EvaluationContainer, place: int, asked: Question) -> Outcome:
        async with room:
            outcome = await desk.decider.decide(asked.prompt, asked.rules, asked.history)
        told(place, outcome)
        return outcome

    async with bootstrap.evaluation_container() as desk:
        work = (one(desk, place, asked) for place, asked in enumerate(questions))
        return await asyncio.gather(*work)


def _deed(outcome: Outcome | None) -> tuple[object, ...]:
    decision = outcome.decision if outcome else None
    return (decision.action, decision.rule, decision.model) if decision else ()
