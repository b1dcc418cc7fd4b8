"""Error table: exceptions of the provider libraries to the tree in ``routing.domain.errors``.

Looked up by class *name* along the method resolution order, so the most specific entry wins and no
library is imported here: LiteLLM, the OpenAI SDK, httpx and aiohttp use the same names for the same
failures. LiteLLM flattens some (529 becomes ``InternalServerError``, a refused connection a 500); where
a name is ambiguous, the chain of causes beneath it decides, then words of the provider's message.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx

from routing.common.text import clean_line
from routing.domain.errors import (
    ContextTooLong,
    ErrorKind,
    ProviderError,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.rules import ModelRef
from routing.llm.providers.refusals import is_refusal
from routing.llm.providers.registry import PROVIDERS

logger = logging.getLogger(__name__)

LONGEST_WAIT = 7 * 24 * 3600.0
"""Seconds; a provider that says longer, or gives a date that is further off, has said nothing."""

_DETAIL_CHARS = 200
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_SECRET = re.compile(
    r"(?i)\b(sk|pk|rk|key|api|org)-[\w-]{6,}|bearer\s+\S+"
    r"|(?<=api[-_ ]key)[\"']?\s*[:=]\s*\S+|(?<=://)[^/\s:@]+:[^/\s@]+@"
)
_CONNECT = {"ConnectTimeout", "PoolTimeout", "ConnectionTimeoutError"}
_WORDS: Mapping[str, type[ProviderError]] = {
    words: kind for provider in PROVIDERS.values() for words, kind in provider.error_words.items()
}
"""All providers' words: LiteLLM passes them on for providers without a row too."""

Maker = Callable[[ModelRef, str, "list[BaseException]"], ProviderError]


def to_provider_error(
    exc: Exception, model: ModelRef, secrets: Collection[str] = ()
) -> ProviderError:
    """The project's own error for ``exc``, its detail free of keys and of the prompt."""
    if isinstance(exc, ProviderError):
        return exc
    chain = list(_chain(exc))
    if any(map(is_refusal, _reports(chain))):
        return ProviderRefused(model.name, _detail(exc, chain, secrets), status=_status(chain))
    make = next((TABLE[name] for name in _names(exc) if name in TABLE), None)
    if make is None:
        logger.warning("unmapped provider exception %s", type(exc).__qualname__)
        make = _plain(ProviderUnavailable)
    error = make(model, _detail(exc, chain, secrets), chain)
    error.retry_after = retry_after(_headers(chain))
    error.kind = _kind(error, chain)
    return error


_KINDS: Mapping[int, ErrorKind] = {
    401: "key_refused", 402: "quota", 403: "not_permitted", 404: "no_such_model",
}  # fmt: skip
_KIND_SIGNS: Mapping[str, ErrorKind] = {
    "insufficient_quota": "quota",
    "exceeded your current quota": "quota",
    "credit balance is too low": "quota",
    "invalid_api_key": "key_refused",
    "incorrect api key": "key_refused",
    "api key not valid": "key_refused",
    "model_not_found": "no_such_model",
}
"""Signs of providers whose status tells less: OpenAI's 429 without credit, Anthropic's 400 likewise."""


def _kind(error: ProviderError, chain: list[BaseException]) -> ErrorKind:
    """Why it failed; the provider's words decide before its status."""
    if isinstance(error, ProviderUnavailable):
        return "unreachable" if error.status is None else "server_error"
    if not isinstance(error, (ProviderMisconfigured, ProviderRateLimited)):
        return error.kind
    message = " ".join(str(exc) for exc in chain).lower()
    told = next((kind for sign, kind in _KIND_SIGNS.items() if sign in message), None)
    return told or _KINDS.get(error.status or 0, error.kind)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by ``Retry-After-Ms`` or ``Retry-After`` (seconds or an HTTP date), up to
    ``LONGEST_WAIT``; ``None`` where neither tells a time. Never raises."""
    milliseconds = headers.get("retry-after-ms", "").strip()
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        seconds = float(milliseconds) / 1000
    elif _NUMBER.fullmatch(value):
        seconds = float(value)
    else:
        seconds = _until(value, now or datetime.now(UTC))
    return seconds if seconds <= LONGEST_WAIT else None


def _until(date: str, now: datetime) -> float:
    """Seconds until an HTTP date; infinitely many where it is none."""
    try:
        moment = parsedate_to_datetime(date)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, OverflowError):  # the latter: beyond the calendar
        return math.inf


def scrub(text: str, secrets: Collection[str] = ()) -> str:
    """``text`` on one line, shortened, with everything that is or looks like a key blanked."""
    for secret in secrets:
        text = text.replace(secret, "[secret]") if secret else text
    return clean_line(_SECRET.sub("[secret]", text), _DETAIL_CHARS)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__


def _names(exc: BaseException) -> Iterator[str]:
    return (kind.__name__ for kind in type(exc).__mro__)


def _status(chain: list[BaseException]) -> int | None:
    """The provider's own status: the deepest is told by the library nearest to the wire.

    ``None`` where the wire failed: LiteLLM says 500 then, but nobody answered that.
    """
    if any(name in _WIRE for exc in chain for name in _names(exc)):
        return None
    told = [
        getattr(exc, "status_code", getattr(getattr(exc, "response", None), "status_code", None))
        for exc in chain
    ]
    return next((status for status in reversed(told) if isinstance(status, int)), None)


def _reports(chain: list[BaseException]) -> Iterator[Any]:
    """The provider's reports of the failure, as each library kept them: as JSON or as text."""
    for exc in chain:
        response = getattr(exc, "response", None)
        yield from (getattr(exc, "report", None), getattr(exc, "body", None), str(exc))
        # LiteLLM keeps a code that is no status in the place of the status.
        yield {"code": getattr(exc, "status_code", None)}
        if isinstance(response, httpx.Response) and response.is_closed:
            with suppress(httpx.StreamError, UnicodeError):
                yield response.text


def _headers(chain: list[BaseException]) -> Mapping[str, str]:
    for exc in chain:
        response: Any = getattr(exc, "response", None)
        for holder in (getattr(exc, "litellm_response_headers", None), response):
            headers = getattr(holder, "headers", holder)
            if headers and any("retry-after" in str(name).lower() for name in headers):
                return {str(name).lower(): str(headers[name]) for name in headers}
    return {}


def _detail(exc: Exception, chain: list[BaseException], secrets: Collection[str]) -> str:
    """Class and status; the provider's words too where it answered with an error status.

    Parsing failures quote the answer itself, so of those only the class is told.
    """
    status = _status(chain)
    if status is None or status < 400 or not any(_answered(link) for link in chain):
        host = next((host for link in chain if (host := _host(link))), "")
        return f"{type(exc).__name__}: {host}" if host else type(exc).__name__
    return scrub(f"{type(exc).__name__} {status}: {exc}", secrets)


def _host(exc: BaseException) -> str:
    """The host that aiohttp or httpx did not reach."""
    if isinstance(exc, aiohttp.ClientConnectorError):
        return f"{exc.host}:{exc.port}"
    if isinstance(exc, httpx.ConnectError):
        with suppress(RuntimeError):  # it was made without a request
            return f"{exc.request.url.host}:{exc.request.url.port or 443}"
    return ""


def _answered(exc: BaseException) -> bool:
    return type(exc).__name__ in {"HTTPStatusError", "MaskedHTTPStatusError"} or (
        isinstance(getattr(exc, "body", None), dict)
    )


def _plain(kind: type[ProviderError]) -> Maker:
    def make(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
        return kind(model.name, detail, status=_status(chain))

    return make


def _timeout(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
    if any(name in _CONNECT for exc in chain for name in _names(exc)):
        return ProviderTimeout(model.name, "connect", model.timeouts.connect)
    return ProviderTimeout(model.name, "total", model.timeouts.total)


def _rate_limited(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
    return ProviderRateLimited(model.name, detail)


def _by_words(default: type[ProviderError]) -> Maker:
    """For a class that covers several failures: the provider's message decides."""

    def make(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
        message = " ".join(str(exc) for exc in chain).lower()
        kind = next((kind for words, kind in _WORDS.items() if words in message), default)
        return kind(model.name, detail, status=_status(chain))

    return make


def _policy(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
    """For LiteLLM's reading of an error, which takes words of a policy anywhere in it for a refusal.

    Where the provider's own report is at hand, the table of refusals has denied it already.
    """
    told = any(getattr(exc, "response", None) is not None and _answered(exc) for exc in chain)
    return _plain(ProviderMisconfigured if told else ProviderRefused)(model, detail, chain)


def _server_error(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
    """For LiteLLM's catch-all: the cause beneath it decides, then the status, then the message."""
    for exc in chain[1:]:
        name = next((name for name in _names(exc) if name in _WIRE), None)
        if name:
            return _WIRE[name](model, detail, chain)
    status = _status(chain)
    default = ProviderMisconfigured if status and 300 <= status < 500 else ProviderUnavailable
    maker = _BY_STATUS.get(status or 0, _by_words(default))
    return maker(model, detail, chain)


_unavailable = _plain(ProviderUnavailable)
_overloaded = _plain(ProviderOverloaded)
_broken = _plain(ProviderStreamBroken)
_misconfigured = _plain(ProviderMisconfigured)

_BY_STATUS: Mapping[int, Maker] = {
    408: _timeout,
    429: _rate_limited,
    503: _overloaded,
    504: _timeout,
    529: _overloaded,
}


def _table(*rows: tuple[Maker, str]) -> dict[str, Maker]:
    return {name: maker for maker, names in rows for name in names.split()}


# httpx, aiohttp, the language's own
_WIRE = _table(
    (_timeout, "TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout"),
    (_unavailable, "TransportError NetworkError ConnectError CloseError ProxyError RequestError"),
    (_misconfigured, "UnsupportedProtocol TooManyRedirects InvalidURL"),
    (_broken, "ReadError WriteError ProtocolError LocalProtocolError RemoteProtocolError"),
    (_broken, "DecodingError StreamError"),
    (_timeout, "ServerTimeoutError ConnectionTimeoutError SocketTimeoutError"),
    (_broken, "ClientPayloadError ServerDisconnectedError"),
    (_unavailable, "ClientConnectorError ClientConnectionError ClientError"),
    (_timeout, "TimeoutError"),
    (_broken, "JSONDecodeError"),
    (_unavailable, "ConnectionError OSError"),
)
# LiteLLM, the OpenAI SDK, and our own readers of streams
TABLE: Mapping[str, Maker] = _WIRE | _table(
    (_by_words(ProviderStreamBroken), "EventError"),
    # a content policy, a context window
    (_policy, "ContentPolicyViolationError"),
    (_plain(ProviderRefused), "RejectedRequestError ContentFilterFinishReasonError"),
    (_plain(ContextTooLong), "ContextWindowExceededError"),
    # a wrong key, name or parameter
    (_by_words(ProviderMisconfigured), "BadRequestError InvalidRequestError"),
    (_by_words(ProviderMisconfigured), "UnprocessableEntityError"),
    (_misconfigured, "AuthenticationError PermissionDeniedError NotFoundError ConflictError"),
    (_misconfigured, "UnsupportedParamsError ImageFetchError VectorStoreSearchError"),
    (_misconfigured, "PaymentRequiredError LiteLLMUnknownProvider ModelNotMappedError"),
    # features of LiteLLM that are off here
    (_misconfigured, "GuardrailRaisedException BlockedPiiEntityError ModifyResponseException"),
    (_misconfigured, "SensitiveDataRouteException"),
    # temporary
    (_rate_limited, "RateLimitError BudgetExceededError"),
    (_overloaded, "ServiceUnavailableError OverloadedError"),
    (_timeout, "Timeout APITimeoutError"),
    # a broken reply, or a class that covers several failures
    (_broken, "APIResponseValidationError JSONSchemaValidationError LengthFinishReasonError"),
    (_unavailable, "BadGatewayError"),
    (_server_error, "MidStreamFallbackError InternalServerError APIConnectionError APIError"),
    (_server_error, "APIStatusError OpenAIError HTTPStatusError"),
)
