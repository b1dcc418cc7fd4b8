"""From a document, or a version, back into the tables: the draft then says what it says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import RuleSet
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.yaml_files import Document, ModelEntry, RuleEntry, document_of


def restore_tables(rules: RuleSet) -> None:
    """Have the tables say what ``rules`` say. Rows that it does not know are switched off."""
    write_tables(document_of(rules), delete=False)


@transaction.atomic
def write_tables(document: Document, *, delete: bool = True) -> None:
    """Have the tables say what the document says. Rows that it does not name are deleted, or, without
    ``delete``, switched off. Raises ``RuleSetInvalid`` with what can't be stored, and stores nothing."""
    if faults := list(_faults(document)):
        raise RuleSetInvalid(faults)
    models = {entry.name: _put(LLMModel, entry.name, dict(entry)) for entry in document.models}
    _leave(Rule, [entry.name for entry in document.rules], delete=delete)
    default = [entry.name for entry in document.rules if entry.is_default]
    Rule.objects.filter(is_default=True).exclude(name__in=default).update(
        is_default=False, revision=F("revision") + 1
    )
    for entry in document.rules:
        model = models[entry.model] if entry.model else None
        _put(Rule, entry.name, {**dict(entry), "model": model})
    chosen = dict(document.settings)
    for role in ("classifier", "classifier_fallback"):
        chosen[role] = models[chosen[role]] if chosen[role] else None
    _put(RoutingSettings, None, chosen)
    _leave(LLMModel, list(models), delete=delete)


def _put(table: Any, name: str | None, fields: dict[str, Any]) -> Any:
    """Write the row's fields, where one differs; a row that is not there is made."""
    key = {"pk": 1} if name is None else {"name": name}
    row, made = table.objects.select_for_update().get_or_create(**key, defaults=fields)
    changed = [field for field, value in fields.items() if getattr(row, field) != value]
    if changed and not made:
        for field in changed:
            setattr(row, field, fields[field])
        row.revision += 1
        row.save()
    return row


def _leave(table: Any, names: list[str], *, delete: bool) -> None:
    """Keep the named rows only, or only those switched on."""
    others = table.objects.exclude(name__in=names)
    if delete:
        others.delete()
    else:
        others.filter(enabled=True).update(enabled=False, revision=F("revision") + 1)


def _faults(document: Document) -> Iterable[str]:
    models = [entry.name for entry in document.models]
    yield from _twice("models", models)
    yield from _twice("rules", [entry.name for entry in document.rules])
    if len([entry for entry in document.rules if entry.is_default]) > 1:
        yield "Only one rule can be the default."
    for who, name in _choices(document):
        if name not in models:
            yield f"{who} names “{name}”, which is no model of the document."
    entries: list[ModelEntry | RuleEntry] = [*document.models, *document.rules]
    for entry in entries:
        yield from _row_faults(entry)


def _twice(what: str, names: list[str]) -> Iterable[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{names.count(name)} {what} are named “{name}”."


def _choices(document: Document) -> Iterable[tuple[str, str]]:
    chosen = document.settings
    for name in filter(None, (chosen.classifier, chosen.classifier_fallback)):
        yield "The settings", name
    for entry in document.rules:
        if entry.model:
            yield f"The rule “{entry.name}”", entry.model


def _row_faults(entry: ModelEntry | RuleEntry) -> Iterable[str]:
    """What the columns refuse."""
    fields = {name: value for name, value in dict(entry).items() if name != "model"}
    row = LLMModel(**fields) if isinstance(entry, ModelEntry) else Rule(**fields)
    try:
        row.clean_fields()
    except ValidationError as exc:
        for name, told in exc.message_dict.items():
            yield f"{name} of “{entry.name}”: {' '.join(told)}"
    if "\0" in "".join(_texts(fields)):
        yield f"“{entry.name}” holds a NUL character."


def _texts(fields: dict[str, Any]) -> Iterable[str]:
    for value in fields.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text
