"""Forms of the pages that try rules, search the answer cache and start replays."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.contrib.auth import get_user_model
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.evaluation.cache_preview import NO_USER
from routing.admin.golden import PromptField

MOST_PROMPTS = 2_000


class PromptForm(forms.Form):
    """A prompt to try."""

    prompt = PromptField(label="Prompt")


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
