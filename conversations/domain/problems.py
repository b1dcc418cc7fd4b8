"""Problem objects (RFC 9457) from errors, by one table, in the active language.

A client reads the error's class through ``code``; ``detail`` is written for people. Nothing of a
provider's body, a key, a stack or a system prompt is ever put in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from conversations.domain import errors as mine
from conversations.domain.limit_fields import limit_facts, limit_headers
from routing.common.translatable import Translatable
from routing.common.translations import text_of, translated
from routing.domain import errors as routing

Problem = dict[str, Any]
T = TypeVar("T")

DEFAULT_WAIT = 5
"""Seconds to wait where nobody said how long."""

STATUS: Mapping[type[routing.AssistantError], int] = {
    routing.PromptTooLong: 413,
    routing.PromptRejected: 400,
    routing.ModelUnknown: 400,
    routing.OptionUnsupported: 400,
    routing.ProviderTimeout: 504,
    routing.ProviderError: 502,
    routing.NoProviderAvailable: 503,
    routing.DependencyUnavailable: 503,
    mine.NotAuthenticated: 401,
    mine.MissingScope: 403,
    mine.NotConfirmed: 403,
    mine.NotFound: 404,
    mine.BadRequest: 400,
    mine.NotAcceptable: 406,
    mine.UnsupportedMediaType: 415,
    mine.BodyTooLarge: 413,
    mine.ConversationBusy: 409,
    mine.IdempotencyKeyReused: 422,
    mine.RateLimited: 429,
    mine.LimitExceeded: 429,
    mine.BudgetExhausted: 402,
    mine.Draining: 503,
    mine.WorkerFull: 503,
    mine.RunInterrupted: 503,
    mine.PictureNotStored: 503,
    mine.DatabaseAway: 503,
    routing.AssistantError: 500,
}
"""Status by class; a subclass not named here has its nearest ancestor's."""

_DETAIL: Mapping[type[routing.AssistantError], str] = {
    routing.ProviderTimeout: Translatable("The model took too long to answer."),
    routing.ProviderError: Translatable("The model could not answer."),
    routing.ContextTooLong: Translatable(
        "The conversation is too long for every model. Begin a new one, or ask for less."
    ),
    routing.ProviderRefused: Translatable(
        "The model's provider refused this by its content policy."
    ),
    routing.ProviderMisconfigured: Translatable("No model takes this request as it is."),
    routing.NoProviderAvailable: Translatable("No model could answer just now. Please try again."),
    routing.DependencyUnavailable: Translatable(
        "The service is not ready to answer. Please try again."
    ),
    routing.ModerationUnavailable: Translatable(
        "This message could not be checked just now, and is not answered without. Please try again."
    ),
    mine.AnswerCut: Translatable("The rest of this answer was held back by moderation."),
    mine.RunInterrupted: Translatable("The answer was interrupted before its end."),
    mine.DatabaseAway: Translatable("The service cannot reach its database. Please try again."),
    mine.DatabaseFull: Translatable(
        "The service's database has no room left just now. Please try again later."
    ),
    mine.DatabaseReadOnly: Translatable(
        "The service's database takes no writes just now. Please try again later."
    ),
    mine.PictureNotStored: Translatable("The picture could not be stored. Please try again."),
    routing.AssistantError: Translatable("Something went wrong on our side."),
}
"""Words for errors whose own text is for the log only."""


_LASTING: Mapping[routing.ErrorKind, str] = {
    "no_key": Translatable(
        "The service has no access to any model of this rule. An administrator must set it up."
    ),
    "key_refused": Translatable(
        "The model's provider does not accept this service. An administrator must correct its access."
    ),
    "not_permitted": Translatable(
        "This service may not use the model. An administrator must change its access or the model."
    ),
    "no_such_model": Translatable(
        "The model's provider knows no such model. An administrator must correct its name."
    ),
    "quota": Translatable(
        "The service's quota at the model's provider is used up. An administrator must raise it."
    ),
    "unreachable": Translatable("The model's provider cannot be reached from the service."),
}
"""Words for failures that do not end by trying again. The details are for operators."""

_TITLES: Mapping[int, str] = {
    400: Translatable("Bad Request"),
    401: Translatable("Unauthorized"),
    402: Translatable("Payment Required"),
    403: Translatable("Forbidden"),
    404: Translatable("Not Found"),
    405: Translatable("Method Not Allowed"),
    406: Translatable("Not Acceptable"),
    409: Translatable("Conflict"),
    413: Translatable("Request Entity Too Large"),
    415: Translatable("Unsupported Media Type"),
    422: Translatable("Unprocessable Entity"),
    429: Translatable("Too Many Requests"),
    500: Translatable("Internal Server Error"),
    502: Translatable("Bad Gateway"),
    503: Translatable("Service Unavailable"),
    504: Translatable("Gateway Timeout"),
}
"""The reason phrases of HTTP, to be translated."""

_FAULTY_REQUEST = frozenset({400, 413, 422})
"""Statuses by which a provider finds fault with the request itself, not with key, name or right."""

_COME_BACK = (
    routing.DependencyUnavailable,
    mine.RunInterrupted,
    mine.PictureNotStored,
    mine.DatabaseAway,
)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    request_id: str = "",
    **more: Any,
) -> Problem:
    """A problem object. ``type`` is ``about:blank``'s sibling: a URN that names the code."""
    return {
        "type": f"urn:assistant:problem:{code}",
        "title": translated(_TITLES.get(status, HTTPStatus(status).phrase)),
        "status": status,
        "detail": translated(detail),
        "instance": instance,
        "code": code,
        "request_id": request_id,
        **more,
    }


def problem_of(
    error: routing.AssistantError, *, instance: str = "", request_id: str = ""
) -> Problem:
    """The problem object that tells a client of ``error``."""
    error = _principal(error)
    return problem(
        _nearest(STATUS, error),
        error.code,
        _detail(error),
        instance=instance,
        request_id=request_id,
        **(limit_facts(error) if isinstance(error, mine.LimitReached) else _more(error)),
    )


def problem_headers(error: routing.AssistantError) -> dict[str, str]:
    """The header fields that belong to the error's status."""
    if isinstance(error, mine.LimitReached):
        return limit_headers(error)
    return _headers(_principal(error))


def _headers(error: routing.AssistantError) -> dict[str, str]:
    match error:
        case mine.NotAuthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case mine.RateLimited(limit=limit, window=window, retry_after=retry_after):
            per = f";w={window}" if window else ""
            return {
                "Retry-After": str(retry_after),
                "RateLimit": f'"{error.policy}";r=0;t={retry_after}',
                "RateLimit-Policy": f'"{error.policy}";q={limit}{per}',
            }
        case mine.Draining() | mine.WorkerFull():
            return {"Retry-After": "1"}
        case _ if wait := _wait(error):
            return {"Retry-After": str(wait)}
        case _:
            return {}


def _principal(error: routing.AssistantError) -> routing.AssistantError:
    """The last cause speaks for all where every cause was a time-out, or lies in what was asked:
    then it is of no use to try again."""
    if isinstance(error, routing.NoProviderAvailable) and error.causes:
        slow = all(isinstance(cause, routing.ProviderTimeout) for cause in error.causes)
        if slow or all(_of_the_request(cause) for cause in error.causes):
            return error.causes[-1]
    return error


def _of_the_request(cause: routing.ProviderError) -> bool:
    match cause:
        case routing.ContextTooLong() | routing.ProviderRefused():
            return True
        case routing.ProviderMisconfigured(status=status, kind="invalid_request"):
            return status in _FAULTY_REQUEST
        case _:
            return False


def _detail(error: routing.AssistantError) -> str:
    if isinstance(error, routing.PromptRejected):
        return "; ".join(translated(fault.detail) for fault in error.faults)
    if isinstance(
        error,
        routing.ModelUnknown | routing.OptionUnsupported | mine.RequestRefused,
    ):
        return text_of(error)
    if isinstance(error, routing.NoProviderAvailable) and (kind := error.lasting):
        return _LASTING[kind]
    return _nearest(_DETAIL, error)


def _needs_operator(error: routing.NoProviderAvailable) -> bool:
    """Whether no wait helps. A provider that cannot be reached may come back by itself."""
    return error.lasting is not None and error.lasting != "unreachable"


def _more(error: routing.AssistantError) -> Problem:
    if faults := _faults(error):
        return {"errors": [_fault(fault) for fault in faults]}
    match error:
        case routing.ContextTooLong(kind=kind):
            return {"error_kind": kind}
        case _ if wait := _wait(error):
            return {"retry_after": wait}
        case mine.ConversationBusy(running=running):
            return {"message": str(running)}
        case _:
            return {}


def _faults(error: routing.AssistantError) -> Sequence[routing.FieldFault]:
    match error:
        case routing.PromptRejected(faults=faults) | mine.BadRequest(faults=faults):
            return faults
        case routing.ModelUnknown(detail=detail):
            return [routing.FieldFault("model", "invalid", detail)]
        case routing.OptionUnsupported(option=option):
            return [routing.FieldFault(option, error.code, text_of(error))]
        case _:
            return ()


def _wait(error: routing.AssistantError) -> int | None:
    """Whole seconds after which the same request may succeed; ``None`` where no wait helps."""
    match error:
        case routing.NoProviderAvailable():
            seconds = max(1, math.ceil(error.retry_after or DEFAULT_WAIT))
            return None if _needs_operator(error) else seconds
        case _ if isinstance(error, _COME_BACK):
            return DEFAULT_WAIT
        case _:
            return None


def _fault(fault: routing.FieldFault) -> dict[str, str]:
    return {"field": fault.field, "code": fault.code, "detail": translated(fault.detail)}


def _nearest(table: Mapping[type[routing.AssistantError], T], error: BaseException) -> T:
    return next(table[cls] for cls in type(error).__mro__ if cls in table)
