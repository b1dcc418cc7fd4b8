"""Menu: the pages of rules, models and versions."""

from __future__ import annotations

from routing.common.admin import menu_page

MENU = {
    "Routing": [
        menu_page("Rules", "alt_route", "routing", "rule"),
        menu_page("Models", "memory", "routing", "llmmodel"),
        menu_page("Routing settings", "tune", "routing", "routingsettings"),
        menu_page("Published versions", "history", "routing", "rulesetversion"),
        menu_page("Golden cases", "verified", "routing", "goldencase"),
    ]
}
