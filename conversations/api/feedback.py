"""A person's verdict on an answer: kept in the database, and told to the answer cache and the trace."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.conversations import person
from conversations.api.schemas import FeedbackSerializer
from conversations.bootstrap import container
from conversations.domain.api_keys import Scope
from conversations.domain.errors import BadRequest
from conversations.models import Message
from conversations.storage import selectors, services
from conversations.storage.representations import feedback_object


class MessageFeedback(APIView):
    """One verdict per person and answer."""

    scopes = (Scope.FEEDBACK,)

    @extend_schema(
        operation_id="give_feedback",
        summary="Rate an answer, or change the rating.",
        tags=["feedback"],
        request=FeedbackSerializer,
        responses={200: FeedbackSerializer, 201: FeedbackSerializer},
    )
    def put(self, request: Request, message: UUID) -> Response:
        """Give or change it."""
        answer = self._rateable(request, message)
        serializer = FeedbackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = {key: value or "" for key, value in serializer.validated_data.items()}
        feedback, created = services.feedback_record(user=person(request), message=answer, **given)
        container().tracer.score(
            answer.trace_id,
            message=answer.id,
            verdict=feedback.verdict,
            comment=feedback.comment,
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(feedback_object(feedback), status=code)

    @extend_schema(
        operation_id="withdraw_feedback",
        summary="Take the rating of an answer back.",
        tags=["feedback"],
        responses={204: None},
    )
    def delete(self, request: Request, message: UUID) -> Response:
        """Take it back."""
        answer = self._rateable(request, message)
        services.feedback_delete(user=person(request), message=answer)
        container().tracer.score(answer.trace_id, message=answer.id, verdict=None, comment="")
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _rateable(request: Request, message: UUID) -> Message:
        answer = selectors.answer_get(user=person(request), message=message)
        if answer.status == Message.Status.STREAMING:
            raise BadRequest("The answer is still being written; rate it when it has ended.")
        return answer
