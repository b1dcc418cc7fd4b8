"""The rows of a turn: those that it begins with, and what the answer's keeps of how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from conversations.db.statements import Insert, Update
from conversations.domain.errors import NotFound
from conversations.models import Conversation, Message, new_id
from routing.domain.llm import Attempt

if TYPE_CHECKING:
    from conversations.domain.outcome import Outcome
    from conversations.engine.types import Turn


NO_CONVERSATION = "There is no such conversation."
_PLACES = Decimal("1e-8")
"""What the database keeps of a cost."""

_insert_thread = Insert(Conversation, "id", "owner_id", "title", "created_at", "updated_at")
_touch = Update(Conversation, "id", "owner_id")
_entitle = Update(Conversation, "id", "title")
_insert_messages = Insert(
    Message,
    "id",
    "conversation_id",
    "created_at",
    "trace_id",
    "role",
    "status",
    "content",
    "answers_id",
    "requested_model",
)
_end = Update(Message, "id", "status")


def thread_opened(user: int, title: str, now: datetime) -> UUID:
    """Store a new conversation."""
    thread = new_id()
    _insert_thread((thread, user, title, now, now))
    return thread


def thread_continued(thread: UUID, user: int, title: str, now: datetime) -> bool:
    """Something is said in the person's conversation. Returns whether it is the first that is. Raises
    ``NotFound``."""
    if not _touch({"updated_at": now}, thread, user):
        raise NotFound(NO_CONVERSATION)
    # Only where there is none: a person may just have given it another.
    _entitle({"title": title}, thread, "")
    return not Message.objects.filter(conversation_id=thread).exists()


def turn_stored(
    thread: UUID, content: str, now: datetime, trace_id: str, requested_model: str
) -> tuple[UUID, UUID]:
    """Store a prompt and the empty answer to it, in state ``streaming``; returns their ids."""
    prompt, answer, role, status = new_id(), new_id(), Message.Role, Message.Status
    both = thread, now, trace_id
    _insert_messages(
        (prompt, *both, role.USER, status.COMPLETE, content, None, ""),
        (answer, *both, role.ASSISTANT, status.STREAMING, "", prompt, requested_model),
    )
    return prompt, answer


def answer_ended(message: UUID, fields: Mapping[str, Any]) -> bool:
    """Store how an answer ended: ``False`` when it is no longer being written."""
    return bool(_end(fields, message, Message.Status.STREAMING))


def ended_answer(turn: Turn, begun: datetime, outcome: Outcome) -> Message:
    """The answer's row as it is stored, so far as the message object tells of it."""
    return Message(
        id=turn.message,
        conversation_id=turn.conversation,
        role=Message.Role.ASSISTANT,
        trace_id=turn.trace_id,
        created_at=begun,
        **outcome_fields(outcome),
    )


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """Columns and their values. A run that ended undecided leaves the decision's alone."""
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
        "cost_usd": None if usage.cost_usd is None else usage.cost_usd.quantize(_PLACES),
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
