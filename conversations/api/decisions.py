"""Trial of the rules, for staff: the decisions of draft and live beside each other."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.conversations import person
from conversations.api.decision_schemas import PromptSerializer, TrialSerializer
from conversations.bootstrap import container
from conversations.evaluation.representation import trial_object
from conversations.evaluation.try_prompt import try_prompt


class DecisionTrial(APIView):
    """Asks the classifiers; makes and stores no answer."""

    @extend_schema(
        operation_id="try_prompt",
        summary="Try a prompt on the draft and the live rules; for staff.",
        tags=["rules"],
        request=PromptSerializer,
        responses={200: TrialSerializer},
    )
    def post(self, request: Request) -> Response:
        """Try a prompt. It counts against the limit on asking."""
        user = person(request)
        # The token says who, not what they may: rights can be taken away while it lasts.
        if not get_user_model().objects.filter(pk=user, is_active=True, is_staff=True).exists():
            raise PermissionDenied("Only staff may try the rules.")
        serializer = PromptSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        async_to_sync(container().rate_limits.hit)("ask", str(user))
        return Response(trial_object(try_prompt(serializer.validated_data["content"], user=user)))
