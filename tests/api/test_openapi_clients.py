"""What generators of clients and people in Swagger UI need of the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from tests.api.test_edge_openapi import Document, document  # noqa: F401 - a fixture
from tests.live_site import PASSWORD, LiveSite, Person

Operation = tuple[str, str, dict[str, Any]]
MADE_UP = re.compile(r"^v\d|_(retrieve|destroy|partial_update|list)$")
"""Ids that the framework makes of paths."""
ENDS = "erase_me", "refresh_tokens", "sign_out"
"""Operations that end something, or need what another one gave."""


def operations(document: Document) -> Iterator[Operation]:  # noqa: F811
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_each_operation_has_a_name_a_summary_and_a_known_tag(document: Document) -> None:  # noqa: F811
    declared: Any = settings.SPECTACULAR_SETTINGS
    tags = {tag["name"] for tag in declared["TAGS"]}
    ids = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(ids)) == len(ids)
    assert document["servers"]
    assert {tag["name"] for tag in document["tags"]} == tags
    for _, path, operation in operations(document):
        assert not MADE_UP.search(operation["operationId"]), path
        assert operation["summary"].endswith("."), path
        assert len(operation["summary"]) < 90, path
        assert set(operation["tags"]) <= tags, path


def test_no_schema_is_one_that_generators_leave_out(document: Document) -> None:  # noqa: F811
    for name, schema in document["components"]["schemas"].items():
        for part in walk(schema):
            assert not ("allOf" in part and "const" in str(part)), name
            assert "$defs" not in part, name
            assert "/$defs/" not in part.get("$ref", ""), name
            kinds = {type(value) for value in part.get("enum", ())}
            assert bool not in kinds, name


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if not isinstance(schema.get("properties"), str):
            yield schema
        for each in schema.values():
            yield from walk(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from walk(each)


def test_each_body_has_an_example(document: Document) -> None:  # noqa: F811
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]
            assert "example" in body, f"{method} {path}"


@pytest.fixture
def places(site: LiveSite) -> dict[str, str]:
    """Of the ids in paths, those of a staff member's own things; ``token`` signs in."""
    person = site.person(User.objects.create_user("swagger", password=PASSWORD, is_staff=True))
    answer = person.ask("Tell me about rivers.")
    key = person.http.post("/api/v1/keys/", json={"name": "first"}).json()
    token = person.http.headers["Authorization"]
    return {"message": answer["id"], "conversation": answer["conversation"],
            "api_key": key["id"], "token": token}  # fmt: skip


def test_each_example_succeeds(
    site: LiveSite,
    document: Document,  # noqa: F811
    places: dict[str, str],
) -> None:
    client = site.client(Authorization=places["token"])
    for method, path, operation in operations(document):
        if "requestBody" not in operation or operation["operationId"] in ENDS:
            continue
        body = operation["requestBody"]["content"]["application/json"]["example"]
        if operation["operationId"] == "sign_in":
            body = {"username": "swagger", "password": PASSWORD}
        answer = client.request(method, path.format(**places), json=body)
        assert answer.status_code in {200, 201}, f"{path}: {answer.text}"


def test_files_come_as_plain_bytes_where_that_alone_is_accepted(site: LiveSite) -> None:
    person: Person = site.person()
    address = person.ask("Draw a lighthouse at dawn")["image"]["url"]
    plain = {"Accept": "application/octet-stream"}

    assert person.http.get(address).headers["content-type"].startswith("image/")
    for path in (address, "/api/v1/me/export/"):
        answer = person.http.get(path, headers=plain)
        assert answer.headers["content-type"] == "application/octet-stream"
