"""Deleting all rows of a list at once, as a browser does: select all across pages, confirm."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from model_bakery import baker
from pytest_django import Settings

from conversations.models import Limit, OwedWork, ReplayRun, Uncounted
from routing.common import bulk_delete
from routing.models import GoldenCase, LLMModel, Rule

MANY = 110
MOST_FIELDS = 100
"""Of a form, here: less than there are rows."""
PAGES = sorted(admin.site._registry, key=lambda model: model._meta.label)
FIELDS: dict[type[Model], Any] = {
    AccessAttempt: lambda at: {"username": f"guess{at}", "ip_address": "203.0.113.9"},
    GoldenCase: lambda at: {"prompt": f"Prompt {at}", "action": "answer"},
    Group: lambda at: {"name": f"group {at}"},
    Limit: lambda at: {
        "scope": "installation",
        "unit": "requests",
        "window": "day",
        "amount": at + 1,
    },
    LLMModel: lambda at: {"name": f"model-{at}", "litellm_name": "openai/x", "provider": "openai"},
    ReplayRun: lambda at: {"pool": at, "size": 0, "draft": {}, "live": {}},
    Rule: lambda at: {"name": f"rule-{at}", "instruction": "Any.", "is_default": False},
    Uncounted: lambda at: {"message": UUID(int=at + 1), "sums": {}, "failure": "odd"},
    User: lambda at: {"username": f"somebody{at}"},
}


@pytest.fixture(autouse=True)
def _small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bounds are a tenth: Django takes a thousand fields, and so many rows take seconds to make and to go."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = MOST_FIELDS
    monkeypatch.setattr(bulk_delete, "BATCH", bulk_delete.BATCH // 10)


def make(model: type[Model], count: int = MANY) -> list[Any]:
    rows = [baker.prepare(model, **FIELDS[model](at)) for at in range(count)]
    return model._default_manager.bulk_create(rows)


def url_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def hidden(page: Any) -> dict[str, list[str]]:
    """The fields of the confirmation, as a browser sends them back."""
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", page.content.decode().rpartition("<form")[2]):
        name, value = (re.search(rf'\b{part}="([^"]*)"', tag) for part in ("name", "value"))
        if name and value:
            fields.setdefault(name[1], []).append(value[1])
    return fields


def choose_all(client: Client, url: str, *rows: Model, across: bool = True) -> Any:
    sent = {"action": "delete_selected", "index": 0, "select_across": int(across)}
    return client.post(url, {**sent, "_selected_action": [str(row.pk) for row in rows]})


def told(client: Client) -> list[str]:
    page = client.get(reverse("admin:index"))
    return [str(one) for one in messages.get_messages(page.wsgi_request)]


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label)
def test_all_rows_of_a_long_list_go_or_no_page_offers_it(
    model: type[Model], admin_client: Client, admin_user: User, rf: RequestFactory
) -> None:
    request = rf.get("/")
    request.user = admin_user
    page = admin.site.get_model_admin(model)
    if "delete_selected" not in page.get_actions(request):
        assert not page.has_delete_permission(request) or page.actions is None
        return
    rows, url = make(model), url_of(model)
    others = model._default_manager.exclude(pk__in=[row.pk for row in rows]).count()
    search = "?q=somebody" if model is User else ""

    confirmation = choose_all(admin_client, url + search, rows[-1])
    assert confirmation.status_code == 200
    assert len(confirmation.content) < 200_000
    shown = MANY if search else MANY + others
    assert f": {shown}" in confirmation.content.decode()
    answer = admin_client.post(url + search, hidden(confirmation))

    assert answer.status_code == 302
    if model is User:  # deactivated at once, and erased in the background
        erasing = OwedWork.objects.filter(kind="erase").count()
        assert User.objects.filter(is_active=False).count() == erasing == MANY
        others += erasing
    assert model._default_manager.count() == (others if search else 0)


def test_models_that_lists_show_are_all_tried() -> None:
    ours = {model for model in apps.get_models() if admin.site.is_registered(model)}
    assert ours == set(PAGES)


def test_rows_of_one_page_alone(admin_client: Client) -> None:
    rows, url = make(AccessAttempt, 5), url_of(AccessAttempt)
    confirmation = choose_all(admin_client, url, *rows[:3], across=False)
    admin_client.post(url, hidden(confirmation))
    assert list(AccessAttempt.objects.order_by("pk")) == rows[3:]


def test_rows_that_come_after_the_confirmation_stay(admin_client: Client) -> None:
    rows, url = make(AccessAttempt, 5), url_of(AccessAttempt)
    confirmation = choose_all(admin_client, url, rows[0])
    later = AccessAttempt.objects.create(username="later", failures_since_start=1)
    admin_client.post(url, hidden(confirmation))
    assert list(AccessAttempt.objects.all()) == [later]


def test_the_filter_of_the_list_holds(admin_client: Client) -> None:
    make(AccessAttempt, 5)
    url = f"{url_of(AccessAttempt)}?q=guess3"
    confirmation = choose_all(admin_client, url, AccessAttempt.objects.get(username="guess3"))
    admin_client.post(url, hidden(confirmation))
    assert AccessAttempt.objects.count() == 4
    assert LogEntry.objects.filter(action_flag=3).count() == 1


def test_protected_rows_are_named_and_nothing_goes(admin_client: Client) -> None:
    models = make(LLMModel, 70)
    Rule.objects.create(name="needs-it", instruction="Any.", model=models[-1])
    page = choose_all(admin_client, url_of(LLMModel), models[0])
    assert "needs-it" in page.content.decode()
    assert "<form" not in page.content.decode().partition("Nothing was deleted")[2]
    admin_client.post(
        url_of(LLMModel),
        {
            "action": "delete_selected",
            "post": "yes",
            "select_across": 1,
            "_selected_action": models[0].pk,
        },
    )
    assert LLMModel.objects.count() == 70


def test_the_default_rule_is_named(admin_client: Client) -> None:
    rules = make(Rule, 3)
    Rule.objects.create(name="stands-in", instruction="Any.", is_default=True)
    page = choose_all(admin_client, url_of(Rule), rules[0])
    assert "stands-in" in page.content.decode()
    assert "permission" not in page.content.decode().partition("Nothing was deleted")[2]


def test_a_draft_says_once_that_nothing_live_changed(admin_client: Client) -> None:
    rules, url = make(Rule), url_of(Rule)
    admin_client.post(url, hidden(choose_all(admin_client, url, rules[0])))
    assert [text for text in told(admin_client) if "draft" in text] != []
    assert sum("draft" in text for text in told(admin_client)) <= 1


@pytest.mark.parametrize("newest", ["x", "1;", "00000000-0000-4000-8000-000000000000"])
def test_a_made_up_end_is_refused(admin_client: Client, newest: str) -> None:
    (row,), url = make(AccessAttempt, 1), url_of(AccessAttempt)
    fields = hidden(choose_all(admin_client, url, row)) | {"newest": [newest]}
    assert admin_client.post(url, fields).status_code == 403
    assert AccessAttempt.objects.count() == 1


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("key", ["no key", "9" * 30, "a\0b"])
def test_what_is_no_key_is_no_row(
    admin_client: Client, admin_user: User, model: type[Model], key: str
) -> None:
    request = RequestFactory().get("/")
    request.user = admin_user
    page = f"{url_of(model)}{quote(key)}/change/"
    assert admin_client.get(page).status_code in {302, 404}
    for action in admin.site._registry[model].get_actions(request):
        body = {"action": action, "_selected_action": [key]}
        assert admin_client.post(url_of(model), body).status_code == 400


def test_a_number_too_long_for_a_database_is_no_filter(admin_client: Client) -> None:
    for model in PAGES:
        assert admin_client.get(url_of(model), {"user": "9" * 30}).status_code in {302, 400, 403}
    assert admin_client.get(url_of(User), {"q": "9" * 30}).status_code == 200
