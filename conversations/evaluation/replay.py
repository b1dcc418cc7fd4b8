"""Backtest: the draft's decisions about recorded prompts, compared with the live rules'.

A run is stored in the database. A thread of the process that started it does the work, one run at a
time. Pages read its progress; a run that lost its process waits for ``replay_go_on``.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Self

from django.db import close_old_connections
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from conversations.bootstrap import container
from conversations.bootstrap.parts import llm_client
from conversations.evaluation.replay_results import Pricer, compared_fields, fill
from conversations.evaluation.rule_sets import with_simulated
from conversations.evaluation.try_prompt import MAX_CONCURRENT, Question, decide_all, serving_loop
from conversations.models import Message, ReplayResult, ReplayRun
from routing.domain.llm import ChatMessage, Usage, estimated_tokens
from routing.domain.rules import RuleSet, Source
from routing.publishing.codec import ruleset_dump, ruleset_load
from routing.publishing.services import Person
from routing.publishing.validation import prompt_tokens

BATCH = 2 * MAX_CONCURRENT
STALE = timedelta(seconds=60)
"""Lease: a running run without a beat for this long has lost its process."""
HISTORY = 4
VERDICT_TOKENS = 90
"""Output tokens of one classification, roughly."""
TOKEN_MARGIN = 1.25
"""Safety factor on estimated tokens, so that a run stays under its cap."""
_ROUTED = (
    Source.CLASSIFIER,
    Source.CLASSIFIER_FALLBACK,
    Source.VECTOR,
    Source.DEFAULT,
    Source.CACHE,
)

logger = logging.getLogger(__name__)
_one_run = threading.Lock()


def recent_answers(pool: int) -> QuerySet[Message]:
    """Answers to the last routed prompts, newest first; without those for a requested model."""
    routed = Message.objects.filter(
        role=Message.Role.ASSISTANT,
        answers__isnull=False,
        source__in=[source.value for source in _ROUTED],
    )
    return routed.order_by("-id")[:pool]


def sampled(pool: int, size: int, dice: random.Random | None = None) -> list[Message]:
    """``size`` of the last ``pool`` routed prompts, drawn at random, as their answers."""
    dice = dice or random.SystemRandom()
    answers = list(recent_answers(pool).select_related("answers"))
    return dice.sample(answers, min(size, len(answers)))


@dataclass(frozen=True, slots=True)
class _RulePair:
    """Both rule sets, and what one classification by each costs without the prompt."""

    draft: RuleSet
    live: RuleSet
    priced: Pricer
    tokens: Mapping[int, int]

    @classmethod
    def of(cls, draft: RuleSet, live: RuleSet) -> Self:
        tokens = {id(rules): prompt_tokens(rules) for rules in (draft, live)}
        return cls(draft, live, llm_client().priced, tokens)

    def estimate(self, answers: Iterable[Message]) -> Decimal | None:
        """US dollars for all these prompts; ``None`` if a classifier has no price."""
        return sum(self._usages(answers), Usage(cost_usd=Decimal(0))).cost_usd

    def ahead(self, answers: Iterable[Message]) -> Decimal:
        """US dollars for all these prompts at most: what a cap counts."""
        return sum(map(self.at_most, self._usages(answers)), Decimal(0))

    def _usages(self, answers: Iterable[Message]) -> list[Usage]:
        return [self._one(answer, rules) for answer in answers for rules in self._rule_sets(answer)]

    def _rule_sets(self, answer: Message) -> list[RuleSet]:
        again = _needs_live(answer, self.live)
        return [self.draft, self.live] if again else [self.draft]

    def _one(self, answer: Message, rules: RuleSet) -> Usage:
        model = next(iter(rules.classifying), None)
        words = answer.answers.content if answer.answers else ""
        tokens = math.ceil(TOKEN_MARGIN * (self.tokens[id(rules)] + estimated_tokens(words)))
        usage = Usage(tokens, VERDICT_TOKENS)
        return self.priced(model, usage) if model else usage.at(None)

    def at_most(self, usage: Usage) -> Decimal:
        """The cost in US dollars; where it is not known, as if the dearest model of a known price had
        been asked. 0 where no price is known at all."""
        if usage.cost_usd is not None:
            return usage.cost_usd
        models = [*self.draft.models, *self.live.models]
        costs = (self.priced(model, usage).cost_usd for model in models)
        return max((cost for cost in costs if cost is not None), default=Decimal(0))


def estimate(answers: Sequence[Message], draft: RuleSet, live: RuleSet) -> Decimal | None:
    """Rough cost of the classifications in US dollars; ``None`` if a classifier has no price."""
    return _RulePair.of(with_simulated(draft), with_simulated(live)).estimate(answers)


def replay_start(
    *, pool: int, size: int, cap_usd: Decimal, draft: RuleSet, live: RuleSet, by: Person = None
) -> ReplayRun:
    """Draw the prompts, store the run and start its thread."""
    run = replay_prepare(pool=pool, size=size, cap_usd=cap_usd, draft=draft, live=live, by=by)
    replay_in_background(run)
    return run


def replay_prepare(
    *, pool: int, size: int, cap_usd: Decimal, draft: RuleSet, live: RuleSet, by: Person = None
) -> ReplayRun:
    """Draw the prompts and store the run, for ``replay_work``."""
    answers = sampled(pool, size)
    run = ReplayRun.objects.create(
        pool=pool,
        size=len(answers),
        cap_usd=cap_usd,
        estimate_usd=estimate(answers, draft, live),
        draft=ruleset_dump(draft),
        live=ruleset_dump(live),
        created_by_id=by.pk if by else None,
    )
    # All rows before the start: progress and cap are counted of them, also after a restart.
    ReplayResult.objects.bulk_create(ReplayResult(run=run, answer=answer) for answer in answers)
    return run


def replay_go_on(run: ReplayRun) -> bool:
    """Restart a run that stands still. Returns ``False`` for one at work."""
    still = ~Q(status=ReplayRun.Status.RUNNING) | Q(beat_at__lt=timezone.now() - STALE)
    # One conditional update: of two requests at once, one alone starts a thread.
    claimed = ReplayRun.objects.filter(still, pk=run.pk).update(
        status=ReplayRun.Status.RUNNING, beat_at=timezone.now(), error=""
    )
    if claimed:
        replay_in_background(run)
    return bool(claimed)


def replay_stop(run: ReplayRun) -> None:
    """Have a run end after the prompts under way."""
    running = ReplayRun.objects.filter(pk=run.pk, status=ReplayRun.Status.RUNNING)
    running.update(status=ReplayRun.Status.STOPPED)


def replay_in_background(run: ReplayRun) -> None:
    """A daemon: the end of the process does not wait for it."""
    closing = threading.Event()
    work = partial(_work, run.pk, serving_loop(), closing)
    container().background.thread("replay", work, stop=closing.set)


def _work(pk: int, loop: AbstractEventLoop, closing: threading.Event) -> None:
    try:
        # One run at a time: two would share the providers' limits with each other and with users.
        with _one_run:
            replay_work(ReplayRun.objects.get(pk=pk), loop, closing)
    except Exception as exc:  # the thread has no caller: the page shows the error
        logger.exception("replay failed")
        ReplayRun.objects.filter(pk=pk).update(
            status=ReplayRun.Status.FAILED, error=f"{type(exc).__name__}: {exc}"[:500]
        )
    finally:
        close_old_connections()


def replay_work(
    run: ReplayRun, loop: AbstractEventLoop | None = None, closing: threading.Event | None = None
) -> None:
    """Decide the open rows of a run in small batches, until done, stopped, capped or ``closing``.

    ``loop`` as for ``decide_all``.
    """
    draft, live = (with_simulated(ruleset_load(body)) for body in (run.draft, run.live))
    pair = _RulePair.of(draft, live)
    while batch := list(_left(run)[:BATCH]):
        run.refresh_from_db()
        if run.status != ReplayRun.Status.RUNNING or (closing and closing.is_set()):
            return
        # Before the batch, not after: a cap that is checked afterwards has been passed.
        ahead = pair.ahead(row.answer for row in batch)
        if run.cost_usd + ahead > run.cap_usd:
            _ended(run, ReplayRun.Status.CAPPED)
            return
        spent = _decide(batch, pair, loop)
        ReplayRun.objects.filter(pk=run.pk).update(
            cost_usd=F("cost_usd") + spent, beat_at=timezone.now()
        )
    _ended(run, ReplayRun.Status.DONE)


def _left(run: ReplayRun) -> QuerySet[ReplayResult]:
    return run.results.filter(new__isnull=True).select_related("answer__answers")


def _ended(run: ReplayRun, status: ReplayRun.Status) -> None:
    running = ReplayRun.objects.filter(pk=run.pk, status=ReplayRun.Status.RUNNING)
    running.update(status=status, beat_at=timezone.now())


def _decide(
    batch: Sequence[ReplayResult], pair: _RulePair, loop: AbstractEventLoop | None
) -> Decimal:
    """Fill in a batch's rows. Returns the classifiers' cost in US dollars."""
    draft, live = pair.draft, pair.live
    again = [row for row in batch if _needs_live(row.answer, live)]
    rows = [(row, draft) for row in batch] + [(row, live) for row in again]
    # The draft's outcomes come first, in the order of the batch; those of the live rules follow.
    outcomes = decide_all([_question(row.answer, rules) for row, rules in rows], loop=loop)
    live_again = dict(zip((row.pk for row in again), outcomes[len(batch) :], strict=True))
    for row, outcome in zip(batch, outcomes, strict=False):
        before = live_again.get(row.pk)
        old = compared_fields(before.decision) if before else _recorded(row.answer)
        fill(row, old, outcome.decision, (live, draft), pair.priced)
    ReplayResult.objects.bulk_update(batch, ["old", "new", "changed", "old_usd", "new_usd"])
    return sum((pair.at_most(outcome.usage) for outcome in outcomes), Decimal(0))


def _needs_live(answer: Message, live: RuleSet) -> bool:
    # Whether the live rules must decide again: their own recorded decision is reused.
    decided = answer.source in {Source.CLASSIFIER, Source.CLASSIFIER_FALLBACK}
    return not (decided and answer.ruleset == live.version and not answer.fallback)


def _recorded(answer: Message) -> dict[str, str]:
    return {"action": answer.action, "rule": answer.rule, "model": answer.model}


def _question(answer: Message, rules: RuleSet) -> Question:
    prompt = answer.answers
    before = Message.objects.filter(
        conversation_id=answer.conversation_id, id__lt=answer.answers_id, hidden=False
    ).exclude(content="")
    history = tuple(
        ChatMessage("user" if each.role == Message.Role.USER else "assistant", each.content)
        for each in reversed(before.order_by("-id")[:HISTORY])
    )
    return Question(prompt.content if prompt else "", rules, history)
