"""Menu: the pages of people and their accounts."""

from __future__ import annotations

from routing.common.admin import menu_page

MENU = {
    "People": [
        menu_page(
            "auth",
            "user",
            "person",
            docs="admin.md#deleting-people",
            empty="Accounts of people. Press “Add user”.",
        ),
        menu_page(
            "auth",
            "group",
            "group",
            docs="admin.md#permissions",
            empty="A group gives its permissions to all its users. Press “Add group”.",
        ),
        menu_page(
            "axes",
            "accessattempt",
            "lock",
            title="Failed sign-ins",
            docs="security.md",
            empty="User names and addresses whose sign-in failed lately. None: nobody is locked out.",
        ),
    ]
}
