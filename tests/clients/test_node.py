"""Clients of JavaScript: OpenAI's own, and the models of the AI SDK."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Clients, scenarios

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
SCRIPTS = "openai_sdk.mjs", "ai_sdk_models.mjs"
CASES = [(script, scenario) for script in SCRIPTS for scenario in scenarios(f"node/{script}")]


@pytest.mark.parametrize(("script", "scenario"), CASES)
def test_node(clients: Clients, key: str, narrow_key: str, script: str, scenario: str) -> None:
    clients.node(script, scenario, ASSISTANT_KEY=key, NARROW_KEY=narrow_key)
