"""How often a client asks again, counted by the server."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Clients

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
PATH = "/v1/chat/completions"


@pytest.mark.parametrize("environment", ["newest", "oldest"])
@pytest.mark.parametrize(("scenario", "statuses"), [
    ("no_key", [401]),
    ("no_right", [403]),
    ("no_such_model", [404]),
    ("wrong_parameter", [400]),
    ("failing_provider_retried", [503] * 3),
])  # fmt: skip
def test_what_is_asked_again(
    clients: Clients,
    key: str,
    narrow_key: str,
    environment: str,
    scenario: str,
    statuses: list[int],
) -> None:
    before = len(clients.requests(PATH))
    keys = {"ASSISTANT_KEY": key, "NARROW_KEY": narrow_key}
    clients.python(environment, "openai_sdk.py", scenario, **keys)

    assert [each["status"] for each in clients.requests(PATH)[before:]] == statuses
