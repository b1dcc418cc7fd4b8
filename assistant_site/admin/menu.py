"""Menu: the pages of people and their accounts."""

from __future__ import annotations

from routing.common.admin import menu_page

MENU = {
    "People": [
        menu_page("Users", "person", "auth", "user"),
        menu_page("Groups", "group", "auth", "group"),
        menu_page("Failed sign-ins", "lock", "axes", "accessattempt"),
    ]
}
