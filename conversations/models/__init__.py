"""Tables of conversations, of feedback, of statistics, of API keys, of groups, of usage."""

from __future__ import annotations

from conversations.models.api_keys import APIKey, APIKeySecret
from conversations.models.audit import AppendOnly, AuditEntry, AuditPerson
from conversations.models.daily import (
    DailyCost,
    DailyLink,
    DailyOutcome,
    DailySpeculation,
    FirstTokenCount,
    PersonCost,
)
from conversations.models.feedback import AnswerReview, CuratedAnswer, Feedback, OwedWork, Reuse
from conversations.models.groups import GroupPolicy
from conversations.models.identities import ExternalIdentity
from conversations.models.messages import (
    Conversation,
    GeneratedImage,
    IdempotencyKey,
    Message,
    PromptAttachments,
    StoredResponse,
    first_id_at,
    new_id,
)
from conversations.models.shares import SharedConversation
from conversations.models.stats import (
    DemoShare,
    ModelPerformance,
    ReplayResult,
    ReplayRun,
    ShadowDecision,
    Uncounted,
    VersionPerformance,
    WriteProbeRow,
)
from conversations.models.usage import LedgerEntry, Limit, LimitWarning, UsageDay, UsageSum
from conversations.models.vectors import VectorAudit

__all__ = [
    "APIKey",
    "APIKeySecret",
    "AnswerReview",
    "AppendOnly",
    "AuditEntry",
    "AuditPerson",
    "Conversation",
    "CuratedAnswer",
    "DailyCost",
    "DailyLink",
    "DailyOutcome",
    "DailySpeculation",
    "DemoShare",
    "ExternalIdentity",
    "Feedback",
    "FirstTokenCount",
    "GeneratedImage",
    "GroupPolicy",
    "IdempotencyKey",
    "LedgerEntry",
    "Limit",
    "LimitWarning",
    "Message",
    "ModelPerformance",
    "OwedWork",
    "PersonCost",
    "PromptAttachments",
    "ReplayResult",
    "ReplayRun",
    "Reuse",
    "ShadowDecision",
    "SharedConversation",
    "StoredResponse",
    "Uncounted",
    "UsageDay",
    "UsageSum",
    "VectorAudit",
    "VersionPerformance",
    "WriteProbeRow",
    "first_id_at",
    "new_id",
]
