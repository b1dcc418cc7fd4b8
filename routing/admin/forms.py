"""Forms of the rules and models: lists as lines, and faults told in words before they are saved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from routing.common.form_revisions import RevisionedForm
from routing.common.validators import check_block
from routing.domain.abilities import Ability
from routing.domain.actions import ACTIONS, Action, ModelKind, action_for
from routing.domain.endpoints import parameters_of
from routing.domain.fields import FieldSpec, specs
from routing.domain.rules import SHARES, ReusePolicy, RuleSet
from routing.domain.rules import Rule as DomainRule
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.draft import model_ref, rule_of
from routing.publishing.validation import default_faults, rule_faults

FEWEST_CHOICES = 3
COLUMNS = {name: f"{name}_percent" for name in SHARES}
"""Columns that have another name than the field of the domain."""


def column_specs(*kinds: Any) -> dict[str, FieldSpec]:
    """Labels and helps of the columns that the fields of these dataclasses are edited in."""
    return {COLUMNS.get(name, name): item for kind in kinds for name, item in specs(kind).items()}


_RULE = column_specs(DomainRule)
_SETTINGS = column_specs(RuleSet, ReusePolicy)


class LinesField(forms.CharField):
    """A list of strings, edited as one per line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        # An item that came from elsewhere with a line break would be read back as two.
        return "\n".join(map(_one_line, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = map(_one_line, (super().clean(value) or "").splitlines())
        found = [line for line in lines if line]
        check_block(found)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.clean(data) != list(map(_one_line, initial or [])))


def _one_line(text: str) -> str:
    return " ".join(text.split())


class OrderedModelsWidget(forms.Widget):
    """A row of choices under one name; the order of the row is the order of the list."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[tuple[str, str]] = ()

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = list(value or [])
        count = max(FEWEST_CHOICES, len(chosen) + 1)
        padded = chosen + [""] * (count - len(chosen))
        known = {name for name, _ in self.choices}
        gone = [(name, f"{name} (not enabled)") for name in chosen if name not in known]
        select = UnfoldAdminSelectWidget(
            choices=[("", "-"), *self.choices, *gone], attrs={**self.attrs}
        )
        selects = (
            (select.render(name, item, self._attrs(attrs, at)),) for at, item in enumerate(padded)
        )
        return format_html(
            '<div class="assistant-row">{}</div>', format_html_join("", "{}", selects)
        )

    @staticmethod
    def _attrs(attrs: dict[str, Any] | None, at: int) -> dict[str, Any]:
        # The label names the first choice; the others say which they are.
        if at == 0:
            return attrs or {}
        return {"aria-label": f"Fallback {at + 1}"}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [value for value in values if value]


class FallbacksField(forms.Field):
    """Names of enabled models, in the order they are tried."""

    widget = OrderedModelsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != list(data or [])

    def clean(self, value: Any) -> list[str]:
        names = list(value or [])
        if len(set(names)) != len(names):
            raise forms.ValidationError("The same model is named twice.")
        return names


class RuleForm(RevisionedForm[Rule]):
    """Form of one rule: a fault that would keep it from being published is shown at its field."""

    class Meta:
        model = Rule
        fields = "__all__"
        labels: ClassVar[Any] = {
            **{name: item.form_label for name, item in _RULE.items()},
            "is_default": "Default",
        }
        help_texts: ClassVar[Any] = {
            **{name: item.help for name, item in _RULE.items() if item.help},
            "is_default": "Answers when no classifier can be reached. Marking a rule takes the "
            "mark from the one that had it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enabled_models = {
            row.name: model_ref(row) for row in LLMModel.objects.filter(enabled=True)
        }
        widget = self.fields["fallbacks"].widget if "fallbacks" in self.fields else None
        if isinstance(widget, OrderedModelsWidget):
            acting = {
                name: model for name, model in self.enabled_models.items() if action_for(model.kind)
            }
            widget.choices = [(name, f"{name} ({model.kind})") for name, model in acting.items()]
            widget.attrs["data-kinds"] = json.dumps({name: m.kind for name, m in acting.items()})
        self._offer_models()
        self._follow_action()

    def _offer_models(self) -> None:
        """Offer the enabled models that can act, and the chosen one; the page's script narrows them to the
        kind that the action needs."""
        field = self.fields.get("model")
        if not isinstance(field, forms.ModelChoiceField):
            return
        kinds = [row.model_kind for row in ACTIONS.values() if row.model_kind]
        offered = Q(enabled=True, kind__in=kinds) | Q(pk=self.instance.model_id)
        field.queryset = LLMModel.objects.filter(offered)
        known = {str(model.pk): model.kind for model in LLMModel.objects.filter(offered)}
        select: Any = getattr(field.widget, "widget", field.widget)
        select.attrs["data-kinds"] = json.dumps(known)

    def _follow_action(self) -> None:
        """Tell the page's script which fields an action has, and which kind of model."""
        if "action" not in self.fields:
            return
        applies = {name: list(item.applies) for name, item in _RULE.items() if item.applies}
        kinds = {action: row.model_kind or "" for action, row in ACTIONS.items()}
        self.fields["action"].widget.attrs |= {
            "data-applies": json.dumps(applies),
            "data-kind-of": json.dumps(kinds),
        }

    def _get_validation_exclusions(self) -> set[str]:
        # A second default is no fault: saving it takes the mark from the first one.
        return super()._get_validation_exclusions() | {"is_default"}  # type: ignore[misc,no-any-return]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("action"):
            self._check_rule(cleaned)
        self._check_default(cleaned)
        return cleaned

    def clean_instruction(self) -> str:
        """The instruction with single line ends: browsers send two characters."""
        instruction: str = self.cleaned_data["instruction"]
        return instruction.replace("\r\n", "\n")

    def clean_groups(self) -> list[str]:
        """Raises ``ValidationError`` for the name of no group: nobody would be given the rule."""
        names: list[str] = self.cleaned_data["groups"]
        known = set(Group.objects.filter(name__in=names).values_list("name", flat=True))
        if unknown := [name for name in names if name not in known]:
            raise forms.ValidationError(f"There is no group “{unknown[0]}”.")
        return names

    def _check_rule(self, cleaned: dict[str, Any]) -> None:
        """Show the faults of the rule as it would be published, but for fields that have others."""
        known = {name: cleaned[name] for name in specs(DomainRule) if name in cleaned}
        rule = rule_of(Rule(**known))
        faults = list(rule_faults(rule, self.enabled_models.get))
        if cleaned.get("is_default"):
            faults += default_faults(rule)
        faulty = set(self.errors)
        for fault in faults:
            if fault.field not in faulty:
                self.add_error(fault.field, fault.at_field)
        if rule.model in rule.fallbacks and "fallbacks" not in faulty:
            self.add_error("fallbacks", f"“{rule.model}” is the first choice already.")

    def _check_default(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("is_default"):
            if not cleaned.get("enabled"):
                self.add_error("enabled", "The default rule must be enabled.")
        elif self.initial.get("is_default"):
            self.add_error(
                "is_default",
                "There must be a default. Mark another rule as the default instead: "
                "that takes the mark from this one.",
            )


def rule_fieldsets() -> Any:
    """The groups of the fields of a rule, with the draft's own switches in the first."""
    groups: dict[str, list[str]] = {}
    for name, item in specs(DomainRule).items():
        groups.setdefault(item.group, []).append(name)
    first = next(iter(groups.values()))
    first += ["enabled", "is_default"]
    return [(title, {"fields": names}) for title, names in groups.items()]


class LLMModelForm(RevisionedForm[LLMModel]):
    """One model. One that is in use can't be switched off under its users."""

    abilities = forms.MultipleChoiceField(
        required=False,
        choices=[(each.value, each.value.replace("_", " ").capitalize()) for each in Ability],
        widget=forms.CheckboxSelectMultiple,
        help_text=LLMModel._meta.get_field("abilities").help_text,  # noqa: SLF001 - documented
    )

    class Meta:
        model = LLMModel
        fields = "__all__"

    def clean_parameters(self) -> str:
        """The object on one line, with its names in order: the same parameters are no change."""
        text: str = self.cleaned_data["parameters"]
        found = parameters_of(text)
        return json.dumps(found, sort_keys=True, ensure_ascii=False) if found else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        users = list(users_of(self.instance)) if self.instance.pk else []
        if users:
            where = f"It is used by {sentence(users)}: choose another model there first."
            if not cleaned.get("enabled"):
                self.add_error("enabled", where)
            if "kind" in self.changed_data:
                self.add_error("kind", where)
        return cleaned


def users_of(model: LLMModel) -> Iterable[str]:
    """The users of the model, in words."""
    # Fallbacks are names in JSON: the few rules are looked through here, whatever the database.
    for rule in Rule.objects.filter(enabled=True).exclude(action=Action.REFUSE):
        if rule.model_id == model.pk or model.name in rule.fallbacks:
            yield f"the rule “{rule.name}”"
    chosen = RoutingSettings.objects.first()
    if chosen and model.pk in {chosen.classifier_id, chosen.classifier_fallback_id}:
        yield "the routing settings"


def sentence(parts: Sequence[str]) -> str:
    """The parts, enumerated."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


class RoutingSettingsForm(RevisionedForm[RoutingSettings]):
    """Form of the settings that are published beside the rules."""

    class Meta:
        model = RoutingSettings
        fields = "__all__"
        labels: ClassVar[Any] = {
            **{name: item.form_label for name, item in _SETTINGS.items()},
            "classifier_fallback": "Second classifier",
        }
        help_texts: ClassVar[Any] = {
            **{name: item.help for name, item in _SETTINGS.items() if item.help},
            "classifier": "Reads every prompt and picks the rule: small and quick is best.",
            "classifier_fallback": "Asked when the first one can't be reached. Another "
            "provider's is best.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = (ModelKind.CLASSIFIER, ModelKind.CHAT)
        able = LLMModel.objects.filter(enabled=True, kind__in=kinds)
        for name in ("classifier", "classifier_fallback"):
            field = self.fields.get(name)
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = able

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, second = cleaned.get("classifier"), cleaned.get("classifier_fallback")
        if first is None and "classifier" not in self.errors:
            self.add_error("classifier", "Choose the model that reads prompts and picks a rule.")
        if first and first == second:
            self.add_error("classifier_fallback", "Choose another model than the first one.")
        return cleaned
