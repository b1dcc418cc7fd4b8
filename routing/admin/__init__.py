"""Admin pages of rules, models and routing settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import JSONField, Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from routing.admin.forms import (
    FallbacksField,
    LinesField,
    LLMModelForm,
    RoutingSettingsForm,
    RuleForm,
    rule_fieldsets,
    sentence,
    users_of,
)
from routing.admin.golden import GoldenCaseAdmin
from routing.admin.publishing import ExtraPage, PublishingAdmin
from routing.admin.rule_order import add_places, order_view
from routing.admin.versions import VersionAdmin
from routing.classifier.fallback import PATIENCE
from routing.common.admin import NOTHING, M, column, rendered
from routing.common.redis.clients import sync_client
from routing.domain.actions import ACTIONS, Action
from routing.domain.errors import CircuitsUnavailable
from routing.domain.rules import SIMULATED_PREFIX
from routing.llm.failover.circuit_states import CircuitAdmin, CircuitState
from routing.llm.providers.price_list import price_list_words
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.draft import (
    doubtful_names,
    model_ref,
    prices_seen,
    strange_parameters,
    unset_variables,
    without_price,
)
from routing.publishing.yaml_files import change_each

__all__ = ["GoldenCaseAdmin", "LLMModelAdmin", "RoutingSettingsAdmin", "RuleAdmin", "VersionAdmin"]

ADDRESS = ("base_url", "key_variable")
"""Fields of a model that need a permission of their own: keys are sent there."""
ACTION_LABELS = {"Answer": "info", "Image": "primary", "Refuse": "danger"}


class SwitchingAdmin(PublishingAdmin[M]):
    """A list of rows with a switch. Nothing live follows it until the draft is published."""

    actions = ("switch_on", "switch_off")

    @admin.action(description="Enable the selected in the draft", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Have the rows published with the next version."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable the selected in the draft", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Leave the rows out of the next version."""
        self._switch(request, queryset, enabled=False)

    def kept_on(self, row: M) -> str:
        """Why the row can't be switched off; empty where it can."""
        return ""

    @transaction.atomic
    def _switch(self, request: HttpRequest, queryset: QuerySet[M], *, enabled: bool) -> None:
        # Locked by their keys: PostgreSQL locks no optional side of the list's joins.
        chosen = list(queryset.values_list("pk", flat=True))
        rows: Any = self.model._default_manager.select_for_update()  # noqa: SLF001 - documented
        switched = 0
        for row in rows.filter(pk__in=chosen).exclude(enabled=enabled):
            if not enabled and (why := self.kept_on(row)):
                messages.error(request, f"“{row}” stays enabled: {why}")
                continue
            row.enabled, row.revision = enabled, row.revision + 1
            row.save(update_fields=["enabled", "revision"])
            self.log_change(request, row, [{"changed": {"fields": ["Enabled"]}}])
            switched += 1
        done = "Enabled" if enabled else "Disabled"
        told = "nothing live changes until it is published."
        messages.info(request, f"{done} {switched} in the draft: {told}")


@admin.register(Rule)
class RuleAdmin(SwitchingAdmin[Rule]):
    """Page of the rules."""

    list_parts: ClassVar[list[str]] = ["routing/admin/rule_tools.html"]
    form = RuleForm
    list_display = ("name", "does", "by", "ranked", "caching", "enabled", "stands_in")
    list_filter = ("action", "enabled")
    list_select_related = ("model",)
    search_fields = ("name", "instruction")
    ordering = ("priority", "name")
    fieldsets = rule_fieldsets()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            field = FallbacksField if db_field.name == "fallbacks" else LinesField
            return field(label=kwargs.get("label"), help_text=kwargs.get("help_text"))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @column("action", ordering="action", labels=ACTION_LABELS)
    def does(self, rule: Rule) -> str:
        return Action(rule.action).value.capitalize()

    @column("by", ordering="model__name")
    def by(self, rule: Rule) -> str:
        if rule.action == Action.REFUSE or rule.model is None:
            return NOTHING
        return ", then ".join([rule.model.name, *map(str, rule.fallbacks)])

    @column("priority", ordering="priority")
    def ranked(self, rule: Rule) -> SafeString:
        place = getattr(rule, "place", 0)
        steps = {"before": max(0, place - 1), "after": place + 1}
        return rendered("routing/admin/rule_moves.html", rule=rule, **steps)

    @column("may be used again for", ordering="cache")
    def caching(self, rule: Rule) -> str:
        if not ACTIONS[Action(rule.action)].reusable:
            return NOTHING
        return rule.get_cache_display()

    @column("default", ordering="is_default", labels={"default": "success"})
    def stands_in(self, rule: Rule) -> str:
        return "default" if rule.is_default else NOTHING

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        # Behind the other rules, and before the default: that one fits every prompt.
        others = Rule.objects.filter(is_default=False).aggregate(last=Max("priority"))["last"] or 0
        default = Rule.objects.filter(is_default=True).values_list("priority", flat=True).first()
        before = max(0, (default or 100) - 1)
        return {
            "priority": min(others + 10, before),
            **super().get_changeform_initial_data(request),
        }

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        if obj.is_default:
            # One default at any time; the mark moves with the save, in one transaction.
            others = Rule.objects.filter(is_default=True).exclude(pk=obj.pk)
            change_each(others, is_default=False)
        super().save_model(request, obj, form, change)

    def kept_on(self, row: Rule) -> str:
        return "it is the default. Mark another rule first." if row.is_default else ""

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        if obj is not None and obj.is_default:
            return False
        return super().has_delete_permission(request, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rule = self.get_object(request, object_id)
        if rule is not None and rule.is_default:
            messages.error(
                request,
                f"“{rule.name}” is the default and can't be deleted. "
                "Mark another rule as the default first.",
            )
            return redirect("admin:routing_rule_change", object_id)
        return super().delete_view(request, object_id, extra_context)


RuleAdmin.row_figures.append(add_places)
RuleAdmin.pages.append(ExtraPage("order/", "routing_rule_order", order_view, post_only=True))


@admin.register(LLMModel)
class LLMModelAdmin(SwitchingAdmin[LLMModel]):
    """Page of the models, and below them every circuit that has failures on it."""

    list_after_template = "routing/admin/circuits.html"
    form = LLMModelForm
    list_display = ("name", "does", "provider", "litellm_name", "prices", "enabled")
    list_filter = ("kind", "provider", "enabled")
    search_fields = ("name", "litellm_name")
    fieldsets = (
        (None, {"fields": ("name", "litellm_name", "provider", "kind", "enabled", "used_by")}),
        ("Where it is asked", {"fields": ADDRESS}),
        ("How it is asked", {"fields": ("temperature", "reasoning_effort", "parameters")}),
        ("Room, in tokens", {"fields": ("context_window", "max_output_tokens")}),
        (
            "Price",
            {
                "fields": (
                    *("input_price", "cached_price", "output_price", "reasoning_price"),
                    "prices",
                ),
                "description": price_list_words(),
            },
        ),
        (
            "Patience, in seconds",
            {
                "fields": (
                    "connect_timeout",
                    "first_token_timeout",
                    "stall_timeout",
                    "total_timeout",
                ),
                "description": f"As a classifier it is waited for {PATIENCE:.0f} s at most.",
            },
        ),
        ("What it can do", {"fields": ("abilities",)}),
        ("How its streams end", {"fields": ("ends_without_finish",)}),
    )
    readonly_fields = ("used_by", "prices")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        states = _circuit_states()
        request.circuits = {circuit.model: circuit for circuit in states or ()}  # type: ignore[attr-defined]
        context = {**(extra_context or {}), "circuits": states}
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.circuit_view))
        return [path("circuit/", view, name="routing_circuit_reset"), *super().get_urls()]

    def circuit_view(self, request: HttpRequest) -> HttpResponse:
        """Close the circuit of the posted ``model``: its next call goes through."""
        if not request.user.has_perm("routing.change_llmmodel"):
            raise PermissionDenied
        model = request.POST.get("model", "")
        try:
            with sync_client(settings.REDIS_URL) as client:
                CircuitAdmin(client, prefix=settings.REDIS_PREFIX).reset(model)
        except CircuitsUnavailable:
            messages.error(request, "Redis does not answer; each worker keeps its own circuits.")
        else:
            messages.success(request, f"“{model}” is asked again.")
        return redirect("admin:routing_llmmodel_changelist")

    def get_readonly_fields(self, request: HttpRequest, obj: LLMModel | None = None) -> Any:
        # Rules name their fallbacks, callers their models: a name is never changed under them.
        fields = super().get_readonly_fields(request, obj)
        if not request.user.has_perm("routing.address_llmmodel"):
            fields = [*fields, *ADDRESS]
        return ["name", *fields] if obj else fields

    def kept_on(self, row: LLMModel) -> str:
        users = list(users_of(row))
        return f"it is used by {sentence(users)}." if users else ""

    @column(
        "kind",
        ordering="kind",
        labels={"chat": "info", "classifier": "warning", "image": "primary", "embedding": ""},
    )
    def does(self, model: LLMModel) -> str:
        return model.kind

    @column("$ per million tokens")
    def prices(self, model: LLMModel) -> str:
        if without_price([model]):
            return "unknown: enter both prices"
        return prices_seen(model)

    def get_list_display(self, request: HttpRequest) -> Any:
        circuits: Mapping[str, CircuitState] = getattr(request, "circuits", {})

        @column("health")
        def health(model: LLMModel) -> str:
            seen = circuits.get(model.name) or circuits.get(SIMULATED_PREFIX + model.name)
            return _health(model, seen)

        return [*super().get_list_display(request), health]

    def save_model(self, request: HttpRequest, obj: LLMModel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for doubt in (
            *doubtful_names([obj]),
            *strange_parameters([model_ref(obj)]),
            *unset_variables([obj]),
        ):
            messages.warning(request, doubt)
        if without_price([obj]):
            messages.warning(
                request,
                f"No price of “{obj.litellm_name}” is known: what it costs is told as unknown"
                " until both prices are entered.",
            )

    @column("used by")
    def used_by(self, model: LLMModel) -> str:
        return ", ".join(users_of(model)) if model.pk else ""


def _health(model: LLMModel, circuit: CircuitState | None) -> str:
    """What keeps a model from being asked, or its failures in a row with the last error."""
    if told := unset_variables([model]):
        return told[0].partition(": ")[2]
    if circuit is None:
        return "no failure lately"
    count = f"{circuit.failures} failure{'s' * (circuit.failures != 1)} in a row"
    return f"{count}, the last: {circuit.why}" if circuit.error else count


def _circuit_states() -> Sequence[CircuitState] | None:
    """``None`` without Redis: the page opens all the same, an operator looks there when things are down."""
    try:
        with sync_client(settings.REDIS_URL) as client:
            return CircuitAdmin(client, prefix=settings.REDIS_PREFIX).states()
    except CircuitsUnavailable:
        return None


@admin.register(RoutingSettings)
class RoutingSettingsAdmin(PublishingAdmin[RoutingSettings]):
    """The one row that is published beside the rules."""

    form = RoutingSettingsForm
    fieldsets = (
        ("Who chooses the rule", {"fields": ("classifier", "classifier_fallback")}),
        (
            "Deciding without the classifier",
            {"fields": ("vectors", "wrong_decisions", "audited_decisions_percent")},
        ),
        ("Asking ahead of the decision", {"fields": ("speculation_usd_per_day",)}),
        ("What callers may do", {"fields": ("callers_choose",)}),
        (
            "Using answers again",
            {
                "fields": (
                    "wrong_shared",
                    "wrong_own",
                    "judge",
                    "audited_percent",
                    "links_usd_per_day",
                    "min_similarity",
                    "cache_ttl_seconds",
                )
            },
        ),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if RoutingSettings.objects.exists():
            return redirect("admin:routing_routingsettings_change", 1)
        return redirect("admin:routing_routingsettings_add")

    def save_model(
        self, request: HttpRequest, obj: RoutingSettings, form: Any, change: bool
    ) -> None:
        obj.pk = 1
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not RoutingSettings.objects.exists()

    def has_delete_permission(
        self, request: HttpRequest, obj: RoutingSettings | None = None
    ) -> bool:
        return False
