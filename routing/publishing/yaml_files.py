"""YAML files: models, rules and settings as one document, written from the tables and read into them.

The same tables give the same bytes: every field is written, rows come in a fixed order, and the text is
read back and compared before it is given out. The fields and their limits are those of the tables'
columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from django.core.exceptions import ValidationError as ColumnError
from django.core.validators import BaseValidator
from django.db import models, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models import QuerySet
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)

from routing.common.validators import check_line
from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import SHARES, RuleSet
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.codec import ruleset_dump

MOST_CHARS = 5_000_000
"""Of a document; a thousand rules have half a million."""
MOST_LEVELS = 20
"""Of lists and mappings in each other."""

CLASSIFIERS = ("classifier", "classifier_fallback")
_RANGES = BaseDatabaseOperations.integer_field_ranges


def _decimal(value: Any) -> Any:
    """A price, told exactly (as text) or as a number."""
    exact = isinstance(value, str | int | float) and not isinstance(value, bool)
    try:
        return Decimal(str(value)) if exact else value
    except ArithmeticError:
        return value


def _decimal_text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _limits(column: models.Field[Any, Any]) -> dict[str, Any]:
    """The limits of a column of numbers, from its validators."""
    names = {"min_value": "ge", "max_value": "le"}
    checks = [check for check in column.validators if isinstance(check, BaseValidator)]
    return {names[check.code]: check.limit_value for check in checks if check.code in names}


def _text_annotation(column: models.Field[Any, Any]) -> Any:
    if isinstance(column, models.TextField):
        return str
    if column.choices:
        return Literal[tuple(str(value) for value, _ in column.choices)]
    if isinstance(column, models.ForeignKey):  # a model is named
        column = LLMModel._meta.get_field("name")  # noqa: SLF001 - documented
    shortest = 0 if column.blank else 1
    return Annotated[str, Field(min_length=shortest, max_length=column.max_length)]


def _annotation(column: models.Field[Any, Any]) -> Any:
    """The type of a column's values in a document."""
    kind: Any
    match column:
        case models.JSONField():
            kind = list[str]
        case models.BooleanField():
            kind = bool
        case models.FloatField():
            kind = Annotated[float, Field(allow_inf_nan=False, **_limits(column))]
        case models.IntegerField():
            low, high = _RANGES[column.get_internal_type()]
            kind = Annotated[int, Field(**{"ge": low, "le": high, **_limits(column)})]
        case models.DecimalField(max_digits=digits, decimal_places=places):
            kind = Annotated[
                Decimal, Field(max_digits=digits, decimal_places=places, **_limits(column))
            ]
        case _:
            kind = _text_annotation(column)
    kind = kind | None if column.null else kind
    if isinstance(column, models.DecimalField):
        return Annotated[kind, BeforeValidator(_decimal), PlainSerializer(_decimal_text)]
    return kind


def _default(column: models.Field[Any, Any]) -> Any:
    if column.has_default():
        value = column.get_default()
        return str(value) if column.choices else value
    return None if column.null else "" if column.blank else ...


def _entry(table: type[models.Model]) -> Any:
    """The model of a table's rows: one field a column that people edit."""
    columns = [
        column
        for column in table._meta.concrete_fields  # noqa: SLF001 - documented
        if column.editable and not column.primary_key
    ]
    named: dict[str, Any] = {
        column.name: (_annotation(column), _default(column)) for column in columns
    }
    return create_model(f"{table.__name__}Entry", __base__=_Entry, **named)


if TYPE_CHECKING:
    # Made of the columns: the type checker sees no fields.
    ModelEntry = Any
    RuleEntry = Any
    SettingsEntry = Any
else:
    ModelEntry = _entry(LLMModel)
    RuleEntry = _entry(Rule)
    SettingsEntry = _entry(RoutingSettings)


class Document(_Entry):
    """All of it. ``format`` tells later programs how to read it."""

    format: Literal[1] = 1
    settings: SettingsEntry
    models: list[ModelEntry]
    rules: list[RuleEntry]

    def yaml(self) -> str:
        """The text, which read again gives this document."""
        data = self.model_dump()
        text = _dumped(data, _Blocks)
        # A block of a peculiar shape is told in quotes rather than wrongly.
        return text if _loaded(text) == data else _dumped(data, _Quoted)


def document_of_tables() -> Document:
    """The draft, switched-off rows included. Raises ``RuleSetInvalid`` when a row holds a value that no
    document can, written past every form."""
    chosen = RoutingSettings.objects.select_related(*CLASSIFIERS).first()
    rules = Rule.objects.select_related("model").order_by("priority", "name")
    models = LLMModel.objects.order_by("name")
    try:
        return Document(
            settings=_entry_of(SettingsEntry, chosen or RoutingSettings()),
            models=[_entry_of(ModelEntry, row) for row in models],
            rules=[_entry_of(RuleEntry, row) for row in rules],
        )
    except ValidationError as exc:
        raise RuleSetInvalid([_fault(error) for error in exc.errors()]) from exc


def _entry_of(kind: Any, row: models.Model) -> Any:
    values = {name: getattr(row, name) for name in kind.model_fields}
    named = {name: value.name for name, value in values.items() if isinstance(value, LLMModel)}
    return kind(**{**values, **named})


def document_of(rules: RuleSet) -> Document:
    """A published version as a document. Raises ``RuleSetInvalid`` for a version of before a bound."""
    body = ruleset_dump(rules)
    for model in body["models"]:
        model |= {f"{phase}_timeout": value for phase, value in model.pop("timeouts").items()}
    for rule in body["rules"]:
        rule["is_default"] = rule["name"] == rules.default_rule
    values = {**body, **body["reuse"]}
    settings = {name: values[name] for name in SettingsEntry.model_fields if name in values}
    settings |= zip(CLASSIFIERS, (*rules.classifiers, None, None), strict=False)
    settings |= {f"{name}_percent": round(100 * body["reuse"][name], 6) for name in SHARES}
    return _validated(
        {
            "settings": settings,
            "models": sorted(body["models"], key=lambda model: model["name"]),
            "rules": sorted(body["rules"], key=lambda rule: (rule["priority"], rule["name"])),
        }
    )


def _validated(data: Any) -> Document:
    try:
        return Document.model_validate(data)
    except ValidationError as exc:
        raise RuleSetInvalid([_fault(error) for error in exc.errors()]) from exc


def read_document(text: str) -> Document:
    """The document in a text. Raises ``RuleSetInvalid`` with all faults."""
    if len(text) > MOST_CHARS:
        raise RuleSetInvalid([f"The document has more than {MOST_CHARS:,} characters."])
    try:
        data = _loaded(text)
        if data is None:
            told = "The file is empty: it must hold settings, models and rules, as an export does."
            raise RuleSetInvalid([told])
        return _validated(data)
    except (
        yaml.YAMLError,
        ValueError,
    ) as exc:  # of a date that is none, or a number of 5,000 digits
        raise RuleSetInvalid([f"The document is no YAML: {exc}"]) from exc


def _fault(error: Any) -> str:
    at = ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    return f"{at or 'The document'}: {error['msg']}."


def restore_tables(rules: RuleSet) -> None:
    """Write a version into the tables. Rows that it does not know are switched off."""
    write_tables(document_of(rules), delete=False)


@transaction.atomic
def write_tables(document: Document, *, delete: bool = True) -> None:
    """Write the document into the tables. Rows that it does not name are deleted, or, without
    ``delete``, switched off. Raises ``RuleSetInvalid`` with the values that no column takes, and stores
    nothing."""
    if faults := list(_faults(document)):
        raise RuleSetInvalid(faults)
    # Models first: rules and settings refer to them.
    models = {entry.name: _put(LLMModel, entry.name, dict(entry)) for entry in document.models}
    _leave(Rule, [entry.name for entry in document.rules], delete=delete)
    # No two defaults at any moment: the mark is taken away before it is given.
    default = [entry.name for entry in document.rules if entry.is_default]
    change_each(Rule.objects.filter(is_default=True).exclude(name__in=default), is_default=False)
    for entry in document.rules:
        _put(Rule, entry.name, {**dict(entry), "model": models.get(entry.model)})
    roles = {role: models.get(getattr(document.settings, role)) for role in CLASSIFIERS}
    _put(RoutingSettings, None, {**dict(document.settings), **roles})
    # Unnamed models last: until here rules may have referred to them, which protects their rows.
    _leave(LLMModel, list(models), delete=delete)


def _put(table: Any, name: str | None, fields: dict[str, Any]) -> Any:
    """Write the row's fields, where one differs; a row that is not there is made."""
    key = {"pk": 1} if name is None else {"name": name}
    # Locked: a form that is saved meanwhile sees the new revision.
    row, made = table.objects.select_for_update().get_or_create(**key, defaults=fields)
    changed = [field for field, value in fields.items() if getattr(row, field) != value]
    if changed and not made:
        for field in changed:
            setattr(row, field, fields[field])
        row.revision += 1
        row.save()
    return row


def change_each(rows: QuerySet[Any], **fields: Any) -> None:
    """Change rows of the draft one by one: the audit log hears of each, which an update of all is silent about.
    Call it in a transaction."""
    for row in rows.select_for_update():
        for name, value in fields.items():
            setattr(row, name, value)
        row.revision += 1
        row.save(update_fields=[*fields, "revision"])


def _leave(table: Any, names: list[str], *, delete: bool) -> None:
    """Keep the named rows only, or only those switched on."""
    others = table.objects.exclude(name__in=names)
    if delete:
        others.delete()
    else:
        change_each(others.filter(enabled=True), enabled=False)


def _faults(document: Document) -> Iterable[str]:
    models = {entry.name for entry in document.models}
    yield from _twice("models", [entry.name for entry in document.models])
    yield from _twice("rules", [entry.name for entry in document.rules])
    if len([entry for entry in document.rules if entry.is_default]) > 1:
        yield "Only one rule can be the default."
    for subject, name in _choices(document):
        if name not in models:
            yield f"{subject} names “{name}”, which is no model of the document."
    for table, entries in ((LLMModel, document.models), (Rule, document.rules)):
        for entry in entries:
            yield from _row_faults(table, entry)


def _twice(noun: str, names: list[str]) -> Iterable[str]:
    for name, times in sorted(Counter(names).items()):
        if times > 1:
            yield f"{times} {noun} are named “{name}”."


def _choices(document: Document) -> Iterable[tuple[str, str]]:
    chosen = document.settings
    for name in filter(None, (chosen.classifier, chosen.classifier_fallback)):
        yield "The settings", name
    for entry in document.rules:
        if entry.model:
            yield f"The rule “{entry.name}”", entry.model


def _row_faults(table: type[LLMModel | Rule], entry: Any) -> Iterable[str]:
    """The values that the columns refuse, and texts with characters that are not seen."""
    values = {name: value for name, value in dict(entry).items() if name != "model"}
    try:
        table(**values).clean_fields()
    except ColumnError as exc:
        for name, messages in exc.message_dict.items():
            yield f"{name} of “{entry.name}”: {' '.join(messages)}"
    # Labels alone: prompts and what people are told survive as they were written before there was a rule.
    for name, value in values.items():
        if isinstance(table._meta.get_field(name), models.CharField):  # noqa: SLF001 - documented
            try:
                check_line(value)
            except ColumnError as exc:
                yield f"{name} of “{entry.name}”: {exc.message}"
    if "\0" in "".join(_texts(values)):
        yield f"“{entry.name}” holds a NUL character."


def _texts(values: dict[str, Any]) -> Iterable[str]:
    for value in values.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text


_BREAKS = frozenset("\r\x85\u2028\u2029")


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as people would."""


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _BREAKS.intersection(text):  # line ends to YAML, and to nobody else
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


class _Quoted(yaml.SafeDumper):
    """Writes every text in quotes: nothing in it can be taken for something else."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Blocks.add_representer(str, _represented)
_Quoted.add_representer(str, _quoted)


def _dumped(data: Any, dumper: type[yaml.SafeDumper]) -> str:
    return str(yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100))


class _Strict(yaml.SafeLoader):
    """Strict loader: refuses repeated keys, whose values would be lost, aliases, which multiply, and
    lists in lists without an end, which PyYAML reads by recursion and in quadratic time."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"an alias in line {self.line + 1}")
        self._depth += 1
        if self._depth > MOST_LEVELS:
            raise yaml.YAMLError(f"more than {MOST_LEVELS} levels in line {self.line + 1}")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value]
        for name in _repeated(names):
            raise yaml.YAMLError(f"“{name}” twice in line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=True)


def _repeated(names: Iterable[Any]) -> Iterable[Any]:
    seen: set[Any] = set()
    for name in map(str, names):
        if name in seen:
            yield name
        seen.add(name)


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=_Strict)  # noqa: S506 - a SafeLoader
