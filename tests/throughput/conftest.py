"""The fast provider, in the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from benchmarks.throughput.provider import listening


@pytest.fixture
async def provider_port() -> AsyncIterator[int]:
    """Where it listens."""
    server, port = await listening()
    yield port
    server.close()
    await server.wait_closed()
