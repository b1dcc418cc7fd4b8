"""``useChat`` of the AI SDK, versions 6 and 7."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Clients, scenarios

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
SCRIPT = "ai_sdk_chat.mjs"


@pytest.mark.parametrize("version", ["6", "7"])
@pytest.mark.parametrize("scenario", scenarios(f"node/{SCRIPT}"))
def test_use_chat(clients: Clients, key: str, narrow_key: str, scenario: str, version: str) -> None:
    clients.node(SCRIPT, scenario, AI_SDK=version, ASSISTANT_KEY=key, NARROW_KEY=narrow_key)
