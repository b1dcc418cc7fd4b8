"""Forms of publishing, rolling back and importing."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from routing.common.validators import check_block
from routing.domain.release import Stage
from routing.publishing.services import WHY_CHARS, Target
from routing.publishing.yaml_files import MOST_CHARS

STAGES = (
    (Stage.ALL.value, "All users, at once"),
    (Stage.PERCENT.value, "A share of the users, the same ones each time"),
    (Stage.SHADOW.value, "In shadow: it decides beside the live version, without effect"),
)


class WhyField(forms.CharField):
    """A few words that are kept with the version."""

    def __init__(self, label: str = "Why", **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})
        super().__init__(
            label=label,
            max_length=WHY_CHARS,
            required=False,
            widget=widget,
            validators=[check_block],
            **kwargs,
        )


class StageForm(forms.Form):
    """How far a version goes."""

    stage = forms.ChoiceField(
        label="For whom",
        choices=STAGES,
        initial=Stage.ALL.value,
        widget=UnfoldAdminRadioSelectWidget,
    )
    percent = forms.IntegerField(
        label="Share in percent",
        min_value=1,
        max_value=99,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": 99}),
    )
    why = WhyField()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        shared = cleaned.get("stage") == Stage.PERCENT
        if shared and not cleaned.get("percent") and "percent" not in self.errors:
            self.add_error("percent", "Say how many percent of the users, from 1 to 99.")
        return cleaned

    def target(self) -> Target:
        """The stage that was chosen."""
        stage = Stage(self.cleaned_data["stage"])
        percent = self.cleaned_data["percent"] if stage is Stage.PERCENT else 0
        return Target(stage, percent)

    def release(self) -> dict[str, Any]:
        """Arguments of ``version_release``."""
        return {"target": self.target(), "why": self.cleaned_data["why"]}

    def told(self) -> str:
        """The chosen stage, in words."""
        target = self.target()
        if target.stage is Stage.PERCENT:
            return f"answers {target.percent} % of the users"
        return "decides in shadow" if target.stage is Stage.SHADOW else "answers all users"


class OverridingForm(forms.Form):
    """Form with a field for the reason to override failing checks, for people with that permission."""

    def __init__(self, *args: Any, may_override: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_override:
            del self.fields["override"]


class PublishForm(OverridingForm, StageForm):
    """The draft as the next version."""

    override = WhyField(
        label="Publish although checks fail, because",
        help_text="Only where a check refuses the draft. The reason is kept with the version.",
    )

    def publication(self) -> dict[str, Any]:
        """Arguments of ``ruleset_publish``."""
        return {**self.release(), "override": self.cleaned_data.get("override", "")}


class RollBackForm(OverridingForm):
    """An old version again."""

    why = WhyField()
    override = WhyField(label="Roll back although checks fail, because")


class ImportForm(forms.Form):
    """A document: a file, or its text."""

    file = forms.FileField(
        label="YAML file",
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".yaml,.yml"}),
    )
    text = forms.CharField(
        label="or its text",
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        if file is not None:
            try:
                cleaned["text"] = file.read(MOST_CHARS).decode()
            except UnicodeDecodeError:
                self.add_error("file", "The file is not UTF-8.")
        elif not cleaned.get("text"):
            self.add_error("file", "Choose a file, or paste its text.")
        return cleaned
