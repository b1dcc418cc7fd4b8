"""API keys: made, rotated and revoked for any person. The secret is on the page that follows, once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
)

from conversations.domain.api_keys import DEFAULT_SCOPES, Scope
from conversations.models import APIKey
from conversations.storage.api_keys import (
    key_change,
    key_create,
    key_revoke,
    key_rotate,
)
from routing.common.admin import NOTHING, Admin, RangeDateFilter, column
from routing.common.validators import check_block

STATE_LABELS = {"valid": "success", "expired": "warning", "revoked": "danger"}
_FIELDS = ("name", "scopes", "model_names", "expires_at", "end_users", "lenient")


class ModelNamesField(forms.CharField):
    """Names of models, one per line; empty is ``None``: all of them."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        names = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return list(dict.fromkeys(names)) or None

    def validate(self, value: Any) -> None:
        if any(len(name) > 96 for name in value or ()):
            raise forms.ValidationError("A name has at most 96 characters.")
        check_block(value)

    def run_validators(self, value: Any) -> None:
        """The validators of a text do not fit a list."""


class APIKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The rights of a key."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        initial=[scope.value for scope in DEFAULT_SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    model_names = ModelNamesField(
        label="Models",
        required=False,
        help_text="One per line; “assistant” stands for the rules' choice. Empty: all models.",
    )

    class Meta:
        model = APIKey
        fields = ("owner", *_FIELDS)

    def clean_expires_at(self) -> Any:
        """Raises ``ValidationError`` for a new time in the past."""
        value = self.cleaned_data["expires_at"]
        if value and "expires_at" in self.changed_data and value <= timezone.now():
            raise forms.ValidationError("Must be in the future.")
        return value


def _owners(request: HttpRequest) -> QuerySet[User]:
    """Owners of the keys that the reader may make and change: a key of staff has the rights of staff."""
    if request.user.is_superuser:
        return User.objects.all()
    return User.objects.filter(Q(is_staff=False) | Q(pk=request.user.pk))


@admin.register(APIKey)
class APIKeyAdmin(Admin[APIKey]):
    """Keys of programs: whose they are, their rights, their last use."""

    form = APIKeyForm
    list_display = ("name", "owner", "hints", "rights", "state", "last_used_at", "expires_at")
    list_filter = (("last_used_at", RangeDateFilter), ("revoked_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "secrets__hint")
    search_help_text = "Name, owner, or the characters of a key that are shown"
    autocomplete_fields = ("owner",)
    actions = ("revoke_all",)
    actions_submit_line = ("rotate", "replace", "revoke")
    readonly_fields = ("hints", "state", "created_at", "last_used_at", "revoked_at")
    fieldsets = (
        ("Key", {"fields": ("name", "owner", "hints", "state")}),
        ("Rights", {"fields": ("scopes", "model_names", "expires_at", "end_users", "lenient")}),
        ("Use", {"fields": ("created_at", "last_used_at", "revoked_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[APIKey]:
        return super().get_queryset(request).prefetch_related("secrets")

    def get_readonly_fields(self, request: HttpRequest, obj: APIKey | None = None) -> Any:
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        # django-unfold passes the row's id for its buttons.
        row = obj if isinstance(obj, APIKey) else None
        may = row is None or (
            row.revoked_at is None and _owners(request).filter(pk=row.owner_id).exists()
        )
        return may and super().has_change_permission(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(
            db_field, request, **{"queryset": _owners(request), **kwargs}
        )

    def has_delete_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        # Revoked, not deleted: the history keeps the name of the program. It goes with its owner.
        return False

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = APIKey.objects.filter(pk=object_id).first()
        may = row and self.has_change_permission(request, row)
        return super().get_actions_submit_line(request, object_id) if may else []

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:
        """Through the services: they make the secret, and keep the log."""
        by = int(request.user.pk or 0)
        fields = {name: form.cleaned_data[name] for name in _FIELDS}
        if not change:
            made, secret = key_create(owner=obj.owner_id, by=by, **fields)
            obj.pk = made.pk
            self._show_later(request, secret)
            return
        key_change(key=obj, by=by, fields=fields)
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def log_addition(self, request: HttpRequest, obj: APIKey, message: Any) -> Any:
        """Nothing: the service has written the entry."""

    def log_change(self, request: HttpRequest, obj: APIKey, message: Any) -> Any:
        """Nothing: the service has written the entry."""

    def response_add(
        self, request: HttpRequest, obj: APIKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._secret_page(request, obj) or super().response_add(request, obj)

    def response_change(self, request: HttpRequest, obj: APIKey) -> HttpResponse:
        return self._secret_page(request, obj) or super().response_change(request, obj)

    @action(description="Rotate, the old one lives 24 h", permissions=["change"])  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, obj: APIKey) -> None:
        """Another secret; the present one dies after a day."""
        self._rotate(request, obj, overlap_hours=24)

    @action(description="Rotate at once", permissions=["change"])  # type: ignore[untyped-decorator]
    def replace(self, request: HttpRequest, obj: APIKey) -> None:
        """Another secret; the present one dies now."""
        self._rotate(request, obj, overlap_hours=0)

    @action(description="Revoke", permissions=["change"])  # type: ignore[untyped-decorator]
    def revoke(self, request: HttpRequest, obj: APIKey) -> None:
        """End the key for good."""
        self._revoke(request, [obj])

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke_all(self, request: HttpRequest, rows: QuerySet[APIKey]) -> None:
        self._revoke(request, rows)

    @column("key")
    def hints(self, row: APIKey) -> str:
        return ", ".join(secret.hint for secret in row.secrets.all()) or NOTHING

    @column("scopes")
    def rights(self, row: APIKey) -> str:
        return ", ".join(row.scopes)

    @column("state", labels=STATE_LABELS)
    def state(self, row: APIKey) -> str:
        if row.revoked_at:
            return "revoked"
        expired = row.expires_at and row.expires_at <= timezone.now()
        return "expired" if expired else "valid"

    def _rotate(self, request: HttpRequest, obj: APIKey, *, overlap_hours: int) -> None:
        by = int(request.user.pk or 0)
        _, secret = key_rotate(key=obj, by=by, overlap_hours=overlap_hours)
        self._show_later(request, secret)

    def _revoke(self, request: HttpRequest, rows: Iterable[APIKey]) -> None:
        for row in rows:
            key_revoke(key=row, by=int(request.user.pk or 0))
        messages.success(request, "Revoked: refused on every worker within a second.")

    @staticmethod
    def _show_later(request: HttpRequest, secret: str) -> None:
        # For the page that answers this request: a message would lie in the session's table.
        request.META["assistant.secret"] = secret

    def _secret_page(self, request: HttpRequest, obj: APIKey) -> HttpResponse | None:
        secret = request.META.pop("assistant.secret", None)
        if secret is None:
            return None
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        context = {**frame, "title": "The new key", "key": obj, "secret": secret}
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(
            request, "conversations/admin/api_key_secret.html", context, headers=headers
        )
