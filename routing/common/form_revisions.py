"""Optimistic locking: a form whose row was saved meanwhile shows the other values, and keeps its input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import QueryDict
from unfold.widgets import UnfoldAdminTextInputWidget

from routing.common.admin import M

if TYPE_CHECKING:
    Base = forms.ModelForm[M]
else:
    # Django's model forms take a type parameter for the type checker only.
    class Base(forms.ModelForm):
        def __class_getitem__(cls, _: Any) -> type:
            return cls


SHOWN_CHARS = 400
"""Of the other value, in a message."""


class RevisionedForm(Base[M]):
    """A form with the revision of its row at which it was opened.

    A row that was saved meanwhile is a fault that names every field that differs; the form then has the
    newer revision, so that saving it again overwrites the other values. A form without a revision, as a
    program may send it, is saved.
    """

    opened = forms.IntegerField(required=False, widget=forms.HiddenInput)
    why = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept with the published version.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            row: Any = self.instance
            self.initial["opened"] = row.revision

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        opened = cleaned.get("opened")
        if self.instance.pk:
            self._compare(opened)
        elif opened is not None:
            self._refuse(None, ["Somebody deleted this meanwhile. Saving again makes it anew."])
        return cleaned

    def _compare(self, opened: int | None) -> None:
        rows = type(self.instance)._default_manager.select_for_update()  # noqa: SLF001 - documented
        stored: Any = rows.filter(pk=self.instance.pk).first()
        if stored is None:  # deleted between two queries
            self.add_error(None, "Somebody deleted this meanwhile.")
            return
        row: Any = self.instance
        row.revision = stored.revision + 1
        if opened is not None and opened != stored.revision:
            differences = list(self._differences(stored))
            if differences:
                self._refuse(stored.revision, [_saved_by(stored), *differences])

    def _refuse(self, revision: int | None, messages: list[str]) -> None:
        """Refuse, and let the next save of this form go through."""
        data: Any = cast("QueryDict", self.data).copy()
        data[self.add_prefix("opened")] = "" if revision is None else str(revision)
        self.data = data
        self.add_error(None, forms.ValidationError(messages))

    def _differences(self, stored: Model) -> Iterable[str]:
        values = model_to_dict(stored)
        for name, field in self.fields.items():
            if name in values and field.has_changed(values[name], self[name].data):
                text = _text(field.prepare_value(values[name]), field)
                yield f"“{self[name].label}” says now: {text}"


def _saved_by(stored: Model) -> str:
    entry = (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(stored), object_id=str(stored.pk)
        )
        .select_related("user")
        .first()
    )
    saved = (
        f"{entry.user} saved this at {entry.action_time:%H:%M:%S} UTC," if entry else "It was saved"
    )
    return (
        f"{saved} after you had opened it. Your input is still below, and nothing of it is saved yet: "
        "saving again puts it in place of theirs, which differs in what follows."
    )


def _text(value: Any, field: forms.Field) -> str:
    if isinstance(field, forms.ModelChoiceField):
        chosen = field.queryset.filter(pk=value).first() if field.queryset is not None else None
        value = str(chosen) if chosen else ""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = "" if value is None else str(value)
    if not text.strip():
        return "nothing"
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
