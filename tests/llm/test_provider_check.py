"""The check of each provider that has a key, against the simulator over sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from assistant_site.simulator import Simulator
from routing.llm.providers import provider_check
from routing.llm.providers.base import Credential
from routing.llm.providers.provider_check import ProviderCheck, check_providers


@pytest.fixture
def sim(simulator: Simulator) -> Iterator[Simulator]:
    simulator.clear()
    yield simulator
    simulator.clear()


def check(sim: Simulator, key: str = "sk-test") -> dict[str, ProviderCheck]:
    credentials = {
        "openai": Credential(key, sim.openai_url),
        "anthropic": Credential(key, sim.anthropic_url),
    }
    return {one.provider: one for one in asyncio.run(check_providers(credentials))}


def test_healthy_providers_have_no_fault_and_name_their_models(sim: Simulator) -> None:
    checks = check(sim)
    assert [one.words for one in checks.values()] == ["", ""]
    assert all(one.models for one in checks.values())
    assert all(abs(one.clock_seconds or 0) < 60 for one in checks.values())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 401}, "OpenAI: key refused (401)"),
        ({"status": 403}, "OpenAI: not permitted to this key (403)"),
        ({"status": 429, "error": "insufficient_quota"}, "OpenAI: the quota is used up"),
        ({"status": 500}, "OpenAI: server error"),
        ({"drop": True}, "OpenAI: the answer broke off, or could not be read"),
    ],
    ids=str,
)
def test_a_fault_is_told_in_words(sim: Simulator, fault: dict[str, object], words: str) -> None:
    sim.fault(provider="openai", call="models", **fault)
    checks = check(sim)
    assert checks["openai"].words == words
    assert checks["anthropic"].words == ""


def test_an_address_that_nobody_serves_is_named(sim: Simulator) -> None:
    credentials = {"openai": Credential("sk-test", "http://127.0.0.1:9/v1")}
    (one,) = asyncio.run(check_providers(credentials))
    assert one.words == "OpenAI: 127.0.0.1:9 cannot be reached"


def test_a_handshake_that_takes_too_long_leaves_no_socket_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provider_check, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
        (one,) = asyncio.run(check_providers({"openai": Credential("sk-test", address)}))
        peer, _ = server.accept()
        with peer:
            peer.settimeout(5)
            while peer.recv(65_536):
                pass

    assert one.words == "OpenAI: no answer in time"


def test_a_server_without_a_list_has_answered(sim: Simulator) -> None:
    sim.fault(provider="openai", call="models", status=404)
    assert check(sim)["openai"] == ProviderCheck("openai", None, check(sim)["openai"].host)


def test_a_provider_without_a_key_is_not_asked() -> None:
    assert asyncio.run(check_providers({"openai": Credential("", "")})) == []
