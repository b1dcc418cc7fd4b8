"""What a group allows holds on every path that answers, and is told by none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from conversations.models import GroupPolicy
from routing.domain.rules import CachePolicy
from routing.models import Rule
from routing.publishing.services import ruleset_publish
from tests.groups.conftest import MakeGroup, program_of, read_groups_anew
from tests.live_site import LiveSite

CODE = "Write a Python function that merges two sorted lists."
SMALL = {"allowed_models": ["gpt-mini"]}
LARGE = "claude-sonnet"


def chat(model: str, prompt: str = "Why is the sky blue?", **body: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **body}


ENTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", chat(LARGE)),
    "stream": ("/v1/chat/completions", chat(LARGE, stream=True)),
    "response": ("/v1/responses", {"model": LARGE, "input": "Why?"}),
    "picture": ("/v1/images/generations", {"model": "gpt-image", "prompt": "A boat."}),
    "any picture": ("/v1/images/generations", {"prompt": "A boat."}),
    "vector": ("/v1/embeddings", {"model": "all-minilm-l6-v2-int8", "input": "Why?"}),
    "any vector": ("/v1/embeddings", {"model": "assistant", "input": "Why?"}),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_forbidden_model_is_an_unknown_one(site: LiveSite, group: MakeGroup, entry: str) -> None:
    person, (path, body) = site.person(), ENTRIES[entry]
    group(person, **SMALL)
    http = program_of(site, person)
    before = len(site.simulator.requests)

    forbidden = http.post(path, json=body)
    unknown = http.post(path, json={**body, "model": "nobodys"})

    assert forbidden.status_code == unknown.status_code == 404, forbidden.text
    told, of_unknown = forbidden.json()["error"], unknown.json()["error"]
    name = body.get("model", "")
    if "any" not in entry:
        assert {**told, "message": told["message"].replace(name, "nobodys")} == of_unknown
    assert len(site.simulator.requests) == before


def test_own_paths_know_no_forbidden_model(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    asked = person.ask("Why is grass green?")
    group(person, **SMALL)
    parts = [{"type": "text", "text": "Why?"}]
    message = {"id": "1", "role": "user", "parts": parts}
    calls: dict[str, dict[str, Any]] = {
        "/api/v1/messages/": {"content": "Why?"},
        f"/api/v1/messages/{asked['id']}/regenerate/": {},
        "/api/chat": {"id": "chat-of-a-group", "messages": [message]},
    }
    for path, body in calls.items():
        answers = [person.http.post(path, json={**body, "model": name}) for name in (LARGE, "x")]
        assert [answer.status_code for answer in answers] == [400, 400], answers[0].text
        assert answers[0].json()["errors"] == answers[1].json()["errors"]
    path, shape = f"/api/v1/messages/{asked['id']}/regenerate/", {"Accept": "application/json"}
    again = person.http.post(path, json={}, headers=shape)
    assert again.json()["decision"]["model"] == "gpt-mini"


def test_lists_of_models_have_what_is_allowed(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    group(person, **SMALL)
    http = program_of(site, person)

    shown = [model["id"] for model in person.http.get("/v1/models").json()["data"]]
    assert shown == ["assistant", "gpt-mini"]
    assert http.get("/v1/models").json()["data"][0]["id"] == "assistant"
    refused = [http.get(f"/v1/models/{name}") for name in (LARGE, "x")]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[0].text.replace(LARGE, "x") == refused[1].text


def test_routed_prompts_and_fallbacks_stay_with_the_allowed_models(
    site: LiveSite, group: MakeGroup
) -> None:
    person = site.person()
    group(person, **SMALL)
    http = program_of(site, person)

    code = person.ask(CODE)["decision"]
    assert (code["rule"], code["model"]) == ("general", "gpt-mini")
    site.simulator.fault(call="chat", status=503, times=20)
    before = len(site.simulator.requests)
    failed = http.post("/v1/chat/completions", json=chat("assistant", "Tell me of storms."))
    asked = [each for each in site.simulator.requests[before:] if each.call == "chat"]
    assert failed.status_code == 503, failed.text
    assert {each.body["model"] for each in asked} == {"gpt-5.4-mini"}


def test_staff_are_as_everybody(site: LiveSite, group: MakeGroup) -> None:
    person = site.person(site.user(is_staff=True, is_superuser=True))
    group(person, **SMALL)
    assert person.ask(CODE)["decision"]["model"] == "gpt-mini"


def test_groups_add_up_and_those_without_a_list_give_nothing(
    site: LiveSite, group: MakeGroup
) -> None:
    person = site.person()
    group(person, **SMALL)
    group(person, key_days=3)

    def models() -> set[str]:
        shown = person.http.get("/v1/models").json()["data"]
        return {model["id"] for model in shown} - {"assistant"}

    assert models() == {"gpt-mini"}
    group(person, allowed_models=[LARGE])
    assert models() == {"gpt-mini", LARGE}


@pytest.fixture
def lawyers(site: LiveSite) -> Iterator[Group]:
    """The group that alone is given the rule “code”, whose answers may be shared as all others."""
    made = Group.objects.create(name="Group of lawyers")
    Rule.objects.filter(name="code").update(groups=[made.name])
    Rule.objects.exclude(action="image").update(cache=CachePolicy.SHARED)
    ruleset_publish(by=None)
    yield made
    made.delete()
    site.publish_defaults()


def test_a_rule_for_a_group_is_offered_to_its_members_alone(site: LiveSite, lawyers: Group) -> None:
    member, other = site.person(), site.person()
    member.user.groups.add(lawyers)
    read_groups_anew()

    assert member.ask(CODE)["decision"]["rule"] == "code"
    before = len(site.simulator.requests)
    assert other.ask(CODE)["decision"]["rule"] != "code"
    classified = [each for each in site.simulator.requests[before:] if each.call == "classify"]
    assert classified, "the member's answer was served"
    assert all('"code"' not in str(each.body) for each in classified)


def test_stored_answers_stay_within_equal_rights(
    site: LiveSite, lawyers: Group, group: MakeGroup
) -> None:
    question = "Explain how a merge sort works, with a program in Python."
    first, equal, restricted = site.person(), site.person(), site.person()
    for person in (first, equal):
        person.user.groups.add(lawyers)
    group(restricted, **SMALL)
    made = first.ask(question)
    assert made["decision"]["rule"] == "code"

    def outcome(person: Any) -> str:
        return str(person.ask(question)["cache"]["outcome"])

    deadline = time.monotonic() + 10
    while outcome(equal) not in {"exact", "semantic"} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert outcome(equal) in {"exact", "semantic"}
    answered = restricted.ask(question)
    assert answered["cache"]["outcome"] == "miss"
    assert answered["decision"]["model"] == "gpt-mini"


def test_a_change_holds_within_a_second(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    made = group(person, **SMALL)
    http = program_of(site, person)

    def waited(status: int) -> httpx.Response:
        deadline = time.monotonic() + 10
        while True:
            answer = http.post("/v1/chat/completions", json=chat(LARGE))
            if answer.status_code == status or time.monotonic() > deadline:
                return answer
            time.sleep(0.05)

    assert waited(404).status_code == 404
    GroupPolicy.objects.get(group=made).delete()
    assert waited(200).status_code == 200
    GroupPolicy.objects.create(group=made, **SMALL)
    assert waited(404).status_code == 404
    person.user.groups.clear()
    assert waited(200).status_code == 200
