"""The official SDKs, pointed at the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from assistant_site.simulator import Simulator


@pytest.fixture
def sim(simulator: Simulator) -> Iterator[Simulator]:
    """The session's simulator, healthy and without a past."""
    simulator.clear()
    yield simulator
    simulator.clear()


@pytest.fixture(scope="session")
def openai_sdk(simulator: Simulator) -> Iterator[openai.OpenAI]:
    """OpenAI's client; it does not retry, so that each fault is seen once."""
    with openai.OpenAI(api_key="sk-test", base_url=simulator.openai_url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def anthropic_sdk(simulator: Simulator) -> Iterator[anthropic.Anthropic]:
    """Anthropic's client, likewise."""
    with anthropic.Anthropic(
        api_key="sk-ant-test", base_url=simulator.anthropic_url, max_retries=0
    ) as client:
        yield client


@pytest.fixture
def gpt(sim: Simulator, openai_sdk: openai.OpenAI) -> openai.OpenAI:
    """OpenAI's client, and a simulator without a past."""
    return openai_sdk


@pytest.fixture
def claude(sim: Simulator, anthropic_sdk: anthropic.Anthropic) -> anthropic.Anthropic:
    """Anthropic's client, and a simulator without a past."""
    return anthropic_sdk
