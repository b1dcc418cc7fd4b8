"""Every page of the admin: one name, one lit entry of the menu, its documentation, and words where it is empty."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.sites import site
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from assistant_site.theme import navigation
from assistant_site.views.documentation import read_page
from routing.common.admin import ReadOnlyAdmin
from routing.models import GoldenCase, LLMModel, Rule, RuleSetVersion
from tests.admin.conftest import make_exchange, make_feedback

TITLE = re.compile(r"<title>\s*(.*?)\s*</title>", re.DOTALL)
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
LIT = re.compile(r'<a href="([^"]+)" class="[^"]* active">')
HELP = re.compile(r'class="assistant-help" href="/docs/([^"#]+)#?([^"]*)"')
OWN_PAGES = {
    "routing_try": "Try a prompt",
    "routing_publish": "Publish the draft",
    "routing_import": "Import rules",
    "routing_compare": "Versions 1 and 1",
    "conversations_review_search": "Which stored answer would this prompt get?",
    "conversations_replayrun_add": "Replay the draft",
}


def items() -> list[dict[str, Any]]:
    return [item for part in navigation(RequestFactory().get("/")) for item in part["items"]]


def shown(client: Client, url: str) -> str:
    page = client.get(url, follow=True)
    assert page.status_code == 200, url
    return unescape(page.content.decode())


def check_frame(text: str, url: str, name: str) -> None:
    """The frame of a page of that name; its place in the menu is lit and nothing else."""
    (heading,) = HEADING.findall(text)
    assert heading == name
    (title,) = TITLE.findall(text)
    assert title.startswith(f"{name} |"), title
    (lit,) = LIT.findall(text)
    assert url.startswith(lit), (url, lit)
    ((file, part),) = HELP.findall(text)
    assert not part or f'id="{part}"' in read_page(file).html, (file, part)


@pytest.mark.parametrize("item", items(), ids=lambda item: str(item["link"]))
@pytest.mark.usefixtures("published")
def test_a_page_has_the_name_of_its_place_in_the_menu(
    admin_client: Client, item: dict[str, Any]
) -> None:
    url = str(item["link"])
    text = shown(admin_client, url)
    name = "Routing settings" if "settings" in url else item["title"]
    check_frame(text, url, name)
    assert f">{item['title']}</span>" in text


@pytest.mark.parametrize("number", ["\N{SUPERSCRIPT TWO}", "9" * 5_000])
@pytest.mark.usefixtures("published")
def test_what_is_no_number_of_a_version_is_passed_over(admin_client: Client, number: str) -> None:
    page = admin_client.get(reverse("admin:routing_compare"), {"a": number})
    assert page.status_code == 200


@pytest.mark.parametrize(("name", "heading"), OWN_PAGES.items())
@pytest.mark.usefixtures("published")
def test_a_page_of_its_own_has_a_name_and_a_place(
    admin_client: Client, name: str, heading: str
) -> None:
    url = reverse(f"admin:{name}")
    check_frame(shown(admin_client, url), url, heading)


@pytest.mark.usefixtures("published")
def test_the_page_of_a_row_is_headed_by_the_row(admin_client: Client, person: User) -> None:
    verdict = make_feedback(person)
    case = GoldenCase.objects.create(prompt="Why?", action="answer")
    group = Group.objects.first()
    rows = [Rule.objects.first(), LLMModel.objects.first(), RuleSetVersion.objects.get(), case]
    for row in (*rows, verdict, verdict.message, verdict.message.conversation, person, group):
        assert row is not None
        meta = row._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
        heading = str(row)
        check_frame(shown(admin_client, url), url, heading)
        for view in ("delete", "history"):
            there = reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=[row.pk])
            if admin_client.get(there).status_code == 200:
                assert len(HEADING.findall(shown(admin_client, there))) == 1


@pytest.mark.usefixtures("published")
def test_the_start_page_and_its_documentation(admin_client: Client) -> None:
    text = shown(admin_client, reverse("admin:index"))
    assert HEADING.findall(text) == ["Start"]
    assert LIT.findall(text) == []
    assert HELP.findall(text) == [("admin.md", "")]
    # No second list of the pages, in other words, below the first one.
    assert "/admin/axes/" not in text.replace("/admin/axes/accessattempt/", "")
    for app in ("routing", "conversations", "axes", "auth"):
        assert admin_client.get(f"/admin/{app}/").headers["Location"] == "/admin/"


@pytest.mark.parametrize(
    "item", [item for item in items() if item["empty"]], ids=lambda item: str(item["link"])
)
def test_an_empty_page_says_what_it_is_for(admin_client: Client, item: dict[str, Any]) -> None:
    Group.objects.all().delete()
    text = shown(admin_client, str(item["link"]))
    assert "yielded" not in text
    if "result_list" not in text and "/routingsettings/" not in str(item["link"]):
        assert "Nothing here yet" in text
        assert item["empty"] in text


@pytest.mark.usefixtures("published")
def test_a_search_without_a_hit_offers_all_rows(admin_client: Client) -> None:
    text = shown(admin_client, f"{reverse('admin:routing_rule_changelist')}?q=zebra")
    assert "Nothing found" in text
    assert "Show all rows" in text
    assert "A rule says" not in text


def test_every_table_is_in_the_menu_under_its_own_name() -> None:
    links = {str(item["link"]): item["title"] for item in items()}
    for model in site._registry:
        meta = model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        assert url in links, f"{meta.label} has no entry in the menu"
        if meta.app_label != "axes":
            assert links[url].lower() == str(meta.verbose_name_plural).lower()


@pytest.mark.parametrize(
    "page", [page for page in site._registry.values() if isinstance(page, ReadOnlyAdmin)], ids=repr
)
def test_no_label_of_a_row_reads_like_the_name_of_a_column(page: ReadOnlyAdmin[Any]) -> None:
    if page.list_display_links is None:
        return  # its rows have no page
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    fields = flatten_fieldsets(page.get_fieldsets(request))
    labels = [str(label_for_field(name, page.model, page)) for name in fields]
    assert [one for one in labels if re.search(r"\b(usd|ms|ttl|alt|although)\b", one)] == []


def test_the_documentation_names_the_pages_as_the_menu_does() -> None:
    text = read_page("admin.md").html
    for item in items():
        assert f"<em>{item['title']}</em>" in text, item["title"]


def admin_views(resolver: URLResolver | URLPattern, prefix: str = "") -> list[tuple[str, str]]:
    """Names and routes below a resolver."""
    route = f"{prefix}{resolver.pattern}"
    if isinstance(resolver, URLPattern):
        return [(resolver.name or "", route)]
    return [found for inner in resolver.url_patterns for found in admin_views(inner, route)]


@pytest.mark.usefixtures("published")
def test_every_page_without_a_row_has_a_heading(admin_client: Client, person: User) -> None:
    """Pages that come later are walked without a line here."""
    make_exchange(person)
    admin = next(one for one in get_resolver().url_patterns if str(one.pattern) == "admin/")
    walked = 0
    for name, route in admin_views(admin):
        if (
            "<" in route
            or "(" in route
            or name in {"jsi18n", "autocomplete", "search", "logout", "two_factor"}
        ):
            continue
        page = admin_client.get(f"/{route}", follow=True)
        if page.status_code != 200 or not page.headers["Content-Type"].startswith("text/html"):
            continue
        text = page.content.decode()
        assert len(HEADING.findall(text)) == 1, route
        assert HEADING.findall(text) != [""], route
        assert 'class="assistant-help"' in text, route
        walked += 1
    assert walked > 30


def test_the_documentation_names_each_page_in_its_section() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "admin.md").read_text()
    told = dict(re.findall(r"^\| (\w+) \| (.*\*.*) \|$", text, re.MULTILINE))
    for part in navigation(RequestFactory().get("/")):
        names = [f"*{item['title']}*" for item in part["items"]]
        assert [name for name in names if name not in told[str(part["title"])]] == []
