"""When asking again is of no use, the problem says so, and why."""

from __future__ import annotations

import pytest

from conversations.api.openai.errors import problem_response as of_openai
from conversations.api.responses import problem_response
from conversations.domain.errors import DatabaseAway, PictureNotStored, RunInterrupted
from conversations.domain.problems import problem_headers, problem_of
from routing.domain.errors import (
    AssistantError,
    ContextTooLong,
    ModerationUnavailable,
    NoProviderAvailable,
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from tests.live_site import LiveSite

STORY = "Write a short story about a clockmaker."
LONG, REFUSED = ContextTooLong("gpt", status=400), ProviderRefused("gpt", status=400)
NOT_TAKEN = ProviderMisconfigured("gpt", status=400)


def test_what_no_model_takes_is_a_502_without_a_wait(site: LiveSite) -> None:
    for provider in ("openai", "anthropic"):
        site.simulator.fault(provider=provider, call="chat", error="context_length", times=10)
    response = site.person().post_prompt(STORY)
    problem = response.json()

    assert (response.status_code, problem["code"]) == (502, "provider_error"), problem
    assert "too long" in problem["detail"]
    assert "try again" not in problem["detail"].lower()
    assert "retry-after" not in response.headers
    assert "retry_after" not in problem


def test_what_the_providers_policy_refuses_is_refused_kindly(site: LiveSite) -> None:
    for provider in ("openai", "anthropic"):
        site.simulator.fault(provider=provider, call="chat", error="content_filter", times=10)
    answer = site.person().ask(STORY)

    assert answer["decision"]["action"] == "refuse"
    assert answer["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("causes", "status", "waits"),
    [
        ([LONG], 502, False),
        ([LONG, REFUSED], 502, False),
        ([NOT_TAKEN, LONG], 502, False),
        ([LONG, ProviderUnavailable("claude")], 503, True),
        ([ProviderMisconfigured("gpt", status=401)], 503, True),
        ([ProviderTimeout("gpt", "total", 9)], 504, False),
        ([], 503, True),
    ],
)
def test_who_may_come_back(causes: list[ProviderError], status: int, waits: bool) -> None:
    error = NoProviderAvailable(causes)
    problem = problem_of(error)

    assert problem["status"] == status
    assert ("retry_after" in problem) == ("Retry-After" in problem_headers(error)) == waits


@pytest.mark.parametrize(
    "error",
    [ModerationUnavailable("away"), RunInterrupted(), PictureNotStored("full"), DatabaseAway("away")],
)  # fmt: skip
def test_an_answer_that_failed_says_when_to_come_back(error: AssistantError) -> None:
    told, waits = problem_of(error), problem_headers(error)["Retry-After"]

    for response in (problem_response(told), of_openai(told)):
        assert (response.status_code, response["Retry-After"]) == (503, waits)
