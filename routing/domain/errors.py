"""The one tree of errors this project raises on purpose.

AssistantError                          code, retryable
├─ PromptRejected                       the prompt itself: empty, malformed, too long
├─ ProviderError                        one attempt at one model failed
│  ├─ ProviderTimeout                   phase: connect | first_token | stall | total
│  ├─ ProviderRateLimited               429, with retry_after where the provider said it
│  ├─ ProviderOverloaded                503, 529
│  ├─ ProviderUnavailable               no connection, 5xx
│  ├─ ProviderStreamBroken              cut, malformed, or ended without a finish
│  ├─ ProviderRefused                   the provider's own content policy said no
│  ├─ ContextTooLong                    the model has no room for this conversation
│  └─ ProviderMisconfigured             401, 403, 404, 400: a wrong key, name or request
├─ NoProviderAvailable                  every candidate failed; all causes kept
├─ ModelUnknown                         the caller named an unpublished model
├─ OptionUnsupported                    no candidate knows a parameter of the request
├─ RuleSetInvalid                       the tables don't make a rule set; all faults kept
├─ PublishRefused                       a check of the candidate failed; all failures kept
├─ PublishConflict                      another publication came first
├─ RequestRefused, RunInterrupted       requests not served: conversations.domain.errors
└─ DependencyUnavailable                degrade: logged, traced, counted, answered without
   ├─ CacheUnavailable
   ├─ MemoryUnavailable
   ├─ EmbedderUnavailable
   ├─ CircuitsUnavailable
   └─ RulesUnavailable

``retryable`` says whether the *next candidate* may succeed where this attempt did not.
This module is pure: standard library only, imported by the engine and by every adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from routing.common.errors import AssistantError, DependencyUnavailable, FieldFault
from routing.common.translatable import Translatable

# The ground of the tree is shared with other packages; callers import all errors from here.
__all__ = ["AssistantError", "DependencyUnavailable", "FieldFault"]

TimeoutPhase = Literal["connect", "first_token", "stall", "total"]
ErrorKind = Literal[
    "no_key", "key_refused", "not_permitted", "no_such_model", "quota", "unreachable",
    "rate_limited", "overloaded", "timeout", "server_error", "broken", "refused", "too_long",
    "invalid_request",
]  # fmt: skip
"""Why an attempt failed, for operators; clients read the coarser ``code``."""

KIND_WORDS: Mapping[ErrorKind, str] = {
    "no_key": "no key is set",
    "key_refused": "key refused (401)",
    "not_permitted": "not permitted to this key (403)",
    "no_such_model": "no such model (404)",
    "quota": "the quota is used up",
    "unreachable": "cannot be reached",
    "rate_limited": "rate limit reached (429)",
    "overloaded": "overloaded",
    "timeout": "no answer in time",
    "server_error": "server error",
    "broken": "the answer broke off, or could not be read",
    "refused": "refused by the provider's content policy",
    "too_long": "the conversation is too long for the model",
    "invalid_request": "the request was not understood (400)",
}
"""Each kind in words, to follow a provider's name."""

LASTING: frozenset[ErrorKind] = frozenset(
    {"no_key", "key_refused", "not_permitted", "no_such_model", "quota", "unreachable"}
)
"""Kinds that end when an operator does something: to try again is no advice."""


class PromptRejected(AssistantError):
    """The prompt cannot be taken as it is; ``faults`` say why, in words for the person."""

    code = "invalid"

    def __init__(self, *faults: FieldFault) -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults = faults


class PromptTooLong(PromptRejected):
    """The prompt has more characters than the service accepts."""

    code = "prompt_too_long"


class ProviderError(AssistantError):
    """One attempt at one model failed. ``model`` is the published model's name, ``kind`` the reason.

    ``retry_after`` is in seconds, ``None`` when the provider did not say.
    """

    code = "provider_error"
    retryable = True
    kind: ErrorKind = "server_error"

    def __init__(
        self,
        model: str,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{model}: {detail}" if detail else model)
        self.model = model
        self.detail = detail
        self.status = status
        self.retry_after = retry_after


class ProviderTimeout(ProviderError):
    """The provider was too slow in the named phase."""

    code = "provider_timeout"
    kind: ErrorKind = "timeout"

    def __init__(self, model: str, phase: TimeoutPhase, seconds: float) -> None:
        super().__init__(model, f"{phase} time-out after {seconds:g} s")
        self.phase = phase


class ProviderRateLimited(ProviderError):
    """The provider answered 429."""

    kind: ErrorKind = "rate_limited"

    def __init__(self, model: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(model, detail, status=429, retry_after=retry_after)


class ProviderOverloaded(ProviderError):
    """The provider is up but takes no more work now (503, Anthropic's 529)."""

    kind: ErrorKind = "overloaded"


class ProviderUnavailable(ProviderError):
    """No connection, or a server error."""


class ProviderStreamBroken(ProviderError):
    """The stream was cut, malformed, empty, or ended without a finish reason."""

    kind: ErrorKind = "broken"


class ProviderRefused(ProviderError):
    """The provider's own content policy refused the request."""

    retryable = False
    kind: ErrorKind = "refused"


class ContextTooLong(ProviderError):
    """The conversation does not fit the model's context window."""

    kind: ErrorKind = "too_long"


class ProviderMisconfigured(ProviderError):
    """The request, key or model name is wrong; the same model will not mend by waiting."""

    kind: ErrorKind = "invalid_request"


class NoProviderAvailable(AssistantError):
    """Every candidate failed. ``causes`` are in the order tried."""

    code = "no_provider_available"
    retryable = True

    def __init__(self, causes: Sequence[ProviderError]) -> None:
        super().__init__("; ".join(str(cause) for cause in causes) or "no candidate model")
        self.causes = tuple(causes)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the soonest candidate asked to be tried again, where one said so."""
        waits = [cause.retry_after for cause in self.causes if cause.retry_after is not None]
        return min(waits, default=None)

    @property
    def lasting(self) -> ErrorKind | None:
        """The kind of the last failure, where none of them ends by waiting."""
        kinds = [cause.kind for cause in self.causes]
        return kinds[-1] if kinds and LASTING.issuperset(kinds) else None

    @property
    def refused(self) -> bool:
        """Whether it ended with a provider's own content policy: waiting does not help."""
        return bool(self.causes) and isinstance(self.causes[-1], ProviderRefused)


class ModelUnknown(AssistantError):
    """The caller named a model that is not published, or may not choose one."""

    code = "invalid"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail


class OptionUnsupported(AssistantError):
    """No model that may answer knows the parameter ``option`` of the request."""

    code = "unsupported_parameter"

    def __init__(self, option: str, models: Sequence[str]) -> None:
        super().__init__(
            Translatable(
                "{option} is not supported by {models}.", option=option, models=", ".join(models)
            )
        )
        self.option = option


class RuleSetInvalid(AssistantError):
    """The tables' rules and models can't be published. ``faults`` are sentences for the administrator."""

    code = "rules_invalid"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


class PublishRefused(AssistantError):
    """A valid rule set fails a check. ``failures`` are sentences for the publisher; an administrator may
    publish it all the same by giving a reason."""

    code = "publish_refused"

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__(" ".join(failures))
        self.failures = tuple(failures)


class PublishConflict(AssistantError):
    """Another version went live since the publication was prepared."""

    code = "publish_conflict"


class CacheUnavailable(DependencyUnavailable):
    """The answer cache did not answer in time."""

    part = "answer_cache"


class MemoryUnavailable(DependencyUnavailable):
    """Neither Redis nor the database gave the conversation's recent messages."""

    part = "memory"


class EmbedderUnavailable(DependencyUnavailable):
    """No embedding could be made."""

    part = "embedder"


class CircuitsUnavailable(DependencyUnavailable):
    """The circuits that all workers share cannot be had: each worker keeps its own meanwhile."""

    part = "circuits"


class ModerationUnavailable(DependencyUnavailable):
    """The provider that moderates said nothing, and no answer is given without its word."""

    part = "moderation"
    code = "moderation_unavailable"


class RulesUnavailable(DependencyUnavailable):
    """No published rule set can be had from Redis, the local copy or the database."""

    part = "rules"
    code = "rules_unavailable"
