"""Filling in the admin's forms as a browser does."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from routing.models import LLMModel, RoutingSettings, Rule, RuleSetVersion


def form_of(page: HttpResponse) -> dict[str, Any]:
    """What a browser would send back of a change page, untouched."""
    form = page.context["adminform"].form  # type: ignore[attr-defined]
    body: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if value is False or value is None:
            continue
        body[bound.html_name] = "on" if value is True else value
    return body


def change(client: Client, row: Rule | LLMModel | RoutingSettings, **fields: Any) -> HttpResponse:
    """Open a row's page, change some fields (``None`` empties one) and save."""
    url = reverse(f"admin:routing_{row._meta.model_name}_change", args=[row.pk])
    body = {**form_of(client.get(url)), **fields}  # type: ignore[arg-type]
    sent = {name: value for name, value in body.items() if value is not None}
    return client.post(url, sent, follow=True)  # type: ignore[return-value]


def faults(page: HttpResponse, field: str) -> str:
    """What the form says of a field."""
    return " ".join(page.context["adminform"].form.errors.get(field, []))  # type: ignore[attr-defined]


def latest() -> RuleSetVersion:
    return RuleSetVersion.objects.latest("number")


def published_rule(name: str) -> dict[str, Any]:
    return next(rule for rule in latest().blob["rules"] if rule["name"] == name)
