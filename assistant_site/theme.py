"""How the admin looks and what its sidebar offers (django-unfold)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return allowed


def _page(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may(f"{app}.view_{model}"),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Assistant Core",
    "SITE_HEADER": "Assistant Core",
    "SITE_SUBHEADER": "Recall, route, answer, learn",
    "SITE_URL": "/",
    "SITE_ICON": lambda _: static("playground/icon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _: static("playground/icon.svg"),
        }
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
        "navigation": [
            {
                "title": "Routing",
                "items": [
                    _page("Rules", "alt_route", "routing", "rule"),
                    _page("Models", "memory", "routing", "llmmodel"),
                    _page("Routing settings", "tune", "routing", "routingsettings"),
                    _page("Published versions", "history", "routing", "rulesetversion"),
                    {
                        "title": "Try a prompt",
                        "icon": "experiment",
                        "link": reverse_lazy("admin:routing_try"),
                        "permission": _may("routing.view_rule"),
                    },
                    _page("Golden cases", "verified", "routing", "goldencase"),
                    _page("Replays", "replay", "conversations", "replayrun"),
                    _page("Decided in shadow", "visibility", "conversations", "shadowdecision"),
                ],
            },
            {
                "title": "Conversations",
                "separator": True,
                "items": [
                    _page("Conversations", "forum", "conversations", "conversation"),
                    _page("Messages", "chat", "conversations", "message"),
                    _page("Feedback", "thumbs_up_down", "conversations", "feedback"),
                    _page("Review desk", "rule", "conversations", "answerreview"),
                    _page("Pictures", "image", "conversations", "generatedimage"),
                ],
            },
            {
                "title": "Performance",
                "separator": True,
                "items": [
                    _page("Models at work", "monitoring", "conversations", "modelperformance"),
                    _page("Answers used again", "recycling", "conversations", "reuse"),
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _page("Users", "person", "auth", "user"),
                    _page("Groups", "group", "auth", "group"),
                    _page("Failed sign-ins", "lock", "axes", "accessattempt"),
                ],
            },
        ],
    },
}
