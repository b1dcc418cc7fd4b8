"""A person's own account: its erasure, and the export of all that is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from copy import copy
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from conversations.adapters.background.erasure import AT_ONCE_SECONDS, erase
from conversations.api.authentication import authenticate_person
from conversations.api.requests import field_fault, json_object, optional_text, origin_of
from conversations.api.responses import file_type, json_response
from conversations.api.tokens import MAX_NAME, MAX_PASSWORD, require_unlocked
from conversations.bootstrap import container
from conversations.db.access import in_database
from conversations.domain.errors import NotConfirmed
from conversations.storage.audit import audit
from conversations.storage.export import PAGE, export_page, export_tables

NDJSON = "application/x-ndjson"
CACHED = "cached question"
"""The kind of an entry of the answer cache that no stored message has."""


async def read_me(request: HttpRequest) -> HttpResponseBase:
    """``GET /me/``: the name of the account, and whether it may enter the admin."""
    user = await authenticate_person(request)
    person = await in_database(User.objects.get, pk=user)
    return json_response({"username": person.username, "is_staff": person.is_staff})


async def erase_me(request: HttpRequest) -> HttpResponseBase:
    """``DELETE /me/``: erase the account. 204 when all is gone, 202 when the rest follows."""
    user = await authenticate_person(request)
    body = json_object(request)
    # As a sign-in: it tells whether a password is right.
    await container().rate_limits.hit("sign-in", request.META.get("REMOTE_ADDR", ""))
    await sync_to_async(_confirm)(request, user, body)
    done = await sync_to_async(erase)(user, seconds=AT_ONCE_SECONDS)
    return HttpResponse(status=204) if done else json_response({"status": "erasing"}, status=202)


def _confirm(request: HttpRequest, user: int, body: dict[str, Any]) -> None:
    """Raises ``NotConfirmed`` unless the body has the account's password, or its name where it has no
    password."""
    password = optional_text(body, "password", max_length=MAX_PASSWORD)
    name = optional_text(body, "confirm", max_length=MAX_NAME)
    if not (password or name):
        raise field_fault("password", "required", "Send the account's password.")
    person = User.objects.get(pk=user)
    if not (settings.PASSWORD_SIGN_IN and person.has_usable_password()):
        if name != person.username:
            raise NotConfirmed("The account has no password: confirm with its user name.")
        return
    confirm_password(request, person, password)


def confirm_password(request: HttpRequest, person: User, password: str) -> None:
    """Raises ``NotConfirmed`` unless it is the person's password, and ``SignInLocked`` after too many tries."""
    # A copy: the lock's middleware would put its own page in the place of the answer.
    attempt = copy(request)
    if authenticate(attempt, username=person.username, password=password) is None:
        require_unlocked(attempt)
        raise NotConfirmed("This is not the account's password.")


async def export_me(request: HttpRequest) -> HttpResponseBase:
    """``GET /me/export/``: a JSON object a line, with its ``kind``; the last one is ``end``."""
    user, origin = await authenticate_person(request), origin_of(request)
    await container().rate_limits.hit("export", str(user))
    # Before the first line, for a status: without Redis the export would not be whole.
    entries = await container().chat_entries.ids(user)
    await sync_to_async(audit)("account.exported", person=user)
    lines = _lines(user, origin.site, entries)
    response = StreamingHttpResponse(lines, content_type=file_type(request, NDJSON))
    response["Content-Disposition"] = 'attachment; filename="export.ndjson"'
    response["Cache-Control"] = "no-store"
    return response


async def _lines(user: int, site: str, entries: Sequence[str]) -> AsyncGenerator[bytes, None]:
    counts: Counter[str] = Counter()
    for rows in export_tables(user):
        after: Any = None
        while True:
            page, after = await in_database(export_page, rows, after=after, origin=site)
            counts.update(row["kind"] for row in page)
            yield b"".join(map(_line, page))
            if after is None:
                break
    for start in range(0, len(entries), PAGE):
        found = await container().chat_entries.read(entries[start : start + PAGE])
        counts.update({CACHED: len(found)} if found else {})
        yield b"".join(_line({"kind": CACHED, "data": one}) for one in found)
    yield _line({"kind": "end", "data": counts})


def _line(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
