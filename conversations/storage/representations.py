"""The contract's objects as plain dictionaries, ready for JSON: one place for their shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from conversations.engine.types import CacheFacts, CacheOutcome
from conversations.models import Feedback, GeneratedImage, Message
from routing.domain.actions import ATTACHMENTS, Action
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision, Source, VectorEvidence

_DECISION = "action", "source", "provider", "model", "rule", "reason", "ruleset", "fallback"
"""The fields of a decision that are stored and shown, in the order of the API."""
_MAY_BE_MISSING = "provider", "model", "rule"
"""Those stored as empty texts, and shown as ``null``, where there are none."""
_COUNTED = "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"


def rfc3339(moment: datetime) -> str:
    """UTC with a trailing Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def message_object(
    message: Message,
    *,
    origin: str,
    feedback: Feedback | None = None,
    versions: Sequence[UUID] | None = None,
) -> dict[str, Any]:
    """The message object of the API. ``origin`` is the scheme and host of the site, ``versions`` are those of
    a prompt's turn, where it has several."""
    assistant = message.role == Message.Role.ASSISTANT
    picture = image_of(message) if assistant else None
    decision = decision_of(message)
    return {
        "id": str(message.id),
        "conversation": str(message.conversation_id),
        "parent": _text(message.answers_id or message.parent),
        "role": message.role,
        "content": message.content,
        "status": message.status,
        "versions": None if assistant else [str(each) for each in versions or [message.id]],
        "error": _failure(message.problem) if message.problem else None,
        "decision": decision_object(decision, guard_of(message)) if decision else None,
        "cache": cache_object(cache_of(message)) if message.cache_outcome else None,
        "image": image_object(picture, origin=origin) if picture else None,
        "attachments": [] if assistant else attachment_objects(message, origin=origin),
        "usage": usage_object(message) if message.input_tokens is not None else None,
        "saved_tokens": saved_tokens(cache_of(message)),
        "timings": {"first_token_ms": message.first_token_ms, "total_ms": message.total_ms}
        if assistant
        else None,
        "finish_reason": message.finish_reason or None,
        "trace_id": message.trace_id or None,
        "feedback": feedback_object(feedback) if feedback else None,
        "degraded": message.degraded,
        "attempts": [_stored_attempt(stored) for stored in message.attempts],
        "created_at": rfc3339(message.created_at),
    }


def _text(identity: UUID | None) -> str | None:
    return str(identity) if identity else None


def _failure(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Why an answer failed: what does not name the request."""
    return {name: problem.get(name) for name in ("code", "detail")}


def image_object(picture: GeneratedImage, *, origin: str) -> dict[str, Any]:
    """The ``image`` object; its URL opens for its owner only."""
    return {
        "url": f"{origin}/api/v1/images/{picture.id}/",
        "alt": picture.alt,
        "width": picture.width,
        "height": picture.height,
        "revised_prompt": picture.revised_prompt or None,
    }


def attachment_objects(message: Message, *, origin: str) -> list[dict[str, Any]]:
    """The pictures of a prompt; their URLs open for its owner only. One of which no bytes are kept is left out."""
    stored = getattr(message, "attachments", None)
    return [
        {"url": f"{origin}/api/v1/messages/{message.pk}/attachments/{at}/", **facts}
        for at, facts in enumerate(stored.pictures if stored else ())
        if facts
    ]


def feedback_object(feedback: Feedback) -> dict[str, Any]:
    """A person's verdict on an answer."""
    return {
        "verdict": feedback.verdict,
        "reason": feedback.reason or None,
        "comment": feedback.comment or None,
        "correction": feedback.correction or None,
        "created_at": rfc3339(feedback.created_at),
        "updated_at": rfc3339(feedback.updated_at),
    }


def image_of(message: Message) -> GeneratedImage | None:
    """The picture that an answer has drawn."""
    # Only what was drawn is looked for: elsewhere there is none.
    return getattr(message, "image", None) if ATTACHMENTS.get(message.action) == "image" else None


def decision_of(message: Message) -> Decision | None:
    """The decision stored with an answer; ``None`` when it failed before there was one."""
    if not message.source:
        return None
    fields = {name: getattr(message, name) for name in _DECISION}
    fields |= {name: fields[name] or None for name in _MAY_BE_MISSING}
    fields |= {"action": Action(message.action), "source": Source(message.source)}
    evidence = VectorEvidence(**message.vector) if message.vector else None
    return Decision(**fields, vector=evidence)


def decision_columns(decision: Decision) -> dict[str, Any]:
    """The columns of an answer's row that ``decision_of`` reads."""
    fields = _decision_fields(decision)
    evidence = asdict(decision.vector) if decision.vector else None
    return fields | {name: fields[name] or "" for name in _MAY_BE_MISSING} | {"vector": evidence}


def decision_object(decision: Decision, guard: GuardReport) -> dict[str, Any]:
    """The ``decision`` object, with whether a stand-in answers, the guard's verdict on the prompt, and
    ``vector`` where earlier verdicts decided."""
    evidence = {"vector": asdict(decision.vector)} if decision.vector else {}
    told = {"simulated": decision.simulated, **evidence, "guard": guard_object(guard)}
    return {**_decision_fields(decision), **told}


def _decision_fields(decision: Decision) -> dict[str, Any]:
    fields = {name: getattr(decision, name) for name in _DECISION}
    return fields | {"action": decision.action.value, "source": decision.source.value}


def guard_of(message: Message) -> GuardReport:
    """The guard's report stored with an answer."""
    stored = message.guard or {"verdict": "pass"}
    signals = tuple(stored.get("signals", ()))
    return GuardReport(stored["verdict"], stored.get("score", 0.0), signals)


def cache_of(message: Message) -> CacheFacts:
    """The cache facts stored with an answer."""
    outcome = cast("CacheOutcome", message.cache_outcome or "bypass")
    counts = message.cache_usage
    usage = Usage(**counts) if counts else None
    return CacheFacts(outcome, message.cache_similarity, message.cache_entry, usage)


def guard_object(guard: GuardReport) -> dict[str, Any]:
    """The guard's word on a prompt."""
    return {"verdict": guard.verdict, "score": guard.score, "signals": list(guard.signals)}


def saved_tokens(facts: CacheFacts) -> dict[str, int] | None:
    """The tokens that a stored answer took the first time, where that is known."""
    return {name: getattr(facts.usage, name) for name in _COUNTED} if facts.usage else None


def cache_object(facts: CacheFacts) -> dict[str, Any]:
    """The ``cache`` object."""
    similarity = None if facts.similarity is None else round(facts.similarity, 4)
    return {
        "outcome": facts.outcome,
        "similarity": similarity,
        "entry": str(facts.entry) if facts.entry else None,
    }


def usage_object(usage: Usage | Message) -> dict[str, Any]:
    """Tokens and US dollars, of an answer or of a call."""
    cost = usage.cost_usd
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": None if cost is None else f"{cost:.6f}",
    }


def attempt_object(attempt: Attempt) -> dict[str, Any]:
    """The public facts of one call to a model: no prompt, no words of the provider."""
    return {
        "operation": attempt.operation,
        "model": attempt.model,
        "provider": attempt.provider,
        "outcome": attempt.outcome,
        "error_kind": attempt.error_kind,
        **usage_object(attempt.usage),
        "estimated": attempt.usage.estimated,
        "cached_tokens": attempt.usage.cached_tokens,
        "reasoning_tokens": attempt.usage.reasoning_tokens,
        "first_token_ms": attempt.first_token_ms and round(attempt.first_token_ms),
        "total_ms": round((attempt.ended_ns - attempt.started_ns) / 1e6),
    }


_ATTEMPT = tuple(attempt_object(Attempt("chat", "", "", 0, 0, "ok")))
"""The order of its fields."""


def _stored_attempt(stored: Mapping[str, Any]) -> dict[str, Any]:
    # PostgreSQL keeps no order of keys, and a replay is the same to the byte.
    return {name: stored[name] for name in _ATTEMPT if name in stored}
