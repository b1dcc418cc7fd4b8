"""Kinds of failures: why a call failed, for operators, and what a person is told."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import httpx
import pytest

from conversations.domain.problems import problem_headers, problem_of
from routing.domain.actions import ModelKind
from routing.domain.errors import (
    KIND_WORDS,
    LASTING,
    ErrorKind,
    NoProviderAvailable,
    ProviderError,
    ProviderMisconfigured,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover, RetryBudget
from routing.llm.failover.circuits import LocalCircuits
from routing.llm.failover.policy import FailoverPolicy
from routing.llm.providers.errors import to_provider_error
from routing.llm.providers.provider_check import ProviderCheck, host_of, in_words
from routing.llm.providers.registry import PROVIDERS, read_credentials

pytestmark = pytest.mark.pure

GPT = ModelRef("gpt", "openai/gpt-5.4", "openai", ModelKind.CHAT)
CLAUDE = ModelRef("claude", "anthropic/claude-sonnet-4-6", "anthropic", ModelKind.CHAT)


def answered(status: int, body: str = "{}") -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "https://api.example.org/v1/chat/completions")
    response = httpx.Response(status, content=body.encode(), request=request)
    return httpx.HTTPStatusError(body, request=request, response=response)


def unreached() -> httpx.ConnectError:
    request = httpx.Request("POST", "https://api.example.org:8443/v1")
    return httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (answered(401, '{"error": {"code": "invalid_api_key"}}'), "key_refused"),
        (answered(403), "not_permitted"),
        (answered(404, '{"error": {"code": "model_not_found"}}'), "no_such_model"),
        (answered(429, '{"error": {"code": "insufficient_quota"}}'), "quota"),
        (answered(429), "rate_limited"),
        (answered(402), "quota"),
        (answered(400, "Your credit balance is too low"), "quota"),
        (answered(400, "API key not valid. Please pass a valid API key."), "key_refused"),
        (answered(400), "invalid_request"),
        (answered(500), "server_error"),
        (answered(503), "overloaded"),
        (unreached(), "unreachable"),
        (TimeoutError(), "timeout"),
    ],
    ids=str,
)
def test_each_failure_has_its_kind(failure: Exception, kind: str) -> None:
    assert to_provider_error(failure, GPT).kind == kind


def test_the_host_that_was_not_reached_is_told() -> None:
    assert to_provider_error(unreached(), GPT).detail == "ConnectError: api.example.org:8443"


def failed(*kinds: ErrorKind) -> NoProviderAvailable:
    causes = []
    for kind in kinds:
        cause = ProviderError("gpt")
        cause.kind = kind
        causes.append(cause)
    return NoProviderAvailable(causes)


@pytest.mark.parametrize("kind", sorted(LASTING))
def test_nobody_is_told_to_try_again_where_that_does_not_help(kind: Any) -> None:
    error = failed(kind)
    problem = problem_of(error)
    assert (problem["status"], problem["code"]) == (503, "no_provider_available")
    assert "key" not in str(problem)
    assert "try again" not in problem["detail"].lower()
    comes_back = kind == "unreachable"
    assert ("retry_after" in problem) == comes_back
    assert ("Retry-After" in problem_headers(error)) == comes_back


def test_one_failure_that_passes_makes_trying_again_worth_it() -> None:
    error = failed("key_refused", "overloaded")
    assert problem_of(error)["detail"] == "No model could answer just now. Please try again."
    assert problem_headers(error)["Retry-After"] == "5"


def test_a_key_that_is_refused_by_400_is_no_fault_of_the_request() -> None:
    cause = to_provider_error(answered(400, "API key not valid"), GPT)
    assert problem_of(NoProviderAvailable([cause]))["status"] == 503


def test_every_kind_has_words() -> None:
    assert set(KIND_WORDS) == set(get_args(ErrorKind))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderTimeout("gpt", "total", 1), "timeout"),
        (ProviderRateLimited("gpt"), "rate_limited"),
        (ProviderRefused("gpt"), "refused"),
        (ProviderUnavailable("gpt"), "server_error"),
        (ProviderMisconfigured("gpt"), "invalid_request"),
    ],
)
def test_an_error_made_here_has_the_kind_of_its_class(error: ProviderError, kind: str) -> None:
    assert error.kind == kind


def test_words_name_the_provider_and_its_host() -> None:
    assert in_words("openai", "key_refused") == "OpenAI: key refused (401)"
    assert (
        in_words("openai", "unreachable", "127.0.0.1:9") == "OpenAI: 127.0.0.1:9 cannot be reached"
    )


def test_the_host_of_a_provider_is_that_of_its_address() -> None:
    class Settings:
        OPENAI_API_KEY = ANTHROPIC_API_KEY = ""
        OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
        ANTHROPIC_BASE_URL = ""

    credentials = read_credentials(Settings())
    assert host_of("openai", credentials) == "127.0.0.1:9"
    assert host_of("anthropic", credentials) == "api.anthropic.com"
    assert host_of("gemini", credentials) == ""


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("openai/gpt-5.4", False),
        ("openai/gpt-5.9", True),
        ("anthropic/claude-haiku-4-5", False),
        ("anthropic/claude-haiku-latest", False),
        ("anthropic/claude-opus", True),
    ],
)
def test_a_model_without_its_date_is_on_the_list(name: str, lacks: bool) -> None:
    listed = frozenset({"gpt-5.4", "claude-haiku-4-5-20251001"})
    assert ProviderCheck("openai", models=listed).lacks(name) is lacks
    assert ProviderCheck("openai").lacks(name) is False


def failover() -> Failover:
    return Failover(
        FailoverPolicy(),
        RetryBudget(),
        LocalCircuits(),
        has_key=lambda model: model.provider == "openai",
    )


def test_models_without_a_key_are_no_candidates() -> None:
    async def first() -> tuple[Any, list[ProviderError]]:
        candidates = failover().candidates([CLAUDE, GPT])
        return await candidates.next(), candidates.causes

    permitted, causes = asyncio.run(first())
    assert permitted.model == GPT
    assert [(cause.model, cause.kind) for cause in causes] == [("claude", "no_key")]


def test_providers_name_the_list_of_their_models() -> None:
    class Settings:
        OPENAI_API_KEY = ANTHROPIC_API_KEY = "k"
        OPENAI_BASE_URL = "http://host/v1/"
        ANTHROPIC_BASE_URL = "http://host/v1"

    credentials = read_credentials(Settings())
    urls = {name: row.models_request(credentials[name])[0] for name, row in PROVIDERS.items()}
    assert urls == {
        "openai": "http://host/v1/models",
        "anthropic": "http://host/v1/models?limit=1000",
    }
