"""Regression tests of rules: golden cases, checked before publication and made of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from conversations.models import Message
from routing.domain.rules import RuleSet, plain_name
from routing.evaluation.expectations import Expected, failure
from routing.models import GoldenCase
from routing.publishing.services import Person


def golden_check(candidate: RuleSet, until: datetime | None) -> Iterable[str]:
    """Publication check: a sentence for each enabled case that fails, of those made up to ``until``."""
    cases = list(cases_until(until))
    return [
        f"Golden case {case.pk}{_words_of(case)}: {failed}."
        for case, failed in zip(cases, golden_run(cases, candidate), strict=True)
        if failed
    ]


def _words_of(case: GoldenCase) -> str:
    """Its words; none of a case that was made of a message: a refusal notes no readers, and its text outlives the person."""
    return "" if case.person_id or case.origin else f", “{case}”"


def cases_until(until: datetime | None) -> QuerySet[GoldenCase]:
    """The enabled cases, without those that were made later; with ``None`` all of them."""
    enabled = GoldenCase.objects.filter(enabled=True)
    return enabled.filter(created_at__lte=until) if until else enabled


def golden_run(cases: Sequence[GoldenCase], candidate: RuleSet) -> list[str]:
    """Decide each case by ``candidate`` and store the failure texts, empty where a case passes."""
    if not cases:
        return []
    # Lazy: ``apps.ready`` imports this module, and the container takes long to import.
    from conversations.evaluation.rule_sets import with_simulated  # noqa: PLC0415
    from conversations.evaluation.try_prompt import Question, decide_all  # noqa: PLC0415

    rules = with_simulated(candidate)
    outcomes = decide_all([Question(case.prompt, rules) for case in cases])
    failures = [
        failure(expected_of(case), outcome) for case, outcome in zip(cases, outcomes, strict=True)
    ]
    for case, failed in zip(cases, failures, strict=True):
        # Stored even where the check refuses: the page shows what fails.
        case.failure, case.checked_at = failed, timezone.now()
    GoldenCase.objects.bulk_update(cases, ["failure", "checked_at"])
    return failures


def expected_of(case: GoldenCase) -> Expected:
    """Convert a case; a blank field accepts everything."""
    return Expected(
        actions=(case.action,) if case.action else (),
        models=(case.model,) if case.model else (),
        rules=(case.rule,) if case.rule else (),
    )


def golden_from(message: UUID, *, by: Person = None) -> GoldenCase | None:
    """Get or create the case of a prompt or its answer, expecting the recorded decision.

    ``None`` for a message without a decision.
    """
    found = Message.objects.select_related("answers", "conversation").filter(pk=message).first()
    if found and found.role == Message.Role.USER:
        found = (
            Message.objects.select_related("answers", "conversation").filter(answers=found).first()
        )
    if found is None or found.answers is None or not found.action:
        return None
    case, _ = GoldenCase.objects.get_or_create(
        origin=found.answers_id,
        defaults={
            "prompt": found.answers.content,
            "person_id": found.conversation.owner_id,
            "action": found.action,
            "rule": found.rule,
            "model": "" if found.fallback else plain_name(found.model),
            "created_by_id": by.pk if by else None,
        },
    )
    return case
