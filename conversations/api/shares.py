"""Sharing: a person makes and revokes a read-only link; any holder of the link reads the conversation by it.

The link is ``/shared/#<token>``. The part behind ``#`` is sent to no server: the page sends the token as a
header, so that it is in no address, no log and no ``Referer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from conversations.api.authentication import authenticate_in_thread
from conversations.api.images import file_of, picture_response
from conversations.api.requests import origin_of
from conversations.api.responses import file_type, json_response
from conversations.domain.api_keys import Scope
from conversations.models import Message, SharedConversation
from conversations.storage import shares
from conversations.storage.representations import (
    attachment_objects,
    image_of,
    rfc3339,
)

TOKEN_HEADER = "X-Share-Token"  # noqa: S105 - the name of a header
MAX_LISTED = 1_000
"""Links of one person that are listed, newest first."""


def create(request: HttpRequest, conversation: UUID) -> HttpResponseBase:
    """``POST /conversations/{id}/share/``: a new link, in place of an earlier one."""
    caller = authenticate_in_thread(request, Scope.CONVERSATIONS)
    share, token = shares.share_create(user=caller.user, conversation=conversation)
    url = f"{origin_of(request).site}/shared/#{token}"
    return json_response({**_share(share), "url": url}, status=201)


def read(request: HttpRequest, conversation: UUID) -> HttpResponseBase:
    """``GET /conversations/{id}/share/``: the living link, without its token."""
    caller = authenticate_in_thread(request, Scope.CONVERSATIONS)
    return json_response(_share(shares.share_get(user=caller.user, conversation=conversation)))


def revoke(request: HttpRequest, conversation: UUID) -> HttpResponseBase:
    """``DELETE /conversations/{id}/share/``: the link shows nothing from now on."""
    caller = authenticate_in_thread(request, Scope.CONVERSATIONS)
    shares.share_revoke(user=caller.user, conversation=conversation)
    return HttpResponse(status=204)


def listed(request: HttpRequest) -> HttpResponseBase:
    """``GET /shares/``: the living links of a person, newest first."""
    caller = authenticate_in_thread(request, Scope.CONVERSATIONS)
    found = shares.shares_of(user=caller.user).order_by("-id")[:MAX_LISTED]
    return json_response({"results": [_share(each) for each in found]})


def _share(share: SharedConversation) -> dict[str, Any]:
    return {
        "conversation": str(share.conversation_id),
        "title": share.title,
        "messages": len(share.messages),
        "created_at": rfc3339(share.created_at),
    }


def shared(request: HttpRequest) -> HttpResponseBase:
    """``GET /shared/``: the conversation of a link, for its holder."""
    share = _opened(request)
    messages = [_message(each) for each in shares.shared_messages(share)]
    response = json_response(
        {"title": share.title, "created_at": rfc3339(share.created_at), "messages": messages}
    )
    return _unlisted(response)


def shared_image(request: HttpRequest, message: UUID) -> HttpResponseBase:
    """``GET /shared/{message}/image/``: the picture of a shared answer."""
    picture = shares.shared_image(_opened(request), message)
    response = HttpResponse(file_of(picture), content_type=file_type(request, picture.media_type))
    return _unlisted(picture_response(response))


def shared_attachment(request: HttpRequest, message: UUID, number: int) -> HttpResponseBase:
    """``GET /shared/{message}/attachments/{number}/``: a picture of a shared prompt."""
    picture = shares.shared_attachment(_opened(request), message, number)
    response = HttpResponse(picture.data, content_type=file_type(request, picture.media_type))
    return _unlisted(picture_response(response))


def _opened(request: HttpRequest) -> SharedConversation:
    return shares.share_of_token(request.headers.get(TOKEN_HEADER, ""))


def _unlisted(response: HttpResponse) -> HttpResponse:
    """The response with the headers of a page that is found by its link alone, and only while that lives."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _message(message: Message) -> Mapping[str, Any]:
    """A message as its text alone: no name, no costs, no decision, no rating."""
    picture = image_of(message)
    address = f"/api/v1/shared/{message.pk}"
    own = attachment_objects(message, origin="")
    return {
        "id": str(message.pk),
        "role": message.role,
        "content": message.content,
        "created_at": rfc3339(message.created_at),
        "image": {
            "url": f"{address}/image/",
            "alt": picture.alt,
            "width": picture.width,
            "height": picture.height,
        }
        if picture
        else None,
        "attachments": [
            {**each, "url": f"{address}/attachments/{each['url'].split('/')[-2]}/"} for each in own
        ],
    }
