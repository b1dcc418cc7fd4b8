"""Reading a request: its person (by bearer token), its body and its headers.

Bearer tokens (RFC 6750) are checked by signature alone here. ``authentication`` asks the database for
their person, and so does the transaction that begins an answer.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import get_language
from rest_framework_simplejwt.exceptions import TokenError

from conversations.api.claims import MAX_TOKEN, StrictAccessToken
from conversations.domain.api_keys import PREFIX, ROUTED, Caller, key_digest
from conversations.domain.errors import (
    BadRequest,
    MalformedJSON,
    NotAcceptable,
    NotAuthenticated,
    TokenNotValid,
    UnsupportedMediaType,
)
from conversations.runs.joining import RequestKey, request_key
from conversations.storage.turns import IdempotencyClaim
from routing.common.translatable import Translatable, counted
from routing.domain.errors import FieldFault, PromptTooLong

STREAM, OBJECT = "text/event-stream", "application/json"
MAX_KEY, MAX_END_USER = 255, 512
_NOT_VALID = Translatable("The token is malformed or has expired.")


class Shape(Enum):
    """The shapes of an answer that the client accepts."""

    STREAM = "stream"
    OBJECT = "object"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came in: for URLs, logs and traces, and the language of its reader."""

    site: str
    request_id: str
    trace_id: str
    language: str = "en"


def origin_of(request: HttpRequest) -> Origin:
    """The site as the client sees it (``PUBLIC_URL`` wins) and the request's ids."""
    site = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
    return Origin(
        site=site,
        request_id=request.META.get("assistant.request_id", ""),
        trace_id=request.META.get("assistant.trace_id", ""),
        language=get_language() or "en",
    )


def bearer_token(authorization: str) -> str:
    """The token of an ``Authorization`` header. Raises ``NotAuthenticated``."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send a token: Authorization: Bearer <access token or API key>.")
    return token.strip()


def check_bearer(authorization: str) -> None:
    """Check a header as far as it goes without a database: a signature, or a key's checksum. Raises
    ``NotAuthenticated``."""
    token = bearer_token(authorization)
    if token.startswith(PREFIX):
        key_digest(token)
    else:
        bearer_user(token)


def bearer_user(token: str) -> int:
    """The primary key of an access token's person, who may be gone. Raises ``TokenNotValid``."""
    if len(token) > MAX_TOKEN:
        raise TokenNotValid(_NOT_VALID)
    try:
        user, expires = _verified(token)
    except TokenError as exc:
        raise TokenNotValid(_NOT_VALID) from exc
    # Asked each time: only the signature's result is remembered.
    if expires <= time.time():
        raise TokenNotValid(_NOT_VALID)
    return user


@lru_cache(maxsize=4096)
def _verified(token: str) -> tuple[int, float]:
    """The person's key and the Unix time of expiry. A signature that was right once stays right."""
    claims = StrictAccessToken(token)
    return claims.user, float(claims["exp"])


def accepted_shape(header: str) -> Shape:
    """Which shape ``Accept`` asks for (RFC 9110, 12.5.1). Raises ``NotAcceptable``."""
    if not header.strip():
        return Shape.EITHER
    wanted = dict(_media_range(part) for part in header.split(","))
    stream, json = _quality(wanted, STREAM) > 0, _quality(wanted, OBJECT) > 0
    if stream and json:
        return Shape.EITHER
    if stream:
        return Shape.STREAM
    if json:
        return Shape.OBJECT
    raise NotAcceptable(
        Translatable("This answer comes as {stream} or {object}.", stream=STREAM, object=OBJECT)
    )


def _media_range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((given[2:] for given in parameters if given.startswith("q=")), "1")
    try:
        return media, float(weight)
    except ValueError:
        return media, 0.0


def media_type(header: str) -> str:
    """A ``Content-Type`` without its parameters, which nothing here depends on."""
    return header.partition(";")[0].strip().lower()


def _quality(wanted: dict[str, float], media: str) -> float:
    """The quality of the most specific range that matches."""
    for media_range in (media, media.partition("/")[0] + "/*", "*/*"):
        if media_range in wanted:
            return wanted[media_range]
    return 0.0


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object; fields that nobody reads are left to later versions. Raises
    ``UnsupportedMediaType``, ``MalformedJSON``, ``BadRequest``."""
    if media_type(request.headers.get("Content-Type", "")) != OBJECT:
        raise UnsupportedMediaType(Translatable("Send {type}.", type=OBJECT))
    try:
        body = json_body(request.body)
    except RequestDataTooBig as exc:
        raise too_long_prompt() from exc
    if not isinstance(body, dict):
        raise field_fault("body", "wrong_type", "Must be a JSON object.")
    return body


def too_long_prompt() -> PromptTooLong:
    """The error of a body that is too large for any prompt."""
    detail = Translatable("At most {most} characters are taken.", most=settings.PROMPT_MAX_CHARS)
    return PromptTooLong(FieldFault("content", "prompt_too_long", detail))


def json_body(body: bytes) -> Any:
    """A body as JSON. Raises ``MalformedJSON``."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedJSON("The body is not valid JSON in UTF-8.") from exc


def optional_text(body: dict[str, Any], field: str, *, max_length: int) -> str:
    """A string field that may be missing or null, but not empty. Raises ``BadRequest``."""
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise field_fault(field, "wrong_type", "Must be a string.")
    if not value.strip():
        raise field_fault(field, "blank", "Must not be empty.")
    if len(value) > max_length:
        raise field_fault(field, "too_long", _at_most(max_length))
    return value


def named_model(body: dict[str, Any]) -> str:
    """The published model that a body asks for; empty where the rules choose, by no name or by their own. Raises
    ``BadRequest``."""
    name = optional_text(body, "model", max_length=96)
    return "" if name == ROUTED else name


def idempotency_claim(request: HttpRequest, body: dict[str, Any]) -> IdempotencyClaim | None:
    """The ``Idempotency-Key`` header with a digest of what it was sent with: path and body."""
    key = _own_key(request).strip('"')
    if not key:
        return None
    sent = orjson.dumps([request.path, body], option=orjson.OPT_SORT_KEYS)
    return IdempotencyClaim(key, hashlib.sha256(sent).hexdigest())


def _own_key(request: HttpRequest) -> str:
    # With quotation marks and spaces that are cut off: the document bounds the header.
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY:
        raise field_fault("Idempotency-Key", "too_long", _at_most(MAX_KEY))
    return key.strip()


def end_user_of(request: HttpRequest, caller: Caller, *named: str | None) -> str:
    """The caller's name of its own user: the first of those ``named`` in the body, else Open WebUI's header.
    Empty where the key is not trusted to tell its users apart."""
    return named_user(request, *named) if caller.grant and caller.grant.end_users else ""


def named_user(request: HttpRequest, *named: str | None) -> str:
    """The same, trusted or not. PostgreSQL stores no U+0000: another character stands in its place."""
    header = request.headers.get("X-OpenWebUI-User-Id", "")[:MAX_END_USER]
    name = next((name for name in (*named, header) if name), "")
    return name.replace("\0", "\ufffd")


def joining_key(request: HttpRequest, caller: Caller, body: bytes) -> RequestKey:
    """The name by which a retry joins its first try: another API key, or another end user of a trusted one,
    has names of its own. Raises ``BadRequest``."""
    own = _own_key(request)
    retried = request.headers.get("x-stainless-retry-count", "0").strip() not in {"", "0"}
    # The names of end users in the body are part of its digest.
    asker = (str(caller.user), str(caller.grant and caller.grant.key), end_user_of(request, caller))
    return request_key((*asker, request.path), body, own=own, retried=retried)


def event_position(request: HttpRequest) -> int:
    """The event after which a stream goes on: ``Last-Event-ID``, else ``?after=``, else 0. Raises
    ``BadRequest`` for either."""
    given = {
        "Last-Event-ID": request.headers.get("Last-Event-ID"),
        "after": request.GET.get("after"),
    }
    positions = [_position(field, value) for field, value in given.items() if value is not None]
    return positions[0] if positions else 0


def _position(field: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 12):
        raise field_fault(field, "invalid", "Must be the number of an event.")
    return int(value)


def field_fault(field: str, code: str, detail: str) -> BadRequest:
    """The error of one field, to be raised."""
    text = Translatable("{field}: {detail}", field=field, detail=Translatable.of(detail))
    return BadRequest(text, FieldFault(field, code, detail))


def _at_most(characters: int) -> Translatable:
    return counted("At most {count} character.", "At most {count} characters.", count=characters)
