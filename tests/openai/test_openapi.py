"""The OpenAPI document has each operation of ``/v1/``, and what is answered is what it says."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from conversations.api.openai.response_items import ID_PREFIXES
from conversations.api.openai.urls import urlpatterns
from tests.api.test_edge_openapi import Document, check, of, told
from tests.live_site import LiveSite

COMPLETIONS = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Tell me about rivers."}]


@pytest.fixture
def document(site: LiveSite) -> Document:
    """As anybody may fetch it."""
    answer: Document = site.client().get("/api/schema/?format=json").json()
    return answer


def test_every_route_of_v1_is_told_with_its_methods(document: Document) -> None:
    routes: dict[str, set[str]] = {}
    for pattern in urlpatterns:
        path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", str(pattern.pattern))
        path = "/v1/" + path.removeprefix("^").removesuffix("$").removesuffix("/?")
        view: Any = pattern.callback
        routes[path] = {method.lower() for method in view.native_methods}

    assert routes == {
        path: set(operations)
        for path, operations in document["paths"].items()
        if path.startswith("/v1/")
    }


def test_every_type_of_item_is_told(document: Document) -> None:
    item = document["components"]["schemas"]["ResponseItem"]
    assert set(item["properties"]["type"]["enum"]) == ID_PREFIXES.keys()


def test_answers_and_errors_are_as_told(site: LiveSite, document: Document) -> None:
    person = site.person()
    for path, template in (
        ("/v1/models", "/v1/models"),
        ("/v1/models/assistant", "/v1/models/{model}"),
        ("/v1/models/no-such", "/v1/models/{model}"),
    ):
        told(document, "get", template, person.http.get(path))
    for body, status in (
        ({"model": "assistant", "messages": HELLO}, 200),
        ({"model": "assistant"}, 400),
        ({"model": "no-such", "messages": HELLO}, 404),
    ):
        response = person.http.post(COMPLETIONS, json=body)
        assert response.status_code == status, response.text
        told(document, "post", COMPLETIONS, response)
    told(document, "post", COMPLETIONS, site.client().post(COMPLETIONS, json={}))


def test_chunks_are_as_told(site: LiveSite, document: Document) -> None:
    body = {"model": "assistant", "messages": HELLO, "stream": True}
    response: httpx.Response = site.person().http.post(COMPLETIONS, json=body)
    *chunks, last = re.findall(r"data: (.*)", response.text)

    assert chunks
    assert last == "[DONE]"
    for chunk in chunks:
        check(document, of("CompletionChunk"), json.loads(chunk))


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"n": 1, "store": True, "tools": []}, True),
        ({"n": 2}, False),
        ({"temperature": 3}, False),
        ({"temperature": None}, True),
        ({"no_such": 1}, False),
        ({"seed": 2**63}, False),
        ({"seed": -(2**63)}, True),
        ({"seed": -(2**63) - 1}, False),
        ({"seed": -1.0}, True),
        ({"seed": 1.5}, False),
        ({"tools": [{"type": "function", "function": {"name": "a", "parameters": {}}}]}, True),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]}, True),
        ({"messages": [{"role": "nobody", "content": "Hello"}]}, False),
    ],
)
def test_bodies_that_fit_the_document_are_those_that_are_taken(
    site: LiveSite, document: Document, fields: dict[str, Any], fits: bool
) -> None:
    body = {"model": "assistant", "messages": HELLO, **fields}
    response = site.person().http.post(COMPLETIONS, json=body)

    assert (response.status_code == 200) is fits, response.text
    if fits:
        check(document, of("CompletionRequest"), body)
    else:
        with pytest.raises(AssertionError):
            check(document, of("CompletionRequest"), body)


@pytest.mark.parametrize(
    ("item", "fits"),
    [
        ({"role": "user", "content": "Hi"}, True),
        ({"role": "user", "content": "Hi", "type": None}, True),
        ({"id": "msg_1"}, True),
        ({"role": "user", "content": "Hi", "type": "item_reference"}, False),
        ({"call_id": "a", "output": "b"}, False),
        ({"role": "user"}, False),
    ],
)
def test_items_may_leave_their_type_out_where_it_is_clear(
    document: Document, item: dict[str, Any], fits: bool
) -> None:
    body = {"model": "assistant", "input": [item]}
    if fits:
        check(document, of("ResponseRequest"), body)
    else:
        with pytest.raises(AssertionError):
            check(document, of("ResponseRequest"), body)


def test_responses_are_as_told(site: LiveSite, document: Document) -> None:
    http, path = site.person().http, "/v1/responses"
    body = {"model": "gpt-mini", "input": "Tell me about rivers.", "metadata": {"note": "x"}}
    created = http.post(path, json=body)
    streamed = http.post(path, json=body | {"stream": True})
    one = f"{path}/{created.json()['id']}"
    check(document, of("ResponseRequest"), body)
    told(document, "post", path, created)
    told(document, "post", path, http.post(path, json={"model": "gpt-mini"}))
    told(document, "get", path + "/{response}", http.get(one))
    told(document, "get", path + "/{response}/input_items", http.get(one + "/input_items"))
    told(document, "post", path + "/{response}/cancel", http.post(one + "/cancel"))
    told(document, "delete", path + "/{response}", http.delete(one))
    told(document, "get", path + "/{response}", http.get(one))

    for event in re.findall(r"data: (.*)", streamed.text):
        check(document, of("ResponseStreamEvent"), json.loads(event))
