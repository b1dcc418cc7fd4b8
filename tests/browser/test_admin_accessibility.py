"""axe-core finds nothing on any page of the admin, in both themes. New pages are walked without a line here."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.sites import site as admin_site
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import models
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from playwright.async_api import Page, expect
from pytest_django import Settings

from assistant_site.management.demo.people import demo_people
from conversations.models import (
    APIKey,
    Limit,
    LimitWarning,
    Message,
    Reuse,
    Uncounted,
    VectorAudit,
    new_id,
)
from tests.admin.test_pages import admin_views
from tests.browser.test_accessibility import AXE, WIDE
from tests.browser.test_admin import sign_in
from tests.browser.test_playground import PICTURE
from tests.live_site import LiveSite

NO_PAGES = {"", "logout", "jsi18n", "autocomplete", "search", "login"}
ALIKE = re.compile(r".*_(history|delete)$")
"""Pages that are the same for all tables: those of one are walked."""
FORMS = ("/admin/routing/rule/add/", "/admin/routing/rulesetversion/import/")
SEND = """() => {
  const form = document.querySelector("#content form[method=post]");
  form.noValidate = true;
  form.submit();
}"""
PLACE = re.compile(r"<[^>]+>")
RUN = """async ([onlyColours, menuToo]) => {
  for (const animation of document.getAnimations()) animation.finish();
  const rules = onlyColours ? { runOnly: ["color-contrast", "link-in-text-block"] } : {};
  const place = menuToo ? document : { exclude: ["#nav-sidebar"] };
  const { violations } = await axe.run(place, { iframes: false, resultTypes: ["violations"], ...rules });
  return violations.map(({ id, nodes }) =>
    `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}"""


@pytest.fixture
def addresses(site: LiveSite, settings: Settings, client: Client) -> Iterator[list[str]]:
    """Of all pages, of a site that has a demo and a row in each table that the demo leaves empty."""
    settings.SIMULATED_PROVIDERS = ["openai", "anthropic"]
    call_command("demo", "--beside-people", url=site.url, days=3, questions=4)
    site.person().ask(PICTURE)
    person = demo_people().earliest("pk")
    asked = Message.objects.filter(role="assistant", conversation__owner__in=demo_people())
    audit = VectorAudit.objects.create(
        message=asked.latest("pk"), offer="0", decided=True, sure=True, right=False, probability=0.9,
        cut=0.8, verdicts=2, rule="code", classified_as="creative", milliseconds=40,
    )  # fmt: skip
    served = {"served": True, "shared": True, "probability": 0.9, "cut": 0.8}
    Reuse.objects.update_or_create(message=asked.latest("pk"), defaults=served)
    APIKey.objects.create(owner=person, name="night batch", scopes=["ask"])
    limit = Limit.objects.create(scope="user", user=person, unit="usd", window="day", amount=5)
    noticed = {"level": 80, "amount": 5, "used": 4, "at": timezone.now()}
    LimitWarning.objects.create(
        limit=limit, user=person.pk, subject=person.pk, window="1", **noticed
    )
    left = Uncounted.objects.create(message=new_id(), sums={}, failure="Set aside.")
    attempt = AccessAttempt.objects.create(username="nobody", failures_since_start=1)
    client.force_login(site.user(is_staff=True, is_superuser=True))
    yield [url for url in pages() if is_page(client, url)]
    for row in (attempt, left, audit):
        row.delete()
    call_command("demo", "--remove")


def pages() -> list[str]:
    """Each address below ``/admin/``, with the latest row where it asks for one."""
    admin = next(one for one in get_resolver().url_patterns if str(one.pattern) == "admin/")
    rows = {
        f"/{model._meta.app_label}/{model._meta.model_name}/": latest(model)
        for model in admin_site._registry
    }
    found = []
    for name, route in admin_views(admin):
        if ALIKE.match(name) and not name.startswith("routing_rule_"):
            continue
        row = next((row for table, row in rows.items() if table in f"/{route}"), None)
        if name not in NO_PAGES and "(" not in route and (row or not PLACE.search(route)):
            found.append("/" + PLACE.sub(str(row), route))
    return found


def latest(model: type[models.Model]) -> object:
    rows = demo_people() if model is User else model._default_manager.all()
    row = rows.order_by("pk").last()
    assert row, f"{model.__name__} has no row to show"
    return row.pk


def is_page(client: Client, url: str) -> bool:
    """False for files, for what buttons call, for what leads elsewhere, and for what nobody may do."""
    answer = client.get(url)
    return answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")


async def faults(page: Page, url: str) -> list[str]:
    """All that axe finds in the light theme, and in the dark one what colours can break. The menu, which is
    the same everywhere, is looked at on the start page."""
    found = []
    await page.evaluate(AXE)
    for theme in ("light", "dark"):
        await page.evaluate(
            "(dark) => document.documentElement.classList.toggle('dark', dark)", theme == "dark"
        )
        told: list[str] = await page.evaluate(RUN, [theme == "dark", url == "/admin/"])
        found += [f"{url}, {theme}: {each}" for each in told]
    return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("size", [WIDE], ids=["wide"])
async def test_nothing_is_found_on_any_page(
    page: Page, administrator: str, addresses: list[str]
) -> None:
    await sign_in(page, administrator)
    await page.wait_for_url("**/admin/")
    found: list[str] = []
    for url in addresses:
        await page.goto(url)
        found += await faults(page, url)
    for url in FORMS:
        await page.goto(url)
        async with page.expect_navigation():
            await page.evaluate(SEND)
        await expect(
            page.locator("#content .errornote, #content [class*=fault]").first
        ).to_be_visible()
        found += await faults(page, f"{url} with faults")
    assert found == []
    assert len(addresses) > 60
