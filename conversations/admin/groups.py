"""Inline form of a group: the models and rules of its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from conversations.adapters.embeddings import LOCAL_MODELS
from conversations.admin.api_keys import ModelNamesField
from conversations.domain.api_keys import Scope
from conversations.models import GroupPolicy
from routing.domain.actions import ModelKind
from routing.models import LLMModel, Rule

if TYPE_CHECKING:
    InlineBase = admin.StackedInline[GroupPolicy, Any]
else:
    InlineBase = StackedInline


class NamesField(ModelNamesField):
    """Names, one per line; empty is ``None``."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or None) != self.to_python(data))


class GroupPolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Names of models and rules are checked: a misspelt one would allow nothing."""

    allowed_models = NamesField(
        label="Models",
        required=False,
        help_text="One per line: only these answer the members, also as fallbacks. Empty: this group "
        "restricts no models. Of several groups each adds its own.",
    )
    allowed_rules = NamesField(
        label="Rules",
        required=False,
        help_text="One per line: only these are given to the members, beside the default rule and the "
        "rules that refuse. Empty: this group restricts no rules.",
    )
    key_scopes = forms.MultipleChoiceField(
        label="Scopes of new keys",
        required=False,
        choices=[(scope.value, scope.value) for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Of API keys that members make without naming any.",
    )
    key_models = NamesField(
        label="Models of new keys",
        required=False,
        help_text="One per line; “assistant” stands for the rules' choice.",
    )

    class Meta:
        model = GroupPolicy
        fields = ("allowed_models", "allowed_rules", "key_scopes", "key_models", "key_days")
        labels: ClassVar[Any] = {"key_days": "Days that new keys live"}

    def clean_allowed_models(self) -> list[str] | None:
        """Raises ``ValidationError`` for unknown names, and where nothing could answer."""
        names: list[str] | None = self.cleaned_data["allowed_models"]
        if names is None:
            return None
        kinds = dict(LLMModel.objects.filter(name__in=names).values_list("name", "kind"))
        # The embedder of the installation is offered to callers, too, and has no row.
        _require_known("model", names, {*kinds, *LOCAL_MODELS, settings.EMBEDDING_MODEL})
        if ModelKind.CHAT not in kinds.values():
            raise forms.ValidationError("Name a model of the kind chat: nothing could answer.")
        return names

    def clean_allowed_rules(self) -> list[str] | None:
        """Raises ``ValidationError`` for unknown names."""
        names: list[str] | None = self.cleaned_data["allowed_rules"]
        found = Rule.objects.filter(name__in=names or ()).values_list("name", flat=True)
        _require_known("rule", names or [], set(found))
        return names

    def clean_key_scopes(self) -> list[str] | None:
        """The scopes; ``None`` where there are none."""
        return self.cleaned_data["key_scopes"] or None


def _require_known(noun: str, names: list[str], known: set[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise forms.ValidationError(f"There is no {noun} “{unknown[0]}”.")


class GroupPolicyInline(InlineBase):
    """The one policy of a group. It holds on every worker within a second."""

    model = GroupPolicy
    form = GroupPolicyForm
    can_delete = True
    extra = 1
    max_num = 1

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.has_perm("auth.view_group"))

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.has_perm("auth.change_group"))

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.has_perm("auth.change_group"))

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.has_perm("auth.change_group"))
