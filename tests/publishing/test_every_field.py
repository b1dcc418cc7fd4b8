"""Every field of a rule, a model and the settings: changed, it shows in the diff, the YAML, the form and
the stored JSON, and comes back from the tables. A new field that one of them forgets fails here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.models import User
from django.test import RequestFactory

from routing.domain.fields import specs
from routing.domain.rules import ModelRef, ReusePolicy, Rule, RuleSet, Timeouts
from routing.models import LLMModel, RoutingSettings
from routing.models import Rule as RuleRow
from routing.publishing.codec import Blob
from routing.publishing.diff import differences
from routing.publishing.draft import ruleset_build
from routing.publishing.yaml_files import document_of, write_tables
from tests.publishing.test_codec import RULES

OTHER: dict[str, Any] = {
    "action": "refuse", "kind": "image", "cache": "never", "judge": "off", "vectors": "off", "model": "claude",
    "default_rule": "no", "classifiers": ("gpt",), "name": "renamed", "base_url": "https://other/v1",
    "key_variable": "OTHER_API_KEY", "parameters": '{"seed": 2}', "reasoning_effort": "high",
    "temperature": 1.5, "max_tokens": 900, "speculation_usd_per_day": 2.5,
}  # fmt: skip
"""Other values of fields that not every text fits."""

COLUMNS = {"audited": ("audited_percent",), "audited_decisions": ("audited_decisions_percent",), "classifiers": ("classifier", "classifier_fallback"),
           "default_rule": (), "timeouts": tuple(f"{phase.name}_timeout" for phase in fields(Timeouts))}  # fmt: skip
"""The columns of fields that have not one of the same name."""


def other(owner: Any, name: str) -> Any:
    """A valid value of the field that differs from the owner's."""
    value = getattr(owner, name)
    if name in OTHER:
        return type(value)(OTHER[name]) if isinstance(value, StrEnum) else OTHER[name]
    match value:
        case bool():
            return not value
        case tuple():
            return ("Another.",)
        case Timeouts():
            return Timeouts(1.5, 1.5, 1.5, 1.5)
        case str():
            return f"{value}x"
        case float():
            return value * 0.9
        case _:
            return value + 1


def edited(owner: Any, name: str) -> Any:
    """The owner with another value of this field."""
    return replace(owner, **{name: other(owner, name)})


def changed_sets() -> Iterator[Any]:
    """For each field a set in which it alone differs from ``RULES``."""
    for item in fields(Rule):
        rules = (edited(RULES.rules[0], item.name), *RULES.rules[1:])
        yield pytest.param(replace(RULES, rules=rules), id=f"rule.{item.name}")
    for item in fields(ModelRef):
        models = (edited(RULES.models[0], item.name), *RULES.models[1:])
        yield pytest.param(replace(RULES, models=models), id=f"model.{item.name}")
    for item in fields(RuleSet):
        if item.name not in {"version", "rules", "models", "reuse"}:
            yield pytest.param(edited(RULES, item.name), id=item.name)
    for item in fields(ReusePolicy):
        reuse = edited(RULES.reuse, item.name)
        yield pytest.param(replace(RULES, reuse=reuse), id=f"reuse.{item.name}")


@pytest.mark.parametrize("changed", list(changed_sets()))
def test_a_change_shows_in_the_diff_the_yaml_and_the_json(changed: RuleSet) -> None:
    before, after = document_of(RULES).model_dump(), document_of(changed).model_dump()
    assert differences(RULES, changed), "the diff forgets it"
    assert before != after, "the YAML forgets it"
    assert Blob.of(RULES).body != Blob.of(changed).body
    assert Blob(7, Blob.of(changed).body).rules() == changed


@pytest.mark.parametrize("kind", [Rule, ModelRef, ReusePolicy])
def test_every_field_has_a_label(kind: Any) -> None:
    assert list(specs(kind)) == [item.name for item in fields(kind)]


@pytest.mark.django_db
def test_every_field_survives_the_tables() -> None:
    for table in (RuleRow, RoutingSettings, LLMModel):
        table.objects.all().delete()
    full = replace(
        RULES,
        rules=(
            replace(
                RULES.rules[0],
                model="gpt",
                fallbacks=("small",),
                suggestions=("Else.",),
                refusal_reason="Why.",
            ),
            # The default is for everybody: it has no groups.
            replace(RULES.rules[0], name="rest", groups=(), fallbacks=("small",)),
            RULES.rules[1],
        ),
        default_rule="rest",
        models=(
            RULES.models[1],
            RULES.models[0],
            replace(RULES.models[0], name="small", timeouts=Timeouts(1.0, 2.0, 3.0, 4.0)),
        ),
    )
    write_tables(document_of(full))
    assert ruleset_build() == replace(full, version=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kinds", "table"),
    [((Rule,), RuleRow), ((ModelRef,), LLMModel), ((RuleSet, ReusePolicy), RoutingSettings)],
)
def test_every_field_is_on_its_form(
    kinds: tuple[type, ...], table: Any, rf: RequestFactory, admin_user: User
) -> None:
    request = rf.get("/")
    request.user = admin_user
    page = admin.site._registry[table]
    names = [name for kind in kinds for name in specs(kind)]
    columns = {column for name in names for column in COLUMNS.get(name, (name,))}

    assert columns <= set(page.get_form(request).base_fields)
    assert columns <= set(flatten_fieldsets(page.get_fieldsets(request)))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "name", "label"),
    [
        (RuleRow, "examples_for", "Prompts that fit"),
        (RuleRow, "refusal_reason", "Reason"),
        (RuleRow, "cache", "May be used again for"),
        (RuleRow, "is_default", "Default"),
        (RoutingSettings, "wrong_shared", "Wrong ones in a hundred, of answers for everybody"),
        (RoutingSettings, "wrong_own", "Wrong ones in a hundred, of a person's own answers"),
        (RoutingSettings, "judge", "Ask the small model when in doubt"),
        (RoutingSettings, "audited_percent", "Reuses checked afterwards, in per cent"),
        (
            RoutingSettings,
            "links_usd_per_day",
            "Comparing stored answers, US dollars a day at most",
        ),
        (RoutingSettings, "wrong_decisions", "Other decisions than the classifier's, in a hundred"),
        (RoutingSettings, "audited_decisions_percent", "Decisions checked afterwards, in per cent"),
        (RoutingSettings, "min_similarity", "Similarity"),
        (RoutingSettings, "callers_choose", "Callers may name a model"),
    ],
)
def test_forms_say_the_declared_labels(
    table: Any, name: str, label: str, rf: RequestFactory, admin_user: User
) -> None:
    request = rf.get("/")
    request.user = admin_user
    assert admin.site._registry[table].get_form(request).base_fields[name].label == label
