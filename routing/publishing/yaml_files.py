"""Rules, models and settings as one YAML document: what the tables hold, in a file that git can keep.

The same tables give the same bytes, whatever way they were filled: every field is written, rows come in
a fixed order, and what was read back is compared before the text is given out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from routing.domain.actions import Action, ModelKind
from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import CachePolicy, RuleSet
from routing.models import LLMModel, RoutingSettings, Rule

MOST_CHARS = 5_000_000
"""Of a document; a thousand rules have half a million."""


def _decimal(value: Any) -> Any:
    """A price, told exactly (as text) or as a number."""
    exact = isinstance(value, str | int | float) and not isinstance(value, bool)
    try:
        return Decimal(str(value)) if exact else value
    except ArithmeticError:
        return value


def _told(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


Name = Annotated[str, Field(min_length=1, max_length=64)]
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Budget = Annotated[float, Field(ge=0.1, le=20)]
Dollars = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
Price = Annotated[Dollars | None, BeforeValidator(_decimal), PlainSerializer(_told)]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ModelEntry(_Entry):
    """A row of ``LLMModel``."""

    name: Name
    litellm_name: Annotated[str, Field(min_length=1, max_length=128)]
    provider: Annotated[str, Field(min_length=1, max_length=32)]
    kind: Literal[tuple(map(str, ModelKind))] = ModelKind.CHAT.value  # type: ignore[valid-type]
    context_window: Count = 128_000
    max_output_tokens: Count | None = None
    input_price: Price = None
    output_price: Price = None
    connect_timeout: Seconds = 5.0
    first_token_timeout: Seconds = 20.0
    stall_timeout: Seconds = 15.0
    total_timeout: Seconds = 180.0
    enabled: bool = True


class RuleEntry(_Entry):
    """A row of ``Rule``."""

    name: Name
    instruction: str
    action: Literal[tuple(map(str, Action))] = Action.ANSWER.value  # type: ignore[valid-type]
    model: Name | None = None
    fallbacks: list[str] = []
    priority: Annotated[int, Field(ge=0, le=32_767)] = 100
    examples_for: list[str] = []
    examples_against: list[str] = []
    refusal_reason: str = ""
    suggestions: list[str] = []
    cache: Literal[tuple(map(str, CachePolicy))] = CachePolicy.USER.value  # type: ignore[valid-type]
    cache_ttl_seconds: Count | None = None
    is_default: bool = False
    enabled: bool = True


class SettingsEntry(_Entry):
    """The row of ``RoutingSettings``."""

    classifier: Name | None = None
    classifier_fallback: Name | None = None
    callers_choose: bool = True
    min_similarity: Annotated[float, Field(ge=0.5, le=1)] = 0.6
    cache_ttl_seconds: Count = 30 * 24 * 3600
    wrong_shared: Budget = 1.0
    wrong_own: Budget = 1.0
    judge: Literal["auto", "on", "off"] = "auto"
    audited_percent: Annotated[float, Field(ge=0, le=100)] = 2.0


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
    """The draft, switched-off rows included. Raises ``RuleSetInvalid`` when a row holds what no document
    can, written past every form."""
    chosen = RoutingSettings.objects.select_related("classifier", "classifier_fallback").first()
    rules = Rule.objects.select_related("model").order_by("priority", "name")
    models = LLMModel.objects.order_by("name")
    try:
        return Document(
            settings=_settings(chosen or RoutingSettings()),
            models=[_entry(ModelEntry, row) for row in models],
            rules=[_entry(RuleEntry, row, model=row.model and row.model.name) for row in rules],
        )
    except ValidationError as exc:
        raise RuleSetInvalid([_fault(error) for error in exc.errors()]) from exc


def document_of(rules: RuleSet) -> Document:
    """A published version as a document."""
    body = rules.to_dict()
    for model in body["models"]:
        model |= {f"{phase}_timeout": value for phase, value in model.pop("timeouts").items()}
    for rule in body["rules"]:
        rule["is_default"] = rule["name"] == rules.default_rule
    first, second = (*rules.classifiers, None, None)[:2]
    kept = {name: body[name] for name in ("callers_choose", "min_similarity", "cache_ttl_seconds")}
    kept |= {name: body["reuse"][name] for name in ("wrong_shared", "wrong_own", "judge")}
    kept["audited_percent"] = round(100 * rules.reuse.audited, 6)
    return Document.model_validate(
        {
            "settings": {"classifier": first, "classifier_fallback": second, **kept},
            "models": sorted(body["models"], key=lambda model: model["name"]),
            "rules": sorted(body["rules"], key=lambda rule: (rule["priority"], rule["name"])),
        }
    )


def read_document(text: str) -> Document:
    """The document in a text. Raises ``RuleSetInvalid`` with all faults."""
    if len(text) > MOST_CHARS:
        raise RuleSetInvalid([f"The document has more than {MOST_CHARS:,} characters."])
    try:
        return Document.model_validate(_loaded(text))
    except yaml.YAMLError as exc:
        raise RuleSetInvalid([f"The document is no YAML: {exc}"]) from exc
    except ValidationError as exc:
        raise RuleSetInvalid([_fault(error) for error in exc.errors()]) from exc


def _fault(error: Any) -> str:
    at = ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    return f"{at or 'The document'}: {error['msg']}."


def _entry(kind: type[Any], row: Any, **known: Any) -> Any:
    fields = {name: getattr(row, name) for name in kind.model_fields if name not in known}
    return kind(**fields, **known)


def _settings(row: RoutingSettings) -> SettingsEntry:
    names = {
        name: chosen.name if (chosen := getattr(row, name)) else None
        for name in ("classifier", "classifier_fallback")
    }
    entry: SettingsEntry = _entry(SettingsEntry, row, **names)
    return entry


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
    """Refuses what would be lost or multiplied in silence: repeated keys, and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"an alias in line {self.line + 1}")
        return super().compose_node(parent, index)

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
