"""Golden cases: prompts with the decision that every publication must keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from routing.admin.publishing import BanneredAdmin
from routing.common.admin import column
from routing.domain.errors import PromptRejected
from routing.guard.validation import validate_prompt
from routing.models import GoldenCase, LLMModel, Rule

if TYPE_CHECKING:
    GoldenBase = forms.ModelForm[GoldenCase]
else:
    GoldenBase = forms.ModelForm

STATE_LABELS = {"holds": "success", "fails": "danger", "not run yet": ""}


class PromptField(forms.CharField):
    """A prompt as a person would send it, checked as the API checks it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 5})
        super().__init__(strip=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        # A browser sends line breaks as two characters.
        prompt = str(super().clean(value)).replace("\r\n", "\n")
        try:
            return validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
        except PromptRejected as exc:
            raise forms.ValidationError(str(exc)) from exc


class GoldenCaseForm(GoldenBase):
    """A prompt, and at least one thing that must be decided about it."""

    prompt = PromptField(label="Prompt")

    class Meta:
        model = GoldenCase
        fields = ("prompt", "action", "rule", "model", "note", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("rule", Rule.objects.values_list("name", flat=True))
        self._offer("model", LLMModel.objects.values_list("name", flat=True))

    def _offer(self, name: str, known: Iterable[str]) -> None:
        field = self.fields.get(name)
        if field is None:
            return
        chosen = getattr(self.instance, name) or self.initial.get(name, "")
        names = sorted({*known, *filter(None, [chosen])})
        field.widget = UnfoldAdminSelectWidget(
            choices=[("", "any"), *zip(names, names, strict=True)]
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in ("action", "rule", "model")):
            raise forms.ValidationError("Say what is expected: an action, a rule or a model.")
        return cleaned


@admin.register(GoldenCase)
class GoldenCaseAdmin(BanneredAdmin[GoldenCase]):
    """The cases with their last results. Running them is an extension of the app that can."""

    form = GoldenCaseForm
    list_display = ("named", "expects", "state", "enabled", "checked_at")
    list_filter = ("enabled", "action")
    search_fields = ("prompt", "rule", "model", "note")
    fieldsets = (
        (None, {"fields": ("prompt",)}),
        ("What must be decided", {"fields": ("action", "rule", "model", "note", "enabled")}),
        ("When it was last run", {"fields": ("result", "checked_at")}),
    )
    readonly_fields = ("result", "checked_at")

    def save_model(self, request: HttpRequest, obj: GoldenCase, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        # A changed case has not been run: its last result would be about another one.
        if form.changed_data:
            obj.failure, obj.checked_at = "", None
        super().save_model(request, obj, form, change)

    @column("prompt", ordering="prompt")
    def named(self, row: GoldenCase) -> str:
        return str(row)

    @column("expects")
    def expects(self, row: GoldenCase) -> str:
        return ", ".join(filter(None, (row.action, row.rule, row.model)))

    @column("last run", labels=STATE_LABELS)
    def state(self, row: GoldenCase) -> str:
        if row.checked_at is None:
            return "not run yet"
        return "fails" if row.failure else "holds"

    @column("result")
    def result(self, row: GoldenCase) -> str:
        if row.checked_at is None:
            return "Not run yet."
        return f"Fails: {row.failure}" if row.failure else "Holds."
