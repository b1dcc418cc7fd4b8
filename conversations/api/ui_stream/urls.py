"""Paths of the AI SDK's stream, under ``/api/chat``: each with and without a last slash, never by a
redirect, which would lose the body."""

from __future__ import annotations

from django.urls import re_path

from conversations.api.responses import by_method
from conversations.api.ui_stream import chat

urlpatterns = [
    re_path(r"^chat/?$", by_method(POST=chat.ask)),
    re_path(r"^chat/(?P<chat>.{1,64}?)/stream/?$", by_method(GET=chat.resume)),
    re_path(r"^chat/(?P<chat>.{1,64}?)/stop/?$", by_method(POST=chat.stop)),
]
