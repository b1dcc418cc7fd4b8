"""The table from the libraries' exceptions to the project's tree."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from types import ModuleType

import aiohttp
import httpx
import litellm.exceptions
import openai
import pytest

from routing.domain.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.llm.providers.client import provider_errors
from routing.llm.providers.errors import (
    TABLE,
    retry_after,
    scrub,
    to_provider_error,
)
from tests.llm.conftest import GPT

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOT_RAISED_BY_CALLS = {
    # of the OpenAI SDK: the realtime socket, webhooks, sign-in with OAuth
    "WebSocketConnectionClosedError",
    "WebSocketQueueFullError",
    "InvalidWebhookSignatureError",
    "OAuthError",
    "SubjectTokenProviderError",
}


def _raised_by(module: ModuleType) -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
        and kind.__module__.startswith(module.__name__.split(".")[0])
        and not issubclass(kind, Warning)
        and kind.__name__ not in NOT_RAISED_BY_CALLS
    ]


@pytest.mark.parametrize(
    "kind", _raised_by(litellm.exceptions) + _raised_by(openai), ids=lambda kind: str(kind)[8:-2]
)
def test_every_exception_of_the_libraries_is_in_the_table(kind: type[Exception]) -> None:
    assert kind.__name__ in TABLE or any(base.__name__ in TABLE for base in kind.__mro__)


@pytest.mark.parametrize("kind", litellm.exceptions.LITELLM_EXCEPTION_TYPES)
def test_those_a_call_raises_are_there_by_their_own_name(kind: type[Exception]) -> None:
    assert kind.__name__ in TABLE


@pytest.mark.parametrize(
    "kind",
    [
        httpx.ReadError,
        httpx.ConnectError,
        httpx.PoolTimeout,
        httpx.RemoteProtocolError,
        aiohttp.ClientPayloadError,
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientOSError,
    ],
)
def test_the_wire_has_its_names_too(kind: type[Exception]) -> None:
    assert any(base.__name__ in TABLE for base in kind.__mro__)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": "Sun, 22 Nov 2026 10:02:00 GMT"}, 120),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after({name.lower(): value for name, value in headers.items()}, NOW) == seconds


@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
@pytest.mark.parametrize(
    "value",
    [
        *("nan", "inf", "-1", "1e3", "1_0", "0x10", "٣", "9" * 12, "9" * 400, "", " ", "soon"),
        *("Mon, 01 Jan 10000 00:00:00 GMT", "Mon, 01 Jan 2400 00:00:00 GMT"),
        *("Sun, 22 Nov 2026 10:02:00 +9999", "Sun, 99 Nov 2026 10:02:00 GMT"),
    ],
)
def test_a_time_that_is_none_was_not_told(name: str, value: str) -> None:
    assert retry_after({name: value}, NOW) is None


def test_the_other_header_tells_where_one_does_not() -> None:
    assert retry_after({"retry-after-ms": "nan", "retry-after": "9"}, NOW) == 9


def test_a_rate_limit_keeps_the_wait_and_the_cause() -> None:
    request = httpx.Request("POST", "https://provider.invalid")
    response = httpx.Response(429, headers={"Retry-After": "12"}, request=request)
    raised = litellm.exceptions.RateLimitError("Slow down.", "openai", "m", response=response)

    with pytest.raises(ProviderRateLimited) as caught, provider_errors(GPT):
        raise raised

    assert caught.value.retry_after == 12
    assert caught.value.status == 429
    assert caught.value.__cause__ is raised


def test_what_lies_beneath_decides_where_the_name_says_little() -> None:
    def flattened(beneath: Exception) -> ProviderError:
        exc = litellm.exceptions.InternalServerError("?", "openai", "m")
        exc.__context__ = beneath
        return to_provider_error(exc, GPT)

    timed_out = flattened(httpx.ConnectTimeout("slow"))
    assert isinstance(timed_out, ProviderTimeout)
    assert timed_out.phase == "connect"
    assert isinstance(flattened(httpx.ConnectError("refused")), ProviderUnavailable)
    assert isinstance(flattened(httpx.ReadError("cut")), ProviderStreamBroken)
    assert flattened(httpx.ReadError("cut")).status is None


def test_overload_is_known_by_its_words() -> None:
    exc = litellm.exceptions.InternalServerError("Overloaded", "anthropic", "m")

    assert isinstance(to_provider_error(exc, GPT), ProviderOverloaded)


def test_an_unknown_exception_is_still_one_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    class OddError(Exception):
        pass

    error = to_provider_error(OddError("the prompt, verbatim"), GPT)

    assert isinstance(error, ProviderUnavailable)
    assert "verbatim" not in str(error) + caplog.text
    assert "OddError" in caplog.text


def test_our_own_errors_and_cancellation_pass() -> None:
    mine = ProviderMisconfigured("gpt")
    with pytest.raises(ProviderMisconfigured) as caught, provider_errors(GPT):
        raise mine
    assert caught.value is mine

    with pytest.raises(KeyboardInterrupt), provider_errors(GPT):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdef1234.",
        "Bearer eyJhbGciOi is wrong",
        "https://user:hunter22@proxy/ refused",
        "key=top-secret was sent",
        "x-api-key: abc123xyz",
    ],
)
def test_details_are_scrubbed(text: str) -> None:
    clean = scrub(text, ["top-secret"])

    for secret in ("abcdef1234", "eyJhbGciOi", "hunter22", "top-secret", "abc123xyz"):
        assert secret not in clean
    assert "[secret]" in clean
    assert len(scrub("word " * 500)) <= 200
