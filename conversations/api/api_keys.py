"""API keys, by their owner: make, list, change, rotate, revoke; and the key that calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.key_limits import (
    KeyLimitSerializer,
    asked_limits,
    check_limits,
    check_spending,
    limit_objects,
    own_limits,
    shown_limits,
)
from conversations.api.pagination import NewestFirst
from conversations.api.requests import field_fault
from conversations.api.schemas import LabelField, StrictSerializer, TextField
from conversations.domain.api_keys import Caller, Grant, Scope, is_subset
from conversations.domain.errors import NotFound
from conversations.models import APIKey
from conversations.storage.api_keys import (
    MAX_OVERLAP_HOURS,
    key_change,
    key_create,
    key_get,
    key_revoke,
    key_rotate,
    keys_of,
)
from conversations.storage.group_policies import key_defaults
from conversations.storage.key_limits import MAX_KEY_LIMITS, key_limits
from routing.common.translatable import Translatable
from routing.domain.rules import plain_names

MAX_MODELS = 100
_NEVER = datetime.max.replace(tzinfo=UTC)


class StrictBoolean(serializers.BooleanField):
    """true or false; "yes" and 1 are neither."""

    def to_internal_value(self, data: Any) -> bool:
        """The value. Raises ``ValidationError``."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class APIKeySerializer(StrictSerializer):
    """A key without its secret. ``hint`` is the first 10 and last 4 characters of the newest one."""

    id = serializers.UUIDField(read_only=True)
    name = LabelField(max_length=100)
    hint = serializers.CharField(read_only=True)
    owner = serializers.CharField(read_only=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in Scope]),
        required=False,
        allow_empty=False,
        min_length=1,
        max_length=len(Scope),
    )
    models = serializers.ListField(
        child=TextField(max_length=96),
        source="model_names",
        required=False,
        allow_null=True,
        allow_empty=False,
        min_length=1,
        max_length=MAX_MODELS,
        help_text="`assistant` stands for the model that the rules choose; null: all models.",
    )
    limits = serializers.ListField(
        child=KeyLimitSerializer(),
        required=False,
        max_length=MAX_KEY_LIMITS,
        help_text="Of the key itself; `/keys/current/` tells all that hold, and what is left.",
    )
    end_users = StrictBoolean(required=False, help_text="Set by staff only.")
    lenient = StrictBoolean(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
    revoked_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        """Raises ``ValidationError`` for a time in the past."""
        if value and value <= timezone.now():
            raise serializers.ValidationError(Translatable("Must be in the future."))
        return value

    def validate_scopes(self, value: list[str]) -> list[str]:
        """Each once, in the order of the union."""
        return [scope.value for scope in Scope if scope.value in value]

    def to_representation(self, instance: APIKey) -> dict[str, Any]:
        """The object of the contract."""
        hints = [secret.hint for secret in instance.secrets.all()]
        return {
            "id": str(instance.pk),
            "name": instance.name,
            "hint": hints[-1] if hints else "",
            "owner": instance.owner.get_username(),
            "scopes": instance.scopes,
            "models": instance.model_names,
            "limits": shown_limits(instance),
            "end_users": instance.end_users,
            "lenient": instance.lenient,
            "expires_at": instance.expires_at,
            "created_at": instance.created_at,
            "last_used_at": instance.last_used_at,
            "revoked_at": instance.revoked_at,
        }


class NewAPIKeySerializer(APIKeySerializer):
    """A key with its secret, shown this once."""

    key = serializers.CharField(read_only=True)


class RotationSerializer(StrictSerializer):
    """The time in which both secrets are valid."""

    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_HOURS, required=False, default=24
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="list_keys", summary="List the person's keys, newest first.", tags=["keys"]
    )
)
class APIKeyList(generics.ListAPIView[APIKey]):
    """The person's keys, newest first; make another one."""

    scopes = (Scope.KEYS,)
    serializer_class = APIKeySerializer
    pagination_class = NewestFirst
    queryset = APIKey.objects.none()

    def get_queryset(self) -> Any:
        """Own keys only."""
        return keys_of(user=_caller(self.request).user)

    @extend_schema(
        operation_id="create_key",
        summary="Make a key.",
        tags=["keys"],
        request=APIKeySerializer,
        responses={201: NewAPIKeySerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a key. Its secret is shown once, here."""
        caller = _caller(request)
        fields = {**_default_grant(caller), **_valid_fields(request)}
        _check_grant(caller, fields)
        limits = fields.pop("limits", None)
        limits = own_limits(caller) if limits is None else limits
        check_limits(caller, limits)
        made = key_create(
            owner=caller.user, by=caller.user, maker_id=caller.key, limits=limits, **fields
        )
        key, secret = made
        return _with_secret(key, secret)


class APIKeyDetail(APIView):
    """One key."""

    scopes = (Scope.KEYS,)

    @extend_schema(
        operation_id="read_key",
        summary="Read a key.",
        tags=["keys"],
        responses=APIKeySerializer,
    )
    def get(self, request: Request, api_key: UUID) -> Response:
        """Read it."""
        return _shown(key_get(user=_caller(request).user, key=api_key))

    @extend_schema(
        operation_id="change_key",
        summary="Change a key.",
        tags=["keys"],
        request=APIKeySerializer,
        responses=APIKeySerializer,
    )
    def patch(self, request: Request, api_key: UUID) -> Response:
        """Change it. A changed scope holds on every worker within a second."""
        caller = _caller(request)
        stored = key_get(user=caller.user, key=api_key)
        fields = _valid_fields(request, partial=True)
        _check_grant(caller, fields)
        limits = fields.pop("limits", None)
        if limits is not None:
            check_limits(caller, [*limits, *key_limits(stored.pk, by_owner=False)])
        return _shown(key_change(key=stored, by=caller.user, fields=fields, limits=limits))

    @extend_schema(
        operation_id="revoke_key", summary="Revoke a key.", tags=["keys"], responses={204: None}
    )
    def delete(self, request: Request, api_key: UUID) -> Response:
        """Revoke it: it is refused on every worker within a second."""
        user = _caller(request).user
        key_revoke(key=key_get(user=user, key=api_key), by=user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class APIKeyRotation(APIView):
    """Another secret for a key."""

    scopes = (Scope.KEYS,)

    @extend_schema(
        operation_id="rotate_key",
        summary="Give a key another secret.",
        tags=["keys"],
        request=RotationSerializer,
        responses={201: NewAPIKeySerializer},
    )
    def post(self, request: Request, api_key: UUID) -> Response:
        """Rotate it: the old secret dies at the end of the overlap."""
        caller = _caller(request)
        stored = key_get(user=caller.user, key=api_key)
        # A new secret outlives the caller's own: it must not open more than the caller may.
        _check_grant(caller, {name: getattr(stored, name) for name in _GRANTED})
        check_limits(caller, key_limits(stored.pk))
        check_spending(caller, stored.pk)
        serializer = RotationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        hours = serializer.validated_data["overlap_hours"]
        rotated, secret = key_rotate(key=stored, by=caller.user, overlap_hours=hours)
        return _with_secret(rotated, secret)


class CurrentAPIKey(APIView):
    """The key that calls."""

    scopes = ()

    @extend_schema(
        operation_id="read_current_key",
        summary="Read the key of this request, with the limits it is under.",
        tags=["keys"],
        responses=APIKeySerializer,
    )
    def get(self, request: Request) -> Response:
        """Read it. After sign-in without a key there is none: 404."""
        caller = _caller(request)
        if caller.grant is None:
            raise NotFound("This request was not made with an API key.")
        shown = APIKeySerializer(key_get(user=caller.user, key=caller.grant.key)).data
        return Response({**shown, "limits": limit_objects(caller)})


_GRANTED = ("scopes", "model_names", "expires_at")


def _caller(request: Request) -> Caller:
    caller: Caller = request.auth  # type: ignore[assignment]  # set by ``BearerAuthentication``
    return caller


def _valid_fields(request: Request, *, partial: bool = False) -> dict[str, Any]:
    serializer = APIKeySerializer(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    fields = dict(serializer.validated_data)
    if "limits" in fields:
        fields["limits"] = asked_limits(fields["limits"])
    return fields


def _default_grant(caller: Caller) -> dict[str, Any]:
    """The rights of a key made without any: those that the person's groups give to new keys, as far as
    the caller has them."""
    fields, grant = key_defaults(caller.user), caller.grant
    if grant is None:
        return fields
    ends = [end for end in (fields["expires_at"], _end_of(grant)) if end]
    models = plain_names(fields["model_names"])
    if grant.models is not None:
        # None in common: the key gets what the caller has, for an empty list is no list of models.
        models = grant.models.intersection(models or grant.models) or grant.models
    return {
        "scopes": [scope for scope in fields["scopes"] if scope in grant.scopes],
        "model_names": None if models is None else sorted(models),
        "expires_at": min(ends, default=None),
    }


def _check_grant(caller: Caller, fields: Mapping[str, Any]) -> None:
    """A key grants no more than its maker has. Raises ``BadRequest``."""
    if fields.get("end_users") and not _is_staff(caller.user):
        raise field_fault("end_users", "forbidden", "Only staff may set this.")
    grant = caller.grant
    if grant is None:
        return
    if not is_subset(fields.get("scopes", ()), grant.scopes):
        raise field_fault("scopes", "forbidden", "More than the calling key has.")
    if "model_names" in fields and not is_subset(plain_names(fields["model_names"]), grant.models):
        raise field_fault("models", "forbidden", "More than the calling key has.")
    ends = _end_of(grant)
    if ends and "expires_at" in fields and (fields["expires_at"] or _NEVER) > ends:
        raise field_fault("expires_at", "forbidden", "Later than the end of the calling key.")


def _end_of(grant: Grant) -> datetime | None:
    return APIKey.objects.values_list("expires_at", flat=True).get(pk=grant.key)


def _is_staff(user: int) -> bool:
    people = get_user_model().objects
    return people.filter(pk=user, is_active=True, is_staff=True).exists()


def _shown(key: APIKey) -> Response:
    return Response(APIKeySerializer(key).data)


def _with_secret(key: APIKey, secret: str) -> Response:
    body = {**APIKeySerializer(key).data, "key": secret}
    # The secret is stored nowhere, caches on the way included.
    headers = {"Cache-Control": "no-store"}
    return Response(body, status=status.HTTP_201_CREATED, headers=headers)
