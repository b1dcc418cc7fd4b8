"""The branch of the error tree (drawn in ``routing.domain.errors``) for requests that are not served.

RequestRefused                          never retried by us; each has one HTTP status in ``problems``
├─ NotAuthenticated                     no token, or one that is not valid
├─ MissingScope                         the API key lacks a right
├─ NotFound                             also for what belongs to another user
├─ BadRequest                           not JSON, or fields missing or wrong; ``faults`` say which
├─ NotAcceptable · UnsupportedMediaType · BodyTooLarge
├─ ConversationBusy                     another answer is being written; ``running`` is its id
├─ IdempotencyKeyReused                 the key came before with another body
├─ RateLimited                          with the seconds to wait
│  ├─ SignInLocked                      after too many wrong passwords
│  └─ TooManyStreams                    one person has too many open at once
├─ LimitReached                         a limit of requests, tokens or money
│  ├─ LimitExceeded                     of a short window: with the seconds to wait
│  └─ BudgetExhausted                   of a day, a month or all time
├─ WorkerFull                           this worker has too many streams open
└─ Draining                             this worker ends and takes no more questions
AnswerCut                               moderation held back the rest of the answer
RunInterrupted                          the worker that wrote the answer went away
PictureNotStored                        drawn, but the storage did not take it
DatabaseAway                            the database does not answer: nothing can be stored or read
├─ DatabaseFull                         it has no room left
└─ DatabaseReadOnly                     it takes no writes
DependencyUnavailable
└─ RunLogUnavailable                    answered without a log
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from conversations.db.faults import FULL, READ_ONLY, reason_of
from routing.common.translatable import Translatable, counted
from routing.domain.errors import (
    AssistantError,
    DependencyUnavailable,
    FieldFault,
    ProviderRefused,
)
from routing.domain.limits import LimitTerms, LimitUnit, LimitWindow

_UNITS: Mapping[LimitUnit, str] = {
    LimitUnit.REQUESTS: Translatable("requests"),
    LimitUnit.TOKENS: Translatable("tokens"),
    LimitUnit.USD: Translatable("US dollars"),
    LimitUnit.CONCURRENT: Translatable("requests at once"),
}
_WINDOWS: Mapping[LimitWindow, str] = {
    LimitWindow.MINUTE: Translatable("minute"),
    LimitWindow.HOUR: Translatable("hour"),
    LimitWindow.DAY: Translatable("day"),
    LimitWindow.MONTH: Translatable("month"),
    LimitWindow.TOTAL: Translatable("total"),
}


class RequestRefused(AssistantError):
    """A request that is answered with a problem instead of a result."""


class NotAuthenticated(RequestRefused):
    """``code`` is ``not_authenticated`` without a token, else ``token_not_valid``."""

    code = "not_authenticated"


class TokenNotValid(NotAuthenticated):
    """The token is malformed, expired, blacklisted or its user is gone."""

    code = "token_not_valid"


class MissingScope(RequestRefused):
    """The API key lacks the right. ``scopes`` are those of which one is needed; none: no key has it."""

    code = "missing_scope"

    def __init__(self, *scopes: str) -> None:
        needed = " / ".join(scopes)
        super().__init__(
            Translatable("This API key lacks the scope {needed}.", needed=needed)
            if needed
            else Translatable("API keys do not open this: sign in with a name and a password.")
        )
        self.scopes = scopes


class NotFound(RequestRefused):
    """There is no such thing for this person."""

    code = "not_found"


class BadRequest(RequestRefused):
    """The body or the query cannot be understood."""

    code = "invalid"

    def __init__(self, detail: str, *faults: FieldFault) -> None:
        super().__init__(detail)
        self.faults = faults


class NotConfirmed(RequestRefused):
    """What cannot be undone was not confirmed by the account's own password or name."""

    code = "permission_denied"


class LastAdministrator(NotConfirmed):
    """The last active account that may do everything is kept."""

    def __init__(self) -> None:
        super().__init__(
            Translatable("This is the last administrator: make somebody else one first.")
        )


class MalformedJSON(BadRequest):
    """The body is not JSON in UTF-8."""

    code = "malformed_json"


class BodyTooLarge(RequestRefused):
    """The body has more bytes than any request needs."""

    code = "body_too_large"


class NotAcceptable(RequestRefused):
    """No representation that the ``Accept`` header names can be made."""

    code = "not_acceptable"


class UnsupportedMediaType(RequestRefused):
    """The body is not ``application/json``."""

    code = "unsupported_media_type"


class ConversationBusy(RequestRefused):
    """Another answer is being written in this conversation: ``running`` is its message id."""

    code = "conversation_busy"

    def __init__(self, running: UUID) -> None:
        super().__init__(
            Translatable("Message {id} is still being answered in this conversation.", id=running)
        )
        self.running = running


class IdempotencyKeyReused(RequestRefused):
    """The ``Idempotency-Key`` was used before with another body."""

    code = "idempotency_key_reused"


class RateLimited(RequestRefused):
    """Too many requests. ``limit`` per ``window`` seconds; the next one after ``retry_after`` s."""

    code = "rate_limited"
    policy = "default"
    """The name under which the ``RateLimit`` fields tell of it."""

    def __init__(self, *, limit: int, window: int, retry_after: int) -> None:
        super().__init__(
            counted(
                "At most {count} request in {window} seconds.",
                "At most {count} requests in {window} seconds.",
                count=limit,
                window=window,
            )
        )
        self.limit, self.window, self.retry_after = limit, window, retry_after


class SignInLocked(RateLimited):
    """Too many wrong passwords: even the right one is not looked at for ``retry_after`` seconds."""

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(limit=limit, window=retry_after, retry_after=retry_after)
        minutes = -(-retry_after // 60)
        self.args = (
            counted(
                "Too many wrong passwords for this name. Try again in {count} minute.",
                "Too many wrong passwords for this name. Try again in {count} minutes.",
                count=minutes,
            ),
        )


class TooManyStreams(RateLimited):
    """The person watches ``limit`` answers at once, on all workers together."""

    policy = "streams"

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit, window=0, retry_after=1)
        self.args = (
            counted(
                "At most {count} answer may be open at once. Let it end first.",
                "At most {count} answers may be open at once. Let one of them end first.",
                count=limit,
            ),
        )


class LimitReached(RequestRefused):
    """A limit holds the request back: ``terms`` are its own. The text names the limit, and tells nothing of
    the amounts of others. ``left`` is the rest of each of the caller's limits, where it is known."""

    def __init__(self, terms: LimitTerms, detail: str) -> None:
        super().__init__(detail)
        self.terms = terms
        self.left: Sequence[tuple[int, LimitTerms]] = ()


class LimitExceeded(LimitReached):
    """Of a minute, an hour, or of requests at once; the next one after ``retry_after`` seconds."""

    code = "rate_limited"

    def __init__(self, terms: LimitTerms, *, wait: float) -> None:
        text = Translatable("The limit {name} of requests at once is reached.", name=terms.name)
        if terms.unit is not LimitUnit.CONCURRENT:
            text = Translatable(
                "The limit {name} of {unit} per {window} is reached.",
                name=terms.name,
                unit=_UNITS[terms.unit],
                window=_WINDOWS[terms.window],
            )
        super().__init__(terms, text)
        self.retry_after = max(1, math.ceil(wait))


class BudgetExhausted(LimitReached):
    """Of a day, a month, or all time: to try again is of no use before ``resets_at``."""

    code = "budget_exhausted"

    def __init__(self, terms: LimitTerms, *, resets_at: datetime | None) -> None:
        name, unit, window = terms.name, _UNITS[terms.unit], terms.window
        text = Translatable("The limit {name}, of {unit} in all, is spent.", name=name, unit=unit)
        if window is not LimitWindow.TOTAL:
            text = Translatable(
                "The limit {name}, of {unit} of this {window}, is spent.",
                name=name,
                unit=unit,
                window=_WINDOWS[window],
            )
        super().__init__(terms, text)
        self.resets_at = resets_at


class WorkerFull(RequestRefused):
    """This worker serves as many streams, or holds as much, as it may; another one, or a later try,
    may succeed."""

    code = "overloaded"
    retryable = True

    def __init__(
        self,
        detail: str = Translatable(
            "This worker has too many answers open just now. Please ask again."
        ),
    ) -> None:
        super().__init__(detail)


class Draining(RequestRefused):
    """This worker is about to end; another one, or the next, takes the question."""

    code = "draining"
    retryable = True

    def __init__(self) -> None:
        super().__init__(Translatable("This worker is about to end. Please ask again."))


class AnswerCut(ProviderRefused):
    """Moderation held back the rest of an answer, as a provider's filter does, for clients that need an error."""


class RunInterrupted(AssistantError):
    """The worker that wrote the answer went away before the end."""

    code = "interrupted"
    retryable = True


class PictureNotStored(AssistantError):
    """A picture was drawn, but the storage did not take it."""

    code = "storage_unavailable"
    retryable = True
    part = "image_storage"


class DatabaseAway(AssistantError):
    """The database does not answer, or takes no writes."""

    code = "database_unavailable"
    retryable = True
    part = "database"

    @staticmethod
    def of(error: BaseException) -> DatabaseAway:
        """The error that tells of a database's own error."""
        kind = {FULL: DatabaseFull, READ_ONLY: DatabaseReadOnly}.get(reason_of(error), DatabaseAway)
        return kind(f"{type(error).__name__}: {error}")


class DatabaseFull(DatabaseAway):
    """The database has no room left."""

    code = "database_full"


class DatabaseReadOnly(DatabaseAway):
    """The database takes no writes: a replica, a read-only file or a right that is missing."""

    code = "database_read_only"


class RunLogUnavailable(DependencyUnavailable):
    """Redis does not keep the runs' logs just now: streams can't be continued on other workers."""

    part = "run_log"
