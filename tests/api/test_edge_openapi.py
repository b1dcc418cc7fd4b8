"""The OpenAPI document is true: what the service answers is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from limits import parse

from conversations.api.sse import NAMES
from conversations.bootstrap import container
from tests.live_site import LiveSite, Person

Document = dict[str, Any]
ASK = "/api/v1/messages/"
STORY = "Write a short story about a clockmaker."


@pytest.fixture
def document(site: LiveSite) -> Document:
    """As anybody may fetch it."""
    answer: Document = site.client().get("/api/schema/?format=json").json()
    return answer


def check(document: Document, schema: Document, value: Any) -> None:
    """``value`` fits ``schema``."""
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)] == []


def of(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def told(document: Document, method: str, path: str, response: httpx.Response) -> None:
    """The response is one that the document has for this operation: status, type, headers, body."""
    operation = document["paths"][path][method]["responses"][str(response.status_code)]
    media = response.headers["content-type"].partition(";")[0]
    for header, is_told in operation.get("headers", {}).items():
        if response.status_code >= 400:
            assert header in response.headers
            check(document, is_told["schema"], as_told(response.headers[header]))
    check(document, operation["content"][media]["schema"], response.json())


def as_told(value: str) -> str | int:
    return int(value) if value.isdigit() else value


@pytest.mark.parametrize("name", ["title", "reason", "comment", "correction"])
def test_a_text_that_may_be_blank_is_valid_by_the_document_when_it_is(
    document: Document, name: str
) -> None:
    body = "ConversationRequest" if name == "title" else "FeedbackRequest"
    schema = document["components"]["schemas"][body]["properties"][name]

    for text in ("", " ", "a b"):
        check(document, schema, text)
    assert not Draft202012Validator(schema).is_valid("\x00")


@pytest.mark.django_db
def test_the_document_is_valid_without_a_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


@pytest.mark.django_db
def test_no_schema_has_a_choice_beside_its_properties(document: Document) -> None:
    """Generators of clients drop the properties without a warning (openapi-python-client 0.29.1)."""
    assert [*mixed(document, "")] == []


def mixed(part: Any, path: str) -> Iterator[str]:
    """Where properties stand beside ``anyOf`` or ``oneOf``."""
    if isinstance(part, dict) and "properties" in part and {"anyOf", "oneOf"} & part.keys():
        yield path
    inner = (
        part if isinstance(part, dict) else dict(enumerate(part if isinstance(part, list) else ()))
    )
    for name, each in inner.items():
        yield from mixed(each, f"{path}/{name}")


def test_every_field_of_a_message_is_told(site: LiveSite, document: Document) -> None:
    message = site.person().ask("Tell me about rivers.")
    schemas = document["components"]["schemas"]

    assert set(schemas["Message"]["properties"]) == set(message)
    by_vectors = {"vector"}  # only where they decided
    told = set(message["decision"]) - by_vectors
    assert set(schemas["Decision"]["properties"]) - by_vectors == told
    assert set(schemas["Cache"]["properties"]) == set(message["cache"])
    assert set(schemas["Usage"]["properties"]) == set(message["usage"])
    assert set(schemas["Attempt"]["properties"]) == set(message["attempts"][0])


def test_messages_of_all_kinds_and_lists_are_as_told(site: LiveSite, document: Document) -> None:
    person = site.person()
    first = person.ask("What is the tallest mountain on Earth?")
    conversation = first["conversation"]
    person.ask("What is the tallest mountain on Earth?")
    person.ask("Draw a mountain at dawn", conversation=conversation)
    site.simulator.fault(call="chat", status=500, times=10)
    assert person.post_prompt(STORY, conversation=conversation, model="gpt").status_code == 503
    site.simulator.clear()
    person.http.put(f"{ASK}{first['id']}/feedback/", json={"verdict": "bad", "comment": "No."})
    base = "/api/v1/conversations/"
    here = f"{base}{{conversation}}/"

    for path, template in (
        (base, base),
        (f"{base}?page_size=1", base),
        (f"{base}{conversation}/", here),
        (f"{base}{conversation}/messages/", f"{here}messages/"),
        (f"{base}{conversation}/messages/?page_size=3", f"{here}messages/"),
        (f"{ASK}{first['id']}/", f"{ASK}{{message}}/"),
        ("/readyz", "/readyz"),
        ("/healthz", "/healthz"),
    ):
        told(document, "get", template, person.http.get(path))
    listed = person.http.get(f"{base}{conversation}/messages/").json()["results"]
    assert {(item["role"], item["status"]) for item in listed} == {
        ("user", "complete"), ("assistant", "complete"), ("assistant", "failed")
    }  # fmt: skip
    assert any(item["image"] for item in listed)


def test_every_event_is_as_told(site: LiveSite, document: Document) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", match="clockmaker", call="chat",
                         cut_after=4, times=1)  # fmt: skip
    events = person.stream(STORY, model="gpt")
    site.simulator.fault(call="chat", status=500, times=10)
    events += person.stream("Write a limerick about a tortoise.", model="gpt")
    operation = document["paths"][ASK]["post"]["responses"]["200"]["content"]
    schemas = operation["text/event-stream"]["x-events"]

    assert set(schemas) == set(NAMES.values())
    # Answers to a caller's own chat alone have the others: tests/openai.
    assert {event.name for event in events} == set(schemas) - {"thought", "logprobs", "tool_call"}
    for event in events:
        check(document, schemas[event.name], event.data)


def test_sign_in_feedback_and_new_conversations_are_as_told(
    site: LiveSite, document: Document
) -> None:
    person = site.person()
    answer = person.ask("Tell me about lakes.")
    path = f"{ASK}{answer['id']}/feedback/"
    for verdict in ("good", "bad"):
        response = person.http.put(path, json={"verdict": verdict})
        told(document, "put", f"{ASK}{{message}}/feedback/", response)
    response = person.http.post("/api/v1/conversations/", json={})
    told(document, "post", "/api/v1/conversations/", response)
    wrong = {"username": person.user.username, "password": "wrong"}
    response = site.client().post("/api/v1/auth/token/", json=wrong)
    told(document, "post", "/api/v1/auth/token/", response)


def refusals(site: LiveSite, person: Person) -> dict[int, httpx.Response]:
    """An ask that is refused in each way, by status."""
    key = {"Idempotency-Key": "once"}
    person.post_prompt("Tell me about tides.", headers=key)
    plain = {"Content-Type": "text/plain"}
    answers = [
        person.post_prompt(""),
        site.client().post(ASK, json={"content": "Hello"}),
        person.post_prompt("Hello", accept="image/png"),
        person.post_prompt("x" * 32_001),
        person.http.post(ASK, content="Hello", headers=plain),
        person.post_prompt("Tell me about dunes.", headers=key),
    ]
    site.simulator.fault(call="chat", error="context_length", times=10)
    answers.append(person.post_prompt(STORY))
    site.simulator.clear()
    site.simulator.fault(call="chat", status=500, times=10)
    answers.append(person.post_prompt(STORY))
    return {answer.status_code: answer for answer in answers}


def test_each_refusal_of_an_ask_is_as_told(
    site: LiveSite, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = site.person()
    answers = refusals(site, person)
    monkeypatch.setitem(container().rate_limits.rates, "ask", parse("1/minute"))
    other = site.person()
    other.post_prompt("Hello", model="nobody")
    answers[429] = other.post_prompt("Hello")

    assert set(answers) == {400, 401, 406, 413, 415, 422, 429, 502, 503}
    for answer in answers.values():
        told(document, "post", ASK, answer)
