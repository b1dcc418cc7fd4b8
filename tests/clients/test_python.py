"""Clients of Python. ``newest`` and ``oldest`` are environments with the newest and the oldest ``openai``,
``older_agents`` one with an older pydantic-ai, for broken streams alone."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Clients, scenarios

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
SCRIPTS = {
    "openai_sdk.py": ("newest", "oldest"),
    "langchain_client.py": ("newest",),
    "pydantic_ai_client.py": ("newest", "older_agents"),
    "agents_client.py": ("newest",),
    "litellm_client.py": ("newest",),
    "llm_client.py": ("newest",),
    "instructor_client.py": ("oldest",),
}
CASES = [
    (script, environment, scenario)
    for script, environments in SCRIPTS.items()
    for environment in environments
    for scenario in scenarios(f"python/{script}")
    if environment != "older_agents" or scenario.endswith(("cut_stream", "filtered"))
]


@pytest.mark.parametrize(("script", "environment", "scenario"), CASES)
def test_python(
    clients: Clients, key: str, narrow_key: str, script: str, environment: str, scenario: str
) -> None:
    clients.python(environment, script, scenario, ASSISTANT_KEY=key, NARROW_KEY=narrow_key)
