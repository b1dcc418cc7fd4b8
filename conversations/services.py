"""Writes. Keyword-only; each is one transaction that leaves nothing half done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations import performance
from conversations.engine.types import CacheFacts, Degraded
from conversations.errors import ConversationBusy, IdempotencyKeyReused, NotFound, TokenNotValid
from conversations.models import Conversation, Feedback, IdempotencyKey, Message
from conversations.problems import Problem
from routing.domain import Decision
from routing.guard.types import GuardReport
from routing.llm.types import Attempt, Usage

TITLE_LENGTH = 80
IDEMPOTENCY_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A caller's ``Idempotency-Key`` and the SHA-256 (hex) of what it was sent with."""

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that may be written now, or, ``replayed``, one that was begun before."""

    conversation: UUID
    message: UUID
    user_message: UUID
    first: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: all that is stored of it. Times in milliseconds."""

    status: str
    content: str
    decision: Decision | None
    cache: CacheFacts
    guard: GuardReport | None
    usage: Usage
    finish_reason: str
    first_token_ms: int | None
    total_ms: int
    attempts: Sequence[Attempt]
    degraded: Sequence[Degraded]
    script: Sequence[Any]
    problem: Problem | None = None


def conversation_create(*, user: int, title: str = "") -> Conversation:
    """Open a conversation."""
    return Conversation.objects.create(owner_id=user, title=title)


def conversation_rename(*, conversation: Conversation, title: str) -> Conversation:
    """Give it another title."""
    conversation.title = title
    conversation.save(update_fields=["title", "updated_at"])
    return conversation


@transaction.atomic
def conversation_delete(*, conversation: Conversation) -> list[UUID]:
    """Delete it with its messages and pictures; returns the answers' ids, which are the ids of
    the cache entries made from them."""
    answers = list(
        conversation.messages.filter(role=Message.Role.ASSISTANT).values_list("id", flat=True)
    )
    for message in conversation.messages.filter(image__isnull=False).select_related("image"):
        file = message.image.file
        transaction.on_commit(lambda file=file: file.storage.delete(file.name))  # type: ignore[misc]
    conversation.delete()
    return answers


def answer_begin(
    *,
    user: int,
    conversation: UUID | None,
    content: str,
    trace_id: str,
    requested_model: str = "",
    claim: IdempotencyClaim | None = None,
) -> Begun:
    """Store the prompt and an empty answer in state ``streaming``; open a conversation when none is
    named.

    Raises ``NotFound``, ``ConversationBusy``, ``IdempotencyKeyReused``, and ``TokenNotValid`` when
    the person was deleted since the token was made.
    """
    if claim and (earlier := _claimed(user=user, claim=claim)):
        return earlier
    try:
        with transaction.atomic():
            return _begin(user, conversation, content, trace_id, requested_model, claim)
    except IntegrityError as exc:
        # One of three races was lost: for the key, for the conversation, or with a deletion.
        if claim and (earlier := _claimed(user=user, claim=claim)):
            return earlier
        if conversation and (running := running_answer(conversation=conversation)):
            raise ConversationBusy(running) from exc
        raise TokenNotValid("The token's user is gone.") from exc


def _begin(  # noqa: PLR0917 - the body of answer_begin, which names them
    user: int,
    conversation: UUID | None,
    content: str,
    trace_id: str,
    requested_model: str,
    claim: IdempotencyClaim | None,
) -> Begun:
    thread, first = _thread(user, conversation, content)
    prompt = Message.objects.create(
        conversation=thread, role=Message.Role.USER, content=content, trace_id=trace_id
    )
    answer = Message.objects.create(
        conversation=thread,
        role=Message.Role.ASSISTANT,
        status=Message.Status.STREAMING,
        answers=prompt,
        trace_id=trace_id,
        requested_model=requested_model,
    )
    if claim:
        IdempotencyKey.objects.create(
            user_id=user, key=claim.key, body_sha256=claim.body_sha256, message=answer
        )
    return Begun(thread.id, answer.id, prompt.id, first)


def _thread(user: int, conversation: UUID | None, content: str) -> tuple[Conversation, bool]:
    title = " ".join(content.split())[:TITLE_LENGTH]
    if conversation is None:
        return conversation_create(user=user, title=title), True
    thread = Conversation.objects.filter(pk=conversation, owner_id=user).first()
    if thread is None:
        raise NotFound("There is no such conversation.")
    first = not thread.messages.exists()
    if not thread.title:
        thread.title = title
    thread.save(update_fields=["title", "updated_at"])
    return thread, first


def _claimed(*, user: int, claim: IdempotencyClaim) -> Begun | None:
    """The answer that this key stands for, if it was used in the last 24 h."""
    expired = timezone.now() - IDEMPOTENCY_LIFE
    IdempotencyKey.objects.filter(user_id=user, key=claim.key, created_at__lt=expired).delete()
    held = (
        IdempotencyKey.objects.filter(user_id=user, key=claim.key).select_related("message").first()
    )
    if held is None:
        return None
    if held.body_sha256 != claim.body_sha256:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another body before.")
    answer = held.message
    assert answer.answers_id is not None  # noqa: S101 - claims are made on answers only
    return Begun(answer.conversation_id, answer.id, answer.answers_id, first=False, replayed=True)


def running_answer(*, conversation: UUID) -> UUID | None:
    """The id of the answer being written in a conversation."""
    return (
        Message.objects.filter(conversation_id=conversation, status=Message.Status.STREAMING)
        .values_list("id", flat=True)
        .first()
    )


@transaction.atomic
def answer_finish(*, message: UUID, outcome: Outcome, older_than: timedelta = timedelta(0)) -> bool:
    """Store how the run ended, once: ``False`` when the message is no longer ``streaming`` (ended by
    somebody else, or deleted), or is younger than ``older_than``."""
    begun = timezone.now() - older_than
    running = Message.objects.filter(
        pk=message, status=Message.Status.STREAMING, created_at__lte=begun
    )
    changed = running.update(**_outcome_fields(outcome))
    if changed:
        performance.answer_counted(outcome=outcome)
    return bool(changed)


def _outcome_fields(outcome: Outcome) -> dict[str, Any]:
    decision, cache, usage = outcome.decision, outcome.cache, outcome.usage
    decided = (
        {
            "action": decision.action.value,
            "source": decision.source.value,
            "provider": decision.provider or "",
            "model": decision.model or "",
            "rule": decision.rule or "",
            "reason": decision.reason,
            "ruleset": decision.ruleset,
            "fallback": decision.fallback,
        }
        if decision
        else {}
    )
    return {
        **decided,
        "status": outcome.status,
        "content": outcome.content,
        "guard": asdict(outcome.guard) if outcome.guard else None,
        "cache_outcome": cache.outcome,
        "cache_similarity": cache.similarity,
        "cache_entry": cache.entry,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "first_token_ms": outcome.first_token_ms,
        "total_ms": outcome.total_ms,
        "finish_reason": outcome.finish_reason,
        "attempts": [attempt_object(attempt) for attempt in outcome.attempts],
        "degraded": [{"part": part.part} for part in outcome.degraded],
        "script": list(outcome.script),
        "problem": outcome.problem,
        "finished_at": timezone.now(),
    }


def attempt_object(attempt: Attempt) -> dict[str, Any]:
    """What a message tells of one call to a model; no prompt, no provider's words."""
    cost = attempt.usage.cost_usd
    return {
        "operation": attempt.operation,
        "model": attempt.model,
        "provider": attempt.provider,
        "outcome": attempt.outcome,
        "input_tokens": attempt.usage.input_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": None if cost is None else f"{cost:.6f}",
        "estimated": attempt.usage.estimated,
        "first_token_ms": attempt.first_token_ms and round(attempt.first_token_ms),
        "total_ms": round((attempt.ended_ns - attempt.started_ns) / 1e6),
    }


@transaction.atomic
def feedback_record(
    *,
    user: int,
    message: Message,
    verdict: str,
    reason: str = "",
    comment: str = "",
    correction: str = "",
) -> tuple[Feedback, bool]:
    """Keep a person's verdict on an answer. Returns it, and whether it is new."""
    # The lock orders two verdicts that come at once, so that each sees the one before it.
    Message.objects.select_for_update().get(pk=message.pk)
    before = Feedback.objects.filter(user_id=user, message=message).first()
    feedback, created = Feedback.objects.update_or_create(
        user_id=user,
        message=message,
        defaults={
            "verdict": verdict,
            "reason": reason,
            "comment": comment,
            "correction": correction,
        },
    )
    earlier = before.verdict if before else None
    performance.feedback_counted(message=message, before=earlier, after=verdict)
    return feedback, created


@transaction.atomic
def feedback_delete(*, user: int, message: Message) -> None:
    """Take a verdict back. Raises ``NotFound``."""
    Message.objects.select_for_update().get(pk=message.pk)
    feedback = Feedback.objects.filter(user_id=user, message=message).first()
    if feedback is None:
        raise NotFound("There is no feedback to take back.")
    feedback.delete()
    performance.feedback_counted(message=message, before=feedback.verdict, after=None)
