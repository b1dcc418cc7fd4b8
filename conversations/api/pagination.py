"""Cursor pagination that refuses cursors of another maker."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from conversations.api.requests import field_fault

Schema = dict[str, Any]

CURSOR = re.compile(r"^(last|[fr]-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")

_LINK: Schema = {"type": ["string", "null"], "format": "uri"}


class Pages(CursorPagination):
    """Cursor pages over ids: stable while rows are added."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """``?page_size=``, at most ``max_page_size``. Raises ``BadRequest``."""
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) <= 9 and int(given)):
            raise field_fault("page_size", "invalid", "Must be a whole number from 1.")
        return min(int(given), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """``?cursor=``, as it came in a page's links. Raises ``BadRequest``."""
        given = request.query_params.get("cursor")
        if given is None:
            return None
        try:
            return self._last() if given == "last" else _cursor(given)
        except (ValueError, KeyError) as exc:
            raise field_fault("cursor", "invalid", "Must come from a page's links.") from exc

    def _last(self) -> Cursor:
        """Backwards from beyond the end."""
        descends = self.ordering[0].startswith("-")
        beyond = UUID(int=0 if descends else 2**128 - 1)
        return Cursor(offset=0, reverse=True, position=str(beyond))  # type: ignore[arg-type]

    def encode_cursor(self, cursor: Cursor) -> str:
        """The link of a page: ``r`` reads backwards, and the id is where it begins."""
        value = f"{'r' if cursor.reverse else 'f'}-{cursor.position}"
        return str(replace_query_param(self.base_url or "", self.cursor_query_param, value))

    def get_paginated_response_schema(self, schema: Schema) -> Schema:
        """A page, in OpenAPI 3.1."""
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": _LINK, "previous": _LINK, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[Schema]:
        """The query's parameters, in OpenAPI 3.1."""
        size = {"type": "integer", "minimum": 1, "maximum": 10**9 - 1, "default": self.page_size}
        return [
            {"name": "cursor", "in": "query", "required": False,
             "schema": {"type": "string", "pattern": CURSOR.pattern},
             "description": "From `next` or `previous` of another page; `last`: the last page."},
            {"name": "page_size", "in": "query", "required": False, "schema": size,
             "description": f"More than {self.max_page_size} count as {self.max_page_size}."},
        ]  # fmt: skip


class NewestFirst(Pages):
    """UUIDv7 sorts by time."""

    ordering = "-id"


class OldestFirst(Pages):
    """UUIDv7 sorts by time."""

    ordering = "id"
    page_size = 50


def _cursor(given: str) -> Cursor:
    """Raises ``ValueError`` or ``KeyError``. Offsets are never needed: ids are unique."""
    if CURSOR.fullmatch(given):
        return Cursor(offset=0, reverse=given[0] == "r", position=given[2:])  # type: ignore[arg-type]
    # As pages of earlier versions wrote it.
    text = b64decode(given, validate=True).decode("ascii")
    fields = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    reverse = {"0": False, "1": True}[fields.pop("r", "0")]
    position = str(UUID(fields.pop("p")))
    if fields:
        raise ValueError(text)
    return Cursor(offset=0, reverse=reverse, position=position)  # type: ignore[arg-type]
