"""Facade: trial decisions for synchronous callers (pages, commands, checks, background work).

Each call opens an evaluation container in the loop that it runs in, and closes it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from conversations.domain.booking import Account
from conversations.evaluation.cache_preview import NO_USER, CachePreview, preview
from conversations.evaluation.rule_sets import LoadedRules, draft_rules, live_rules
from routing.domain.decide import Outcome
from routing.domain.guard import GuardReport
from routing.domain.limits import PaidCall
from routing.domain.llm import ChatMessage
from routing.domain.rules import RuleSet
from routing.guard.validation import validate_prompt
from routing.publishing.draft import draft_now

TRIAL = "trial"
"""The purpose of these calls in the ledger."""
MAX_CONCURRENT = 6
"""Prompts decided at the same time: bulk work leaves most of the providers' limits to users."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt to be decided by ``rules``, after ``history``."""

    prompt: str
    rules: RuleSet
    history: tuple[ChatMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """A prompt decided by one rule set; ``outcome`` and ``cache`` are ``None`` without rules."""

    loaded: LoadedRules
    outcome: Outcome | None = None
    cache: CachePreview | None = None


@dataclass(frozen=True, slots=True)
class PromptTrial:
    """A prompt decided by the draft and by the live rules."""

    prompt: str
    draft: RuleTrial
    live: RuleTrial

    @property
    def guard(self) -> GuardReport | None:
        """The guard's report, the same for both rule sets; ``None`` if neither has rules."""
        outcome = self.draft.outcome or self.live.outcome
        return outcome.guard if outcome else None

    @property
    def differs(self) -> bool:
        """Whether both decide, with different results."""
        draft, live = self.draft.outcome, self.live.outcome
        return bool(draft and live) and _route(draft) != _route(live)


def try_prompt(prompt: str, *, user: int = NO_USER) -> PromptTrial:
    """Decide ``prompt`` by both rule sets at once, without an answer, as a request of ``user``. Raises
    ``PromptRejected`` and ``LimitReached``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    draft, live = async_to_sync(_try_rule_sets)(prompt, (draft_rules(), live_rules()), user)
    return PromptTrial(prompt, draft, live)


def try_prompts(prompts: Sequence[str]) -> list[PromptTrial]:
    """Decide each by both rule sets, without looking into the cache. A draft that says what is live costs
    nothing: its decisions are those of the live version."""

    def decided(loaded: LoadedRules) -> list[RuleTrial]:
        if loaded.rules is None:
            return [RuleTrial(loaded)] * len(prompts)
        outcomes = decide_all([Question(prompt, loaded.rules) for prompt in prompts])
        return [RuleTrial(loaded, outcome) for outcome in outcomes]

    live = live_rules()
    by_live = decided(live)
    same = live.rules is not None and not draft_now().differs
    by_draft = by_live if same else decided(draft_rules())
    return [PromptTrial(*row) for row in zip(prompts, by_draft, by_live, strict=True)]


def decide_all(
    questions: Sequence[Question],
    on_outcome: Callable[[int, Outcome], None] = lambda *_: None,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
) -> list[Outcome]:
    """The outcomes in the questions' order. ``on_outcome`` gets each at once, with its index.
    The calls are booked for the installation, and no limit refuses them.

    Background threads pass the server's ``loop``: LiteLLM keeps one background task per process,
    and drops it, pending, when it is called from another loop.
    """
    if not questions:
        return []
    if loop is not None and loop.is_running():
        return asyncio.run_coroutine_threadsafe(_decide_all(questions, on_outcome), loop).result()
    return async_to_sync(_decide_all)(questions, on_outcome)


def serving_loop() -> asyncio.AbstractEventLoop:
    """The loop that serves this thread's request; outside a request, one that has ended already."""
    return async_to_sync(_running_loop)()


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def _try_rule_sets(
    prompt: str, rule_sets: Sequence[LoadedRules], user: int
) -> list[RuleTrial]:
    async with bootstrap.evaluation_container() as container:
        known = [loaded.rules for loaded in rule_sets if loaded.rules]

        def worst() -> list[PaidCall]:
            estimate = container.estimator.classification
            return [call for each in known for call in estimate(prompt, each)]

        account = Account(user or None)
        async with container.side_calls.booked(TRIAL, worst, account=account, here=True) as calls:
            trials = await asyncio.gather(
                *(_try_rules(container, prompt, loaded, user) for loaded in rule_sets)
            )
            for trial in trials:
                calls.extend(trial.outcome.attempts if trial.outcome else ())
            return trials


async def _try_rules(
    container: bootstrap.EvaluationContainer, prompt: str, loaded: LoadedRules, user: int
) -> RuleTrial:
    if loaded.rules is None:
        return RuleTrial(loaded)
    outcome, cache = await asyncio.gather(
        container.decider.decide(prompt, loaded.rules),
        preview(container, prompt, loaded.rules, user),
    )
    return RuleTrial(loaded, outcome, cache)


async def _decide_all(
    questions: Sequence[Question], on_outcome: Callable[[int, Outcome], None]
) -> list[Outcome]:
    slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def decide(
        container: bootstrap.EvaluationContainer, index: int, question: Question
    ) -> Outcome:
        async with slots:
            outcome = await container.decider.decide(
                question.prompt, question.rules, question.history
            )
        calls.extend(outcome.attempts)
        on_outcome(index, outcome)
        return outcome

    async with (
        bootstrap.evaluation_container() as container,
        container.side_calls.booked(TRIAL, force=True, here=True) as calls,
    ):
        work = (decide(container, index, question) for index, question in enumerate(questions))
        return await asyncio.gather(*work)


def _route(outcome: Outcome | None) -> tuple[object, ...]:
    decision = outcome.decision if outcome else None
    return (decision.action, decision.rule, decision.model) if decision else ()
