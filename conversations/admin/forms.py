"""What is filled in where the rules are tried."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.evaluation.cache_preview import NOBODY
from routing.domain.errors import PromptRejected
from routing.guard.validation import validate_prompt
from routing.models import GoldenCase, LLMModel, Rule

if TYPE_CHECKING:
    GoldenBase = forms.ModelForm[GoldenCase]
else:
    GoldenBase = forms.ModelForm

MOST_PROMPTS = 2_000


class PromptField(forms.CharField):
    """A prompt as a person would send it."""

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


class PromptForm(forms.Form):
    """A prompt to try."""

    prompt = PromptField(label="Prompt")


class SearchForm(PromptForm):
    """A prompt to look up in the answer cache, and for whom."""

    person = forms.CharField(
        label="For whom",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="A user name. Left empty: for somebody new, who is given only what is shared.",
    )

    def clean_person(self) -> int:
        """Their primary key; ``NOBODY`` for somebody new."""
        name = self.cleaned_data["person"].strip()
        if not name:
            return NOBODY
        found = get_user_model().objects.filter(username=name).values_list("pk", flat=True).first()
        if found is None:
            raise forms.ValidationError("Nobody has this user name.")
        return int(found)


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
        told = getattr(self.instance, name) or self.initial.get(name, "")
        names = sorted({*known, *filter(None, [told])})
        field.widget = UnfoldAdminSelectWidget(
            choices=[("", "any"), *zip(names, names, strict=True)]
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in ("action", "rule", "model")):
            raise forms.ValidationError("Say what is expected: an action, a rule or a model.")
        return cleaned


class ReplayForm(forms.Form):
    """How many prompts the draft is tried on, and what that may cost."""

    pool = forms.IntegerField(
        label="Out of the last … prompts",
        min_value=1,
        max_value=100_000,
        initial=1_000,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": 100_000}),
    )
    size = forms.IntegerField(
        label="draw this many at random",
        min_value=1,
        max_value=MOST_PROMPTS,
        initial=100,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": MOST_PROMPTS}),
    )
    cap_usd = forms.DecimalField(
        label="Spend at most, in US dollars",
        min_value=Decimal("0.0001"),
        max_value=Decimal(1000),
        decimal_places=4,
        initial=Decimal("1.00"),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"min": "0.0001", "step": "any"}),
        help_text="It ends before it would cost more.",
    )
