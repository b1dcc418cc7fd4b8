"""Forms of the rules and models: lists as lines, and faults told in words before they are saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from routing.common.form_revisions import RevisionedForm
from routing.domain.actions import (
    ACTIONS,
    DEFAULT_ACTION,
    Action,
    ActionSpec,
    ModelKind,
    action_for,
)
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.validation import EXAMPLE_CHARS, INSTRUCTION_CHARS, closes_quoting

FEWEST_CHOICES = 3


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
        return [line for line in lines if line]

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
        select = UnfoldAdminSelectWidget(choices=[("", "-"), *self.choices, *gone])
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
    """One rule. What could not be published is refused here, where it can be put right."""

    fallbacks = FallbacksField(help_text="Tried in this order when the first choice fails.")
    examples_for = LinesField(
        label="Prompts that fit", help_text="One per line. The classifier reads them."
    )
    examples_against = LinesField(
        label="Prompts that do not fit", help_text="One per line. Near misses teach the most."
    )
    suggestions = LinesField(help_text="One per line: wordings offered with the refusal.")

    class Meta:
        model = Rule
        fields = "__all__"
        labels = {
            "is_default": "Default",
            "refusal_reason": "Reason",
            "cache": "May be used again for",
            "cache_ttl_seconds": "Life of an answer",
            "wrong_shared": "Wrong ones in a hundred, of answers for everybody",
            "wrong_own": "Wrong ones in a hundred, of a person's own answers",
            "judge": "Ask the small model when in doubt",
            "audited_percent": "Reuses checked afterwards, in per cent",
        }
        help_texts = {
            "is_default": "Answers when no classifier can be reached. Marking a rule takes the "
            "mark from the one that had it.",
            "cache_ttl_seconds": "Seconds; empty uses the routing settings.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enabled_models = {row.name: row for row in LLMModel.objects.filter(enabled=True)}
        widget = self.fields["fallbacks"].widget if "fallbacks" in self.fields else None
        if isinstance(widget, OrderedModelsWidget):
            widget.choices = [
                (name, f"{name} ({row.kind})")
                for name, row in self.enabled_models.items()
                if action_for(ModelKind(row.kind))
            ]

    def _get_validation_exclusions(self) -> set[str]:
        # A second default is no fault: saving it takes the mark from the first one.
        return super()._get_validation_exclusions() | {"is_default"}  # type: ignore[misc,no-any-return]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        action = cleaned.get("action")
        if action == Action.REFUSE:
            self._check_refusal(cleaned)
        elif action:
            self._check_models(ACTIONS[Action(action)], cleaned)
        self._check_default(cleaned)
        self._check_words(cleaned)
        return cleaned

    def clean_instruction(self) -> str:
        """Browsers end lines as in letters of the telegraph's time."""
        instruction: str = self.cleaned_data["instruction"]
        return instruction.replace("\r\n", "\n")

    def _check_words(self, cleaned: dict[str, Any]) -> None:
        instruction = cleaned.get("instruction") or ""
        if len(instruction) > INSTRUCTION_CHARS:
            self.add_error(
                "instruction",
                f"{len(instruction):,} characters: the classifier's budget for one instruction "
                f"is {INSTRUCTION_CHARS:,}.",
            )
        self._check_quoting("instruction", instruction, strict=True)
        for name in ("examples_for", "examples_against"):
            for example in cleaned.get(name) or []:
                if len(example) > EXAMPLE_CHARS:
                    self.add_error(name, f"An example has more than {EXAMPLE_CHARS:,} characters.")
                self._check_quoting(name, example)

    def _check_quoting(self, field: str, text: str, *, strict: bool = False) -> None:
        if found := closes_quoting(text, strict=strict):
            self.add_error(field, f"“{found}” could close the classifier's quoting: leave it out.")

    def _check_refusal(self, cleaned: dict[str, Any]) -> None:
        if not (cleaned.get("refusal_reason") or "").strip():
            self.add_error("refusal_reason", "A refusal needs a reason to give.")

    def _check_models(self, spec: ActionSpec, cleaned: dict[str, Any]) -> None:
        kind = spec.model_kind
        chosen = cleaned.get("model")
        if chosen is None:
            if "model" not in self.errors:
                self.add_error("model", f"Choose the {kind} model that does it.")
        else:
            self._check_model("model", chosen.name, spec)
        for name in cleaned.get("fallbacks") or []:
            if chosen and name == chosen.name:
                self.add_error("fallbacks", f"“{name}” is the first choice already.")
            else:
                self._check_model("fallbacks", name, spec)

    def _check_model(self, field: str, name: str, spec: ActionSpec) -> None:
        model = self.enabled_models.get(name)
        if model is None:
            self.add_error(field, f"“{name}” is not an enabled model.")
        elif model.kind != spec.model_kind:
            self.add_error(
                field,
                f"{spec.gerund} needs a model of kind {spec.model_kind}; "
                f"“{name}” is one of kind {model.kind}.",
            )

    def _check_default(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("is_default"):
            if cleaned.get("action") != DEFAULT_ACTION:
                self.add_error("is_default", "Only an answering rule can be the default.")
            if not cleaned.get("enabled"):
                self.add_error("enabled", "The default rule must be enabled.")
        elif self.initial.get("is_default"):
            self.add_error(
                "is_default",
                "There must be a default. Mark another rule as the default instead: "
                "that takes the mark from this one.",
            )


class LLMModelForm(RevisionedForm[LLMModel]):
    """One model. One that is in use can't be switched off under its users."""

    class Meta:
        model = LLMModel
        fields = "__all__"

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
    """Who would miss the model, in words."""
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
    """The settings that are published beside the rules."""

    class Meta:
        model = RoutingSettings
        fields = "__all__"
        labels = {
            "classifier_fallback": "Second classifier",
            "callers_choose": "Callers may name a model",
            "min_similarity": "Similarity",
            "cache_ttl_seconds": "Life of an answer",
        }
        help_texts = {
            "classifier": "Reads every prompt and picks the rule: small and quick is best.",
            "classifier_fallback": "Asked when the first one can't be reached. Another "
            "provider's is best.",
            "min_similarity": "From 0.5 to 1: the least cosine similarity at which a stored answer is "
            "considered. Whether it is served is decided by the verifier.",
            "cache_ttl_seconds": "Seconds, where a rule says nothing else.",
            "wrong_shared": "From 0.1 to 20: how many of a hundred reused answers may be wrong. The less, "
            "the fewer are reused.",
            "wrong_own": "The same for answers that only the person who asked gets again.",
            "judge": "A yes or no from the classifier's model about a stored answer that is neither sure "
            "nor hopeless. It delays the question by as long.",
            "audited_percent": "The classifier's model looks at this share of the reused answers in the "
            "background. Its verdicts move the cut and show in the precision.",
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
