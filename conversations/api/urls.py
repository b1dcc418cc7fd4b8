"""The API's paths, under ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from conversations.api import account, ask, attachments, images, shares, streams, tokens
from conversations.api import conversations as threads
from conversations.api.api_keys import (
    APIKeyDetail,
    APIKeyList,
    APIKeyRotation,
    CurrentAPIKey,
)
from conversations.api.decisions import DecisionTrial
from conversations.api.feedback import MessageFeedback
from conversations.api.responses import by_method
from conversations.api.usage import UsageView

_conversations = threads.ConversationList.as_view()
_conversation = threads.ConversationDetail.as_view()
_feedback = MessageFeedback.as_view()
_key, _keys = APIKeyDetail.as_view(), APIKeyList.as_view()
_trial = DecisionTrial.as_view()

urlpatterns = [
    # First, as asked most: Django tries one pattern after the other.
    path("messages/", by_method(POST=ask.ask)),
    path("auth/token/", by_method(POST=tokens.limited(tokens.SignInView.as_view()))),
    path("auth/token/refresh/", by_method(POST=tokens.RefreshView.as_view())),
    path("auth/token/blacklist/", by_method(POST=tokens.SignOutView.as_view())),
    path("conversations/", by_method(GET=_conversations, POST=_conversations)),
    path(
        "conversations/<uuid:conversation>/",
        by_method(GET=_conversation, PATCH=_conversation, DELETE=_conversation),
    ),
    path(
        "conversations/<uuid:conversation>/messages/",
        by_method(GET=threads.MessageList.as_view(), POST=ask.ask),
    ),
    path(
        "conversations/<uuid:conversation>/share/",
        by_method(GET=shares.read, POST=shares.create, DELETE=shares.revoke),
    ),
    path("shares/", by_method(GET=shares.listed)),
    path("shared/", by_method(GET=tokens.limited(shares.shared, "shared"))),
    path(
        "shared/<uuid:message>/image/", by_method(GET=tokens.limited(shares.shared_image, "shared"))
    ),
    path(
        "shared/<uuid:message>/attachments/<int:number>/",
        by_method(GET=tokens.limited(shares.shared_attachment, "shared")),
    ),
    path("me/", by_method(GET=account.read_me, DELETE=account.erase_me)),
    path("me/export/", by_method(GET=account.export_me)),
    path("messages/<uuid:message>/", by_method(GET=ask.read)),
    path(
        "messages/<uuid:message>/attachments/<int:number>/",
        by_method(GET=attachments.attachment),
    ),
    path("messages/<uuid:message>/regenerate/", by_method(POST=ask.regenerate)),
    path("messages/<uuid:message>/show/", by_method(POST=threads.VersionShown.as_view())),
    path("messages/<uuid:message>/stream/", by_method(GET=streams.resume)),
    path("messages/<uuid:message>/stop/", by_method(POST=streams.stop)),
    path("messages/<uuid:message>/feedback/", by_method(PUT=_feedback, DELETE=_feedback)),
    path("keys/", by_method(GET=_keys, POST=_keys)),
    path("keys/current/", by_method(GET=CurrentAPIKey.as_view())),
    path("keys/<uuid:api_key>/", by_method(GET=_key, PATCH=_key, DELETE=_key)),
    path("keys/<uuid:api_key>/rotate/", by_method(POST=APIKeyRotation.as_view())),
    path("usage/", by_method(GET=UsageView.as_view())),
    path("decisions/", by_method(POST=_trial)),
    path("images/<uuid:image>/", by_method(GET=images.image)),
]
