"""The tables of conversations, by what they are for."""

from __future__ import annotations

from conversations.models.learning import AnswerReview, CuratedAnswer, Feedback, OwedWork, Reuse
from conversations.models.measures import (
    ModelPerformance,
    ReplayResult,
    ReplayRun,
    ShadowDecision,
    Uncounted,
    VersionPerformance,
)
from conversations.models.threads import (
    Conversation,
    GeneratedImage,
    IdempotencyKey,
    Message,
    first_id_at,
    new_id,
)

__all__ = [
    "AnswerReview",
    "Conversation",
    "CuratedAnswer",
    "Feedback",
    "GeneratedImage",
    "IdempotencyKey",
    "Message",
    "ModelPerformance",
    "OwedWork",
    "ReplayResult",
    "ReplayRun",
    "Reuse",
    "ShadowDecision",
    "Uncounted",
    "VersionPerformance",
    "first_id_at",
    "new_id",
]
