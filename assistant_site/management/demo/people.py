"""People of the demo: accounts in a group that marks them, and a token for each."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from rest_framework_simplejwt.tokens import RefreshToken

from assistant_site.management.demo.script import PEOPLE
from conversations.models import Conversation, Limit
from routing.domain.limits import LimitScope, LimitUnit, LimitWindow

GROUP = "Demo"
"""The mark: whoever is in this group is a person of the demo."""
EDITOR = "demo.editor"
EDITORS = "Rule editors"
DAILY_REQUESTS = 100_000
"""Requests that the people of the demo have together; it goes with their group."""


def demo_people() -> QuerySet[User]:
    """All accounts of the demo, the editor too."""
    return User.objects.filter(groups__name=GROUP)


def real_people() -> int:
    """How many other people have asked something."""
    asked = Conversation.objects.exclude(owner__in=demo_people())
    return asked.values("owner").distinct().count()


def make_people() -> tuple[Sequence[User], User]:
    """Those who ask, and the editor of the rules. Nobody can sign in as one of them."""
    mark, _ = Group.objects.get_or_create(name=GROUP)
    asking = [_made(f"demo.{name}", name.capitalize(), mark) for name in PEOPLE]
    Limit.objects.get_or_create(
        scope=LimitScope.GROUP, group=mark, unit=LimitUnit.REQUESTS, window=LimitWindow.DAY,
        defaults={"amount": DAILY_REQUESTS},
    )  # fmt: skip
    editor = _made(EDITOR, "Editor", mark)
    editor.groups.add(*Group.objects.filter(name=EDITORS))
    return asking, editor


def _made(name: str, first_name: str, mark: Group) -> User:
    person, made = User.objects.get_or_create(
        username=name, defaults={"first_name": first_name, "last_name": "(demo)"}
    )
    if made:
        person.set_unusable_password()
        person.save()
    person.groups.add(mark)
    return person


def token_of(person: User) -> str:
    """An access token for the person."""
    return str(RefreshToken.for_user(person).access_token)
