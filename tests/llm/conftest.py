"""Both providers' models, and a client of the real library against each kind of server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from assistant_site.simulator import Simulator
from routing.domain.actions import ModelKind
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.providers.client import Credential, ProviderClient
from tests.llm.wire import Wire, wire_server

OPENAI_KEY = "sk-proj-Not4Real0penAIkey"
ANTHROPIC_KEY = "sk-ant-Not4RealAnthropicKey"
PATIENT = Timeouts(connect=5, first_token=20, stall=20, total=30)


def _model(name: str, litellm_name: str, provider: str) -> ModelRef:
    return ModelRef(name, litellm_name, provider, ModelKind.CHAT, timeouts=PATIENT)


GPT = _model("gpt", "gpt-4o-mini", "openai")
CLAUDE = _model("claude", "claude-haiku-4-5", "anthropic")


async def _client(
    openai_url: str, anthropic_url: str, *, fast_lane: bool
) -> AsyncIterator[ProviderClient]:
    client = ProviderClient(
        {
            "openai": Credential(OPENAI_KEY, openai_url),
            "anthropic": Credential(ANTHROPIC_KEY, anthropic_url),
        },
        fast_lane=fast_lane,
    )
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """The simulator, of this test alone."""
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def fast_lane() -> bool:
    """Whether streams are read by the fast lane or by LiteLLM; a module may ask for both."""
    return True


@pytest.fixture
async def client(sim: Simulator, fast_lane: bool) -> AsyncIterator[ProviderClient]:
    """Talks to the simulator."""
    async for client in _client(sim.openai_url, sim.anthropic_url, fast_lane=fast_lane):
        yield client


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A server that says what it is told to."""
    async with wire_server() as server:
        yield server


@pytest.fixture
async def wired(wire: Wire, fast_lane: bool) -> AsyncIterator[ProviderClient]:
    """Talks to ``wire``, whichever the provider."""
    async for client in _client(f"{wire.url}/v1", wire.url, fast_lane=fast_lane):
        yield client
