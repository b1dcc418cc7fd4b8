"""Extensions of a page: panels, pages and templates that another app appends."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from routing.admin import VersionAdmin
from routing.admin.publishing import BanneredAdmin, ExtraPage, Panel
from routing.common.admin import column
from routing.models import RuleSetVersion


@column("length")
def length(row: RuleSetVersion) -> str:
    return str(len(row.blob))


@column("reason")
def reason(row: RuleSetVersion) -> str:
    return row.why


def page_view(page: BanneredAdmin[RuleSetVersion], request: HttpRequest, at: int) -> HttpResponse:
    return HttpResponse(f"{page.opts.model_name} {request.method} {at}")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> VersionAdmin:
    for name in ("panels", "pages"):
        monkeypatch.setattr(VersionAdmin, name, [])
    return VersionAdmin(RuleSetVersion, admin.site)


def test_a_panel_follows_the_first_fieldset_or_joins_its_own(
    page: VersionAdmin, rf: RequestFactory
) -> None:
    VersionAdmin.panels.append(Panel("How it does", (length,)))
    VersionAdmin.panels.append(Panel("What it says", (reason,)))

    shown = dict(page.get_fieldsets(rf.get("/")))

    assert list(shown) == ["What it is", "How it does", "What it says"]
    assert shown["How it does"]["fields"] == (length,)
    assert shown["What it says"]["fields"] == ("contents", reason)
    assert {length, reason} < set(page.get_readonly_fields(rf.get("/")))


def test_a_page_comes_before_the_rows_and_is_given_its_admin(page: VersionAdmin) -> None:
    VersionAdmin.pages.append(ExtraPage("<int:at>/extra/", "routing_extra", page_view))

    found = next(match for url in page.get_urls() if (match := url.resolve("7/extra/")))

    assert (found.url_name, found.kwargs) == ("routing_extra", {"at": 7})


def test_each_page_has_lists_of_its_own() -> None:
    assert VersionAdmin.panels is not BanneredAdmin.panels
    assert VersionAdmin.row_buttons is not BanneredAdmin.row_buttons
