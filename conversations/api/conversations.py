"""Conversations and their messages: lists, creation, renaming, deletion. Plain sync views."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.pagination import NewestFirst, OldestFirst
from conversations.api.requests import field_fault, origin_of
from conversations.api.schemas import ConversationSerializer, LabelField, MessageSerializer
from conversations.bootstrap import container
from conversations.domain.api_keys import Scope
from conversations.domain.errors import RunLogUnavailable
from conversations.models import Conversation, Message
from conversations.storage import selectors, services
from conversations.storage.branches import version_show
from routing.common.translatable import Translatable
from routing.guard.validation import label_faults

MAX_SEARCH = 200
"""Characters."""

_SEARCH = OpenApiParameter(
    "search",
    {"type": "string", "maxLength": MAX_SEARCH, "pattern": f"^[^{LabelField.refused}]*$"},
    description="Only those with these words in the title or in a message.",
)


def person(request: Request | HttpRequest) -> int:
    """The primary key of the person who asks."""
    return int(request.user.pk)  # type: ignore[arg-type]


class ConversationList(generics.ListCreateAPIView[Conversation]):
    """The person's conversations, newest first; open another one."""

    scopes = (Scope.CONVERSATIONS,)
    serializer_class = ConversationSerializer
    pagination_class = NewestFirst
    queryset = Conversation.objects.none()

    @extend_schema(
        operation_id="list_conversations",
        summary="List the conversations, newest first.",
        tags=["conversations"],
        parameters=[_SEARCH],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page; `next` leads to the page after it."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_conversation",
        summary="Open a conversation.",
        tags=["conversations"],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open one; the first question gives it a title where it has none."""
        return super().post(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """Mine only. Raises ``BadRequest``."""
        search = self.request.query_params.get("search", "").strip()
        faults = (fault.code for fault in label_faults(search))
        if len(search) > MAX_SEARCH or any(code != "empty" for code in faults):
            raise field_fault(
                "search",
                "invalid",
                Translatable("One line of at most {most} characters.", most=MAX_SEARCH),
            )
        return selectors.conversations_listed(user=person(self.request), search=search)

    def perform_create(self, serializer: Any) -> None:
        """Through the service."""
        title = serializer.validated_data.get("title", "")
        serializer.instance = services.conversation_create(user=person(self.request), title=title)


class ConversationDetail(APIView):
    """One conversation."""

    scopes = (Scope.CONVERSATIONS,)

    @extend_schema(
        operation_id="read_conversation",
        summary="Read a conversation.",
        tags=["conversations"],
        responses=ConversationSerializer,
    )
    def get(self, request: Request, conversation: UUID) -> Response:
        """Read it."""
        return Response(ConversationSerializer(self._mine(request, conversation)).data)

    @extend_schema(
        operation_id="rename_conversation",
        summary="Rename a conversation.",
        tags=["conversations"],
        request=ConversationSerializer,
        responses=ConversationSerializer,
    )
    def patch(self, request: Request, conversation: UUID) -> Response:
        """Rename it."""
        mine = self._mine(request, conversation)
        serializer = ConversationSerializer(mine, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        title = serializer.validated_data.get("title", mine.title)
        renamed = services.conversation_rename(conversation=mine, title=title)
        return Response(ConversationSerializer(renamed).data)

    @extend_schema(
        operation_id="delete_conversation",
        summary="Delete a conversation.",
        tags=["conversations"],
        responses={204: None},
    )
    def delete(self, request: Request, conversation: UUID) -> Response:
        """Delete it with its messages, its memory and the cached answers made from it."""
        mine = self._mine(request, conversation)
        running = selectors.running_answer(conversation=conversation)
        if running:
            with suppress(
                RunLogUnavailable
            ):  # then it ends by itself, and finds nothing to store in
                async_to_sync(container().runs.stop)(running)
        services.conversation_delete(conversation=mine)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _mine(request: Request, conversation: UUID) -> Conversation:
        return selectors.conversation_get(user=person(request), conversation=conversation)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_messages",
        summary="List the messages of a conversation, oldest first.",
        tags=["messages"],
    )
)
class MessageList(generics.ListAPIView[Message]):
    """A conversation's messages, oldest first."""

    scopes = (Scope.CONVERSATIONS,)
    serializer_class = MessageSerializer
    pagination_class = OldestFirst
    queryset = Message.objects.none()

    def get_queryset(self) -> Any:
        """Mine only."""
        return selectors.messages_of(
            user=person(self.request), conversation=self.kwargs["conversation"]
        )

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page, with the person's own feedback on each message."""
        page = self.paginate_queryset(self.get_queryset()) or []
        mine = selectors.feedback_of(
            user=person(request), messages=[message.id for message in page]
        )
        site = origin_of(request._request).site  # noqa: SLF001 - DRF has no public way to it
        context = {"origin": site, "feedback": mine, "versions": selectors.versions_of(page)}
        return self.get_paginated_response(MessageSerializer(page, many=True, context=context).data)


class VersionShown(APIView):
    """A version of a turn, to be shown in place of the others."""

    scopes = (Scope.CONVERSATIONS,)

    @extend_schema(
        operation_id="show_version",
        summary="Show another version of an answer or of a question.",
        tags=["messages"],
        request=None,
        responses={204: None},
    )
    def post(self, request: Request, message: UUID) -> Response:
        """Show the version, with the last messages below it."""
        version_show(user=person(request), message=message)
        return Response(status=status.HTTP_204_NO_CONTENT)
