"""Bounds of numbers and of texts, the same in forms, documents, publications and commands."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from routing.domain.errors import RuleSetInvalid
from routing.domain.release import Stage
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetVersion
from routing.publishing.default_rules import seed_defaults
from routing.publishing.draft import ruleset_build
from routing.publishing.services import WHY_CHARS, Target, ruleset_publish, ruleset_roll_back
from routing.publishing.yaml_files import document_of_tables, read_document, write_tables

ODD = [
    *(
        (name, value)
        for name in ("connect", "first_token", "stall", "total")
        for value in (0, -5, 1e9)
    ),
    *((name, -1) for name in ("input_price", "output_price", "cached_price", "reasoning_price")),
    *((name, 0) for name in ("context_window", "max_output_tokens")),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value"), ODD)
def test_a_number_out_of_bounds_is_taken_nowhere(name: str, value: float) -> None:
    name = name if "_" in name and name != "first_token" else f"{name}_timeout"
    seed_defaults()
    row = LLMModel.objects.get(name="gpt")
    text = document_of_tables().yaml()
    setattr(row, name, value)
    with pytest.raises(ValidationError) as in_form:
        row.full_clean()
    LLMModel.objects.filter(pk=row.pk).update(**{name: value})
    with pytest.raises(RuleSetInvalid, match="must be between"):
        ruleset_build()
    lines = [
        f"    {name}: {value}" if line.strip().startswith(f"{name}:") else line
        for line in text.split("\n")
    ]
    with pytest.raises(RuleSetInvalid, match=name):
        read_document("\n".join(lines).replace("    " + name, _indent(text, name) + name))

    assert set(in_form.value.message_dict) == {name}


def _indent(text: str, name: str) -> str:
    line = next(line for line in text.split("\n") if line.strip().startswith(f"{name}:"))
    return line[: len(line) - len(line.lstrip())]


LIVES = [0, 10 * 366 * 24 * 3600]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        *(
            (table, "cache_ttl_seconds", life)
            for table in (Rule, RoutingSettings)
            for life in LIVES
        ),
        *((RoutingSettings, "min_similarity", value) for value in (0.4, 1.5)),
        *((RoutingSettings, name, 30) for name in ("wrong_shared", "wrong_own")),
        *((RoutingSettings, "audited_percent", value) for value in (-1, 101)),
    ],
)
def test_a_number_of_rules_and_settings_is_bounded(table: Any, name: str, value: float) -> None:
    seed_defaults()
    row = table.objects.first()
    text = document_of_tables().yaml()
    assert read_document(text)
    setattr(row, name, value)
    with pytest.raises(ValidationError) as in_form:
        row.full_clean()
    assert set(in_form.value.message_dict) == {name}

    table.objects.filter(pk=row.pk).update(**{name: value})
    with pytest.raises(RuleSetInvalid, match="must be between"):
        ruleset_publish()
    with pytest.raises(RuleSetInvalid, match=name):
        read_document(re.sub(rf"\b{name}: .*", f"{name}: {value}", text, count=1))


@pytest.mark.django_db
def test_a_version_of_before_the_bounds_comes_back() -> None:
    seed_defaults()
    old = RuleSetVersion.objects.get()
    RoutingSettings.objects.update(callers_choose=False)
    ruleset_publish()
    blob = {**old.blob, "cache_ttl_seconds": 0}
    RuleSetVersion.objects.filter(pk=old.pk).update(blob=blob)
    old.refresh_from_db()

    assert ruleset_roll_back(old).restores == old.pk


@pytest.mark.django_db
@pytest.mark.parametrize("argument", ["0", "100", "-1", "1.5", "many"])
def test_a_share_out_of_bounds_publishes_nothing(argument: str) -> None:
    seed_defaults()
    RoutingSettings.objects.update(callers_choose=False)
    with pytest.raises(CommandError, match="--percent"):
        call_command("rules", "publish", "--percent", argument)

    assert RuleSetVersion.objects.count() == 1


@pytest.mark.parametrize("target", [(Stage.PERCENT, 0), (Stage.PERCENT, 100), (Stage.ALL, 5)])
def test_a_target_is_within_bounds(target: tuple[Stage, int]) -> None:
    with pytest.raises(ValueError, match="1 to 99"):
        Target(*target)


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        (("evaluate_cache", "file"), "--budget=nan"),
        (("evaluate_cache", "file"), "--judge-error=2"),
        (("evaluate_cache", "file"), "--seed=-1"),
        (("evaluate_routing", "file"), "--limit=0"),
        (("rules", "export"), "--version=99999999999"),
    ],
)
def test_an_argument_out_of_bounds_is_told(command: tuple[str, str], argument: str) -> None:
    with pytest.raises(CommandError, match=f"{argument.partition('=')[0]}: .*from"):
        call_command(*command, argument)


HIDDEN = ["\x1b[31mred", "a\u202eb", "a\x00b", "a\u2066b", "tag\U000e0041"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", HIDDEN)
def test_a_text_with_hidden_characters_is_taken_nowhere(text: str, admin_client: Client) -> None:
    seed_defaults()
    document = document_of_tables()
    model = document.models[0]
    for name in ("litellm_name", "provider"):
        changed = model.model_copy(update={name: text})
        with pytest.raises(RuleSetInvalid, match="invisible"):
            write_tables(document.model_copy(update={"models": [changed, *document.models[1:]]}))
    for page, names in (
        ("routing_llmmodel", ("litellm_name", "provider")),
        ("routing_rule", ("refusal_reason", "suggestions")),
        ("routing_goldencase", ("note",)),
        ("conversations_apikey", ("name",)),
        ("auth_group", ("name",)),
        ("auth_user", ("first_name",)),
    ):
        form = shown_form(admin_client, page)
        for name in names:
            field = form.fields[name]
            with pytest.raises(ValidationError, match=r"invisible|ull"):
                field.clean(text)


def shown_form(client: Client, page: str) -> Any:
    """The form of a page of the admin, for its first row or for a new one."""
    view = "change" if page == "auth_user" else "add"
    key = [User.objects.get(username="admin").pk] if page == "auth_user" else []
    response: Any = client.get(reverse(f"admin:{page}_{view}", args=key))
    return response.context["adminform"].form


@pytest.mark.django_db
def test_a_reason_is_cleaned_wherever_it_comes_from() -> None:
    seed_defaults()
    RoutingSettings.objects.update(callers_choose=False)
    call_command("rules", "publish", "--why", "for \x1b[31mtests\u202e" + "x" * 5_000)
    why = RuleSetVersion.objects.latest("number").why

    assert why.startswith("for [31mtests")
    assert "\u202e" not in why
    assert len(why) == WHY_CHARS
