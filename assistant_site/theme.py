"""Theme: look and sidebar of the admin (django-unfold)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.module_loading import import_string

_MENUS = (
    "routing.admin.menu.MENU",
    "conversations.admin.menu.MENU",
    "assistant_site.admin.menu.MENU",
)


def navigation(_request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the sections of all apps' menus, in this order; items of one section are joined."""
    # Imported only now: settings import this module before the models can be loaded.
    sections: dict[str, list[Any]] = {}
    for name in _MENUS:
        for title, items in import_string(name).items():
            sections[title] = [*sections.get(title, ()), *items]
    return [
        {"title": title, "separator": place > 0, "items": items}
        for place, (title, items) in enumerate(sections.items())
    ]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Assistant Core",
    "SITE_HEADER": "Assistant Core",
    "SITE_SUBHEADER": "Recall, route, answer, learn",
    "SITE_URL": "/",
    "SITE_ICON": lambda _: static("playground/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("playground/icon.svg")}
    ],
    "STYLES": [lambda _: static("assistant_admin.css")],
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
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "assistant_site.theme.navigation",
    },
}
