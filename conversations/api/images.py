"""Pictures: served to their owner, by bearer token or by the session of the site's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from conversations.api.authentication import authenticate_in_thread
from conversations.api.responses import file_type
from conversations.domain.api_keys import Scope
from conversations.domain.errors import NotAuthenticated, NotFound
from conversations.models import GeneratedImage
from conversations.storage import selectors
from conversations.storage.attachments import AttachedPicture, data_url

_SCOPES = (Scope.CHAT, Scope.IMAGES, Scope.CONVERSATIONS)

SIGNED_SECONDS = 24 * 3600
"""Life of a signed address."""


async def image(request: HttpRequest, image: UUID) -> HttpResponseBase:
    """``GET /images/{id}/``: the picture's bytes. Somebody else's is not found."""
    return await sync_to_async(_image)(request, image)


def with_signed_picture(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message object with an address that opens its picture for a day, without a token: front ends
    show pictures by plain addresses."""
    picture = message["image"]
    if not picture:
        return message
    return {**message, "image": {**picture, "url": signed_address(picture["url"])}}


def signed_address(url: str) -> str:
    """The address of a picture, with a signature that opens it for a day."""
    query = urlencode({"signature": _signer().sign(str(picture_id(url))).partition(":")[2]})
    return f"{url}?{query}"


def picture_id(url: str) -> UUID:
    """The id in the address of a picture."""
    return UUID(url.rstrip("/").rpartition("/")[2])


def picture_bytes(*, user: int, image: UUID) -> bytes:
    """A picture's file, for its owner. Raises ``NotFound``."""
    return file_of(selectors.image_get(user=user, image=image))


def stored_picture(*, address: str, user: int) -> str:
    """A picture of this service as a data URL, by its signed address, or for its owner. Raises
    ``NotFound``."""
    path, _, query = address.partition("?")
    try:
        image = picture_id(path)
    except ValueError:
        raise NotFound("There is no such picture.") from None
    signed = _is_signed(image, parse_qs(query).get("signature", [""])[0])
    picture = (
        selectors.image_signed(image=image)
        if signed
        else selectors.image_get(user=user, image=image)
    )
    return data_url(AttachedPicture(picture.media_type, file_of(picture)))


def _is_signed(image: UUID, signature: str) -> bool:
    try:
        _signer().unsign(f"{image}:{signature}", max_age=SIGNED_SECONDS)
    except BadSignature:
        return False
    return True


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="conversations.pictures")


def _image(request: HttpRequest, image: UUID) -> HttpResponseBase:
    if _is_signed(image, request.GET.get("signature", "")):
        picture = selectors.image_signed(image=image)
    else:
        picture = selectors.image_get(user=viewer_of(request), image=image)
    media_type = file_type(request, picture.media_type)
    return picture_response(HttpResponse(file_of(picture), content_type=media_type))


def picture_response(response: HttpResponse) -> HttpResponse:
    """The response with a picture's bytes, with its headers: shown, never run, kept by the browser alone."""
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["Content-Disposition"] = "inline"
    response["Vary"] = "Accept"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def file_of(picture: GeneratedImage) -> bytes:
    """The bytes of a drawn picture. Raises ``NotFound``."""
    try:
        with picture.file.open("rb") as file:
            return bytes(file.read())
    except FileNotFoundError as exc:
        raise NotFound("The picture's file is gone.") from exc


def viewer_of(request: HttpRequest) -> int:
    """The person who asks for a picture, by token or by session. Raises ``NotAuthenticated``."""
    try:
        return authenticate_in_thread(request, *_SCOPES).user
    except NotAuthenticated:
        # A session is the admin's, and worth nothing before its second factor.
        if request.headers.get("Authorization") or not admin.site.has_permission(request):
            raise
        return int(request.user.pk or 0)
