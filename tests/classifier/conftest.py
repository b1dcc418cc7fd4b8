"""The ladder through the real library, over sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from assistant_site.simulator import Simulator
from routing.classifier.fallback import FallbackClassifier
from routing.llm.providers.client import Credential, ProviderClient


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """The simulator, of this test alone."""
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def ladder(sim: Simulator) -> AsyncIterator[FallbackClassifier]:
    """Classifies through the simulated providers."""
    client = ProviderClient(
        {
            "openai": Credential("sk-none", sim.openai_url),
            "anthropic": Credential("sk-none", sim.anthropic_url),
        }
    )
    try:
        yield FallbackClassifier(client)
    finally:
        await client.aclose()
