"""Theme: look and sidebar of the admin (django-unfold)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.http import HttpRequest

DOCS = "admin.md"
"""The documentation of pages that the menu lacks."""

_MENUS = (
    "routing.admin.menu.MENU",
    "conversations.admin.menu.MENU",
    "assistant_site.admin.menu.MENU",
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the sections of all apps' menus, in this order; items of one section are joined. The
    item of the page is marked as active, and no other one."""
    # Imported only now: settings import this module before the models can be loaded.
    sections: dict[str, list[Any]] = {}
    for name in _MENUS:
        for title, items in import_string(name).items():
            sections[title] = [*sections.get(title, ()), *items]
    every = [item for items in sections.values() for item in items]
    # The longest address: the page of a table may be the parent of a page with an item of its own.
    above = [item for item in every if request.path.startswith(str(item["link"]))]
    current = max(above, key=lambda item: len(str(item["link"])), default=None)
    return [
        {
            "title": title,
            "separator": place > 0,
            "items": [{**item, "active": item is current} for item in items],
        }
        for place, (title, items) in enumerate(sections.items())
    ]


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Context of every admin page: ``page`` is its item of the menu, ``section`` the title above it;
    empty where the menu has none. ``docs_url`` is the address of its part of the documentation."""
    found: dict[str, Any] = {"page": None, "section": ""}
    for section in navigation(request):
        for item in section["items"]:
            if item["active"]:
                found = {"page": item, "section": section["title"]}
    docs = found["page"]["docs"] if found["page"] else DOCS
    file, _, part = docs.partition("#")
    address = import_string("django.urls.reverse")("documentation", args=[file])
    return {**found, "docs_url": f"{address}#{part}" if part else address}


def _static(path: str) -> str:
    # Django's pages take its models along, which the launcher of these settings does without.
    return str(import_string("django.templatetags.static.static")(path))


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Assistant Core",
    "SITE_HEADER": "Assistant Core",
    "SITE_SUBHEADER": "Recall, route, answer, learn",
    "SITE_URL": "/",
    "SITE_ICON": lambda _: _static("playground/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: _static("playground/icon.svg")}
    ],
    "STYLES": [lambda _: _static("assistant_admin.css")],
    "SCRIPTS": [lambda _: _static("assistant_admin.js")],
    "GLOBAL_CALLBACK": "assistant_site.theme.page_context",
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "assistant_site.admin.dashboard.dashboard",
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#0f766e",
            "800": "#115e59",
            "900": "#134e4a",
            "950": "#042f2e",
        }
    },
    "ACCOUNT": {"navigation": "assistant_site.two_factor.site.account_links"},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "assistant_site.theme.navigation",
    },
}
