"""Pages of the ledger, every call to a model that was booked, and of limits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import URLPattern

from conversations.adapters.background.limit_webhooks import subject_named
from conversations.admin.api_keys import ModelNamesField
from conversations.admin.usage_page import usage_csv_view, usage_view
from conversations.models import LedgerEntry, Limit, LimitWarning
from conversations.usage.prices import unpriced_words
from conversations.usage.report import dollars
from routing.admin.publishing import ExtraPage
from routing.common.admin import NOTHING, Admin, RangeDateFilter, ReadOnlyAdmin, column
from routing.domain.limits import LimitScope, LimitUnit
from routing.domain.rules import plain_name
from routing.models import LLMModel


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnlyAdmin[LedgerEntry]):
    """Rows as they were booked; nothing changes them."""

    list_display = (
        "at", "user", "key", "end_user", "purpose", "model", "rule", "outcome", "tokens", "price",
    )  # fmt: skip
    list_filter = (("day", RangeDateFilter),)
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    search_fields = ("=run", "=user", "=key", "=end_user", "=model")
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        pages = (
            ExtraPage("usage/", "conversations_usage", usage_view),
            ExtraPage("usage.csv", "conversations_usage_csv", usage_csv_view),
        )
        return [*(page.url(self) for page in pages), *super().get_urls()]

    @column("tokens in / out")
    def tokens(self, row: LedgerEntry) -> str:
        return f"{row.input_tokens:,} / {row.output_tokens:,}"

    @column("cost", ordering="cost")
    def price(self, row: LedgerEntry) -> str:
        return NOTHING if row.cost is None else f"${dollars(row.cost)}"


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A limit; the model checks that its subject fits its scope."""

    model_names = ModelNamesField(
        label="Models", required=False, help_text="One per line. Empty: calls of all models count."
    )

    class Meta:
        model = Limit
        fields = (
            "scope", "group", "user", "key", "end_user", "unit", "window", "amount",
            "model_names", "at_limit", "enabled",
        )  # fmt: skip

    def clean(self) -> Any:
        """Raises ``ValidationError`` for a limit of money while a published model has no price."""
        cleaned = super().clean()
        money = self.cleaned_data.get("unit") == LimitUnit.USD
        if money and self.cleaned_data.get("enabled") and (words := unpriced_words()):
            raise forms.ValidationError(words)
        return cleaned


def _unknown_models(limit: Limit) -> list[str]:
    """Names that no model of the draft has: mistyped ones, and those of before a model was renamed."""
    names = limit.model_names or ()
    known = set(LLMModel.objects.values_list("name", flat=True)) if names else set()
    return [name for name in names if plain_name(name) not in known]


@admin.register(Limit)
class LimitAdmin(Admin[Limit]):
    """The most that people, groups and keys may spend. A change holds on every worker within a second."""

    form = LimitForm
    goes_along = (LimitWarning,)
    list_display = ("scope", "whose", "terms", "models", "at_limit", "enabled")
    list_filter = ("scope", "unit", "window", "enabled")
    list_select_related = ("group", "user", "key")
    search_fields = ("user__username", "group__name", "key__name", "end_user")
    autocomplete_fields = ("user", "group", "key")
    fieldsets = (
        ("Who", {"fields": ("scope", "group", "user", "key", "end_user")}),
        ("How much", {"fields": ("amount", "unit", "window", "model_names")}),
        ("At the limit", {"fields": ("at_limit", "enabled")}),
    )

    @column("whose")
    def whose(self, row: Limit) -> str:
        named = row.group or row.user or row.key or row.end_user
        each = "all together" if row.scope == LimitScope.INSTALLATION else f"each {row.scope}"
        return str(named or each.replace("_", " "))

    @column("limit", ordering="amount")
    def terms(self, row: Limit) -> str:
        what = f"{row.amount.normalize():f} {row.unit}"
        return what if row.unit == LimitUnit.CONCURRENT else f"{what} / {row.window}"

    @column("models")
    def models(self, row: Limit) -> str:
        unknown = _unknown_models(row)
        told = (
            f"{one} (no such model)" if one in unknown else one for one in row.model_names or ()
        )
        return ", ".join(told) or "all"

    def save_model(self, request: HttpRequest, obj: Limit, form: Any, change: bool) -> None:
        # The owner of a key could undo what staff set.
        obj.by_owner = False
        super().save_model(request, obj, form, change)
        if unknown := _unknown_models(obj):
            names = ", ".join(unknown)
            messages.warning(request, f"No model is named {names}: nothing counts for that.")


@admin.register(LimitWarning)
class LimitWarningAdmin(ReadOnlyAdmin[LimitWarning]):
    """Limits that reached 80 or 100 %, and the calls of their webhook."""

    list_display = ("at", "limit", "whose", "level", "spent", "until", "webhook")
    list_filter = ("level", ("at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("limit",)
    search_fields = ("subject",)

    @column("whose")
    def whose(self, row: LimitWarning) -> str:
        told = subject_named(LimitScope(row.limit.scope), row.subject)
        return str(told.get("name") or told.get("end_user") or row.subject or "all together")

    @column("used / limit")
    def spent(self, row: LimitWarning) -> str:
        if row.limit.unit == LimitUnit.USD:
            return f"${dollars(row.used)} / ${dollars(row.amount)}"
        return f"{row.used:,} / {row.amount:,}"

    @column("webhook")
    def webhook(self, row: LimitWarning) -> str:
        if row.delivered_at:
            return "delivered"
        if row.failure:
            return f"{row.failure}, {'again later' if row.due_at else 'given up'}"
        return "due" if row.due_at else NOTHING
