"""Every fault at every place: each run ends once, and all that tells of it agrees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live_site import LiveSite
from tests.matrix.faults import ADDRESSES, FAULTS, bad_address
from tests.matrix.invariants import answered

# Where the site is processes of its own, they are started again for other addresses.
pytestmark = pytest.mark.timeout(400 if os.environ.get("MATRIX_WORKERS") else 60)

PROSE = "Tell me something about zebrafish."
PICTURE = "Draw a zebrafish in watercolour."
UNHURT = {"slow tokens"}
"""A fault of streams that no other call notices."""
UNHURT_MEDIA = UNHURT | {"error event", "slow first token", "stall", "stall with pings"}
NOBODY = {
    "cut by reset",
    "stall",
    "error event",
    "401",
    "429",
    "529",
    "slow everything",
    "empty 200",
}
ALIKE = {"403", "404", "408", "409", "413", "502", "503", "stall with pings", "a web page"}
"""Told apart for chats; elsewhere only in the full matrix (``MATRIX_FULL=1``)."""
FEWER = [fault for fault in FAULTS if fault not in ALIKE or os.environ.get("MATRIX_FULL")]

EMBEDDER = {"EMBEDDING_MODEL": "openai/text-embedding-3-small", "EMBEDDING_SECONDS": 0.5}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt"), ("anthropic", "claude-sonnet")])
def test_of_a_chat(impatient: LiveSite, provider: str, model: str, fault: str) -> None:
    impatient.simulator.fault(provider=provider, call="chat", **FAULTS[fault])
    events = answered(impatient, impatient.person(), PROSE, model=model)
    done = events[-1]

    assert done.name == "done"
    asked = [tried["model"] for tried in done.data["attempts"]]
    assert asked[0] == model
    assert [tried["outcome"] for tried in done.data["attempts"]][-1] == "ok"
    assert len(impatient.simulator.requests) == len(asked), "a call that nobody metered"
    assert done.data["decision"]["fallback"] is (done.data["decision"]["model"] != model)


@pytest.mark.parametrize("fault", FEWER)
def test_of_the_first_classifier(impatient: LiveSite, fault: str) -> None:
    impatient.simulator.fault(provider="anthropic", call="classify", **FAULTS[fault])
    events = answered(impatient, impatient.person(), PROSE)
    sources = {"classifier-fallback"} | ({"classifier"} if fault in UNHURT else set())

    assert events[-1].name == "done"
    assert events[-1].data["decision"]["source"] in sources


@pytest.mark.parametrize("fault", sorted(NOBODY))
def test_of_everybody(impatient: LiveSite, fault: str) -> None:
    impatient.simulator.fault(call="chat,classify", **FAULTS[fault])
    events = answered(impatient, impatient.person(), PROSE)
    asked = {request.provider for request in impatient.simulator.requests}

    assert asked == {"openai", "anthropic"}
    if events[-1].name == "error":
        assert events[-1].data["code"] in {"no_provider_available", "provider_timeout"}


@pytest.mark.parametrize("fault", FEWER)
def test_of_a_picture(impatient: LiveSite, fault: str) -> None:
    impatient.simulator.fault(call="image", **FAULTS[fault])
    person = impatient.person()
    events = answered(impatient, person, PICTURE, model="gpt-image")
    stored = person.http.get(f"/api/v1/messages/{events[0].data['message']}/").json()

    assert len(impatient.simulator.requests) == len(stored["attempts"]), "unmetered calls"
    if events[-1].name == "done":
        assert fault in UNHURT_MEDIA | {"429, come back soon"}
        assert events[-1].data["image"]
    else:
        assert events[-1].data["code"] in {
            "no_provider_available",
            "provider_error",
            "provider_timeout",
        }


@pytest.fixture(scope="module")
def _embedded(_impatient: LiveSite) -> Iterator[LiveSite]:
    with _impatient.composed_with(**EMBEDDER):
        yield _impatient


@pytest.mark.usefixtures("_embedded")
@pytest.mark.parametrize("fault", FEWER)
def test_of_the_embedder(impatient: LiveSite, fault: str) -> None:
    impatient.simulator.fault(call="embedding", **FAULTS[fault])
    events = answered(impatient, impatient.person(), PROSE)
    asked = [request.call for request in impatient.simulator.requests]

    assert events[-1].name == "done"
    # The question's, and, where that could be had, the answer's for the cache; once those of the rules.
    own = 2 if fault in UNHURT_MEDIA else 1
    assert own <= asked.count("embedding") <= own + 1
    if fault not in UNHURT_MEDIA:
        assert "embedder" in {part["part"] for part in events[-1].data["degraded"]}


@contextmanager
def at_bad_addresses(site: LiveSite, kind: str, *providers: str) -> Iterator[None]:
    changed: dict[str, Any] = dict(EMBEDDER)
    with bad_address(kind, site.simulator.openai_url) as url:
        if "openai" in providers:
            changed["OPENAI_BASE_URL"] = f"{url}/v1"
        if "anthropic" in providers:
            changed["ANTHROPIC_BASE_URL"] = url
        with site.composed_with(**changed):
            yield


@pytest.mark.parametrize("kind", ADDRESSES)
@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt"), ("anthropic", "claude-sonnet")])
def test_of_an_address(impatient: LiveSite, provider: str, model: str, kind: str) -> None:
    with at_bad_addresses(impatient, kind, provider):
        person = impatient.person()
        routed = answered(impatient, person, PROSE)[-1].data
        named = answered(impatient, person, PROSE, model=model)[-1].data
        drawn = answered(impatient, person, PICTURE, model="gpt-image")[-1]

    assert routed["decision"]["provider"] != provider
    assert named["decision"]["fallback"] is True
    assert drawn.name == ("error" if provider == "openai" else "done")


@pytest.mark.parametrize("kind", ["connection refused", "half-closed socket"])
def test_of_all_addresses(impatient: LiveSite, kind: str) -> None:
    with at_bad_addresses(impatient, kind, "openai", "anthropic"):
        failed = answered(impatient, impatient.person(), PROSE)[-1]

    assert failed.name == "error"
    assert failed.data["code"] in {"no_provider_available", "provider_timeout"}
