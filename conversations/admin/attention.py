"""Attention: work that waits for a person, as the first lines of the start page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from conversations.admin.providers import provider_faults
from conversations.models import AnswerReview, APIKey, LimitWarning, ReplayRun, Uncounted
from conversations.stats.money import advice, bills_of_purposes
from conversations.stats.period import Period
from conversations.usage.limit_cache import terms_of
from routing.admin.publishing import MAY_PUBLISH
from routing.common.redis.clients import sync_client
from routing.domain.errors import CircuitsUnavailable
from routing.domain.limits import LimitWindow
from routing.llm.failover.circuit_states import CircuitAdmin
from routing.models import GoldenCase, LLMModel
from routing.publishing.draft import draft_now, unset_variables

SOON = timedelta(days=7)
BUDGETS = [LimitWindow.DAY, LimitWindow.MONTH, LimitWindow.TOTAL]
MOST_WARNINGS = 1_000


@dataclass(frozen=True, slots=True)
class Need:
    """One line: a sentence, and the page that settles it."""

    text: str
    url: str


def needs(request: HttpRequest, period: Period) -> list[Need]:
    """Everything that waits, so far as the reader may see it."""
    sources = {
        "routing.view_rule": _unpublished(publishes=request.user.has_perm(MAY_PUBLISH)),
        "routing.view_llmmodel": chain(_faulty_providers(), _failing_models()),
        "routing.view_goldencase": _failed_cases(),
        "conversations.view_answerreview": _open_reviews(),
        "conversations.view_replayrun": _ended_replays(),
        "conversations.view_apikey": _ending_keys(),
        "conversations.view_limitwarning": _spent_limits(),
        "conversations.view_uncounted": _uncounted(),
        "conversations.view_modelperformance": _dear_decisions(period),
    }
    allowed = (lines for name, lines in sources.items() if request.user.has_perm(name))
    return [need for lines in allowed for need in lines]


def _unpublished(*, publishes: bool) -> Iterable[Need]:
    """``publishes``: the reader may open the page of the publication."""
    draft, rules = draft_now(), reverse("admin:routing_rule_changelist")
    if draft.faults:
        yield Need("The draft cannot be published.", rules)
    elif draft.differs:
        url = reverse("admin:routing_publish") if publishes else rules
        yield Need(f"{_count(len(draft.changes), 'change')} not published.", url)


def _faulty_providers() -> Iterable[Need]:
    """Faults of providers, and models without their key."""
    url = reverse("admin:routing_llmmodel_changelist")
    enabled = LLMModel.objects.filter(enabled=True)
    for text in (*provider_faults(), *unset_variables(enabled)):
        yield Need(text, url)


def _failing_models() -> Iterable[Need]:
    url = reverse("admin:routing_llmmodel_changelist")
    try:
        with sync_client(settings.REDIS_URL) as client:
            states = CircuitAdmin(client, prefix=settings.REDIS_PREFIX).states()
    except CircuitsUnavailable:
        yield Need("Redis does not answer: nothing is reused, and workers do not share circuits.", url)  # fmt: skip
        return
    for state in states:
        if state.state != "closed":
            error = state.error.replace("_", " ") or "unknown"
            yield Need(f"Model {state.model} fails ({error}) and is not asked just now.", url)


def _failed_cases() -> Iterable[Need]:
    failed = GoldenCase.objects.filter(enabled=True).exclude(failure="").count()
    if failed:
        text = f"{_count(failed, 'golden case')} failed when last run."
        yield Need(text, reverse("admin:routing_goldencase_changelist"))


def _open_reviews() -> Iterable[Need]:
    waiting = AnswerReview.objects.filter(review=AnswerReview.Review.OPEN).count()
    if waiting:
        url = reverse("admin:conversations_answerreview_changelist")
        yield Need(f"{_count(waiting, 'answer')} to review.", f"{url}?review__exact=open")


def _ended_replays() -> Iterable[Need]:
    for run in ReplayRun.objects.filter(status=ReplayRun.Status.FAILED)[:3]:
        url = reverse("admin:conversations_replayrun_change", args=[run.pk])
        yield Need(f"{run} failed.", url)


def _ending_keys() -> Iterable[Need]:
    now = timezone.now()
    ending = APIKey.objects.filter(
        revoked_at=None, expires_at__gt=now, expires_at__lt=now + SOON
    ).count()
    if ending:
        text = f"{_count(ending, 'API key')} will expire within a week."
        yield Need(text, reverse("admin:conversations_apikey_changelist"))


def _spent_limits() -> Iterable[Need]:
    url = reverse("admin:conversations_limitwarning_changelist")
    now = timezone.now()
    standing = LimitWarning.objects.filter(Q(until=None) | Q(until__gt=now))
    budgets = standing.filter(limit__enabled=True, limit__window__in=BUDGETS).select_related(
        "limit"
    )
    # A limit that was raised since has its own warnings.
    held = (row for row in budgets[:MOST_WARNINGS] if terms_of(row.limit).amount == row.amount)
    levels: dict[tuple[int, str], int] = {}
    for row in held:
        whose = row.limit_id, row.subject
        levels[whose] = max(row.level, levels.get(whose, 0))
    for level, words in ((100, "spent"), (80, "nearly spent (80 %)")):
        if count := list(levels.values()).count(level):
            verb = "is" if count == 1 else "are"
            yield Need(f"{_count(count, 'limit')} {verb} {words}.", f"{url}?level__exact={level}")
    if lost := standing.filter(due_at=None, delivered_at=None).exclude(failure="").count():
        yield Need(f"{_count(lost, 'warning')} of limits could not be delivered.", url)


def _uncounted() -> Iterable[Need]:
    if count := Uncounted.objects.exclude(failure="").count():
        text = f"{_count(count, 'answer')} could not be added to the statistics."
        yield Need(text, reverse("admin:conversations_uncounted_changelist"))


def _dear_decisions(period: Period) -> Iterable[Need]:
    if text := advice(bills_of_purposes(period)):
        yield Need(text, reverse("admin:conversations_charts"))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
