"""One table from what the provider libraries raise to the tree in ``routing.domain.errors``.

Looked up by class *name* along the method resolution order, so the most specific entry wins and
no library is imported here: LiteLLM, the OpenAI SDK, httpx and aiohttp name alike what is alike.
LiteLLM flattens some failures (529 becomes ``InternalServerError``, a refused connection a 500);
the chain of causes beneath it still holds the truth, and is read where the name is ambiguous.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from routing.domain.errors import (
    ContextTooLong,
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

logger = logging.getLogger(__name__)

_DETAIL_CHARS = 200
_SECRET = re.compile(
    r"(?i)\b(sk|pk|rk|key|api|org)-[\w-]{6,}|bearer\s+\S+"
    r"|(?<=api[-_ ]key)[\"']?\s*[:=]\s*\S+|(?<=://)[^/\s:@]+:[^/\s@]+@"
)
_CONNECT = {"ConnectTimeout", "PoolTimeout", "ConnectionTimeoutError"}
_WORDS: tuple[tuple[str, type[ProviderError]], ...] = (
    ("overloaded", ProviderOverloaded),
    ("content_policy_violation", ProviderRefused),
    ("moderation_blocked", ProviderRefused),
    ("context_length_exceeded", ContextTooLong),
    ("prompt is too long", ContextTooLong),
)

Maker = Callable[[ModelRef, str, "list[BaseException]"], ProviderError]


def to_provider_error(
    exc: Exception, model: ModelRef, secrets: Collection[str] = ()
) -> ProviderError:
    """The project's own error for ``exc``, its detail free of keys and of the prompt."""
    if isinstance(exc, ProviderError):
        return exc
    chain = list(_chain(exc))
    make = next((TABLE[name] for name in _names(exc) if name in TABLE), None)
    if make is None:
        logger.warning("unmapped provider exception %s", type(exc).__qualname__)
        make = _plain(ProviderUnavailable)
    error = make(model, _detail(exc, chain, secrets), chain)
    error.retry_after = retry_after(_headers(chain))
    return error


@contextmanager
def provider_errors(model: ModelRef, secrets: Collection[str] = ()) -> Iterator[None]:
    """Turn whatever is raised inside into a ``ProviderError``; cancellation passes untouched."""
    try:
        yield
    except Exception as exc:
        error = to_provider_error(exc, model, secrets)
        if error is exc:
            raise
        raise error from exc


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by ``Retry-After-Ms`` or ``Retry-After`` (seconds or an HTTP date)."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        return _seconds(headers.get("retry-after", ""), now or datetime.now(UTC))
    except ValueError:
        return None


def _seconds(value: str, now: datetime) -> float | None:
    if not value:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value)
    moment = parsedate_to_datetime(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def scrub(text: str, secrets: Collection[str] = ()) -> str:
    """``text`` on one line, shortened, with everything that is or looks like a key blanked."""
    for secret in secrets:
        text = text.replace(secret, "[secret]") if secret else text
    text = _SECRET.sub("[secret]", text)
    return " ".join(text.split())[:_DETAIL_CHARS]


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
    told = [getattr(exc, "status_code", None) for exc in chain]
    return next((status for status in reversed(told) if isinstance(status, int)), None)


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
        return type(exc).__name__
    return scrub(f"{type(exc).__name__} {status}: {exc}", secrets)


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


def _by_words(usual: type[ProviderError]) -> Maker:
    """A class that covers several failures: the provider's own words tell which."""

    def make(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
        said = " ".join(str(exc) for exc in chain).lower()
        kind = next((kind for words, kind in _WORDS if words in said), usual)
        return kind(model.name, detail, status=_status(chain))

    return make


def _server_error(model: ModelRef, detail: str, chain: list[BaseException]) -> ProviderError:
    """LiteLLM's catch-all: what lies beneath decides."""
    for exc in chain[1:]:
        name = next((name for name in _names(exc) if name in _WIRE), None)
        if name:
            return _WIRE[name](model, detail, chain)
    status = _status(chain)
    usual = ProviderMisconfigured if status and 300 <= status < 500 else ProviderUnavailable
    maker = _BY_STATUS.get(status or 0, _by_words(usual))
    return maker(model, detail, chain)


_unavailable = _plain(ProviderUnavailable)
_broken = _plain(ProviderStreamBroken)
_misconfigured = _plain(ProviderMisconfigured)
_refused = _plain(ProviderRefused)

_BY_STATUS: Mapping[int, Maker] = {
    408: _timeout,
    429: _rate_limited,
    503: _plain(ProviderOverloaded),
    504: _timeout,
    529: _plain(ProviderOverloaded),
}

_WIRE: Mapping[str, Maker] = {
    # httpx
    "TimeoutException": _timeout,
    "ConnectTimeout": _timeout,
    "ReadTimeout": _timeout,
    "WriteTimeout": _timeout,
    "PoolTimeout": _timeout,
    "TransportError": _unavailable,
    "NetworkError": _unavailable,
    "ConnectError": _unavailable,
    "CloseError": _unavailable,
    "ProxyError": _unavailable,
    "UnsupportedProtocol": _misconfigured,
    "TooManyRedirects": _misconfigured,
    "InvalidURL": _misconfigured,
    "ReadError": _broken,
    "WriteError": _broken,
    "ProtocolError": _broken,
    "LocalProtocolError": _broken,
    "RemoteProtocolError": _broken,
    "DecodingError": _broken,
    "StreamError": _broken,
    "RequestError": _unavailable,
    # aiohttp
    "ServerTimeoutError": _timeout,
    "ConnectionTimeoutError": _timeout,
    "SocketTimeoutError": _timeout,
    "ClientPayloadError": _broken,
    "ServerDisconnectedError": _broken,
    "ClientConnectorError": _unavailable,
    "ClientConnectionError": _unavailable,
    "ClientError": _unavailable,
    # the language's own
    "TimeoutError": _timeout,
    "JSONDecodeError": _broken,
    "ConnectionError": _unavailable,
    "OSError": _unavailable,
}
TABLE: Mapping[str, Maker] = {
    **_WIRE,
    # told in the middle of a stream
    "EventError": _by_words(ProviderStreamBroken),
    # said no
    "ContentPolicyViolationError": _refused,
    "RejectedRequestError": _refused,
    "ContentFilterFinishReasonError": _refused,
    "ContextWindowExceededError": _plain(ContextTooLong),
    # asked wrongly: key, name, parameter
    "AuthenticationError": _misconfigured,
    "PermissionDeniedError": _misconfigured,
    "NotFoundError": _misconfigured,
    "BadRequestError": _by_words(ProviderMisconfigured),
    "InvalidRequestError": _by_words(ProviderMisconfigured),
    "UnprocessableEntityError": _by_words(ProviderMisconfigured),
    "ConflictError": _misconfigured,
    "UnsupportedParamsError": _misconfigured,
    "ImageFetchError": _misconfigured,
    "VectorStoreSearchError": _misconfigured,
    "PaymentRequiredError": _misconfigured,
    "LiteLLMUnknownProvider": _misconfigured,
    "ModelNotMappedError": _misconfigured,
    # features of LiteLLM that are off here
    "GuardrailRaisedException": _misconfigured,
    "BlockedPiiEntityError": _misconfigured,
    "ModifyResponseException": _misconfigured,
    "SensitiveDataRouteException": _misconfigured,
    # not now
    "RateLimitError": _rate_limited,
    "BudgetExceededError": _rate_limited,
    "ServiceUnavailableError": _plain(ProviderOverloaded),
    "OverloadedError": _plain(ProviderOverloaded),
    "Timeout": _timeout,
    "APITimeoutError": _timeout,
    # broken
    "MidStreamFallbackError": _server_error,
    "InternalServerError": _server_error,
    "BadGatewayError": _unavailable,
    "APIConnectionError": _server_error,
    "APIResponseValidationError": _broken,
    "JSONSchemaValidationError": _broken,
    "LengthFinishReasonError": _broken,
    "APIStatusError": _server_error,
    "APIError": _server_error,
    "OpenAIError": _server_error,
    "HTTPStatusError": _server_error,
}
