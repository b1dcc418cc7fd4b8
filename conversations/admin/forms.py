"""Forms of the pages that try rules, search the answer cache and start replays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files import File
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.evaluation.cache_preview import NO_USER
from routing.admin.golden import PromptField
from routing.domain.errors import PromptRejected
from routing.guard.validation import validate_prompt

MOST_PROMPTS = 2_000
"""Of a replay."""
MOST_TRIED, MOST_CHARS = 50, 200_000
"""Prompts that are tried at once, and characters of them together."""


class PromptForm(forms.Form):
    """A prompt to try."""

    prompt = PromptField(label="Prompt")


class PromptsForm(forms.Form):
    """Several prompts to try, one per line, typed or in a file."""

    prompts = forms.CharField(
        label="Prompts",
        required=False,
        max_length=MOST_CHARS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text=f"One per line, {MOST_TRIED} at most.",
    )
    file = forms.FileField(
        label="Or a text file",
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".txt,.csv,text/plain"}),
        help_text="One prompt per line, in UTF-8.",
    )

    def clean(self) -> dict[str, Any]:
        """Adds ``tried``, the prompts as the API takes them."""
        cleaned = super().clean() or self.cleaned_data
        text = cleaned.get("prompts") or ""
        if file := cleaned.get("file"):
            text += "\n" + _text_of(file)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines and not self.errors:
            raise forms.ValidationError("There is no prompt: write one per line, or choose a file.")
        if len(lines) > MOST_TRIED:
            raise forms.ValidationError(f"These are {len(lines)} prompts, of {MOST_TRIED} at most.")
        return {**cleaned, "tried": [_checked(line, at) for at, line in enumerate(lines, 1)]}


def _text_of(file: File[bytes]) -> str:
    try:
        return bytes(file.read(MOST_CHARS)).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise forms.ValidationError("The file is not UTF-8.") from exc


def _checked(line: str, number: int) -> str:
    try:
        return validate_prompt(line, max_chars=settings.PROMPT_MAX_CHARS)
    except PromptRejected as exc:
        raise forms.ValidationError(f"Prompt {number}: {exc}") from exc


class SearchForm(PromptForm):
    """A prompt to look up in the answer cache, and the person of the lookup."""

    person = forms.CharField(
        label="For whom",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="A user name. Left empty: for somebody new, who is given only what is shared.",
    )

    def clean_person(self) -> int:
        """The primary key of the person; the constant for new people where the field is empty."""
        name = self.cleaned_data["person"].strip()
        if not name:
            return NO_USER
        person = get_user_model().objects.filter(username=name).values_list("pk", flat=True).first()
        if person is None:
            raise forms.ValidationError("Nobody has this user name.")
        return int(person)


class ReplayForm(forms.Form):
    """Number of prompts for a replay of the draft, and its cap in US dollars."""

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
